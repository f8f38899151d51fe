#include "table_choice.h"

#include <string.h>

#include "histogram.h"
#include "numeric_encode.h"

enum { MAX_CLUSTERS = SW_MAX_SCALES * SW_CLASSES };

typedef struct {
    uint32_t (*counts)[SW_MAX_SYMBOLS];
    unsigned size;                       /* symbols up to the last one used */
    unsigned count;
    uint8_t at[MAX_CLUSTERS];            /* row of counts that holds the cluster */
    uint64_t bits[MAX_CLUSTERS];
    uint8_t cluster_of[MAX_CLUSTERS];    /* by context; 255 for one that never occurs */
} clusters;

static void add(uint32_t *to, const uint32_t *from, unsigned size) {
    for (unsigned i = 0; i < size; i++) {
        to[i] += from[i];
    }
}

/* What a table's header takes: some five bits a used symbol. */
static uint64_t table_cost(const uint32_t *counts, unsigned size) {
    unsigned used = 0;
    for (unsigned i = 0; i < size; i++) {
        used += counts[i] > 0;
    }
    return (uint64_t)(8 + 5 * used) << 16;
}

/* Along one scale level, neighbouring classes join while joining is cheaper. */
static void cluster_level(clusters *c, unsigned level, unsigned classes) {
    bool open = false;
    for (unsigned k = 0; k < classes; k++) {
        const unsigned context = level * SW_CLASSES + k;
        const uint32_t *counts = c->counts[context];
        uint64_t total = 0;
        for (unsigned i = 0; i < c->size; i++) {
            total += counts[i];
        }
        c->cluster_of[context] = 255;
        if (total == 0) {
            continue;
        }
        const uint64_t bits = sw_entropy(counts, c->size);
        if (open) {
            const unsigned last = c->count - 1;
            const uint64_t joined = sw_entropy_of_sum(c->counts[c->at[last]], counts, c->size);
            if (joined <= c->bits[last] + bits + table_cost(counts, c->size)) {
                add(c->counts[c->at[last]], counts, c->size);
                c->bits[last] = joined;
                c->cluster_of[context] = (uint8_t)last;
                continue;
            }
        }
        open = true;
        c->at[c->count] = (uint8_t)context;
        c->bits[c->count] = bits;
        c->cluster_of[context] = (uint8_t)c->count++;
    }
}

static void join(clusters *c, unsigned into, unsigned from, uint64_t bits) {
    add(c->counts[c->at[into]], c->counts[c->at[from]], c->size);
    c->bits[into] = bits;
    c->count--;
    for (unsigned i = 0; i < MAX_CLUSTERS; i++) {
        if (c->cluster_of[i] == from) {
            c->cluster_of[i] = (uint8_t)into;
        } else if (c->cluster_of[i] != 255 && c->cluster_of[i] > from) {
            c->cluster_of[i]--;
        }
    }
    for (unsigned i = from; i < c->count; i++) {
        c->at[i] = c->at[i + 1];
        c->bits[i] = c->bits[i + 1];
    }
}

/* Any two clusters join while that is cheaper, the best partner of each first. */
static void cluster_pairs(clusters *c) {
    for (unsigned a = 0; a + 1 < c->count;) {
        uint64_t best_gain = 0;
        uint64_t best_bits = 0;
        unsigned best = 0;
        for (unsigned b = a + 1; b < c->count; b++) {
            const uint64_t joined = sw_entropy_of_sum(c->counts[c->at[a]], c->counts[c->at[b]], c->size);
            const uint64_t apart = c->bits[a] + c->bits[b] + table_cost(c->counts[c->at[b]], c->size);
            if (apart > joined && apart - joined > best_gain) {
                best_gain = apart - joined;
                best_bits = joined;
                best = b;
            }
        }
        if (best_gain > 0) {
            join(c, a, best, best_bits);
        } else {
            a++;
        }
    }
}

/* Too many tables: the last ones join their neighbours. */
static void limit_tables(clusters *c, unsigned most) {
    while (c->count > most) {
        const unsigned last = c->count - 1;
        join(c, last - 1, last,
             sw_entropy_of_sum(c->counts[c->at[last - 1]], c->counts[c->at[last]], c->size));
    }
}

static unsigned symbols_used(uint32_t (*counts)[SW_MAX_SYMBOLS], unsigned rows) {
    uint32_t used[SW_MAX_SYMBOLS] = {0};
    for (unsigned k = 0; k < rows; k++) {
        for (unsigned s = 0; s < SW_MAX_SYMBOLS; s++) {
            used[s] |= counts[k][s];
        }
    }
    unsigned size = SW_MAX_SYMBOLS;
    while (size > 0 && used[size - 1] == 0) {
        size--;
    }
    return size;
}

uint64_t sw_choose_tables(sw_numeric_header *h, int level, uint32_t (*counts)[SW_MAX_SYMBOLS],
                          uint8_t table_of[SW_MAX_SCALES][SW_CLASSES]) {
    clusters c;
    memset(&c, 0, sizeof c);
    memset(c.cluster_of, 255, sizeof c.cluster_of);
    c.counts = counts;
    c.size = symbols_used(counts, h->scale_count * SW_CLASSES);
    const unsigned classes = h->has_classes ? SW_CLASSES : 1;
    for (unsigned s = h->zero_level; s < h->scale_count; s++) {
        cluster_level(&c, s, classes);
    }
    static const unsigned few[] = {0, 12, 255};
    if (c.count <= few[level] || level == SW_LEVEL_MAX) {
        cluster_pairs(&c);
    }
    limit_tables(&c, SW_MAX_TABLES);
    uint64_t bits = 0;
    /* Clusters are ordered by their first context, so a row is never overwritten before it is moved. */
    for (unsigned t = 0; t < c.count; t++) {
        if (c.at[t] != t) {
            memmove(counts[t], counts[c.at[t]], sizeof counts[t]);
        }
        bits += c.bits[t];
    }
    unsigned id = 0;
    for (unsigned s = h->zero_level; s < h->scale_count; s++) {
        for (unsigned k = 0; k < classes; k++) {
            const uint8_t found = c.cluster_of[s * SW_CLASSES + k];
            id = found == 255 ? id : found;
            table_of[s][k] = (uint8_t)id;
        }
    }
    h->table_count = c.count;
    return bits;
}
