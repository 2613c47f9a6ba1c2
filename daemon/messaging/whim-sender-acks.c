/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "base/whim-error.h"
#include "base/whim-failpoint.h"

/* What the service says to a message that was written: acknowledged, refused for now, or for good;
 * and how a row ends. */

#define ACK_TIMEOUT_MS 75000

/* ---- the end of a row ------------------------------------------------------------------------ */

static GVariant *
row_to_variant (const WhimOutboxRow *row,
                const WhimMessage *accepted,
                WhimMessageStatus status,
                const char *reason,
                gint64 timestamp)
{
  GVariantBuilder builder;
  g_autoptr (WhimMessage) message = NULL;

  if (accepted != NULL)
    {
      message = whim_message_copy (accepted);
      message->status = status;
      message->timestamp = timestamp;
      message->status_reason = g_strdup (reason);
      return whim_message_to_variant (message);
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "id", g_variant_new_string (row->message_id));
  g_variant_builder_add (&builder, "{sv}", "chatId", g_variant_new_string (row->chat));
  g_variant_builder_add (&builder, "{sv}", "fromMe", g_variant_new_boolean (TRUE));
  g_variant_builder_add (&builder, "{sv}", "timestamp", g_variant_new_int64 (timestamp));
  g_variant_builder_add (&builder, "{sv}", "status",
                         g_variant_new_string (whim_message_status_to_word (status)));
  if (reason != NULL)
    g_variant_builder_add (&builder, "{sv}", "statusReason", g_variant_new_string (reason));
  g_variant_builder_add (&builder, "{sv}", "source", g_variant_new_string ("api"));
  return g_variant_builder_end (&builder);
}

WhimEvent *
whim_sender_make_event (WhimSender *self,
                        const WhimOutboxRow *row,
                        const WhimMessage *message,
                        WhimMessageStatus status,
                        const char *reason,
                        gint64 timestamp)
{
  return whim_event_new (self->messenger->channel_id,
                         status == WHIM_MESSAGE_STATUS_SENT ? "message.sent" : "message.status",
                         timestamp, row_to_variant (row, message, status, reason, timestamp));
}

typedef struct
{
  char *id;
  WhimMessage *message; /* NULL: it failed */
  gint64 code;
} EndOp;

static void
row_ended (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  EndOp *op = data;
  GError *error = NULL;
  g_autofree char *code = g_strdup_printf ("%" G_GINT64_FORMAT, op->code);

  /* not on disk: the same bytes go out after the next login, and are answered then */
  if (ok && op->message != NULL)
    whim_sender_answer_waiter (messenger->sender, op->id, g_steal_pointer (&op->message), NULL);
  else if (ok)
    {
      if (op->code != 0)
        whim_set_error_details (&error, WHIM_ERROR_REFUSED, code,
                                "the service refused the message");
      else
        error = g_error_new_literal (WHIM_ERROR, WHIM_ERROR_REFUSED, "the message failed");
      whim_sender_answer_waiter (messenger->sender, op->id, NULL, error);
    }
  whim_message_free (op->message);
  g_free (op->id);
  g_free (op);
}

/* @code: of a refusal; 0 otherwise */
void
whim_sender_end_row (WhimSender *self,
                     SendRow *row,
                     WhimMessageStatus status,
                     const char *reason,
                     gint64 timestamp,
                     gint64 code,
                     WhimUnit *unit)
{
  EndOp *op = g_new0 (EndOp, 1);
  gint64 now = whim_clock_get_unix_ms (self->messenger->clock);
  g_autofree char *server_time = g_strdup_printf ("%" G_GINT64_FORMAT, timestamp);

  op->id = g_strdup (row->row->message_id);
  op->code = code;
  if (status == WHIM_MESSAGE_STATUS_SENT && row->message != NULL)
    {
      op->message = whim_message_copy (row->message);
      op->message->status = status;
      op->message->timestamp = timestamp;
    }
  whim_unit_delete_outbox (unit, row->row->number);
  whim_unit_set_message_status (
      unit, row->row->message_id, status, reason, timestamp,
      whim_sender_make_event (self, row->row, row->message, status, reason, timestamp));
  if (row->sent_at != 0)
    whim_unit_put_timeline (unit, row->row->message_id, row->sent_at, "sent", NULL, NULL);
  if (status == WHIM_MESSAGE_STATUS_SENT)
    whim_unit_put_timeline (unit, row->row->message_id, MAX (timestamp * 1000, row->sent_at),
                            "acked", NULL, server_time);
  else
    whim_unit_put_timeline (unit, row->row->message_id, now,
                            g_strcmp0 (reason, "expired") == 0 ? "expired" : "failed", NULL,
                            reason);
  whim_messenger_commit (self->messenger, unit, row_ended, op);
  whim_sender_drop (self, row);
}

