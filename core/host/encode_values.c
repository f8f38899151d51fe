/* Values, classes and group sums of a block. */
#include "encode_block.h"

#include <string.h>

#include "bytes.h"

/* Class 0 is the largest exponent that is not rare. */
static void find_class_top(sw_encoder *e) {
    const sw_element_shape *s = &e->h.shape;
    uint32_t counts[2048] = {0};
    const size_t step = e->h.elements / 8192 + 1;
    size_t seen = 0;
    for (size_t i = 0; i < e->h.elements; i += step, seen++) {
        const uint8_t *at = e->base + i * s->width;
        const uint64_t v = s->width == 1 ? *at : s->width == 2 ? sw_load16(at) : s->width == 4 ? sw_load32(at) : sw_load64(at);
        counts[v >> s->class_shift & s->class_mask]++;
    }
    unsigned top = s->class_mask;
    for (size_t above = counts[top]; top > 0 && above <= seen / 512; above += counts[top]) {
        top--;
    }
    e->h.class_top = s->is_float ? top : s->class_mask;
}

static void wide_group_sums(sw_encoder *e) {
    for (size_t g = 0; g < e->groups64; g++) {
        const size_t stop = (g + 1) * 64 < e->h.elements ? (g + 1) * 64 : e->h.elements;
        uint64_t sum = 0;
        for (size_t i = g * 64; i < stop; i++) {
            const int64_t v = e->w->values[i];
            const uint64_t magnitude = v < 0 ? UINT64_C(0) - (uint64_t)v : (uint64_t)v;
            /* 24 bits of room: 64 values moved up by up to 15. Small values keep their lowest bit. */
            sum += ((magnitude >> 24) | (magnitude != 0)) << (e->h.given_classes ? 0 : 15 - e->w->classes[i]);
        }
        e->w->sums[g] = sum;
    }
}

/* A raw block's groups are told apart by their mean field, which is a logarithm already for floats. */
static void field_group_sums(sw_encoder *e) {
    const unsigned drop = e->h.shape.is_float ? (unsigned)e->h.shape.class_shift - 1 : 0;
    const uint64_t mask = (UINT64_C(1) << (e->h.shape.bits - 1)) - 1;
    for (size_t g = 0; g < e->groups64; g++) {
        const size_t stop = (g + 1) * 64 < e->h.elements ? (g + 1) * 64 : e->h.elements;
        uint64_t sum = 0;
        for (size_t i = g * 64; i < stop; i++) {
            const int64_t v = (int64_t)((uint64_t)sw_value_at(e, i) << e->h.shift);
            if (e->h.shape.is_float) {
                sum += ((uint64_t)v & mask) >> drop;
            } else {
                sum += v < 0 ? UINT64_C(0) - (uint64_t)v : (uint64_t)v;
            }
        }
        e->w->sums[g] = sum;
    }
}

enum { CHUNK = 4096 };

/* Zero bits below every value are left out. */
static void drop_shift(sw_encoder *e) {
    const unsigned shift = e->h.shift;
    if (sw_is_wide(e)) {
        for (size_t i = 0; i < e->h.elements; i++) {
            e->w->values[i] >>= shift;
        }
        return;
    }
    int32_t *v = (int32_t *)(void *)e->w->values;
    for (size_t i = 0; i < e->h.elements; i++) {
        v[i] >>= shift;
    }
    for (size_t g = 0; g < e->groups64; g++) {
        e->w->sums[g] >>= shift;
    }
}

bool sw_find_values(sw_encoder *e, const sw_encode_kernels *kernels) {
    sw_encode_work *w = e->w;
    const sw_element_shape *shape = &e->h.shape;
    const bool wide = sw_is_wide(e);
    const bool fields = !e->h.has_base && (shape->is_float || shape->bits <= 16);
    e->groups64 = (e->h.elements + 63) / 64;
    e->h.has_classes = e->h.has_base;
    e->h.given_classes = e->given != NULL;
    /* Classes that are given are no exponents: all values weigh alike in the sums of groups. */
    uint8_t alike[CHUNK];
    memset(alike, SW_CLASSES - 1, sizeof alike);
    if (e->h.given_classes) {
        memcpy(w->classes, e->given, e->h.elements);
    } else if (e->h.has_classes) {
        find_class_top(e);
    } else {
        memset(w->classes, 0, e->h.elements);
    }
    /* A chunk goes through all of it while it is in the cache. */
    uint64_t any = 0;
    for (size_t i = 0; i < e->h.elements; i += CHUNK) {
        const size_t n = e->h.elements - i < CHUNK ? e->h.elements - i : CHUNK;
        const uint8_t *base = e->base == NULL ? NULL : e->base + i * shape->width;
        void *values = wide ? (void *)(w->values + i) : (void *)((int32_t *)(void *)w->values + i);
        any |= kernels->differences(base, e->target + i * shape->width, n, shape, values);
        if (e->h.has_classes && !e->h.given_classes) {
            kernels->classes(base, n, shape, e->h.class_top, w->classes + i);
        }
        if (!fields && !wide) {
            kernels->group_sums(values, e->h.given_classes ? alike : w->classes + i, n, w->sums + i / 64);
        }
    }
    if (any == 0) {
        return false;
    }
    e->h.shift = (unsigned)__builtin_ctzll(any);
    if (e->h.shift > 0) {
        drop_shift(e);
    }
    if (fields) {
        field_group_sums(e);
    } else if (wide) {
        wide_group_sums(e);
    }
    return true;
}
