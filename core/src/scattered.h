/* The SCATTERED block: what its decoder and its encoder share. SPEC, "Codec 10". */
#ifndef SW_SCATTERED_H
#define SW_SCATTERED_H

#include "bytes.h"
#include "numeric.h"

enum {
    SW_SCATTERED_SHARE = 8,   /* one element in so many changes, at most */
    SW_SCATTERED_ROUND = 256, /* elements that the loops look at in one round */
    SW_NO_CLASS = 255,        /* what fills up a round */
    SW_NO_CHANGE = 1 << 30    /* the gap of a class behind its last change: longer than two blocks */
};

typedef enum { SW_SCATTERED_NUMERIC = 0, SW_SCATTERED_ADAPTIVE = 1, SW_SCATTERED_STORED = 2 } sw_scattered_coding;

typedef struct {
    sw_element_shape shape;
    unsigned class_top;
    sw_scattered_coding gaps_coding;
    sw_scattered_coding values_coding;
    uint32_t changes[SW_CLASSES]; /* elements that change, by class */
    size_t change_count;
    size_t elements;
    const uint8_t *gaps;
    size_t gaps_size;
    const uint8_t *values;
    size_t values_size;
} sw_scattered_header;

sw_status sw_scattered_parse(const uint8_t *payload, size_t payload_size, size_t out_size, sw_scattered_header *header);

/* What gaps are coded against: it tells the coder their class. */
static inline uint32_t sw_foreseen_gap(unsigned class_) {
    return (uint32_t)(SW_CLASSES - 1 - class_) << 28;
}

/* The gap behind a change, or SW_NO_CHANGE behind the last one of its class. */
static inline void sw_next_gap(sw_scattered_gaps *gaps, unsigned class_) {
    if (gaps->next[class_] == gaps->end[class_]) {
        gaps->left[class_] = SW_NO_CHANGE;
        return;
    }
    gaps->left[class_] = sw_load32(gaps->next[class_]) - sw_foreseen_gap(class_);
    gaps->next[class_] += 4;
}

/* To the first gap of each class; `next` holds all of them, class by class. */
void sw_start_gaps(sw_scattered_gaps *gaps, const uint8_t *next, const uint32_t changes[SW_CLASSES]);

/* The numbers of the elements that change, in order. Returns how many: fewer than there are gaps if one reaches behind the
 * last element. classes is room for SW_CHUNK. */
size_t sw_locate_changes(const sw_numeric_kernels *kernels, const uint8_t *base, size_t elements,
                         const sw_element_shape *shape, unsigned class_top, sw_scattered_gaps *gaps, uint8_t *classes,
                         uint32_t *positions);

/* The elements of those numbers, end to end. */
void sw_gather(const uint8_t *from, const uint32_t *positions, size_t count, unsigned width, uint8_t *to);

sw_status sw_scattered_decode_with(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                   const uint8_t *base, size_t base_size, uint8_t *out, size_t out_size,
                                   sw_scattered_work *work);

#endif
