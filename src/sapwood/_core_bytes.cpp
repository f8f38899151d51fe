// The learned byte coder for Python.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstring>
#include <memory>
#include <new>

#include "_core_shared.h"

extern "C" {
#include "byte_cpu.h"
#include "crc32c.h"
}

namespace {

struct Release {
    void operator()(void *memory) const { ::operator delete(memory, std::align_val_t{64}); }
};

// A model and how far it has come in its window. Not for two threads at once.
class ByteModel {
  public:
    ByteModel(unsigned level, unsigned record, std::optional<std::string> path)
        : loops_(kernels(sw_byte_kernels_for, path)), level_(level) {
        if (level >= SW_BYTE_LEVELS || record > SW_BYTE_MAX_RECORD) {
            throw std::invalid_argument("no such level or record");
        }
        allocate();
        nb::gil_scoped_release release;
        sw_byte_model_reset(memory_.get(), level, record);
    }
    ByteModel(const ByteModel &other) : loops_(other.loops_), level_(other.level_), seen_(other.seen_) {
        allocate();
        nb::gil_scoped_release release;
        std::memcpy(memory_.get(), other.memory_.get(), size());
    }
    ByteModel &operator=(const ByteModel &) = delete;

    size_t size() const { return sw_byte_model_size(level_); }

    // What another model of the level knows, without new memory: cheaper than a copy by far.
    void become(const ByteModel &other) {
        if (other.level_ != level_) {
            throw std::invalid_argument("a model of another level");
        }
        nb::gil_scoped_release release;
        std::memcpy(memory_.get(), other.memory_.get(), size());
        seen_ = other.seen_;
    }

    void take_record(unsigned record) {
        if (record > SW_BYTE_MAX_RECORD) {
            throw std::invalid_argument("no such record");
        }
        sw_byte_model_take_record(memory_.get(), record);
    }

    void soften(unsigned count) {
        nb::gil_scoped_release release;
        sw_byte_model_soften(memory_.get(), level_, count);
    }

    nb::bytes weights() {
        const size_t count = sw_byte_model_weight_count(level_);
        const int16_t *weights = sw_byte_model_weights(memory_.get(), level_);
        std::string out(2 * count, '\0');
        for (size_t i = 0; i < count; i++) {
            const auto weight = static_cast<uint16_t>(weights[i]);
            out[2 * i] = static_cast<char>(weight & 255);
            out[2 * i + 1] = static_cast<char>(weight >> 8);
        }
        return nb::bytes(out.data(), out.size());
    }

    void take_weights(nb::object little_endian) {
        const Buffer given(little_endian);
        const size_t count = sw_byte_model_weight_count(level_);
        int16_t *weights = sw_byte_model_weights(memory_.get(), level_);
        if (given.size() != 2 * count) {
            throw std::invalid_argument("another number of weights");
        }
        for (size_t i = 0; i < count; i++) {
            weights[i] = static_cast<int16_t>(static_cast<uint16_t>(given.data()[2 * i] | given.data()[2 * i + 1] << 8));
        }
    }

    void learn(nb::object window) {
        const Buffer w(window);
        check(w.size(), w.size());
        const size_t from = seen_;
        nb::gil_scoped_release release;
        loops_->learn(memory_.get(), w.data(), from, w.size());
        seen_ = w.size();
    }

    nb::bytes encode(nb::object window) {
        const Buffer w(window);
        check(w.size(), w.size());
        // What would grow by more is not worth coding: an empty answer says so.
        const size_t capacity = w.size() - seen_ + 64;
        const std::unique_ptr<uint8_t[]> out(new uint8_t[capacity]);
        size_t size;
        {
            nb::gil_scoped_release release;
            size = loops_->encode(memory_.get(), w.data(), seen_, w.size(), out.get(), capacity);
        }
        seen_ = w.size();
        return nb::bytes(out.get(), size);
    }

    int decode(nb::object payload, nb::object window, size_t to) {
        const Buffer p(payload);
        const Buffer w(window, true);
        check(w.size(), to);
        int status;
        {
            nb::gil_scoped_release release;
            status = loops_->decode(memory_.get(), w.data(), seen_, to, p.data(), p.size());
        }
        seen_ = to;
        return status;
    }

  private:
    void allocate() { memory_.reset(::operator new(size(), std::align_val_t{64})); }
    void check(size_t window, size_t to) const {
        if (to < seen_ || to > window || window > size_t{1} << 31) {
            throw std::invalid_argument("the window does not hold what the model has seen, or is too long");
        }
    }
    const sw_byte_kernels *loops_;
    unsigned level_;
    size_t seen_ = 0;
    std::unique_ptr<void, Release> memory_;
};

uint32_t crc32c(nb::object data, uint32_t crc) {
    const Buffer d(data);
    nb::gil_scoped_release release;
    return sw_crc32c(crc, d.data(), d.size());
}

} // namespace

void bind_bytes(nb::module_ &m) {
    m.attr("MAX_RECORD") = static_cast<int>(SW_BYTE_MAX_RECORD);
    nb::class_<ByteModel>(m, "ByteModel")
        .def(nb::init<unsigned, unsigned, std::optional<std::string>>(), nb::arg("level"), nb::arg("record") = 0,
             nb::arg("path") = nb::none())
        .def_prop_ro("size", &ByteModel::size)
        .def("copy", [](const ByteModel &model) { return ByteModel(model); })
        .def("become", &ByteModel::become, nb::arg("other"))
        .def("take_record", &ByteModel::take_record, nb::arg("record"))
        .def("soften", &ByteModel::soften, nb::arg("count"))
        .def("weights", &ByteModel::weights)
        .def("take_weights", &ByteModel::take_weights, nb::arg("little_endian"))
        .def("learn", &ByteModel::learn, nb::arg("window"))
        .def("encode", &ByteModel::encode, nb::arg("window"))
        .def("decode", &ByteModel::decode, nb::arg("payload"), nb::arg("window"), nb::arg("to"));
    m.def("byte_weights", &sw_byte_model_weight_count, nb::arg("level"));
    m.def("byte_coder", [] { return std::string(sw_byte_kernels_for(nullptr)->name); });
    m.def("crc32c", &crc32c, nb::arg("data"), nb::arg("crc") = 0);
}
