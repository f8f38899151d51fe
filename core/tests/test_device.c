/* DEVICE blocks: round trips of every kind of segment, cut in every way, and what hostile bytes may do. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "device_encode.h"
#include "device_parse.h"
#include "numeric.h"

static const uint32_t PINNED = 0x707484e3u;

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

/* A device, which counts what is asked of it. */
typedef struct {
    const uint8_t *payload;
    size_t left;
    const uint8_t *base;
    size_t base_size;
    const uint8_t *made;
    size_t made_size;
    size_t reads_left; /* before a callback fails */
} device;

static int next_byte(void *context) {
    device *v = context;
    if (v->left == 0) {
        return -1;
    }
    v->left--;
    return *v->payload++;
}

static bool may_read(device *v) { return v->reads_left > 0 && v->reads_left-- > 0; }

static bool read_base(void *context, uint32_t offset, uint8_t *out, size_t size) {
    device *v = context;
    assert(offset <= v->base_size && size <= v->base_size - offset);
    memcpy(out, v->base + offset, size);
    return may_read(v);
}

static bool read_target(void *context, uint32_t offset, uint8_t *out, size_t size) {
    device *v = context;
    assert(offset <= v->made_size && size <= v->made_size - offset);
    memcpy(out, v->made + offset, size);
    return may_read(v);
}

/* Output `step` bytes a call, and the decoder moved to other memory before each call. */
static sw_status decode_in_pieces(device v, size_t step, uint8_t *out, size_t size, unsigned bytes) {
    uint16_t *state = malloc(bytes);
    const sw_device_io io = {&v, next_byte, read_base, read_target, (uint32_t)v.base_size, bytes, state};
    sw_device d;
    assert(state != NULL);
    v.made = out;
    sw_status status = sw_device_start(&d, &io, (uint32_t)v.left, (uint32_t)size);
    for (size_t at = 0; status == SW_OK && at < size; at += step) {
        const size_t now = size - at < step ? size - at : step;
        uint8_t *piece = malloc(now);
        assert(piece != NULL);
        v.made_size = at;
        const sw_device moved = d;
        memset(&d, 0xA5, sizeof d);
        d = moved;
        status = sw_device_next(&d, piece, now);
        memcpy(out + at, piece, status == SW_OK ? now : 0);
        free(piece);
    }
    status = status == SW_OK ? sw_device_end(&d) : status;
    free(state);
    return status;
}

static size_t round_trip(const uint8_t *base, size_t base_size, const uint8_t *target, size_t size,
                         const sw_device_segment *segments, size_t count, unsigned bytes, uint8_t *payload,
                         size_t capacity) {
    const size_t coded = sw_device_encode(base, base_size, target, 0, size, segments, count, bytes, payload, capacity);
    assert(coded > 0 && coded <= capacity);
    uint8_t *tight = exact(payload, coded);
    uint8_t *old = exact(base, base_size);
    uint8_t *out = malloc(size);
    assert(out != NULL);
    assert(sw_device_decode(tight, coded, old, base_size, out, size) == SW_OK);
    assert(memcmp(out, target, size) == 0);
    static const size_t cuts[] = {1, 3, 64, 257, 100000};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        const device v = {.payload = tight, .left = coded, .base = old, .base_size = base_size, .reads_left = SIZE_MAX};
        memset(out, 0xA5, size);
        assert(decode_in_pieces(v, cuts[i], out, size, bytes) == SW_OK);
        assert(memcmp(out, target, size) == 0);
    }
    const device late = {.payload = tight, .left = coded, .base = old, .base_size = base_size, .reads_left = 2};
    const sw_status status = decode_in_pieces(late, 16, out, size, bytes);
    assert(status == SW_OK || status == SW_ERROR_READ);
    free(out);
    free(old);
    free(tight);
    return coded;
}

enum { SIZE = 2400 };

typedef struct {
    uint8_t base[SIZE];
    uint8_t target[SIZE];
    uint8_t payload[4 * SIZE];
    sw_device_segment segments[8];
    size_t count;
} sample;

