/* QUANTISED blocks: planes of every type and back, predictions by hand, and what hostile bytes may do. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "half.h"
#include "quantised.h"

static sw_quantised_work work;
static uint32_t seed = 11;

static uint8_t any(void) {
    seed = seed * 1664525u + 1013904223u;
    return (uint8_t)(seed >> 24);
}

/* Buffers of the exact size, so that the sanitizer sees every byte beyond. */
static uint8_t *noise(size_t size) {
    uint8_t *made = malloc(size ? size : 1);
    assert(made != NULL);
    for (size_t i = 0; i < size; i++) {
        made[i] = any();
    }
    return made;
}

static const unsigned numbers[] = {2, 3, 6, 7, 8, 10, 11, 12, 13, 14};
enum { TYPES = sizeof numbers / sizeof numbers[0], BLOCKS = 3 };

static void test_planes(void) {
    for (size_t i = 0; i < TYPES; i++) {
        const sw_quant_type *type = sw_quant_type_of(numbers[i]);
        assert(type != NULL && type->number == numbers[i]);
        const size_t size = (size_t)BLOCKS * type->bytes, count = (size_t)BLOCKS * type->elements;
        uint8_t *bytes = noise(size), *back = noise(size);
        sw_quant_unpack(type, bytes, count, &work.source);
        sw_quant_pack(type, &work.source, count, back);
        assert(memcmp(bytes, back, size) == 0);
        for (size_t k = 0; type->code.least == 0 && k < count; k++) {
            assert(work.source.codes[k] <= type->code.most);
        }
        free(bytes);
        free(back);
    }
    assert(sw_quant_type_of(0) == NULL && sw_quant_type_of(9) == NULL && sw_quant_type_of(255) == NULL);
}

/* A block of q8_0 whose scale doubled: codes are halved, ties away from 0, and what was 127 stays. */
static void test_codes_over_another_scale(void) {
    uint8_t base[34] = {0}, target[34] = {0};
    sw_store16(base, sw_float_to_half(0.5f));
    sw_store16(target, sw_float_to_half(1.0f));
    const int8_t old[] = {127, -127, 4, 5, -5, 3, 0, -128};
    for (size_t i = 0; i < sizeof old; i++) {
        base[2 + i] = (uint8_t)old[i];
    }
    /* By scale: 1 is half an octave less than the origin. */
    const uint8_t head[] = {8, 8, 6, 15, 0xFC, 0x07};
    sw_quantised q;
    assert(sw_quantised_parse(head, sizeof head, sizeof target, &q) == SW_OK);
    sw_quantised_start(&q, base, &work);
    sw_quant_unpack(q.type, target, q.elements, &work.target);
    assert(sw_quantised_predict(&q, base, SW_PLANE_CODES, &work));
    const int8_t expected[] = {127, -127, 2, 3, -3, 2, 0, -128};
    const uint8_t classes[] = {15, 15, 1, 11, 11, 11, 1, 15};
    const uint8_t folds[] = {0, 0, 255, 255, 0, 255, 255, 0};
    for (size_t i = 0; i < sizeof expected; i++) {
        assert((int8_t)work.predicted.codes[i] == expected[i]);
        assert(work.classes[i] == classes[i]);
        assert(work.folds[i] == folds[i]);
    }
}

static void test_halves(void) {
    for (uint32_t half = 0; half < 0x10000; half++) {
        const uint16_t back = sw_float_to_half(sw_half_to_float((uint16_t)half));
        assert(back == ((half & 0x7FFF) > 0x7C00 ? 0x7E00 : half));
    }
    assert(sw_float_to_half(65519.0f) == 0x7BFF && sw_float_to_half(65520.0f) == 0x7C00);
    assert(sw_float_to_half(0x1p-25f) == 0 && sw_float_to_half(0x1.8p-25f) == 1 && sw_float_to_half(1e30f) == 0x7C00);
}

