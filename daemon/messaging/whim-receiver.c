/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-messenger-private.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-log.h"
#include "base/whim-util.h"
#include "proto/whim-proto.h"

#include <string.h>

/* A message that arrives: source -> names -> working set -> decrypt on the worker -> one unit ->
 * receipt. The receipt is the acknowledgement and leaves after the commit (product page, 3.1).
 * Stanzas of a channel go through in order of arrival (dossier 2, 6). */

#define MAX_ENCS 8u
/* dossier 2, 6.6 */
#define ACK_PARSING 487
#define ACK_INVALID_PROTOBUF 491
/* How far back our phone is asked for messages (dossier 2, 6.8). */
#define PHONE_KEEPS_S (14 * 24 * 3600)
/* error of a retry receipt (dossier 2, 6.9) */
#define RETRY_UNKNOWN 0u
#define RETRY_INVALID_MESSAGE 4u

/* What became of one enc node. */
typedef struct
{
  WhimNode *node; /* borrowed from the stanza */
  WhimSignalType type;
  GBytes *cipher;
  gboolean understood; /* msg or pkmsg, version 2 */
  WhimContent *content;
  GError *error;
} Enc;

typedef struct
{
  WhimMessenger *messenger;
  WhimNode *node;
  WhimJid *from;   /* who sent it, with device */
  WhimJid *sender; /* bare */
  WhimJid *other;  /* the sender's other name, if known */
  WhimJid *chat;   /* bare */
  WhimJid *chat_other;
  gboolean from_me;
  gboolean peer;
  char *name;    /* Signal name in use */
  char *pn_name; /* Signal name under the number, for a session that has not moved yet */
  guint device;
  Enc encs[MAX_ENCS];
  guint n_encs;
  gboolean history; /* owes a hist_sync receipt */
  gboolean undecryptable;
  gboolean malformed; /* it decrypts to nothing that is a message */
  gboolean duplicate;
  gboolean unproven; /* a duplicate and nothing else, and the store was not asked yet */
  gboolean identity_changed;
  WhimRepair *expected; /* our phone is to be asked for it */
} ReceiveOp;

struct _WhimReceiver
{
  WhimMessenger *messenger;
  GQueue inbox;       /* of ReceiveOp: not yet given to the ratchet */
  gboolean resolving; /* the head waits for a name */
  guint in_flight;    /* given to the ratchet or to the writer */
  guint generation;
};

static void receiver_next (WhimReceiver *self);

static void
receive_op_free (ReceiveOp *op)
{
  for (guint i = 0; i < op->n_encs; i++)
    {
      g_clear_pointer (&op->encs[i].cipher, g_bytes_unref);
      g_clear_pointer (&op->encs[i].content, whim_content_free);
      g_clear_error (&op->encs[i].error);
    }
  whim_node_unref (op->node);
  g_clear_pointer (&op->expected, whim_repair_free);
  g_clear_pointer (&op->from, whim_jid_unref);
  g_clear_pointer (&op->sender, whim_jid_unref);
  g_clear_pointer (&op->other, whim_jid_unref);
  g_clear_pointer (&op->chat, whim_jid_unref);
  g_clear_pointer (&op->chat_other, whim_jid_unref);
  g_free (op->name);
  g_free (op->pn_name);
  whim_messenger_unref (op->messenger);
  g_free (op);
}

WhimReceiver *
whim_receiver_new (WhimMessenger *messenger)
{
  WhimReceiver *self = g_new0 (WhimReceiver, 1);

  self->messenger = messenger;
  g_queue_init (&self->inbox);
  return self;
}

/* What waits is dropped: it was not acknowledged, the server has it. */
void
whim_receiver_discard (WhimReceiver *self)
{
  ReceiveOp *op;
  ReceiveOp *head = self->resolving ? g_queue_pop_head (&self->inbox) : NULL;

  while ((op = g_queue_pop_head (&self->inbox)) != NULL)
    receive_op_free (op);
  if (head != NULL)
    g_queue_push_head (&self->inbox, head); /* its callback takes it */
  self->generation++;
}

void
whim_receiver_free (WhimReceiver *self)
{
  whim_receiver_discard (self);
  g_free (self);
}

gboolean
whim_receiver_is_idle (WhimReceiver *self)
{
  return g_queue_is_empty (&self->inbox) && self->in_flight == 0;
}

/* ---- after the commit: receipts (dossier 2, 6.5) --------------------------------------------- */

