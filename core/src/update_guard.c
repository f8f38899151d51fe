/* The standard guardrails. SPEC, "Guardrails". */
#include "update.h"

#if SWD_GUARDS

enum { ARENA_BYTES = 1, MODEL_VERSION = 2, RUNTIME_ABI = 3, OPERATOR_SET = 5, IO_SCHEMA = 7, FAMILY = 9, HASH = 8 };

/* Whether the content is this text, which ends with a 0, or this hash. Content with a 0 is no text: it would lead
 * behind the end of what is known. */
static bool is_same(const void *known, const uint8_t *content, uint32_t size, bool is_hash) {
    const uint8_t *at = known;
    if (at == NULL || (is_hash && size != HASH)) {
        return false;
    }
    for (; size > 0; size--, at++) {
        if (*at != *content++ || (!is_hash && *at == 0)) {
            return false;
        }
    }
    return is_hash || *at == 0;
}

bool swd_guard(const swd_facts *facts, uint32_t type, const uint8_t *content, uint32_t size) {
    swd_row row = {content, (int32_t)size, 0, 0};
    switch (type) {
    case ARENA_BYTES:
        return swd_varint(&row) <= facts->arena_bytes && row.left == 0;
    case MODEL_VERSION:
        return true;
    case RUNTIME_ABI:
        return is_same(facts->runtime_abi, content, size, false);
    case FAMILY:
        return is_same(facts->family, content, size, false);
    case OPERATOR_SET:
        return is_same(facts->operator_set, content, size, true);
    case IO_SCHEMA:
        return is_same(facts->io_schema, content, size, true);
    default:
        return false;
    }
}

#endif
