#include "crypto.h"

#include "crypto_verify_16.h"
#include "tomcrypt.h"

/* The library's table of ciphers, with room for one. */
struct ltc_cipher_descriptor cipher_descriptor[1];
static const uint8_t key[] = {MAC_KEY};

bool has_mac(void *context, const uint8_t *message, uint32_t size, const uint8_t *mac) {
    omac_state state;
    uint8_t made[SWD_MAC];
    unsigned long made_size = sizeof made;
    (void)context;
    cipher_descriptor[0] = aes_enc_desc;
    return omac_init(&state, 0, key, sizeof key) == CRYPT_OK && omac_process(&state, message, size) == CRYPT_OK &&
           omac_done(&state, made, &made_size) == CRYPT_OK && made_size == sizeof made && crypto_verify_16(made, mac) == 0;
}
