/* The encoder's element loops, compiled once for every instruction set. Define SW_KERNEL(name) first. */
#include "numeric_encode.h"
#include "numeric_kernels.h"
#include "rans_step.h"

SW_UNUSED static size_t SW_KERNEL(active)(const uint8_t *base, const uint8_t *target, size_t groups, size_t bytes,
                                          uint8_t *active) {
    size_t count = 0;
    for (size_t g = 0; g < groups; g++) {
        uint64_t any = 0;
        for (size_t at = g * bytes; at < (g + 1) * bytes && any == 0; at += 64) {
            for (size_t k = at; k < at + 64; k += 8) {
                any |= sw_load64(target + k) ^ (base == NULL ? 0 : sw_load64(base + k));
            }
        }
        active[g] = any != 0;
        count += any != 0;
    }
    return count;
}

#define SW_DIFFERENCES(TYPE, STYPE, LOAD, VALUE)                                                       \
    SW_UNUSED static uint64_t SW_KERNEL(differences_##TYPE)(const uint8_t *base, const uint8_t *target, size_t count, \
                                                            bool is_float, VALUE *values) {            \
        TYPE any = 0;                                                                                  \
        const unsigned top = sizeof(TYPE) * 8 - 1;                                                     \
        if (base == NULL) {                                                                            \
            for (size_t i = 0; i < count; i++) {                                                       \
                const TYPE v = LOAD(target + i * sizeof(TYPE));                                        \
                any |= v;                                                                              \
                values[i] = (VALUE)(STYPE)v;                                                           \
            }                                                                                          \
        } else if (is_float) {                                                                         \
            for (size_t i = 0; i < count; i++) {                                                       \
                const TYPE b = LOAD(base + i * sizeof(TYPE));                                          \
                const TYPE t = LOAD(target + i * sizeof(TYPE));                                        \
                const TYPE sign = (TYPE)((STYPE)b >> top);                                             \
                const TYPE flip_b = (TYPE)(sign & ((TYPE)-1 >> 1));                                    \
                const TYPE flip_t = (TYPE)((TYPE)((STYPE)t >> top) & ((TYPE)-1 >> 1));                 \
                const TYPE moved = (TYPE)((TYPE)(t ^ flip_t) - (TYPE)(b ^ flip_b));                    \
                const TYPE v = (TYPE)((moved ^ sign) - sign);                                          \
                any |= v;                                                                              \
                values[i] = (VALUE)(STYPE)v;                                                           \
            }                                                                                          \
        } else {                                                                                       \
            for (size_t i = 0; i < count; i++) {                                                       \
                const TYPE v = (TYPE)(LOAD(target + i * sizeof(TYPE)) - LOAD(base + i * sizeof(TYPE))); \
                any |= v;                                                                              \
                values[i] = (VALUE)(STYPE)v;                                                           \
            }                                                                                          \
        }                                                                                              \
        return any;                                                                                    \
    }

SW_DIFFERENCES(uint8_t, int8_t, SW_LOAD8, int32_t)
SW_DIFFERENCES(uint16_t, int16_t, sw_load16, int32_t)
SW_DIFFERENCES(uint32_t, int32_t, sw_load32, int32_t)
SW_DIFFERENCES(uint64_t, int64_t, sw_load64, int64_t)

SW_UNUSED static uint64_t SW_KERNEL(differences)(const uint8_t *base, const uint8_t *target, size_t count,
                                                 const sw_element_shape *shape, void *values) {
    switch (shape->width) {
    case 1:
        return SW_KERNEL(differences_uint8_t)(base, target, count, shape->is_float, values);
    case 2:
        return SW_KERNEL(differences_uint16_t)(base, target, count, shape->is_float, values);
    case 4:
        return SW_KERNEL(differences_uint32_t)(base, target, count, shape->is_float, values);
    default:
        return SW_KERNEL(differences_uint64_t)(base, target, count, shape->is_float, values);
    }
}

