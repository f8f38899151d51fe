/* Differences of 64-bit elements too wide for NUMERIC, which has so many raw bits for what is below the highest one. */
#ifndef SW_LEAPS_H
#define SW_LEAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "numeric.h"

enum { SW_LEAP_BITS = SW_MAX_RAW_BITS + 1 }; /* a leap's magnitude has more */

/* The numbers of the elements that leap, of `count` floats or integers, in order; at most `most` are stored. Returns how many leap. */
size_t sw_find_leaps(const uint8_t *base, const uint8_t *target, size_t count, bool is_float, uint32_t *leaps, size_t most);

#endif
