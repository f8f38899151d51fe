/* Sapwood's link on a device: patches, models and log lines over a UART that may lose, garble or repeat bytes.
 *
 * What arrives is exact, or the link says that it failed. No allocation, no libc beyond four headers, no recursion, no
 * global state, nothing that waits. All memory is the caller's: a swl_link has less than 1 KB. docs/LINK.md defines
 * what goes over the line; the other end is `sapwood link --port DEV`.
 *
 * How to use it:
 *   1. swl_start() once, with a number that is new at each start.
 *   2. Whenever there are bytes: swl_receive(). After that, and every few milliseconds: swl_poll(). Let this pair be a
 *      function of yours, pump().
 *   3. When swl_opened() shows a stream of the host's, read it by swl_read(), with pump() before each call, and tell by swl_done()
 *      how it ended. For a patch, swd_config.patch_read is a function that calls pump() and returns swl_read(): the engine's jump
 *      forward after a cut and its return in place become requests to the host. If the line is cut, or the host starts anew,
 *      swl_read() has nothing for a while, and goes on when the host offers the same content again.
 *   4. To send log lines or a model: swl_send(). Its bytes are read again until they are acknowledged, so nothing is copied.
 *
 * Bytes may come in an interrupt, into a ring of the caller's; the functions here are all called from one place. The host
 * sends no more frames than `window` before they are acknowledged, of SWL_MTU bytes and 4 each at most, and no more bytes of a
 * stream than there is room for: while flash is erased, nothing is lost if that fits the ring, and sent again if not.
 */
#ifndef SAPWOOD_LINK_H
#define SAPWOOD_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the longest frame, 64 to 4096, and of what waits to be read of the host's stream, at least SWL_MTU. */
#ifndef SWL_MTU
#define SWL_MTU 256
#endif
#ifndef SWL_ROOM
#define SWL_ROOM SWL_MTU
#endif

enum {
    SWL_QUEUE = 4,     /* frames of this end that wait to be acknowledged, at most */
    SWL_IDENTITY = 16, /* bytes */
    SWL_DIGEST = 32    /* bytes of a SHA-256 */
};

#define SWL_UNKNOWN UINT32_MAX /* a length */

/* What a stream is; values are pinned. */
enum {
    SWL_BYTES = 0,
    SWL_FILE = 1,
    SWL_PATCH = 2,
    SWL_BYTE_MODEL = 3, /* of the byte coder */
    SWL_TELEMETRY = 4,
    SWL_DEVICE_MODEL = 5 /* a first one */
};

/* How a stream ended; values are pinned. */
enum {
    SWL_TAKEN = 0,
    SWL_REFUSED = 1,
    SWL_WRONG_DIGEST = 2,
    SWL_BROKE_OFF = 3,
    SWL_FAILED = 4,
    SWL_NO_MODEL = 5,
    SWL_UPDATE = 64 /* and n: the update ended with the swd_result -n */
};

typedef struct {
    void *context;

    /* Bytes for the line. Returns how many it took, which may be none: it is asked again. Does not wait. */
    uint32_t (*put)(void *context, const uint8_t *bytes, uint32_t size);

    uint16_t patience;   /* milliseconds before a frame is sent again, at least: the line's time for two frames. Not 0 */
    uint16_t keep_alive; /* milliseconds, 0: none. A host that is silent for four times that is taken for lost */
    uint8_t window;      /* frames the host may send before they are acknowledged: 1 to 32 */
} swl_config;

/* A stream of the host's. */
typedef struct {
    uint8_t type;
    bool has_ended; /* `digest` is there, and `length` is known */
    bool broke_off; /* the host has no more of it */
    uint32_t length;                /* SWL_UNKNOWN */
    uint8_t identity[SWL_IDENTITY]; /* of the content: from files, the first bytes of their SHA-256 */
    uint8_t digest[SWL_DIGEST];     /* what the whole should have. A patch has digests of its own, which the engine checks */
} swl_incoming;

/* A stream for the host. Constant while it is sent. */
typedef struct {
    void *context;

    /* Up to `size` bytes from `offset`. Returns how many: 0 if there are none yet, negative if none will come. That is the
     * end if the length is not known, or else the stream breaks off. The same bytes are asked for until they were acknowledged. */
    int (*read)(void *context, uint32_t offset, uint8_t *to, uint32_t size);

    /* SHA-256 of the whole, asked for at its end. */
    void (*digest)(void *context, uint8_t digest[SWL_DIGEST]);

    uint8_t type;
    uint8_t priority;        /* 0 goes first */
    uint32_t length;         /* SWL_UNKNOWN */
    const uint8_t *identity; /* SWL_IDENTITY bytes; the same for the same bytes */
    const char *name;
} swl_outgoing;

