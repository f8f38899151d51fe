/* Quotients to the nearest numbers of a range, with their classes and folds. */
#include "quantised_place.h"
#include "single.h"

/* The number of a range nearest to a quotient, ties as the type's rule has them, and not yet within the range. */
static inline int nearest_to(float y, sw_quant_range range, sw_quant_rule rule) {
    const int whole = (int)y;
    const float rest = sw_add(y, -(float)whole);
    if (rule == SW_RULE_LARGEST) {
        return whole + (rest >= 0.5f) - (rest <= -0.5f);
    }
    if (rule == SW_RULE_NONE) {
        const int odd = whole & 1;
        const int up = (rest > 0.5f) | ((rest == 0.5f) & odd);
        const int down = (rest < -0.5f) | ((rest == -0.5f) & odd);
        return whole + up - down + range.zero;
    }
    return (int)sw_add(y, (float)range.zero + 0.5f);
}

/* Of a run or a block's runs, whose quotients are placed together. */
typedef struct {
    int numbers[SW_QUANT_RUN];
    int classes[SW_QUANT_RUN];
    int folds[SW_QUANT_RUN];
} place;

/* 0 to 4: a large scale makes the same change of a weight small. */
static int level_of(const sw_quantised *q, float scale) {
    const int level = ((int)sw_eighths_of_octave(scale) - (int)q->origin + 2 + 4096) / 4 - 1024 + 2;
    return !q->by_scale || level < 0 ? 0 : level > 4 ? 4 : level;
}

/* The numbers of a range nearest to quotients, their classes (how far they lie from there) and on which side.
 *
 * In lanes of 32 bits throughout, so that compilers vectorise it; narrowed at the end. */
static inline void place_by(const sw_quantised *q, sw_quant_range range, sw_quant_rule rule, bool by_scale, int level,
                            const float *restrict quotients, size_t count, place *restrict out) {
    const int least = range.least, most = range.most, zero = range.zero;
    const int unit = 1 << q->spread;
    const float side = q->from_edge ? -1.0f : 1.0f;
    const float start = q->from_edge ? 0.5f : 0.0f;
    for (size_t i = 0; i < count; i++) {
        const int usual = (quotients[i] > -32768.0f) & (quotients[i] < 32768.0f);
        const float y = usual ? quotients[i] : 0.0f;
        int nearest = nearest_to(y, range, rule);
        nearest = nearest < least ? least : nearest;
        nearest = nearest > most ? most : nearest;
        const float beside = sw_add(y, -(float)(nearest - zero));
        const float distance = beside < 0.0f ? -beside : beside;
        const int near = usual & (distance <= 0.5f);
        /* From the edge 0.5 - distance, else distance: both exact. */
        const float measure = sw_add(start, side * distance);
        const int units = (int)(near ? measure * (float)(1 << SW_QUANT_UNIT_BITS) : 0.0f);
        int step = (units >= unit) + (units >= 4 * unit);
        if (by_scale) {
            step = 5 * step + level;
        } else {
            step += units >= 2 * unit;
            for (int k = 3; k < 14; k++) {
                step += units >= unit << k;
            }
        }
        out->numbers[i] = nearest;
        out->classes[i] = near ? step : SW_QUANT_ALONE;
        out->folds[i] = (near & (beside <= 0.0f)) ? 255 : 0;
    }
}

static void narrow(const int *restrict from, size_t count, uint8_t *restrict to) {
    for (size_t i = 0; i < count; i++) {
        to[i] = (uint8_t)from[i];
    }
}

void sw_quantised_place(const sw_quantised *q, sw_quant_range range, sw_quant_rule rule, float scale,
                        const float *quotients, size_t count, uint8_t *numbers, uint8_t *classes, uint8_t *folds) {
    place found;
    const int level = level_of(q, scale);
    if (rule == SW_RULE_NONE && q->by_scale) {
        place_by(q, range, SW_RULE_NONE, true, level, quotients, count, &found);
    } else if (rule == SW_RULE_NONE) {
        place_by(q, range, SW_RULE_NONE, false, level, quotients, count, &found);
    } else if (rule == SW_RULE_LARGEST && q->by_scale) {
        place_by(q, range, SW_RULE_LARGEST, true, level, quotients, count, &found);
    } else if (rule == SW_RULE_LARGEST) {
        place_by(q, range, SW_RULE_LARGEST, false, level, quotients, count, &found);
    } else if (q->by_scale) {
        place_by(q, range, SW_RULE_SIGNED, true, level, quotients, count, &found);
    } else {
        place_by(q, range, SW_RULE_SIGNED, false, level, quotients, count, &found);
    }
    narrow(found.numbers, count, numbers);
    narrow(found.classes, count, classes);
    narrow(found.folds, count, folds);
}

void sw_quantised_fold(const uint8_t *folds, size_t count, uint8_t *numbers) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] ^= folds[i];
    }
}