static void
send_receipt (ReceiveOp *op, WhimJid *to, const char *type, gboolean copy)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("receipt");
  g_autoptr (WhimNode) receipt = NULL;

  whim_node_builder_attr (builder, "id", whim_node_get_attr (op->node, "id"));
  whim_node_builder_attr_jid (builder, "to", to);
  whim_node_builder_attr (builder, "type", type);
  if (copy)
    {
      whim_node_builder_attr_jid (builder, "participant",
                                  whim_node_get_attr_jid (op->node, "participant"));
      whim_node_builder_attr_jid (builder, "recipient",
                                  whim_node_get_attr_jid (op->node, "recipient"));
    }
  receipt = whim_node_builder_end (builder);
  whim_session_send (op->messenger->session, receipt);
}

static void
send_receipts (ReceiveOp *op)
{
  WhimMessenger *messenger = op->messenger;
  const WhimCredentials *keys = whim_messenger_get_keys (messenger);
  WhimJid *from = whim_node_get_attr_jid (op->node, "from");
  g_autoptr (WhimJid) own = NULL;

  if (op->n_encs == 0)
    {
      whim_session_ack (messenger->session, op->node, 0);
      return;
    }
  if (!op->peer)
    {
      /* unavailable: delivered, but not shown as read by a screen (product page, 4: presence) */
      send_receipt (op, from,
                    op->from_me            ? "sender"
                    : messenger->available ? NULL
                                           : "inactive",
                    TRUE);
      return;
    }
  own = whim_jid_to_bare (keys->pn);
  send_receipt (op, from, "peer_msg", TRUE);
  if (op->history)
    send_receipt (op, own, "hist_sync", FALSE);
}

static void receive_unread (ReceiveOp *op);
static void receive_committed (WhimMessenger *messenger, gboolean ok, gpointer data);

/* ---- is it a repeat? ------------------------------------------------------------------------- */

static void
repeat_known (ReceiveOp *op, gboolean known, const GError *error)
{
  op->unproven = FALSE;
  if (known || error != NULL || !whim_messenger_is_open (op->messenger)
      || whim_messenger_get_keys (op->messenger) == NULL)
    receive_committed (op->messenger, known, op);
  else
    receive_unread (op);
}

static void
repeat_seen_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *note = whim_store_find_seen_finish (WHIM_STORE (source), result, &error);

  repeat_known (user_data, note != NULL, error);
}

static void
repeat_message_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ReceiveOp *op = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) messages
      = whim_store_find_message_finish (WHIM_STORE (source), result, &error);

  gboolean known = messages == NULL;

  for (guint i = 0; messages != NULL && i < messages->len; i++)
    {
      const WhimMessage *message = g_ptr_array_index (messages, i);

      known = known || g_strcmp0 (message->kind, "undecryptable") != 0;
    }
  if (known)
    repeat_known (op, messages != NULL, error);
  else
    whim_store_find_seen_async (op->messenger->store, op->messenger->channel_number,
                                whim_jid_get_text (op->from), whim_node_get_attr (op->node, "id"),
                                NULL, repeat_seen_cb, op);
}

/* The key of this ciphertext was used. If nothing of this id was taken, it was used for another
 * message: clients do that when they read and write at once. Then it is asked for again. */
static void
receive_repeat (ReceiveOp *op)
{
  whim_store_find_message_async (op->messenger->store, op->messenger->channel_number,
                                 whim_node_get_attr (op->node, "id"), NULL, repeat_message_cb, op);
}

static void
receive_committed (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  ReceiveOp *op = data;

  /* what went before is on disk now, so the first copy would be found */
  if (ok && op->unproven && whim_messenger_is_open (messenger))
    {
      receive_repeat (op);
      return;
    }
  messenger->receiver->in_flight--;
  if (ok)
    (void)WHIM_FAILPOINT ("receive.after-commit");
  if (ok && whim_messenger_is_open (messenger) && whim_messenger_get_keys (messenger) != NULL)
    {
      if (op->malformed)
        whim_session_ack (messenger->session, op->node, ACK_INVALID_PROTOBUF);
      else
        send_receipts (op);
      if (op->expected != NULL)
        whim_repairer_expect (messenger->repairer, op->expected);
    }
  receive_op_free (op);
}

/* ---- the unit -------------------------------------------------------------------------------- */

