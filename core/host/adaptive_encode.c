/* ADAPTIVE blocks, encoding: the decoder's walk with the other end of the range coder. */
#include "adaptive_encode.h"

#include "adaptive.h"
#include "range_encoder.h"

typedef struct {
    sw_range_encoder range;
    sw_adaptive_work *work;
} encoder;

static unsigned decide(encoder *e, unsigned set, unsigned bit) {
    uint16_t zero = (uint16_t)(65536 - sw_predict(e->work, set));
    sw_put_bit(&e->range, &zero, bit);
    sw_learn(e->work, bit);
    return bit;
}

static unsigned equal_odds(encoder *e, unsigned bit) {
    sw_put_direct(&e->range, bit, 1);
    return bit;
}

#define SW_CODER encoder
#include "adaptive_walk.h"

size_t sw_adaptive_encode(const uint8_t *base, const uint8_t *target, size_t size, sw_element element,
                          uint8_t *out, size_t capacity, sw_adaptive_work *work) {
    const bool packed_raw = base == NULL && element == SW_ELEMENT_INT4;
    const sw_element_shape shape = sw_shape_of(packed_raw ? SW_ELEMENT_INT8 : (unsigned)element);
    if (shape.width == 0 || size == 0 || size > SW_MAX_BLOCK || size % shape.width != 0 || capacity < 2) {
        return 0;
    }
    out[0] = (uint8_t)((unsigned)element | (base != NULL ? 16u : 0u));
    encoder e = {.work = work};
    sw_adaptive_reset(work);
    sw_range_open(&e.range, out + 1, capacity - 1);
    const size_t elements = shape.bits == 4 ? size * 2 : size / shape.width;
    sw_difference_state difference = {.shape = shape};
    sw_raw_state raw = {.shape = shape};
    if (base != NULL) {
        begin_differences(&difference, base, elements);
    } else {
        begin_raw(&raw);
    }
    for (size_t i = 0; i < elements && !e.range.full; i++) {
        const uint64_t value = load_element(target, i, &shape);
        if (base != NULL) {
            code_difference(&e, &difference, i, load_element(base, i, &shape), value);
        } else {
            code_raw(&e, &raw, i, value);
        }
    }
    const size_t coded = sw_range_close(&e.range);
    if (coded == 0 || sw_adaptive_compare(out, coded + 1, base, size, target, size, work) != SW_OK) {
        return 0;
    }
    return coded + 1;
}
