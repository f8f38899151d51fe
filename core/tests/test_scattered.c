/* SCATTERED blocks: every loop finds and follows the same changes, and what hostile bytes may do. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "scattered_find.h"

static sw_scattered_find_work found, other;
static sw_scattered_work work;
static uint32_t seed = 7;

static uint32_t any(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static const char *const paths[] = {"portable", "avx2", "avx512", "neon"};
enum { PATHS = sizeof paths / sizeof paths[0] };

/* Bytes of few values, so that some classes are common; buffers of the exact size, so that the sanitizer sees all beyond. */
static uint8_t *noise(size_t size) {
    uint8_t *made = malloc(size);
    assert(made != NULL);
    for (size_t i = 0; i < size; i++) {
        made[i] = (uint8_t)(any() % 4 != 0 ? 0x3A + any() % 3 : any());
    }
    return made;
}

static void test_paths_agree(void) {
    static const sw_element elements[] = {SW_ELEMENT_INT8, SW_ELEMENT_INT16, SW_ELEMENT_F32, SW_ELEMENT_F64,
                                          SW_ELEMENT_BF16, SW_ELEMENT_F8_E4M3};
    for (unsigned round = 0; round < 300; round++) {
        const sw_element element = elements[round % 6];
        const unsigned width = sw_shape_of((unsigned)element).width;
        const size_t count = 24 + any() % 9000, size = count * width;
        uint8_t *base = noise(size), *target = malloc(size);
        assert(target != NULL);
        memcpy(target, base, size);
        for (size_t i = any() % 24; i < count; i += 25 + any() % 60) {
            target[i * width] ^= 1;
        }
        bool first = true;
        for (unsigned p = 0; p < PATHS; p++) {
            const sw_encode_kernels *encode = sw_encode_kernels_for(paths[p]);
            if (encode == NULL) {
                continue;
            }
            memset(&other, 0xA5, sizeof other);
            const bool can = sw_scattered_find(encode, sw_decode_kernels(paths[p]), base, target, size, element, true,
                                               first ? &found : &other);
            assert(can == (memcmp(base, target, size) != 0));
            if (!first && can) {
                assert(found.change_count == other.change_count && found.class_top == other.class_top);
                assert(memcmp(found.changes, other.changes, sizeof found.changes) == 0);
                assert(memcmp(found.gaps, other.gaps, 4 * found.change_count) == 0);
                assert(memcmp(found.to, other.to, width * found.change_count) == 0);
            }
            first = false;
        }
        free(base);
        free(target);
    }
}

/* Most changes, one in eight, and every gap alike. */
static void test_full_block(void) {
    enum { SIZE = SW_MAX_BLOCK };
    static uint8_t classes[SW_CHUNK];
    static uint8_t gaps[4 * SW_MAX_CHANGES];
    uint32_t changes[SW_CLASSES] = {0};
    uint8_t *base = calloc(SIZE, 1);
    assert(base != NULL);
    changes[15] = SW_MAX_CHANGES;
    for (size_t i = 0; i < SW_MAX_CHANGES; i++) {
        sw_store32(gaps + 4 * i, sw_foreseen_gap(15) + 7);
    }
    const sw_element_shape shape = sw_shape_of(SW_ELEMENT_INT8);
    for (unsigned p = 0; p < PATHS; p++) {
        const sw_numeric_kernels *kernels = sw_decode_kernels(paths[p]);
        if (kernels == NULL) {
            continue;
        }
        sw_scattered_gaps left;
        sw_start_gaps(&left, gaps, changes);
        assert(sw_locate_changes(kernels, base, SIZE, &shape, 15, &left, classes, work.positions) == SW_MAX_CHANGES);
        for (size_t i = 0; i < SW_MAX_CHANGES; i++) {
            assert(work.positions[i] == 8 * i + 7);
        }
    }
    free(base);
}

static void test_hostile(void) {
    for (unsigned round = 0; round < 4000; round++) {
        const size_t size = 2 * (64 + any() % 600), payload_size = 8 + any() % 60;
        uint8_t *base = noise(size), *out = malloc(size), *expected = malloc(size), *payload = malloc(payload_size);
        assert(out != NULL && expected != NULL && payload != NULL);
        for (size_t i = 0; i < payload_size; i++) {
            payload[i] = (uint8_t)any();
        }
        /* A head that can be right: INT16, both parts adaptive, a few changes of two classes. */
        const uint8_t head[] = {0x52, 15, 2, (uint8_t)(any() % 3), (uint8_t)(1 + any() % 4), (uint8_t)(2 + any() % 8), 0x13};
        memcpy(payload, head, sizeof head);
        if (any() % 2 != 0 && (size_t)head[5] + 6 < payload_size) {
            payload[6 + head[5]] = 0x12;
        }
        const sw_status status = sw_scattered_decode(payload, payload_size, base, size, expected, size, &work);
        for (unsigned p = 1; p < PATHS; p++) {
            const sw_numeric_kernels *kernels = sw_decode_kernels(paths[p]);
            if (kernels != NULL) {
                assert(sw_scattered_decode_with(kernels, payload, payload_size, base, size, out, size, &work) == status);
                assert(status != SW_OK || memcmp(out, expected, size) == 0);
            }
        }
        assert(sw_scattered_decode(payload, payload_size, NULL, 0, out, size, &work) != SW_OK);
        free(base);
        free(out);
        free(expected);
        free(payload);
    }
}

int main(void) {
    test_paths_agree();
    test_full_block();
    test_hostile();
    puts("scattered ok");
    return 0;
}
