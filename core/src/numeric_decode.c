/* NUMERIC blocks: symbols to values to elements, a cache-sized batch at a time. */
#include "bytes.h"
#include "numeric_symbols.h"

typedef struct {
    const sw_numeric_kernels *kernels;
    const sw_numeric_header *header;
    sw_numeric_work *work;
    const uint8_t *base;
    const uint8_t *classes;  /* of each element, where they are given */
    uint8_t *out;            /* NULL: nothing is kept, and what is made is compared with `expected` */
    const uint8_t *expected;
    sw_rans rans;
    uint64_t raw_position;   /* in bits */
} decoder;

/* Elements of neighbouring groups, coded all. */
typedef struct {
    size_t first;
    size_t count;
} run;

/* A batch: runs with SW_CHUNK elements at most, and a group has 32 at least. */
typedef struct {
    run runs[SW_CHUNK / 32];
    size_t run_count;
    size_t count;
} batch;

/* The table of each element of a run. */
static void choose_contexts(const decoder *d, run r, uint8_t *contexts) {
    const sw_numeric_header *h = d->header;
    const size_t last = r.first + r.count;
    for (size_t i = r.first; i < last;) {
        const unsigned scale = d->work->scales[i >> h->group_bits];
        const uint8_t *table_of = d->work->table_of[scale];
        size_t g = (i >> h->group_bits) + 1;
        while (g << h->group_bits < last && d->work->scales[g] == scale) {
            g++;
        }
        const size_t stop = g << h->group_bits < last ? g << h->group_bits : last;
        if (h->given_classes) {
            for (size_t k = i; k < stop; k++) {
                contexts[k - r.first] = table_of[d->classes[k] & (SW_CLASSES - 1)];
            }
        } else if (h->has_classes) {
            d->kernels->contexts(d->base + i * h->shape.width, stop - i, h, table_of, contexts + (i - r.first));
        } else {
            memset(contexts + (i - r.first), table_of[0], stop - i);
        }
        i = stop;
    }
}

static bool unfolds(const decoder *d) {
    const sw_numeric_header *h = d->header;
    return d->kernels->unfold16 != NULL && h->has_base && h->shape.is_float && h->shape.width == 2 && h->shift == 0;
}

/* A run of 16-bit floats: what unfold16 leaves goes the longer way. */
static void unfold_run(decoder *d, const uint8_t *symbols, run r, uint8_t *out) {
    const sw_numeric_header *h = d->header;
    const uint8_t *base = d->base + 2 * r.first;
    const size_t done = d->kernels->unfold16(h, d->work, symbols, base, r.count & ~(size_t)63, &d->raw_position, out);
    if (done < r.count) {
        uint32_t *values = (uint32_t *)(void *)d->work->values;
        d->raw_position = d->kernels->expand32(h, d->work, symbols + done, r.count - done, d->raw_position, values);
        d->kernels->apply(base + 2 * done, values, r.count - done, h, out + 2 * done);
    }
}

static sw_status decode_batch(decoder *d, const batch *b) {
    const sw_numeric_header *h = d->header;
    sw_numeric_work *w = d->work;
    const size_t width = h->shape.width;
    size_t at = 0;
    for (size_t k = 0; k < b->run_count; at += b->runs[k].count, k++) {
        choose_contexts(d, b->runs[k], w->contexts + at);
    }
    if (!sw_rans_symbols(&d->rans, d->kernels, h, w, b->count)) {
        return SW_ERROR_ENTROPY;
    }
    uint32_t *narrow = (uint32_t *)(void *)w->values;
    const bool at_once = unfolds(d);
    if (width == 8) {
        d->raw_position = sw_expand64(h, w, w->symbols, b->count, d->raw_position, w->values);
    } else if (!at_once) {
        d->raw_position = d->kernels->expand32(h, w, w->symbols, b->count, d->raw_position, narrow);
    }
    at = 0;
    for (size_t k = 0; k < b->run_count; at += b->runs[k].count, k++) {
        const run r = b->runs[k];
        const uint8_t *base = h->has_base ? d->base + r.first * width : NULL;
        uint8_t *out = d->out == NULL ? w->made : d->out + r.first * width;
        if (at_once) {
            unfold_run(d, w->symbols + at, r, out);
        } else {
            d->kernels->apply(base, width == 8 ? (void *)(w->values + at) : (void *)(narrow + at), r.count, h, out);
        }
        if (d->out == NULL && memcmp(out, d->expected + r.first * width, r.count * width) != 0) {
            return SW_ERROR_ENTROPY;
        }
    }
    return d->raw_position <= (uint64_t)h->raw_size * 8 ? SW_OK : SW_ERROR_TRUNCATED;
}

