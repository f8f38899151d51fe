/* The bytes of a block: side information, then the rANS words, then raw bits. */
#include <string.h>

#include "bytes.h"
#include "encode_block.h"
#include "histogram.h"
#include "range_encoder.h"
#include "rans_step.h"

void sw_fill_encode_tables(sw_encoder *e, uint32_t (*merged)[SW_MAX_SYMBOLS]) {
    const unsigned bits = e->h.table_bits;
    for (unsigned t = 0; t < e->h.table_count; t++) {
        uint32_t counts[SW_MAX_SYMBOLS];
        for (unsigned i = 0; i < e->h.symbol_count; i++) {
            counts[i] = merged[t][e->alphabet[i]];
        }
        uint16_t *frequencies = e->w->frequencies[t];
        e->largest[t] = sw_normalise(counts, e->h.symbol_count, bits, frequencies);
        uint32_t first = 0;
        for (unsigned i = 0; i < e->h.symbol_count; i++) {
            const uint32_t f = frequencies[i];
            if (f > 0) {
                e->w->packed[t][e->alphabet[i]] = first << 16 | f;
                e->w->encode[t][e->alphabet[i]] = (sw_encode_symbol){
                    ((UINT64_C(1) << (32 + bits)) + f - 1) / f, f, (uint16_t)first, (uint16_t)((1u << bits) - f)};
            }
            first += f;
        }
    }
}

static void write_scales(sw_encoder *e, sw_range_encoder *to) {
    uint16_t *models = e->w->models + SW_MODELS_SCALE;
    sw_range_encoder r = *to; /* thousands of decisions: in registers */
    unsigned last = 0;
    unsigned before = 0;
    for (size_t g = 0; g < e->h.groups; g++) {
        const unsigned scale = e->w->scales[g];
        sw_put_tree(&r, models + (before * SW_MAX_SCALES + last) * SW_MAX_SCALES, 3, scale);
        before = last;
        last = scale;
    }
    *to = r;
}

static size_t write_side(sw_encoder *e) {
    sw_encode_work *w = e->w;
    sw_range_encoder r;
    sw_range_open(&r, w->side, sizeof w->side);
    sw_models_reset(w->models, SW_MODELS_COUNT);
    uint16_t *scalar = w->models + SW_MODELS_SCALAR;
    sw_put_integer(&r, scalar, e->h.shift);
    if (!e->h.has_base) {
        sw_put_integer(&r, scalar, e->h.raw_bits);
    }
    if (e->h.has_classes && !e->h.given_classes) {
        sw_put_integer(&r, scalar, e->h.class_top);
    }
    sw_put_integer(&r, scalar, e->bucket_count);
    sw_put_integer(&r, scalar, e->exact_count);
    uint64_t previous = 0;
    for (unsigned i = 0; i < e->bucket_count; i++) {
        const uint64_t bucket = sw_by_magnitude(&e->h) ? e->alphabet[i] : e->bucket_of[e->alphabet[i]];
        sw_put_integer(&r, w->models + SW_MODELS_BUCKET, bucket - previous - (i > 0));
        previous = bucket;
    }
    for (unsigned i = 0; i < e->exact_count; i++) {
        const int64_t v = e->exact[i];
        const uint64_t zigzag = ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
        sw_put_integer(&r, w->models + SW_MODELS_EXACT,
                       i == 0 ? zigzag : (uint64_t)(v - e->exact[i - 1] - 1));
    }
    sw_put_integer(&r, scalar, e->h.table_count - 1);
    unsigned id = 0;
    for (unsigned s = e->h.zero_level; s < e->h.scale_count; s++) {
        for (unsigned c = 0; c < (e->h.has_classes ? SW_CLASSES : 1u); c++) {
            const unsigned wanted = w->decode.table_of[s][c];
            sw_put_bit(&r, &w->models[SW_MODELS_SAME], wanted == id);
            if (wanted != id) {
                sw_put_tree(&r, w->models + SW_MODELS_TABLE_ID, 6, wanted);
                id = wanted;
            }
        }
    }
    uint8_t lengths[SW_MAX_SYMBOLS] = {0};
    for (unsigned t = 0; t < e->h.table_count; t++) {
        sw_put_tree(&r, w->models + SW_MODELS_LARGEST, 8, e->largest[t]);
        unsigned before = 0;
        for (unsigned i = 0; i < e->h.symbol_count; i++) {
            if (i == e->largest[t]) {
                lengths[i] = (uint8_t)e->h.table_bits;
                continue;
            }
            const uint32_t f = w->frequencies[t][i];
            const unsigned length = sw_bit_length(f);
            const unsigned context = t == 0 ? before : 16u + lengths[i];
            sw_put_tree(&r, w->models + SW_MODELS_FREQUENCY + context * 16, 4, length);
            if (length > 1) {
                const unsigned digits = length - 1 < SW_FREQUENCY_DIGITS ? length - 1 : SW_FREQUENCY_DIGITS;
                sw_put_direct(&r, f >> (length - 1 - digits) & ((1u << digits) - 1), digits);
            }
            before = length;
            lengths[i] = (uint8_t)length;
        }
    }
    if (e->h.scale_count > 1) {
        write_scales(e, &r);
    }
    return sw_range_close(&r);
}

static uint8_t *any_lanes(uint32_t *states, unsigned lanes, uint8_t *at, const sw_rans_input *in,
                          const uint8_t *table_of, size_t first, size_t last) {
    for (size_t i = last; i-- > first;) {
        const sw_encode_symbol *s = &in->encode[table_of[in->classes[i]]][in->symbols[i]];
        const unsigned lane = (unsigned)i & (lanes - 1);
        states[lane] = sw_rans_step(states[lane], s, in->table_bits, &at);
    }
    return at;
}

