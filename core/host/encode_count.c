/* How often each context has each bucketed symbol. */
#include <string.h>

#include "bytes.h"
#include "encode_block.h"

enum { TALLY_STEP = 32 };

/* Small counters, so that all the tables in use stay in the first-level cache; even and odd elements count apart,
 * so that equal neighbours do not wait for each other. */
static void tally_group(sw_encode_work *w, unsigned scale, size_t first, size_t last) {
    uint16_t *even = w->tally[0][(size_t)scale * SW_CLASSES];
    uint16_t *odd = w->tally[1][(size_t)scale * SW_CLASSES];
    size_t i = first;
    for (; i + TALLY_STEP <= last; i += TALLY_STEP) {
        /* Places in the rows, made for many elements at once: compilers take vectors. */
        uint16_t at[TALLY_STEP];
        for (size_t k = 0; k < TALLY_STEP; k++) {
            at[k] = (uint16_t)(w->classes[i + k] * SW_MAX_SYMBOLS + w->symbols[i + k]);
        }
        for (size_t k = 0; k < TALLY_STEP; k += 2) {
            even[at[k]]++;
            odd[at[k + 1]]++;
        }
    }
    for (; i < last; i++) {
        even[(size_t)w->classes[i] * SW_MAX_SYMBOLS + w->symbols[i]]++;
    }
}

/* Adds the counts of one row's symbols from first to last - 1, and clears them. */
static void add_row(sw_encode_work *w, size_t row, unsigned first, unsigned last) {
    uint32_t *counts = w->counts[row];
    uint16_t *even = w->tally[0][row];
    uint16_t *odd = w->tally[1][row];
    for (unsigned s = first; s < last; s++) {
        counts[s] += (uint32_t)even[s] + odd[s];
        even[s] = 0;
        odd[s] = 0;
    }
}

/* Buckets stand at the front of a row, exact values behind all that could be buckets. */
static void add_tally(const sw_encoder *e, size_t rows) {
    const unsigned last_exact = SW_FIRST_EXACT + e->exact_count;
    for (size_t r = 0; r < rows; r++) {
        add_row(e->w, r, 0, e->bucket_limit);
        add_row(e->w, r, SW_FIRST_EXACT, last_exact);
    }
}

/* Elements, so that no counter overflows: half of them are even, and a group adds 4096 at most. */
enum { TALLY_MOST = 120000 };

typedef enum { EVERY_GROUP, SAMPLED_GROUPS, OTHER_GROUPS } tally_which;

static void tally_block(sw_encoder *e, tally_which which) {
    sw_encode_work *w = e->w;
    const size_t rows = (size_t)e->h.scale_count * SW_CLASSES;
    const unsigned step = sw_sample_step(e);
    size_t tallied = 0;
    for (size_t g = 0; g < e->coded; g++) {
        if (which != EVERY_GROUP && (g % step == 0) != (which == SAMPLED_GROUPS)) {
            continue;
        }
        size_t first, last;
        sw_group_range(e, g, &first, &last);
        tally_group(w, w->levels[g], first, last);
        tallied += last - first;
        if (tallied > TALLY_MOST) {
            add_tally(e, rows);
            tallied = 0;
        }
    }
    add_tally(e, rows);
}

/* Values other than zero from which on a sample will do at level fast. */
enum { FAST_ENOUGH = 6144 };

/* A sample will do if most of it is not zero: where changes are rare, every count counts. */
static bool sample_is_rich(const sw_encoder *e) {
    const size_t rows = (size_t)e->h.scale_count * SW_CLASSES;
    uint64_t zero = 0;
    uint64_t all = 0;
    for (size_t r = 0; r < rows; r++) {
        zero += e->w->counts[r][0];
        for (unsigned s = 0; s < e->symbol_limit; s++) {
            all += e->w->counts[r][s];
        }
    }
    return e->level == SW_LEVEL_FAST ? all - zero >= FAST_ENOUGH : zero < all / 2;
}

/* The top bit of every byte that is not zero. */
static inline uint64_t nonzero_bytes(uint64_t v) {
    const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F);
    return (v | ((v & low) + low)) & ~low;
}

/* Nonzero symbols one by one, for the groups that the sample left out. */
static void count_nonzero(sw_encoder *e) {
    const sw_encode_work *w = e->w;
    const unsigned step = sw_sample_step(e);
    for (size_t g = 0; g < e->coded; g++) {
        if (g % step == 0) {
            continue;
        }
        size_t first, last;
        sw_group_range(e, g, &first, &last);
        uint32_t(*counts)[SW_MAX_SYMBOLS] = &e->w->counts[(size_t)w->levels[g] * SW_CLASSES];
        size_t i = first;
        for (; i + 8 <= last; i += 8) {
            for (uint64_t left = nonzero_bytes(sw_load64(w->symbols + i)); left != 0; left &= left - 1) {
                const size_t k = i + ((size_t)__builtin_ctzll(left) >> 3);
                counts[w->classes[k]][w->symbols[k]]++;
            }
        }
        for (; i < last; i++) {
            counts[w->classes[i]][w->symbols[i]] += w->symbols[i] != 0;
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
            e->w->counts[r][0] *= sw_sample_step(e);
        }
        count_nonzero(e);
        allow_zero(e);
    } else if (e->level == SW_LEVEL_FAST) {
        e->sampled = sw_sample_step(e);
    } else {
        tally_block(e, OTHER_GROUPS);
    }
}
