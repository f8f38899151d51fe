/* One pass over the target: stay on the displacement that works, look anchors up where it does not.
 * A gap between two runs is settled when the second is known, from both of its ends. */
#include "match.h"

#include <stdlib.h>

#include "match_extend.h"
#include "match_index.h"

enum {
    MOST_CANDIDATES = 16,
    COMPARED = 4096,     /* bytes of a candidate that decide; the one chosen is followed to its end */
    LEAST_GAIN = 10,     /* equal bytes a new displacement must have over the present one */
    ISLAND = 64,         /* a shorter run does not make its displacement the present one at first */
    ISLAND_REACH = 256,
    NEAR = 64,           /* gaps on one displacement that are bridged without asking */
    LEAST_COPY = 4096,   /* an exact stretch this long is a run of its own: a copy costs nothing to say */
    LEAST_SIMILAR = 32,  /* bytes of a run that is only similar */
    STRONG = 2,          /* one in STRONG bytes equal continues a run */
    WEAK = 5,            /* one in WEAK bytes equal is reported apart */
    AHEAD = 32,          /* positions hashed together once nothing matches: their filter words are asked for at once */
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

typedef struct {
    const sw_matcher *matcher;
    const uint8_t *base;
    const uint8_t *target;
    uint64_t base_size;
    uint64_t target_size;
    sw_match_search *s;
} search;

/* Target offsets [from, to) that a displacement maps into the base. */
typedef struct {
    uint64_t from;
    uint64_t to;
} reach;

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

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static reach reach_of(const search *x, uint64_t displacement) {
    reach r = {0, 0};
    if (displacement >> 63) {
        r.from = UINT64_C(0) - displacement;
        r.to = least(x->target_size, x->base_size + r.from);
    } else {
        r.to = x->base_size > displacement ? least(x->target_size, x->base_size - displacement) : 0;
    }
    return r;
}

static const uint8_t *base_at(const search *x, uint64_t target_offset, uint64_t displacement) {
    return x->base + (target_offset + displacement);
}

static uint64_t end_of(const sw_match *run) {
    return run->target_offset + run->length;
}

static sw_match empty_run(uint64_t target_offset, uint64_t displacement) {
    const sw_match run = {target_offset, target_offset + displacement, 0, 0};
    return run;
}

static void emit(search *x, sw_match run) {
    if (run.length > 0) {
        x->s->queue[x->s->queued++] = run;
    }
}

/* Hand out the open run, its long exact tail as a copy. */
static void emit_open(search *x) {
    sw_match *open = &x->s->open;
    const uint64_t tail = x->s->tail;
    const uint64_t end = end_of(open);
    if (tail >= LEAST_COPY && tail < open->length) {
        const uint64_t head = open->length - tail;
        const sw_match mixed = {open->target_offset, open->base_offset, head, open->equal - tail};
        const sw_match copy = {open->target_offset + head, open->base_offset + head, tail, tail};
        if (mixed.equal > 0 || head >= LEAST_SIMILAR) {
            emit(x, mixed);
        }
        emit(x, copy);
    } else {
        emit(x, *open);
    }
    *open = empty_run(end, open->base_offset - open->target_offset);
    x->s->tail = 0;
}

/* The open run goes on for `length` bytes, of which `equal` are equal. */
static void extend_open(search *x, uint64_t length, uint64_t equal) {
    sw_match_search *s = x->s;
    if (length == 0) {
        return;
    }
    if (equal < length && s->tail >= LEAST_COPY) {
        emit_open(x);
    }
    s->open.length += length;
    s->open.equal += equal;
    s->tail = equal < length ? 0 : s->tail + length;
}

static void emit_similar(search *x, uint64_t from, uint64_t length, uint64_t displacement) {
    if (length >= LEAST_SIMILAR) {
        sw_match run = empty_run(from, displacement);
        run.length = length;
        run.equal = sw_count_equal(x->target + from, base_at(x, from, displacement), length);
        emit(x, run);
    }
}

/* The gap [from, to): `front` bytes go on with displacement a, `back` bytes already have displacement b. Where both
 * want the same bytes, the split that keeps most equal bytes. */
static void share_gap(const search *x, uint64_t from, uint64_t to, uint64_t a, uint64_t b, unsigned weight,
                      uint64_t *front, uint64_t *back) {
    const reach ra = reach_of(x, a);
    const reach rb = reach_of(x, b);
    *front = 0;
    *back = 0;
    if (from >= ra.from && from < ra.to) {
        *front = sw_similar_front(x->target + from, base_at(x, from, a), least(to, ra.to) - from, weight);
    }
    if (to <= rb.to && to > rb.from) {
        const uint64_t room = to - (from > rb.from ? from : rb.from);
        *back = sw_similar_back(x->target + to, base_at(x, to, b), room, weight);
    }
    if (*front + *back > to - from) {
        const uint64_t start = to - *back;
        const uint64_t overlap = *front - (start - from);
        const uint8_t *pa = base_at(x, start, a);
        const uint8_t *pb = base_at(x, start, b);
        const uint8_t *t = x->target + start;
        int64_t gain = 0;
        int64_t best_gain = 0;
        uint64_t split = 0;
        for (uint64_t i = 0; i < overlap; i++) {
            gain += (t[i] == pa[i]) - (t[i] == pb[i]);
            if (gain > best_gain) {
                best_gain = gain;
                split = i + 1;
            }
        }
        *front = start - from + split;
        *back -= split;
    }
}

/* The open run goes on: the gap up to `at` is part of it, or a run of its own where little is equal. */
static void resume_run(search *x, uint64_t at, uint64_t displacement) {
    sw_match *open = &x->s->open;
    const uint64_t end = end_of(open); /* not before the displacement's reach: it was met there */
    const uint64_t gap = at - end;
    const uint64_t equal = sw_count_equal(x->target + end, base_at(x, end, displacement), gap);
    if (gap < NEAR || equal * STRONG >= gap) {
        extend_open(x, gap, equal);
    } else {
        emit_open(x);
        const sw_match similar = {end, end + displacement, gap, equal};
        emit(x, similar);
        *open = empty_run(at, displacement);
    }
}

/* Close the open run, which has displacement a, and open one with displacement b that holds at `at`. */
static void change_run(search *x, uint64_t at, uint64_t a, uint64_t b) {
    sw_match *open = &x->s->open;
    const uint64_t end = end_of(open);
    if (a == b && at <= reach_of(x, a).to) {
        resume_run(x, at, a);
        return;
    }
    uint64_t front = 0;
    uint64_t back = 0;
    share_gap(x, end, at, a, b, STRONG, &front, &back);
    if (front > 0) {
        extend_open(x, front, sw_count_equal(x->target + end, base_at(x, end, a), front));
    }
    emit_open(x);
    sw_match next = empty_run(at - back, b);
    next.length = back;
    next.equal = back == 0 ? 0 : sw_count_equal(x->target + next.target_offset, base_at(x, next.target_offset, b), back);

    const uint64_t from = end + front;
    const uint64_t to = at - back;
    if (to - from >= LEAST_SIMILAR) {
        share_gap(x, from, to, a, b, WEAK, &front, &back);
        emit_similar(x, from, front, a);
        emit_similar(x, to - back, back, b);
    }
    *open = next;
    x->s->tail = next.equal == next.length ? next.length : 0;
}

typedef struct {
    uint64_t base_offset;
    uint64_t length; /* from the anchor on, at most COMPARED */
    uint64_t back;
    uint64_t distance; /* from where the present displacement leads */
} candidate;

/* Among the entries nearest to where the present displacement leads, the one that is equal for longest. */
static candidate best_candidate(const search *x, uint64_t at, uint64_t hash) {
    const sw_match_index *index = &x->matcher->index;
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
    const uint64_t end = end_of(&x->s->open);
    candidate best = {0, 0, 0, 0};
    for (unsigned tried = 0; tried < MOST_CANDIDATES && (down > first || up < last); tried++) {
        const uint64_t below = down > first ? expected - (uint64_t)down[-1] * index->step : UINT64_MAX;
        const uint64_t above = up < last ? (uint64_t)*up * index->step - expected : UINT64_MAX;
        candidate c = {0, 0, 0, below < above ? below : above};
        c.base_offset = (uint64_t)(below < above ? *--down : *up++) * index->step;
        const uint8_t *p = x->base + c.base_offset;
        c.length = sw_common_front(x->target + at, p,
                                   least(COMPARED, least(x->target_size - at, x->base_size - c.base_offset)));
        x->s->credit -= CANDIDATE + (int64_t)(c.length / COMPARED_PER_CREDIT);
        if (c.length < index->anchor) {
            continue;
        }
        c.back = sw_common_back(x->target + at, p, least(least(at - end, c.base_offset), ISLAND));
        if (c.length + c.back > best.length + best.back) {
            best = c;
        }
    }
    return best;
}

/* Move to the candidate if it has more equal bytes than the present displacement; false if there is none. */
static bool move_to_candidate(search *x, uint64_t at, uint64_t hash) {
    sw_match_search *s = x->s;
    const candidate c = best_candidate(x, at, hash);
    if (c.length == 0) {
        return false;
    }
    const uint64_t present = s->displacement;
    const uint64_t displacement = c.base_offset - at;
    if (displacement != present) {
        const reach r = reach_of(x, present);
        const uint64_t from = at - c.back > r.from ? at - c.back : r.from;
        const uint64_t to = least(at + c.length, r.to);
        const uint64_t equal =
            from < to ? sw_count_equal(x->target + from, base_at(x, from, present), to - from) : 0;
        s->credit -= (int64_t)(c.length / COMPARED_PER_CREDIT);
        if (c.length + c.back < equal + LEAST_GAIN) {
            return false;
        }
    }
    /* A run found too early, by chance, is undone if this one covers it all. */
    sw_match *open = &s->open;
    const uint64_t start = at - c.back;
    if (open->length > 0 && open->length <= ISLAND && end_of(open) == start &&
        c.base_offset - c.back >= open->length &&
        sw_common_back(x->target + start, base_at(x, start, displacement), open->length) == open->length) {
        *open = empty_run(open->target_offset, present);
        s->tail = 0;
    }
    change_run(x, at, present, displacement);
    const uint64_t length = sw_common_front(x->target + at, x->base + c.base_offset,
                                            least(x->target_size - at, x->base_size - c.base_offset));
    extend_open(x, length, length);
    s->at = at + length;
    if (length + c.back >= ISLAND || displacement == present || displacement == s->island) {
        s->displacement = displacement;
        return true;
    }
    s->island = displacement;
    const uint64_t room = least(ISLAND_REACH, least(x->target_size - s->at, x->base_size - (s->at + displacement)));
    const uint64_t more = sw_similar_front(x->target + s->at, base_at(x, s->at, displacement), room, STRONG);
    if (more > 0) {
        extend_open(x, more, sw_count_equal(x->target + s->at, base_at(x, s->at, displacement), more));
    }
    s->at += more;
    emit_open(x);
    s->open = empty_run(s->at, present);
    return true;
}

/* Equal bytes that bring a run back on its displacement after a gap. */
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
static void step(search *x) {
    sw_match_search *s = x->s;
    const sw_match_index *index = &x->matcher->index;
    const reach r = reach_of(x, s->displacement);
    const uint64_t end = end_of(&s->open);
    const uint64_t look_end = x->target_size < index->anchor ? 0 : x->target_size - index->anchor + 1;
    uint64_t hashes[AHEAD];
    uint64_t hashed = s->at;
    for (uint64_t at = s->at; at < x->target_size; at++) {
        if (at >= r.from && at + 8 <= r.to) {
            const uint8_t *p = base_at(x, at, s->displacement);
            if (sw_load64(x->target + at) == sw_load64(p)) {
                const uint64_t length = sw_common_front(x->target + at, p, r.to - at);
                if (length >= least_to_resume(at - end)) {
                    resume_run(x, at, s->displacement);
                    extend_open(x, length, length);
                    s->at = at + length;
                    return;
                }
            }
        }
        if (at < look_end) {
            if (at == hashed) {
                const uint64_t ahead = at - s->at < AHEAD ? 1 : least(AHEAD, look_end - at);
                for (uint64_t i = 0; i < ahead; i++) {
                    hashes[(at + i) % AHEAD] = sw_anchor_hash(x->target + at + i, index->anchor);
                    __builtin_prefetch(&index->filter[sw_filter_word(index, hashes[(at + i) % AHEAD])]);
                }
                hashed = at + ahead;
            }
            const uint64_t hash = hashes[at % AHEAD];
            if (sw_match_index_may_have(index, hash) && has_credit(s, at) && move_to_candidate(x, at, hash)) {
                return;
            }
        }
    }
    s->at = x->target_size;
    /* The ends of both files belong together. */
    const uint64_t displacement = x->base_size - x->target_size;
    change_run(x, x->target_size, s->displacement, displacement);
    emit_open(x);
    s->over = true;
}

size_t sw_matcher_find(const sw_matcher *m, const uint8_t *target, size_t target_size, sw_match_search *s,
                       sw_match *out, size_t capacity) {
    search x = {m, m->base, target, m->size, target_size, s};
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
        step(&x);
    }
    s->reached = s->taken < s->queued ? s->queue[s->taken].target_offset
                 : s->over            ? target_size
                                      : s->open.target_offset;
    return count;
}
