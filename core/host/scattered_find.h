/* Encoder of SCATTERED blocks: which elements change, and the gaps between them. Its caller codes both rows. */
#ifndef SW_SCATTERED_FIND_H
#define SW_SCATTERED_FIND_H

#include "numeric_encode.h"
#include "scattered.h"

typedef struct {
    uint64_t changed[SW_MAX_ELEMENTS / 64]; /* a bit an element */
    sw_gap measured[SW_MAX_CHANGES];
    uint32_t located[SW_MAX_CHANGES + 4];
    uint8_t classes[SW_CHUNK];
    /* What was found: gaps class by class and what they are coded against, 4 bytes each; elements in order. */
    unsigned class_top;
    uint32_t changes[SW_CLASSES];
    size_t change_count;
    uint8_t foreseen[4 * SW_MAX_CHANGES];
    uint8_t gaps[4 * SW_MAX_CHANGES];
    uint8_t from[SW_MAX_BLOCK / 8];
    uint8_t to[SW_MAX_BLOCK / 8];
} sw_scattered_find_work;

/* Find the changes of `size` bytes of target against as many of base. The gaps have then been followed to the same elements.
 *
 * False if this codec cannot say the block; and, unless `always`, if NUMERIC will say it shorter or sooner: where many elements change,
 * or all in a few places, or next to none. */
bool sw_scattered_find(const sw_encode_kernels *kernels, const sw_numeric_kernels *decode_kernels,
                       const uint8_t *base, const uint8_t *target, size_t size, sw_element element, bool always, sw_scattered_find_work *work);

#endif
