// SCATTERED blocks for Python.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <vector>

#include "_core_shared.h"

extern "C" {
#include "scattered.h"
#include "scattered_find.h"
}

namespace {

// Class top, changes of each class; gaps and what they are coded against; changed elements and their base's.
using Scattered = std::tuple<unsigned, std::vector<uint32_t>, nb::bytes, nb::bytes, nb::bytes, nb::bytes>;

std::optional<Scattered> find_scattered(nb::object base, nb::object target, int element, bool always,
                                        std::optional<std::string> path) {
    const Buffer b(base);
    const Buffer t(target);
    if (b.size() != t.size()) {
        throw std::invalid_argument("base and target are not of one length");
    }
    const sw_encode_kernels *loops = kernels(sw_encode_kernels_for, path);
    const sw_numeric_kernels *decode = kernels(sw_decode_kernels, path);
    const WorkArea<sw_scattered_find_work> area;
    const auto &work = *area.get();
    bool found;
    {
        nb::gil_scoped_release release;
        found = sw_scattered_find(loops, decode, b.data(), t.data(), t.size(), static_cast<sw_element>(element), always,
                                  area.get());
    }
    if (!found) {
        return std::nullopt;
    }
    const size_t count = work.change_count;
    const size_t bytes = count * sw_shape_of(static_cast<unsigned>(element)).width;
    return Scattered(work.class_top, {work.changes, work.changes + SW_CLASSES}, nb::bytes(work.foreseen, 4 * count),
                     nb::bytes(work.gaps, 4 * count), nb::bytes(work.from, bytes), nb::bytes(work.to, bytes));
}

int decode_scattered(nb::object payload, nb::object base, nb::object out, std::optional<std::string> path) {
    const Buffer p(payload);
    const auto b = optional_buffer(base);
    const Buffer o(out, true);
    const sw_numeric_kernels *loops = kernels(sw_decode_kernels, path);
    nb::gil_scoped_release release;
    return sw_scattered_decode_with(loops, p.data(), p.size(), b ? b->data() : nullptr, b ? b->size() : 0, o.data(),
                                    o.size(), WorkArea<sw_scattered_work>().get());
}

} // namespace

void bind_scattered(nb::module_ &m) {
    m.def("find_scattered", &find_scattered, nb::arg("base"), nb::arg("target"), nb::arg("element"),
          nb::arg("always") = false, nb::arg("path") = nb::none());
    m.def("decode_scattered", &decode_scattered, nb::arg("payload"), nb::arg("base").none(), nb::arg("out"),
          nb::arg("path") = nb::none());
}
