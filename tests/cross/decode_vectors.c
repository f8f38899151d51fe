/* Decodes golden blocks with every path this machine has and compares with their targets.
 *
 *     decode_vectors FOLDER < list        a line a block: codec payload base offset length target
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "numeric.h"
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

int main(int count, char **arguments) {
    if (count != 2) {
        return 2;
    }
    static sw_numeric_work numeric;
    static sw_adaptive_work adaptive;
    const char *paths[] = {"portable", "neon", "avx2", "avx512"};
    char codec[16], payload_name[256], base_name[256], target_name[256];
    unsigned long offset, length;
    unsigned passed = 0, failed = 0;
    while (scanf("%15s %255s %255s %lu %lu %255s", codec, payload_name, base_name, &offset, &length, target_name) == 6) {
        size_t payload_size, base_size = 0, target_size;
        uint8_t *payload = read_file(arguments[1], payload_name, &payload_size);
        uint8_t *base = strcmp(base_name, "-") == 0 ? NULL : read_file(arguments[1], base_name, &base_size);
        uint8_t *target = read_file(arguments[1], target_name, &target_size);
        uint8_t *out = malloc(length);
        const uint8_t *span = base == NULL ? NULL : base + offset;
        const size_t span_size = base == NULL ? 0 : base_size - offset;
        for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
            memset(out, 0xA5, length);
            sw_status status;
            if (strcmp(codec, "ADAPTIVE") == 0) {
                if (i > 0) {
                    break;
                }
                status = sw_adaptive_decode(payload, payload_size, span, span_size, out, length, &adaptive);
            } else {
                const sw_numeric_kernels *kernels = sw_decode_kernels(paths[i]);
                if (kernels == NULL) {
                    continue;
                }
                status = sw_numeric_decode_with(kernels, payload, payload_size, span, span_size, out, length, &numeric);
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
