/* The matrix product of low-rank fits, written once and compiled once for every instruction set.
 *
 * Include after defining SW_KERNEL(name). Each element of the product is one sum in the order of k, whatever the
 * width of the registers: the same bytes on every machine.
 */
#include <string.h>

#include "low_rank.h"

typedef float SW_KERNEL(lanes) __attribute__((vector_size(4 * SW_FIT_LANES), aligned(4)));

/* One number in all lanes. A product of a number and lanes will not do: where floats are evaluated as binary64
 * (s390x), the compiler refuses to narrow the number. */
static inline void SW_KERNEL(spread)(float value, SW_KERNEL(lanes) *out) {
    for (size_t i = 0; i < SW_FIT_LANES; i++) {
        (*out)[i] = value;
    }
}

/* out[i][p] = sum over k < depth of a[i][k] * b[k][p], for 4 rows i and 2 * SW_FIT_LANES columns p. */
static inline void SW_KERNEL(tile)(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t depth,
                                   float *out, size_t out_stride) {
    SW_KERNEL(lanes) s00 = {0}, s01 = {0}, s10 = {0}, s11 = {0}, s20 = {0}, s21 = {0}, s30 = {0}, s31 = {0};
    const float *a1 = a + a_stride, *a2 = a1 + a_stride, *a3 = a2 + a_stride;
    for (size_t k = 0; k < depth; k++) {
        const SW_KERNEL(lanes) b0 = *(const SW_KERNEL(lanes) *)(const void *)(b + k * b_stride);
        const SW_KERNEL(lanes) b1 = *(const SW_KERNEL(lanes) *)(const void *)(b + k * b_stride + SW_FIT_LANES);
        SW_KERNEL(lanes) x0, x1, x2, x3;
        SW_KERNEL(spread)(a[k], &x0);
        SW_KERNEL(spread)(a1[k], &x1);
        SW_KERNEL(spread)(a2[k], &x2);
        SW_KERNEL(spread)(a3[k], &x3);
        s00 += x0 * b0;
        s01 += x0 * b1;
        s10 += x1 * b0;
        s11 += x1 * b1;
        s20 += x2 * b0;
        s21 += x2 * b1;
        s30 += x3 * b0;
        s31 += x3 * b1;
    }
    const SW_KERNEL(lanes) sums[8] = {s00, s01, s10, s11, s20, s21, s30, s31};
    for (size_t i = 0; i < 4; i++) {
        memcpy(out + i * out_stride, &sums[2 * i], 2 * sizeof sums[0]);
    }
}

static void SW_KERNEL(multiply)(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t rows,
                                size_t columns, size_t depth, float *out, size_t out_stride) {
    /* The outer loop goes over columns: what is read of b stays in the cache for all rows. */
    for (size_t p = 0; p < columns; p += 2 * SW_FIT_LANES) {
        for (size_t i = 0; i < rows; i += 4) {
            SW_KERNEL(tile)(a + i * a_stride, a_stride, b + p, b_stride, depth, out + i * out_stride + p, out_stride);
        }
    }
}
