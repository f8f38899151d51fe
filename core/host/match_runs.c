#include "match_runs.h"

#include "match_extend.h"

enum {
    NEAR = 64,          /* gaps on one displacement that are bridged without asking */
    LEAST_COPY = 4096,  /* an exact stretch this long is a run of its own: a copy costs nothing to say */
    LEAST_SIMILAR = 32, /* bytes of a run that is only similar */
    WEAK = 5            /* one in WEAK bytes equal is reported apart */
};

static void emit(sw_search *x, sw_match run) {
    if (run.length > 0) {
        x->s->queue[x->s->queued++] = run;
    }
}

void sw_emit_open(sw_search *x) {
    sw_match *open = &x->s->open;
    const uint64_t tail = x->s->tail;
    const uint64_t end = sw_end_of(open);
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
    *open = sw_empty_run(end, open->base_offset - open->target_offset);
    x->s->tail = 0;
}

void sw_extend_open(sw_search *x, uint64_t length, uint64_t equal) {
    sw_match_search *s = x->s;
    if (length == 0) {
        return;
    }
    if (equal < length && s->tail >= LEAST_COPY) {
        sw_emit_open(x);
    }
    s->open.length += length;
    s->open.equal += equal;
    s->tail = equal < length ? 0 : s->tail + length;
}

static void emit_similar(sw_search *x, uint64_t from, uint64_t length, uint64_t displacement) {
    if (length >= LEAST_SIMILAR) {
        sw_match run = sw_empty_run(from, displacement);
        run.length = length;
        run.equal = sw_count_equal(x->target + from, sw_base_at(x, from, displacement), length);
        emit(x, run);
    }
}

/* The gap [from, to): `front` bytes go on with displacement a, `back` bytes already have displacement b. Where both
 * want the same bytes, the split that keeps most equal bytes. */
static void share_gap(const sw_search *x, uint64_t from, uint64_t to, uint64_t a, uint64_t b, unsigned weight,
                      uint64_t *front, uint64_t *back) {
    const sw_reach ra = sw_reach_of(x, a);
    const sw_reach rb = sw_reach_of(x, b);
    *front = 0;
    *back = 0;
    if (from >= ra.from && from < ra.to) {
        *front = sw_similar_front(x->target + from, sw_base_at(x, from, a), sw_least(to, ra.to) - from, weight);
    }
    if (to <= rb.to && to > rb.from) {
        const uint64_t room = to - (from > rb.from ? from : rb.from);
        *back = sw_similar_back(x->target + to, sw_base_at(x, to, b), room, weight);
    }
    if (*front + *back > to - from) {
        const uint64_t start = to - *back;
        const uint64_t overlap = *front - (start - from);
        const uint8_t *pa = sw_base_at(x, start, a);
        const uint8_t *pb = sw_base_at(x, start, b);
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

void sw_resume_run(sw_search *x, uint64_t at, uint64_t displacement) {
    sw_match *open = &x->s->open;
    const uint64_t end = sw_end_of(open); /* not before the displacement's reach: it was met there */
    const uint64_t gap = at - end;
    const uint64_t equal = sw_count_equal(x->target + end, sw_base_at(x, end, displacement), gap);
    if (gap < NEAR || equal * SW_STRONG >= gap) {
        sw_extend_open(x, gap, equal);
    } else {
        sw_emit_open(x);
        const sw_match similar = {end, end + displacement, gap, equal};
        emit(x, similar);
        *open = sw_empty_run(at, displacement);
    }
}

void sw_change_run(sw_search *x, uint64_t at, uint64_t a, uint64_t b) {
    sw_match *open = &x->s->open;
    const uint64_t end = sw_end_of(open);
    if (a == b && at <= sw_reach_of(x, a).to) {
        sw_resume_run(x, at, a);
        return;
    }
    uint64_t front = 0;
    uint64_t back = 0;
    share_gap(x, end, at, a, b, SW_STRONG, &front, &back);
    if (front > 0) {
        sw_extend_open(x, front, sw_count_equal(x->target + end, sw_base_at(x, end, a), front));
    }
    sw_emit_open(x);
    sw_match next = sw_empty_run(at - back, b);
    next.length = back;
    if (back > 0) {
        next.equal = sw_count_equal(x->target + at - back, sw_base_at(x, at - back, b), back);
    }

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
