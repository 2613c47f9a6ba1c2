/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-sending.h"

#include "base/whim-limits.h"
#include "store/whim-store-private.h"

/* ---- the timeline ---------------------------------------------------------------------------- */

void
whim_unit_put_timeline (WhimUnit *self,
                        const char *id,
                        gint64 at,
                        const char *what,
                        const char *who,
                        const char *detail)
{
  whim_unit_add (self, WHIM_SQL_PUT_TIMELINE, whim_unit_channel_value (self), whim_value_text (id),
                 whim_value_int (at), whim_value_text (what),
                 whim_value_text (who == NULL ? "" : who), whim_value_text (detail));
}

void
whim_timeline_row_free (WhimTimelineRow *self)
{
  if (self == NULL)
    return;
  g_free (self->what);
  g_free (self->who);
  g_free (self->detail);
  g_free (self);
}

static gpointer
list_timeline (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  g_autoptr (GPtrArray) rows
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_timeline_row_free);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_LIST_TIMELINE, whim_value_int (*(const gint64 *)data),
                 whim_value_int (WHIM_LIMIT_LIST));
  while (whim_cursor_next (&cursor))
    {
      WhimTimelineRow *row = g_new0 (WhimTimelineRow, 1);

      row->at = whim_cursor_get_int (&cursor, 0);
      row->what = whim_cursor_dup_text (&cursor, 1);
      row->who = whim_cursor_dup_text (&cursor, 2);
      row->detail = whim_cursor_dup_text (&cursor, 3);
      g_ptr_array_add (rows, row);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&rows) : NULL;
}

void
whim_store_list_timeline_async (WhimStore *self,
                                gint64 channel,
                                gint64 message,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  whim_store_read (self, channel, list_timeline, g_memdup2 (&message, sizeof message), g_free,
                   (GDestroyNotify)g_ptr_array_unref, cancellable, callback, user_data,
                   whim_store_list_timeline_async);
}

GPtrArray *
whim_store_list_timeline_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_list_timeline_async, error);
}

/* ---- receipts -------------------------------------------------------------------------------- */

typedef struct
{
  char *id;
  char *chat;
  char *other;
  char *who;
  WhimMessageStatus status;
  gint64 at;
} Receipt;

static void
receipt_free (gpointer data)
{
  Receipt *self = data;

  g_free (self->id);
  g_free (self->chat);
  g_free (self->other);
  g_free (self->who);
  g_free (self);
}

static Receipt *
receipt_new (const char *id, const char *chat, const char *other, const char *who, gint64 at)
{
  Receipt *self = g_new0 (Receipt, 1);

  self->id = g_strdup (id);
  self->chat = g_strdup (chat);
  self->other = g_strdup (other);
  self->who = g_strdup (who);
  self->at = at;
  return self;
}

static gboolean
tell_status (WhimDb *db,
             WhimUnitContext *context,
             const Receipt *op,
             const char *chat_id,
             GError **error)
{
  GVariantBuilder data;
  g_autoptr (WhimEvent) event = NULL;

  g_variant_builder_init (&data, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&data, "{sv}", "id", g_variant_new_string (op->id));
  g_variant_builder_add (&data, "{sv}", "chatId", g_variant_new_string (chat_id));
  g_variant_builder_add (&data, "{sv}", "status",
                         g_variant_new_string (whim_message_status_to_word (op->status)));
  g_variant_builder_add (&data, "{sv}", "who", g_variant_new_string (op->who));
  g_variant_builder_add (&data, "{sv}", "timestamp", g_variant_new_int64 (op->at));
  event = whim_event_new (NULL, "message.status", op->at, g_variant_builder_end (&data));
  return whim_journal_append (db, context, event, error);
}

