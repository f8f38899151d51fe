/* The NUMERIC block: every element, level and instruction set gives the same bytes both ways, and damage is harmless. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

enum { MOST = 1 << 18, SET_COUNT = 4 };

typedef enum { SAME_BUT_ONE, SPARSE, DENSE, RECURRING, RANDOM, LARGE_STEPS, PATCHY, PATTERN_COUNT } pattern;

static const char *const names[SET_COUNT] = {"portable", "avx2", "avx512", "neon"};
static uint64_t seed = 88172645463325252u;

static uint32_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

/* Bytes that look like weights: exponents close together, everything else random. */
static void fill_base(uint8_t *base, size_t size, unsigned width) {
    for (size_t i = 0; i < size; i++) {
        base[i] = (uint8_t)next_random();
        if (width > 1 && i % width == width - 1) {
            base[i] = (uint8_t)((base[i] & 0x83) | 0x3C);
        }
    }
}

static void add_at(uint8_t *p, unsigned width, uint64_t step) {
    uint64_t v = 0;
    memcpy(&v, p, width);
    v += step;
    memcpy(p, &v, width);
}

static void fill_target(uint8_t *target, const uint8_t *base, size_t size, unsigned width, pattern how) {
    memcpy(target, base, size);
    const size_t count = size / width;
    if (how == SAME_BUT_ONE) {
        add_at(target + next_random() % count * width, width, 1);
    }
    for (size_t i = 0; i < count && how != SAME_BUT_ONE; i++) {
        const uint32_t r = next_random();
        uint64_t step = 0;
        switch (how) {
        case SPARSE:
            step = r % 97 == 0 ? r >> 29 : 0;
            break;
        case DENSE:
            step = (uint64_t)(int64_t)((int32_t)(r % 41) + (int32_t)(r / 64 % 41) - 40);
            break;
        case RECURRING:
            step = r % 3 == 0 ? r % 5000 : r % 2 == 0 ? 1234 : 777;
            break;
        case PATCHY: /* stretches of many groups, changed and not, the last one cut off */
            step = i / 300 % 3 == 1 ? r >> 29 : 0;
            break;
        case LARGE_STEPS:
            step = (uint64_t)r << (r % 33);
            break;
        default:
            step = ((uint64_t)r << 32) ^ next_random();
            break;
        }
        add_at(target + i * width, width, step);
    }
}

typedef struct {
    sw_encode_work *work;
    uint8_t *out;
    uint8_t *again;
    uint8_t *decoded;
    const uint8_t *classes; /* given with a base; or NULL */
} buffers;

static void check_sets(const buffers *b, const uint8_t *base, const uint8_t *target, size_t size,
                       sw_element element, int level, size_t *encoded) {
    const size_t capacity = 2 * size + 4096;
    const uint8_t *classes = base == NULL ? NULL : b->classes;
    *encoded = sw_numeric_encode(&sw_portable_encode_kernels, &sw_portable_kernels, base, classes, target, size, element, level,
                                 b->out, capacity, b->work);
    for (size_t s = 0; s < SET_COUNT; s++) {
        const sw_numeric_kernels *decode = sw_decode_kernels(names[s]);
        const sw_encode_kernels *encode = sw_encode_kernels_for(names[s]);
        assert((decode == NULL) == (encode == NULL));
        if (decode == NULL) {
            continue;
        }
        const size_t found = sw_numeric_encode(encode, decode, base, classes, target, size, element, level, b->again,
                                               capacity, b->work);
        assert(found == *encoded && memcmp(b->again, b->out, found) == 0);
        if (found == 0) {
            continue;
        }
        memset(b->decoded, 0xA5, size);
        assert(sw_numeric_decode_given(decode, b->out, found, base, base == NULL ? 0 : size, classes, size * 2, b->decoded,
                                       size, &b->work->decode) == SW_OK);
        assert(memcmp(b->decoded, target, size) == 0);
        const size_t base_size = base == NULL ? 0 : size;
        assert(sw_numeric_check(decode, b->out, found, base, base_size, classes, size * 2, target, size, &b->work->decode) ==
               SW_OK);
        /* One bit more or less is seen, wherever it is. */
        const size_t at = next_random() % size;
        b->decoded[at] ^= (uint8_t)(1u << next_random() % 8);
        assert(sw_numeric_check(decode, b->out, found, base, base_size, classes, size * 2, b->decoded, size,
                                &b->work->decode) == SW_ERROR_ENTROPY);
    }
}

/* A copy in memory of its exact size, so that a sanitizer sees any access past it. */
static uint8_t *exact_copy(const uint8_t *from, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert(copy != NULL);
    memcpy(copy, from, size);
    return copy;
}

