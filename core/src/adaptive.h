/* The ADAPTIVE block: the model its decoder and its encoder share. SPEC, "Codec 5".
 *
 * An element is a row of binary decisions. For each decision six contexts vote: a context's slot
 * holds the probability it has seen, a small mixer weighs the votes in the logistic domain, and the
 * range coder gets the sum. No tables are sent, so a block of tens of bytes pays for what it says
 * and for nothing else.
 */
#ifndef SW_ADAPTIVE_H
#define SW_ADAPTIVE_H

#include "sapwood.h"

enum {
    SW_AD_REGION = SW_ADAPTIVE_SLOTS / SW_ADAPTIVE_VOTES, /* slots of one voter: 2^11 */
    SW_AD_SEEN = 250,            /* a slot's count stops here: then it moves by 1/251.5 of the error */
    SW_AD_TOP = (1 << 22) - 1,   /* largest probability of a slot, in 2^-22 */
    SW_AD_VOTE = 2047,           /* largest vote: 8.0, in 1/256 */
    SW_AD_SUM = 2816,            /* largest sum of votes: 11.0 */
    SW_AD_WEIGHT = 13000,        /* of each vote at first, in 1/65536 */
    SW_AD_MAX_WEIGHT = 1 << 20,
    SW_AD_RATE = 6,              /* a weight learns at this rate, and at first faster by SW_AD_HASTE */
    SW_AD_HASTE = 24,            /* which calms by 1 in 2^SW_AD_CALM each time */
    SW_AD_CALM = 8
};

/* 65536 / (1 + e^-x) for x = 0, 1/4 .. 11, and once more. */
extern const uint16_t sw_adaptive_curve[46];

/* The inverse of sw_squash: the least x that reaches a probability, in 1/4096. */
void sw_stretch_table(int16_t stretch[4096]);

/* Slots, weights and tables as at the start of a block. */
void sw_adaptive_reset(sw_adaptive_work *w);

/* Like sw_adaptive_decode, but compares with `expected` and keeps nothing; SW_ERROR_ENTROPY if they differ. */
sw_status sw_adaptive_compare(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                              const uint8_t *expected, size_t size, sw_adaptive_work *work);

/* Logistic domain in 1/256 -> probability in 1/65536, from 1 to 65535. What is farther out than `most` counts as that. */
static inline uint32_t sw_squash_within(int32_t x, uint32_t most) {
    uint32_t m = (uint32_t)(x < 0 ? -x : x);
    m = m > most ? most : m;
    const uint16_t *curve = sw_adaptive_curve + (m >> 6);
    const uint32_t p = curve[0] + (((uint32_t)(curve[1] - curve[0]) * (m & 63) + 32) >> 6);
    return x < 0 ? 65536 - p : p;
}

static inline uint32_t sw_squash(int32_t x) {
    return sw_squash_within(x, UINT32_MAX);
}

/* Let voter `voter` speak from the slot of its context and the place in the decision tree, node < 256. */
static inline void sw_context(sw_adaptive_work *w, unsigned voter, uint32_t context, uint32_t node) {
    w->at[voter] = (uint16_t)(voter * SW_AD_REGION + ((context * 256 + node) * 0x9E3779B1u >> 21));
}

/* The probability that the next decision is 1, in 1/65536; `set` chooses the weights. */
static inline uint32_t sw_predict(sw_adaptive_work *w, unsigned set) {
    const int32_t *weights = w->weights[set];
    int32_t sum = 0;
    for (unsigned i = 0; i < SW_ADAPTIVE_VOTES; i++) {
        const int32_t vote = w->stretch[w->slots[w->at[i]] >> 20];
        w->votes[i] = vote;
        sum += vote * (weights[i] >> 4);
    }
    sum >>= 12;
    sum = sum > SW_AD_SUM ? SW_AD_SUM : sum < -SW_AD_SUM ? -SW_AD_SUM : sum;
    w->set = set;
    w->probability = sw_squash(sum);
    return w->probability;
}

/* A weight after its voter's vote and the error of the sum. */
static inline int32_t sw_taught_weight(int32_t weight, int32_t vote, int32_t error) {
    const int32_t moved = weight + ((vote * error + (1 << 13)) >> 14);
    return moved > SW_AD_MAX_WEIGHT ? SW_AD_MAX_WEIGHT : moved < -SW_AD_MAX_WEIGHT ? -SW_AD_MAX_WEIGHT : moved;
}

/* A slot after `bit`: probability of a 1 in the upper 22 bits, times seen, at most `most`, in the lower 10. */
static inline uint32_t sw_taught_slot(uint32_t slot, unsigned bit, const uint16_t *steps, uint32_t most) {
    const uint32_t count = slot & 1023;
    const uint32_t step = steps[count];
    const uint32_t p = slot >> 10;
    const uint32_t moved = bit ? p + (((SW_AD_TOP - p) >> 6) * step >> 10) : p - ((p >> 6) * step >> 10);
    return moved << 10 | (count + (count < most));
}

/* Teach the slots and the weights of the last prediction what came. */
static inline void sw_learn(sw_adaptive_work *w, unsigned bit) {
    int32_t *weights = w->weights[w->set];
    const int32_t haste = w->haste[w->set];
    w->haste[w->set] = (uint16_t)(haste - (haste >> SW_AD_CALM));
    const int32_t rate = SW_AD_RATE + (haste >> SW_AD_CALM);
    const int32_t error = ((int32_t)(bit << 16) - (int32_t)w->probability) * rate >> 4;
    for (unsigned i = 0; i < SW_ADAPTIVE_VOTES; i++) {
        weights[i] = sw_taught_weight(weights[i], w->votes[i], error);
        w->slots[w->at[i]] = sw_taught_slot(w->slots[w->at[i]], bit, w->step, SW_AD_SEEN);
    }
}

#endif
