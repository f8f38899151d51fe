/* Buckets by magnitude, and the values that get symbols of their own. */
#include <string.h>

#include "bytes.h"
#include "encode_block.h"
#include "histogram.h"

static unsigned bucket_of_magnitude(uint64_t magnitude, unsigned extra) {
    const unsigned n = sw_bit_length(magnitude) - 1;
    if (n <= extra) {
        return (unsigned)magnitude - 1;
    }
    const unsigned drop = n - extra;
    return (2u << extra) - 1 + ((drop - 1) << extra) + (unsigned)(magnitude >> drop & ((1u << extra) - 1));
}

unsigned sw_bucket_of_value(int64_t v, unsigned extra) {
    if (v == 0) {
        return 0;
    }
    const uint64_t magnitude = v < 0 ? UINT64_C(0) - (uint64_t)v : (uint64_t)v;
    return 1 + 2 * bucket_of_magnitude(magnitude, extra) + (v < 0);
}

/* Bucket numbers of the values near zero, by extra_bits. */
static uint8_t near_buckets[2][2 * SW_EXACT_REACH];

__attribute__((constructor)) static void fill_near_buckets(void) {
    for (unsigned extra = 0; extra < 2; extra++) {
        for (int32_t i = 0; i < 2 * SW_EXACT_REACH; i++) {
            near_buckets[extra][i] = (uint8_t)sw_bucket_of_value(i - SW_EXACT_REACH, extra);
        }
    }
}

void sw_fill_buckets(sw_encoder *e) {
    e->h.extra_bits = sw_is_wide(e) ? 0 : 1;
    for (unsigned i = 0; i < SW_FIRST_EXACT; i++) {
        unsigned bits;
        sw_bucket_range(i, e->h.extra_bits, &e->offset[i], &bits);
        e->bits[i] = (uint8_t)bits;
    }
    memcpy(e->w->symbol_of, near_buckets[e->h.extra_bits], sizeof e->w->symbol_of);
}

/* Keep the value if it gains more than the least of those kept. */
static void keep_exact(sw_encoder *e, int32_t value, uint64_t gain, uint64_t gains[SW_MAX_EXACT]) {
    unsigned at = e->exact_count;
    if (at == SW_MAX_EXACT) {
        if (gain <= gains[at - 1]) {
            return;
        }
        at--;
    } else {
        e->exact_count++;
    }
    for (; at > 0 && gains[at - 1] < gain; at--) {
        gains[at] = gains[at - 1];
        e->exact[at] = e->exact[at - 1];
    }
    gains[at] = gain;
    e->exact[at] = value;
}

/* The values of one bucket, counts[low .. high - 1], that stand out among their neighbours. */
static void gain_of_bucket(sw_encoder *e, const uint32_t *counts, unsigned bucket, int32_t low, int32_t high,
                           uint64_t gains[SW_MAX_EXACT]) {
    uint32_t in_bucket = 0;
    for (int32_t i = low; i < high; i++) {
        in_bucket += counts[i];
    }
    for (int32_t i = in_bucket < 8 ? high : low; i < high; i++) {
        /* Saved: the raw bits, less the surprise within the bucket. A symbol costs some 20 bits a table. */
        const uint64_t spread = (uint64_t)counts[i] << e->bits[bucket];
        if (counts[i] < 8 || spread <= 2 * (uint64_t)in_bucket) {
            continue;
        }
        const uint64_t gain = counts[i] * (sw_log2(spread) - sw_log2(in_bucket)) >> 16;
        if (gain >= 100) {
            keep_exact(e, i - SW_EXACT_REACH, gain, gains);
        }
    }
}

/* The header lists them rising. */
static void list_exact(sw_encoder *e) {
    for (unsigned i = 1; i < e->exact_count; i++) {
        const int32_t value = e->exact[i];
        unsigned at = i;
        for (; at > 0 && e->exact[at - 1] > value; at--) {
            e->exact[at] = e->exact[at - 1];
        }
        e->exact[at] = value;
    }
    memset(e->w->is_exact, 0, sizeof e->w->is_exact);
    for (unsigned i = 0; i < e->exact_count; i++) {
        const unsigned symbol = SW_FIRST_EXACT + i;
        const uint32_t at = (uint32_t)e->exact[i] + SW_EXACT_REACH;
        e->w->symbol_of[at] = (uint8_t)symbol;
        e->w->is_exact[at / 32] |= UINT32_C(1) << at % 32;
        e->offset[symbol] = (uint64_t)(int64_t)e->exact[i];
        e->bits[symbol] = 0;
    }
}

/* Up to four values. Zeros stand in no bucket with others, and where they are many they go by four. */
static inline void count_near(const int32_t *v, size_t count, unsigned step, uint32_t *counts) {
    if (count == 4 && (v[0] | v[1] | v[2] | v[3]) == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t at = (uint32_t)v[i] + SW_EXACT_REACH;
        if (at < 2 * SW_EXACT_REACH) {
            counts[at] += step;
        }
    }
}

/* Values that recur more often than their neighbours get symbols of their own. */
void sw_choose_exact(sw_encoder *e) {
    uint32_t *counts = e->w->exact_counts;
    e->exact_count = 0;
    memset(counts, 0, sizeof e->w->exact_counts);
    const int32_t *v = sw_narrow(e);
    const unsigned step = e->coded >= SW_SAMPLE_FROM ? SW_SAMPLE_STEP : 1;
    for (size_t g = 0; g < e->coded; g += step) {
        size_t first, last;
        sw_group_range(e, g, &first, &last);
        for (size_t i = first; i < last; i += 4) {
            count_near(v + i, last - i < 4 ? last - i : 4, step, counts);
        }
    }
    uint64_t gains[SW_MAX_EXACT];
    for (unsigned bucket = 1; bucket < SW_FIRST_EXACT && e->bits[bucket] < 16; bucket++) {
        const int32_t low = (int32_t)e->offset[bucket] + SW_EXACT_REACH;
        const int32_t high = low + (1 << e->bits[bucket]);
        if (e->bits[bucket] > 0 && low > 0 && high <= 2 * SW_EXACT_REACH) {
            gain_of_bucket(e, counts, bucket, low, high, gains);
        }
    }
    list_exact(e);
}
