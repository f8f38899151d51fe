/* The element loops, written once for every width and compiled once for every instruction set.
 *
 * Include after defining SW_KERNEL(name), which gives the functions their suffix.
 */
#include "bytes.h"
#include "numeric.h"

/* The decoder and the encoder each use some of these. */
#define SW_UNUSED __attribute__((unused))

static inline uint64_t sw_sign_mask(uint64_t v, unsigned bits) {
    return UINT64_C(0) - (v >> (bits - 1) & 1);
}

/* Integers that keep the order of the floats: negative values have their magnitude bits flipped.
 * The difference is counted away from zero on both sides, so a decayed row has one sign.
 */
#define SW_APPLY(TYPE, STYPE, LOAD, STORE, VALUE)                                                    \
    SW_UNUSED static void SW_KERNEL(apply_##TYPE)(const uint8_t *base, const VALUE *values, size_t count,      \
                                        bool is_float, uint8_t *out) {                               \
        const unsigned top = sizeof(TYPE) * 8 - 1;                                                   \
        if (base == NULL) {                                                                          \
            for (size_t i = 0; i < count; i++) {                                                     \
                STORE(out + i * sizeof(TYPE), (TYPE)values[i]);                                      \
            }                                                                                        \
        } else if (is_float) {                                                                       \
            for (size_t i = 0; i < count; i++) {                                                     \
                const TYPE b = LOAD(base + i * sizeof(TYPE));                                        \
                const TYPE sign = (TYPE)((STYPE)b >> top);                                           \
                const TYPE flip = (TYPE)(sign & ((TYPE)-1 >> 1));                                    \
                const TYPE moved = (TYPE)((b ^ flip) + (TYPE)(((TYPE)values[i] ^ sign) - sign));     \
                const TYPE back = (TYPE)((TYPE)((STYPE)moved >> top) & ((TYPE)-1 >> 1));             \
                STORE(out + i * sizeof(TYPE), (TYPE)(moved ^ back));                                 \
            }                                                                                        \
        } else {                                                                                     \
            for (size_t i = 0; i < count; i++) {                                                     \
                STORE(out + i * sizeof(TYPE), (TYPE)(LOAD(base + i * sizeof(TYPE)) + (TYPE)values[i])); \
            }                                                                                        \
        }                                                                                            \
    }

#define SW_LOAD8(p) (*(p))
#define SW_STORE8(p, v) (*(p) = (v))
SW_APPLY(uint8_t, int8_t, SW_LOAD8, SW_STORE8, uint32_t)
SW_APPLY(uint16_t, int16_t, sw_load16, sw_store16, uint32_t)
SW_APPLY(uint32_t, int32_t, sw_load32, sw_store32, uint32_t)
SW_APPLY(uint64_t, int64_t, sw_load64, sw_store64, uint64_t)

SW_UNUSED static void SW_KERNEL(apply)(const uint8_t *base, const void *values, size_t count,
                             const sw_numeric_header *h, uint8_t *out) {
    switch (h->shape.width) {
    case 1:
        SW_KERNEL(apply_uint8_t)(base, values, count, h->shape.is_float, out);
        break;
    case 2:
        SW_KERNEL(apply_uint16_t)(base, values, count, h->shape.is_float, out);
        break;
    case 4:
        SW_KERNEL(apply_uint32_t)(base, values, count, h->shape.is_float, out);
        break;
    default:
        SW_KERNEL(apply_uint64_t)(base, values, count, h->shape.is_float, out);
        break;
    }
}

/* Classes, before they choose a table: min(max(top - field, 0), 15). */
#define SW_CLASSES_OF(TYPE, LOAD)                                                                    \
    SW_UNUSED static void SW_KERNEL(classes_##TYPE)(const uint8_t *base, size_t count, unsigned shift,         \
                                          int32_t mask, int32_t top, uint8_t *classes) {             \
        for (size_t i = 0; i < count; i++) {                                                         \
            const int32_t field = (int32_t)(LOAD(base + i * sizeof(TYPE)) >> shift) & mask;          \
            const int32_t below = top - field;                                                       \
            classes[i] = (uint8_t)(below < 0 ? 0 : below > 15 ? 15 : below);                         \
        }                                                                                            \
    }

SW_CLASSES_OF(uint8_t, SW_LOAD8)
SW_CLASSES_OF(uint16_t, sw_load16)
SW_CLASSES_OF(uint32_t, sw_load32)
SW_CLASSES_OF(uint64_t, sw_load64)

SW_UNUSED static void SW_KERNEL(classes)(const uint8_t *base, size_t count, const sw_element_shape *s, unsigned top,
                               uint8_t *classes) {
    switch (s->width) {
    case 1:
        SW_KERNEL(classes_uint8_t)(base, count, s->class_shift, s->class_mask, (int32_t)top, classes);
        break;
    case 2:
        SW_KERNEL(classes_uint16_t)(base, count, s->class_shift, s->class_mask, (int32_t)top, classes);
        break;
    case 4:
        SW_KERNEL(classes_uint32_t)(base, count, s->class_shift, s->class_mask, (int32_t)top, classes);
        break;
    default:
        SW_KERNEL(classes_uint64_t)(base, count, s->class_shift, s->class_mask, (int32_t)top, classes);
        break;
    }
}
