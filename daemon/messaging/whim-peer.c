/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-failpoint.h"
#include "messaging/whim-messenger-private.h"

/* A message about the account to our own phone (dossier 2, 4.8): for its device alone, under the
 * session of our LID, not wrapped.
 *
 *   session in the cache -> keys, if there is none -> ciphertext on the worker -> ratchet and what
 *   belongs to it committed -> written
 *
 * It is not kept for a resend: what asks knows by its own row that no answer came. */

typedef struct
{
  WhimMessenger *messenger;
  char *id;
  GBytes *content;
  WhimUnit *unit;
  WhimPeerDone done;
  gpointer data;
  WhimJid *jid; /* the phone, as its session is named */
  char *name;
  char *pn_name;
  gboolean has_bundle;
  WhimSignalBundle bundle;
  GBytes *cipher;
  WhimSignalType type;
} PeerOp;

static void
peer_end (PeerOp *op, gboolean ok)
{
  g_autoptr (WhimMessenger) messenger = op->messenger;

  op->done (messenger, ok, op->data);
  g_clear_pointer (&op->unit, whim_unit_free);
  g_clear_pointer (&op->cipher, g_bytes_unref);
  g_bytes_unref (op->content);
  whim_jid_unref (op->jid);
  g_free (op->name);
  g_free (op->pn_name);
  g_free (op->id);
  g_free (op);
}

static gboolean
peer_can_go_on (PeerOp *op)
{
  return whim_messenger_is_open (op->messenger) && whim_messenger_get_keys (op->messenger) != NULL
         && whim_session_can_send (op->messenger->session);
}

static WhimNode *
make_stanza (PeerOp *op)
{
  const WhimCredentials *keys = whim_messenger_get_keys (op->messenger);
  g_autoptr (WhimJid) to = whim_jid_to_bare (keys->pn);
  WhimNodeBuilder *builder = whim_node_builder_new ("message");
  WhimNodeBuilder *meta = whim_node_builder_new ("meta");
  WhimNodeBuilder *enc = whim_node_builder_new ("enc");

  whim_node_builder_attr (builder, "id", op->id);
  whim_node_builder_attr_jid (builder, "to", to);
  whim_node_builder_attr (builder, "type", "text");
  whim_node_builder_attr (builder, "category", "peer");
  whim_node_builder_attr (builder, "push_priority", "high");
  whim_node_builder_attr (meta, "appdata", "default");
  whim_node_builder_child (builder, whim_node_builder_end (meta));
  whim_node_builder_attr (enc, "v", "2");
  whim_node_builder_attr (enc, "type", op->type == WHIM_SIGNAL_TYPE_PKMSG ? "pkmsg" : "msg");
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
peer_committed (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  PeerOp *op = data;

  if (ok)
    (void)WHIM_FAILPOINT ("peer.after-commit");
  if (ok && peer_can_go_on (op))
    {
      g_autoptr (WhimNode) stanza = make_stanza (op);

      ok = whim_session_send (messenger->session, stanza);
    }
  peer_end (op, ok);
}

static void
peer_work (WhimSignalContext *context, WhimSignalCache *cache, gpointer job)
{
  PeerOp *op = job;
  g_autoptr (GBytes) padded = whim_content_pad (op->content);

  if (op->pn_name != NULL)
    whim_signal_move_user (context, cache, op->pn_name, op->name, 0);
  if (!whim_signal_has_session (cache, op->name, 0)
      && (!op->has_bundle
          || !whim_signal_process_bundle (context, cache, op->name, 0, &op->bundle, NULL, NULL)))
    return;
  op->cipher = whim_signal_encrypt (context, cache, op->name, 0, g_bytes_get_data (padded, NULL),
                                    g_bytes_get_size (padded), &op->type, NULL);
}

static void
peer_encrypted (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  PeerOp *op = job;
  g_autoptr (GPtrArray) owned = changes;

  if (changes == NULL || op->cipher == NULL || !peer_can_go_on (op))
    {
      /* a session that was made, but not used, may be lost: nobody has heard of it */
      if (changes != NULL && changes->len > 0 && whim_messenger_is_open (op->messenger))
        {
          WhimUnit *unit = whim_messenger_new_unit (op->messenger);

          whim_unit_put_signal_changes (unit, changes);
          whim_messenger_commit (op->messenger, unit, NULL, NULL);
        }
      peer_end (op, FALSE);
      return;
    }
  whim_unit_put_signal_changes (op->unit, changes);
  whim_messenger_commit (op->messenger, g_steal_pointer (&op->unit), peer_committed, op);
}

static GPtrArray *
peer_wanted (PeerOp *op)
{
  GPtrArray *wanted = whim_ratchet_wanted_new ();

  whim_ratchet_want_address (wanted, op->name, 0);
  if (op->pn_name != NULL)
    whim_ratchet_want_address (wanted, op->pn_name, 0);
  return wanted;
}

static void
peer_keys_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PeerOp *op = user_data;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, NULL);
  WhimNode *list = answer == NULL ? NULL : whim_node_find_child (answer, "list");
  WhimNode *user = list == NULL ? NULL : whim_node_find_child (list, "user");

  op->has_bundle = user != NULL && whim_bundle_parse (user, &op->bundle);
  if (!op->has_bundle || !peer_can_go_on (op))
    {
      peer_end (op, FALSE);
      return;
    }
  whim_ratchet_run (op->messenger->ratchet, peer_wanted (op), peer_work, op, peer_encrypted, NULL);
}

static void
peer_session_known (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  PeerOp *op = job;
  g_autoptr (GPtrArray) owned = changes;
  WhimNodeBuilder *iq;
  WhimNodeBuilder *key;
  WhimNodeBuilder *user;

  if (changes == NULL || !peer_can_go_on (op))
    {
      peer_end (op, FALSE);
      return;
    }
  if (whim_signal_has_session (cache, op->name, 0)
      || (op->pn_name != NULL && whim_signal_has_session (cache, op->pn_name, 0)))
    {
      whim_ratchet_run (op->messenger->ratchet, peer_wanted (op), peer_work, op, peer_encrypted,
                        NULL);
      return;
    }
  iq = whim_session_make_request (op->messenger->session, "get", "encrypt");
  key = whim_node_builder_new ("key");
  user = whim_node_builder_new ("user");
  whim_node_builder_attr_jid (user, "jid", op->jid);
  whim_node_builder_child (key, whim_node_builder_end (user));
  whim_node_builder_child (iq, whim_node_builder_end (key));
  whim_session_request_async (op->messenger->session, whim_node_builder_end (iq), NULL,
                              peer_keys_cb, op);
}

void
whim_peer_send (WhimMessenger *self,
                const char *id,
                GBytes *content,
                WhimUnit *unit,
                WhimPeerDone done,
                gpointer data)
{
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  PeerOp *op = g_new0 (PeerOp, 1);

  g_return_if_fail (keys != NULL && keys->pn != NULL);
  op->messenger = whim_messenger_ref (self);
  op->id = g_strdup (id);
  op->content = g_bytes_ref (content);
  op->unit = unit;
  op->done = done;
  op->data = data;
  op->jid = whim_jid_to_bare (keys->lid != NULL ? keys->lid : keys->pn);
  op->name = whim_jid_dup_signal_name (op->jid);
  if (keys->lid != NULL)
    {
      g_autoptr (WhimJid) pn = whim_jid_to_bare (keys->pn);

      op->pn_name = whim_jid_dup_signal_name (pn);
    }
  whim_ratchet_run (self->ratchet, peer_wanted (op), NULL, op, peer_session_known, NULL);
}
