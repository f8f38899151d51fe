/* What is predicted of quantised weights: their scales from the base's, their codes from values over scales. */
#include "half.h"
#include "quantised_place.h"
#include "single.h"

/* What the numbers of a run stand for: value = d * number + low. */
typedef struct {
    float d;
    float low;
} line;

static inline int number_of(sw_quant_range range, uint8_t byte) {
    return range.least < 0 ? (int8_t)byte : byte;
}

static inline float half_at(const uint8_t *plane, size_t i) {
    return sw_half_to_float(sw_load16(plane + 2 * i));
}

static line line_of(const sw_quant_type *type, const sw_quant_planes *planes, size_t run) {
    const size_t block = run / (type->elements / type->run);
    const float m = type->has_m ? half_at(planes->m, block) : 0;
    line found = {half_at(planes->d, block), m};
    if (sw_quant_has_runs(type)) {
        const int scale = number_of(type->scale, planes->scales[run]) - type->scale.zero;
        found.d = sw_multiply(found.d, (float)scale);
        found.low = type->has_m ? -sw_multiply(m, (float)planes->mins[run]) : 0;
    }
    return found;
}

static void load_floats(sw_element element, const uint8_t *from, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        switch (element) {
        case SW_ELEMENT_F16:
            values[i] = sw_half_to_float(sw_load16(from + 2 * i));
            break;
        case SW_ELEMENT_BF16:
            values[i] = sw_float_of_bits((uint32_t)sw_load16(from + 2 * i) << 16);
            break;
        default:
            values[i] = sw_float_of_bits(sw_load32(from + 4 * i));
            break;
        }
    }
}

void sw_quantised_values(const sw_quant_type *type, const sw_quant_planes *planes, size_t first, size_t count,
                         float *values) {
    for (size_t i = 0; i < count; i += type->run) {
        const line run = line_of(type, planes, (first + i) / type->run);
        for (size_t k = i; k < i + type->run; k++) {
            const int number = number_of(type->code, planes->codes[first + k]) - type->code.zero;
            values[k] = sw_add(sw_multiply(run.d, (float)number), run.low);
        }
    }
}

/* The low-rank term of count elements of one row. Sums are integers that binary32 holds, in any order. */
static void add_term(const sw_quantised *q, const int32_t *left, size_t first, size_t count, float *values) {
    const sw_factors *right = q->factors;
    const size_t row = first / right->columns, column = first % right->columns;
    const size_t rows = q->elements / right->columns;
    float sums[SW_QUANT_ELEMENTS] = {0};
    for (size_t k = 0; k < right->rank; k++) {
        const float factor = (float)left[k * rows + row];
        const int32_t *others = right->values + k * right->columns + column;
        for (size_t i = 0; i < count; i++) {
            sums[i] += factor * (float)others[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = sw_add(values[i], sw_multiply(sums[i], q->unit));
    }
}

/* The base's values from element `first` on, with the term; count is that of a block of the target, so runs are whole. */
static void load(const sw_quantised *q, const uint8_t *base, const sw_quantised_work *w, size_t first, size_t count,
                 float *values) {
    if (q->source == NULL) {
        const size_t width = sw_shape_of((unsigned)q->element).width;
        load_floats(q->element, base + first * width, count, values);
    } else {
        sw_quantised_values(q->source, &w->source, first, count, values);
    }
    if (q->has_term) {
        add_term(q, w->left, first, count, values);
    }
}

/* The largest magnitude, NaN passed over: as integers, whose order is the same. */
static float largest_magnitude(const float *values, size_t count) {
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = sw_bits_of_float(values[i]) & UINT32_C(0x7FFFFFFF);
        const uint32_t known = bits > UINT32_C(0x7F800000) ? 0 : bits;
        largest = known > largest ? known : largest;
    }
    return sw_float_of_bits(largest);
}

/* The least and the most value, NaN passed over: (most - least, least). */
static line range_of(const float *values, size_t count) {
    float least = 0, most = 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const float value = values[i];
        if (value == value) {
            least = !any || value < least ? value : least;
            most = !any || value > most ? value : most;
            any = true;
        }
    }
    return (line){sw_add(most, -least), least};
}

/* d and m by the type's own rule, before they are rounded to halves. */
static line ruled(const sw_quant_type *type, const float *values) {
    if (type->rule == SW_RULE_RANGE) {
        const line range = range_of(values, type->elements);
        return (line){sw_divide(range.d, type->code.most), range.low};
    }
    const float largest = largest_magnitude(values, type->elements);
    if (type->rule == SW_RULE_LARGEST) {
        return (line){sw_divide(largest, type->code.most), 0};
    }
    /* The first of them decides the sign. */
    size_t first = 0;
    while (largest > 0 && values[first] != largest && values[first] != -largest) {
        first++;
    }
    return (line){sw_divide(largest > 0 ? values[first] : 0, (float)-type->code.zero), 0};
}

unsigned sw_quantised_scale(const sw_quant_type *type, const sw_quant_planes *planes, size_t run) {
    return sw_eighths_of_octave(line_of(type, planes, run).d);
}

/* Values over the line of their run. */
static void divide_run(const sw_quant_type *type, line over, float *values) {
    const float inverse = over.d == 0 ? 0 : sw_divide(1, over.d);
    for (size_t i = 0; i < type->run; i++) {
        values[i] = sw_add(values[i], -over.low);
    }
    if (type->rule != SW_RULE_NONE || over.d == 0) {
        for (size_t i = 0; i < type->run; i++) {
            values[i] = sw_multiply(values[i], inverse);
        }
    } else {
        for (size_t i = 0; i < type->run; i++) {
            values[i] = sw_divide(values[i], over.d);
        }
    }
}

