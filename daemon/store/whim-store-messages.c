/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

/* ---- Writing --------------------------------------------------------------------------------- */

typedef struct
{
  WhimMessage *message;
  WhimEvent *event; /* (nullable) */
} PutMessage;

static void
put_message_free (gpointer data)
{
  PutMessage *self = data;

  whim_message_free (self->message);
  whim_event_free (self->event);
  g_free (self);
}

static gboolean
find_or_make_chat (WhimDb *db,
                   WhimUnitContext *context,
                   const WhimMessage *message,
                   gint64 *number,
                   GError **error)
{
  g_autofree char *lid = g_strdup (message->chat_lid);
  g_autofree char *pn = g_strdup (message->chat_pn);
  g_auto (WhimChatRow) row = { 0 };

  if (message->chat_jid == NULL)
    return whim_chat_complete_addresses (db, context->channel, &lid, &pn, error)
           && whim_chat_settle (db, context, lid, pn, TRUE, number, error);

  if (!whim_chat_find (db, context->channel, WHIM_SQL_FIND_CHAT_BY_JID, message->chat_jid, &row,
                       error))
    return FALSE;
  *number = row.number;
  if (row.number != 0)
    return TRUE;
  if (!whim_db_run (db, error, WHIM_SQL_INSERT_CHAT, whim_value_int (context->channel),
                    whim_value_text (NULL), whim_value_text (NULL),
                    whim_value_text (message->chat_jid)))
    return FALSE;
  *number = whim_db_get_last_rowid (db);
  return TRUE;
}

static gboolean
insert_message (WhimDb *db,
                gint64 channel,
                gint64 chat,
                const WhimMessage *message,
                const char *sender_lid,
                const char *sender_pn,
                GError **error)
{
  return whim_db_run (db, error, WHIM_SQL_INSERT_MESSAGE, whim_value_int (channel),
                      whim_value_int (chat), whim_value_text (message->id),
                      whim_value_int (message->from_me), whim_value_text (sender_lid),
                      whim_value_text (sender_pn), whim_value_int (message->sender_device),
                      whim_value_int (message->timestamp), whim_value_text (message->kind),
                      whim_value_text (message->body), whim_value_text (message->push_name),
                      whim_value_text (message->quoted_id), whim_value_text (message->source),
                      whim_value_int (message->status), whim_value_text (message->status_reason),
                      whim_value_bytes (message->content), whim_value_bytes (message->secret));
}

/* A copy that can be read takes the place of one that could not. */
static gboolean
fill_placeholder (WhimDb *db,
                  WhimUnitContext *context,
                  gint64 number,
                  const PutMessage *op,
                  GError **error)
{
  const WhimMessage *message = op->message;
  gboolean placeholder;

  if (g_str_equal (message->kind, WHIM_MESSAGE_KIND_UNDECRYPTABLE))
    return TRUE;
  if (!whim_message_is_placeholder (db, number, &placeholder, error))
    return FALSE;
  if (!placeholder)
    return TRUE;
  if (!whim_db_run (db, error, WHIM_SQL_FILL_PLACEHOLDER, whim_value_int (number),
                    whim_value_text (message->kind), whim_value_text (message->body),
                    whim_value_text (message->push_name), whim_value_text (message->quoted_id),
                    whim_value_bytes (message->content), whim_value_int (message->sender_device),
                    whim_value_int (message->timestamp), whim_value_bytes (message->secret)))
    return FALSE;
  return op->event == NULL || whim_journal_append (db, context, op->event, error);
}

