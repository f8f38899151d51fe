/* DEVICE blocks: no sanitizer speaks, callbacks stay in range, and pieces give the same as the whole. */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const fuzz_input *in;
    const uint8_t *made;
    size_t made_size;
    size_t at;
} device;

static int next_byte(void *context) {
    device *v = context;
    return v->at < v->in->payload_size ? v->in->payload[v->at++] : -1;
}

static bool read_base(void *context, uint32_t offset, uint8_t *out, size_t size) {
    const device *v = context;
    if (offset > v->in->base_size || size > v->in->base_size - offset) {
        abort();
    }
    memcpy(out, v->in->base + offset, size);
    return true;
}

static bool read_target(void *context, uint32_t offset, uint8_t *out, size_t size) {
    const device *v = context;
    if (offset > v->made_size || size > v->made_size - offset) {
        abort();
    }
    memcpy(out, v->made + offset, size);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in;
    if (!fuzz_read(data, size, &in)) {
        return 0;
    }
    const sw_status whole = sw_device_decode(in.payload, in.payload_size, in.base, in.base_size, in.out, in.out_size);
    uint8_t *pieces = fuzz_buffer(in.out_size);
    device v = {&in, pieces, 0, 0};
    uint16_t state[SW_DEVICE_LARGE / 2];
    const sw_device_io io = {&v, next_byte, read_base, read_target, (uint32_t)in.base_size, sizeof state, state};
    sw_device d;
    sw_status status = sw_device_start(&d, &io, (uint32_t)in.payload_size, (uint32_t)in.out_size);
    const size_t step = 1 + data[0] % 61;
    while (status == SW_OK && v.made_size < in.out_size) {
        const size_t left = in.out_size - v.made_size;
        const size_t now = left < step ? left : step;
        uint8_t piece[64];
        status = sw_device_next(&d, piece, now);
        memcpy(pieces + v.made_size, piece, status == SW_OK ? now : 0);
        v.made_size += now;
    }
    status = status == SW_OK ? sw_device_end(&d) : status;
    if (status != whole || (status == SW_OK && memcmp(pieces, in.out, in.out_size) != 0)) {
        abort();
    }
    free(pieces);
    fuzz_free(&in);
    return 0;
}
