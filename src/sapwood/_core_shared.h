// What the parts of sapwood._core share: buffers, work areas and the choice of an instruction set.
#ifndef SAPWOOD_CORE_SHARED_H
#define SAPWOOD_CORE_SHARED_H

#include <nanobind/nanobind.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
#include "cpu.h"
#include "numeric_encode.h"
#include "sapwood.h"
}

namespace nb = nanobind;

// A contiguous view of any object with the buffer protocol, held for as long as C reads it.
class Buffer {
  public:
    Buffer(nb::handle object, bool writable = false) {
        if (PyObject_GetBuffer(object.ptr(), &view_, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) != 0) {
            throw nb::python_error();
        }
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    ~Buffer() { PyBuffer_Release(&view_); }
    uint8_t *data() const { return static_cast<uint8_t *>(view_.buf); }
    size_t size() const { return static_cast<size_t>(view_.len); }

  private:
    Py_buffer view_;
};

inline std::unique_ptr<Buffer> optional_buffer(nb::handle object) {
    return object.is_none() ? nullptr : std::make_unique<Buffer>(object);
}

// A work area, several MiB, for the length of one call. Areas outlive the threads that used them: new memory costs
// a page fault for every 4 KiB, and a pool of threads is made anew for every patch.
template <typename T> class WorkArea {
  public:
    WorkArea() {
        for (auto &slot : idle) {
            area_.reset(slot.exchange(nullptr));
            if (area_) {
                return;
            }
        }
        area_.reset(new T);
    }
    WorkArea(const WorkArea &) = delete;
    WorkArea &operator=(const WorkArea &) = delete;
    ~WorkArea() {
        for (auto &slot : idle) {
            T *empty = nullptr;
            if (slot.compare_exchange_strong(empty, area_.get())) {
                area_.release();
                return;
            }
        }
    }
    T *get() const { return area_.get(); }

  private:
    // Without a lock, which a fork could leave held.
    static inline std::array<std::atomic<T *>, 64> idle{};
    std::unique_ptr<T> area_;
};

// The loops of a path by its name, or the best ones; find is one of the functions of cpu.h.
template <typename T> const T *kernels(const T *(*find)(const char *), const std::optional<std::string> &path) {
    const T *found = find(path ? path->c_str() : nullptr);
    if (found == nullptr) {
        throw std::invalid_argument("no such instruction set path on this machine: " + *path);
    }
    return found;
}

// The right factor of a chunk. It never changes: blocks of a chunk are decoded on several threads.
class Factors {
  public:
    sw_factors view() const {
        return {columns, rank, largest, const_cast<int32_t *>(values.data()), values.size()};
    }
    uint32_t columns = 0;
    uint32_t rank = 0;
    uint64_t largest = 0;
    std::vector<int32_t> values;
};

// PREDICTED and FACTORS blocks (_core_predicted.cpp).
void bind_predicted(nb::module_ &m);

// QUANTISED blocks (_core_quantised.cpp).
void bind_quantised(nb::module_ &m);

// SCATTERED blocks (_core_scattered.cpp).
void bind_scattered(nb::module_ &m);

// Low-rank fits (_core_low_rank.cpp).
void bind_low_rank(nb::module_ &m);

// DEVICE blocks (_core_device.cpp).
void bind_device(nb::module_ &m);

// A simulated device and its update engine (_core_update.cpp).
void bind_update(nb::module_ &m);

// The learned byte coder (_core_bytes.cpp).
void bind_bytes(nb::module_ &m);

// The modelled content of SPLICE blocks (_core_splice.cpp).
void bind_splice(nb::module_ &m);

#endif