static WhimOrigin
get_origin (ReceiveOp *op)
{
  const char *name = whim_node_get_attr (op->node, "notify");
  WhimOrigin origin = {
    .id = whim_node_get_attr (op->node, "id"),
    .chat = op->chat,
    .chat_other = op->chat_other,
    .sender = op->sender,
    .sender_other = op->other,
    .from_me = op->from_me,
    .device = op->device,
    .push_name = g_strcmp0 (name, "-") == 0 ? NULL : name,
    .timestamp = whim_node_get_attr_time (op->node, "t",
                                          whim_session_get_server_time (op->messenger->session)),
  };

  return origin;
}

/* dossier 2, 4.12: each message tells how long it stays, and so does the setting itself. */
static void
put_expiration (ReceiveOp *op, WhimUnit *unit, const WhimContent *content)
{
  gint64 t = whim_node_get_attr_time (op->node, "t",
                                      whim_session_get_server_time (op->messenger->session));

  if (content->sets_expiration && whim_jid_is_user (op->chat))
    whim_unit_put_expiration (unit, whim_jid_get_text (op->chat), content->expiration,
                              whim_incoming_limit_time (content->expiration_set_at, t));
}

static void
put_message (ReceiveOp *op, WhimUnit *unit, const WhimContent *content)
{
  const WhimOrigin origin = get_origin (op);

  WhimContentAction action;

  whim_incoming_put (op->messenger, unit, &origin, content);
  if (content == NULL)
    return;
  put_expiration (op, unit, content);
  /* what changes another message leaves no row of its own */
  if (whim_content_get_action (content, &action))
    whim_unit_put_seen (unit, whim_jid_get_text (op->from), origin.id, "");
}

static void
put_lid_mappings (ReceiveOp *op, WhimUnit *unit, const Wa__ProtocolMessage *protocol)
{
  const Wa__LIDMigrationMappingSyncMessage *sync = protocol->lidmigrationmappingsyncmessage;
  g_autoptr (Wa__LIDMigrationMappingSyncPayload) payload = NULL;

  if (sync == NULL || !sync->has_encodedmappingpayload)
    return;
  payload
      = whim_proto_unpack (&wa__lidmigration_mapping_sync_payload__descriptor,
                           sync->encodedmappingpayload.data, sync->encodedmappingpayload.len, NULL);
  for (gsize i = 0; payload != NULL && i < payload->n_pntolidmappings; i++)
    {
      const Wa__LIDMigrationMapping *mapping = payload->pntolidmappings[i];
      guint64 lid = mapping->has_latestlid ? mapping->latestlid : mapping->assignedlid;
      g_autofree char *lid_user = g_strdup_printf ("%" G_GUINT64_FORMAT, lid);
      g_autofree char *pn_user = g_strdup_printf ("%" G_GUINT64_FORMAT, mapping->pn);
      g_autoptr (WhimJid) lid_jid = whim_jid_new (WHIM_JID_SERVER_LID, lid_user, 0);
      g_autoptr (WhimJid) pn_jid = whim_jid_new (WHIM_JID_SERVER_USER, pn_user, 0);

      if (lid != 0 && mapping->pn != 0)
        whim_directory_learn (op->messenger->directory, unit, lid_jid, pn_jid);
    }
}

/* What the phone sends about the account is kept raw, also while nothing uses it (3.7). Only from
 * our own phone: anybody can put these into a message (dossier 2, 7). */
static void
put_own_protocol (ReceiveOp *op, WhimUnit *unit, const WhimContent *content)
{
  const char *id = whim_node_get_attr (op->node, "id");
  const char *kind = "other";

  switch (content->protocol_type)
    {
    case WHIM_PROTOCOL_APP_STATE_SYNC_KEY_SHARE:
      kind = "app-state-key-share";
      break;
    case WHIM_PROTOCOL_HISTORY_SYNC_NOTIFICATION:
      kind = "history-notification";
      whim_tokens_take_history (unit, content->protocol);
      op->history = TRUE;
      break;
    case WHIM_PROTOCOL_LID_MIGRATION_MAPPING_SYNC:
      kind = "lid-mapping";
      put_lid_mappings (op, unit, content->protocol);
      break;
    case WHIM_PROTOCOL_PEER_DATA_RESPONSE:
      kind = NULL;
      if (content->protocol->peerdataoperationrequestresponsemessage != NULL)
        whim_placeholder_put (op->messenger, unit,
                              content->protocol->peerdataoperationrequestresponsemessage);
      break;
    default:
      break;
    }
  if (kind != NULL)
    whim_unit_put_pairing_material (unit, kind, id, content->bytes);
  whim_unit_put_seen (unit, whim_jid_get_text (op->from), id, op->history ? "hist_sync" : "");
}

