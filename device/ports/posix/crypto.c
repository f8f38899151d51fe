/* SHA-256 and Ed25519 by OpenSSL. */
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

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

bool is_signed(void *context, const uint8_t *message, uint32_t size, const uint8_t signature[SWD_SIGNATURE]) {
    const port *p = context;
    EVP_MD_CTX *check = EVP_MD_CTX_new();
    const bool right = check != NULL && EVP_DigestVerifyInit(check, NULL, NULL, NULL, p->key) == 1 &&
                       EVP_DigestVerify(check, signature, SWD_SIGNATURE, message, size) == 1;
    EVP_MD_CTX_free(check);
    return right;
}

EVP_PKEY *read_key(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return NULL;
    }
    EVP_PKEY *key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    fclose(file);
    if (key != NULL && EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}
