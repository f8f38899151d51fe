/* NUMERIC blocks: symbols to values to elements, a cache-sized run at a time. */
#include "bytes.h"
#include "numeric.h"

typedef struct {
    const sw_numeric_kernels *kernels;
    const sw_numeric_header *header;
    sw_numeric_work *work;
    const uint8_t *base;
    const uint8_t *classes;  /* of each element, where they are given */
    uint8_t *out;
    const uint8_t *at;       /* next rANS word */
    const uint8_t *words_end;
    uint64_t raw_position;   /* in bits */
    uint32_t states[SW_MAX_LANES];
    unsigned lane;
} decoder;

static bool decode_symbol(decoder *d, uint8_t context, uint8_t *symbol) {
    const unsigned bits = d->header->table_bits;
    uint32_t x = d->states[d->lane];
    const uint32_t entry = d->work->tables[((size_t)context << bits) + (x & ((1u << bits) - 1))];
    x = ((entry >> 20) + 1) * (x >> bits) + (entry >> 8 & 0xFFF);
    if (x < SW_RANS_LOW) {
        if (d->words_end - d->at < 2) {
            return false;
        }
        x = x << 16 | sw_load16(d->at);
        d->at += 2;
    }
    d->states[d->lane] = x;
    d->lane = (d->lane + 1) & ((1u << d->header->lane_bits) - 1);
    *symbol = (uint8_t)entry;
    return true;
}