/* Two rows of a block each: the second's left factor is 3, in units of a half; the first's is 0. */
static void test_term(void) {
    int32_t right[32] = {0};
    right[0] = 1;
    right[1] = -4;
    const sw_factors given = {32, 1, 4, right, 32};
    uint8_t base[68] = {0}, target[68] = {0};
    for (size_t row = 0; row < 2; row++) {
        sw_store16(base + 34 * row, sw_float_to_half(0.5f));
        sw_store16(target + 34 * row, sw_float_to_half(0.5f));
        base[34 * row + 2] = 10;
        base[34 * row + 3] = 127;
    }
    /* Exponent -1; the left factor as two INT16: 0, 3. */
    const uint8_t head[] = {8, 8, 8, 15, 1, 5, 2, 0, 0, 3, 0};
    sw_quantised q;
    assert(sw_quantised_parse(head, sizeof head, sizeof target, &q) == SW_OK && q.rest_size == 0);
    assert(sw_quantised_term(&sw_portable_kernels, NULL, &q, &work) == SW_ERROR_FACTORS);
    assert(sw_quantised_term(&sw_portable_kernels, &given, &q, &work) == SW_OK);
    sw_quantised_start(&q, base, &work);
    sw_quant_unpack(q.type, target, q.elements, &work.target);
    /* 63.5 - 6 is the largest now. */
    assert(sw_quantised_predict(&q, base, SW_PLANE_D, &work));
    assert(sw_load16(work.predicted.d) == sw_float_to_half(0.5f));
    assert(sw_load16(work.predicted.d + 2) == sw_float_to_half(57.5f / 127));
    assert(sw_quantised_predict(&q, base, SW_PLANE_CODES, &work));
    const uint8_t expected[] = {10, 127, 13, 115};
    assert(work.predicted.codes[0] == expected[0] && work.predicted.codes[1] == expected[1]);
    assert(work.predicted.codes[32] == expected[2] && work.predicted.codes[33] == expected[3]);
    /* Sums of more than 2^24, columns that are no blocks, and no whole rows. */
    const sw_factors large = {32, 1, 1 << 23, right, 32}, narrow = {16, 1, 4, right, 32}, wide = {96, 1, 4, right, 32};
    assert(sw_quantised_term(&sw_portable_kernels, &large, &q, &work) == SW_ERROR_FACTORS);
    assert(sw_quantised_term(&sw_portable_kernels, &narrow, &q, &work) == SW_ERROR_FACTORS);
    assert(sw_quantised_term(&sw_portable_kernels, &wide, &q, &work) == SW_ERROR_FACTORS);
}

static void test_hostile(void) {
    int32_t right[512];
    for (size_t i = 0; i < 512; i++) {
        right[i] = (int32_t)(i % 7) - 3;
    }
    const sw_factors factors = {256, 2, 3, right, 512};
    for (unsigned round = 0; round < 6000; round++) {
        const sw_quant_type *type = sw_quant_type_of(numbers[any() % TYPES]);
        const size_t size = (size_t)(256 / type->elements) * type->bytes;
        uint8_t *payload = noise(4 + (size_t)any() * 2 + 2);
        const size_t payload_size = 4 + (size_t)payload[0] % 64 + 4;
        uint8_t *data = noise(payload_size);
        data[0] = type->number;
        data[1] = (uint8_t)(any() % 4 ? numbers[any() % TYPES] : any() % 3);
        data[2] &= 15;
        data[3] %= 17;
        for (size_t i = 4; i < payload_size; i++) {
            data[i] = (uint8_t)(any() % 3 ? data[i] % 4 : data[i]);
        }
        size_t wanted = 0;
        if (sw_quantised_read_base_size(data, payload_size, size, &wanted) == SW_OK) {
            uint8_t *base = noise(wanted), *out = noise(size);
            const sw_factors *given = any() % 4 ? &factors : NULL;
            (void)sw_quantised_decode(data, payload_size, base, wanted, given, out, size, &work);
            assert(sw_quantised_decode(data, payload_size, base, wanted + 1, given, out, size, &work) == SW_ERROR_BASE);
            assert(sw_quantised_decode(data, payload_size, NULL, 0, given, out, size, &work) == SW_ERROR_BASE);
            free(base);
            free(out);
        }
        free(data);
        free(payload);
    }
}

int main(void) {
    test_planes();
    test_codes_over_another_scale();
    test_term();
    test_halves();
    test_hostile();
    puts("quantised: ok");
    return 0;
}
