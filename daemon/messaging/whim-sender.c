/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-messenger-private.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-log.h"

#include <string.h>

/* The queue of a channel (product page, 5): accepted -> queued -> sealed -> sent -> acknowledged.
 * Order per chat is the order of acceptance: a chat's lane holds one row at a time until its bytes
 * are handed to the socket. What was sealed goes out again after every login, the very same bytes,
 * until the ack. */

#define EXPIRES_S (24 * 3600)
#define ACK_TIMEOUT_MS 75000
#define ANSWER_TIMEOUT_MS 5000
#define MIN_DIGITS 7u
#define MAX_DIGITS 15u

typedef struct
{
  WhimOutboxRow *row;
  WhimMessage *message; /* as accepted; NULL after a restart */
  gboolean sealing;
  gint64 sent_ms; /* monotonic; 0: not in this connection */
} SendRow;

struct _WhimSender
{
  WhimMessenger *messenger;
  GQueue rows;       /* of SendRow, in order of acceptance */
  GHashTable *by_id; /* message id -> SendRow */
  WhimLane *lane;    /* per chat, for sealing */
  gboolean loaded;   /* the rows of an earlier run are here */
  gboolean loading;
  gboolean online;
  guint ack_timer;
  guint generation;
};

static void sender_arm_ack_timer (WhimSender *self);
static void sender_run_row (gpointer job, gpointer user_data);

static void
send_row_free (SendRow *row)
{
  whim_outbox_row_free (row->row);
  whim_message_free (row->message);
  g_free (row);
}

static void
keep_row (gpointer job)
{
  /* the lane only borrows: the queue owns the rows */
}

WhimSender *
whim_sender_new (WhimMessenger *messenger)
{
  WhimSender *self = g_new0 (WhimSender, 1);

  self->messenger = messenger;
  g_queue_init (&self->rows);
  self->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->lane = whim_lane_new (sender_run_row, self, keep_row);
  return self;
}

void
whim_sender_free (WhimSender *self)
{
  whim_clock_clear_timer (self->messenger->clock, &self->ack_timer);
  whim_lane_free (self->lane);
  g_hash_table_unref (self->by_id);
  g_queue_clear_full (&self->rows, (GDestroyNotify)send_row_free);
  g_free (self);
}

/* Memory only: the rows are on disk and are read again at the next login. A row that is being
 * sealed stays until its operation ends. */
void
whim_sender_discard (WhimSender *self)
{
  GQueue kept = G_QUEUE_INIT;
  SendRow *row;

  self->online = FALSE;
  self->loaded = FALSE;
  self->generation++;
  whim_clock_clear_timer (self->messenger->clock, &self->ack_timer);
  whim_lane_discard (self->lane);
  g_hash_table_remove_all (self->by_id);
  while ((row = g_queue_pop_head (&self->rows)) != NULL)
    if (row->sealing)
      g_queue_push_tail (&kept, row);
    else
      send_row_free (row);
  self->rows = kept;
}

gboolean
whim_sender_is_idle (WhimSender *self)
{
  return g_queue_is_empty (&self->rows) && !self->loading;
}

static void
sender_drop_row (WhimSender *self, SendRow *row)
{
  if (g_hash_table_lookup (self->by_id, row->row->message_id) == row)
    g_hash_table_remove (self->by_id, row->row->message_id);
  g_queue_remove (&self->rows, row);
  send_row_free (row);
}

/* ---- the end of a row ---------------------------------------------------------------------- */

static GVariant *
row_to_variant (SendRow *row, WhimMessageStatus status, const char *reason, gint64 timestamp)
{
  GVariantBuilder builder;
  g_autoptr (WhimMessage) message = NULL;

  if (row->message != NULL)
    {
      message = whim_message_copy (row->message);
      message->status = status;
      message->timestamp = timestamp;
      message->status_reason = g_strdup (reason);
      return whim_message_to_variant (message);
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "id", g_variant_new_string (row->row->message_id));
  g_variant_builder_add (&builder, "{sv}", "chatId", g_variant_new_string (row->row->chat));
  g_variant_builder_add (&builder, "{sv}", "fromMe", g_variant_new_boolean (TRUE));
  g_variant_builder_add (&builder, "{sv}", "timestamp", g_variant_new_int64 (timestamp));
  g_variant_builder_add (&builder, "{sv}", "status",
                         g_variant_new_string (whim_message_status_to_word (status)));
  if (reason != NULL)
    g_variant_builder_add (&builder, "{sv}", "statusReason", g_variant_new_string (reason));
  g_variant_builder_add (&builder, "{sv}", "source", g_variant_new_string ("api"));
  return g_variant_builder_end (&builder);
}

