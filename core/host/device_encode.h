/* DEVICE blocks, encoding. */
#ifndef SW_DEVICE_ENCODE_H
#define SW_DEVICE_ENCODE_H

#include "sapwood.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A segment as the encoder gets it: kinds as in src/device.h. */
typedef struct {
    uint8_t kind;
    uint8_t element; /* of differences and numbers */
    uint32_t count;  /* bytes; of differences, numbers and scaled segments: elements */
    uint32_t place;  /* offset in the base, or bytes back in the block */
    uint32_t factor; /* of scaled segments: an f32 */
} sw_device_segment;

/* Encode target[start .. size) as the segments say; what lies before start counts as made already.
 *
 * state_bytes   SW_DEVICE_SMALL or SW_DEVICE_LARGE.
 *
 * Returns the payload's size; 0 if it does not fit, or the segments make no sense. With start > 0 the payload
 * tells a price and is no block; with 0 it has been decoded and compared.
 */
size_t sw_device_encode(const uint8_t *base, size_t base_size, const uint8_t *target, size_t start, size_t size,
                        const sw_device_segment *segments, size_t count, unsigned state_bytes, uint8_t *out,
                        size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
