/* The model of DEVICE blocks: no division, 32-bit products, 136 bytes of tables. */
#include "adaptive.h"
#include "device.h"

enum { SEEN = 15, TOP = 4095, LIMIT = 32767 };

bool sw_device_take_shape(sw_device *d, unsigned element) {
    /* By SW_ELEMENT_: 1 plus the logarithm of the width; 4 for a float; 8 times the lowest bit of its exponent. */
    enum { FLOAT = 4 };
    static const uint8_t known[16] = {0, 1, 2, 3, 0, 2 + FLOAT + 8 * 10, 2 + FLOAT + 8 * 7, 3 + FLOAT + 8 * 23,
                                      0, 1 + FLOAT + 8 * 3, 1 + FLOAT + 8 * 2};
    const unsigned shape = known[element & 15];
    d->width = (uint8_t)((1u << (shape & 3)) >> 1);
    d->unused = (uint8_t)(32 - 8 * d->width);
    d->is_float = shape & FLOAT;
    d->field = (uint8_t)(shape >> 3);
    return shape > 0;
}

void sw_device_reset(sw_device *d, uint16_t *state, unsigned bytes) {
    for (unsigned i = 0; i < bytes / 2; i++) {
        /* A slot: probability of a 1 in the upper 12 bits, times seen in the lower 4. */
        state[i] = i < SW_DEVICE_SETS * SW_DEVICE_VOTERS ? SW_DEVICE_WEIGHT : 1u << 15;
    }
    d->state = state;
    d->region = sw_device_region(bytes);
}

/* 2048 times log2(p / q), each logarithm with a straight line between powers; 1 <= p, q <= 4095. */
static int32_t logarithm_of_odds(uint32_t p, uint32_t q) {
    const unsigned skip_p = (unsigned)__builtin_clz(p);
    const unsigned skip_q = (unsigned)__builtin_clz(q);
    /* The leading ones of both, at bit 11, cancel. */
    return (int32_t)(((skip_q - skip_p) << 11) + (p << skip_p >> 20) - (q << skip_q >> 20));
}

uint32_t sw_device_predict(sw_device *d, unsigned set, uint32_t node) {
    const uint16_t *weight = d->weights = d->state + set * SW_DEVICE_VOTERS;
    uint16_t *slots = d->state + SW_DEVICE_SETS * SW_DEVICE_VOTERS;
    int32_t sum = 0;
    for (sw_device_voter *v = d->voters; v < d->voters + SW_DEVICE_VOTERS; v++) {
        const uint32_t hash = (v->context * 256 + node) * 0x9E3779B1u >> 16;
        v->slot = slots + (hash * d->region >> 16);
        slots += d->region;
        const uint32_t p = *v->slot >> 4;
        /* 177 / 2048 turns binary logarithms into natural ones, in 1/256. */
        v->vote = logarithm_of_odds(p, TOP + 1 - p) * 177 >> 11;
        sum += v->vote * (int16_t)*weight++;
    }
    sum >>= 14;
    sum = sum > SW_DEVICE_SUM ? SW_DEVICE_SUM : sum < -SW_DEVICE_SUM ? -SW_DEVICE_SUM : sum;
    return d->probability = sw_squash(sum);
}

void sw_device_learn(sw_device *d, unsigned bit) {
    /* 65536 / (n + 1.5) for a slot seen n times. */
    static const uint16_t step[SEEN + 1] = {43690, 26214, 18724, 14563, 11915, 10082, 8738, 7710,
                                            6898, 6241, 5698, 5242, 4854, 4519, 4228, 3971};
    uint16_t *weight = d->weights;
    const int32_t error = ((int32_t)(bit << 16) - (int32_t)d->probability) >> 2;
    const uint32_t flip = bit ? TOP : 0;
    for (sw_device_voter *v = d->voters; v < d->voters + SW_DEVICE_VOTERS; v++, weight++) {
        const int32_t taught = (int16_t)*weight + ((v->vote * error + (1 << 14)) >> 15);
        *weight = (uint16_t)(taught > LIMIT ? LIMIT : taught < -LIMIT ? -LIMIT : taught);
        const uint32_t slot = *v->slot;
        const uint32_t seen = slot & SEEN;
        /* The probability of what did not come: TOP - p, or p. */
        uint32_t other = slot >> 4 ^ flip;
        other -= other * step[seen] >> 16;
        *v->slot = (uint16_t)((other ^ flip) << 4 | (seen + (seen < SEEN)));
    }
}

uint32_t sw_device_product(uint32_t a, uint32_t b) {
    const uint32_t high = a >> 23 & 255;
    const uint32_t low = b >> 23 & 255;
    if (high - 1 > 253 || low - 1 > 253) {
        return 0;
    }
    uint64_t product = (uint64_t)((a & 0x7FFFFF) | 0x800000) * ((b & 0x7FFFFF) | 0x800000);
    uint32_t exponent = high + low;
    /* 2^46 <= product < 2^48. Rounded at bit 23 or 24; a carry out of the mantissa adds to the exponent. */
    const unsigned cut = 23 + (unsigned)(product >> 47);
    exponent += cut - 23;
    const uint32_t rest = (uint32_t)product & ((1u << cut) - 1);
    uint32_t mantissa = (uint32_t)(product >> cut);
    const uint32_t half = 1u << (cut - 1);
    mantissa += rest > half || (rest == half && (mantissa & 1));
    exponent += mantissa >> 24; /* then the mantissa is 2^24, and its low bits are 0 */
    if (exponent < 128 || exponent > 127 + 254) {
        return 0;
    }
    return ((a ^ b) & 0x80000000u) | (exponent - 127) << 23 | (mantissa & 0x7FFFFF);
}
