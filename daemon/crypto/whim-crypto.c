/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "crypto/whim-crypto-private.h"

#include "base/whim-util.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

/* Creating an HMAC context costs more than hashing a block, and the ratchet makes twenty per turn.
 */
#define MAX_IDLE_HMACS 8u

typedef struct
{
  EVP_MAC_CTX *contexts[MAX_IDLE_HMACS];
  guint n;
} IdleHmacs;

G_DEFINE_QUARK (whim_crypto_error_quark, whim_crypto_error)

const WhimAlgorithms *
whim_crypto_get_algorithms (void)
{
  static WhimAlgorithms algorithms;
  static gsize once;

  if (g_once_init_enter (&once))
    {
      algorithms.hmac = EVP_MAC_fetch (NULL, "HMAC", NULL);
      algorithms.md5 = EVP_MD_fetch (NULL, "MD5", NULL);
      algorithms.sha1 = EVP_MD_fetch (NULL, "SHA1", NULL);
      algorithms.sha256 = EVP_MD_fetch (NULL, "SHA256", NULL);
      algorithms.sha512 = EVP_MD_fetch (NULL, "SHA512", NULL);
      algorithms.gcm = EVP_CIPHER_fetch (NULL, "AES-256-GCM", NULL);
      algorithms.ctr = EVP_CIPHER_fetch (NULL, "AES-256-CTR", NULL);
      algorithms.cbc = EVP_CIPHER_fetch (NULL, "AES-256-CBC", NULL);
      g_assert (algorithms.hmac != NULL && algorithms.md5 != NULL && algorithms.sha1 != NULL);
      g_assert (algorithms.sha256 != NULL && algorithms.sha512 != NULL && algorithms.gcm != NULL);
      g_assert (algorithms.ctr != NULL && algorithms.cbc != NULL);
      g_once_init_leave (&once, 1);
    }
  return &algorithms;
}

static void
digest (const EVP_MD *md, gconstpointer bytes, gsize len, guint8 *to)
{
  int ok = EVP_Digest (bytes, len, to, NULL, md, NULL);

  g_assert (ok == 1);
}

void
whim_sha256 (gconstpointer bytes, gsize len, guint8 out[32])
{
  digest (whim_crypto_get_algorithms ()->sha256, bytes, len, out);
}

void
whim_sha1 (gconstpointer bytes, gsize len, guint8 out[20])
{
  digest (whim_crypto_get_algorithms ()->sha1, bytes, len, out);
}

void
whim_md5 (gconstpointer bytes, gsize len, guint8 out[16])
{
  digest (whim_crypto_get_algorithms ()->md5, bytes, len, out);
}

static void
idle_hmacs_free (gpointer data)
{
  IdleHmacs *idle = data;

  while (idle->n > 0)
    EVP_MAC_CTX_free (idle->contexts[--idle->n]);
  g_free (idle);
}

static GPrivate idle_hmacs = G_PRIVATE_INIT (idle_hmacs_free);

static IdleHmacs *
get_idle_hmacs (void)
{
  IdleHmacs *idle = g_private_get (&idle_hmacs);

  if (idle == NULL)
    {
      idle = g_new0 (IdleHmacs, 1);
      g_private_set (&idle_hmacs, idle);
    }
  return idle;
}

EVP_MAC_CTX *
whim_hmac_acquire (gconstpointer key, gsize key_len)
{
  IdleHmacs *idle = get_idle_hmacs ();
  char name[] = "SHA256";
  OSSL_PARAM params[]
      = { OSSL_PARAM_utf8_string (OSSL_MAC_PARAM_DIGEST, name, sizeof name - 1), OSSL_PARAM_END };
  EVP_MAC_CTX *context;
  int ok;

  /* OpenSSL takes a NULL key as "keep the former one", so an empty key needs an address. */
  if (key_len == 0)
    key = "";
  if (idle->n > 0)
    {
      context = idle->contexts[--idle->n];
      ok = EVP_MAC_init (context, key, key_len, NULL);
    }
  else
    {
      context = EVP_MAC_CTX_new (whim_crypto_get_algorithms ()->hmac);
      g_assert (context != NULL);
      ok = EVP_MAC_init (context, key, key_len, params);
    }
  g_assert (ok == 1);
  return context;
}

void
whim_hmac_release (EVP_MAC_CTX *context)
{
  IdleHmacs *idle = get_idle_hmacs ();

  if (idle->n < MAX_IDLE_HMACS)
    idle->contexts[idle->n++] = context;
  else
    EVP_MAC_CTX_free (context);
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
  EVP_MAC_CTX *context = whim_hmac_acquire (key, key_len);
  gsize len;
  int ok = EVP_MAC_update (context, a, a_len);

  if (ok == 1 && b_len > 0)
    ok = EVP_MAC_update (context, b, b_len);
  if (ok == 1)
    ok = EVP_MAC_final (context, mac, &len, 32);
  g_assert (ok == 1);
  whim_hmac_release (context);
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

WhimSecret *
whim_pbkdf2_sha256 (gconstpointer password,
                    gsize password_len,
                    gconstpointer salt,
                    gsize salt_len,
                    guint iterations,
                    gsize len)
{
  WhimSecret *key = whim_secret_new (len);
  int ok = PKCS5_PBKDF2_HMAC (password, (int)password_len, salt, (int)salt_len, (int)iterations,
                              whim_crypto_get_algorithms ()->sha256, (int)len,
                              whim_secret_get_writable (key));

  g_assert (ok == 1);
  return key;
}
