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
    WITH_MAC = 2, /* flags; 1: signed by Ed25519 */
    LEAST = 11,  /* bytes of any opening */
    VERSION_AT = 4,
    FLAGS_AT = 5,
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
    return MORE;
}

static void digest_start(const swd_update *u) {
    u->config->digest_start(u->config->context);
}

static void digest_add(const swd_update *u, const uint8_t *bytes, uint32_t size) {
    u->config->digest_add(u->config->context, bytes, size);
}

static void chunk_start(swd_update *u) {
    digest_start(u);
    u->row.left = 0;
    u->row.unread = u->chunk->coded;
}

/* Not 0 if the digest that ends is another one. */
static int differs(const swd_update *u, const uint8_t *wanted, uint32_t size) {
    uint8_t digest[SWD_DIGEST];
    u->config->digest_end(u->config->context, digest);
    return memcmp(digest, wanted, size);
}

static bool read_base(void *context, uint32_t offset, uint8_t *out, size_t size) {
    swd_update *u = context;
    return swd_read(u, u->record.state.model.address + offset, out, (uint32_t)size);
}

static bool read_target(void *context, uint32_t offset, uint8_t *out, size_t size) {
    swd_update *u = context;
    const swd_state *s = &u->record.state;
    return swd_read(u, s->target + s->reached - u->record.decoder.decoder.earlier + offset, out, (uint32_t)size);
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
    swd_journal_append(u, 0);
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
    swd_journal_append(u, 0);
    return MORE;
}

/* All chunks, before the first erase. */
static swd_ending check_patch(swd_update *u) {
    if (u->row.unread == 0) {
        chunk_start(u);
    }
    swd_refill(u);
    if (u->row.unread > 0) {
        return MORE;
    }
    if (differs(u, u->chunk->digest, u->digest_size)) {
        return BAD_DIGEST;
    }
    if (++u->chunk < u->chunk_end) {
        return MORE;
    }
    do {
        u->chunk--;
        u->offset -= u->chunk->coded;
    } while (u->chunk > u->chunks);
    return begin(u);
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
    u->progress = 0;
    if (differs(u, wanted->digest, SWD_DIGEST)) {
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
    swd_journal_append(u, 0);
    return DONE;
}

/* The head of a chunk's only block, or of the bytes behind a cut. */
static swd_ending start_chunk(swd_update *u) {
    swd_row *row = &u->row;
    sw_device *d = &u->record.decoder.decoder;
    if (u->chunk == u->chunk_end) {
        return next(u, CHECK_TARGET);
    }
    chunk_start(u);
    if (u->skipped > 0) {
        return next(u, SKIP);
    }
    const uint32_t codec = swd_varint(row);
    const uint32_t length = swd_varint(row);
    const uint32_t size = swd_varint(row);
    if (length == u->chunk->made && size == row->unread + (uint32_t)row->left) {
        if (codec == DEVICE && sw_device_start(d, &u->io, size, length) == SW_OK) {
            return next(u, MAKE);
        }
        if (codec == STORED && size == length) {
            sw_device_start_stored(d, &u->io, length);
            return next(u, MAKE);
        }
    }
    return BAD_PATCH;
}

/* Bytes that were decoded before a cut only count for the digest. */
static swd_ending skip(swd_update *u) {
    (void)swd_next_byte(u);
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
            swd_journal_append(u, u->state_size);
            return MORE;
        }
        swd_erase(u, s->target + s->reached);
    }
    const uint32_t size = smaller(SWD_BATCH - filled, d->length - d->made);
    /* A decoder takes missing bytes for zeros: nothing of that is written. */
    if (sw_device_next(d, u->out + filled, size) != SW_OK || u->ended) {
        return BAD_PATCH;
    }
    s->reached += size;
    if (filled + size == SWD_BATCH || s->reached == u->target.size) {
        memset(u->out + filled + size, 0xFF, SWD_BATCH - filled - size);
        swd_program(u, s->target + s->reached - filled - size, u->out, SWD_BATCH);
    }
    if (d->made < d->length) {
        return MORE;
    }
    if (d->left > 0) {
        return BAD_PATCH;
    }
    s->chunk++;
    return differs(u, u->chunk++->digest, u->digest_size) ? BAD_DIGEST : next(u, START_CHUNK);
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
    const uint32_t from = u->last + (uint32_t)sizeof *s;
    swd_read(u, from, &u->record.decoder, sizeof u->record.decoder);
    swd_read(u, from + (uint32_t)sizeof u->record.decoder, u->config->state, u->state_size);
    for (uint32_t i = s->chunk; i > 0; i--) {
        u->offset += u->chunk->coded;
        if (++u->chunk == u->chunk_end) {
            return BAD_PATCH;
        }
    }
    u->skipped = u->chunk->coded - d->left;
    if (d->left > u->chunk->coded || sw_device_resume(d, &u->io, u->chunk->made) != SW_OK) {
        return BAD_PATCH;
    }
    return next(u, START_CHUNK);
}

