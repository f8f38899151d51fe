/* The update engine: hostile manifests and blocks under a right CRC, and a journal that lies. No sanitizer speaks, no rule of
 * flash is broken while the journal tells the truth, an update that ends has left a model, and none is done without the
 * signature or MAC that the device wants.
 *
 * Bytes 0: bit 0 in place, bit 1 a journal that lies, bits 2 to 7 where power fails. Byte 1: how the link cuts the
 * patch. Byte 2: bits 0 and 1 the patch's flags, bit 2 whether the device wants what bit 3 says: a signature, or a MAC.
 * Byte 3: bytes of the manifest, then these, then signature or MAC, and the chunks. Digests are all zero here, so that any can be
 * met, and a signature or MAC is right if its bytes add up to 0. */
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "update.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SECTOR = 512, UNIT = 4, SECTORS = 64, FLASH = SECTORS * SECTOR, HEAD = 4, BASE = 3000 };

static void digest_start(void *context) {
    (void)context;
}

static void digest_add(void *context, const void *bytes, uint32_t size) {
    (void)context, (void)bytes, (void)size;
}

static void digest_end(void *context, uint8_t digest[SWD_DIGEST]) {
    (void)context;
    memset(digest, 0, SWD_DIGEST);
}

static const board_digest none = {.start = digest_start, .add = digest_add, .end = digest_end};

typedef struct {
    uint32_t size; /* of what the device wants */
    bool was_right;
} checker;

static bool check_code(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature) {
    (void)message, (void)size;
    checker *c = context;
    uint8_t sum = 0;
    for (uint32_t i = 0; i < c->size; i++) {
        sum = (uint8_t)(sum + signature[i]);
    }
    return c->was_right = sum == 0;
}

static uint8_t flash_bytes[FLASH];
static uint8_t programmed[FLASH / UNIT];
static uint32_t erases[SECTORS];

static size_t make_patch(uint8_t *patch, uint8_t flags, const uint8_t *manifest, uint8_t manifest_size, const uint8_t *chunks,
                         size_t chunks_size) {
    size_t at = 6;
    memcpy(patch, "\x89SWP\1", 5);
    patch[5] = flags;
    patch[at++] = manifest_size < 128 ? manifest_size : (uint8_t)(manifest_size | 128);
    if (manifest_size > 127) {
        patch[at++] = 1;
    }
    memcpy(patch + at, manifest, manifest_size);
    at += manifest_size;
    const uint32_t crc = swd_crc32(0, patch, (uint32_t)at);
    for (unsigned i = 0; i < 4; i++) {
        patch[at++] = (uint8_t)(crc >> 8 * i);
    }
    memcpy(patch + at, chunks, chunks_size);
    return at + chunks_size;
}

/* The fuzzer's bytes over the last record, under a right CRC. */
static void lie(board *b, const uint8_t *bytes, size_t size) {
    static swd_update u;
    swd_journal_load(&u, &b->config);
    uint8_t *decoder = u.record.decoder.bytes;
    if (swd_journal_has_decoder(&u)) {
        swd_read(&u, u.last + (uint32_t)sizeof u.record.state, decoder, sizeof u.record.decoder);
    }
    uint8_t *state = (uint8_t *)&u.record.state;
    enum { KEPT = 12 }; /* size, sequence and CRC are the journal's own */
    for (size_t i = 0; i + 2 < size && i < 60; i += 3) {
        const size_t at = bytes[i] | (size_t)bytes[i + 1] << 8;
        const size_t place = at % (sizeof u.record.state - KEPT + sizeof u.record.decoder);
        if (place < sizeof u.record.state - KEPT) {
            state[KEPT + place] ^= bytes[i + 2];
        } else {
            decoder[place - (sizeof u.record.state - KEPT)] ^= bytes[i + 2];
        }
    }
    swd_journal_append(&u, SW_DEVICE_SMALL);
    if (u.failed) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD || size - HEAD < data[3]) {
        return 0;
    }
    const bool in_place = data[0] & 1;
    const uint8_t *chunks = data + HEAD + data[3];
    const size_t chunks_size = size - HEAD - data[3];
    uint8_t *room = malloc(size + 16);
    if (room == NULL) {
        abort();
    }
    const size_t patch_size = make_patch(room, data[2] & 3, data + HEAD, data[3], chunks, chunks_size);
    /* Of the exact size, so that the sanitizer sees every byte beyond. */
    uint8_t *patch = realloc(room, patch_size);
    if (patch == NULL) {
        abort();
    }
    board b = {0};
    b.flash = (nor){.bytes = flash_bytes, .programmed = programmed, .erases = erases, .size = FLASH, .sector = SECTOR,
                    .unit = UNIT, .cut_at = UINT64_MAX, .random = data[1]};
    nor_blank(&b.flash);
    b.patch = patch;
    b.patch_size = (uint32_t)patch_size;
    b.piece = 1u + data[1];
    b.digest = none;
    b.facts.arena_bytes = 100;
    b.config = (swd_config){.models_size = (in_place ? 15 : 24) * SECTOR, .journal = 40 * SECTOR,
                            .journal_size = 16 * SECTOR, .sector = SECTOR, .unit = UNIT, .checkpoint = 1,
                            .in_place = in_place};
    board_connect(&b, SW_DEVICE_SMALL);
    b.config.by_mac = data[2] & 8;
    checker checks = {.size = b.config.by_mac ? SWD_MAC : SWD_SIGNATURE};
    b.judge = &checks;
    b.is_signed = data[2] & 4 ? check_code : NULL;
    /* Likewise of the exact size. */
    uint16_t *state = malloc(SW_DEVICE_SMALL);
    if (state == NULL) {
        abort();
    }
    b.config.state = memset(state, 0xA5, SW_DEVICE_SMALL);
    uint8_t base[BASE];
    for (size_t i = 0; i < BASE; i++) {
        base[i] = (uint8_t)(i * 7 + (i >> 5));
    }
    const swd_model model = {.address = in_place ? 4 * SECTOR : 0, .size = BASE};
    if (!nor_program(&b.flash, model.address, base, BASE) || swd_provision(&b.config, &model) != SWD_DONE) {
        abort();
    }
    b.flash.cut_at = data[0] >> 2;
    b.flash.cut = NOR_TORN;
    swd_result result = board_update(&b);
    b.flash.dead = false;
    b.flash.cut_at = UINT64_MAX;
    const bool lies = data[0] & 2;
    if (lies) {
        lie(&b, chunks, chunks_size);
    }
    result = board_update(&b);
    swd_model after;
    if (!lies && (b.flash.fault != NULL || (swd_boot(&b.config, &after) != SWD_DONE && (!in_place || result == SWD_DONE)))) {
        abort();
    }
    if (b.is_signed != NULL && result == SWD_DONE && !checks.was_right) {
        abort();
    }
    free(state);
    free(patch);
    return 0;
}
