/* The byte coder on AArch64: a slot is two registers. */
#if defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>

#include "byte_lanes.h"

#define SW_BYTE(name) sw_neon_byte_##name
#define SW_BYTE_WALK SW_BYTE_WRITTEN_OUT
#define SW_BYTE_UNROLL SW_BYTE_UNROLLED

typedef int16x8x2_t sw_lanes;

#define LANES static inline __attribute__((always_inline)) sw_lanes
#define HALF static inline __attribute__((always_inline)) int16x8_t

LANES sw_lanes_load(const void *from) {
    const int16_t *at = from;
    return (sw_lanes){{vld1q_s16(at), vld1q_s16(at + 8)}};
}

static inline void sw_lanes_store(void *to, sw_lanes v) {
    int16_t *at = to;
    vst1q_s16(at, v.val[0]);
    vst1q_s16(at + 8, v.val[1]);
}

LANES sw_lanes_zero(void) {
    return (sw_lanes){{vdupq_n_s16(0), vdupq_n_s16(0)}};
}

LANES sw_lanes_add(sw_lanes a, sw_lanes b) {
    return (sw_lanes){{vqaddq_s16(a.val[0], b.val[0]), vqaddq_s16(a.val[1], b.val[1])}};
}

/* Unlike x86's at -32768 times -32768 alone, which never comes. */
LANES sw_lanes_multiply(sw_lanes a, sw_lanes b) {
    return (sw_lanes){{vqrdmulhq_s16(a.val[0], b.val[0]), vqrdmulhq_s16(a.val[1], b.val[1])}};
}

HALF stretch_half(int16x8_t slot) {
    const uint16x8_t p = vorrq_u16(vbicq_u16(vreinterpretq_u16_s16(slot), vdupq_n_u16(SW_BYTE_COUNT)), vdupq_n_u16(4));
    const int16x8_t likely = vshrq_n_s16(vreinterpretq_s16_u16(p), 15);
    const uint16x8_t q = veorq_u16(p, vreinterpretq_u16_s16(likely));
    const uint16x8_t zeros = vclzq_u16(q);
    /* The top bit to the left end, out, and ten of those behind it. */
    const uint16x8_t behind = vshrq_n_u16(vshlq_n_u16(vshlq_u16(q, vreinterpretq_s16_u16(zeros)), 1), 6);
    const uint16x8_t logarithm = vorrq_u16(vshlq_n_u16(vsubq_u16(vdupq_n_u16(15), zeros), 10), behind);
    const uint16x8_t size = vsubq_u16(vsubq_u16(vdupq_n_u16(16 << 10), vshrq_n_u16(q, 5)), logarithm);
    const int16x8_t unlikely = vmvnq_s16(likely);
    return vsubq_s16(veorq_s16(vreinterpretq_s16_u16(size), unlikely), unlikely);
}

LANES sw_lanes_stretch(sw_lanes slot) {
    return (sw_lanes){{stretch_half(slot.val[0]), stretch_half(slot.val[1])}};
}

LANES sw_lanes_fresh(uint16_t tag) {
    const int16x8_t even = vdupq_n_s16(INT16_MIN);
    return (sw_lanes){{vsetq_lane_s16((int16_t)tag, even, 0), even}};
}

/* Sixteen knots of 16 bits by their upper and lower bytes; an index of 255 is beyond a table. */
static inline __attribute__((always_inline)) uint16x8_t knots(const uint8_t *upper, const uint8_t *lower,
                                                              uint16x8_t index) {
    const uint16x8_t in_low = vorrq_u16(index, vdupq_n_u16(0xFF00));
    const uint16x8_t in_high = vorrq_u16(vshlq_n_u16(index, 8), vdupq_n_u16(0x00FF));
    return vreinterpretq_u16_u8(vorrq_u8(vqtbl1q_u8(vld1q_u8(lower), vreinterpretq_u8_u16(in_low)),
                                         vqtbl1q_u8(vld1q_u8(upper), vreinterpretq_u8_u16(in_high))));
}

/* The upper halves of products. */
static inline __attribute__((always_inline)) uint16x8_t product(uint16x8_t a, uint16x8_t b) {
    return vcombine_u16(vshrn_n_u32(vmull_u16(vget_low_u16(a), vget_low_u16(b)), 16),
                        vshrn_n_u32(vmull_u16(vget_high_u16(a), vget_high_u16(b)), 16));
}

