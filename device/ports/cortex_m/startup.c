/* From reset to main: the vectors, the memory, and a stack that can tell how deep it was. */
#include "startup.h"

#include <stddef.h>

extern uint32_t stack_top[], data_start[], data_end[], data_image[], bss_start[], bss_end[];

enum { PAINT = 0x5AFEC0DE };

static void reset_handler(void);

/* A fault: nothing goes on. */
static void stopped(void) {
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top, reset_handler, stopped, stopped, [4 ... 15] = stopped};

static void reset_handler(void) {
    const uint32_t *from = data_image;
    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
    /* Up to here the stack holds next to nothing. */
    uint32_t *const top = (uint32_t *)__builtin_frame_address(0) - 32;
    for (uint32_t *to = bss_end; to < top; to++) {
        *to = PAINT;
    }
    main();
    stopped();
}

uint32_t memory_used(void) {
    const uint32_t *lowest = bss_end;
    while (lowest < stack_top && *lowest == PAINT) {
        lowest++;
    }
    return (uint32_t)(stack_top - lowest) * 4 + (uint32_t)(bss_end - data_start) * 4;
}

void system_reset(void) {
    *(volatile uint32_t *)0xE000ED0C = 0x05FA0004; /* AIRCR: SYSRESETREQ */
    for (;;) {
    }
}
