/* The fastest byte coder this processor can run, chosen at run time. Every one gives the same bytes. */
#ifndef SW_BYTE_CPU_H
#define SW_BYTE_CPU_H

#include "byte_model.h"

/* name: NULL for the best, or "portable", "ssse3", "avx2", "neon". NULL if the build or this processor lacks it. */
const sw_byte_kernels *sw_byte_kernels_for(const char *name);

#endif
