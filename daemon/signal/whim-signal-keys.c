/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-util.h"
#include "signal/whim-signal-private.h"

#include <curve.h>
#include <key_helper.h>
#include <session_pre_key.h>

#define MAX_PREKEY_ID 16777215u

void
whim_signal_prekey_free (WhimSignalPrekey *self)
{
  g_clear_pointer (&self->record, g_bytes_unref);
  g_free (self);
}

static void
get_public (ec_key_pair *pair, guint8 key[WHIM_KEY_SIZE])
{
  signal_buffer *point = NULL;

  g_assert (ec_public_key_serialize (&point, ec_key_pair_get_public (pair)) == 0);
  g_assert (signal_buffer_len (point) == WHIM_SIGNAL_POINT_SIZE);
  whim_copy (key, signal_buffer_data (point) + 1, WHIM_KEY_SIZE);
  signal_buffer_free (point);
}

static GBytes *
take_buffer (signal_buffer *buffer)
{
  GBytes *bytes = g_bytes_new (signal_buffer_data (buffer), signal_buffer_len (buffer));

  signal_buffer_bzero_free (buffer);
  return bytes;
}

GPtrArray *
whim_signal_generate_prekeys (WhimSignalContext *context, guint32 first, guint n)
{
  GPtrArray *keys = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_prekey_free);

  for (guint i = 0; i < n; i++)
    {
      WhimSignalPrekey *key = g_new0 (WhimSignalPrekey, 1);
      ec_key_pair *pair = NULL;
      session_pre_key *record = NULL;
      signal_buffer *buffer = NULL;

      key->id = (first - 1 + i) % MAX_PREKEY_ID + 1;
      g_assert (curve_generate_key_pair (context->context, &pair) == 0);
      g_assert (session_pre_key_create (&record, key->id, pair) == 0);
      g_assert (session_pre_key_serialize (&buffer, record) == 0);
      key->record = take_buffer (buffer);
      get_public (pair, key->public_key);
      SIGNAL_UNREF (record);
      SIGNAL_UNREF (pair);
      g_ptr_array_add (keys, key);
    }
  return keys;
}

WhimSignalPrekey *
whim_signal_make_signed_prekey (WhimSignalContext *context,
                                WhimKeyPair *pair,
                                guint32 id,
                                gint64 unix_ms,
                                const guint8 signature[WHIM_SIGNATURE_SIZE])
{
  WhimSignalPrekey *key = g_new0 (WhimSignalPrekey, 1);
  ec_public_key *public_key = NULL;
  ec_private_key *private_key = NULL;
  ec_key_pair *key_pair = NULL;
  session_signed_pre_key *record = NULL;
  signal_buffer *buffer = NULL;

  key->id = id;
  whim_copy (key->public_key, whim_key_pair_get_public (pair), WHIM_KEY_SIZE);
  whim_copy (key->signature, signature, WHIM_SIGNATURE_SIZE);
  g_assert (whim_signal_decode_key (key->public_key, &public_key, context) == 0);
  g_assert (curve_decode_private_point (&private_key,
                                        whim_secret_get (whim_key_pair_get_private (pair)),
                                        WHIM_KEY_SIZE, context->context)
            == 0);
  g_assert (ec_key_pair_create (&key_pair, public_key, private_key) == 0);
  g_assert (session_signed_pre_key_create (&record, id, (uint64_t)unix_ms, key_pair, signature,
                                           WHIM_SIGNATURE_SIZE)
            == 0);
  g_assert (session_signed_pre_key_serialize (&buffer, record) == 0);
  key->record = take_buffer (buffer);
  SIGNAL_UNREF (record);
  SIGNAL_UNREF (key_pair);
  SIGNAL_UNREF (public_key);
  SIGNAL_UNREF (private_key);
  return key;
}

gboolean
whim_signal_prekey_record_get_public (WhimSignalContext *context,
                                      GBytes *bytes,
                                      guint8 public_key[WHIM_KEY_SIZE])
{
  session_pre_key *record = NULL;
  gsize len;
  gconstpointer data = g_bytes_get_data (bytes, &len);

  if (session_pre_key_deserialize (&record, data, len, context->context) != 0)
    return FALSE;
  get_public (session_pre_key_get_key_pair (record), public_key);
  SIGNAL_UNREF (record);
  return TRUE;
}

gboolean
whim_signal_signed_prekey_record_get (WhimSignalContext *context,
                                      GBytes *bytes,
                                      WhimKeyPair **pair,
                                      gint64 *made_at,
                                      guint8 signature[WHIM_SIGNATURE_SIZE])
{
  session_signed_pre_key *record = NULL;
  signal_buffer *buffer = NULL;
  g_autoptr (WhimSecret) secret = NULL;
  gboolean valid = FALSE;
  gsize len;
  gconstpointer data = g_bytes_get_data (bytes, &len);

  if (session_signed_pre_key_deserialize (&record, data, len, context->context) != 0)
    return FALSE;
  if (session_signed_pre_key_get_signature_len (record) == WHIM_SIGNATURE_SIZE
      && ec_private_key_serialize (
             &buffer, ec_key_pair_get_private (session_signed_pre_key_get_key_pair (record)))
             == 0)
    {
      secret = whim_secret_new_from (signal_buffer_data (buffer), signal_buffer_len (buffer));
      signal_buffer_bzero_free (buffer);
      *pair = whim_key_pair_new_from_private (secret);
      *made_at = (gint64)session_signed_pre_key_get_timestamp (record);
      whim_copy (signature, session_signed_pre_key_get_signature (record), WHIM_SIGNATURE_SIZE);
      valid = *pair != NULL;
    }
  SIGNAL_UNREF (record);
  return valid;
}

void
whim_signal_digest_keys (const guint8 identity[WHIM_KEY_SIZE],
                         const guint8 signed_prekey[WHIM_KEY_SIZE],
                         const guint8 signature[WHIM_SIGNATURE_SIZE],
                         const guint8 *prekeys,
                         gsize n_prekeys,
                         guint8 digest[WHIM_KEYS_DIGEST_SIZE])
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  g_byte_array_append (bytes, identity, WHIM_KEY_SIZE);
  g_byte_array_append (bytes, signed_prekey, WHIM_KEY_SIZE);
  g_byte_array_append (bytes, signature, WHIM_SIGNATURE_SIZE);
  g_byte_array_append (bytes, prekeys, (guint)(n_prekeys * WHIM_KEY_SIZE));
  whim_sha1 (bytes->data, bytes->len, digest);
}
