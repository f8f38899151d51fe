/* The update: read and judge the opening, check the base, make the new model sector by sector, check it, and make it
 * count with one record. SPEC, "Device profile"; sapwood_device.h says how it is used. */
#include <string.h>

#include "bytes.h"
#include "device.h"
#include "update.h"

enum {
    STORED = 0, /* codecs */
    DEVICE = 9,
    VERSION = 1,
    SIGNED = 1,  /* flag */
    LEAST = 11,  /* bytes of any opening */
    SIZE_AT = 6, /* of the manifest's size */
    CRC = 4      /* bytes */
};

static const uint32_t magic = 0x50575389;

/* What the next step does. */
typedef enum { READ_OPENING, CHECK_BASE, CHECK_PATCH, MOVE, START_CHUNK, SKIP, MAKE, CHECK_TARGET } phase;

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static swd_ending next(swd_update *u, phase what) {
    u->phase = (uint8_t)what;
    u->progress = 0;
    return MORE;
}

static void digest_start(const swd_update *u) {
    u->config->digest_start(u->config->context);
}

static void digest_add(const swd_update *u, const uint8_t *bytes, uint32_t size) {
    u->config->digest_add(u->config->context, bytes, size);
}

/* Whether the digest that ends is this one. */
static bool is_digest(const swd_update *u, const uint8_t *wanted, uint32_t size) {
    uint8_t digest[SWD_DIGEST];
    u->config->digest_end(u->config->context, digest);
    return memcmp(digest, wanted, size) == 0;
}

/* Up to `size` of the patch's next bytes. Returns how many; negative if none will come. */
static int fetch(swd_update *u, uint8_t *to, uint32_t size) {
    const int got = u->config->patch_read(u->config->context, u->offset, to, size);
    if ((uint32_t)got > size) {
        return -1;
    }
    u->offset += (uint32_t)got;
    return got;
}

/* Ask for more of the chunk, into `in`, and add it to the chunk's digest. False if none will come. */
static bool refill(swd_update *u) {
    const int got = fetch(u, u->in, smaller(u->unread, SWD_BATCH));
    if (got < 0) {
        return false;
    }
    u->in_at = 0;
    u->in_size = (uint8_t)got;
    u->unread -= u->in_size;
    digest_add(u, u->in, u->in_size);
    return true;
}

static int next_byte(void *context) {
    swd_update *u = context;
    while (u->in_at == u->in_size) {
        if (u->unread == 0) {
            return -1;
        }
        if (!refill(u)) {
            u->ended = true;
            return -1;
        }
    }
    return u->in[u->in_at++];
}

static bool read_base(void *context, uint32_t offset, uint8_t *out, size_t size) {
    swd_update *u = context;
    swd_read(u, u->record.state.model.address + offset, out, (uint32_t)size);
    return !u->failed;
}

static bool read_target(void *context, uint32_t offset, uint8_t *out, size_t size) {
    swd_update *u = context;
    const swd_state *s = &u->record.state;
    swd_read(u, s->target + s->reached - u->record.decoder.decoder.made + offset, out, (uint32_t)size);
    return !u->failed;
}

static void record(swd_update *u, uint32_t state_size) {
    u->checkpoint = u->record.state.reached;
    swd_journal_append(u, state_size);
}

static bool is_in_place(const swd_config *config) {
    return SWD_IN_PLACE && config->in_place;
}

/* In whole sectors. */
static uint32_t whole(const swd_update *u, uint32_t size) {
    const uint32_t rest = u->config->sector - 1;
    return (size + rest) & ~rest;
}

/* Where the new model goes in place, and where the old one must be by then. False if there is no room. */
static bool place_over(const swd_update *u, uint32_t *base, uint32_t *target) {
    const swd_config *config = u->config;
    const uint32_t room = config->models_size;
    *target = config->models;
    if (u->base.size > 0) {
        const uint32_t lead = config->checkpoint * config->sector + whole(u, u->behind);
        if (*base - config->models < lead) {
            *base = config->models + room - whole(u, u->base.size);
        }
        if (u->behind > room || lead > room || *base - config->models < lead) {
            return false;
        }
        *target = *base - lead;
    }
    return u->target.size <= config->models + room - *target;
}

