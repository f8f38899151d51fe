/* The standard guardrails. SPEC, "Guardrails". */
#include "update.h"

#if SWD_GUARDS

enum { ARENA_BYTES = 1, MODEL_VERSION = 2, RUNTIME_ABI = 3, OPERATOR_SET = 5, IO_SCHEMA = 7, FAMILY = 9, HASH = 8 };

bool swd_guard(const swd_facts *facts, uint32_t type, const uint8_t *content, uint32_t size) {
    swd_row row = {content, (int32_t)size, 0, 0};
    const void *fact;
    switch (type) {
    case ARENA_BYTES:
        return swd_varint(&row) <= facts->arena_bytes && row.left == 0;
    case RUNTIME_ABI:
        fact = facts->runtime_abi;
        break;
    case FAMILY:
        fact = facts->family;
        break;
    case OPERATOR_SET:
        fact = facts->operator_set;
        break;
    case IO_SCHEMA:
        fact = facts->io_schema;
        break;
    default:
        return type == MODEL_VERSION;
    }
    const bool is_hash = type == OPERATOR_SET || type == IO_SCHEMA;
    const uint8_t *known = fact;
    if (known == NULL || (is_hash && size != HASH)) {
        return false;
    }
    /* A text ends with a 0. Content with one is no text: it would lead behind the end of what is known. */
    for (; size > 0; size--, known++) {
        if (*known != *content++ || (!is_hash && *known == 0)) {
            return false;
        }
    }
    return is_hash || *known == 0;
}

#endif
