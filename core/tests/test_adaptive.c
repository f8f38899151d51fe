/* ADAPTIVE blocks: round trips of every element, bounds of size, and what hostile bytes may do. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive_encode.h"
#include "numeric.h"

static sw_adaptive_work work;
static uint32_t seed = 1;

static uint32_t any(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* Buffers of the exact size, so that the sanitizer sees every byte beyond. */
static uint8_t *exact(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    assert(copy != NULL);
    memcpy(copy, bytes, size);
    return copy;
}

typedef enum { SAME, SPARSE, NEAR, FAR, EXTREME, STYLES } style;

static void fill(uint8_t *base, uint8_t *target, size_t size, style how) {
    for (size_t i = 0; i < size; i++) {
        base[i] = (uint8_t)any();
        target[i] = how == FAR ? (uint8_t)any() : base[i];
        if ((how == SPARSE && any() % 50 == 0) || (how == NEAR && i % 4 == 0)) {
            target[i] = (uint8_t)(base[i] + any() % 7 - 3);
        }
        if (how == EXTREME) {
            /* Runs of the least and the largest values, zeros of both signs, infinities. */
            static const uint8_t edges[] = {0x00, 0x80, 0x7F, 0xFF, 0x01, 0x7C, 0xFC};
            base[i] = edges[any() % sizeof edges];
            target[i] = edges[any() % sizeof edges];
        }
    }
}

static size_t round_trip(const uint8_t *base, const uint8_t *target, size_t size, unsigned element, uint8_t *payload,
                         size_t capacity) {
    const size_t coded = sw_adaptive_encode(base, target, size, (sw_element)element, payload, capacity, &work);
    assert(coded > 0 && coded <= capacity);
    uint8_t *tight = exact(payload, coded);
    uint8_t *out = malloc(size);
    assert(out != NULL);
    memset(&work, 0xA5, sizeof work);
    assert(sw_adaptive_decode(tight, coded, base, base ? size : 0, out, size, &work) == SW_OK);
    assert(memcmp(out, target, size) == 0);
    if (base != NULL) {
        memcpy(out, base, size);
        assert(sw_adaptive_decode(tight, coded, out, size, out, size, &work) == SW_OK);
        assert(memcmp(out, target, size) == 0);
        assert(sw_adaptive_decode(tight, coded, out, size - 1, out, size, &work) == SW_ERROR_BASE);
        assert(sw_adaptive_decode(tight, coded, NULL, 0, out, size, &work) == SW_ERROR_BASE);
    }
    assert(sw_adaptive_encode(base, target, size, (sw_element)element, tight, coded - 1, &work) == 0);
    free(out);
    free(tight);
    uint8_t *room = malloc(coded + 8);
    assert(room != NULL);
    assert(sw_adaptive_encode(base, target, size, (sw_element)element, room, coded + 8, &work) == coded);
    free(room);
    return coded;
}

static void test_every_element_and_size(void) {
    static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 16, 24, 40, 96, 1000, 3000};
    for (unsigned element = 1; element <= 11; element++) {
        const unsigned width = sw_shape_of(element).width;
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            const size_t size = sizes[k];
            uint8_t base[3000], target[3000], payload[9000];
            for (unsigned how = 0; how < STYLES; how++) {
                fill(base, target, size, (style)how);
                if (size % width != 0) {
                    assert(sw_adaptive_encode(base, target, size, (sw_element)element, payload, sizeof payload, &work) == 0);
                    continue;
                }
                round_trip(base, target, size, element, payload, sizeof payload);
                round_trip(NULL, target, size, element, payload, sizeof payload);
            }
        }
    }
}

static void test_largest_block_of_zeros_is_tiny(void) {
    uint8_t *base = calloc(1, SW_MAX_BLOCK + 1);
    uint8_t payload[4096];
    assert(base != NULL);
    for (size_t i = 0; i < SW_MAX_BLOCK; i++) {
        base[i] = (uint8_t)any();
    }
    const size_t coded = sw_adaptive_encode(base, base, SW_MAX_BLOCK, SW_ELEMENT_INT8, payload, sizeof payload, &work);
    assert(coded > 0 && coded < 64);
    assert(sw_adaptive_encode(base, base, SW_MAX_BLOCK + 1, SW_ELEMENT_INT8, payload, sizeof payload, &work) == 0);
    assert(sw_adaptive_encode(base, base, 0, SW_ELEMENT_INT8, payload, sizeof payload, &work) == 0);
    free(base);
}