/* One of every kind, over a target that goes with it. */
static void fill(sample *s, unsigned element, unsigned how) {
    for (size_t i = 0; i < SIZE; i++) {
        s->base[i] = (uint8_t)any();
        s->target[i] = s->base[i];
        if (how == 1 && any() % 40 == 0) {
            s->target[i] = (uint8_t)(s->base[i] + any() % 5 - 2);
        }
        if (how == 2) {
            s->target[i] = (uint8_t)any();
        }
        if (how == 3) {
            static const uint8_t edges[] = {0x00, 0x80, 0x7F, 0xFF, 0x01, 0x7C, 0xFC};
            s->base[i] = edges[any() % sizeof edges];
            s->target[i] = edges[any() % sizeof edges];
        }
    }
    const float factor = 0.0123f;
    uint32_t bits;
    memcpy(&bits, &factor, sizeof bits);
    for (size_t i = 0; i < 400; i += 4) {
        /* Multiples of what stands 800 bytes before, but for some. */
        uint32_t old = (uint32_t)(s->target[800 + i] | s->target[801 + i] << 8 | s->target[802 + i] << 16) |
                       (uint32_t)s->target[803 + i] << 24;
        const uint32_t product = any() % 10 ? sw_device_product(old, bits) : any();
        for (unsigned k = 0; k < 4; k++) {
            s->target[1600 + i + k] = (uint8_t)(product >> 8 * k);
        }
    }
    memcpy(s->target, s->base + 300, 200);
    for (size_t i = 0; i < 100; i++) {
        s->target[2000 + i] = s->target[2000 + i - 7];
    }
    const uint32_t width = sw_shape_of(element).width;
    const sw_device_segment segments[] = {
        {SW_DEVICE_COPY, 0, 200, 300, 0},
        {SW_DEVICE_DIFFERENCE, (uint8_t)element, 600 / width, 200, 0},
        {SW_DEVICE_NUMBERS, (uint8_t)element, 400 / width, 0, 0},
        {SW_DEVICE_DIFFERENCE, (uint8_t)element, 400 / width, 100, 0},
        {SW_DEVICE_SCALED, 0, 100, 800, bits},
        {SW_DEVICE_REPEAT, 0, 100, 7, 0},
        {SW_DEVICE_BYTES, 0, 200, 0, 0},
        {SW_DEVICE_PLAIN, 0, 100, 0, 0},
    };
    s->count = sizeof segments / sizeof segments[0];
    memcpy(s->segments, segments, sizeof segments);
}

static size_t code(sample *s, unsigned bytes) {
    return round_trip(s->base, SIZE, s->target, SIZE, s->segments, s->count, bytes, s->payload, sizeof s->payload);
}

static void test_every_kind_and_element(void) {
    static sample s;
    for (unsigned element = 1; element <= 11; element++) {
        const sw_element_shape shape = sw_shape_of(element);
        for (unsigned how = 0; how < 4; how++) {
            fill(&s, element, how);
            if (shape.bits < 8 || shape.bits > 32) {
                assert(sw_device_encode(s.base, SIZE, s.target, 0, SIZE, s.segments, s.count, 512, s.payload,
                                        sizeof s.payload) == 0);
                continue;
            }
            const size_t small = code(&s, SW_DEVICE_SMALL);
            const size_t large = code(&s, SW_DEVICE_LARGE);
            assert(s.payload[0] == 1 && small > 0 && large > 0);
            /* Too little room is told and not overrun. */
            uint8_t *room = malloc(large - 1);
            assert(room != NULL);
            assert(sw_device_encode(s.base, SIZE, s.target, 0, SIZE, s.segments, s.count, SW_DEVICE_LARGE, room,
                                    large - 1) == 0);
            free(room);
        }
    }
}

