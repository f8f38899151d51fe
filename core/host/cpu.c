#include "cpu.h"

#include <string.h>

#ifdef SAPWOOD_HAVE_AVX2
extern const sw_numeric_kernels sw_avx2_kernels;
extern const sw_encode_kernels sw_avx2_encode_kernels;
extern const sw_predict_kernels sw_avx2_predict_kernels;
extern const sw_fit_kernels sw_avx2_fit_kernels;

static bool has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}
#endif

#ifdef SAPWOOD_HAVE_AVX512
extern const sw_numeric_kernels sw_avx512_kernels;
extern const sw_encode_kernels sw_avx512_encode_kernels;
extern const sw_predict_kernels sw_avx512_predict_kernels;
extern const sw_fit_kernels sw_avx512_fit_kernels;

static bool has_avx512(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
           __builtin_cpu_supports("bmi2");
}
#endif

#ifdef SAPWOOD_HAVE_NEON
extern const sw_numeric_kernels sw_neon_kernels;
extern const sw_encode_kernels sw_neon_encode_kernels;

/* Part of the base instruction set wherever the file was compiled. */
static bool has_neon(void) {
    return true;
}
#endif

static bool always(void) {
    return true;
}

typedef struct {
    bool (*usable)(void);
    const sw_numeric_kernels *decode;
    const sw_encode_kernels *encode;
    const sw_predict_kernels *predict; /* plain loops: compilers vectorise them, for NEON as for the rest */
    const sw_fit_kernels *fit;         /* likewise */
} kernel_set;

/* Best first. */
static const kernel_set sets[] = {
#ifdef SAPWOOD_HAVE_AVX512
    {has_avx512, &sw_avx512_kernels, &sw_avx512_encode_kernels, &sw_avx512_predict_kernels, &sw_avx512_fit_kernels},
#endif
#ifdef SAPWOOD_HAVE_AVX2
    {has_avx2, &sw_avx2_kernels, &sw_avx2_encode_kernels, &sw_avx2_predict_kernels, &sw_avx2_fit_kernels},
#endif
#ifdef SAPWOOD_HAVE_NEON
    {has_neon, &sw_neon_kernels, &sw_neon_encode_kernels, &sw_portable_predict_kernels, &sw_portable_fit_kernels},
#endif
    {always, &sw_portable_kernels, &sw_portable_encode_kernels, &sw_portable_predict_kernels, &sw_portable_fit_kernels},
};

static const kernel_set *find(const char *name) {
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if ((name == NULL || strcmp(name, sets[i].decode->name) == 0) && sets[i].usable()) {
            return &sets[i];
        }
    }
    return NULL;
}

const sw_numeric_kernels *sw_decode_kernels(const char *name) {
    const kernel_set *set = find(name);
    return set != NULL ? set->decode : NULL;
}

const sw_encode_kernels *sw_encode_kernels_for(const char *name) {
    const kernel_set *set = find(name);
    return set != NULL ? set->encode : NULL;
}

const sw_predict_kernels *sw_predict_kernels_for(const char *name) {
    const kernel_set *set = find(name);
    return set != NULL ? set->predict : NULL;
}

const sw_fit_kernels *sw_fit_kernels_for(const char *name) {
    const kernel_set *set = find(name);
    return set != NULL ? set->fit : NULL;
}