static gboolean
is_about_account (ReceiveOp *op, const WhimContent *content)
{
  switch (content->protocol_type)
    {
    case WHIM_PROTOCOL_APP_STATE_SYNC_KEY_SHARE:
    case WHIM_PROTOCOL_HISTORY_SYNC_NOTIFICATION:
    case WHIM_PROTOCOL_APP_STATE_FATAL_EXCEPTION:
    case WHIM_PROTOCOL_PEER_DATA_REQUEST:
    case WHIM_PROTOCOL_PEER_DATA_RESPONSE:
    case WHIM_PROTOCOL_LID_MIGRATION_MAPPING_SYNC:
      return TRUE;
    default:
      return op->peer;
    }
}

/* The stanza names both addresses: they are learnt with it, and the application is told why. */
static void
put_shared_number (ReceiveOp *op, WhimUnit *unit)
{
  WhimJid *pn = whim_jid_is_lid (op->sender) ? op->other : op->sender;
  WhimJid *lid = whim_jid_is_lid (op->sender) ? op->sender : op->other;
  GVariantBuilder data;

  whim_unit_put_seen (unit, whim_jid_get_text (op->from), whim_node_get_attr (op->node, "id"), "");
  if (op->from_me || pn == NULL || lid == NULL)
    return;
  g_variant_builder_init (&data, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&data, "{sv}", "id", g_variant_new_string (whim_jid_get_text (pn)));
  g_variant_builder_add (&data, "{sv}", "lid", g_variant_new_string (whim_jid_get_text (lid)));
  g_variant_builder_add (&data, "{sv}", "change", g_variant_new_string ("phone_number"));
  whim_unit_put_event (unit, whim_event_new (op->messenger->channel_id, "contact.updated",
                                             whim_clock_get_unix (op->messenger->clock),
                                             g_variant_builder_end (&data)));
}

static void
put_content (ReceiveOp *op, WhimUnit *unit, const WhimContent *content)
{
  const char *id = whim_node_get_attr (op->node, "id");
  gboolean own_phone = op->from_me && op->device == 0;

  if (content->device_sent && !op->from_me)
    {
      /* spoofed: only our own devices may speak for us (dossier 2, 6.2) */
      whim_unit_put_seen (unit, whim_jid_get_text (op->from), id, "");
      return;
    }
  switch (content->kind)
    {
    case WHIM_CONTENT_MESSAGE:
      put_message (op, unit, content);
      break;
    case WHIM_CONTENT_PROTOCOL:
      if (content->protocol_type == WHIM_PROTOCOL_SHARE_PHONE_NUMBER)
        put_shared_number (op, unit);
      else if (own_phone && is_about_account (op, content))
        put_own_protocol (op, unit, content);
      else if (is_about_account (op, content))
        whim_unit_put_seen (unit, whim_jid_get_text (op->from), id, "");
      else
        put_message (op, unit, content);
      break;
    case WHIM_CONTENT_KEYS:
      whim_unit_put_seen (unit, whim_jid_get_text (op->from), id, "");
      break;
    default:
      g_assert_not_reached ();
    }
}

/* ---- what cannot be read -----------------------------------------------------------------------
 */

static char *
dup_canonical (WhimJid *bare, WhimJid *other, guint device)
{
  WhimJid *name = other != NULL && whim_jid_is_lid (other) ? other : bare;
  g_autoptr (WhimJid) jid
      = whim_jid_is_user (name) ? whim_jid_with_device (name, device) : whim_jid_ref (name);

  return g_strdup (whim_jid_get_text (jid));
}

static WhimRepair *
make_repair_key (ReceiveOp *op)
{
  g_autofree char *chat = dup_canonical (op->chat, op->chat_other, 0);
  g_autofree char *sender = dup_canonical (op->sender, op->other, op->device);

  return whim_repair_new (chat, sender, whim_node_get_attr (op->node, "id"),
                          whim_clock_get_unix (op->messenger->clock));
}

