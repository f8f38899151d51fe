/* How often each context has each bucketed symbol. */
#include <string.h>

#include "bytes.h"
#include "encode_block.h"

/* Small counters, so that all the tables in use stay in the first-level cache; even and odd elements count apart,
 * so that equal neighbours do not wait for each other. */
static void tally_group(sw_encode_work *w, unsigned scale, size_t first, size_t last) {
    uint16_t *even = w->tally[0][(size_t)scale * SW_CLASSES];
    uint16_t *odd = w->tally[1][(size_t)scale * SW_CLASSES];
    size_t i = first;
    for (; i + 2 <= last; i += 2) {
        even[(size_t)w->classes[i] * SW_MAX_SYMBOLS + w->symbols[i]]++;
        odd[(size_t)w->classes[i + 1] * SW_MAX_SYMBOLS + w->symbols[i + 1]]++;
    }
    if (i < last) {
        even[(size_t)w->classes[i] * SW_MAX_SYMBOLS + w->symbols[i]]++;
    }
}

static void add_tally(sw_encode_work *w, size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        for (unsigned s = 0; s < SW_MAX_SYMBOLS; s++) {
            w->counts[r][s] += (uint32_t)w->tally[0][r][s] + w->tally[1][r][s];
        }
    }
    memset(w->tally[0], 0, rows * sizeof w->tally[0][0]);
    memset(w->tally[1], 0, rows * sizeof w->tally[1][0]);
}

enum { TALLY_MOST = 60000 }; /* elements, so that no counter overflows: a group adds 4096 at most */

typedef enum { EVERY_GROUP, SAMPLED_GROUPS, OTHER_GROUPS } tally_which;

static void tally_block(sw_encoder *e, tally_which which) {
    sw_encode_work *w = e->w;
    const size_t rows = (size_t)e->h.scale_count * SW_CLASSES;
    size_t tallied = 0;
    for (size_t g = 0; g < e->coded; g++) {
        if (which != EVERY_GROUP && (g % SW_SAMPLE_STEP == 0) != (which == SAMPLED_GROUPS)) {
            continue;
        }
        size_t first, last;
        sw_group_range(e, g, &first, &last);
        tally_group(w, w->levels[g], first, last);
        tallied += last - first;
        if (tallied > TALLY_MOST) {
            add_tally(w, rows);
            tallied = 0;
        }
    }
    add_tally(w, rows);
}

/* A sample will do if most of it is not zero: where changes are rare, every count counts. */
static bool sample_is_rich(const sw_encoder *e) {
    const size_t rows = (size_t)e->h.scale_count * SW_CLASSES;
    uint64_t zero = 0;
    uint64_t all = 0;
    for (size_t r = 0; r < rows; r++) {
        zero += e->w->counts[r][0];
        for (unsigned s = 0; s < SW_MAX_SYMBOLS; s++) {
            all += e->w->counts[r][s];
        }
    }
    return zero < all / 2;
}

/* Nonzero symbols one by one, for the groups that the sample left out. */
static void count_nonzero(sw_encoder *e) {
    const sw_encode_work *w = e->w;
    for (size_t g = 0; g < e->coded; g++) {
        if (g % SW_SAMPLE_STEP == 0) {
            continue;
        }
        size_t first, last;
        sw_group_range(e, g, &first, &last);
        uint32_t(*counts)[SW_MAX_SYMBOLS] = &e->w->counts[(size_t)w->levels[g] * SW_CLASSES];
        for (size_t i = first; i < last; i += 8) {
            const size_t n = last - i < 8 ? last - i : 8;
            for (uint64_t left = n == 8 ? sw_load64(w->symbols + i) : 1, k = 0; left != 0 && k < n; k++) {
                counts[w->classes[i + k]][w->symbols[i + k]] += w->symbols[i + k] != 0;
            }
        }
    }
}

/* Every context in use can say zero, in case the sample saw none. */
static void allow_zero(sw_encoder *e) {
    for (size_t r = 0; r < (size_t)e->h.scale_count * SW_CLASSES; r++) {
        uint32_t *counts = e->w->counts[r];
        uint32_t any = 0;
        for (unsigned s = 0; s < e->symbol_limit; s++) {
            any |= counts[s];
        }
        counts[0] += any != 0 && counts[0] == 0;
    }
}

void sw_count_symbols(sw_encoder *e) {
    const size_t rows = (size_t)e->h.scale_count * SW_CLASSES;
    memset(e->w->tally[0], 0, rows * sizeof e->w->tally[0][0]);
    memset(e->w->tally[1], 0, rows * sizeof e->w->tally[1][0]);
    if (e->level == SW_LEVEL_MAX || e->coded < SW_SAMPLE_FROM) {
        tally_block(e, EVERY_GROUP);
        return;
    }
    tally_block(e, SAMPLED_GROUPS);
    if (!sample_is_rich(e)) {
        /* A sample says enough of the zeros, but each rare symbol counts. */
        for (size_t r = 0; r < rows; r++) {
            e->w->counts[r][0] *= SW_SAMPLE_STEP;
        }
        count_nonzero(e);
        allow_zero(e);
    } else if (e->level == SW_LEVEL_FAST) {
        e->sampled = SW_SAMPLE_STEP;
    } else {
        tally_block(e, OTHER_GROUPS);
    }
}
