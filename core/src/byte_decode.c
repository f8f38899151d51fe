/* The byte coder in plain C: for every processor, and what all other paths must equal. */
#define SW_BYTE(name) sw_portable_byte_##name

#include "byte_lanes_portable.h"
#include "byte_walk.h"

const sw_byte_kernels sw_portable_byte_kernels = {"portable", SW_BYTE(decode), SW_BYTE(encode), SW_BYTE(learn)};
