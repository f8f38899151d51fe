// QUANTISED blocks for Python.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "_core_shared.h"

extern "C" {
#include "quantised.h"
}

namespace {

using Status = int;
using Folded = std::tuple<nb::bytes, nb::bytes, nb::bytes>;
using Plane = std::tuple<int, std::optional<nb::bytes>, nb::bytes, std::optional<Folded>>;

// Bytes of the base a payload wants, or a negative status.
Status quantised_base_size(nb::object payload, size_t length) {
    const Buffer p(payload);
    size_t size = 0;
    const sw_status status = sw_quantised_read_base_size(p.data(), p.size(), length, &size);
    return status == SW_OK ? static_cast<Status>(size) : static_cast<Status>(status);
}

Status decode_quantised(nb::object payload, nb::object base, const Factors *factors, nb::object out,
                        std::optional<std::string> path) {
    const Buffer p(payload);
    const auto b = optional_buffer(base);
    const Buffer o(out, true);
    const sw_numeric_kernels *numeric = kernels(sw_decode_kernels, path);
    const std::optional<sw_factors> given = factors ? std::optional(factors->view()) : std::nullopt;
    nb::gil_scoped_release release;
    return sw_quantised_decode_with(numeric, p.data(), p.size(), b ? b->data() : nullptr, b ? b->size() : 0,
                                    given ? &*given : nullptr, o.data(), o.size(),
                                    WorkArea<sw_quantised_work>().get());
}

// The planes of a target, and what the parameters in `head` predict of them.
std::vector<Plane> quantised_planes(nb::object head, nb::object base, const Factors *factors, nb::object target) {
    const Buffer h(head);
    const Buffer b(base);
    const Buffer t(target);
    const WorkArea<sw_quantised_work> area;
    auto &work = *area.get();
    sw_quantised q{};
    sw_status status = sw_quantised_parse(h.data(), h.size(), t.size(), &q);
    const std::optional<sw_factors> given = factors ? std::optional(factors->view()) : std::nullopt;
    if (status == SW_OK) {
        status = sw_quantised_term(kernels(sw_decode_kernels, std::nullopt), given ? &*given : nullptr, &q, &work);
    }
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
        uint8_t *guess = sw_plane_of(&work.predicted, plane);
        uint8_t *own = sw_plane_of(&work.target, plane);
        const std::optional<nb::bytes> predicted = known ? std::optional(nb::bytes(guess, size)) : std::nullopt;
        const nb::bytes whole(own, size);
        std::optional<Folded> folded;
        if (known && !halves) {
            std::vector<uint8_t> copy(own, own + size);
            sw_quantised_fold(work.folds, size, guess);
            sw_quantised_fold(work.folds, size, copy.data());
            folded = Folded(nb::bytes(guess, size), nb::bytes(copy.data(), size), nb::bytes(work.classes, size));
        }
        planes.emplace_back(static_cast<int>(halves ? SW_ELEMENT_F16 : SW_ELEMENT_INT8), predicted, whole, folded);
    }
    return planes;
}

// The scale in the middle of a target's scales, as origins count.
unsigned quantised_origin(int number, nb::object target) {
    const Buffer t(target);
    const sw_quant_type *type = sw_quant_type_of(static_cast<unsigned>(number));
    const size_t count = type == nullptr ? 0 : t.size() / type->bytes * type->elements;
    if (count == 0 || count > SW_MAX_CODES) {
        throw std::invalid_argument("not so many blocks of a type that is known");
    }
    const WorkArea<sw_quantised_work> area;
    nb::gil_scoped_release release;
    sw_quant_unpack(type, t.data(), count, &area.get()->target);
    std::vector<unsigned> scales(count / type->run);
    for (size_t i = 0; i < scales.size(); i++) {
        scales[i] = sw_quantised_scale(type, &area.get()->target, i);
    }
    const auto middle = scales.begin() + static_cast<std::ptrdiff_t>(scales.size() / 2);
    std::nth_element(scales.begin(), middle, scales.end());
    return *middle;
}

// What blocks of a type stand for, as F32 elements.
nb::bytes quantised_values(int number, nb::object data) {
    const Buffer d(data);
    const sw_quant_type *type = sw_quant_type_of(static_cast<unsigned>(number));
    if (type == nullptr || d.size() % type->bytes != 0) {
        throw std::invalid_argument("not whole blocks of a type that is known");
    }
    const size_t blocks = d.size() / type->bytes;
    std::vector<float> values(blocks * type->elements);
    const size_t most = SW_MAX_CODES / type->elements;
    {
        const WorkArea<sw_quantised_work> area;
        nb::gil_scoped_release release;
        for (size_t at = 0; at < blocks; at += most) {
            const size_t count = std::min(blocks - at, most) * type->elements;
            sw_quant_unpack(type, d.data() + at * type->bytes, count, &area.get()->source);
            sw_quantised_values(type, &area.get()->source, 0, count, values.data() + at * type->elements);
        }
    }
    return nb::bytes(values.data(), values.size() * sizeof values[0]);
}

} // namespace

void bind_quantised(nb::module_ &m) {
    m.attr("MAX_CODES") = static_cast<int>(SW_MAX_CODES);
    m.def("quantised_base_size", &quantised_base_size, nb::arg("payload"), nb::arg("length"));
    m.def("decode_quantised", &decode_quantised, nb::arg("payload"), nb::arg("base").none(),
          nb::arg("factors").none(), nb::arg("out"), nb::arg("path") = nb::none());
    m.def("quantised_origin", &quantised_origin, nb::arg("type"), nb::arg("target"));
    m.def("quantised_planes", &quantised_planes, nb::arg("head"), nb::arg("base"), nb::arg("factors").none(),
          nb::arg("target"));
    m.def("quantised_values", &quantised_values, nb::arg("type"), nb::arg("data"));
}
