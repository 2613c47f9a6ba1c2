/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-messenger-private.h"

#include "base/whim-log.h"

/* A device could not decrypt a message of ours (dossier 2, 6.10):
 *
 *   stored message -> session, or keys (its own, from the receipt, or fetched) -> pairwise
 *   ciphertext on the worker -> ratchet committed -> the same id again, to that device alone -> ack
 *
 * A request that is refused is acknowledged as well: it would come again with every login. */

#define MAX_COUNT 5
#define REFETCH_COUNT 2

typedef struct
{
  WhimMessenger *messenger;
  WhimNode *receipt;
  gint64 count;
  WhimJid *device; /* who asks */
  char *name;
  guint number;
  gboolean own;
  gboolean has_bundle;
  WhimSignalBundle bundle;
  GBytes *plain;
  GBytes *cipher;
  WhimSignalType type;
  guint32 session_registration;
  gboolean has_session;
  WhimNode *answer;
} RetryOp;

static void
retry_end (RetryOp *op)
{
  WhimMessenger *self = op->messenger;

  if (whim_messenger_is_open (self) && whim_session_can_send (self->session))
    whim_session_ack (self->session, op->receipt, 0);
  g_clear_pointer (&op->answer, whim_node_unref);
  g_clear_pointer (&op->plain, g_bytes_unref);
  g_clear_pointer (&op->cipher, g_bytes_unref);
  whim_node_unref (op->receipt);
  whim_jid_unref (op->device);
  g_free (op->name);
  g_free (op);
  whim_messenger_unref (self);
}

static void
retry_committed (WhimMessenger *self, gboolean ok, gpointer data)
{
  RetryOp *op = data;

  if (ok && whim_messenger_is_open (self))
    whim_session_send (self->session, op->answer);
  retry_end (op);
}

static WhimNode *
make_answer (RetryOp *op)
{
  const WhimCredentials *keys = whim_messenger_get_keys (op->messenger);
  WhimNodeBuilder *builder = whim_node_builder_new ("message");
  WhimNodeBuilder *enc = whim_node_builder_new ("enc");
  WhimNode *retry = whim_node_find_child (op->receipt, "retry");

  whim_node_builder_attr (builder, "id", whim_node_get_attr (op->receipt, "id"));
  whim_node_builder_attr_jid (builder, "to", whim_node_get_attr_jid (op->receipt, "from"));
  whim_node_builder_attr (builder, "type", "text");
  whim_node_builder_attr (builder, "t", whim_node_get_attr (retry, "t"));
  whim_node_builder_attr (builder, "device_fanout", "false");
  whim_node_builder_attr_jid (builder, "recipient",
                              whim_node_get_attr_jid (op->receipt, "recipient"));
  whim_node_builder_attr (enc, "v", "2");
  whim_node_builder_attr (enc, "type", op->type == WHIM_SIGNAL_TYPE_PKMSG ? "pkmsg" : "msg");
  whim_node_builder_attr_int (enc, "count", op->count);
  whim_node_builder_bytes (enc, op->cipher);
  whim_node_builder_child (builder, whim_node_builder_end (enc));
  if (op->type == WHIM_SIGNAL_TYPE_PKMSG && keys->device_identity != NULL)
    {
      WhimNodeBuilder *identity = whim_node_builder_new ("device-identity");

      whim_node_builder_bytes (identity, keys->device_identity);
      whim_node_builder_child (builder, whim_node_builder_end (identity));
    }
  return whim_node_builder_end (builder);
}

static void
retry_work (WhimSignalContext *context, WhimSignalCache *cache, gpointer job)
{
  RetryOp *op = job;
  g_autoptr (GBytes) padded = whim_content_pad (op->plain);

  if (op->has_bundle
      && !whim_signal_process_bundle (context, cache, op->name, op->number, &op->bundle, NULL,
                                      NULL))
    return;
  op->cipher
      = whim_signal_encrypt (context, cache, op->name, op->number, g_bytes_get_data (padded, NULL),
                             g_bytes_get_size (padded), &op->type, NULL);
}

static void
retry_worked (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  RetryOp *op = job;
  g_autoptr (GPtrArray) owned = changes;
  WhimUnit *unit;

  if (changes == NULL || op->cipher == NULL || whim_messenger_get_keys (op->messenger) == NULL)
    {
      retry_end (op);
      return;
    }
  op->answer = make_answer (op);
  unit = whim_messenger_new_unit (op->messenger);
  whim_unit_put_signal_changes (unit, changes);
  whim_messenger_commit (op->messenger, unit, retry_committed, op);
}

static void
retry_encrypt (RetryOp *op)
{
  GPtrArray *wanted = whim_ratchet_wanted_new ();

  whim_ratchet_want_address (wanted, op->name, op->number);
  whim_ratchet_run (op->messenger->ratchet, wanted, retry_work, op, retry_worked, NULL);
}

