/* The parameters of a PREDICTED block, and matrices of integers. */
#include "bytes.h"
#include "predicted.h"
#include "reader.h"

static double read_double(reader *r) {
    if (r->end - r->at < 8) {
        r->failed = true;
        return 0;
    }
    const uint64_t bits = sw_load64(r->at);
    r->at += 8;
    /* No infinity, no NaN. */
    r->failed |= (bits >> 52 & 0x7FF) == 0x7FF;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool sw_is_predicted(sw_element element) {
    return element == SW_ELEMENT_F16 || element == SW_ELEMENT_BF16 || element == SW_ELEMENT_F32 ||
           element == SW_ELEMENT_F64;
}

static double power_of_two(int64_t exponent) {
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool read_parameters(reader *r, uint8_t flags, sw_prediction *p) {
    if (p->has_scale) {
        p->scale = read_double(r);
    }
    if (p->has_second) {
        p->second_scale = read_double(r);
        p->second_move = read_signed(r);
    }
    if (p->has_factors) {
        const int64_t exponent = read_signed(r);
        if (exponent < SW_LEAST_EXPONENT || exponent > SW_MOST_EXPONENT) {
            return false;
        }
        p->unit = power_of_two(exponent);
        const uint64_t size = read_unsigned(r);
        if (r->failed || size > (uint64_t)(r->end - r->at)) {
            r->failed = true;
            return true;
        }
        p->left = r->at;
        p->left_size = (size_t)size;
        r->at += size;
    }
    if (p->given_classes) {
        const uint64_t spread = read_unsigned(r);
        if (spread > SW_MOST_SPREAD) {
            return false;
        }
        p->spread = (unsigned)spread;
    }
    return flags < 64;
}

/* The residual's own header must say that it is a difference of the same element. */
static bool fits(const sw_prediction *p) {
    const unsigned head = p->rest_size > 0 ? p->rest[0] : 0;
    if (p->residual == SW_RESIDUAL_NONE) {
        return p->rest_size == 0 && !p->given_classes;
    }
    if (p->residual == SW_RESIDUAL_ADAPTIVE && p->given_classes) {
        return false;
    }
    const bool given = p->residual == SW_RESIDUAL_NUMERIC && head >> 7;
    return (head & 31) == ((unsigned)p->element | 16) && given == p->given_classes &&
           !(p->given_classes && p->element == SW_ELEMENT_F64);
}

sw_status sw_prediction_parameters(const uint8_t *payload, size_t payload_size, size_t out_size, sw_prediction *p) {
    memset(p, 0, sizeof *p);
    reader r = {payload, payload + payload_size, false};
    const uint8_t elements = read_byte(&r);
    const uint8_t flags = read_byte(&r);
    p->base_element = (sw_element)(elements & 15);
    p->element = (sw_element)(elements >> 4);
    if (r.failed || out_size == 0 || out_size > SW_MAX_BLOCK) {
        return SW_ERROR_TRUNCATED;
    }
    if (!sw_is_predicted(p->base_element) || !sw_is_predicted(p->element) || (flags >> 4 & 3) == 3 ||
        out_size % sw_shape_of((unsigned)p->element).width != 0) {
        return SW_ERROR_HEADER;
    }
    p->has_scale = flags & 1;
    p->has_second = flags >> 1 & 1;
    p->has_factors = flags >> 2 & 1;
    p->given_classes = flags >> 3 & 1;
    p->residual = (sw_residual)(flags >> 4 & 3);
    p->elements = out_size / sw_shape_of((unsigned)p->element).width;
    const bool good = read_parameters(&r, flags, p);
    if (r.failed) {
        return SW_ERROR_TRUNCATED;
    }
    p->rest = r.at;
    p->rest_size = (size_t)(r.end - r.at);
    return good ? SW_OK : SW_ERROR_HEADER;
}

sw_status sw_prediction_parse(const uint8_t *payload, size_t payload_size, size_t out_size, sw_prediction *p) {
    const sw_status status = sw_prediction_parameters(payload, payload_size, out_size, p);
    return status == SW_OK && !fits(p) ? SW_ERROR_HEADER : status;
}

sw_status sw_predicted_read_wants(const uint8_t *payload, size_t payload_size, size_t out_size,
                                  sw_predicted_wants *wants) {
    sw_prediction p;
    const sw_status status = sw_prediction_parse(payload, payload_size, out_size, &p);
    if (status == SW_OK) {
        wants->base_size = p.elements * sw_shape_of((unsigned)p.base_element).width;
        wants->has_second = p.has_second;
        wants->second_move = p.second_move;
    }
    return status;
}

sw_status sw_matrix_decode(const uint8_t *payload, size_t payload_size, size_t count, int32_t *values,
                           uint64_t *largest, const sw_numeric_kernels *kernels, const sw_matrix_work *work) {
    if (payload_size < 2) {
        return SW_ERROR_TRUNCATED;
    }
    const unsigned element = payload[0] & 15;
    const unsigned coding = payload[0] >> 4;
    const size_t width = sw_shape_of(element).width;
    if ((element != SW_ELEMENT_INT16 && element != SW_ELEMENT_INT32) || count == 0 || count > SW_MAX_BLOCK / width) {
        return SW_ERROR_HEADER;
    }
    const uint8_t *body = payload + 1;
    const size_t size = payload_size - 1;
    if (coding != SW_RESIDUAL_NONE && (body[0] & 31) != element) {
        return SW_ERROR_HEADER;
    }
    sw_status status = SW_OK;
    if (coding == SW_RESIDUAL_NUMERIC) {
        status = sw_numeric_decode_with(kernels, body, size, NULL, 0, work->bytes, count * width, work->numeric);
    } else if (coding == SW_RESIDUAL_ADAPTIVE) {
        status = sw_adaptive_decode(body, size, NULL, 0, work->bytes, count * width, work->adaptive);
    } else if (coding != SW_RESIDUAL_NONE) {
        return SW_ERROR_HEADER;
    } else if (size != count * width) {
        return SW_ERROR_TRUNCATED;
    } else {
        memcpy(work->bytes, body, size);
    }
    *largest = 0;
    for (size_t i = 0; status == SW_OK && i < count; i++) {
        values[i] = element == SW_ELEMENT_INT16 ? (int16_t)sw_load16(work->bytes + 2 * i)
                                                : (int32_t)sw_load32(work->bytes + 4 * i);
        const int64_t value = values[i];
        const uint64_t magnitude = (uint64_t)(value < 0 ? -value : value);
        *largest = magnitude > *largest ? magnitude : *largest;
    }
    return status;
}

/* Columns and new components, and whether they are added to those that are there. */
static sw_status read_shape(reader *r, sw_factors *factors, uint64_t *added) {
    const uint8_t flags = read_byte(r);
    const uint64_t columns = read_unsigned(r);
    *added = read_unsigned(r);
    if (r->failed) {
        return SW_ERROR_TRUNCATED;
    }
    if (flags > 1 || columns == 0 || columns > SW_MAX_COLUMNS || *added == 0 || *added > SW_MAX_RANK) {
        return SW_ERROR_HEADER;
    }
    if (flags == 0) {
        factors->rank = 0;
        factors->largest = 0;
        factors->columns = (uint32_t)columns;
    } else if (factors->rank == 0 || factors->columns != columns) {
        return SW_ERROR_FACTORS;
    }
    const uint64_t rank = factors->rank + *added;
    return rank > SW_MAX_RANK || rank * columns > SW_MAX_FACTOR || rank * columns > factors->capacity
               ? SW_ERROR_FACTORS
               : SW_OK;
}

sw_status sw_factors_decode_with(const sw_numeric_kernels *kernels, const uint8_t *payload, size_t payload_size,
                                 sw_factors *factors, sw_predicted_work *work) {
    reader r = {payload, payload + payload_size, false};
    uint64_t added = 0;
    sw_status status = read_shape(&r, factors, &added);
    if (status != SW_OK) {
        return status;
    }
    const size_t columns = factors->columns;
    uint64_t largest = 0;
    const sw_matrix_work room = {&work->numeric, &work->adaptive, work->matrix};
    status = sw_matrix_decode(r.at, (size_t)(r.end - r.at), (size_t)added * columns,
                              factors->values + factors->rank * columns, &largest, kernels, &room);
    factors->rank += (uint32_t)added;
    factors->largest = largest > factors->largest ? largest : factors->largest;
    return status;
}

sw_status sw_factors_decode(const uint8_t *payload, size_t payload_size, sw_factors *factors,
                            sw_predicted_work *work) {
    return sw_factors_decode_with(&sw_portable_kernels, payload, payload_size, factors, work);
}
