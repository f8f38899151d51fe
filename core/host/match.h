/* Content matcher: for the bytes of a target, where their content lies in a base. Host only: it allocates. */
#ifndef SW_MATCH_H
#define SW_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An aligned run: target bytes from target_offset correspond to base bytes from base_offset, one to one.
 * `equal` of its `length` bytes are the same. equal == length is a copy. Where much less is equal (numbers that
 * all moved a little, known only by their neighbours) the caller decides what a difference is worth, best by coding
 * it: retrained 8-bit weights with 6 in 100 bytes equal can still be far smaller as differences. */
typedef struct {
    uint64_t target_offset;
    uint64_t base_offset;
    uint64_t length;
    uint64_t equal;
} sw_match;

typedef struct sw_matcher sw_matcher;

enum { SW_MATCH_QUEUE = 16 };

/* A search under way. Set it to {0} before the first call; only `reached` is for the caller. */
typedef struct {
    uint64_t reached; /* target bytes that are settled: the target's size when the search is over */
    uint64_t at;
    uint64_t displacement; /* base offset less target offset, modulo 2^64 */
    int64_t credit;
    uint64_t credited; /* target bytes that have earned theirs */
    uint64_t island; /* displacement of the last short run */
    sw_match open; /* the run that may still grow */
    uint64_t tail; /* equal bytes at its end */
    unsigned queued;
    unsigned taken;
    bool over;
    sw_match queue[SW_MATCH_QUEUE];
} sw_match_search;

/* Index the base, which must outlive the matcher, in at most memory_limit bytes (but at least some KB).
 * NULL when out of memory. A base of more than memory_limit / 12 bytes, or 4 million, is sampled: the larger the
 * base, the longer a content must be to be found for certain (16 bytes below 4 MB, 96 bytes at 256 MB). */
sw_matcher *sw_matcher_new(const uint8_t *base, size_t base_size, size_t memory_limit);
void sw_matcher_free(sw_matcher *matcher);

/* Write up to `capacity` runs, ordered by target_offset and without overlap; what lies between is literal.
 * Returns their number. Call again with the same search until reached == target_size: the runs do not depend on
 * the capacities. Several threads may search with one matcher. */
size_t sw_matcher_find(const sw_matcher *matcher, const uint8_t *target, size_t target_size,
                       sw_match_search *search, sw_match *out, size_t capacity);

#endif