/* Where the new model goes in two slots. */
static bool place_beside(const swd_update *u, uint32_t base, uint32_t *target) {
    const swd_config *config = u->config;
    const uint32_t slot = config->models_size / 2;
    *target = config->models;
    if (base - config->models < slot) {
        *target += slot;
    }
    return u->target.size <= slot;
}

/* Everything is known to fit: the first record, or the last one is gone on from. */
static swd_ending begin(swd_update *u) {
    swd_state *s = &u->record.state;
    uint32_t base = s->model.address;
    phase what = START_CHUNK;
    s->doing = SWD_MAKING;
    s->chunk = 0;
    s->reached = 0;
    if (!(is_in_place(u->config) ? place_over(u, &base, &s->target) : place_beside(u, base, &s->target))) {
        return NO_ROOM;
    }
    if (SWD_IN_PLACE && base != s->model.address) {
        what = MOVE;
        s->doing = SWD_MOVING;
        s->target = base;
        s->reached = whole(u, s->model.size);
    }
    record(u, 0);
    return next(u, what);
}

/* One sector of the old model, the last first, so that none is overwritten before it is copied. */
static swd_ending move(swd_update *u) {
    swd_state *s = &u->record.state;
    const uint32_t sector = u->config->sector;
    const uint32_t offset = s->reached -= sector;
    swd_erase(u, s->target + offset);
    for (uint32_t at = offset; at < offset + sector; at += SWD_BATCH) {
        swd_read(u, s->model.address + at, u->out, SWD_BATCH);
        swd_program(u, s->target + at, u->out, SWD_BATCH);
    }
    if (s->reached == 0) {
        s->model.address = s->target;
        return begin(u);
    }
    record(u, 0);
    return MORE;
}

/* All chunks, before the first erase. */
static swd_ending check_patch(swd_update *u) {
    const swd_chunk *chunk = &u->chunks[u->progress];
    if (u->unread == 0) {
        digest_start(u);
        u->unread = chunk->coded;
    }
    if (!refill(u)) {
        return NO_BYTES;
    }
    if (u->unread == 0) {
        if (!is_digest(u, chunk->digest, u->digest_size)) {
            return BAD_DIGEST;
        }
        if (++u->progress == u->chunk_count) {
            for (uint32_t i = 0; i < u->chunk_count; i++) {
                u->offset -= u->chunks[i].coded;
            }
            return begin(u);
        }
    }
    return MORE;
}

/* The digest of the old model, or of the new one. */
static swd_ending check_model(swd_update *u) {
    const bool is_new = u->phase == CHECK_TARGET;
    const swd_identity *wanted = is_new ? &u->target : &u->base;
    swd_state *s = &u->record.state;
    const uint32_t address = is_new ? s->target : s->model.address;
    if (u->progress == 0) {
        digest_start(u);
    }
    const uint32_t now = smaller(wanted->size - u->progress, SWD_BATCH);
    swd_read(u, address + u->progress, u->out, now);
    digest_add(u, u->out, now);
    u->progress += now;
    if (u->progress < wanted->size) {
        return MORE;
    }
    if (!is_digest(u, wanted->digest, SWD_DIGEST)) {
        return is_new ? BAD_DIGEST : OTHER_BASE;
    }
    if (!is_new) {
        return is_in_place(u->config) ? next(u, CHECK_PATCH) : begin(u);
    }
    s->model.address = address;
    s->model.size = wanted->size;
    s->model.counter = u->counter;
    memcpy(s->model.digest, wanted->digest, SWD_DIGEST);
    s->doing = SWD_IDLE;
    record(u, 0);
    return DONE;
}

/* A link that ended is no fault of the patch: the next try goes on. */
static swd_ending broken(const swd_update *u) {
    return u->ended ? NO_BYTES : BAD_PATCH;
}

