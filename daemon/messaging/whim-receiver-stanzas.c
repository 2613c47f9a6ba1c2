/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-messenger-private.h"

#include "base/whim-log.h"

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

static void
put_status (WhimMessenger *self,
            WhimUnit *unit,
            const char *id,
            WhimMessageStatus status,
            WhimJid *chat,
            gint64 timestamp)
{
  GVariantBuilder builder;
  g_autoptr (WhimJid) bare = whim_jid_to_bare (chat);
  g_autoptr (WhimJid) other
      = whim_jid_is_lid (bare) ? whim_directory_peek_other (self->directory, bare) : NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "id", g_variant_new_string (id));
  g_variant_builder_add (&builder, "{sv}", "chatId",
                         g_variant_new_string (whim_jid_get_text (other != NULL ? other : bare)));
  g_variant_builder_add (&builder, "{sv}", "status",
                         g_variant_new_string (whim_message_status_to_word (status)));
  g_variant_builder_add (&builder, "{sv}", "timestamp", g_variant_new_int64 (timestamp));
  whim_unit_set_message_status (unit, id, status, NULL, timestamp,
                                whim_event_new (self->channel_id, "message.status", timestamp,
                                                g_variant_builder_end (&builder)));
}

gboolean
whim_receiver_take_receipt (WhimMessenger *self, WhimNode *receipt)
{
  const char *id = whim_node_get_attr (receipt, "id");
  WhimJid *from = whim_node_get_attr_jid (receipt, "from");
  WhimMessageStatus status = status_of (whim_node_get_attr (receipt, "type"));
  gint64 timestamp
      = whim_node_get_attr_int (receipt, "t", whim_session_get_server_time (self->session));
  WhimNode *list = whim_node_find_child (receipt, "list");
  WhimUnit *unit;

  if (id == NULL || from == NULL)
    return FALSE;
  if (g_strcmp0 (whim_node_get_attr (receipt, "type"), "retry") == 0)
    return whim_answerer_take (self->answerer, receipt);
  if (status == WHIM_MESSAGE_STATUS_NONE || whim_messenger_is_own (self, from))
    return FALSE; /* nothing to keep: acknowledged by the session */
  unit = whim_messenger_new_unit (self);
  put_status (self, unit, id, status, from, timestamp);
  for (guint i = 0; list != NULL && i < MIN (whim_node_get_n_children (list), MAX_RECEIPT_IDS); i++)
    {
      const char *more = whim_node_get_attr (whim_node_get_child (list, i), "id");

      if (more != NULL)
        put_status (self, unit, more, status, from, timestamp);
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

/* Somebody has another number, or another LID (dossier 2, 1.5, 11): what was, then what is, so that
 * the chat is found under the old name and shown under the new one. */
static void
take_changed_contact (WhimMessenger *self, WhimNode *notification, WhimNode *modify)
{
  static const char *const pairs[][2] = { { "old", "old_lid" }, { "new", "new_lid" } };
  WhimUnit *unit = whim_messenger_new_unit (self);

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      WhimJid *pn = whim_node_get_attr_jid (modify, pairs[i][0]);
      WhimJid *lid = whim_node_get_attr_jid (modify, pairs[i][1]);
      g_autoptr (WhimJid) bare_pn = pn == NULL ? NULL : whim_jid_to_bare (pn);
      g_autoptr (WhimJid) bare_lid = lid == NULL ? NULL : whim_jid_to_bare (lid);

      whim_directory_learn (self->directory, unit, bare_pn, bare_lid);
    }
  commit_and_ack (self, unit, notification, FALSE);
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
