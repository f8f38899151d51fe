/* The loops of predictions, written once and compiled once for every instruction set.
 *
 * Include after defining SW_KERNEL(name), which gives the functions their suffix. Every floating-point operation
 * here is one IEEE 754 binary64 operation, rounded to nearest even; roundings to narrower elements are integer
 * code. Sums of the low-rank term are integers below 2^53: exact in binary64, in any order.
 */
#include "bytes.h"
#include "predicted.h"

static inline double SW_KERNEL(double_of)(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t SW_KERNEL(bits_of)(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void SW_KERNEL(multiply)(const int32_t *left, size_t stride, unsigned rank, const double *right, size_t count,
                                double *restrict sums) {
    for (size_t j = 0; j < count; j++) {
        sums[j] = 0;
    }
    unsigned k = 0;
    for (; k + 4 <= rank; k += 4) {
        const double b0 = left[k * stride], b1 = left[(k + 1) * stride];
        const double b2 = left[(k + 2) * stride], b3 = left[(k + 3) * stride];
        const double *a0 = right + (size_t)k * SW_PREDICT_TILE, *a1 = a0 + SW_PREDICT_TILE;
        const double *a2 = a1 + SW_PREDICT_TILE, *a3 = a2 + SW_PREDICT_TILE;
        for (size_t j = 0; j < count; j++) {
            sums[j] += (b0 * a0[j] + b1 * a1[j]) + (b2 * a2[j] + b3 * a3[j]);
        }
    }
    for (; k < rank; k++) {
        const double b = left[k * stride];
        const double *a = right + (size_t)k * SW_PREDICT_TILE;
        for (size_t j = 0; j < count; j++) {
            sums[j] += b * a[j];
        }
    }
}

/* Elements as binary64, exactly. What a NaN carries is lost: the prediction's NaN is always the same one. */
static void SW_KERNEL(load)(sw_element element, const uint8_t *from, size_t count, double *restrict values) {
    switch (element) {
    case SW_ELEMENT_BF16:
        for (size_t i = 0; i < count; i++) {
            const uint32_t bits = (uint32_t)sw_load16(from + 2 * i) << 16;
            float value;
            memcpy(&value, &bits, sizeof value);
            values[i] = (double)value;
        }
        break;
    case SW_ELEMENT_F16:
        for (size_t i = 0; i < count; i++) {
            const uint64_t half = sw_load16(from + 2 * i);
            const uint64_t sign = (half >> 15) << 63;
            const uint64_t magnitude = (half & 0x7FFF) << 42;
            /* The exponent's bias moves by a product, which makes subnormal numbers normal on the way. */
            const double moved = SW_KERNEL(double_of)(magnitude) * 0x1p1008;
            const uint64_t special = UINT64_C(0x7C00) << 42;
            const uint64_t bits = magnitude >= special ? magnitude | UINT64_C(0x7FF) << 52 : SW_KERNEL(bits_of)(moved);
            values[i] = SW_KERNEL(double_of)(bits | sign);
        }
        break;
    case SW_ELEMENT_F32:
        for (size_t i = 0; i < count; i++) {
            const uint32_t bits = sw_load32(from + 4 * i);
            float value;
            memcpy(&value, &bits, sizeof value);
            values[i] = (double)value;
        }
        break;
    default:
        for (size_t i = 0; i < count; i++) {
            values[i] = SW_KERNEL(double_of)(sw_load64(from + 8 * i));
        }
        break;
    }
}

#define SW_MAGNITUDE (UINT64_MAX >> 1)
#define SW_INFINITE (UINT64_C(0x7FF) << 52)

/* A binary64 as the nearest element of m mantissa bits and a bias, ties to even: any value at all. */
static inline uint64_t SW_KERNEL(round_any)(uint64_t bits, unsigned m, unsigned bias) {
    const uint64_t magnitude = bits & SW_MAGNITUDE;
    const uint64_t infinite = (uint64_t)(2 * bias + 1) << m;
    const uint64_t sign = (bits >> 63) << (m + (unsigned)sw_bit_length(2 * bias + 1));
    if (magnitude > SW_INFINITE) {
        return infinite | UINT64_C(1) << (m - 1);
    }
    const int exponent = (int)(magnitude >> 52) - 1023 + (int)bias;
    unsigned shift = 52 - m;
    uint64_t value;
    if (exponent >= 1) {
        value = magnitude - ((uint64_t)(1023 - bias) << 52);
    } else {
        value = (magnitude & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
        shift += (unsigned)(1 - exponent);
        if (shift > 53) {
            return sign;
        }
    }
    value = (value + (UINT64_C(1) << (shift - 1)) - 1 + (value >> shift & 1)) >> shift;
    return sign | (value > infinite ? infinite : value);
}

/* How near a prediction lies to where its rounding changes, and on which side (SPEC, "Classes of a prediction"). */
static inline uint8_t SW_KERNEL(class_of)(uint64_t rebased, unsigned shift, unsigned spread) {
    const uint64_t half = UINT64_C(1) << (shift - 1);
    const uint64_t low = rebased & (2 * half - 1);
    const uint64_t above = low >= half;
    const uint64_t distance = above ? low - half : half - low;
    const uint64_t field = rebased >> 52;
    uint64_t k = spread > field ? spread - field : 0;
    k = k > 63 ? 63 : k;
    const uint64_t x = distance >> k;
    const uint64_t step = half >> k;
    const uint64_t bin = (uint64_t)(x >= 1) + (x >= 3) + (x >= 5) + (x >= 7) + (x >= 11);
    const uint64_t near = x >= 23 ? 13 : x >= 15 ? 12 : 2 * bin + above;
    return (uint8_t)(step >= 4 ? near : step >= 2 ? 14 : 15);
}

/* Round to an element of BITS with M mantissa bits and a bias; the usual range first, then what was out of it. */
#define SW_ROUND(NAME, BITS, M, BIAS, STORE)                                                              \
    static void SW_KERNEL(round_##NAME)(const double *values, size_t count, uint8_t *out,                  \
                                        uint8_t *classes, unsigned spread) {                               \
        enum { SHIFT = 52 - M };                                                                           \
        const uint64_t least = (uint64_t)(1024 - BIAS) << 52;                                                \
        const uint64_t most = (uint64_t)(1023 + BIAS) << 52;                                                 \
        uint64_t unusual = 0;                                                                              \
        for (size_t i = 0; i < count; i++) {                                                               \
            const uint64_t bits = SW_KERNEL(bits_of)(values[i]);                                           \
            const uint64_t magnitude = bits & SW_MAGNITUDE;                                                \
            const uint64_t rebased = magnitude - ((uint64_t)(1023 - BIAS) << 52);                            \
            const uint64_t even = rebased >> SHIFT & 1;                                                    \
            const uint64_t rounded = (rebased + (UINT64_C(1) << (SHIFT - 1)) - 1 + even) >> SHIFT;         \
            unusual |= (uint64_t)(magnitude < least) | (magnitude >= most);                                \
            STORE(out + i * (BITS / 8), (uint##BITS##_t)(rounded | (bits >> 63) << (BITS - 1)));           \
        }                                                                                                  \
        if (classes != NULL) {                                                                             \
            for (size_t i = 0; i < count; i++) {                                                           \
                const uint64_t magnitude = SW_KERNEL(bits_of)(values[i]) & SW_MAGNITUDE;                   \
                classes[i] = SW_KERNEL(class_of)(magnitude - ((uint64_t)(1023 - BIAS) << 52), SHIFT, spread); \
            }                                                                                              \
        }                                                                                                  \
        for (size_t i = 0; unusual != 0 && i < count; i++) {                                               \
            const uint64_t bits = SW_KERNEL(bits_of)(values[i]);                                           \
            const uint64_t magnitude = bits & SW_MAGNITUDE;                                                \
            if (magnitude < least || magnitude >= most) {                                                  \
                STORE(out + i * (BITS / 8), (uint##BITS##_t)SW_KERNEL(round_any)(bits, M, BIAS));          \
                if (classes != NULL) {                                                                     \
                    classes[i] = 15;                                                                       \
                }                                                                                          \
            }                                                                                              \
        }                                                                                                  \
    }

SW_ROUND(bf16, 16, 7, 127, sw_store16)
SW_ROUND(f16, 16, 10, 15, sw_store16)
SW_ROUND(f32, 32, 23, 127, sw_store32)

static void SW_KERNEL(keep_f64)(const double *values, size_t count, uint8_t *out) {
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = SW_KERNEL(bits_of)(values[i]);
        const bool is_nan = (bits & SW_MAGNITUDE) > SW_INFINITE;
        sw_store64(out + 8 * i, is_nan ? SW_INFINITE | UINT64_C(1) << 51 : bits);
    }
}

static void SW_KERNEL(predict)(const sw_prediction *p, const uint8_t *base, const uint8_t *second,
                               const double *sums, size_t count, double *restrict values, uint8_t *out,
                               uint8_t *classes) {
    SW_KERNEL(load)(p->base_element, base, count, values);
    for (size_t i = 0; p->has_scale && i < count; i++) {
        values[i] = p->scale * values[i];
    }
    if (second != NULL) {
        double others[SW_PREDICT_TILE];
        SW_KERNEL(load)(p->base_element, second, count, others);
        for (size_t i = 0; i < count; i++) {
            const double other = p->second_scale * others[i];
            values[i] = values[i] + other;
        }
    }
    for (size_t i = 0; sums != NULL && i < count; i++) {
        const double term = sums[i] * p->unit;
        values[i] = values[i] + term;
    }
    switch (p->element) {
    case SW_ELEMENT_BF16:
        SW_KERNEL(round_bf16)(values, count, out, classes, p->spread);
        break;
    case SW_ELEMENT_F16:
        SW_KERNEL(round_f16)(values, count, out, classes, p->spread);
        break;
    case SW_ELEMENT_F32:
        SW_KERNEL(round_f32)(values, count, out, classes, p->spread);
        break;
    default:
        SW_KERNEL(keep_f64)(values, count, out);
        break;
    }
}
