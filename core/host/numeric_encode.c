/* NUMERIC blocks, encoding: statistics, tables, then the entropy coder backwards. */
#include "numeric_encode.h"

#include <string.h>

#include "encode_block.h"
#include "table_choice.h"

/* Lanes and precision by what the block will take: small blocks cannot afford many states. */
static void choose_lanes(sw_encoder *e, uint64_t coded_bits) {
    const uint64_t bytes = coded_bits >> 19;
    /* 32 states take 128 bytes, and an eighth of the time a symbol that few do. */
    const uint64_t many_from = e->level == SW_LEVEL_FAST ? 1024 : 12288;
    e->h.lane_bits = bytes >= many_from ? 5 : bytes >= 64 ? 2 : 0;
    e->h.table_bits = bytes < 512 ? 10 : e->level == SW_LEVEL_MAX && bytes >= 65536 ? 12 : 11;
}

/* A symbol that the sample of a table missed may still occur. */
static void allow_unseen(const sw_encoder *e, uint32_t (*merged)[SW_MAX_SYMBOLS]) {
    for (unsigned t = 0; t < e->h.table_count; t++) {
        for (unsigned i = 0; i < e->h.symbol_count; i++) {
            merged[t][e->alphabet[i]] += merged[t][e->alphabet[i]] == 0;
        }
    }
}

static bool find_scaled_symbols(sw_encoder *e, const sw_encode_kernels *kernels) {
    if (!sw_find_groups(e, kernels)) {
        return false;
    }
    if (sw_spells(e)) {
        sw_spell(e, kernels);
    } else {
        sw_find_values(e, kernels);
    }
    sw_choose_scales(e);
    if (!sw_find_symbols(e, kernels)) {
        return false;
    }
    sw_drop_idle_scales(e);
    return true;
}

static bool prepare(sw_encoder *e, const sw_encode_kernels *kernels) {
    bool found = find_scaled_symbols(e, kernels);
    if (found && sw_zero_level_is_idle(e)) {
        e->code_all = true;
        found = find_scaled_symbols(e, kernels);
    }
    return found && sw_find_alphabet(e);
}

size_t sw_numeric_encode(const sw_encode_kernels *encode_kernels, const sw_numeric_kernels *decode_kernels,
                         const uint8_t *base, const uint8_t *classes, const uint8_t *target, size_t size,
                         sw_element element, int level, uint8_t *out, size_t capacity, sw_encode_work *w) {
    sw_encoder e;
    memset(&e, 0, sizeof e);
    e.w = w;
    e.level = level;
    e.base = base;
    e.target = target;
    e.given = base == NULL ? NULL : classes;
    e.h.element = element;
    e.h.shape = sw_shape_of((unsigned)element);
    e.h.has_base = base != NULL;
    /* Of a wide difference the values without a symbol of their own take most of the bits, and of the time. */
    if (base != NULL && e.h.shape.width >= 4 && level == SW_LEVEL_FAST) {
        e.level = level = SW_LEVEL_DEFAULT;
    }
    if (e.h.shape.width == 0 || size == 0 || size > SW_MAX_BLOCK || size % e.h.shape.width != 0) {
        return 0;
    }
    e.h.elements = size / e.h.shape.width;
    if (e.h.shape.bits == 4) {
        e.h.elements = size * 2;
        sw_unpack_nibbles(target, size, w->nibbles);
        e.target = w->nibbles;
        if (base != NULL) {
            sw_unpack_nibbles(base, size, w->nibbles + SW_MAX_ELEMENTS);
            e.base = w->nibbles + SW_MAX_ELEMENTS;
        }
    }
    if (e.h.elements > SW_MAX_ELEMENTS || !prepare(&e, encode_kernels)) {
        return 0;
    }
    uint32_t(*merged)[SW_MAX_SYMBOLS] = w->counts;
    const uint64_t coded_bits = sw_choose_tables(&e.h, level, w->counts, w->decode.table_of) * e.sampled;
    if (e.sampled > 1) {
        allow_unseen(&e, merged);
    }
    if (e.raw_size + (coded_bits >> 19) >= capacity) {
        return 0;
    }
    choose_lanes(&e, coded_bits);
    sw_fill_encode_tables(&e, merged);
    const size_t written = sw_write_block(&e, encode_kernels, out, capacity);
    if (written == 0) {
        return 0;
    }
    const sw_status checked = sw_numeric_check(decode_kernels, out, written, base, size, e.given, e.h.elements, target,
                                               size, &w->decode);
    return checked == SW_OK ? written : 0;
}
