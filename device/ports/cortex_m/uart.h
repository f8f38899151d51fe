/* What goes over the UART: lines of text to the host, and bytes the host is asked for.
 *
 * A request is the line "? OFFSET SIZE" (decimal). The answer is one byte N, at most SIZE, and N bytes from that offset;
 * N = 0: none will come. So the host never sends what the device has no room for. */
#ifndef CORTEX_M_UART_H
#define CORTEX_M_UART_H

#include "sapwood_device.h"

void put_text(const char *text);
void put_number(uint32_t number);
void put_hex(const uint8_t *bytes, uint32_t size);

/* A word and a number, as a line. */
void put_fact(const char *name, uint32_t number);

/* A letter, and the decimal number behind it, up to the end of the line. */
char get_command(uint32_t *number);

/* swd_config.patch_read. */
int uart_patch_read(void *context, uint32_t offset, uint8_t *to, uint32_t size);

#endif
