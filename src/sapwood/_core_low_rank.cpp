// Low-rank fits for Python.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <new>
#include <vector>

#include "_core_shared.h"

extern "C" {
#include "low_rank.h"
}

namespace {

sw_fit_loops loops(const std::optional<std::string> &path) {
    return {kernels(sw_fit_kernels_for, path), kernels(sw_predict_kernels_for, path)};
}

// Two matrices of the same shape, checked against the bytes that are there.
sw_pair pair_of(const Buffer &base, int base_element, const Buffer &target, int element, size_t columns, size_t step,
                bool even = false) {
    if (!sw_is_predicted(static_cast<sw_element>(base_element)) || !sw_is_predicted(static_cast<sw_element>(element)) ||
        columns == 0 || step == 0) {
        throw std::invalid_argument("no matrices of floats");
    }
    const size_t row = columns * sw_shape_of(static_cast<unsigned>(element)).width;
    const size_t rows = target.size() / row;
    if (rows == 0 || target.size() != rows * row ||
        base.size() != rows * columns * sw_shape_of(static_cast<unsigned>(base_element)).width) {
        throw std::invalid_argument("the matrices do not have that shape");
    }
    return {base.data(), target.data(), static_cast<sw_element>(base_element), static_cast<sw_element>(element),
            (rows + step - 1) / step, columns, step, even};
}

nb::bytes bytes_of(const std::vector<int32_t> &values) {
    return nb::bytes(values.data(), values.size() * sizeof values[0]);
}

void check_rank(size_t rank) {
    if (rank == 0 || rank > SW_MAX_RANK) {
        throw std::invalid_argument("no such rank");
    }
}

class LowRank {
  public:
    LowRank(nb::object base, int base_element, nb::object target, int element, size_t columns, size_t step,
            std::optional<std::string> path, bool even)
        : fit_(nullptr, &sw_low_rank_free) {
        const Buffer b(base);
        const Buffer t(target);
        const sw_pair pair = pair_of(b, base_element, t, element, columns, step, even);
        const sw_fit_loops with = loops(path);
        rows_ = pair.rows;
        columns_ = columns;
        nb::gil_scoped_release release;
        fit_.reset(sw_low_rank_new(&with, &pair));
        require(fit_ != nullptr);
    }

    std::vector<double> find(unsigned count) {
        check_rank(count);
        std::vector<double> values(count);
        nb::gil_scoped_release release;
        require(sw_low_rank_find(fit_.get(), count, values.data()));
        rank_ = count;
        return values;
    }

    double energy() const { return sw_low_rank_energy(fit_.get()); }

    void take(unsigned rank) {
        check_rank(rank);
        if (rank > rank_) {
            throw std::invalid_argument("so many components were not found");
        }
        nb::gil_scoped_release release;
        require(sw_low_rank_take(fit_.get(), rank));
        rank_ = rank;
    }

    void begin(nb::object left, nb::object right) {
        const Buffer l(left);
        const Buffer r(right);
        const size_t rank = r.size() / sizeof(float) / columns_;
        check_rank(rank);
        if (r.size() != rank * columns_ * sizeof(float) || l.size() != rank * rows_ * sizeof(float)) {
            throw std::invalid_argument("the factors do not have that shape");
        }
        nb::gil_scoped_release release;
        require(sw_low_rank_begin(fit_.get(), static_cast<unsigned>(rank), reinterpret_cast<const float *>(l.data()),
                                  reinterpret_cast<const float *>(r.data())));
        rank_ = static_cast<unsigned>(rank);
    }

    void improve(float inside, unsigned times) {
        check_rank(rank_);
        nb::gil_scoped_release release;
        require(sw_low_rank_improve(fit_.get(), inside, times));
    }

    nb::bytes round(int exponent, size_t all_rows, float inside) {
        check_rank(rank_);
        std::vector<int32_t> right(rank_ * columns_);
        {
            nb::gil_scoped_release release;
            require(sw_low_rank_round(fit_.get(), exponent, all_rows, inside, right.data()));
        }
        return bytes_of(right);
    }

  private:
    static void require(bool made) {
        if (!made) {
            throw std::bad_alloc();
        }
    }
    std::unique_ptr<sw_low_rank, decltype(&sw_low_rank_free)> fit_;
    size_t rows_ = 0;
    size_t columns_ = 0;
    unsigned rank_ = 0;
};

unsigned low_rank_hint(nb::object base, int base_element, nb::object target, int element, size_t columns) {
    const Buffer b(base);
    const Buffer t(target);
    const sw_pair pair = pair_of(b, base_element, t, element, columns, 1);
    const sw_fit_loops with = loops(std::nullopt);
    nb::gil_scoped_release release;
    return sw_low_rank_hint(&with, &pair);
}

nb::bytes low_rank_left(nb::object base, int base_element, nb::object target, int element, nb::object right,
                        size_t columns, int exponent, float inside, unsigned times, std::optional<std::string> path,
                        bool even) {
    const Buffer b(base);
    const Buffer t(target);
    const Buffer r(right);
    const sw_pair pair = pair_of(b, base_element, t, element, columns, 1, even);
    const size_t rank = r.size() / sizeof(int32_t) / columns;
    check_rank(rank);
    if (r.size() != rank * columns * sizeof(int32_t)) {
        throw std::invalid_argument("the right factor does not have that shape");
    }
    const sw_fit_loops with = loops(path);
    std::vector<int32_t> left(rank * pair.rows);
    bool made;
    {
        nb::gil_scoped_release release;
        made = sw_low_rank_left(&with, &pair, static_cast<unsigned>(rank), exponent,
                                reinterpret_cast<const int32_t *>(r.data()), inside, times, left.data());
    }
    if (!made) {
        throw std::bad_alloc();
    }
    return bytes_of(left);
}

} // namespace

void bind_low_rank(nb::module_ &m) {
    nb::class_<LowRank>(m, "LowRank")
        .def(nb::init<nb::object, int, nb::object, int, size_t, size_t, std::optional<std::string>, bool>(),
             nb::arg("base"), nb::arg("base_element"), nb::arg("target"), nb::arg("element"), nb::arg("columns"),
             nb::arg("step"), nb::arg("path") = nb::none(), nb::arg("even") = false)
        .def("find", &LowRank::find, nb::arg("count"))
        .def("energy", &LowRank::energy)
        .def("take", &LowRank::take, nb::arg("rank"))
        .def("begin", &LowRank::begin, nb::arg("left"), nb::arg("right"))
        .def("improve", &LowRank::improve, nb::arg("inside"), nb::arg("times"))
        .def("round", &LowRank::round, nb::arg("exponent"), nb::arg("all_rows"), nb::arg("inside"));
    m.def("low_rank_hint", &low_rank_hint, nb::arg("base"), nb::arg("base_element"), nb::arg("target"),
          nb::arg("element"), nb::arg("columns"));
    m.def("low_rank_left", &low_rank_left, nb::arg("base"), nb::arg("base_element"), nb::arg("target"),
          nb::arg("element"), nb::arg("right"), nb::arg("columns"), nb::arg("exponent"), nb::arg("inside"),
          nb::arg("times"), nb::arg("path") = nb::none(), nb::arg("even") = false);
}
