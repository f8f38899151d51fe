/* A serial line that garbles, loses and repeats bytes, and frames for it. */
#ifndef SIM_LINE_H
#define SIM_LINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One direction. */
typedef struct {
    uint8_t bytes[512]; /* on the way: no more are taken */
    uint32_t count;
    uint32_t random;
    uint32_t faulty; /* of a million bytes: a third each get a wrong bit, are lost, or come twice */
} line;

/* Returns how many it took. */
uint32_t line_put(line *l, const uint8_t *bytes, uint32_t size);

/* Up to `size` bytes, in order. Returns how many. */
uint32_t line_get(line *l, uint8_t *to, uint32_t size);

/* A frame of that body, at most 4092 bytes: into `to`, where it takes size + size / 254 + 8 bytes at most. `seed`: CRC of what
 * goes before the body. Returns its bytes, with the zero. */
size_t line_frame(uint8_t *to, const uint8_t *body, size_t size, uint32_t seed);

#ifdef __cplusplus
}
#endif
#endif
