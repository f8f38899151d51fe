/* How a fuzzer's bytes become one call: bytes 0..2 the length to decode to, byte 3 the base, then the payload. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "sapwood.h"

enum { FUZZ_HEAD = 4 };

typedef struct {
    uint8_t *payload;
    size_t payload_size;
    uint8_t *base; /* NULL for none */
    size_t base_size;
    uint8_t *out;
    size_t out_size;
} fuzz_input;

/* Each buffer of its exact size on the heap, so that the sanitizer sees every byte beyond. */
static inline uint8_t *fuzz_buffer(size_t size) {
    uint8_t *buffer = malloc(size ? size : 1);
    if (buffer == NULL) {
        abort();
    }
    return buffer;
}

/* False if there are too few bytes for a call. */
static inline int fuzz_read(const uint8_t *data, size_t size, fuzz_input *in) {
    if (size < FUZZ_HEAD) {
        return 0;
    }
    in->out_size = (data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) % (SW_MAX_BLOCK + 9);
    in->payload_size = size - FUZZ_HEAD;
    in->payload = fuzz_buffer(in->payload_size);
    memcpy(in->payload, data + FUZZ_HEAD, in->payload_size);
    in->base_size = data[3] == 0 ? 0 : data[3] == 1 ? in->out_size : in->out_size * data[3] / 256;
    in->base = data[3] == 0 ? NULL : fuzz_buffer(in->base_size);
    uint32_t state = data[3];
    for (size_t i = 0; i < in->base_size; i++) {
        state = state * 1664525u + 1013904223u;
        in->base[i] = (uint8_t)(state >> 24);
    }
    in->out = fuzz_buffer(in->out_size);
    return 1;
}

typedef sw_status fuzz_decoder(const sw_numeric_kernels *kernels, const fuzz_input *in, uint8_t *out);

/* Every instruction set gives the status and bytes of the portable loops. */
static inline void fuzz_agree(const fuzz_input *in, fuzz_decoder *decode) {
    static const char *const sets[] = {"avx512", "avx2", "neon"};
    const sw_status status = decode(&sw_portable_kernels, in, in->out);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        const sw_numeric_kernels *kernels = sw_decode_kernels(sets[i]);
        if (kernels == NULL) {
            continue;
        }
        uint8_t *other = fuzz_buffer(in->out_size);
        if (decode(kernels, in, other) != status || (status == SW_OK && memcmp(other, in->out, in->out_size) != 0)) {
            abort();
        }
        free(other);
    }
}

static inline void fuzz_free(fuzz_input *in) {
    free(in->payload);
    free(in->base);
    free(in->out);
}

#endif
