/* Where quotients lie between the numbers of a range. SPEC, "Places". */
#ifndef SW_QUANTISED_PLACE_H
#define SW_QUANTISED_PLACE_H

#include "half.h"
#include "quantised.h"

/* A scale as origins count: eighths of an octave. */
static inline unsigned sw_eighths_of_octave(float scale) {
    return sw_bits_of_float(scale) >> 20 & SW_QUANT_MOST_ORIGIN;
}

/* The nearest numbers, classes and folds of at most SW_QUANT_RUN quotients, which were divided by `scale`. */
void sw_quantised_place(const sw_quantised *q, sw_quant_range range, sw_quant_rule rule, float scale,
                        const float *quotients, size_t count, uint8_t *numbers, uint8_t *classes, uint8_t *folds);

#endif