/* Where the base's code is the least or the most, it made the scale, and still does. */
static void keep_extremes(sw_quant_range range, const uint8_t *old, size_t count, uint8_t *numbers, uint8_t *classes,
                          uint8_t *folds) {
    for (size_t i = 0; i < count; i++) {
        const int number = number_of(range, old[i]);
        const bool stays = (number <= range.least) | (number >= range.most);
        numbers[i] = stays ? old[i] : numbers[i];
        classes[i] = stays ? SW_QUANT_ALONE : classes[i];
        folds[i] = stays ? 0 : folds[i];
    }
}

static void predict_codes(const sw_quantised *q, const uint8_t *base, sw_quantised_work *w) {
    const sw_quant_type *type = q->type;
    const bool crossed = q->source != type;
    const bool by_rule = crossed && type->rule != SW_RULE_NONE;
    const size_t size = type->elements;
    const size_t runs = size / type->run;
    float values[SW_QUANT_ELEMENTS];
    for (size_t block = 0; block < q->elements / size; block++) {
        const size_t first = block * size;
        const uint16_t d = sw_load16(w->target.d + 2 * block);
        load(q, base, w, first, size, values);
        line rule = {0, 0};
        if (by_rule) {
            rule = ruled(type, values);
        }
        for (size_t run = 0; run < runs; run++) {
            line over = line_of(type, &w->target, block * runs + run);
            if (by_rule) {
                /* Codes are made before d and m are rounded. */
                over.d = sw_float_to_half(rule.d) == d ? rule.d : over.d;
                over.low = type->has_m && sw_float_to_half(rule.low) == sw_load16(w->target.m + 2 * block)
                               ? rule.low : over.low;
            }
            const size_t at = run * type->run;
            divide_run(type, over, values + at);
            sw_quantised_place(q, type->code, type->rule, over.d, values + at, type->run,
                               w->predicted.codes + first + at, w->classes + first + at, w->folds + first + at);
        }
        if (!crossed && q->extremes_stay && (d ^ sw_load16(w->source.d + 2 * block)) >> 15 == 0) {
            keep_extremes(type->code, w->source.codes + first, size, w->predicted.codes + first, w->classes + first,
                          w->folds + first);
        }
    }
}

/* Scales or mins of runs: the old product over the block's new number. */
static void predict_runs(const sw_quantised *q, sw_plane plane, sw_quantised_work *w) {
    const sw_quant_type *type = q->type;
    const size_t runs = type->elements / type->run;
    const bool mins = plane == SW_PLANE_MINS;
    const uint8_t *old_unit = mins ? w->source.m : w->source.d;
    const uint8_t *new_unit = mins ? w->target.m : w->target.d;
    const uint8_t *numbers = sw_plane_of(&w->source, plane);
    float values[SW_QUANT_ELEMENTS];
    for (size_t block = 0; block < q->elements / type->elements; block++) {
        const float unit = half_at(new_unit, block);
        const float old = half_at(old_unit, block);
        for (size_t i = 0; i < runs; i++) {
            const int number = number_of(type->scale, numbers[block * runs + i]) - type->scale.zero;
            values[i] = unit == 0 ? 0 : sw_divide(sw_multiply(old, (float)number), unit);
        }
        const size_t at = block * runs;
        sw_quantised_place(q, type->scale, SW_RULE_NONE, unit, values, runs, sw_plane_of(&w->predicted, plane) + at,
                           w->classes + at, w->folds + at);
    }
}

static void predict_units(const sw_quantised *q, const uint8_t *base, sw_plane plane, sw_quantised_work *w) {
    const sw_quant_type *type = q->type;
    uint8_t *predicted = sw_plane_of(&w->predicted, plane);
    const bool by_rule = q->source != type || (q->has_term && type->rule != SW_RULE_NONE);
    float values[SW_QUANT_ELEMENTS];
    for (size_t block = 0; block < q->elements / type->elements; block++) {
        float value;
        if (by_rule) {
            load(q, base, w, block * type->elements, type->elements, values);
            const line rule = ruled(type, values);
            value = plane == SW_PLANE_M ? rule.low : rule.d;
        } else if (plane == SW_PLANE_D && type->rule == SW_RULE_RANGE) {
            /* The largest value stays where it was. */
            const float moved = sw_add(half_at(w->source.m, block), -half_at(w->target.m, block));
            value = sw_add(half_at(w->source.d, block), sw_divide(moved, type->code.most));
        } else {
            memcpy(predicted + 2 * block, sw_plane_of(&w->source, plane) + 2 * block, 2);
            continue;
        }
        sw_store16(predicted + 2 * block, sw_float_to_half(value));
    }
}

void sw_quantised_start(const sw_quantised *q, const uint8_t *base, sw_quantised_work *w) {
    if (q->source != NULL) {
        sw_quant_unpack(q->source, base, q->elements, &w->source);
    }
}

bool sw_quantised_predict(const sw_quantised *q, const uint8_t *base, sw_plane plane, sw_quantised_work *w) {
    if (plane == SW_PLANE_CODES) {
        predict_codes(q, base, w);
        return true;
    }
    if (q->source != q->type && q->type->rule == SW_RULE_NONE) {
        return false;
    }
    if (plane == SW_PLANE_MINS || plane == SW_PLANE_SCALES) {
        predict_runs(q, plane, w);
    } else {
        predict_units(q, base, plane, w);
    }
    return true;
}
