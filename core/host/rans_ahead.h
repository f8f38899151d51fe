/* Table entries of the rANS encoder, looked up some rounds of 32 ahead: for its AVX2 and AVX-512 paths. */
#ifndef SW_RANS_AHEAD_H
#define SW_RANS_AHEAD_H

#include <stdint.h>

/* Stores have left for the first-level cache when they are read again so much later. */
enum { SW_RANS_AHEAD = 4, SW_RANS_RING = 8 };

/* entries[k] = packed[numbers[k]] of 8 elements. They do not wait for the states, so they take plain loads, which have
 * ports of their own. Compilers would join them into vectors, by shuffles that cost more than all the rest: hence
 * `volatile`. Written out: a loop would take as long as the loads. */
static inline void sw_rans_load8(uint32_t *entries, const uint32_t *packed, const volatile uint16_t *numbers) {
    entries[0] = packed[numbers[0]];
    entries[1] = packed[numbers[1]];
    entries[2] = packed[numbers[2]];
    entries[3] = packed[numbers[3]];
    entries[4] = packed[numbers[4]];
    entries[5] = packed[numbers[5]];
    entries[6] = packed[numbers[6]];
    entries[7] = packed[numbers[7]];
}

#endif
