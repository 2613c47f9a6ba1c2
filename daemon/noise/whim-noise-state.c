/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "noise/whim-noise-private.h"

#include "base/whim-util.h"
#include "base/whim-writer.h"

struct _WhimNoiseCipher
{
  WhimAead *aead;
  guint32 n;
};

G_DEFINE_QUARK (whim - noise - error - quark, whim_noise_error)

/* Eight zero bytes and the counter, big endian. */
static void
make_iv (guint32 n, guint8 iv[WHIM_GCM_IV_SIZE])
{
  for (guint i = 0; i < 8; i++)
    iv[i] = 0;
  whim_write_u32_be (iv + 8, n);
}

void
whim_noise_state_init (NoiseState *self, const char *name, gsize len)
{
  if (len == sizeof self->h)
    whim_copy (self->h, name, len);
  else
    whim_sha256 (name, len, self->h);
  self->ck = whim_secret_new_from (self->h, sizeof self->h);
  self->aead = whim_aead_new (self->h);
  self->n = 0;
}

void
whim_noise_state_clear (NoiseState *self)
{
  g_clear_pointer (&self->ck, whim_secret_unref);
  g_clear_pointer (&self->aead, whim_aead_free);
}

void
whim_noise_state_authenticate (NoiseState *self, gconstpointer data, gsize len)
{
  WhimWriter writer;
  g_autoptr (GBytes) joined = NULL;

  whim_writer_init (&writer, len + sizeof self->h);
  whim_writer_put (&writer, self->h, sizeof self->h);
  whim_writer_put (&writer, data, len);
  joined = whim_writer_end (&writer);
  whim_sha256 (g_bytes_get_data (joined, NULL), g_bytes_get_size (joined), self->h);
}

static void
state_expand (NoiseState *self,
              gconstpointer ikm,
              gsize len,
              WhimSecret **first,
              WhimSecret **second)
{
  g_autoptr (WhimSecret) both = whim_hkdf_sha256 (ikm, len, whim_secret_get (self->ck), 32, "", 64);

  *first = whim_secret_new_from (whim_secret_get (both), 32);
  *second = whim_secret_new_from (whim_secret_get (both) + 32, 32);
}

gboolean
whim_noise_state_mix (NoiseState *self, WhimKeyPair *own, const guint8 *theirs, GError **error)
{
  g_autoptr (WhimSecret) shared = whim_x25519 (own, theirs, error);
  g_autoptr (WhimSecret) key = NULL;
  WhimSecret *ck;

  if (shared == NULL)
    {
      g_clear_error (error);
      g_set_error_literal (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_MALFORMED,
                           "a key of the other side cannot be used");
      return FALSE;
    }
  state_expand (self, whim_secret_get (shared), 32, &ck, &key);
  whim_secret_unref (self->ck);
  self->ck = ck;
  whim_aead_free (self->aead);
  self->aead = whim_aead_new (whim_secret_get (key));
  self->n = 0;
  return TRUE;
}

GBytes *
whim_noise_state_encrypt (NoiseState *self, gconstpointer plain, gsize len)
{
  guint8 *cipher = g_malloc (len + WHIM_GCM_TAG_SIZE);
  guint8 iv[WHIM_GCM_IV_SIZE];

  make_iv (self->n++, iv);
  whim_aead_seal (self->aead, iv, self->h, sizeof self->h, plain, len, cipher);
  whim_noise_state_authenticate (self, cipher, len + WHIM_GCM_TAG_SIZE);
  return g_bytes_new_take (cipher, len + WHIM_GCM_TAG_SIZE);
}

GBytes *
whim_noise_state_decrypt (NoiseState *self, const ProtobufCBinaryData *cipher, GError **error)
{
  g_autofree guint8 *plain = NULL;
  guint8 iv[WHIM_GCM_IV_SIZE];

  plain = g_malloc (cipher->len + 1);
  make_iv (self->n++, iv);
  if (!whim_aead_open (self->aead, iv, self->h, sizeof self->h, cipher->data, cipher->len, plain))
    {
      g_set_error_literal (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_DECRYPT,
                           "the handshake does not authenticate");
      return NULL;
    }
  whim_noise_state_authenticate (self, cipher->data, cipher->len);
  return g_bytes_new_take (g_steal_pointer (&plain), cipher->len - WHIM_GCM_TAG_SIZE);
}

static WhimNoiseCipher *
cipher_new (WhimSecret *key)
{
  WhimNoiseCipher *self = g_new0 (WhimNoiseCipher, 1);

  self->aead = whim_aead_new (whim_secret_get (key));
  return self;
}

void
whim_noise_state_split (NoiseState *self, WhimNoiseCipher **first, WhimNoiseCipher **second)
{
  g_autoptr (WhimSecret) a = NULL;
  g_autoptr (WhimSecret) b = NULL;

  state_expand (self, NULL, 0, &a, &b);
  *first = cipher_new (a);
  *second = cipher_new (b);
}

void
whim_noise_cipher_free (WhimNoiseCipher *self)
{
  whim_aead_free (self->aead);
  g_free (self);
}

GBytes *
whim_noise_cipher_seal (WhimNoiseCipher *self, GBytes *plain)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (plain, &len);
  guint8 *cipher = g_malloc (len + WHIM_GCM_TAG_SIZE);
  guint8 iv[WHIM_GCM_IV_SIZE];

  make_iv (self->n++, iv);
  whim_aead_seal (self->aead, iv, NULL, 0, data, len, cipher);
  return g_bytes_new_take (cipher, len + WHIM_GCM_TAG_SIZE);
}

GBytes *
whim_noise_cipher_open (WhimNoiseCipher *self, GBytes *cipher, GError **error)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (cipher, &len);
  g_autofree guint8 *plain = g_malloc (len + 1);
  guint8 iv[WHIM_GCM_IV_SIZE];

  make_iv (self->n++, iv);
  if (!whim_aead_open (self->aead, iv, NULL, 0, data, len, plain))
    {
      g_set_error_literal (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_DECRYPT,
                           "a frame does not authenticate");
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&plain), len - WHIM_GCM_TAG_SIZE);
}
