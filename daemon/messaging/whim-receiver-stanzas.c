/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "base/whim-log.h"

#include <string.h>

/* Receipts and notifications: effect, commit, then ack (dossier 2, 6.7, 11). */

#define MAX_RECEIPT_IDS 1000u

typedef struct
{
  WhimNode *node;
  gboolean refill;
  gboolean check;
} StanzaOp;

static void
stanza_committed (WhimMessenger *self, gboolean ok, gpointer data)
{
  StanzaOp *op = data;

  if (ok && whim_messenger_is_open (self) && whim_session_can_send (self->session))
    {
      whim_session_ack (self->session, op->node, 0);
      if (op->refill && !whim_session_is_syncing (self->session))
        whim_messenger_upload_prekeys (self, WHIM_PREKEYS_REFILL, NULL, NULL);
      if (op->check)
        whim_key_keeper_check (self->key_keeper);
    }
  whim_node_unref (op->node);
  g_free (op);
}

static void
commit_and_ack (WhimMessenger *self, WhimUnit *unit, WhimNode *node, gboolean refill)
{
  StanzaOp *op = g_new0 (StanzaOp, 1);

  op->node = whim_node_ref (node);
  op->refill = refill;
  op->check = whim_node_is (node, "notification") && whim_node_attr_equals (node, "type", "encrypt")
              && whim_jid_is_server (whim_node_get_attr_jid (node, "from"))
              && whim_node_find_child (node, "digest") != NULL;
  whim_messenger_commit (self, unit, stanza_committed, op);
}

void
whim_receiver_commit_and_ack (WhimMessenger *self, WhimUnit *unit, WhimNode *node)
{
  commit_and_ack (self, unit, node, FALSE);
}

/* ---- receipts ------------------------------------------------------------------------------ */

static WhimMessageStatus
status_of (const char *type)
{
  if (type == NULL || g_strcmp0 (type, "delivery") == 0 || g_strcmp0 (type, "inactive") == 0)
    return WHIM_MESSAGE_STATUS_DELIVERED;
  if (g_strcmp0 (type, "read") == 0)
    return WHIM_MESSAGE_STATUS_READ;
  if (g_strcmp0 (type, "played") == 0)
    return WHIM_MESSAGE_STATUS_PLAYED;
  return WHIM_MESSAGE_STATUS_NONE;
}

typedef struct
{
  WhimMessageStatus status; /* NONE: @own_read */
  gboolean own_read;        /* our own other device read it */
  WhimJid *chat;            /* bare */
  WhimJid *other;           /* (nullable) */
  guint left;               /* ids that still count */
} Receipts;

static void
put_one (WhimUnit *unit, Receipts *receipts, const char *id, const char *who, gint64 at)
{
  const char *chat = whim_jid_get_text (receipts->chat);
  const char *other = receipts->other == NULL ? NULL : whim_jid_get_text (receipts->other);

  if (id == NULL || receipts->left == 0)
    return;
  receipts->left--;
  if (receipts->own_read)
    whim_unit_put_read (unit, id, chat, other, at);
  else
    whim_unit_put_receipt (unit, id, chat, other, who, receipts->status, at);
}

/* of a group: who, one by one */
static void
put_grouped (WhimUnit *unit, Receipts *receipts, WhimNode *participants, gint64 at)
{
  const char *key = whim_node_get_attr (participants, "key");

  WHIM_FOREACH_CHILD (participants, user)
    {
      WhimJid *who = whim_node_get_attr_jid (user, "jid");

      if (who != NULL)
        put_one (unit, receipts, key, whim_jid_get_text (who),
                 whim_node_get_attr_time (user, "t", at));
    }
}

