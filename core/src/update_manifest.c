/* What a patch says in front of its chunks. SPEC, "Container" to "Device profile". */
#include "update.h"

enum { BASE = 1, TARGET = 3, PROFILE = 8, CHUNKS = 9, INTEGERS = 10, COUNTER = 11, HASH = 15, GUARDRAILS = 17 };
enum { SHA_256 = 1 };

/* So many numbers, and bytes behind them, to where they lie in that order. */
static void take(swd_row *row, uint32_t *to, unsigned numbers, unsigned bytes) {
    while (numbers-- > 0) {
        *to++ = swd_varint(row);
    }
    for (uint8_t *at = (uint8_t *)to; bytes-- > 0;) {
        *at++ = (uint8_t)swd_next_byte(row);
    }
}

static void pass_over(swd_row *row) {
    row->at += row->left;
    row->left = 0;
}

/* Open the next record of a row: its type, and then its content is the row. Returns how many bytes are behind it; -1 if
 * there is none that may stand here. */
static int32_t open_record(swd_row *row, uint32_t *type) {
    *type = swd_varint(row);
    const uint32_t size = swd_varint(row);
    if (row->left < 0 || size > (uint32_t)row->left || *type < row->least) {
        return -1;
    }
    row->least = *type + 1;
    const int32_t behind = row->left - (int32_t)size;
    row->left = (int32_t)size;
    return behind;
}

static swd_ending read_chunks(swd_update *u) {
    swd_row *row = &u->row;
    uint32_t left = u->target.size;
    const uint32_t digest_size = u->digest_size = swd_varint(row);
    swd_chunk *chunk = u->chunks;
    for (; row->left > 0; chunk++) {
        if (chunk == u->chunks + SWD_CHUNKS) {
            return NO_ROOM;
        }
        if (digest_size != 8 && digest_size != SWD_DIGEST) {
            return BAD_PATCH;
        }
        take(row, &chunk->made, 2, digest_size);
        if (chunk->made - 1 >= left || chunk->coded == 0) {
            return BAD_PATCH;
        }
        left -= chunk->made;
    }
    u->chunk_end = chunk;
    return left == 0 ? MORE : BAD_PATCH;
}

/* Whether all guards that must hold do. */
static swd_ending read_guards(swd_update *u) {
    const swd_config *config = u->config;
    swd_row *row = &u->row;
    row->least = 0;
    while (row->left > 0) {
        uint32_t type;
        const int32_t behind = open_record(row, &type);
        if (behind < 0) {
            return BAD_PATCH;
        }
        const bool holds = SWD_GUARDS && config->holds != NULL &&
                           config->holds(config->context, type, row->at, (uint32_t)row->left);
        if (!holds && type % 2 == 1) {
            return GUARDED;
        }
        row->at += row->left;
        row->left = behind;
    }
    row->least = GUARDRAILS + 1;
    return MORE;
}

static swd_ending read_record(swd_update *u, uint32_t tag) {
    /* What is taken: numbers, then bytes. */
    static const struct {
        uint8_t tag, to, numbers, bytes;
    } known[] = {
        {BASE, offsetof(swd_update, base) / 4, 1, SWD_DIGEST},
        {TARGET, offsetof(swd_update, target) / 4, 1, SWD_DIGEST},
        {PROFILE, offsetof(swd_update, state_size) / 4, 3, 0},
#if !SWD_FLOATS
        {INTEGERS, offsetof(swd_update, integers) / 4, 1, 0},
#endif
        {COUNTER, offsetof(swd_update, counter) / 4, 1, 0},
        {HASH, offsetof(swd_update, hash) / 4, 1, 0},
        {0, 0, 0, 0},
    };
    swd_row *row = &u->row;
    if (tag == CHUNKS) {
        return read_chunks(u);
    }
    if (tag == GUARDRAILS) {
        return read_guards(u);
    }
    for (unsigned i = 0; known[i].tag > 0; i++) {
        if (known[i].tag == tag) {
            /* A shape or a profile comes first, and is the only one there is for devices. */
            if (tag <= PROFILE && swd_varint(row) != 1) {
                return UNSUPPORTED;
            }
            take(row, (uint32_t *)u + known[i].to, known[i].numbers, known[i].bytes);
            return MORE;
        }
    }
    pass_over(row);
    return tag % 2 == 1 ? UNSUPPORTED : MORE;
}

swd_ending swd_read_manifest(swd_update *u) {
    swd_row *row = &u->row;
    row->least = 1;
    u->chunk = u->chunk_end = u->chunks;
    while (row->left > 0) {
        uint32_t tag;
        const int32_t behind = open_record(row, &tag);
        if (behind < 0) {
            return BAD_PATCH;
        }
        const swd_ending result = read_record(u, tag);
        if (result != MORE) {
            return result;
        }
        if (row->left != 0) {
            return BAD_PATCH;
        }
        row->left = behind;
    }
#if !SWD_FLOATS
    if (u->integers != 1) {
        return UNSUPPORTED;
    }
#endif
    const uint32_t state_size = u->state_size;
    if (u->chunk_end == u->chunk || u->hash != SHA_256 ||
        (state_size != SW_DEVICE_SMALL && state_size != SW_DEVICE_LARGE)) {
        return UNSUPPORTED;
    }
    return state_size > u->config->state_size ? NO_ROOM : MORE;
}
