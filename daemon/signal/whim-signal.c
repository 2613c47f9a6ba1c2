/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "signal/whim-signal-private.h"

#include "base/whim-util.h"

#include <protocol.h>
#include <session_builder.h>
#include <session_cipher.h>
#include <session_pre_key.h>
#include <session_record.h>
#include <session_state.h>
#include <string.h>

gboolean
whim_signal_set_error (GError **error, int code)
{
  WhimSignalError mapped;

  switch (code)
    {
    case SG_ERR_NO_SESSION:
      mapped = WHIM_SIGNAL_ERROR_NO_SESSION;
      break;
    case SG_ERR_INVALID_KEY:
      mapped = WHIM_SIGNAL_ERROR_INVALID_KEY;
      break;
    case SG_ERR_INVALID_KEY_ID:
      mapped = WHIM_SIGNAL_ERROR_INVALID_KEY_ID;
      break;
    case SG_ERR_DUPLICATE_MESSAGE:
      mapped = WHIM_SIGNAL_ERROR_DUPLICATE;
      break;
    case SG_ERR_UNTRUSTED_IDENTITY:
      mapped = WHIM_SIGNAL_ERROR_UNTRUSTED;
      break;
    case SG_ERR_INVALID_MESSAGE:
    case SG_ERR_INVALID_MAC:
    case SG_ERR_INVALID_PROTO_BUF:
    case SG_ERR_LEGACY_MESSAGE:
    case SG_ERR_INVALID_VERSION:
      mapped = WHIM_SIGNAL_ERROR_INVALID_MESSAGE;
      break;
    default:
      mapped = WHIM_SIGNAL_ERROR_INTERNAL;
      break;
    }
  g_set_error (error, WHIM_SIGNAL_ERROR, mapped, "libsignal answers %d", code);
  return FALSE;
}

int
whim_signal_judge_input (int result)
{
  return result == SG_ERR_INVAL ? SG_ERR_INVALID_MESSAGE : result;
}

signal_protocol_address
whim_signal_make_address (const char *name, guint device)
{
  signal_protocol_address address = { name, strlen (name), (int32_t)device };

  return address;
}

static int
make_bundle (WhimSignalContext *context,
             const WhimSignalBundle *keys,
             guint device,
             session_pre_key_bundle **bundle)
{
  ec_public_key *identity = NULL;
  ec_public_key *signed_prekey = NULL;
  ec_public_key *prekey = NULL;
  int result = whim_signal_decode_key (keys->identity, &identity, context);

  if (result == 0)
    result = whim_signal_decode_key (keys->signed_prekey, &signed_prekey, context);
  if (result == 0 && keys->has_prekey)
    result = whim_signal_decode_key (keys->prekey, &prekey, context);
  if (result == 0)
    result = session_pre_key_bundle_create (
        bundle, keys->registration_id, (int)device, keys->has_prekey ? keys->prekey_id : 0, prekey,
        keys->signed_prekey_id, signed_prekey, keys->signed_prekey_signature, WHIM_SIGNATURE_SIZE,
        identity);
  SIGNAL_UNREF (identity);
  SIGNAL_UNREF (signed_prekey);
  SIGNAL_UNREF (prekey);
  return result;
}

gboolean
whim_signal_process_bundle (WhimSignalContext *context,
                            WhimSignalCache *cache,
                            const char *name,
                            guint device,
                            const WhimSignalBundle *keys,
                            gboolean *identity_changed,
                            GError **error)
{
  signal_protocol_address address = whim_signal_make_address (name, device);
  signal_protocol_store_context *store = whim_signal_cache_make_store (cache, context);
  session_pre_key_bundle *bundle = NULL;
  session_builder *builder = NULL;
  int result;

  whim_signal_cache_begin (cache);
  result = make_bundle (context, keys, device, &bundle);
  if (result == 0)
    result = session_builder_create (&builder, store, &address, context->context);
  if (result == 0)
    result = session_builder_process_pre_key_bundle (builder, bundle);
  if (identity_changed != NULL)
    *identity_changed = result == 0 && whim_signal_cache_take_identity_changed (cache);
  whim_signal_cache_end (cache, result == 0);
  if (builder != NULL)
    session_builder_free (builder);
  SIGNAL_UNREF (bundle);
  signal_protocol_store_context_destroy (store);
  return result == 0 || whim_signal_set_error (error, result);
}