static guint
retry_code (const Enc *enc)
{
  if (enc->error == NULL || enc->error->domain != WHIM_SIGNAL_ERROR)
    return RETRY_INVALID_MESSAGE;
  switch ((WhimSignalError)enc->error->code)
    {
    case WHIM_SIGNAL_ERROR_NO_SESSION:
      return WHIM_RETRY_NO_SESSION;
    case WHIM_SIGNAL_ERROR_INVALID_KEY:
      return WHIM_RETRY_INVALID_KEY;
    case WHIM_SIGNAL_ERROR_INVALID_KEY_ID:
      return WHIM_RETRY_INVALID_KEY_ID;
    case WHIM_SIGNAL_ERROR_INVALID_MESSAGE:
      return WHIM_RETRY_BAD_MAC;
    case WHIM_SIGNAL_ERROR_DUPLICATE:
    case WHIM_SIGNAL_ERROR_UNTRUSTED:
    case WHIM_SIGNAL_ERROR_INTERNAL:
    default:
      return RETRY_UNKNOWN;
    }
}

/* Why our phone need not be asked for what the server did not have for us; NULL: it may. */
static const char *
unavailable_reason (ReceiveOp *op)
{
  WhimNode *node = whim_node_find_child (op->node, "unavailable");
  const char *subtype = whim_node_get_attr (op->node, "subtype");

  if (whim_node_find_child (op->node, "bot") != NULL
      || g_strcmp0 (subtype, "bot_unavailable_fanout") == 0)
    return "bot";
  if (g_strcmp0 (subtype, "view_once_unavailable_fanout") == 0
      || (node != NULL && whim_node_attr_equals (node, "type", "view_once")))
    return "view_once";
  if (g_strcmp0 (subtype, "hosted_unavailable_fanout") == 0
      || (node != NULL && whim_node_attr_equals (node, "hosted", "true")))
    return "hosted";
  return NULL;
}

/* Not what it sends about the account itself, and nothing that it no longer has. */
static gboolean
may_ask_phone (ReceiveOp *op)
{
  gint64 now = whim_session_get_server_time (op->messenger->session);

  return !op->peer && now - whim_node_get_attr_time (op->node, "t", now) <= PHONE_KEEPS_S;
}

/* The server has nothing for this device (dossier 2, 6.8): something stands in its place, and our
 * phone is asked for it. */
static void
put_unavailable (ReceiveOp *op, WhimUnit *unit)
{
  const WhimOrigin origin = get_origin (op);
  g_autoptr (WhimRepair) key = make_repair_key (op);
  g_autoptr (WhimMessage) message = whim_incoming_make_message (&origin, NULL);
  const char *reason = unavailable_reason (op);

  g_free (message->status_reason);
  message->status_reason = g_strdup (reason != NULL ? reason : "unavailable");
  whim_unit_put_message (unit, message, NULL);
  whim_unit_put_repair (unit, key);
  if (reason == NULL && may_ask_phone (op))
    op->expected = g_steal_pointer (&key);
  else
    whim_unit_tell_repair (unit, op->messenger->channel_id, key);
}

static void
unread_done (WhimMessenger *messenger, gpointer data)
{
  messenger->receiver->in_flight--;
  receive_op_free (data);
}

/* Asked for again; the count, and what stands in its place meanwhile, are on disk first. */
static void
receive_unread (ReceiveOp *op)
{
  WhimUnread *unread = g_new0 (WhimUnread, 1);

  unread->node = whim_node_ref (op->node);
  unread->key = make_repair_key (op);
  for (guint i = 0; i < op->n_encs; i++)
    {
      WhimNode *node = op->encs[i].node;

      if (!op->encs[i].understood || op->encs[i].content != NULL)
        continue;
      unread->code = retry_code (&op->encs[i]);
      unread->answered = (guint)CLAMP (whim_node_get_attr_int (node, "count", 0), 0, G_MAXINT8);
      unread->key->hidden
          = unread->key->hidden || whim_node_attr_equals (node, "decrypt-fail", "hide");
    }
  unread->peer = op->peer;
  unread->ask_phone = unavailable_reason (op) == NULL && may_ask_phone (op);
  if (!op->peer && !unread->key->hidden)
    {
      const WhimOrigin origin = get_origin (op);

      unread->placeholder = whim_incoming_make_message (&origin, NULL);
    }
  whim_repairer_take (op->messenger->repairer, unread, unread_done, op);
}

