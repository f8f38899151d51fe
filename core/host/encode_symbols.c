/* Symbols of values, and their raw bits. */
#include <string.h>

#include "bytes.h"
#include "encode_block.h"
#include "histogram.h"
#include "rans_step.h"

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

/* Bucket numbers of the values near zero, by extra_bits. */
static uint8_t near_buckets[2][2 * SW_EXACT_REACH];

__attribute__((constructor)) static void fill_near_buckets(void) {
    for (unsigned extra = 0; extra < 2; extra++) {
        for (int32_t i = 0; i < 2 * SW_EXACT_REACH; i++) {
            near_buckets[extra][i] = (uint8_t)bucket_of_value(i - SW_EXACT_REACH, extra);
        }
    }
}

/* Coded groups from which on a sample of a quarter says enough. */
enum { SAMPLE_FROM = 1024, SAMPLE_STEP = 4 };

static size_t coded_groups(const sw_encoder *e) {
    size_t coded = 0;
    for (size_t g = 0; g < e->h.groups; g++) {
        coded += !(e->h.zero_level && e->w->scales[g] == 0);
    }
    return coded;
}

/* Keep the value if it gains more than the least of those kept. */
static void keep_exact(sw_encoder *e, int32_t value, uint64_t gain, uint64_t gains[SW_MAX_EXACT]) {
    unsigned at = e->exact_count;
    if (at == SW_MAX_EXACT) {
        if (gain <= gains[at - 1]) {
            return;
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
    e->exact[at] = value;
}

/* The values of one bucket, counts[low .. high - 1], that stand out among their neighbours. */
static void gain_of_bucket(sw_encoder *e, const uint32_t *counts, unsigned bucket, int32_t low, int32_t high,
                           uint64_t gains[SW_MAX_EXACT]) {
    uint32_t in_bucket = 0;
    for (int32_t i = low; i < high; i++) {
        in_bucket += counts[i];
    }
    for (int32_t i = in_bucket < 8 ? high : low; i < high; i++) {
        /* Saved: the raw bits, less the surprise within the bucket. A symbol costs some 20 bits a table. */
        const uint64_t spread = (uint64_t)counts[i] << e->bits[bucket];
        if (counts[i] < 8 || spread <= 2 * (uint64_t)in_bucket) {
            continue;
        }
        const uint64_t gain = counts[i] * (sw_log2(spread) - sw_log2(in_bucket)) >> 16;
        if (gain >= 100) {
            keep_exact(e, i - SW_EXACT_REACH, gain, gains);
        }
    }
}

/* The header lists them rising. */
static void list_exact(sw_encoder *e) {
    for (unsigned i = 1; i < e->exact_count; i++) {
        const int32_t value = e->exact[i];
        unsigned at = i;
        for (; at > 0 && e->exact[at - 1] > value; at--) {
            e->exact[at] = e->exact[at - 1];
        }
        e->exact[at] = value;
    }
    memset(e->w->is_exact, 0, sizeof e->w->is_exact);
    for (unsigned i = 0; i < e->exact_count; i++) {
        const unsigned symbol = SW_FIRST_EXACT + i;
        const uint32_t at = (uint32_t)e->exact[i] + SW_EXACT_REACH;
        e->w->symbol_of[at] = (uint8_t)symbol;
        e->w->is_exact[at / 32] |= UINT32_C(1) << at % 32;
        e->offset[symbol] = (uint64_t)(int64_t)e->exact[i];
        e->bits[symbol] = 0;
    }
}

/* Values that recur more often than their neighbours get symbols of their own. */
static void choose_exact(sw_encoder *e) {
    uint32_t *counts = e->w->exact_counts;
    memset(counts, 0, sizeof e->w->exact_counts);
    const int32_t *v = sw_narrow(e);
    const unsigned step = coded_groups(e) >= SAMPLE_FROM ? SAMPLE_STEP : 1;
    size_t group = 0, first, last;
    for (size_t coded = 0; sw_next_run(e, &group, &first, &last); coded++) {
        for (size_t i = coded % step == 0 ? first : last; i < last; i++) {
            const uint32_t at = (uint32_t)v[i] + SW_EXACT_REACH;
            if (at < 2 * SW_EXACT_REACH) {
                counts[at] += step;
            }
        }
    }
    uint64_t gains[SW_MAX_EXACT];
    for (unsigned bucket = 1; bucket < SW_FIRST_EXACT && e->bits[bucket] < 16; bucket++) {
        const int32_t low = (int32_t)e->offset[bucket] + SW_EXACT_REACH;
        const int32_t high = low + (1 << e->bits[bucket]);
        if (e->bits[bucket] > 0 && low > 0 && high <= 2 * SW_EXACT_REACH) {
            gain_of_bucket(e, counts, bucket, low, high, gains);
        }
    }
    list_exact(e);
}

static void fill_buckets(sw_encoder *e) {
    e->h.extra_bits = sw_is_wide(e) ? 0 : 1;
    for (unsigned i = 0; i < SW_FIRST_EXACT; i++) {
        unsigned bits;
        sw_bucket_range(i, e->h.extra_bits, &e->offset[i], &bits);
        e->bits[i] = (uint8_t)bits;
    }
    memcpy(e->w->symbol_of, near_buckets[e->h.extra_bits], sizeof e->w->symbol_of);
}

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
        for (size_t i = 0; i < e->h.elements; i++) {
            e->w->field_counts[((uint64_t)sw_value_at(e, i) & mask) >> e->h.raw_bits]++;
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
            symbol = at < 2 * SW_EXACT_REACH ? w->symbol_of[at] : bucket_of_value(v, e->h.extra_bits);
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

/* Small counters, so that all the tables in use stay in the first-level cache; even and odd elements count apart,
 * so that equal neighbours do not wait for each other. */
static void tally_group(sw_encode_work *w, unsigned scale, size_t first, size_t last) {
    uint16_t *even = w->tally[0][(size_t)scale * SW_CLASSES];
    uint16_t *odd = w->tally[1][(size_t)scale * SW_CLASSES];
    size_t i = first;
    for (; i + 2 <= last; i += 2) {
        even[(size_t)w->classes[i] * SW_MAX_SYMBOLS + w->symbols[i]]++;
        odd[(size_t)w->classes[i + 1] * SW_MAX_SYMBOLS + w->symbols[i + 1]]++;
    }
    if (i < last) {
        even[(size_t)w->classes[i] * SW_MAX_SYMBOLS + w->symbols[i]]++;
    }
}

static void add_tally(sw_encode_work *w, size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        for (unsigned s = 0; s < SW_MAX_SYMBOLS; s++) {
            w->counts[r][s] += (uint32_t)w->tally[0][r][s] + w->tally[1][r][s];
        }
    }
    memset(w->tally[0], 0, rows * sizeof w->tally[0][0]);
    memset(w->tally[1], 0, rows * sizeof w->tally[1][0]);
}

enum { TALLY_MOST = 60000 }; /* elements, so that no counter overflows: a group adds 4096 at most */

/* Count the plain symbols of one coded group in `step`, from the given one on. */
static void tally_block(sw_encoder *e, size_t start, size_t step) {
    sw_encode_work *w = e->w;
    const size_t rows = (size_t)e->h.scale_count * SW_CLASSES;
    size_t tallied = 0;
    size_t group = 0, first, last;
    for (size_t coded = 0; sw_next_run(e, &group, &first, &last); coded++) {
        if (coded % step != start) {
            continue;
        }
        tally_group(w, w->scales[group - 1], first, last);
        tallied += last - first;
        if (tallied > TALLY_MOST) {
            add_tally(w, rows);
            tallied = 0;
        }
    }
    add_tally(w, rows);
}

/* A sample will do if most of it is not zero: where changes are rare, every count counts. */
static bool sample_is_rich(const sw_encoder *e) {
    const size_t rows = (size_t)e->h.scale_count * SW_CLASSES;
    uint64_t zero = 0;
    uint64_t all = 0;
    for (size_t r = 0; r < rows; r++) {
        zero += e->w->counts[r][0];
        for (unsigned s = 0; s < SW_MAX_SYMBOLS; s++) {
            all += e->w->counts[r][s];
        }
    }
    return zero < all / 2;
}

/* Nonzero symbols one by one, for the groups that the sample left out. */
static void count_nonzero(sw_encoder *e) {
    const sw_encode_work *w = e->w;
    size_t group = 0, first, last;
    for (size_t coded = 0; sw_next_run(e, &group, &first, &last); coded++) {
        if (coded % SAMPLE_STEP == 0) {
            continue;
        }
        uint32_t(*counts)[SW_MAX_SYMBOLS] = &e->w->counts[(size_t)w->scales[group - 1] * SW_CLASSES];
        for (size_t i = first; i < last; i += 8) {
            const size_t n = last - i < 8 ? last - i : 8;
            for (uint64_t left = n == 8 ? sw_load64(w->symbols + i) : 1, k = 0; left != 0 && k < n; k++) {
                counts[w->classes[i + k]][w->symbols[i + k]] += w->symbols[i + k] != 0;
            }
        }
    }
}

/* Every context in use can say zero, in case the sample saw none. */
static void allow_zero(sw_encoder *e) {
    for (size_t r = 0; r < (size_t)e->h.scale_count * SW_CLASSES; r++) {
        uint32_t *counts = e->w->counts[r];
        uint32_t any = 0;
        for (unsigned s = 0; s < e->symbol_limit; s++) {
            any |= counts[s];
        }
        counts[0] += any != 0 && counts[0] == 0;
    }
}

static void count_plain(sw_encoder *e) {
    const size_t rows = (size_t)e->h.scale_count * SW_CLASSES;
    memset(e->w->tally[0], 0, rows * sizeof e->w->tally[0][0]);
    memset(e->w->tally[1], 0, rows * sizeof e->w->tally[1][0]);
    if (e->level == SW_LEVEL_MAX || coded_groups(e) < SAMPLE_FROM) {
        tally_block(e, 0, 1);
        return;
    }
    tally_block(e, 0, SAMPLE_STEP);
    if (!sample_is_rich(e)) {
        /* A sample says enough of the zeros, but each rare symbol counts. */
        for (size_t r = 0; r < rows; r++) {
            e->w->counts[r][0] *= SAMPLE_STEP;
        }
        count_nonzero(e);
        allow_zero(e);
    } else if (e->level == SW_LEVEL_FAST) {
        e->sampled = SAMPLE_STEP;
    } else {
        for (size_t start = 1; start < SAMPLE_STEP; start++) {
            tally_block(e, start, SAMPLE_STEP);
        }
    }
}

/* A provisional symbol for every coded element, counted by context, and the raw bits. */
static bool symbolise(sw_encoder *e, const sw_encode_kernels *kernels) {
    sw_encode_work *w = e->w;
    memset(w->counts, 0, (size_t)e->h.scale_count * SW_CLASSES * sizeof w->counts[0]);
    sw_bit_writer raw = {w->raw, 0, 0};
    const unsigned bits = e->h.shape.bits - e->h.shift;
    const uint64_t mask = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    const bool plain = sw_by_magnitude(&e->h) && !sw_is_wide(e);
    const sw_exact_values exact = {w->is_exact, w->symbol_of};
    e->sampled = 1;
    e->symbol_limit = SW_MAX_SYMBOLS;
    unsigned largest = 0;
    size_t group = 0, first, last;
    while (sw_next_run(e, &group, &first, &last)) {
        if (plain) {
            const unsigned found = kernels->buckets(sw_narrow(e) + first, last - first,
                                                    e->exact_count > 0 ? &exact : NULL, w->symbols + first, &raw);
            largest = found > largest ? found : largest;
            continue;
        }
        if (!look_up_symbols(e, first, last, mask, &raw)) {
            return false;
        }
        uint32_t(*counts)[SW_MAX_SYMBOLS] = &w->counts[(size_t)w->scales[group - 1] * SW_CLASSES];
        for (size_t i = first; i < last; i++) {
            counts[w->classes[i]][w->symbols[i]]++;
        }
    }
    if (plain) {
        e->symbol_limit = e->exact_count > 0 ? SW_FIRST_EXACT + e->exact_count : largest + 1;
        count_plain(e);
    }
    if (raw.count > 0) {
        *raw.at++ = (uint8_t)raw.pending;
    }
    e->raw_size = (size_t)(raw.at - w->raw);
    return true;
}

bool sw_find_symbols(sw_encoder *e, const sw_encode_kernels *kernels) {
    if (sw_by_magnitude(&e->h)) {
        fill_buckets(e);
        if (e->level > SW_LEVEL_FAST && e->h.shape.bits >= 16 && !sw_is_wide(e)) {
            choose_exact(e);
        }
    } else if (!fill_fields(e)) {
        return false;
    }
    return symbolise(e, kernels);
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
