/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "base/whim-failpoint.h"

/* One row from content to stanza (dossier 2, 4.2):
 *
 *   other name -> device lists -> sessions in the cache -> missing keys, one fetch for all ->
 *   sessions and ciphertexts on the worker -> commit of ratchets and stanza -> done
 */

typedef struct
{
  WhimJid *jid; /* with device */
  char *name;   /* Signal */
  char *pn_name;
  guint device;
  gboolean own;
  gboolean has_session;
  gboolean has_bundle;
  gboolean identity_changed;
  WhimSignalBundle bundle;
  GBytes *cipher;
  WhimSignalType type;
} Target;

typedef struct
{
  WhimMessenger *messenger;
  WhimSealStep committing;
  WhimSealDone done;
  gpointer data;
  const WhimOutboxRow *row; /* the caller's, until @done */
  WhimStanding *standing;   /* (nullable) */
  gint64 number;
  char *message_id;
  GBytes *content;
  WhimJid *chat;      /* the row's address */
  WhimJid *other;     /* its other name */
  WhimJid *to;        /* LID preferred */
  GPtrArray *targets; /* of Target */
  GBytes *device_sent;
  GBytes *stanza;
} SealOp;

static void
target_free (gpointer data)
{
  Target *target = data;

  whim_jid_unref (target->jid);
  g_free (target->name);
  g_free (target->pn_name);
  g_clear_pointer (&target->cipher, g_bytes_unref);
  g_free (target);
}

static void
seal_end (SealOp *op, GBytes *stanza, GError *error)
{
  op->done (op->messenger, stanza, error, op->data);
  g_clear_error (&error);
  g_clear_pointer (&op->standing, whim_standing_free);
  g_clear_pointer (&op->chat, whim_jid_unref);
  g_clear_pointer (&op->other, whim_jid_unref);
  g_clear_pointer (&op->to, whim_jid_unref);
  g_clear_pointer (&op->targets, g_ptr_array_unref);
  g_clear_pointer (&op->device_sent, g_bytes_unref);
  g_clear_pointer (&op->stanza, g_bytes_unref);
  g_bytes_unref (op->content);
  g_free (op->message_id);
  g_free (op);
}

static gboolean
seal_is_alive (SealOp *op)
{
  if (whim_messenger_is_open (op->messenger) && whim_messenger_get_keys (op->messenger) != NULL
      && whim_session_can_send (op->messenger->session))
    return TRUE;
  seal_end (op, NULL,
            g_error_new_literal (WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED,
                                 "the connection ended"));
  return FALSE;
}

/* ---- commit ---------------------------------------------------------------------------------- */

static void
seal_committed (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  SealOp *op = data;

  if (ok)
    {
      (void)WHIM_FAILPOINT ("send.after-seal-commit");
      seal_end (op, op->stanza, NULL);
    }
  else
    seal_end (op, NULL,
              g_error_new_literal (WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_STORE,
                                   "the sealed message could not be stored"));
}

static void
add_enc (WhimNodeBuilder *participants, const Target *target)
{
  WhimNodeBuilder *to = whim_node_builder_new ("to");
  WhimNodeBuilder *enc = whim_node_builder_new ("enc");

  whim_node_builder_attr_jid (to, "jid", target->jid);
  whim_node_builder_attr (enc, "v", "2");
  whim_node_builder_attr (enc, "type", target->type == WHIM_SIGNAL_TYPE_PKMSG ? "pkmsg" : "msg");
  whim_node_builder_bytes (enc, target->cipher);
  whim_node_builder_child (to, whim_node_builder_end (enc));
  whim_node_builder_child (participants, whim_node_builder_end (to));
}

