/* Weighted alternating least squares for the low-rank part of a difference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "low_rank_fit.h"

static size_t up(size_t count) {
    return (count + SW_FIT_TILE - 1) / SW_FIT_TILE * SW_FIT_TILE;
}

static float *floats(size_t count) {
    return count > SIZE_MAX / sizeof(float) ? NULL : calloc(count ? count : 1, sizeof(float));
}

/* The median of the reaches, about: its power of two. */
static float typical_reach(const float *reach, size_t count) {
    size_t seen[256] = {0};
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, reach + i, sizeof bits);
        if (bits >> 31 == 0) {
            seen[bits >> 23]++;
            all++;
        }
    }
    size_t below = 0;
    uint32_t exponent = 0;
    for (; exponent < 254 && below + seen[exponent] <= all / 2; exponent++) {
        below += seen[exponent];
    }
    const uint32_t bits = exponent << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

sw_low_rank *sw_low_rank_new(const sw_fit_loops *loops, const sw_pair *pair) {
    sw_low_rank *f = calloc(1, sizeof *f);
    if (f == NULL || pair->rows == 0 || pair->columns > SIZE_MAX / 8 / pair->rows) {
        free(f);
        return NULL;
    }
    f->loops = *loops;
    f->rows = pair->rows;
    f->columns = pair->columns;
    f->even = pair->even;
    f->difference = floats(f->rows * f->columns);
    f->reach = floats(f->rows * f->columns);
    if (f->difference == NULL || f->reach == NULL) {
        sw_low_rank_free(f);
        return NULL;
    }
    for (size_t i = 0; i < f->rows; i++) {
        sw_fit_load(loops, pair, i * pair->step, 0, f->columns, f->difference + i * f->columns,
                    f->reach + i * f->columns);
    }
    f->least = typical_reach(f->reach, f->rows * f->columns) / 256;
    return f;
}

static void free_side(sw_fit_side *side) {
    free(side->vectors);
    free(side->across);
    memset(side, 0, sizeof *side);
}

void sw_low_rank_free(sw_low_rank *f) {
    if (f != NULL) {
        free_side(&f->left);
        free_side(&f->right);
        free(f->difference);
        free(f->reach);
        free(f);
    }
}

static bool make_side(sw_fit_side *side, size_t count, size_t stride) {
    free_side(side);
    side->count = count;
    side->room = up(count);
    side->vectors = floats(side->room * stride);
    side->across = floats(side->room * stride);
    return side->vectors != NULL && side->across != NULL;
}

bool sw_fit_set_rank(sw_low_rank *f, unsigned rank) {
    f->rank = rank;
    f->stride = up(rank);
    return make_side(&f->left, f->rows, f->stride) && make_side(&f->right, f->columns, f->stride);
}

void sw_fit_turn(sw_low_rank *f, sw_fit_side *side) {
    for (size_t i = 0; i < side->count; i++) {
        for (unsigned k = 0; k < f->rank; k++) {
            side->across[k * side->room + i] = side->vectors[i * f->stride + k];
        }
    }
}

double sw_low_rank_energy(const sw_low_rank *f) {
    double sum = 0;
    for (size_t i = 0; i < f->rows * f->columns; i++) {
        sum += (double)f->difference[i] * (double)f->difference[i];
    }
    return sum;
}

static bool balance(sw_low_rank *f);

bool sw_low_rank_begin(sw_low_rank *f, unsigned rank, const float *left, const float *right) {
    if (!sw_fit_set_rank(f, rank)) {
        return false;
    }
    const struct { sw_fit_side *side; const float *from; } sides[] = {{&f->left, left}, {&f->right, right}};
    for (size_t n = 0; n < 2; n++) {
        const size_t count = sides[n].side->count;
        for (size_t i = 0; i < count; i++) {
            for (unsigned k = 0; k < rank; k++) {
                sides[n].side->vectors[i * f->stride + k] = sides[n].from[k * count + i];
            }
        }
    }
    return balance(f);
}

bool sw_low_rank_take(sw_low_rank *f, unsigned rank) {
    const size_t before = f->stride;
    float *vectors = f->right.vectors;
    f->right.vectors = NULL;
    const bool made = sw_fit_set_rank(f, rank);
    for (size_t j = 0; made && j < f->columns; j++) {
        memcpy(f->right.vectors + j * f->stride, vectors + j * before, rank * sizeof *vectors);
    }
    free(vectors);
    if (made) {
        sw_fit_turn(f, &f->right);
    }
    return made;
}

typedef struct {
    float *products;  /* of two components each, for every vector of the other side */
    size_t pairs;     /* of components, rounded up */
    float *weights;   /* panel * room of the other side */
    float *weighted;
    float *predicted;
    float *sums;      /* panel * pairs */
    float *means;     /* panel * stride */
} solver;