gboolean
whim_signal_has_session (WhimSignalCache *cache, const char *name, guint device)
{
  g_autofree char *key = whim_signal_address (name, device);

  return whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_SESSION, key) != NULL;
}

GBytes *
whim_signal_encrypt (WhimSignalContext *context,
                     WhimSignalCache *cache,
                     const char *name,
                     guint device,
                     gconstpointer plain,
                     gsize len,
                     WhimSignalType *type,
                     GError **error)
{
  signal_protocol_address address = whim_signal_make_address (name, device);
  signal_protocol_store_context *store;
  session_cipher *cipher = NULL;
  ciphertext_message *message = NULL;
  GBytes *bytes = NULL;
  int result;

  if (!whim_signal_has_session (cache, name, device))
    {
      whim_signal_set_error (error, SG_ERR_NO_SESSION);
      return NULL;
    }
  store = whim_signal_cache_make_store (cache, context);
  whim_signal_cache_begin (cache);
  result = session_cipher_create (&cipher, store, &address, context->context);
  if (result == 0)
    result = session_cipher_encrypt (cipher, plain, len, &message);
  if (result == 0)
    {
      signal_buffer *serialized = ciphertext_message_get_serialized (message);

      bytes = g_bytes_new (signal_buffer_data (serialized), signal_buffer_len (serialized));
      *type = ciphertext_message_get_type (message) == CIPHERTEXT_PREKEY_TYPE
                  ? WHIM_SIGNAL_TYPE_PKMSG
                  : WHIM_SIGNAL_TYPE_MSG;
    }
  whim_signal_cache_end (cache, result == 0);
  SIGNAL_UNREF (message);
  if (cipher != NULL)
    session_cipher_free (cipher);
  signal_protocol_store_context_destroy (store);
  if (result != 0)
    whim_signal_set_error (error, result);
  return bytes;
}

static int
decrypt_pkmsg (WhimSignalContext *context,
               session_cipher *cipher,
               gconstpointer bytes,
               gsize len,
               signal_buffer **plain)
{
  pre_key_signal_message *message = NULL;
  int result = whim_signal_judge_input (
      pre_key_signal_message_deserialize (&message, bytes, len, context->context));

  if (result == 0)
    result = session_cipher_decrypt_pre_key_signal_message (cipher, message, NULL, plain);
  SIGNAL_UNREF (message);
  return result;
}

static int
decrypt_msg (WhimSignalContext *context,
             session_cipher *cipher,
             gconstpointer bytes,
             gsize len,
             signal_buffer **plain)
{
  signal_message *message = NULL;
  int result = whim_signal_judge_input (
      signal_message_deserialize (&message, bytes, len, context->context));

  if (result == 0)
    result = session_cipher_decrypt_signal_message (cipher, message, NULL, plain);
  SIGNAL_UNREF (message);
  return result;
}

GBytes *
whim_signal_decrypt (WhimSignalContext *context,
                     WhimSignalCache *cache,
                     const char *name,
                     guint device,
                     WhimSignalType type,
                     gconstpointer bytes,
                     gsize len,
                     gboolean *identity_changed,
                     GError **error)
{
  signal_protocol_address address = whim_signal_make_address (name, device);
  signal_protocol_store_context *store;
  session_cipher *cipher = NULL;
  signal_buffer *plain = NULL;
  GBytes *out = NULL;
  int result;

  g_return_val_if_fail (type == WHIM_SIGNAL_TYPE_MSG || type == WHIM_SIGNAL_TYPE_PKMSG, NULL);
  store = whim_signal_cache_make_store (cache, context);
  whim_signal_cache_begin (cache);
  result = session_cipher_create (&cipher, store, &address, context->context);
  if (result == 0)
    result = type == WHIM_SIGNAL_TYPE_PKMSG ? decrypt_pkmsg (context, cipher, bytes, len, &plain)
                                            : decrypt_msg (context, cipher, bytes, len, &plain);
  if (result == 0)
    out = g_bytes_new (signal_buffer_data (plain), signal_buffer_len (plain));
  if (identity_changed != NULL)
    *identity_changed = result == 0 && whim_signal_cache_take_identity_changed (cache);
  whim_signal_cache_end (cache, result == 0);
  signal_buffer_bzero_free (plain);
  if (cipher != NULL)
    session_cipher_free (cipher);
  signal_protocol_store_context_destroy (store);
  if (result != 0)
    whim_signal_set_error (error, result);
  return out;
}

