/* The QUANTISED block: types of quantised weights, their planes, and what is predicted of them. SPEC, "Codec 8". */
#ifndef SW_QUANTISED_H
#define SW_QUANTISED_H

#include "numeric.h"

enum {
    SW_QUANT_ELEMENTS = 256,      /* of the largest block of a type */
    SW_QUANT_RUN = 32,            /* of the largest run */
    SW_QUANT_UNIT_BITS = 20,      /* distances are measured in this fraction of a code */
    SW_QUANT_MOST_SPREAD = 16,
    SW_QUANT_MOST_ORIGIN = 2047,
    SW_QUANT_ALONE = 15           /* the class of what has no place between two roundings */
};

/* A row of numbers of a few bits in a block: where it starts, and how many neighbouring bytes hold the lowest bits
 * of neighbouring numbers before the next bits of the same bytes follow. No bits: there is no such row. */
typedef struct {
    uint8_t at;
    uint8_t bits;
    uint8_t run;
} sw_quant_field;

/* What the numbers of a plane are: as stored, from least to most (signed bytes if least is negative); they mean
 * the number less zero. */
typedef struct {
    int16_t zero;
    int16_t least;
    int16_t most;
} sw_quant_range;

/* How the type's own rule makes d and m of 32 values. */
typedef enum { SW_RULE_NONE, SW_RULE_LARGEST, SW_RULE_SIGNED, SW_RULE_RANGE } sw_quant_rule;

/* A type of quantised weights: number, as in ggml. */
typedef struct {
    uint8_t number;
    uint8_t run;              /* elements under one scale */
    uint16_t elements;        /* of a block */
    uint16_t bytes;
    uint8_t d_at;
    uint8_t m_at;             /* of m, or dmin; 0 if there is none (then d_at is not 2) */
    bool has_m;
    sw_quant_field scales[2]; /* low and high bits of the scales of runs, then of their mins if there is an m */
    sw_quant_field codes[2];
    sw_quant_range scale;     /* most is 0 if runs have no scales of their own */
    sw_quant_range code;
    sw_quant_rule rule;
} sw_quant_type;

/* The type of that number, NULL for one that is not known. */
const sw_quant_type *sw_quant_type_of(unsigned number);

static inline bool sw_quant_has_runs(const sw_quant_type *type) {
    return type->scale.most > 0;
}

/* Blocks of a type <-> planes; count is of elements. */
void sw_quant_unpack(const sw_quant_type *type, const uint8_t *bytes, size_t count, sw_quant_planes *planes);
void sw_quant_pack(const sw_quant_type *type, const sw_quant_planes *planes, size_t count, uint8_t *bytes);

/* How a target is predicted, and where its planes are coded. */
typedef struct {
    const sw_quant_type *type;   /* of the target */
    const sw_quant_type *source; /* of the base; NULL if that holds floats */
    sw_element element;          /* of the base if it holds floats */
    bool from_edge;              /* classes by the distance to where a rounding changes, not from where it does not */
    bool extremes_stay;
    bool by_scale;               /* classes by the scale too, in steps of half an octave from the origin */
    bool has_term;               /* a low-rank term is added to the base's values */
    unsigned spread;
    unsigned origin;
    size_t elements;
    size_t base_size;
    float unit;                  /* of the low-rank term: a power of two */
    const uint8_t *left;         /* its left factor's matrix */
    size_t left_size;
    const sw_factors *factors;   /* its right factor, once sw_quantised_term was told of it */
    const uint8_t *rest;         /* the coded planes */
    size_t rest_size;
} sw_quantised;

sw_status sw_quantised_parse(const uint8_t *payload, size_t payload_size, size_t out_size, sw_quantised *q);

typedef enum { SW_PLANE_M, SW_PLANE_D, SW_PLANE_MINS, SW_PLANE_SCALES, SW_PLANE_CODES, SW_PLANES } sw_plane;

/* Bytes of a plane of so many elements; 0 if the type has none. */
size_t sw_plane_size(const sw_quant_type *type, sw_plane plane, size_t elements);
uint8_t *sw_plane_of(sw_quant_planes *planes, sw_plane plane);

/* Decode the left factor of the low-rank term, if there is one, and check that it goes with the right one. */
sw_status sw_quantised_term(const sw_numeric_kernels *kernels, const sw_factors *factors, sw_quantised *q,
                            sw_quantised_work *work);

/* Unpack the base, before any plane is predicted. */
void sw_quantised_start(const sw_quantised *q, const uint8_t *base, sw_quantised_work *work);

/* Predict a plane into work->predicted, from the base and the planes of work->target before it; of scales, mins and
 * codes classes and folds too. False if nothing is predicted of it. */
bool sw_quantised_predict(const sw_quantised *q, const uint8_t *base, sw_plane plane, sw_quantised_work *work);

/* Complement what lies below its quotient, so that the next number is always above: the same once more undoes it. */
void sw_quantised_fold(const uint8_t *folds, size_t count, uint8_t *numbers);

/* The scale of a run as origins count: eighths of an octave. */
unsigned sw_quantised_scale(const sw_quant_type *type, const sw_quant_planes *planes, size_t run);


/* What count elements of a span stand for, from element first on, without a term: whole runs of its type. */
void sw_quantised_values(const sw_quant_type *type, const sw_quant_planes *planes, size_t first, size_t count,
                         float *values);

sw_status sw_quantised_decode_with(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                   const uint8_t *base, size_t base_size, const sw_factors *factors, uint8_t *out,
                                   size_t out_size, sw_quantised_work *work);

#endif
