#include "leaps.h"

#include "bytes.h"

/* An integer that keeps the order of floats. */
static uint64_t ordered(uint64_t v) {
    return v ^ ((UINT64_C(0) - (v >> 63)) >> 1);
}

size_t sw_find_leaps(const uint8_t *base, const uint8_t *target, size_t count, bool is_float, uint32_t *leaps, size_t most) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t b = sw_load64(base + 8 * i), t = sw_load64(target + 8 * i);
        const uint64_t moved = is_float ? ordered(t) - ordered(b) : t - b;
        const uint64_t magnitude = moved >> 63 != 0 ? UINT64_C(0) - moved : moved;
        if (magnitude >> SW_LEAP_BITS != 0) {
            if (found < most) {
                leaps[found] = (uint32_t)i;
            }
            found++;
        }
    }
    return found;
}