static void test_segments_that_make_no_sense_are_refused(void) {
    static sample s;
    fill(&s, SW_ELEMENT_INT8, 1);
    static const sw_device_segment wrong[] = {
        {SW_DEVICE_COPY, 0, 100, SIZE - 99, 0},         {SW_DEVICE_COPY, 0, 0, 0, 0},
        {SW_DEVICE_REPEAT, 0, 100, 0, 0},               {SW_DEVICE_REPEAT, 0, 100, 1, 0},
        {SW_DEVICE_KINDS, 0, 100, 0, 0},                {SW_DEVICE_DIFFERENCE, SW_ELEMENT_F64, 10, 0, 0},
        {SW_DEVICE_DIFFERENCE, SW_ELEMENT_INT4, 10, 0, 0}, {SW_DEVICE_NUMBERS, 0, 100, 0, 0},
        {SW_DEVICE_BYTES, 0, SIZE + 1, 0, 0},           {SW_DEVICE_COPY, 0, 100, 0, 0},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert(sw_device_encode(s.base, SIZE, s.target, 0, SIZE, &wrong[i], 1, 512, s.payload, sizeof s.payload) == 0);
    }
}

static void test_what_is_the_same_costs_next_to_nothing(void) {
    uint8_t *base = malloc(SW_MAX_BLOCK);
    uint8_t payload[4096];
    assert(base != NULL);
    for (size_t i = 0; i < SW_MAX_BLOCK; i++) {
        base[i] = (uint8_t)any();
    }
    const sw_device_segment copy = {SW_DEVICE_COPY, 0, SW_MAX_BLOCK, 0, 0};
    assert(sw_device_encode(base, SW_MAX_BLOCK, base, 0, SW_MAX_BLOCK, &copy, 1, 512, payload, sizeof payload) < 12);
    const sw_device_segment same = {SW_DEVICE_DIFFERENCE, SW_ELEMENT_INT8, SW_MAX_BLOCK, 0, 0};
    const size_t coded = sw_device_encode(base, SW_MAX_BLOCK, base, 0, SW_MAX_BLOCK, &same, 1, 512, payload, sizeof payload);
    assert(coded > 0 && coded < 64);
    free(base);
}

static void test_start_is_checked(void) {
    const uint8_t payload[8] = {0};
    uint16_t state[SW_DEVICE_LARGE / 2];
    uint8_t out[16];
    for (unsigned header = 0; header < 256; header++) {
        const uint8_t head[8] = {(uint8_t)header};
        const sw_status status = sw_device_decode(head, 8, payload, 8, out, 16);
        assert((header > 1) == (status == SW_ERROR_HEADER));
    }
    device v = {.payload = payload, .left = 8};
    sw_device_io io = {&v, next_byte, read_base, read_target, 0, sizeof state, state};
    sw_device d;
    assert(sw_device_start(&d, &io, 8, 0) == SW_ERROR_HEADER);
    v = (device){.payload = payload, .left = 8};
    assert(sw_device_start(&d, &io, 8, SW_MAX_BLOCK + 1) == SW_ERROR_HEADER);
    v = (device){.payload = payload, .left = 8};
    io.state_size = 511;
    assert(sw_device_start(&d, &io, 8, 16) == SW_ERROR_MEMORY);
    v = (device){.payload = payload, .left = 8};
    io.state_size = 512;
    assert(sw_device_start(&d, &io, 8, 16) == SW_OK);
    assert(sw_device_next(&d, out, 17) == SW_ERROR_TRUNCATED);
    assert(sw_device_decode(payload, 0, payload, 8, out, 16) == SW_ERROR_TRUNCATED);
    assert(sw_device_decode(payload, 1, payload, 8, out, 16) == SW_ERROR_TRUNCATED);
}

