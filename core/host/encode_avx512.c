/* The encoder's loops in AVX-512. */
#ifdef __AVX512VBMI2__
#define SW_KERNEL(name) avx512_##name
#include "encode_kernels.h"

const sw_encode_kernels sw_avx512_encode_kernels = {
    "avx512", avx512_differences, avx512_classes, avx512_group_sums, avx512_buckets, avx512_rans32,
};
#else
typedef int sw_no_encode_avx512; /* C99 wants something in every file */
#endif
