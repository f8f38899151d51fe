/* Arithmetic of binary32, one rounding an operation. Where a compiler evaluates floats as binary64, the cast rounds
 * once more, which gives the same (53 >= 2 * 24 + 2). */
#ifndef SW_SINGLE_H
#define SW_SINGLE_H

#if defined(__FLT_EVAL_METHOD__) && (__FLT_EVAL_METHOD__ < 0 || __FLT_EVAL_METHOD__ == 2)
#error "quantised weights need binary32 arithmetic that rounds every operation (on x86: -msse2 -mfpmath=sse)"
#endif

static inline float sw_add(float a, float b) {
    return (float)(a + b);
}

static inline float sw_multiply(float a, float b) {
    return (float)(a * b);
}

static inline float sw_divide(float a, float b) {
    return (float)(a / b);
}

#endif
