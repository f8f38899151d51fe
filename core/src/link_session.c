/* The session, and frames that are sent until they are acknowledged. docs/LINK.md, "Session" and "Reliable frames". */
#include <string.h>

#include "bytes.h"
#include "crc32c.h"
#include "link.h"

enum {
    VERSION = 1,
    WANTED = 1,         /* flag of a HELLO */
    HELLO_WAIT = 200,   /* milliseconds, doubling up to LONGEST */
    LONGEST = 2000,
    FIRST_WAIT = 1000,  /* RFC 6298, 2.1 */
    SHORTEST = 20,
    TRIES = 17,         /* sent once, and again 16 times */
    SILENCE = 4,        /* keep-alives */
    LEAST_MTU = 64,
    MOST_MTU = 4096,
    MOST_WINDOW = 32,
    TICK = 10,          /* milliseconds: unit of a keep-alive */
    MODEL = 16,         /* bytes, and how many in a HELLO */
    MODELS = 2,
    MOST_KEEP_ALIVE = 60000,
    /* Bytes of a stream in a frame. An arrival adds GROWTH, a loss takes a quarter: they are even at about
     * sqrt(4 * GROWTH / errors a byte), where heads, waits and losses cost least. It begins short, because a frame that
     * has a sequence is sent again as it is. */
    FIRST_DATA = 64,
    LEAST_DATA = 24,
    GROWTH = 8
};

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* A later frame's sequence, less this one's, is a small number. */
static uint16_t distance(uint32_t from, uint32_t to) {
    return (uint16_t)(to - from);
}

static uint32_t seed(uint32_t sender, uint32_t receiver) {
    uint8_t nonces[8];
    sw_store32(nonces, sender);
    sw_store32(nonces + 4, receiver);
    return sw_crc32c(0, nonces, sizeof nonces);
}

static void say_hello_from_now(swl_link *link) {
    link->stands = false;
    link->hello_wait = HELLO_WAIT;
    link->hello_at = link->now;
}

/* A session with that peer (0: not known), whose first HELLO is still to come. */
static void begin(swl_link *link, uint32_t peer) {
    if (link->stood) {
        link->nonce = link->nonce * 1664525u + 1013904223u;
        link->nonce += link->nonce == 0;
    }
    link->peer_nonce = peer;
    link->seed_out = seed(link->nonce, peer);
    link->seed_in = seed(peer, link->nonce);
    link->stood = false;
    link->owes_ack = false;
    link->queued = 0;
    link->first = 0;
    link->next = 0;
    link->round_trip = 0;
    link->wait = FIRST_WAIT;
    swl_reset_incoming(link);
    swl_reset_outgoing(link);
    say_hello_from_now(link);
}

void swl_start(swl_link *link, const swl_config *config, uint32_t nonce, uint32_t now) {
    memset(link, 0, sizeof *link);
    link->config = config;
    link->nonce = nonce;
    link->now = now;
    link->in_bad = true;
    link->data_size = FIRST_DATA;
    begin(link, 0);
}

static void stand(swl_link *link) {
    link->stands = true;
    link->stood = true;
}

static void take_hello(swl_link *link, swl_fields *fields) {
    const uint8_t *magic = swl_bytes(fields, 2);
    const uint32_t version = swl_number(fields, 1);
    const uint32_t flags = swl_number(fields, 1);
    const uint32_t peer = swl_number(fields, 4);
    const uint32_t named = swl_number(fields, 4);
    const uint32_t mtu = swl_number(fields, 2);
    const uint32_t window = swl_number(fields, 1);
    (void)swl_number(fields, 1); /* streams: one is always taken */
    const uint32_t keep_alive = swl_number(fields, 2) * TICK;
    if (!fields->fits || fields->left % MODEL != 0 || fields->left > MODELS * MODEL || memcmp(magic, "SW", 2) != 0 ||
        version != VERSION || flags > WANTED || peer == 0 || mtu < LEAST_MTU || mtu > MOST_MTU || window == 0 ||
        window > MOST_WINDOW) {
        link->noise++;
        return;
    }
    if (peer == link->nonce) {
        return; /* an echo */
    }
    if (peer != link->peer_nonce) {
        begin(link, peer);
    }
    link->heard_at = link->now;
    link->mtu = (uint16_t)smaller(mtu, SWL_MTU);
    link->window = (uint8_t)smaller(window, SWL_QUEUE);
    link->keep_alive = link->config->keep_alive;
    if (keep_alive > 0 && (link->keep_alive == 0 || keep_alive < link->keep_alive)) {
        link->keep_alive = (uint16_t)smaller(keep_alive, MOST_KEEP_ALIVE);
    }
    if (named == link->nonce) {
        stand(link);
    }
    link->owes_hello = link->owes_hello || flags == WANTED || named != link->nonce;
}

