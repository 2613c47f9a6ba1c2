/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "sandbox/sandbox.h"

#include <string.h>

/* From device to device: fan-out, offline queues, acks, receipts (dossier 2, 6). */

/* ---- delivering ---------------------------------------------------------------------------- */

WhimNodeBuilder *
sandbox_copy_head (WhimNode *node)
{
  WhimNodeBuilder *builder = whim_node_builder_new (whim_node_get_tag (node));

  for (guint i = 0; i < whim_node_get_n_attrs (node); i++)
    {
      const char *name = whim_node_get_attr_name (node, i);

      if (whim_node_attr_is_address (node, name))
        whim_node_builder_attr_jid (builder, name, whim_node_get_attr_jid (node, name));
      else
        whim_node_builder_attr (builder, name, whim_node_get_attr (node, name));
    }
  return builder;
}

static WhimNode *
with_offline (WhimNode *node, guint number)
{
  WhimNodeBuilder *builder = sandbox_copy_head (node);

  whim_node_builder_attr_int (builder, "offline", number);
  WHIM_FOREACH_CHILD (node, child)
    {
      whim_node_builder_child (builder, whim_node_ref (child));
    }
  return whim_node_builder_end (builder);
}

typedef struct
{
  Account *account;
  guint device; /* the phone, or a hosted one, which may be gone when it is to take it */
  WhimNode *node;
} Receipt;

static void
phone_receive_free (gpointer data)
{
  Receipt *receipt = data;

  whim_node_unref (receipt->node);
  g_free (receipt);
}

static gboolean
phone_receive_cb (gpointer user_data)
{
  const Receipt *receipt = user_data;
  Device *device = sandbox_account_get_device (receipt->account, receipt->device);

  if (device != NULL)
    sandbox_phone_receive (device->soul != NULL ? device->soul : receipt->account, receipt->node);
  return G_SOURCE_REMOVE;
}

/* The phone is here; it takes its stanzas in a round of its own, so that no two of its ratchet
 * operations nest. */
static void
deliver_to_phone (Device *device, WhimNode *node)
{
  Receipt *receipt = g_new0 (Receipt, 1);

  receipt->account = device->account;
  receipt->device = device->number;
  receipt->node = whim_node_ref (node);
  g_idle_add_full (G_PRIORITY_DEFAULT, phone_receive_cb, receipt, phone_receive_free);
}

static void
deliver_now (Device *to, WhimNode *node)
{
  WhimNode *bare = sandbox_fault_make_unavailable (to, node);
  g_autoptr (WhimNode) altered = bare != NULL ? bare : sandbox_fault_alter (to, node);
  guint times = to->faults.twice > 0 ? 2 : 1;
  Pending *pending;

  if (times == 2)
    to->faults.twice--;
  if (whim_node_is (altered, "receipt") && whim_node_attr_equals (altered, "type", "retry"))
    sandbox_record_retry (to, altered);
  if (to->imaginary)
    {
      sandbox_imaginary_receive (to, altered);
      return;
    }
  if (to->number == 0 || to->soul != NULL)
    {
      for (guint i = 0; i < times; i++)
        deliver_to_phone (to, altered);
      return;
    }
  pending = g_new0 (Pending, 1);
  pending->node = whim_node_ref (altered);
  g_queue_push_tail (&to->queue, pending);
  if (to->connection == NULL || !to->active)
    return;
  pending->delivered = TRUE;
  for (guint i = 0; i < times; i++)
    sandbox_connection_send (to->connection, altered);
}

void
sandbox_deliver (Device *to, WhimNode *node)
{
  if (whim_node_is (node, "message"))
    sandbox_limits_hear (to, node);
  if (to->faults.held)
    g_queue_push_tail (&to->held, whim_node_ref (node));
  else
    deliver_now (to, node);
}

void
sandbox_release (Device *self, gboolean reverse)
{
  WhimNode *node;

  self->faults.held = FALSE;
  while ((node = reverse ? g_queue_pop_tail (&self->held) : g_queue_pop_head (&self->held)) != NULL)
    {
      deliver_now (self, node);
      whim_node_unref (node);
    }
}

