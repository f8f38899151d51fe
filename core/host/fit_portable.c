/* The matrix product of low-rank fits, in plain C. */
#define SW_KERNEL(name) portable_##name
#include "fit_kernels.h"

const sw_fit_kernels sw_portable_fit_kernels = {"portable", portable_multiply};
