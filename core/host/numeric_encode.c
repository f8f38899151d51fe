/* NUMERIC blocks, encoding: statistics, tables, then the entropy coder backwards. */
#include "numeric_encode.h"

#include <string.h>

#include "bytes.h"
#include "histogram.h"
#include "range_encoder.h"
#include "table_choice.h"

typedef struct {
    sw_encode_work *w;
    sw_numeric_header h;
    const uint8_t *base;
    const uint8_t *target;
    int level;
    size_t groups64;
    unsigned bucket_count;
    unsigned exact_count;
    uint8_t alphabet[SW_MAX_SYMBOLS];      /* provisional symbol of each final one */
    uint64_t bucket_of[SW_FIRST_EXACT];    /* raw blocks: field value of each provisional symbol */
    int32_t exact[SW_MAX_EXACT];
    uint64_t offset[SW_MAX_SYMBOLS];       /* by provisional symbol */
    uint8_t bits[SW_MAX_SYMBOLS];
    size_t raw_size;
    unsigned largest[SW_MAX_TABLES];
} encoder;

static bool is_wide(const encoder *e) {
    return e->h.shape.width == 8;
}

/* Buckets by magnitude serve differences and wide integers; the top bits serve everything else. */
static bool by_magnitude(const sw_numeric_header *h) {
    return h->has_base || (!h->shape.is_float && h->shape.bits > 8);
}

static const int32_t *narrow(const encoder *e) {
    return (const int32_t *)(const void *)e->w->values;
}

static int64_t value_at(const encoder *e, size_t i) {
    return is_wide(e) ? e->w->values[i] : narrow(e)[i];
}

/* Zero bits below every value; false if every value is zero. */
static bool find_shift(encoder *e) {
    uint64_t any = 0;
    if (is_wide(e)) {
        for (size_t i = 0; i < e->h.elements; i++) {
            any |= (uint64_t)e->w->values[i];
        }
    } else {
        const int32_t *v = narrow(e);
        uint32_t bits = 0;
        for (size_t i = 0; i < e->h.elements; i++) {
            bits |= (uint32_t)v[i];
        }
        any = bits;
    }
    if (any == 0) {
        return false;
    }
    e->h.shift = (unsigned)__builtin_ctzll(any);
    if (e->h.shift > 0) {
        if (is_wide(e)) {
            for (size_t i = 0; i < e->h.elements; i++) {
                e->w->values[i] >>= e->h.shift;
            }
        } else {
            int32_t *v = (int32_t *)(void *)e->w->values;
            for (size_t i = 0; i < e->h.elements; i++) {
                v[i] >>= e->h.shift;
            }
        }
    }
    return true;
}

/* Class 0 is the largest exponent that is not rare. */
static void find_class_top(encoder *e, const sw_encode_kernels *k) {
    const sw_element_shape *s = &e->h.shape;
    uint32_t counts[2048] = {0};
    const size_t step = e->h.elements / 8192 + 1;
    size_t seen = 0;
    for (size_t i = 0; i < e->h.elements; i += step, seen++) {
        uint64_t v = 0;
        for (unsigned b = s->width; b-- > 0;) {
            v = v << 8 | e->base[i * s->width + b];
        }
        counts[v >> s->class_shift & s->class_mask]++;
    }
    unsigned top = s->class_mask;
    for (size_t above = counts[top]; top > 0 && above <= seen / 512; above += counts[top]) {
        top--;
    }
    e->h.class_top = s->is_float ? top : s->class_mask;
    k->classes(e->base, e->h.elements, s, e->h.class_top, e->w->classes);
}

static void wide_group_sums(encoder *e) {
    for (size_t g = 0; g < e->groups64; g++) {
        const size_t stop = (g + 1) * 64 < e->h.elements ? (g + 1) * 64 : e->h.elements;
        uint64_t sum = 0;
        for (size_t i = g * 64; i < stop; i++) {
            const int64_t v = e->w->values[i];
            const uint64_t magnitude = v < 0 ? UINT64_C(0) - (uint64_t)v : (uint64_t)v;
            /* 24 bits of room: 64 values moved up by up to 15. Small values keep their lowest bit. */
            sum += ((magnitude >> 24) | (magnitude != 0)) << (15 - e->w->classes[i]);
        }
        e->w->sums[g] = sum;
    }
}

