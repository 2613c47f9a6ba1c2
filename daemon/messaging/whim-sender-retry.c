/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-log.h"
#include "base/whim-reader.h"
#include "messaging/whim-messenger-private.h"

/* A device could not decrypt a message of ours (dossier 2, 6.10). One request of a device at a
 * time:
 *
 *   stored message, for whom? -> how often before? -> is the device on the list? -> session, or
 * keys (from the receipt, or fetched) -> pairwise ciphertext on the worker -> ratchet and count
 *   committed -> the same id again, to that device alone -> ack
 *
 * A request that is refused is acknowledged as well: it would come again with every login. One that
 * a broken connection interrupts is not. */

#define MAX_COUNT 5
/* Of one message to one device, whatever count it names. */
#define MAX_ANSWERS 10u
/* From when on a session that does not help is made anew, and how often. */
#define RENEW_COUNT 2
#define HOUR_S 3600
#define KEPT_S (14 * 24 * 3600)

typedef struct
{
  WhimMessenger *messenger;
  WhimNode *receipt;
  gint64 count;
  WhimJid *device; /* who asks */
  char *lane_key;
  char *name;
  char *pn_name; /* a session that has not moved yet */
  guint number;
  gboolean own;
  gboolean has_bundle;
  WhimSignalBundle bundle;
  WhimAnswer *before;
  GBytes *plain;
  gboolean forget_session;
  gboolean identity_changed;
  guint32 session_registration;
  GBytes *base_key;
  GBytes *cipher;
  WhimSignalType type;
  gboolean renewed;
  WhimNode *answer;
} RetryOp;

struct _WhimAnswerer
{
  WhimMessenger *messenger;
  WhimLane *lane; /* per device */
};

static void
retry_op_free (gpointer data)
{
  RetryOp *op = data;

  g_clear_pointer (&op->answer, whim_node_unref);
  g_clear_pointer (&op->plain, g_bytes_unref);
  g_clear_pointer (&op->cipher, g_bytes_unref);
  g_clear_pointer (&op->base_key, g_bytes_unref);
  g_clear_pointer (&op->before, whim_answer_free);
  whim_node_unref (op->receipt);
  whim_jid_unref (op->device);
  g_free (op->lane_key);
  g_free (op->name);
  g_free (op->pn_name);
  whim_messenger_unref (op->messenger);
  g_free (op);
}

static gboolean
retry_can_go_on (RetryOp *op)
{
  return whim_messenger_is_open (op->messenger) && whim_messenger_get_keys (op->messenger) != NULL
         && whim_session_can_send (op->messenger->session);
}

/* @done: answered or refused for good; otherwise it comes again. */
static void
retry_end (RetryOp *op, gboolean done)
{
  g_autoptr (WhimMessenger) messenger = whim_messenger_ref (op->messenger);
  g_autofree char *key = g_strdup (op->lane_key);

  if (done && retry_can_go_on (op))
    whim_session_ack (messenger->session, op->receipt, 0);
  retry_op_free (op);
  whim_lane_done (messenger->answerer->lane, key);
}

