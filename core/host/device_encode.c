/* DEVICE blocks, encoding: the decoder's walk with the other end of the range coder. */
#include "device_encode.h"

#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "device_predict.h"
#include "range_encoder.h"

typedef struct {
    sw_range_encoder range;
    sw_device *model;
} encoder;

static sw_device *model_of(encoder *e) {
    return e->model;
}

static unsigned decide(encoder *e, unsigned set, uint32_t node, unsigned bit) {
    uint16_t *weights = e->model->state + set * SW_DEVICE_VOTERS;
    const uint32_t one = predict(e->model, weights, node);
    uint16_t zero = (uint16_t)(65536 - one);
    sw_put_bit(&e->range, &zero, bit);
    learn(e->model, weights, one, bit);
    return bit;
}

static uint32_t equal_odds(encoder *e, unsigned count, uint32_t bits) {
    sw_put_direct(&e->range, bits, count);
    return bits;
}

#define SW_CODER encoder
#include "device_walk.h"

static inline uint32_t load_element(const uint8_t *bytes, unsigned width) {
    uint32_t value = 0;
    while (width-- > 0) {
        value = value << 8 | bytes[width];
    }
    return value;
}

typedef struct {
    const uint8_t *base;
    size_t base_size;
    const uint8_t *target;
    size_t size;
    size_t at;
} job;

static unsigned width_of(const sw_device_segment *s) {
    if (!sw_is_elements(s->kind)) {
        return 1;
    }
    sw_device shape = {.kind = s->kind, .element = s->element};
    (void)sw_device_take_shape(&shape);
    return shape.width;
}

static bool makes_sense(const job *j, const sw_device_segment *s) {
    const unsigned width = width_of(s);
    if (s->kind >= SW_DEVICE_KINDS || width == 0 || s->count == 0 || s->count > (j->size - j->at) / width) {
        return false;
    }
    if (s->kind == SW_DEVICE_COPY || s->kind == SW_DEVICE_DIFFERENCE) {
        return s->place <= j->base_size && s->count * width <= j->base_size - s->place;
    }
    return (s->kind != SW_DEVICE_REPEAT && s->kind != SW_DEVICE_SCALED) || (s->place >= width && s->place <= j->at);
}

static void put_place(encoder *e, const sw_device_segment *s, size_t at) {
    sw_device *d = e->model;
    if (s->kind == SW_DEVICE_COPY || s->kind == SW_DEVICE_DIFFERENCE) {
        const uint32_t move = s->place - (uint32_t)at - d->shift;
        if (code_flag(e, SW_ASK_MOVED, move != 0)) {
            const unsigned back = code_flag(e, SW_ASK_MOVE_SIGN, move >> 31);
            code_integer(e, SW_ASK_MOVE, (back ? 0 - move : move) - 1);
            d->shift += move;
        }
    } else if (s->kind == SW_DEVICE_REPEAT || s->kind == SW_DEVICE_SCALED) {
        uint32_t *distance = &d->distance[s->kind == SW_DEVICE_SCALED];
        if (!code_flag(e, SW_ASK_DISTANCE_SAME, *distance == s->place)) {
            code_integer(e, SW_ASK_DISTANCE, s->place - 1);
            *distance = s->place;
        }
    }
}

static void put_opening(encoder *e, const sw_device_segment *s, size_t at) {
    sw_device *d = e->model;
    d->before = d->kind;
    d->kind = (uint8_t)code_answer(e, SW_ASK_KIND, 3, s->kind);
    if (s->kind == SW_DEVICE_DIFFERENCE || s->kind == SW_DEVICE_NUMBERS) {
        const uint8_t before = d->before;
        d->before = d->element;
        d->element = (uint8_t)code_answer(e, SW_ASK_ELEMENT, 4, s->element);
        d->before = before;
    }
    put_place(e, s, at);
    if (s->kind == SW_DEVICE_SCALED) {
        if (!code_flag(e, SW_ASK_FACTOR_SAME, d->factor == s->factor)) {
            equal_odds(e, 16, s->factor >> 16);
            equal_odds(e, 16, s->factor & 0xFFFF);
            d->factor = s->factor;
        }
    }
    d->before = d->kind;
    code_integer(e, SW_ASK_COUNT, s->count - 1);
    begin_elements(d);
}

