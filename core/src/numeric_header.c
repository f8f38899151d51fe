/* Header and side information of a NUMERIC block. */
#include "bytes.h"
#include "numeric.h"

sw_element_shape sw_shape_of(unsigned element) {
    static const sw_element_shape shapes[] = {
        {0, 0, false, 0, 0},
        {1, 8, false, 4, 15},
        {2, 16, false, 12, 15},
        {4, 32, false, 28, 15},
        {8, 64, false, 60, 15},
        {2, 16, true, 10, 31},
        {2, 16, true, 7, 255},
        {4, 32, true, 23, 255},
        {8, 64, true, 52, 2047},
        {1, 8, true, 3, 15},
        {1, 8, true, 2, 31},
        {1, 4, false, 0, 15},
    };
    return shapes[element < sizeof shapes / sizeof shapes[0] ? element : 0];
}

void sw_bucket_range(uint64_t bucket, unsigned extra_bits, uint64_t *offset, unsigned *bits) {
    *offset = 0;
    *bits = 0;
    if (bucket == 0) {
        return;
    }
    const uint64_t k = (bucket - 1) >> 1;
    const bool negative = (bucket - 1) & 1;
    const uint64_t exact = (UINT64_C(2) << extra_bits) - 1; /* magnitudes 1 .. exact stand alone */
    uint64_t low = k + 1;
    if (k >= exact) {
        *bits = (unsigned)((k - exact) >> extra_bits) + 1;
        if (*bits > SW_MAX_RAW_BITS) {
            return; /* the caller refuses it */
        }
        const uint64_t digits = (k - exact) & ((UINT64_C(1) << extra_bits) - 1);
        low = ((UINT64_C(1) << extra_bits) | digits) << *bits;
    }
    *offset = negative ? UINT64_C(0) - (low + (UINT64_C(1) << *bits) - 1) : low;
}

static bool read_varint(const uint8_t **at, const uint8_t *end, size_t *value) {
    size_t result = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        if (*at == end) {
            return false;
        }
        const uint8_t byte = *(*at)++;
        result |= (size_t)(byte & 127) << shift;
        if (byte < 128) {
            *value = result;
            return byte != 0 || shift == 0; /* one way to write a number */
        }
    }
    return false;
}

static bool read_fixed(const uint8_t *p, sw_numeric_header *h) {
    h->element = (sw_element)(p[0] & 15);
    h->shape = sw_shape_of(p[0] & 15);
    h->has_base = p[0] >> 4 & 1;
    h->has_classes = p[0] >> 5 & 1;
    h->zero_level = p[0] >> 6 & 1;
    h->given_classes = p[0] >> 7;
    h->group_bits = 5u + (p[1] & 7);
    h->lane_bits = p[1] >> 3 & 7;
    h->table_bits = 10u + (p[1] >> 6);
    h->scale_count = 1u + (p[2] & 7);
    h->extra_bits = p[2] >> 3 & 3;
    return h->shape.width != 0 && h->lane_bits <= 5 && h->table_bits <= SW_MAX_TABLE_BITS &&
           p[2] < 32 && (h->has_base || !h->has_classes) && (h->has_classes || !h->given_classes);
}

