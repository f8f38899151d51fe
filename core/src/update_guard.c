/* The standard guardrails. SPEC, "Guardrails". */
#include "update.h"

#if SWD_GUARDS

enum { ARENA_BYTES = 1, MODEL_VERSION = 2, RUNTIME_ABI = 3, OPERATOR_SET = 5, IO_SCHEMA = 7, FAMILY = 9, HASH = 8 };

static bool starts_with(const uint8_t *known, const uint8_t *content, uint32_t size) {
    while (size-- > 0) {
        if (*known++ != *content++) {
            return false;
        }
    }
    return true;
}

/* A text in memory ends with a 0, one in a guard holds none. */
static bool is_text(const char *known, const uint8_t *content, uint32_t size) {
    return known != NULL && starts_with((const uint8_t *)known, content, size) && known[size] == 0;
}

static bool is_hash(const uint8_t *known, const uint8_t *content, uint32_t size) {
    return known != NULL && size == HASH && starts_with(known, content, HASH);
}

bool swd_guard(const swd_facts *facts, uint32_t type, const uint8_t *content, uint32_t size) {
    swd_row row = {content, (int32_t)size, 0};
    switch (type) {
    case ARENA_BYTES:
        return swd_row_varint(&row) <= facts->arena_bytes && row.left == 0;
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

#endif
