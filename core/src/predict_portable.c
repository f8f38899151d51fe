/* The loops of predictions in plain C. */
#define SW_KERNEL(name) portable_##name
#include "predict_kernels.h"

const sw_predict_kernels sw_portable_predict_kernels = {"portable", portable_multiply, portable_predict, portable_load};
