/* The range coder of learned bytes, both ways: binary decisions, a range of 64 bits, words of 32 bits in and out.
 *
 * SPEC, "Learned byte coder". One file, since a walk is written once for both directions and inlines this. Of the last
 * eight bytes those at the end that are zeros are left out: a decoder takes zeros for what is missing.
 */
#ifndef SW_BYTE_RANGE_H
#define SW_BYTE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { SW_BYTE_DECODE, SW_BYTE_ENCODE, SW_BYTE_LEARN } sw_byte_mode;

/* Bytes at the end that an encoder may leave out. */
enum { SW_BYTE_LEFT_OUT = 8 };

#define SW_BYTE_INLINE static inline __attribute__((always_inline))

typedef struct {
    uint64_t range;
    uint64_t value; /* the decoder's: how far the payload lies above the low end; the encoder's: that low end */
    const uint8_t *next;
    const uint8_t *end;
    uint8_t *start; /* the encoder's */
    uint8_t *out;
    uint8_t *limit;
    uint32_t overrun; /* bytes wanted after the end */
    bool full;        /* the buffer was too small: what follows is lost */
} sw_byte_range;

SW_BYTE_INLINE uint32_t sw_byte_range_word(sw_byte_range *r) {
    if (r->end - r->next >= 4) {
        const uint8_t *p = r->next;
        r->next += 4;
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    uint32_t word = 0;
    for (unsigned i = 0; i < 4; i++) {
        word <<= 8;
        if (r->next < r->end) {
            word |= *r->next++;
        } else {
            r->overrun++;
        }
    }
    return word;
}

SW_BYTE_INLINE void sw_byte_range_read(sw_byte_range *r, const uint8_t *payload, size_t size) {
    r->range = UINT64_MAX;
    r->next = payload;
    r->end = payload + size;
    r->overrun = 0;
    r->value = (uint64_t)sw_byte_range_word(r) << 32;
    r->value |= sw_byte_range_word(r);
}

/* True if the payload was read to its last byte, and no more was missing than an encoder leaves out. */
SW_BYTE_INLINE bool sw_byte_range_ended(const sw_byte_range *r) {
    return r->next == r->end && r->overrun <= SW_BYTE_LEFT_OUT;
}

SW_BYTE_INLINE void sw_byte_range_write(sw_byte_range *r, uint8_t *out, size_t capacity) {
    r->range = UINT64_MAX;
    r->value = 0;
    r->start = out;
    r->out = out;
    r->limit = out + capacity;
    r->full = false;
}

SW_BYTE_INLINE void sw_byte_range_raise(sw_byte_range *r, uint64_t by) {
    r->value += by;
    if (r->value < by) {
        /* A carry into what is written: there is a byte below 255, for the whole stays below 1. */
        uint8_t *at = r->out;
        while (at > r->start && ++*--at == 0) {
        }
    }
}

SW_BYTE_INLINE void sw_byte_range_put(sw_byte_range *r) {
    if (r->limit - r->out < 4) {
        r->full = true;
        r->out = r->start;
    }
    if (!r->full) {
        for (unsigned i = 0; i < 4; i++) {
            *r->out++ = (uint8_t)(r->value >> (56 - 8 * i));
        }
    }
    r->value <<= 32;
}

/* likely: the bit that is foreseen; unlikely: the probability of the other, in 1/65536, 16 to 32768. The lower part of
 * the range is the likely bit's, so that the usual way is a comparison and a subtraction, and a branch that processors
 * foresee as well as the model does. */
SW_BYTE_INLINE unsigned sw_byte_code(sw_byte_range *r, sw_byte_mode mode, unsigned likely, uint32_t unlikely,
                                     unsigned bit) {
    if (mode == SW_BYTE_LEARN) {
        return bit;
    }
    const uint64_t other = (r->range >> 16) * unlikely;
    const uint64_t bound = r->range - other;
    if (__builtin_expect(mode == SW_BYTE_DECODE ? r->value < bound : bit == likely, 1)) {
        r->range = bound;
        bit = likely;
    } else {
        r->range = other;
        bit = likely ^ 1;
        if (mode == SW_BYTE_DECODE) {
            r->value -= bound;
        } else {
            sw_byte_range_raise(r, bound);
        }
    }
    if (r->range >> 32 == 0) {
        r->range <<= 32;
        if (mode == SW_BYTE_DECODE) {
            r->value = r->value << 32 | sw_byte_range_word(r);
        } else {
            sw_byte_range_put(r);
        }
    }
    return bit;
}

/* The fewest bytes that name a number of the range. Their count; 0 if the buffer was too small. */
static inline size_t sw_byte_range_close(sw_byte_range *r) {
    for (unsigned bytes = 0; bytes <= 8; bytes++) {
        const uint64_t below = bytes == 8 ? 0 : UINT64_MAX >> (8 * bytes);
        const uint64_t up = -r->value & below; /* to the next number that ends in zeros */
        if (up < r->range) {
            sw_byte_range_raise(r, up);
            for (unsigned i = 0; i < bytes; i++) {
                if (r->out == r->limit) {
                    r->full = true;
                    break;
                }
                *r->out++ = (uint8_t)(r->value >> (56 - 8 * i));
            }
            break;
        }
    }
    /* One byte at least, so that a size of 0 always means failure. */
    if (r->out == r->start && r->limit > r->start) {
        *r->out++ = 0;
    }
    return r->full ? 0 : (size_t)(r->out - r->start);
}

#endif
