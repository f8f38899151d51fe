/* The matrix product of low-rank fits, compiled for avx2. */
#if defined(__AVX2__)
#define SW_KERNEL(name) avx2_##name
#include "fit_kernels.h"

extern const sw_fit_kernels sw_avx2_fit_kernels;
const sw_fit_kernels sw_avx2_fit_kernels = {"avx2", avx2_multiply};
#endif
