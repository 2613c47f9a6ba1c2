/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "crypto/whim-crypto-private.h"

struct _WhimAead
{
  EVP_CIPHER_CTX *seal;
  EVP_CIPHER_CTX *open;
};

WhimAead *
whim_aead_new (const guint8 key[32])
{
  WhimAead *self = g_new0 (WhimAead, 1);

  self->seal = EVP_CIPHER_CTX_new ();
  self->open = EVP_CIPHER_CTX_new ();
  g_assert (self->seal != NULL && self->open != NULL);
  g_assert (EVP_EncryptInit_ex (self->seal, whim_crypto_get_algorithms ()->gcm, NULL, key, NULL));
  g_assert (EVP_DecryptInit_ex (self->open, whim_crypto_get_algorithms ()->gcm, NULL, key, NULL));
  return self;
}

void
whim_aead_free (WhimAead *self)
{
  EVP_CIPHER_CTX_free (self->seal);
  EVP_CIPHER_CTX_free (self->open);
  g_free (self);
}

void
whim_aead_seal (WhimAead *self,
                const guint8 iv[WHIM_GCM_IV_SIZE],
                gconstpointer aad,
                gsize aad_len,
                gconstpointer from,
                gsize len,
                guint8 *to)
{
  int n = 0;
  int rest = 0;

  g_assert (len <= G_MAXINT && aad_len <= G_MAXINT);
  g_assert (EVP_EncryptInit_ex (self->seal, NULL, NULL, NULL, iv));
  if (aad_len > 0)
    g_assert (EVP_EncryptUpdate (self->seal, NULL, &n, aad, (int)aad_len));
  n = 0;
  if (len > 0)
    g_assert (EVP_EncryptUpdate (self->seal, to, &n, from, (int)len));
  g_assert (EVP_EncryptFinal_ex (self->seal, to + n, &rest));
  g_assert (EVP_CIPHER_CTX_ctrl (self->seal, EVP_CTRL_GCM_GET_TAG, WHIM_GCM_TAG_SIZE, to + len));
}

gboolean
whim_aead_open (WhimAead *self,
                const guint8 iv[WHIM_GCM_IV_SIZE],
                gconstpointer aad,
                gsize aad_len,
                gconstpointer from,
                gsize len,
                guint8 *to)
{
  guint8 tag[WHIM_GCM_TAG_SIZE];
  guint8 nothing[1];
  gsize body;
  int n = 0;
  int rest = 0;

  if (len < WHIM_GCM_TAG_SIZE || len > G_MAXINT || aad_len > G_MAXINT)
    return FALSE;
  body = len - WHIM_GCM_TAG_SIZE;
  for (guint i = 0; i < WHIM_GCM_TAG_SIZE; i++)
    tag[i] = ((const guint8 *)from)[body + i];
  if (!EVP_DecryptInit_ex (self->open, NULL, NULL, NULL, iv)
      || (aad_len > 0 && !EVP_DecryptUpdate (self->open, NULL, &n, aad, (int)aad_len)))
    return FALSE;
  n = 0;
  if (body > 0 && !EVP_DecryptUpdate (self->open, to, &n, from, (int)body))
    return FALSE;
  if (EVP_CIPHER_CTX_ctrl (self->open, EVP_CTRL_GCM_SET_TAG, WHIM_GCM_TAG_SIZE, tag)
      && EVP_DecryptFinal_ex (self->open, body > 0 ? to + n : nothing, &rest) > 0)
    return TRUE;
  whim_zero (to, body);
  return FALSE;
}
