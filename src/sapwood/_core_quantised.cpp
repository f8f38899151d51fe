// QUANTISED blocks for Python.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <vector>

#include "_core_shared.h"

extern "C" {
#include "quantised.h"
}

namespace {

using Status = int;
using Plane = std::tuple<int, std::optional<nb::bytes>, std::optional<nb::bytes>, nb::bytes>;

// Bytes of the base a payload wants, or a negative status.
Status quantised_base_size(nb::object payload, size_t length) {
    const Buffer p(payload);
    size_t size = 0;
    const sw_status status = sw_quantised_read_base_size(p.data(), p.size(), length, &size);
    return status == SW_OK ? static_cast<Status>(size) : static_cast<Status>(status);
}

Status decode_quantised(nb::object payload, nb::object base, nb::object out, std::optional<std::string> path) {
    const Buffer p(payload);
    const auto b = optional_buffer(base);
    const Buffer o(out, true);
    const sw_numeric_kernels *numeric = kernels(sw_decode_kernels, path);
    nb::gil_scoped_release release;
    return sw_quantised_decode_with(numeric, p.data(), p.size(), b ? b->data() : nullptr, b ? b->size() : 0, o.data(),
                                    o.size(), WorkArea<sw_quantised_work>().get());
}

// The planes of a target, and what the parameters in `head` predict of them.
std::vector<Plane> quantised_planes(nb::object head, nb::object base, nb::object target) {
    const Buffer h(head);
    const Buffer b(base);
    const Buffer t(target);
    const WorkArea<sw_quantised_work> area;
    auto &work = *area.get();
    sw_quantised q{};
    const sw_status status = sw_quantised_parse(h.data(), h.size(), t.size(), &q);
    if (status != SW_OK || b.size() != q.base_size) {
        throw std::invalid_argument("these parameters predict nothing here: status " + std::to_string(status));
    }
    std::vector<Plane> planes;
    {
        nb::gil_scoped_release release;
        sw_quantised_start(&q, b.data(), &work);
        sw_quant_unpack(q.type, t.data(), q.elements, &work.target);
    }
    for (int i = 0; i < SW_PLANES; i++) {
        const auto plane = static_cast<sw_plane>(i);
        const size_t size = sw_plane_size(q.type, plane, q.elements);
        if (size == 0) {
            continue;
        }
        bool known = false;
        {
            nb::gil_scoped_release release;
            known = sw_quantised_predict(&q, b.data(), plane, &work);
        }
        const bool halves = plane == SW_PLANE_D || plane == SW_PLANE_M;
        std::optional<nb::bytes> predicted;
        std::optional<nb::bytes> classes;
        if (known) {
            predicted = nb::bytes(sw_plane_of(&work.predicted, plane), size);
            if (!halves) {
                classes = nb::bytes(work.classes, size);
            }
        }
        planes.emplace_back(static_cast<int>(halves ? SW_ELEMENT_F16 : SW_ELEMENT_INT8), predicted, classes,
                            nb::bytes(sw_plane_of(&work.target, plane), size));
    }
    return planes;
}

} // namespace

void bind_quantised(nb::module_ &m) {
    m.attr("MAX_CODES") = static_cast<int>(SW_MAX_CODES);
    m.def("quantised_base_size", &quantised_base_size, nb::arg("payload"), nb::arg("length"));
    m.def("decode_quantised", &decode_quantised, nb::arg("payload"), nb::arg("base").none(), nb::arg("out"),
          nb::arg("path") = nb::none());
    m.def("quantised_planes", &quantised_planes, nb::arg("head"), nb::arg("base"), nb::arg("target"));
}
