/* Little-endian loads and stores, by shifts: the same on every machine. */
#ifndef SW_BYTES_H
#define SW_BYTES_H

#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SW_LITTLE_ENDIAN 1
#else
#define SW_LITTLE_ENDIAN 0
#endif

static inline uint16_t sw_load16(const uint8_t *p) {
#if SW_LITTLE_ENDIAN
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return (uint16_t)(p[0] | (uint16_t)(p[1] << 8));
#endif
}

static inline uint32_t sw_load32(const uint8_t *p) {
#if SW_LITTLE_ENDIAN
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
#endif
}

static inline uint64_t sw_load64(const uint8_t *p) {
#if SW_LITTLE_ENDIAN
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return (uint64_t)sw_load32(p) | (uint64_t)sw_load32(p + 4) << 32;
#endif
}

static inline void sw_store16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void sw_store32(uint8_t *p, uint32_t v) {
#if SW_LITTLE_ENDIAN
    memcpy(p, &v, sizeof v);
#else
    sw_store16(p, (uint16_t)v);
    sw_store16(p + 2, (uint16_t)(v >> 16));
#endif
}

static inline void sw_store64(uint8_t *p, uint64_t v) {
#if SW_LITTLE_ENDIAN
    memcpy(p, &v, sizeof v);
#else
    sw_store32(p, (uint32_t)v);
    sw_store32(p + 4, (uint32_t)(v >> 32));
#endif
}

/* Number of significant bits: 0 for 0, 64 for 2^63 and above. */
static inline unsigned sw_bit_length(uint64_t v) {
    return v == 0 ? 0u : 64u - (unsigned)__builtin_clzll(v);
}

#endif
