/* Symbols of values, and their raw bits. */
#include <string.h>

#include "bytes.h"
#include "encode_block.h"
#include "rans_step.h"

/* Raw blocks: the top bits of a value are its bucket. False if they take too many symbols. */
static bool fill_fields(sw_encoder *e) {
    const unsigned bits = e->h.shape.bits - e->h.shift;
    unsigned keep = e->h.shape.is_float ? e->h.shape.bits + 1u - e->h.shape.class_shift : 8u;
    if (e->h.shape.bits == 16) {
        keep = 9;
    }
    keep = keep < bits ? keep : bits;
    const uint64_t mask = e->h.shape.bits - e->h.shift == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    for (;; keep--) {
        e->h.raw_bits = bits - keep;
        memset(e->w->field_counts, 0, sizeof e->w->field_counts);
        e->w->field_counts[0] = (uint32_t)(e->h.elements - e->coded_elements);
        for (size_t i = 0; i < e->coded_elements; i++) {
            e->w->field_counts[((uint64_t)sw_value_at(e, i) & mask) >> e->h.raw_bits]++;
        }
        unsigned used = 0;
        for (unsigned f = 0; f < 1u << keep; f++) {
            if (e->w->field_counts[f] > 0) {
                if (used < SW_MAX_SYMBOLS) {
                    e->w->field_symbol[f] = (uint8_t)used;
                    e->bucket_of[used] = f;
                    e->offset[used] = (uint64_t)f << e->h.raw_bits;
                    e->bits[used] = (uint8_t)e->h.raw_bits;
                }
                used++;
            }
        }
        if (used <= SW_FIRST_EXACT || (e->h.shape.bits <= 8 && used <= SW_MAX_SYMBOLS)) {
            return e->h.raw_bits <= SW_MAX_RAW_BITS;
        }
        if (keep == 1) {
            return false;
        }
    }
}

sw_exact_values sw_exact_of(const sw_encoder *e) {
    return (sw_exact_values){e->w->is_exact, e->w->symbol_of, e->exact, e->exact_count};
}

void sw_end_raw(sw_encoder *e, sw_bit_writer *raw) {
    if (raw->count > 0) {
        *raw->at++ = (uint8_t)raw->pending;
    }
    e->raw_size = (size_t)(raw->at - e->w->raw);
}

/* Provisional symbols by look-up: 64-bit values and raw blocks. */
static bool look_up_symbols(sw_encoder *e, size_t first, size_t last, uint64_t mask, sw_bit_writer *raw) {
    sw_encode_work *w = e->w;
    const bool magnitude = sw_by_magnitude(&e->h);
    for (size_t i = first; i < last; i++) {
        const int64_t v = sw_value_at(e, i);
        unsigned symbol;
        uint64_t rest;
        if (magnitude) {
            const uint64_t at = (uint64_t)v + SW_EXACT_REACH;
            symbol = at < 2 * SW_EXACT_REACH ? w->symbol_of[at] : sw_bucket_of_value(v, e->h.extra_bits);
            rest = (uint64_t)v - e->offset[symbol];
        } else {
            const uint64_t field = (uint64_t)v & mask;
            symbol = w->field_symbol[field >> e->h.raw_bits];
            rest = field - e->offset[symbol];
        }
        if (e->bits[symbol] > SW_MAX_RAW_BITS) {
            return false;
        }
        w->symbols[i] = (uint8_t)symbol;
        sw_put_bits(raw, rest, e->bits[symbol]);
    }
    return true;
}

/* A provisional symbol for every coded element, counted by context, and the raw bits. */
static bool symbolise(sw_encoder *e, const sw_encode_kernels *kernels) {
    sw_encode_work *w = e->w;
    sw_bit_writer raw = {w->raw, 0, 0};
    const unsigned bits = e->h.shape.bits - e->h.shift;
    const uint64_t mask = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    const bool plain = sw_by_magnitude(&e->h) && !sw_is_wide(e);
    for (size_t g = 0; g < e->coded && !plain; g++) {
        size_t first, last;
        sw_group_range(e, g, &first, &last);
        if (!look_up_symbols(e, first, last, mask, &raw)) {
            return false;
        }
        uint32_t(*counts)[SW_MAX_SYMBOLS] = &w->counts[(size_t)w->levels[g] * SW_CLASSES];
        for (size_t i = first; i < last; i++) {
            counts[w->classes[i]][w->symbols[i]]++;
        }
    }
    if (plain) {
        const sw_exact_values exact = sw_exact_of(e);
        const unsigned largest = kernels->buckets(sw_narrow(e), e->coded_elements, e->exact_count > 0 ? &exact : NULL,
                                                  w->symbols, &raw);
        e->bucket_limit = largest + 1;
    }
    sw_end_raw(e, &raw);
    return true;
}

bool sw_find_symbols(sw_encoder *e, const sw_encode_kernels *kernels) {
    memset(e->w->counts, 0, (size_t)e->h.scale_count * SW_CLASSES * sizeof e->w->counts[0]);
    e->sampled = 1;
    e->symbol_limit = SW_MAX_SYMBOLS;
    const bool magnitude = sw_by_magnitude(&e->h);
    if (magnitude) {
        sw_fill_buckets(e);
        if (e->level > SW_LEVEL_FAST && e->h.shape.bits >= 16 && !sw_is_wide(e)) {
            sw_choose_exact(e);
        }
    } else if (!fill_fields(e)) {
        return false;
    }
    if (!sw_spells(e)) {
        if (sw_spells_again(e, kernels)) {
            sw_spell(e, kernels);
        } else if (!symbolise(e, kernels)) {
            return false;
        }
    }
    if (magnitude && !sw_is_wide(e)) {
        e->symbol_limit = e->exact_count > 0 ? SW_FIRST_EXACT + e->exact_count : e->bucket_limit;
        sw_count_symbols(e);
    }
    return true;
}

bool sw_find_alphabet(sw_encoder *e) {
    uint32_t used[SW_MAX_SYMBOLS] = {0};
    for (unsigned c = 0; c < e->h.scale_count * SW_CLASSES; c++) {
        for (unsigned s = 0; s < SW_MAX_SYMBOLS; s++) {
            used[s] |= e->w->counts[c][s];
        }
    }
    for (unsigned s = 0; e->sampled > 1 && s < e->symbol_limit; s++) {
        used[s] = 1;
    }
    const unsigned limit = sw_by_magnitude(&e->h) ? SW_FIRST_EXACT : SW_MAX_SYMBOLS;
    e->bucket_count = 0;
    for (unsigned s = 0; s < limit; s++) {
        if (used[s]) {
            e->alphabet[e->bucket_count++] = (uint8_t)s;
        }
    }
    e->h.symbol_count = e->bucket_count;
    /* Every chosen exact value is in use: it was chosen for its count. */
    for (unsigned i = 0; i < e->exact_count; i++) {
        e->alphabet[e->h.symbol_count++] = (uint8_t)(SW_FIRST_EXACT + i);
    }
    return e->h.symbol_count > 0;
}
