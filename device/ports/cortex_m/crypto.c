#include "crypto.h"

#include "crypto_hash_sha256.h"
#include "crypto_sign_ed25519.h"

static crypto_hash_sha256_state hash;
static const uint8_t key[crypto_sign_ed25519_PUBLICKEYBYTES] = {PUBLIC_KEY};

void digest_start(void *context) {
    (void)context;
    crypto_hash_sha256_init(&hash);
}

void digest_add(void *context, const void *bytes, uint32_t size) {
    (void)context;
    crypto_hash_sha256_update(&hash, bytes, size);
}

void digest_end(void *context, uint8_t digest[SWD_DIGEST]) {
    (void)context;
    crypto_hash_sha256_final(&hash, digest);
}

bool is_signed(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature) {
    (void)context;
    return crypto_sign_ed25519_verify_detached(signature, message, size, key) == 0;
}
