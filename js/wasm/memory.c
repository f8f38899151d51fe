/* What compilers call on their own: single instructions of WebAssembly here. */
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    return __builtin_memcpy(to, from, size);
}

void *memmove(void *to, const void *from, size_t size) {
    return __builtin_memmove(to, from, size);
}

void *memset(void *to, int byte, size_t size) {
    return __builtin_memset(to, byte, size);
}

int memcmp(const void *a, const void *b, size_t size) {
    const unsigned char *p = a;
    const unsigned char *q = b;
    for (; size > 0; size--, p++, q++) {
        if (*p != *q) {
            return *p < *q ? -1 : 1;
        }
    }
    return 0;
}
