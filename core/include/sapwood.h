/* Sapwood core: the block decoders, in freestanding C99.
 *
 * No allocation, no libc beyond the four standard headers, no recursion, no global state.
 * Every input is hostile: lengths are checked before use and a bad block ends in a negative
 * sw_status, never in a read or write outside the buffers given. The bytes a decoder accepts
 * are defined in docs/SPEC.md; a codec number means one byte format for ever.
 */
#ifndef SAPWOOD_H
#define SAPWOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Negative results of decoders; values are pinned. */
typedef enum {
    SW_OK = 0,
    SW_ERROR_TRUNCATED = -1, /* the payload ends too early, or has bytes left over */
    SW_ERROR_HEADER = -2,    /* a header field is out of its range */
    SW_ERROR_ENTROPY = -3,   /* coded symbols do not end in the state they must end in */
    SW_ERROR_BASE = -4,      /* a difference is given and the base is too short */
    SW_ERROR_FACTORS = -5,   /* a low-rank term is given and the chunk's right factor does not fit it */
    SW_ERROR_MEMORY = -6,    /* the block asks for a larger state than the caller has */
    SW_ERROR_READ = -7       /* a callback could not give what it was asked for */
} sw_status;

/* What one element of a block is; the number is part of the format. */
typedef enum {
    SW_ELEMENT_INT8 = 1,
    SW_ELEMENT_INT16 = 2,
    SW_ELEMENT_INT32 = 3,
    SW_ELEMENT_INT64 = 4,
    SW_ELEMENT_F16 = 5,
    SW_ELEMENT_BF16 = 6,
    SW_ELEMENT_F32 = 7,
    SW_ELEMENT_F64 = 8,
    SW_ELEMENT_F8_E4M3 = 9,
    SW_ELEMENT_F8_E5M2 = 10,
    SW_ELEMENT_INT4 = 11 /* two in a byte, low nibble first */
} sw_element;

enum {
    SW_MAX_BLOCK = 1 << 20,   /* bytes a block decodes to, at most */
    SW_MAX_TABLES = 64,       /* frequency tables in one block */
    SW_MAX_TABLE_BITS = 12,   /* log2 of the sum of a table's frequencies */
    SW_MAX_SYMBOLS = 256,     /* alphabet of one block */
    SW_MAX_LANES = 32,        /* interleaved rANS states */
    SW_MAX_SCALES = 8,        /* scale levels of a block's groups */
    SW_MAX_GROUPS = 1 << 16,  /* groups in one block */
    SW_CLASSES = 16,          /* classes a base value can fall in */
    SW_CHUNK = 4096           /* elements worked on at once: they stay in the first-level cache */
};

/* The commonest symbol of a table: its slots are `frequency` from `first` on. */
typedef struct {
    uint16_t first;
    uint16_t frequency;
    uint8_t symbol;
} sw_commonest;

/* Work area of the numeric decoder, in the caller's memory; no need to clear it. About 5.2 MiB. */
typedef struct {
    uint32_t tables[SW_MAX_TABLES << SW_MAX_TABLE_BITS];
    sw_commonest commonest[SW_MAX_TABLES];
    uint64_t symbol_offset[SW_MAX_SYMBOLS];
    uint8_t symbol_bits[SW_MAX_SYMBOLS];
    uint8_t offset_bytes[4][SW_MAX_SYMBOLS]; /* the shifted offsets byte by byte, for look-up in registers */
    uint8_t table_of[SW_MAX_SCALES][SW_CLASSES];
    uint8_t scales[SW_MAX_GROUPS];
    uint16_t models[4096];
    uint8_t contexts[SW_CHUNK + 64];
    uint8_t symbols[SW_CHUNK + 64];
    uint64_t values[SW_CHUNK];
    uint8_t made[8 * SW_CHUNK]; /* elements that are only compared */
    uint8_t nibbles[4 * SW_MAX_BLOCK]; /* target and base, one nibble a byte */
} sw_numeric_work;