/* The head of a chunk's only block, or of the bytes behind a cut. */
static swd_ending start_chunk(swd_update *u) {
    const uint32_t number = u->record.state.chunk;
    const swd_chunk *chunk = &u->chunks[number];
    sw_device *d = &u->record.decoder.decoder;
    if (number == u->chunk_count) {
        return next(u, CHECK_TARGET);
    }
    digest_start(u);
    u->unread = chunk->coded;
    u->in_at = u->in_size = 0;
    if (u->skipped > 0) {
        return next(u, SKIP);
    }
    const int codec = next_byte(u);
    const uint32_t length = swd_varint(next_byte, u);
    const uint32_t size = swd_varint(next_byte, u);
    sw_status status = SW_ERROR_HEADER;
    if (length == chunk->made && size == u->unread + u->in_size - u->in_at) {
        if (codec == DEVICE) {
            status = sw_device_start(d, &u->io, size, u->base.size, length, u->config->state, u->state_size);
        } else if (codec == STORED && size == length) {
            status = sw_device_start_stored(d, &u->io, length);
        }
    }
    return status == SW_OK ? next(u, MAKE) : broken(u);
}

/* Bytes that were decoded before a cut only count for the digest. */
static swd_ending skip(swd_update *u) {
    if (next_byte(u) < 0) {
        return NO_BYTES;
    }
    return --u->skipped == 0 ? next(u, MAKE) : MORE;
}

/* The next bytes of the model: up to a whole batch of them in `out`, which is then programmed. */
static swd_ending make(swd_update *u) {
    const swd_config *config = u->config;
    swd_state *s = &u->record.state;
    sw_device *d = &u->record.decoder.decoder;
    const uint32_t filled = s->reached % SWD_BATCH;
    if ((s->reached & (config->sector - 1)) == 0) {
        if (s->reached - u->checkpoint >= config->checkpoint * config->sector) {
            record(u, u->state_size);
            return MORE;
        }
        swd_erase(u, s->target + s->reached);
    }
    const uint32_t size = smaller(SWD_BATCH - filled, d->length - d->made);
    /* A decoder takes missing bytes for zeros: nothing of that is written. */
    if (sw_device_next(d, u->out + filled, size) != SW_OK || u->ended) {
        return broken(u);
    }
    s->reached += size;
    if (filled + size == SWD_BATCH || s->reached == u->target.size) {
        memset(u->out + filled + size, 0xFF, SWD_BATCH - filled - size);
        swd_program(u, s->target + s->reached - filled - size, u->out, SWD_BATCH);
    }
    if (d->made < d->length) {
        return MORE;
    }
    const swd_chunk *chunk = &u->chunks[s->chunk++];
    if (sw_device_end(d) != SW_OK) {
        return BAD_PATCH;
    }
    return is_digest(u, chunk->digest, u->digest_size) ? next(u, START_CHUNK) : BAD_DIGEST;
}

/* Go on behind the last record. */
static swd_ending resume(swd_update *u) {
    const swd_state *s = &u->record.state;
    sw_device *d = &u->record.decoder.decoder;
    u->checkpoint = s->reached;
    if (SWD_IN_PLACE && s->doing == SWD_MOVING) {
        return next(u, MOVE);
    }
    if (!swd_journal_has_decoder(u)) {
        return s->chunk + s->reached == 0 ? next(u, START_CHUNK) : BAD_PATCH;
    }
    if (s->chunk >= u->chunk_count) {
        return BAD_PATCH;
    }
    const uint32_t from = u->last + (uint32_t)sizeof *s;
    swd_read(u, from, &u->record.decoder, sizeof u->record.decoder);
    swd_read(u, from + (uint32_t)sizeof u->record.decoder, u->config->state, u->state_size);
    const swd_chunk *chunk = u->chunks;
    for (uint32_t i = 0; i < s->chunk; i++, chunk++) {
        u->offset += chunk->coded;
    }
    u->skipped = chunk->coded - d->left;
    if (d->left > chunk->coded || sw_device_resume(d, &u->io, u->base.size, chunk->made, u->config->state, u->state_size) != SW_OK) {
        return BAD_PATCH;
    }
    return next(u, START_CHUNK);
}

