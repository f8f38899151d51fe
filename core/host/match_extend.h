/* How far two pieces of bytes agree: exactly, and with mismatches allowed. */
#ifndef SW_MATCH_EXTEND_H
#define SW_MATCH_EXTEND_H

#include <stdint.h>

#include "bytes.h"

/* Equal bytes at the front of a and b, at most n. */
uint64_t sw_common_front(const uint8_t *a, const uint8_t *b, uint64_t n);
/* Equal bytes before a and b, at most n. */
uint64_t sw_common_back(const uint8_t *a, const uint8_t *b, uint64_t n);
/* Positions at which a and b agree. */
uint64_t sw_count_equal(const uint8_t *a, const uint8_t *b, uint64_t n);
/* The length, at most n, that has most of weight * (equal bytes) - length; 0 if none is positive. A longer
 * length is preferred where more than one in `weight` bytes agree. */
uint64_t sw_similar_front(const uint8_t *a, const uint8_t *b, uint64_t n, unsigned weight);
/* The same before a and b. */
uint64_t sw_similar_back(const uint8_t *a, const uint8_t *b, uint64_t n, unsigned weight);

#endif
