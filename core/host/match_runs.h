/* Runs while they grow, and the gaps between them. */
#ifndef SW_MATCH_RUNS_H
#define SW_MATCH_RUNS_H

#include "match.h"

/* One in SW_STRONG bytes equal continues a run. */
enum { SW_STRONG = 2 };

typedef struct {
    const uint8_t *base;
    const uint8_t *target;
    uint64_t base_size;
    uint64_t target_size;
    sw_match_search *s;
} sw_search;

/* Target offsets [from, to) that a displacement maps into the base. */
typedef struct {
    uint64_t from;
    uint64_t to;
} sw_reach;

static inline uint64_t sw_least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static inline sw_reach sw_reach_of(const sw_search *x, uint64_t displacement) {
    sw_reach r = {0, 0};
    if (displacement >> 63) {
        r.from = UINT64_C(0) - displacement;
        r.to = sw_least(x->target_size, x->base_size + r.from);
    } else {
        r.to = x->base_size > displacement ? sw_least(x->target_size, x->base_size - displacement) : 0;
    }
    return r;
}

static inline const uint8_t *sw_base_at(const sw_search *x, uint64_t target_offset, uint64_t displacement) {
    return x->base + (target_offset + displacement);
}

static inline uint64_t sw_end_of(const sw_match *run) {
    return run->target_offset + run->length;
}

static inline sw_match sw_empty_run(uint64_t target_offset, uint64_t displacement) {
    const sw_match run = {target_offset, target_offset + displacement, 0, 0};
    return run;
}

/* Hand out the open run, a long exact tail as a copy of its own; an empty one begins where it ended. */
void sw_emit_open(sw_search *x);
/* The open run goes on for `length` bytes, of which `equal` are equal. */
void sw_extend_open(sw_search *x, uint64_t length, uint64_t equal);
/* The open run goes on at `at`: the gap up to there is part of it, or a run of its own where little is equal. */
void sw_resume_run(sw_search *x, uint64_t at, uint64_t displacement);
/* Close the open run, which has displacement a, and open one with displacement b that holds at `at`. */
void sw_change_run(sw_search *x, uint64_t at, uint64_t a, uint64_t b);

#endif