static sw_status read_alphabet(sw_range_decoder *d, sw_numeric_header *h, sw_numeric_work *w) {
    const unsigned bits = h->shape.bits;
    const uint64_t buckets = sw_range_integer(d, w->models + SW_MODELS_SCALAR);
    const uint64_t exacts = sw_range_integer(d, w->models + SW_MODELS_SCALAR);
    if (buckets > SW_MAX_SYMBOLS || exacts > SW_MAX_EXACT || buckets + exacts > SW_MAX_SYMBOLS ||
        buckets + exacts == 0) {
        return SW_ERROR_HEADER;
    }
    uint64_t bucket = 0;
    for (unsigned i = 0; i < buckets; i++) {
        bucket += sw_range_integer(d, w->models + SW_MODELS_BUCKET) + (i > 0);
        if (bucket >> 16) {
            return SW_ERROR_HEADER;
        }
        unsigned raw = h->raw_bits;
        if (h->has_base || (!h->shape.is_float && bits > 8)) {
            sw_bucket_range(bucket, h->extra_bits, &w->symbol_offset[i], &raw);
        } else {
            w->symbol_offset[i] = bucket << raw;
        }
        if (raw > SW_MAX_RAW_BITS || raw > bits) {
            return SW_ERROR_HEADER;
        }
        w->symbol_bits[i] = (uint8_t)raw;
    }
    uint64_t value = 0;
    for (uint64_t i = 0; i < exacts; i++) {
        const uint64_t step = sw_range_integer(d, w->models + SW_MODELS_EXACT);
        /* The first is a zigzag of either sign; the others rise from it. */
        value = i == 0 ? (step >> 1) ^ (UINT64_C(0) - (step & 1)) : value + step + 1;
        w->symbol_offset[buckets + i] = value;
        w->symbol_bits[buckets + i] = 0;
    }
    h->symbol_count = (unsigned)(buckets + exacts);
    h->most_bits = 0;
    for (unsigned i = 0; i < h->symbol_count; i++) {
        const uint32_t offset = (uint32_t)(w->symbol_offset[i] << h->shift);
        for (unsigned byte = 0; byte < 4; byte++) {
            w->offset_bytes[byte][i] = (uint8_t)(offset >> (8 * byte));
        }
        h->most_bits = w->symbol_bits[i] > h->most_bits ? w->symbol_bits[i] : h->most_bits;
    }
    return SW_OK;
}

static sw_status read_table_map(sw_range_decoder *d, sw_numeric_header *h, sw_numeric_work *w) {
    const uint64_t tables = sw_range_integer(d, w->models + SW_MODELS_SCALAR) + 1;
    if (tables > SW_MAX_TABLES) {
        return SW_ERROR_HEADER;
    }
    h->table_count = (unsigned)tables;
    const unsigned classes = h->has_classes ? SW_CLASSES : 1;
    unsigned id = 0;
    for (unsigned s = h->zero_level; s < h->scale_count; s++) {
        for (unsigned c = 0; c < classes; c++) {
            if (!sw_range_bit(d, &w->models[SW_MODELS_SAME])) {
                id = sw_range_tree(d, w->models + SW_MODELS_TABLE_ID, 6);
            }
            if (id >= tables) {
                return SW_ERROR_HEADER;
            }
            w->table_of[s][c] = (uint8_t)id;
        }
    }
    return SW_OK;
}

static sw_status read_table(sw_range_decoder *d, const sw_numeric_header *h, sw_numeric_work *w,
                            uint8_t lengths[SW_MAX_SYMBOLS], unsigned id) {
    const uint32_t total = 1u << h->table_bits;
    uint32_t frequencies[SW_MAX_SYMBOLS];
    const unsigned largest = sw_range_tree(d, w->models + SW_MODELS_LARGEST, 8);
    if (largest >= h->symbol_count) {
        return SW_ERROR_HEADER;
    }
    uint32_t sum = 0;
    unsigned before = 0;
    for (unsigned i = 0; i < h->symbol_count; i++) {
        if (i == largest) {
            continue;
        }
        const unsigned context = id == 0 ? before : 16u + lengths[i];
        const unsigned length = sw_range_tree(d, w->models + SW_MODELS_FREQUENCY + context * 16, 4);
        if (length > h->table_bits) {
            return SW_ERROR_HEADER;
        }
        uint32_t f = length > 0;
        if (length > 1) {
            const unsigned digits = length - 1 < SW_FREQUENCY_DIGITS ? length - 1 : SW_FREQUENCY_DIGITS;
            f = (1u << digits | sw_range_direct(d, digits)) << (length - 1 - digits);
        }
        before = length;
        lengths[i] = (uint8_t)length;
        frequencies[i] = f;
        sum += f;
    }
    if (sum >= total) {
        return SW_ERROR_HEADER;
    }
    frequencies[largest] = total - sum;
    lengths[largest] = (uint8_t)h->table_bits;
    uint32_t *table = w->tables + ((size_t)id << h->table_bits);
    uint32_t *slot = table;
    for (unsigned i = 0; i < h->symbol_count; i++) {
        if (i == largest) {
            w->commonest[id] =
                (sw_commonest){(uint16_t)(slot - table), (uint16_t)frequencies[i], (uint8_t)largest};
        }
        for (uint32_t k = 0; k < frequencies[i]; k++) {
            *slot++ = sw_table_entry(frequencies[i], k, i);
        }
    }
    return SW_OK;
}