HALF unlikely_half(int16x8_t sum) {
    const uint16x8_t d = vreinterpretq_u16_s16(vminq_s16(vqabsq_s16(sum), vdupq_n_s16(4095)));
    const uint16x8_t index = vshrq_n_u16(d, 8);
    const uint16x8_t knot = knots(sw_byte_knots[0], sw_byte_knots[1], index);
    const uint16x8_t slope = knots(sw_byte_knots[2], sw_byte_knots[3], index);
    const uint16x8_t p = vsubq_u16(knot, product(slope, vshlq_n_u16(d, 8)));
    return vreinterpretq_s16_u16(vmaxq_u16(p, vdupq_n_u16(SW_BYTE_LEAST)));
}

LANES sw_lanes_unlikely(sw_lanes sum) {
    return (sw_lanes){{unlikely_half(sum.val[0]), unlikely_half(sum.val[1])}};
}

static inline uint32_t sw_lanes_negative(sw_lanes v) {
    static const uint16_t places[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint16x8_t place = vld1q_u16(places);
    const uint16x8_t low = vreinterpretq_u16_s16(vshrq_n_s16(v.val[0], 15));
    const uint16x8_t high = vreinterpretq_u16_s16(vshrq_n_s16(v.val[1], 15));
    return (uint32_t)vaddvq_u16(vandq_u16(low, place)) | (uint32_t)vaddvq_u16(vandq_u16(high, place)) << 8;
}

HALF errors_half(int16x8_t sum, int16x8_t unlikely, int16x8_t path, int16x8_t bits) {
    const int16x8_t zeros = vmvnq_s16(bits);
    const int16x8_t wrong = veorq_s16(vshrq_n_s16(sum, 15), zeros);
    const uint16x8_t missing = vreinterpretq_u16_s16(veorq_s16(unlikely, wrong));
    const int16x8_t size = vreinterpretq_s16_u16(product(missing, vdupq_n_u16(SW_BYTE_LEARNING)));
    return vandq_s16(vsubq_s16(veorq_s16(size, zeros), zeros), path);
}

LANES sw_lanes_errors(sw_lanes sum, sw_lanes unlikely, sw_lanes path, sw_lanes bits) {
    return (sw_lanes){{errors_half(sum.val[0], unlikely.val[0], path.val[0], bits.val[0]),
                       errors_half(sum.val[1], unlikely.val[1], path.val[1], bits.val[1])}};
}

HALF train_half(int16x8_t slot, uint16x8_t on_path, uint16x8_t ones) {
    const uint16x8_t counting = vdupq_n_u16(SW_BYTE_COUNT);
    const uint16x8_t lane = vreinterpretq_u16_s16(slot);
    const uint16x8_t count = vandq_u16(lane, counting);
    /* The count's byte finds a rate, the byte above it none: 255 is beyond the table. */
    const uint16x8_t index = vorrq_u16(count, vdupq_n_u16(0xFF00));
    const uint16x8_t found = vreinterpretq_u16_u8(vqtbl1q_u8(vld1q_u8(sw_byte_rates), vreinterpretq_u8_u16(index)));
    const uint16x8_t rate = vandq_u16(found, on_path);
    uint16x8_t away = vbicq_u16(veorq_u16(lane, ones), counting);
    const uint16x4_t low = vshrn_n_u32(vmull_u16(vget_low_u16(away), vget_low_u16(rate)), 8);
    const uint16x4_t high = vshrn_n_u32(vmull_u16(vget_high_u16(away), vget_high_u16(rate)), 8);
    away = vaddq_u16(vsubq_u16(away, vcombine_u16(low, high)), vandq_u16(on_path, vdupq_n_u16(3)));
    const uint16x8_t p = vbicq_u16(veorq_u16(away, ones), counting);
    return vreinterpretq_s16_u16(vorrq_u16(p, vminq_u16(vsubq_u16(count, on_path), counting)));
}

LANES sw_lanes_train(sw_lanes slot, sw_lanes path, sw_lanes bits) {
    return (sw_lanes){{train_half(slot.val[0], vreinterpretq_u16_s16(path.val[0]), vreinterpretq_u16_s16(bits.val[0])),
                       train_half(slot.val[1], vreinterpretq_u16_s16(path.val[1]), vreinterpretq_u16_s16(bits.val[1]))}};
}

#include "byte_walk.h"

const sw_byte_kernels sw_neon_byte_kernels = {"neon", SW_BYTE(decode), SW_BYTE(encode), SW_BYTE(learn)};
#else
typedef int sw_no_byte_neon; /* C99 wants something in every file */
#endif
