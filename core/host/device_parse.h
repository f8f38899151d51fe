/* Ways to say tables as segments of a DEVICE block. Host only: it allocates. */
#ifndef SW_DEVICE_PARSE_H
#define SW_DEVICE_PARSE_H

#include "device_encode.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Knows what a base holds, which must outlive it. Of a base above 64 MiB it knows some places only. */
typedef struct sw_device_index sw_device_index;

/* NULL when out of memory. A base is below 2^32 bytes. */
sw_device_index *sw_device_index_new(const uint8_t *base, size_t base_size);
void sw_device_index_free(sw_device_index *index);

/* Says parts of a target in order. Target and index must outlive it. */
typedef struct sw_device_parser sw_device_parser;

/* NULL when out of memory. Copies have a base offset of `least` more than their target offset, or above. */
sw_device_parser *sw_device_parser_new(const sw_device_index *base, const uint8_t *target, size_t size, int64_t least);
void sw_device_parser_free(sw_device_parser *parser);

/* Say target[start .. end) by copies from the base, repeats of what stands before, and bytes: a cheap row of segments
 * by rough prices. Starts never fall. `shift` is base offset less target offset where the base was left.
 *
 * Returns how many segments were written, at most end - start; 0 when out of memory.
 */
size_t sw_device_parser_run(sw_device_parser *parser, size_t start, size_t end, uint32_t shift,
                            sw_device_segment *out);

/* A SCALED segment and the offset it starts at. */
typedef struct {
    uint32_t offset;
    sw_device_segment segment;
} sw_device_found;

/* Where target[start .. end) holds f32 that are a multiple of f32 before them: segments in order, with few elements in
 * them that are not. `start` is a multiple of 4. Returns how many, at most `capacity`. */
size_t sw_device_find_scaled(const uint8_t *target, size_t start, size_t end, sw_device_found *out, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
