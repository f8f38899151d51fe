/* The modelled content of SPLICE blocks, encoding: the decoder's walk with the other end of the range coder. */
#include "splice_encode.h"

#include "range_encoder.h"

typedef struct {
    sw_range_encoder range;
    sw_splice_work *work;
} encoder;

static unsigned decide(encoder *e, unsigned votes, unsigned a, unsigned b, unsigned bit) {
    uint16_t zero = (uint16_t)(65536 - sw_splice_predict(e->work, votes, a, b));
    sw_put_bit(&e->range, &zero, bit);
    sw_splice_learn(e->work, bit);
    return bit;
}

static unsigned equal_odds(encoder *e, unsigned bit) {
    sw_put_direct(&e->range, bit, 1);
    return bit;
}

#define SW_CODER encoder
#include "splice_walk.h"

/* How the walk names a run's move. */
static unsigned name_move(const sw_splice_state *s, uint64_t literals, uint64_t offset) {
    if (offset == s->reference + literals) {
        return SW_MOVE_REPLACE;
    }
    if (offset == s->reference) {
        return SW_MOVE_INSERT;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (offset - (s->made + literals) == s->recent[i]) {
            return SW_MOVE_RECENT + i;
        }
    }
    return SW_MOVE_GIVEN;
}

static void encode_literals(encoder *e, sw_splice_state *s, const uint8_t *literals, uint64_t count, unsigned move) {
    const bool last = move == SW_MOVE_NONE;
    for (uint64_t i = 0; i < count; i++) {
        code_literal(e, s->reference + i, s->made + i, last ? 15 : i, last ? 15 : count, move, literals[i]);
    }
    s->made += count;
}

static void encode_run(encoder *e, sw_splice_state *s, const sw_splice_run *run, const uint8_t *literals) {
    code_literals_before(e, s, run->literals);
    const unsigned move = name_move(s, run->literals, run->offset);
    code_move(e, s, run->literals, move);
    if (move == SW_MOVE_GIVEN) {
        const uint64_t away = run->offset - (s->reference + run->literals);
        code_distance(e, s, run->literals, away >> 63 ? ~away << 1 | 1 : away << 1);
    }
    encode_literals(e, s, literals, run->literals, move < 2 ? move : 2);
    code_length(e, s, run->literals, move, run->length - 1);
    end_run(e, s, run, move);
}

size_t sw_splice_encode(const sw_splice_run *runs, size_t run_count, const uint8_t *literals, size_t count,
                        const sw_splice_base *base, uint32_t *slots, uint8_t *out, size_t capacity,
                        sw_splice_work *work) {
    if (run_count > SW_SPLICE_MOST_RUNS || count > SW_SPLICE_MOST_LITERALS) {
        return 0;
    }
    encoder e = {.work = work};
    sw_splice_reset(work, slots, sw_splice_slot_bits(count, run_count), base);
    sw_range_open(&e.range, out, capacity);
    sw_splice_state state;
    begin_splice(&state);
    size_t given = 0;
    for (size_t i = 0; i < run_count && !e.range.full; i++) {
        encode_run(&e, &state, &runs[i], literals + given);
        given += (size_t)runs[i].literals;
    }
    encode_literals(&e, &state, literals + given, count - given, SW_MOVE_NONE);
    const size_t size = sw_range_close(&e.range);
    return work->failed ? 0 : size;
}
