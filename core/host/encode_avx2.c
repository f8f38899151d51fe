/* The encoder's loops in AVX2. */
#ifdef __AVX2__
#define SW_KERNEL(name) avx2_##name
#include "encode_kernels.h"

const sw_encode_kernels sw_avx2_encode_kernels = {
    "avx2", avx2_differences, avx2_classes, avx2_group_sums, avx2_buckets, avx2_rans32,
};
#else
typedef int sw_no_encode_avx2; /* C99 wants something in every file */
#endif
