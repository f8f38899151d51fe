#include "byte_cpu.h"

#include <string.h>

#ifdef SAPWOOD_HAVE_AVX2
extern const sw_byte_kernels sw_avx2_byte_kernels;

static bool has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}
#endif

#ifdef SAPWOOD_HAVE_SSSE3
extern const sw_byte_kernels sw_ssse3_byte_kernels;

static bool has_ssse3(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("ssse3");
}
#endif

#ifdef SAPWOOD_HAVE_NEON
extern const sw_byte_kernels sw_neon_byte_kernels;
#endif

static bool always(void) {
    return true;
}

/* Best first. */
static const struct {
    bool (*usable)(void);
    const sw_byte_kernels *kernels;
} sets[] = {
#ifdef SAPWOOD_HAVE_AVX2
    {has_avx2, &sw_avx2_byte_kernels},
#endif
#ifdef SAPWOOD_HAVE_SSSE3
    {has_ssse3, &sw_ssse3_byte_kernels},
#endif
#ifdef SAPWOOD_HAVE_NEON
    {always, &sw_neon_byte_kernels}, /* part of the base instruction set */
#endif
    {always, &sw_portable_byte_kernels},
};

const sw_byte_kernels *sw_byte_kernels_for(const char *name) {
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if ((name == NULL || strcmp(name, sets[i].kernels->name) == 0) && sets[i].usable()) {
            return sets[i].kernels;
        }
    }
    return NULL;
}
