/* The hot loops on AArch64: what NEON has an instruction for, and the rest as the compiler vectorises it. */
#if defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>

#define SW_KERNEL(name) neon_##name
#include "encode_kernels.h"
#include "class_masks.h"

static void contexts(const uint8_t *base, size_t count, const sw_numeric_header *h,
                     const uint8_t table_of[SW_CLASSES], uint8_t *out) {
    neon_classes(base, count, &h->shape, h->class_top, out);
    if (table_of == NULL) {
        return;
    }
    const uint8x16_t tables = vld1q_u8(table_of);
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        vst1q_u8(out + i, vqtbl1q_u8(tables, vld1q_u8(out + i)));
    }
    for (; i < count; i++) {
        out[i] = table_of[out[i]];
    }
}

/* AArch64 has no gather: table look-ups are loads of one entry each, as in plain C. */
static const uint8_t *rans32(uint32_t states[SW_MAX_LANES], const uint8_t *at, const uint8_t *end,
                             const uint32_t *tables, unsigned table_bits, const uint8_t *contexts_,
                             size_t count, uint8_t *symbols) {
    return sw_portable_kernels.rans32(states, at, end, tables, table_bits, contexts_, count, symbols);
}

const sw_numeric_kernels sw_neon_kernels = {"neon", contexts, rans32, sw_expand32, neon_apply, NULL, neon_locate};
const sw_encode_kernels sw_neon_encode_kernels = {
    "neon", neon_active, neon_differences, neon_classes, neon_group_sums, neon_buckets, NULL, neon_rans32, neon_changes, neon_measure_gaps,
};
#else
typedef int sw_no_neon; /* C99 wants something in every file */
#endif
