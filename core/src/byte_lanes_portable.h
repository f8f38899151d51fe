/* The sixteen lanes of a slot in plain C: what every other path must equal. SPEC, "Learned byte coder". */
#ifndef SW_BYTE_LANES_PORTABLE_H
#define SW_BYTE_LANES_PORTABLE_H

#include <string.h>

#include "byte_lanes.h"

/* One copy of the walk serves all: written out, plain C would be a hundred times as large. */
#define SW_BYTE_WALK static
#define SW_BYTE_UNROLL

typedef struct {
    int16_t at[SW_BYTE_LANES];
} sw_lanes;

static inline int16_t sw_saturated(int32_t v) {
    return (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
}

static inline int16_t sw_rounded_product(int16_t a, int16_t b) {
    /* Never both -32768: the first is an input of the mixer. */
    return (int16_t)((a * b + (1 << 14)) >> 15);
}

static inline sw_lanes sw_lanes_load(const void *from) {
    sw_lanes v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline void sw_lanes_store(void *to, sw_lanes v) {
    memcpy(to, &v, sizeof v);
}

static inline sw_lanes sw_lanes_zero(void) {
    sw_lanes v;
    memset(&v, 0, sizeof v);
    return v;
}

static inline sw_lanes sw_lanes_add(sw_lanes a, sw_lanes b) {
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        a.at[i] = sw_saturated(a.at[i] + b.at[i]);
    }
    return a;
}

static inline sw_lanes sw_lanes_multiply(sw_lanes a, sw_lanes b) {
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        a.at[i] = sw_rounded_product(a.at[i], b.at[i]);
    }
    return a;
}

static inline sw_lanes sw_lanes_stretch(sw_lanes slot) {
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        const uint32_t p = ((uint16_t)slot.at[i] & ~(uint32_t)SW_BYTE_COUNT) | 4;
        const uint32_t q = p < 1u << 15 ? p : 65535 - p;
        const unsigned top = 31u - (unsigned)__builtin_clz(q);
        const uint32_t logarithm = top << 10 | ((q << (15 - top) & 32767) >> 5);
        const int32_t size = (int32_t)((16u << 10) - (q >> 5) - logarithm);
        slot.at[i] = (int16_t)(p < 1u << 15 ? -size : size);
    }
    return slot;
}

static inline sw_lanes sw_lanes_fresh(uint16_t tag) {
    sw_lanes v;
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        v.at[i] = INT16_MIN;
    }
    v.at[0] = (int16_t)tag;
    return v;
}

static inline sw_lanes sw_lanes_unlikely(sw_lanes sum) {
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        const int32_t s = sum.at[i];
        const uint32_t size = (uint32_t)(s < 0 ? -s : s);
        const uint32_t d = size < 4095 ? size : 4095;
        const uint32_t knot = (uint32_t)sw_byte_knots[0][d >> 8] << 8 | sw_byte_knots[1][d >> 8];
        const uint32_t slope = (uint32_t)sw_byte_knots[2][d >> 8] << 8 | sw_byte_knots[3][d >> 8];
        const uint32_t p = knot - (slope * (d & 255) >> 8);
        sum.at[i] = (int16_t)(uint16_t)(p < SW_BYTE_LEAST ? SW_BYTE_LEAST : p);
    }
    return sum;
}

static inline uint32_t sw_lanes_negative(sw_lanes v) {
    uint32_t mask = 0;
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        mask |= (uint32_t)(v.at[i] < 0) << i;
    }
    return mask;
}

static inline sw_lanes sw_lanes_errors(sw_lanes sum, sw_lanes unlikely, sw_lanes path, sw_lanes bits) {
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        const bool one = bits.at[i] != 0;
        const uint32_t p = (uint16_t)unlikely.at[i];
        const uint32_t missing = one == (sum.at[i] >= 0) ? p : 65535 - p;
        const int32_t size = (int32_t)(missing * SW_BYTE_LEARNING >> 16);
        sum.at[i] = (int16_t)(path.at[i] == 0 ? 0 : one ? size : -size);
    }
    return sum;
}

static inline sw_lanes sw_lanes_train(sw_lanes slot, sw_lanes path, sw_lanes bits) {
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        if (path.at[i] != 0) {
            const uint32_t lane = (uint16_t)slot.at[i];
            const uint32_t bit = (uint16_t)bits.at[i];
            const uint32_t count = lane & SW_BYTE_COUNT;
            uint32_t away = (lane ^ bit) & 0xFFF8u;
            away = away - (away * sw_byte_rates[count] >> 8) + 3;
            const uint32_t p = (away ^ bit) & 0xFFF8u;
            slot.at[i] = (int16_t)(uint16_t)(p | (count < SW_BYTE_COUNT ? count + 1 : count));
        }
    }
    return slot;
}

#endif
