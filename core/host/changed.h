/* How many elements of a target differ from the base's: for reports. */
#ifndef SW_CHANGED_H
#define SW_CHANGED_H

#include <stddef.h>
#include <stdint.h>

/* Elements of `width` bytes (1, 2, 4 or 8) that differ, among `count`. */
size_t sw_count_changed(const uint8_t *base, const uint8_t *target, size_t count, unsigned width);

#endif
