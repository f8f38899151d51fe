#ifndef CORTEX_M_CLOCK_H
#define CORTEX_M_CLOCK_H

#include <stdint.h>

/* Milliseconds since the first call. */
uint32_t clock_now(void);

/* Not 0, and another one at each start: the clock of QEMU runs with the host's, so its last digits do. A part takes its random
 * numbers, or a count in flash. */
uint32_t clock_noise(void);

#endif
