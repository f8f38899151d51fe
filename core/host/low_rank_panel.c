/* What the elements of a pair say of their difference, a panel at a time. */
#include <string.h>

#include "low_rank_fit.h"

/* Far less than weights change by, and its square no subnormal binary32. */
#define EVEN_REACH 0x1p-40

/* Mantissa bits, and the exponent field below which an ulp stays the same, both as of a binary64. */
static unsigned mantissa_of(sw_element element) {
    return element == SW_ELEMENT_F16 ? 10 : element == SW_ELEMENT_BF16 ? 7 : element == SW_ELEMENT_F32 ? 23 : 52;
}

static uint64_t least_field(sw_element element) {
    return element == SW_ELEMENT_F16 ? 1023 - 14 : element == SW_ELEMENT_F64 ? 1 : 1023 - 126;
}

void sw_fit_load(const sw_fit_loops *loops, const sw_pair *pair, size_t row, size_t first, size_t count,
                 float *difference, float *reach) {
    const size_t base_width = sw_shape_of((unsigned)pair->base_element).width;
    const size_t width = sw_shape_of((unsigned)pair->element).width;
    const unsigned mantissa = mantissa_of(pair->element);
    const uint64_t least = least_field(pair->element);
    double old[SW_PREDICT_TILE], new[SW_PREDICT_TILE];
    for (size_t at = 0; at < count; at += SW_PREDICT_TILE) {
        const size_t some = count - at < SW_PREDICT_TILE ? count - at : SW_PREDICT_TILE;
        const size_t element = row * pair->columns + first + at;
        loops->load->load(pair->base_element, pair->base + element * base_width, some, old);
        loops->load->load(pair->element, pair->target + element * width, some, new);
        for (size_t i = 0; i < some; i++) {
            uint64_t bits;
            memcpy(&bits, new + i, sizeof bits);
            uint64_t field = bits >> 52 & 0x7FF;
            field = field < least ? least : field;
            /* Half an ulp: 2^(field - 1023 - mantissa - 1), and no less than a binary32 can hold. */
            const uint64_t half = field > mantissa + 1 + 900 ? (field - mantissa - 1) << 52 : UINT64_C(900) << 52;
            double size;
            memcpy(&size, &half, sizeof size);
            size = pair->even ? EVEN_REACH : size;
            const double moved = new[i] - old[i];
            const bool is_number = moved > -1e30 && moved < 1e30;
            difference[at + i] = is_number ? (float)moved : 0;
            reach[at + i] = is_number || pair->even ? (float)size : -1;
        }
    }
}

static void weigh(const sw_low_rank *f, const float *difference, const float *reach, size_t step, size_t count,
                  const float *predicted, float inside, float *weights, float *weighted) {
    const float least = f->least * f->least;
    for (size_t k = 0; k < count; k++) {
        const float d = difference[k * step], h = reach[k * step];
        float weight = h < 0 ? 0 : least / (h * h + least);
        float wanted = d;
        if (predicted != NULL) {
            /* Not to the very edge: the next rounding of the factors would push it over again. */
            const float room = 0.9f * h;
            const float p = predicted[k];
            const bool fits = p >= d - room && p <= d + room;
            wanted = fits ? p : p < d ? d - room : d + room;
            weight = fits ? weight * inside : weight;
        }
        weights[k] = weight;
        weighted[k] = weight * wanted;
    }
}

void sw_fit_panel(const sw_low_rank *f, bool is_left, size_t first, size_t count, const float *predicted, float inside,
                  float *weights, float *weighted, size_t room) {
    const size_t depth = is_left ? f->columns : f->rows;
    const size_t step = is_left ? 1 : f->columns;
    for (size_t i = 0; i < count; i++) {
        const size_t at = is_left ? (first + i) * f->columns : first + i;
        weigh(f, f->difference + at, f->reach + at, step, depth, predicted == NULL ? NULL : predicted + i * room, inside,
              weights + i * room, weighted + i * room);
    }
    if (count < SW_FIT_PANEL) {
        memset(weights + count * room, 0, (SW_FIT_PANEL - count) * room * sizeof *weights);
        memset(weighted + count * room, 0, (SW_FIT_PANEL - count) * room * sizeof *weighted);
    }
}
