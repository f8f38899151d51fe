/* ADAPTIVE blocks, decoding. */
#include "adaptive.h"
#include "range_decoder.h"

typedef struct {
    sw_range_decoder range;
    sw_adaptive_work *work;
} decoder;

static unsigned decide(decoder *d, unsigned set, unsigned bit) {
    (void)bit;
    /* The range coder's own model adapts a copy, which is dropped. */
    uint16_t zero = (uint16_t)(65536 - sw_predict(d->work, set));
    const unsigned said = sw_range_bit(&d->range, &zero);
    sw_learn(d->work, said);
    return said;
}

static unsigned equal_odds(decoder *d, unsigned bit) {
    (void)bit;
    return (unsigned)sw_range_direct(&d->range, 1);
}

#define SW_CODER decoder
#include "adaptive_walk.h"

static void store_element(uint8_t *out, size_t i, const sw_element_shape *s, uint64_t value) {
    switch (s->bits) {
    case 4:
        out[i / 2] = (uint8_t)(i % 2 ? (out[i / 2] & 15) | value << 4 : (out[i / 2] & 0xF0) | value);
        break;
    case 8:
        out[i] = (uint8_t)value;
        break;
    case 16:
        sw_store16(out + 2 * i, (uint16_t)value);
        break;
    case 32:
        sw_store32(out + 4 * i, (uint32_t)value);
        break;
    default:
        sw_store64(out + 8 * i, value);
        break;
    }
}

/* Writes to `out`, or compares with `expected` if that is not NULL. */
static sw_status run(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                     uint8_t *out, const uint8_t *expected, size_t size, sw_adaptive_work *work) {
    if (payload_size < 2) {
        return SW_ERROR_TRUNCATED;
    }
    const bool has_base = payload[0] >> 4 & 1;
    unsigned element = payload[0] & 15;
    if (!has_base && element == SW_ELEMENT_INT4) {
        element = SW_ELEMENT_INT8;
    }
    const sw_element_shape shape = sw_shape_of(element);
    if (payload[0] > 31 || shape.width == 0 || size == 0 || size > SW_MAX_BLOCK || size % shape.width != 0) {
        return SW_ERROR_HEADER;
    }
    if (has_base && (base == NULL || base_size < size)) {
        return SW_ERROR_BASE;
    }
    decoder d = {.work = work};
    sw_adaptive_reset(work);
    sw_range_start(&d.range, payload + 1, payload_size - 1);
    const size_t elements = shape.bits == 4 ? size * 2 : size / shape.width;
    sw_difference_state difference = {.shape = shape};
    sw_raw_state raw = {.shape = shape};
    if (has_base) {
        begin_differences(&difference, base, elements);
    } else {
        begin_raw(&raw);
    }
    for (size_t i = 0; i < elements; i++) {
        const uint64_t value = has_base ? code_difference(&d, &difference, i, load_element(base, i, &shape), 0)
                                        : code_raw(&d, &raw, i, 0);
        if (d.range.overrun > 4) {
            return SW_ERROR_TRUNCATED;
        }
        if (expected == NULL) {
            store_element(out, i, &shape, value);
        } else if (load_element(expected, i, &shape) != value) {
            return SW_ERROR_ENTROPY;
        }
    }
    return sw_range_ended(&d.range) ? SW_OK : SW_ERROR_TRUNCATED;
}

sw_status sw_adaptive_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                             uint8_t *out, size_t out_size, sw_adaptive_work *work) {
    return run(payload, payload_size, base, base_size, out, NULL, out_size, work);
}

sw_status sw_adaptive_compare(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                              const uint8_t *expected, size_t size, sw_adaptive_work *work) {
    return run(payload, payload_size, base, base_size, NULL, expected, size, work);
}
