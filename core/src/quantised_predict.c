/* What is predicted of quantised weights: their scales from the base's, their codes from values over scales.
 *
 * All is binary32 arithmetic, one rounding an operation. Where a compiler evaluates floats as binary64, the cast
 * rounds once more, which gives the same (53 >= 2 * 24 + 2).
 */
#include "half.h"
#include "quantised.h"

#if defined(__FLT_EVAL_METHOD__) && (__FLT_EVAL_METHOD__ < 0 || __FLT_EVAL_METHOD__ == 2)
#error "quantised weights need binary32 arithmetic that rounds every operation (on x86: -msse2 -mfpmath=sse)"
#endif

static inline float add(float a, float b) {
    return (float)(a + b);
}

static inline float multiply(float a, float b) {
    return (float)(a * b);
}

static inline float divide(float a, float b) {
    return (float)(a / b);
}

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
        found.d = multiply(found.d, (float)scale);
        found.low = type->has_m ? -multiply(m, (float)planes->mins[run]) : 0;
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

/* The base's values from element `first` on; count is that of a block of the target, so runs are whole. */
static void load(const sw_quantised *q, const uint8_t *base, const sw_quant_planes *source, size_t first, size_t count,
                 float *values) {
    const sw_quant_type *type = q->source;
    if (type == NULL) {
        const size_t width = sw_shape_of((unsigned)q->element).width;
        load_floats(q->element, base + first * width, count, values);
        return;
    }
    for (size_t i = 0; i < count; i += type->run) {
        const line run = line_of(type, source, (first + i) / type->run);
        for (size_t k = i; k < i + type->run; k++) {
            const int number = number_of(type->code, source->codes[first + k]) - type->code.zero;
            values[k] = add(multiply(run.d, (float)number), run.low);
        }
    }
}

/* d and m by the type's own rule, before they are rounded to halves. */
static line ruled(const sw_quant_type *type, const float *values) {
    float largest = 0, amount = 0, least = 0, most = 0;
    bool any = false;
    for (size_t i = 0; i < type->elements; i++) {
        const float value = values[i];
        const float magnitude = value < 0 ? -value : value;
        if (magnitude > amount) {
            amount = magnitude;
            largest = value;
        }
        if (value == value) {
            least = !any || value < least ? value : least;
            most = !any || value > most ? value : most;
            any = true;
        }
    }
    switch (type->rule) {
    case SW_RULE_LARGEST:
        return (line){divide(amount, type->code.most), 0};
    case SW_RULE_SIGNED:
        return (line){divide(largest, (float)-type->code.zero), 0};
    default:
        return (line){divide(add(most, -least), type->code.most), least};
    }
}

/* The number of a range nearest to a quotient, ties as the type's rule has them, and not yet within the range. */
static inline int nearest_to(float y, sw_quant_range range, sw_quant_rule rule) {
    const int whole = (int)y;
    const float rest = add(y, -(float)whole);
    if (rule == SW_RULE_LARGEST) {
        return whole + (rest >= 0.5f) - (rest <= -0.5f);
    }
    if (rule == SW_RULE_NONE) {
        const int odd = whole & 1;
        const int up = (rest > 0.5f) | ((rest == 0.5f) & odd);
        const int down = (rest < -0.5f) | ((rest == -0.5f) & odd);
        return whole + up - down + range.zero;
    }
    return (int)add(y, (float)range.zero + 0.5f);
}

static inline unsigned eighths_of_octave(float scale) {
    return sw_bits_of_float(scale) >> 20 & SW_QUANT_MOST_ORIGIN;
}

/* 0 to 4: a large scale makes the same change of a weight small. */
static unsigned level_of(const sw_quantised *q, float scale) {
    const int level = ((int)eighths_of_octave(scale) - (int)q->origin + 2 + 4096) / 4 - 1024 + 2;
    return !q->by_scale || level < 0 ? 0 : level > 4 ? 4 : (unsigned)level;
}

