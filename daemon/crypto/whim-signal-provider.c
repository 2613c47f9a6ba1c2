/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "crypto/whim-signal-provider.h"

#include "base/whim-random.h"
#include "crypto/whim-crypto-private.h"

/* What libsignal-protocol-c asks of its host: HMAC-SHA256, SHA-512, AES, randomness. */

static int
provider_random (uint8_t *data, size_t len, void *user_data)
{
  whim_random_bytes (data, len);
  return 0;
}

static int
provider_hmac_init (void **context, const uint8_t *key, size_t key_len, void *user_data)
{
  *context = whim_hmac_acquire (key, key_len);
  return 0;
}

static int
provider_hmac_update (void *context, const uint8_t *data, size_t len, void *user_data)
{
  return EVP_MAC_update (context, data, len) == 1 ? 0 : SG_ERR_UNKNOWN;
}

static int
provider_hmac_final (void *context, signal_buffer **output, void *user_data)
{
  guint8 mac[32];
  size_t len;

  if (EVP_MAC_final (context, mac, &len, sizeof mac) != 1)
    return SG_ERR_UNKNOWN;
  *output = signal_buffer_create (mac, len);
  whim_zero (mac, sizeof mac);
  return *output == NULL ? SG_ERR_NOMEM : 0;
}

static void
provider_hmac_cleanup (void *context, void *user_data)
{
  if (context != NULL)
    whim_hmac_release (context);
}

static int
provider_sha512_init (void **context, void *user_data)
{
  EVP_MD_CTX *digest = EVP_MD_CTX_new ();

  if (digest == NULL)
    return SG_ERR_NOMEM;
  if (!EVP_DigestInit_ex (digest, whim_crypto_get_algorithms ()->sha512, NULL))
    {
      EVP_MD_CTX_free (digest);
      return SG_ERR_UNKNOWN;
    }
  *context = digest;
  return 0;
}

static int
provider_sha512_update (void *context, const uint8_t *data, size_t len, void *user_data)
{
  return EVP_DigestUpdate (context, data, len) ? 0 : SG_ERR_UNKNOWN;
}

/* The library goes on with the same context afterwards: it must be fresh. */
static int
provider_sha512_final (void *context, signal_buffer **output, void *user_data)
{
  uint8_t digest[64];

  if (!EVP_DigestFinal_ex (context, digest, NULL)
      || !EVP_DigestInit_ex (context, whim_crypto_get_algorithms ()->sha512, NULL))
    return SG_ERR_UNKNOWN;
  *output = signal_buffer_create (digest, sizeof digest);
  return *output == NULL ? SG_ERR_NOMEM : 0;
}

static void
provider_sha512_cleanup (void *context, void *user_data)
{
  EVP_MD_CTX_free (context);
}

/* A v3 session uses AES-256-CBC and nothing else. */
static const EVP_CIPHER *
pick_cipher (int cipher, size_t key_len)
{
  if (key_len != 32)
    return NULL;
  return cipher == SG_CIPHER_AES_CTR_NOPADDING ? whim_crypto_get_algorithms ()->ctr
                                               : whim_crypto_get_algorithms ()->cbc;
}

static int
provider_crypt (gboolean encrypt,
                signal_buffer **output,
                int cipher,
                const uint8_t *key,
                size_t key_len,
                const uint8_t *iv,
                size_t iv_len,
                const uint8_t *from,
                size_t len)
{
  const EVP_CIPHER *type = pick_cipher (cipher, key_len);
  EVP_CIPHER_CTX *context;
  g_autofree uint8_t *to = NULL;
  int n = 0;
  int rest = 0;
  int result = SG_ERR_UNKNOWN;

  if (type == NULL || iv_len != 16 || len > G_MAXINT - 32)
    return SG_ERR_INVAL;
  context = EVP_CIPHER_CTX_new ();
  if (context == NULL)
    return SG_ERR_NOMEM;
  to = g_malloc (len + 32);
  if (EVP_CipherInit_ex (context, type, NULL, key, iv, encrypt)
      && EVP_CipherUpdate (context, to, &n, from, (int)len)
      && EVP_CipherFinal_ex (context, to + n, &rest))
    {
      *output = signal_buffer_create (to, (size_t)(n + rest));
      result = *output == NULL ? SG_ERR_NOMEM : 0;
    }
  EVP_CIPHER_CTX_free (context);
  OPENSSL_cleanse (to, len + 32);
  return result;
}

static int
provider_encrypt (signal_buffer **output,
                  int cipher,
                  const uint8_t *key,
                  size_t key_len,
                  const uint8_t *iv,
                  size_t iv_len,
                  const uint8_t *from,
                  size_t len,
                  void *user_data)
{
  return provider_crypt (TRUE, output, cipher, key, key_len, iv, iv_len, from, len);
}

static int
provider_decrypt (signal_buffer **output,
                  int cipher,
                  const uint8_t *key,
                  size_t key_len,
                  const uint8_t *iv,
                  size_t iv_len,
                  const uint8_t *from,
                  size_t len,
                  void *user_data)
{
  return provider_crypt (FALSE, output, cipher, key, key_len, iv, iv_len, from, len);
}

int
whim_signal_provider_setup (signal_context *context)
{
  static const signal_crypto_provider provider = {
    .random_func = provider_random,
    .hmac_sha256_init_func = provider_hmac_init,
    .hmac_sha256_update_func = provider_hmac_update,
    .hmac_sha256_final_func = provider_hmac_final,
    .hmac_sha256_cleanup_func = provider_hmac_cleanup,
    .sha512_digest_init_func = provider_sha512_init,
    .sha512_digest_update_func = provider_sha512_update,
    .sha512_digest_final_func = provider_sha512_final,
    .sha512_digest_cleanup_func = provider_sha512_cleanup,
    .encrypt_func = provider_encrypt,
    .decrypt_func = provider_decrypt,
  };

  return signal_context_set_crypto_provider (context, &provider);
}
