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
uint32_t swd_crc32(uint32_t crc, const uint8_t *bytes, uint32_t size);

/* A varint below 2^32 from *at, no further than `end`. On failure *at is NULL. */
uint32_t swd_varint(const uint8_t **at, const uint8_t *end);

/* Find the last record. False if flash failed; state.sequence is 0 if there is none. */
bool swd_journal_load(swd_journal *journal, const swd_config *config);

/* Append the state, and with it a decoder and its state's memory, unless `decoder` is NULL. */
bool swd_journal_append(swd_journal *journal, const swd_config *config, const void *decoder, uint32_t decoder_size,
                        uint32_t state_size);

/* Address of the decoder in the last record; 0 if it has none. */
uint32_t swd_journal_decoder(const swd_journal *journal);

/* What `manifest` says, and its chunks. */
swd_result swd_read_manifest(const swd_config *config, const uint8_t *manifest, uint32_t size, bool is_signed,
                             swd_opening *opening, swd_chunk *chunks);

#endif