/* A frame on its way. Nothing in it, and in what follows, is for the caller. */
typedef struct {
    uint8_t head;
    uint8_t tries;
    bool arrived;
    uint32_t at; /* milliseconds, when it was sent last */
    uint32_t from;
    union {
        uint32_t to;
        const char *text;
    } more;
} swl_frame;

typedef struct {
    const swl_config *config;
    uint32_t now;
    /* The session. */
    uint32_t nonce, peer_nonce;
    uint32_t seed_out, seed_in; /* CRC of both */
    uint32_t hello_at, heard_at, said_at;
    uint16_t hello_wait;
    uint16_t mtu;
    uint16_t keep_alive;
    uint8_t window;
    bool stands, stood;
    bool owes_hello, owes_ack;
    /* Reliable frames. */
    uint8_t queued;
    uint16_t first; /* sequence of queue[0] */
    uint16_t next;  /* sequence that is missing first */
    uint16_t cause;
    uint16_t round_trip, deviation, wait; /* milliseconds; 8 and 4 times the first two */
    uint16_t data_size; /* bytes of a stream in the next frame, at most: fewer where frames are lost */
    swl_frame queue[SWL_QUEUE];
    /* Streams. */
    swl_incoming in;
    const swl_outgoing *out;
    uint32_t taken, at, granted; /* of the host's: read, received, allowed */
    uint32_t reached, allowed; /* of ours */
    const char *done_text;
    uint8_t done_result, in_stream, sent_result;
    bool is_open, is_live, is_begun, is_stale, is_wanted;
    bool owes_done, owes_want, seeks;
    bool out_opened, out_wanted, out_ended;
    /* Bytes in and out. */
    uint16_t in_size, out_at, out_end;
    uint8_t in_left;
    bool in_bad, in_full;
    uint16_t noise;
    uint8_t room[SWL_ROOM];
    uint8_t frame[SWL_MTU];
    uint8_t line[SWL_MTU + SWL_MTU / 254 + 4];
} swl_link;

/* Begin. `nonce`: not 0, and another one at each start, by a random number or a count that outlives the power: it is how the host
 * knows that this end begins anew. Time is in milliseconds, from any start, and may wrap. */
void swl_start(swl_link *link, const swl_config *config, uint32_t nonce, uint32_t now);

/* What came over the line. */
void swl_receive(swl_link *link, const uint8_t *bytes, uint32_t size);

/* Send what is due, as far as `put` takes it. */
void swl_poll(swl_link *link, uint32_t now);

/* Whether the host is there. */
bool swl_stands(const swl_link *link);

/* The host's stream, from now on the caller's to end; NULL if there is none. */
const swl_incoming *swl_opened(swl_link *link);

/* Up to `size` bytes from `offset` of the host's stream; fits swd_config.patch_read, with the link as context. Returns how many: 0
 * if none has come yet, negative if none will come: the offset is not before the end, the stream broke off, or the host
 * now offers another one. Any offset will do; in a row is fastest. */
int swl_read(void *link, uint32_t offset, uint8_t *to, uint32_t size);

/* End the host's stream: SWL_TAKEN, or why not. `text`, which may be NULL, is for people, and must last until it is acknowledged. */
void swl_done(swl_link *link, uint8_t result, const char *text);

/* The result of an update (a swd_result that is not SWD_MORE), for swl_done. */
static inline uint8_t swl_update_result(int result) {
    return result == 0 ? SWL_TAKEN : (uint8_t)(SWL_UPDATE - result);
}

/* Send a stream; one at a time. False if there is one. */
bool swl_send(swl_link *link, const swl_outgoing *stream);

/* Whether the last stream was not answered yet; else `result` is how it ended. */
bool swl_is_sending(const swl_link *link, uint8_t *result);

/* Whether all that was said is acknowledged, such as the answer to a stream: a good moment for a reset. */
bool swl_is_idle(const swl_link *link);

/* Frames that came damaged or made no sense, modulo 65,536. */
uint16_t swl_noise(const swl_link *link);

#ifdef __cplusplus
}
#endif
#endif
