#ifndef CORTEX_M_STARTUP_H
#define CORTEX_M_STARTUP_H

#include <stdint.h>

int main(void);

/* Bytes of memory in use since the reset, at the most: variables, and the deepest the stack has been. */
uint32_t memory_used(void);

__attribute__((noreturn)) void system_reset(void);

#endif