/* ---- acks and refusals ----------------------------------------------------------------------- */

/* What was to be kept of a row that stays in line is on disk. */
void
whim_sender_row_committed (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  RowOp *op = data;
  g_autoptr (WhimMessenger) owned = op->messenger;
  WhimSender *self = messenger->sender;
  SendRow *row = whim_sender_row_op_end (op);

  if (row != NULL && row->lane != NULL && g_queue_peek_head (&row->lane->rows) == row)
    {
      row->lane->running = FALSE;
      whim_sender_lane_start (self, row->lane);
    }
}

static void
forget_addresses (WhimMessenger *messenger, WhimUnit *unit, WhimJid *jid)
{
  const WhimCredentials *keys = whim_messenger_get_keys (messenger);

  whim_directory_forget_devices (messenger->directory, unit, jid);
  whim_directory_forget_devices (messenger->directory, unit, keys->pn);
}

/* What the address of a refused message stands for is asked for anew: devices, and the LID. */
static void
doubt_address (WhimMessenger *messenger, WhimUnit *unit, const char *chat)
{
  g_autoptr (WhimJid) jid = whim_jid_parse (chat, NULL);

  if (jid == NULL || !whim_jid_is_user (jid))
    return;
  if (!whim_messenger_is_own (messenger, jid))
    whim_directory_forget_pair (messenger->directory, unit, jid);
  forget_addresses (messenger, unit, jid);
}

static void
refused_for_now (WhimSender *self, SendRow *row, const WhimRefusal *refusal, gint64 code)
{
  WhimMessenger *messenger = self->messenger;
  WhimUnit *unit = whim_messenger_new_unit (messenger);
  g_autofree char *detail = g_strdup_printf ("%" G_GINT64_FORMAT, code);
  gint64 delay = whim_refusal_get_delay (row->refusals++);
  SendLane *lane = whim_sender_get_lane (self, row->row->chat);

  whim_unit_put_timeline (unit, row->row->message_id, whim_clock_get_unix_ms (messenger->clock),
                          "retried", NULL, detail);
  if (refusal->kind == WHIM_REFUSAL_ADDRESS)
    {
      g_hash_table_add (self->resealed, g_strdup (row->row->message_id));
      doubt_address (messenger, unit, row->row->chat);
      whim_unit_unseal_outbox (unit, row->row->number);
      g_clear_pointer (&row->row->stanza, g_bytes_unref);
      row->row->state = WHIM_OUTBOX_QUEUED;
      row->typed = TRUE;
      delay = 0;
    }
  (void)WHIM_FAILPOINT ("send.before-retry-commit");
  row->sent_ms = 0;
  row->retry_at = whim_clock_get_monotonic_ms (messenger->clock) + delay;
  /* it keeps its place: before what its chat has not handed over yet */
  row->lane = lane;
  g_queue_push_nth (&lane->rows, row, lane->running ? 1 : 0);
  if (!lane->running)
    {
      lane->running = TRUE;
      lane->wait_until = 0;
    }
  /* on disk first: the old device list must not be read again */
  whim_messenger_commit (messenger, unit, whim_sender_row_committed,
                         whim_sender_row_op_new (self, row));
}

static void
take_refusal (WhimSender *self, SendRow *row, gint64 code, gint64 timestamp)
{
  WhimMessenger *messenger = self->messenger;
  const WhimRefusal *refusal = whim_refusal_find (code);
  g_autofree char *number
      = code < 0 ? g_strdup ("refused") : g_strdup_printf ("refused_%" G_GINT64_FORMAT, code);
  g_autofree char *id = g_strdup (row->row->message_id);
  g_autofree char *chat = g_strdup (row->row->chat);
  const char *reason = refusal->first == 0 ? number : refusal->reason;
  gboolean again = !row->row->immediate
                   && (refusal->kind == WHIM_REFUSAL_RETRY
                       || (refusal->kind == WHIM_REFUSAL_ADDRESS
                           && !g_hash_table_contains (self->resealed, id)));
  WhimUnit *unit;

  if (again)
    {
      refused_for_now (self, row, refusal, code);
      return;
    }
  if (code == 463 && whim_restrictions_has (messenger, WHIM_RESTRICTION_REACHOUT))
    reason = WHIM_REASON_WORD_RESTRICTED;
  unit = whim_messenger_new_unit (messenger);
  if (refusal->kind == WHIM_REFUSAL_ADDRESS)
    doubt_address (messenger, unit, chat);
  whim_sender_end_row (self, row, WHIM_MESSAGE_STATUS_FAILED, reason, timestamp, MAX (code, 0),
                       unit);
  whim_restrictions_ask (messenger, code, id, chat);
}

