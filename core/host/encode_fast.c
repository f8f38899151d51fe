/* From elements straight to symbols. Values are not kept, so that all of it stays in the cache. */
#include <string.h>

#include "encode_block.h"

/* No value has a symbol of its own at this level, so a value's symbol does not depend on the others. */
bool sw_spells(const sw_encoder *e) {
    return e->level == SW_LEVEL_FAST && sw_by_magnitude(&e->h) && !sw_is_wide(e);
}

static bool has_spell16(const sw_encoder *e, const sw_encode_kernels *kernels) {
    const sw_element_shape *shape = &e->h.shape;
    return kernels->spell16 != NULL && e->h.has_base && shape->is_float && shape->width == 2 && e->h.shift == 0;
}

bool sw_spells_again(const sw_encoder *e, const sw_encode_kernels *kernels) {
    /* Where few groups are coded, runs are short, and the values lie side by side. */
    return has_spell16(e, kernels) && e->exact_count <= SW_FEW_EXACT && 2 * e->coded_elements > e->h.elements;
}

static void take_classes(const sw_encoder *e, const sw_encode_kernels *kernels, sw_run r, uint8_t *classes) {
    if (e->h.given_classes) {
        memcpy(classes, e->given + r.first, r.count);
    } else if (e->h.has_classes) {
        kernels->classes(e->base + r.first * e->h.shape.width, r.count, &e->h.shape, e->h.class_top, classes);
    } else {
        memset(classes, 0, r.count);
    }
}

/* Symbols and raw bits of a run. Returns the bits in use of its values. */
static uint64_t spell_run(const sw_encoder *e, const sw_encode_kernels *kernels, sw_run r, uint8_t *symbols,
                          sw_bit_writer *raw, unsigned *largest) {
    const sw_element_shape *shape = &e->h.shape;
    const uint8_t *base = e->base == NULL ? NULL : e->base + r.first * shape->width;
    const uint8_t *target = e->target + r.first * shape->width;
    uint64_t any = 0;
    size_t done = 0;
    const sw_exact_values list = sw_exact_of(e);
    const sw_exact_values *exact = list.count > 0 ? &list : NULL;
    if (has_spell16(e, kernels)) {
        done = r.count & ~(size_t)63;
        any = kernels->spell16(base, target, done, exact, symbols, raw, largest);
        base += 2 * done;
    }
    const size_t rest = r.count - done;
    if (rest == 0) {
        return any;
    }
    int32_t values[SW_RUN];
    any |= kernels->differences(base, target + done * shape->width, rest, shape, values);
    for (size_t i = 0; i < rest && e->h.shift > 0; i++) {
        values[i] >>= e->h.shift;
    }
    const unsigned most = kernels->buckets(values, rest, exact, symbols + done, raw);
    *largest = most > *largest ? most : *largest;
    return any;
}

/* Symbols and raw bits of all coded elements, and their classes, less the shift. Returns the bits in use of the values. */
static uint64_t spell_runs(sw_encoder *e, const sw_encode_kernels *kernels) {
    sw_encode_work *w = e->w;
    sw_bit_writer raw = {w->raw, 0, 0};
    uint64_t any = 0;
    unsigned largest = 0;
    e->coded_elements = 0;
    for (sw_run r = sw_next_run(e, (sw_run){0, 0}); r.count > 0; r = sw_next_run(e, r)) {
        any |= spell_run(e, kernels, r, w->symbols + e->coded_elements, &raw, &largest);
        if (sw_spells(e)) { /* else they are there */
            take_classes(e, kernels, r, w->classes + e->coded_elements);
        }
        e->coded_elements += r.count;
    }
    e->bucket_limit = largest + 1;
    sw_end_raw(e, &raw);
    return any;
}

void sw_spell(sw_encoder *e, const sw_encode_kernels *kernels) {
    e->h.shift = 0;
    const uint64_t any = spell_runs(e, kernels);
    e->h.shift = (unsigned)__builtin_ctzll(any);
    if (e->h.shift > 0) {
        spell_runs(e, kernels);
    }
}