/* A copy that came because we asked: nothing is owed any more. @shown: it is a message. */
static void
put_repaired (ReceiveOp *op, WhimUnit *unit)
{
  g_autoptr (WhimRepair) key = make_repair_key (op);
  gboolean shown = FALSE;
  gboolean answer = FALSE;

  for (guint i = 0; i < op->n_encs; i++)
    {
      const Enc *enc = &op->encs[i];

      answer = answer || whim_node_get_attr (enc->node, "count") != NULL;
      shown = shown || (enc->content != NULL && enc->content->kind == WHIM_CONTENT_MESSAGE);
    }
  if (!answer && !whim_repairer_is_waiting (op->messenger->repairer, key))
    return;
  whim_unit_end_repair (unit, key, !shown);
  whim_repairer_forget (op->messenger->repairer, key);
}

static void
put_results (ReceiveOp *op, WhimUnit *unit)
{
  gboolean any = FALSE;
  gboolean failed = FALSE;
  gboolean read = FALSE;

  for (guint i = 0; i < op->n_encs; i++)
    {
      Enc *enc = &op->encs[i];

      if (enc->content != NULL)
        {
          any = read = TRUE;
          put_content (op, unit, enc->content);
        }
      else if (enc->error != NULL
               && g_error_matches (enc->error, WHIM_SIGNAL_ERROR, WHIM_SIGNAL_ERROR_DUPLICATE))
        {
          any = TRUE;
          op->duplicate = TRUE;
        }
      else if (enc->error != NULL
               && g_error_matches (enc->error, WHIM_CONTENT_ERROR, WHIM_CONTENT_ERROR_INVALID))
        op->malformed = TRUE;
      else if (enc->understood)
        failed = TRUE;
    }
  op->unproven = op->duplicate && !read && !op->peer;
  if (read || (any && op->peer))
    put_repaired (op, unit);
  else if (any)
    ; /* nothing is known before the store has been asked */
  else if (failed)
    op->undecryptable = TRUE;
  else if (op->peer) /* about the account, and not for people to see */
    whim_unit_put_seen (unit, whim_jid_get_text (op->from), whim_node_get_attr (op->node, "id"),
                        "");
  else if (op->n_encs == 0 && whim_node_find_child (op->node, "unavailable") != NULL)
    put_unavailable (op, unit);
  else
    put_message (op, unit, NULL); /* a cipher that is not understood yet: shown as unknown */
  op->malformed = op->malformed && !any && !failed;
}

static void
receive_seen_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ReceiveOp *op = user_data;
  g_autofree char *note = whim_store_find_seen_finish (WHIM_STORE (source), result, NULL);

  op->history = g_strcmp0 (note, "hist_sync") == 0;
  receive_committed (op->messenger, TRUE, op);
}

static void
receive_finish (ReceiveOp *op, GPtrArray *changes)
{
  WhimMessenger *messenger = op->messenger;
  WhimUnit *unit = whim_messenger_new_unit (messenger);
  WhimJid *learnt[][2] = { { op->sender, op->other }, { op->chat, op->chat_other } };

  for (guint i = 0; i < G_N_ELEMENTS (learnt); i++)
    whim_directory_learn (messenger->directory, unit, learnt[i][0], learnt[i][1]);
  whim_unit_put_signal_changes (unit, changes);
  if (op->identity_changed)
    whim_identity_note (messenger, unit, op->sender);
  put_results (op, unit);
  if (op->duplicate && op->peer && changes->len == 0)
    {
      /* Handled before: the same receipts once more. Which they were stands in the store. */
      whim_unit_free (unit);
      whim_store_find_seen_async (messenger->store, messenger->channel_number,
                                  whim_jid_get_text (op->from), whim_node_get_attr (op->node, "id"),
                                  NULL, receive_seen_cb, op);
      return;
    }
  if (op->undecryptable)
    {
      if (whim_unit_is_empty (unit))
        whim_unit_free (unit);
      else
        whim_messenger_commit (messenger, unit, NULL, NULL);
      receive_unread (op);
      return;
    }
  (void)WHIM_FAILPOINT ("receive.before-commit");
  whim_messenger_commit (messenger, unit, receive_committed, op);
}

/* ---- on the worker --------------------------------------------------------------------------- */

static void
enc_decrypt (ReceiveOp *op, WhimSignalContext *context, WhimSignalCache *cache, Enc *enc)
{
  gboolean changed = FALSE;
  g_autoptr (GBytes) padded = whim_signal_decrypt (
      context, cache, op->name, op->device, enc->type, g_bytes_get_data (enc->cipher, NULL),
      g_bytes_get_size (enc->cipher), &changed, &enc->error);
  g_autoptr (GBytes) plain = NULL;

  op->identity_changed = op->identity_changed || changed;

  if (padded == NULL)
    return;
  plain = whim_content_unpad (padded, &enc->error);
  if (plain != NULL)
    enc->content = whim_content_parse (plain, &enc->error);
}