/* The numbers of a range nearest to quotients, their classes (how far they lie from there) and on which side. */
static inline void place_by(const sw_quantised *q, sw_quant_range range, sw_quant_rule rule, unsigned level,
                            const float *quotients, size_t count, uint8_t *restrict numbers,
                            uint8_t *restrict classes, uint8_t *restrict folds) {
    const bool from_edge = q->from_edge;
    const bool by_scale = q->by_scale;
    const uint32_t unit = UINT32_C(1) << q->spread;
    for (size_t i = 0; i < count; i++) {
        const bool usual = (quotients[i] > -32768.0f) & (quotients[i] < 32768.0f);
        const float y = usual ? quotients[i] : 0;
        int nearest = nearest_to(y, range, rule);
        nearest = nearest < range.least ? range.least : nearest;
        nearest = nearest > range.most ? range.most : nearest;
        const float beside = add(y, -(float)(nearest - range.zero));
        const float distance = beside < 0 ? -beside : beside;
        const float measure = from_edge ? add(0.5f, -distance) : distance;
        const bool near = usual & (distance <= 0.5f);
        const uint32_t units = near ? (uint32_t)(int32_t)(measure * (float)(1 << SW_QUANT_UNIT_BITS)) : 0;
        unsigned place = (unsigned)(units >= unit) + (units >= 4 * unit);
        if (by_scale) {
            place = 5 * place + level;
        } else {
            place += (unsigned)(units >= 2 * unit);
            for (unsigned k = 3; k < 14; k++) {
                place += (unsigned)(units >= unit << k);
            }
        }
        numbers[i] = (uint8_t)nearest;
        classes[i] = (uint8_t)(near ? place : SW_QUANT_ALONE);
        folds[i] = near & (beside <= 0) ? 255 : 0;
    }
}

static void place(const sw_quantised *q, sw_quant_range range, sw_quant_rule rule, unsigned level,
                  const float *quotients, size_t count, uint8_t *numbers, uint8_t *classes, uint8_t *folds) {
    switch (rule) {
    case SW_RULE_LARGEST:
        place_by(q, range, SW_RULE_LARGEST, level, quotients, count, numbers, classes, folds);
        break;
    case SW_RULE_NONE:
        place_by(q, range, SW_RULE_NONE, level, quotients, count, numbers, classes, folds);
        break;
    default:
        place_by(q, range, SW_RULE_SIGNED, level, quotients, count, numbers, classes, folds);
        break;
    }
}

void sw_quantised_fold(const uint8_t *folds, size_t count, uint8_t *numbers) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] ^= folds[i];
    }
}

unsigned sw_quantised_scale(const sw_quant_type *type, const sw_quant_planes *planes, size_t run) {
    return eighths_of_octave(line_of(type, planes, run).d);
}

/* Values over the line of their run. */
static void divide_run(const sw_quant_type *type, line over, float *values) {
    const float inverse = over.d == 0 ? 0 : divide(1, over.d);
    for (size_t i = 0; i < type->run; i++) {
        values[i] = add(values[i], -over.low);
    }
    if (type->rule != SW_RULE_NONE || over.d == 0) {
        for (size_t i = 0; i < type->run; i++) {
            values[i] = multiply(values[i], inverse);
        }
    } else {
        for (size_t i = 0; i < type->run; i++) {
            values[i] = divide(values[i], over.d);
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
        load(q, base, &w->source, first, size, values);
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
            const unsigned level = level_of(q, over.d);
            divide_run(type, over, values + at);
            place(q, type->code, type->rule, level, values + at, type->run, w->predicted.codes + first + at,
                  w->classes + first + at, w->folds + first + at);
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
            values[i] = unit == 0 ? 0 : divide(multiply(old, (float)number), unit);
        }
        const size_t at = block * runs;
        place(q, type->scale, SW_RULE_NONE, level_of(q, unit), values, runs, sw_plane_of(&w->predicted, plane) + at,
              w->classes + at, w->folds + at);
    }
}

static void predict_units(const sw_quantised *q, const uint8_t *base, sw_plane plane, sw_quantised_work *w) {
    const sw_quant_type *type = q->type;
    uint8_t *predicted = sw_plane_of(&w->predicted, plane);
    float values[SW_QUANT_ELEMENTS];
    for (size_t block = 0; block < q->elements / type->elements; block++) {
        float value;
        if (q->source != type) {
            load(q, base, &w->source, block * type->elements, type->elements, values);
            const line rule = ruled(type, values);
            value = plane == SW_PLANE_M ? rule.low : rule.d;
        } else if (plane == SW_PLANE_D && type->rule == SW_RULE_RANGE) {
            /* The largest value stays where it was. */
            const float moved = add(half_at(w->source.m, block), -half_at(w->target.m, block));
            value = add(half_at(w->source.d, block), divide(moved, type->code.most));
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
