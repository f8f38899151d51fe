/* DEVICE blocks, decoding: any number of bytes a call, in the caller's memory. SPEC, "Codec 9". */
#include <string.h>

#include "bytes.h"
#include "device.h"
#include "device_predict.h"

/* What is decoded until somebody looks is wrong, but in its place. */
static void fail(sw_device *d, sw_status status) {
    d->failed = (uint8_t)-status;
}

static uint8_t next_byte(sw_device *d) {
    const int byte = d->left > 0 ? sw_io_of(d)->next_byte(sw_io_of(d)->context) : -1;
    if (byte < 0) {
        /* The encoder drops zeros at the end, no more than four. */
        d->left = 0;
        if (d->missing++ == 4) {
            fail(d, SW_ERROR_TRUNCATED);
        }
        return 0;
    }
    d->left--;
    return (uint8_t)byte;
}

/* Whether the code lies behind `bound` of the range, and on into that part. */
static unsigned split(sw_device *d, uint32_t bound) {
    const unsigned bit = d->code >= bound;
    if (bit) {
        d->code -= bound;
        bound = d->range - bound;
    }
    while (bound < 1u << 24) {
        bound <<= 8;
        d->code = d->code << 8 | next_byte(d);
    }
    d->range = bound;
    return bit;
}

static sw_device *model_of(sw_device *d) {
    return d;
}

static unsigned decide(sw_device *d, unsigned set, uint32_t node, unsigned ignored) {
    uint16_t *weights = d->state + set * SW_DEVICE_VOTERS;
    (void)ignored;
    const uint32_t one = predict(d, weights, node);
    const unsigned bit = split(d, (d->range >> 16) * (65536 - one));
    learn(d, weights, one, bit);
    return bit;
}

static uint32_t equal_odds(sw_device *d, unsigned count, uint32_t ignored) {
    uint32_t value = 0;
    (void)ignored;
    while (count-- > 0) {
        const uint32_t half = d->range >> 1;
        d->range = half << 1;
        value = value << 1 | split(d, half);
    }
    return value;
}

#define SW_CODER sw_device
#include "device_walk.h"

void sw_device_start_stored(sw_device *d, const sw_device_io *io, uint32_t length) {
    memset(d, 0, sizeof *d);
    d->io = io;
    d->kind = SW_DEVICE_STORED;
    d->left = d->length = d->count = length;
}

sw_status sw_device_start(sw_device *d, const sw_device_io *io, uint32_t payload_size, uint32_t length) {
    sw_device_start_stored(d, io, length);
    d->kind = SW_DEVICE_COPY;
    d->count = 0;
    d->left = payload_size;
    const uint8_t header = next_byte(d);
    if (d->left == 0) {
        return SW_ERROR_TRUNCATED;
    }
    if (header > 1 || length - 1 >= SW_MAX_BLOCK) {
        return SW_ERROR_HEADER;
    }
    const unsigned bytes = header ? SW_DEVICE_LARGE : SW_DEVICE_SMALL;
    if (bytes > sw_io_of(d)->state_size) {
        return SW_ERROR_MEMORY;
    }
    sw_device_reset(d, sw_io_of(d)->state, bytes);
    d->element = SW_ELEMENT_INT8;
    d->range = UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        d->code = d->code << 8 | next_byte(d);
    }
    return SW_OK;
}

sw_status sw_device_resume(sw_device *d, const sw_device_io *io, uint32_t length) {
    d->io = io;
    d->state = io->state;
    d->length = length;
    if (d->range < 1u << 24) { /* it would never be large enough */
        d->range = UINT32_MAX;
    }
    /* No probability of a slot is 0. */
    for (unsigned i = SW_DEVICE_SETS * SW_DEVICE_VOTERS; i < io->state_size / 2; i++) {
        io->state[i] |= (uint16_t)((io->state[i] < 16) << 4);
    }
    /* Where the segment reads is checked when it does. */
    if (d->region > sw_device_region(io->state_size) || d->made > length || d->kind > SW_DEVICE_STORED || !sw_device_take_shape(d)) {
        return SW_ERROR_HEADER;
    }
    return SW_OK;
}