static guint
count_queued (Device *self, const char *tag)
{
  guint count = 0;

  for (GList *l = self->queue.head; l != NULL; l = l->next)
    count += whim_node_is (((Pending *)l->data)->node, tag) ? 1 : 0;
  return count;
}

static void
send_ib (Device *self, const char *tag, guint count, gboolean by_kind)
{
  static const char *const kinds[] = { "message", "receipt", "notification" };
  WhimNodeBuilder *child = whim_node_builder_new (tag);
  WhimNodeBuilder *builder = sandbox_from_server (self->account->sandbox, "ib", NULL);
  g_autoptr (WhimNode) ib = NULL;

  whim_node_builder_attr_int (child, "count", count);
  for (guint i = 0; by_kind && i < G_N_ELEMENTS (kinds); i++)
    whim_node_builder_attr_int (child, kinds[i], count_queued (self, kinds[i]));
  if (by_kind)
    whim_node_builder_attr_int (child, "appdata", 0);
  whim_node_builder_child (builder, whim_node_builder_end (child));
  ib = whim_node_builder_end (builder);
  sandbox_connection_send (self->connection, ib);
}

void
sandbox_deliver_queue (Device *self)
{
  guint count = self->queue.length;
  guint number = 0;

  send_ib (self, "offline_preview", count, TRUE);
  for (GList *l = self->queue.head; l != NULL; l = l->next)
    {
      Pending *pending = l->data;
      g_autoptr (WhimNode) marked = with_offline (pending->node, number++);

      pending->delivered = TRUE;
      /* asked once more: who could not say that he has answered may answer again */
      if (whim_node_is (marked, "receipt") && whim_node_attr_equals (marked, "type", "retry"))
        sandbox_record_retry (self, marked);
      sandbox_connection_send (self->connection, marked);
    }
  send_ib (self, "offline", count, FALSE);
}

/* A receipt or an ack takes what it answers off the queue: the same kind, id, sender and, for acks,
 * type, since several receipts may carry one id. */
static gboolean
take_off_queue (Device *self, const char *tag, WhimNode *answer)
{
  const char *id = whim_node_get_attr (answer, "id");
  WhimJid *to = whim_node_get_attr_jid (answer, "to");
  gboolean ack = whim_node_is (answer, "ack");

  for (GList *l = self->queue.head; l != NULL; l = l->next)
    {
      Pending *pending = l->data;
      WhimJid *from = whim_node_get_attr_jid (pending->node, "from");

      if (!pending->delivered || !whim_node_attr_equals (pending->node, "id", id)
          || (tag != NULL && !whim_node_is (pending->node, tag)) || !whim_jid_equal0 (from, to)
          || (ack && whim_node_is (pending->node, "receipt")
              && g_strcmp0 (whim_node_get_attr (pending->node, "type"),
                            whim_node_get_attr (answer, "type"))
                     != 0))
        continue;
      whim_node_unref (pending->node);
      g_free (pending);
      g_queue_delete_link (&self->queue, l);
      return TRUE;
    }
  return FALSE;
}

void
sandbox_handle_ack (Device *from, WhimNode *ack)
{
  if (whim_node_get_attr (ack, "id") == NULL
      || !take_off_queue (from, whim_node_get_attr (ack, "class"), ack))
    sandbox_count (from->account->sandbox, "stray-acks");
  sandbox_control_check (from->account->sandbox);
}

/* ---- messages ------------------------------------------------------------------------------ */

static void
ack_message (Device *from, WhimNode *message, guint error, const char *phash)
{
  WhimNodeBuilder *builder;
  g_autoptr (WhimNode) ack = NULL;

  if (error == 0 && sandbox_fault_takes_ack (from))
    return;
  builder = whim_node_builder_new ("ack");
  whim_node_builder_attr (builder, "class", "message");
  whim_node_builder_attr (builder, "id", whim_node_get_attr (message, "id"));
  whim_node_builder_attr_jid (builder, "from", whim_node_get_attr_jid (message, "to"));
  whim_node_builder_attr_int (builder, "t", sandbox_now ());
  if (error != 0)
    whim_node_builder_attr_int (builder, "error", error);
  whim_node_builder_attr (builder, "phash", phash);
  if (error == 0 && from->faults.refresh_lid > 0)
    {
      from->faults.refresh_lid--;
      whim_node_builder_attr (builder, "refresh_lid", "true");
    }
  ack = whim_node_builder_end (builder);
  sandbox_connection_send (from->connection, ack);
}

