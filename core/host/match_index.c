#include "match_index.h"

#include <stdlib.h>

enum {
    BYTES_PER_ANCHOR = 9, /* of memory: bucket start 4, entry 4, filter 1 */
    LEAST_ANCHORS = 256,
    MOST_ANCHORS = 1 << 23 /* more would make the index slower than the search */
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
    most = most > MOST_ANCHORS ? MOST_ANCHORS : most;
    x->step = size / most + 1;
    if (size <= 1 << 20 && x->step == 1) {
        x->anchor = 8;
    } else if (x->step <= 4) {
        x->anchor = 16;
    } else {
        x->anchor = x->step <= 16 ? 24 : 32;
    }
}

bool sw_match_index_open(sw_match_index *x, const uint8_t *base, size_t size, size_t memory_limit) {
    choose_sampling(x, size, memory_limit);
    const size_t count = size < x->anchor ? 0 : (size - x->anchor) / x->step + 1;
    x->bits = count < LEAST_ANCHORS ? 8 : sw_bit_length(count) - 1;
    const size_t buckets = (size_t)1 << x->bits;
    x->starts = calloc(buckets + 1, sizeof *x->starts);
    x->filter = calloc(buckets / 8, sizeof *x->filter);
    x->entries = NULL;
    if (x->starts == NULL || x->filter == NULL) {
        sw_match_index_close(x);
        return false;
    }
    const unsigned shift = 64 - x->bits;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = base + i * x->step;
        if (!is_degenerate(p, x->anchor)) {
            const uint64_t hash = sw_anchor_hash(p, x->anchor);
            const uint64_t bit = hash >> (61 - x->bits);
            x->filter[bit >> 6] |= UINT64_C(1) << (bit & 63);
            x->starts[hash >> shift]++;
            kept++;
        }
    }
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
    /* Backwards, so that each bucket's end moves down to its start and its entries ascend. */
    for (size_t i = count; i-- > 0;) {
        const uint8_t *p = base + i * x->step;
        if (!is_degenerate(p, x->anchor)) {
            x->entries[--x->starts[sw_anchor_hash(p, x->anchor) >> shift]] = (uint32_t)i;
        }
    }
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