static void
sender_end_row (WhimSender *self,
                SendRow *row,
                WhimMessageStatus status,
                const char *reason,
                gint64 timestamp,
                WhimUnit *unit)
{
  const char *type = status == WHIM_MESSAGE_STATUS_SENT ? "message.sent" : "message.status";

  whim_unit_delete_outbox (unit, row->row->number);
  whim_unit_set_message_status (unit, row->row->message_id, status, reason, timestamp,
                                whim_event_new (self->messenger->channel_id, type, timestamp,
                                                row_to_variant (row, status, reason, timestamp)));
  whim_messenger_commit (self->messenger, unit, NULL, NULL);
  sender_drop_row (self, row);
}

gboolean
whim_sender_take_ack (WhimSender *self, WhimNode *ack)
{
  WhimMessenger *messenger = self->messenger;
  const char *id = whim_node_get_attr (ack, "id");
  gint64 error = whim_node_get_attr_int (ack, "error", 0);
  WhimJid *from = whim_node_get_attr_jid (ack, "from");
  SendRow *row = id == NULL ? NULL : g_hash_table_lookup (self->by_id, id);
  gint64 timestamp
      = whim_node_get_attr_int (ack, "t", whim_session_get_server_time (messenger->session));
  WhimUnit *unit;

  if (!whim_node_attr_equals (ack, "class", "message") || row == NULL
      || row->row->state != WHIM_OUTBOX_SEALED || row->sealing)
    return FALSE;
  (void)WHIM_FAILPOINT ("send.before-ack-commit");
  unit = whim_messenger_new_unit (messenger);
  /* a hash, or a refusal of the address, says that some device list is stale */
  if (from != NULL && whim_jid_is_user (from)
      && (whim_node_get_attr (ack, "phash") != NULL || error != 0))
    {
      whim_directory_forget_devices (messenger->directory, unit, from);
      whim_directory_forget_devices (messenger->directory, unit,
                                     whim_messenger_get_keys (messenger)->pn);
    }
  if (error == 0)
    sender_end_row (self, row, WHIM_MESSAGE_STATUS_SENT, NULL, timestamp, unit);
  else
    {
      g_autofree char *reason = g_strdup_printf ("refused_%" G_GINT64_FORMAT, error);

      sender_end_row (self, row, WHIM_MESSAGE_STATUS_FAILED, reason, timestamp, unit);
    }
  return TRUE;
}

/* ---- sealing and sending ------------------------------------------------------------------- */

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
  sender_arm_ack_timer (self);
}

static void
sender_arm_ack_timer (WhimSender *self)
{
  if (self->ack_timer != 0 || !self->online || g_queue_is_empty (&self->rows))
    return;
  self->ack_timer
      = whim_clock_add_timer (self->messenger->clock, ACK_TIMEOUT_MS / 5, ack_timer_cb, self);
}

static void
sender_transmit (WhimSender *self, SendRow *row)
{
  (void)WHIM_FAILPOINT ("send.before-write");
  if (whim_session_send_encoded (self->messenger->session, row->row->stanza))
    {
      row->sent_ms = whim_clock_get_monotonic_ms (self->messenger->clock);
      sender_arm_ack_timer (self);
      (void)WHIM_FAILPOINT ("send.after-write");
    }
}

typedef struct
{
  SendRow *row;
  guint generation;
  char *chat;
} SealOp;