static gboolean
put_receipt (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const Receipt *op = data;
  g_autofree char *chat_id = NULL;
  WhimMessageStatus status = WHIM_MESSAGE_STATUS_NONE;
  gint64 number = 0;
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_FIND_SENT, whim_value_int (context->channel),
                 whim_value_text (op->id), whim_value_text (op->chat), whim_value_text (op->other));
  if (whim_cursor_next (&cursor))
    {
      number = whim_cursor_get_int (&cursor, 0);
      status = (WhimMessageStatus)whim_cursor_get_int (&cursor, 1);
      for (int column = 4; column >= 2; column--)
        if (whim_cursor_get_text (&cursor, column) != NULL && (column != 2 || chat_id == NULL))
          {
            g_free (chat_id);
            chat_id = whim_cursor_dup_text (&cursor, column);
          }
    }
  if (!whim_cursor_end (&cursor, error))
    return FALSE;
  if (number == 0)
    return TRUE; /* not ours, or of another chat: nobody else may speak for it */
  if (!whim_db_run (db, error, WHIM_SQL_PUT_TIMELINE_ONCE, whim_value_int (number),
                    whim_value_int (op->at * 1000),
                    whim_value_text (whim_message_status_to_word (op->status)),
                    whim_value_text (op->who)))
    return FALSE;
  if (!whim_message_status_may_rise (status, op->status))
    return TRUE;
  return whim_db_run (db, error, WHIM_SQL_SET_STATUS, whim_value_int (number),
                      whim_value_int (op->status), whim_value_text (NULL), whim_value_int (op->at))
         && whim_db_run (db, error, WHIM_SQL_SET_CONTACTED, whim_value_int (number),
                         whim_value_int (op->at))
         && tell_status (db, context, op, chat_id, error);
}

void
whim_unit_put_receipt (WhimUnit *self,
                       const char *id,
                       const char *chat,
                       const char *other,
                       const char *who,
                       WhimMessageStatus status,
                       gint64 at)
{
  Receipt *op = receipt_new (id, chat, other, who, at);

  op->status = status;
  whim_unit_add_procedure (self, put_receipt, op, receipt_free);
}

static gboolean
find_chat (WhimDb *db, gint64 channel, const char *address, WhimChatRow *row, GError **error)
{
  g_autoptr (WhimJid) jid = address == NULL ? NULL : whim_jid_parse (address, NULL);
  g_autofree char *lid = NULL;
  g_autofree char *pn = NULL;
  g_autofree char *other = NULL;

  if (jid == NULL)
    return TRUE;
  whim_chat_assign_jid (jid, &lid, &pn, &other);
  return whim_chat_find_any (db, channel, lid, pn, other, row, error);
}

static gboolean
put_read (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const Receipt *op = data;
  g_auto (WhimChatRow) chat = { 0 };
  g_autoptr (WhimEvent) event = NULL;
  GVariantBuilder builder;
  gint64 number = 0;
  gint64 timestamp = 0;
  WhimCursor cursor;

  if (!find_chat (db, context->channel, op->chat, &chat, error)
      || (chat.number == 0 && !find_chat (db, context->channel, op->other, &chat, error)))
    return FALSE;
  whim_db_query (db, &cursor, WHIM_SQL_FIND_RECEIVED, whim_value_int (context->channel),
                 whim_value_text (op->id), whim_value_int (chat.number));
  if (whim_cursor_next (&cursor))
    {
      number = whim_cursor_get_int (&cursor, 0);
      timestamp = whim_cursor_get_int (&cursor, 1);
    }
  if (!whim_cursor_end (&cursor, error))
    return FALSE;
  if (number == 0)
    return TRUE;
  if (!whim_db_run (db, error, WHIM_SQL_LOWER_UNREAD, whim_value_int (chat.number),
                    whim_value_int (timestamp), whim_value_int (number)))
    return FALSE;
  if (whim_db_get_changes (db) == 0)
    return TRUE;
  if (!find_chat (db, context->channel, op->chat, &chat, error)
      || (chat.number == 0 && !find_chat (db, context->channel, op->other, &chat, error)))
    return FALSE;
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "chatId",
                         g_variant_new_string (chat.pn != NULL    ? chat.pn
                                               : chat.lid != NULL ? chat.lid
                                                                  : chat.jid));
  g_variant_builder_add (&builder, "{sv}", "unread", g_variant_new_int64 (chat.unread));
  event = whim_event_new (NULL, "chat.updated", op->at, g_variant_builder_end (&builder));
  return whim_journal_append (db, context, event, error);
}

void
whim_unit_put_read (WhimUnit *self, const char *id, const char *chat, const char *other, gint64 at)
{
  whim_unit_add_procedure (self, put_read, receipt_new (id, chat, other, NULL, at), receipt_free);
}

/* ---- the queue ------------------------------------------------------------------------------- */

typedef struct
{
  char *id;
  char *reason;
  gboolean even_sealed;
  gint64 at;
  WhimEvent *event;
  gboolean *dropped;
} DropRow;

