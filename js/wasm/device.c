/* DEVICE blocks for JavaScript: one decoder, over a payload and an output that lie in this memory.
 *
 * The base may be one that JavaScript can only wait for, and a call into here cannot wait. So a call that lacks a page of
 * the base goes back to where it began; it is made again once the page has come.
 */
#include <string.h>

#include "device.h"
#include "wasm.h"

enum { PAGE = 4096 };

/* `size` bytes of the base, of one page; false if they have not come. */
WASM_IMPORT("read_base") bool read_page(uint32_t offset, uint8_t *to, uint32_t size);

typedef struct {
    sw_device decoder;
    uint16_t state[SW_DEVICE_LARGE / 2];
} checkpoint;

/* In front of all that the linker places (build.sh), and not at 0, which is NULL: an address below 64 is a byte shorter, and
 * half of the code is such addresses. */
static checkpoint *const now = (checkpoint *)4;
_Static_assert(4 + sizeof(checkpoint) <= 2304, "the global base is too low");
static checkpoint before;
static const uint8_t *payload_end;
static uint8_t *output;
static uint8_t page[PAGE];
static uint32_t page_at;
static uint32_t page_size; /* 0: there is none */

static int next_byte(void *context) {
    (void)context;
    return payload_end[-(ptrdiff_t)now->decoder.left];
}

static bool read_base(void *context, uint32_t offset, uint8_t *out, size_t size) {
    (void)context;
    for (; size > 0; size--) {
        if (offset - page_at >= page_size) {
            page_at = offset / PAGE * PAGE;
            const uint32_t left = device_io.base_size - page_at;
            page_size = left < PAGE ? left : PAGE;
            if (!read_page(page_at, page, page_size)) {
                page_size = 0;
                return false;
            }
        }
        *out++ = page[offset++ - page_at];
    }
    return true;
}

static bool read_target(void *context, uint32_t offset, uint8_t *out, size_t size) {
    (void)context;
    memcpy(out, output + offset, size);
    return true;
}

sw_device_io device_io = {NULL, next_byte, read_base, read_target, 0, sizeof now->state, now->state};

WASM_EXPORT(start) sw_status start(const uint8_t *payload, uint32_t payload_size, uint32_t base_size, uint8_t *out,
                                   uint32_t length) {
    payload_end = payload + payload_size;
    output = out;
    page_size = 0;
    device_io.base_size = base_size;
    return sw_device_start(&now->decoder, NULL, payload_size, length);
}

/* With the last byte: whether the payload ended where it should. */
WASM_EXPORT(next) sw_status next(uint32_t size) {
    sw_device *d = &now->decoder;
    before = *now;
    sw_status status = sw_device_next(d, output + d->made, size);
    if (status == SW_ERROR_READ) {
        *now = before;
    } else if (d->made == d->length) {
        status = sw_device_end(d);
    }
    return status;
}
