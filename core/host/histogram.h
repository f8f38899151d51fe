/* Sizes by counting: entropy of a histogram in 1/65536 bit, in integers, so that every machine chooses alike. */
#ifndef SW_HISTOGRAM_H
#define SW_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* log2(v) in 1/65536, v >= 1. */
uint64_t sw_log2(uint64_t v);
/* Bits (in 1/65536) that an ideal coder spends on `size` counts. */
uint64_t sw_entropy(const uint32_t *counts, size_t size);
/* The same for the sum of two histograms. */
uint64_t sw_entropy_of_sum(const uint32_t *a, const uint32_t *b, size_t size);
/* Frequencies that sum to 1 << table_bits and that the header can say: SW_FREQUENCY_DIGITS digits each but
 * for the largest. Every counted symbol gets at least 1. Returns the index of the largest. */
unsigned sw_normalise(const uint32_t *counts, size_t size, unsigned table_bits, uint16_t *frequencies);

#endif