static void
drop_row_free (gpointer data)
{
  DropRow *self = data;

  g_free (self->id);
  g_free (self->reason);
  g_clear_pointer (&self->event, whim_event_free);
  g_free (self);
}

static gboolean
set_failed_reason (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const DropRow *op = data;

  if (!whim_db_run (db, error, WHIM_SQL_SET_FAILED_REASON, whim_value_int (context->channel),
                    whim_value_text (op->id), whim_value_text (op->reason)))
    return FALSE;
  return whim_db_get_changes (db) == 0 || op->event == NULL
         || whim_journal_append (db, context, op->event, error);
}

void
whim_unit_set_failed_reason (WhimUnit *self, const char *id, const char *reason, WhimEvent *event)
{
  DropRow *op = g_new0 (DropRow, 1);

  op->id = g_strdup (id);
  op->reason = g_strdup (reason);
  op->event = event;
  whim_unit_add_procedure (self, set_failed_reason, op, drop_row_free);
}

void
whim_unit_hold_outbox (WhimUnit *self,
                       const WhimOutboxRow *row,
                       gint64 not_before,
                       const char *reason,
                       gint64 at,
                       WhimEvent *event)
{
  whim_unit_add (self, WHIM_SQL_HOLD_OUTBOX, whim_unit_channel_value (self),
                 whim_value_int (row->number), whim_value_int (not_before));
  whim_unit_add (self, WHIM_SQL_SET_PENDING_REASON, whim_unit_channel_value (self),
                 whim_value_text (row->message_id), whim_value_text (reason));
  if (reason != NULL)
    whim_unit_put_timeline (self, row->message_id, at, "held", NULL, reason);
  if (event != NULL)
    whim_unit_put_event (self, event);
}

void
whim_unit_unseal_outbox (WhimUnit *self, gint64 number)
{
  whim_unit_add (self, WHIM_SQL_UNSEAL_OUTBOX, whim_unit_channel_value (self),
                 whim_value_int (number));
}

static gboolean
drop_outbox (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  DropRow *op = data;
  g_autoptr (WhimUnit) rest = NULL;

  if (!whim_db_run (db, error, WHIM_SQL_DROP_OUTBOX, whim_value_int (context->channel),
                    whim_value_text (op->id), whim_value_int (op->even_sealed)))
    return FALSE;
  if (op->dropped != NULL)
    *op->dropped = whim_db_get_changes (db) > 0;
  if (whim_db_get_changes (db) == 0)
    return TRUE;
  rest = whim_unit_new (context->channel);
  whim_unit_set_message_status (rest, op->id, WHIM_MESSAGE_STATUS_FAILED, op->reason, op->at / 1000,
                                g_steal_pointer (&op->event));
  whim_unit_put_timeline (rest, op->id, op->at, op->reason, NULL, NULL);
  return whim_unit_run (rest, db, context, error);
}

void
whim_unit_drop_outbox (WhimUnit *self,
                       const char *message_id,
                       gboolean even_sealed,
                       const char *what,
                       gint64 at,
                       WhimEvent *event,
                       gboolean *dropped)
{
  DropRow *op = g_new0 (DropRow, 1);

  op->id = g_strdup (message_id);
  op->reason = g_strdup (what);
  op->even_sealed = even_sealed;
  op->at = at;
  op->event = event;
  op->dropped = dropped;
  whim_unit_add_procedure (self, drop_outbox, op, drop_row_free);
}

typedef struct
{
  guint limit;
  guint offset;
} PageOutbox;

static gpointer
page_outbox (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const PageOutbox *op = data;
  g_autoptr (WhimPage) page = g_new0 (WhimPage, 1);
  WhimCursor cursor;
  gint64 total;

  page->items = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_outbox_row_free);
  if (!whim_db_get_int (db, error, &total, 0, WHIM_SQL_COUNT_OUTBOX, whim_value_int (channel)))
    return NULL;
  page->total = (guint64)total;
  whim_db_query (db, &cursor, WHIM_SQL_PAGE_OUTBOX, whim_value_int (channel),
                 whim_value_int (op->limit), whim_value_int (op->offset));
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (page->items, whim_outbox_row_from_cursor (&cursor));
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&page) : NULL;
}

void
whim_store_page_outbox_async (WhimStore *self,
                              gint64 channel,
                              guint limit,
                              guint offset,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  const PageOutbox op = { CLAMP (limit, 1, WHIM_LIMIT_LIST), offset };

  whim_store_read (self, channel, page_outbox, g_memdup2 (&op, sizeof op), g_free,
                   (GDestroyNotify)whim_page_free, cancellable, callback, user_data,
                   whim_store_page_outbox_async);
}

