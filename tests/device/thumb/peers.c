/* Other decoders of patches as a Cortex-M3 runs them, in Unicorn: detools' format with heatshrink's decoder, and HPatchLite with
 * tinyuz's. peers.py fetches their sources. Base and patch lie where the processor sees them; where the new model goes is a
 * function that peers.py stands in for, called with up to 64 bytes. */
#include <string.h>

#include "heatshrink_decoder.h"
#include "hpatch_lite.h"
#include "tuz_dec.h"

typedef struct {
    uint32_t base_size;
    uint32_t patch_size;
} setup;

enum { BATCH = 64 };

#define SETUP ((const setup *)0x20010000)
#define BASE ((const uint8_t *)0x08000000)
#define PATCH ((const uint8_t *)0x60000000)

void hook_write(const void *from, uint32_t size);

__asm__(".thumb\n.global hook_write\n.thumb_func\nhook_write: bx lr\n");

static uint32_t patch_at;

/* detools, patches "sequential": sizes, then differences to the base and bytes of their own by turns. */

static heatshrink_decoder heatshrink;

static void take(uint8_t *to, size_t size) {
    while (size > 0) {
        size_t got = 0;
        heatshrink_decoder_poll(&heatshrink, to, size, &got);
        to += got;
        size -= got;
        if (got == 0) {
            size_t sunk = 0;
            if (patch_at < SETUP->patch_size) {
                heatshrink_decoder_sink(&heatshrink, (uint8_t *)PATCH + patch_at, SETUP->patch_size - patch_at, &sunk);
                patch_at += (uint32_t)sunk;
            } else if (heatshrink_decoder_finish(&heatshrink) == HSDR_FINISH_DONE) {
                return;
            }
        }
    }
}

static void take_plain(uint8_t *to, size_t size) {
    memcpy(to, PATCH + patch_at, size);
    patch_at += (uint32_t)size;
}

static int32_t take_size(void (*from)(uint8_t *, size_t)) {
    uint8_t byte;
    from(&byte, 1);
    const uint8_t sign = byte & 0x40;
    uint32_t value = byte & 0x3F;
    for (unsigned shift = 6; byte & 0x80; shift += 7) {
        from(&byte, 1);
        value |= (uint32_t)(byte & 0x7F) << shift;
    }
    return (int32_t)(sign ? 0 - value : value);
}

int run_heatshrink(void) {
    uint8_t bytes[BATCH];
    patch_at = 1; /* kind of patch, and compression */
    uint32_t left = (uint32_t)take_size(take_plain);
    patch_at++; /* window and lookahead: heatshrink_config.h has them */
    heatshrink_decoder_reset(&heatshrink);
    if (take_size(take) != 0) { /* for machine code */
        return 1;
    }
    const uint8_t *base = BASE;
    while (left > 0) {
        for (unsigned own = 0; own < 2; own++) {
            uint32_t size = (uint32_t)take_size(take);
            left -= size;
            while (size > 0) {
                const uint32_t now = size < BATCH ? size : BATCH;
                take(bytes, now);
                for (uint32_t i = 0; i < now && !own; i++) {
                    bytes[i] = (uint8_t)(bytes[i] + *base++);
                }
                hook_write(bytes, now);
                size -= now;
            }
        }
        if (left > 0) {
            base += take_size(take);
        }
    }
    return 0;
}

/* HPatchLite. */

static tuz_TStream tinyuz;

static tuz_BOOL read_patch(void *context, tuz_byte *to, tuz_size_t *size) {
    (void)context;
    const uint32_t left = SETUP->patch_size - patch_at;
    *size = *size < left ? *size : left;
    memcpy(to, PATCH + patch_at, *size);
    patch_at += *size;
    return tuz_TRUE;
}

static hpi_BOOL decompress(void *context, hpi_byte *to, hpi_size_t *size) {
    (void)context;
    return tuz_TStream_decompress_partial(&tinyuz, to, size) <= tuz_STREAM_END;
}

static hpi_BOOL read_base(struct hpatchi_listener_t *listener, hpi_pos_t from, hpi_byte *to, hpi_size_t size) {
    (void)listener;
    memcpy(to, BASE + from, size);
    return hpi_TRUE;
}

static hpi_BOOL write_new(struct hpatchi_listener_t *listener, const hpi_byte *from, hpi_size_t size) {
    (void)listener;
    hook_write(from, size);
    return hpi_TRUE;
}

int run_tinyuz(void) {
    static tuz_byte dictionary[(1 << 15) + BATCH];
    static hpi_byte cache[2 * BATCH];
    hpi_compressType type;
    hpi_pos_t size, uncompressed;
    patch_at = 0;
    if (!hpatch_lite_open(NULL, read_patch, &type, &size, &uncompressed) || type != hpi_compressType_tuz) {
        return 1;
    }
    const tuz_size_t room = tuz_TStream_read_dict_size(NULL, read_patch);
    if (room == 0 || room > sizeof dictionary - BATCH ||
        tuz_TStream_open(&tinyuz, NULL, read_patch, dictionary, room, BATCH) != tuz_OK) {
        return 2;
    }
    hpatchi_listener_t listener = {.read_diff = decompress, .read_old = read_base, .write_new = write_new};
    return hpatch_lite_patch(&listener, size, cache, sizeof cache) ? 0 : 3;
}
