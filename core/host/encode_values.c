/* Values, classes and group sums of a block. */
#include "encode_block.h"

#include <string.h>

#include "bytes.h"

unsigned sw_common_class_top(const uint8_t *base, size_t elements, const sw_element_shape *s, int level) {
    uint32_t counts[2048] = {0};
    const size_t step = elements / (level == SW_LEVEL_FAST ? 2048 : 8192) + 1;
    size_t seen = 0;
    for (size_t i = 0; i < elements; i += step, seen++) {
        const uint8_t *at = base + i * s->width;
        const uint64_t v = s->width == 1 ? *at : s->width == 2 ? sw_load16(at) : s->width == 4 ? sw_load32(at) : sw_load64(at);
        counts[v >> s->class_shift & s->class_mask]++;
    }
    unsigned top = s->class_mask;
    for (size_t above = counts[top]; top > 0 && above <= seen / 512; above += counts[top]) {
        top--;
    }
    return s->is_float ? top : s->class_mask;
}

static void wide_group_sums(sw_encoder *e) {
    for (size_t first = 0; first < e->coded_elements; first += 64) {
        const size_t stop = first + 64 < e->coded_elements ? first + 64 : e->coded_elements;
        uint64_t sum = 0;
        for (size_t i = first; i < stop; i++) {
            const int64_t v = e->w->values[i];
            const uint64_t magnitude = v < 0 ? UINT64_C(0) - (uint64_t)v : (uint64_t)v;
            /* 24 bits of room: 64 values moved up by up to 15. Small values keep their lowest bit. */
            sum += ((magnitude >> 24) | (magnitude != 0)) << (e->h.given_classes ? 0 : 15 - e->w->classes[i]);
        }
        e->w->sums[first / 64] = sum;
    }
}

/* A raw block's groups are told apart by their mean field, which is a logarithm already for floats. */
static void field_group_sums(sw_encoder *e) {
    const unsigned drop = e->h.shape.is_float ? (unsigned)e->h.shape.class_shift - 1 : 0;
    const uint64_t mask = (UINT64_C(1) << (e->h.shape.bits - 1)) - 1;
    for (size_t first = 0; first < e->coded_elements; first += 64) {
        const size_t stop = first + 64 < e->coded_elements ? first + 64 : e->coded_elements;
        uint64_t sum = 0;
        for (size_t i = first; i < stop; i++) {
            const int64_t v = (int64_t)((uint64_t)sw_value_at(e, i) << e->h.shift);
            if (e->h.shape.is_float) {
                sum += ((uint64_t)v & mask) >> drop;
            } else {
                sum += v < 0 ? UINT64_C(0) - (uint64_t)v : (uint64_t)v;
            }
        }
        e->w->sums[first / 64] = sum;
    }
}

/* Zero bits below every value are left out. */
static void drop_shift(sw_encoder *e) {
    const unsigned shift = e->h.shift;
    if (sw_is_wide(e)) {
        for (size_t i = 0; i < e->coded_elements; i++) {
            e->w->values[i] >>= shift;
        }
        return;
    }
    int32_t *v = (int32_t *)(void *)e->w->values;
    for (size_t i = 0; i < e->coded_elements; i++) {
        v[i] >>= shift;
    }
    for (size_t g = 0; g * 64 < e->coded_elements; g++) {
        e->w->sums[g] >>= shift;
    }
}

/* Which groups of 64 hold a value other than zero; returns how many do. */
static size_t find_active(sw_encoder *e, const sw_encode_kernels *kernels) {
    const size_t bytes = (size_t)64 * e->h.shape.width;
    const size_t whole = e->h.elements / 64;
    size_t count = kernels->active(e->base, e->target, whole, bytes, e->w->active);
    if (e->h.elements % 64 != 0) {
        bool any = false;
        for (size_t i = whole * bytes; i < e->h.elements * e->h.shape.width; i++) {
            any |= e->target[i] != (e->base == NULL ? 0 : e->base[i]);
        }
        e->w->active[whole] = any;
        count += any;
    }
    return count;
}

