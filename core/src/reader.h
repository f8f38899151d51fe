/* Reads the fields of a payload. After a field that is cut short, failed stays true. */
#ifndef SW_READER_H
#define SW_READER_H

#include "bytes.h"
#include <stdbool.h>

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
} reader;

static inline uint8_t read_byte(reader *r) {
    if (r->at == r->end) {
        r->failed = true;
        return 0;
    }
    return *r->at++;
}

/* The shortest form is the only one. */
static inline uint64_t read_unsigned(reader *r) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && !r->failed; shift += 7) {
        const uint64_t byte = read_byte(r);
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (byte & 127) << shift;
        if (byte < 128) {
            r->failed |= byte == 0 && shift > 0;
            return value;
        }
    }
    r->failed = true;
    return 0;
}

static inline int64_t read_signed(reader *r) {
    const uint64_t value = read_unsigned(r);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
