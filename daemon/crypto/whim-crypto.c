/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "crypto/whim-crypto.h"

#include "base/whim-util.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

G_DEFINE_QUARK (whim - crypto - error - quark, whim_crypto_error)

/* Fetched once: a fetch per call costs more than the hash. */
static EVP_MAC *
get_hmac (void)
{
  static gsize ready;
  static EVP_MAC *mac;

  if (g_once_init_enter (&ready))
    {
      mac = EVP_MAC_fetch (NULL, "HMAC", NULL);
      g_assert (mac != NULL);
      g_once_init_leave (&ready, 1);
    }
  return mac;
}

static void
digest_once (const EVP_MD *type, gconstpointer bytes, gsize len, guint8 *digest)
{
  g_assert (EVP_Digest (len == 0 ? "" : bytes, len, digest, NULL, type, NULL));
}

void
whim_sha256 (gconstpointer bytes, gsize len, guint8 digest[32])
{
  digest_once (EVP_sha256 (), bytes, len, digest);
}

void
whim_md5 (gconstpointer bytes, gsize len, guint8 digest[16])
{
  digest_once (EVP_md5 (), bytes, len, digest);
}

void
whim_sha1 (gconstpointer bytes, gsize len, guint8 digest[20])
{
  digest_once (EVP_sha1 (), bytes, len, digest);
}

void
whim_hmac_sha256 (gconstpointer key,
                  gsize key_len,
                  gconstpointer a,
                  gsize a_len,
                  gconstpointer b,
                  gsize b_len,
                  guint8 mac[32])
{
  char digest[] = "SHA256";
  OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string (OSSL_MAC_PARAM_DIGEST, digest, 0),
                          OSSL_PARAM_construct_end () };
  EVP_MAC_CTX *context = EVP_MAC_CTX_new (get_hmac ());
  gsize len = 0;

  g_assert (context != NULL);
  g_assert (EVP_MAC_init (context, key_len == 0 ? (const guint8 *)"" : key, key_len, params));
  if (a_len > 0)
    g_assert (EVP_MAC_update (context, a, a_len));
  if (b_len > 0)
    g_assert (EVP_MAC_update (context, b, b_len));
  g_assert (EVP_MAC_final (context, mac, &len, 32));
  EVP_MAC_CTX_free (context);
}

WhimSecret *
whim_hkdf_sha256 (gconstpointer ikm,
                  gsize ikm_len,
                  gconstpointer salt,
                  gsize salt_len,
                  const char *info,
                  gsize len)
{
  static const guint8 no_salt[32];
  WhimSecret *out = whim_secret_new (len);
  guint8 *to = whim_secret_get_writable (out);
  g_autofree guint8 *block = NULL;
  gsize info_len = strlen (info);
  guint8 prk[32];
  guint8 t[32];
  gsize done = 0;

  g_assert (len > 0 && len <= 255 * 32);
  whim_hmac_sha256 (salt == NULL ? no_salt : salt, salt == NULL ? sizeof no_salt : salt_len, ikm,
                    ikm_len, NULL, 0, prk);
  block = g_malloc (info_len + 1);
  whim_copy (block, info, info_len);
  for (guint8 i = 1; done < len; i++)
    {
      gsize n = MIN (len - done, sizeof t);

      block[info_len] = i;
      whim_hmac_sha256 (prk, sizeof prk, t, i == 1 ? 0 : sizeof t, block, info_len + 1, t);
      whim_copy (to + done, t, n);
      done += n;
    }
  whim_zero (prk, sizeof prk);
  whim_zero (t, sizeof t);
  return out;
}