/* Damaged blocks may decode to anything or to an error; the sanitizers and the callbacks watch how. */
static void test_damage_is_harmless(void) {
    static sample s;
    uint8_t out[SIZE];
    for (unsigned how = 0; how < 4; how++) {
        fill(&s, how % 2 ? SW_ELEMENT_INT8 : SW_ELEMENT_F32, how);
        const size_t coded = code(&s, SW_DEVICE_SMALL);
        for (size_t cut = 0; cut < coded; cut += 1 + cut / 50) {
            uint8_t *tight = exact(s.payload, cut);
            (void)sw_device_decode(tight, cut, s.base, SIZE, out, SIZE);
            free(tight);
        }
        s.payload[coded] = 0;
        assert(sw_device_decode(s.payload, coded + 1, s.base, SIZE, out, SIZE) != SW_OK ||
               memcmp(out, s.target, SIZE) == 0);
        for (size_t bit = 0; bit < coded * 8; bit += 1 + bit / 300) {
            uint8_t *tight = exact(s.payload, coded);
            tight[bit / 8] ^= (uint8_t)(1u << bit % 8);
            const device v = {.payload = tight, .left = coded, .base = s.base, .base_size = SIZE, .reads_left = SIZE_MAX};
            const sw_status status = sw_device_decode(tight, coded, s.base, SIZE, out, SIZE);
            uint8_t again[SIZE];
            assert(decode_in_pieces(v, 5, again, SIZE, SW_DEVICE_LARGE) == status);
            assert(status != SW_OK || memcmp(out, again, SIZE) == 0);
            free(tight);
        }
    }
    for (unsigned round = 0; round < 3000; round++) {
        uint8_t noise[300];
        const size_t length = 2 + any() % 298;
        for (size_t i = 0; i < length; i++) {
            noise[i] = round % 3 == 0 ? 0xFF : round % 3 == 1 ? (uint8_t)any() : (uint8_t)(any() % 2 ? 0xFF : 0);
        }
        noise[0] = round & 1;
        (void)sw_device_decode(noise, length, s.base, round % 5 ? SIZE : 0, out, 1 + any() % SIZE);
    }
}

/* Against the processor, where it is IEEE 754: any two normal numbers whose product is one. */
static void test_products(void) {
    unsigned compared = 0;
    for (unsigned round = 0; round < 200000; round++) {
        const uint32_t a = any() << 16 ^ any();
        const uint32_t b = any() << 16 ^ any();
        float x, y;
        memcpy(&x, &a, sizeof x);
        memcpy(&y, &b, sizeof y);
        const float z = x * y;
        uint32_t wanted;
        memcpy(&wanted, &z, sizeof wanted);
        const bool normal = isnormal(x) && isnormal(y) && isnormal(z);
        /* The least normal number may come from rounding one that is not. */
        if (normal && (wanted & 0x7FFFFFFF) != 0x00800000) {
            assert(sw_device_product(a, b) == wanted);
            compared++;
        } else if (!isnormal(x) || !isnormal(y) || isinf(z) || z == 0) {
            assert(sw_device_product(a, b) == 0);
        }
    }
    assert(compared > 50000);
    /* A tie goes to the even mantissa; a carry goes into the exponent. */
    assert(sw_device_product(0x3F800001, 0x3FC00000) == 0x3FC00002);
    assert(sw_device_product(0x3F7FFFFF, 0x3F800001) == 0x3F800000);
    assert(sw_device_product(0x7F000000, 0x40000000) == 0);
    assert(sw_device_product(0xBF800000, 0x40490FDB) == 0xC0490FDB);
}

static void test_the_parser_reads_no_further_back_than_it_may(void) {
    static sample s;
    fill(&s, SW_ELEMENT_INT8, 1);
    memcpy(s.target + 300, s.base + 1000, 200); /* ahead */
    memcpy(s.target + 1000, s.base + 960, 200); /* 40 behind */
    memcpy(s.target + 1600, s.base + 37, 300);  /* 1563 behind */
    sw_device_index *index = sw_device_index_new(s.base, SIZE);
    assert(index != NULL);
    static const int64_t least[] = {-SIZE, -1563, -1562, -40, -39, 0, 700, 701};
    uint32_t last = SIZE + 1;
    for (size_t i = 0; i < sizeof least / sizeof least[0]; i++) {
        sw_device_parser *parser = sw_device_parser_new(index, s.target, SIZE, least[i]);
        assert(parser != NULL);
        sw_device_segment segments[SIZE];
        const size_t count = sw_device_parser_run(parser, 0, SIZE, (uint32_t)-1563, segments);
        uint32_t at = 0;
        uint32_t copied = 0;
        for (size_t j = 0; j < count; j++) {
            if (segments[j].kind == SW_DEVICE_COPY) {
                assert((int64_t)segments[j].place - (int64_t)at >= least[i]);
                copied += segments[j].count;
            }
            at += segments[j].count;
        }
        assert(at == SIZE && copied <= last);
        assert(copied >= (least[i] > 700 ? 0 : least[i] > -40 ? 200 : least[i] > -1563 ? 400 : 700));
        last = copied;
        sw_device_parser_free(parser);
        round_trip(s.base, SIZE, s.target, SIZE, segments, count, SW_DEVICE_LARGE, s.payload, sizeof s.payload);
    }
    sw_device_index_free(index);
}

