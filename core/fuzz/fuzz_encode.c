/* The encoders: whatever is in the work area and in the data, they give a block that decodes to the data, or none.
 *
 * Byte 0: element; byte 1: bit 0 base or none, bits 1 to 5 level, bit 6 classes given; then base and target in turns.
 */
#include "adaptive_encode.h"
#include "cpu.h"
#include "input.h"
#include "numeric_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two, so that what one call leaves behind is not what the next finds in the other. */
static sw_encode_work works[2];
static sw_adaptive_work adaptive;

static sw_encode_work *work_for(size_t set) {
    static int poisoned;
    if (!poisoned) {
        poisoned = 1;
        memset(&works[0], 0xEE, sizeof works[0]);
        memset(&works[1], 0x5A, sizeof works[1]);
    }
    return &works[set > 0];
}

static void encode(const uint8_t *base, const uint8_t *classes, const uint8_t *target, size_t size, sw_element element, int level) {
    static const char *const sets[] = {"portable", "avx512", "avx2", "neon"};
    uint8_t *first = fuzz_buffer(size);
    size_t first_size = 0;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        const sw_encode_kernels *encode_set = sw_encode_kernels_for(sets[i]);
        const sw_numeric_kernels *decode_set = sw_decode_kernels(sets[i]);
        if (encode_set == NULL || decode_set == NULL) {
            continue;
        }
        uint8_t *out = fuzz_buffer(size);
        const size_t coded =
            sw_numeric_encode(encode_set, decode_set, base, classes, target, size, element, level, out, size, work_for(i));
        if (i == 0) {
            first_size = coded;
            memcpy(first, out, coded);
        } else if (coded != first_size || memcmp(first, out, coded) != 0) {
            abort();
        }
        free(out);
    }
    memset(&adaptive, 0xA5, sizeof adaptive);
    const size_t coded = sw_adaptive_encode(base, target, size, element, first, size, &adaptive);
    uint8_t *back = fuzz_buffer(size);
    if (coded > 0 && (sw_adaptive_decode(first, coded, base, base ? size : 0, back, size, &adaptive) != SW_OK ||
                      memcmp(back, target, size) != 0)) {
        abort();
    }
    free(back);
    free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) {
        return 0;
    }
    const sw_element element = (sw_element)(data[0] % 13);
    const size_t half = (size - 2) / 2;
    uint8_t *base = fuzz_buffer(half);
    uint8_t *target = fuzz_buffer(half);
    memcpy(base, data + 2, half);
    memcpy(target, data + 2 + half, half);
    uint8_t *classes = fuzz_buffer(2 * half);
    for (size_t i = 0; i < 2 * half; i++) {
        classes[i] = (uint8_t)((i * 2654435761u) >> 20 & (SW_CLASSES - 1));
    }
    encode(data[1] & 1 ? base : NULL, data[1] & 64 ? classes : NULL, target, half, element, (data[1] >> 1 & 31) % 3);
    free(classes);
    free(base);
    free(target);
    return 0;
}