static void
row_sealed (WhimMessenger *messenger, GBytes *stanza, const GError *error, gpointer data)
{
  SealOp *op = data;
  WhimSender *self = messenger->sender;
  SendRow *row = op->row;
  gboolean current = op->generation == self->generation;

  row->sealing = FALSE;
  if (!current)
    {
      /* The connection or the store is gone; the row is on disk, sealed or not. */
      g_queue_remove (&self->rows, row);
      send_row_free (row);
    }
  else if (stanza != NULL)
    {
      row->row->stanza = g_bytes_ref (stanza);
      row->row->state = WHIM_OUTBOX_SEALED;
      sender_transmit (self, row);
    }
  else if (g_error_matches (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN))
    sender_end_row (self, row, WHIM_MESSAGE_STATUS_FAILED, "recipient_unknown",
                    whim_clock_get_unix (messenger->clock), whim_messenger_new_unit (messenger));
  else
    g_info ("%s: a message waits: %s", whim_log_id (messenger->channel_id),
            error == NULL ? "closed" : error->message);
  whim_lane_done (self->lane, op->chat);
  g_free (op->chat);
  g_free (op);
  whim_messenger_unref (messenger);
}

static void
sender_run_row (gpointer job, gpointer user_data)
{
  WhimSender *self = user_data;
  SendRow *row = job;
  SealOp *op;

  if (row->row->expires_at <= whim_clock_get_unix (self->messenger->clock))
    {
      g_autofree char *chat = g_strdup (row->row->chat);

      sender_end_row (self, row, WHIM_MESSAGE_STATUS_FAILED, "expired",
                      whim_clock_get_unix (self->messenger->clock),
                      whim_messenger_new_unit (self->messenger));
      whim_lane_done (self->lane, chat);
      return;
    }
  op = g_new0 (SealOp, 1);
  op->row = row;
  op->generation = self->generation;
  op->chat = g_strdup (row->row->chat);
  row->sealing = TRUE;
  whim_sender_seal (whim_messenger_ref (self->messenger), row->row, row_sealed, op);
}

static void
sender_start_row (WhimSender *self, SendRow *row)
{
  if (!self->online)
    return;
  if (row->row->state == WHIM_OUTBOX_SEALED)
    sender_transmit (self, row);
  else
    whim_lane_push (self->lane, row->row->chat, row);
}

static void
sender_add_row (WhimSender *self, WhimOutboxRow *row, WhimMessage *message)
{
  SendRow *send_row = g_new0 (SendRow, 1);

  send_row->row = row;
  send_row->message = message;
  g_queue_push_tail (&self->rows, send_row);
  g_hash_table_replace (self->by_id, row->message_id, send_row);
  sender_start_row (self, send_row);
}

/* ---- coming online --------------------------------------------------------------------------- */

static void
rows_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimMessenger) messenger = user_data;
  WhimSender *self = messenger->sender;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = whim_store_load_outbox_finish (WHIM_STORE (source), result, &error);

  self->loading = FALSE;
  if (rows == NULL)
    {
      g_warning ("%s: the queue cannot be read: %s", messenger->channel_id, error->message);
      return;
    }
  if (!self->online)
    return;
  self->loaded = TRUE;
  g_ptr_array_set_free_func (rows, NULL);
  for (guint i = 0; i < rows->len; i++)
    {
      WhimOutboxRow *row = g_ptr_array_index (rows, i);

      /* a row accepted meanwhile is here already */
      if (g_hash_table_contains (self->by_id, row->message_id))
        whim_outbox_row_free (row);
      else
        sender_add_row (self, row, NULL);
    }
}

void
whim_sender_session_changed (WhimSender *self)
{
  gboolean online = whim_session_get_state (self->messenger->session) == WHIM_SESSION_ONLINE;

  if (online == self->online)
    return;
  if (!online)
    {
      whim_sender_discard (self);
      return;
    }
  self->online = TRUE;
  if (!self->loading)
    {
      self->loading = TRUE;
      whim_store_load_outbox_async (self->messenger->store, self->messenger->channel_number, NULL,
                                    rows_loaded_cb, whim_messenger_ref (self->messenger));
    }
}

/* ---- accepting ---------------------------------------------------------------------------------
 */

