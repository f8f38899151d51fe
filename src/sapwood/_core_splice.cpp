// The modelled content of SPLICE blocks for Python.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "_core_shared.h"

extern "C" {
#include "splice_encode.h"
}

namespace {

// Literals before the run, offset in the base, length.
using Run = std::tuple<uint64_t, uint64_t, uint64_t>;

// The base through a Python function (offset, length) -> buffer; its exception waits until C has returned.
class Base {
  public:
    Base(nb::callable read, uint64_t size) : read_(std::move(read)), core_{this, size, &Base::read} {}
    const sw_splice_base *core() const { return &core_; }
    void rethrow() const {
        if (failure_) {
            std::rethrow_exception(failure_);
        }
    }

  private:
    static bool read(void *context, uint64_t offset, uint8_t *out, size_t size) {
        auto *self = static_cast<Base *>(context);
        const nb::gil_scoped_acquire hold;
        try {
            const Buffer found(self->read_(offset, size));
            if (found.size() != size) {
                throw std::invalid_argument("the base gave another length than it was asked for");
            }
            std::memcpy(out, found.data(), size);
            return true;
        } catch (...) {
            self->failure_ = std::current_exception();
            return false;
        }
    }

    nb::callable read_;
    sw_splice_base core_;
    std::exception_ptr failure_;
};

std::unique_ptr<uint32_t[]> slots_for(size_t literals, size_t runs) {
    return std::unique_ptr<uint32_t[]>(new uint32_t[sw_splice_slots_size(literals, runs) / sizeof(uint32_t)]);
}

std::vector<sw_splice_run> checked(const std::vector<Run> &runs, size_t literals, uint64_t base_size) {
    std::vector<sw_splice_run> list;
    for (const auto &[before, offset, length] : runs) {
        if (before > literals || length == 0 || offset > base_size || length > base_size - offset) {
            throw std::invalid_argument("a run is empty, lies outside the base, or wants more literals than there are");
        }
        literals -= before;
        list.push_back({before, offset, length});
    }
    return list;
}

nb::object encode_splice(std::vector<Run> runs, nb::object literals, uint64_t base_size, nb::callable read_base) {
    const Buffer given(literals);
    if (given.size() > SW_SPLICE_MOST_LITERALS || runs.size() > SW_SPLICE_MOST_RUNS) {
        return nb::none();
    }
    const std::vector<sw_splice_run> list = checked(runs, given.size(), base_size);
    Base base(std::move(read_base), base_size);
    const size_t room = 2 * given.size() + 32 * list.size() + 64;
    const std::unique_ptr<uint8_t[]> out(new uint8_t[room]);
    const auto slots = slots_for(given.size(), list.size());
    const WorkArea<sw_splice_work> work;
    size_t size;
    {
        nb::gil_scoped_release release;
        size = sw_splice_encode(list.data(), list.size(), given.data(), given.size(), base.core(), slots.get(),
                                out.get(), room, work.get());
    }
    base.rethrow();
    return size == 0 ? nb::none() : nb::object(nb::bytes(out.get(), size));
}

nb::object decode_splice(nb::object payload, uint64_t length, size_t run_count, size_t literal_count,
                         uint64_t base_size, nb::callable read_base) {
    const Buffer p(payload);
    if (run_count > SW_SPLICE_MOST_RUNS || literal_count > SW_SPLICE_MOST_LITERALS) {
        return nb::int_(static_cast<int>(SW_ERROR_HEADER));
    }
    Base base(std::move(read_base), base_size);
    std::vector<sw_splice_run> list(run_count);
    const std::unique_ptr<uint8_t[]> literals(new uint8_t[literal_count + 1]);
    const auto slots = slots_for(literal_count, run_count);
    const WorkArea<sw_splice_work> work;
    int status;
    {
        nb::gil_scoped_release release;
        status = sw_splice_decode(p.data(), p.size(), length, base.core(), list.data(), run_count, literals.get(),
                                  literal_count, slots.get(), work.get());
    }
    base.rethrow();
    if (status != SW_OK) {
        return nb::int_(status);
    }
    std::vector<Run> runs;
    for (const sw_splice_run &run : list) {
        runs.emplace_back(run.literals, run.offset, run.length);
    }
    return nb::make_tuple(runs, nb::bytes(literals.get(), literal_count));
}

} // namespace

void bind_splice(nb::module_ &m) {
    m.attr("MOST_MODELLED") = static_cast<int>(SW_SPLICE_MOST_LITERALS);
    m.def("encode_splice", &encode_splice, nb::arg("runs"), nb::arg("literals"), nb::arg("base_size"),
          nb::arg("read_base"));
    m.def("decode_splice", &decode_splice, nb::arg("payload"), nb::arg("length"), nb::arg("run_count"),
          nb::arg("literal_count"), nb::arg("base_size"), nb::arg("read_base"));
}