/* A raw block's groups are told apart by their mean field, which is a logarithm already for floats. */
static void field_group_sums(encoder *e) {
    const unsigned drop = e->h.shape.is_float ? (unsigned)e->h.shape.class_shift - 1 : 0;
    const uint64_t mask = (UINT64_C(1) << (e->h.shape.bits - 1)) - 1;
    for (size_t g = 0; g < e->groups64; g++) {
        const size_t stop = (g + 1) * 64 < e->h.elements ? (g + 1) * 64 : e->h.elements;
        uint64_t sum = 0;
        for (size_t i = g * 64; i < stop; i++) {
            const int64_t v = (int64_t)((uint64_t)value_at(e, i) << e->h.shift);
            if (e->h.shape.is_float) {
                sum += ((uint64_t)v & mask) >> drop;
            } else {
                sum += v < 0 ? UINT64_C(0) - (uint64_t)v : (uint64_t)v;
            }
        }
        e->w->sums[g] = sum;
    }
}

/* Half octaves of a sum; for fields of floats, steps of half an exponent. */
static unsigned scale_of(const encoder *e, uint64_t sum, size_t count) {
    if (!e->h.has_base && e->h.shape.is_float) {
        return (unsigned)(sum / count);
    }
    const unsigned length = sw_bit_length(sum);
    return length == 0 ? 0 : length * 2 + (length > 1 ? (unsigned)(sum >> (length - 2) & 1) : 0);
}

enum { SCALE_STEPS = 4096 };

/* Group size, the zero level and the scale levels of every group. */
static void choose_scales(encoder *e) {
    uint64_t *sums = e->w->sums;
    size_t zero = 0;
    for (size_t g = 0; g < e->groups64; g++) {
        zero += sums[g] == 0;
    }
    e->h.zero_level = zero > e->groups64 / 16 && zero > 0;
    e->h.group_bits = e->h.zero_level ? 6 : 7;
    if (!e->h.zero_level) {
        for (size_t g = 0; g < e->groups64; g += 2) {
            sums[g / 2] = sums[g] + (g + 1 < e->groups64 ? sums[g + 1] : sums[g]);
        }
    }
    const size_t size = (size_t)1 << e->h.group_bits;
    e->h.groups = (e->h.elements + size - 1) >> e->h.group_bits;

    static const unsigned most_levels[] = {1, 6, 7};
    unsigned levels = most_levels[e->level];
    size_t active = 0;
    uint32_t found[SCALE_STEPS] = {0};
    for (size_t g = 0; g < e->h.groups; g++) {
        if (!e->h.zero_level || sums[g] != 0) {
            const unsigned scale = scale_of(e, sums[g], size);
            found[scale < SCALE_STEPS ? scale : SCALE_STEPS - 1]++;
            active++;
        }
    }
    unsigned low = 0;
    unsigned high = SCALE_STEPS - 1;
    for (size_t below = found[0]; low < high && below <= active / 64; below += found[low]) {
        low++;
    }
    for (size_t above = found[high]; high > low && above <= active / 64; above += found[high]) {
        high--;
    }
    if (e->h.groups < 16) {
        levels = 1;
    }
    const unsigned span = high - low + 1;
    levels = levels < span ? levels : span;
    const unsigned step = (span + levels - 1) / levels;
    levels = (span + step - 1) / step;
    for (size_t g = 0; g < e->h.groups; g++) {
        const unsigned scale = scale_of(e, sums[g], size);
        const unsigned level = scale <= low ? 0 : (scale - low) / step;
        e->w->scales[g] = e->h.zero_level && sums[g] == 0
                              ? 0
                              : (uint8_t)((level < levels ? level : levels - 1) + e->h.zero_level);
    }
    e->h.scale_count = levels + e->h.zero_level;
}

/* Run over the coded groups: sets first and last (exclusive); false at the end. */
static bool next_run(const encoder *e, size_t *group, size_t *first, size_t *last) {
    while (*group < e->h.groups && e->h.zero_level && e->w->scales[*group] == 0) {
        (*group)++;
    }
    if (*group == e->h.groups) {
        return false;
    }
    *first = *group << e->h.group_bits;
    *last = (*group + 1) << e->h.group_bits;
    if (*last > e->h.elements) {
        *last = e->h.elements;
    }
    (*group)++;
    return true;
}