static bool make_solver(const sw_low_rank *f, const sw_fit_side *other, solver *s) {
    s->pairs = up((size_t)f->rank * (f->rank + 1) / 2);
    s->products = floats(other->room * s->pairs);
    s->weights = floats(SW_FIT_PANEL * other->room);
    s->weighted = floats(SW_FIT_PANEL * other->room);
    s->predicted = floats(SW_FIT_PANEL * other->room);
    s->sums = floats(SW_FIT_PANEL * s->pairs);
    s->means = floats(SW_FIT_PANEL * f->stride);
    if (!s->products || !s->weights || !s->weighted || !s->predicted || !s->sums || !s->means) {
        return false;
    }
    for (size_t j = 0; j < other->count; j++) {
        const float *v = other->vectors + j * f->stride;
        float *out = s->products + j * s->pairs;
        for (unsigned k = 0; k < f->rank; k++) {
            for (unsigned l = 0; l <= k; l++) {
                *out++ = v[k] * v[l];
            }
        }
    }
    return true;
}

static void free_solver(solver *s) {
    free(s->products);
    free(s->weights);
    free(s->weighted);
    free(s->predicted);
    free(s->sums);
    free(s->means);
}

static void solve_one(const sw_low_rank *f, const float *sums, const float *means, bool whole, float *out) {
    double g[SW_MAX_RANK * SW_MAX_RANK];
    double x[SW_MAX_RANK];
    const unsigned r = f->rank;
    for (unsigned k = 0; k < r; k++) {
        for (unsigned l = 0; l <= k; l++) {
            g[k * r + l] = (double)*sums++;
        }
        x[k] = (double)means[k];
    }
    sw_cholesky(g, r);
    sw_solve_cholesky(g, r, x);
    if (whole) {
        sw_round_cholesky(g, r, x);
    }
    for (unsigned k = 0; k < r; k++) {
        out[k] = (float)x[k];
    }
}

/* Solve one side for the other; with inside < 1, from what both predict now. whole: in integers. */
static bool half_step(sw_low_rank *f, bool is_left, float inside, bool whole) {
    sw_fit_side *side = is_left ? &f->left : &f->right;
    const sw_fit_side *other = is_left ? &f->right : &f->left;
    const bool predicts = inside < 1;
    solver s = {0};
    const bool made = make_solver(f, other, &s);
    for (size_t first = 0; made && first < side->count; first += SW_FIT_PANEL) {
        const size_t count = side->count - first < SW_FIT_PANEL ? side->count - first : SW_FIT_PANEL;
        float *vectors = side->vectors + first * f->stride;
        if (predicts) {
            f->loops.fit->multiply(vectors, f->stride, other->across, other->room, SW_FIT_PANEL, other->room, f->rank,
                                   s.predicted, other->room);
        }
        sw_fit_panel(f, is_left, first, count, predicts ? s.predicted : NULL, inside, s.weights, s.weighted,
                     other->room);
        if (first == 0 || !f->even) {
            f->loops.fit->multiply(s.weights, other->room, s.products, s.pairs, SW_FIT_PANEL, s.pairs, other->count,
                                   s.sums, s.pairs);
        }
        f->loops.fit->multiply(s.weighted, other->room, other->vectors, f->stride, SW_FIT_PANEL, f->stride,
                               other->count, s.means, f->stride);
        for (size_t i = 0; i < count; i++) {
            solve_one(f, s.sums + i * s.pairs, s.means + i * f->stride, whole, vectors + i * f->stride);
        }
    }
    free_solver(&s);
    if (made) {
        sw_fit_turn(f, side);
    }
    return made;
}

static void gram(const sw_low_rank *f, const sw_fit_side *side, double *g) {
    const unsigned r = f->rank;
    memset(g, 0, sizeof *g * r * r);
    for (size_t i = 0; i < side->count; i++) {
        const float *v = side->vectors + i * f->stride;
        for (unsigned k = 0; k < r; k++) {
            for (unsigned l = 0; l < r; l++) {
                g[k * r + l] += (double)v[k] * (double)v[l];
            }
        }
    }
}

/* Every vector of a side v becomes m v. */
static void transform(sw_low_rank *f, sw_fit_side *side, const double *m) {
    const unsigned r = f->rank;
    double x[SW_MAX_RANK];
    for (size_t i = 0; i < side->count; i++) {
        float *v = side->vectors + i * f->stride;
        for (unsigned k = 0; k < r; k++) {
            x[k] = 0;
            for (unsigned l = 0; l < r; l++) {
                x[k] += m[k * r + l] * (double)v[l];
            }
        }
        for (unsigned k = 0; k < r; k++) {
            v[k] = (float)x[k];
        }
    }
    sw_fit_turn(f, side);
}