typedef struct
{
  WhimMessenger *messenger;
  char *body;
  char *quoted_id;
  WhimJid *jid; /* PN or LID */
  WhimJid *other;
  guint answer_timer;
  gboolean resolved;
  WhimMessage *message;
  WhimOutboxRow *row;
  guint generation;
} AcceptOp;

static void
accept_op_free (gpointer data)
{
  AcceptOp *op = data;

  whim_clock_clear_timer (op->messenger->clock, &op->answer_timer);
  g_clear_pointer (&op->jid, whim_jid_unref);
  g_clear_pointer (&op->other, whim_jid_unref);
  g_clear_pointer (&op->message, whim_message_free);
  g_clear_pointer (&op->row, whim_outbox_row_free);
  g_free (op->body);
  g_free (op->quoted_id);
  whim_messenger_unref (op->messenger);
  g_free (op);
}

static void
accept_committed (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  g_autoptr (GTask) task = data;
  AcceptOp *op = g_task_get_task_data (task);
  WhimSender *self = messenger->sender;

  if (!ok)
    {
      g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_STORE,
                               "the message could not be stored");
      return;
    }
  /* While offline the row waits on disk alone; it is read at the next login. */
  if (self->online && op->generation == self->generation)
    sender_add_row (self, g_steal_pointer (&op->row), whim_message_copy (op->message));
  g_task_return_pointer (task, g_steal_pointer (&op->message), (GDestroyNotify)whim_message_free);
}

static void
accept_store (GTask *task)
{
  AcceptOp *op = g_task_get_task_data (task);
  WhimMessenger *messenger = op->messenger;
  const WhimCredentials *keys = whim_messenger_get_keys (messenger);
  gint64 now = whim_clock_get_unix (messenger->clock);
  g_autoptr (GBytes) content = NULL;
  WhimMessage *message;
  WhimUnit *unit;

  if (keys == NULL || !whim_credentials_is_paired (keys))
    {
      g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_NOT_PAIRED,
                               "no account is linked");
      return;
    }
  content = whim_content_make_text (
      op->body, op->quoted_id, op->quoted_id == NULL ? NULL : whim_jid_get_text (op->jid), NULL);
  message = op->message = whim_message_new ();
  message->id = whim_message_id_new (now, whim_jid_get_user (keys->pn));
  whim_chat_assign_jid (op->jid, &message->chat_lid, &message->chat_pn, &message->chat_jid);
  if (op->other != NULL)
    whim_chat_assign_jid (op->other, &message->chat_lid, &message->chat_pn, &message->chat_jid);
  message->from_me = TRUE;
  message->timestamp = whim_session_get_server_time (messenger->session);
  message->kind = g_strdup ("text");
  message->body = g_strdup (op->body);
  message->quoted_id = g_strdup (op->quoted_id);
  message->source = g_strdup ("api");
  message->status = WHIM_MESSAGE_STATUS_PENDING;
  message->content = g_bytes_ref (content);
  message->secret = whim_content_dup_secret (content);
  op->row = whim_outbox_row_new ();
  op->row->number = whim_store_take_outbox_number (messenger->store);
  op->row->message_id = g_strdup (message->id);
  op->row->chat = g_strdup (whim_message_get_chat_id (message));
  op->row->state = WHIM_OUTBOX_QUEUED;
  op->row->content = g_bytes_ref (content);
  op->row->created_at = now;
  op->row->expires_at = now + EXPIRES_S;
  op->generation = messenger->sender->generation;
  unit = whim_messenger_new_unit (messenger);
  whim_unit_put_message (unit, message, NULL);
  whim_unit_put_outbox (unit, op->row);
  (void)WHIM_FAILPOINT ("send.before-accept-commit");
  whim_messenger_commit (messenger, unit, accept_committed, g_object_ref (task));
}

static void
accept_other_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  AcceptOp *op = g_task_get_task_data (task);

  op->other = whim_directory_find_other_finish (op->messenger->directory, result);
  accept_store (task);
}

/* No answer in time: accepted as given, resolved when it is sent (product page, 5). */
static void
accept_timeout_cb (gpointer user_data)
{
  GTask *task = user_data;
  AcceptOp *op = g_task_get_task_data (task);

  op->answer_timer = 0;
  op->resolved = TRUE;
  accept_store (task);
}