static void read_segment(sw_device *d) {
    const uint8_t before = d->before = d->kind;
    const unsigned kind = code_answer(d, SW_ASK_KIND, 3, 0);
    d->kind = (uint8_t)kind;
    if (sw_names_element(kind)) {
        d->before = d->element;
        d->element = (uint8_t)code_answer(d, SW_ASK_ELEMENT, 4, 0);
        d->before = before;
    }
    if (kind == SW_DEVICE_STORED || (!SWD_FLOATS && kind == SW_DEVICE_SCALED) || !sw_device_take_shape(d)) {
        fail(d, SW_ERROR_HEADER);
        return;
    }
    if (sw_is_of_base(kind) && code_flag(d, SW_ASK_MOVED, 0)) {
        const unsigned back = code_flag(d, SW_ASK_MOVE_SIGN, 0);
        const uint32_t move = 1 + code_integer(d, SW_ASK_MOVE, 0);
        d->shift += back ? 0 - move : move;
    }
    if (sw_is_of_block(kind) && !code_flag(d, SW_ASK_DISTANCE_SAME, 0)) {
        d->distance[kind & 1] = 1 + code_integer(d, SW_ASK_DISTANCE, 0);
    }
    if (sw_is_scaled(kind) && !code_flag(d, SW_ASK_FACTOR_SAME, 0)) {
        d->factor = equal_odds(d, 32, 0);
    }
    d->before = d->kind;
    begin_elements(d);
    const uint32_t count = 1 + code_integer(d, SW_ASK_COUNT, 0);
    if (count > (d->length - d->made) / d->width) {
        fail(d, SW_ERROR_HEADER);
    }
    d->count = count;
    if (sw_is_copied(kind)) {
        d->same = count;
        d->count = 0;
    }
}

/* The next bytes that the segment copies or compares with, of the base or of what was made: in earlier calls, or in
 * this one, in front of `out`. */
static void read_source(sw_device *d, const uint8_t *out, uint8_t *to, uint32_t size) {
    const sw_device_io *io = sw_io_of(d);
    const uint32_t made = d->made;
    if (!sw_is_of_block(d->kind)) {
        const uint32_t start = made + d->shift;
        if (start > io->base_size || size > io->base_size - start) {
            fail(d, SW_ERROR_BASE);
        } else if (!io->read_base(io->context, start, to, size)) {
            fail(d, SW_ERROR_READ);
        }
        return;
    }
    const uint32_t distance = d->distance[d->kind & 1];
    if (distance < d->width || distance > made) {
        fail(d, SW_ERROR_HEADER);
        return;
    }
    const uint32_t start = made - distance;
    uint32_t earlier = 0;
    if (start < d->earlier) {
        earlier = no_more(size, d->earlier - start);
        if (!io->read_target(io->context, start, to, earlier)) {
            fail(d, SW_ERROR_READ);
        }
    }
    /* Byte by byte: a repeat may run into what it makes. */
    for (; earlier < size; earlier++) {
        to[earlier] = *(out + earlier - distance);
    }
}

/* The next element into d->value. */
static void next_element(sw_device *d, const uint8_t *out) {
    uint32_t value = 0;
    if (d->kind != SW_DEVICE_NUMBERS) {
        uint8_t bytes[4] = {0};
        read_source(d, out, bytes, d->width);
        value = sw_load32(bytes);
        if (sw_is_scaled(d->kind)) {
            value = sw_device_product(value, d->factor);
        }
    }
    if (d->same > 0) {
        d->same -= d->width;
    } else {
        value = code_element(d, value, 0);
        d->count--;
    }
    d->value = value;
    d->pending = d->width;
}

/* A little more of the block, and no more than `size` bytes. Returns how many. */
static uint32_t next_piece(sw_device *d, uint8_t *out, uint32_t size) {
    if (d->pending > 0) {
        d->pending--;
        *out = (uint8_t)d->value;
        d->value >>= 8;
        return 1;
    }
    if (d->same > 0 && !sw_is_scaled(d->kind)) {
        size = no_more(size, d->same);
        d->same -= size;
        read_source(d, out, out, size);
        return size;
    }
    if (d->count + d->same == 0) {
        read_segment(d);
        return 0;
    }
    if (sw_is_elements(d->kind)) {
        if (d->same == 0 && d->kind != SW_DEVICE_NUMBERS) {
            const unsigned run = code_run(d, d->count, 0);
            d->count -= run;
            d->same = run * d->width;
            if (run > 0) {
                return 0;
            }
        }
        next_element(d, out);
        return 0;
    }
    d->count--;
    *out = d->kind == SW_DEVICE_BYTES   ? code_byte(d, 0)
           : d->kind == SW_DEVICE_PLAIN ? (uint8_t)equal_odds(d, 8, 0)
                                        : next_byte(d);
    return 1;
}

sw_status sw_device_next(sw_device *d, uint8_t *out, size_t size) {
    if (size > d->length - d->made) {
        return SW_ERROR_TRUNCATED;
    }
    uint8_t *const end = out + size;
    d->earlier = d->made;
    while (out < end && d->failed == 0) {
        const uint32_t piece = next_piece(d, out, (uint32_t)(end - out));
        d->made += piece;
        out += piece;
    }
    return (sw_status)-d->failed;
}

sw_status sw_device_end(sw_device *d) {
    /* A segment never makes more than the block lacks: with the last byte, none is open. */
    return d->left == 0 && d->failed == 0 && d->made == d->length ? SW_OK : SW_ERROR_TRUNCATED;
}
