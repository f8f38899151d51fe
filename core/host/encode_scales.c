/* Scale levels of groups. */
#include <string.h>

#include "bytes.h"
#include "encode_block.h"
#include "histogram.h"

/* Half octaves of a sum; for fields of floats, steps of half an exponent. */
static unsigned scale_of(const sw_encoder *e, uint64_t sum, size_t count) {
    if (!e->h.has_base && e->h.shape.is_float) {
        return (unsigned)(sum / count);
    }
    const unsigned length = sw_bit_length(sum);
    return length == 0 ? 0 : length * 2 + (length > 1 ? (unsigned)(sum >> (length - 2) & 1) : 0);
}

enum { SCALE_STEPS = 4096 };

/* The levels of all groups, from those of the coded ones. */
static void spread_levels(sw_encoder *e) {
    sw_encode_work *w = e->w;
    if (!e->h.zero_level) {
        memcpy(w->scales, w->levels, e->h.groups);
        return;
    }
    size_t coded = 0;
    for (size_t g = 0; g < e->h.groups; g++) {
        w->scales[g] = w->active[g] ? w->levels[coded] : 0;
        coded += w->active[g];
    }
}

void sw_choose_scales(sw_encoder *e) {
    if (e->level == SW_LEVEL_FAST) {
        e->h.scale_count = 1 + e->h.zero_level;
        memset(e->w->levels, e->h.zero_level, e->coded);
        spread_levels(e);
        return;
    }
    uint64_t *sums = e->w->sums;
    if (!e->h.zero_level) {
        const size_t groups64 = (e->h.elements + 63) / 64;
        for (size_t g = 0; g < groups64; g += 2) {
            sums[g / 2] = sums[g] + (g + 1 < groups64 ? sums[g + 1] : sums[g]);
        }
    }
    const size_t size = (size_t)1 << e->h.group_bits;
    unsigned levels = e->level == SW_LEVEL_MAX ? 7 : 6;
    uint32_t found[SCALE_STEPS] = {0};
    for (size_t g = 0; g < e->coded; g++) {
        const unsigned scale = scale_of(e, sums[g], size);
        found[scale < SCALE_STEPS ? scale : SCALE_STEPS - 1]++;
    }
    unsigned low = 0;
    unsigned high = SCALE_STEPS - 1;
    for (size_t below = found[0]; low < high && below <= e->coded / 64; below += found[low]) {
        low++;
    }
    for (size_t above = found[high]; high > low && above <= e->coded / 64; above += found[high]) {
        high--;
    }
    if (e->h.groups < 16) {
        levels = 1;
    }
    const unsigned span = high - low + 1;
    levels = levels < span ? levels : span;
    const unsigned step = (span + levels - 1) / levels;
    levels = (span + step - 1) / step;
    for (size_t g = 0; g < e->coded; g++) {
        const unsigned scale = scale_of(e, sums[g], size);
        const unsigned level = scale <= low ? 0 : (scale - low) / step;
        e->w->levels[g] = (uint8_t)((level < levels ? level : levels - 1) + e->h.zero_level);
    }
    e->h.scale_count = levels + e->h.zero_level;
    spread_levels(e);
}

/* How often each level follows each: four counts, so that equal neighbours do not wait for each other. */
static void count_pairs(const uint8_t *scales, size_t groups, uint32_t counts[SW_MAX_SCALES][SW_MAX_SCALES]) {
    uint32_t apart[4][SW_MAX_SCALES * SW_MAX_SCALES] = {{0}};
    unsigned last = 0;
    for (size_t g = 0; g < groups; g++) {
        apart[g % 4][last * SW_MAX_SCALES + scales[g]]++;
        last = scales[g];
    }
    for (unsigned i = 0; i < SW_MAX_SCALES * SW_MAX_SCALES; i++) {
        counts[i / SW_MAX_SCALES][i % SW_MAX_SCALES] = apart[0][i] + apart[1][i] + apart[2][i] + apart[3][i];
    }
}

/* Bits (in 1/65536) the levels of the groups take, each given the level before. */
static uint64_t scale_bits(uint32_t counts[SW_MAX_SCALES][SW_MAX_SCALES]) {
    uint64_t bits = 0;
    for (unsigned s = 0; s < SW_MAX_SCALES; s++) {
        bits += sw_entropy(counts[s], SW_MAX_SCALES);
    }
    return bits;
}

