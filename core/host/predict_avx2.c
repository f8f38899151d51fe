/* The loops of predictions, compiled for AVX2: the same operations, more at once. */
#if defined(__AVX2__)
#define SW_KERNEL(name) avx2_##name
#include "predict_kernels.h"

extern const sw_predict_kernels sw_avx2_predict_kernels;
const sw_predict_kernels sw_avx2_predict_kernels = {"avx2", avx2_multiply, avx2_predict, avx2_load};
#endif
