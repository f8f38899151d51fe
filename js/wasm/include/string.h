/* The part of the C library that the core uses, for a machine that has none. */
#ifndef SAPWOOD_WASM_STRING_H
#define SAPWOOD_WASM_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
