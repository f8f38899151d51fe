#include "match_index.h"

#include <stdlib.h>

enum {
    BYTES_PER_ANCHOR = 12, /* of memory, at most: bucket start 4, entry 4, filter 4 */
    LEAST_ANCHORS = 256,
    MANY_ANCHORS = 1 << 22, /* more would make the index slower than the search, but for a very large base */
    WIDEST_STEP = 128,
    BATCH = 64
};

/* All-equal bytes and short periods: they occur everywhere and say nothing about where they come from. */
static bool is_degenerate(const uint8_t *p, unsigned anchor) {
    const uint64_t first = sw_load64(p);
    for (unsigned i = 8; i < anchor; i += 8) {
        if (sw_load64(p + i) != first) {
            return false;
        }
    }
    return anchor > 8 || first == (first >> 8 | first << 56);
}

static void choose_sampling(sw_match_index *x, size_t size, size_t memory_limit) {
    size_t most = memory_limit / BYTES_PER_ANCHOR;
    most = most < LEAST_ANCHORS ? LEAST_ANCHORS : most;
    const size_t enough = size / WIDEST_STEP > MANY_ANCHORS ? size / WIDEST_STEP : MANY_ANCHORS;
    most = most > enough ? enough : most;
    x->step = size / most + 1;
    if (size <= 1 << 20 && x->step == 1) {
        x->anchor = 8;
    } else if (x->step <= 4) {
        x->anchor = 16;
    } else {
        x->anchor = x->step <= 16 ? 24 : 32;
    }
}

typedef struct {
    size_t count;
    uint64_t hash[BATCH];
    uint32_t entry[BATCH];
} batch;

/* Hashes of the anchors [from, to) worth keeping. Memory is asked for a batch at a time, not one wait an anchor. */
static void hash_batch(const sw_match_index *x, const uint8_t *base, size_t from, size_t to, batch *b) {
    b->count = 0;
    for (size_t i = from; i < to; i++) {
        const uint8_t *p = base + i * x->step;
        if (!is_degenerate(p, x->anchor)) {
            const uint64_t hash = sw_anchor_hash(p, x->anchor);
            b->hash[b->count] = hash;
            b->entry[b->count++] = (uint32_t)i;
            __builtin_prefetch(&x->starts[hash >> (64 - x->bits)], 1);
        }
    }
}

static size_t count_anchors(sw_match_index *x, const uint8_t *base, size_t count) {
    size_t kept = 0;
    batch b;
    for (size_t from = 0; from < count; from += BATCH) {
        hash_batch(x, base, from, count - from < BATCH ? count : from + BATCH, &b);
        for (size_t i = 0; i < b.count; i++) {
            __builtin_prefetch(&x->filter[sw_filter_word(x, b.hash[i])], 1);
        }
        for (size_t i = 0; i < b.count; i++) {
            x->starts[b.hash[i] >> (64 - x->bits)]++;
            x->filter[sw_filter_word(x, b.hash[i])] |= sw_filter_mask(b.hash[i]);
        }
        kept += b.count;
    }
    return kept;
}

/* Backwards, so that each bucket's end moves down to its start and its entries ascend. */
static void place_anchors(sw_match_index *x, const uint8_t *base, size_t count) {
    batch b;
    for (size_t to = count; to > 0; to = to < BATCH ? 0 : to - BATCH) {
        hash_batch(x, base, to < BATCH ? 0 : to - BATCH, to, &b);
        for (size_t i = b.count; i-- > 0;) {
            __builtin_prefetch(&x->entries[x->starts[b.hash[i] >> (64 - x->bits)] - 1], 1);
        }
        for (size_t i = b.count; i-- > 0;) {
            x->entries[--x->starts[b.hash[i] >> (64 - x->bits)]] = b.entry[i];
        }
    }
}

bool sw_match_index_open(sw_match_index *x, const uint8_t *base, size_t size, size_t memory_limit) {
    choose_sampling(x, size, memory_limit);
    const size_t count = size < x->anchor ? 0 : (size - x->anchor) / x->step + 1;
    x->bits = count < LEAST_ANCHORS ? 8 : sw_bit_length(count) - 1;
    const size_t buckets = (size_t)1 << x->bits;
    x->starts = calloc(buckets + 1, sizeof *x->starts);
    x->filter = calloc(buckets / 2, sizeof *x->filter);
    x->entries = NULL;
    if (x->starts == NULL || x->filter == NULL) {
        sw_match_index_close(x);
        return false;
    }
    const size_t kept = count_anchors(x, base, count);
    x->entries = malloc((kept + 1) * sizeof *x->entries);
    if (x->entries == NULL) {
        sw_match_index_close(x);
        return false;
    }
    uint32_t sum = 0;
    for (size_t i = 0; i <= buckets; i++) {
        sum += x->starts[i];
        x->starts[i] = sum;
    }
    place_anchors(x, base, count);
    return true;
}

void sw_match_index_close(sw_match_index *x) {
    free(x->starts);
    free(x->entries);
    free(x->filter);
    x->starts = NULL;
    x->entries = NULL;
    x->filter = NULL;
}
