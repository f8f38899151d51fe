/* Whether a difference is of low rank, and of which: a glance at a small part, then a randomised range finder. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "low_rank_fit.h"

enum {
    GLANCE = 96,        /* rows and columns looked at first */
    SMALL_GLANCE = 64,  /* of small matrices: less than 2^18 elements */
    ROUNDS = 3          /* of the range finder */
};

typedef struct {
    size_t size;
    size_t moved; /* rows that are not all rounding: what a few rows span is of low rank, whatever it is */
    double values[GLANCE * GLANCE];
    double norms[GLANCE];
    double noise; /* what rounding adds, in all */
} glance;

static void look(const sw_fit_loops *loops, const sw_pair *pair, glance *g) {
    const size_t least = pair->rows < pair->columns ? pair->rows : pair->columns;
    const size_t wanted = pair->rows * pair->columns < (1 << 18) ? SMALL_GLANCE : GLANCE;
    g->size = least < wanted ? least : wanted;
    g->noise = 0;
    g->moved = 0;
    memset(g->norms, 0, sizeof g->norms);
    const size_t first = (pair->columns - g->size) / 2;
    for (size_t i = 0; i < g->size; i++) {
        float difference[GLANCE], reach[GLANCE];
        sw_fit_load(loops, pair, i * (pair->rows / g->size), first, g->size, difference, reach);
        double all = 0, noise = 0;
        for (size_t j = 0; j < g->size; j++) {
            const double d = (double)difference[j], h = (double)reach[j];
            g->values[i * g->size + j] = d;
            g->norms[j] += d * d;
            all += d * d;
            /* Differences are held as binary32. */
            noise += h < 0 ? 0 : h * h / 3 + d * d * 0x1p-46;
        }
        g->noise += noise;
        g->moved += all > 4 * noise;
    }
}

/* Take away the direction of the longest column; returns the square of its length. */
static double take_away(glance *g) {
    const size_t n = g->size;
    size_t longest = 0;
    for (size_t j = 1; j < n; j++) {
        longest = g->norms[j] > g->norms[longest] ? j : longest;
    }
    double direction[GLANCE], along[GLANCE] = {0};
    double length = 0;
    for (size_t i = 0; i < n; i++) {
        direction[i] = g->values[i * n + longest];
        length += direction[i] * direction[i];
    }
    if (length <= 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            along[j] += direction[i] * g->values[i * n + j];
        }
    }
    memset(g->norms, 0, sizeof g->norms);
    for (size_t i = 0; i < n; i++) {
        const double part = direction[i] / length;
        for (size_t j = 0; j < n; j++) {
            const double left = g->values[i * n + j] - part * along[j];
            g->values[i * n + j] = left;
            g->norms[j] += left * left;
        }
    }
    return length;
}

static double energy(const glance *g) {
    double sum = 0;
    for (size_t j = 0; j < g->size; j++) {
        sum += g->norms[j];
    }
    return sum;
}

unsigned sw_low_rank_hint(const sw_fit_loops *loops, const sw_pair *pair) {
    glance g;
    look(loops, pair, &g);
    const size_t n = g.size;
    /* Where hardly more than roundings is to be seen, there is little to gain. */
    if (n < 16 || energy(&g) < 4 * g.noise) {
        return 0;
    }
    for (unsigned k = 1; k <= g.moved / 3; k++) {
        take_away(&g);
        const double left = (double)((n - k) * (n - k)) / (double)(n * n);
        if (energy(&g) <= 3 * g.noise * left) {
            return k;
        }
    }
    return 0;
}

/* Differences weighed by how much of them is not rounding: rows (or columns) from first on. */
static void shrink(const sw_low_rank *f, bool is_left, size_t first, size_t count, double signal, float *out,
                   size_t room) {
    const size_t depth = is_left ? f->columns : f->rows;
    const size_t step = is_left ? 1 : f->columns;
    memset(out, 0, SW_FIT_PANEL * room * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        const size_t at = is_left ? (first + i) * f->columns : first + i;
        for (size_t k = 0; k < depth; k++) {
            const double h = (double)f->reach[at + k * step];
            const double d = (double)f->difference[at + k * step];
            out[i * room + k] = f->even ? (float)d : (float)(d * (signal / (signal + h * h + 1e-300)));
        }
    }
}