/* The ack of a message that was given up (expired) came after all: it got through. */
static void
take_late_ack (WhimSender *self, const char *id, gint64 timestamp)
{
  WhimUnit *unit = whim_messenger_new_unit (self->messenger);

  whim_unit_put_receipt (unit, id, NULL, NULL, "", WHIM_MESSAGE_STATUS_SENT, timestamp);
  whim_messenger_commit (self->messenger, unit, NULL, NULL);
}

/* The code of a refusal, -1 if it comes without one; 0: it is none. Besides error="" there are
 * whole error stanzas, and acks that say so in class or type (dossier 2, 4.11). */
static gint64
find_refusal (WhimNode *ack)
{
  WhimNode *child = whim_node_find_child (ack, "error");
  gint64 error = whim_node_get_attr_int (ack, "error", 0);

  if (error != 0)
    return error;
  if (!whim_node_is (ack, "error") && !whim_node_attr_equals (ack, "class", "error")
      && !whim_node_attr_equals (ack, "type", "error"))
    return 0;
  error = whim_node_get_attr_int (ack, "code", 0);
  if (error == 0 && child != NULL)
    error = whim_node_get_attr_int (child, "code", 0);
  return error > 0 ? error : -1;
}

gboolean
whim_sender_take_ack (WhimSender *self, WhimNode *ack)
{
  WhimMessenger *messenger = self->messenger;
  const char *id = whim_node_get_attr (ack, "id");
  gint64 error = find_refusal (ack);
  WhimJid *from = whim_node_get_attr_jid (ack, "from");
  SendRow *row = id == NULL ? NULL : g_hash_table_lookup (self->by_id, id);
  gint64 timestamp
      = whim_node_get_attr_time (ack, "t", whim_session_get_server_time (messenger->session));
  g_autofree char *user = NULL;
  gint64 issued_at;
  WhimUnit *unit;

  if (id == NULL || (error == 0 && !whim_node_attr_equals (ack, "class", "message"))
      || whim_messenger_get_keys (messenger) == NULL)
    return FALSE;
  if (row == NULL && error == 0 && g_hash_table_remove (self->given_up, id))
    take_late_ack (self, id, timestamp);
  if (row == NULL || row->row->state != WHIM_OUTBOX_SEALED || row->busy || row->sent_ms == 0)
    return FALSE;
  (void)WHIM_FAILPOINT ("send.before-ack-commit");
  if (error != 0)
    {
      take_refusal (self, row, error, timestamp);
      return TRUE;
    }
  unit = whim_messenger_new_unit (messenger);
  /* a hash says that some device list is stale */
  if (from != NULL && whim_jid_is_user (from) && whim_node_get_attr (ack, "phash") != NULL)
    forget_addresses (messenger, unit, from);
  user = g_steal_pointer (&row->token_user);
  issued_at = row->issued_at;
  whim_sender_end_row (self, row, WHIM_MESSAGE_STATUS_SENT, NULL, timestamp, 0, unit);
  if (user != NULL)
    whim_tokens_issue (messenger, user, issued_at);
  if (from != NULL && whim_jid_is_user (from) && whim_node_attr_equals (ack, "refresh_lid", "true"))
    whim_directory_renew_pair (messenger->directory, from);
  return TRUE;
}

static void
ack_timer_cb (gpointer user_data)
{
  WhimSender *self = user_data;
  gint64 now = whim_clock_get_monotonic_ms (self->messenger->clock);

  self->ack_timer = 0;
  for (GList *l = self->rows.head; l != NULL; l = l->next)
    {
      SendRow *row = l->data;

      if (row->sent_ms != 0 && now - row->sent_ms >= ACK_TIMEOUT_MS)
        {
          /* live socket, no ack: reconnect and send the same bytes again (product page, 5) */
          whim_session_fail (self->messenger->session, WHIM_REASON_SILENT);
          return;
        }
    }
  whim_sender_arm_ack_timer (self);
}

void
whim_sender_arm_ack_timer (WhimSender *self)
{
  if (self->ack_timer != 0 || !self->online || g_queue_is_empty (&self->rows))
    return;
  self->ack_timer
      = whim_clock_add_timer (self->messenger->clock, ACK_TIMEOUT_MS / 5, ack_timer_cb, self);
}
