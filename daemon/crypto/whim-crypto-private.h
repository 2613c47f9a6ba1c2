/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "crypto/whim-crypto.h"

#include <openssl/evp.h>

G_BEGIN_DECLS

/** WhimAlgorithms: what OpenSSL looks up by name, looked up once; never freed */
typedef struct
{
  EVP_MAC *hmac;
  EVP_MD *md5;
  EVP_MD *sha1;
  EVP_MD *sha256;
  EVP_MD *sha512;
  EVP_CIPHER *gcm;
  EVP_CIPHER *ctr;
  EVP_CIPHER *cbc;
} WhimAlgorithms;

const WhimAlgorithms *whim_crypto_get_algorithms (void);

/** whim_hmac_acquire: (transfer full): a SHA-256 HMAC context from this thread's idle ones */
EVP_MAC_CTX *whim_hmac_acquire (gconstpointer key, gsize key_len);
/** whim_hmac_release: takes @context back */
void whim_hmac_release (EVP_MAC_CTX *context);

G_END_DECLS
