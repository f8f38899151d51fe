/* SCATTERED blocks: gaps to positions, class by class, and then the values there. */
#include "scattered.h"

#include "reader.h"

sw_status sw_scattered_parse(const uint8_t *payload, size_t payload_size, size_t out_size, sw_scattered_header *h) {
    reader r = {payload, payload + payload_size, false};
    memset(h, 0, sizeof *h);
    const unsigned head = read_byte(&r);
    const uint64_t top = read_unsigned(&r);
    const unsigned classes = read_byte(&r);
    uint64_t changes = 0;
    for (unsigned i = 0; i < classes && i < SW_CLASSES; i++) {
        const uint64_t count = read_unsigned(&r);
        h->changes[i] = (uint32_t)(count & (SW_MAX_BLOCK - 1));
        changes += count < SW_MAX_BLOCK ? count : SW_MAX_BLOCK;
    }
    const uint64_t gaps_size = read_unsigned(&r);
    if (r.failed || gaps_size > (uint64_t)(r.end - r.at)) {
        return SW_ERROR_TRUNCATED;
    }
    h->shape = sw_shape_of(head & 15);
    if (h->shape.width == 0 || h->shape.bits < 8 || (head >> 4 & 3) > SW_SCATTERED_STORED || head >> 6 > SW_SCATTERED_STORED || top > h->shape.class_mask ||
        classes == 0 || classes > SW_CLASSES || out_size > SW_MAX_BLOCK || out_size % h->shape.width != 0) {
        return SW_ERROR_HEADER;
    }
    h->elements = out_size / h->shape.width;
    if (h->changes[classes - 1] == 0 || changes > h->elements / SW_SCATTERED_SHARE) {
        return SW_ERROR_HEADER;
    }
    h->class_top = (unsigned)top;
    h->gaps_coding = (sw_scattered_coding)(head >> 4 & 3);
    h->values_coding = (sw_scattered_coding)(head >> 6);
    h->change_count = (size_t)changes;
    h->gaps = r.at;
    h->gaps_size = (size_t)gaps_size;
    h->values = r.at + gaps_size;
    h->values_size = (size_t)(r.end - h->values);
    return SW_OK;
}

/* One of the two parts: bytes as they are, or a difference to `base`. */
static sw_status decode_part(const sw_numeric_kernels *kernels, sw_scattered_coding coding, unsigned element,
                             const uint8_t *payload, size_t payload_size, const uint8_t *base, uint8_t *out, size_t size,
                             sw_scattered_work *w) {
    if (coding == SW_SCATTERED_STORED) {
        if (payload_size != size) {
            return SW_ERROR_TRUNCATED;
        }
        memcpy(out, payload, size);
        return SW_OK;
    }
    /* Both codecs begin with the element and, in bit 4, whether they have a base. */
    if (payload_size == 0 || (payload[0] & 31) != (element | 16)) {
        return SW_ERROR_HEADER;
    }
    if (coding == SW_SCATTERED_ADAPTIVE) {
        return sw_adaptive_decode(payload, payload_size, base, size, out, size, &w->adaptive);
    }
    return sw_numeric_decode_with(kernels, payload, payload_size, base, size, out, size, &w->numeric);
}

void sw_start_gaps(sw_scattered_gaps *gaps, const uint8_t *next, const uint32_t changes[SW_CLASSES]) {
    gaps->least = SW_CLASSES;
    gaps->most = 0;
    for (unsigned c = 0; c < SW_CLASSES; c++) {
        gaps->next[c] = next;
        next += 4 * (size_t)changes[c];
        gaps->end[c] = next;
        sw_next_gap(gaps, c);
        if (changes[c] > 0) {
            gaps->least = c < gaps->least ? c : gaps->least;
            gaps->most = c;
        }
    }
}

static sw_status decode_gaps(const sw_numeric_kernels *kernels, const sw_scattered_header *h, sw_scattered_gaps *gaps,
                             sw_scattered_work *w) {
    uint8_t *at = w->foreseen;
    for (unsigned c = 0; c < SW_CLASSES; c++) {
        for (uint32_t i = 0; i < h->changes[c]; i++, at += 4) {
            sw_store32(at, sw_foreseen_gap(c));
        }
    }
    const sw_status status = decode_part(kernels, h->gaps_coding, SW_ELEMENT_INT32, h->gaps, h->gaps_size, w->foreseen,
                                          w->gaps, 4 * h->change_count, w);
    if (status != SW_OK) {
        return status;
    }
    for (size_t i = 0; i < h->change_count; i++) {
        if (sw_load32(w->gaps + 4 * i) - sw_load32(w->foreseen + 4 * i) >= h->elements) {
            return SW_ERROR_ENTROPY;
        }
    }
    sw_start_gaps(gaps, w->gaps, h->changes);
    return SW_OK;
}

