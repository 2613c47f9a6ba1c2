/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "crypto/whim-crypto-private.h"

void
whim_aes256_ctr (const guint8 key[32],
                 const guint8 iv[WHIM_AES_BLOCK_SIZE],
                 gconstpointer from,
                 gsize len,
                 guint8 *to)
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  int done;
  int ok;

  g_assert (len <= G_MAXINT);
  ok = EVP_EncryptInit_ex2 (context, whim_crypto_get_algorithms ()->ctr, key, iv, NULL);
  if (ok == 1 && len > 0)
    ok = EVP_EncryptUpdate (context, to, &done, from, (int)len);
  g_assert (ok == 1);
  EVP_CIPHER_CTX_free (context);
}

GBytes *
whim_aes256_cbc_encrypt (const guint8 key[32],
                         const guint8 iv[WHIM_AES_BLOCK_SIZE],
                         gconstpointer plain,
                         gsize len)
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  guint8 *to = NULL;
  int done = 0;
  int last = 0;
  int ok;

  g_assert (len <= G_MAXINT - WHIM_AES_BLOCK_SIZE);
  to = g_malloc (len + WHIM_AES_BLOCK_SIZE);
  ok = EVP_EncryptInit_ex2 (context, whim_crypto_get_algorithms ()->cbc, key, iv, NULL);
  if (ok == 1 && len > 0)
    ok = EVP_EncryptUpdate (context, to, &done, plain, (int)len);
  if (ok == 1)
    ok = EVP_EncryptFinal_ex (context, &to[done], &last);
  g_assert (ok == 1);
  EVP_CIPHER_CTX_free (context);
  return g_bytes_new_take (to, (gsize)done + (gsize)last);
}

GBytes *
whim_aes256_cbc_decrypt (const guint8 key[32],
                         const guint8 iv[WHIM_AES_BLOCK_SIZE],
                         gconstpointer cipher,
                         gsize len,
                         GError **error)
{
  EVP_CIPHER_CTX *context;
  guint8 *to;
  int done = 0;
  int last = 0;
  int ok;

  if (len == 0 || len % WHIM_AES_BLOCK_SIZE != 0 || len > G_MAXINT - WHIM_AES_BLOCK_SIZE)
    {
      g_set_error_literal (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_INVALID,
                           "ciphertext is not a number of blocks");
      return NULL;
    }
  context = EVP_CIPHER_CTX_new ();
  to = g_malloc (len + WHIM_AES_BLOCK_SIZE);
  ok = EVP_DecryptInit_ex2 (context, whim_crypto_get_algorithms ()->cbc, key, iv, NULL);
  if (ok == 1)
    ok = EVP_DecryptUpdate (context, to, &done, cipher, (int)len);
  if (ok == 1)
    ok = EVP_DecryptFinal_ex (context, &to[done], &last);
  EVP_CIPHER_CTX_free (context);
  if (ok != 1)
    {
      whim_zero (to, len);
      g_free (to);
      g_set_error_literal (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_AUTHENTICATION,
                           "padding is wrong");
      return NULL;
    }
  return g_bytes_new_take (to, (gsize)done + (gsize)last);
}
