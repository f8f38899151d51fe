/* The decisions of a SPLICE block's modelled content in their order, written once for both ways.
 *
 * Include after defining SW_CODER, the type of the coder, with a member `work`, and
 *     static unsigned decide(SW_CODER *, unsigned votes, unsigned a, unsigned b, unsigned bit)
 *     static unsigned equal_odds(SW_CODER *, unsigned bit)
 * An encoder says `bit` and returns it; a decoder ignores it and returns what was said.
 */
#include "bytes.h"
#include "splice.h"

/* How a run begins, relative to where the one before it ended in the base. */
enum {
    SW_MOVE_REPLACE = 0, /* the literals stand in place of base bytes */
    SW_MOVE_INSERT = 1,  /* the base goes on behind them */
    SW_MOVE_RECENT = 2,  /* as far from its place in the block as one of the last four runs: 2 to 5 */
    SW_MOVE_GIVEN = 6,
    SW_MOVE_NONE = 3     /* of the literals behind the last run, among literals' contexts */
};

/* The numbers of a run; the order gives their weights. */
enum { SW_FIELD_LITERALS, SW_FIELD_MOVE, SW_FIELD_DISTANCE, SW_FIELD_LENGTH };

enum { SW_SET_BIT = 48, SW_SET_FIELD = 30, SW_MODELLED_DIGITS = 12 };

/* Where the walk stands, and the runs before. */
typedef struct {
    uint64_t reference; /* end of the last run in the base */
    uint64_t made;      /* bytes of the block so far */
    uint64_t literals[2];
    uint64_t lengths[2];
    unsigned moves[2];
    uint64_t recent[4]; /* base offset less block offset of the last runs, all different */
} sw_splice_state;

static inline uint32_t at_most(uint64_t value, uint32_t limit) {
    return value < limit ? (uint32_t)value : limit;
}

/* Let voter `voter` speak from the slot of its context and the place in the decision tree. */
static inline void speak(sw_splice_work *w, unsigned voter, uint32_t context, uint32_t node) {
    uint32_t hash = (context * 0x2545F491u + node) * 0x9E3779B1u;
    hash ^= hash >> 15;
    hash *= 0x85EBCA6Bu;
    w->at[voter] = (voter << w->slot_bits) + (hash >> (32 - w->slot_bits));
}

/* A number below 2^63 - 1: its length in bits, then its bits. */
static uint64_t code_number(SW_CODER *c, unsigned field, const uint32_t *contexts, uint64_t wanted) {
    sw_splice_work *w = c->work;
    const unsigned sets = SW_SPLICE_NUMBER_SETS + SW_SET_FIELD * field;
    const unsigned votes = SW_SPLICE_NUMBER_VOTES;
    wanted++;
    const unsigned wanted_length = wanted == 0 ? 0 : sw_bit_length(wanted) - 1;
    unsigned length = 0;
    while (length < 62) {
        for (unsigned i = 0; i < votes; i++) {
            speak(w, i, contexts[i] * 4 + field + 0x5A000000u, length);
        }
        if (!decide(c, votes, sets + at_most(length, 15), sets + 28, wanted_length > length)) {
            break;
        }
        length++;
    }
    uint64_t value = 1;
    for (unsigned place = length; place-- > 0;) {
        const unsigned bit = (unsigned)(wanted >> place & 1);
        const unsigned depth = length - 1 - place;
        if (depth >= SW_MODELLED_DIGITS) {
            value = value << 1 | equal_odds(c, bit);
            continue;
        }
        for (unsigned i = 0; i < votes; i++) {
            speak(w, i, contexts[i] * 4 + field + 0x5A000000u, (uint32_t)value + 64 * (length + 1) * 977);
        }
        value = value << 1 | decide(c, votes, sets + 16 + depth, sets + 29, bit);
    }
    return value - 1;
}