/* One side as the product of the shrunk matrix and the other side. */
static void project(sw_low_rank *f, bool is_left, double signal, float *panel) {
    sw_fit_side *side = is_left ? &f->left : &f->right;
    const sw_fit_side *other = is_left ? &f->right : &f->left;
    for (size_t first = 0; first < side->count; first += SW_FIT_PANEL) {
        const size_t count = side->count - first < SW_FIT_PANEL ? side->count - first : SW_FIT_PANEL;
        shrink(f, is_left, first, count, signal, panel, other->room);
        f->loops.fit->multiply(panel, other->room, other->vectors, f->stride, SW_FIT_PANEL, f->stride, other->count,
                               side->vectors + first * f->stride, f->stride);
    }
}

/* The columns of a side at right angles and of length 1 (Gram and Schmidt, twice). */
static void orthogonalise(const sw_low_rank *f, sw_fit_side *side) {
    const size_t stride = f->stride;
    for (unsigned k = 0; k < f->rank; k++) {
        for (unsigned pass = 0; pass < 2; pass++) {
            double along[SW_MAX_RANK] = {0};
            for (size_t i = 0; i < side->count; i++) {
                const float *v = side->vectors + i * stride;
                for (unsigned l = 0; l < k; l++) {
                    along[l] += (double)v[l] * (double)v[k];
                }
            }
            for (size_t i = 0; i < side->count; i++) {
                float *v = side->vectors + i * stride;
                double left = (double)v[k];
                for (unsigned l = 0; l < k; l++) {
                    left -= along[l] * (double)v[l];
                }
                v[k] = (float)left;
            }
        }
        double length = 0;
        for (size_t i = 0; i < side->count; i++) {
            length += (double)side->vectors[i * stride + k] * (double)side->vectors[i * stride + k];
        }
        const double scale = length > 0 ? 1 / sqrt(length) : 0;
        for (size_t i = 0; i < side->count; i++) {
            side->vectors[i * stride + k] = (float)((double)side->vectors[i * stride + k] * scale);
        }
    }
}

static double signal_of(const sw_low_rank *f) {
    double all = 0, noise = 0;
    for (size_t i = 0; i < f->rows * f->columns; i++) {
        const double d = (double)f->difference[i], h = (double)f->reach[i];
        all += d * d;
        noise += h < 0 ? 0 : h * h / 3;
    }
    const double least = all / 16;
    return (all - noise > least ? all - noise : least) / (double)(f->rows * f->columns);
}

/* Turn the right side to the singular vectors, given the left one as the matrix times the right. */
static bool turn_to_singular(sw_low_rank *f, double *values) {
    const unsigned r = f->rank;
    double *g = calloc((size_t)r * r * 2, sizeof *g);
    if (g == NULL) {
        return false;
    }
    double *v = g + (size_t)r * r;
    for (size_t i = 0; i < f->left.count; i++) {
        const float *row = f->left.vectors + i * f->stride;
        for (unsigned k = 0; k < r; k++) {
            for (unsigned l = 0; l < r; l++) {
                g[k * r + l] += (double)row[k] * (double)row[l];
            }
        }
    }
    sw_eigen(g, v, r);
    for (unsigned k = 0; k < r; k++) {
        values[k] = g[k * r + k] > 0 ? sqrt(g[k * r + k]) : 0;
    }
    for (size_t j = 0; j < f->right.count; j++) {
        float *row = f->right.vectors + j * f->stride;
        double turned[SW_MAX_RANK] = {0};
        for (unsigned l = 0; l < r; l++) {
            for (unsigned k = 0; k < r; k++) {
                turned[k] += v[l * r + k] * (double)row[l];
            }
        }
        for (unsigned k = 0; k < r; k++) {
            row[k] = (float)turned[k];
        }
    }
    free(g);
    return true;
}

bool sw_low_rank_find(sw_low_rank *f, unsigned count, double *values) {
    if (!sw_fit_set_rank(f, count)) {
        return false;
    }
    const size_t room = f->left.room > f->right.room ? f->left.room : f->right.room;
    float *panel = calloc(SW_FIT_PANEL * room, sizeof *panel);
    if (panel == NULL) {
        return false;
    }
    uint64_t seed = 1;
    for (size_t j = 0; j < f->right.count; j++) {
        for (unsigned k = 0; k < count; k++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            f->right.vectors[j * f->stride + k] = seed >> 63 ? 1.0f : -1.0f;
        }
    }
    const double signal = signal_of(f);
    for (unsigned round = 0; round < ROUNDS; round++) {
        project(f, true, signal, panel);
        if (round + 1 < ROUNDS) {
            orthogonalise(f, &f->left);
            project(f, false, signal, panel);
            orthogonalise(f, &f->right);
        }
    }
    free(panel);
    return turn_to_singular(f, values);
}