/* A refusal in one of the other forms that servers have for it. */
static void
refuse_message (Device *from, WhimNode *message)
{
  const char *form = from->faults.refuse_form;
  WhimNodeBuilder *builder;
  g_autoptr (WhimNode) node = NULL;

  if (form == NULL)
    {
      ack_message (from, message, from->faults.refuse_error, NULL);
      return;
    }
  builder = whim_node_builder_new (g_str_equal (form, "stanza") ? "error" : "ack");
  whim_node_builder_attr (builder, "class", g_str_equal (form, "class") ? "error" : "message");
  if (g_str_equal (form, "type"))
    whim_node_builder_attr (builder, "type", "error");
  whim_node_builder_attr (builder, "id", whim_node_get_attr (message, "id"));
  whim_node_builder_attr_jid (builder, "from", whim_node_get_attr_jid (message, "to"));
  whim_node_builder_attr_int (builder, "code", from->faults.refuse_error);
  node = whim_node_builder_end (builder);
  sandbox_connection_send (from->connection, node);
}

/* The stanza that one device receives (dossier 2, 6.1). */
static WhimNode *
make_delivery (Device *from,
               Account *chat,
               Device *to,
               gboolean lid,
               WhimNode *message,
               WhimNode *holder)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("message");
  g_autoptr (WhimJid) sender = sandbox_device_jid (from, lid);
  g_autoptr (WhimJid) other = sandbox_account_jid (from->account, !lid);
  WhimNode *identity = whim_node_find_child (message, "device-identity");
  gboolean pkmsg = FALSE;

  whim_node_builder_attr_jid (builder, "from", sender);
  whim_node_builder_attr (builder, "id", whim_node_get_attr (message, "id"));
  whim_node_builder_attr (builder, "type", whim_node_get_attr (message, "type"));
  whim_node_builder_attr_int (builder, "t", sandbox_now ());
  whim_node_builder_attr (builder, "notify", from->account->name);
  whim_node_builder_attr (builder, "category", whim_node_get_attr (message, "category"));
  whim_node_builder_attr (builder, "edit", whim_node_get_attr (message, "edit"));
  whim_node_builder_attr_jid (builder, lid ? "sender_pn" : "sender_lid", other);
  if (to->account == from->account && whim_node_get_attr (message, "category") == NULL)
    {
      g_autoptr (WhimJid) recipient = sandbox_account_jid (chat, lid);
      g_autoptr (WhimJid) peer = sandbox_account_jid (chat, !lid);

      whim_node_builder_attr_jid (builder, "recipient", recipient);
      whim_node_builder_attr_jid (builder, lid ? "peer_recipient_pn" : "peer_recipient_lid", peer);
    }
  WHIM_FOREACH_CHILD (holder, child)
    {
      if (!whim_node_is (child, "enc"))
        continue;
      pkmsg = pkmsg || whim_node_attr_equals (child, "type", "pkmsg");
      whim_node_builder_child (builder, whim_node_ref (child));
    }
  if (identity != NULL && pkmsg)
    whim_node_builder_child (builder, whim_node_ref (identity));
  return whim_node_builder_end (builder);
}

static gboolean
enc_is_valid (WhimNode *enc)
{
  gsize len = 0;

  return enc != NULL && whim_node_attr_equals (enc, "v", "2")
         && (whim_node_attr_equals (enc, "type", "pkmsg")
             || whim_node_attr_equals (enc, "type", "msg"))
         && whim_node_get_content (enc, &len) != NULL && len > 0;
}

static gboolean
is_named_before (WhimNode *participants, guint index)
{
  WhimJid *jid = whim_node_get_attr_jid (whim_node_get_child (participants, index), "jid");

  for (guint i = 0; i < index; i++)
    if (whim_jid_equal0 (jid,
                         whim_node_get_attr_jid (whim_node_get_child (participants, i), "jid")))
      return TRUE;
  return FALSE;
}

