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

static inline sw_lanes sw_lanes_errors(uint64_t errors, const uint16_t *path) {
    sw_lanes v;
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        const unsigned depth = i < 2 ? 0 : i < 4 ? 1 : i < 8 ? 2 : 3;
        v.at[i] = (int16_t)(uint16_t)(errors >> (16 * depth) & path[i]);
    }
    return v;
}

static inline sw_lanes sw_lanes_train(sw_lanes slot, const uint16_t *path, const uint16_t *bits) {
    for (unsigned i = 0; i < SW_BYTE_LANES; i++) {
        if (path[i] != 0) {
            const uint32_t lane = (uint16_t)slot.at[i];
            const uint32_t count = lane & SW_BYTE_COUNT;
            uint32_t away = (lane ^ bits[i]) & 0xFFF8u;
            away = away - (away * sw_byte_rates[count] >> 8) + 3;
            const uint32_t p = (away ^ bits[i]) & 0xFFF8u;
            slot.at[i] = (int16_t)(uint16_t)(p | (count < SW_BYTE_COUNT ? count + 1 : count));
        }
    }
    return slot;
}

#endif