static GBytes *
make_stanza (SealOp *op, gboolean pkmsg)
{
  const WhimCredentials *keys = whim_messenger_get_keys (op->messenger);
  WhimNodeBuilder *builder = whim_node_builder_new ("message");
  WhimNodeBuilder *participants = whim_node_builder_new ("participants");
  WhimJid *pn = whim_jid_is_lid (op->chat) ? op->other : op->chat;
  WhimNode *token
      = whim_tokens_make_node (op->standing, op->to, whim_clock_get_unix (op->messenger->clock));
  g_autoptr (WhimNode) node = NULL;

  whim_node_builder_attr (builder, "id", op->message_id);
  whim_node_builder_attr_jid (builder, "to", op->to);
  whim_node_builder_attr (builder, "type", "text");
  if (whim_jid_is_lid (op->to))
    whim_node_builder_attr_jid (builder, "peer_recipient_pn", pn);
  for (guint i = 0; i < op->targets->len; i++)
    {
      const Target *target = g_ptr_array_index (op->targets, i);

      if (target->cipher != NULL)
        add_enc (participants, target);
    }
  whim_node_builder_child (builder, whim_node_builder_end (participants));
  if (pkmsg && keys->device_identity != NULL)
    {
      /* without it the receiver cannot verify a companion and asks again for ever (4.2) */
      WhimNodeBuilder *identity = whim_node_builder_new ("device-identity");

      whim_node_builder_bytes (identity, keys->device_identity);
      whim_node_builder_child (builder, whim_node_builder_end (identity));
    }
  if (token != NULL)
    whim_node_builder_child (builder, token); /* the last child (4.9) */
  node = whim_node_builder_end (builder);
  return whim_node_encode (node);
}

static void
seal_encrypted (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  SealOp *op = job;
  g_autoptr (GPtrArray) owned = changes;
  gboolean any = FALSE;
  gboolean pkmsg = FALSE;
  WhimUnit *unit;

  if (changes == NULL || !whim_messenger_is_open (op->messenger)
      || whim_messenger_get_keys (op->messenger) == NULL)
    {
      seal_end (op, NULL,
                g_error_new_literal (WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED,
                                     "the ratchet was reset"));
      return;
    }
  for (guint i = 0; i < op->targets->len; i++)
    {
      const Target *target = g_ptr_array_index (op->targets, i);

      if (target->cipher == NULL)
        continue;
      any = any || !target->own || whim_messenger_is_own (op->messenger, op->to);
      pkmsg = pkmsg || target->type == WHIM_SIGNAL_TYPE_PKMSG;
    }
  unit = whim_messenger_new_unit (op->messenger);
  whim_unit_put_signal_changes (unit, changes);
  for (guint i = 0; i < op->targets->len; i++)
    if (((const Target *)g_ptr_array_index (op->targets, i))->identity_changed)
      whim_identity_note (op->messenger, unit, ((Target *)g_ptr_array_index (op->targets, i))->jid);
  if (!any)
    {
      /* The ratchets that did move are kept; the row is tried again later. */
      whim_messenger_commit (op->messenger, unit, NULL, NULL);
      seal_end (op, NULL,
                g_error_new_literal (WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_MALFORMED,
                                     "no device of the recipient has usable keys"));
      return;
    }
  op->stanza = make_stanza (op, pkmsg);
  if (op->row->not_before != 0) /* held no longer */
    whim_unit_hold_outbox (unit, op->row, 0, NULL, 0, NULL);
  whim_unit_seal_outbox (unit, op->number, op->stanza);
  whim_unit_put_timeline (unit, op->message_id, whim_clock_get_unix_ms (op->messenger->clock),
                          "sealed", NULL, NULL);
  (void)WHIM_FAILPOINT ("send.before-seal-commit");
  whim_messenger_commit (op->messenger, unit, seal_committed, op);
  op->committing (op->messenger, op->data);
}

/* ---- on the worker --------------------------------------------------------------------------- */

static void
seal_work (WhimSignalContext *context, WhimSignalCache *cache, gpointer job)
{
  SealOp *op = job;

  for (guint i = 0; i < op->targets->len; i++)
    {
      Target *target = g_ptr_array_index (op->targets, i);
      g_autoptr (GBytes) padded = whim_content_pad (target->own ? op->device_sent : op->content);

      if (target->pn_name != NULL)
        whim_signal_move_user (context, cache, target->pn_name, target->name, target->device);
      if (!whim_signal_has_session (cache, target->name, target->device)
          && (!target->has_bundle
              || !whim_signal_process_bundle (context, cache, target->name, target->device,
                                              &target->bundle, &target->identity_changed, NULL)))
        continue;
      target->cipher = whim_signal_encrypt (context, cache, target->name, target->device,
                                            g_bytes_get_data (padded, NULL),
                                            g_bytes_get_size (padded), &target->type, NULL);
    }
}

