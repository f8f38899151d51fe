/* The host's stream, and what is said about it: WANT and DONE. docs/LINK.md, "Streams". */
#include <string.h>

#include "link.h"

static bool is_known(const swl_link *link) {
    return link->in.length != SWL_UNKNOWN;
}

/* A stream the caller has not ended stays, and goes on when the host opens the same again. */
void swl_reset_incoming(swl_link *link) {
    link->is_live = false;
    link->owes_want = false;
    if (link->owes_done || !link->is_begun) {
        link->is_open = link->is_stale;
    }
    link->owes_done = false;
}

static bool refuse(swl_link *link, uint8_t stream, uint8_t why) {
    return swl_enqueue(link, swl_head(DONE, stream), why, 0) != NULL;
}

static bool take_open(swl_link *link, uint8_t stream, swl_fields *fields) {
    swl_incoming in = {0};
    in.type = (uint8_t)swl_number(fields, 1);
    const uint32_t coding = swl_number(fields, 1);
    (void)swl_number(fields, 1); /* priority */
    const uint8_t *identity = swl_bytes(fields, SWL_IDENTITY);
    const uint32_t length = swl_varint(fields);
    if (!fields->fits) {
        link->noise++;
        return true;
    }
    if (link->is_live && stream == link->in_stream) {
        link->noise++;
        return true;
    }
    if (link->is_live || length == UINT32_MAX) {
        return refuse(link, stream, SWL_REFUSED);
    }
    if (coding != 0) {
        return refuse(link, stream, SWL_NO_MODEL);
    }
    memcpy(in.identity, identity, SWL_IDENTITY);
    in.length = length - 1; /* 0: not known */
    const bool is_same = link->in.type == in.type && memcmp(link->in.identity, in.identity, SWL_IDENTITY) == 0;
    if (link->is_open && link->is_begun && is_same && !link->is_stale) {
        link->owes_want = link->is_wanted;
    } else {
        link->is_stale = link->is_stale || (link->is_open && link->is_begun);
        link->is_begun = false;
        link->is_wanted = false;
        link->taken = link->at = 0;
        link->in = in;
    }
    link->in_stream = stream;
    link->is_open = true;
    link->is_live = true;
    link->seeks = true;
    return true;
}

/* What is beyond what was asked for must come again, when there is room. */
static bool take_data(swl_link *link, swl_fields *fields) {
    const uint32_t offset = swl_varint(fields);
    if (!fields->fits || fields->left == 0) {
        link->noise++;
        return true;
    }
    /* The first bytes may be here already: the host was asked to go on within a frame that was on its way. */
    const uint32_t here = link->at - offset;
    if (offset > link->at || here >= fields->left || link->seeks) {
        return true;
    }
    const uint32_t size = fields->left - here;
    if (size > link->in.length - link->at) {
        link->noise++;
        return true;
    }
    if (size > SWL_ROOM - (link->at - link->taken)) {
        return false;
    }
    const uint8_t *from = swl_bytes(fields, here + size) + here;
    for (uint32_t i = 0; i < size; i++) {
        link->room[(link->at + i) % SWL_ROOM] = from[i];
    }
    link->at += size;
    return true;
}

static void take_end(swl_link *link, swl_fields *fields) {
    if (fields->left == 0) {
        link->in.broke_off = true;
        return;
    }
    const uint32_t length = swl_varint(fields);
    const uint8_t *digest = swl_bytes(fields, SWL_DIGEST);
    if (!fields->fits || fields->left > 0 || (is_known(link) && link->in.length != length)) {
        link->noise++;
    } else if (length == link->at && !link->seeks) {
        link->in.length = length;
        link->in.has_ended = true;
        memcpy(link->in.digest, digest, SWL_DIGEST);
    }
}

bool swl_take_incoming(swl_link *link, uint8_t head, swl_fields *fields) {
    const uint8_t stream = head >> 3;
    if (swl_kind(head) == OPEN) {
        return take_open(link, stream, fields);
    }
    if (!link->is_live || link->owes_done || stream != link->in_stream) {
        return true; /* it was on its way when the stream was ended */
    }
    if (swl_kind(head) == DATA) {
        return !link->is_wanted || take_data(link, fields);
    }
    take_end(link, fields);
    return true;
}

void swl_queue_incoming(swl_link *link) {
    if (link->owes_done) {
        swl_frame *frame = swl_enqueue(link, swl_head(DONE, link->in_stream), link->done_result, 0);
        if (frame != NULL) {
            frame->more.text = link->done_text;
            link->owes_done = link->is_open = link->is_live = false;
        }
        return;
    }
    if (!link->is_live || !link->owes_want) {
        return;
    }
    /* From where the WANT before ended it is credit; elsewhere the host seeks. */
    const uint32_t from = link->seeks ? link->at : link->granted;
    const uint32_t room = SWL_ROOM - 1 < UINT32_MAX - link->taken ? link->taken + SWL_ROOM : UINT32_MAX - 1;
    const uint32_t to = room < link->in.length ? room : link->in.length;
    if (swl_enqueue(link, swl_head(WANT, link->in_stream), from, to) != NULL) {
        link->granted = to;
        link->owes_want = false;
        link->seeks = false;
    }
}

uint8_t *swl_put_incoming(swl_link *link, const swl_frame *frame, uint8_t *to) {
    to = swl_put_varint(to, frame->from);
    if (swl_kind(frame->head) == WANT) {
        return swl_put_varint(to, frame->more.to);
    }
    const uint8_t *end = swl_body(link) + link->mtu - CRC;
    for (const char *text = frame->more.text; text != NULL && *text != 0 && to < end; text++) {
        *to++ = (uint8_t)*text;
    }
    return to;
}

const swl_incoming *swl_opened(swl_link *link) {
    if (!link->is_open || link->owes_done) {
        return NULL;
    }
    link->is_begun = link->is_begun || !link->is_stale;
    return link->is_stale ? NULL : &link->in;
}

/* More credit, once half of the room can be given anew. */
static void ask(swl_link *link) {
    if (link->granted < link->in.length && link->granted - link->taken <= SWL_ROOM / 2) {
        link->owes_want = true;
    }
}

int swl_read(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    swl_link *link = context;
    if (!link->is_open || !link->is_begun || link->owes_done || link->in.broke_off || offset >= link->in.length) {
        return -1;
    }
    if (!link->is_wanted || offset < link->taken || offset > link->at) {
        link->is_wanted = true;
        link->taken = link->at = offset;
        link->in.has_ended = false;
        link->seeks = true;
        link->owes_want = true;
        return 0;
    }
    const uint32_t there = link->at - offset;
    const uint32_t now = size < there ? size : there;
    for (uint32_t i = 0; i < now; i++) {
        to[i] = link->room[(offset + i) % SWL_ROOM];
    }
    link->taken = offset + now;
    if (!link->seeks) {
        ask(link);
    }
    return (int)now;
}

void swl_done(swl_link *link, uint8_t result, const char *text) {
    if (link->is_stale) {
        link->is_stale = false; /* the one that is open now is another */
        return;
    }
    if (!link->is_open || !link->is_begun) {
        return;
    }
    link->is_open = link->owes_done = link->is_live;
    link->done_result = result;
    link->done_text = text;
}
