/* The hot loops in plain C. */
#define SW_KERNEL(name) portable_##name
#include "numeric_kernels.h"
#include "scattered.h"

static void contexts(const uint8_t *base, size_t count, const sw_numeric_header *h,
                     const uint8_t table_of[SW_CLASSES], uint8_t *out) {
    portable_classes(base, count, &h->shape, h->class_top, out);
    if (table_of == NULL) {
        return;
    }
    uint8_t tables[SW_CLASSES]; /* a copy, since out might be what table_of points to */
    memcpy(tables, table_of, sizeof tables);
    for (size_t i = 0; i < count; i++) {
        out[i] = tables[out[i]];
    }
}

static const uint8_t *rans32(uint32_t states[SW_MAX_LANES], const uint8_t *at, const uint8_t *end,
                             const uint32_t *tables, unsigned table_bits, const uint8_t *contexts_,
                             size_t count, uint8_t *symbols) {
    const uint32_t mask = (1u << table_bits) - 1;
    for (size_t i = 0; i < count; i += 32) {
        if (end - at < 64) {
            for (unsigned lane = 0; lane < 32; lane++) {
                uint32_t x = states[lane];
                const uint32_t entry = tables[((size_t)contexts_[i + lane] << table_bits) + (x & mask)];
                x = ((entry >> 20) + 1) * (x >> table_bits) + (entry >> 8 & 0xFFF);
                if (x < SW_RANS_LOW) {
                    if (end - at < 2) {
                        return NULL;
                    }
                    x = x << 16 | sw_load16(at);
                    at += 2;
                }
                states[lane] = x;
                symbols[i + lane] = (uint8_t)entry;
            }
            continue;
        }
        for (unsigned lane = 0; lane < 32; lane++) {
            uint32_t x = states[lane];
            const uint32_t entry = tables[((size_t)contexts_[i + lane] << table_bits) + (x & mask)];
            x = ((entry >> 20) + 1) * (x >> table_bits) + (entry >> 8 & 0xFFF);
            /* Branch-free: which lanes refill is random, so a branch would miss often. */
            const uint32_t refill = x < SW_RANS_LOW;
            const uint32_t full = x << 16 | sw_load16(at);
            x = refill ? full : x;
            at += 2 * refill;
            states[lane] = x;
            symbols[i + lane] = (uint8_t)entry;
        }
    }
    return at;
}

static size_t locate(const uint8_t *classes, size_t count, sw_scattered_gaps *gaps, uint32_t first, uint32_t *positions) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned c = classes[i];
        if (c >= SW_CLASSES) {
            break;
        }
        if (gaps->left[c] > 0) {
            gaps->left[c]--;
            continue;
        }
        positions[found++] = first + (uint32_t)i;
        sw_next_gap(gaps, c);
    }
    return found;
}

const sw_numeric_kernels sw_portable_kernels = {"portable", contexts, rans32, sw_expand32, portable_apply, NULL, locate};
