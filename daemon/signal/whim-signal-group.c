/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "signal/whim-signal-private.h"

#include <group_cipher.h>
#include <group_session_builder.h>
#include <protocol.h>
#include <sender_key.h>
#include <sender_key_record.h>
#include <sender_key_state.h>
#include <string.h>

/* How far the library itself steps a chain, and how many skipped keys it keeps. */
#define LIBRARY_GAP 2000u

/* One operation on one sender key. */
typedef struct
{
  WhimSignalContext *context;
  WhimSignalCache *cache;
  signal_protocol_store_context *store;
  signal_protocol_sender_key_name name;
  char *key;
} GroupOp;

char *
whim_signal_sender_key (const char *group, const char *name, guint device)
{
  return g_strdup_printf ("%s::%s.%u", group, name, device);
}

static void
group_op_begin (GroupOp *self,
                WhimSignalContext *context,
                WhimSignalCache *cache,
                const char *group,
                const char *name,
                guint device)
{
  self->context = context;
  self->cache = cache;
  self->store = whim_signal_cache_make_store (cache, context);
  self->name.group_id = group;
  self->name.group_id_len = strlen (group);
  self->name.sender = whim_signal_make_address (name, device);
  self->key = whim_signal_sender_key (group, name, device);
  whim_signal_cache_begin (cache);
}

static gboolean
group_op_end (GroupOp *self, int result, GError **error)
{
  whim_signal_cache_end (self->cache, result == 0);
  signal_protocol_store_context_destroy (self->store);
  g_free (self->key);
  return result == 0 || whim_signal_set_error (error, result);
}

/* The record, or NULL in @record when there is none. */
static int
load_record (WhimSignalContext *context,
             WhimSignalCache *cache,
             const char *key,
             sender_key_record **record)
{
  GBytes *bytes;
  gsize len;
  gconstpointer data;

  *record = NULL;
  if (!whim_signal_cache_is_known (cache, WHIM_SIGNAL_KIND_SENDER_KEY, key))
    {
      g_critical ("a sender key was not loaded before it was needed");
      return SG_ERR_UNKNOWN;
    }
  bytes = whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_SENDER_KEY, key);
  if (bytes == NULL)
    return 0;
  data = g_bytes_get_data (bytes, &len);
  return sender_key_record_deserialize (record, data, len, context->context);
}

/* Borrowed from @record; NULL if it holds no such key. */
static sender_key_state *
find_state (sender_key_record *record, guint32 key_id)
{
  sender_key_state *state = NULL;

  if (record == NULL || sender_key_record_get_sender_key_state_by_id (record, &state, key_id) != 0)
    return NULL;
  return state;
}

gboolean
whim_signal_group_get_key_id (WhimSignalContext *context,
                              WhimSignalCache *cache,
                              const char *group,
                              const char *name,
                              guint device,
                              guint32 *key_id)
{
  g_autofree char *key = whim_signal_sender_key (group, name, device);
  sender_key_record *record = NULL;
  sender_key_state *state = NULL;
  gboolean found = FALSE;

  if (load_record (context, cache, key, &record) == 0 && record != NULL
      && !sender_key_record_is_empty (record)
      && sender_key_record_get_sender_key_state (record, &state) == 0)
    {
      *key_id = sender_key_state_get_key_id (state);
      found = TRUE;
    }
  SIGNAL_UNREF (record);
  return found;
}

/* A second copy of a known state would shadow the message keys kept in the first, and push others
 * out of the record, so a repeated distribution is left alone. */
static int
is_repeated (GroupOp *op, sender_key_distribution_message *message, gboolean *repeated)
{
  sender_key_record *record = NULL;
  sender_key_state *state;
  int result = load_record (op->context, op->cache, op->key, &record);

  state = find_state (record, sender_key_distribution_message_get_id (message));
  *repeated = state != NULL
              && ec_public_key_compare (sender_key_state_get_signing_key_public (state),
                                        sender_key_distribution_message_get_signature_key (message))
                     == 0;
  SIGNAL_UNREF (record);
  return result;
}

gboolean
whim_signal_group_process (WhimSignalContext *context,
                           WhimSignalCache *cache,
                           const char *group,
                           const char *name,
                           guint device,
                           gconstpointer distribution,
                           gsize len,
                           GError **error)
{
  GroupOp op;
  sender_key_distribution_message *message = NULL;
  group_session_builder *builder = NULL;
  gboolean repeated = FALSE;
  int result;

  group_op_begin (&op, context, cache, group, name, device);
  result
      = sender_key_distribution_message_deserialize (&message, distribution, len, context->context);
  if (result == 0)
    result = is_repeated (&op, message, &repeated);
  if (result == 0 && !repeated)
    {
      result = group_session_builder_create (&builder, op.store, context->context);
      if (result == 0)
        result = group_session_builder_process_session (builder, &op.name, message);
    }
  if (builder != NULL)
    group_session_builder_free (builder);
  SIGNAL_UNREF (message);
  return group_op_end (&op, result, error);
}

