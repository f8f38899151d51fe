/* DEVICE blocks that lie in memory, base and all. */
#include <string.h>

#include "device.h"

typedef struct {
    const uint8_t *payload;
    const uint8_t *base;
    const uint8_t *out;
} memory;

static int next_byte(void *context) {
    memory *m = context;
    return *m->payload++;
}

static bool read_base(void *context, uint32_t offset, uint8_t *out, size_t size) {
    const memory *m = context;
    memcpy(out, m->base + offset, size);
    return true;
}

static bool read_target(void *context, uint32_t offset, uint8_t *out, size_t size) {
    const memory *m = context;
    memcpy(out, m->out + offset, size);
    return true;
}

sw_status sw_device_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                           uint8_t *out, size_t out_size) {
    uint16_t state[SW_DEVICE_LARGE / 2];
    memory m = {.payload = payload, .base = base, .out = out};
    sw_device d;
    if (payload_size > UINT32_MAX || base_size > UINT32_MAX || out_size > UINT32_MAX) {
        return SW_ERROR_HEADER;
    }
    const sw_device_io io = {&m, next_byte, read_base, read_target, (uint32_t)base_size, sizeof state, state};
    sw_status status = sw_device_start(&d, &io, (uint32_t)payload_size, (uint32_t)out_size);
    if (status == SW_OK) {
        status = sw_device_next(&d, out, out_size);
    }
    return status == SW_OK ? sw_device_end(&d) : status;
}
