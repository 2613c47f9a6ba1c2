/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "base/whim-log.h"

G_DEFINE_QUARK (whim - messaging - error - quark, whim_messaging_error)

WhimMessenger *
whim_messenger_new (const WhimMessengerConfig *config)
{
  WhimMessenger *self = g_new0 (WhimMessenger, 1);

  self->ref_count = 1;
  self->clock = whim_clock_ref (config->clock);
  self->store = g_object_ref (config->store);
  self->pool = config->pool;
  self->channel_number = config->channel_number;
  self->channel_id = g_strdup (config->channel_id);
  self->linked_at = config->linked_at;
  self->describe = config->describe;
  self->describe_data = config->describe_data;
  self->restrictions = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_restriction_free);
  self->issuing = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->ratchet = whim_ratchet_new (self->store, self->pool, self->channel_number);
  self->identities = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->directory = whim_directory_new (self);
  self->receiver = whim_receiver_new (self);
  self->repairer = whim_repairer_new (self);
  self->answerer = whim_answerer_new (self);
  self->sender = whim_sender_new (self);
  self->key_keeper = whim_key_keeper_new (self);
  return self;
}

WhimMessenger *
whim_messenger_ref (WhimMessenger *self)
{
  self->ref_count++;
  return self;
}

void
whim_messenger_unref (WhimMessenger *self)
{
  if (--self->ref_count > 0)
    return;
  whim_key_keeper_free (self->key_keeper);
  whim_sender_free (self->sender);
  whim_receiver_free (self->receiver);
  whim_repairer_free (self->repairer);
  whim_answerer_free (self->answerer);
  whim_directory_free (self->directory);
  whim_ratchet_free (self->ratchet);
  g_hash_table_unref (self->identities);
  whim_restrictions_clear (self);
  g_ptr_array_unref (self->restrictions);
  g_hash_table_unref (self->issuing);
  g_object_unref (self->store);
  whim_clock_unref (self->clock);
  g_free (self->channel_id);
  g_free (self);
}

void
whim_messenger_close (WhimMessenger *self)
{
  self->session = NULL;
  self->describe = NULL;
  whim_restrictions_clear (self);
  whim_sender_close (self->sender);
  whim_receiver_discard (self->receiver);
  whim_repairer_discard (self->repairer);
  whim_answerer_discard (self->answerer);
  whim_key_keeper_stop (self->key_keeper);
  whim_ratchet_set_keys (self->ratchet, NULL);
}

void
whim_messenger_set_session (WhimMessenger *self, WhimSession *session)
{
  self->session = session;
  whim_messenger_keys_changed (self);
}

gboolean
whim_messenger_is_open (WhimMessenger *self)
{
  return self->session != NULL;
}

const WhimCredentials *
whim_messenger_get_keys (WhimMessenger *self)
{
  return self->session == NULL ? NULL : whim_session_get_credentials (self->session);
}

WhimUnit *
whim_messenger_new_unit (WhimMessenger *self)
{
  return whim_unit_new (self->channel_number);
}

gboolean
whim_messenger_is_own (WhimMessenger *self, const WhimJid *jid)
{
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  const WhimJid *own;

  if (keys == NULL || keys->pn == NULL || !whim_jid_is_user (jid))
    return FALSE;
  own = whim_jid_is_lid (jid) ? keys->lid : keys->pn;
  return own != NULL && g_strcmp0 (whim_jid_get_user (own), whim_jid_get_user (jid)) == 0;
}

void
whim_messenger_keys_changed (WhimMessenger *self)
{
  const WhimCredentials *keys = whim_messenger_get_keys (self);

  if (keys != NULL && !whim_credentials_is_paired (keys))
    keys = NULL;
  whim_restrictions_clear (self); /* of an account that may be another one now */
  whim_receiver_discard (self->receiver);
  whim_repairer_discard (self->repairer);
  whim_answerer_discard (self->answerer);
  whim_sender_discard (self->sender);
  whim_key_keeper_stop (self->key_keeper);
  whim_directory_clear (self->directory);
  g_hash_table_remove_all (self->identities);
  whim_ratchet_set_keys (self->ratchet, keys);
}

static void
own_devices_known_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimMessenger) self = user_data;
  g_autoptr (GPtrArray) devices = whim_directory_get_devices_finish (self->directory, result, NULL);
}

/* Every send needs our own other devices: their list is here before the first one. */
static void
messenger_prepare_own_devices (WhimMessenger *self)
{
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  g_autoptr (GPtrArray) jids = NULL;

  if (keys == NULL || !whim_credentials_is_paired (keys))
    return;
  jids = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_jid_unref);
  g_ptr_array_add (jids, whim_jid_to_bare (keys->lid != NULL ? keys->lid : keys->pn));
  whim_directory_get_devices_async (self->directory, jids, own_devices_known_cb,
                                    whim_messenger_ref (self));
}

/* dossier 2, 10.1: at least once after the login, or people see no name */
static void
messenger_tell_presence (WhimMessenger *self)
{
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  WhimNodeBuilder *builder;
  g_autoptr (WhimNode) presence = NULL;

  if (keys == NULL || !whim_session_can_send (self->session))
    return;
  builder = whim_node_builder_new ("presence");
  whim_node_builder_attr (builder, "type", self->available ? "available" : "unavailable");
  whim_node_builder_attr (builder, "name", keys->push_name);
  presence = whim_node_builder_end (builder);
  self->told_presence = whim_session_send (self->session, presence);
}