gboolean
whim_signal_peek_prekey_ids (WhimSignalContext *context,
                             gconstpointer cipher,
                             gsize len,
                             guint32 *prekey_id,
                             guint32 *signed_prekey_id)
{
  pre_key_signal_message *message = NULL;

  if (pre_key_signal_message_deserialize (&message, cipher, len, context->context) != 0)
    return FALSE;
  *prekey_id = pre_key_signal_message_has_pre_key_id (message)
                   ? pre_key_signal_message_get_pre_key_id (message)
                   : G_MAXUINT32;
  *signed_prekey_id = pre_key_signal_message_get_signed_pre_key_id (message);
  SIGNAL_UNREF (message);
  return TRUE;
}

static gboolean
read_message_key (signal_message *message, guint8 ratchet_key[WHIM_KEY_SIZE], guint32 *counter)
{
  signal_buffer *point = NULL;

  if (ec_public_key_serialize (&point, signal_message_get_sender_ratchet_key (message)) != 0)
    return FALSE;
  whim_copy (ratchet_key, signal_buffer_data (point) + 1, WHIM_KEY_SIZE);
  *counter = signal_message_get_counter (message);
  signal_buffer_free (point);
  return TRUE;
}

gboolean
whim_signal_peek_message_key (WhimSignalContext *context,
                              WhimSignalType type,
                              gconstpointer cipher,
                              gsize len,
                              guint8 ratchet_key[WHIM_KEY_SIZE],
                              guint32 *counter)
{
  pre_key_signal_message *outer = NULL;
  signal_message *message = NULL;
  gboolean ok = FALSE;

  if (type == WHIM_SIGNAL_TYPE_PKMSG)
    {
      if (pre_key_signal_message_deserialize (&outer, cipher, len, context->context) == 0)
        ok = read_message_key (pre_key_signal_message_get_signal_message (outer), ratchet_key,
                               counter);
    }
  else if (signal_message_deserialize (&message, cipher, len, context->context) == 0)
    ok = read_message_key (message, ratchet_key, counter);
  SIGNAL_UNREF (outer);
  SIGNAL_UNREF (message);
  return ok;
}

/* NULL without a session. */
static session_record *
load_record (WhimSignalContext *context, WhimSignalCache *cache, const char *name, guint device)
{
  g_autofree char *key = whim_signal_address (name, device);
  GBytes *bytes = whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_SESSION, key);
  session_record *record = NULL;
  gsize len;
  gconstpointer data;

  if (bytes == NULL)
    return NULL;
  data = g_bytes_get_data (bytes, &len);
  return session_record_deserialize (&record, data, len, context->context) == 0 ? record : NULL;
}

guint32
whim_signal_get_remote_registration_id (WhimSignalContext *context,
                                        WhimSignalCache *cache,
                                        const char *name,
                                        guint device)
{
  session_record *record = load_record (context, cache, name, device);
  guint32 id = 0;

  if (record != NULL)
    id = session_state_get_remote_registration_id (session_record_get_state (record));
  SIGNAL_UNREF (record);
  return id;
}

GBytes *
whim_signal_get_base_key (WhimSignalContext *context,
                          WhimSignalCache *cache,
                          const char *name,
                          guint device)
{
  session_record *record = load_record (context, cache, name, device);
  ec_public_key *key = record == NULL
                           ? NULL
                           : session_state_get_alice_base_key (session_record_get_state (record));
  signal_buffer *point = NULL;
  GBytes *bytes = NULL;

  if (key != NULL && ec_public_key_serialize (&point, key) == 0)
    bytes = g_bytes_new (signal_buffer_data (point), signal_buffer_len (point));
  signal_buffer_free (point);
  SIGNAL_UNREF (record);
  return bytes;
}

void
whim_signal_delete_session (WhimSignalCache *cache, const char *name, guint device)
{
  g_autofree char *key = whim_signal_address (name, device);

  if (whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_SESSION, key) != NULL)
    whim_signal_cache_put (cache, WHIM_SIGNAL_KIND_SESSION, key, NULL);
}