/* Whatever happens to a payload, the decoder returns, and every set returns the same. */
static void check_damage(const buffers *b, const uint8_t *base, size_t size, size_t encoded, unsigned rounds) {
    for (unsigned k = 0; k < rounds; k++) {
        size_t length = encoded;
        if (k % 3 == 0) {
            length = next_random() % encoded;
        }
        uint8_t *payload = exact_copy(b->out, length);
        for (unsigned flips = k % 3 == 0 ? 0 : 1 + k % 4; flips > 0 && length > 0; flips--) {
            /* Half of the flips hit the header and the side information. */
            const size_t reach = next_random() % 2 == 0 && length > 64 ? 64 : length;
            payload[next_random() % reach] ^= (uint8_t)(1u << next_random() % 8);
        }
        sw_status first = SW_OK;
        uint8_t *expected = malloc(size);
        assert(expected != NULL);
        for (size_t s = 0; s < SET_COUNT; s++) {
            const sw_numeric_kernels *decode = sw_decode_kernels(names[s]);
            if (decode == NULL) {
                continue;
            }
            uint8_t *out = malloc(size);
            assert(out != NULL);
            const sw_status status = sw_numeric_decode_given(decode, payload, length, base, base == NULL ? 0 : size, b->classes,
                                                             2 * MOST, out, size, &b->work->decode);
            if (s == 0) {
                first = status;
                memcpy(expected, out, status == SW_OK ? size : 0);
            }
            assert(status == first);
            assert(status != SW_OK || memcmp(out, expected, size) == 0);
            free(out);
        }
        free(expected);
        free(payload);
    }
}

static unsigned width_of(unsigned element) {
    return element == SW_ELEMENT_INT4 ? 1 : sw_shape_of(element).width;
}

static void check_element(const buffers *b, unsigned element, uint8_t *base, uint8_t *target) {
    const unsigned width = width_of(element);
    const size_t counts[] = {1, 2, 31, 33, 64, 127, 1000, 4097, 70001};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        const size_t size = counts[c] * width < MOST ? counts[c] * width : MOST;
        /* One byte on, since models keep no alignment. */
        uint8_t *from = exact_copy(base + 1, size);
        uint8_t *to = target + 1;
        for (int how = 0; how < PATTERN_COUNT; how++) {
            fill_target(to, from, size, width, (pattern)how);
            for (int level = 0; level <= SW_LEVEL_MAX; level++) {
                size_t encoded;
                check_sets(b, NULL, to, size, (sw_element)element, level, &encoded);
                if (encoded > 0 && level == 0 && how < RANDOM) {
                    check_damage(b, NULL, size, encoded, counts[c] > 5000 ? 12 : 6);
                }
                check_sets(b, from, to, size, (sw_element)element, level, &encoded);
                if (encoded > 0 && level == 1) {
                    check_damage(b, from, size, encoded, counts[c] > 5000 ? 24 : 12);
                }
            }
        }
        free(from);
    }
}

/* Changes at the front only: the side information ends in many zero bytes, which must not be taken for a cut. */
static void check_quiet_tail(const buffers *b, uint8_t *base, uint8_t *target) {
    fill_base(base, MOST, 2);
    memcpy(target, base, MOST);
    for (size_t i = 0; i < 8192; i += 2) {
        add_at(target + i, 2, next_random() % 7);
    }
    size_t encoded;
    check_sets(b, base, target, MOST, SW_ELEMENT_BF16, 1, &encoded);
    assert(encoded > 0 && encoded < 4096);
}

/* Classes that come from outside: every set takes them, and a block that wants them is refused without. */
static void check_given_classes(buffers *b, uint8_t *base, uint8_t *target) {
    uint8_t *classes = malloc(2 * MOST);
    assert(classes != NULL);
    for (size_t i = 0; i < 2 * MOST; i++) {
        classes[i] = (uint8_t)(next_random() % SW_CLASSES);
    }
    b->classes = classes;
    for (unsigned element = SW_ELEMENT_INT8; element <= SW_ELEMENT_INT4; element++) {
        const size_t size = (size_t)20000 * width_of(element);
        fill_base(base, size, width_of(element));
        fill_target(target, base, size, width_of(element), RANDOM);
        size_t encoded;
        check_sets(b, base, target, size, (sw_element)element, 1, &encoded);
        if (encoded > 0) {
            assert(b->out[0] >> 7 == 1);
            assert(sw_numeric_decode(b->out, encoded, base, size, b->decoded, size, &b->work->decode) == SW_ERROR_HEADER);
            check_damage(b, base, size, encoded, 24);
        }
    }
    b->classes = NULL;
    free(classes);
}

static void check_refusals(const buffers *b, const uint8_t *base) {
    assert(sw_numeric_encode(&sw_portable_encode_kernels, &sw_portable_kernels, base, NULL, base, 64, SW_ELEMENT_BF16, 1, b->out,
                             4096, b->work) == 0);
    assert(sw_numeric_encode(&sw_portable_encode_kernels, &sw_portable_kernels, NULL, NULL, base, 63, SW_ELEMENT_BF16, 1, b->out,
                             4096, b->work) == 0);
    assert(sw_decode_kernels("none") == NULL && sw_encode_kernels_for("none") == NULL);
    assert(sw_decode_kernels(NULL) != NULL && sw_encode_kernels_for(NULL) != NULL);
}

int main(void) {
    buffers b = {malloc(sizeof(sw_encode_work)), malloc(4 * MOST), malloc(4 * MOST), malloc(MOST), NULL};
    uint8_t *base = malloc(MOST + 64);
    uint8_t *target = malloc(MOST + 64);
    assert(b.work != NULL && b.out != NULL && b.again != NULL && b.decoded != NULL && base != NULL && target != NULL);
    for (unsigned element = SW_ELEMENT_INT8; element <= SW_ELEMENT_INT4; element++) {
        fill_base(base, MOST + 64, width_of(element));
        check_element(&b, element, base, target);
    }
    check_quiet_tail(&b, base, target);
    check_given_classes(&b, base, target);
    check_refusals(&b, base);
    free(b.work);
    free(b.out);
    free(b.again);
    free(b.decoded);
    free(base);
    free(target);
    puts("numeric blocks: all sets agree");
    return 0;
}