static void test_the_parser_says_what_there_is(void) {
    static sample s;
    fill(&s, SW_ELEMENT_INT8, 1);
    memcpy(s.target + 1000, s.base + 37, 500);
    memcpy(s.target + 1600, s.target + 1010, 300);
    sw_device_index *index = sw_device_index_new(s.base, SIZE);
    assert(index != NULL);
    sw_device_parser *parser = sw_device_parser_new(index, s.target, SIZE, -SIZE);
    assert(parser != NULL);
    sw_device_segment segments[SIZE];
    size_t count = 0;
    static const size_t ends[] = {0, 5, 6, 900, 1700, SIZE};
    for (size_t i = 1; i < sizeof ends / sizeof ends[0]; i++) {
        const size_t more = sw_device_parser_run(parser, ends[i - 1], ends[i], 0, segments + count);
        assert(more > 0 && more <= ends[i] - ends[i - 1]);
        count += more;
    }
    sw_device_parser_free(parser);
    sw_device_index_free(index);
    round_trip(s.base, SIZE, s.target, SIZE, segments, count, SW_DEVICE_LARGE, s.payload, sizeof s.payload);
    sw_device_found found[SIZE / 16];
    float scales[200];
    for (unsigned i = 0; i < 200; i++) {
        scales[i] = i < 100 ? 0.001f + (float)(any() % 1000) * 1e-6f : scales[i - 100] * 0.0171f;
    }
    uint8_t bytes[sizeof scales];
    memcpy(bytes, scales, sizeof scales);
    const uint16_t one = 1;
    if (*(const uint8_t *)&one == 1) { /* the file's floats are little-endian */
        assert(sw_device_find_scaled(bytes, 0, sizeof bytes, found, SIZE / 16) == 1);
        assert(found[0].offset == 400 && found[0].segment.count == 100 && found[0].segment.place == 400);
    }
}

/* The byte format is for ever: this is the FNV-1a digest of blocks made when it was fixed. */
static void test_blocks_stay_as_they_are(void) {
    static sample s;
    uint32_t digest = 2166136261u;
    seed = 7;
    for (unsigned element = 1; element <= 10; element++) {
        const sw_element_shape shape = sw_shape_of(element);
        for (unsigned how = 0; shape.bits <= 32 && how < 4; how++) {
            fill(&s, element, how);
            for (unsigned bytes = 512; bytes <= 2048; bytes *= 4) {
                const size_t coded = code(&s, bytes);
                for (size_t i = 0; i < coded; i++) {
                    digest = (digest ^ s.payload[i]) * 16777619u;
                }
            }
        }
    }
    if (digest != PINNED) {
        fprintf(stderr, "digest of DEVICE blocks: 0x%08xu\n", (unsigned)digest);
    }
    assert(digest == PINNED);
}

int main(void) {
    assert(sizeof(sw_device) <= 256);
    test_every_kind_and_element();
    test_segments_that_make_no_sense_are_refused();
    test_what_is_the_same_costs_next_to_nothing();
    test_start_is_checked();
    test_damage_is_harmless();
    test_products();
    test_the_parser_says_what_there_is();
    test_the_parser_reads_no_further_back_than_it_may();
    test_blocks_stay_as_they_are();
    puts("device: ok");
    return 0;
}
