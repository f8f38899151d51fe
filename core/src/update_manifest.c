/* What a patch says in front of its chunks. SPEC, "Container" to "Device profile". */
#include <string.h>

#include "update.h"

enum { BASE = 1, TARGET = 3, PROFILE = 8, CHUNKS = 9, COUNTER = 11, HASH = 15, GUARDRAILS = 17 };

uint32_t swd_varint(const uint8_t **at, const uint8_t *end) {
    const uint8_t *p = *at;
    uint32_t value = 0;
    for (unsigned shift = 0; p != NULL && p < end && shift < 35; shift += 7) {
        const uint8_t byte = *p++;
        if (shift == 28 && byte > 15) {
            break;
        }
        value |= (uint32_t)(byte & 127) << shift;
        if (byte < 128) {
            *at = byte == 0 && shift > 0 ? NULL : p;
            return value;
        }
    }
    *at = NULL;
    return 0;
}

/* A digest and a size of a file; the digest is NULL if it is anything else. */
static const uint8_t *read_identity(const uint8_t *at, const uint8_t *end, uint32_t *size) {
    if (at == end || *at++ != 1) {
        return NULL;
    }
    *size = swd_varint(&at, end);
    return at != NULL && end - at == SWD_DIGEST ? at : NULL;
}

static bool read_chunks(const uint8_t *at, const uint8_t *end, swd_opening *o, swd_chunk *chunks) {
    o->digest_size = at < end ? *at++ : 0;
    if (o->digest_size != 8 && o->digest_size != SWD_DIGEST) {
        return o->digest_size > 0 && at == end;
    }
    for (; at != NULL && at < end; o->chunks++) {
        swd_chunk chunk;
        chunk.made = swd_varint(&at, end);
        chunk.coded = swd_varint(&at, end);
        if (at == NULL || (uint32_t)(end - at) < o->digest_size || chunk.made == 0 || chunk.coded == 0) {
            return false;
        }
        memcpy(chunk.digest, at, o->digest_size);
        at += o->digest_size;
        if (o->chunks < SWD_CHUNKS) {
            chunks[o->chunks] = chunk;
        }
    }
    return at != NULL;
}

/* Whether all guards that must hold do. */
static swd_result read_guards(const swd_config *config, const uint8_t *at, const uint8_t *end) {
    uint32_t next = 0; /* least type that may follow */
    while (at < end) {
        const uint32_t type = swd_varint(&at, end);
        const uint32_t size = swd_varint(&at, end);
        if (at == NULL || (uint32_t)(end - at) < size || type < next) {
            return SWD_ERROR_PATCH;
        }
        const bool holds = config->holds != NULL && config->holds(config->context, type, at, size);
        if (!holds && type % 2 == 1) {
            return SWD_ERROR_GUARD;
        }
        at += size;
        next = type + 1;
    }
    return SWD_DONE;
}

static bool read_profile(const uint8_t *at, const uint8_t *end, swd_opening *o) {
    if (at == end || *at++ != 1) {
        return true; /* another profile: then the state's size stays 0 */
    }
    o->state_size = swd_varint(&at, end);
    (void)swd_varint(&at, end); /* window: what was made is read again from flash */
    o->behind = swd_varint(&at, end);
    return at == end;
}

static uint32_t read_number(const uint8_t *at, const uint8_t *end, bool *ok) {
    const uint32_t value = swd_varint(&at, end);
    *ok = at == end;
    return value;
}

swd_result swd_read_manifest(const swd_config *config, const uint8_t *manifest, uint32_t size, bool is_signed,
                             swd_opening *o, swd_chunk *chunks) {
    const uint8_t *at = manifest;
    const uint8_t *end = manifest + size;
    uint32_t last = 0;
    uint32_t hash = 0;
    memset(o, 0, sizeof *o);
    while (at < end) {
        const uint32_t tag = swd_varint(&at, end);
        const uint32_t length = swd_varint(&at, end);
        if (at == NULL || (uint32_t)(end - at) < length || tag <= last) {
            return SWD_ERROR_PATCH;
        }
        const uint8_t *content = at;
        bool ok = true;
        last = tag;
        at += length;
        if (tag == BASE) {
            o->base = read_identity(content, at, &o->base_size);
            ok = o->base != NULL;
        } else if (tag == TARGET) {
            o->target = read_identity(content, at, &o->target_size);
        } else if (tag == PROFILE) {
            ok = read_profile(content, at, o);
        } else if (tag == CHUNKS) {
            ok = read_chunks(content, at, o, chunks);
        } else if (tag == COUNTER) {
            o->counter = read_number(content, at, &ok);
        } else if (tag == HASH) {
            hash = read_number(content, at, &ok);
        } else if (tag == GUARDRAILS) {
            const swd_result result = read_guards(config, content, at);
            if (result != SWD_DONE) {
                return result;
            }
        } else if (tag % 2 == 1) {
            return SWD_ERROR_UNSUPPORTED;
        }
        if (!ok) {
            return SWD_ERROR_PATCH;
        }
    }
    if (o->target == NULL || o->state_size == 0 || hash != 1) {
        return SWD_ERROR_UNSUPPORTED;
    }
    if (o->state_size != SW_DEVICE_SMALL && o->state_size != SW_DEVICE_LARGE) {
        return SWD_ERROR_PATCH;
    }
    if (is_signed && o->chunks > 0 && o->digest_size != SWD_DIGEST) {
        return SWD_ERROR_PATCH;
    }
    if (o->chunks > SWD_CHUNKS || o->state_size > config->state_size) {
        return SWD_ERROR_ROOM;
    }
    uint32_t left = o->target_size;
    for (uint32_t i = 0; i < o->chunks; i++) {
        if (chunks[i].made > left) {
            return SWD_ERROR_PATCH;
        }
        left -= chunks[i].made;
    }
    return left == 0 ? SWD_DONE : SWD_ERROR_PATCH;
}
