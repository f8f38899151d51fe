/* CRC-32C (Castagnoli, reflected): the check of learned blocks and of frames. */
#ifndef SW_CRC32C_H
#define SW_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc: 0 at the start, else what came back for the bytes before. */
uint32_t sw_crc32c(uint32_t crc, const void *data, size_t size);

#endif
