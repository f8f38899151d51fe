// PREDICTED and FACTORS blocks for Python.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>

#include <algorithm>
#include <tuple>
#include <variant>
#include <vector>

#include "_core_shared.h"

extern "C" {
#include "predicted.h"
}

namespace {

using Status = int;

std::variant<Factors, Status> decode_factors(nb::object payload, const Factors *before,
                                             std::optional<std::string> path) {
    const Buffer p(payload);
    const sw_numeric_kernels *numeric = kernels(sw_decode_kernels, path);
    Factors made;
    nb::gil_scoped_release release;
    made.values.resize(SW_MAX_FACTOR);
    if (before != nullptr) {
        std::copy(before->values.begin(), before->values.end(), made.values.begin());
    }
    sw_factors factors{before ? before->columns : 0, before ? before->rank : 0, before ? before->largest : 0,
                       made.values.data(), made.values.size()};
    const sw_status status =
        sw_factors_decode_with(numeric, p.data(), p.size(), &factors, WorkArea<sw_predicted_work>().get());
    if (status != SW_OK) {
        return static_cast<Status>(status);
    }
    made.columns = factors.columns;
    made.rank = factors.rank;
    made.largest = factors.largest;
    made.values.resize(static_cast<size_t>(made.columns) * made.rank);
    made.values.shrink_to_fit();
    return made;
}

// Bytes of each span, and how far the second lies behind the first (None without one).
std::variant<std::tuple<size_t, std::optional<int64_t>>, Status> predicted_wants(nb::object payload, size_t length) {
    const Buffer p(payload);
    sw_predicted_wants wants{};
    const sw_status status = sw_predicted_read_wants(p.data(), p.size(), length, &wants);
    if (status != SW_OK) {
        return static_cast<Status>(status);
    }
    return std::make_tuple(wants.base_size,
                           wants.has_second ? std::optional<int64_t>(wants.second_move) : std::nullopt);
}

Status decode_predicted(nb::object payload, nb::object base, nb::object second, const Factors *factors,
                        nb::object out, std::optional<std::string> path) {
    const Buffer p(payload);
    const Buffer b(base);
    const auto s = optional_buffer(second);
    const Buffer o(out, true);
    const sw_predict_kernels *predict = kernels(sw_predict_kernels_for, path);
    const sw_numeric_kernels *numeric = kernels(sw_decode_kernels, path);
    const sw_factors right = factors != nullptr ? factors->view() : sw_factors{};
    nb::gil_scoped_release release;
    return sw_predicted_decode_with(predict, numeric, p.data(), p.size(), b.data(), b.size(),
                                    s ? s->data() : nullptr, s ? s->size() : 0,
                                    factors != nullptr ? &right : nullptr, o.data(), o.size(),
                                    WorkArea<sw_predicted_work>().get());
}

// What a payload's parameters predict: elements of the target, and their classes if it gives them.
std::tuple<nb::bytes, std::optional<nb::bytes>> predict(nb::object parameters, nb::object base, nb::object second,
                                                        const Factors *factors, size_t length,
                                                        std::optional<std::string> path) {
    const Buffer p(parameters);
    const Buffer b(base);
    const auto s = optional_buffer(second);
    const sw_predict_kernels *loops = kernels(sw_predict_kernels_for, path);
    const sw_numeric_kernels *numeric = kernels(sw_decode_kernels, path);
    const sw_factors right = factors != nullptr ? factors->view() : sw_factors{};
    const WorkArea<sw_predicted_work> area;
    auto &work = *area.get();
    sw_prediction prediction{};
    sw_status status = sw_prediction_parameters(p.data(), p.size(), length, &prediction);
    if (status == SW_OK) {
        const size_t span = prediction.elements * sw_shape_of(static_cast<unsigned>(prediction.base_element)).width;
        if (b.size() != span || (prediction.has_second && (!s || s->size() != span))) {
            status = SW_ERROR_BASE;
        }
    }
    if (status == SW_OK) {
        nb::gil_scoped_release release;
        status = sw_prediction_make(loops, numeric, &prediction, b.data(),
                                    prediction.has_second ? s->data() : nullptr,
                                    factors != nullptr ? &right : nullptr, &work);
    }
    if (status != SW_OK) {
        throw std::invalid_argument("these parameters predict nothing here: status " + std::to_string(status));
    }
    std::optional<nb::bytes> classes;
    if (prediction.given_classes) {
        classes = nb::bytes(work.classes, prediction.elements);
    }
    return {nb::bytes(work.prediction, length), classes};
}

} // namespace

void bind_predicted(nb::module_ &m) {
    nb::class_<Factors>(m, "Factors")
        .def_ro("columns", &Factors::columns)
        .def_ro("rank", &Factors::rank)
        .def_ro("largest", &Factors::largest);
    m.attr("MAX_RANK") = static_cast<int>(SW_MAX_RANK);
    m.attr("MAX_COLUMNS") = static_cast<int>(SW_MAX_COLUMNS);
    m.attr("MAX_FACTOR") = static_cast<int>(SW_MAX_FACTOR);
    m.def("decode_factors", &decode_factors, nb::arg("payload"), nb::arg("before").none(),
          nb::arg("path") = nb::none());
    m.def("predicted_wants", &predicted_wants, nb::arg("payload"), nb::arg("length"));
    m.def("decode_predicted", &decode_predicted, nb::arg("payload"), nb::arg("base"), nb::arg("second").none(),
          nb::arg("factors").none(), nb::arg("out"), nb::arg("path") = nb::none());
    m.def("predict", &predict, nb::arg("parameters"), nb::arg("base"), nb::arg("second").none(),
          nb::arg("factors").none(), nb::arg("length"), nb::arg("path") = nb::none());
}
