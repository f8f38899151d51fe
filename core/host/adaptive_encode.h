/* ADAPTIVE blocks, encoding. */
#ifndef SW_ADAPTIVE_ENCODE_H
#define SW_ADAPTIVE_ENCODE_H

#include "sapwood.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Encode `size` bytes of target as one block.
 *
 * base       bytes the differences are against, `size` of them; NULL for a raw block.
 * size       1 to SW_MAX_BLOCK, a multiple of the element's width.
 * capacity   room at out, with 8 bytes to spare for the coder's last ones; a longer block is given up early.
 *
 * Returns the block's size, or 0: it does not fit, or it cannot be said. The block has then been decoded
 * and compared. One pass each way; pick between elements, or a base and none, by encoding both.
 */
size_t sw_adaptive_encode(const uint8_t *base, const uint8_t *target, size_t size, sw_element element,
                          uint8_t *out, size_t capacity, sw_adaptive_work *work);

#ifdef __cplusplus
}
#endif
#endif
