/* Our stream: OPEN, DATA and END, and what the host says about it. docs/LINK.md, "Streams". */
#include <string.h>

#include "link.h"

/* Instead of a length in an END: it broke off. */
enum { BROKE_OFF = 1 };

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

void swl_reset_outgoing(swl_link *link) {
    link->out_opened = false;
    link->out_wanted = false;
}

static bool is_own(const swl_frame *frame) {
    return swl_kind(frame->head) != WANT && swl_kind(frame->head) != DONE;
}

static void break_off(swl_frame *frame) {
    frame->head = END;
    frame->more.to = BROKE_OFF;
}

static void take_want(swl_link *link, swl_fields *fields) {
    const uint32_t from = swl_varint(fields);
    const uint32_t to = swl_varint(fields);
    if (!fields->fits || fields->left > 0 || to < from || from > link->out->length) {
        link->noise++;
        return;
    }
    if (!link->out_wanted || from != link->allowed) {
        link->reached = from;
        link->out_ended = false;
    }
    link->out_wanted = true;
    link->allowed = to;
}

static void take_done(swl_link *link, swl_fields *fields) {
    const uint32_t result = swl_varint(fields);
    if (!fields->fits) {
        link->noise++;
        return;
    }
    link->sent_result = (uint8_t)smaller(result, UINT8_MAX);
    link->out = NULL;
    /* What is on the way keeps its sequence, and can no longer be read. */
    for (unsigned i = 0; i < link->queued; i++) {
        if (is_own(&link->queue[i])) {
            break_off(&link->queue[i]);
        }
    }
}

bool swl_take_outgoing(swl_link *link, uint8_t head, swl_fields *fields) {
    if (head >> 3 == 0 && link->out != NULL && link->out_opened) {
        if (swl_kind(head) == WANT) {
            take_want(link, fields);
        } else {
            take_done(link, fields);
        }
    }
    return true;
}

/* Bytes of the next DATA, at most. */
static uint32_t most(const swl_link *link) {
    const uint32_t room = link->mtu - (CRC + HEAD + 5u); /* a varint has 5 bytes at most */
    return smaller(smaller(room, link->data_size), smaller(link->allowed, link->out->length) - link->reached);
}

static void end(swl_link *link, uint32_t how) {
    if (swl_enqueue(link, END, link->reached, how) != NULL) {
        link->out_ended = true;
    }
}

void swl_queue_outgoing(swl_link *link) {
    const swl_outgoing *out = link->out;
    if (out == NULL) {
        return;
    }
    if (!link->out_opened) {
        link->out_opened = swl_enqueue(link, OPEN, 0, 0) != NULL;
        return;
    }
    if (!link->out_wanted || link->out_ended || link->queued >= link->window) {
        return;
    }
    if (link->reached == out->length) {
        end(link, 0);
        return;
    }
    /* Where the line is free, as here, a body's place is free to look whether there is something. */
    const uint32_t wanted = link->reached < link->allowed ? most(link) : out->length == SWL_UNKNOWN;
    if (wanted == 0) {
        return;
    }
    const int got = out->read(out->context, link->reached, swl_body(link), wanted);
    if (got < 0) {
        end(link, out->length == SWL_UNKNOWN ? 0 : BROKE_OFF);
    } else if (got > 0 && link->reached < link->allowed) {
        swl_enqueue(link, DATA, link->reached, link->reached + smaller((uint32_t)got, wanted));
        link->reached = link->queue[link->queued - 1].more.to;
    }
}

static uint8_t *put_open(const swl_link *link, uint8_t *to) {
    const swl_outgoing *out = link->out;
    *to++ = out->type;
    *to++ = 0; /* coding */
    *to++ = out->priority;
    memcpy(to, out->identity, SWL_IDENTITY);
    to = swl_put_varint(to + SWL_IDENTITY, out->length + 1);
    const uint8_t *end = link->line + BODY_AT + link->mtu - CRC;
    for (const char *name = out->name; *name != 0 && to < end; name++) {
        *to++ = (uint8_t)*name;
    }
    return to;
}

/* So many bytes again that were there once. False if they no longer are. */
static bool read_again(const swl_outgoing *out, uint32_t from, uint8_t *to, uint32_t size) {
    while (size > 0) {
        const int got = out->read(out->context, from, to, size);
        if (got <= 0 || (uint32_t)got > size) {
            return false;
        }
        from += (uint32_t)got;
        to += got;
        size -= (uint32_t)got;
    }
    return true;
}

uint8_t *swl_put_outgoing(swl_link *link, swl_frame *frame, uint8_t *to) {
    const swl_outgoing *out = link->out;
    if (swl_kind(frame->head) == OPEN) {
        return put_open(link, to);
    }
    if (swl_kind(frame->head) == DATA) {
        uint8_t *bytes = swl_put_varint(to, frame->from);
        const uint32_t size = frame->more.to - frame->from;
        if (read_again(out, frame->from, bytes, size)) {
            return bytes + size;
        }
        break_off(frame);
    }
    if (frame->more.to == BROKE_OFF) {
        return to;
    }
    to = swl_put_varint(to, frame->from);
    out->digest(out->context, to);
    return to + SWL_DIGEST;
}

bool swl_send(swl_link *link, const swl_outgoing *stream) {
    if (link->out != NULL) {
        return false;
    }
    link->out = stream;
    swl_reset_outgoing(link);
    return true;
}

bool swl_is_sending(const swl_link *link, uint8_t *result) {
    *result = link->sent_result;
    return link->out != NULL;
}

bool swl_is_idle(const swl_link *link) {
    return link->queued == 0 && !link->owes_done && !link->owes_ack && link->out_at == link->out_end;
}
