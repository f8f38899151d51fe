#include "uart.h"

#include "board.h"

void put_text(const char *text) {
    while (*text != 0) {
        board_put((uint8_t)*text++);
    }
}

void put_number(uint32_t number) {
    char digits[11];
    char *at = digits + sizeof digits - 1;
    *at = 0;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put_text(at);
}

void put_hex(const uint8_t *bytes, uint32_t size) {
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < size; i++) {
        board_put((uint8_t)digits[bytes[i] >> 4]);
        board_put((uint8_t)digits[bytes[i] & 15]);
    }
}

void put_fact(const char *name, uint32_t number) {
    put_text(name);
    put_text(" ");
    put_number(number);
    put_text("\n");
}

char get_command(uint32_t *number) {
    const char letter = (char)board_get();
    *number = 0;
    for (uint8_t byte; (byte = board_get()) != '\n';) {
        if (byte >= '0' && byte <= '9') {
            *number = *number * 10 + byte - '0';
        }
    }
    return letter;
}

int uart_patch_read(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    (void)context;
    const uint32_t wanted = size < 255 ? size : 255;
    put_text("? ");
    put_number(offset);
    put_text(" ");
    put_number(wanted);
    put_text("\n");
    const uint8_t count = board_get();
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t byte = board_get();
        if (i < wanted) {
            to[i] = byte;
        }
    }
    return count == 0 || count > wanted ? -1 : count;
}
