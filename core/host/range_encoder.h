/* Adaptive binary range encoder: the twin of src/range_decoder.h. */
#ifndef SW_RANGE_ENCODER_H
#define SW_RANGE_ENCODER_H

#include "range_decoder.h"

typedef struct {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    uint64_t low;
    uint32_t range;
    uint64_t pending; /* 0xFF bytes a carry may still reach, and the byte before them */
    uint8_t cache;
    bool first;
    bool full;        /* the buffer was too small: what follows is lost */
} sw_range_encoder;

void sw_range_open(sw_range_encoder *e, uint8_t *out, size_t capacity);
/* Flush; returns the size less up to four trailing zeros, or 0 if the buffer was too small. */
size_t sw_range_close(sw_range_encoder *e);
void sw_put_direct(sw_range_encoder *e, uint32_t value, unsigned count);
void sw_put_integer(sw_range_encoder *e, uint16_t *models, uint64_t value);
/* The range was below 2^24: a byte leaves. */
void sw_range_shift(sw_range_encoder *e);

static inline void sw_put_bit(sw_range_encoder *e, uint16_t *model, unsigned bit) {
    const uint32_t bound = (e->range >> 16) * *model;
    if (bit == 0) {
        e->range = bound;
        *model = (uint16_t)(*model + ((65535u - *model) >> SW_MODEL_RATE));
    } else {
        e->low += bound;
        e->range -= bound;
        *model = (uint16_t)(*model - (*model >> SW_MODEL_RATE));
    }
    while (e->range < 1u << 24) {
        sw_range_shift(e);
    }
}

static inline void sw_put_tree(sw_range_encoder *e, uint16_t *models, unsigned bits, unsigned value) {
    unsigned node = 1;
    while (bits-- > 0) {
        const unsigned bit = value >> bits & 1;
        sw_put_bit(e, &models[node], bit);
        node = node << 1 | bit;
    }
}

#endif
