/* One rANS step of the encoder, and its bit writer. */
#ifndef SW_RANS_STEP_H
#define SW_RANS_STEP_H

#include "bytes.h"
#include "numeric_encode.h"

static inline uint32_t sw_rans_step(uint32_t x, const sw_encode_symbol *s, unsigned table_bits, uint8_t **at) {
    const uint32_t spill = (x >> (32 - table_bits)) >= s->frequency;
    sw_store16(*at - 2, (uint16_t)x);
    *at -= 2 * spill;
    x = spill ? x >> 16 : x;
    const uint32_t q = (uint32_t)(x * s->reciprocal >> (32 + table_bits));
    return x + s->first + q * s->rest;
}

/* bits <= 56; value has no others. */
static inline void sw_put_bits(sw_bit_writer *b, uint64_t value, unsigned bits) {
    b->pending |= value << b->count;
    b->count += bits;
    sw_store64(b->at, b->pending);
    b->at += b->count >> 3;
    b->pending = b->count >= 64 ? 0 : b->pending >> (b->count & ~7u);
    b->count &= 7;
}

#endif
