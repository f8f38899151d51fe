#include "scattered_find.h"

#include <math.h>
#include <string.h>

#include "bytes.h"

enum {
    /* Where more of the elements of groups with a change do change, a symbol for each of them takes no more than gaps do. */
    MOST_OF_ACTIVE = 24,
    /* Where fewer groups have a change, NUMERIC leaves out the others: as quick, and as short. */
    LEAST_GROUPS = 8
};

/* Groups that would have a change if the changes lay anywhere; where far fewer do, they lie in heaps, which levels of groups tell
 * better than gaps. */
static bool lie_anywhere(size_t changes, size_t elements, size_t active) {
    const double groups = (double)elements / 64;
    return (double)active > 0.7 * -expm1(-(double)changes / groups) * groups;
}

static bool find_changes(const sw_encode_kernels *kernels, const uint8_t *base, const uint8_t *target, size_t elements,
                         unsigned width, sw_scattered_find_work *w) {
    const size_t whole = elements & ~(size_t)63;
    w->change_count = kernels->changes(base, target, whole, width, w->changed);
    if (whole < elements) {
        uint64_t last = 0;
        for (size_t i = whole; i < elements; i++) {
            last |= (uint64_t)(memcmp(base + i * width, target + i * width, width) != 0) << (i - whole);
        }
        w->changed[whole / 64] = last;
        w->change_count += (size_t)__builtin_popcountll(last);
    }
    /* The last round reads on behind the block. */
    for (size_t g = (elements + 63) / 64; g % (SW_SCATTERED_ROUND / 64) != 0; g++) {
        w->changed[g] = 0;
    }
    return w->change_count > 0 && w->change_count <= elements / SW_SCATTERED_SHARE;
}

static bool pays(size_t elements, const sw_scattered_find_work *w) {
    size_t active = 0;
    for (size_t g = 0; g * 64 < elements; g++) {
        active += w->changed[g] != 0;
    }
    return w->change_count * MOST_OF_ACTIVE <= active * 64 && active * 64 * LEAST_GROUPS >= elements &&
           lie_anywhere(w->change_count, elements, active);
}

/* In order of the elements; counts w->changes. */
static void measure_gaps(const sw_encode_kernels *kernels, const uint8_t *base, const sw_element_shape *shape,
                         size_t elements, sw_scattered_find_work *w) {
    sw_class_counts counts = {{0}, {0}};
    size_t found = 0;
    for (size_t first = 0; first < elements; first += SW_CHUNK) {
        const size_t count = elements - first < SW_CHUNK ? elements - first : SW_CHUNK;
        const size_t whole = (count + SW_SCATTERED_ROUND - 1) & ~(size_t)(SW_SCATTERED_ROUND - 1);
        kernels->classes(base + first * shape->width, count, shape, w->class_top, w->classes);
        memset(w->classes + count, SW_NO_CLASS, whole - count);
        found += kernels->measure_gaps(w->classes, whole, w->changed + first / 64, &counts, w->measured + found);
    }
    memset(w->changes, 0, sizeof w->changes);
    for (size_t i = 0; i < found; i++) {
        w->changes[w->measured[i].of_class]++;
    }
}

static void sort_gaps(sw_scattered_find_work *w) {
    size_t next[SW_CLASSES];
    size_t at = 0;
    for (unsigned c = 0; c < SW_CLASSES; c++) {
        next[c] = at;
        at += w->changes[c];
    }
    for (size_t i = 0; i < w->change_count; i++) {
        const sw_gap gap = w->measured[i];
        const uint32_t foreseen = sw_foreseen_gap(gap.of_class);
        const size_t place = 4 * next[gap.of_class]++;
        sw_store32(w->foreseen + place, foreseen);
        sw_store32(w->gaps + place, foreseen + gap.length);
    }
}

/* A decoder follows the gaps to the changes, and to no others. */
static bool check(const sw_numeric_kernels *kernels, const uint8_t *base, const sw_element_shape *shape, size_t elements,
                  sw_scattered_find_work *w) {
    sw_scattered_gaps gaps;
    sw_start_gaps(&gaps, w->gaps, w->changes);
    const size_t found = sw_locate_changes(kernels, base, elements, shape, w->class_top, &gaps, w->classes, w->located);
    bool same = found == w->change_count;
    for (size_t i = 0; i < found; i++) {
        const uint32_t at = w->located[i];
        same &= (w->changed[at / 64] >> at % 64 & 1) != 0;
        w->changed[at / 64] &= ~(UINT64_C(1) << at % 64);
    }
    return same;
}

bool sw_scattered_find(const sw_encode_kernels *kernels, const sw_numeric_kernels *decode_kernels,
                       const uint8_t *base, const uint8_t *target, size_t size, sw_element element, bool always,
                       sw_scattered_find_work *w) {
    const sw_element_shape shape = sw_shape_of((unsigned)element);
    if (shape.width == 0 || shape.bits < 8 || size > SW_MAX_BLOCK || size % shape.width != 0) {
        return false;
    }
    const size_t elements = size / shape.width;
    if (!find_changes(kernels, base, target, elements, shape.width, w) || !(always || pays(elements, w))) {
        return false;
    }
    w->class_top = sw_common_class_top(base, elements, &shape, SW_LEVEL_DEFAULT);
    measure_gaps(kernels, base, &shape, elements, w);
    sort_gaps(w);
    if (!check(decode_kernels, base, &shape, elements, w)) {
        return false;
    }
    sw_gather(base, w->located, w->change_count, shape.width, w->from);
    sw_gather(target, w->located, w->change_count, shape.width, w->to);
    return true;
}
