/* Index of anchors: short pieces of the base, one every `step` bytes, found by their content. */
#ifndef SW_MATCH_INDEX_H
#define SW_MATCH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

typedef struct {
    unsigned anchor; /* bytes of an anchor: 8, 16, 24 or 32 */
    size_t step;
    unsigned bits;
    uint32_t *starts;  /* 2^bits + 1: first entry of each bucket */
    uint32_t *entries; /* base offset / step, ascending in a bucket */
    uint64_t *filter;  /* 2^(bits + 5) bits, four of one word for an anchor: is there one with this hash at all */
} sw_match_index;

/* False when out of memory. */
bool sw_match_index_open(sw_match_index *index, const uint8_t *base, size_t size, size_t memory_limit);
void sw_match_index_close(sw_match_index *index);

static inline uint64_t sw_anchor_hash(const uint8_t *p, unsigned anchor) {
    uint64_t h = sw_load64(p) * UINT64_C(0x9E3779B97F4A7C15);
    for (unsigned i = 8; i < anchor; i += 8) {
        h = (h ^ h >> 29 ^ sw_load64(p + i)) * UINT64_C(0xD6E8FEB86659FD93);
    }
    h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

static inline size_t sw_filter_word(const sw_match_index *index, uint64_t hash) {
    return (size_t)(hash >> (65 - index->bits));
}

static inline uint64_t sw_filter_mask(uint64_t hash) {
    return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) | UINT64_C(1) << (hash >> 12 & 63) |
           UINT64_C(1) << (hash >> 18 & 63);
}

static inline bool sw_match_index_may_have(const sw_match_index *index, uint64_t hash) {
    const uint64_t mask = sw_filter_mask(hash);
    return (index->filter[sw_filter_word(index, hash)] & mask) == mask;
}

#endif
