/* One pass over the target: stay on the displacement that works, look anchors up where it does not.
 * A gap between two runs is settled when the second is known, from both of its ends. */
#include "match.h"

#include <stdlib.h>

#include "match_extend.h"
#include "match_index.h"
#include "match_runs.h"

enum {
    MOST_CANDIDATES = 16,
    COMPARED = 4096,     /* bytes of a candidate that decide; the one chosen is followed to its end */
    LEAST_GAIN = 10,     /* equal bytes a new displacement must have over the present one */
    ISLAND = 64,         /* a shorter run does not make its displacement the present one at first */
    ISLAND_REACH = 256,
    NEAR = 64,           /* gaps after which a few equal bytes bring a run back */
    AHEAD = 32,          /* positions hashed together once nothing matches, their filter words asked for at once */
    /* Work on candidates is bounded by credit: a byte of the target earns 1, a candidate costs CANDIDATE. */
    CANDIDATE = 4,
    COMPARED_PER_CREDIT = 128,
    MOST_CREDIT = 1 << 20
};

struct sw_matcher {
    const uint8_t *base;
    uint64_t size;
    sw_match_index index;
};

sw_matcher *sw_matcher_new(const uint8_t *base, size_t base_size, size_t memory_limit) {
    sw_matcher *m = malloc(sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->base = base;
    m->size = base_size;
    if (!sw_match_index_open(&m->index, base, base_size, memory_limit)) {
        free(m);
        return NULL;
    }
    return m;
}

void sw_matcher_free(sw_matcher *m) {
    if (m != NULL) {
        sw_match_index_close(&m->index);
        free(m);
    }
}

typedef struct {
    uint64_t base_offset;
    uint64_t length; /* from the anchor on, at most COMPARED */
    uint64_t back;
} candidate;

/* Among the entries nearest to where the present displacement leads, the one that is equal for longest. */
static candidate best_candidate(const sw_search *x, const sw_match_index *index, uint64_t at, uint64_t hash) {
    const unsigned shift = 64 - index->bits;
    const uint32_t *first = index->entries + index->starts[hash >> shift];
    const uint32_t *last = index->entries + index->starts[(hash >> shift) + 1];
    const uint64_t lead = at + x->s->displacement;
    const uint64_t expected = lead >> 63 ? 0 : lead;
    const uint32_t *up = first;
    for (size_t n = (size_t)(last - first); n > 0;) {
        const size_t half = n / 2;
        if ((uint64_t)up[half] * index->step < expected) {
            up += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    const uint32_t *down = up;
    const uint64_t end = sw_end_of(&x->s->open);
    candidate best = {0, 0, 0};
    for (unsigned tried = 0; tried < MOST_CANDIDATES && (down > first || up < last); tried++) {
        const uint64_t below = down > first ? expected - (uint64_t)down[-1] * index->step : UINT64_MAX;
        const uint64_t above = up < last ? (uint64_t)*up * index->step - expected : UINT64_MAX;
        candidate c = {0, 0, 0};
        c.base_offset = (uint64_t)(below < above ? *--down : *up++) * index->step;
        const uint8_t *p = x->base + c.base_offset;
        c.length = sw_common_front(x->target + at, p,
                                   sw_least(COMPARED, sw_least(x->target_size - at, x->base_size - c.base_offset)));
        x->s->credit -= CANDIDATE + (int64_t)(c.length / COMPARED_PER_CREDIT);
        if (c.length < index->anchor) {
            continue;
        }
        c.back = sw_common_back(x->target + at, p, sw_least(sw_least(at - end, c.base_offset), ISLAND));
        if (c.length + c.back > best.length + best.back) {
            best = c;
        }
    }
    return best;
}

/* Move to the candidate if it has more equal bytes than the present displacement; false if there is none. */
static bool move_to_candidate(sw_search *x, const sw_match_index *index, uint64_t at, uint64_t hash) {
    sw_match_search *s = x->s;
    const candidate c = best_candidate(x, index, at, hash);
    if (c.length == 0) {
        return false;
    }
    const uint64_t present = s->displacement;
    const uint64_t displacement = c.base_offset - at;
    if (displacement != present) {
        const sw_reach r = sw_reach_of(x, present);
        const uint64_t from = at - c.back > r.from ? at - c.back : r.from;
        const uint64_t to = sw_least(at + c.length, r.to);
        const uint64_t equal =
            from < to ? sw_count_equal(x->target + from, sw_base_at(x, from, present), to - from) : 0;
        s->credit -= (int64_t)(c.length / COMPARED_PER_CREDIT);
        if (c.length + c.back < equal + LEAST_GAIN) {
            return false;
        }
    }
    /* A run found too early, by chance, is undone if this one covers it all. */
    sw_match *open = &s->open;
    const uint64_t start = at - c.back;
    if (open->length > 0 && open->length <= ISLAND && sw_end_of(open) == start &&
        c.base_offset - c.back >= open->length &&
        sw_common_back(x->target + start, sw_base_at(x, start, displacement), open->length) == open->length) {
        *open = sw_empty_run(open->target_offset, present);
        s->tail = 0;
    }
    sw_change_run(x, at, present, displacement);
    const uint64_t length = sw_common_front(x->target + at, x->base + c.base_offset,
                                            sw_least(x->target_size - at, x->base_size - c.base_offset));
    sw_extend_open(x, length, length);
    s->at = at + length;
    if (length + c.back >= ISLAND || displacement == present || displacement == s->island) {
        s->displacement = displacement;
        return true;
    }
    s->island = displacement;
    const uint64_t left = sw_least(x->target_size - s->at, x->base_size - (s->at + displacement));
    const uint64_t room = sw_least(ISLAND_REACH, left);
    const uint64_t more = sw_similar_front(x->target + s->at, sw_base_at(x, s->at, displacement), room, SW_STRONG);
    if (more > 0) {
        sw_extend_open(x, more, sw_count_equal(x->target + s->at, sw_base_at(x, s->at, displacement), more));
    }
    s->at += more;
    sw_emit_open(x);
    s->open = sw_empty_run(s->at, present);
    return true;
}

/* Equal bytes that bring a run back after a gap on its displacement. */
static uint64_t least_to_resume(uint64_t gap) {
    return gap < NEAR ? 8 : gap < COMPARED ? 16 : 32;
}

static bool has_credit(sw_match_search *s, uint64_t at) {
    s->credit += (int64_t)(at - s->credited);
    s->credited = at;
    if (s->credit > MOST_CREDIT) {
        s->credit = MOST_CREDIT;
    }
    return s->credit >= 0;
}

/* Go on until a run is found, or the target ends. */
static void step(sw_search *x, const sw_match_index *index) {
    sw_match_search *s = x->s;
    const sw_reach r = sw_reach_of(x, s->displacement);
    const uint64_t end = sw_end_of(&s->open);
    const uint64_t look_end = x->target_size < index->anchor ? 0 : x->target_size - index->anchor + 1;
    uint64_t hashes[AHEAD];
    uint64_t hashed = s->at;
    for (uint64_t at = s->at; at < x->target_size; at++) {
        if (at >= r.from && at + 8 <= r.to) {
            const uint8_t *p = sw_base_at(x, at, s->displacement);
            if (sw_load64(x->target + at) == sw_load64(p)) {
                const uint64_t length = sw_common_front(x->target + at, p, r.to - at);
                if (length >= least_to_resume(at - end)) {
                    sw_resume_run(x, at, s->displacement);
                    sw_extend_open(x, length, length);
                    s->at = at + length;
                    return;
                }
            }
        }
        if (at < look_end) {
            if (at == hashed) {
                const uint64_t ahead = at - s->at < AHEAD ? 1 : sw_least(AHEAD, look_end - at);
                for (uint64_t i = 0; i < ahead; i++) {
                    hashes[(at + i) % AHEAD] = sw_anchor_hash(x->target + at + i, index->anchor);
                    __builtin_prefetch(&index->filter[sw_filter_word(index, hashes[(at + i) % AHEAD])]);
                }
                hashed = at + ahead;
            }
            const uint64_t hash = hashes[at % AHEAD];
            if (sw_match_index_may_have(index, hash) && has_credit(s, at) && move_to_candidate(x, index, at, hash)) {
                return;
            }
        }
    }
    s->at = x->target_size;
    /* The ends of both files belong together. */
    const uint64_t displacement = x->base_size - x->target_size;
    sw_change_run(x, x->target_size, s->displacement, displacement);
    sw_emit_open(x);
    s->over = true;
}

size_t sw_matcher_find(const sw_matcher *m, const uint8_t *target, size_t target_size, sw_match_search *s,
                       sw_match *out, size_t capacity) {
    sw_search x = {m->base, target, m->size, target_size, s};
    size_t count = 0;
    for (;;) {
        while (s->taken < s->queued && count < capacity) {
            out[count++] = s->queue[s->taken++];
        }
        if (s->taken < s->queued || s->over) {
            break;
        }
        s->taken = 0;
        s->queued = 0;
        step(&x, &m->index);
    }
    s->reached = s->taken < s->queued ? s->queue[s->taken].target_offset
                 : s->over            ? target_size
                                      : s->open.target_offset;
    return count;
}
