/* SHA-256, Ed25519 and AES-CMAC by OpenSSL. */
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port.h"

/* Without it there is no update at all: nothing was written yet. */
static void must(bool happened) {
    if (!happened) {
        fputs("swd-update: OpenSSL gives no SHA-256\n", stderr);
        abort();
    }
}

void digest_start(void *context) {
    port *p = context;
    if (p->digest == NULL) {
        p->digest = EVP_MD_CTX_new();
    }
    must(p->digest != NULL && EVP_DigestInit_ex(p->digest, EVP_sha256(), NULL) == 1);
}

void digest_add(void *context, const void *bytes, uint32_t size) {
    const port *p = context;
    must(EVP_DigestUpdate(p->digest, bytes, size) == 1);
}

void digest_end(void *context, uint8_t digest[SWD_DIGEST]) {
    const port *p = context;
    must(EVP_DigestFinal_ex(p->digest, digest, NULL) == 1);
}

bool is_signed(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature) {
    const port *p = context;
    EVP_MD_CTX *check = EVP_MD_CTX_new();
    const bool right = check != NULL && EVP_DigestVerifyInit(check, NULL, NULL, NULL, p->key) == 1 &&
                       EVP_DigestVerify(check, signature, SWD_SIGNATURE, message, size) == 1;
    EVP_MD_CTX_free(check);
    return right;
}

bool has_mac(void *context, const uint8_t *message, uint32_t size, const uint8_t *mac) {
    const port *p = context;
    uint8_t made[SWD_MAC];
    size_t made_size = 0;
    const char *cipher = p->mac_key_size == 16 ? "AES-128-CBC" : "AES-256-CBC";
    return EVP_Q_mac(NULL, "CMAC", NULL, cipher, NULL, p->mac_key, p->mac_key_size, message, size, made, sizeof made,
                     &made_size) != NULL &&
           made_size == sizeof made && CRYPTO_memcmp(made, mac, sizeof made) == 0;
}

/* One line: the type of the key, and its bytes in hexadecimal digits. */
static bool read_mac_key(port *p, FILE *file) {
    static const char name[] = "aes-xxx-cmac ";
    char line[2 * sizeof p->mac_key + sizeof name + 1];
    size_t size = fread(line, 1, sizeof line - 1, file);
    size -= size > 0 && line[size - 1] == '\n';
    line[size] = 0;
    const size_t wanted = strncmp(line, "aes-128-cmac ", sizeof name - 1) == 0   ? 16
                          : strncmp(line, "aes-256-cmac ", sizeof name - 1) == 0 ? 32
                                                                                 : 0;
    const char *digits = line + sizeof name - 1;
    return wanted > 0 && strlen(digits) == 2 * wanted &&
           OPENSSL_hexstr2buf_ex(p->mac_key, sizeof p->mac_key, &p->mac_key_size, digits, 0) == 1;
}

bool read_key(port *p, const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    if (!read_mac_key(p, file)) {
        rewind(file);
        p->key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    }
    fclose(file);
    return p->mac_key_size > 0 || (p->key != NULL && EVP_PKEY_get_base_id(p->key) == EVP_PKEY_ED25519);
}
