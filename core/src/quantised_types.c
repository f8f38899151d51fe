/* The types of quantised weights, and their blocks as planes. */
#include "bytes.h"
#include "quantised.h"

/* Six bits each of eight scales and eight mins in twelve bytes: no row of fields. */
enum { SIX_BITS = 6 };

/* ggml-common.h of llama.cpp: the block_* structs. */
static const sw_quant_type types[] = {
    {2, 32, 32, 18, 0, 0, false, {{0}}, {{2, 4, 16}}, {0}, {8, 0, 15}, SW_RULE_SIGNED},
    {3, 32, 32, 20, 0, 2, true, {{0}}, {{4, 4, 16}}, {0}, {0, 0, 15}, SW_RULE_RANGE},
    {6, 32, 32, 22, 0, 0, false, {{0}}, {{6, 4, 16}, {2, 1, 1}}, {0}, {16, 0, 31}, SW_RULE_SIGNED},
    {7, 32, 32, 24, 0, 2, true, {{0}}, {{8, 4, 16}, {4, 1, 1}}, {0}, {0, 0, 31}, SW_RULE_RANGE},
    {8, 32, 32, 34, 0, 0, false, {{0}}, {{2, 8, 32}}, {0}, {0, -127, 127}, SW_RULE_LARGEST},
    {10, 16, 256, 84, 80, 82, true, {{0, 4, 16}}, {{16, 2, 32}}, {0, 0, 15}, {0, 0, 3}, SW_RULE_NONE},
    {11, 16, 256, 110, 108, 0, false, {{96, 4, 8}, {104, 2, 4}}, {{32, 2, 32}, {0, 1, 32}}, {32, 0, 63}, {4, 0, 7},
     SW_RULE_NONE},
    {12, 32, 256, 144, 0, 2, true, {{4, SIX_BITS, 1}}, {{16, 4, 32}}, {0, 0, 63}, {0, 0, 15}, SW_RULE_NONE},
    {13, 32, 256, 176, 0, 2, true, {{4, SIX_BITS, 1}}, {{48, 4, 32}, {16, 1, 32}}, {0, 0, 63}, {0, 0, 31},
     SW_RULE_NONE},
    {14, 16, 256, 210, 208, 0, false, {{192, 8, 16}}, {{0, 4, 64}, {128, 2, 32}}, {0, -128, 127}, {32, 0, 63},
     SW_RULE_NONE},
};

const sw_quant_type *sw_quant_type_of(unsigned number) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].number == number) {
            return &types[i];
        }
    }
    return NULL;
}

/* numbers[i] |= field i << shift */
static void read_field(const sw_quant_field *field, const uint8_t *block, unsigned count, unsigned shift,
                       uint8_t *numbers) {
    const unsigned mask = (1u << field->bits) - 1;
    const uint8_t *bytes = block + field->at;
    for (unsigned i = 0; i < count; bytes += field->run) {
        for (unsigned low = 0; low < 8; low += field->bits) {
            for (unsigned k = 0; k < field->run; k++, i++) {
                numbers[i] = (uint8_t)(numbers[i] | (bytes[k] >> low & mask) << shift);
            }
        }
    }
}

static void write_field(const sw_quant_field *field, uint8_t *block, unsigned count, unsigned shift,
                        const uint8_t *numbers) {
    const unsigned mask = (1u << field->bits) - 1;
    uint8_t *bytes = block + field->at;
    for (unsigned i = 0; i < count; bytes += field->run) {
        for (unsigned low = 0; low < 8; low += field->bits) {
            for (unsigned k = 0; k < field->run; k++, i++) {
                bytes[k] = (uint8_t)(bytes[k] | (numbers[i] >> shift & mask) << low);
            }
        }
    }
}

static void read_fields(const sw_quant_field fields[2], const uint8_t *block, unsigned count, uint8_t *numbers) {
    memset(numbers, 0, count);
    read_field(&fields[0], block, count, 0, numbers);
    if (fields[1].bits > 0) {
        read_field(&fields[1], block, count, fields[0].bits, numbers);
    }
}

static void write_fields(const sw_quant_field fields[2], uint8_t *block, unsigned count, const uint8_t *numbers) {
    write_field(&fields[0], block, count, 0, numbers);
    if (fields[1].bits > 0) {
        write_field(&fields[1], block, count, fields[0].bits, numbers);
    }
}

