/* Decodes golden blocks with every path this machine has and compares with their targets.
 *
 *     decode_vectors FOLDER < list        a line a block: codec payload base offset length target factors
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "numeric.h"
#include "predicted.h"
#include "quantised.h"
#include "scattered.h"
#include "sapwood.h"

static uint8_t *read_file(const char *folder, const char *name, size_t *size) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size + 1);
    if (fread(data, 1, *size, file) != *size) {
        exit(2);
    }
    fclose(file);
    return data;
}

static sw_predicted_work predicted;
static sw_quantised_work quantised;
static sw_scattered_work scattered;
static int32_t right[SW_MAX_FACTOR];

/* The right factor of the FACTORS block before; rank 0 where none is named, or it cannot be decoded. */
static sw_factors read_factors(const char *folder, const char *name) {
    sw_factors factors = {0, 0, 0, right, SW_MAX_FACTOR};
    if (strcmp(name, "-") != 0) {
        size_t size;
        uint8_t *given = read_file(folder, name, &size);
        if (sw_factors_decode(given, size, &factors, &predicted) != SW_OK) {
            factors.rank = 0;
        }
        free(given);
    }
    return factors;
}

/* The block lies at the start of its base's stream. */
static sw_status decode_predicted(const char *path, const sw_factors *factors, const uint8_t *payload,
                                  size_t payload_size, const uint8_t *base, size_t base_size, uint8_t *out,
                                  size_t length) {
    sw_predicted_wants wants;
    const sw_status status = sw_predicted_read_wants(payload, payload_size, length, &wants);
    if (status != SW_OK || wants.base_size > base_size) {
        return status;
    }
    const uint8_t *second = wants.has_second ? base + wants.second_move : NULL;
    return sw_predicted_decode_with(sw_predict_kernels_for(path), sw_decode_kernels(path), payload, payload_size, base,
                                    wants.base_size, second, second == NULL ? 0 : wants.base_size, factors, out,
                                    length, &predicted);
}

typedef struct {
    const uint8_t *data;
    size_t size;
} memory;

static bool read_memory(void *context, uint64_t offset, uint8_t *out, size_t size) {
    const memory *m = context;
    if (offset > m->size || size > m->size - offset) {
        return false;
    }
    memcpy(out, m->data + offset, size);
    return true;
}

static uint64_t take_varint(const uint8_t **at) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        value |= (uint64_t)(**at & 127) << shift;
        if (*(*at)++ < 128) {
            return value;
        }
    }
}

/* Kind 3 of a SPLICE: the decoded runs and literals, played. */
static sw_status decode_splice(const uint8_t *payload, size_t payload_size, const uint8_t *base, size_t base_size,
                               uint8_t *out, size_t length) {
    static sw_splice_work work;
    memory m = {base, base_size};
    const sw_splice_base source = {&m, base_size, read_memory};
    const uint8_t *at = payload + 1;
    const size_t run_count = (size_t)take_varint(&at);
    const size_t count = (size_t)take_varint(&at);
    sw_splice_run *runs = malloc((run_count + 1) * sizeof *runs);
    uint8_t *literals = malloc(count + 1);
    uint32_t *slots = malloc(sw_splice_slots_size(count, run_count));
    memset(&work, 0xA5, sizeof work);
    const sw_status status = sw_splice_decode(at, payload_size - (size_t)(at - payload), length, &source, runs,
                                              run_count, literals, count, slots, &work);
    size_t given = 0;
    for (size_t i = 0; i <= run_count && status == SW_OK; i++) {
        const size_t before = i < run_count ? (size_t)runs[i].literals : count - given;
        memcpy(out, literals + given, before);
        given += before;
        out += before;
        if (i < run_count) {
            memcpy(out, base + runs[i].offset, (size_t)runs[i].length);
            out += runs[i].length;
        }
    }
    free(runs);
    free(literals);
    free(slots);
    return status;
}

int main(int count, char **arguments) {
    if (count != 2) {
        return 2;
    }
    static sw_numeric_work numeric;
    static sw_adaptive_work adaptive;
    const char *paths[] = {"portable", "neon", "avx2", "avx512"};
    char codec[16], payload_name[256], base_name[256], target_name[256], factors_name[256];
    unsigned long offset, length;
    unsigned passed = 0, failed = 0;
    while (scanf("%15s %255s %255s %lu %lu %255s %255s", codec, payload_name, base_name, &offset, &length, target_name,
                 factors_name) == 7) {
        size_t payload_size, base_size = 0, target_size;
        uint8_t *payload = read_file(arguments[1], payload_name, &payload_size);
        uint8_t *base = strcmp(base_name, "-") == 0 ? NULL : read_file(arguments[1], base_name, &base_size);
        uint8_t *target = read_file(arguments[1], target_name, &target_size);
        uint8_t *out = malloc(length);
        const uint8_t *span = base == NULL ? NULL : base + offset;
        const size_t span_size = base == NULL ? 0 : base_size - offset;
        const sw_factors factors = read_factors(arguments[1], factors_name);
        for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
            memset(out, 0xA5, length);
            sw_status status;
            if (strcmp(codec, "NUMERIC") != 0 && strcmp(codec, "SCATTERED") != 0 && i > 0) {
                break;
            }
            if (strcmp(codec, "SPLICE") == 0) {
                status = decode_splice(payload, payload_size, base, base_size, out, length);
            } else if (strcmp(codec, "DEVICE") == 0) {
                status = sw_device_decode(payload, payload_size, span, span_size, out, length);
            } else if (strcmp(codec, "ADAPTIVE") == 0) {
                status = sw_adaptive_decode(payload, payload_size, span, span_size, out, length, &adaptive);
            } else if (strcmp(codec, "QUANTISED") == 0) {
                status = sw_quantised_decode(payload, payload_size, span, span_size, &factors, out, length, &quantised);
            } else {
                const sw_numeric_kernels *kernels = sw_decode_kernels(paths[i]);
                if (kernels == NULL) {
                    continue;
                }
                status = strcmp(codec, "SCATTERED") == 0
                             ? sw_scattered_decode_with(kernels, payload, payload_size, span, span_size, out, length, &scattered)
                         : strcmp(codec, "PREDICTED") == 0
                             ? decode_predicted(paths[i], &factors, payload, payload_size, base,
                                                base_size, out, length)
                             : sw_numeric_decode_with(kernels, payload, payload_size, span, span_size, out, length,
                                                      &numeric);
            }
            if (status == SW_OK && target_size == length && memcmp(out, target, length) == 0) {
                passed++;
            } else {
                failed++;
                printf("%s by %s: status %d\n", payload_name, paths[i], (int)status);
            }
        }
        free(payload);
        free(base);
        free(target);
        free(out);
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0 || passed == 0;
}
