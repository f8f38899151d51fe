// sapwood._core: the C core for Python. Buffers in, bytes out; the interpreter lock is released while C works.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

extern "C" {
#include "adaptive_encode.h"
#include "match.h"
}

#include "_core_shared.h"

namespace {

void require_same_size(const Buffer *base, const Buffer &target) {
    if (base != nullptr && base->size() < target.size()) {
        throw std::invalid_argument("the base is shorter than the target");
    }
}

nb::object bytes_or_none(const std::unique_ptr<uint8_t[]> &data, size_t size) {
    return size == 0 ? nb::none() : nb::object(nb::bytes(data.get(), size));
}

// Classes of elements that a predictor gives, checked against what they belong to.
std::unique_ptr<Buffer> class_buffer(nb::handle classes, size_t bytes, int element) {
    auto found = optional_buffer(classes);
    if (found && found->size() * sw_shape_of(static_cast<unsigned>(element)).bits != bytes * 8) {
        throw std::invalid_argument("there is not one class for each element");
    }
    return found;
}

nb::object encode_numeric(nb::object base, nb::object target, int element, int level, std::optional<std::string> path,
                          nb::object classes) {
    const auto b = optional_buffer(base);
    const Buffer t(target);
    require_same_size(b.get(), t);
    const auto c = class_buffer(classes, t.size(), element);
    const sw_encode_kernels *ek = kernels(sw_encode_kernels_for, path);
    const sw_numeric_kernels *dk = kernels(sw_decode_kernels, path);
    const std::unique_ptr<uint8_t[]> out(new uint8_t[t.size() + 16]);
    size_t size;
    {
        nb::gil_scoped_release release;
        size = sw_numeric_encode(ek, dk, b ? b->data() : nullptr, c ? c->data() : nullptr, t.data(), t.size(),
                                 static_cast<sw_element>(element), level, out.get(), t.size(),
                                 &work_area<sw_encode_work>());
    }
    return bytes_or_none(out, size);
}

int decode_numeric(nb::object payload, nb::object base, nb::object out, std::optional<std::string> path,
                   nb::object classes) {
    const Buffer p(payload);
    const auto b = optional_buffer(base);
    const auto c = optional_buffer(classes);
    const Buffer o(out, true);
    const sw_numeric_kernels *dk = kernels(sw_decode_kernels, path);
    nb::gil_scoped_release release;
    return sw_numeric_decode_given(dk, p.data(), p.size(), b ? b->data() : nullptr, b ? b->size() : 0,
                                   c ? c->data() : nullptr, c ? c->size() : 0, o.data(), o.size(),
                                   &work_area<sw_numeric_work>());
}

nb::object encode_adaptive(nb::object base, nb::object target, int element) {
    const auto b = optional_buffer(base);
    const Buffer t(target);
    require_same_size(b.get(), t);
    const std::unique_ptr<uint8_t[]> out(new uint8_t[t.size() + 16]);
    size_t size;
    {
        nb::gil_scoped_release release;
        size = sw_adaptive_encode(b ? b->data() : nullptr, t.data(), t.size(), static_cast<sw_element>(element),
                                  out.get(), t.size() + 16, &work_area<sw_adaptive_work>());
    }
    size = size < t.size() ? size : 0;
    return bytes_or_none(out, size);
}

int decode_adaptive(nb::object payload, nb::object base, nb::object out) {
    const Buffer p(payload);
    const auto b = optional_buffer(base);
    const Buffer o(out, true);
    nb::gil_scoped_release release;
    return sw_adaptive_decode(p.data(), p.size(), b ? b->data() : nullptr, b ? b->size() : 0, o.data(), o.size(),
                              &work_area<sw_adaptive_work>());
}

bool equal(nb::object a, nb::object b) {
    const Buffer x(a);
    const Buffer y(b);
    nb::gil_scoped_release release;
    return x.size() == y.size() && (x.size() == 0 || std::memcmp(x.data(), y.data(), x.size()) == 0);
}

// Counted in lanes as wide as the elements, 128 rounds at a time, so that compilers vectorise it well.
template <typename T> size_t count_changed(const uint8_t *a, const uint8_t *b, size_t count) {
    constexpr size_t lanes = 64 / sizeof(T);
    size_t changed = 0;
    size_t i = 0;
    while (i + lanes <= count) {
        T sums[lanes] = {};
        for (size_t round = 0; round < 128 && i + lanes <= count; round++, i += lanes) {
            T x[lanes];
            T y[lanes];
            std::memcpy(x, a + i * sizeof(T), sizeof x);
            std::memcpy(y, b + i * sizeof(T), sizeof y);
            for (size_t k = 0; k < lanes; k++) {
                sums[k] = static_cast<T>(sums[k] + (x[k] != y[k]));
            }
        }
        for (size_t k = 0; k < lanes; k++) {
            changed += static_cast<size_t>(sums[k]);
        }
    }
    for (; i < count; i++) {
        changed += std::memcmp(a + i * sizeof(T), b + i * sizeof(T), sizeof(T)) != 0;
    }
    return changed;
}

// How many elements of `width` bytes differ.
size_t changed_elements(nb::object a, nb::object b, int width) {
    const Buffer x(a);
    const Buffer y(b);
    require_same_size(&x, y);
    nb::gil_scoped_release release;
    switch (width) {
    case 1:
        return count_changed<uint8_t>(x.data(), y.data(), y.size());
    case 2:
        return count_changed<uint16_t>(x.data(), y.data(), y.size() / 2);
    case 4:
        return count_changed<uint32_t>(x.data(), y.data(), y.size() / 4);
    case 8:
        return count_changed<uint64_t>(x.data(), y.data(), y.size() / 8);
    default:
        throw std::invalid_argument("width is 1, 2, 4 or 8");
    }
}

// Runs of at least `shortest` bytes that are the same in both, as (start, length).
std::vector<std::tuple<uint64_t, uint64_t>> equal_runs(nb::object a, nb::object b, size_t shortest) {
    const Buffer x(a);
    const Buffer y(b);
    require_same_size(&x, y);
    std::vector<std::tuple<uint64_t, uint64_t>> runs;
    nb::gil_scoped_release release;
    size_t start = 0;
    for (size_t i = 0; i <= y.size(); i++) {
        if (i < y.size() && x.data()[i] == y.data()[i]) {
            continue;
        }
        if (i - start >= shortest) {
            runs.emplace_back(start, i - start);
        }
        start = i + 1;
    }
    return runs;
}

using Run = std::tuple<uint64_t, uint64_t, uint64_t, uint64_t>;

// Where the target's content lies in the base: (target offset, base offset, length, equal bytes), in target order.
std::vector<Run> find_matches(nb::object base, nb::object target, size_t memory_limit) {
    const Buffer b(base);
    const Buffer t(target);
    std::vector<Run> runs;
    bool full_memory = false;
    {
        nb::gil_scoped_release release;
        std::unique_ptr<sw_matcher, decltype(&sw_matcher_free)> matcher(
            sw_matcher_new(b.data(), b.size(), memory_limit), &sw_matcher_free);
        full_memory = matcher == nullptr;
        if (matcher) {
            std::vector<sw_match> found(4096);
            sw_match_search search{};
            while (search.reached < t.size()) {
                const size_t count =
                    sw_matcher_find(matcher.get(), t.data(), t.size(), &search, found.data(), found.size());
                for (size_t i = 0; i < count; i++) {
                    runs.emplace_back(found[i].target_offset, found[i].base_offset, found[i].length, found[i].equal);
                }
            }
        }
    }
    if (full_memory) {
        throw std::bad_alloc();
    }
    return runs;
}

} // namespace

