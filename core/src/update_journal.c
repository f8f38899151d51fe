/* The journal: a row of whole states, each under a CRC, in two halves. The last valid one counts, so that writing a
 * record is the atomic step of everything. */
#include <string.h>

#include "update.h"

enum {
    MARK = 0x5377, /* upper half of the first word */
    LEAST = sizeof(swd_state) + SWD_UNIT
};

uint32_t swd_crc32(uint32_t crc, const uint8_t *bytes, uint32_t size) {
    crc = ~crc;
    for (uint32_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & (0 - (crc & 1)));
        }
    }
    return ~crc;
}

uint32_t swd_record_size(uint32_t state_size) {
    return LEAST + sizeof(((swd_update *)0)->decoder) + state_size;
}

uint32_t swd_journal_decoder(const swd_journal *journal) {
    return (journal->state.size & 0xFFFF) > LEAST ? journal->record + (uint32_t)sizeof(swd_state) : 0;
}

/* Bytes of the record at `address`, of which `room` can be its own; 0 if there is no valid one, UINT32_MAX if flash
 * failed. */
static uint32_t check_record(const swd_config *config, uint32_t address, uint32_t room, swd_state *state) {
    uint8_t piece[SWD_BATCH];
    if (room < LEAST) {
        return 0;
    }
    if (!config->flash_read(config->context, address, state, sizeof *state)) {
        return UINT32_MAX;
    }
    const uint32_t size = state->size & 0xFFFF;
    if (state->size >> 16 != MARK || size < LEAST || size > room || size % SWD_UNIT != 0) {
        return 0;
    }
    uint32_t crc = 0;
    for (uint32_t at = 0; at < size; at += SWD_UNIT) {
        if (!config->flash_read(config->context, address + at, piece, SWD_UNIT)) {
            return UINT32_MAX;
        }
        if (at == size - SWD_UNIT) {
            uint32_t stored;
            memcpy(&stored, piece, sizeof stored);
            return stored == crc ? size : 0;
        }
        crc = swd_crc32(crc, piece, SWD_UNIT);
    }
    return 0;
}

bool swd_journal_load(swd_journal *journal, const swd_config *config) {
    const uint32_t half_size = config->journal_size / 2;
    memset(journal, 0, sizeof *journal);
    /* If there is no record at all, the first goes to the lower half. */
    journal->half = config->journal + half_size;
    journal->end = half_size;
    for (uint32_t half = config->journal; half - config->journal < config->journal_size; half += half_size) {
        swd_state state;
        uint32_t size;
        for (uint32_t at = 0; (size = check_record(config, half + at, half_size - at, &state)) != 0; at += size) {
            if (size == UINT32_MAX) {
                return false;
            }
            if (state.sequence > journal->state.sequence) {
                journal->state = state;
                journal->half = half;
                journal->record = half + at;
                journal->end = at + size;
            }
        }
    }
    /* A torn record may have left marks behind the last whole one: then the next goes to the other half. */
    for (uint32_t at = journal->end; at < half_size; at++) {
        uint8_t byte;
        if (!config->flash_read(config->context, journal->half + at, &byte, 1)) {
            return false;
        }
        if (byte != 0xFF) {
            journal->end = half_size;
            break;
        }
    }
    return true;
}

bool swd_journal_append(swd_journal *journal, const swd_config *config, const void *decoder, uint32_t decoder_size,
                        uint32_t state_size) {
    const uint32_t half_size = config->journal_size / 2;
    const uint32_t size = LEAST + (decoder != NULL ? decoder_size + state_size : 0);
    if (size > half_size - journal->end) {
        journal->half = journal->half == config->journal ? config->journal + half_size : config->journal;
        journal->end = 0;
        for (uint32_t at = 0; at < half_size; at += config->sector) {
            if (!config->flash_erase(config->context, journal->half + at)) {
                return false;
            }
        }
    }
    journal->state.size = (uint32_t)MARK << 16 | size;
    journal->state.sequence++;
    journal->record = journal->half + journal->end;
    journal->end += size;
    uint32_t last[SWD_UNIT / 4] = {0, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    const void *parts[] = {&journal->state, decoder, config->state, last};
    const uint32_t sizes[] = {sizeof journal->state, decoder_size, state_size, sizeof last};
    uint32_t at = journal->record;
    for (unsigned i = 0; i < 4; i++) {
        if (decoder != NULL || i % 3 == 0) {
            if (!config->flash_program(config->context, at, parts[i], sizes[i])) {
                return false;
            }
            last[0] = swd_crc32(last[0], parts[i], sizes[i]);
            at += sizes[i];
        }
    }
    return true;
}