static void
receive_work (WhimSignalContext *context, WhimSignalCache *cache, gpointer job)
{
  ReceiveOp *op = job;

  /* A session that is still under the number moves once the LID is known (dossier 2, 1.6). */
  if (op->pn_name != NULL)
    whim_signal_move_user (context, cache, op->pn_name, op->name, op->device);
  for (guint i = 0; i < op->n_encs; i++)
    if (op->encs[i].understood)
      enc_decrypt (op, context, cache, &op->encs[i]);
}

static void
receive_worked (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  ReceiveOp *op = job;
  g_autoptr (GPtrArray) owned = changes;

  if (changes == NULL || !whim_messenger_is_open (op->messenger))
    {
      /* Not done, and not acknowledged: the server keeps it. */
      op->messenger->receiver->in_flight--;
      receive_op_free (op);
      return;
    }
  receive_finish (op, changes);
}

/* ---- names and working set --------------------------------------------------------------------
 */

static void
want_prekeys (GPtrArray *wanted, const Enc *enc)
{
  static WhimSignalContext *context; /* parses only; the main thread's own */
  guint32 prekey;
  guint32 signed_prekey;

  if (context == NULL)
    context = whim_signal_context_new ();
  if (whim_signal_peek_prekey_ids (context, g_bytes_get_data (enc->cipher, NULL),
                                   g_bytes_get_size (enc->cipher), &prekey, &signed_prekey))
    {
      g_autofree char *id = g_strdup_printf ("%u", prekey);
      g_autofree char *signed_id = g_strdup_printf ("%u", signed_prekey);

      whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_PREKEY, id);
      whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_SIGNED_PREKEY, signed_id);
    }
}

static void
receive_submit (ReceiveOp *op)
{
  WhimMessenger *messenger = op->messenger;
  GPtrArray *wanted = whim_ratchet_wanted_new ();
  WhimJid *lid = whim_jid_is_lid (op->sender) ? op->sender : op->other;
  WhimJid *pn = whim_jid_is_lid (op->sender) ? op->other : op->sender;

  if (lid != NULL && !whim_jid_is_lid (lid))
    lid = NULL;
  op->name = whim_devices_signal_name (lid != NULL ? lid : op->sender, op->device);
  whim_ratchet_want_address (wanted, op->name, op->device);
  if (lid != NULL && pn != NULL)
    {
      op->pn_name = whim_devices_signal_name (pn, op->device);
      whim_ratchet_want_address (wanted, op->pn_name, op->device);
    }
  for (guint i = 0; i < op->n_encs; i++)
    if (op->encs[i].understood && op->encs[i].type == WHIM_SIGNAL_TYPE_PKMSG)
      want_prekeys (wanted, &op->encs[i]);
  messenger->receiver->in_flight++;
  whim_ratchet_run (messenger->ratchet, wanted, receive_work, op, receive_worked, NULL);
}

static void
other_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimMessenger) messenger = user_data;
  WhimReceiver *self = messenger->receiver;
  g_autoptr (WhimJid) other = whim_directory_find_other_finish (messenger->directory, result);
  ReceiveOp *op = g_queue_pop_head (&self->inbox);

  self->resolving = FALSE;
  op->other = g_steal_pointer (&other);
  if (whim_messenger_is_open (messenger) && whim_messenger_get_keys (messenger) != NULL)
    receive_submit (op);
  else
    receive_op_free (op);
  receiver_next (self);
}

static void
receiver_next (WhimReceiver *self)
{
  while (!self->resolving && !g_queue_is_empty (&self->inbox))
    {
      ReceiveOp *op = g_queue_peek_head (&self->inbox);

      if (op->other == NULL && whim_jid_is_user (op->sender) && op->n_encs > 0)
        {
          self->resolving = TRUE;
          whim_directory_find_other_async (self->messenger->directory, op->sender, other_found_cb,
                                           whim_messenger_ref (self->messenger));
          return;
        }
      g_queue_pop_head (&self->inbox);
      receive_submit (op);
    }
}

/* ---- the stanza --------------------------------------------------------------------------------
 */

