/* Integers of the left factor, moved one by one while fewer elements leave their rounding.
 *
 * Least squares round a vector by what lies near the edges beforehand. What counts is which elements are over the
 * edge afterwards, and how far: that is counted here, for the few elements that a move can push over.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "low_rank_fit.h"

enum {
    LANES = 8,  /* sums side by side, so that compilers vectorise them */
    SWEEPS = 4
};

/* Of one vector: the elements that lie near the edges of their roundings. */
typedef struct {
    size_t count;    /* a multiple of LANES */
    float *errors;   /* of what is predicted */
    float *limits;   /* errors that cost nothing */
    float *steps;    /* rank * room: what an integer more of each component adds */
    size_t room;
} edge;

static bool make_edge(edge *g, size_t count, unsigned rank) {
    g->room = (count + LANES - 1) / LANES * LANES;
    g->errors = malloc(sizeof *g->errors * g->room);
    g->limits = malloc(sizeof *g->limits * g->room);
    g->steps = malloc(sizeof *g->steps * g->room * rank);
    return g->errors != NULL && g->limits != NULL && g->steps != NULL;
}

static void free_edge(edge *g) {
    free(g->errors);
    free(g->limits);
    free(g->steps);
}

/* margin: how near to the edge an error is that the coder begins to pay for; far: what moves do not reach. */
static void find_edge(const sw_low_rank *f, const float *difference, const float *reach, const float *predicted,
                      float margin, float far, edge *g) {
    g->count = 0;
    for (size_t j = 0; j < f->columns; j++) {
        const float error = predicted[j] - difference[j];
        const float limit = reach[j] - margin;
        const float size = error < 0 ? -error : error;
        if (reach[j] < 0 || size < limit - far) {
            continue;
        }
        g->errors[g->count] = error;
        g->limits[g->count] = limit > 0 ? limit : 0;
        for (unsigned k = 0; k < f->rank; k++) {
            g->steps[k * g->room + g->count] = f->right.across[k * f->right.room + j];
        }
        g->count++;
    }
    for (; g->count % LANES != 0; g->count++) {
        g->errors[g->count] = 0;
        g->limits[g->count] = 0;
        for (unsigned k = 0; k < f->rank; k++) {
            g->steps[k * g->room + g->count] = 0;
        }
    }
}

static inline float beyond(float error, float limit) {
    const float size = error < 0 ? -error : error;
    return size > limit ? size - limit : 0;
}

static float sum_of(const float sums[LANES]) {
    float sum = 0;
    for (unsigned l = 0; l < LANES; l++) {
        sum += sums[l];
    }
    return sum;
}

typedef struct {
    float as_is;
    float up;
    float down;
} costs;

/* Squares of how far errors are beyond their limits, with an integer as it is, and one more and less. */
static costs cost_of(const edge *g, const float *steps) {
    float as_is[LANES] = {0}, up[LANES] = {0}, down[LANES] = {0};
    for (size_t j = 0; j < g->count; j += LANES) {
        for (unsigned l = 0; l < LANES; l++) {
            const float error = g->errors[j + l], limit = g->limits[j + l], step = steps[j + l];
            const float a = beyond(error, limit), b = beyond(error + step, limit), c = beyond(error - step, limit);
            as_is[l] += a * a;
            up[l] += b * b;
            down[l] += c * c;
        }
    }
    return (costs){sum_of(as_is), sum_of(up), sum_of(down)};
}

static void descend(const edge *g, unsigned rank, float *vector) {
    /* Components since the last one that moved. */
    unsigned idle = 0;
    for (unsigned n = 0; n < SWEEPS * rank && idle < rank; n++, idle++) {
        const unsigned k = n % rank;
        const float *steps = g->steps + k * g->room;
        const costs cost = cost_of(g, steps);
        if (cost.as_is <= cost.up && cost.as_is <= cost.down) {
            continue;
        }
        const float move = cost.up < cost.down ? 1 : -1;
        vector[k] += move;
        for (size_t j = 0; j < g->count; j++) {
            g->errors[j] += move * steps[j];
        }
        idle = 0;
    }
}

/* The largest entry, and the mean square of the vectors. */
static double mean_square(const sw_low_rank *f, const sw_fit_side *side, float *largest) {
    double sum = 0;
    *largest = 0;
    for (size_t i = 0; i < side->count; i++) {
        for (unsigned k = 0; k < f->rank; k++) {
            const float value = side->vectors[i * f->stride + k];
            const float size = value < 0 ? -value : value;
            *largest = size > *largest ? size : *largest;
            sum += (double)value * (double)value;
        }
    }
    return sum / (double)side->count;
}

bool sw_fit_descend(sw_low_rank *f, double unit) {
    float step, largest;
    const double right = mean_square(f, &f->right, &step);
    const double left = mean_square(f, &f->left, &largest);
    /* How far the roundings of both factors move an element, as a rule. */
    const float margin = (float)sqrt((right + left * unit * unit) / 12);
    edge g = {0};
    float *predicted = malloc(sizeof *predicted * SW_FIT_PANEL * f->right.room);
    const bool made = make_edge(&g, f->columns, f->rank) && predicted != NULL;
    for (size_t first = 0; made && first < f->rows; first += SW_FIT_PANEL) {
        const size_t count = f->rows - first < SW_FIT_PANEL ? f->rows - first : SW_FIT_PANEL;
        float *vectors = f->left.vectors + first * f->stride;
        f->loops.fit->multiply(vectors, f->stride, f->right.across, f->right.room, SW_FIT_PANEL, f->right.room, f->rank,
                               predicted, f->right.room);
        for (size_t i = 0; i < count; i++) {
            const size_t at = (first + i) * f->columns;
            find_edge(f, f->difference + at, f->reach + at, predicted + i * f->right.room, margin, 2 * step, &g);
            descend(&g, f->rank, vectors + i * f->stride);
        }
    }
    free(predicted);
    free_edge(&g);
    return made;
}