WhimPage *
whim_store_page_outbox_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_page_outbox_async, error);
}

static gpointer
find_outbox (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  g_autoptr (WhimOutboxRow) row = NULL;
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_FIND_OUTBOX, whim_value_int (channel),
                 whim_value_text (data));
  if (whim_cursor_next (&cursor))
    row = whim_outbox_row_from_cursor (&cursor);
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&row) : NULL;
}

void
whim_store_find_outbox_async (WhimStore *self,
                              gint64 channel,
                              const char *message_id,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  whim_store_read (self, channel, find_outbox, g_strdup (message_id), g_free,
                   (GDestroyNotify)whim_outbox_row_free, cancellable, callback, user_data,
                   whim_store_find_outbox_async);
}

WhimOutboxRow *
whim_store_find_outbox_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_outbox_async, error);
}

void
whim_expired_free (WhimExpired *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->ids);
  g_free (self);
}

static gpointer
list_expired (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  gint64 now = *(const gint64 *)data;
  g_autoptr (WhimExpired) expired = g_new0 (WhimExpired, 1);
  WhimCursor cursor;

  expired->ids = g_ptr_array_new_with_free_func (g_free);
  whim_db_query (db, &cursor, WHIM_SQL_LIST_EXPIRED, whim_value_int (channel), whim_value_int (now),
                 whim_value_int (WHIM_LIMIT_LIST));
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (expired->ids, whim_cursor_dup_text (&cursor, 0));
  if (!whim_cursor_end (&cursor, error)
      || !whim_db_get_int (db, error, &expired->next, 0, WHIM_SQL_NEXT_EXPIRY,
                           whim_value_int (channel), whim_value_int (now)))
    return NULL;
  return g_steal_pointer (&expired);
}

void
whim_store_list_expired_async (WhimStore *self,
                               gint64 channel,
                               gint64 now,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  whim_store_read (self, channel, list_expired, g_memdup2 (&now, sizeof now), g_free,
                   (GDestroyNotify)whim_expired_free, cancellable, callback, user_data,
                   whim_store_list_expired_async);
}

WhimExpired *
whim_store_list_expired_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_list_expired_async, error);
}

GHashTable *
whim_store_load_expiries (WhimStore *self, GError **error)
{
  g_autoptr (GHashTable) found
      = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  WhimCursor cursor;

  whim_db_query0 (whim_store_get_main_db (self), &cursor, WHIM_SQL_LIST_EXPIRIES);
  while (whim_cursor_next (&cursor))
    {
      gint64 channel = whim_cursor_get_int (&cursor, 0);
      gint64 at = whim_cursor_get_int (&cursor, 1);

      g_hash_table_insert (found, g_memdup2 (&channel, sizeof channel), g_memdup2 (&at, sizeof at));
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&found) : NULL;
}

/* ---- answers that are given twice ------------------------------------------------------------ */

void
whim_unit_put_answer (WhimUnit *self,
                      const char *api_key,
                      const char *operation,
                      const char *key,
                      GBytes *request,
                      GBytes *answer,
                      gint64 made_at)
{
  whim_unit_add_guarded (self, WHIM_SQL_PUT_FIRST_ANSWER, whim_unit_channel_value (self),
                         whim_value_text (api_key), whim_value_text (operation),
                         whim_value_text (key), whim_value_bytes (request),
                         whim_value_bytes (answer), whim_value_int (made_at),
                         whim_value_int (made_at - WHIM_FIRST_ANSWER_KEPT_S));
}

void
whim_first_answer_free (WhimFirstAnswer *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->request, g_bytes_unref);
  g_clear_pointer (&self->answer, g_bytes_unref);
  g_free (self);
}

typedef struct
{
  char *api_key;
  char *operation;
  char *key;
  gint64 since;
} FindAnswered;

static void
find_answered_free (gpointer data)
{
  FindAnswered *self = data;

  g_free (self->api_key);
  g_free (self->operation);
  g_free (self->key);
  g_free (self);
}

