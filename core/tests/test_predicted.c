/* PREDICTED and FACTORS blocks: casts and sums by hand, and what hostile bytes may do. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cpu.h"
#include "predicted.h"

static sw_predicted_work work;
static int32_t room[SW_MAX_FACTOR];
static uint32_t seed = 7;

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

static void store_float(uint8_t *out, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    sw_store32(out, bits);
}

enum { ROWS = 3, COLUMNS = 300, RANK = 5, COUNT = ROWS * COLUMNS };

static void put_matrix(uint8_t **at, size_t count) {
    *(*at)++ = SW_ELEMENT_INT16;
    for (size_t i = 0; i < count; i++, *at += 2) {
        sw_store16(*at, (uint16_t)(any() % 2001 - 1000));
    }
}

static int16_t entry(const uint8_t *matrix, size_t i) {
    return (int16_t)sw_load16(matrix + 1 + 2 * i);
}

/* FACTORS of RANK components of COLUMNS; returns its size. */
static size_t make_factors(uint8_t *out) {
    uint8_t *at = out;
    *at++ = 0;
    *at++ = (uint8_t)(COLUMNS % 128 + 128);
    *at++ = COLUMNS / 128;
    *at++ = RANK;
    put_matrix(&at, (size_t)RANK * COLUMNS);
    return (size_t)(at - out);
}

/* F32 from F32, times 0.5, plus the low-rank term at 2^-20; returns its size. */
static size_t make_predicted(uint8_t *out) {
    uint8_t *at = out;
    *at++ = SW_ELEMENT_F32 | SW_ELEMENT_F32 << 4;
    *at++ = 1 | 4;
    sw_store64(at, UINT64_C(0x3FE0000000000000));
    at += 8;
    *at++ = 39; /* -20 */
    *at++ = 1 + 2 * RANK * ROWS;
    put_matrix(&at, (size_t)RANK * ROWS);
    return (size_t)(at - out);
}

static void test_sums(const char *path) {
    static uint8_t factors_payload[1 << 13], payload[256], base[4 * COUNT], out[4 * COUNT];
    const size_t factors_size = make_factors(factors_payload);
    const size_t size = make_predicted(payload);
    for (size_t i = 0; i < COUNT; i++) {
        store_float(base + 4 * i, (float)any() / 1000.0f);
    }
    sw_factors factors = {0, 0, 0, room, SW_MAX_FACTOR};
    assert(sw_factors_decode(factors_payload, factors_size, &factors, &work) == SW_OK);
    assert(factors.rank == RANK && factors.columns == COLUMNS);
    assert(sw_predicted_decode_with(sw_predict_kernels_for(path), sw_decode_kernels(path), payload, size, base,
                                    sizeof base, NULL, 0, &factors, out, sizeof out, &work) == SW_OK);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < COLUMNS; j++) {
            double sum = 0;
            for (size_t k = 0; k < RANK; k++) {
                sum += entry(payload + 12, k * ROWS + i) * (double)entry(factors_payload + 4, k * COLUMNS + j);
            }
            float old;
            const uint32_t bits = sw_load32(base + 4 * (i * COLUMNS + j));
            memcpy(&old, &bits, sizeof old);
            uint8_t expected[4];
            store_float(expected, (float)(0.5 * (double)old + ldexp(sum, -20)));
            assert(memcmp(expected, out + 4 * (i * COLUMNS + j), 4) == 0);
        }
    }
}

static void test_limits(void) {
    uint8_t payload[64];
    /* 2^20 columns and 3 components are one too many; 1 << 21 columns are too wide. */
    static const uint8_t heads[][6] = {{0, 0x80, 0x80, 0x40, 3, 2}, {0, 0x80, 0x80, 0x80, 1, 1}, {0, 1, 0, 2, 0, 0},
                                       {0, 0, 1, 2, 0, 0}, {2, 1, 1, 2, 0, 0}, {1, 1, 1, 2, 0, 0}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        sw_factors factors = {0, 0, 0, room, SW_MAX_FACTOR};
        memcpy(payload, heads[i], 6);
        assert(sw_factors_decode(payload, 6, &factors, &work) != SW_OK);
    }
    /* A capacity below what is said. */
    const uint8_t small[] = {0, 3, 1, 2, 1, 0, 2, 0, 3, 0};
    sw_factors factors = {0, 0, 0, room, 2};
    assert(sw_factors_decode(small, sizeof small, &factors, &work) == SW_ERROR_FACTORS);
    factors.capacity = 3;
    assert(sw_factors_decode(small, sizeof small, &factors, &work) == SW_OK && factors.largest == 3);
    /* No right factor, and one that does not divide the block. */
    const size_t size = make_predicted(payload);
    static uint8_t base[16], out[16];
    assert(sw_predicted_decode(payload, size, base, 16, NULL, 0, NULL, out, 16, &work) == SW_ERROR_FACTORS);
    assert(sw_predicted_decode(payload, size, base, 16, NULL, 0, &factors, out, 16, &work) == SW_ERROR_FACTORS);
    assert(sw_predicted_decode(payload, size, base, 12, NULL, 0, &factors, out, 16, &work) == SW_ERROR_BASE);
}

static void test_hostile(void) {
    static uint8_t payload[1 << 13];
    for (unsigned round = 0; round < 4000; round++) {
        const int as_factors = round & 1;
        size_t size = as_factors ? make_factors(payload) : make_predicted(payload);
        for (unsigned hits = any() % 3; hits < 4; hits++) {
            payload[any() % (any() % 3 ? (size < 16 ? size : 16) : size)] ^= (uint8_t)(1u << any() % 8);
        }
        size = any() % 4 == 0 ? any() % size : size;
        uint8_t *data = exact(payload, size);
        sw_factors factors = {COLUMNS, 0, 0, room, SW_MAX_FACTOR};
        if (as_factors) {
            (void)sw_factors_decode(data, size, &factors, &work);
            assert(factors.rank <= SW_MAX_RANK);
        } else {
            factors.rank = RANK;
            factors.largest = 1000;
            sw_predicted_wants wants;
            const size_t length = 4 * (size_t)COUNT;
            if (sw_predicted_read_wants(data, size, length, &wants) == SW_OK) {
                uint8_t *base = calloc(1, wants.base_size);
                uint8_t *out = malloc(length);
                (void)sw_predicted_decode(data, size, base, wants.base_size, wants.has_second ? base : NULL,
                                          wants.base_size, &factors, out, length, &work);
                free(base);
                free(out);
            }
        }
        free(data);
    }
}

int main(void) {
    const char *paths[] = {"portable", "neon", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (sw_decode_kernels(paths[i]) != NULL) {
            test_sums(paths[i]);
        }
    }
    test_limits();
    test_hostile();
    puts("predicted: ok");
    return 0;
}
