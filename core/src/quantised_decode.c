/* QUANTISED blocks: plane after plane is predicted and decoded, then all are packed. */
#include "half.h"
#include "predicted.h"
#include "quantised.h"
#include "reader.h"

typedef enum { SW_CODING_NONE, SW_CODING_NUMERIC, SW_CODING_ADAPTIVE, SW_CODING_STORED } coding;

enum { FROM_EDGE = 1, EXTREMES_STAY = 2, BY_SCALE = 4, HAS_TERM = 8, FLAGS = 15 };
enum { LEAST_EXPONENT = -126, MOST_EXPONENT = 127 }; /* 2 to these powers are normal numbers of binary32 */
enum { SUM_BITS = 24 };                              /* every integer up to 2^24 is a binary32 */

/* Floats have the numbers they have in ggml. */
static sw_element float_of(unsigned number) {
    return number == 0 ? SW_ELEMENT_F32 : number == 1 ? SW_ELEMENT_F16 : number == 30 ? SW_ELEMENT_BF16 : 0;
}

/* The exponent and the left factor; false if the exponent is out of range. */
static bool read_term(reader *r, sw_quantised *q) {
    const int64_t exponent = read_signed(r);
    const uint64_t size = read_unsigned(r);
    if (r->failed || size > (uint64_t)(r->end - r->at)) {
        r->failed = true;
        return true;
    }
    q->left = r->at;
    q->left_size = (size_t)size;
    r->at += size;
    if (exponent < LEAST_EXPONENT || exponent > MOST_EXPONENT) {
        return false;
    }
    q->unit = sw_float_of_bits((uint32_t)(exponent + 127) << 23);
    return true;
}

/* Everything before the planes, but what depends on the size of the target. */
static sw_status parse_head(reader *r, sw_quantised *q) {
    const uint8_t target = read_byte(r), source = read_byte(r), flags = read_byte(r);
    q->type = sw_quant_type_of(target);
    q->source = sw_quant_type_of(source);
    q->element = float_of(source);
    q->from_edge = flags & FROM_EDGE;
    q->extremes_stay = (flags & EXTREMES_STAY) != 0;
    q->by_scale = (flags & BY_SCALE) != 0;
    q->has_term = (flags & HAS_TERM) != 0;
    q->spread = read_byte(r);
    const uint64_t origin = q->by_scale ? read_unsigned(r) : 0;
    q->origin = (unsigned)(origin & SW_QUANT_MOST_ORIGIN);
    const bool good = !q->has_term || read_term(r, q);
    q->rest = r->at;
    q->rest_size = (size_t)(r->end - r->at);
    if (r->failed) {
        return SW_ERROR_TRUNCATED;
    }
    return !good || q->type == NULL || (q->source == NULL && q->element == 0) || flags > FLAGS ||
                   q->spread > SW_QUANT_MOST_SPREAD || origin > SW_QUANT_MOST_ORIGIN
               ? SW_ERROR_HEADER
               : SW_OK;
}

sw_status sw_quantised_parse(const uint8_t *payload, size_t payload_size, size_t out_size, sw_quantised *q) {
    memset(q, 0, sizeof *q);
    reader r = {payload, payload + payload_size, false};
    const sw_status status = parse_head(&r, q);
    if (status != SW_OK) {
        return status;
    }
    if (out_size == 0 || out_size > SW_MAX_BLOCK || out_size % q->type->bytes != 0) {
        return SW_ERROR_HEADER;
    }
    q->elements = out_size / q->type->bytes * q->type->elements;
    const size_t source_elements = q->source == NULL ? 1 : q->source->elements;
    if (q->elements > SW_MAX_CODES || q->elements % source_elements != 0) {
        return SW_ERROR_HEADER;
    }
    const size_t bytes = q->source == NULL ? sw_shape_of((unsigned)q->element).width : q->source->bytes;
    q->base_size = q->elements / source_elements * bytes;
    return q->base_size > SW_MAX_BLOCK ? SW_ERROR_HEADER : SW_OK;
}

sw_status sw_quantised_read_base_size(const uint8_t *payload, size_t payload_size, size_t out_size,
                                      size_t *base_size) {
    sw_quantised q;
    const sw_status status = sw_quantised_parse(payload, payload_size, out_size, &q);
    if (status == SW_OK) {
        *base_size = q.base_size;
    }
    return status;
}

sw_status sw_quantised_term(const sw_numeric_kernels *kernels, const sw_factors *factors, sw_quantised *q,
                            sw_quantised_work *w) {
    if (!q->has_term) {
        return SW_OK;
    }
    if (factors == NULL || factors->rank == 0 || factors->columns % q->type->elements != 0 ||
        q->elements % factors->columns != 0) {
        return SW_ERROR_FACTORS;
    }
    const size_t rows = q->elements / factors->columns;
    uint64_t largest = 0;
    const sw_matrix_work room = {&w->numeric, &w->adaptive, w->matrix};
    const sw_status status =
        sw_matrix_decode(q->left, q->left_size, rows * factors->rank, w->left, &largest, kernels, &room);
    q->factors = factors;
    return status == SW_OK && !sw_sums_are_exact(factors, largest, SUM_BITS) ? SW_ERROR_FACTORS : status;
}