void
whim_messenger_set_available (WhimMessenger *self, gboolean available)
{
  if (self->available == available)
    return;
  self->available = available;
  if (self->session != NULL && whim_session_get_state (self->session) == WHIM_SESSION_ONLINE)
    messenger_tell_presence (self);
}

void
whim_messenger_set_pacing (WhimMessenger *self, WhimPacing pacing)
{
  if (self->pacing == pacing)
    return;
  self->pacing = pacing;
  whim_sender_reconsider (self->sender);
}

void
whim_messenger_session_changed (WhimMessenger *self)
{
  if (!whim_session_can_send (self->session))
    {
      whim_receiver_discard (self->receiver);
      whim_repairer_discard (self->repairer);
      whim_answerer_discard (self->answerer);
    }
  if (whim_session_get_state (self->session) != WHIM_SESSION_ONLINE)
    self->told_presence = FALSE;
  else if (!self->told_presence)
    messenger_tell_presence (self);
  whim_sender_session_changed (self->sender);
  if (whim_session_get_state (self->session) == WHIM_SESSION_ONLINE)
    {
      messenger_prepare_own_devices (self);
      whim_repairer_resume (self->repairer);
    }
  /* dossier 1, 9.2: refill when the server has few, after the offline queue */
  if (whim_session_get_state (self->session) == WHIM_SESSION_ONLINE
      && whim_session_get_server_prekeys (self->session) < WHIM_PREKEYS_LOW)
    whim_messenger_upload_prekeys (self, WHIM_PREKEYS_REFILL, NULL, NULL);
  whim_key_keeper_session_changed (self->key_keeper);
}

gboolean
whim_messenger_take_stanza (WhimMessenger *self, WhimNode *stanza)
{
  if (whim_node_is (stanza, "message"))
    return whim_receiver_take (self->receiver, stanza);
  if (whim_node_is (stanza, "receipt"))
    return whim_receiver_take_receipt (self, stanza);
  if (whim_node_is (stanza, "notification"))
    return whim_receiver_take_notification (self, stanza);
  if (whim_node_is (stanza, "ack") || whim_node_is (stanza, "error"))
    return whim_sender_take_ack (self->sender, stanza);
  return FALSE;
}

gboolean
whim_messenger_is_idle (WhimMessenger *self)
{
  return whim_ratchet_is_idle (self->ratchet) && whim_receiver_is_idle (self->receiver)
         && whim_answerer_is_idle (self->answerer) && whim_sender_is_idle (self->sender);
}

/* ---- commits ------------------------------------------------------------------------------- */

typedef struct
{
  WhimMessenger *messenger;
  WhimCommitDone done;
  gpointer data;
} CommitOp;

/* product page, 3.4: later work ran on state that is not on disk: none of it may leave. */
static void
messenger_store_failed (WhimMessenger *self)
{
  if (self->failing)
    return;
  self->failing = TRUE;
  whim_ratchet_drop (self->ratchet);
  whim_receiver_discard (self->receiver);
  whim_repairer_discard (self->repairer);
  whim_answerer_discard (self->answerer);
  whim_sender_discard (self->sender);
  whim_directory_clear (self->directory);
  if (self->session != NULL)
    whim_session_fail (self->session, WHIM_REASON_STORE);
  self->failing = FALSE;
}

static void
committed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  CommitOp *op = user_data;
  g_autoptr (WhimMessenger) self = op->messenger;
  g_autoptr (GError) error = NULL;
  gboolean ok = whim_store_commit_finish (WHIM_STORE (source), result, &error);

  whim_ratchet_release (self->ratchet);
  if (!ok)
    {
      g_warning ("%s: a commit failed: %s", self->channel_id, error->message);
      messenger_store_failed (self);
    }
  if (op->done != NULL)
    op->done (self, ok, op->data);
  g_free (op);
}

void
whim_messenger_commit (WhimMessenger *self, WhimUnit *unit, WhimCommitDone done, gpointer data)
{
  CommitOp *op = g_new0 (CommitOp, 1);

  op->messenger = whim_messenger_ref (self);
  op->done = done;
  op->data = data;
  whim_ratchet_hold (self->ratchet);
  whim_store_commit_async (self->store, unit, NULL, committed_cb, op);
}

/* ---- sending ------------------------------------------------------------------------------- */

void
whim_messenger_send_text_async (WhimMessenger *self,
                                const WhimTextRequest *request,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  whim_sender_accept_text_async (self->sender, request, cancellable, callback, user_data);
}

WhimMessage *
whim_messenger_send_text_finish (WhimMessenger *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
whim_messenger_cancel_async (WhimMessenger *self,
                             const char *message_id,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, whim_messenger_cancel_async);
  g_task_set_check_cancellable (task, FALSE);
  whim_sender_cancel_async (self->sender, message_id, task);
}

gboolean
whim_messenger_cancel_finish (WhimMessenger *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}