NB_MODULE(_core, m) {
    m.doc() = "Sapwood's C core: block codecs and the content matcher.";
    m.attr("MAX_BLOCK") = static_cast<int>(SW_MAX_BLOCK);
    m.def("instruction_set", [] { return std::string(sw_decode_kernels(nullptr)->name); });
    m.def("changed_elements", &changed_elements, nb::arg("a"), nb::arg("b"), nb::arg("width"));
    m.def("equal", &equal, nb::arg("a"), nb::arg("b"));
    m.def("equal_runs", &equal_runs, nb::arg("a"), nb::arg("b"), nb::arg("shortest"));
    m.def("encode_numeric", &encode_numeric, nb::arg("base").none(), nb::arg("target"), nb::arg("element"),
          nb::arg("level"), nb::arg("path") = nb::none(), nb::arg("classes") = nb::none());
    m.def("decode_numeric", &decode_numeric, nb::arg("payload"), nb::arg("base").none(), nb::arg("out"),
          nb::arg("path") = nb::none(), nb::arg("classes") = nb::none());
    m.def("encode_adaptive", &encode_adaptive, nb::arg("base").none(), nb::arg("target"), nb::arg("element"));
    m.def("decode_adaptive", &decode_adaptive, nb::arg("payload"), nb::arg("base").none(), nb::arg("out"));
    bind_predicted(m);
    bind_device(m);
    m.def("find_matches", &find_matches, nb::arg("base"), nb::arg("target"), nb::arg("memory_limit"));
}