static uint32_t expected(const job *j, const sw_device_segment *s, unsigned width, size_t at, size_t i) {
    switch (s->kind) {
    case SW_DEVICE_DIFFERENCE:
        return load_element(j->base + s->place + i * width, width);
    case SW_DEVICE_SCALED:
        return sw_device_product(load_element(j->target + at - s->place, 4), s->factor);
    default:
        return 0;
    }
}

/* How many elements from the i-th on are as expected, up to a group. */
static unsigned run_of_expected(const job *j, const sw_device_segment *s, unsigned width, size_t i) {
    unsigned run = 0;
    for (; run < SW_DEVICE_GROUP && i + run < s->count; run++) {
        const size_t at = j->at + run * width;
        if (load_element(j->target + at, width) != expected(j, s, width, at, i + run)) {
            break;
        }
    }
    return run;
}

static void put_elements(encoder *e, job *j, const sw_device_segment *s) {
    sw_device *d = e->model;
    (void)sw_device_take_shape(d);
    const unsigned width = d->width;
    for (size_t i = 0; i < s->count && !e->range.full;) {
        if (s->kind != SW_DEVICE_NUMBERS) {
            const unsigned run = code_run(e, (uint32_t)(s->count - i), run_of_expected(j, s, width, i));
            if (run > 0) {
                i += run;
                j->at += run * (size_t)width;
                continue;
            }
        }
        code_element(e, expected(j, s, width, j->at, i), load_element(j->target + j->at, width));
        j->at += width;
        i++;
    }
}

static bool put_segment(encoder *e, job *j, const sw_device_segment *s) {
    if (!makes_sense(j, s)) {
        return false;
    }
    put_opening(e, s, j->at);
    if (sw_is_elements(s->kind)) {
        put_elements(e, j, s);
        return true;
    }
    if (s->kind == SW_DEVICE_BYTES || s->kind == SW_DEVICE_PLAIN) {
        for (size_t i = 0; i < s->count && !e->range.full; i++) {
            const uint8_t byte = j->target[j->at + i];
            if (s->kind == SW_DEVICE_BYTES) {
                code_byte(e, byte);
            } else {
                equal_odds(e, 8, byte);
            }
        }
    } else {
        const uint8_t *from = s->kind == SW_DEVICE_COPY ? j->base + s->place : j->target + j->at - s->place;
        if (memcmp(from, j->target + j->at, s->count) != 0) {
            return false;
        }
    }
    j->at += s->count;
    return true;
}

static bool comes_back(const uint8_t *payload, size_t payload_size, const job *j) {
    uint8_t *out = malloc(j->size);
    const bool same = out != NULL &&
                      sw_device_decode(payload, payload_size, j->base, j->base_size, out, j->size) == SW_OK &&
                      memcmp(out, j->target, j->size) == 0;
    free(out);
    return same;
}

size_t sw_device_encode(const uint8_t *base, size_t base_size, const uint8_t *target, size_t start, size_t size,
                        const sw_device_segment *segments, size_t count, unsigned state_bytes, uint8_t *out,
                        size_t capacity) {
    uint16_t state[SW_DEVICE_LARGE / 2];
    sw_device d = {.element = SW_ELEMENT_INT8};
    encoder e = {.model = &d};
    job j = {base, base_size, target, size, start};
    const bool known = state_bytes == SW_DEVICE_SMALL || state_bytes == SW_DEVICE_LARGE;
    if (!known || start >= size || size > SW_MAX_BLOCK || base_size > UINT32_MAX || capacity < 2) {
        return 0;
    }
    out[0] = state_bytes == SW_DEVICE_LARGE;
    sw_device_reset(&d, state, state_bytes);
    sw_range_open(&e.range, out + 1, capacity - 1);
    for (size_t i = 0; i < count; i++) {
        if (e.range.full || !put_segment(&e, &j, &segments[i])) {
            return 0;
        }
    }
    const size_t coded = j.at == size ? sw_range_close(&e.range) : 0;
    if (coded == 0 || (start == 0 && !comes_back(out, coded + 1, &j))) {
        return 0;
    }
    return coded + 1;
}