static GPtrArray *
seal_wanted (SealOp *op)
{
  GPtrArray *wanted = whim_ratchet_wanted_new ();

  for (guint i = 0; i < op->targets->len; i++)
    {
      const Target *target = g_ptr_array_index (op->targets, i);

      whim_ratchet_want_address (wanted, target->name, target->device);
      if (target->pn_name != NULL)
        whim_ratchet_want_address (wanted, target->pn_name, target->device);
    }
  return wanted;
}

static void
seal_encrypt (SealOp *op)
{
  whim_ratchet_run (op->messenger->ratchet, seal_wanted (op), seal_work, op, seal_encrypted, NULL);
}

/* ---- missing keys (dossier 2, 3.1) ------------------------------------------------------------
 */

static void
seal_keys_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  SealOp *op = user_data;
  GError *error = NULL;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, &error);
  WhimNode *list = answer == NULL ? NULL : whim_node_find_child (answer, "list");

  if (list == NULL)
    {
      seal_end (op, NULL,
                error != NULL
                    ? error
                    : g_error_new_literal (WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_MALFORMED,
                                           "the answer has no list"));
      return;
    }
  WHIM_FOREACH_CHILD (list, user)
    {
      WhimJid *jid = whim_node_get_attr_jid (user, "jid");

      for (guint i = 0; jid != NULL && i < op->targets->len; i++)
        {
          Target *target = g_ptr_array_index (op->targets, i);

          if (whim_jid_equal (jid, target->jid))
            target->has_bundle = whim_bundle_parse (user, &target->bundle);
        }
    }
  if (seal_is_alive (op))
    seal_encrypt (op);
}

static void
seal_fetch_keys (SealOp *op)
{
  WhimNodeBuilder *iq = whim_session_make_request (op->messenger->session, "get", "encrypt");
  WhimNodeBuilder *key = whim_node_builder_new ("key");

  for (guint i = 0; i < op->targets->len; i++)
    {
      const Target *target = g_ptr_array_index (op->targets, i);
      WhimNodeBuilder *user;

      if (target->has_session)
        continue;
      user = whim_node_builder_new ("user");
      whim_node_builder_attr_jid (user, "jid", target->jid);
      whim_node_builder_child (key, whim_node_builder_end (user));
    }
  whim_node_builder_child (iq, whim_node_builder_end (key));
  whim_session_request_async (op->messenger->session, whim_node_builder_end (iq), NULL,
                              seal_keys_cb, op);
}

static void
seal_sessions_known (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  SealOp *op = job;
  g_autoptr (GPtrArray) owned = changes;
  gboolean complete = TRUE;

  if (changes == NULL)
    {
      seal_end (op, NULL,
                g_error_new_literal (WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED,
                                     "the ratchet was reset"));
      return;
    }
  for (guint i = 0; i < op->targets->len; i++)
    {
      Target *target = g_ptr_array_index (op->targets, i);

      target->has_session
          = whim_signal_has_session (cache, target->name, target->device)
            || (target->pn_name != NULL
                && whim_signal_has_session (cache, target->pn_name, target->device));
      complete = complete && target->has_session;
    }
  if (!seal_is_alive (op))
    return;
  if (complete)
    seal_encrypt (op);
  else
    seal_fetch_keys (op);
}

/* ---- devices -----------------------------------------------------------------------------------
 */

static void
add_target (SealOp *op, WhimJid *jid)
{
  const WhimCredentials *keys = whim_messenger_get_keys (op->messenger);
  gboolean own = whim_messenger_is_own (op->messenger, jid);
  Target *target;

  if (own && whim_jid_get_device (jid) == whim_jid_get_device (keys->pn))
    return; /* this very device */
  target = g_new0 (Target, 1);
  target->jid = whim_jid_ref (jid);
  target->device = whim_jid_get_device (jid);
  target->own = own;
  target->name = whim_jid_dup_signal_name (jid);
  if (whim_jid_is_lid (jid))
    {
      g_autoptr (WhimJid) pn = whim_directory_peek_other (op->messenger->directory, jid);

      if (pn != NULL)
        target->pn_name = whim_devices_signal_name (pn, target->device);
    }
  g_ptr_array_add (op->targets, target);
}