/* The bit that a whole byte expected leads to at `place`, plus 1; 0 if it has not been right so far. */
static inline unsigned expects(uint32_t byte, unsigned place, uint32_t node) {
    return (byte | 256) >> (place + 1) == node ? 1 + (byte >> place & 1) : 0;
}

/* How far a follower is to be trusted. */
static inline unsigned trust(const sw_splice_follower *follower) {
    const unsigned misses = sw_splice_misses(follower);
    return misses > 1 ? 1 : misses == 1 ? 2 : follower->length < 8 ? 3 : follower->length < 16 ? 4 : 5;
}

/* Literal `index` of `gap` in a row; the base has its byte at `reference`. */
static uint8_t code_literal(SW_CODER *c, uint64_t reference, uint64_t position, uint64_t index, uint64_t gap,
                            unsigned move, uint8_t wanted) {
    sw_splice_work *w = c->work;
    const uint8_t base = sw_splice_base_byte(w, reference);
    const uint8_t next = sw_splice_base_byte(w, reference + 1);
    const uint32_t first = index == 0;
    if (first) {
        /* The run before would have gone on with this byte. */
        sw_splice_let_go(w, base);
    }
    const uint32_t place = at_most(gap, 15) | at_most(index, 15) << 4 | (uint32_t)move << 8;
    const uint32_t align = (uint32_t)position & 3;
    uint32_t past[9];
    for (unsigned i = 1; i <= 8; i++) {
        past[i] = sw_splice_past(w, i);
    }
    const uint32_t pair = past[1] | past[2] << 8;
    const uint32_t four = pair | past[3] << 16 | past[4] << 24;
    const uint32_t same = (uint8_t)(base + w->differences[0]);   /* if it differs as the last literal did */
    const uint32_t fourth = (uint8_t)(base + w->differences[3]); /* or the fourth before */
    const sw_splice_follower *follower = w->followers;
    const uint32_t kept = sw_splice_expected(w, 0);
    const uint32_t found = sw_splice_expected(w, 1);
    uint32_t node = 1;
    for (unsigned bit_place = 8; bit_place-- > 0;) {
        const unsigned e = follower[0].at == 0 ? 0 : expects(kept, bit_place, node);
        const unsigned f = follower[1].at == 0 ? 0 : expects(found, bit_place, node);
        const unsigned s = expects(same, bit_place, node);
        const unsigned t = expects(fourth, bit_place, node);
        speak(w, 0, kept | found << 8, node);
        speak(w, 1, pair, node);
        speak(w, 2, place | past[8] << 10, node);
        speak(w, 3, four, node);
        speak(w, 4, four * 0x01000193u + (past[5] | past[6] << 8) * 0x3D4D51CBu, node);
        speak(w, 5, w->word, node);
        speak(w, 6, f == 0 ? 0 : (f * 16 + at_most(follower[1].length, 15)) * 256 + follower[1].misses, 0);
        speak(w, 7, (base | (uint32_t)next << 8 | past[1] << 16) * 2 + first, node);
        speak(w, 8, place, node);
        speak(w, 9, e == 0 ? 0 : (e * 16 + at_most(follower[0].length, 15)) * 256 + follower[0].misses, 0);
        speak(w, 10, s == 0 ? 0 : s * 256 + w->hits[0], 0);
        speak(w, 11, t == 0 ? 0 : (t * 256 + w->hits[1]) * 4 + align, 0);
        speak(w, 12, kept | (uint32_t)base << 8 | (uint32_t)next << 16 | past[1] << 24, node);
        speak(w, 13, align | past[4] << 2 | fourth << 10, node);
        speak(w, 14, place | past[1] << 10, node);
        speak(w, 15, place | (uint32_t)base << 10, node);
        const unsigned a = (e == 0 ? 0 : trust(&follower[0])) + 6 * bit_place;
        const unsigned b = SW_SET_BIT + (e * 3 + f) * 3 + t + 27 * first;
        node = node << 1 | decide(c, SW_SPLICE_VOTES, a, b, wanted >> bit_place & 1);
    }
    sw_splice_given(w, base, (uint8_t)node);
    return (uint8_t)node;
}

