/* SHA-256 and Ed25519 by libsodium; AES-CMAC by LibTomCrypt. */
#ifndef CORTEX_M_CRYPTO_H
#define CORTEX_M_CRYPTO_H

#include "sapwood_device.h"

void digest_start(void *context);
void digest_add(void *context, const void *bytes, uint32_t size);
void digest_end(void *context, uint8_t digest[SWD_DIGEST]);

/* By the keys that the firmware was built with. */
bool is_signed(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature);
bool has_mac(void *context, const uint8_t *message, uint32_t size, const uint8_t *mac);

#endif