/* Where enough groups are all zero, they are left out, and groups are small. */
static bool choose_groups(sw_encoder *e, const sw_encode_kernels *kernels) {
    const size_t groups64 = (e->h.elements + 63) / 64;
    const size_t active = find_active(e, kernels);
    const size_t zero = groups64 - active;
    e->h.zero_level = !e->code_all && zero > groups64 / 16 && zero > 0;
    e->h.group_bits = e->h.zero_level ? 6 : 7;
    const size_t size = (size_t)1 << e->h.group_bits;
    e->h.groups = (e->h.elements + size - 1) >> e->h.group_bits;
    e->coded = e->h.zero_level ? active : e->h.groups;
    return active > 0;
}

/* Elements first to first + count - 1, all of coded groups, go to position on. Returns the bits in use. */
static uint64_t take_values(sw_encoder *e, const sw_encode_kernels *kernels, size_t first, size_t count,
                            size_t position, bool with_sums) {
    sw_encode_work *w = e->w;
    const sw_element_shape *shape = &e->h.shape;
    /* Classes that are given are no exponents: all values weigh alike in the sums of groups. */
    uint8_t alike[SW_RUN];
    const uint8_t *base = e->base == NULL ? NULL : e->base + first * shape->width;
    void *values = sw_is_wide(e) ? (void *)(w->values + position)
                                 : (void *)((int32_t *)(void *)w->values + position);
    const uint64_t any = kernels->differences(base, e->target + first * shape->width, count, shape, values);
    if (e->h.given_classes) {
        memset(alike, SW_CLASSES - 1, count);
        memcpy(w->classes + position, e->given + first, count);
    } else if (e->h.has_classes) {
        kernels->classes(base, count, shape, e->h.class_top, w->classes + position);
    } else {
        memset(w->classes + position, 0, count);
    }
    if (with_sums) {
        kernels->group_sums(values, e->h.given_classes ? alike : w->classes + position, count,
                            w->sums + position / 64);
    }
    return any;
}

bool sw_find_groups(sw_encoder *e, const sw_encode_kernels *kernels) {
    e->h.has_classes = e->h.has_base;
    e->h.given_classes = e->given != NULL;
    if (!choose_groups(e, kernels)) {
        return false;
    }
    if (e->h.has_classes && !e->h.given_classes) {
        e->h.class_top = sw_common_class_top(e->base, e->h.elements, &e->h.shape, e->level);
    }
    return true;
}

sw_run sw_next_run(const sw_encoder *e, sw_run run) {
    const size_t groups64 = (e->h.elements + 63) / 64;
    size_t g = (run.first + run.count + 63) / 64;
    while (g < groups64 && e->h.zero_level && !e->w->active[g]) {
        g++;
    }
    size_t stop = g;
    while (stop < groups64 && stop - g < SW_RUN / 64 && (!e->h.zero_level || e->w->active[stop])) {
        stop++;
    }
    const size_t last = stop * 64 < e->h.elements ? stop * 64 : e->h.elements;
    return (sw_run){g * 64, stop == g ? 0 : last - g * 64};
}

void sw_find_values(sw_encoder *e, const sw_encode_kernels *kernels) {
    const bool wide = sw_is_wide(e);
    const bool fields = !e->h.has_base && (e->h.shape.is_float || e->h.shape.bits <= 16);
    /* One scale for all asks for no sums. */
    const bool with_sums = e->level > SW_LEVEL_FAST;
    uint64_t any = 0;
    e->coded_elements = 0;
    for (sw_run r = sw_next_run(e, (sw_run){0, 0}); r.count > 0; r = sw_next_run(e, r)) {
        any |= take_values(e, kernels, r.first, r.count, e->coded_elements, with_sums && !fields && !wide);
        e->coded_elements += r.count;
    }
    e->h.shift = (unsigned)__builtin_ctzll(any);
    if (e->h.shift > 0) {
        drop_shift(e);
    }
    if (with_sums && fields) {
        field_group_sums(e);
    } else if (with_sums && wide) {
        wide_group_sums(e);
    }
}
