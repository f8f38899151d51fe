/* The other codecs for JavaScript: one block at a time, in memory that JavaScript lays out behind __heap_base. */
#include "sapwood.h"
#include "wasm.h"

/* One block is decoded at a time, so that all share their work area. */
static union {
    sw_numeric_work numeric;
    sw_adaptive_work adaptive;
    sw_predicted_work predicted;
    sw_quantised_work quantised;
    sw_scattered_work scattered;
    sw_splice_work splice;
} work;

static int32_t values[SW_MAX_FACTOR];
static sw_factors factors;

/* `size` bytes of the base; false if they have not come. */
WASM_IMPORT("read_base") bool read_base(uint64_t offset, uint8_t *to, uint32_t size);

static bool read(void *context, uint64_t offset, uint8_t *out, size_t size) {
    (void)context;
    return read_base(offset, out, (uint32_t)size);
}

WASM_EXPORT(numeric) sw_status numeric(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                                       uint8_t *out, size_t out_size) {
    return sw_numeric_decode(payload, payload_size, base, base_size, out, out_size, &work.numeric);
}

WASM_EXPORT(adaptive) sw_status adaptive(const uint8_t *payload, size_t payload_size, const uint8_t *base,
                                         size_t base_size, uint8_t *out, size_t out_size) {
    return sw_adaptive_decode(payload, payload_size, base, base_size, out, out_size, &work.adaptive);
}

WASM_EXPORT(quantised) sw_status quantised(const uint8_t *payload, size_t payload_size, const uint8_t *base,
                                           size_t base_size, uint8_t *out, size_t out_size) {
    return sw_quantised_decode(payload, payload_size, base, base_size, &factors, out, out_size, &work.quantised);
}

WASM_EXPORT(scattered) sw_status scattered(const uint8_t *payload, size_t payload_size, const uint8_t *base,
                                           size_t base_size, uint8_t *out, size_t out_size) {
    return sw_scattered_decode(payload, payload_size, base, base_size, out, out_size, &work.scattered);
}

/* A chunk begins: it has no right factor yet. */
WASM_EXPORT(start_chunk) void start_chunk(void) {
    factors = (sw_factors){.values = values, .capacity = SW_MAX_FACTOR};
}

WASM_EXPORT(add_factors) sw_status add_factors(const uint8_t *payload, size_t payload_size) {
    return sw_factors_decode(payload, payload_size, &factors, &work.predicted);
}

WASM_EXPORT(predicted_wants) sw_status predicted_wants(const uint8_t *payload, size_t payload_size, size_t out_size,
                                                       sw_predicted_wants *wants) {
    return sw_predicted_read_wants(payload, payload_size, out_size, wants);
}

/* `second` may be NULL. */
WASM_EXPORT(predicted) sw_status predicted(const uint8_t *payload, size_t payload_size, const uint8_t *base,
                                           size_t base_size, const uint8_t *second, size_t second_size, uint8_t *out,
                                           size_t out_size) {
    return sw_predicted_decode(payload, payload_size, base, base_size, second, second_size,
                               factors.rank > 0 ? &factors : NULL, out, out_size, &work.predicted);
}

WASM_EXPORT(splice_slots) size_t splice_slots(size_t literals, size_t runs) {
    return sw_splice_slots_size(literals, runs);
}

/* SW_ERROR_READ: bytes of the base have not come. Nothing is kept: it is called again with the same arguments. */
WASM_EXPORT(splice) sw_status splice(const uint8_t *payload, size_t payload_size, uint64_t length, uint64_t base_size,
                                     sw_splice_run *runs, size_t run_count, uint8_t *literals, size_t count,
                                     uint32_t *slots) {
    const sw_splice_base base = {NULL, base_size, read};
    return sw_splice_decode(payload, payload_size, length, &base, runs, run_count, literals, count, slots, &work.splice);
}
