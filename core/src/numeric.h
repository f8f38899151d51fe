/* The NUMERIC block: what its decoder and its encoder share. SPEC, "Codec 4".
 *
 * A block is a row of elements in groups of 32 to 4096. Each group has a scale level; each base
 * value has a class (its exponent, counted down from the block's largest). Level and class choose a
 * frequency table; an interleaved rANS stream gives one symbol an element; a symbol stands for an
 * offset and a count of raw bits. The sum is the difference to the base (in units in the last
 * place, signed towards larger magnitude), or the value itself in a raw block.
 */
#ifndef SW_NUMERIC_H
#define SW_NUMERIC_H

#include "range_decoder.h"
#include "sapwood.h"

enum {
    SW_RANS_LOW = 1 << 16, /* a state is at least this; renormalised 16 bits at a time */
    SW_FREQUENCY_DIGITS = 3, /* bits kept below a frequency's leading one */
    SW_MAX_EXACT = 64,     /* values with a symbol of their own */
    SW_MAX_RAW_BITS = 56   /* raw bits of one symbol: one unaligned 64-bit load serves it */
};

/* Where each kind of side information keeps its models. */
enum {
    SW_MODELS_SCALAR = 0,
    SW_MODELS_BUCKET = SW_MODELS_SCALAR + SW_INTEGER_MODELS,
    SW_MODELS_EXACT = SW_MODELS_BUCKET + SW_INTEGER_MODELS,
    SW_MODELS_SAME = SW_MODELS_EXACT + SW_INTEGER_MODELS,
    SW_MODELS_TABLE_ID = SW_MODELS_SAME + 1,
    SW_MODELS_LARGEST = SW_MODELS_TABLE_ID + SW_MAX_TABLES,
    SW_MODELS_FREQUENCY = SW_MODELS_LARGEST + SW_MAX_SYMBOLS,
    SW_MODELS_SCALE = SW_MODELS_FREQUENCY + 2 * 16 * 16,
    SW_MODELS_COUNT = SW_MODELS_SCALE + SW_MAX_SCALES * SW_MAX_SCALES * SW_MAX_SCALES
};

/* The shape of an element. Classes come from the field at class_shift under class_mask. */
typedef struct {
    uint8_t width;       /* bytes of one element in memory; 1 for INT4, which is unpacked first */
    uint8_t bits;        /* 4, 8, 16, 32 or 64 */
    bool is_float;       /* sign and magnitude: ordered by sw_ordered() before subtraction */
    uint8_t class_shift;
    uint16_t class_mask;
} sw_element_shape;

typedef struct {
    sw_element element;
    sw_element_shape shape;
    bool has_base;        /* values are differences to the base */
    bool has_classes;
    bool given_classes;   /* they come with the base, from whoever made it, and not from its fields */
    bool zero_level;      /* scale level 0 marks groups in which every value is zero */
    unsigned group_bits;  /* log2 of a group's elements: 5 to 12 */
    unsigned lane_bits;   /* log2 of the rANS lanes: 0 to 5 */
    unsigned table_bits;  /* 10 to 12 */
    unsigned scale_count; /* 1 to 8 */
    unsigned extra_bits;  /* bits below the leading one that are part of a bucket's number: 0 to 3 */
    unsigned shift;       /* zero bits below every value, left out */
    unsigned raw_bits;    /* raw block: low bits of a value outside its bucket's number */
    unsigned class_top;   /* class 0 is this field value and above */
    unsigned symbol_count;
    unsigned most_bits;   /* largest count of raw bits of any symbol */
    unsigned table_count;
    size_t elements;
    size_t groups;
    const uint8_t *words; /* the rANS stream */
    size_t words_size;
    const uint8_t *raw;   /* raw bits, least significant first */
    size_t raw_size;
} sw_numeric_header;

/* Shape of an element; width 0 for a number that is no element. */
sw_element_shape sw_shape_of(unsigned element);

/* A bucket number of a difference -> the smallest value in it and the count of raw bits. */
void sw_bucket_range(uint64_t bucket, unsigned extra_bits, uint64_t *offset, unsigned *bits);

/* Two elements a byte, low nibble first, to one a byte. */
void sw_unpack_nibbles(const uint8_t *packed, size_t bytes, uint8_t *nibbles);

