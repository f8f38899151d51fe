/* Parts of the device's link. docs/LINK.md. */
#ifndef SW_LINK_H
#define SW_LINK_H

#include "sapwood_link.h"

enum { HELLO, OPEN, WANT, DATA, END, DONE, ACK, PING };

enum {
    CRC = 4,                     /* bytes */
    BODY_AT = 3 + SWL_MTU / 254, /* in `line`: COBS grows into what is before it */
    HEAD = 3                     /* bytes of a reliable frame's kind, stream and sequence */
};

static inline uint8_t swl_kind(uint8_t head) {
    return head & 7;
}

static inline uint8_t swl_head(unsigned kind, unsigned stream) {
    return (uint8_t)(kind | stream << 3);
}

/* Whether that moment is here. */
static inline bool swl_is_due(const swl_link *link, uint32_t at) {
    return (int32_t)(link->now - at) >= 0;
}

/* Fields of a body, in a row; once more is asked for than there is, `fits` is false. */
typedef struct {
    const uint8_t *at;
    uint32_t left;
    bool fits;
} swl_fields;

uint32_t swl_number(swl_fields *fields, unsigned bytes);
/* A varint; UINT32_MAX for those that are as large or larger. */
uint32_t swl_varint(swl_fields *fields);
/* Where so many bytes are, or NULL. */
const uint8_t *swl_bytes(swl_fields *fields, uint32_t size);

uint8_t *swl_put_number(uint8_t *to, uint32_t value, unsigned bytes);
uint8_t *swl_put_varint(uint8_t *to, uint32_t value);

/* Where a body is written; the line must be free (swl_flush). */
static inline uint8_t *swl_body(swl_link *link) {
    return link->line + BODY_AT;
}

/* The body that ends there becomes a frame on the line. */
void swl_put_frame(swl_link *link, uint8_t *end);

/* Bytes to the line. True if all are there. */
bool swl_flush(swl_link *link);

/* A body came whose CRC is right for its kind. */
void swl_take_frame(swl_link *link, const uint8_t *body, uint32_t size);

/* A place in the queue, with these; NULL if there is none. */
swl_frame *swl_enqueue(swl_link *link, uint8_t head, uint32_t from, uint32_t to);

/* The host's stream (link_incoming.c) and ours (link_outgoing.c). */

/* A reliable frame came in its turn. False if it must come again. */
bool swl_take_incoming(swl_link *link, uint8_t head, swl_fields *fields);
bool swl_take_outgoing(swl_link *link, uint8_t head, swl_fields *fields);

/* Queue what is to be said. */
void swl_queue_incoming(swl_link *link);
void swl_queue_outgoing(swl_link *link);

/* The fields of a queued frame. Returns their end. */
uint8_t *swl_put_incoming(swl_link *link, const swl_frame *frame, uint8_t *to);
uint8_t *swl_put_outgoing(swl_link *link, swl_frame *frame, uint8_t *to);

/* A new session: the stream is to be opened again. */
void swl_reset_incoming(swl_link *link);
void swl_reset_outgoing(swl_link *link);

#endif