gboolean
whim_receiver_take_receipt (WhimMessenger *self, WhimNode *receipt)
{
  const char *type = whim_node_get_attr (receipt, "type");
  WhimJid *from = whim_node_get_attr_jid (receipt, "from");
  WhimJid *participant = whim_node_get_attr_jid (receipt, "participant");
  WhimJid *recipient = whim_node_get_attr_jid (receipt, "recipient");
  gint64 at = whim_node_get_attr_time (receipt, "t", whim_session_get_server_time (self->session));
  Receipts receipts = { status_of (type), FALSE, NULL, NULL, MAX_RECEIPT_IDS };
  g_autoptr (WhimJid) chat = NULL;
  g_autoptr (WhimJid) other = NULL;
  gboolean own;
  WhimUnit *unit;

  if (from == NULL)
    return FALSE;
  if (g_strcmp0 (type, "retry") == 0)
    return whim_answerer_take (self->answerer, receipt);
  own = whim_messenger_is_own (self, participant != NULL ? participant : from);
  /* the chat may stand for the device that read in it, but nobody else speaks for another chat */
  receipts.own_read
      = (own && receipts.status >= WHIM_MESSAGE_STATUS_READ)
        || ((own || (participant == NULL && recipient == NULL))
            && (g_strcmp0 (type, "read-self") == 0 || g_strcmp0 (type, "played-self") == 0));
  if (!receipts.own_read && (receipts.status == WHIM_MESSAGE_STATUS_NONE || own))
    return FALSE; /* nothing to keep: acknowledged by the session */
  chat = whim_jid_to_bare (receipts.own_read && recipient != NULL ? recipient : from);
  if (whim_jid_is_user (chat))
    other = whim_directory_peek_other (self->directory, chat);
  receipts.chat = chat;
  receipts.other = other;
  unit = whim_messenger_new_unit (self);
  put_one (unit, &receipts, whim_node_get_attr (receipt, "id"),
           whim_jid_get_text (participant != NULL ? participant : from), at);
  WHIM_FOREACH_CHILD (receipt, child)
    {
      if (whim_node_is (child, "participants"))
        put_grouped (unit, &receipts, child, at);
      for (guint i = 0; whim_node_is (child, "list") && i < whim_node_get_n_children (child); i++)
        put_one (unit, &receipts, whim_node_get_attr (whim_node_get_child (child, i), "id"),
                 whim_jid_get_text (participant != NULL ? participant : from), at);
    }
  commit_and_ack (self, unit, receipt, FALSE);
  return TRUE;
}

/* ---- notifications ------------------------------------------------------------------------- */

static gboolean
take_encrypt (WhimMessenger *self, WhimNode *notification, WhimJid *from)
{
  WhimNode *count = whim_node_find_child (notification, "count");
  gboolean refill = FALSE;

  if (whim_node_find_child (notification, "identity") != NULL && whim_jid_is_user (from)
      && whim_jid_get_device (from) == 0 && !whim_messenger_is_own (self, from)
      && !whim_identity_is_settled (self, from))
    {
      whim_identity_take (self, notification, from);
      return TRUE;
    }
  if (count != NULL && whim_jid_is_server (from))
    refill = whim_node_get_attr_int (count, "value", 0) < WHIM_PREKEYS_LOW;
  commit_and_ack (self, whim_messenger_new_unit (self), notification, refill);
  return TRUE;
}

/* The server says that somebody has another name, or he who had the @old one (nullable). */
static gboolean
may_rename (WhimJid *from, WhimJid *old)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (from);
  g_autoptr (WhimJid) bare_old = old == NULL ? NULL : whim_jid_to_bare (old);

  return whim_jid_is_server (from)
         || (bare_old != NULL && whim_jid_is_user (bare) && whim_jid_equal (bare, bare_old));
}

/* Somebody has another number, or another LID (dossier 2, 1.5, 11): what was, then what is, so that
 * the chat is found under the old name and shown under the new one. */
static void
take_changed_contact (WhimMessenger *self, WhimNode *notification, WhimNode *modify)
{
  static const char *const pairs[][2] = { { "old", "old_lid" }, { "new", "new_lid" } };
  WhimUnit *unit = whim_messenger_new_unit (self);
  WhimJid *from = whim_node_get_attr_jid (notification, "from");
  gboolean may = may_rename (from, whim_node_get_attr_jid (modify, "old"))
                 || may_rename (from, whim_node_get_attr_jid (modify, "old_lid"));

  for (guint i = 0; may && i < G_N_ELEMENTS (pairs); i++)
    {
      WhimJid *pn = whim_node_get_attr_jid (modify, pairs[i][0]);
      WhimJid *lid = whim_node_get_attr_jid (modify, pairs[i][1]);
      g_autoptr (WhimJid) bare_pn = pn == NULL ? NULL : whim_jid_to_bare (pn);
      g_autoptr (WhimJid) bare_lid = lid == NULL ? NULL : whim_jid_to_bare (lid);

      whim_directory_learn (self->directory, unit, bare_pn, bare_lid);
    }
  commit_and_ack (self, unit, notification, FALSE);
}

/* ---- another LID (dossier 2, 1.5) -------------------------------------------------------------
 */

typedef struct
{
  WhimMessenger *messenger;
  WhimNode *notification;
  WhimJid *old_lid;
  WhimJid *new_lid;
} LidOp;

