/* memcpy, memset and memcmp for a device without a libc: short, not fast. Compile it with -fno-builtin. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    uint8_t *at = to;
    const uint8_t *of = from;
    while (size-- > 0) {
        *at++ = *of++;
    }
    return to;
}

void *memset(void *to, int value, size_t size) {
    uint8_t *at = to;
    while (size-- > 0) {
        *at++ = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t size) {
    const uint8_t *at = a;
    const uint8_t *of = b;
    while (size-- > 0) {
        const int difference = *at++ - *of++;
        if (difference != 0) {
            return difference;
        }
    }
    return 0;
}
