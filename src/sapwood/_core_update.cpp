// A simulated device that runs the update engine, for Python.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <vector>

#include "_core_shared.h"

extern "C" {
#include "board.h"
}

namespace {

nb::bytes to_bytes(const uint8_t *bytes, size_t size) { return nb::bytes(bytes, size); }

// Flash with the models in front and the journal behind them. Digest and signature are Python's.
class SimulatedDevice {
  public:
    SimulatedDevice(uint32_t models_size, uint32_t journal_size, uint32_t sector, uint32_t unit, uint32_t checkpoint,
                    bool in_place, uint32_t state, nb::callable sha256, nb::object is_signed, bool by_mac,
                    nb::callable holds)
        : bytes_(size_t{models_size} + journal_size), programmed_(bytes_.size() / unit),
          erases_(bytes_.size() / sector), sha256_(std::move(sha256)), is_signed_(std::move(is_signed)),
          holds_(std::move(holds)) {
        nor &f = board_.flash;
        f.bytes = bytes_.data();
        f.programmed = programmed_.data();
        f.erases = erases_.data();
        f.size = static_cast<uint32_t>(bytes_.size());
        f.sector = sector;
        f.unit = unit;
        f.cut_at = UINT64_MAX;
        nor_blank(&f);
        board_.piece = UINT32_MAX;
        board_.digest = {this, digest_start, digest_add, digest_end, digest_keep, digest_go_back};
        swd_config &c = board_.config;
        c.models_size = models_size;
        c.journal = models_size;
        c.journal_size = journal_size;
        c.sector = sector;
        c.unit = unit;
        c.checkpoint = checkpoint;
        c.in_place = in_place;
        c.by_mac = by_mac;
        board_connect(&board_, state);
        board_.judge = this;
        board_.holds = meets;
        board_.is_signed = is_signed_.is_none() ? nullptr : verify;
    }
    SimulatedDevice(const SimulatedDevice &) = delete;
    SimulatedDevice &operator=(const SimulatedDevice &) = delete;

    // Write a model and make it the one that counts.
    int provision(nb::object model, uint32_t address, uint32_t counter, nb::bytes digest) {
        const Buffer m(model);
        swd_model record = {address, static_cast<uint32_t>(m.size()), counter, {}};
        if (digest.size() != SWD_DIGEST) {
            throw std::invalid_argument("a digest has 32 bytes");
        }
        std::memcpy(record.digest, digest.data(), SWD_DIGEST);
        std::vector<uint8_t> whole((m.size() + board_.flash.unit - 1) / board_.flash.unit * board_.flash.unit, 0xFF);
        if (m.size() > 0) {
            std::memcpy(whole.data(), m.data(), m.size());
        }
        if (!whole.empty() &&
            !nor_program(&board_.flash, address, whole.data(), static_cast<uint32_t>(whole.size()))) {
            return SWD_ERROR_FLASH;
        }
        return swd_provision(&board_.config, &record);
    }

    std::tuple<int, uint32_t, uint32_t, uint32_t, nb::bytes> boot() {
        swd_model m = {};
        const swd_result result = swd_boot(&board_.config, &m);
        return {result, m.address, m.size, m.counter, to_bytes(m.digest, sizeof m.digest)};
    }

    int update(nb::object patch) {
        bring(patch);
        return board_update(&board_);
    }

    void keep() {
        kept_bytes_ = bytes_;
        kept_marks_ = programmed_;
        moment_bytes_.resize(bytes_.size());
        moment_marks_.resize(programmed_.size());
        moment_.bytes = moment_bytes_.data();
        moment_.programmed = moment_marks_.data();
        board_.moment = nullptr;
    }

    // From what was kept: one cut, and what was wrong after it. (whether power was lost, failure)
    std::tuple<bool, std::optional<std::string>> cut(nb::object patch, nb::object base, nb::object target, uint64_t at,
                                                     int kind, unsigned more) {
        const Buffer b(base);
        const Buffer t(target);
        if (kept_bytes_.empty() || kind < NOR_BEFORE || kind > NOR_AFTER) {
            throw std::invalid_argument("nothing was kept, or no such cut");
        }
        bring(patch);
        const board_image image = {kept_bytes_.data(), kept_marks_.data()};
        const board_models models = {b.data(), static_cast<uint32_t>(b.size()), t.data(),
                                     static_cast<uint32_t>(t.size())};
        bool lost = false;
        const char *failure =
            board_cut(&board_, &image, &moment_, &models, at, static_cast<nor_cut>(kind), more, &lost);
        return {lost, failure == nullptr ? std::nullopt : std::optional<std::string>(failure)};
    }

    nb::bytes bytes() const { return to_bytes(bytes_.data(), bytes_.size()); }
    std::vector<uint32_t> erases() const { return erases_; }
    uint64_t operations() const { return board_.flash.operations; }
    uint64_t programmed() const { return board_.flash.programmed_bytes; }
    uint64_t erased() const { return board_.flash.erased_sectors; }

