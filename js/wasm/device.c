/* DEVICE blocks for JavaScript: one decoder, over a payload and an output that lie in this memory.
 *
 * The base may be one that JavaScript can only wait for, and a call into here cannot wait. So a call that lacks a page of
 * the base goes back to where it began; it is made again once the page has come.
 */
#include <string.h>

#include "sapwood.h"
#include "wasm.h"

enum { PAGE = 4096 };

/* `size` bytes of the base, of one page; false if they have not come. */
WASM_IMPORT("read_base") bool read_page(uint32_t offset, uint8_t *to, uint32_t size);

typedef struct {
    sw_device decoder;
    uint16_t state[SW_DEVICE_LARGE / 2];
} checkpoint;

static checkpoint now;
static checkpoint before;
static const uint8_t *payload_end;
static sw_device_io io;
static uint8_t *output;
static uint8_t page[PAGE];
static uint32_t page_at;
static uint32_t page_size; /* 0: there is none */

static int next_byte(void *context) {
    (void)context;
    return payload_end[-(ptrdiff_t)now.decoder.left];
}

static bool read_base(void *context, uint32_t offset, uint8_t *out, size_t size) {
    (void)context;
    while (size > 0) {
        if (offset - page_at >= page_size) {
            const uint32_t left = io.base_size - offset / PAGE * PAGE;
            page_at = offset / PAGE * PAGE;
            page_size = left < PAGE ? left : PAGE;
            if (!read_page(page_at, page, page_size)) {
                page_size = 0;
                return false;
            }
        }
        const uint32_t at = offset - page_at;
        const uint32_t part = size < page_size - at ? (uint32_t)size : page_size - at;
        memcpy(out, page + at, part);
        out += part;
        offset += part;
        size -= part;
    }
    return true;
}

static bool read_target(void *context, uint32_t offset, uint8_t *out, size_t size) {
    (void)context;
    memcpy(out, output + offset, size);
    return true;
}


WASM_EXPORT(start) sw_status start(const uint8_t *payload, uint32_t payload_size, uint32_t base_size, uint8_t *out,
                                   uint32_t length) {
    payload_end = payload + payload_size;
    output = out;
    page_size = 0;
    io = (sw_device_io){NULL, next_byte, read_base, read_target, base_size, sizeof now.state, now.state};
    return sw_device_start(&now.decoder, &io, payload_size, length);
}

WASM_EXPORT(next) sw_status next(uint32_t size) {
    before = now;
    const sw_status status = sw_device_next(&now.decoder, output + now.decoder.made, size);
    if (status == SW_ERROR_READ) {
        now = before;
    }
    return status;
}

WASM_EXPORT(end) sw_status end(void) {
    return sw_device_end(&now.decoder);
}