/* The schema that the real server checks, as far as texts to people go. */
static gboolean
message_is_valid (Sandbox *self, WhimNode *message)
{
  WhimNode *participants = whim_node_find_child (message, "participants");

  if (whim_node_get_attr (message, "id") == NULL || whim_node_get_attr (message, "type") == NULL)
    return FALSE;
  if (!whim_node_attr_is_address (message, "to"))
    return FALSE;
  if (participants == NULL)
    return enc_is_valid (whim_node_find_child (message, "enc"));
  if (whim_node_get_n_children (participants) == 0)
    return FALSE;
  WHIM_FOREACH_CHILD (participants, to)
    {
      WhimNode *enc = whim_node_find_child (to, "enc");

      if (!whim_node_is (to, "to") || !whim_node_attr_is_address (to, "jid") || !enc_is_valid (enc)
          || is_named_before (participants, to_i))
        return FALSE;
      if (whim_node_attr_equals (enc, "type", "pkmsg")
          && whim_node_find_child (message, "device-identity") == NULL)
        return FALSE; /* the receiver could not verify a companion (dossier 2, 4.2) */
    }
  return TRUE;
}

static guint
count_valid (Account *account)
{
  guint count = 0;

  for (guint i = 0; i < account->devices->len; i++)
    count += ((Device *)g_ptr_array_index (account->devices, i))->index == INDEX_VALID ? 1 : 0;
  return count;
}

/* Fans out; returns the server's hash if a device of the chat or of the sender was left out. */
static char *
fan_out (Device *from, Account *chat, WhimNode *message)
{
  WhimNode *participants = whim_node_find_child (message, "participants");
  Sandbox *self = from->account->sandbox;
  gboolean lid = whim_jid_is_lid (whim_node_get_attr_jid (message, "to"));
  guint reached = 0;
  guint expected
      = count_valid (chat) + (chat == from->account ? 0 : count_valid (from->account)) - 1;

  WHIM_FOREACH_CHILD (participants, to)
    {
      WhimJid *jid = whim_node_get_attr_jid (to, "jid");
      Device *device = sandbox_find_device (self, jid);
      g_autoptr (WhimNode) delivery = NULL;

      if (device == NULL || device == from
          || (device->account != chat && device->account != from->account))
        {
          sandbox_count (self, "misaddressed");
          continue;
        }
      if (device->index != INDEX_VALID)
        {
          sandbox_violation (self, "a message to a device that is not the account's");
          continue;
        }
      reached++;
      delivery = make_delivery (from, chat, device, whim_jid_is_lid (jid), message, to);
      sandbox_deliver (device, delivery);
    }
  return reached == expected ? NULL : sandbox_account_phash (chat, lid);
}

/* The answer to a retry receipt: one device alone (dossier 2, 6.10). */
static void
send_to_one (Device *from, Account *chat, WhimNode *message)
{
  Sandbox *self = from->account->sandbox;
  WhimJid *to = whim_node_get_attr_jid (message, "to");
  WhimJid *asked = whim_node_get_attr_jid (message, "participant");
  WhimJid *recipient = whim_node_get_attr_jid (message, "recipient");
  Device *device = sandbox_find_device (self, asked != NULL ? asked : to);
  Account *meant = recipient == NULL ? NULL : sandbox_find_account (self, recipient);
  g_autoptr (WhimNode) delivery = NULL;

  if (device == NULL || device == from)
    {
      sandbox_count (self, "misaddressed");
      return;
    }
  delivery = make_delivery (from, meant != NULL ? meant : chat, device, whim_jid_is_lid (to),
                            message, message);
  sandbox_deliver (device, delivery);
}

void
sandbox_handle_message (Device *from, WhimNode *message)
{
  Sandbox *self = from->account->sandbox;
  WhimJid *to = whim_node_get_attr_jid (message, "to");
  Account *chat = to == NULL ? NULL : sandbox_find_account (self, to);
  g_autofree char *phash = NULL;
  gboolean fresh;
  guint refused;

  if (!message_is_valid (self, message))
    {
      sandbox_violation (self, "a message against the schema");
      ack_message (from, message, 479, NULL);
      return;
    }
  if (chat == NULL)
    {
      ack_message (from, message, 400, NULL);
      return;
    }
  sandbox_record_keys (from, message);
  if (from->faults.refuse > 0)
    {
      from->faults.refuse--;
      refuse_message (from, message);
      return;
    }
  refused = sandbox_limits_refuse (from, chat, message);
  if (refused != 0)
    {
      ack_message (from, message, refused, NULL);
      return;
    }
  fresh = sandbox_record_message (self, from, message);
  if (fresh || !self->dedup)
    {
      if (whim_node_find_child (message, "participants") != NULL)
        phash = fan_out (from, chat, message);
      else
        send_to_one (from, chat, message);
    }
  ack_message (from, message, 0, phash);
  sandbox_control_check (self);
}

