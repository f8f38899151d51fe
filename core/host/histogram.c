#include "histogram.h"

#include <stdbool.h>

#include "bytes.h"
#include "numeric.h"

enum { LOG_STEPS = 12 };

/* log2(1 + i / 4096) in 1/65536, by repeated squaring. */
static uint16_t log_table[1 << LOG_STEPS];

__attribute__((constructor)) static void fill_log_table(void) {
    for (uint32_t i = 0; i < 1u << LOG_STEPS; i++) {
        uint64_t x = (UINT64_C(1) << 31) + ((uint64_t)i << (31 - LOG_STEPS));
        uint32_t log = 0;
        for (int bit = 0; bit < 16; bit++) {
            x = x * x >> 31;
            log <<= 1;
            if (x >> 32) {
                x >>= 1;
                log |= 1;
            }
        }
        log_table[i] = (uint16_t)log;
    }
}

uint64_t sw_log2(uint64_t v) {
    const unsigned length = sw_bit_length(v) - 1;
    const uint64_t top = length > LOG_STEPS ? v >> (length - LOG_STEPS) : v << (LOG_STEPS - length);
    return ((uint64_t)length << 16) + log_table[top & ((1u << LOG_STEPS) - 1)];
}

static uint64_t entropy_from(uint64_t total, uint64_t weighted) {
    const uint64_t whole = total > 0 ? total * sw_log2(total) : 0;
    return whole > weighted ? whole - weighted : 0;
}

uint64_t sw_entropy(const uint32_t *counts, size_t size) {
    uint64_t total = 0;
    uint64_t weighted = 0;
    for (size_t i = 0; i < size; i++) {
        if (counts[i] > 0) {
            total += counts[i];
            weighted += counts[i] * sw_log2(counts[i]);
        }
    }
    return entropy_from(total, weighted);
}

uint64_t sw_entropy_of_sum(const uint32_t *a, const uint32_t *b, size_t size) {
    uint64_t total = 0;
    uint64_t weighted = 0;
    for (size_t i = 0; i < size; i++) {
        const uint64_t count = (uint64_t)a[i] + b[i];
        if (count > 0) {
            total += count;
            weighted += count * sw_log2(count);
        }
    }
    return entropy_from(total, weighted);
}

/* v with SW_FREQUENCY_DIGITS digits below its leading one. */
static uint32_t shorten(uint32_t v) {
    const unsigned length = sw_bit_length(v);
    if (length <= SW_FREQUENCY_DIGITS + 1) {
        return v;
    }
    const unsigned drop = length - SW_FREQUENCY_DIGITS - 1;
    return v >> drop << drop;
}

unsigned sw_normalise(const uint32_t *counts, size_t size, unsigned table_bits, uint16_t *frequencies) {
    uint64_t total = 0;
    unsigned largest = 0;
    for (unsigned i = 0; i < size; i++) {
        total += counts[i];
        if (counts[i] > counts[largest]) {
            largest = i;
        }
    }
    const uint32_t sum = 1u << table_bits;
    uint32_t used = 0;
    for (unsigned i = 0; i < size; i++) {
        frequencies[i] = 0;
        if (i != largest && counts[i] > 0) {
            const uint32_t wanted = (uint32_t)((((uint64_t)counts[i] << table_bits) + total / 2) / total);
            /* Rounded to nearest before the low digits are dropped. */
            const unsigned length = sw_bit_length(wanted);
            const uint32_t half = length > SW_FREQUENCY_DIGITS + 1 ? 1u << (length - SW_FREQUENCY_DIGITS - 2) : 0;
            frequencies[i] = (uint16_t)(wanted > 1 ? shorten(wanted + half) : 1);
            used += frequencies[i];
        }
    }
    /* Many rare symbols can take more than there is: the commonest of them give back. */
    while (used >= sum) {
        unsigned widest = largest == 0 ? 1 : 0;
        for (unsigned i = 0; i < size; i++) {
            if (i != largest && frequencies[i] > frequencies[widest]) {
                widest = i;
            }
        }
        const uint16_t cut = (uint16_t)shorten((uint32_t)(frequencies[widest] - 1u));
        used -= (uint32_t)(frequencies[widest] - cut);
        frequencies[widest] = cut;
    }
    frequencies[largest] = (uint16_t)(sum - used);
    return largest;
}