/* RFC 6298, 2. */
static void measure(swl_link *link, uint32_t trip) {
    trip = smaller(trip, LONGEST);
    if (link->round_trip == 0) {
        link->round_trip = (uint16_t)(8 * trip);
        link->deviation = (uint16_t)(2 * trip);
    } else {
        const uint32_t mean = link->round_trip / 8u;
        const uint32_t off = mean > trip ? mean - trip : trip - mean;
        link->deviation = (uint16_t)(link->deviation - link->deviation / 4u + off);
        link->round_trip = (uint16_t)(link->round_trip - mean + trip);
    }
    const uint32_t wait = link->round_trip / 8u + link->deviation + 1u;
    const uint32_t least = link->config->patience > SHORTEST ? link->config->patience : SHORTEST;
    link->wait = (uint16_t)smaller(wait > least ? wait : least, LONGEST);
}

static void take_ack(swl_link *link, swl_fields *fields) {
    const uint32_t next = swl_number(fields, 2);
    const uint16_t cause = distance(link->first, swl_number(fields, 2));
    const uint32_t bits = swl_number(fields, 4);
    const uint16_t done = distance(link->first, next);
    if (!fields->fits || fields->left > 0 || done > link->queued || (done > 0 && link->queue[done - 1].tries == 0)) {
        link->noise++;
        return;
    }
    if (cause < link->queued && link->queue[cause].tries == 1 && !link->queue[cause].arrived) {
        measure(link, link->now - link->queue[cause].at);
    }
    for (unsigned i = done + 1u; i < link->queued; i++) {
        link->queue[i].arrived = link->queue[i].arrived || bits >> (i - done - 1) & 1;
    }
    /* What was sent before the frame that came, or was that frame and found no room, must go again: once at once. */
    for (unsigned i = done; i < link->queued && i <= cause; i++) {
        if (link->queue[i].tries == 1 && !link->queue[i].arrived) {
            link->queue[i].at = link->now - link->wait;
        }
    }
    for (unsigned i = 0; i < done; i++) {
        if (link->queue[i].tries == 1 && swl_kind(link->queue[i].head) == DATA && link->data_size < SWL_MTU) {
            link->data_size += GROWTH;
        }
    }
    link->first = (uint16_t)next;
    link->queued = (uint8_t)(link->queued - done);
    for (unsigned i = 0; done > 0 && i < link->queued; i++) {
        link->queue[i] = link->queue[i + done];
    }
}

static void take_sequenced(swl_link *link, uint8_t head, swl_fields *fields) {
    const uint16_t sequence = (uint16_t)swl_number(fields, 2);
    if (!fields->fits) {
        link->noise++;
        return;
    }
    if (sequence == link->next) {
        const bool is_ours = swl_kind(head) == WANT || swl_kind(head) == DONE;
        if (!(is_ours ? swl_take_outgoing(link, head, fields) : swl_take_incoming(link, head, fields))) {
            return;
        }
        link->next++;
    }
    link->owes_ack = true;
    link->cause = sequence;
}

void swl_take_frame(swl_link *link, const uint8_t *body, uint32_t size) {
    const uint8_t head = body[0];
    const uint8_t kind = swl_kind(head);
    swl_fields fields = {body + 1, size - 1, true};
    if ((kind == HELLO || kind >= ACK) && head != kind) {
        link->noise++;
        return;
    }
    if (kind == HELLO) {
        take_hello(link, &fields);
        return;
    }
    link->heard_at = link->now;
    stand(link);
    if (kind == ACK) {
        take_ack(link, &fields);
    } else if (kind == PING) {
        link->owes_ack = true;
        link->cause = (uint16_t)(link->next - 1);
    } else {
        take_sequenced(link, head, &fields);
    }
}