/* Where lanes are few, so are words: a branch is seldom taken. */
static inline uint32_t rare_step(uint32_t x, const sw_encode_symbol *s, unsigned table_bits, uint8_t **at) {
    if (__builtin_expect(x >> (32 - table_bits) >= s->frequency, 0)) {
        *at -= 2;
        sw_store16(*at, (uint16_t)x);
        x >>= 16;
    }
    const uint32_t q = (uint32_t)(x * s->reciprocal >> (32 + table_bits));
    return x + s->first + q * s->rest;
}

/* Inlined once for each precision, so that shifts are by constants. rows is by class; a multiple of 4 elements. */
static inline __attribute__((always_inline)) uint8_t *whole_fours(uint32_t *states, uint8_t *at,
                                                                  const uint8_t *classes, const uint8_t *symbols,
                                                                  const sw_encode_symbol *const rows[SW_CLASSES],
                                                                  unsigned table_bits, size_t first, size_t last) {
    uint32_t x0 = states[0], x1 = states[1], x2 = states[2], x3 = states[3];
    for (size_t i = last; i > first; i -= 4) {
        x3 = rare_step(x3, &rows[classes[i - 1]][symbols[i - 1]], table_bits, &at);
        x2 = rare_step(x2, &rows[classes[i - 2]][symbols[i - 2]], table_bits, &at);
        x1 = rare_step(x1, &rows[classes[i - 3]][symbols[i - 3]], table_bits, &at);
        x0 = rare_step(x0, &rows[classes[i - 4]][symbols[i - 4]], table_bits, &at);
    }
    states[0] = x0;
    states[1] = x1;
    states[2] = x2;
    states[3] = x3;
    return at;
}

static uint8_t *four_lanes(uint32_t *states, uint8_t *at, const sw_rans_input *in, const uint8_t *table_of,
                           size_t first, size_t last) {
    const sw_encode_symbol *rows[SW_CLASSES];
    for (unsigned c = 0; c < SW_CLASSES; c++) {
        rows[c] = in->encode[table_of[c]];
    }
    const size_t whole = last - (last - first) % 4;
    at = any_lanes(states, 4, at, in, table_of, whole, last);
    switch (in->table_bits) {
    case 10:
        return whole_fours(states, at, in->classes, in->symbols, rows, 10, first, whole);
    case 11:
        return whole_fours(states, at, in->classes, in->symbols, rows, 11, first, whole);
    default:
        return whole_fours(states, at, in->classes, in->symbols, rows, SW_MAX_TABLE_BITS, first, whole);
    }
}

/* The rANS stream, written from its end; returns its first byte. */
static uint8_t *write_words(sw_encoder *e, const sw_encode_kernels *kernels, uint8_t *end) {
    const sw_encode_work *w = e->w;
    const sw_rans_input in = {w->classes, w->symbols, w->encode, w->packed, e->h.table_bits};
    const unsigned lanes = 1u << e->h.lane_bits;
    uint32_t states[SW_MAX_LANES];
    for (unsigned i = 0; i < lanes; i++) {
        states[i] = SW_RANS_LOW;
    }
    uint8_t *at = end;
    /* Groups hold whole rounds of lanes, so an element's lane is its place in its group. */
    for (size_t g = e->coded; g-- > 0;) {
        const unsigned scale = w->levels[g];
        size_t first, last;
        sw_group_range(e, g, &first, &last);
        while (g > 0 && w->levels[g - 1] == scale) {
            g--;
        }
        first = g << e->h.group_bits;
        const uint8_t *table_of = w->decode.table_of[scale];
        if (lanes == 32) {
            const size_t whole = last - (last - first) % 32;
            at = any_lanes(states, 32, at, &in, table_of, whole, last);
            at = kernels->rans32(states, at, &in, table_of, first, whole - first);
        } else if (lanes == 4) {
            at = four_lanes(states, at, &in, table_of, first, last);
        } else {
            at = any_lanes(states, lanes, at, &in, table_of, first, last);
        }
    }
    for (unsigned i = lanes; i-- > 0;) {
        at -= 4;
        sw_store32(at, states[i]);
    }
    return at;
}

static uint8_t *put_varint(uint8_t *at, size_t value) {
    for (; value >= 128; value >>= 7) {
        *at++ = (uint8_t)(value | 128);
    }
    *at++ = (uint8_t)value;
    return at;
}

size_t sw_write_block(sw_encoder *e, const sw_encode_kernels *kernels, uint8_t *out, size_t capacity) {
    sw_encode_work *w = e->w;
    const size_t side = write_side(e);
    if (side == 0) {
        return 0;
    }
    uint8_t *end = w->words + sizeof w->words;
    const uint8_t *words = write_words(e, kernels, end);
    const size_t words_size = (size_t)(end - words);
    if (side + words_size + e->raw_size + 11 > capacity) {
        return 0;
    }
    const sw_numeric_header *h = &e->h;
    out[0] = (uint8_t)((unsigned)h->element | (unsigned)h->has_base << 4 | (unsigned)h->has_classes << 5 |
                       (unsigned)h->zero_level << 6 | (unsigned)h->given_classes << 7);
    out[1] = (uint8_t)((h->group_bits - 5) | h->lane_bits << 3 | (h->table_bits - 10) << 6);
    out[2] = (uint8_t)((h->scale_count - 1) | h->extra_bits << 3);
    uint8_t *at = put_varint(put_varint(out + 3, side), words_size);
    memcpy(at, w->side, side);
    memcpy(at + side, words, words_size);
    memcpy(at + side + words_size, w->raw, e->raw_size);
    return (size_t)(at - out) + side + words_size + e->raw_size;
}
