/* What the steps of the NUMERIC encoder share. */
#ifndef SW_ENCODE_BLOCK_H
#define SW_ENCODE_BLOCK_H

#include "numeric_encode.h"

typedef struct {
    sw_encode_work *w;
    sw_numeric_header h;
    const uint8_t *base;
    const uint8_t *target;
    const uint8_t *given; /* the class of each element; NULL to take them from the base */
    int level;
    bool code_all;         /* no zero level, however many groups are all zero */
    size_t coded;          /* groups that are coded: all, or those that hold a value other than zero */
    size_t coded_elements; /* theirs: values, classes and symbols hold these alone, one group after the other */
    unsigned bucket_count;
    unsigned exact_count;
    uint8_t alphabet[SW_MAX_SYMBOLS];      /* provisional symbol of each final one */
    uint64_t bucket_of[SW_MAX_SYMBOLS];    /* raw blocks: field value of each provisional symbol */
    int32_t exact[SW_MAX_EXACT];
    uint64_t offset[SW_MAX_SYMBOLS];       /* by provisional symbol */
    uint8_t bits[SW_MAX_SYMBOLS];
    unsigned symbol_limit; /* provisional symbols are below */
    unsigned bucket_limit; /* those of buckets are below */
    unsigned sampled;      /* one coded group in so many is counted */
    size_t raw_size;
    unsigned largest[SW_MAX_TABLES];
} sw_encoder;

static inline bool sw_is_wide(const sw_encoder *e) {
    return e->h.shape.width == 8;
}

/* Buckets by magnitude serve differences and wide integers; the top bits serve everything else. */
static inline bool sw_by_magnitude(const sw_numeric_header *h) {
    return h->has_base || (!h->shape.is_float && h->shape.bits > 8);
}

static inline const int32_t *sw_narrow(const sw_encoder *e) {
    return (const int32_t *)(const void *)e->w->values;
}

static inline int64_t sw_value_at(const sw_encoder *e, size_t i) {
    return sw_is_wide(e) ? e->w->values[i] : sw_narrow(e)[i];
}

/* Coded groups from which on a sample says enough: one in so many. The fast step shares no factor with the usual
 * lengths of rows, or else it would always see the same columns. */
enum { SW_SAMPLE_FROM = 1024, SW_SAMPLE_STEP = 4, SW_FAST_SAMPLE_STEP = 17 };

static inline unsigned sw_sample_step(const sw_encoder *e) {
    return e->level == SW_LEVEL_FAST ? SW_FAST_SAMPLE_STEP : SW_SAMPLE_STEP;
}

/* Neighbouring elements, all of coded groups. A run goes through all of it while it is in the cache. */
enum { SW_RUN = 4096 };

typedef struct {
    size_t first;
    size_t count;
} sw_run;

/* The run after this one, from {0, 0} on; its count is 0 behind the last. */
sw_run sw_next_run(const sw_encoder *e, sw_run run);

/* The elements of a coded group: sets first and last (exclusive). */
static inline void sw_group_range(const sw_encoder *e, size_t group, size_t *first, size_t *last) {
    *first = group << e->h.group_bits;
    *last = (group + 1) << e->h.group_bits;
    if (*last > e->coded_elements) {
        *last = e->coded_elements;
    }
}

/* Group size, and which groups are coded; false if every value is zero. */
bool sw_find_groups(sw_encoder *e, const sw_encode_kernels *kernels);
/* Their values, classes and sums. */
void sw_find_values(sw_encoder *e, const sw_encode_kernels *kernels);
/* Or, at level fast, their classes, symbols and raw bits at once, and no values; sw_spells says whether. */
bool sw_spells(const sw_encoder *e);
void sw_spell(sw_encoder *e, const sw_encode_kernels *kernels);
/* Whether that is also the quickest way to symbols where values have been looked at. */
bool sw_spells_again(const sw_encoder *e, const sw_encode_kernels *kernels);
/* The scale level of every group. */
void sw_choose_scales(sw_encoder *e);
/* One level for all if the levels cost more than they save; moves the counts along. */
void sw_drop_idle_scales(sw_encoder *e);
/* Whether given classes tell zeros better than a level for groups of them does. */
bool sw_zero_level_is_idle(const sw_encoder *e);
/* A symbol for every coded element, their counts and the raw bits; false if there is no way to say the block. */
bool sw_find_symbols(sw_encoder *e, const sw_encode_kernels *kernels);
/* Its parts: values with symbols of their own as the loops take them; the end of the raw bits; buckets by magnitude; values with symbols of their own; counts of bucketed symbols. */
sw_exact_values sw_exact_of(const sw_encoder *e);
void sw_end_raw(sw_encoder *e, sw_bit_writer *raw);
unsigned sw_bucket_of_value(int64_t value, unsigned extra_bits);
void sw_fill_buckets(sw_encoder *e);
void sw_choose_exact(sw_encoder *e);
void sw_count_symbols(sw_encoder *e);
/* Which provisional symbols the block uses. */
bool sw_find_alphabet(sw_encoder *e);
/* Frequencies and what the entropy coder needs, from merged[table]. */
void sw_fill_encode_tables(sw_encoder *e, uint32_t (*merged)[SW_MAX_SYMBOLS]);
/* The whole block into out; its size, 0 if that is over capacity. */
size_t sw_write_block(sw_encoder *e, const sw_encode_kernels *kernels, uint8_t *out, size_t capacity);

#endif