swl_frame *swl_enqueue(swl_link *link, uint8_t head, uint32_t from, uint32_t to) {
    if (link->queued >= link->window) {
        return NULL;
    }
    swl_frame *frame = &link->queue[link->queued++];
    *frame = (swl_frame){.head = head, .from = from, .more.to = to};
    return frame;
}

static void put_hello(swl_link *link) {
    uint8_t *at = swl_body(link);
    *at++ = HELLO;
    *at++ = 'S';
    *at++ = 'W';
    *at++ = VERSION;
    *at++ = link->stands ? 0 : WANTED;
    at = swl_put_number(at, link->nonce, 4);
    at = swl_put_number(at, link->peer_nonce, 4);
    at = swl_put_number(at, SWL_MTU, 2);
    *at++ = link->config->window;
    *at++ = 1;
    at = swl_put_number(at, link->config->keep_alive / TICK, 2);
    swl_put_frame(link, at);
    link->owes_hello = false;
}

static void put_ack(swl_link *link) {
    uint8_t *at = swl_body(link);
    *at++ = ACK;
    at = swl_put_number(at, link->next, 2);
    at = swl_put_number(at, link->cause, 2);
    swl_put_frame(link, swl_put_number(at, 0, 4));
    link->owes_ack = false;
}

static bool must_send(const swl_link *link, const swl_frame *frame) {
    const uint32_t wait = frame->tries == 0 ? 0 : smaller((uint32_t)link->wait << smaller(frame->tries - 1u, 7), LONGEST);
    return frame->tries == 0 || (!frame->arrived && swl_is_due(link, frame->at + wait));
}

/* The first frame of the queue that is due. False if none is. */
static bool put_queued(swl_link *link) {
    for (unsigned i = 0; i < link->queued; i++) {
        swl_frame *frame = &link->queue[i];
        if (!must_send(link, frame)) {
            continue;
        }
        if (frame->tries == TRIES) {
            begin(link, 0);
            return false;
        }
        if (frame->tries > 0 && swl_kind(frame->head) == DATA && link->data_size > LEAST_DATA) {
            link->data_size = (uint16_t)(link->data_size - link->data_size / 4u);
        }
        uint8_t *at = swl_body(link) + 1;
        at = swl_put_number(at, link->first + i, 2);
        const bool is_ours = swl_kind(frame->head) != WANT && swl_kind(frame->head) != DONE;
        at = is_ours ? swl_put_outgoing(link, frame, at) : swl_put_incoming(link, frame, at);
        *swl_body(link) = frame->head;
        swl_put_frame(link, at);
        frame->tries++;
        frame->at = link->now;
        return true;
    }
    return false;
}

/* Put the next frame that is due on the line. False if none is. */
static bool compose(swl_link *link) {
    const uint32_t keep_alive = link->keep_alive;
    if (link->stands && keep_alive > 0 && swl_is_due(link, link->heard_at + SILENCE * keep_alive)) {
        say_hello_from_now(link);
    }
    if (link->owes_hello || (!link->stands && swl_is_due(link, link->hello_at))) {
        if (!link->stands) {
            link->hello_at = link->now + link->hello_wait;
            link->hello_wait = (uint16_t)smaller(2u * link->hello_wait, LONGEST);
        }
        put_hello(link);
        return true;
    }
    if (!link->stands) {
        return false;
    }
    if (link->owes_ack) {
        put_ack(link);
        return true;
    }
    swl_queue_incoming(link);
    swl_queue_outgoing(link);
    if (put_queued(link)) {
        return true;
    }
    if (link->stands && keep_alive > 0 && swl_is_due(link, link->said_at + keep_alive)) {
        *swl_body(link) = PING;
        swl_put_frame(link, swl_body(link) + 1);
        return true;
    }
    return false;
}

void swl_poll(swl_link *link, uint32_t now) {
    link->now = now;
    while (swl_flush(link) && compose(link)) {
    }
}

bool swl_stands(const swl_link *link) {
    return link->stands;
}

uint16_t swl_noise(const swl_link *link) {
    return link->noise;
}