static gboolean
put_message (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const PutMessage *op = data;
  const WhimMessage *message = op->message;
  gboolean person = message->chat_jid == NULL;
  g_autofree char *sender_lid = g_strdup (message->sender_lid);
  g_autofree char *sender_pn = g_strdup (message->sender_pn);
  gint64 chat;
  gint64 existing;

  if (!find_or_make_chat (db, context, message, &chat, error)
      || !whim_chat_complete_addresses (db, context->channel, &sender_lid, &sender_pn, error)
      || !whim_db_get_int (
          db, error, &existing, 0, WHIM_SQL_FIND_DOUBLE, whim_value_int (context->channel),
          whim_value_text (message->id), whim_value_int (chat), whim_value_int (message->from_me),
          whim_value_int (person), whim_value_text (sender_lid), whim_value_text (sender_pn)))
    return FALSE;
  if (existing != 0)
    return fill_placeholder (db, context, existing, op, error);
  if (!insert_message (db, context->channel, chat, message, sender_lid, sender_pn, error)
      || !whim_db_run (
          db, error, WHIM_SQL_TOUCH_CHAT, whim_value_int (chat),
          whim_value_int (message->timestamp), whim_value_int (!message->from_me),
          whim_value_text (person && !message->from_me ? message->push_name : NULL),
          whim_value_int (message->from_me && message->status >= WHIM_MESSAGE_STATUS_SENT)))
    return FALSE;
  return op->event == NULL || whim_journal_append (db, context, op->event, error);
}

void
whim_unit_put_message (WhimUnit *self, const WhimMessage *message, WhimEvent *event)
{
  PutMessage *op = g_new0 (PutMessage, 1);

  op->message = whim_message_copy (message);
  op->event = event;
  whim_unit_add_procedure (self, put_message, op, put_message_free);
}

typedef struct
{
  char *id;
  WhimMessageStatus status;
  char *reason;
  gint64 timestamp;
  WhimEvent *event; /* (nullable) */
} SetStatus;

static void
set_status_free (gpointer data)
{
  SetStatus *self = data;

  g_free (self->id);
  g_free (self->reason);
  whim_event_free (self->event);
  g_free (self);
}

/* A message that we gave up may have got through after all: an ack says so, and wins. */
gboolean
whim_message_status_may_rise (WhimMessageStatus from, WhimMessageStatus to)
{
  if (to == WHIM_MESSAGE_STATUS_FAILED)
    return from == WHIM_MESSAGE_STATUS_PENDING;
  if (from == WHIM_MESSAGE_STATUS_FAILED)
    return to >= WHIM_MESSAGE_STATUS_SENT;
  return to > from;
}

static gboolean
set_status (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const SetStatus *op = data;
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (gint64));
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_LIST_STATUSES, whim_value_int (context->channel),
                 whim_value_text (op->id));
  while (whim_cursor_next (&cursor))
    {
      gint64 number = whim_cursor_get_int (&cursor, 0);

      if (whim_message_status_may_rise ((WhimMessageStatus)whim_cursor_get_int (&cursor, 1),
                                        op->status))
        g_array_append_val (numbers, number);
    }
  if (!whim_cursor_end (&cursor, error))
    return FALSE;
  for (guint i = 0; i < numbers->len; i++)
    if (!whim_db_run (db, error, WHIM_SQL_SET_STATUS,
                      whim_value_int (g_array_index (numbers, gint64, i)),
                      whim_value_int (op->status), whim_value_text (op->reason),
                      whim_value_int (op->timestamp))
        || (op->status == WHIM_MESSAGE_STATUS_SENT
            && !whim_db_run (db, error, WHIM_SQL_SET_CONTACTED,
                             whim_value_int (g_array_index (numbers, gint64, i)),
                             whim_value_int (op->timestamp))))
      return FALSE;
  return numbers->len == 0 || op->event == NULL
         || whim_journal_append (db, context, op->event, error);
}

void
whim_unit_set_message_status (WhimUnit *self,
                              const char *id,
                              WhimMessageStatus status,
                              const char *reason,
                              gint64 timestamp,
                              WhimEvent *event)
{
  SetStatus *op = g_new0 (SetStatus, 1);

  op->id = g_strdup (id);
  op->status = status;
  op->reason = g_strdup (reason);
  op->timestamp = timestamp;
  op->event = event;
  whim_unit_add_procedure (self, set_status, op, set_status_free);
}

typedef struct
{
  char *sender;
  char *id;
  char *note;
} Seen;

static void
seen_free (gpointer data)
{
  Seen *self = data;

  g_free (self->sender);
  g_free (self->id);
  g_free (self->note);
  g_free (self);
}

static Seen *
seen_new (const char *sender, const char *id, const char *note)
{
  Seen *self = g_new0 (Seen, 1);

  self->sender = g_strdup (sender);
  self->id = g_strdup (id);
  self->note = g_strdup (note == NULL ? "" : note);
  return self;
}

