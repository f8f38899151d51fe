/* The journal: a row of whole states, each under a CRC, in two halves. The last valid one counts, so that writing a
 * record is the atomic step of everything. */
#include <string.h>

#include "update.h"

enum { MARK = 0x5377 }; /* upper half of the first word */

uint32_t swd_crc32(uint32_t crc, const void *bytes, uint32_t size) {
    const uint8_t *at = bytes;
    crc = ~crc;
    while (size-- > 0) {
        crc ^= *at++;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & (0 - (crc & 1)));
        }
    }
    return ~crc;
}

uint32_t swd_record_size(uint32_t state_size) {
    return (uint32_t)sizeof(swd_record) + state_size;
}

bool swd_read(swd_update *u, uint32_t address, void *to, uint32_t size) {
    if (!u->failed && !u->config->flash_read(u->config->context, address, to, size)) {
        u->failed = true;
    }
    return !u->failed;
}

void swd_program(swd_update *u, uint32_t address, const void *from, uint32_t size) {
    if (!u->failed && !u->config->flash_program(u->config->context, address, from, size)) {
        u->failed = true;
    }
}

void swd_erase(swd_update *u, uint32_t address) {
    if (!u->failed && !u->config->flash_erase(u->config->context, address)) {
        u->failed = true;
    }
}

/* Bytes of the record at `address`, of which `room` can be its own; 0 if there is no valid one. */
static uint32_t check_record(swd_update *u, uint32_t address, uint32_t room, swd_state *state) {
    if (room < sizeof *state) {
        return 0;
    }
    if (!swd_read(u, address, state, sizeof *state)) {
        return 0;
    }
    const uint32_t size = (state->size & 0xFFFF) * SWD_UNIT;
    if (state->size >> 16 != MARK || size > room) {
        return 0;
    }
    const uint32_t wanted = state->crc;
    state->crc = 0;
    uint32_t crc = swd_crc32(0, state, sizeof *state);
    for (uint32_t at = sizeof *state; at < size; at += SWD_UNIT) {
        uint8_t piece[SWD_UNIT];
        if (!swd_read(u, address + at, piece, SWD_UNIT)) {
            return 0;
        }
        crc = swd_crc32(crc, piece, SWD_UNIT);
    }
    return crc == wanted ? size : 0;
}

void swd_journal_load(swd_update *u, const swd_config *config) {
    const uint32_t half_size = config->journal_size / 2;
    memset(u, 0, sizeof *u);
    u->config = config;
    /* If there is no record at all, the first goes to the lower half. */
    u->half = config->journal + half_size;
    for (uint32_t half = config->journal, i = 0; i < 2; i++, half += half_size) {
        swd_state state;
        uint32_t size;
        for (uint32_t at = half; (size = check_record(u, at, half + half_size - at, &state)) > 0; at += size) {
            if (state.sequence > u->record.state.sequence) {
                u->record.state = state;
                u->half = half;
                u->last = at;
            }
        }
    }
    /* Behind the last record a cut may have begun another one, and cells that read as erased need not be: the next
     * record goes to the other half, which is erased first. */
    u->end = u->half + half_size;
}

void swd_journal_append(swd_update *u, uint32_t state_size) {
    const swd_config *config = u->config;
    swd_state *s = &u->record.state;
    const uint32_t half_size = config->journal_size / 2;
    const uint32_t own = state_size > 0 ? sizeof u->record : sizeof *s;
    const uint32_t size = own + state_size;
    if (size > u->half + half_size - u->end) {
        u->half = u->end = u->half == config->journal ? config->journal + half_size : config->journal;
        for (uint32_t at = 0; at < half_size; at += config->sector) {
            swd_erase(u, u->half + at);
        }
    }
    u->checkpoint = s->reached;
    u->last = u->end;
    u->end += size;
    s->size = (uint32_t)MARK << 16 | size / SWD_UNIT;
    s->sequence++;
    s->crc = 0;
    s->crc = swd_crc32(swd_crc32(0, s, own), config->state, state_size);
    swd_program(u, u->last, s, own);
    if (state_size > 0) {
        swd_program(u, u->last + own, config->state, state_size);
    }
}
