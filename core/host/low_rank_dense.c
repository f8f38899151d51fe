/* Small dense algebra of low-rank fits, in one order of operations. */
#include <math.h>

#include "low_rank.h"

void sw_cholesky(double *g, unsigned r) {
    double trace = 0;
    for (unsigned i = 0; i < r; i++) {
        trace += g[i * r + i];
    }
    /* Elements that say nothing of a component leave it where it is, at 0. */
    const double least = trace / r * 1e-7 + 1e-290;
    for (unsigned i = 0; i < r; i++) {
        for (unsigned j = 0; j <= i; j++) {
            double sum = g[i * r + j];
            for (unsigned k = 0; k < j; k++) {
                sum -= g[i * r + k] * g[j * r + k];
            }
            if (i == j) {
                g[i * r + i] = sqrt(sum > least ? sum : least);
            } else {
                g[i * r + j] = sum / g[j * r + j];
            }
        }
    }
}

static void backward(const double *l, unsigned r, double *x) {
    for (unsigned i = r; i-- > 0;) {
        for (unsigned k = i + 1; k < r; k++) {
            x[i] -= l[k * r + i] * x[k];
        }
        x[i] /= l[i * r + i];
    }
}

static void forward(const double *l, unsigned r, double *x) {
    for (unsigned i = 0; i < r; i++) {
        for (unsigned k = 0; k < i; k++) {
            x[i] -= l[i * r + k] * x[k];
        }
        x[i] /= l[i * r + i];
    }
}

void sw_solve_cholesky(const double *l, unsigned r, double *x) {
    forward(l, r, x);
    backward(l, r, x);
}

static double nearest(double x) {
    const double most = 1073741824.0; /* 2^30 */
    if (!(x >= -most && x <= most)) {
        return x > most ? most : x < -most ? -most : 0;
    }
    return (double)(int64_t)(x < 0 ? x - 0.5 : x + 0.5);
}

/* Rounded one after the other; the others move so that the sum of squares suffers least (Babai's nearest plane). */
void sw_round_cholesky(const double *l, unsigned r, double *x) {
    /* With g = L L', the error of x is |L' (x - z)|: its rows from the last hold one unknown more each. */
    double error[SW_MAX_RANK];
    for (unsigned i = r; i-- > 0;) {
        double moved = x[i];
        for (unsigned k = i + 1; k < r; k++) {
            moved += l[k * r + i] * error[k] / l[i * r + i];
        }
        const double whole = nearest(moved);
        error[i] = x[i] - whole;
        x[i] = whole;
    }
}

enum { SWEEPS = 12 };

static void rotate(double *g, double *v, unsigned r, unsigned p, unsigned q) {
    const double off = g[p * r + q];
    if (off == 0) {
        return;
    }
    const double theta = (g[q * r + q] - g[p * r + p]) / (2 * off);
    const double size = theta < 0 ? -theta : theta;
    const double root = size > 1e150 ? size : sqrt(size * size + 1);
    const double t = (theta < 0 ? -1.0 : 1.0) / (size + root);
    const double c = 1 / sqrt(t * t + 1);
    const double s = t * c;
    for (unsigned k = 0; k < r; k++) {
        const double a = g[k * r + p], b = g[k * r + q];
        g[k * r + p] = c * a - s * b;
        g[k * r + q] = s * a + c * b;
    }
    for (unsigned k = 0; k < r; k++) {
        const double a = g[p * r + k], b = g[q * r + k];
        g[p * r + k] = c * a - s * b;
        g[q * r + k] = s * a + c * b;
        const double d = v[k * r + p], e = v[k * r + q];
        v[k * r + p] = c * d - s * e;
        v[k * r + q] = s * d + c * e;
    }
}

/* Jacobi's method. */
void sw_eigen(double *g, double *v, unsigned r) {
    for (unsigned i = 0; i < r * r; i++) {
        v[i] = i % (r + 1) == 0;
    }
    for (unsigned sweep = 0; sweep < SWEEPS; sweep++) {
        for (unsigned p = 0; p < r; p++) {
            for (unsigned q = p + 1; q < r; q++) {
                rotate(g, v, r, p, q);
            }
        }
    }
    for (unsigned i = 0; i < r; i++) {
        unsigned largest = i;
        for (unsigned j = i + 1; j < r; j++) {
            largest = g[j * r + j] > g[largest * r + largest] ? j : largest;
        }
        const double value = g[i * r + i];
        g[i * r + i] = g[largest * r + largest];
        g[largest * r + largest] = value;
        for (unsigned k = 0; k < r; k++) {
            const double entry = v[k * r + i];
            v[k * r + i] = v[k * r + largest];
            v[k * r + largest] = entry;
        }
    }
}
