/* PREDICTED blocks: parameters, spans and factors to a prediction, and its residual to the target. */
#include "bytes.h"
#include "predicted.h"

enum { SUM_BITS = 53 }; /* every integer up to 2^53 is a binary64 */

static sw_status make_low_rank(const sw_predict_kernels *kernels, const sw_numeric_kernels *numeric,
                               const sw_prediction *p, const uint8_t *base, const uint8_t *second,
                               const sw_factors *factors, uint8_t *classes, sw_predicted_work *w) {
    if (factors == NULL || factors->rank == 0 || p->elements % factors->columns != 0) {
        return SW_ERROR_FACTORS;
    }
    const size_t columns = factors->columns;
    const size_t rows = p->elements / columns;
    uint64_t largest = 0;
    const sw_matrix_work room = {&w->numeric, &w->adaptive, w->matrix};
    const sw_status status =
        sw_matrix_decode(p->left, p->left_size, rows * factors->rank, w->left, &largest, numeric, &room);
    if (status != SW_OK) {
        return status;
    }
    if (!sw_sums_are_exact(factors, largest, SUM_BITS)) {
        return SW_ERROR_FACTORS;
    }
    const size_t base_width = sw_shape_of((unsigned)p->base_element).width;
    const size_t width = sw_shape_of((unsigned)p->element).width;
    for (size_t j = 0; j < columns; j += SW_PREDICT_TILE) {
        const size_t count = columns - j < SW_PREDICT_TILE ? columns - j : SW_PREDICT_TILE;
        for (unsigned k = 0; k < factors->rank; k++) {
            for (size_t i = 0; i < count; i++) {
                w->right[k * SW_PREDICT_TILE + i] = factors->values[k * columns + j + i];
            }
        }
        for (size_t i = 0; i < rows; i++) {
            const size_t at = i * columns + j;
            kernels->multiply(w->left + i, rows, factors->rank, w->right, count, w->sums);
            kernels->predict(p, base + at * base_width, second == NULL ? NULL : second + at * base_width, w->sums,
                             count, w->values, w->prediction + at * width, classes == NULL ? NULL : classes + at);
        }
    }
    return SW_OK;
}

sw_status sw_prediction_make(const sw_predict_kernels *kernels, const sw_numeric_kernels *numeric,
                             const sw_prediction *p, const uint8_t *base, const uint8_t *second,
                             const sw_factors *factors, sw_predicted_work *w) {
    uint8_t *classes = p->given_classes ? w->classes : NULL;
    if (p->has_factors) {
        return make_low_rank(kernels, numeric, p, base, second, factors, classes, w);
    }
    const size_t base_width = sw_shape_of((unsigned)p->base_element).width;
    const size_t width = sw_shape_of((unsigned)p->element).width;
    for (size_t at = 0; at < p->elements; at += SW_PREDICT_TILE) {
        const size_t count = p->elements - at < SW_PREDICT_TILE ? p->elements - at : SW_PREDICT_TILE;
        kernels->predict(p, base + at * base_width, second == NULL ? NULL : second + at * base_width, NULL, count,
                         w->values, w->prediction + at * width, classes == NULL ? NULL : classes + at);
    }
    return SW_OK;
}

sw_status sw_predicted_decode_with(const sw_predict_kernels *kernels, const sw_numeric_kernels *numeric,
                                   const uint8_t *payload, size_t payload_size, const uint8_t *base,
                                   size_t base_size, const uint8_t *second, size_t second_size,
                                   const sw_factors *factors, uint8_t *out, size_t out_size,
                                   sw_predicted_work *w) {
    sw_prediction p;
    sw_status status = sw_prediction_parse(payload, payload_size, out_size, &p);
    if (status != SW_OK) {
        return status;
    }
    const size_t span = p.elements * sw_shape_of((unsigned)p.base_element).width;
    if (base == NULL || base_size != span || (p.has_second && (second == NULL || second_size != span))) {
        return SW_ERROR_BASE;
    }
    status = sw_prediction_make(kernels, numeric, &p, base, p.has_second ? second : NULL, factors, w);
    if (status != SW_OK) {
        return status;
    }
    switch (p.residual) {
    case SW_RESIDUAL_NUMERIC:
        return sw_numeric_decode_given(numeric, p.rest, p.rest_size, w->prediction, out_size,
                                       p.given_classes ? w->classes : NULL, p.given_classes ? p.elements : 0, out,
                                       out_size, &w->numeric);
    case SW_RESIDUAL_ADAPTIVE:
        return sw_adaptive_decode(p.rest, p.rest_size, w->prediction, out_size, out, out_size, &w->adaptive);
    default:
        memcpy(out, w->prediction, out_size);
        return SW_OK;
    }
}

sw_status sw_predicted_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                              const uint8_t *second, size_t second_size, const sw_factors *factors,
                              uint8_t *out, size_t out_size, sw_predicted_work *work) {
    return sw_predicted_decode_with(&sw_portable_predict_kernels, &sw_portable_kernels, payload, payload_size, base,
                                    base_size, second, second_size, factors, out, out_size, work);
}