SW_UNUSED static void SW_KERNEL(group_sums)(const int32_t *values, const uint8_t *classes, size_t count, uint64_t *sums) {
    for (size_t start = 0; start < count; start += 64) {
        const size_t n = count - start < 64 ? count - start : 64;
        uint64_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            const int32_t v = values[start + i];
            const uint32_t magnitude = v < 0 ? 0u - (uint32_t)v : (uint32_t)v;
            sum += (uint64_t)magnitude << (15 - classes[start + i]);
        }
        sums[start / 64] = sum;
    }
}

SW_UNUSED static unsigned SW_KERNEL(buckets)(const int32_t *values, size_t count, const sw_exact_values *exact,
                                             uint8_t *symbols, sw_bit_writer *raw) {
    unsigned largest = 0;
    sw_bit_writer out = *raw;
    for (size_t i = 0; i < count; i++) {
        const int32_t v = values[i];
        const uint32_t negative = (uint32_t)v >> 31;
        const uint32_t magnitude = ((uint32_t)v ^ (0u - negative)) + negative;
        const uint32_t at = (uint32_t)v + SW_EXACT_REACH;
        if (exact != NULL && at < 2 * SW_EXACT_REACH && (exact->is_exact[at / 32] >> at % 32 & 1) != 0) {
            symbols[i] = exact->symbol_of[at];
            continue;
        }
        unsigned symbol = 2 * magnitude - (magnitude > 0) + negative;
        if (magnitude > 3) {
            /* Half octaves: the leading one and the bit below it. */
            const unsigned bits = 30u - (unsigned)__builtin_clz(magnitude);
            symbol = 1 + 2 * (2 * bits - 1 + (magnitude >> bits)) + negative;
            sw_put_bits(&out, ((uint32_t)v - negative) & ((1u << bits) - 1), bits);
        }
        symbols[i] = (uint8_t)symbol;
        largest = symbol > largest ? symbol : largest;
    }
    *raw = out;
    return largest;
}

SW_UNUSED static uint8_t *SW_KERNEL(rans32)(uint32_t states[SW_MAX_LANES], uint8_t *at, const sw_rans_input *in,
                                            const uint8_t table_of[SW_CLASSES], size_t first, size_t count) {
    for (size_t i = first + count; i > first;) {
        for (unsigned lane = 32; lane-- > 0;) {
            i--;
            const sw_encode_symbol *s = &in->encode[table_of[in->classes[i]]][in->symbols[i]];
            states[lane] = sw_rans_step(states[lane], s, in->table_bits, &at);
        }
    }
    return at;
}

/* Of 64 elements, as bits; a group without change is passed over by words. */
SW_UNUSED static uint64_t SW_KERNEL(differing)(const uint8_t *base, const uint8_t *target, size_t width) {
    uint64_t any = 0;
    for (size_t k = 0; k < 64 * width; k += 8) {
        any |= sw_load64(base + k) ^ sw_load64(target + k);
    }
    uint64_t mask = 0;
    for (size_t i = 0; i < 64 && any != 0; i++) {
        mask |= (uint64_t)(memcmp(base + i * width, target + i * width, width) != 0) << i;
    }
    return mask;
}

#define SW_CHANGES(WIDTH)                                                                                            \
    SW_UNUSED static size_t SW_KERNEL(changes##WIDTH)(const uint8_t *base, const uint8_t *target, size_t count,      \
                                                      uint64_t *changed) {                                           \
        size_t found = 0;                                                                                            \
        for (size_t at = 0; at < count; at += 64) {                                                                  \
            changed[at / 64] = SW_KERNEL(differing)(base + at * (WIDTH), target + at * (WIDTH), (WIDTH));            \
            found += (size_t)__builtin_popcountll(changed[at / 64]);                                                 \
        }                                                                                                            \
        return found;                                                                                                \
    }

SW_CHANGES(1)
SW_CHANGES(2)
SW_CHANGES(4)
SW_CHANGES(8)

SW_UNUSED static size_t SW_KERNEL(changes)(const uint8_t *base, const uint8_t *target, size_t count, unsigned width,
                                           uint64_t *changed) {
    switch (width) {
    case 1:
        return SW_KERNEL(changes1)(base, target, count, changed);
    case 2:
        return SW_KERNEL(changes2)(base, target, count, changed);
    case 4:
        return SW_KERNEL(changes4)(base, target, count, changed);
    default:
        return SW_KERNEL(changes8)(base, target, count, changed);
    }
}