static gpointer
find_answered (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const FindAnswered *op = data;
  g_autoptr (WhimFirstAnswer) found = g_new0 (WhimFirstAnswer, 1);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_GET_FIRST_ANSWER, whim_value_int (channel),
                 whim_value_text (op->api_key), whim_value_text (op->operation),
                 whim_value_text (op->key), whim_value_int (op->since));
  if (whim_cursor_next (&cursor))
    {
      found->request = whim_cursor_dup_bytes (&cursor, 0);
      found->answer = whim_cursor_dup_bytes (&cursor, 1);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&found) : NULL;
}

void
whim_store_find_answered_async (WhimStore *self,
                                gint64 channel,
                                const char *api_key,
                                const char *operation,
                                const char *key,
                                gint64 now,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  FindAnswered *op = g_new0 (FindAnswered, 1);

  op->api_key = g_strdup (api_key);
  op->operation = g_strdup (operation);
  op->key = g_strdup (key);
  op->since = now - WHIM_FIRST_ANSWER_KEPT_S;
  whim_store_read (self, channel, find_answered, op, find_answered_free,
                   (GDestroyNotify)whim_first_answer_free, cancellable, callback, user_data,
                   whim_store_find_answered_async);
}

WhimFirstAnswer *
whim_store_find_answered_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_answered_async, error);
}

void
whim_unit_prune_sending (WhimUnit *self, gint64 now, gint64 tokens_before)
{
  whim_unit_add (self, WHIM_SQL_PRUNE_FIRST_ANSWERS,
                 whim_value_int (now - WHIM_FIRST_ANSWER_KEPT_S));
  whim_unit_add (self, WHIM_SQL_PRUNE_TOKENS, whim_value_int (tokens_before));
}

/* ---- where a chat stands --------------------------------------------------------------------- */

void
whim_standing_free (WhimStanding *self)
{
  if (self == NULL)
    return;
  g_free (self->lid);
  g_clear_pointer (&self->token, g_bytes_unref);
  g_clear_pointer (&self->salt, whim_secret_unref);
  g_free (self);
}

typedef struct
{
  char *chat;
  gint64 since;
} FindStanding;

static void
find_standing_free (gpointer data)
{
  FindStanding *self = data;

  g_free (self->chat);
  g_free (self);
}

static gboolean
read_chat (WhimDb *db, gint64 number, WhimStanding *standing, GError **error)
{
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_GET_STANDING, whim_value_int (number));
  if (whim_cursor_next (&cursor))
    {
      standing->heard_at = whim_cursor_get_int (&cursor, 0);
      standing->contacted_at = whim_cursor_get_int (&cursor, 1);
      standing->expiration = (guint)whim_cursor_get_int (&cursor, 2);
      standing->expiration_set_at = whim_cursor_get_int (&cursor, 3);
    }
  return whim_cursor_end (&cursor, error);
}

static gboolean
read_token (WhimDb *db, gint64 channel, const char *user, WhimStanding *standing, GError **error)
{
  WhimCursor cursor;

  if (user == NULL)
    return TRUE;
  whim_db_query (db, &cursor, WHIM_SQL_GET_TOKEN, whim_value_int (channel), whim_value_text (user));
  if (whim_cursor_next (&cursor))
    {
      g_autoptr (GBytes) token = whim_cursor_dup_bytes (&cursor, 0);
      gint64 token_at = whim_cursor_get_int (&cursor, 1);

      if (token != NULL && (standing->token == NULL || token_at >= standing->token_at))
        {
          g_clear_pointer (&standing->token, g_bytes_unref);
          standing->token = g_steal_pointer (&token);
          standing->token_at = token_at;
        }
      standing->issued_at = MAX (standing->issued_at, whim_cursor_get_int (&cursor, 2));
    }
  return whim_cursor_end (&cursor, error);
}

static gboolean
read_salt (WhimDb *db, gint64 channel, WhimStanding *standing, GError **error)
{
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_GET_SALT, whim_value_int (channel),
                 whim_value_text (WHIM_MATERIAL_NCT_SALT));
  if (whim_cursor_next (&cursor))
    standing->salt = whim_cursor_dup_secret (&cursor, 0);
  return whim_cursor_end (&cursor, error);
}

