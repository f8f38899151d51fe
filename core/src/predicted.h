/* The PREDICTED block: what its decoder, its encoder and the kernels share. SPEC, "Codec 6". */
#ifndef SW_PREDICTED_H
#define SW_PREDICTED_H

#include "numeric.h"

#if defined(__FLT_EVAL_METHOD__) && (__FLT_EVAL_METHOD__ < 0 || __FLT_EVAL_METHOD__ == 2)
#error "predictions need binary64 arithmetic that rounds every operation (on x86: -msse2 -mfpmath=sse)"
#endif

enum {
    SW_LEAST_EXPONENT = -1022, /* of the low-rank term: 2 to this power is a normal number */
    SW_MOST_EXPONENT = 1023,
    SW_MOST_SPREAD = 2047      /* of the classes: no field is larger */
};

typedef enum { SW_RESIDUAL_NONE = 0, SW_RESIDUAL_NUMERIC = 1, SW_RESIDUAL_ADAPTIVE = 2 } sw_residual;

/* How a prediction is made, and what of it is left over. */
typedef struct {
    sw_element base_element;
    sw_element element;   /* of the target */
    bool has_scale;
    bool has_second;
    bool has_factors;
    bool given_classes;
    sw_residual residual;
    double scale;         /* of the base */
    double second_scale;
    int64_t second_move;
    double unit;          /* of the low-rank term: a power of two */
    unsigned spread;      /* where classes begin to tell */
    const uint8_t *left;  /* the left factor's matrix */
    size_t left_size;
    const uint8_t *rest;  /* the residual's payload */
    size_t rest_size;
    size_t elements;
} sw_prediction;

/* The hot loops; every set gives the same. count <= SW_PREDICT_TILE. */
typedef struct {
    const char *name;
    /* sums[j] = sum over k < rank of left[k * stride] * right[k * SW_PREDICT_TILE + j]: integers, exact in binary64. */
    void (*multiply)(const int32_t *left, size_t stride, unsigned rank, const double *right, size_t count,
                     double *sums);
    /* The prediction of count elements, rounded to the target's element; sums may be NULL. classes too. */
    void (*predict)(const sw_prediction *p, const uint8_t *base, const uint8_t *second, const double *sums,
                    size_t count, double *values, uint8_t *out, uint8_t *classes);
    /* Elements as binary64, exactly. */
    void (*load)(sw_element element, const uint8_t *from, size_t count, double *values);
} sw_predict_kernels;

extern const sw_predict_kernels sw_portable_predict_kernels;

/* Whether a prediction may be made from, and of, this element. */
bool sw_is_predicted(sw_element element);

/* Where a matrix is decoded: bytes has room for SW_MAX_BLOCK. */
typedef struct {
    sw_numeric_work *numeric;
    sw_adaptive_work *adaptive;
    uint8_t *bytes;
} sw_matrix_work;

/* A matrix of integers (16 or 32 bits): its payload -> count elements; largest is their largest magnitude. */
sw_status sw_matrix_decode(const uint8_t *payload, size_t payload_size, size_t count, int32_t *values,
                           uint64_t *largest, const sw_numeric_kernels *kernels, const sw_matrix_work *work);

/* Whether sums of products with a left factor stay within 2^bits, below which every integer is exact. */
static inline bool sw_sums_are_exact(const sw_factors *factors, uint64_t left_largest, unsigned bits) {
    return factors->largest == 0 || left_largest <= (UINT64_C(1) << bits) / factors->rank / factors->largest;
}

/* Everything before the residual, which is then rest. */
sw_status sw_prediction_parameters(const uint8_t *payload, size_t payload_size, size_t out_size, sw_prediction *p);

/* The same, and refuse a residual that does not go with it. */
sw_status sw_prediction_parse(const uint8_t *payload, size_t payload_size, size_t out_size, sw_prediction *p);

/* Fill work->prediction and, if p->given_classes, work->classes. */
sw_status sw_prediction_make(const sw_predict_kernels *kernels, const sw_numeric_kernels *numeric,
                             const sw_prediction *p, const uint8_t *base, const uint8_t *second,
                             const sw_factors *factors, sw_predicted_work *work);

sw_status sw_factors_decode_with(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                 sw_factors *factors, sw_predicted_work *work);

sw_status sw_predicted_decode_with(const sw_predict_kernels *kernels, const sw_numeric_kernels *numeric,
                                   const uint8_t *payload, size_t payload_size, const uint8_t *base,
                                   size_t base_size, const uint8_t *second, size_t second_size,
                                   const sw_factors *factors, uint8_t *out, size_t out_size,
                                   sw_predicted_work *work);

#endif