#define SW_STEP(K)                                                                        \
    {                                                                                     \
        const uint32_t entry = tables[((size_t)contexts[i + K] << bits) + (x##K & mask)]; \
        x##K = ((entry >> 20) + 1) * (x##K >> bits) + (entry >> 8 & 0xFFF);               \
        symbols[i + K] = (uint8_t)entry;                                                  \
        /* Few lanes mean few words: a branch is seldom taken. */                         \
        if (x##K < SW_RANS_LOW) {                                                         \
            if (d->words_end - at < 2) {                                                  \
                return false;                                                             \
            }                                                                             \
            x##K = x##K << 16 | sw_load16(at);                                            \
            at += 2;                                                                      \
        }                                                                                 \
    }

/* Four lanes from the first: count is a multiple of 4. */
static bool decode_fours(decoder *d, size_t count) {
    const uint8_t *contexts = d->work->contexts;
    uint8_t *symbols = d->work->symbols;
    const uint32_t *tables = d->work->tables;
    const unsigned bits = d->header->table_bits;
    const uint32_t mask = (1u << bits) - 1;
    const uint8_t *at = d->at;
    uint32_t x0 = d->states[0], x1 = d->states[1], x2 = d->states[2], x3 = d->states[3];
    for (size_t i = 0; i < count; i += 4) {
        SW_STEP(0)
        SW_STEP(1)
        SW_STEP(2)
        SW_STEP(3)
    }
    d->states[0] = x0;
    d->states[1] = x1;
    d->states[2] = x2;
    d->states[3] = x3;
    d->at = at;
    return true;
}

static bool decode_ones(decoder *d, size_t count) {
    const uint8_t *contexts = d->work->contexts;
    uint8_t *symbols = d->work->symbols;
    const uint32_t *tables = d->work->tables;
    const unsigned bits = d->header->table_bits;
    const uint32_t mask = (1u << bits) - 1;
    const uint8_t *at = d->at;
    uint32_t x0 = d->states[0];
    for (size_t i = 0; i < count; i++) {
        SW_STEP(0)
    }
    d->states[0] = x0;
    d->at = at;
    return true;
}

static bool decode_symbols(decoder *d, size_t count) {
    size_t done = 0;
    const uint8_t *contexts = d->work->contexts;
    uint8_t *symbols = d->work->symbols;
    if (d->header->lane_bits == 5 && d->lane == 0) {
        done = count & ~(size_t)31;
        d->at = d->kernels->rans32(d->states, d->at, d->words_end, d->work->tables, d->header->table_bits, contexts,
                                   done, symbols);
        if (d->at == NULL) {
            return false;
        }
    }
    if (d->header->lane_bits == 2 && d->lane == 0) {
        done = count & ~(size_t)3;
        if (!decode_fours(d, done)) {
            return false;
        }
    } else if (d->header->lane_bits == 0) {
        return decode_ones(d, count);
    }
    for (; done < count; done++) {
        if (!decode_symbol(d, contexts[done], &symbols[done])) {
            return false;
        }
    }
    return true;
}

/* Elements first .. first + count - 1, all of them in coded groups; count <= SW_CHUNK. */
static sw_status decode_run(decoder *d, size_t first, size_t count) {
    const sw_numeric_header *h = d->header;
    const size_t width = h->shape.width;
    const uint8_t *base = h->has_base ? d->base + first * width : NULL;
    const size_t group = (size_t)1 << h->group_bits;
    for (size_t i = 0; i < count; i += group) {
        const size_t n = count - i < group ? count - i : group;
        const uint8_t *table_of = d->work->table_of[d->work->scales[(first + i) >> h->group_bits]];
        if (h->given_classes) {
            for (size_t k = 0; k < n; k++) {
                d->work->contexts[i + k] = table_of[d->classes[first + i + k] & (SW_CLASSES - 1)];
            }
        } else if (h->has_classes) {
            d->kernels->contexts(base + i * width, n, h, table_of, d->work->contexts + i);
        } else {
            memset(d->work->contexts + i, table_of[0], n);
        }
    }
    if (!decode_symbols(d, count)) {
        return SW_ERROR_ENTROPY;
    }
    const uint8_t *symbols = d->work->symbols;
    if (width == 8) {
        d->raw_position = sw_expand64(h, d->work, symbols, count, d->raw_position, d->work->values);
    } else {
        uint32_t *values = (uint32_t *)(void *)d->work->values;
        d->raw_position = d->kernels->expand32(h, d->work, symbols, count, d->raw_position, values);
    }
    d->kernels->apply(base, d->work->values, count, h, d->out + first * width);
    return d->raw_position <= (uint64_t)h->raw_size * 8 ? SW_OK : SW_ERROR_TRUNCATED;
}

static sw_status decode_elements(decoder *d) {
    const sw_numeric_header *h = d->header;
    const size_t width = h->shape.width;
    const size_t per_chunk = SW_CHUNK >> h->group_bits;
    size_t g = 0;
    while (g < h->groups) {
        const bool zero = h->zero_level && d->work->scales[g] == 0;
        size_t stop = g + 1;
        while (stop < h->groups && (h->zero_level && d->work->scales[stop] == 0) == zero &&
               (zero || stop - g < per_chunk)) {
            stop++;
        }
        const size_t first = g << h->group_bits;
        const size_t last = stop << h->group_bits < h->elements ? stop << h->group_bits : h->elements;
        if (!zero) {
            const sw_status status = decode_run(d, first, last - first);
            if (status != SW_OK) {
                return status;
            }
        } else if (h->has_base) {
            memcpy(d->out + first * width, d->base + first * width, (last - first) * width);
        } else {
            memset(d->out + first * width, 0, (last - first) * width);
        }
        g = stop;
    }
    return SW_OK;
}

static sw_status start_lanes(decoder *d) {
    const unsigned lanes = 1u << d->header->lane_bits;
    d->at = d->header->words;
    d->words_end = d->at + d->header->words_size;
    if (d->header->words_size < 4 * (size_t)lanes) {
        return SW_ERROR_TRUNCATED;
    }
    for (unsigned i = 0; i < lanes; i++, d->at += 4) {
        d->states[i] = sw_load32(d->at);
        if (d->states[i] < SW_RANS_LOW) {
            return SW_ERROR_ENTROPY;
        }
    }
    return SW_OK;
}

/* Every lane ends where the encoder began, every word and every raw bit is used. */
static sw_status check_end(const decoder *d) {
    for (unsigned i = 0; i < 1u << d->header->lane_bits; i++) {
        if (d->states[i] != SW_RANS_LOW) {
            return SW_ERROR_ENTROPY;
        }
    }
    if (d->at != d->words_end || (d->raw_position + 7) / 8 != d->header->raw_size) {
        return SW_ERROR_TRUNCATED;
    }
    return SW_OK;
}

void sw_unpack_nibbles(const uint8_t *packed, size_t bytes, uint8_t *nibbles) {
    for (size_t i = 0; i < bytes; i++) {
        nibbles[2 * i] = packed[i] & 15;
        nibbles[2 * i + 1] = packed[i] >> 4;
    }
}

static void pack_nibbles(const uint8_t *nibbles, size_t bytes, uint8_t *packed) {
    for (size_t i = 0; i < bytes; i++) {
        packed[i] = (uint8_t)((nibbles[2 * i] & 15) | nibbles[2 * i + 1] << 4);
    }
}

static sw_status decode_body(decoder *d) {
    sw_status status = start_lanes(d);
    if (status == SW_OK) {
        status = decode_elements(d);
    }
    return status == SW_OK ? check_end(d) : status;
}

sw_status sw_numeric_decode_given(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                  const uint8_t *base, size_t base_size, const uint8_t *classes, size_t class_count,
                                  uint8_t *out, size_t out_size, sw_numeric_work *work) {
    sw_numeric_header header;
    sw_status status = sw_numeric_parse(payload, payload_size, out_size, &header, work);
    if (status != SW_OK) {
        return status;
    }
    if (header.has_base && base_size < out_size) {
        return SW_ERROR_BASE;
    }
    if (header.given_classes && (classes == NULL || class_count < header.elements)) {
        return SW_ERROR_HEADER;
    }
    decoder d = {kernels, &header, work, base, classes, out, NULL, NULL, 0, {0}, 0};
    if (header.shape.bits != 4) {
        return decode_body(&d);
    }
    /* Nibbles: unpacked at the far end of the work area, decoded there, packed at the end. */
    uint8_t *nibbles = work->nibbles;
    uint8_t *base_nibbles = work->nibbles + 2 * (size_t)SW_MAX_BLOCK;
    if (header.has_base) {
        sw_unpack_nibbles(base, out_size, base_nibbles);
    }
    d.base = base_nibbles;
    d.out = nibbles;
    status = decode_body(&d);
    if (status == SW_OK) {
        pack_nibbles(nibbles, out_size, out);
    }
    return status;
}

sw_status sw_numeric_decode_with(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                 const uint8_t *base, size_t base_size, uint8_t *out, size_t out_size,
                                 sw_numeric_work *work) {
    return sw_numeric_decode_given(kernels, payload, payload_size, base, base_size, NULL, 0, out, out_size, work);
}

sw_status sw_numeric_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                            uint8_t *out, size_t out_size, sw_numeric_work *work) {
    return sw_numeric_decode_with(&sw_portable_kernels, payload, payload_size, base, base_size, out, out_size, work);
}
