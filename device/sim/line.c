#include "line.h"

#include <string.h>

#include "bytes.h"
#include "crc32c.h"

enum { MILLION = 1000000, MOST = 4096, FULL = 254 };

static uint32_t any(line *l) {
    l->random = l->random * 1664525u + 1013904223u;
    return l->random >> 8;
}

uint32_t line_put(line *l, const uint8_t *bytes, uint32_t size) {
    uint32_t took = 0;
    for (; took < size && l->count + 2 <= sizeof l->bytes; took++) {
        const uint32_t what = any(l) % MILLION < l->faulty ? any(l) % 3 : 3;
        const uint8_t byte = bytes[took];
        if (what != 1) {
            l->bytes[l->count++] = (uint8_t)(what == 0 ? byte ^ 1u << any(l) % 8 : byte);
        }
        if (what == 2) {
            l->bytes[l->count++] = byte;
        }
    }
    return took;
}

uint32_t line_get(line *l, uint8_t *to, uint32_t size) {
    const uint32_t now = size < l->count ? size : l->count;
    memcpy(to, l->bytes, now);
    l->count -= now;
    memmove(l->bytes, l->bytes + now, l->count);
    return now;
}

size_t line_frame(uint8_t *to, const uint8_t *body, size_t size, uint32_t seed) {
    uint8_t bytes[MOST];
    uint8_t *at = to;
    memcpy(bytes, body, size);
    sw_store32(bytes + size, sw_crc32c(seed, body, size));
    size += 4;
    /* As the paper says it: a run of up to 254 bytes that are not zero, behind its length and 1. */
    for (size_t from = 0;;) {
        size_t run = 0;
        while (run < FULL && from + run < size && bytes[from + run] != 0) {
            run++;
        }
        *at++ = (uint8_t)(run + 1);
        memcpy(at, bytes + from, run);
        at += run;
        from += run;
        if (from == size) {
            break;
        }
        from += run < FULL;
    }
    *at++ = 0;
    return (size_t)(at - to);
}
