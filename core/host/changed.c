#include "changed.h"

#include "bytes.h"

/* The inner loop counts in a number as wide as the elements, so that compilers vectorise it well. */
#define SW_COUNT(TYPE, LOAD, MOST)                                                                  \
    static size_t count_##TYPE(const uint8_t *base, const uint8_t *target, size_t count) {         \
        size_t changed = 0;                                                                        \
        for (size_t first = 0; first < count; first += (MOST)) {                                   \
            const size_t stop = count - first < (MOST) ? count : first + (MOST);                   \
            TYPE sum = 0;                                                                          \
            for (size_t i = first; i < stop; i++) {                                                \
                sum = (TYPE)(sum + (LOAD(base + i * sizeof(TYPE)) != LOAD(target + i * sizeof(TYPE)))); \
            }                                                                                      \
            changed += (size_t)sum;                                                                \
        }                                                                                          \
        return changed;                                                                            \
    }

#define LOAD8(p) (*(p))
SW_COUNT(uint8_t, LOAD8, 255u)
SW_COUNT(uint16_t, sw_load16, 4096u)
SW_COUNT(uint32_t, sw_load32, 4096u)
SW_COUNT(uint64_t, sw_load64, 4096u)

size_t sw_count_changed(const uint8_t *base, const uint8_t *target, size_t count, unsigned width) {
    switch (width) {
    case 1:
        return count_uint8_t(base, target, count);
    case 2:
        return count_uint16_t(base, target, count);
    case 4:
        return count_uint32_t(base, target, count);
    default:
        return count_uint64_t(base, target, count);
    }
}
