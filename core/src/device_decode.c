/* DEVICE blocks, decoding: any number of bytes a call, in the caller's memory. SPEC, "Codec 9". */
#include <string.h>

#include "device.h"

static uint8_t next_byte(sw_device *d) {
    const int byte = d->left > 0 ? d->io->next_byte(d->io->context) : -1;
    if (byte < 0) {
        /* The encoder drops zeros at the end; more than four of them fail in the end. */
        d->left = 0;
        d->missing = (uint8_t)(d->missing + (d->missing < UINT8_MAX));
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
    (void)ignored;
    const uint32_t one = sw_device_predict(d, set, node);
    const unsigned bit = split(d, (d->range >> 16) * (65536 - one));
    sw_device_learn(d, bit);
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

sw_status sw_device_start(sw_device *d, const sw_device_io *io, uint32_t payload_size, uint32_t base_size,
                          uint32_t length, uint16_t *state, size_t state_size) {
    memset(d, 0, sizeof *d);
    d->io = io;
    d->left = payload_size;
    d->base_size = base_size;
    d->length = length;
    const uint8_t header = next_byte(d);
    if (payload_size < 2 || d->missing) {
        return SW_ERROR_TRUNCATED;
    }
    if (header > 1 || length - 1 >= SW_MAX_BLOCK) {
        return SW_ERROR_HEADER;
    }
    const unsigned bytes = header ? SW_DEVICE_LARGE : SW_DEVICE_SMALL;
    if (bytes > state_size) {
        return SW_ERROR_MEMORY;
    }
    sw_device_reset(d, state, bytes);
    d->element = SW_ELEMENT_INT8;
    d->range = UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        d->code = d->code << 8 | next_byte(d);
    }
    return SW_OK;
}

/* The shape of what the segment is made of. False if it is none that a device knows. */
static bool take_shape(sw_device *d) {
    if (!sw_is_elements(d->kind)) {
        d->width = 1;
        return true;
    }
    return sw_device_take_shape(d, d->kind == SW_DEVICE_SCALED ? SW_ELEMENT_F32 : d->element);
}

sw_status sw_device_start_stored(sw_device *d, const sw_device_io *io, uint32_t length) {
    memset(d, 0, sizeof *d);
    d->io = io;
    d->kind = SW_DEVICE_STORED;
    d->left = d->length = d->count = length;
    return SW_OK;
}

sw_status sw_device_resume(sw_device *d, const sw_device_io *io, uint32_t base_size, uint32_t length, uint16_t *state,
                           size_t state_size) {
    const unsigned bytes = state_size < SW_DEVICE_LARGE ? SW_DEVICE_SMALL : SW_DEVICE_LARGE;
    d->io = io;
    d->state = state;
    d->base_size = base_size;
    d->length = length;
    if (d->range < 1u << 24) { /* it would never be large enough */
        d->range = UINT32_MAX;
    }
    /* Where the segment reads is checked when it does. */
    if (d->region > sw_device_region(bytes) || d->made > length || d->kind > SW_DEVICE_STORED || !take_shape(d)) {
        return SW_ERROR_HEADER;
    }
    return SW_OK;
}

/* `reached` bytes of the block are made. */
static sw_status read_segment(sw_device *d, uint32_t reached) {
    const unsigned before = d->kind;
    d->kind = (uint8_t)code_answer(d, SW_ASK_KIND, before, 3, 0);
    if (sw_names_element(d->kind)) {
        d->element = (uint8_t)code_answer(d, SW_ASK_ELEMENT, d->element, 4, 0);
    }
    if (d->kind == SW_DEVICE_STORED || !take_shape(d)) {
        return SW_ERROR_HEADER;
    }
    if (sw_is_of_base(d->kind) && code_flag(d, SW_ASK_MOVED, before, 0)) {
        const unsigned back = code_flag(d, SW_ASK_MOVE_SIGN, before, 0);
        const uint32_t move = 1 + code_integer(d, SW_ASK_MOVE, before, 0);
        d->shift += back ? 0 - move : move;
    }
    if (sw_is_of_block(d->kind) && !code_flag(d, SW_ASK_DISTANCE_SAME, before, 0)) {
        d->distance[d->kind & 1] = 1 + code_integer(d, SW_ASK_DISTANCE, before, 0);
    }
    if (d->kind == SW_DEVICE_SCALED && !code_flag(d, SW_ASK_FACTOR_SAME, before, 0)) {
        d->factor = equal_odds(d, 32, 0);
    }
    d->count = 1 + code_integer(d, SW_ASK_COUNT, d->kind, 0);
    begin_elements(d);
    return d->count > (d->length - reached) / d->width ? SW_ERROR_HEADER : SW_OK;
}

/* The next bytes that the segment copies or compares with, of the base or of what was made: in earlier calls, or in
 * this one, in `out`. */
static sw_status read_source(const sw_device *d, const uint8_t *out, uint32_t reached, uint8_t *to, uint32_t size) {
    if (!sw_is_of_block(d->kind)) {
        const uint32_t start = reached + d->shift;
        if (start > d->base_size || size > d->base_size - start) {
            return SW_ERROR_BASE;
        }
        return d->io->read_base(d->io->context, start, to, size) ? SW_OK : SW_ERROR_READ;
    }
    const uint32_t distance = d->distance[d->kind & 1];
    if (distance < d->width || distance > reached) {
        return SW_ERROR_HEADER;
    }
    const uint32_t start = reached - distance;
    uint32_t earlier = 0;
    if (start < d->made) {
        earlier = no_more(size, d->made - start);
        if (!d->io->read_target(d->io->context, start, to, earlier)) {
            return SW_ERROR_READ;
        }
    }
    /* Byte by byte: a repeat may run into what it makes. */
    for (; earlier < size; earlier++) {
        to[earlier] = out[start + earlier - d->made];
    }
    return SW_OK;
}

/* The next element into d->value. */
static sw_status next_element(sw_device *d, const uint8_t *out, uint32_t reached) {
    uint32_t base = 0;
    if (d->kind != SW_DEVICE_NUMBERS) {
        uint8_t bytes[4];
        const sw_status status = read_source(d, out, reached, bytes, d->width);
        if (status != SW_OK) {
            return status;
        }
        base = load_element(bytes, d->width);
        base = d->kind == SW_DEVICE_SCALED ? sw_device_product(base, d->factor) : base;
    }
    if (d->same > 0) {
        d->same -= d->width;
    } else {
        base = code_element(d, base, 0);
        d->count--;
    }
    d->value = base;
    d->pending = d->width;
    return SW_OK;
}

/* A little more of the block, and no more than `size` bytes, to out + *done; adds to that how many. */
static sw_status next_piece(sw_device *d, uint8_t *out, uint32_t size, uint32_t *done) {
    const uint32_t reached = d->made + *done;
    uint8_t *to = out + *done;
    if (d->pending > 0) {
        *to = (uint8_t)d->value;
        d->value >>= 8;
        d->pending--;
        size = 1;
    } else if (d->missing > 4) {
        return SW_ERROR_TRUNCATED;
    } else if (d->count + d->same == 0) {
        return read_segment(d, reached);
    } else {
        if (sw_is_elements(d->kind)) {
            if (d->same == 0 && d->kind != SW_DEVICE_NUMBERS) {
                const unsigned run = code_run(d, d->count, 0);
                d->same = run * d->width;
                d->count -= run;
            }
            if (d->same == 0 || d->kind == SW_DEVICE_SCALED) {
                return next_element(d, out, reached);
            }
        }
        /* Elements that are the same as the base's are bytes of it. */
        uint32_t *left = d->same > 0 ? &d->same : &d->count;
        size = no_more(size, *left);
        if (sw_is_said_by_byte(d->kind)) {
            size = 1;
            *to = d->kind == SW_DEVICE_BYTES   ? code_byte(d, 0)
                  : d->kind == SW_DEVICE_PLAIN ? (uint8_t)equal_odds(d, 8, 0)
                                               : next_byte(d);
        } else {
            const sw_status status = read_source(d, out, reached, to, size);
            if (status != SW_OK) {
                return status;
            }
        }
        *left -= size;
    }
    *done += size;
    return SW_OK;
}

sw_status sw_device_next(sw_device *d, uint8_t *out, size_t size) {
    uint32_t done = 0;
    if (size > d->length - d->made) {
        return SW_ERROR_TRUNCATED;
    }
    while (done < size) {
        const sw_status status = next_piece(d, out, (uint32_t)size - done, &done);
        if (status != SW_OK) {
            return status;
        }
    }
    d->made += done;
    return SW_OK;
}

sw_status sw_device_end(sw_device *d) {
    /* A segment never makes more than the block lacks: with the last byte, none is open. */
    return d->left == 0 && d->missing <= 4 && d->made == d->length ? SW_OK : SW_ERROR_TRUNCATED;
}
