/* The learned byte coder: what its model is, and how a caller holds one.
 *
 * A byte is two nibbles, a nibble four binary decisions along a tree of 15 nodes. Each context of a nibble owns a slot:
 * a probability and a count for every node. All 15 nodes of all contexts are mixed at once, one lane a node, in 16-bit
 * integers; what the decisions were then trains the slots and the mixer. SPEC, "Learned byte coder".
 */
#ifndef SW_BYTE_MODEL_H
#define SW_BYTE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sapwood.h"

enum { SW_BYTE_LIVE = 0, SW_BYTE_DEFAULT = 1, SW_BYTE_MAX = 2, SW_BYTE_LEVELS = 3 };

enum {
    SW_BYTE_LANES = 16,      /* of a slot: its tag, then nodes 1 to 15 */
    SW_BYTE_COUNT = 7,       /* the bits of a lane that count; the others are its probability */
    SW_BYTE_MATCHES = 16,    /* kinds of match */
    SW_BYTE_LONGEST = 32,    /* of which more are not counted */
    SW_BYTE_CONTEXTS = 6,    /* most hashed contexts of a level */
    SW_BYTE_INPUTS = SW_BYTE_CONTEXTS + 3,
    SW_BYTE_SURE = 4,        /* kinds of match so long that one decision may settle a byte */
    SW_BYTE_MAX_RECORD = 255 /* bytes of the longest record */
};

/* What a context is made of, in the order of SPEC's table. */
typedef enum {
    SW_BYTE_ORDER2 = 2,
    SW_BYTE_ORDER3 = 3,
    SW_BYTE_ORDER4 = 4,
    SW_BYTE_ORDER5 = 5,
    SW_BYTE_ORDER6 = 6,
    SW_BYTE_WORD = 16,
    SW_BYTE_ABOVE = 20,      /* the byte one record before, and the column, as for all of these */
    SW_BYTE_ABOVE_1 = 21,    /* and the last byte */
    SW_BYTE_ABOVE_TWO = 22,  /* the bytes one and two records before */
    SW_BYTE_COLUMN_2 = 24    /* the last two bytes */
} sw_byte_context;

typedef struct {
    uint8_t slot_bits;  /* the logarithm of how many slots hashed contexts share */
    uint8_t match_bits; /* and of the places that bytes are found again by */
    uint8_t matched;    /* so many bytes find a match */
    uint8_t hashed;     /* contexts that are hashed */
    uint8_t wide;       /* whether there is an input of no context, and a set of weights by the high nibble */
    uint8_t sure;       /* matches of so many bytes may settle a byte by one decision */
    uint8_t text[SW_BYTE_CONTEXTS];
    uint8_t record[SW_BYTE_CONTEXTS];
} sw_byte_level;

/* Here, so that loops are made for their level. SPEC has the table. */
static const sw_byte_level sw_byte_levels[SW_BYTE_LEVELS] = {
    {15, 16, 5, 1, 0, 16, {SW_BYTE_ORDER3}, {SW_BYTE_ABOVE}},
    {17, 18, 6, 3, 0, 24,
     {SW_BYTE_ORDER2, SW_BYTE_ORDER4, SW_BYTE_WORD},
     {SW_BYTE_ORDER3, SW_BYTE_ABOVE, SW_BYTE_ABOVE_1}},
    {19, 20, 6, 6, 1, 32,
     {SW_BYTE_ORDER2, SW_BYTE_ORDER3, SW_BYTE_ORDER4, SW_BYTE_ORDER5, SW_BYTE_ORDER6, SW_BYTE_WORD},
     {SW_BYTE_ORDER2, SW_BYTE_ORDER3, SW_BYTE_ABOVE, SW_BYTE_ABOVE_1, SW_BYTE_ABOVE_TWO, SW_BYTE_COLUMN_2}},
};

/* Inputs of the mixer: the match and the last byte, what is hashed, and no context where the level is wide. */
static inline unsigned sw_byte_inputs(const sw_byte_level *level) {
    return level->hashed + 2u + level->wide;
}

/* Where what lies in a model's memory; made anew for every call, so that a copy of the memory is a copy of the model. */
typedef struct {
    uint64_t history; /* the last 8 bytes, the latest lowest */
    uint32_t hashes[SW_BYTE_CONTEXTS];
    uint32_t word;
    uint32_t match;   /* the place that the next byte is expected to repeat; 0 for none */
    uint32_t length;  /* how many bytes it has been right for */
    uint32_t misses;
    uint32_t record;  /* bytes of a record; 0 for text */
    uint32_t level;
} sw_byte_state;

typedef struct {
    sw_byte_state *state;
    uint16_t *sure;         /* by the expected byte: how likely it is after a long match, in 1/65536 */
    uint16_t *slots;        /* of hashed contexts */
    uint16_t *first[2];     /* of the last byte: low nibbles, high nibbles */
    uint16_t *none[2];      /* of nothing */
    uint16_t *matched[2];   /* of the expected byte and the kind of match */
    int16_t *by_match[2];   /* weights: for each set, for each input, a lane a node */
    int16_t *by_nibble;     /* set 0 for high nibbles, then by the high nibble that was; in wide levels alone */
    int16_t *by_byte[2];
    uint32_t *places;       /* where the last bytes stood before */
} sw_byte_view;

/* Bytes of a level's model; its memory must be aligned to 64. 0 for no such level. */
size_t sw_byte_model_size(unsigned level);
/* record: bytes of a record, at most SW_BYTE_MAX_RECORD; 0 for text. */
void sw_byte_model_reset(void *memory, unsigned level, unsigned record);
sw_byte_view sw_byte_model_view(void *memory, unsigned level);
/* The mixer's weights, all sets in a row in the order of sw_byte_view, and how many they are; 0 for no such level. */
size_t sw_byte_model_weight_count(unsigned level);
int16_t *sw_byte_model_weights(void *memory, unsigned level);
/* The model forgets how sure it was: counts above `count` become `count`. After training, so that it adapts. */
void sw_byte_model_soften(void *memory, unsigned level, unsigned count);
/* Of the same history, for other data: the contexts of records or of text from here on. */
void sw_byte_model_take_record(void *memory, unsigned record);

/* Loops for one instruction set; all give the same bytes. window[0, from) is what the model has seen; at most 2^31
 * bytes in all. */
typedef struct {
    const char *name;
    /* SW_OK, or SW_ERROR_TRUNCATED if the payload ends too early or too late. */
    sw_status (*decode)(void *model, uint8_t *window, size_t from, size_t to, const uint8_t *payload, size_t size);
    /* Bytes of the payload; 0 if the capacity was too small. */
    size_t (*encode)(void *model, const uint8_t *window, size_t from, size_t to, uint8_t *out, size_t capacity);
    /* As both, without a payload. */
    void (*learn)(void *model, const uint8_t *window, size_t from, size_t to);
} sw_byte_kernels;

extern const sw_byte_kernels sw_portable_byte_kernels;

#endif