/* Decode one NUMERIC block (SPEC, "Codec 4").
 *
 * payload, payload_size   the block's bytes.
 * base, base_size         the bytes the difference is against; may be NULL and 0 for a raw block.
 * out, out_size           where the block's out_size bytes go, out_size <= SW_MAX_BLOCK. May not overlap base.
 *
 * Returns SW_OK, or the reason; then out holds nothing of value.
 */
sw_status sw_numeric_decode(const uint8_t *payload, size_t payload_size,
                            const uint8_t *base, size_t base_size,
                            uint8_t *out, size_t out_size, sw_numeric_work *work);

/* Sizes of the adaptive model. */
enum { SW_ADAPTIVE_SLOTS = 12288, SW_ADAPTIVE_VOTES = 6, SW_ADAPTIVE_SETS = 68 };

/* Work area of the adaptive decoder and encoder, in the caller's memory; no need to clear it. About 60 KiB. */
typedef struct {
    uint32_t slots[SW_ADAPTIVE_SLOTS];
    int32_t weights[SW_ADAPTIVE_SETS][SW_ADAPTIVE_VOTES];
    uint64_t last[128];
    int16_t stretch[4096];
    uint16_t step[256];
    uint16_t haste[SW_ADAPTIVE_SETS];
    /* The decision in hand. */
    uint16_t at[SW_ADAPTIVE_VOTES];
    int32_t votes[SW_ADAPTIVE_VOTES];
    uint32_t set;
    uint32_t probability;
} sw_adaptive_work;

/* Decode one ADAPTIVE block (SPEC, "Codec 5"): for small blocks, and for decoders with little memory.
 *
 * payload, payload_size   the block's bytes.
 * base, base_size         the bytes the difference is against; may be NULL and 0 for a raw block.
 * out, out_size           where the block's out_size bytes go, 1 to SW_MAX_BLOCK. May be base itself, to
 *                         change it in place, but may not overlap it otherwise.
 *
 * Returns SW_OK, or the reason; then out holds nothing of value.
 */
sw_status sw_adaptive_decode(const uint8_t *payload, size_t payload_size,
                             const uint8_t *base, size_t base_size,
                             uint8_t *out, size_t out_size, sw_adaptive_work *work);

/* Sizes of the model of a SPLICE block's content. */
enum {
    SW_SPLICE_VOTES = 16,
    SW_SPLICE_NUMBER_SETS = 102, /* weights of decisions about literals come first */
    SW_SPLICE_SETS = 222,
    SW_SPLICE_HISTORY = 1 << 20, /* bytes */
    SW_SPLICE_PLACES = 1 << 16,
    SW_SPLICE_PAGE = 1024,
    SW_SPLICE_MOST_LITERALS = 1 << 18,
    SW_SPLICE_MOST_RUNS = 1 << 16
};

/* A run of a splice: `literals` given bytes, then `length` bytes of the base from `offset`. */
typedef struct {
    uint64_t literals;
    uint64_t offset;
    uint64_t length;
} sw_splice_run;

/* Where a SPLICE block gets the base's bytes. */
typedef struct {
    void *context;
    uint64_t size;
    /* `size` bytes from `offset`, both inside the base. False if that fails. */
    bool (*read)(void *context, uint64_t offset, uint8_t *out, size_t size);
} sw_splice_base;

/* A place in the history from where it may repeat itself. */
typedef struct {
    uint32_t at;     /* 0 if there is none */
    uint32_t length; /* bytes that were as expected */
    uint8_t misses;  /* of the last 8 expectations, the latest lowest */
} sw_splice_follower;

