// DEVICE blocks for Python.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <new>
#include <tuple>
#include <vector>

#include "_core_shared.h"

extern "C" {
#include "device_encode.h"
#include "device_parse.h"
}

namespace {

// A segment of a DEVICE block: (kind, element, count, place, factor).
using Segment = std::tuple<int, int, uint32_t, uint32_t, uint32_t>;

sw_device_segment to_core(const Segment &s) {
    const auto [kind, element, count, place, factor] = s;
    return {static_cast<uint8_t>(kind), static_cast<uint8_t>(element), count, place, factor};
}

Segment from_core(const sw_device_segment &s) { return {s.kind, s.element, s.count, s.place, s.factor}; }

nb::object encode_device(nb::object base, nb::object target, std::vector<Segment> segments, int state, size_t start) {
    const Buffer b(base);
    const Buffer t(target);
    std::vector<sw_device_segment> list;
    for (const Segment &s : segments) {
        list.push_back(to_core(s));
    }
    const size_t room = 2 * t.size() + 64;
    const std::unique_ptr<uint8_t[]> out(new uint8_t[room]);
    size_t size;
    {
        nb::gil_scoped_release release;
        size = sw_device_encode(b.data(), b.size(), t.data(), start, t.size(), list.data(), list.size(),
                                static_cast<unsigned>(state), out.get(), room);
    }
    return size == 0 ? nb::none() : nb::object(nb::bytes(out.get(), size));
}

int decode_device(nb::object payload, nb::object base, nb::object out) {
    const Buffer p(payload);
    const auto b = optional_buffer(base);
    const Buffer o(out, true);
    nb::gil_scoped_release release;
    return sw_device_decode(p.data(), p.size(), b ? b->data() : nullptr, b ? b->size() : 0, o.data(), o.size());
}

// What a base holds, for any number of parsers.
class DeviceIndex {
  public:
    explicit DeviceIndex(nb::object base)
        : base_(base), index_(sw_device_index_new(base_.data(), base_.size()), &sw_device_index_free) {
        if (!index_) {
            throw std::bad_alloc();
        }
    }
    const sw_device_index *get() const { return index_.get(); }

  private:
    Buffer base_;
    std::unique_ptr<sw_device_index, decltype(&sw_device_index_free)> index_;
};

// Says parts of a target as segments of a DEVICE block, with copies and bytes only.
class DeviceParser {
  public:
    DeviceParser(const DeviceIndex &base, nb::object target, int64_t least)
        : target_(target), parser_(sw_device_parser_new(base.get(), target_.data(), target_.size(), least),
                                   &sw_device_parser_free) {
        if (!parser_) {
            throw std::bad_alloc();
        }
    }

    // A cheap row of segments for target[start:end]; starts never fall.
    std::vector<Segment> run(size_t start, size_t end, uint32_t shift) {
        if (start > end || end > target_.size()) {
            throw std::invalid_argument("the range lies outside the target");
        }
        std::vector<sw_device_segment> found(end - start);
        size_t count = 0;
        if (start < end) {
            nb::gil_scoped_release release;
            count = sw_device_parser_run(parser_.get(), start, end, shift, found.data());
        }
        if (count == 0 && start < end) {
            throw std::bad_alloc();
        }
        std::vector<Segment> segments;
        for (size_t i = 0; i < count; i++) {
            segments.push_back(from_core(found[i]));
        }
        return segments;
    }

  private:
    Buffer target_;
    std::unique_ptr<sw_device_parser, decltype(&sw_device_parser_free)> parser_;
};

// Runs of f32 in target[start:end] that are multiples of f32 before them: (offset, segment).
std::vector<std::tuple<uint32_t, Segment>> find_scaled(nb::object target, size_t start, size_t end) {
    const Buffer t(target);
    if (start % 4 != 0 || start > end || end > t.size()) {
        throw std::invalid_argument("the range lies outside the target, or at no whole element");
    }
    std::vector<sw_device_found> found((end - start) / 16 + 1);
    size_t count;
    {
        nb::gil_scoped_release release;
        count = sw_device_find_scaled(t.data(), start, end, found.data(), found.size());
    }
    std::vector<std::tuple<uint32_t, Segment>> runs;
    for (size_t i = 0; i < count; i++) {
        runs.emplace_back(found[i].offset, from_core(found[i].segment));
    }
    return runs;
}

} // namespace

void bind_device(nb::module_ &m) {
    m.def("encode_device", &encode_device, nb::arg("base"), nb::arg("target"), nb::arg("segments"), nb::arg("state"),
          nb::arg("start") = 0);
    m.def("decode_device", &decode_device, nb::arg("payload"), nb::arg("base").none(), nb::arg("out"));
    nb::class_<DeviceIndex>(m, "DeviceIndex").def(nb::init<nb::object>(), nb::arg("base"));
    nb::class_<DeviceParser>(m, "DeviceParser")
        .def(nb::init<const DeviceIndex &, nb::object, int64_t>(), nb::arg("base"), nb::arg("target"), nb::arg("least"),
             nb::keep_alive<1, 2>())
        .def("run", &DeviceParser::run, nb::arg("start"), nb::arg("end"), nb::arg("shift"));
    m.def("find_scaled", &find_scaled, nb::arg("target"), nb::arg("start"), nb::arg("end"));
}