/* The same if all levels but zero were one. */
static uint64_t zero_bits(uint32_t counts[SW_MAX_SCALES][SW_MAX_SCALES]) {
    uint32_t joined[2][2] = {{0}};
    for (unsigned a = 0; a < SW_MAX_SCALES; a++) {
        for (unsigned b = 0; b < SW_MAX_SCALES; b++) {
            joined[a > 0][b > 0] += counts[a][b];
        }
    }
    return sw_entropy(joined[0], 2) + sw_entropy(joined[1], 2);
}

/* Among sparse changes a group's sum says little that its classes do not: then one level is cheaper. */
void sw_drop_idle_scales(sw_encoder *e) {
    const unsigned first = e->h.zero_level;
    if (e->h.scale_count <= first + 1) {
        return;
    }
    uint32_t pairs[SW_MAX_SCALES][SW_MAX_SCALES];
    count_pairs(e->w->scales, e->h.groups, pairs);
    uint64_t apart = scale_bits(pairs);
    uint64_t together = 0;
    const uint64_t table_bits = (uint64_t)100 << 16;
    for (unsigned c = 0; c < SW_CLASSES; c++) {
        uint32_t sum[SW_MAX_SYMBOLS];
        memset(sum, 0, e->symbol_limit * sizeof sum[0]);
        for (unsigned s = first; s < e->h.scale_count; s++) {
            const uint32_t *counts = e->w->counts[s * SW_CLASSES + c];
            const uint64_t bits = sw_entropy(counts, e->symbol_limit);
            apart += bits > 0 ? bits + table_bits : 0;
            for (unsigned i = 0; i < e->symbol_limit; i++) {
                sum[i] += counts[i];
            }
        }
        const uint64_t bits = sw_entropy(sum, e->symbol_limit);
        together += bits > 0 ? bits + table_bits : 0;
    }
    if (e->h.zero_level) {
        together += zero_bits(pairs);
    }
    if (apart < together) {
        return;
    }
    memset(e->w->levels, (int)first, e->coded);
    spread_levels(e);
    for (unsigned s = first + 1; s < e->h.scale_count; s++) {
        for (unsigned c = 0; c < SW_CLASSES; c++) {
            for (unsigned i = 0; i < e->symbol_limit; i++) {
                e->w->counts[first * SW_CLASSES + c][i] += e->w->counts[s * SW_CLASSES + c][i];
            }
            memset(e->w->counts[s * SW_CLASSES + c], 0, sizeof e->w->counts[0]);
        }
    }
    e->h.scale_count = first + 1;
}

/* Zeros of the groups that are left out, by the class that is given of them. */
static void count_zeros(const sw_encoder *e, uint32_t zeros[SW_CLASSES]) {
    const size_t size = (size_t)1 << e->h.group_bits;
    for (size_t g = 0; g < e->h.groups; g++) {
        const size_t first = g * size;
        const size_t last = first + size < e->h.elements ? first + size : e->h.elements;
        for (size_t i = first; i < last && !e->w->active[g]; i++) {
            zeros[e->given[i]]++;
        }
    }
}

bool sw_zero_level_is_idle(const sw_encoder *e) {
    if (!e->h.zero_level || !e->h.given_classes) {
        return false;
    }
    uint32_t zeros[SW_CLASSES] = {0};
    count_zeros(e, zeros);
    uint32_t pairs[SW_MAX_SCALES][SW_MAX_SCALES];
    count_pairs(e->w->scales, e->h.groups, pairs);
    uint64_t with = scale_bits(pairs);
    uint64_t without = 0;
    for (unsigned c = 0; c < SW_CLASSES; c++) {
        uint32_t sum[SW_MAX_SYMBOLS] = {0};
        for (unsigned s = 1; s < e->h.scale_count; s++) {
            const uint32_t *counts = e->w->counts[s * SW_CLASSES + c];
            with += sw_entropy(counts, e->symbol_limit) * e->sampled;
            for (unsigned i = 0; i < e->symbol_limit; i++) {
                sum[i] += counts[i] * e->sampled;
            }
        }
        sum[0] += zeros[c];
        without += sw_entropy(sum, e->symbol_limit);
    }
    return without < with;
}