static sw_status read_scales(sw_range_decoder *from, const sw_numeric_header *h, sw_numeric_work *w) {
    if (h->scale_count == 1) {
        memset(w->scales, 0, h->groups);
        return SW_OK;
    }
    sw_range_decoder d = *from;
    unsigned previous = 0;
    unsigned before = 0;
    for (size_t g = 0; g < h->groups; g++) {
        uint16_t *models = w->models + SW_MODELS_SCALE + (before * SW_MAX_SCALES + previous) * SW_MAX_SCALES;
        const unsigned scale = sw_range_tree(&d, models, 3);
        if (scale >= h->scale_count || d.overrun > 4) {
            return SW_ERROR_HEADER;
        }
        w->scales[g] = (uint8_t)scale;
        before = previous;
        previous = scale;
    }
    *from = d;
    return SW_OK;
}

static sw_status read_side(sw_range_decoder *d, sw_numeric_header *h, sw_numeric_work *w) {
    sw_models_reset(w->models, SW_MODELS_COUNT);
    uint16_t *scalar = w->models + SW_MODELS_SCALAR;
    const uint64_t shift = sw_range_integer(d, scalar);
    const uint64_t raw_bits = h->has_base ? 0 : sw_range_integer(d, scalar);
    const uint64_t top = h->has_classes && !h->given_classes ? sw_range_integer(d, scalar) : 0;
    if (shift >= h->shape.bits || raw_bits > SW_MAX_RAW_BITS || raw_bits + shift > h->shape.bits ||
        top > h->shape.class_mask) {
        return SW_ERROR_HEADER;
    }
    h->shift = (unsigned)shift;
    h->raw_bits = (unsigned)raw_bits;
    h->class_top = (unsigned)top;
    sw_status status = read_alphabet(d, h, w);
    if (status == SW_OK) {
        status = read_table_map(d, h, w);
    }
    uint8_t lengths[SW_MAX_SYMBOLS];
    for (unsigned t = 0; status == SW_OK && t < h->table_count; t++) {
        status = read_table(d, h, w, lengths, t);
    }
    if (status == SW_OK) {
        status = read_scales(d, h, w);
    }
    if (status == SW_OK && !sw_range_ended(d)) {
        status = SW_ERROR_TRUNCATED;
    }
    return status;
}

sw_status sw_numeric_parse(const uint8_t *payload, size_t payload_size, size_t out_size,
                           sw_numeric_header *h, sw_numeric_work *w) {
    if (payload_size < 5 || out_size == 0 || out_size > SW_MAX_BLOCK) {
        return SW_ERROR_TRUNCATED;
    }
    if (!read_fixed(payload, h) || out_size % h->shape.width != 0) {
        return SW_ERROR_HEADER;
    }
    h->elements = out_size / h->shape.width;
    if (h->shape.bits == 4) {
        h->elements = out_size * 2;
    }
    h->groups = (h->elements + ((size_t)1 << h->group_bits) - 1) >> h->group_bits;
    if (h->groups > SW_MAX_GROUPS) {
        return SW_ERROR_HEADER;
    }
    const uint8_t *at = payload + 3;
    const uint8_t *end = payload + payload_size;
    size_t side_size;
    if (!read_varint(&at, end, &side_size) || !read_varint(&at, end, &h->words_size) ||
        side_size > (size_t)(end - at) || h->words_size > (size_t)(end - at) - side_size ||
        h->words_size % 2 != 0) {
        return SW_ERROR_TRUNCATED;
    }
    h->words = at + side_size;
    h->raw = h->words + h->words_size;
    h->raw_size = (size_t)(end - h->raw);
    sw_range_decoder d;
    sw_range_start(&d, at, side_size);
    return read_side(&d, h, w);
}
