/* Symbols to values: offsets and raw bits. */
#include "bytes.h"
#include "numeric.h"

/* 57 or more bits from a bit position; only bytes below raw_size are read. */
static uint64_t load_bits(const sw_numeric_header *h, uint64_t position) {
    const uint64_t at = position >> 3;
    if (h->raw_size >= 8 && at <= h->raw_size - 8) {
        return sw_load64(h->raw + at) >> (position & 7);
    }
    uint64_t value = 0;
    for (uint64_t i = at; i < h->raw_size && i < at + 8; i++) {
        value |= (uint64_t)h->raw[i] << (8 * (i - at));
    }
    return value >> (position & 7);
}

#define SW_EXPAND(NAME, TYPE)                                                                             \
    uint64_t NAME(const sw_numeric_header *h, const sw_numeric_work *w, const uint8_t *symbols,           \
                  size_t count, uint64_t position, TYPE *values) {                                        \
        const unsigned shift = h->shift;                                                                  \
        if (h->most_bits == 0) {                                                                          \
            for (size_t i = 0; i < count; i++) {                                                          \
                values[i] = (TYPE)(w->symbol_offset[symbols[i]] << shift);                                \
            }                                                                                             \
            return position;                                                                              \
        }                                                                                                 \
        size_t i = 0;                                                                                     \
        /* Loads stay eight bytes inside for as long as the worst case of what is left allows. */        \
        const uint64_t limit = (uint64_t)h->raw_size * 8;                                                 \
        const uint64_t safe = limit > 64 ? limit - 64 : 0;                                                \
        if (position < safe && (safe - position) / h->most_bits >= count) {                               \
            for (; i < count; i++) {                                                                      \
                const uint8_t s = symbols[i];                                                             \
                const uint64_t window = sw_load64(h->raw + (position >> 3)) >> (position & 7);            \
                const unsigned bits = w->symbol_bits[s];                                                  \
                values[i] = (TYPE)((w->symbol_offset[s] + (window & ((UINT64_C(1) << bits) - 1))) << shift); \
                position += bits;                                                                         \
            }                                                                                             \
        }                                                                                                 \
        for (; i < count; i++) {                                                                          \
            const uint8_t s = symbols[i];                                                                 \
            const unsigned bits = w->symbol_bits[s];                                                      \
            const uint64_t window = bits > 0 && position < limit ? load_bits(h, position) : 0;                        \
            values[i] = (TYPE)((w->symbol_offset[s] + (window & ((UINT64_C(1) << bits) - 1))) << shift);  \
            position += bits;                                                                             \
        }                                                                                                 \
        return position;                                                                                  \
    }

SW_EXPAND(sw_expand32, uint32_t)
SW_EXPAND(sw_expand64, uint64_t)