/* Work area of the modelled SPLICE decoder and encoder, in the caller's memory; no need to clear it. About 1.9 MiB. */
typedef struct {
    uint32_t *slots;
    unsigned slot_bits;
    sw_splice_base base;
    int32_t weights[SW_SPLICE_SETS][SW_SPLICE_VOTES];
    uint16_t haste[SW_SPLICE_SETS];
    int16_t stretch[4096];
    uint16_t step[32];
    uint32_t places[3][SW_SPLICE_PLACES]; /* where 12, 6 and 4 bytes were seen last, by their hash */
    uint8_t history[SW_SPLICE_HISTORY];
    uint32_t remembered;
    sw_splice_follower followers[2];
    uint8_t differences[4]; /* of the last literals to the base, latest first */
    uint8_t hits[2];        /* whether the last literals differed as the one before, and as the fourth before */
    uint32_t word;
    uint8_t pages[4][SW_SPLICE_PAGE];
    uint64_t page_of[4];
    bool failed;
    /* The decision in hand. */
    uint32_t at[SW_SPLICE_VOTES];
    int32_t votes[SW_SPLICE_VOTES];
    unsigned voters;
    unsigned set[2];
    uint32_t probability;
} sw_splice_work;

/* Bytes of slots that as many literals and runs need: at most 16 MiB. */
size_t sw_splice_slots_size(size_t literals, size_t runs);

/* Decode the modelled content of one SPLICE block (SPEC, "Codec 1", kind 3).
 *
 * payload, payload_size  what stands after the counts.
 * length                 bytes the block makes.
 * runs, run_count        where the runs go.
 * literals, count        where all literals go, those after the last run too.
 * slots                  sw_splice_slots_size(count, run_count) bytes.
 *
 * Returns SW_OK, or the reason (SW_ERROR_BASE: a run reaches outside the base); then runs and literals hold
 * nothing of value.
 */
sw_status sw_splice_decode(const uint8_t *payload, size_t payload_size, uint64_t length, const sw_splice_base *base,
                           sw_splice_run *runs, size_t run_count, uint8_t *literals, size_t count, uint32_t *slots,
                           sw_splice_work *work);

/* Limits of low-rank terms. */
enum {
    SW_MAX_RANK = 128,         /* components of a chunk's right factor */
    SW_MAX_COLUMNS = 1 << 20,  /* elements of one component */
    SW_MAX_FACTOR = 1 << 21,   /* elements of a right factor */
    SW_PREDICT_TILE = 256      /* elements predicted at once */
};

/* The right factor of a chunk: rank rows of columns integers each, in the caller's memory. Starts with rank 0. */
typedef struct {
    uint32_t columns;
    uint32_t rank;
    uint64_t largest;  /* magnitude */
    int32_t *values;
    size_t capacity;   /* elements that values has room for; SW_MAX_FACTOR are always enough */
} sw_factors;

/* Work area of the PREDICTED and FACTORS decoders, in the caller's memory; no need to clear it. About 11 MiB. */
typedef struct {
    sw_numeric_work numeric;
    sw_adaptive_work adaptive;
    double right[SW_MAX_RANK * SW_PREDICT_TILE];
    double sums[SW_PREDICT_TILE];
    double values[SW_PREDICT_TILE];
    int32_t left[SW_MAX_BLOCK / 2]; /* the left factor */
    uint8_t matrix[SW_MAX_BLOCK];   /* a factor before it is widened */
    uint8_t prediction[SW_MAX_BLOCK];
    uint8_t classes[SW_MAX_BLOCK / 2];
} sw_predicted_work;

/* Decode one FACTORS block (SPEC, "Codec 7") into factors: it takes their place, or adds to them.
 *
 * Returns SW_OK, or the reason (SW_ERROR_FACTORS: beyond the limits or the capacity); then factors hold nothing
 * of value.
 */
sw_status sw_factors_decode(const uint8_t *payload, size_t payload_size, sw_factors *factors,
                            sw_predicted_work *work);

/* What a PREDICTED payload that makes out_size bytes wants to be given. */
typedef struct {
    size_t base_size;    /* bytes of each span */
    bool has_second;
    int64_t second_move; /* start of the second span less the start of the first */
} sw_predicted_wants;

sw_status sw_predicted_read_wants(const uint8_t *payload, size_t payload_size, size_t out_size,
                                  sw_predicted_wants *wants);

/* Decode one PREDICTED block (SPEC, "Codec 6").
 *
 * base, second   the spans, base_size bytes each; second may be NULL if none is wanted.
 * factors        the chunk's right factor; may be NULL if there is none yet.
 * out            where the block's out_size bytes go; may not overlap the spans.
 *
 * Returns SW_OK, or the reason; then out holds nothing of value.
 */
