/* The modelled content of SPLICE blocks, encoding. */
#ifndef SW_SPLICE_ENCODE_H
#define SW_SPLICE_ENCODE_H

#include "splice.h"

/* Encode as sw_splice_decode decodes; the runs lie inside the base and the literals suffice for them.
 *
 * Returns the size, or 0 if it does not fit into capacity, the limits are exceeded or the base cannot be read.
 */
size_t sw_splice_encode(const sw_splice_run *runs, size_t run_count, const uint8_t *literals, size_t count,
                        const sw_splice_base *base, uint32_t *slots, uint8_t *out, size_t capacity,
                        sw_splice_work *work);

#endif
