#include "range_encoder.h"

#include "bytes.h"

void sw_range_open(sw_range_encoder *e, uint8_t *out, size_t capacity) {
    e->start = out;
    e->at = out;
    e->end = out + capacity;
    e->low = 0;
    e->range = 0xFFFFFFFFu;
    e->pending = 0;
    e->cache = 0;
    e->first = true;
    e->full = false;
}

static void put_byte(sw_range_encoder *e, uint8_t byte) {
    if (e->at == e->end) {
        e->full = true;
        return;
    }
    *e->at++ = byte;
}

static void shift_low(sw_range_encoder *e) {
    const uint8_t carry = (uint8_t)(e->low >> 32);
    if (carry != 0 || (uint32_t)e->low < 0xFF000000u) {
        /* The first cached byte is always zero and is left out. */
        if (!e->first) {
            put_byte(e, (uint8_t)(e->cache + carry));
        }
        e->first = false;
        for (; e->pending > 0; e->pending--) {
            put_byte(e, (uint8_t)(0xFF + carry));
        }
        e->cache = (uint8_t)(e->low >> 24);
    } else {
        e->pending++;
    }
    e->low = (e->low & 0x00FFFFFFu) << 8;
}

void sw_range_shift(sw_range_encoder *e) {
    e->range <<= 8;
    shift_low(e);
}

size_t sw_range_close(sw_range_encoder *e) {
    for (int i = 0; i < 5; i++) {
        shift_low(e);
    }
    /* Four at most: the decoder takes more missing bytes than that for a truncated stream. */
    for (int i = 0; i < 4 && e->at > e->start && e->at[-1] == 0; i++) {
        e->at--;
    }
    /* One byte at least, so that a size of 0 always means failure. */
    if (e->at == e->start) {
        put_byte(e, 0);
    }
    return e->full ? 0 : (size_t)(e->at - e->start);
}

void sw_put_direct(sw_range_encoder *e, uint32_t value, unsigned count) {
    while (count-- > 0) {
        e->range >>= 1;
        if (value >> count & 1) {
            e->low += e->range;
        }
        while (e->range < 1u << 24) {
            sw_range_shift(e);
        }
    }
}

void sw_put_integer(sw_range_encoder *e, uint16_t *models, uint64_t value) {
    const unsigned length = sw_bit_length(value + 1) - 1;
    for (unsigned i = 0; i < length; i++) {
        sw_put_bit(e, &models[i], 1);
    }
    if (length < 62) {
        sw_put_bit(e, &models[length], 0);
    }
    for (unsigned i = length; i-- > 0;) {
        const unsigned bit = (unsigned)((value + 1) >> i & 1);
        if (i + 1 == length) {
            sw_put_bit(e, &models[64 + length], bit);
        } else {
            sw_put_direct(e, bit, 1);
        }
    }
}
