/* The symbols of a NUMERIC block: one interleaved rANS stream. */
#ifndef SW_NUMERIC_SYMBOLS_H
#define SW_NUMERIC_SYMBOLS_H

#include "numeric.h"

typedef struct {
    uint32_t states[SW_MAX_LANES];
    unsigned lane;     /* of the next symbol */
    const uint8_t *at; /* next word */
    const uint8_t *end;
} sw_rans;

sw_status sw_rans_start(sw_rans *r, const sw_numeric_header *header);

/* The next `count` symbols, at most SW_CHUNK: work->contexts says by which table, work->symbols gets them.
 * False if the words end too early. */
bool sw_rans_symbols(sw_rans *r, const sw_numeric_kernels *kernels, const sw_numeric_header *header,
                     sw_numeric_work *work, size_t count);

/* Every lane ends where the encoder began, and every word is used. */
sw_status sw_rans_end(const sw_rans *r, const sw_numeric_header *header);

#endif