/* Groups in which every value is zero: the base's elements, or zeros. */
static sw_status copy_run(const decoder *d, run r) {
    const size_t width = d->header->shape.width;
    const size_t at = r.first * width;
    const size_t size = r.count * width;
    if (d->out == NULL) {
        bool same = true;
        if (d->header->has_base) {
            same = memcmp(d->expected + at, d->base + at, size) == 0;
        }
        for (size_t i = 0; i < size && !d->header->has_base; i++) {
            same &= d->expected[at + i] == 0;
        }
        return same ? SW_OK : SW_ERROR_ENTROPY;
    }
    if (d->header->has_base) {
        memcpy(d->out + at, d->base + at, size);
    } else {
        memset(d->out + at, 0, size);
    }
    return SW_OK;
}

static sw_status decode_elements(decoder *d) {
    const sw_numeric_header *h = d->header;
    const uint8_t *scales = d->work->scales;
    const size_t per_batch = SW_CHUNK >> h->group_bits;
    batch b = {.run_count = 0, .count = 0};
    size_t groups = 0; /* in the batch */
    sw_status status = SW_OK;
    for (size_t g = 0; g < h->groups && status == SW_OK;) {
        const bool zero = h->zero_level && scales[g] == 0;
        size_t stop = g + 1;
        while (stop < h->groups && (h->zero_level && scales[stop] == 0) == zero &&
               (zero || groups + (stop - g) < per_batch)) {
            stop++;
        }
        const size_t first = g << h->group_bits;
        const size_t last = stop << h->group_bits < h->elements ? stop << h->group_bits : h->elements;
        const run r = {first, last - first};
        if (zero) {
            status = copy_run(d, r);
        } else {
            b.runs[b.run_count++] = r;
            b.count += r.count;
            groups += stop - g;
        }
        if (groups == per_batch || (stop == h->groups && groups > 0)) {
            status = status == SW_OK ? decode_batch(d, &b) : status;
            b.run_count = 0;
            b.count = 0;
            groups = 0;
        }
        g = stop;
    }
    return status;
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
    sw_status status = sw_rans_start(&d->rans, d->header);
    if (status == SW_OK) {
        status = decode_elements(d);
    }
    if (status == SW_OK) {
        status = sw_rans_end(&d->rans, d->header);
    }
    if (status == SW_OK && (d->raw_position + 7) / 8 != d->header->raw_size) {
        status = SW_ERROR_TRUNCATED;
    }
    return status;
}

/* Decode into out; or, if that is NULL, compare with expected. */
static sw_status decode(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                        const uint8_t *base, size_t base_size, const uint8_t *classes, size_t class_count,
                        uint8_t *out, const uint8_t *expected, size_t size, sw_numeric_work *work) {
    sw_numeric_header header;
    const sw_status status = sw_numeric_parse(payload, payload_size, size, &header, work);
    if (status != SW_OK) {
        return status;
    }
    if (header.has_base && base_size < size) {
        return SW_ERROR_BASE;
    }
    if (header.given_classes && (classes == NULL || class_count < header.elements)) {
        return SW_ERROR_HEADER;
    }
    decoder d = {.kernels = kernels, .header = &header, .work = work, .base = base, .classes = classes,
                 .out = out, .expected = expected, .raw_position = 0};
    if (header.shape.bits != 4) {
        return decode_body(&d);
    }
    /* Nibbles are worked on one a byte, in the work area. */
    uint8_t *nibbles = work->nibbles;
    uint8_t *base_nibbles = work->nibbles + 2 * (size_t)SW_MAX_BLOCK;
    if (header.has_base) {
        sw_unpack_nibbles(base, size, base_nibbles);
    }
    d.base = base_nibbles;
    if (out == NULL) {
        sw_unpack_nibbles(expected, size, nibbles);
        d.expected = nibbles;
        return decode_body(&d);
    }
    d.out = nibbles;
    const sw_status decoded = decode_body(&d);
    if (decoded == SW_OK) {
        pack_nibbles(nibbles, size, out);
    }
    return decoded;
}

sw_status sw_numeric_decode_given(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                  const uint8_t *base, size_t base_size, const uint8_t *classes, size_t class_count,
                                  uint8_t *out, size_t out_size, sw_numeric_work *work) {
    return decode(kernels, payload, payload_size, base, base_size, classes, class_count, out, NULL, out_size, work);
}

sw_status sw_numeric_check(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                           const uint8_t *base, size_t base_size, const uint8_t *classes, size_t class_count,
                           const uint8_t *target, size_t size, sw_numeric_work *work) {
    return decode(kernels, payload, payload_size, base, base_size, classes, class_count, NULL, target, size, work);
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