sw_status sw_predicted_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                              const uint8_t *second, size_t second_size, const sw_factors *factors,
                              uint8_t *out, size_t out_size, sw_predicted_work *work);

/* Limits of quantised weights. */
enum {
    SW_MAX_CODES = 1 << 19,       /* elements of one QUANTISED block */
    SW_MAX_QUANT_BLOCKS = 1 << 14 /* blocks of its type in it */
};

/* Quantised weights taken apart: F16 numbers d and m (or dmin) of each block, scales and mins of its runs, codes. */
typedef struct {
    uint8_t d[2 * SW_MAX_QUANT_BLOCKS];
    uint8_t m[2 * SW_MAX_QUANT_BLOCKS];
    uint8_t scales[SW_MAX_CODES / 16];
    uint8_t mins[SW_MAX_CODES / 16];
    uint8_t codes[SW_MAX_CODES];
} sw_quant_planes;

/* Work area of the QUANTISED decoder, in the caller's memory; no need to clear it. About 11.1 MiB. */
typedef struct {
    sw_numeric_work numeric;
    sw_adaptive_work adaptive;
    sw_quant_planes source;
    sw_quant_planes predicted;
    sw_quant_planes target;
    uint8_t classes[SW_MAX_CODES];
    uint8_t folds[SW_MAX_CODES];
    int32_t left[SW_MAX_BLOCK / 2]; /* the left factor of a low-rank term */
    uint8_t matrix[SW_MAX_BLOCK];   /* the same before it is widened */
} sw_quantised_work;

/* Bytes of the base that a QUANTISED payload that makes out_size bytes wants to be given. */
sw_status sw_quantised_read_base_size(const uint8_t *payload, size_t payload_size, size_t out_size,
                                      size_t *base_size);

/* Decode one QUANTISED block (SPEC, "Codec 8"). out may not overlap base. factors: the chunk's right factor; may be
 * NULL if there is none yet.
 *
 * Returns SW_OK, or the reason; then out holds nothing of value.
 */
sw_status sw_quantised_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                              const sw_factors *factors, uint8_t *out, size_t out_size, sw_quantised_work *work);

enum { SW_MAX_CHANGES = SW_MAX_BLOCK / 8 /* elements that change in a SCATTERED block */ };

/* Work area of the SCATTERED decoder, in the caller's memory; no need to clear it. About 7.1 MiB. */
typedef struct {
    sw_numeric_work numeric;
    sw_adaptive_work adaptive;
    uint32_t positions[SW_MAX_CHANGES + 4]; /* loops write up to four at once */
    uint8_t foreseen[4 * SW_MAX_CHANGES]; /* what the gaps are coded against */
    uint8_t gaps[4 * SW_MAX_CHANGES];
    uint8_t from[SW_MAX_BLOCK / 8]; /* elements that change, as they are and as they become */
    uint8_t to[SW_MAX_BLOCK / 8];
    uint8_t classes[SW_CHUNK];
} sw_scattered_work;

/* Decode one SCATTERED block (SPEC, "Codec 10"). out may not overlap base, which has out_size bytes or more.
 *
 * Returns SW_OK, or the reason; then out holds nothing of value.
 */
sw_status sw_scattered_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                              uint8_t *out, size_t out_size, sw_scattered_work *work);

/* A DEVICE block is decoded piece by piece, in the caller's memory: sizeof(sw_device) and the state. */
enum {
    SW_DEVICE_SMALL = 512,  /* bytes of state, by the block's first byte */
    SW_DEVICE_LARGE = 2048
};

