/* How three voters foresee a decision of a DEVICE block, and learn from it. SPEC, "Model of a device". Inline, as a coder
 * asks at one place. No division, 32-bit products. */
#ifndef SW_DEVICE_PREDICT_H
#define SW_DEVICE_PREDICT_H

#include "adaptive.h"
#include "device.h"

enum { SW_DEVICE_SEEN = 15, SW_DEVICE_TOP = 4095 };

/* 2048 times log2(p / q), each logarithm with a straight line between powers; 1 <= p, q <= 4095. */
static inline int32_t logarithm_of_odds(uint32_t p, uint32_t q) {
    const unsigned skip_p = (unsigned)__builtin_clz(p);
    const unsigned skip_q = (unsigned)__builtin_clz(q);
    /* The leading ones of both, at bit 11, cancel. */
    return (int32_t)(((skip_q - skip_p) << 11) + (p << skip_p >> 20) - (q << skip_q >> 20));
}

/* No less than -32767, no more than 32767. Most are far from both: one comparison tells. */
static inline int32_t within_16_bits(int32_t x) {
    if ((uint32_t)(x + INT16_MAX) > 2 * INT16_MAX) {
        return x < 0 ? -INT16_MAX : INT16_MAX;
    }
    return x;
}

/* The probability that the next decision is 1, in 1/65536, by the voters' contexts and the place in its tree. */
static inline uint32_t predict(sw_device *d, const uint16_t *weights, uint32_t node) {
    const uint32_t region = d->region;
    uint16_t *slots = d->state + SW_DEVICE_SETS * SW_DEVICE_VOTERS;
    /* (context * 256 + node) * factor, in one step for each voter. */
    const uint32_t factor = 0x9E3779B1u;
    const uint32_t of_node = node * factor;
    sw_device_voter *v = d->voters;
    int32_t sum = 0;
    do {
        const uint32_t hash = (v->context * (factor << 8) + of_node) >> 16;
        v->slot = slots + (hash * region >> 16);
        slots += region;
        const uint32_t p = *v->slot >> 4;
        /* 177 / 2048 turns binary logarithms into natural ones, in 1/256. */
        v->vote = logarithm_of_odds(p, SW_DEVICE_TOP + 1 - p) * 177 >> 11;
        sum += v->vote * (int16_t)*weights++;
    } while (++v < d->voters + SW_DEVICE_VOTERS);
    return sw_squash_within(sum >> 14, SW_DEVICE_SUM);
}

/* Teach the slots and the weights of the last prediction what came. */
static inline void learn(sw_device *d, uint16_t *weights, uint32_t probability, unsigned bit) {
#if !defined(__ARM_FEATURE_IDIV) && !defined(__wasm__)
    static const uint16_t step[SW_DEVICE_SEEN + 1] = {43690, 26214, 18724, 14563, 11915, 10082, 8738, 7710,
                                                      6898, 6241, 5698, 5242, 4854, 4519, 4228, 3971};
#endif
    const int32_t error = ((int32_t)(bit << 16) - (int32_t)probability) >> 2;
    const uint32_t flip = bit ? SW_DEVICE_TOP : 0;
    const sw_device_voter *v = d->voters;
    do {
        const int32_t taught = (int16_t)*weights + ((v->vote * error + (1 << 14)) >> 15);
        *weights++ = (uint16_t)within_16_bits(taught);
        const uint32_t slot = *v->slot;
        const uint32_t seen = slot & SW_DEVICE_SEEN;
        /* The probability of what did not come: TOP - p, or p. */
        uint32_t other = slot >> 4 ^ flip;
        /* 65536 / (n + 1.5) for a slot seen n times: by a table, where a division would be a call. */
#if defined(__ARM_FEATURE_IDIV) || defined(__wasm__)
        const uint32_t step = 131072 / (2 * seen + 3);
        other -= other * step >> 16;
#else
        other -= other * step[seen] >> 16;
#endif
        *v->slot = (uint16_t)((other ^ flip) << 4 | (seen + (seen < SW_DEVICE_SEEN)));
    } while (++v < d->voters + SW_DEVICE_VOTERS);
}

#endif
