// sapwood._core: the C core for Python. Buffers in, bytes out; the interpreter lock is released while C works.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

extern "C" {
#include "adaptive_encode.h"
#include "changed.h"
#include "leaps.h"
#include "match.h"
}

#include "_core_shared.h"

namespace {

void require_same_size(const Buffer *base, const Buffer &target) {
    if (base != nullptr && base->size() < target.size()) {
        throw std::invalid_argument("the base is shorter than the target");
    }
}

// Where a block is coded before its size is known.
struct Room {
    std::array<uint8_t, SW_MAX_BLOCK + 64> bytes;
};

nb::object bytes_or_none(const uint8_t *data, size_t size) {
    return size == 0 ? nb::none() : nb::object(nb::bytes(data, size));
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
    if (t.size() > SW_MAX_BLOCK) {
        return nb::none();
    }
    const WorkArea<Room> room;
    uint8_t *out = room.get()->bytes.data();
    size_t size;
    {
        nb::gil_scoped_release release;
        size = sw_numeric_encode(ek, dk, b ? b->data() : nullptr, c ? c->data() : nullptr, t.data(), t.size(),
                                 static_cast<sw_element>(element), level, out, t.size(),
                                 WorkArea<sw_encode_work>().get());
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
                                   WorkArea<sw_numeric_work>().get());
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
                                  out.get(), t.size() + 16, WorkArea<sw_adaptive_work>().get());
    }
    size = size < t.size() ? size : 0;
    return bytes_or_none(out.get(), size);
}

int decode_adaptive(nb::object payload, nb::object base, nb::object out) {
    const Buffer p(payload);
    const auto b = optional_buffer(base);
    const Buffer o(out, true);
    nb::gil_scoped_release release;
    return sw_adaptive_decode(p.data(), p.size(), b ? b->data() : nullptr, b ? b->size() : 0, o.data(), o.size(),
                              WorkArea<sw_adaptive_work>().get());
}

bool equal(nb::object a, nb::object b) {
    const Buffer x(a);
    const Buffer y(b);
    nb::gil_scoped_release release;
    return x.size() == y.size() && (x.size() == 0 || std::memcmp(x.data(), y.data(), x.size()) == 0);
}

// The share of the elements of `width` bytes that differ, seen on `page` bytes of every `step`.
double changed_share(nb::object a, nb::object b, unsigned width, size_t page, size_t step) {
    const Buffer x(a);
    const Buffer y(b);
    require_same_size(&x, y);
    if ((width != 1 && width != 2 && width != 4 && width != 8) || page == 0 || page % width != 0 || step < page) {
        throw std::invalid_argument("width is 1, 2, 4 or 8, a page whole elements, and a step no shorter");
    }
    nb::gil_scoped_release release;
    size_t changed = 0;
    size_t seen = 0;
    for (size_t at = 0; at < y.size(); at += step) {
        const size_t count = std::min(page, y.size() - at) / width;
        changed += sw_count_changed(x.data() + at, y.data() + at, count, width);
        seen += count;
    }
    return seen == 0 ? 0.0 : static_cast<double>(changed) / static_cast<double>(seen);
}

// The 64-bit elements that leap; None if they are more than `most`.
std::optional<std::vector<uint32_t>> find_leaps(nb::object base, nb::object target, int element, size_t most) {
    const Buffer b(base);
    const Buffer t(target);
    require_same_size(&b, t);
    const sw_element_shape shape = sw_shape_of(static_cast<unsigned>(element));
    if (shape.width != 8) {
        throw std::invalid_argument("elements of 64 bits alone leap");
    }
    std::vector<uint32_t> leaps(most);
    nb::gil_scoped_release release;
    const size_t found = sw_find_leaps(b.data(), t.data(), t.size() / 8, shape.is_float, leaps.data(), most);
    if (found > most) {
        return std::nullopt;
    }
    leaps.resize(found);
    return leaps;
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
    m.def("changed_share", &changed_share, nb::arg("a"), nb::arg("b"), nb::arg("width"), nb::arg("page"),
          nb::arg("step"));
    m.def("equal", &equal, nb::arg("a"), nb::arg("b"));
    m.def("find_leaps", &find_leaps, nb::arg("base"), nb::arg("target"), nb::arg("element"), nb::arg("most"));
    m.def("equal_runs", &equal_runs, nb::arg("a"), nb::arg("b"), nb::arg("shortest"));
    m.def("encode_numeric", &encode_numeric, nb::arg("base").none(), nb::arg("target"), nb::arg("element"),
          nb::arg("level"), nb::arg("path") = nb::none(), nb::arg("classes") = nb::none());
    m.def("decode_numeric", &decode_numeric, nb::arg("payload"), nb::arg("base").none(), nb::arg("out"),
          nb::arg("path") = nb::none(), nb::arg("classes") = nb::none());
    m.def("encode_adaptive", &encode_adaptive, nb::arg("base").none(), nb::arg("target"), nb::arg("element"));
    m.def("decode_adaptive", &decode_adaptive, nb::arg("payload"), nb::arg("base").none(), nb::arg("out"));
    bind_predicted(m);
    bind_quantised(m);
    bind_scattered(m);
    bind_low_rank(m);
    bind_device(m);
    bind_splice(m);
    bind_update(m);
    bind_bytes(m);
    m.def("find_matches", &find_matches, nb::arg("base"), nb::arg("target"), nb::arg("memory_limit"));
}