/* Where a DEVICE decoder gets its bytes, and the memory it has. */
typedef struct {
    void *context; /* passed on to every callback */
    /* The next byte of the payload, or a negative number if it cannot be had. Waits where it has to. */
    int (*next_byte)(void *context);
    /* `size` bytes of the base from `offset`; both lie inside base_size. False if that fails. */
    bool (*read_base)(void *context, uint32_t offset, uint8_t *out, size_t size);
    /* `size` bytes of what this block has made in earlier calls, from `offset` bytes after its start. */
    bool (*read_target)(void *context, uint32_t offset, uint8_t *out, size_t size);
    uint32_t base_size;  /* bytes of the whole base; 0 if there is none */
    uint32_t state_size; /* bytes of `state`: SW_DEVICE_LARGE serves every block */
    uint16_t *state;     /* memory for the state */
} sw_device_io;

/* One of three voices about the next decision. */
typedef struct {
    uint32_t context;
    int32_t vote;
    uint16_t *slot; /* that voted */
} sw_device_voter;

/* A DEVICE decoder at work. Nothing but length, made and left is for the caller to read. With the state's memory it is all there is: copied
 * together at any time between two calls, both are a checkpoint (sw_device_resume). Small fields first: a short
 * Thumb instruction reaches 32 bytes, or 32 words. */
typedef struct {
    uint8_t kind;     /* of the segment */
    uint8_t before;   /* what a question about the next one looks back at */
    uint8_t element;  /* of the last segment that named one */
    uint8_t width;    /* bytes of this segment's elements: 1, 2 or 4 */
    uint8_t unused;   /* bits of a word that an element leaves */
    uint8_t field;    /* lowest bit of the exponent of a float; 0: no float */
    uint8_t pending;  /* bytes of `value` still to hand out */
    uint8_t asked;    /* elements before the next question whether 16 are as expected */
    uint8_t waiting;  /* elements of a quarter that is not as expected, while none of it has differed */
    uint8_t signs;    /* of the last two differences */
    uint8_t bytes[2]; /* the last two made by BYTES, latest first */
    uint8_t missing;  /* bytes wanted after the payload's end */
    uint8_t failed;   /* minus the sw_status that ended it */
    uint16_t region;  /* slots of one voter */
    const sw_device_io *io;
    uint16_t *state; /* weights, then slots */
    uint32_t length; /* bytes the block makes */
    uint32_t made;    /* of them, so far */
    uint32_t earlier; /* of those, in earlier calls */
    uint32_t left;   /* bytes of the payload not yet taken */
    uint32_t range;
    uint32_t code;
    uint32_t count;       /* elements or bytes left in the segment, without those in `same` */
    uint32_t same;        /* bytes that are as expected: copied, repeated, or of elements */
    uint32_t shift;       /* base offset less block offset, modulo 2^32 */
    uint32_t distance[2]; /* of the last repeat, and the last scaled segment */
    uint32_t factor;
    uint32_t slow; /* decaying sums of lengths */
    uint32_t fast;
    uint32_t zeros; /* elements since the last one that differed */
    uint32_t value; /* the element being handed out */
    sw_device_voter voters[3];
} sw_device;

/* Begin a DEVICE block (SPEC, "Codec 9").
 *
 * io              must outlive the decoder.
 * payload_size    bytes of the payload; at least 2.
 * length          bytes the block makes, 1 to SW_MAX_BLOCK.
 */
sw_status sw_device_start(sw_device *d, const sw_device_io *io, uint32_t payload_size, uint32_t length);

/* The next `size` bytes of the block, no more than are left. The bytes do not depend on how calls cut them. */
sw_status sw_device_next(sw_device *d, uint8_t *out, size_t size);

/* Begin bytes that are the payload themselves (codec 0), so that they can be had in the same way. */
void sw_device_start_stored(sw_device *d, const sw_device_io *io, uint32_t length);

/* Go on from a checkpoint: d->made bytes of the block are made, and d->left bytes of the payload are to come. What it
 * says is not trusted: it may lead to wrong bytes or an error, but to nothing outside the memory given. */
sw_status sw_device_resume(sw_device *d, const sw_device_io *io, uint32_t length);

/* After the last byte: whether the payload ended where it should. */
sw_status sw_device_end(sw_device *d);

/* Decode one DEVICE block in one call, all of it in memory. */
sw_status sw_device_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                           uint8_t *out, size_t out_size);

#ifdef __cplusplus
}
#endif
#endif
