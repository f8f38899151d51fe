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

static void renormalise(sw_device *d) {
    do {
        d->range <<= 8;
        d->code = d->code << 8 | next_byte(d);
    } while (d->range < 1u << 24);
}

static sw_device *model_of(sw_device *d) {
    return d;
}

static unsigned decide(sw_device *d, unsigned set, uint32_t node, unsigned ignored) {
    (void)ignored;
    const uint32_t bound = (d->range >> 16) * (65536 - sw_device_predict(d, set, node));
    const unsigned bit = d->code >= bound;
    if (bit) {
        d->range -= bound;
        d->code -= bound;
    } else {
        d->range = bound;
    }
    sw_device_learn(d, set, bit);
    if (d->range < 1u << 24) {
        renormalise(d);
    }
    return bit;
}

static uint32_t equal_odds(sw_device *d, unsigned count, uint32_t ignored) {
    uint32_t value = 0;
    (void)ignored;
    while (count-- > 0) {
        d->range >>= 1;
        const uint32_t bit = d->code >= d->range;
        d->code -= bit ? d->range : 0;
        value = value << 1 | bit;
        if (d->range < 1u << 24) {
            renormalise(d);
        }
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
    if (header > 1 || length == 0 || length > SW_MAX_BLOCK) {
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

/* Slots of one voter, for as many bytes of state. */
static uint16_t region_of(unsigned bytes) {
    return (uint16_t)((bytes / 2 - SW_DEVICE_SETS * SW_DEVICE_VOTERS) / SW_DEVICE_VOTERS);
}

sw_status sw_device_resume(sw_device *d, const sw_device_io *io, uint32_t payload_left, uint32_t base_size,
                           uint32_t length, uint32_t made, uint16_t *state, size_t state_size) {
    const bool large = d->region == region_of(SW_DEVICE_LARGE);
    if ((large ? SW_DEVICE_LARGE : SW_DEVICE_SMALL) > state_size) {
        return SW_ERROR_MEMORY;
    }
    const bool scaled = d->kind == SW_DEVICE_SCALED;
    const uint32_t distance = d->distance[scaled];
    if ((!large && d->region != region_of(SW_DEVICE_SMALL)) || made > length || d->kind >= SW_DEVICE_KINDS ||
        ((scaled || d->kind == SW_DEVICE_REPEAT) && (distance > made || distance < (scaled ? 4 : 1)))) {
        return SW_ERROR_HEADER;
    }
    d->io = io;
    d->state = state;
    d->left = payload_left;
    d->base_size = base_size;
    d->length = length;
    d->made = made;
    d->shape = sw_device_element_of(scaled ? SW_ELEMENT_F32 : d->element);
    return is_elements(d->kind) && d->shape.width == 0 ? SW_ERROR_HEADER : SW_OK;
}

/* `reached` bytes of the block are made. */
static sw_status read_segment(sw_device *d, uint32_t reached) {
    const unsigned before = d->kind;
    d->kind = (uint8_t)code_answer(d, SW_ASK_KIND, before, 3, 0);
    if (d->kind >= SW_DEVICE_KINDS) {
        return SW_ERROR_HEADER;
    }
    if (d->kind == SW_DEVICE_DIFFERENCE || d->kind == SW_DEVICE_NUMBERS) {
        d->element = (uint8_t)code_answer(d, SW_ASK_ELEMENT, d->element, 4, 0);
    }
    unsigned width = 1;
    if (is_elements(d->kind)) {
        d->shape = sw_device_element_of(d->kind == SW_DEVICE_SCALED ? SW_ELEMENT_F32 : d->element);
        width = d->shape.width;
        if (width == 0) {
            return SW_ERROR_HEADER;
        }
    }
    if (d->kind == SW_DEVICE_COPY || d->kind == SW_DEVICE_DIFFERENCE) {
        if (code_flag(d, SW_ASK_MOVED, before, 0)) {
            const unsigned back = code_flag(d, SW_ASK_MOVE_SIGN, before, 0);
            const uint32_t move = 1 + code_integer(d, SW_ASK_MOVE, before, 0);
            d->shift += back ? 0 - move : move;
        }
    }
    if (d->kind == SW_DEVICE_REPEAT || d->kind == SW_DEVICE_SCALED) {
        uint32_t *distance = &d->distance[d->kind == SW_DEVICE_SCALED];
        if (!code_flag(d, SW_ASK_DISTANCE_SAME, before, 0)) {
            *distance = 1 + code_integer(d, SW_ASK_DISTANCE, before, 0);
        }
        if (*distance > reached || *distance < width) {
            return SW_ERROR_HEADER;
        }
    }
    if (d->kind == SW_DEVICE_SCALED) {
        if (!code_flag(d, SW_ASK_FACTOR_SAME, before, 0)) {
            d->factor = equal_odds(d, 16, 0) << 16;
            d->factor |= equal_odds(d, 16, 0);
        }
    }
    d->count = 1 + code_integer(d, SW_ASK_COUNT, d->kind, 0);
    if (d->count > (d->length - reached) / width) {
        return SW_ERROR_HEADER;
    }
    if (d->kind == SW_DEVICE_COPY || d->kind == SW_DEVICE_DIFFERENCE) {
        const uint32_t start = reached + d->shift;
        if (start > d->base_size || d->count * width > d->base_size - start) {
            return SW_ERROR_BASE;
        }
    }
    begin_elements(d);
    return SW_OK;
}

/* Bytes of the block from `offset` on: what earlier calls made, or this one, in `out`. */
static bool read_made(const sw_device *d, const uint8_t *out, uint32_t offset, uint8_t *to, size_t size) {
    size_t earlier = offset < d->made ? d->made - offset : 0;
    earlier = earlier < size ? earlier : size;
    if (earlier > 0 && !d->io->read_target(d->io->context, offset, to, earlier)) {
        return false;
    }
    /* Byte by byte: a repeat may run into what it makes. */
    for (size_t i = earlier; i < size; i++) {
        to[i] = out[offset + (uint32_t)i - d->made];
    }
    return true;
}

/* The next bytes that the segment copies or compares with, of the base or of what was made. */
static bool read_source(const sw_device *d, const uint8_t *out, uint32_t reached, uint8_t *to, size_t size) {
    if (d->kind == SW_DEVICE_REPEAT || d->kind == SW_DEVICE_SCALED) {
        return read_made(d, out, reached - d->distance[d->kind == SW_DEVICE_SCALED], to, size);
    }
    return d->io->read_base(d->io->context, reached + d->shift, to, size);
}

/* The next element into d->value, or d->same. */
static sw_status next_element(sw_device *d, const uint8_t *out, uint32_t reached) {
    if (d->same == 0 && d->kind != SW_DEVICE_NUMBERS) {
        const unsigned run = code_run(d, d->count, 0);
        d->same = (uint8_t)(run * d->shape.width);
        d->count -= run;
        if (run > 0) {
            return SW_OK;
        }
    }
    uint32_t base = 0;
    if (d->kind != SW_DEVICE_NUMBERS) {
        uint8_t bytes[4];
        if (!read_source(d, out, reached, bytes, d->shape.width)) {
            return SW_ERROR_READ;
        }
        base = load_element(bytes, d->shape.width);
        base = d->kind == SW_DEVICE_SCALED ? sw_device_product(base, d->factor) : base;
    }
    if (d->same > 0) {
        d->same = (uint8_t)(d->same - d->shape.width);
        d->value = base;
    } else {
        d->value = code_element(d, base, 0);
        d->count--;
    }
    d->pending = d->shape.width;
    return SW_OK;
}

/* Up to `size` bytes that are said, copied or repeated; returns how many, or 0 if a callback failed. */
static size_t next_bytes(sw_device *d, uint8_t *out, uint32_t reached, size_t size) {
    uint8_t *to = out + (reached - d->made);
    /* Elements that are the same as the base's are bytes of it. */
    const uint32_t most = d->same > 0 ? d->same : d->count;
    size = size < most ? size : most;
    if (d->kind == SW_DEVICE_BYTES || d->kind == SW_DEVICE_PLAIN) {
        size = 1;
        *to = d->kind == SW_DEVICE_BYTES ? code_byte(d, 0) : (uint8_t)equal_odds(d, 8, 0);
    } else if (!read_source(d, out, reached, to, size)) {
        return 0;
    }
    if (d->same > 0) {
        d->same = (uint8_t)(d->same - size);
    } else {
        d->count -= (uint32_t)size;
    }
    return size;
}

sw_status sw_device_next(sw_device *d, uint8_t *out, size_t size) {
    if (size > d->length - d->made) {
        return SW_ERROR_TRUNCATED;
    }
    size_t done = 0;
    while (done < size) {
        const uint32_t reached = d->made + (uint32_t)done;
        sw_status status = SW_OK;
        if (d->pending > 0) {
            do {
                out[done++] = (uint8_t)d->value;
                d->value >>= 8;
            } while (--d->pending > 0 && done < size);
        } else if (d->missing > 4) {
            status = SW_ERROR_TRUNCATED;
        } else if (d->count == 0 && d->same == 0) {
            status = read_segment(d, reached);
        } else if (is_elements(d->kind) && (d->same == 0 || d->kind == SW_DEVICE_SCALED)) {
            status = next_element(d, out, reached);
        } else {
            const size_t got = next_bytes(d, out, reached, size - done);
            status = got > 0 ? SW_OK : SW_ERROR_READ;
            done += got;
        }
        if (status != SW_OK) {
            return status;
        }
    }
    d->made += (uint32_t)size;
    return SW_OK;
}

sw_status sw_device_end(sw_device *d) {
    /* A segment never makes more than the block lacks: with the last byte, none is open. */
    return d->left == 0 && d->missing <= 4 && d->made == d->length ? SW_OK : SW_ERROR_TRUNCATED;
}
