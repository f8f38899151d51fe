/* The modelled content of a SPLICE block: what its decoder and its encoder share. SPEC, "Codec 1", kind 3.
 *
 * Runs and literals in turn, as a row of binary decisions. For each decision voters speak from slots
 * that their contexts choose, two sets of weights mix them, and the range coder gets the sum.
 */
#ifndef SW_SPLICE_H
#define SW_SPLICE_H

#include "sapwood.h"

enum {
    SW_SPLICE_SEEN = 30,            /* a slot's count stops here */
    SW_SPLICE_RATE = 10,            /* a weight learns at this rate, and at first faster by SW_SPLICE_HASTE */
    SW_SPLICE_HASTE = 8,            /* which calms by 1 in 2^8 each time */
    SW_SPLICE_LITERAL_WEIGHT = 5000, /* at first, in 1/65536 */
    SW_SPLICE_NUMBER_WEIGHT = 8000,
    SW_SPLICE_NUMBER_VOTES = 8,     /* voters on numbers */
    SW_SPLICE_LEAST_SLOTS = 10,     /* logarithms of the slots of a voter */
    SW_SPLICE_MOST_SLOTS = 18,
    SW_SPLICE_ENDS = 64,            /* bytes of each end of a copied run that become history */
    SW_SPLICE_MISSES = 4,           /* of the last 8 expectations: a follower lets go */
    SW_SPLICE_COMPARED = 32         /* bytes before a place that are looked at */
};

/* The logarithm of the slots that each voter has. */
unsigned sw_splice_slot_bits(size_t literals, size_t runs);

/* Everything as at the start of a block. slots: SW_SPLICE_VOTES << slot_bits. */
void sw_splice_reset(sw_splice_work *w, uint32_t *slots, unsigned slot_bits, const sw_splice_base *base);

/* The probability that the next decision is 1, in 1/65536; `a` and `b` choose the weights. */
uint32_t sw_splice_predict(sw_splice_work *w, unsigned votes, unsigned a, unsigned b);

/* Teach the slots and the weights of the last prediction what came. */
void sw_splice_learn(sw_splice_work *w, unsigned bit);

/* A byte of the base; 0 outside it. A read that fails sets w->failed. */
uint8_t sw_splice_base_byte(sw_splice_work *w, uint64_t offset);

/* What follower 0 or 1 expects next; 0 if it has no place. */
uint8_t sw_splice_expected(const sw_splice_work *w, unsigned follower);

/* Byte `back` of the history, 1 for the last; 0 before its start. */
uint8_t sw_splice_past(const sw_splice_work *w, uint32_t back);

/* Followers that expect `byte` lose their place. */
void sw_splice_let_go(sw_splice_work *w, uint8_t byte);

/* A literal came where the base has `base`. */
void sw_splice_given(sw_splice_work *w, uint8_t base, uint8_t byte);

/* The history goes on with the ends of a copied run. */
void sw_splice_copied(sw_splice_work *w, uint64_t start, uint64_t length);

static inline unsigned sw_splice_misses(const sw_splice_follower *follower) {
    unsigned count = 0;
    for (unsigned left = follower->misses; left != 0; left &= left - 1) {
        count++;
    }
    return count;
}

#endif