/* It is of the other kind, and of the same account if one of them is ours. */
static void
take_other_name (ReceiveOp *op, WhimJid *jid, const char *pn, const char *lid, WhimJid **other)
{
  WhimJid *found = whim_node_get_attr_jid (op->node, whim_jid_is_lid (jid) ? pn : lid);

  if (found != NULL && whim_jid_is_user (found) && whim_jid_is_lid (found) != whim_jid_is_lid (jid)
      && whim_messenger_is_own (op->messenger, found) == whim_messenger_is_own (op->messenger, jid))
    *other = whim_jid_to_bare (found);
}

/* Chat, sender, fromMe: the table of dossier 2, 6.1. */
static gboolean
take_source (ReceiveOp *op)
{
  WhimJid *from = whim_node_get_attr_jid (op->node, "from");
  WhimJid *participant = whim_node_get_attr_jid (op->node, "participant");
  WhimJid *recipient = whim_node_get_attr_jid (op->node, "recipient");

  if (from == NULL || whim_node_get_attr (op->node, "id") == NULL)
    return FALSE;
  if (!whim_jid_is_user (from) && participant != NULL && whim_jid_is_user (participant))
    {
      op->from = whim_jid_ref (participant);
      op->chat = whim_jid_to_bare (from);
      op->sender = whim_jid_to_bare (participant);
      take_other_name (op, op->sender, "participant_pn", "participant_lid", &op->other);
    }
  else
    {
      op->from = whim_jid_ref (from);
      op->sender = whim_jid_to_bare (from);
      op->chat = whim_jid_ref (op->sender);
      if (whim_jid_is_user (from))
        take_other_name (op, op->sender, "sender_pn", "sender_lid", &op->other);
    }
  op->from_me = whim_messenger_is_own (op->messenger, op->sender);
  op->peer = op->from_me && whim_node_attr_equals (op->node, "category", "peer");
  op->device = whim_jid_get_device (op->from);
  if (op->from_me && recipient != NULL && whim_jid_is_user (from))
    {
      whim_jid_unref (op->chat);
      op->chat = whim_jid_to_bare (recipient);
      if (whim_jid_is_user (op->chat))
        take_other_name (op, op->chat, "peer_recipient_pn", "peer_recipient_lid", &op->chat_other);
    }
  else if (!op->from_me && op->other != NULL && whim_jid_equal (op->chat, op->sender))
    op->chat_other = whim_jid_ref (op->other);
  return TRUE;
}

static void
take_encs (ReceiveOp *op)
{
  WHIM_FOREACH_CHILD (op->node, child)
    {
      const char *type = whim_node_get_attr (child, "type");
      gsize len;
      Enc *enc;

      if (!whim_node_is (child, "enc") || op->n_encs >= MAX_ENCS)
        continue;
      whim_node_get_content (child, &len);
      enc = &op->encs[op->n_encs++];
      enc->node = child;
      enc->cipher = whim_node_dup_content (child);
      if (enc->cipher == NULL)
        enc->cipher = g_bytes_new (NULL, 0);
      enc->type = g_strcmp0 (type, "pkmsg") == 0 ? WHIM_SIGNAL_TYPE_PKMSG : WHIM_SIGNAL_TYPE_MSG;
      enc->understood = whim_node_attr_equals (child, "v", "2") && len <= WHIM_LIMIT_CIPHERTEXT
                        && (g_strcmp0 (type, "msg") == 0 || g_strcmp0 (type, "pkmsg") == 0);
    }
}

gboolean
whim_receiver_take (WhimReceiver *self, WhimNode *stanza)
{
  WhimMessenger *messenger = self->messenger;
  ReceiveOp *op;

  if (whim_messenger_get_keys (messenger) == NULL)
    return FALSE;
  op = g_new0 (ReceiveOp, 1);
  op->messenger = whim_messenger_ref (messenger);
  op->node = whim_node_ref (stanza);
  if (!take_source (op))
    {
      receive_op_free (op);
      whim_session_ack (messenger->session, stanza, ACK_PARSING);
      return TRUE;
    }
  take_encs (op);
  if (self->inbox.length + self->in_flight >= WHIM_LIMIT_INBOX)
    {
      receive_op_free (op);
      whim_session_fail (messenger->session, WHIM_REASON_PROTOCOL);
      return TRUE;
    }
  g_queue_push_tail (&self->inbox, op);
  receiver_next (self);
  return TRUE;
}