/* Whether the patch is for this device, and where to go on. */
static swd_ending judge(swd_update *u, uint32_t crc) {
    swd_state *s = &u->record.state;
    if (s->doing == SWD_IDLE && memcmp(s->model.digest, u->target.digest, SWD_DIGEST) == 0) {
        return DONE;
    }
    if (u->counter < s->model.counter) {
        return ROLLED_BACK;
    }
    if (s->doing != SWD_IDLE && s->patch == crc) {
        return resume(u);
    }
    s->patch = crc;
    if (u->base.size == 0) {
        return is_in_place(u->config) ? next(u, CHECK_PATCH) : begin(u);
    }
    /* What an update in place left of the old model is no base. */
    if (u->base.size != s->model.size || (is_in_place(u->config) && s->doing != SWD_IDLE)) {
        return OTHER_BASE;
    }
    return next(u, CHECK_BASE);
}

/* Into the memory of the decoder's state, which nothing needs yet. */
static swd_ending read_opening(swd_update *u) {
    const swd_config *config = u->config;
    uint8_t *bytes = (uint8_t *)config->state;
    swd_row manifest = {bytes + SIZE_AT, LEAST - SIZE_AT, 0};
    uint32_t total = LEAST;
    uint32_t signature = 0;
    if (u->offset >= LEAST) {
        if (sw_load32(bytes) != magic) {
            return BAD_PATCH;
        }
        if (bytes[4] != VERSION || bytes[5] > SIGNED) {
            return UNSUPPORTED;
        }
        signature = bytes[5] * SWD_SIGNATURE;
        const uint32_t size = swd_row_varint(&manifest);
        total = (uint32_t)(manifest.at - bytes) + CRC + signature + size;
        if (size > config->state_size || total > config->state_size) {
            return NO_ROOM;
        }
        manifest.left = (int32_t)size;
    }
    if (u->offset < total) {
        return fetch(u, bytes + u->offset, total - u->offset) < 0 ? NO_BYTES : MORE;
    }
    const uint32_t message = total - signature;
    const uint32_t crc = swd_crc32(0, bytes, message - CRC);
    if (sw_load32(bytes + message - CRC) != crc) {
        return BAD_PATCH;
    }
    if (config->is_signed != NULL &&
        (signature == 0 || !config->is_signed(config->context, bytes, message, bytes + message))) {
        return BAD_SIGNATURE;
    }
    const swd_ending result = swd_read_manifest(u, &manifest);
    if (result != MORE) {
        return result;
    }
    return signature > 0 && u->digest_size != SWD_DIGEST ? BAD_PATCH : judge(u, crc);
}

swd_result swd_update_start(swd_update *u, const swd_config *config) {
    const uint32_t rest = config->sector - 1;
    const uint32_t half = config->journal_size / 2;
    const uint32_t slot = is_in_place(config) ? config->models_size : config->models_size / 2;
    if (config->sector < SWD_BATCH || ((config->sector | config->models | slot | config->journal | half) & rest) != 0 ||
        config->checkpoint == 0 || config->unit == 0 || SWD_UNIT % config->unit != 0 ||
        config->state_size < SW_DEVICE_SMALL || swd_record_size(config->state_size) > half ||
        (!SWD_IN_PLACE && config->in_place)) {
        return SWD_ERROR_CONFIG;
    }
    swd_journal_load(u, config);
    u->io = (sw_device_io){u, next_byte, read_base, read_target};
    return u->failed ? SWD_ERROR_FLASH : SWD_MORE;
}

static swd_ending step(swd_update *u) {
    switch ((phase)u->phase) {
    case READ_OPENING:
        return read_opening(u);
    case CHECK_BASE:
    case CHECK_TARGET:
        return check_model(u);
    case START_CHUNK:
        return start_chunk(u);
    case SKIP:
        return skip(u);
    case MAKE:
        return make(u);
    case CHECK_PATCH:
        return SWD_IN_PLACE ? check_patch(u) : DONE;
    case MOVE:
        break;
    }
    return SWD_IN_PLACE ? move(u) : DONE;
}

swd_result swd_update_step(swd_update *u) {
    swd_state *s = &u->record.state;
    const swd_ending ending = step(u);
    /* What was made so far may be at fault: the next try is to begin anew. In place there is no other begin. */
    if ((ending == BAD_DIGEST || ending == BAD_PATCH) && s->doing == SWD_MAKING && !is_in_place(u->config)) {
        s->doing = SWD_IDLE;
        record(u, 0);
    }
    return u->failed ? SWD_ERROR_FLASH : (swd_result)(SWD_MORE - ending);
}