/* Parse header and side information into header and work (tables, symbols, scales). */
sw_status sw_numeric_parse(const uint8_t *payload, size_t payload_size, size_t out_size,
                           sw_numeric_header *header, sw_numeric_work *work);

/* Where the elements of a SCATTERED block that change are, class by class. */
typedef struct {
    uint32_t left[SW_CLASSES];       /* elements of the class before the one that changes next */
    const uint8_t *next[SW_CLASSES]; /* gaps to come, as they were decoded */
    const uint8_t *end[SW_CLASSES];
    unsigned least;                  /* classes that change are from here */
    unsigned most;                   /* to here */
} sw_scattered_gaps;

/* The hot loops. A host swaps in SIMD versions with the same results. */
typedef struct {
    const char *name;
    /* contexts[i] = table_of[class of base element i], or the class itself where table_of is NULL */
    void (*contexts)(const uint8_t *base, size_t count, const sw_numeric_header *header,
                     const uint8_t table_of[SW_CLASSES], uint8_t *contexts);
    /* Decode count symbols, a multiple of 32, from 32 lanes; returns the next word, NULL if it would pass end. */
    const uint8_t *(*rans32)(uint32_t states[SW_MAX_LANES], const uint8_t *at, const uint8_t *end,
                             const uint32_t *tables, unsigned table_bits, const uint8_t *contexts,
                             size_t count, uint8_t *symbols);
    /* values[i] = (offset of symbol i + its raw bits) << shift, cut to 32 bits. Starts at a bit position of the
     * raw bits and returns the next; bits from raw_size on read as zero. */
    uint64_t (*expand32)(const sw_numeric_header *header, const sw_numeric_work *work, const uint8_t *symbols,
                         size_t count, uint64_t position, uint32_t *values);
    /* out = base moved by the values (uint32_t each up to 32-bit elements, uint64_t for 64-bit ones). */
    void (*apply)(const uint8_t *base, const void *values, size_t count, const sw_numeric_header *header,
                  uint8_t *out);
    /* Both at once, for 16-bit floats with a base and no shift. count is whole 64s; returns how many elements were made,
     * whole 32s: it stops where the raw bits end or a symbol has more than 14. NULL where nothing is gained by it. */
    size_t (*unfold16)(const sw_numeric_header *header, const sw_numeric_work *work, const uint8_t *symbols,
                       const uint8_t *base, size_t count, uint64_t *position, uint8_t *out);
    /* Which of count elements (whole rounds, filled up with SW_NO_CLASS) of these classes change. Their numbers,
     * from first on, go to positions; returns how many. */
    size_t (*locate)(const uint8_t *classes, size_t count, sw_scattered_gaps *gaps, uint32_t first, uint32_t *positions);
} sw_numeric_kernels;

extern const sw_numeric_kernels sw_portable_kernels;

/* expand32 in plain C, which the SIMD versions end with, and its twin for 64-bit elements. */
uint64_t sw_expand32(const sw_numeric_header *header, const sw_numeric_work *work, const uint8_t *symbols,
                     size_t count, uint64_t position, uint32_t *values);
uint64_t sw_expand64(const sw_numeric_header *header, const sw_numeric_work *work, const uint8_t *symbols,
                     size_t count, uint64_t position, uint64_t *values);

sw_status sw_numeric_decode_with(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                 const uint8_t *base, size_t base_size, uint8_t *out, size_t out_size,
                                 sw_numeric_work *work);

/* The same for a base that was predicted: classes holds the class of each element, below SW_CLASSES; or is NULL. */
sw_status sw_numeric_decode_given(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                  const uint8_t *base, size_t base_size, const uint8_t *classes, size_t class_count,
                                  uint8_t *out, size_t out_size, sw_numeric_work *work);

/* Decode as above, but keep nothing: SW_OK if it gives back the target, another status if it does not. */
sw_status sw_numeric_check(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                           const uint8_t *base, size_t base_size, const uint8_t *classes, size_t class_count,
                           const uint8_t *target, size_t size, sw_numeric_work *work);

/* Table entries: frequency - 1 in bits 20..31, distance of the slot from the symbol's first in 8..19, symbol in 0..7. */
static inline uint32_t sw_table_entry(uint32_t frequency, uint32_t distance, uint32_t symbol) {
    return (frequency - 1) << 20 | distance << 8 | symbol;
}

#endif