static void test_header_is_checked(void) {
    const uint8_t zeros[16] = {0};
    uint8_t out[16];
    for (unsigned header = 0; header < 256; header++) {
        const uint8_t payload[2] = {(uint8_t)header, 0};
        const sw_status status = sw_adaptive_decode(payload, 2, zeros, 16, out, 16, &work);
        const bool known = header < 32 && (header & 15) >= 1 && (header & 15) <= 11;
        assert(known ? status != SW_ERROR_HEADER : status == SW_ERROR_HEADER);
    }
    const uint8_t f32[2] = {SW_ELEMENT_F32 | 16, 0};
    assert(sw_adaptive_decode(f32, 2, zeros, 16, out, 15, &work) == SW_ERROR_HEADER);
    assert(sw_adaptive_decode(f32, 2, zeros, 16, out, 0, &work) == SW_ERROR_HEADER);
    assert(sw_adaptive_decode(f32, 2, zeros, 16, out, SW_MAX_BLOCK + 4, &work) == SW_ERROR_HEADER);
    assert(sw_adaptive_decode(f32, 0, zeros, 16, out, 16, &work) == SW_ERROR_TRUNCATED);
    assert(sw_adaptive_decode(f32, 1, zeros, 16, out, 16, &work) == SW_ERROR_TRUNCATED);
}

/* Damaged blocks may decode to anything or to an error; the sanitizers watch how. */
static void test_damage_is_harmless(void) {
    for (unsigned element = 1; element <= 11; element++) {
        for (unsigned raw = 0; raw < 2; raw++) {
            const size_t size = 64;
            uint8_t base[64], target[64], payload[400], out[64];
            fill(base, target, size, element % 2 ? NEAR : FAR);
            const size_t coded = round_trip(raw ? NULL : base, target, size, element, payload, sizeof payload);
            for (size_t cut = 0; cut < coded; cut++) {
                uint8_t *tight = exact(payload, cut);
                (void)sw_adaptive_decode(tight, cut, base, size, out, size, &work);
                free(tight);
            }
            payload[coded] = 0;
            assert(sw_adaptive_decode(payload, coded + 1, base, size, out, size, &work) != SW_OK ||
                   memcmp(out, target, size) == 0);
            for (size_t bit = 0; bit < coded * 8; bit++) {
                uint8_t *tight = exact(payload, coded);
                tight[bit / 8] ^= (uint8_t)(1u << bit % 8);
                (void)sw_adaptive_decode(tight, coded, base, size, out, size, &work);
                free(tight);
            }
            for (unsigned round = 0; round < 60; round++) {
                uint8_t noise[300];
                const size_t length = 2 + any() % 298;
                for (size_t i = 0; i < length; i++) {
                    noise[i] = round % 3 == 0 ? 0xFF : round % 3 == 1 ? (uint8_t)any() : (uint8_t)(any() % 2 ? 0xFF : 0);
                }
                noise[0] = payload[0];
                (void)sw_adaptive_decode(noise, length, base, size, out, size, &work);
            }
        }
    }
}

/* Votes, weights and digits at their bounds: long runs of one thing, then its opposite. */
static void test_long_runs_and_turns(void) {
    const size_t size = 64000;
    uint8_t *base = malloc(size), *target = malloc(size), *payload = malloc(2 * size);
    assert(base != NULL && target != NULL && payload != NULL);
    static const unsigned elements[] = {SW_ELEMENT_INT8, SW_ELEMENT_INT64, SW_ELEMENT_F64, SW_ELEMENT_INT4};
    for (unsigned k = 0; k < 4; k++) {
        for (size_t i = 0; i < size; i++) {
            base[i] = 0;
            target[i] = i / 8 % 6000 < 5000 ? 0 : i % 8 == 7 ? 0x80 : 0;
        }
        round_trip(base, target, size, elements[k], payload, 2 * size);
        round_trip(NULL, target, size, elements[k], payload, 2 * size);
    }
    free(base);
    free(target);
    free(payload);
}

/* The byte format is for ever: these are FNV-1a digests of blocks made when it was fixed. */
static void test_blocks_stay_as_they_are(void) {
    static const uint32_t pinned[2] = {0xda7ecafau, 0x2f611544u};
    for (unsigned raw = 0; raw < 2; raw++) {
        uint32_t digest = 2166136261u;
        seed = 7;
        for (unsigned element = 1; element <= 11; element++) {
            for (unsigned how = 0; how < STYLES; how++) {
                uint8_t base[800], target[800], payload[2400];
                fill(base, target, sizeof base, (style)how);
                const size_t coded = round_trip(raw ? NULL : base, target, sizeof base, element, payload, sizeof payload);
                for (size_t i = 0; i < coded; i++) {
                    digest = (digest ^ payload[i]) * 16777619u;
                }
            }
        }
        if (digest != pinned[raw]) {
            fprintf(stderr, "digest of %s blocks: 0x%08xu\n", raw ? "raw" : "difference", (unsigned)digest);
        }
        assert(digest == pinned[raw]);
    }
}

int main(void) {
    assert(sizeof(sw_adaptive_work) <= 65536);
    test_every_element_and_size();
    test_largest_block_of_zeros_is_tiny();
    test_header_is_checked();
    test_damage_is_harmless();
    test_long_runs_and_turns();
    test_blocks_stay_as_they_are();
    puts("adaptive: ok");
    return 0;
}