/* ---- receipts ------------------------------------------------------------------------------ */

static void
ack_receipt (Device *from, WhimNode *receipt)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("ack");
  g_autoptr (WhimNode) ack = NULL;

  if (from->connection == NULL)
    return;
  whim_node_builder_attr (builder, "class", "receipt");
  whim_node_builder_attr (builder, "id", whim_node_get_attr (receipt, "id"));
  whim_node_builder_attr_jid (builder, "from", whim_node_get_attr_jid (receipt, "to"));
  whim_node_builder_attr (builder, "type", whim_node_get_attr (receipt, "type"));
  ack = whim_node_builder_end (builder);
  sandbox_connection_send (from->connection, ack);
}

static void
route_receipt (Device *from, Device *to, WhimNode *receipt, gboolean lid)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("receipt");
  g_autoptr (WhimJid) sender = sandbox_device_jid (from, lid);
  g_autoptr (WhimNode) node = NULL;

  whim_node_builder_attr_jid (builder, "from", sender);
  whim_node_builder_attr (builder, "id", whim_node_get_attr (receipt, "id"));
  whim_node_builder_attr (builder, "type", whim_node_get_attr (receipt, "type"));
  whim_node_builder_attr_int (builder, "t", sandbox_now ());
  whim_node_builder_attr_jid (builder, "recipient", whim_node_get_attr_jid (receipt, "recipient"));
  WHIM_FOREACH_CHILD (receipt, child)
    {
      whim_node_builder_child (builder, whim_node_ref (child));
    }
  node = whim_node_builder_end (builder);
  sandbox_deliver (to, node);
}

/* Told apart: which attempt it is, and whether it brings keys. */
static void
count_retry (Sandbox *self, WhimNode *receipt)
{
  WhimNode *retry = whim_node_find_child (receipt, "retry");
  gint64 count = retry == NULL ? 0 : whim_node_get_attr_int (retry, "count", 0);
  g_autofree char *name = g_strdup_printf ("retry-receipts:%" G_GINT64_FORMAT, count);

  sandbox_count (self, "retry-receipts");
  sandbox_count (self, name);
  if (whim_node_find_child (receipt, "keys") != NULL)
    sandbox_count (self, "retry-keys");
}

void
sandbox_handle_receipt (Device *from, WhimNode *receipt)
{
  Sandbox *self = from->account->sandbox;
  WhimJid *to = whim_node_get_attr_jid (receipt, "to");
  const char *id = whim_node_get_attr (receipt, "id");
  const char *type = whim_node_get_attr (receipt, "type");
  Device *target = to == NULL ? NULL : sandbox_find_device (self, to);

  if (id == NULL || to == NULL || !whim_node_attr_is_address (receipt, "to"))
    {
      sandbox_violation (self, "a receipt against the schema");
      return;
    }
  /* a retry receipt does not consume its message: the ack beside it does (dossier 2, 6.9) */
  if (g_strcmp0 (type, "retry") == 0)
    count_retry (self, receipt);
  else
    {
      if (!take_off_queue (from, "message", receipt))
        sandbox_count (self, "receipts-alone"); /* read receipts, and those of repeats */
    }
  /* what a person did is told to every device of whom it is for */
  if (target != NULL && target->number == 0
      && (g_strcmp0 (type, "read") == 0 || g_strcmp0 (type, "played") == 0))
    for (guint i = 1; i < target->account->devices->len; i++)
      route_receipt (from, g_ptr_array_index (target->account->devices, i), receipt,
                     whim_jid_is_lid (to));
  if (target != NULL)
    route_receipt (from, target, receipt, whim_jid_is_lid (to));
  ack_receipt (from, receipt);
  sandbox_control_check (self);
}