static unsigned bucket_of_magnitude(uint64_t magnitude, unsigned extra) {
    const unsigned n = sw_bit_length(magnitude) - 1;
    if (n <= extra) {
        return (unsigned)magnitude - 1;
    }
    const unsigned drop = n - extra;
    return (2u << extra) - 1 + ((drop - 1) << extra) + (unsigned)(magnitude >> drop & ((1u << extra) - 1));
}

static unsigned bucket_of_value(int64_t v, unsigned extra) {
    if (v == 0) {
        return 0;
    }
    const uint64_t magnitude = v < 0 ? UINT64_C(0) - (uint64_t)v : (uint64_t)v;
    return 1 + 2 * bucket_of_magnitude(magnitude, extra) + (v < 0);
}

/* Values that recur more often than their neighbours get symbols of their own. */
static void choose_exact(encoder *e) {
    uint32_t *counts = e->w->exact_counts;
    memset(counts, 0, sizeof e->w->exact_counts);
    const int32_t *v = narrow(e);
    size_t group = 0, first, last;
    while (next_run(e, &group, &first, &last)) {
        for (size_t i = first; i < last; i++) {
            const uint32_t at = (uint32_t)v[i] + SW_EXACT_REACH;
            if (at < 2 * SW_EXACT_REACH) {
                counts[at]++;
            }
        }
    }
    uint32_t in_bucket[SW_FIRST_EXACT] = {0};
    for (int32_t i = 0; i < 2 * SW_EXACT_REACH; i++) {
        in_bucket[e->w->symbol_of[i]] += counts[i];
    }
    uint64_t gains[SW_MAX_EXACT];
    for (int32_t i = 1; i < 2 * SW_EXACT_REACH; i++) {
        const unsigned bucket = e->w->symbol_of[i];
        if (counts[i] < 8 || e->bits[bucket] == 0) {
            continue;
        }
        /* Saved: the raw bits, less the surprise within the bucket. A symbol costs some 20 bits a table. */
        const uint64_t spread = (uint64_t)counts[i] << e->bits[bucket];
        if (spread <= 2 * (uint64_t)in_bucket[bucket]) {
            continue;
        }
        const uint64_t gain = counts[i] * (sw_log2(spread) - sw_log2(in_bucket[bucket])) >> 16;
        if (gain < 100) {
            continue;
        }
        unsigned at = e->exact_count;
        if (at == SW_MAX_EXACT) {
            if (gain <= gains[at - 1]) {
                continue;
            }
            at--;
        } else {
            e->exact_count++;
        }
        for (; at > 0 && gains[at - 1] < gain; at--) {
            gains[at] = gains[at - 1];
            e->exact[at] = e->exact[at - 1];
        }
        gains[at] = gain;
        e->exact[at] = i - SW_EXACT_REACH;
    }
    /* The header lists them rising. */
    for (unsigned i = 1; i < e->exact_count; i++) {
        const int32_t value = e->exact[i];
        unsigned at = i;
        for (; at > 0 && e->exact[at - 1] > value; at--) {
            e->exact[at] = e->exact[at - 1];
        }
        e->exact[at] = value;
    }
    for (unsigned i = 0; i < e->exact_count; i++) {
        const unsigned symbol = SW_FIRST_EXACT + i;
        e->w->symbol_of[e->exact[i] + SW_EXACT_REACH] = (uint8_t)symbol;
        e->offset[symbol] = (uint64_t)(int64_t)e->exact[i];
        e->bits[symbol] = 0;
    }
}

static void fill_buckets(encoder *e) {
    e->h.extra_bits = is_wide(e) ? 0 : 1;
    for (unsigned i = 0; i < SW_FIRST_EXACT; i++) {
        unsigned bits;
        sw_bucket_range(i, e->h.extra_bits, &e->offset[i], &bits);
        e->bits[i] = (uint8_t)bits;
    }
    for (int32_t i = 0; i < 2 * SW_EXACT_REACH; i++) {
        e->w->symbol_of[i] = (uint8_t)bucket_of_value(i - SW_EXACT_REACH, e->h.extra_bits);
    }
}

