/* The encoder's loops in plain C. */
#define SW_KERNEL(name) portable_##name
#include "encode_kernels.h"

const sw_encode_kernels sw_portable_encode_kernels = {
    "portable", portable_active, portable_differences, portable_classes, portable_group_sums, portable_buckets, NULL, portable_rans32,
};
