/* Adaptive binary range decoder: the block's side information (alphabet, tables, scales).
 *
 * A 32-bit range coder with carry (the arithmetic of LZMA's), 16-bit probabilities that adapt by
 * 1/16 of the error. SPEC, "Range coder". Reading past the end yields zeros and is counted, so a
 * truncated stream ends in an error and not in a wild read.
 */
#ifndef SW_RANGE_DECODER_H
#define SW_RANGE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SW_MODEL_START = 1 << 15, SW_MODEL_RATE = 4, SW_INTEGER_MODELS = 128 };

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t range;
    uint32_t code;
    uint32_t overrun; /* bytes wanted after the end */
} sw_range_decoder;

void sw_range_start(sw_range_decoder *d, const uint8_t *data, size_t size);
/* True if the stream was consumed to its last byte and no further. */
bool sw_range_ended(const sw_range_decoder *d);
/* count <= 32 equiprobable bits, most significant first. */
uint32_t sw_range_direct(sw_range_decoder *d, unsigned count);
/* A value below 2^63 by SW_INTEGER_MODELS models: its length first, then its bits (Elias gamma, modelled). */
uint64_t sw_range_integer(sw_range_decoder *d, uint16_t *models);
void sw_models_reset(uint16_t *models, size_t count);

/* Inline from here on: a block reads thousands of these, and a caller's local decoder stays in registers. */

static inline uint8_t sw_range_byte(sw_range_decoder *d) {
    if (d->at < d->end) {
        return *d->at++;
    }
    d->overrun++;
    return 0;
}

static inline void sw_range_renormalise(sw_range_decoder *d) {
    while (d->range < 1u << 24) {
        d->range <<= 8;
        d->code = d->code << 8 | sw_range_byte(d);
    }
}

static inline unsigned sw_range_bit(sw_range_decoder *d, uint16_t *model) {
    const uint32_t bound = (d->range >> 16) * *model;
    unsigned bit;
    if (d->code < bound) {
        d->range = bound;
        *model = (uint16_t)(*model + ((65535u - *model) >> SW_MODEL_RATE));
        bit = 0;
    } else {
        d->range -= bound;
        d->code -= bound;
        *model = (uint16_t)(*model - (*model >> SW_MODEL_RATE));
        bit = 1;
    }
    sw_range_renormalise(d);
    return bit;
}

/* A value of `bits` bits by a binary tree of 1 << bits models (entry 0 unused). */
static inline unsigned sw_range_tree(sw_range_decoder *d, uint16_t *models, unsigned bits) {
    unsigned node = 1;
    for (unsigned i = 0; i < bits; i++) {
        node = node << 1 | sw_range_bit(d, &models[node]);
    }
    return node - (1u << bits);
}

#endif