size_t sw_locate_changes(const sw_numeric_kernels *kernels, const uint8_t *base, size_t elements,
                         const sw_element_shape *shape, unsigned class_top, sw_scattered_gaps *gaps, uint8_t *classes,
                         uint32_t *positions) {
    const sw_numeric_header fields = {.shape = *shape, .class_top = class_top};
    size_t found = 0;
    for (size_t first = 0; first < elements; first += SW_CHUNK) {
        const size_t count = elements - first < SW_CHUNK ? elements - first : SW_CHUNK;
        const size_t whole = (count + SW_SCATTERED_ROUND - 1) & ~(size_t)(SW_SCATTERED_ROUND - 1);
        kernels->contexts(base + first * shape->width, count, &fields, NULL, classes);
        memset(classes + count, SW_NO_CLASS, whole - count);
        found += kernels->locate(classes, whole, gaps, (uint32_t)first, positions + found);
    }
    return found;
}

#define SW_MOVE(TYPE)                                                                                      \
    static void gather_##TYPE(const uint8_t *from, const uint32_t *positions, size_t count, uint8_t *to) {  \
        for (size_t i = 0; i < count; i++) {                                                               \
            memcpy(to + i * sizeof(TYPE), from + positions[i] * sizeof(TYPE), sizeof(TYPE));               \
        }                                                                                                  \
    }                                                                                                      \
    static void scatter_##TYPE(const uint8_t *from, const uint32_t *positions, size_t count, uint8_t *to) { \
        for (size_t i = 0; i < count; i++) {                                                               \
            memcpy(to + positions[i] * sizeof(TYPE), from + i * sizeof(TYPE), sizeof(TYPE));               \
        }                                                                                                  \
    }

SW_MOVE(uint8_t)
SW_MOVE(uint16_t)
SW_MOVE(uint32_t)
SW_MOVE(uint64_t)

void sw_gather(const uint8_t *from, const uint32_t *positions, size_t count, unsigned width, uint8_t *to) {
    switch (width) {
    case 1:
        gather_uint8_t(from, positions, count, to);
        break;
    case 2:
        gather_uint16_t(from, positions, count, to);
        break;
    case 4:
        gather_uint32_t(from, positions, count, to);
        break;
    default:
        gather_uint64_t(from, positions, count, to);
        break;
    }
}

static void scatter(const uint8_t *from, const uint32_t *positions, size_t count, unsigned width, uint8_t *to) {
    switch (width) {
    case 1:
        scatter_uint8_t(from, positions, count, to);
        break;
    case 2:
        scatter_uint16_t(from, positions, count, to);
        break;
    case 4:
        scatter_uint32_t(from, positions, count, to);
        break;
    default:
        scatter_uint64_t(from, positions, count, to);
        break;
    }
}

sw_status sw_scattered_decode_with(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                   const uint8_t *base, size_t base_size, uint8_t *out, size_t out_size,
                                   sw_scattered_work *w) {
    sw_scattered_header h;
    sw_status status = sw_scattered_parse(payload, payload_size, out_size, &h);
    if (status != SW_OK) {
        return status;
    }
    if (base == NULL || base_size < out_size) {
        return SW_ERROR_BASE;
    }
    sw_scattered_gaps gaps;
    status = decode_gaps(kernels, &h, &gaps, w);
    if (status != SW_OK) {
        return status;
    }
    if (sw_locate_changes(kernels, base, h.elements, &h.shape, h.class_top, &gaps, w->classes, w->positions) !=
        h.change_count) {
        return SW_ERROR_ENTROPY; /* a gap reaches behind the block */
    }
    sw_gather(base, w->positions, h.change_count, h.shape.width, w->from);
    status = decode_part(kernels, h.values_coding, payload[0] & 15, h.values, h.values_size, w->from, w->to,
                          h.change_count * h.shape.width, w);
    if (status == SW_OK) {
        memcpy(out, base, out_size);
        scatter(w->to, w->positions, h.change_count, h.shape.width, out);
    }
    return status;
}

sw_status sw_scattered_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                              uint8_t *out, size_t out_size, sw_scattered_work *work) {
    return sw_scattered_decode_with(&sw_portable_kernels, payload, payload_size, base, base_size, out, out_size, work);
}