static void
seal_take_devices (SealOp *op, GPtrArray *devices)
{
  gboolean recipient = FALSE;

  op->targets = g_ptr_array_new_with_free_func (target_free);
  for (guint i = 0; i < devices->len; i++)
    {
      WhimJid *jid = g_ptr_array_index (devices, i);
      g_autoptr (WhimJid) bare = whim_jid_to_bare (jid);

      recipient = recipient || whim_jid_equal (bare, op->to);
      add_target (op, jid);
    }
  if (!recipient)
    {
      seal_end (op, NULL,
                g_error_new_literal (WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN,
                                     "the recipient has no device"));
      return;
    }
  op->device_sent = whim_content_make_device_sent (op->content, whim_jid_get_text (op->to), NULL);
  whim_ratchet_run (op->messenger->ratchet, seal_wanted (op), NULL, op, seal_sessions_known, NULL);
}

static void
seal_devices_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  SealOp *op = user_data;
  GError *error = NULL;
  g_autoptr (GPtrArray) devices
      = whim_directory_get_devices_finish (op->messenger->directory, result, &error);

  if (devices == NULL)
    seal_end (op, NULL, error);
  else if (seal_is_alive (op))
    seal_take_devices (op, devices);
}

static void
seal_find_devices (SealOp *op)
{
  const WhimCredentials *keys = whim_messenger_get_keys (op->messenger);
  g_autoptr (GPtrArray) jids = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_jid_unref);
  g_autoptr (GPtrArray) devices = NULL;
  WhimJid *lid = whim_jid_is_lid (op->chat) ? op->chat : op->other;

  op->to = whim_jid_ref (lid != NULL ? lid : op->chat);
  g_ptr_array_add (jids, whim_jid_ref (op->to));
  if (!whim_messenger_is_own (op->messenger, op->to))
    {
      /* our own devices by the same kind of name as the recipient (dossier 2, 1.4) */
      WhimJid *own = whim_jid_is_lid (op->to) && keys->lid != NULL ? keys->lid : keys->pn;

      g_ptr_array_add (jids, whim_jid_to_bare (own));
    }
  devices = whim_directory_peek_all_devices (op->messenger->directory, jids);
  if (devices != NULL)
    seal_take_devices (op, devices);
  else
    whim_directory_get_devices_async (op->messenger->directory, jids, seal_devices_cb, op);
}

/* ---- names -------------------------------------------------------------------------------------
 */

static void
seal_checked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  SealOp *op = user_data;
  GError *error = NULL;
  WhimJid *jid = NULL;
  gboolean registered = whim_directory_check_number_finish (op->messenger->directory, result, &jid,
                                                            &op->other, &error);

  g_clear_pointer (&jid, whim_jid_unref);
  if (!registered)
    {
      seal_end (op, NULL,
                error != NULL ? error
                              : g_error_new_literal (WHIM_MESSAGING_ERROR,
                                                     WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN,
                                                     "not on WhatsApp"));
      return;
    }
  if (seal_is_alive (op))
    seal_find_devices (op);
}

static void
seal_other_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  SealOp *op = user_data;

  op->other = whim_directory_find_other_finish (op->messenger->directory, result);
  if (!seal_is_alive (op))
    return;
  if (op->other == NULL && !whim_jid_is_lid (op->chat))
    whim_directory_check_number_async (op->messenger->directory, whim_jid_get_user (op->chat), NULL,
                                       seal_checked_cb, op);
  else
    seal_find_devices (op);
}

void
whim_sender_seal (WhimMessenger *self,
                  const WhimOutboxRow *row,
                  WhimStanding *standing,
                  WhimSealStep committing,
                  WhimSealDone done,
                  gpointer data)
{
  SealOp *op = g_new0 (SealOp, 1);

  op->messenger = self;
  op->committing = committing;
  op->done = done;
  op->data = data;
  op->row = row;
  op->standing = standing;
  op->number = row->number;
  op->message_id = g_strdup (row->message_id);
  op->content = g_bytes_ref (row->content);
  op->chat = whim_jid_parse (row->chat, NULL);
  if (op->chat == NULL)
    {
      seal_end (op, NULL,
                g_error_new_literal (WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN,
                                     "not an address"));
      return;
    }
  op->other = whim_directory_peek_other (self->directory, op->chat);
  if (op->other == NULL)
    whim_directory_find_other_async (self->directory, op->chat, seal_other_cb, op);
  else if (seal_is_alive (op))
    seal_find_devices (op);
}