/* A coding and its bytes: none for NONE, all that are left for the codes, which come last. */
static sw_status take(reader *r, sw_plane plane, coding *how, const uint8_t **bytes, size_t *size) {
    *how = (coding)read_byte(r);
    uint64_t taken = (uint64_t)(r->end - r->at);
    if (*how == SW_CODING_NONE) {
        taken = 0;
    } else if (plane != SW_PLANE_CODES) {
        taken = read_unsigned(r);
    }
    if (r->failed || taken > (uint64_t)(r->end - r->at)) {
        return SW_ERROR_TRUNCATED;
    }
    *bytes = r->at;
    *size = (size_t)taken;
    r->at += taken;
    return *how > SW_CODING_STORED ? SW_ERROR_HEADER : SW_OK;
}

/* Whether the numbers are such as the type's blocks have room for. */
static bool fit(const sw_quant_type *type, sw_plane plane, const uint8_t *numbers, size_t size) {
    if (plane == SW_PLANE_D || plane == SW_PLANE_M) {
        return true;
    }
    const sw_quant_range range = plane == SW_PLANE_CODES ? type->code : type->scale;
    const uint8_t most = (uint8_t)(range.least < 0 ? 255 : range.most);
    uint8_t seen = 0;
    for (size_t i = 0; i < size; i++) {
        seen |= numbers[i];
    }
    /* The most of what is not signed is all ones. */
    return (seen & ~most) == 0;
}

static sw_status decode_plane(const sw_numeric_kernels *kernels, const sw_quantised *q, reader *r,
                              const uint8_t *base, sw_plane plane, sw_quantised_work *w) {
    const size_t size = sw_plane_size(q->type, plane, q->elements);
    coding how;
    const uint8_t *bytes;
    size_t coded;
    sw_status status = size == 0 ? SW_OK : take(r, plane, &how, &bytes, &coded);
    if (size == 0 || status != SW_OK) {
        return status;
    }
    const bool known = sw_quantised_predict(q, base, plane, w);
    const bool halves = plane == SW_PLANE_D || plane == SW_PLANE_M;
    const unsigned element = halves ? SW_ELEMENT_F16 : SW_ELEMENT_INT8;
    const uint8_t *predicted = known ? sw_plane_of(&w->predicted, plane) : NULL;
    uint8_t *out = sw_plane_of(&w->target, plane);
    if ((how == SW_CODING_NUMERIC || how == SW_CODING_ADAPTIVE) && (coded == 0 || (bytes[0] & 15) != element)) {
        return SW_ERROR_HEADER;
    }
    switch (how) {
    case SW_CODING_NONE:
        if (!known) {
            return SW_ERROR_HEADER;
        }
        memcpy(out, predicted, size);
        break;
    case SW_CODING_NUMERIC: {
        const bool given = bytes[0] >> 7;
        if (given && (!known || halves)) {
            return SW_ERROR_HEADER;
        }
        if (given) {
            sw_quantised_fold(w->folds, size, sw_plane_of(&w->predicted, plane));
        }
        status = sw_numeric_decode_given(kernels, bytes, coded, predicted, known ? size : 0,
                                         given ? w->classes : NULL, given ? size : 0, out, size, &w->numeric);
        if (given) {
            sw_quantised_fold(w->folds, size, out);
        }
        break;
    }
    case SW_CODING_ADAPTIVE:
        status = sw_adaptive_decode(bytes, coded, predicted, known ? size : 0, out, size, &w->adaptive);
        break;
    default:
        if (coded != size) {
            return SW_ERROR_TRUNCATED;
        }
        memcpy(out, bytes, size);
        break;
    }
    return status != SW_OK ? status : fit(q->type, plane, out, size) ? SW_OK : SW_ERROR_ENTROPY;
}

sw_status sw_quantised_decode_with(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                   const uint8_t *base, size_t base_size, const sw_factors *factors, uint8_t *out,
                                   size_t out_size, sw_quantised_work *w) {
    sw_quantised q;
    sw_status status = sw_quantised_parse(payload, payload_size, out_size, &q);
    if (status != SW_OK) {
        return status;
    }
    if (base == NULL || base_size != q.base_size) {
        return SW_ERROR_BASE;
    }
    status = sw_quantised_term(kernels, factors, &q, w);
    if (status != SW_OK) {
        return status;
    }
    sw_quantised_start(&q, base, w);
    reader r = {q.rest, q.rest + q.rest_size, false};
    for (int plane = 0; plane < SW_PLANES && status == SW_OK; plane++) {
        status = decode_plane(kernels, &q, &r, base, (sw_plane)plane, w);
    }
    if (status == SW_OK && r.at < r.end) {
        return SW_ERROR_TRUNCATED;
    }
    if (status == SW_OK) {
        sw_quant_pack(q.type, &w->target, q.elements, out);
    }
    return status;
}

sw_status sw_quantised_decode(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                              const sw_factors *factors, uint8_t *out, size_t out_size, sw_quantised_work *work) {
    return sw_quantised_decode_with(&sw_portable_kernels, payload, payload_size, base, base_size, factors, out,
                                    out_size, work);
}
