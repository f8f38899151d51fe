/* The fastest loops this processor can run, chosen at run time. Every set gives the same bytes. */
#ifndef SW_CPU_H
#define SW_CPU_H

#include "low_rank.h"
#include "numeric_encode.h"
#include "predicted.h"

/* name: NULL for the best set, or "portable", "avx2", "avx512", "neon".
 * NULL if the build or this processor has no such set. */
const sw_numeric_kernels *sw_decode_kernels(const char *name);
const sw_encode_kernels *sw_encode_kernels_for(const char *name);
const sw_predict_kernels *sw_predict_kernels_for(const char *name);
const sw_fit_kernels *sw_fit_kernels_for(const char *name);

#endif
