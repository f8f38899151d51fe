/* Low-rank fits: a product that was added and rounded is found again, whatever the shape; odd numbers do no harm. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cpu.h"
#include "low_rank.h"

static uint32_t seed = 3;

/* Roughly a bell round 0. */
static float any(void) {
    float sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        seed = seed * 1664525u + 1013904223u;
        sum += (float)(seed >> 8) / 16777216.0f - 0.5f;
    }
    return sum;
}

static uint16_t rounded(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static float widened(uint16_t half) {
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

typedef struct {
    size_t rows, columns;
    uint8_t *base, *target;
} matrices;

static matrices make(size_t rows, size_t columns, unsigned rank) {
    matrices m = {rows, columns, malloc(2 * rows * columns), malloc(2 * rows * columns)};
    float *left = malloc(sizeof *left * rows * (rank + 1)), *right = malloc(sizeof *right * columns * (rank + 1));
    assert(m.base && m.target && left && right);
    for (size_t i = 0; i < rows * rank; i++) {
        left[i] = any();
    }
    for (size_t j = 0; j < columns * rank; j++) {
        right[j] = any() / 100;
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            const uint16_t old = rounded(any() / 10);
            float value = widened(old);
            for (unsigned k = 0; k < rank; k++) {
                value += left[i * rank + k] * right[j * rank + k];
            }
            sw_store16(m.base + 2 * (i * columns + j), old);
            sw_store16(m.target + 2 * (i * columns + j), rounded(value));
        }
    }
    free(left);
    free(right);
    return m;
}

static sw_pair pair_of(const matrices *m, size_t step) {
    const sw_pair pair = {m->base, m->target, SW_ELEMENT_BF16, SW_ELEMENT_BF16, (m->rows + step - 1) / step, m->columns,
                          step, false};
    return pair;
}

/* Share of the elements that integers of both factors predict to the bit. */
static double exact_share(const sw_fit_loops *loops, const matrices *m, unsigned rank, size_t step) {
    const sw_pair some = pair_of(m, step), all = pair_of(m, 1);
    sw_low_rank *f = sw_low_rank_new(loops, &some);
    assert(f != NULL);
    double values[SW_MAX_RANK];
    const unsigned count = rank + 3;
    assert(sw_low_rank_find(f, count, values));
    for (unsigned k = 1; k < count; k++) {
        assert(values[k] <= values[k - 1] * 1.0000001);
    }
    assert(sw_low_rank_take(f, rank));
    assert(sw_low_rank_improve(f, 1, 2) && sw_low_rank_improve(f, 0.05f, 3));
    int32_t *right = malloc(sizeof *right * rank * m->columns), *left = malloc(sizeof *left * rank * m->rows);
    assert(right && left);
    assert(sw_low_rank_round(f, -26, m->rows, 0.05f, right));
    assert(sw_low_rank_left(loops, &all, rank, -26, right, 0.05f, 3, left));
    size_t exact = 0;
    for (size_t i = 0; i < m->rows; i++) {
        for (size_t j = 0; j < m->columns; j++) {
            double sum = 0;
            for (unsigned k = 0; k < rank; k++) {
                sum += (double)left[k * m->rows + i] * (double)right[k * m->columns + j];
            }
            const size_t at = 2 * (i * m->columns + j);
            exact += rounded((float)((double)widened(sw_load16(m->base + at)) + ldexp(sum, -26))) == sw_load16(m->target + at);
        }
    }
    free(left);
    free(right);
    sw_low_rank_free(f);
    return (double)exact / (double)(m->rows * m->columns);
}

static void products_are_found(const sw_fit_loops *loops) {
    static const struct { size_t rows, columns, step; unsigned rank; } shapes[] = {
        {64, 64, 1, 1}, {65, 130, 1, 3}, {201, 67, 1, 2}, {300, 96, 2, 4}, {96, 300, 1, 9}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        matrices m = make(shapes[s].rows, shapes[s].columns, shapes[s].rank);
        const sw_pair pair = pair_of(&m, 1);
        const unsigned hint = sw_low_rank_hint(loops, &pair);
        assert(hint > 0 && hint <= shapes[s].rank);
        assert(exact_share(loops, &m, shapes[s].rank, shapes[s].step) > 0.8);
        free(m.base);
        free(m.target);
    }
}

static void odd_numbers_do_no_harm(const sw_fit_loops *loops) {
    matrices m = make(40, 35, 2);
    static const uint16_t odd[] = {0x7F80, 0xFF80, 0x7FC1, 0xFFFF, 0x0001, 0x8000, 0x7F7F, 0xFF7F};
    for (size_t i = 0; i < m.rows * m.columns; i++) {
        sw_store16((i % 3 ? m.base : m.target) + 2 * i, odd[i % 8]);
    }
    exact_share(loops, &m, 2, 1);
    const sw_pair pair = pair_of(&m, 1);
    sw_low_rank_hint(loops, &pair);
    memset(m.base, 0, 2 * m.rows * m.columns);
    memset(m.target, 0, 2 * m.rows * m.columns);
    assert(sw_low_rank_hint(loops, &pair) == 0);
    exact_share(loops, &m, 2, 1);
    free(m.base);
    free(m.target);
}

static void small_algebra(void) {
    double g[9] = {4, 2, 1, 2, 5, 3, 1, 3, 6}, v[9], l[9];
    memcpy(l, g, sizeof g);
    sw_cholesky(l, 3);
    double x[3] = {11, 21, 25}; /* g (1, 2, 3) */
    x[0] = 4 + 4 + 3;
    sw_solve_cholesky(l, 3, x);
    for (unsigned i = 0; i < 3; i++) {
        assert(fabs(x[i] - (double)(i + 1)) < 1e-12);
    }
    double y[3] = {0.6, -1.4, 2.5000001};
    sw_round_cholesky(l, 3, y);
    for (unsigned i = 0; i < 3; i++) {
        assert(y[i] == floor(y[i]));
    }
    double nan[3] = {NAN, INFINITY, -1e300};
    sw_round_cholesky(l, 3, nan);
    sw_eigen(g, v, 3);
    assert(g[0] >= g[4] && g[4] >= g[8] && fabs(g[0] + g[4] + g[8] - 15) < 1e-9);
}

int main(void) {
    small_algebra();
    static const char *const names[] = {"portable", "avx2", "avx512", "neon"};
    for (size_t i = 0; i < 4; i++) {
        const sw_fit_loops loops = {sw_fit_kernels_for(names[i]), sw_predict_kernels_for(names[i])};
        if (loops.fit == NULL) {
            printf("not here: %s\n", names[i]);
            continue;
        }
        products_are_found(&loops);
        odd_numbers_do_no_harm(&loops);
    }
    return 0;
}