static void read_six_bits(const uint8_t *b, uint8_t numbers[16]) {
    for (unsigned j = 0; j < 4; j++) {
        numbers[j] = b[j] & 63;
        numbers[8 + j] = b[4 + j] & 63;
        numbers[4 + j] = (uint8_t)((b[8 + j] & 15) | b[j] >> 6 << 4);
        numbers[12 + j] = (uint8_t)(b[8 + j] >> 4 | b[4 + j] >> 6 << 4);
    }
}

static void write_six_bits(uint8_t *b, const uint8_t numbers[16]) {
    for (unsigned j = 0; j < 4; j++) {
        b[j] = (uint8_t)(numbers[j] | numbers[4 + j] >> 4 << 6);
        b[4 + j] = (uint8_t)(numbers[8 + j] | numbers[12 + j] >> 4 << 6);
        b[8 + j] = (uint8_t)((numbers[4 + j] & 15) | (numbers[12 + j] & 15) << 4);
    }
}

void sw_quant_unpack(const sw_quant_type *type, const uint8_t *bytes, size_t count, sw_quant_planes *planes) {
    const unsigned runs = type->elements / type->run;
    uint8_t numbers[2 * 16];
    for (size_t i = 0; i < count / type->elements; i++, bytes += type->bytes) {
        memcpy(planes->d + 2 * i, bytes + type->d_at, 2);
        if (type->has_m) {
            memcpy(planes->m + 2 * i, bytes + type->m_at, 2);
        }
        if (sw_quant_has_runs(type)) {
            if (type->scales[0].bits == SIX_BITS) {
                read_six_bits(bytes + type->scales[0].at, numbers);
            } else {
                read_fields(type->scales, bytes, type->has_m ? 2 * runs : runs, numbers);
            }
            memcpy(planes->scales + i * runs, numbers, runs);
            if (type->has_m) {
                memcpy(planes->mins + i * runs, numbers + runs, runs);
            }
        }
        read_fields(type->codes, bytes, type->elements, planes->codes + i * type->elements);
    }
}

void sw_quant_pack(const sw_quant_type *type, const sw_quant_planes *planes, size_t count, uint8_t *bytes) {
    const unsigned runs = type->elements / type->run;
    uint8_t numbers[2 * 16];
    memset(bytes, 0, count / type->elements * type->bytes);
    for (size_t i = 0; i < count / type->elements; i++, bytes += type->bytes) {
        memcpy(bytes + type->d_at, planes->d + 2 * i, 2);
        if (type->has_m) {
            memcpy(bytes + type->m_at, planes->m + 2 * i, 2);
        }
        if (sw_quant_has_runs(type)) {
            memcpy(numbers, planes->scales + i * runs, runs);
            if (type->has_m) {
                memcpy(numbers + runs, planes->mins + i * runs, runs);
            }
            if (type->scales[0].bits == SIX_BITS) {
                write_six_bits(bytes + type->scales[0].at, numbers);
            } else {
                write_fields(type->scales, bytes, type->has_m ? 2 * runs : runs, numbers);
            }
        }
        write_fields(type->codes, bytes, type->elements, planes->codes + i * type->elements);
    }
}

size_t sw_plane_size(const sw_quant_type *type, sw_plane plane, size_t elements) {
    switch (plane) {
    case SW_PLANE_M:
        return type->has_m ? elements / type->elements * 2 : 0;
    case SW_PLANE_D:
        return elements / type->elements * 2;
    case SW_PLANE_MINS:
        return type->has_m && sw_quant_has_runs(type) ? elements / type->run : 0;
    case SW_PLANE_SCALES:
        return sw_quant_has_runs(type) ? elements / type->run : 0;
    default:
        return elements;
    }
}

uint8_t *sw_plane_of(sw_quant_planes *planes, sw_plane plane) {
    switch (plane) {
    case SW_PLANE_M:
        return planes->m;
    case SW_PLANE_D:
        return planes->d;
    case SW_PLANE_MINS:
        return planes->mins;
    case SW_PLANE_SCALES:
        return planes->scales;
    default:
        return planes->codes;
    }
}
