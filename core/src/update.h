/* Parts of the update engine. */
#ifndef SW_UPDATE_H
#define SW_UPDATE_H

#include "sapwood_device.h"

typedef enum {
    SWD_IDLE = 0,
    SWD_MOVING = 1, /* the old model, up in its region */
    SWD_MAKING = 2
} swd_doing;

/* CRC-32 of zlib, carried on from `crc`; 0 at first. */
uint32_t swd_crc32(uint32_t crc, const void *bytes, uint32_t size);

/* Flash. If one fails, `failed` says so, and nothing is done from then on: callers need not ask each time.
 * swd_read returns whether none has. */
bool swd_read(swd_update *u, uint32_t address, void *to, uint32_t size);
void swd_program(swd_update *u, uint32_t address, const void *from, uint32_t size);
void swd_erase(swd_update *u, uint32_t address);

/* Find the last record. Its sequence is 0 if there is none. */
void swd_journal_load(swd_update *u, const swd_config *config);

/* Append the state; with `state_size`, also the decoder and as many bytes of its state's memory. */
void swd_journal_append(swd_update *u, uint32_t state_size);

/* Whether the last record has a decoder. */
static inline bool swd_journal_has_decoder(const swd_update *u) {
    return (u->record.state.size & 0xFFFF) * SWD_UNIT > sizeof(swd_state);
}

/* Up to `size` of the patch's next bytes. Returns how many; an answer above that means that it has `ended`. */
uint32_t swd_fetch(swd_update *u, uint8_t *to, uint32_t size);

/* The next byte of a row: of an update's own also of the patch, as far as `unread` goes. Negative if there is none. */
int swd_next_byte(void *row);

/* A varint below 2^32 - 1; UINT32_MAX if there is none. */
uint32_t swd_varint(swd_row *row);

/* Ask for more of the chunk, into `in`, and add it to the chunk's digest. If none will come, `ended` says so, and nothing
 * is unread. */
void swd_refill(swd_update *u);

/* A swd_result less than SWD_MORE, turned round: a short Thumb instruction loads no negative number. */
typedef uint8_t swd_ending;
enum {
    MORE = 0,
    DONE = SWD_MORE - SWD_DONE,
    BAD_PATCH = SWD_MORE - SWD_ERROR_PATCH,
    UNSUPPORTED = SWD_MORE - SWD_ERROR_UNSUPPORTED,
    BAD_SIGNATURE = SWD_MORE - SWD_ERROR_SIGNATURE,
    ROLLED_BACK = SWD_MORE - SWD_ERROR_ROLLBACK,
    GUARDED = SWD_MORE - SWD_ERROR_GUARD,
    OTHER_BASE = SWD_MORE - SWD_ERROR_BASE,
    NO_ROOM = SWD_MORE - SWD_ERROR_ROOM,
    BAD_DIGEST = SWD_MORE - SWD_ERROR_DIGEST
};

/* What the manifest says, into the update. MORE, or why not. */
swd_ending swd_read_manifest(swd_update *u);

#endif
