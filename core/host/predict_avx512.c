/* The loops of predictions, compiled for AVX-512: the same operations, more at once. */
#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define SW_KERNEL(name) avx512_##name
#include "predict_kernels.h"

extern const sw_predict_kernels sw_avx512_predict_kernels;
const sw_predict_kernels sw_avx512_predict_kernels = {"avx512", avx512_multiply, avx512_predict, avx512_load};
#endif