static void
accept_checked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  AcceptOp *op = g_task_get_task_data (task);
  WhimJid *jid = NULL;
  WhimJid *lid = NULL;
  g_autoptr (GError) error = NULL;
  gboolean registered
      = whim_directory_check_number_finish (op->messenger->directory, result, &jid, &lid, &error);

  if (op->resolved)
    {
      g_clear_pointer (&jid, whim_jid_unref);
      g_clear_pointer (&lid, whim_jid_unref);
      return;
    }
  op->resolved = TRUE;
  whim_clock_clear_timer (op->messenger->clock, &op->answer_timer);
  if (!registered && error == NULL)
    {
      g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN,
                               "this number is not on WhatsApp");
      return;
    }
  if (registered)
    {
      whim_jid_unref (op->jid);
      op->jid = jid;
      op->other = lid;
    }
  accept_store (task);
}

/* dossier 2, 1.2: what people write for a number */
static char *
digits_of (const char *text)
{
  g_autoptr (GString) digits = g_string_new (NULL);
  const char *from = text;

  if (g_str_has_prefix (from, "00"))
    from += 2;
  for (const char *c = from; *c != '\0'; c++)
    if (g_ascii_isdigit (*c))
      g_string_append_c (digits, *c);
    else if (strchr ("+-() .", *c) == NULL)
      return NULL;
  if (digits->len < MIN_DIGITS || digits->len > MAX_DIGITS || digits->str[0] == '0')
    return NULL;
  return g_strdup (digits->str);
}

static WhimJid *
parse_recipient (const char *to, GError **error)
{
  g_autoptr (WhimJid) jid = NULL;
  g_autofree char *digits = NULL;

  if (strchr (to, '@') == NULL)
    {
      digits = digits_of (to);
      if (digits == NULL)
        {
          g_set_error_literal (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_ADDRESS,
                               "neither a phone number with country code nor an address");
          return NULL;
        }
      return whim_jid_new (WHIM_JID_SERVER_USER, digits, 0);
    }
  jid = whim_jid_parse (to, NULL);
  if (jid == NULL)
    {
      g_set_error_literal (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_ADDRESS,
                           "not an address");
      return NULL;
    }
  if (!whim_jid_is_user (jid))
    {
      g_set_error_literal (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_NOT_SUPPORTED,
                           "only people can be written to so far");
      return NULL;
    }
  if (whim_jid_is_lid (jid))
    return whim_jid_to_bare (jid);
  digits = digits_of (whim_jid_get_user (jid));
  if (digits == NULL)
    {
      g_set_error_literal (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_ADDRESS,
                           "not a phone number with country code");
      return NULL;
    }
  return whim_jid_new (WHIM_JID_SERVER_USER, digits, 0);
}

void
whim_sender_accept_text_async (WhimSender *self,
                               const char *to,
                               const char *body,
                               const char *quoted_id,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  const WhimCredentials *keys = whim_messenger_get_keys (self->messenger);
  AcceptOp *op = g_new0 (AcceptOp, 1);
  GError *error = NULL;

  g_task_set_source_tag (task, whim_sender_accept_text_async);
  op->messenger = whim_messenger_ref (self->messenger);
  op->body = g_strdup (body);
  op->quoted_id = g_strdup (quoted_id);
  g_task_set_task_data (task, op, accept_op_free);
  if (keys == NULL || !whim_credentials_is_paired (keys))
    {
      g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_NOT_PAIRED,
                               "no account is linked");
      return;
    }
  op->jid = parse_recipient (to, &error);
  if (op->jid == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (whim_jid_is_lid (op->jid))
    {
      whim_directory_find_other_async (self->messenger->directory, op->jid, accept_other_found_cb,
                                       g_object_ref (task));
      return;
    }
  op->answer_timer
      = whim_clock_add_timer (self->messenger->clock, ANSWER_TIMEOUT_MS, accept_timeout_cb, task);
  whim_directory_check_number_async (self->messenger->directory, whim_jid_get_user (op->jid), NULL,
                                     accept_checked_cb, g_object_ref (task));
}
