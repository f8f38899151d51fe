/* Tables that all paths of the byte coder share: constants of the format. */
#ifndef SW_BYTE_LANES_H
#define SW_BYTE_LANES_H

#include "byte_model.h"

/* For paths that gain by it. Under sanitizers compilers take minutes for what is written out. */
#if defined(__SANITIZE_ADDRESS__)
#define SW_BYTE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SW_BYTE_SANITIZED 1
#endif
#endif
#ifdef SW_BYTE_SANITIZED
#define SW_BYTE_WRITTEN_OUT static
#define SW_BYTE_UNROLLED
#else
#define SW_BYTE_WRITTEN_OUT static inline __attribute__((always_inline))
#define SW_BYTE_UNROLLED _Pragma("GCC unroll 16")
#endif

/* By a node's count: how much of what is missing to certainty it learns at once, in 1/256. */
extern const uint8_t sw_byte_rates[16];
/* By nibble: all ones in the lanes of the nodes on its way; and of those whose decision is a 1. */
extern const uint16_t sw_byte_path[16][SW_BYTE_LANES];
extern const uint16_t sw_byte_bits[16][SW_BYTE_LANES];

/* The probability of a node's less likely bit by how sure it is, in steps of 256: knots on a line, and how much is lost
 * until the next; of both the upper bytes, then the lower ones. */
extern const uint8_t sw_byte_knots[4][16];

/* Decisions at the ends would cost more than 12 bits when they are wrong. */
enum { SW_BYTE_LEAST = 16, SW_BYTE_LEARNING = 704 };

#endif