static gpointer
find_standing (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const FindStanding *op = data;
  g_autoptr (WhimStanding) standing = g_new0 (WhimStanding, 1);
  g_autoptr (WhimJid) jid = whim_jid_parse (op->chat, NULL);
  g_autofree char *pn = NULL;
  g_autofree char *other = NULL;
  g_auto (WhimChatRow) row = { 0 };
  gint64 count = 0;

  if (jid == NULL)
    return g_steal_pointer (&standing);
  whim_chat_assign_jid (jid, &standing->lid, &pn, &other);
  if (!whim_chat_complete_addresses (db, channel, &standing->lid, &pn, error)
      || !whim_chat_find_any (db, channel, standing->lid, pn, other, &row, error)
      || (row.number != 0 && !read_chat (db, row.number, standing, error)))
    return NULL;
  if (standing->lid == NULL && row.lid != NULL)
    standing->lid = g_strdup (row.lid);
  /* what was learnt before the LID was known stands under the number */
  if (!read_token (db, channel, pn, standing, error)
      || !read_token (db, channel, standing->lid, standing, error)
      || !read_salt (db, channel, standing, error)) /* a token may be too old: the sender knows */
    return NULL;
  if (standing->heard_at == 0 && standing->contacted_at == 0
      && !whim_db_get_int (db, error, &count, 0, WHIM_SQL_COUNT_NEW_CHATS, whim_value_int (channel),
                           whim_value_int (op->since)))
    return NULL;
  standing->new_chats = (guint)count;
  return g_steal_pointer (&standing);
}

void
whim_store_find_standing_async (WhimStore *self,
                                gint64 channel,
                                const char *chat,
                                gint64 since,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  FindStanding *op = g_new0 (FindStanding, 1);

  op->chat = g_strdup (chat);
  op->since = since;
  whim_store_read (self, channel, find_standing, op, find_standing_free,
                   (GDestroyNotify)whim_standing_free, cancellable, callback, user_data,
                   whim_store_find_standing_async);
}

WhimStanding *
whim_store_find_standing_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_standing_async, error);
}

typedef struct
{
  char *chat;
  guint expiration;
  gint64 set_at;
} PutExpiration;

static void
put_expiration_free (gpointer data)
{
  PutExpiration *self = data;

  g_free (self->chat);
  g_free (self);
}

static gboolean
put_expiration (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const PutExpiration *op = data;
  g_auto (WhimChatRow) row = { 0 };

  return find_chat (db, context->channel, op->chat, &row, error)
         && (row.number == 0
             || whim_db_run (db, error, WHIM_SQL_SET_CHAT_EXPIRATION, whim_value_int (row.number),
                             whim_value_int (op->expiration), whim_value_int (op->set_at)));
}

void
whim_unit_put_expiration (WhimUnit *self, const char *chat, guint expiration, gint64 set_at)
{
  PutExpiration *op = g_new0 (PutExpiration, 1);

  op->chat = g_strdup (chat);
  op->expiration = expiration;
  op->set_at = set_at;
  whim_unit_add_procedure (self, put_expiration, op, put_expiration_free);
}

/* ---- restrictions ---------------------------------------------------------------------------- */

void
whim_restriction_free (WhimRestriction *self)
{
  if (self == NULL)
    return;
  g_free (self->kind);
  g_free (self->detail);
  g_free (self);
}

void
whim_unit_put_restriction (WhimUnit *self,
                           const char *kind,
                           const char *detail,
                           gint64 since,
                           gint64 ends_at)
{
  whim_unit_add (self, WHIM_SQL_PUT_RESTRICTION, whim_unit_channel_value (self),
                 whim_value_text (kind), whim_value_text (detail), whim_value_int (since),
                 whim_value_int (ends_at));
}

void
whim_unit_delete_restriction (WhimUnit *self, const char *kind)
{
  whim_unit_add (self, WHIM_SQL_DELETE_RESTRICTION, whim_unit_channel_value (self),
                 whim_value_text (kind));
}

GPtrArray *
whim_store_load_restrictions (WhimStore *self, GError **error)
{
  g_autoptr (GPtrArray) found
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_restriction_free);
  WhimCursor cursor;

  whim_db_query0 (whim_store_get_main_db (self), &cursor, WHIM_SQL_LIST_RESTRICTIONS);
  while (whim_cursor_next (&cursor))
    {
      WhimRestriction *row = g_new0 (WhimRestriction, 1);

      row->channel = whim_cursor_get_int (&cursor, 0);
      row->kind = whim_cursor_dup_text (&cursor, 1);
      row->detail = whim_cursor_dup_text (&cursor, 2);
      row->since = whim_cursor_get_int (&cursor, 3);
      row->ends_at = whim_cursor_get_int (&cursor, 4);
      g_ptr_array_add (found, row);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&found) : NULL;
}