static void
retry_refuse (RetryOp *op, const char *why)
{
  g_info ("%s: a message of ours is not sent again: %s", whim_log_id (op->messenger->channel_id),
          why);
  retry_end (op, TRUE);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void
retry_committed (WhimMessenger *self, gboolean ok, gpointer data)
{
  RetryOp *op = data;

  if (ok)
    (void)WHIM_FAILPOINT ("answer.after-commit");
  if (ok && retry_can_go_on (op))
    {
      whim_session_send (self->session, op->answer);
      (void)WHIM_FAILPOINT ("answer.after-write");
    }
  retry_end (op, ok);
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
    whim_node_builder_child (
        builder,
        whim_messenger_make_leaf ("device-identity", g_bytes_get_data (keys->device_identity, NULL),
                                  g_bytes_get_size (keys->device_identity)));
  return whim_node_builder_end (builder);
}

static void
retry_work (WhimSignalContext *context, WhimSignalCache *cache, gpointer job)
{
  RetryOp *op = job;
  g_autoptr (GBytes) padded = whim_content_pad (op->plain);

  if (op->pn_name != NULL)
    whim_signal_move_user (context, cache, op->pn_name, op->name, op->number);
  if (op->forget_session)
    whim_signal_delete_session (cache, op->name, op->number);
  if (op->has_bundle
      && !whim_signal_process_bundle (context, cache, op->name, op->number, &op->bundle,
                                      &op->identity_changed, NULL))
    return;
  op->cipher
      = whim_signal_encrypt (context, cache, op->name, op->number, g_bytes_get_data (padded, NULL),
                             g_bytes_get_size (padded), &op->type, NULL);
  g_clear_pointer (&op->base_key, g_bytes_unref);
  if (op->count == RENEW_COUNT)
    op->base_key = whim_signal_get_base_key (context, cache, op->name, op->number);
}

static void
retry_worked (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  RetryOp *op = job;
  g_autoptr (GPtrArray) owned = changes;
  gint64 now = whim_clock_get_unix (op->messenger->clock);
  WhimUnit *unit;

  if (changes == NULL || whim_messenger_get_keys (op->messenger) == NULL)
    {
      retry_end (op, FALSE);
      return;
    }
  unit = whim_messenger_new_unit (op->messenger);
  whim_unit_put_signal_changes (unit, changes);
  if (op->identity_changed)
    whim_identity_note (op->messenger, unit, op->device);
  if (op->cipher == NULL)
    {
      whim_messenger_commit (op->messenger, unit, NULL, NULL);
      retry_refuse (op, "its keys make no session");
      return;
    }
  op->answer = make_answer (op);
  whim_unit_count_answer (unit, op->lane_key, whim_node_get_attr (op->receipt, "id"), op->base_key,
                          op->renewed ? now : 0, now);
  (void)WHIM_FAILPOINT ("answer.before-commit");
  whim_messenger_commit (op->messenger, unit, retry_committed, op);
}

static GPtrArray *
retry_wanted (RetryOp *op)
{
  GPtrArray *wanted = whim_ratchet_wanted_new ();

  whim_ratchet_want_address (wanted, op->name, op->number);
  if (op->pn_name != NULL)
    whim_ratchet_want_address (wanted, op->pn_name, op->number);
  return wanted;
}

static void
retry_encrypt (RetryOp *op)
{
  whim_ratchet_run (op->messenger->ratchet, retry_wanted (op), retry_work, op, retry_worked, NULL);
}

/* ---- a session that the other side can use -----------------------------------------------------
 */

static void
retry_keys_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RetryOp *op = user_data;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, NULL);
  WhimNode *list = answer == NULL ? NULL : whim_node_find_child (answer, "list");

  if (answer == NULL || !retry_can_go_on (op))
    {
      retry_end (op, FALSE);
      return;
    }
  if (list != NULL && whim_node_get_n_children (list) > 0)
    op->has_bundle = whim_bundle_parse (whim_node_get_child (list, 0), &op->bundle);
  if (op->has_bundle)
    retry_encrypt (op);
  else
    retry_refuse (op, "there are no keys of it");
}

static void
retry_fetch_keys (RetryOp *op)
{
  WhimNodeBuilder *iq = whim_session_make_request (op->messenger->session, "get", "encrypt");
  WhimNodeBuilder *key = whim_node_builder_new ("key");
  WhimNodeBuilder *user = whim_node_builder_new ("user");

  op->renewed = TRUE;
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

  if (op->pn_name != NULL)
    whim_signal_move_user (context, cache, op->pn_name, op->name, op->number);
  op->session_registration
      = whim_signal_get_remote_registration_id (context, cache, op->name, op->number);
  op->base_key = whim_signal_get_base_key (context, cache, op->name, op->number);
}

