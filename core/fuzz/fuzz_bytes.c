/* Learned bytes: no sanitizer speaks, every path makes the same of a payload, and what is encoded comes back.
 *
 * Bytes 0 and 1: the length to decode to, and bit 7 of byte 1 whether the rest is a content instead of a payload; byte 2:
 * the level, small ones more often, since a large model takes long to copy; byte 3: the record.
 */
#include "byte_cpu.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ALIGNED = 64, MOST = 1 << 12 };

static uint8_t *aligned_model(unsigned level) {
    uint8_t *whole = fuzz_buffer(sw_byte_model_size(level) + ALIGNED);
    return whole + (ALIGNED - (uintptr_t)whole % ALIGNED) % ALIGNED;
}

/* A copy of one that was begun once: under sanitizers it takes a tenth of the time of beginning anew. */
static uint8_t *model_of(unsigned level, unsigned record, unsigned number) {
    static uint8_t *fresh[SW_BYTE_LEVELS], *held[SW_BYTE_LEVELS][2];
    if (fresh[level] == NULL) {
        fresh[level] = aligned_model(level);
        sw_byte_model_reset(fresh[level], level, 0);
        held[level][0] = aligned_model(level);
        held[level][1] = aligned_model(level);
    }
    uint8_t *model = held[level][number];
    memcpy(model, fresh[level], sw_byte_model_size(level));
    sw_byte_model_take_record(model, record);
    return model;
}

static void check_content(unsigned level, unsigned record, const uint8_t *content, size_t size) {
    const size_t capacity = 2 * size + 64;
    uint8_t *out = fuzz_buffer(capacity);
    const size_t coded =
        sw_byte_kernels_for(NULL)->encode(model_of(level, record, 0), content, 0, size, out, capacity);
    uint8_t *payload = fuzz_buffer(coded);
    memcpy(payload, out, coded);
    uint8_t *back = fuzz_buffer(size);
    const sw_status status =
        sw_byte_kernels_for("portable")->decode(model_of(level, record, 1), back, 0, size, payload, coded);
    if (coded == 0 || status != SW_OK || memcmp(back, content, size) != 0) {
        abort();
    }
    free(back);
    free(payload);
    free(out);
}

static void check_payload(unsigned level, unsigned record, const uint8_t *payload, size_t size, size_t length) {
    uint8_t *first = fuzz_buffer(length);
    const sw_status wanted =
        sw_byte_kernels_for(NULL)->decode(model_of(level, record, 0), first, 0, length, payload, size);
    uint8_t *other = fuzz_buffer(length);
    const sw_status found =
        sw_byte_kernels_for("portable")->decode(model_of(level, record, 1), other, 0, length, payload, size);
    if (found != wanted || (found == SW_OK && memcmp(first, other, length) != 0)) {
        abort();
    }
    free(other);
    free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < FUZZ_HEAD) {
        return 0;
    }
    const size_t length = (data[0] | (size_t)data[1] << 8) % MOST;
    const unsigned level = data[2] < 192 ? SW_BYTE_LIVE : data[2] < 248 ? SW_BYTE_DEFAULT : SW_BYTE_MAX;
    const size_t rest = size - FUZZ_HEAD;
    uint8_t *exact = fuzz_buffer(rest);
    memcpy(exact, data + FUZZ_HEAD, rest);
    if (data[1] >> 7) {
        check_content(level, data[3], exact, rest);
    } else {
        check_payload(level, data[3], exact, rest, length);
    }
    free(exact);
    return 0;
}