/* Components at right angles on both sides, the same size on both, the largest first: the product stays. */
static bool balance(sw_low_rank *f) {
    const unsigned r = f->rank;
    double *room = malloc(sizeof *room * r * r * 4);
    if (room == NULL) {
        return false;
    }
    double *l = room, *g = l + r * r, *v = g + r * r, *m = v + r * r;
    gram(f, &f->right, l);
    sw_cholesky(l, r);
    gram(f, &f->left, v);
    /* g = L' (left' left) L: of what is left once the right factor stands at right angles. */
    for (unsigned i = 0; i < r; i++) {
        for (unsigned j = 0; j < r; j++) {
            m[i * r + j] = 0;
            for (unsigned k = j; k < r; k++) {
                m[i * r + j] += v[i * r + k] * l[k * r + j];
            }
        }
    }
    for (unsigned i = 0; i < r; i++) {
        for (unsigned j = 0; j < r; j++) {
            g[i * r + j] = 0;
            for (unsigned k = i; k < r; k++) {
                g[i * r + j] += l[k * r + i] * m[k * r + j];
            }
        }
    }
    sw_eigen(g, v, r);
    for (unsigned k = 0; k < r; k++) {
        const double value = g[k * r + k] > 0 ? g[k * r + k] : 0;
        const double root = sqrt(sqrt(value)) + 1e-150;
        /* Row k of V' L' / root, for the left side. */
        for (unsigned j = 0; j < r; j++) {
            m[k * r + j] = 0;
            for (unsigned i = 0; i <= j; i++) {
                m[k * r + j] += v[i * r + k] * l[j * r + i];
            }
            m[k * r + j] /= root;
        }
        g[k] = root;
    }
    transform(f, &f->left, m);
    /* Row k of root V' L^-1, for the right one: the solution x of L' x = column k of V. */
    for (unsigned k = 0; k < r; k++) {
        double *x = m + k * r;
        for (unsigned i = r; i-- > 0;) {
            x[i] = v[i * r + k];
            for (unsigned j = i + 1; j < r; j++) {
                x[i] -= l[j * r + i] * x[j];
            }
            x[i] /= l[i * r + i];
        }
        for (unsigned i = 0; i < r; i++) {
            x[i] *= g[k];
        }
    }
    transform(f, &f->right, m);
    free(room);
    return true;
}

bool sw_low_rank_improve(sw_low_rank *f, float inside, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        if (!half_step(f, true, inside, false) || !half_step(f, false, inside, false) || !balance(f)) {
            return false;
        }
    }
    return true;
}

static void scale_by(const sw_low_rank *f, sw_fit_side *side, double scale) {
    for (size_t i = 0; i < side->room * f->stride; i++) {
        side->vectors[i] = (float)((double)side->vectors[i] * scale);
    }
}

static bool copy_floats(float **copy, const float *from, size_t count) {
    *copy = floats(count);
    if (*copy != NULL) {
        memcpy(*copy, from, count * sizeof **copy);
    }
    return *copy != NULL;
}

static void read_integers(const sw_low_rank *f, const sw_fit_side *side, int32_t *out) {
    for (unsigned k = 0; k < f->rank; k++) {
        for (size_t i = 0; i < side->count; i++) {
            out[k * side->count + i] = (int32_t)side->vectors[i * f->stride + k];
        }
    }
}

bool sw_low_rank_round(sw_low_rank *f, int exponent, size_t all_rows, float inside, int32_t *right) {
    /* The side with fewer vectors is said more finely: each of its numbers serves more elements. */
    const double tilt = sqrt(sqrt((double)f->columns / (double)all_rows));
    const double root = exponent % 2 == 0 ? 1.0 : sqrt(2.0);
    const double scale = ldexp(root, (exponent - (exponent % 2 != 0)) / 2) * tilt;
    float *left = NULL;
    float *old = NULL;
    const size_t left_size = f->left.room * f->stride, right_size = f->right.room * f->stride;
    bool made = copy_floats(&left, f->left.vectors, left_size) && copy_floats(&old, f->right.vectors, right_size);
    if (made) {
        scale_by(f, &f->left, scale);
        scale_by(f, &f->right, 1 / scale);
        sw_fit_turn(f, &f->left);
        made = half_step(f, false, inside, true);
        read_integers(f, &f->right, right);
        memcpy(f->left.vectors, left, left_size * sizeof *left);
        memcpy(f->right.vectors, old, right_size * sizeof *old);
        sw_fit_turn(f, &f->left);
        sw_fit_turn(f, &f->right);
    }
    free(left);
    free(old);
    return made;
}

static bool solve_left(sw_low_rank *f, unsigned rank, int exponent, const int32_t *right, float inside, unsigned times,
                       int32_t *left) {
    if (!sw_fit_set_rank(f, rank)) {
        return false;
    }
    for (size_t j = 0; j < f->columns; j++) {
        for (unsigned k = 0; k < rank; k++) {
            f->right.vectors[j * f->stride + k] = (float)ldexp((double)right[k * f->columns + j], exponent);
        }
    }
    sw_fit_turn(f, &f->right);
    bool made = half_step(f, true, 1, times == 0);
    for (unsigned i = 1; made && i <= times; i++) {
        made = half_step(f, true, inside, i == times);
    }
    made = made && (f->even || sw_fit_descend(f, ldexp(1, exponent)));
    if (made) {
        read_integers(f, &f->left, left);
    }
    return made;
}

bool sw_low_rank_left(const sw_fit_loops *loops, const sw_pair *pair, unsigned rank, int exponent, const int32_t *right,
                      float inside, unsigned times, int32_t *left) {
    sw_low_rank *f = sw_low_rank_new(loops, pair);
    const bool made = f != NULL && solve_left(f, rank, exponent, right, inside, times, left);
    sw_low_rank_free(f);
    return made;
}