static guint32
get_registration (WhimNode *receipt)
{
  WhimNode *node = whim_node_find_child (receipt, "registration");
  gsize len = 0;
  const guint8 *bytes = node == NULL ? NULL : whim_node_get_content (node, &len);

  return len == 4 ? whim_read_u32_be (bytes) : 0;
}

static void
retry_looked (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  RetryOp *op = job;
  g_autoptr (GPtrArray) owned = changes;
  guint32 registration = get_registration (op->receipt);
  gint64 now = whim_clock_get_unix (op->messenger->clock);
  WhimUnit *unit;

  if (changes == NULL || !retry_can_go_on (op))
    {
      retry_end (op, FALSE);
      return;
    }
  if (changes->len > 0)
    {
      unit = whim_messenger_new_unit (op->messenger);
      whim_unit_put_signal_changes (unit, changes);
      whim_messenger_commit (op->messenger, unit, NULL, NULL);
    }
  /* the device was installed anew, or did not take up the session that it was given last time */
  op->forget_session = op->base_key != NULL
                       && ((registration != 0 && registration != op->session_registration)
                           || (op->count > RENEW_COUNT && op->before->base_key != NULL
                               && g_bytes_equal (op->base_key, op->before->base_key)));
  if (op->has_bundle)
    {
      op->renewed = TRUE;
      retry_encrypt (op);
    }
  else if (op->base_key == NULL || op->forget_session
           || (op->count >= RENEW_COUNT && now - op->before->renewed_at > HOUR_S))
    retry_fetch_keys (op);
  else
    retry_encrypt (op);
}

/* ---- may it be asked for? ----------------------------------------------------------------------
 */

/* Only devices that the service names: an address alone proves nothing. */
static void
retry_devices_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RetryOp *op = user_data;
  g_autoptr (GPtrArray) devices
      = whim_directory_get_devices_finish (op->messenger->directory, result, NULL);
  gboolean known = FALSE;

  if (devices == NULL || !retry_can_go_on (op))
    {
      retry_end (op, FALSE);
      return;
    }
  for (guint i = 0; i < devices->len; i++)
    known = known || whim_jid_equal (g_ptr_array_index (devices, i), op->device);
  if (!known)
    retry_refuse (op, "a device that its account does not have");
  else
    whim_ratchet_run (op->messenger->ratchet, retry_wanted (op), retry_look_work, op, retry_looked,
                      NULL);
}

static void
retry_counted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RetryOp *op = user_data;
  g_autoptr (GPtrArray) jids = NULL;

  op->before = whim_store_find_answer_finish (WHIM_STORE (source), result, NULL);
  if (op->before == NULL || !retry_can_go_on (op))
    {
      retry_end (op, FALSE);
      return;
    }
  if (op->before->count >= MAX_ANSWERS || op->before->recent >= WHIM_LIMIT_ANSWERS_PER_HOUR)
    {
      retry_refuse (op, "too often");
      return;
    }
  jids = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_jid_unref);
  g_ptr_array_add (jids, whim_jid_to_bare (op->device));
  whim_directory_get_devices_async (op->messenger->directory, jids, retry_devices_cb, op);
}

