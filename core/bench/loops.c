/* Times the loops of NUMERIC on one pair of files: cycles an element, by wrapping the tables of kernels.
 *
 *   loops BASE TARGET ELEMENT LEVEL OFFSET_BASE OFFSET_TARGET [SET]
 *
 * Both files are cut into blocks of 1 MiB from their offsets on. Each is encoded (with the check) and decoded REPEATS
 * times, and what is told is the least that each loop took, block by block: other processes take time from some rounds
 * only. A tick is one of the time stamp counter where there is one, else a nanosecond; its rate stands in the first line.
 * A line: what, loop, ticks an element of the file, share of the elements that the loop saw, ticks an element it saw.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu.h"
#include "numeric_encode.h"

enum { REPEATS = 9, LOOPS = 13 };

static const char *const loop_names[LOOPS] = {"active",  "differences", "classes",  "group_sums", "buckets", "rans32 (encode)",
                                              "contexts", "rans32",      "expand32", "apply",      "spell16", "unfold16", "all"};
static uint64_t spent[LOOPS];
static uint64_t passed[LOOPS]; /* elements */
static const sw_encode_kernels *encode;
static const sw_numeric_kernels *decode;
static double rate; /* ticks a second */

static uint64_t now(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

static void add(unsigned loop, uint64_t start, size_t elements) {
    spent[loop] += now() - start;
    passed[loop] += elements;
}

/* Seconds that this thread had a processor. */
static double processor_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A whole block takes long enough for other processes to get between: hence the other clock. */
static void add_whole(double start, size_t elements) {
    spent[LOOPS - 1] += (uint64_t)((processor_time() - start) * rate);
    passed[LOOPS - 1] += elements;
}

static size_t active(const uint8_t *base, const uint8_t *target, size_t groups, size_t bytes, uint8_t *found) {
    const uint64_t start = now();
    const size_t count = encode->active(base, target, groups, bytes, found);
    add(0, start, groups * 64);
    return count;
}

static uint64_t differences(const uint8_t *base, const uint8_t *target, size_t count, const sw_element_shape *shape,
                            void *values) {
    const uint64_t start = now();
    const uint64_t any = encode->differences(base, target, count, shape, values);
    add(1, start, count);
    return any;
}

static void classes(const uint8_t *base, size_t count, const sw_element_shape *shape, unsigned top, uint8_t *found) {
    const uint64_t start = now();
    encode->classes(base, count, shape, top, found);
    add(2, start, count);
}

static void group_sums(const int32_t *values, const uint8_t *found, size_t count, uint64_t *sums) {
    const uint64_t start = now();
    encode->group_sums(values, found, count, sums);
    add(3, start, count);
}

static unsigned buckets(const int32_t *values, size_t count, const sw_exact_values *exact, uint8_t *symbols,
                        sw_bit_writer *raw) {
    const uint64_t start = now();
    const unsigned largest = encode->buckets(values, count, exact, symbols, raw);
    add(4, start, count);
    return largest;
}

static uint64_t spell16(const uint8_t *base, const uint8_t *target, size_t count, const sw_exact_values *exact,
                        uint8_t *symbols, sw_bit_writer *raw, unsigned *largest) {
    const uint64_t start = now();
    const uint64_t any = encode->spell16(base, target, count, exact, symbols, raw, largest);
    add(10, start, count);
    return any;
}

static uint8_t *rans32_encode(uint32_t states[SW_MAX_LANES], uint8_t *at, const sw_rans_input *input,
                              const uint8_t table_of[SW_CLASSES], size_t first, size_t count) {
    const uint64_t start = now();
    uint8_t *reached = encode->rans32(states, at, input, table_of, first, count);
    add(5, start, count);
    return reached;
}

static void contexts(const uint8_t *base, size_t count, const sw_numeric_header *header,
                     const uint8_t table_of[SW_CLASSES], uint8_t *found) {
    const uint64_t start = now();
    decode->contexts(base, count, header, table_of, found);
    add(6, start, count);
}

static const uint8_t *rans32(uint32_t states[SW_MAX_LANES], const uint8_t *at, const uint8_t *end,
                             const uint32_t *tables, unsigned table_bits, const uint8_t *found, size_t count,
                             uint8_t *symbols) {
    const uint64_t start = now();
    const uint8_t *reached = decode->rans32(states, at, end, tables, table_bits, found, count, symbols);
    add(7, start, count);
    return reached;
}

static uint64_t expand32(const sw_numeric_header *header, const sw_numeric_work *work, const uint8_t *symbols,
                         size_t count, uint64_t position, uint32_t *values) {
    const uint64_t start = now();
    const uint64_t reached = decode->expand32(header, work, symbols, count, position, values);
    add(8, start, count);
    return reached;
}

static void apply(const uint8_t *base, const void *values, size_t count, const sw_numeric_header *header, uint8_t *out) {
    const uint64_t start = now();
    decode->apply(base, values, count, header, out);
    add(9, start, count);
}

static size_t unfold16(const sw_numeric_header *header, const sw_numeric_work *work, const uint8_t *symbols,
                       const uint8_t *base, size_t count, uint64_t *position, uint8_t *out) {
    const uint64_t start = now();
    const size_t done = decode->unfold16(header, work, symbols, base, count, position, out);
    add(11, start, done);
    return done;
}

static sw_encode_kernels timed_encode;
static sw_numeric_kernels timed_decode;

/* A loop that is not wrapped, or that the instruction set lacks, stays as it is. */
static void wrap(void) {
    timed_encode = *encode;
    timed_encode.active = active;
    timed_encode.differences = differences;
    timed_encode.classes = classes;
    timed_encode.group_sums = group_sums;
    timed_encode.buckets = buckets;
    timed_encode.spell16 = encode->spell16 == NULL ? NULL : spell16;
    timed_encode.rans32 = rans32_encode;
    timed_decode = *decode;
    timed_decode.contexts = contexts;
    timed_decode.rans32 = rans32;
    timed_decode.expand32 = expand32;
    timed_decode.apply = apply;
    timed_decode.unfold16 = decode->unfold16 == NULL ? NULL : unfold16;
}

typedef struct {
    uint8_t *data;
    size_t size;
} file;

static file read_file(const char *path, size_t from) {
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    const size_t size = (size_t)ftell(stream) - from;
    uint8_t *data = malloc(size + 64);
    if (data == NULL || fseek(stream, (long)from, SEEK_SET) != 0 || fread(data, 1, size, stream) != size) {
        perror(path);
        exit(2);
    }
    fclose(stream);
    return (file){data, size};
}

typedef struct {
    uint64_t spent[LOOPS];
    uint64_t passed[LOOPS];
} totals;

/* The least of each loop's rounds. */
static void keep_least(totals *least, bool first) {
    for (unsigned i = 0; i < LOOPS; i++) {
        least->spent[i] = first || spent[i] < least->spent[i] ? spent[i] : least->spent[i];
        least->passed[i] = passed[i];
    }
    memset(spent, 0, sizeof spent);
    memset(passed, 0, sizeof passed);
}

static void add_totals(totals *to, const totals *from) {
    for (unsigned i = 0; i < LOOPS; i++) {
        to->spent[i] += from->spent[i];
        to->passed[i] += from->passed[i];
    }
}

/* Ticks a second. */
static double tick_rate(void) {
    struct timespec from;
    struct timespec to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    const uint64_t start = now();
    do {
        clock_gettime(CLOCK_MONOTONIC, &to);
    } while ((to.tv_sec - from.tv_sec) * 1000000000 + (to.tv_nsec - from.tv_nsec) < 20000000);
    const double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    return (double)(now() - start) / seconds;
}

static void tell(const char *what, const totals *t, size_t elements) {
    uint64_t rest = t->spent[LOOPS - 1];
    for (unsigned i = 0; i < LOOPS; i++) {
        if (t->passed[i] > 0) {
            printf("%s\t%s\t%.3f\t%.3f\t%.3f\n", what, loop_names[i], (double)t->spent[i] / (double)elements,
                   (double)t->passed[i] / (double)elements, (double)t->spent[i] / (double)t->passed[i]);
            rest -= i + 1 < LOOPS ? t->spent[i] : 0;
        }
    }
    printf("%s\trest\t%.3f\t1.000\t%.3f\n", what, (double)rest / (double)elements, (double)rest / (double)elements);
}

int main(int count, char **words) {
    if (count < 7) {
        fputs("loops BASE TARGET ELEMENT LEVEL OFFSET_BASE OFFSET_TARGET [SET]\n", stderr);
        return 2;
    }
    const unsigned element = (unsigned)atoi(words[3]);
    const int level = atoi(words[4]);
    const file base = read_file(words[1], strtoull(words[5], NULL, 10));
    const file target = read_file(words[2], strtoull(words[6], NULL, 10));
    const unsigned width = sw_shape_of(element).width;
    encode = sw_encode_kernels_for(count > 7 ? words[7] : NULL);
    decode = sw_decode_kernels(count > 7 ? words[7] : NULL);
    if (width == 0 || base.size < target.size || encode == NULL || decode == NULL) {
        fputs("no such element or instruction set, or a base that is too short\n", stderr);
        return 2;
    }
    const size_t block = SW_MAX_BLOCK;
    const size_t size = target.size / width * width;
    const size_t blocks = (size + block - 1) / block;
    wrap();
    sw_encode_work *work = malloc(sizeof *work);
    uint8_t *coded = malloc(block + 64);
    uint8_t *made = malloc(block);
    if (work == NULL || coded == NULL || made == NULL) {
        return 2;
    }
    rate = tick_rate();
    totals encoding = {{0}, {0}};
    totals decoding = {{0}, {0}};
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *from = base.data + b * block;
        const uint8_t *to = target.data + b * block;
        const size_t length = size - b * block < block ? size - b * block : block;
        totals least_encode;
        totals least_decode;
        for (unsigned round = 0; round < REPEATS; round++) {
            double start = processor_time();
            const size_t coded_size = sw_numeric_encode(&timed_encode, &timed_decode, from, NULL, to, length,
                                                        (sw_element)element, level, coded, length, work);
            add_whole(start, length / width);
            keep_least(&least_encode, round == 0);
            start = processor_time();
            if (coded_size > 0 && sw_numeric_decode_with(&timed_decode, coded, coded_size, from, length, made, length,
                                                         &work->decode) != SW_OK) {
                return 1;
            }
            add_whole(start, length / width);
            keep_least(&least_decode, round == 0);
        }
        add_totals(&encoding, &least_encode);
        add_totals(&decoding, &least_decode);
    }
    printf("ticks\t%.0f\n", rate);
    tell("encode", &encoding, size / width);
    tell("decode", &decoding, size / width);
    free(made);
    free(coded);
    free(work);
    free(target.data);
    free(base.data);
    return 0;
}
