/* Frames: COBS (Cheshire and Baker, 1999) and CRC-32C, in and out. */
#include "bytes.h"
#include "crc32c.h"
#include "link.h"

enum { FULL = 255, LEAST = 1 + CRC };

uint32_t swl_number(swl_fields *fields, unsigned bytes) {
    const uint8_t *at = swl_bytes(fields, bytes);
    uint32_t value = 0;
    while (at != NULL && bytes-- > 0) {
        value = value << 8 | at[bytes];
    }
    return value;
}

uint32_t swl_varint(swl_fields *fields) {
    uint32_t value = 0;
    bool is_large = false;
    for (unsigned shift = 0; shift < 56; shift += 7) {
        const uint32_t byte = swl_number(fields, 1);
        const uint32_t bits = byte & 127;
        if (shift > 0 && byte == 0) {
            break; /* a longer form than there need be */
        }
        is_large = is_large || (bits != 0 && (shift > 28 || (shift == 28 && bits > 15)));
        value |= shift > 28 ? 0 : bits << shift;
        if (byte < 128) {
            return is_large ? UINT32_MAX : value;
        }
    }
    fields->fits = false;
    return UINT32_MAX;
}

const uint8_t *swl_bytes(swl_fields *fields, uint32_t size) {
    if (size > fields->left) {
        fields->fits = false;
        fields->left = 0;
        return NULL;
    }
    const uint8_t *at = fields->at;
    fields->at += size;
    fields->left -= size;
    return at;
}

uint8_t *swl_put_number(uint8_t *to, uint32_t value, unsigned bytes) {
    for (; bytes > 0; bytes--, value >>= 8) {
        *to++ = (uint8_t)value;
    }
    return to;
}

uint8_t *swl_put_varint(uint8_t *to, uint32_t value) {
    for (; value > 127; value >>= 7) {
        *to++ = (uint8_t)(value | 128);
    }
    *to++ = (uint8_t)value;
    return to;
}

/* A frame ended. Its CRC goes on from that of the nonces, but for HELLO's. */
static void end_frame(swl_link *link) {
    const uint32_t size = link->in_size;
    const uint8_t *frame = link->frame;
    if (size == 0 && link->in_left == 0) {
        return;
    }
    if (link->in_bad || link->in_left > 0 || size < LEAST) {
        link->noise++;
        return;
    }
    const uint32_t seed = swl_kind(frame[0]) == HELLO ? 0 : link->seed_in;
    if (sw_crc32c(seed, frame, size - CRC) != sw_load32(frame + size - CRC)) {
        link->noise++;
        return;
    }
    swl_take_frame(link, frame, size - CRC);
}

static void keep(swl_link *link, uint8_t byte) {
    if (link->in_size == SWL_MTU) {
        link->in_bad = true;
        return;
    }
    link->frame[link->in_size++] = byte;
}

void swl_receive(swl_link *link, const uint8_t *bytes, uint32_t size) {
    for (; size > 0; size--) {
        const uint8_t byte = *bytes++;
        if (byte == 0) {
            end_frame(link);
            link->in_size = 0;
            link->in_left = 0;
            link->in_bad = false;
            link->in_full = true; /* the first block has no zero before it */
        } else if (link->in_left > 0) {
            link->in_left--;
            keep(link, byte);
        } else {
            if (!link->in_full) {
                keep(link, 0);
            }
            link->in_left = (uint8_t)(byte - 1);
            link->in_full = byte == FULL;
        }
    }
}

void swl_put_frame(swl_link *link, uint8_t *end) {
    const uint8_t *from = swl_body(link);
    const bool is_hello = swl_kind(from[0]) == HELLO;
    const uint32_t seed = is_hello ? 0 : link->seed_out;
    end = swl_put_number(end, sw_crc32c(seed, from, (size_t)(end - from)), CRC);
    /* What is written never passes what is read: BODY_AT. */
    uint8_t *code = link->line + 1;
    uint8_t *to = code + 1;
    bool is_full = false;
    link->line[0] = 0;
    *code = 1;
    while (from < end) {
        const uint8_t byte = *from++;
        if (byte != 0) {
            *to++ = byte;
            ++*code;
        }
        is_full = *code == FULL;
        if (byte == 0 || (is_full && from < end)) {
            code = to++;
            *code = 1;
        }
    }
    *to++ = 0;
    /* A zero goes before a HELLO, so that noise never takes it along. */
    link->out_at = is_hello ? 0 : 1;
    link->out_end = (uint16_t)(to - link->line);
    link->said_at = link->now;
}

bool swl_flush(swl_link *link) {
    if (link->out_at < link->out_end) {
        const uint32_t left = (uint32_t)(link->out_end - link->out_at);
        const uint32_t took = link->config->put(link->config->context, link->line + link->out_at, left);
        link->out_at = (uint16_t)(link->out_at + (took < left ? took : left));
    }
    return link->out_at == link->out_end;
}