static gboolean
put_seen (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const Seen *seen = data;

  return whim_db_run (db, error, WHIM_SQL_PUT_SEEN, whim_value_int (context->channel),
                      whim_value_text (seen->sender), whim_value_text (seen->id),
                      whim_value_text (seen->note), whim_value_int (context->now));
}

void
whim_unit_put_seen (WhimUnit *self, const char *sender, const char *id, const char *note)
{
  whim_unit_add_procedure (self, put_seen, seen_new (sender, id, note), seen_free);
}

void
whim_unit_put_pairing_material (WhimUnit *self, const char *kind, const char *id, GBytes *payload)
{
  whim_unit_add (self, WHIM_SQL_PUT_PAIRING_MATERIAL, whim_unit_channel_value (self),
                 whim_value_text (kind), whim_value_text (id), whim_value_bytes (payload));
}

/* ---- Reading --------------------------------------------------------------------------------- */

WhimMessage *
whim_message_from_row (WhimCursor *cursor)
{
  WhimMessage *message = whim_message_new ();

  message->number = whim_cursor_get_int (cursor, 0);
  message->id = whim_cursor_dup_text (cursor, 1);
  message->chat_lid = whim_cursor_dup_text (cursor, 2);
  message->chat_pn = whim_cursor_dup_text (cursor, 3);
  message->chat_jid = whim_cursor_dup_text (cursor, 4);
  message->sender_lid = whim_cursor_dup_text (cursor, 5);
  message->sender_pn = whim_cursor_dup_text (cursor, 6);
  message->sender_device = (guint)whim_cursor_get_int (cursor, 7);
  message->from_me = whim_cursor_get_int (cursor, 8) != 0;
  message->timestamp = whim_cursor_get_int (cursor, 9);
  message->kind = whim_cursor_dup_text (cursor, 10);
  message->body = whim_cursor_dup_text (cursor, 11);
  message->push_name = whim_cursor_dup_text (cursor, 12);
  message->quoted_id = whim_cursor_dup_text (cursor, 13);
  message->source = whim_cursor_dup_text (cursor, 14);
  message->status = (WhimMessageStatus)whim_cursor_get_int (cursor, 15);
  message->status_reason = whim_cursor_dup_text (cursor, 16);
  message->edited_at = whim_cursor_get_int (cursor, 17);
  message->deleted_at = whim_cursor_get_int (cursor, 18);
  return message;
}

static gpointer
find_message (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  g_autoptr (GPtrArray) messages
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_message_free);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_FIND_MESSAGES, whim_value_int (channel),
                 whim_value_text (data));
  while (whim_cursor_next (&cursor))
    {
      WhimMessage *message = whim_message_from_row (&cursor);

      message->content = whim_cursor_dup_bytes (&cursor, WHIM_MESSAGE_N_COLUMNS);
      g_ptr_array_add (messages, message);
    }
  if (!whim_cursor_end (&cursor, error) || !whim_reactions_load (db, messages, error))
    return NULL;
  return g_steal_pointer (&messages);
}

void
whim_store_find_message_async (WhimStore *self,
                               gint64 channel,
                               const char *id,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  whim_store_read (self, channel, find_message, g_strdup (id), g_free,
                   (GDestroyNotify)g_ptr_array_unref, cancellable, callback, user_data,
                   whim_store_find_message_async);
}

GPtrArray *
whim_store_find_message_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_message_async, error);
}

static gpointer
find_seen (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const Seen *wanted = data;
  g_autofree char *note = NULL;
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_GET_SEEN, whim_value_int (channel),
                 whim_value_text (wanted->sender), whim_value_text (wanted->id));
  if (whim_cursor_next (&cursor))
    note = whim_cursor_dup_text (&cursor, 0);
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&note) : NULL;
}

void
whim_store_find_seen_async (WhimStore *self,
                            gint64 channel,
                            const char *sender,
                            const char *id,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  whim_store_read (self, channel, find_seen, seen_new (sender, id, NULL), seen_free, g_free,
                   cancellable, callback, user_data, whim_store_find_seen_async);
}

char *
whim_store_find_seen_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_seen_async, error);
}