/* Whether the patch is for this device, and where to go on. */
static swd_ending judge(swd_update *u, uint32_t crc) {
    swd_state *s = &u->record.state;
    u->io.base_size = u->base.size; u->io.state_size = u->state_size;
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
    swd_row *row = &u->row;
    uint32_t total = LEAST;
    uint32_t signature = 0;
    if (u->offset >= LEAST) {
        if (sw_load32(bytes) != magic) {
            return BAD_PATCH;
        }
        const uint32_t flags = bytes[FLAGS_AT];
        if (bytes[VERSION_AT] != VERSION || flags > WITH_MAC) {
            return UNSUPPORTED;
        }
        signature = flags == WITH_MAC ? SWD_MAC : flags * SWD_SIGNATURE;
        row->at = bytes + SIZE_AT;
        row->left = LEAST - SIZE_AT;
        const uint32_t size = swd_varint(row);
        total = (uint32_t)(row->at - bytes) + CRC + signature;
        if (size > config->state_size - total) {
            return NO_ROOM;
        }
        total += size;
        row->left = (int32_t)size;
    }
    if (u->offset < total) {
        swd_fetch(u, bytes + u->offset, total - u->offset);
        return MORE;
    }
    const uint32_t message = total - signature;
    const uint32_t crc = swd_crc32(0, bytes, message - CRC);
    if (sw_load32(bytes + message - CRC) != crc) {
        return BAD_PATCH;
    }
    /* Of the kind that the device wants, not of the one that the patch says. */
    const uint32_t wanted = config->by_mac ? SWD_MAC : SWD_SIGNATURE;
    if (config->is_signed != NULL &&
        (signature != wanted || !config->is_signed(config->context, bytes, message, bytes + message))) {
        return BAD_SIGNATURE;
    }
    const swd_ending result = swd_read_manifest(u);
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
        config->checkpoint == 0 || config->unit - 1 >= SWD_UNIT || (config->unit & (config->unit - 1)) != 0 ||
        config->state_size < SW_DEVICE_SMALL || sizeof(swd_record) + config->state_size > half ||
        (!SWD_IN_PLACE && config->in_place)) {
        return SWD_ERROR_CONFIG;
    }
    swd_journal_load(u, config);
    u->io.context = u; u->io.next_byte = swd_next_byte; u->io.read_base = read_base; u->io.read_target = read_target; u->io.state = config->state;
    return SWD_MORE; /* if flash failed, the first step says so */
}

__attribute__((noinline)) static swd_ending step(swd_update *u) {
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
    if (u->failed) {
        return SWD_ERROR_FLASH;
    }
    /* A link that ended is no fault of the patch: the next try goes on. */
    if (u->ended) {
        return SWD_ERROR_READ;
    }
    /* What was made so far may be at fault: the next try is to begin anew. In place there is no other begin. */
    if ((ending == BAD_DIGEST || ending == BAD_PATCH) && s->doing == SWD_MAKING && !is_in_place(u->config)) {
        s->doing = SWD_IDLE;
        swd_journal_append(u, 0);
    }
    return (swd_result)(SWD_MORE - ending);
}
