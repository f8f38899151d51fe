/* What a patch says in front of its chunks. SPEC, "Container" to "Device profile". */
#include "update.h"

enum { BASE = 1, TARGET = 3, PROFILE = 8, CHUNKS = 9, COUNTER = 11, HASH = 15, GUARDRAILS = 17 };
enum { A_FILE = 1, A_DEVICE = 1, SHA_256 = 1 };

uint32_t swd_varint(int (*next_byte)(void *), void *context) {
    uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const int byte = next_byte(context);
        if (byte < 0 || (shift == 28 && byte > 15) || (shift > 0 && byte == 0)) {
            return UINT32_MAX;
        }
        value |= (uint32_t)(byte & 127) << shift;
        if (byte < 128) {
            return value;
        }
    }
}

static int next_byte(void *context) {
    swd_row *row = context;
    if (row->left > 0) {
        row->left--;
        return *row->at++;
    }
    row->left = -1;
    return -1;
}

uint32_t swd_row_varint(swd_row *row) {
    const uint32_t value = swd_varint(next_byte, row);
    if (value == UINT32_MAX) {
        row->left = -1;
    }
    return value;
}

static void take(swd_row *row, uint8_t *to, unsigned size) {
    while (size-- > 0) {
        *to++ = (uint8_t)next_byte(row);
    }
}

/* The next record of a row: its type, and its content. False if there is none that may stand here. */
static bool next_record(swd_row *row, uint32_t *type, swd_row *content) {
    *type = swd_row_varint(row);
    const uint32_t size = swd_row_varint(row);
    if (row->left < 0 || size > (uint32_t)row->left || *type < row->least) {
        return false;
    }
    content->at = row->at;
    content->left = (int32_t)size;
    content->least = 0;
    row->at += size;
    row->left -= content->left;
    row->least = *type + 1;
    return true;
}

static swd_ending read_identity(swd_row *row, swd_identity *identity) {
    if (next_byte(row) != A_FILE) {
        return UNSUPPORTED;
    }
    identity->size = swd_row_varint(row);
    take(row, identity->digest, SWD_DIGEST);
    return MORE;
}

static swd_ending read_chunks(swd_update *u, swd_row *row) {
    uint32_t left = u->target.size;
    const uint32_t digest_size = u->digest_size = (uint8_t)next_byte(row);
    while (row->left > 0) {
        swd_chunk *chunk = &u->chunks[u->chunk_count];
        if (u->chunk_count == SWD_CHUNKS) {
            return NO_ROOM;
        }
        u->chunk_count++;
        chunk->made = swd_row_varint(row);
        chunk->coded = swd_row_varint(row);
        if (chunk->made - 1 >= left || chunk->coded == 0 || (digest_size != 8 && digest_size != SWD_DIGEST)) {
            return BAD_PATCH;
        }
        left -= chunk->made;
        take(row, chunk->digest, digest_size);
    }
    return left == 0 ? MORE : BAD_PATCH;
}

/* Whether all guards that must hold do. */
static swd_ending read_guards(const swd_config *config, swd_row *row) {
    while (row->left > 0) {
        uint32_t type;
        swd_row content;
        if (!next_record(row, &type, &content)) {
            return BAD_PATCH;
        }
        const bool holds = SWD_GUARDS && config->holds != NULL &&
                           config->holds(config->context, type, content.at, (uint32_t)content.left);
        if (!holds && type % 2 == 1) {
            return GUARDED;
        }
    }
    return MORE;
}

static swd_ending read_record(swd_update *u, uint32_t tag, swd_row *row) {
    switch (tag) {
    case BASE:
        return read_identity(row, &u->base);
    case TARGET:
        return read_identity(row, &u->target);
    case PROFILE:
        if (next_byte(row) == A_DEVICE) {
            u->state_size = swd_row_varint(row);
            (void)swd_row_varint(row); /* window: what was made is read again from flash */
            u->behind = swd_row_varint(row);
            break;
        }
        row->left = 0;
        break;
    case CHUNKS:
        return read_chunks(u, row);
    case COUNTER:
        u->counter = swd_row_varint(row);
        break;
    case HASH:
        u->hash = (uint8_t)next_byte(row);
        break;
    case GUARDRAILS:
        return read_guards(u->config, row);
    default:
        row->left = 0;
        return tag % 2 == 1 ? UNSUPPORTED : MORE;
    }
    return MORE;
}

swd_ending swd_read_manifest(swd_update *u, swd_row *manifest) {
    manifest->least = 1;
    while (manifest->left > 0) {
        uint32_t tag;
        swd_row content;
        if (!next_record(manifest, &tag, &content)) {
            return BAD_PATCH;
        }
        const swd_ending result = read_record(u, tag, &content);
        if (result != MORE) {
            return result;
        }
        if (content.left != 0) {
            return BAD_PATCH;
        }
    }
    if (u->chunk_count == 0 || u->state_size == 0 || u->hash != SHA_256) {
        return UNSUPPORTED;
    }
    if (u->state_size != SW_DEVICE_SMALL && u->state_size != SW_DEVICE_LARGE) {
        return BAD_PATCH;
    }
    return u->state_size > u->config->state_size ? NO_ROOM : MORE;
}
