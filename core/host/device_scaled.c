/* f32 that are a multiple of f32 before them: the scale of a bias is that of its weights times that of the input. */
#include <math.h>
#include <string.h>

#include "bytes.h"
#include "device.h"
#include "device_parse.h"

enum {
    FEWEST = 4,           /* elements of a run worth a segment */
    WINDOW = 16384,       /* elements back */
    MOST_MISSES = 2       /* elements in a row that need not fit */
};

static float element(const uint8_t *target, size_t at) {
    const uint32_t bits = sw_load32(target + at);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool is_scale(const uint8_t *target, size_t at) {
    const uint32_t exponent = sw_load32(target + at) >> 23 & 255;
    return exponent > 60 && exponent < 160;
}

/* Whether the elements at `at` and those at `from` have one ratio, as far as rounding shows it. */
static bool one_ratio(const uint8_t *target, size_t at, size_t from, double ratio) {
    for (size_t k = 1; k < FEWEST; k++) {
        const double wanted = ratio * (double)element(target, from + 4 * k);
        if (fabs(wanted - (double)element(target, at + 4 * k)) > fabs(wanted) * 2.5e-7) {
            return false;
        }
    }
    return true;
}

static bool fits(const uint8_t *target, size_t at, size_t from, uint32_t factor) {
    return sw_device_product(sw_load32(target + from), factor) == sw_load32(target + at);
}

/* Elements from `at` on that fit, with few misses between. */
static uint32_t run_length(const uint8_t *target, size_t at, size_t from, size_t end, uint32_t factor, uint32_t *fitting) {
    uint32_t length = 0;
    *fitting = 0;
    for (uint32_t i = 0; at + 4 * (size_t)i + 4 <= end && i - length <= MOST_MISSES; i++) {
        if (fits(target, at + 4 * (size_t)i, from + 4 * (size_t)i, factor)) {
            length = i + 1;
            (*fitting)++;
        }
    }
    return length;
}

/* The best run at `at` from any place before it. */
static sw_device_segment best_at(const uint8_t *target, size_t at, size_t end, uint32_t *best) {
    sw_device_segment found = {.kind = SW_DEVICE_SCALED};
    const size_t first = at > 4 * (size_t)WINDOW ? at - 4 * (size_t)WINDOW : at % 4;
    *best = 0;
    const double head = (double)element(target, at);
    for (size_t from = at - 4; from >= first && from < at; from -= 4) {
        if (!is_scale(target, from)) {
            continue;
        }
        const double ratio = head / (double)element(target, from);
        if (!one_ratio(target, at, from, ratio)) {
            continue;
        }
        const float near = (float)ratio;
        uint32_t bits;
        memcpy(&bits, &near, sizeof bits);
        for (uint32_t factor = bits - 2; factor != bits + 3; factor++) {
            uint32_t fitting;
            const uint32_t length = run_length(target, at, from, end, factor, &fitting);
            if (fitting > *best) {
                *best = fitting;
                found.count = length;
                found.place = (uint32_t)(at - from);
                found.factor = factor;
            }
        }
    }
    return found;
}

size_t sw_device_find_scaled(const uint8_t *target, size_t start, size_t end, sw_device_found *out, size_t capacity) {
    size_t count = 0;
    for (size_t at = start < 4 ? 4 : start; at + 4 * FEWEST <= end && count < capacity;) {
        bool plausible = true;
        bool varied = false;
        for (size_t k = 0; k < FEWEST; k++) {
            plausible = plausible && is_scale(target, at + 4 * k);
            varied = varied || sw_load32(target + at + 4 * k) != sw_load32(target + at);
        }
        uint32_t fitting = 0;
        sw_device_segment found = {0};
        if (plausible && varied) {
            found = best_at(target, at, end, &fitting);
        }
        if (fitting >= FEWEST) {
            out[count].offset = (uint32_t)at;
            out[count++].segment = found;
            at += 4 * (size_t)found.count;
        } else {
            at += 4;
        }
    }
    return count;
}