/* The latest distance comes to the front of the last four. */
static void keep_distance(sw_splice_state *s, uint64_t distance) {
    unsigned i = 0;
    while (i < 3 && s->recent[i] != distance) {
        i++;
    }
    for (; i > 0; i--) {
        s->recent[i] = s->recent[i - 1];
    }
    s->recent[0] = distance;
}

static uint64_t code_literals_before(SW_CODER *c, const sw_splice_state *s, uint64_t wanted) {
    const uint32_t last = at_most(s->literals[0], 255);
    const uint32_t before = at_most(s->literals[1], 255);
    const uint32_t length = at_most(s->lengths[0], 65535);
    const uint32_t contexts[SW_SPLICE_NUMBER_VOTES] = {
        0,
        last,
        s->moves[0] * 64 + sw_bit_length(s->lengths[0]),
        last | before << 8,
        s->moves[0] * 8 + s->moves[1],
        length,
        length << 16 | at_most(s->lengths[1], 65535),
        (length << 8 | last) * 8 + s->moves[0],
    };
    return code_number(c, SW_FIELD_LITERALS, contexts, wanted);
}

static uint64_t code_move(SW_CODER *c, const sw_splice_state *s, uint64_t literals, uint64_t wanted) {
    const uint32_t given = at_most(literals, 255);
    const uint32_t last = at_most(s->literals[0], 255);
    const uint32_t moves = s->moves[0] * 8 + s->moves[1];
    const uint32_t contexts[SW_SPLICE_NUMBER_VOTES] = {
        0,
        s->moves[0],
        moves,
        given,
        given * 8 + s->moves[0],
        moves * 256 + last,
        given * 256 + last,
        at_most(s->lengths[0], 65535),
    };
    return code_number(c, SW_FIELD_MOVE, contexts, wanted);
}

static uint64_t code_distance(SW_CODER *c, const sw_splice_state *s, uint64_t literals, uint64_t wanted) {
    const uint32_t given = at_most(literals, 255);
    const uint32_t length = sw_bit_length(s->lengths[0]);
    const uint32_t contexts[SW_SPLICE_NUMBER_VOTES] = {
        0, given, s->moves[0], length, given * 8 + s->moves[0], s->moves[1], given * 64 + length,
        at_most(s->literals[0], 255),
    };
    return code_number(c, SW_FIELD_DISTANCE, contexts, wanted);
}

static uint64_t code_length(SW_CODER *c, const sw_splice_state *s, uint64_t literals, unsigned move, uint64_t wanted) {
    const uint32_t given = at_most(literals, 255);
    const uint32_t length = at_most(s->lengths[0], 65535);
    const uint32_t bits = sw_bit_length(s->lengths[0]);
    const uint32_t contexts[SW_SPLICE_NUMBER_VOTES] = {
        move,
        given | move << 8,
        length,
        move * 64 + bits,
        at_most(s->literals[0], 255) | given << 8,
        (move * 8 + s->moves[0]) * 64 + bits,
        length << 16 | at_most(s->lengths[1], 65535),
        (length << 8 | given) * 8 + move,
    };
    return code_number(c, SW_FIELD_LENGTH, contexts, wanted);
}

static void begin_splice(sw_splice_state *s) {
    *s = (sw_splice_state){0};
}

/* After a run: what the next one is compared with. */
static void end_run(SW_CODER *c, sw_splice_state *s, const sw_splice_run *run, unsigned move) {
    sw_splice_copied(c->work, run->offset, run->length);
    keep_distance(s, run->offset - s->made);
    s->made += run->length;
    s->reference = run->offset + run->length;
    s->literals[1] = s->literals[0];
    s->literals[0] = run->literals;
    s->lengths[1] = s->lengths[0];
    s->lengths[0] = run->length;
    s->moves[1] = s->moves[0];
    s->moves[0] = move;
}
