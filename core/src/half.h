/* Halves (F16) as binary32 and back, in integers: rounded to nearest, ties to even; NaN loses what it carries. */
#ifndef SW_HALF_H
#define SW_HALF_H

#include "bytes.h"

static inline float sw_float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t sw_bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float sw_half_to_float(uint16_t half) {
    const uint32_t sign = (uint32_t)(half >> 15) << 31;
    const uint32_t field = half >> 10 & 31;
    uint32_t mantissa = half & 1023;
    if (field == 31) {
        return sw_float_of_bits(sign | UINT32_C(0x7F800000) | mantissa << 13);
    }
    if (field == 0) {
        if (mantissa == 0) {
            return sw_float_of_bits(sign);
        }
        const unsigned shift = 11 - sw_bit_length(mantissa);
        mantissa = (mantissa << shift) & 1023;
        return sw_float_of_bits(sign | (113 - shift) << 23 | mantissa << 13);
    }
    return sw_float_of_bits(sign | (field + 112) << 23 | mantissa << 13);
}

static inline uint16_t sw_float_to_half(float value) {
    const uint32_t bits = sw_bits_of_float(value);
    const uint32_t magnitude = bits & UINT32_C(0x7FFFFFFF);
    const uint32_t sign = bits >> 31 << 15;
    if (magnitude > UINT32_C(0x7F800000)) {
        return 0x7E00;
    }
    const int field = (int)(magnitude >> 23) - 112;
    unsigned shift = 13;
    uint32_t kept = magnitude - (UINT32_C(112) << 23);
    if (field < 1) {
        if (field < -10) {
            return (uint16_t)sign;
        }
        kept = (magnitude & UINT32_C(0x7FFFFF)) | UINT32_C(1) << 23;
        shift += (unsigned)(1 - field);
    } else if (field > 31) {
        return (uint16_t)(sign | 0x7C00);
    }
    kept = (kept + (UINT32_C(1) << (shift - 1)) - 1 + (kept >> shift & 1)) >> shift;
    return (uint16_t)(sign | (kept > 0x7C00 ? 0x7C00 : kept));
}

#endif
