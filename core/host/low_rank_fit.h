/* The state of a low-rank fit, shared by the files that make it. */
#ifndef SW_LOW_RANK_FIT_H
#define SW_LOW_RANK_FIT_H

#include "low_rank.h"

enum { SW_FIT_PANEL = 32 }; /* rows, or columns, solved at once */

/* One factor: a vector of rank floats for each row (left) or column (right) of the matrix. */
typedef struct {
    size_t count;
    float *vectors; /* count * stride */
    float *across;  /* stride * room: the same, component after component */
    size_t room;    /* count, rounded up to SW_FIT_TILE */
} sw_fit_side;

struct sw_low_rank {
    sw_fit_loops loops;
    size_t rows;
    size_t columns;
    float *difference; /* of the elements' values */
    float *reach;      /* how far rounding may have moved them; negative for what is no number */
    bool even;         /* roundings tell nothing */
    float least;       /* reaches that are smaller than this count as this */
    unsigned rank;
    size_t stride;     /* rank, rounded up to SW_FIT_TILE */
    sw_fit_side left;
    sw_fit_side right;
};

/* Elements of a row of the pair as difference and reach. */
void sw_fit_load(const sw_fit_loops *loops, const sw_pair *pair, size_t row, size_t first, size_t count,
                 float *difference, float *reach);

/* Room for factors of that rank. */
bool sw_fit_set_rank(sw_low_rank *f, unsigned rank);

/* Make across from vectors. */
void sw_fit_turn(sw_low_rank *f, sw_fit_side *side);

/* Elements of count rows (or columns, for the right side) from first on, room floats apart: the weight of each and
 * the weighted difference. With predicted (or NULL), what lies within its reach counts by the factor inside. */
void sw_fit_panel(const sw_low_rank *f, bool is_left, size_t first, size_t count, const float *predicted, float inside,
                  float *weights, float *weighted, size_t room);

/* Move the integers of the left factor while that takes elements back into their roundings; those of the right one
 * were rounded in units of `unit`. false without memory. */
bool sw_fit_descend(sw_low_rank *f, double unit);

#endif