static void
changed_lid_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  LidOp *op = user_data;
  g_autoptr (WhimMessenger) self = op->messenger;
  /* from now on it is in memory, if anybody knows it */
  g_autoptr (WhimJid) pn = whim_directory_find_other_finish (self->directory, result);
  WhimUnit *unit;

  if (whim_messenger_is_open (self) && whim_messenger_get_keys (self) != NULL)
    {
      unit = whim_messenger_new_unit (self);
      whim_directory_forget_devices (self->directory, unit, op->old_lid);
      whim_directory_change_lid (self->directory, unit, op->old_lid, op->new_lid);
      commit_and_ack (self, unit, op->notification, FALSE);
    }
  whim_node_unref (op->notification);
  whim_jid_unref (op->old_lid);
  whim_jid_unref (op->new_lid);
  g_free (op);
}

static WhimJid *
parse_lid (GVariant *change, const char *name)
{
  const char *text = NULL;
  WhimJid *jid;

  if (!g_variant_lookup (change, name, "&s", &text))
    return NULL;
  jid = whim_incoming_parse_bare (text);
  if (jid != NULL
      && (!whim_jid_is_lid (jid)
          || whim_jid_get_user (jid)[strspn (whim_jid_get_user (jid), "0123456789")] != '\0'))
    g_clear_pointer (&jid, whim_jid_unref);
  return jid;
}

/* FALSE: it tells of something else. Our own new LID comes with the next login. */
static gboolean
take_changed_lid (WhimMessenger *self, WhimNode *notification)
{
  WhimNode *update = whim_node_find_child (notification, "update");
  g_autoptr (GVariant) change = NULL;
  g_autoptr (WhimJid) old_lid = NULL;
  g_autoptr (WhimJid) new_lid = NULL;
  LidOp *op;

  if (update == NULL || !whim_node_attr_equals (update, "op_name", "LidChangeNotification"))
    return FALSE;
  change = whim_mex_find (update, "xwa2_notify_lid_change");
  if (change == NULL)
    return FALSE;
  old_lid = parse_lid (change, "old");
  new_lid = parse_lid (change, "new");
  if (old_lid == NULL || new_lid == NULL || whim_jid_equal (old_lid, new_lid)
      || !may_rename (whim_node_get_attr_jid (notification, "from"), old_lid)
      || whim_messenger_is_own (self, old_lid) || whim_messenger_is_own (self, new_lid))
    return FALSE;
  op = g_new0 (LidOp, 1);
  op->messenger = whim_messenger_ref (self);
  op->notification = whim_node_ref (notification);
  op->old_lid = whim_jid_ref (old_lid);
  op->new_lid = whim_jid_ref (new_lid);
  whim_directory_find_other_async (self->directory, old_lid, changed_lid_found_cb, op);
  return TRUE;
}

gboolean
whim_receiver_take_notification (WhimMessenger *self, WhimNode *notification)
{
  WhimJid *from = whim_node_get_attr_jid (notification, "from");
  const char *type = whim_node_get_attr (notification, "type");
  const char *name = whim_node_get_attr (notification, "pushname");
  WhimNode *devices;
  WhimUnit *unit;

  if (from == NULL || type == NULL)
    return FALSE;
  if (g_strcmp0 (type, "encrypt") == 0)
    return take_encrypt (self, notification, from);
  if (g_strcmp0 (type, "contacts") == 0 && whim_node_find_child (notification, "modify") != NULL)
    {
      take_changed_contact (self, notification, whim_node_find_child (notification, "modify"));
      return TRUE;
    }
  if (g_strcmp0 (type, "mex") == 0 && take_changed_lid (self, notification))
    return TRUE;
  if (g_strcmp0 (type, "privacy_token") == 0 || g_strcmp0 (type, "mex") == 0)
    {
      unit = whim_messenger_new_unit (self);
      if (g_strcmp0 (type, "privacy_token") != 0)
        {
          if (whim_jid_is_server (from) || whim_messenger_is_own (self, from))
            whim_restrictions_take_notification (self, unit, notification);
        }
      else
        whim_tokens_take_notification (self, unit, notification);
      commit_and_ack (self, unit, notification, FALSE);
      return TRUE;
    }
  if (g_strcmp0 (type, "devices") == 0 && whim_jid_is_user (from))
    {
      whim_devices_take_notification (self, notification);
      return TRUE;
    }
  if (g_strcmp0 (type, "account_sync") == 0 && whim_messenger_is_own (self, from))
    {
      if (name != NULL)
        whim_session_set_push_name (self->session, name);
      unit = whim_messenger_new_unit (self);
      devices = whim_node_find_child (notification, "devices");
      if (devices != NULL)
        whim_devices_take_own (self, unit, from, devices);
      commit_and_ack (self, unit, notification, FALSE);
      return TRUE;
    }
  return FALSE;
}