/* Steps the chain of @state to @iteration, keeping the newest message keys on the way. */
static int
step_chain (sender_key_state *state, guint32 iteration)
{
  int result = 0;

  while (result == 0)
    {
      sender_chain_key *chain = sender_key_state_get_chain_key (state);
      sender_chain_key *next = NULL;
      sender_message_key *message_key = NULL;
      guint32 at = sender_chain_key_get_iteration (chain);

      if (at >= iteration)
        break;
      if (iteration - at <= LIBRARY_GAP)
        {
          result = sender_chain_key_create_message_key (chain, &message_key);
          if (result == 0)
            result = sender_key_state_add_sender_message_key (state, message_key);
        }
      if (result == 0)
        result = sender_chain_key_create_next (chain, &next);
      if (result == 0)
        sender_key_state_set_chain_key (state, next);
      SIGNAL_UNREF (message_key);
      SIGNAL_UNREF (next);
    }
  return result;
}

/* The library refuses a message that is more than 2,000 ahead; a group that was silent on this
 * device for long is further. Only a message that the sender signed may make us step. */
static int
catch_up (GroupOp *op, sender_key_message *message)
{
  sender_key_record *record = NULL;
  signal_buffer *buffer = NULL;
  sender_key_state *state;
  guint32 iteration = sender_key_message_get_iteration (message);
  guint32 at;
  int result = load_record (op->context, op->cache, op->key, &record);

  state = find_state (record, sender_key_message_get_key_id (message));
  if (result != 0 || state == NULL)
    goto out;
  at = sender_chain_key_get_iteration (sender_key_state_get_chain_key (state));
  if (iteration < at || iteration - at <= LIBRARY_GAP)
    goto out;
  result = SG_ERR_INVALID_MESSAGE;
  if (iteration - at > WHIM_LIMIT_SENDER_KEY_GAP
      || sender_key_message_verify_signature (message,
                                              sender_key_state_get_signing_key_public (state))
             != 0)
    goto out;
  result = step_chain (state, iteration);
  if (result == 0)
    result = sender_key_record_serialize (&buffer, record);
  if (result == 0)
    {
      g_autoptr (GBytes) bytes
          = g_bytes_new (signal_buffer_data (buffer), signal_buffer_len (buffer));

      whim_signal_cache_put (op->cache, WHIM_SIGNAL_KIND_SENDER_KEY, op->key, bytes);
    }

out:
  signal_buffer_bzero_free (buffer);
  SIGNAL_UNREF (record);
  return result;
}

GBytes *
whim_signal_group_decrypt (WhimSignalContext *context,
                           WhimSignalCache *cache,
                           const char *group,
                           const char *name,
                           guint device,
                           gconstpointer cipher,
                           gsize len,
                           GError **error)
{
  GroupOp op;
  sender_key_message *message = NULL;
  group_cipher *decryptor = NULL;
  signal_buffer *plain = NULL;
  GBytes *out = NULL;
  int result;

  group_op_begin (&op, context, cache, group, name, device);
  result = whim_signal_judge_input (
      sender_key_message_deserialize (&message, cipher, len, context->context));
  if (result == 0)
    result = catch_up (&op, message);
  if (result == 0)
    result = group_cipher_create (&decryptor, op.store, &op.name, context->context);
  if (result == 0)
    result = group_cipher_decrypt (decryptor, message, NULL, &plain);
  if (result == 0)
    out = g_bytes_new (signal_buffer_data (plain), signal_buffer_len (plain));
  signal_buffer_bzero_free (plain);
  if (decryptor != NULL)
    group_cipher_free (decryptor);
  SIGNAL_UNREF (message);
  group_op_end (&op, result, error);
  return out;
}

static GBytes *
dup_serialized (ciphertext_message *message)
{
  signal_buffer *buffer = ciphertext_message_get_serialized (message);

  return g_bytes_new (signal_buffer_data (buffer), signal_buffer_len (buffer));
}

GBytes *
whim_signal_group_distribute (WhimSignalContext *context,
                              WhimSignalCache *cache,
                              const char *group,
                              const char *own_name,
                              guint own_device,
                              GError **error)
{
  GroupOp op;
  sender_key_distribution_message *message = NULL;
  group_session_builder *builder = NULL;
  GBytes *out = NULL;
  int result;

  group_op_begin (&op, context, cache, group, own_name, own_device);
  result = group_session_builder_create (&builder, op.store, context->context);
  if (result == 0)
    result = group_session_builder_create_session (builder, &message, &op.name);
  if (result == 0)
    out = dup_serialized ((ciphertext_message *)message);
  if (builder != NULL)
    group_session_builder_free (builder);
  SIGNAL_UNREF (message);
  group_op_end (&op, result, error);
  return out;
}

GBytes *
whim_signal_group_encrypt (WhimSignalContext *context,
                           WhimSignalCache *cache,
                           const char *group,
                           const char *own_name,
                           guint own_device,
                           gconstpointer plain,
                           gsize len,
                           GError **error)
{
  GroupOp op;
  group_cipher *encryptor = NULL;
  ciphertext_message *message = NULL;
  GBytes *out = NULL;
  int result;

  group_op_begin (&op, context, cache, group, own_name, own_device);
  result = group_cipher_create (&encryptor, op.store, &op.name, context->context);
  if (result == 0)
    result = group_cipher_encrypt (encryptor, plain, len, &message);
  if (result == 0)
    out = dup_serialized (message);
  if (encryptor != NULL)
    group_cipher_free (encryptor);
  SIGNAL_UNREF (message);
  group_op_end (&op, result, error);
  return out;
}
