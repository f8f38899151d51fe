/* The encoder's loops in plain C. */
#define SW_KERNEL(name) portable_##name
#include "encode_kernels.h"

static size_t measure_gaps(const uint8_t *classes, size_t count, const uint64_t *changed, sw_class_counts *counts,
                           sw_gap *gaps) {
    size_t found = 0;
    for (size_t i = 0; i < count && classes[i] < SW_CLASSES; i++) {
        const uint8_t c = classes[i];
        const uint32_t number = counts->seen[c]++;
        if ((changed[i / 64] >> i % 64 & 1) != 0) {
            gaps[found++] = (sw_gap){number - counts->behind[c], c};
            counts->behind[c] = number + 1;
        }
    }
    return found;
}

const sw_encode_kernels sw_portable_encode_kernels = {
    "portable", portable_active, portable_differences, portable_classes, portable_group_sums, portable_buckets, NULL, portable_rans32,
    portable_changes, measure_gaps,
};