static void
retry_keys_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RetryOp *op = user_data;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, NULL);
  WhimNode *list = answer == NULL ? NULL : whim_node_find_child (answer, "list");

  if (list != NULL && whim_node_get_n_children (list) > 0)
    op->has_bundle = whim_bundle_parse (whim_node_get_child (list, 0), &op->bundle);
  if (op->has_bundle && whim_messenger_is_open (op->messenger))
    retry_encrypt (op);
  else
    retry_end (op);
}

static void
retry_fetch_keys (RetryOp *op)
{
  WhimNodeBuilder *iq = whim_session_make_request (op->messenger->session, "get", "encrypt");
  WhimNodeBuilder *key = whim_node_builder_new ("key");
  WhimNodeBuilder *user = whim_node_builder_new ("user");

  whim_node_builder_attr_jid (user, "jid", op->device);
  whim_node_builder_child (key, whim_node_builder_end (user));
  whim_node_builder_child (iq, whim_node_builder_end (key));
  whim_session_request_async (op->messenger->session, whim_node_builder_end (iq), NULL,
                              retry_keys_cb, op);
}

static void
retry_look_work (WhimSignalContext *context, WhimSignalCache *cache, gpointer job)
{
  RetryOp *op = job;

  op->has_session = whim_signal_has_session (cache, op->name, op->number);
  op->session_registration
      = whim_signal_get_remote_registration_id (context, cache, op->name, op->number);
}

static guint32
get_registration (WhimNode *receipt)
{
  WhimNode *node = whim_node_find_child (receipt, "registration");
  gsize len = 0;
  const guint8 *bytes = node == NULL ? NULL : whim_node_get_content (node, &len);

  return len != 4 ? 0
                  : (guint32)bytes[0] << 24 | (guint32)bytes[1] << 16 | (guint32)bytes[2] << 8
                        | bytes[3];
}

static void
retry_looked (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  RetryOp *op = job;
  g_autoptr (GPtrArray) owned = changes;

  if (changes == NULL || !whim_messenger_is_open (op->messenger)
      || !whim_session_can_send (op->messenger->session))
    retry_end (op);
  else if (op->has_bundle)
    retry_encrypt (op);
  else if (!op->has_session || op->count >= REFETCH_COUNT
           || op->session_registration != get_registration (op->receipt))
    retry_fetch_keys (op);
  else
    retry_encrypt (op);
}

/* Only who the message was for may ask for it again. */
static const WhimMessage *
find_for (RetryOp *op, GPtrArray *messages)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (op->device);
  const char *text = whim_jid_get_text (bare);

  for (guint i = 0; i < messages->len; i++)
    {
      const WhimMessage *message = g_ptr_array_index (messages, i);

      if (message->from_me && message->content != NULL
          && (op->own || g_strcmp0 (message->chat_lid, text) == 0
              || g_strcmp0 (message->chat_pn, text) == 0))
        return message;
    }
  return NULL;
}

static void
retry_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RetryOp *op = user_data;
  g_autoptr (GPtrArray) messages
      = whim_store_find_message_finish (WHIM_STORE (source), result, NULL);
  const WhimMessage *message = messages == NULL ? NULL : find_for (op, messages);
  GPtrArray *wanted;

  if (message == NULL || !whim_messenger_is_open (op->messenger))
    {
      retry_end (op);
      return;
    }
  op->plain = op->own ? whim_content_make_device_sent (
                  message->content,
                  message->chat_lid != NULL ? message->chat_lid : message->chat_pn, NULL)
                      : g_bytes_ref (message->content);
  if (op->plain == NULL)
    {
      retry_end (op);
      return;
    }
  wanted = whim_ratchet_wanted_new ();
  whim_ratchet_want_address (wanted, op->name, op->number);
  whim_ratchet_run (op->messenger->ratchet, wanted, retry_look_work, op, retry_looked, NULL);
}

gboolean
whim_sender_answer_retry (WhimMessenger *self, WhimNode *receipt)
{
  WhimNode *retry = whim_node_find_child (receipt, "retry");
  WhimJid *from = whim_node_get_attr_jid (receipt, "from");
  gint64 count = retry == NULL ? 0 : whim_node_get_attr_int (retry, "count", 1);
  g_autoptr (WhimJid) other = NULL;
  RetryOp *op;

  g_info ("%s: a device could not decrypt a message of ours", whim_log_id (self->channel_id));
  if (retry == NULL || count < 1 || count >= MAX_COUNT || !whim_jid_is_user (from))
    return FALSE; /* acknowledged by the session */
  op = g_new0 (RetryOp, 1);
  op->messenger = whim_messenger_ref (self);
  op->receipt = whim_node_ref (receipt);
  op->count = count;
  op->device = whim_jid_ref (from);
  op->number = whim_jid_get_device (from);
  op->own = whim_messenger_is_own (self, from);
  other = whim_jid_is_lid (from) ? NULL : whim_directory_peek_other (self->directory, from);
  op->name = whim_jid_dup_signal_name (other != NULL ? other : from);
  op->has_bundle
      = whim_node_find_child (receipt, "keys") != NULL && whim_bundle_parse (receipt, &op->bundle);
  whim_store_find_message_async (self->store, self->channel_number,
                                 whim_node_get_attr (receipt, "id"), NULL, retry_found_cb, op);
  return TRUE;
}
