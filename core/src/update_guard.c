/* The standard guardrails. SPEC, "Guardrails". */
#include <string.h>

#include "update.h"

enum { ARENA_BYTES = 1, MODEL_VERSION = 2, RUNTIME_ABI = 3, OPERATOR_SET = 5, IO_SCHEMA = 7, FAMILY = 9 };

static bool is_text(const char *known, const uint8_t *content, uint32_t size) {
    if (known == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < size; i++) {
        if (known[i] == 0 || (uint8_t)known[i] != content[i]) {
            return false;
        }
    }
    return known[size] == 0;
}

static bool is_hash(const uint8_t *known, const uint8_t *content, uint32_t size) {
    return known != NULL && size == 8 && memcmp(known, content, 8) == 0;
}

bool swd_guard(const swd_facts *facts, uint32_t type, const uint8_t *content, uint32_t size) {
    const uint8_t *at = content;
    switch (type) {
    case ARENA_BYTES: {
        const uint32_t wanted = swd_varint(&at, content + size);
        return at == content + size && wanted <= facts->arena_bytes;
    }
    case MODEL_VERSION:
        return true;
    case RUNTIME_ABI:
        return is_text(facts->runtime_abi, content, size);
    case FAMILY:
        return is_text(facts->family, content, size);
    case OPERATOR_SET:
        return is_hash(facts->operator_set, content, size);
    case IO_SCHEMA:
        return is_hash(facts->io_schema, content, size);
    default:
        return false;
    }
}
