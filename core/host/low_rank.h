/* Low-rank fits of what changed between two matrices: for the encoder, which then rounds the factors to integers.
 *
 * A rounded element tells of the difference only that it lies within half an ulp round target - base. All results are
 * the same on every machine: sums have one order, and nothing is fused.
 */
#ifndef SW_LOW_RANK_H
#define SW_LOW_RANK_H

#include "predicted.h"

enum {
    SW_FIT_LANES = 16, /* floats in a vector of the product */
    SW_FIT_TILE = 2 * SW_FIT_LANES
};

typedef struct {
    const char *name;
    /* out = a * b; rows are a multiple of 4, columns of SW_FIT_TILE; strides in floats. */
    void (*multiply)(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t rows, size_t columns,
                     size_t depth, float *out, size_t out_stride);
} sw_fit_kernels;

extern const sw_fit_kernels sw_portable_fit_kernels;

typedef struct {
    const uint8_t *base;
    const uint8_t *target;
    sw_element base_element;
    sw_element element;
    size_t rows;    /* those looked at: every step-th row of the matrices */
    size_t columns;
    size_t step;
    bool even;      /* all elements count alike, whatever their roundings leave known of them */
} sw_pair;

typedef struct {
    const sw_fit_kernels *fit;
    const sw_predict_kernels *load;
} sw_fit_loops;

typedef struct sw_low_rank sw_low_rank;

/* The rank that a small part of the difference seems to have, 0 if it is not low. Takes little time. */
unsigned sw_low_rank_hint(const sw_fit_loops *loops, const sw_pair *pair);

/* NULL without memory. The pair's bytes are not needed afterwards. */
sw_low_rank *sw_low_rank_new(const sw_fit_loops *loops, const sw_pair *pair);
void sw_low_rank_free(sw_low_rank *f);

/* The sum of the squares of all differences. */
double sw_low_rank_energy(const sw_low_rank *f);

/* The largest count singular values, about, falling; the right factor begins with their vectors. false without
 * memory. */
bool sw_low_rank_find(sw_low_rank *f, unsigned count, double *values);

/* Begin with a product: the left factor, rank * rows floats, and the right one, rank * columns, by components. */
bool sw_low_rank_begin(sw_low_rank *f, unsigned rank, const float *left, const float *right);

/* Keep the first rank components that were found. */
bool sw_low_rank_take(sw_low_rank *f, unsigned rank);

/* Weighted least squares for one factor and then the other, some times over. What is predicted within its rounding
 * counts only by the factor inside. */
bool sw_low_rank_improve(sw_low_rank *f, float inside, unsigned times);

/* The right factor as integers in units of 2^(exponent / 2), about: rank * columns, component after component.
 * all_rows: those of the whole matrix. */
bool sw_low_rank_round(sw_low_rank *f, int exponent, size_t all_rows, float inside, int32_t *right);

/* The left factor of a pair for a right factor of integers and a unit of 2^exponent: rank * rows, component after
 * component. false without memory. */
bool sw_low_rank_left(const sw_fit_loops *loops, const sw_pair *pair, unsigned rank, int exponent, const int32_t *right,
                      float inside, unsigned times, int32_t *left);

/* Small dense algebra on r * r doubles, row after row. */
void sw_cholesky(double *g, unsigned r);                       /* the lower triangle becomes L of g = L L' */
void sw_solve_cholesky(const double *l, unsigned r, double *x); /* x = g^-1 x */
void sw_round_cholesky(const double *l, unsigned r, double *x); /* integers near x, each error made good by the rest */
void sw_eigen(double *g, double *vectors, unsigned r);          /* diagonal of g; columns of vectors; falling */

#endif