/* Raw blocks: the top bits of a value are its bucket. False if they take too many symbols. */
static bool fill_fields(encoder *e) {
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
        for (size_t i = 0; i < e->h.elements; i++) {
            e->w->field_counts[((uint64_t)value_at(e, i) & mask) >> e->h.raw_bits]++;
        }
        unsigned used = 0;
        for (unsigned f = 0; f < 1u << keep; f++) {
            if (e->w->field_counts[f] > 0) {
                if (used < SW_FIRST_EXACT) {
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

typedef struct {
    uint8_t *at;
    uint64_t pending;
    unsigned count;
} bit_writer;

static inline void put_bits(bit_writer *b, uint64_t value, unsigned bits) {
    b->pending |= value << b->count;
    b->count += bits;
    sw_store64(b->at, b->pending);
    b->at += b->count >> 3;
    b->pending = b->count >= 64 ? value >> (bits - (b->count - 64)) : b->pending >> (b->count & ~7u);
    b->count &= 7;
}

/* A provisional symbol for every coded element, counted by context, and the raw bits. */
static bool symbolise(encoder *e) {
    sw_encode_work *w = e->w;
    memset(w->counts, 0, sizeof w->counts);
    bit_writer raw = {w->raw, 0, 0};
    const uint64_t mask = e->h.shape.bits - e->h.shift >= 64 ? UINT64_MAX
                                                               : (UINT64_C(1) << (e->h.shape.bits - e->h.shift)) - 1;
    const bool magnitude = by_magnitude(&e->h);
    const bool wide = is_wide(e);
    const int32_t *v32 = narrow(e);
    size_t group = 0, first, last;
    while (next_run(e, &group, &first, &last)) {
        uint32_t(*counts)[SW_MAX_SYMBOLS] = &w->counts[(size_t)w->scales[group - 1] * SW_CLASSES];
        for (size_t i = first; i < last; i++) {
            const int64_t v = wide ? w->values[i] : v32[i];
            unsigned symbol;
            uint64_t rest;
            if (magnitude) {
                const uint64_t at = (uint64_t)v + SW_EXACT_REACH;
                symbol = at < 2 * SW_EXACT_REACH ? w->symbol_of[at] : bucket_of_value(v, e->h.extra_bits);
                rest = (uint64_t)v - e->offset[symbol];
            } else {
                const uint64_t field = (uint64_t)v & mask;
                symbol = w->field_symbol[field >> e->h.raw_bits];
                rest = field - e->offset[symbol];
            }
            w->symbols[i] = (uint8_t)symbol;
            counts[w->classes[i]][symbol]++;
            put_bits(&raw, rest, e->bits[symbol]);
            if (e->bits[symbol] > SW_MAX_RAW_BITS) {
                return false;
            }
        }
    }
    if (raw.count > 0) {
        *raw.at++ = (uint8_t)raw.pending;
    }
    e->raw_size = (size_t)(raw.at - w->raw);
    return true;
}

/* Bits (in 1/65536) the levels of the groups take, each given the level before. */
static uint64_t scale_bits(const encoder *e) {
    uint32_t counts[SW_MAX_SCALES][SW_MAX_SCALES] = {{0}};
    unsigned last = 0;
    for (size_t g = 0; g < e->h.groups; g++) {
        counts[last][e->w->scales[g]]++;
        last = e->w->scales[g];
    }
    uint64_t bits = 0;
    for (unsigned s = 0; s < e->h.scale_count; s++) {
        bits += sw_entropy(counts[s], SW_MAX_SCALES);
    }
    return bits;
}

/* Among sparse changes a group's sum says little that its classes do not: then one level is cheaper. */
static void drop_idle_scales(encoder *e) {
    const unsigned first = e->h.zero_level;
    if (e->h.scale_count <= first + 1) {
        return;
    }
    uint64_t apart = scale_bits(e);
    uint64_t together = 0;
    const uint64_t table_bits = (uint64_t)100 << 16;
    for (unsigned c = 0; c < SW_CLASSES; c++) {
        uint32_t sum[SW_MAX_SYMBOLS] = {0};
        for (unsigned s = first; s < e->h.scale_count; s++) {
            const uint32_t *counts = e->w->counts[s * SW_CLASSES + c];
            const uint64_t bits = sw_entropy(counts, SW_MAX_SYMBOLS);
            apart += bits > 0 ? bits + table_bits : 0;
            for (unsigned i = 0; i < SW_MAX_SYMBOLS; i++) {
                sum[i] += counts[i];
            }
        }
        const uint64_t bits = sw_entropy(sum, SW_MAX_SYMBOLS);
        together += bits > 0 ? bits + table_bits : 0;
    }
    uint8_t *scales = e->w->scales;
    if (e->h.zero_level) {
        uint32_t counts[2][2] = {{0}};
        unsigned last = 0;
        for (size_t g = 0; g < e->h.groups; g++) {
            counts[last][scales[g] > 0]++;
            last = scales[g] > 0;
        }
        together += sw_entropy(counts[0], 2) + sw_entropy(counts[1], 2);
    }
    if (apart < together) {
        return;
    }
    for (size_t g = 0; g < e->h.groups; g++) {
        scales[g] = scales[g] > first ? (uint8_t)first : scales[g];
    }
    for (unsigned s = first + 1; s < e->h.scale_count; s++) {
        for (unsigned c = 0; c < SW_CLASSES; c++) {
            for (unsigned i = 0; i < SW_MAX_SYMBOLS; i++) {
                e->w->counts[first * SW_CLASSES + c][i] += e->w->counts[s * SW_CLASSES + c][i];
            }
            memset(e->w->counts[s * SW_CLASSES + c], 0, sizeof e->w->counts[0]);
        }
    }
    e->h.scale_count = first + 1;
}

static bool find_alphabet(encoder *e) {
    uint32_t used[SW_MAX_SYMBOLS] = {0};
    for (unsigned c = 0; c < SW_CONTEXTS; c++) {
        for (unsigned s = 0; s < SW_MAX_SYMBOLS; s++) {
            used[s] |= e->w->counts[c][s];
        }
    }
    const unsigned limit = by_magnitude(&e->h) ? SW_FIRST_EXACT : SW_MAX_SYMBOLS;
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

static void fill_encode_tables(encoder *e, uint32_t (*merged)[SW_MAX_SYMBOLS]) {
    const unsigned bits = e->h.table_bits;
    for (unsigned t = 0; t < e->h.table_count; t++) {
        uint32_t counts[SW_MAX_SYMBOLS];
        for (unsigned i = 0; i < e->h.symbol_count; i++) {
            counts[i] = merged[t][e->alphabet[i]];
        }
        uint16_t *frequencies = e->w->frequencies[t];
        e->largest[t] = sw_normalise(counts, e->h.symbol_count, bits, frequencies);
        uint32_t first = 0;
        for (unsigned i = 0; i < e->h.symbol_count; i++) {
            const uint32_t f = frequencies[i];
            if (f > 0) {
                e->w->encode[t][e->alphabet[i]] = (sw_encode_symbol){
                    ((UINT64_C(1) << (32 + bits)) + f - 1) / f, f, (uint16_t)first, (uint16_t)((1u << bits) - f)};
            }
            first += f;
        }
    }
}

static size_t write_side(encoder *e) {
    sw_encode_work *w = e->w;
    sw_range_encoder r;
    sw_range_open(&r, w->side, sizeof w->side);
    sw_models_reset(w->models, SW_MODELS_COUNT);
    uint16_t *scalar = w->models + SW_MODELS_SCALAR;
    sw_put_integer(&r, scalar, e->h.shift);
    if (!e->h.has_base) {
        sw_put_integer(&r, scalar, e->h.raw_bits);
    }
    if (e->h.has_classes) {
        sw_put_integer(&r, scalar, e->h.class_top);
    }
    sw_put_integer(&r, scalar, e->bucket_count);
    sw_put_integer(&r, scalar, e->exact_count);
    uint64_t previous = 0;
    for (unsigned i = 0; i < e->bucket_count; i++) {
        const uint64_t bucket = by_magnitude(&e->h) ? e->alphabet[i] : e->bucket_of[e->alphabet[i]];
        sw_put_integer(&r, w->models + SW_MODELS_BUCKET, bucket - previous - (i > 0));
        previous = bucket;
    }
    for (unsigned i = 0; i < e->exact_count; i++) {
        const int64_t v = e->exact[i];
        const uint64_t zigzag = ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
        sw_put_integer(&r, w->models + SW_MODELS_EXACT,
                       i == 0 ? zigzag : (uint64_t)(v - e->exact[i - 1] - 1));
    }
    sw_put_integer(&r, scalar, e->h.table_count - 1);
    unsigned id = 0;
    for (unsigned s = e->h.zero_level; s < e->h.scale_count; s++) {
        for (unsigned c = 0; c < (e->h.has_classes ? SW_CLASSES : 1u); c++) {
            const unsigned wanted = w->decode.table_of[s][c];
            sw_put_bit(&r, &w->models[SW_MODELS_SAME], wanted == id);
            if (wanted != id) {
                sw_put_tree(&r, w->models + SW_MODELS_TABLE_ID, 6, wanted);
                id = wanted;
            }
        }
    }
    uint8_t lengths[SW_MAX_SYMBOLS] = {0};
    for (unsigned t = 0; t < e->h.table_count; t++) {
        sw_put_tree(&r, w->models + SW_MODELS_LARGEST, 8, e->largest[t]);
        unsigned before = 0;
        for (unsigned i = 0; i < e->h.symbol_count; i++) {
            if (i == e->largest[t]) {
                lengths[i] = (uint8_t)e->h.table_bits;
                continue;
            }
            const uint32_t f = w->frequencies[t][i];
            const unsigned length = sw_bit_length(f);
            const unsigned context = t == 0 ? before : 16u + lengths[i];
            sw_put_tree(&r, w->models + SW_MODELS_FREQUENCY + context * 16, 4, length);
            if (length > 1) {
                const unsigned digits = length - 1 < SW_FREQUENCY_DIGITS ? length - 1 : SW_FREQUENCY_DIGITS;
                sw_put_direct(&r, f >> (length - 1 - digits) & ((1u << digits) - 1), digits);
            }
            before = length;
            lengths[i] = (uint8_t)length;
        }
    }
    unsigned last = 0;
    unsigned before = 0;
    for (size_t g = 0; g < e->h.groups && e->h.scale_count > 1; g++) {
        sw_put_tree(&r, w->models + SW_MODELS_SCALE + (before * SW_MAX_SCALES + last) * SW_MAX_SCALES, 3, w->scales[g]);
        before = last;
        last = w->scales[g];
    }
    return sw_range_close(&r);
}

/* The rANS stream, written from its end; returns its first byte. */
static uint8_t *write_words(encoder *e, uint8_t *end) {
    sw_encode_work *w = e->w;
    const unsigned lanes = 1u << e->h.lane_bits;
    const unsigned bits = e->h.table_bits;
    uint32_t states[SW_MAX_LANES];
    for (unsigned i = 0; i < lanes; i++) {
        states[i] = SW_RANS_LOW;
    }
    uint8_t *at = end;
    /* Groups hold whole rounds of lanes, so an element's lane is its place in its group. */
    for (size_t g = e->h.groups; g-- > 0;) {
        if (e->h.zero_level && w->scales[g] == 0) {
            continue;
        }
        const uint8_t *table_of = w->decode.table_of[w->scales[g]];
        const size_t first = g << e->h.group_bits;
        const size_t last = (g + 1) << e->h.group_bits < e->h.elements ? (g + 1) << e->h.group_bits : e->h.elements;
        for (size_t i = last; i-- > first;) {
            const sw_encode_symbol *s = &w->encode[table_of[w->classes[i]]][w->symbols[i]];
            const unsigned lane = (unsigned)i & (lanes - 1);
            uint32_t x = states[lane];
            const uint32_t spill = (x >> (32 - bits)) >= s->frequency;
            sw_store16(at - 2, (uint16_t)x);
            at -= 2 * spill;
            x = spill ? x >> 16 : x;
            const uint32_t q = (uint32_t)(x * s->reciprocal >> (32 + bits));
            states[lane] = x + s->first + q * s->rest;
        }
    }
    for (unsigned i = lanes; i-- > 0;) {
        at -= 4;
        sw_store32(at, states[i]);
    }
    return at;
}

static uint8_t *put_varint(uint8_t *at, size_t value) {
    for (; value >= 128; value >>= 7) {
        *at++ = (uint8_t)(value | 128);
    }
    *at++ = (uint8_t)value;
    return at;
}

static size_t assemble(encoder *e, uint8_t *out, size_t capacity) {
    sw_encode_work *w = e->w;
    const size_t side = write_side(e);
    if (side == 0) {
        return 0;
    }
    uint8_t *end = w->words + sizeof w->words;
    const uint8_t *words = write_words(e, end);
    const size_t words_size = (size_t)(end - words);
    if (side + words_size + e->raw_size + 11 > capacity) {
        return 0;
    }
    const sw_numeric_header *h = &e->h;
    out[0] = (uint8_t)((unsigned)h->element | (unsigned)h->has_base << 4 | (unsigned)h->has_classes << 5 |
                       (unsigned)h->zero_level << 6);
    out[1] = (uint8_t)((h->group_bits - 5) | h->lane_bits << 3 | (h->table_bits - 10) << 6);
    out[2] = (uint8_t)((h->scale_count - 1) | h->extra_bits << 3);
    uint8_t *at = put_varint(put_varint(out + 3, side), words_size);
    memcpy(at, w->side, side);
    memcpy(at + side, words, words_size);
    memcpy(at + side + words_size, w->raw, e->raw_size);
    return (size_t)(at - out) + side + words_size + e->raw_size;
}

/* Lanes and precision by what the block will take: small blocks cannot afford many states. */
static void choose_lanes(encoder *e, uint64_t coded_bits) {
    const uint64_t bytes = coded_bits >> 19;
    e->h.lane_bits = bytes >= 12288 ? 5 : bytes >= 1024 ? 2 : 0;
    e->h.table_bits = bytes < 512 ? 10 : e->level == SW_LEVEL_MAX && bytes >= 65536 ? 12 : 11;
}

static bool prepare(encoder *e, const sw_encode_kernels *kernels) {
    sw_encode_work *w = e->w;
    sw_numeric_header *h = &e->h;
    kernels->differences(e->base, e->target, h->elements, &h->shape, w->values);
    if (!find_shift(e)) {
        return false;
    }
    h->has_classes = h->has_base;
    if (h->has_classes) {
        find_class_top(e, kernels);
    } else {
        memset(w->classes, 0, h->elements);
    }
    e->groups64 = (h->elements + 63) / 64;
    if (!h->has_base && (h->shape.is_float || h->shape.bits <= 16)) {
        field_group_sums(e);
    } else if (is_wide(e)) {
        wide_group_sums(e);
    } else {
        kernels->group_sums(narrow(e), w->classes, h->elements, w->sums);
    }
    choose_scales(e);
    if (by_magnitude(h)) {
        fill_buckets(e);
        if (e->level > SW_LEVEL_FAST && h->shape.bits >= 16 && !is_wide(e)) {
            choose_exact(e);
        }
    } else if (!fill_fields(e)) {
        return false;
    }
    if (!symbolise(e)) {
        return false;
    }
    drop_idle_scales(e);
    return find_alphabet(e);
}

size_t sw_numeric_encode(const sw_encode_kernels *encode_kernels, const sw_numeric_kernels *decode_kernels,
                         const uint8_t *base, const uint8_t *target, size_t size, sw_element element, int level,
                         uint8_t *out, size_t capacity, sw_encode_work *w) {
    encoder e;
    memset(&e, 0, sizeof e);
    e.w = w;
    e.level = level;
    e.base = base;
    e.target = target;
    e.h.element = element;
    e.h.shape = sw_shape_of((unsigned)element);
    e.h.has_base = base != NULL;
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
    const uint64_t coded_bits = sw_choose_tables(&e.h, level, w->counts, w->decode.table_of);
    if (e.raw_size + (coded_bits >> 19) >= capacity) {
        return 0;
    }
    choose_lanes(&e, coded_bits);
    fill_encode_tables(&e, merged);
    const size_t written = assemble(&e, out, capacity);
    if (written == 0) {
        return 0;
    }
    if (sw_numeric_decode_with(decode_kernels, out, written, base, size, w->check, size, &w->decode) != SW_OK ||
        memcmp(w->check, target, size) != 0) {
        return 0;
    }
    return written;
}
