/* The update: read and judge the opening, check the base, make the new model sector by sector, check it, and make it
 * count with one record. SPEC, "Device profile"; sapwood_device.h says how it is used. */
#include <string.h>

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

/* What the next step does. */
typedef swd_result phase(void *update);
static phase read_opening, check_base, check_patch, move, start_chunk, skip, make, check_target;

static swd_state *state_of(swd_update *u) {
    return &u->journal.state;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t whole(uint32_t size, uint32_t unit) {
    return (size + unit - 1) / unit * unit;
}

static swd_result next(swd_update *u, phase *doing) {
    u->doing = doing;
    u->progress = 0;
    return SWD_MORE;
}

static void digest_start(const swd_update *u) {
    u->config->digest_start(u->config->context);
}

/* Whether the digest that ends is this one. */
static bool is_digest(const swd_update *u, const uint8_t *wanted, uint32_t size) {
    uint8_t digest[SWD_DIGEST];
    u->config->digest_end(u->config->context, digest);
    return memcmp(digest, wanted, size) == 0;
}

/* Add the next bytes of flash to the digest. True when all `size` bytes are in it. */
static swd_result digest_flash(swd_update *u, uint32_t address, uint32_t size, const uint8_t *wanted) {
    const swd_config *config = u->config;
    if (u->progress == 0) {
        digest_start(u);
    }
    const uint32_t now = smaller(size - u->progress, SWD_BATCH);
    if (!config->flash_read(config->context, address + u->progress, u->out, now)) {
        return SWD_ERROR_FLASH;
    }
    config->digest_add(config->context, u->out, now);
    u->progress += now;
    if (u->progress < size) {
        return SWD_MORE;
    }
    return is_digest(u, wanted, SWD_DIGEST) ? SWD_DONE : SWD_ERROR_DIGEST;
}

/* Ask for more of the chunk, into `in`, and add it to the chunk's digest. False if none will come. */
static bool refill(swd_update *u) {
    const swd_config *config = u->config;
    const uint32_t wanted = smaller(u->unread, SWD_BATCH);
    const int got = config->patch_read(config->context, u->offset, u->in, wanted);
    if (got < 0 || (uint32_t)got > wanted) {
        return false;
    }
    u->in_at = 0;
    u->in_size = (uint32_t)got;
    u->offset += u->in_size;
    u->unread -= u->in_size;
    config->digest_add(config->context, u->in, u->in_size);
    return true;
}

static int next_byte(void *context) {
    swd_update *u = context;
    while (u->in_at == u->in_size) {
        if (u->unread == 0 || !refill(u)) {
            return -1;
        }
    }
    return u->in[u->in_at++];
}

static uint32_t next_varint(swd_update *u) {
    uint8_t bytes[6];
    const uint8_t *at = bytes;
    uint32_t size = 0;
    do {
        bytes[size] = (uint8_t)next_byte(u);
    } while (bytes[size++] > 127 && size < sizeof bytes);
    const uint32_t value = swd_varint(&at, bytes + size);
    return at == NULL ? 0 : value;
}

/* A journal that lies could ask for more. */
static bool is_inside(uint32_t offset, size_t size, uint32_t room) {
    return offset <= room && size <= room - offset;
}

static bool read_base(void *context, uint32_t offset, uint8_t *out, size_t size) {
    swd_update *u = context;
    return is_inside(offset, size, u->opening.base_size) && u->config->flash_read(u->config->context, state_of(u)->model.address + offset, out, (uint32_t)size);
}

static bool read_target(void *context, uint32_t offset, uint8_t *out, size_t size) {
    swd_update *u = context;
    const uint32_t chunk = state_of(u)->target + state_of(u)->reached - u->made;
    return is_inside(offset, size, u->made) && u->config->flash_read(u->config->context, chunk + offset, out, (uint32_t)size);
}

static bool record(swd_update *u, const void *decoder) {
    u->checkpoint = state_of(u)->reached;
    return swd_journal_append(&u->journal, u->config, decoder, sizeof u->decoder, u->opening.state_size);
}

/* Where the new model goes, and where the old one must be by then. */
static swd_result place(const swd_update *u, uint32_t *base, uint32_t *target) {
    const swd_config *config = u->config;
    const swd_opening *o = &u->opening;
    const uint32_t end = config->models + config->models_size;
    uint32_t room = config->models_size;
    if (o->behind > room) {
        return SWD_ERROR_ROOM;
    }
    *base = u->journal.state.model.address;
    *target = config->models;
    if (!config->in_place) {
        room /= 2;
        *target += *base < config->models + room && u->journal.state.model.size > 0 ? room : 0;
    } else if (o->base != NULL) {
        const uint32_t lead = config->checkpoint * config->sector + whole(o->behind, config->sector);
        if (*base - config->models < lead) {
            *base = end - whole(o->base_size, config->sector);
        }
        if (lead > config->models_size || *base - config->models < lead) {
            return SWD_ERROR_ROOM;
        }
        *target = *base - lead;
        room = end - *target;
    }
    return o->target_size <= room ? SWD_MORE : SWD_ERROR_ROOM;
}

/* Everything is known to fit: the first record, or the last one is gone on from. */
static swd_result begin(swd_update *u) {
    swd_state *s = state_of(u);
    uint32_t base;
    uint32_t target;
    const swd_result result = place(u, &base, &target);
    if (result != SWD_MORE) {
        return result;
    }
    s->doing = SWD_MAKING;
    s->chunk = 0;
    s->reached = 0;
    s->target = target;
    if (base != s->model.address) {
        s->doing = SWD_MOVING;
        s->target = base;
        s->reached = whole(s->model.size, u->config->sector) / u->config->sector;
    }
    if (!record(u, NULL)) {
        return SWD_ERROR_FLASH;
    }
    return next(u, s->doing == SWD_MOVING ? move : start_chunk);
}

static swd_result check_base(void *update) {
    swd_update *u = update;
    const swd_model *model = &state_of(u)->model;
    const swd_result result = digest_flash(u, model->address, model->size, u->digests[0]);
    if (result != SWD_DONE) {
        return result == SWD_ERROR_DIGEST ? SWD_ERROR_BASE : result;
    }
    return u->config->in_place ? next(u, check_patch) : begin(u);
}

/* All chunks, before the first erase. */
static swd_result check_patch(void *update) {
    swd_update *u = update;
    swd_chunk *chunk = &u->chunks[u->made];
    if (u->made == u->opening.chunks) {
        u->offset = u->first;
        u->made = 0;
        return begin(u);
    }
    if (u->progress == 0) {
        digest_start(u);
        u->unread = chunk->coded;
    }
    if (!refill(u)) {
        return SWD_ERROR_READ;
    }
    u->progress = chunk->coded - u->unread;
    if (u->unread == 0) {
        u->made++;
        u->progress = 0;
        return is_digest(u, chunk->digest, u->opening.digest_size) ? SWD_MORE : SWD_ERROR_DIGEST;
    }
    return SWD_MORE;
}

/* One sector of the old model, the last first, so that none is overwritten before it is copied. */
static swd_result move(void *update) {
    swd_update *u = update;
    const swd_config *config = u->config;
    swd_state *s = state_of(u);
    const uint32_t from = s->model.address + (s->reached - 1) * config->sector;
    const uint32_t to = s->target + (s->reached - 1) * config->sector;
    if (!config->flash_erase(config->context, to)) {
        return SWD_ERROR_FLASH;
    }
    for (uint32_t at = 0; at < config->sector; at += SWD_BATCH) {
        if (!config->flash_read(config->context, from + at, u->out, SWD_BATCH) ||
            !config->flash_program(config->context, to + at, u->out, SWD_BATCH)) {
            return SWD_ERROR_FLASH;
        }
    }
    if (--s->reached == 0) {
        s->model.address = s->target;
        return begin(u);
    }
    return record(u, NULL) ? SWD_MORE : SWD_ERROR_FLASH;
}

/* The head of a chunk's only block, or of the bytes behind a cut. */
static swd_result start_chunk(void *update) {
    swd_update *u = update;
    const swd_chunk *chunk = &u->chunks[state_of(u)->chunk];
    if (state_of(u)->chunk == u->opening.chunks) {
        return next(u, check_target);
    }
    digest_start(u);
    u->unread = chunk->coded;
    u->in_at = u->in_size = 0;
    if (u->skipped > 0) {
        return next(u, skip);
    }
    const int codec = next_byte(u);
    const uint32_t length = next_varint(u);
    const uint32_t size = next_varint(u);
    u->stored = codec == STORED;
    if ((codec != STORED && codec != DEVICE) || length != chunk->made || size != u->unread + u->in_size - u->in_at ||
        (codec == STORED && size != length)) {
        return SWD_ERROR_PATCH;
    }
    u->made = 0;
    if (!u->stored && sw_device_start(&u->decoder.decoder, &u->io, size, u->opening.base_size, length,
                                      u->config->state, u->opening.state_size) != SW_OK) {
        return SWD_ERROR_PATCH;
    }
    return next(u, make);
}

/* Bytes that were decoded before a cut only count for the digest. */
static swd_result skip(void *update) {
    swd_update *u = update;
    while (u->in_at < u->in_size && u->skipped > 0) {
        u->in_at++;
        u->skipped--;
    }
    if (u->skipped == 0) {
        return next(u, make);
    }
    return refill(u) ? SWD_MORE : SWD_ERROR_READ;
}

static swd_result end_chunk(swd_update *u) {
    const swd_chunk *chunk = &u->chunks[state_of(u)->chunk];
    if ((!u->stored && sw_device_end(&u->decoder.decoder) != SW_OK) || u->unread > 0 || u->in_at < u->in_size) {
        return SWD_ERROR_PATCH;
    }
    if (!is_digest(u, chunk->digest, u->opening.digest_size)) {
        return SWD_ERROR_DIGEST;
    }
    state_of(u)->chunk++;
    return next(u, start_chunk);
}

/* The next bytes of the chunk behind those that wait in `out`. */
static swd_result decode(swd_update *u, uint32_t size) {
    uint8_t *to = u->out + u->filled;
    if (!u->stored) {
        const sw_status status = sw_device_next(&u->decoder.decoder, to, size);
        return status == SW_OK ? SWD_MORE : status == SW_ERROR_READ ? SWD_ERROR_FLASH : SWD_ERROR_PATCH;
    }
    for (uint32_t i = 0; i < size; i++) {
        to[i] = (uint8_t)next_byte(u);
    }
    return SWD_MORE;
}

/* Full `out`, or the model's last bytes with 0xFF behind them. */
static bool program(swd_update *u) {
    const swd_config *config = u->config;
    const swd_state *s = state_of(u);
    const uint32_t size = whole(u->filled, config->unit);
    memset(u->out + u->filled, 0xFF, size - u->filled);
    const uint32_t at = s->target + s->reached - u->filled;
    u->filled = 0;
    return config->flash_program(config->context, at, u->out, size);
}

static swd_result make(void *update) {
    swd_update *u = update;
    const swd_config *config = u->config;
    swd_state *s = state_of(u);
    const uint32_t size = smaller(SWD_BATCH - u->filled, u->chunks[s->chunk].made - u->made);
    if (s->reached % config->sector == 0) {
        if (s->reached - u->checkpoint >= config->checkpoint * config->sector) {
            s->taken = u->chunks[s->chunk].coded - u->unread - (u->in_size - u->in_at);
            s->made = u->made << 1 | u->stored;
            return record(u, &u->decoder) ? SWD_MORE : SWD_ERROR_FLASH;
        }
        if (!config->flash_erase(config->context, s->target + s->reached)) {
            return SWD_ERROR_FLASH;
        }
    }
    const swd_result result = decode(u, size);
    if (result != SWD_MORE) {
        return result;
    }
    u->filled += size;
    u->made += size;
    s->reached += size;
    if ((u->filled == SWD_BATCH || s->reached == u->opening.target_size) && !program(u)) {
        return SWD_ERROR_FLASH;
    }
    return u->made < u->chunks[s->chunk].made ? SWD_MORE : end_chunk(u);
}

static swd_result check_target(void *update) {
    swd_update *u = update;
    swd_state *s = state_of(u);
    const swd_result result = digest_flash(u, s->target, u->opening.target_size, u->digests[1]);
    if (result == SWD_DONE) {
        s->model.address = s->target;
        s->model.size = u->opening.target_size;
        s->model.counter = u->opening.counter;
        memcpy(s->model.digest, u->digests[1], SWD_DIGEST);
        s->doing = SWD_IDLE;
        return record(u, NULL) ? SWD_DONE : SWD_ERROR_FLASH;
    }
    return result;
}

/* Go on behind the last record. */
static swd_result resume(swd_update *u) {
    const swd_config *config = u->config;
    const swd_state *s = state_of(u);
    const uint32_t decoder = swd_journal_decoder(&u->journal);
    u->checkpoint = s->reached;
    if (s->doing == SWD_MOVING) {
        return next(u, move);
    }
    if (decoder == 0 ? s->chunk > 0 || s->reached > 0 : s->chunk >= u->opening.chunks) {
        return SWD_ERROR_PATCH;
    }
    if (decoder == 0) {
        return next(u, start_chunk);
    }
    for (uint32_t i = 0; i < s->chunk; i++) {
        u->offset += u->chunks[i].coded;
    }
    u->made = s->made >> 1;
    u->stored = s->made & 1;
    u->skipped = s->taken;
    if (!config->flash_read(config->context, decoder, &u->decoder, sizeof u->decoder) ||
        !config->flash_read(config->context, decoder + (uint32_t)sizeof u->decoder, config->state,
                            u->opening.state_size)) {
        return SWD_ERROR_FLASH;
    }
    const swd_chunk *chunk = &u->chunks[s->chunk];
    if (s->taken > chunk->coded || u->made > chunk->made ||
        (!u->stored && sw_device_resume(&u->decoder.decoder, &u->io, chunk->coded - s->taken, u->opening.base_size,
                                        chunk->made, u->made, config->state, u->opening.state_size) != SW_OK)) {
        return SWD_ERROR_PATCH;
    }
    return next(u, start_chunk);
}

/* Whether the patch is for this device, and where to go on. */
static swd_result judge(swd_update *u, uint32_t crc) {
    const swd_config *config = u->config;
    const swd_opening *o = &u->opening;
    swd_state *s = state_of(u);
    memcpy(u->digests[1], o->target, SWD_DIGEST);
    if (o->base != NULL) {
        memcpy(u->digests[0], o->base, SWD_DIGEST);
    }
    if (s->doing == SWD_IDLE && s->model.size == o->target_size && s->sequence > 0 &&
        memcmp(s->model.digest, u->digests[1], SWD_DIGEST) == 0) {
        return SWD_DONE;
    }
    if (o->counter < s->model.counter) {
        return SWD_ERROR_ROLLBACK;
    }
    u->first = u->offset;
    if (s->doing != SWD_IDLE && s->patch == crc) {
        return resume(u);
    }
    /* What an update in place left of the old model is no base. */
    if (o->base != NULL && (o->base_size != s->model.size || (config->in_place && s->doing != SWD_IDLE))) {
        return SWD_ERROR_BASE;
    }
    s->patch = crc;
    if (o->base != NULL) {
        return next(u, check_base);
    }
    return config->in_place ? next(u, check_patch) : begin(u);
}

/* Into the memory of the decoder's state, which nothing needs yet. */
static swd_result read_opening(void *update) {
    swd_update *u = update;
    const swd_config *config = u->config;
    static const uint8_t magic[4] = {0x89, 0x53, 0x57, 0x50};
    uint8_t *bytes = (uint8_t *)config->state;
    const uint8_t *manifest = bytes + SIZE_AT;
    uint32_t size = 0;
    uint32_t total = LEAST;
    uint32_t signature = 0;
    if (u->offset >= LEAST) {
        if (memcmp(bytes, magic, sizeof magic) != 0) {
            return SWD_ERROR_PATCH;
        }
        if (bytes[4] != VERSION || bytes[5] > SIGNED) {
            return SWD_ERROR_UNSUPPORTED;
        }
        signature = bytes[5] * SWD_SIGNATURE;
        size = swd_varint(&manifest, bytes + LEAST);
        if (manifest == NULL) {
            return SWD_ERROR_PATCH;
        }
        total = (uint32_t)(manifest - bytes) + CRC + signature;
        if (total > config->state_size || size > config->state_size - total) {
            return SWD_ERROR_ROOM;
        }
        total += size;
    }
    if (u->offset < total) {
        const int got = config->patch_read(config->context, u->offset, bytes + u->offset, total - u->offset);
        if (got < 0 || (uint32_t)got > total - u->offset) {
            return SWD_ERROR_READ;
        }
        u->offset += (uint32_t)got;
        return SWD_MORE;
    }
    const uint32_t message = total - signature;
    const uint32_t crc = swd_crc32(0, bytes, message - CRC);
    if (memcmp(manifest + size, (uint8_t[]){(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)}, CRC) != 0) {
        return SWD_ERROR_PATCH;
    }
    if (config->is_signed != NULL &&
        (signature == 0 || !config->is_signed(config->context, bytes, message, bytes + message))) {
        return SWD_ERROR_SIGNATURE;
    }
    const swd_result result = swd_read_manifest(config, manifest, size, signature > 0, &u->opening, u->chunks);
    return result == SWD_DONE ? judge(u, crc) : result;
}

swd_result swd_update_start(swd_update *u, const swd_config *config) {
    const uint32_t sector = config->sector;
    const uint32_t slot = config->in_place ? config->models_size : config->models_size / 2;
    memset(u, 0, sizeof *u);
    u->config = config;
    u->io = (sw_device_io){u, next_byte, read_base, read_target};
    u->doing = read_opening;
    if (sector == 0 || sector % SWD_BATCH != 0 || config->models % sector != 0 || slot % sector != 0 ||
        config->journal % sector != 0 || config->journal_size / 2 % sector != 0 || config->checkpoint == 0 ||
        config->unit == 0 || SWD_UNIT % config->unit != 0 || config->state_size < SW_DEVICE_SMALL ||
        swd_record_size(config->state_size) > config->journal_size / 2) {
        return SWD_ERROR_CONFIG;
    }
    return swd_journal_load(&u->journal, config) ? SWD_MORE : SWD_ERROR_FLASH;
}

swd_result swd_update_step(swd_update *u) {
    swd_state *s = state_of(u);
    const swd_result result = u->doing(u);
    /* What was made so far may be at fault: the next try is to begin anew. In place there is no other begin. */
    if ((result == SWD_ERROR_DIGEST || result == SWD_ERROR_PATCH) && s->doing == SWD_MAKING && !u->config->in_place) {
        s->doing = SWD_IDLE;
        if (!record(u, NULL)) {
            return SWD_ERROR_FLASH;
        }
    }
    return result;
}
