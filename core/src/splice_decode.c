/* The modelled content of SPLICE blocks, decoding. */
#include "range_decoder.h"
#include "splice.h"

typedef struct {
    sw_range_decoder range;
    sw_splice_work *work;
    uint64_t room; /* bytes that the runs still have to make */
} decoder;

static unsigned decide(decoder *d, unsigned votes, unsigned a, unsigned b, unsigned bit) {
    (void)bit;
    /* The range coder's own model adapts a copy, which is dropped. */
    uint16_t zero = (uint16_t)(65536 - sw_splice_predict(d->work, votes, a, b));
    const unsigned said = sw_range_bit(&d->range, &zero);
    sw_splice_learn(d->work, said);
    return said;
}

static unsigned equal_odds(decoder *d, unsigned bit) {
    (void)bit;
    return (unsigned)sw_range_direct(&d->range, 1);
}

#define SW_CODER decoder
#include "splice_walk.h"

size_t sw_splice_slots_size(size_t literals, size_t runs) {
    return sizeof(uint32_t) * SW_SPLICE_VOTES << sw_splice_slot_bits(literals, runs);
}

/* Where the run begins; outside the base if the numbers say so. */
static uint64_t run_offset(decoder *d, const sw_splice_state *s, uint64_t literals, uint64_t move) {
    switch (move) {
    case SW_MOVE_REPLACE:
        return s->reference + literals;
    case SW_MOVE_INSERT:
        return s->reference;
    case SW_MOVE_GIVEN: {
        const uint64_t folded = code_distance(d, s, literals, 0);
        const uint64_t away = folded >> 1;
        return s->reference + literals + (folded & 1 ? ~away : away);
    }
    default:
        return s->made + literals + s->recent[move - SW_MOVE_RECENT];
    }
}

static sw_status check(const decoder *d) {
    return d->work->failed ? SW_ERROR_READ : d->range.overrun > 4 ? SW_ERROR_TRUNCATED : SW_OK;
}

/* A row of literals into out. */
static sw_status decode_literals(decoder *d, sw_splice_state *s, uint64_t count, unsigned move, uint8_t *out) {
    const bool last = move == SW_MOVE_NONE;
    for (uint64_t i = 0; i < count; i++) {
        out[i] = code_literal(d, s->reference + i, s->made + i, last ? 15 : i, last ? 15 : count, move, 0);
        const sw_status status = check(d);
        if (status != SW_OK) {
            return status;
        }
    }
    s->made += count;
    return SW_OK;
}

static sw_status decode_run(decoder *d, sw_splice_state *s, uint64_t literals_left, sw_splice_run *run,
                            uint8_t *literals) {
    const uint64_t base_size = d->work->base.size;
    run->literals = code_literals_before(d, s, 0);
    if (run->literals > literals_left) {
        return SW_ERROR_HEADER;
    }
    const uint64_t move = code_move(d, s, run->literals, 0);
    if (move > SW_MOVE_GIVEN) {
        return SW_ERROR_HEADER;
    }
    run->offset = run_offset(d, s, run->literals, move);
    sw_status status = decode_literals(d, s, run->literals, move < 2 ? (unsigned)move : 2, literals);
    if (status != SW_OK) {
        return status;
    }
    run->length = code_length(d, s, run->literals, (unsigned)move, 0) + 1;
    status = check(d);
    if (status != SW_OK) {
        return status;
    }
    if (run->offset > base_size || run->length > base_size - run->offset) {
        return SW_ERROR_BASE;
    }
    if (run->length > d->room) {
        return SW_ERROR_HEADER;
    }
    d->room -= run->length;
    end_run(d, s, run, (unsigned)move);
    return check(d);
}

sw_status sw_splice_decode(const uint8_t *payload, size_t payload_size, uint64_t length, const sw_splice_base *base,
                           sw_splice_run *runs, size_t run_count, uint8_t *literals, size_t count, uint32_t *slots,
                           sw_splice_work *work) {
    if (run_count > SW_SPLICE_MOST_RUNS || count > SW_SPLICE_MOST_LITERALS || count > length) {
        return SW_ERROR_HEADER;
    }
    if (payload_size < 1) {
        return SW_ERROR_TRUNCATED;
    }
    decoder d = {.work = work, .room = length - count};
    sw_splice_reset(work, slots, sw_splice_slot_bits(count, run_count), base);
    sw_range_start(&d.range, payload, payload_size);
    sw_splice_state state;
    begin_splice(&state);
    size_t given = 0;
    for (size_t i = 0; i < run_count; i++) {
        const sw_status status = decode_run(&d, &state, count - given, &runs[i], literals + given);
        if (status != SW_OK) {
            return status;
        }
        given += (size_t)runs[i].literals;
    }
    const sw_status status = decode_literals(&d, &state, count - given, SW_MOVE_NONE, literals + given);
    if (status != SW_OK) {
        return status;
    }
    if (d.room != 0) {
        return SW_ERROR_HEADER;
    }
    return sw_range_ended(&d.range) && check(&d) == SW_OK ? SW_OK : SW_ERROR_TRUNCATED;
}
