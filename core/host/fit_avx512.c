/* The matrix product of low-rank fits, compiled for avx512. */
#if defined(__AVX512F__)
#define SW_KERNEL(name) avx512_##name
#include "fit_kernels.h"

extern const sw_fit_kernels sw_avx512_fit_kernels;
const sw_fit_kernels sw_avx512_fit_kernels = {"avx512", avx512_multiply};
#endif