  private:
    // A copy, as moments of an update point to it.
    void bring(nb::object patch) {
        const Buffer p(patch);
        if (p.size() != patch_.size() || !std::equal(patch_.begin(), patch_.end(), p.data())) {
            patch_.assign(p.data(), p.data() + p.size());
            board_.moment = nullptr;
        }
        board_.patch = patch_.data();
        board_.patch_size = static_cast<uint32_t>(patch_.size());
    }

    static void digest_start(void *context) {
        auto *self = static_cast<SimulatedDevice *>(context);
        self->digested_.clear();
        self->is_of_kept_ = false;
    }

    static void digest_add(void *context, const void *bytes, uint32_t size) {
        const uint8_t *from = static_cast<const uint8_t *>(bytes);
        auto &to = static_cast<SimulatedDevice *>(context)->digested_;
        to.insert(to.end(), from, from + size);
    }

    // Most often bytes were added since: only they are copied.
    static void digest_keep(void *context) {
        auto *self = static_cast<SimulatedDevice *>(context);
        auto &kept = self->kept_digested_;
        if (!self->is_of_kept_) {
            kept.clear();
        }
        kept.insert(kept.end(), self->digested_.begin() + static_cast<ptrdiff_t>(kept.size()), self->digested_.end());
        self->is_of_kept_ = true;
    }

    static void digest_go_back(void *context) {
        auto *self = static_cast<SimulatedDevice *>(context);
        if (self->is_of_kept_) {
            self->digested_.resize(self->kept_digested_.size());
        } else {
            self->digested_ = self->kept_digested_;
        }
        self->is_of_kept_ = true;
    }

    // What these three call must not raise: an exception would have to pass through C.
    static void digest_end(void *context, uint8_t digest[SWD_DIGEST]) {
        auto *self = static_cast<SimulatedDevice *>(context);
        const nb::bytes content = to_bytes(self->digested_.data(), self->digested_.size());
        const nb::bytes made = nb::cast<nb::bytes>(self->sha256_(content));
        std::memset(digest, 0, SWD_DIGEST);
        std::memcpy(digest, made.data(), made.size() < SWD_DIGEST ? made.size() : SWD_DIGEST);
    }

    static bool verify(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature) {
        auto *self = static_cast<SimulatedDevice *>(context);
        const size_t signature_size = self->board_.config.by_mac ? SWD_MAC : SWD_SIGNATURE;
        return nb::cast<bool>(self->is_signed_(to_bytes(message, size), to_bytes(signature, signature_size)));
    }

    static bool meets(void *context, uint32_t type, const uint8_t *content, uint32_t size) {
        return nb::cast<bool>(static_cast<SimulatedDevice *>(context)->holds_(type, to_bytes(content, size)));
    }

    board board_{};
    std::vector<uint8_t> bytes_;
    std::vector<uint8_t> programmed_;
    std::vector<uint32_t> erases_;
    std::vector<uint8_t> kept_bytes_;
    std::vector<uint8_t> kept_marks_;
    board_moment moment_{};
    std::vector<uint8_t> moment_bytes_;
    std::vector<uint8_t> moment_marks_;
    std::vector<uint8_t> patch_;
    std::vector<uint8_t> digested_;
    std::vector<uint8_t> kept_digested_;
    bool is_of_kept_ = false; // digested_ begins with kept_digested_
    nb::callable sha256_;
    nb::object is_signed_;
    nb::callable holds_;
};

} // namespace

void bind_update(nb::module_ &m) {
    m.def("update_record_size", &swd_record_size, nb::arg("state"));
    m.attr("UPDATE_BATCH") = static_cast<int>(SWD_BATCH);
    m.attr("UPDATE_CHUNK") = sizeof(swd_chunk);
    m.attr("UPDATE_MEMORY") = sizeof(swd_update) - SWD_CHUNKS * sizeof(swd_chunk);
    nb::class_<SimulatedDevice>(m, "SimulatedDevice")
        .def(nb::init<uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, bool, uint32_t, nb::callable, nb::object,
                      bool, nb::callable>(),
             nb::arg("models_size"), nb::arg("journal_size"), nb::arg("sector"), nb::arg("unit"),
             nb::arg("checkpoint"), nb::arg("in_place"), nb::arg("state"), nb::arg("sha256"),
             nb::arg("is_signed").none(), nb::arg("by_mac"), nb::arg("holds"))
        .def("provision", &SimulatedDevice::provision, nb::arg("model"), nb::arg("address"), nb::arg("counter"),
             nb::arg("digest"))
        .def("boot", &SimulatedDevice::boot)
        .def("update", &SimulatedDevice::update, nb::arg("patch"))
        .def("keep", &SimulatedDevice::keep)
        .def("cut", &SimulatedDevice::cut, nb::arg("patch"), nb::arg("base"), nb::arg("target"), nb::arg("at"),
             nb::arg("kind"), nb::arg("more"))
        .def_prop_ro("bytes", &SimulatedDevice::bytes)
        .def_prop_ro("erases", &SimulatedDevice::erases)
        .def_prop_ro("operations", &SimulatedDevice::operations)
        .def_prop_ro("programmed", &SimulatedDevice::programmed)
        .def_prop_ro("erased", &SimulatedDevice::erased);
}