/* Only who the message was for may ask for it again, and not for ever. */
static const WhimMessage *
find_for (RetryOp *op, GPtrArray *messages)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (op->device);
  const char *text = whim_jid_get_text (bare);
  gint64 oldest = whim_clock_get_unix (op->messenger->clock) - KEPT_S;

  for (guint i = 0; i < messages->len; i++)
    {
      const WhimMessage *message = g_ptr_array_index (messages, i);

      if (message->from_me && message->content != NULL && message->timestamp >= oldest
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
  WhimMessenger *messenger = op->messenger;
  g_autoptr (GPtrArray) messages
      = whim_store_find_message_finish (WHIM_STORE (source), result, NULL);
  const WhimMessage *message = messages == NULL ? NULL : find_for (op, messages);

  if (messages == NULL || !retry_can_go_on (op))
    {
      retry_end (op, FALSE);
      return;
    }
  if (message != NULL)
    op->plain = op->own ? whim_content_make_device_sent (
                    message->content,
                    message->chat_lid != NULL ? message->chat_lid : message->chat_pn, NULL)
                        : g_bytes_ref (message->content);
  if (op->plain == NULL)
    {
      retry_refuse (op, "none of ours to it");
      return;
    }
  whim_store_find_answer_async (messenger->store, messenger->channel_number, op->lane_key,
                                whim_node_get_attr (op->receipt, "id"),
                                whim_clock_get_unix (messenger->clock) - HOUR_S, NULL,
                                retry_counted_cb, op);
}

static void
answerer_run (gpointer job, gpointer user_data)
{
  WhimAnswerer *self = user_data;
  RetryOp *op = job;

  whim_store_find_message_async (self->messenger->store, self->messenger->channel_number,
                                 whim_node_get_attr (op->receipt, "id"), NULL, retry_found_cb, op);
}

gboolean
whim_answerer_take (WhimAnswerer *self, WhimNode *receipt)
{
  WhimMessenger *messenger = self->messenger;
  WhimNode *retry = whim_node_find_child (receipt, "retry");
  WhimJid *from = whim_node_get_attr_jid (receipt, "from");
  gint64 count = retry == NULL ? 0 : whim_node_get_attr_int (retry, "count", 1);
  g_autoptr (WhimJid) lid = NULL;
  g_autoptr (WhimJid) other = NULL;
  gboolean own;
  RetryOp *op;

  if (retry == NULL || count < 1 || count >= MAX_COUNT || !whim_jid_is_user (from))
    return FALSE; /* acknowledged by the session */
  own = whim_messenger_is_own (messenger, from);
  if (own && whim_node_get_attr (receipt, "recipient") == NULL)
    return FALSE;
  if (whim_lane_get_length (self->lane) >= WHIM_LIMIT_INBOX)
    {
      whim_session_fail (messenger->session, WHIM_REASON_PROTOCOL);
      return TRUE;
    }
  other = whim_directory_peek_other (messenger->directory, from);
  lid = whim_jid_is_lid (from) ? whim_jid_to_bare (from)
        : other == NULL        ? NULL
                               : whim_jid_ref (other);
  op = g_new0 (RetryOp, 1);
  op->messenger = whim_messenger_ref (messenger);
  op->receipt = whim_node_ref (receipt);
  op->count = count;
  op->own = own;
  op->device = whim_jid_ref (from);
  op->number = whim_jid_get_device (from);
  op->name = whim_devices_signal_name (lid != NULL ? lid : from, op->number);
  op->lane_key = whim_signal_address (op->name, op->number);
  if (lid != NULL && (other != NULL || !whim_jid_is_lid (from)))
    op->pn_name = whim_devices_signal_name (whim_jid_is_lid (from) ? other : from, op->number);
  op->has_bundle
      = whim_node_find_child (receipt, "keys") != NULL && whim_bundle_parse (receipt, &op->bundle);
  whim_lane_push (self->lane, op->lane_key, op);
  return TRUE;
}

WhimAnswerer *
whim_answerer_new (WhimMessenger *messenger)
{
  WhimAnswerer *self = g_new0 (WhimAnswerer, 1);

  self->messenger = messenger;
  self->lane = whim_lane_new (answerer_run, self, retry_op_free);
  return self;
}

void
whim_answerer_free (WhimAnswerer *self)
{
  whim_lane_free (self->lane);
  g_free (self);
}

void
whim_answerer_discard (WhimAnswerer *self)
{
  whim_lane_discard (self->lane);
}

gboolean
whim_answerer_is_idle (WhimAnswerer *self)
{
  return whim_lane_get_length (self->lane) == 0;
}
