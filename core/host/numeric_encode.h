/* Encoder of NUMERIC blocks. Host only: it allocates nothing itself but wants a large work area. */
#ifndef SW_NUMERIC_ENCODE_H
#define SW_NUMERIC_ENCODE_H

#include "numeric.h"

enum {
    SW_LEVEL_FAST = 0,
    SW_LEVEL_DEFAULT = 1,
    SW_LEVEL_MAX = 2
};

enum {
    SW_CONTEXTS = SW_MAX_SCALES * SW_CLASSES,
    SW_EXACT_REACH = 4096, /* magnitudes below this can get a symbol of their own */
    SW_FIRST_EXACT = 192,  /* provisional symbols: buckets below, exact values from here */
    SW_FEW_EXACT = 8,      /* so many are found by comparing with each */
    SW_MAX_FIELDS = 1 << 13,
    SW_MAX_ELEMENTS = 1 << 20
};

typedef struct {
    uint64_t reciprocal; /* ceil(2^(32 + table_bits) / frequency) */
    uint32_t frequency;
    uint16_t first;      /* sum of the frequencies before */
    uint16_t rest;       /* (1 << table_bits) - frequency */
} sw_encode_symbol;

/* What the entropy coder reads: elements, and how each symbol is coded. */
typedef struct {
    const uint8_t *classes;
    const uint8_t *symbols;
    const sw_encode_symbol (*encode)[SW_MAX_SYMBOLS]; /* by table */
    const uint32_t (*packed)[SW_MAX_SYMBOLS];         /* the same: first << 16 | frequency */
    unsigned table_bits;
} sw_rans_input;

/* Raw bits, least significant first. Bytes up to at + 7 are written. */
typedef struct {
    uint8_t *at;
    uint64_t pending;
    unsigned count; /* of pending bits: below 8 between calls */
} sw_bit_writer;

/* Values with a symbol of their own, as bits and as symbols, both from -SW_EXACT_REACH on. */
typedef struct {
    const uint32_t *is_exact;
    const uint8_t *symbol_of;
    const int32_t *list; /* them, rising: their symbols count up from SW_FIRST_EXACT */
    unsigned count;
} sw_exact_values;

/* Elements of each class so far, and those up to its last change, which is among them. */
typedef struct {
    uint32_t seen[SW_CLASSES];
    uint32_t behind[SW_CLASSES];
} sw_class_counts;

/* Elements of a class between two of its changes. */
typedef struct {
    uint32_t length;
    uint8_t of_class;
} sw_gap;

/* The typed loops of the encoder; a host swaps in versions compiled for its instruction set. */
typedef struct {
    const char *name;
    /* active[g] = whether any of the `bytes` (whole 64s) of group g differ from the base's, or from 0 if base is
     * NULL. Returns how many do. */
    size_t (*active)(const uint8_t *base, const uint8_t *target, size_t groups, size_t bytes, uint8_t *active);
    /* values[i] = how target differs from base, away from zero positive (int32_t, int64_t for 64-bit elements);
     * the bare element if base is NULL. Returns the bits in use: those of all values, joined by or. */
    uint64_t (*differences)(const uint8_t *base, const uint8_t *target, size_t count, const sw_element_shape *shape,
                            void *values);
    void (*classes)(const uint8_t *base, size_t count, const sw_element_shape *shape, unsigned top, uint8_t *classes);
    /* sums[g] += |value| << (15 - class), by groups of 64; 64-bit values are cut to their upper part. */
    void (*group_sums)(const int32_t *values, const uint8_t *classes, size_t count, uint64_t *sums);
    /* The bucket number of each value (extra_bits 1) as its symbol, and its raw bits. exact may be NULL.
     * Returns the largest bucket number. */
    unsigned (*buckets)(const int32_t *values, size_t count, const sw_exact_values *exact, uint8_t *symbols,
                        sw_bit_writer *raw);
    /* Differences of 16-bit floats straight to symbols and raw bits, as `buckets` makes them. count is whole 64s, and exact
     * NULL or few. Raises *largest to the largest bucket number and returns the bits in use. NULL where nothing is gained
     * by it. */
    uint64_t (*spell16)(const uint8_t *base, const uint8_t *target, size_t count, const sw_exact_values *exact,
                        uint8_t *symbols, sw_bit_writer *raw, unsigned *largest);
    /* Code elements first + count - 1 down to first, count a multiple of 32, in 32 lanes, words ending at `at`.
     * Returns where they begin. 64 bytes below that may be overwritten. */
    uint8_t *(*rans32)(uint32_t states[SW_MAX_LANES], uint8_t *at, const sw_rans_input *input,
                       const uint8_t table_of[SW_CLASSES], size_t first, size_t count);
    /* changed[i / 64], bit i % 64 = whether element i of `width` bytes differs; count is whole 64s. Returns how many do. */
    size_t (*changes)(const uint8_t *base, const uint8_t *target, size_t count, unsigned width, uint64_t *changed);
    /* The gap before each change among count elements of these classes (whole rounds, filled up with SW_NO_CLASS), those of one round in any order. Moves
     * counts on, and returns how many there are. */
    size_t (*measure_gaps)(const uint8_t *classes, size_t count, const uint64_t *changed, sw_class_counts *counts,
                           sw_gap *gaps);
} sw_encode_kernels;

extern const sw_encode_kernels sw_portable_encode_kernels;

/* The largest field of the base's elements that is not rare: the class top of a block. */
unsigned sw_common_class_top(const uint8_t *base, size_t elements, const sw_element_shape *shape, int level);

typedef struct {
    sw_numeric_work decode; /* the block is decoded again before it is handed out */
    int64_t values[SW_MAX_ELEMENTS / 2];
    uint8_t classes[SW_MAX_ELEMENTS];
    uint8_t symbols[SW_MAX_ELEMENTS];
    uint64_t sums[SW_MAX_ELEMENTS / 64]; /* of coded groups; of 64 elements at first */
    uint8_t active[SW_MAX_ELEMENTS / 64]; /* groups of 64 that hold a value other than zero */
    uint8_t scales[SW_MAX_ELEMENTS / 64]; /* levels of all groups */
    uint8_t levels[SW_MAX_ELEMENTS / 64]; /* levels of the coded groups */
    uint32_t counts[SW_CONTEXTS][SW_MAX_SYMBOLS];
    uint16_t tally[2][SW_CONTEXTS][SW_MAX_SYMBOLS]; /* counts in the making, even and odd elements apart */
    uint32_t exact_counts[2 * SW_EXACT_REACH];
    uint8_t symbol_of[2 * SW_EXACT_REACH];
    uint32_t is_exact[2 * SW_EXACT_REACH / 32];
    uint32_t field_counts[SW_MAX_FIELDS];
    uint8_t field_symbol[SW_MAX_FIELDS];
    uint16_t frequencies[SW_MAX_TABLES][SW_MAX_SYMBOLS];
    sw_encode_symbol encode[SW_MAX_TABLES][SW_MAX_SYMBOLS];
    uint32_t packed[SW_MAX_TABLES][SW_MAX_SYMBOLS];
    uint16_t models[SW_MODELS_COUNT];
    uint8_t nibbles[2 * SW_MAX_ELEMENTS];
    uint8_t side[1 << 17];
    uint8_t words[2 * SW_MAX_ELEMENTS + 256];
    uint8_t raw[2 * SW_MAX_BLOCK + 64];
} sw_encode_work;

/* Encode `size` bytes of target, against as many of base (NULL: on its own), as a NUMERIC block.
 *
 * The result is decoded and compared before it is returned. Returns its size; 0 if it would be larger than
 * capacity or the block is not one this codec can say (the caller has other codecs). With a base, classes may
 * give the class of each element, below SW_CLASSES; NULL takes them from the base.
 */
size_t sw_numeric_encode(const sw_encode_kernels *encode_kernels, const sw_numeric_kernels *decode_kernels,
                         const uint8_t *base, const uint8_t *classes, const uint8_t *target, size_t size,
                         sw_element element, int level, uint8_t *out, size_t capacity, sw_encode_work *work);

#endif
