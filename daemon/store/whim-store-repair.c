/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-repair.h"

#include "store/whim-store-private.h"

/* What the protocol may still ask for again: senders keep their messages for days, not weeks, and
 * plaintext of ours stays for 14 days (product page, 5). */
#define KEPT_S (14 * 24 * 3600)

/* ---- repairs --------------------------------------------------------------------------------- */

WhimRepair *
whim_repair_new (const char *chat, const char *sender, const char *id, gint64 now)
{
  WhimRepair *self = g_new0 (WhimRepair, 1);

  self->chat = g_strdup (chat);
  self->sender = g_strdup (sender);
  self->id = g_strdup (id);
  self->first_at = now;
  self->asked_at = now;
  return self;
}

void
whim_repair_free (WhimRepair *self)
{
  if (self == NULL)
    return;
  g_free (self->chat);
  g_free (self->sender);
  g_free (self->id);
  g_free (self->request);
  g_free (self);
}

void
whim_unit_put_repair (WhimUnit *self, const WhimRepair *repair)
{
  whim_unit_add (self, WHIM_SQL_PUT_REPAIR, whim_unit_channel_value (self),
                 whim_value_text (repair->chat), whim_value_text (repair->sender),
                 whim_value_text (repair->id), whim_value_int (repair->count),
                 whim_value_int (repair->hidden), whim_value_text (repair->request),
                 whim_value_int (repair->first_at), whim_value_int (repair->asked_at));
}

gboolean
whim_message_is_placeholder (WhimDb *db, gint64 number, gboolean *placeholder, GError **error)
{
  WhimCursor cursor;

  *placeholder = FALSE;
  whim_db_query (db, &cursor, WHIM_SQL_FIND_KIND, whim_value_int (number));
  if (whim_cursor_next (&cursor))
    *placeholder
        = g_strcmp0 (whim_cursor_get_text (&cursor, 0), WHIM_MESSAGE_KIND_UNDECRYPTABLE) == 0;
  return whim_cursor_end (&cursor, error);
}

/* *@message stays NULL if there is none. */
static gboolean
find_placeholder (WhimDb *db,
                  gint64 channel,
                  const WhimRepair *repair,
                  WhimMessage **message,
                  GError **error)
{
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_FIND_PLACEHOLDER, whim_value_int (channel),
                 whim_value_text (repair->id), whim_value_text (WHIM_MESSAGE_KIND_UNDECRYPTABLE),
                 whim_value_text (repair->chat));
  if (whim_cursor_next (&cursor))
    *message = whim_message_from_row (&cursor);
  return whim_cursor_end (&cursor, error);
}

typedef struct
{
  WhimRepair *key;
  char *channel_id; /* telling only */
  gboolean drop;
} RepairOp;

static void
repair_op_free (gpointer data)
{
  RepairOp *op = data;

  whim_repair_free (op->key);
  g_free (op->channel_id);
  g_free (op);
}

static RepairOp *
repair_op_new (const WhimRepair *key)
{
  RepairOp *op = g_new0 (RepairOp, 1);

  op->key = whim_repair_new (key->chat, key->sender, key->id, 0);
  return op;
}

static gboolean
run_with_key (WhimDb *db,
              gint64 channel,
              WhimStatement statement,
              const WhimRepair *key,
              GError **error)
{
  return whim_db_run (db, error, statement, whim_value_int (channel), whim_value_text (key->chat),
                      whim_value_text (key->sender), whim_value_text (key->id));
}

static gboolean
tell_repair (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const RepairOp *op = data;
  g_autoptr (WhimMessage) message = NULL;
  g_autoptr (WhimEvent) event = NULL;

  if (!run_with_key (db, context->channel, WHIM_SQL_TELL_REPAIR, op->key, error))
    return FALSE;
  if (whim_db_get_changes (db) == 0)
    return TRUE; /* somebody was told before */
  if (!find_placeholder (db, context->channel, op->key, &message, error))
    return FALSE;
  if (message == NULL)
    return TRUE;
  event = whim_event_new (op->channel_id, "message.undecryptable", message->timestamp,
                          whim_message_to_variant (message));
  return whim_journal_append (db, context, event, error);
}

void
whim_unit_tell_repair (WhimUnit *self, const char *channel_id, const WhimRepair *repair)
{
  RepairOp *op = repair_op_new (repair);

  op->channel_id = g_strdup (channel_id);
  whim_unit_add_procedure (self, tell_repair, op, repair_op_free);
}

static gboolean
end_repair (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const RepairOp *op = data;
  g_autoptr (WhimMessage) message = NULL;

  if (!run_with_key (db, context->channel, WHIM_SQL_DELETE_REPAIR, op->key, error))
    return FALSE;
  if (!op->drop)
    return TRUE;
  if (!find_placeholder (db, context->channel, op->key, &message, error))
    return FALSE;
  return message == NULL
         || whim_db_run (db, error, WHIM_SQL_DELETE_MESSAGE, whim_value_int (message->number));
}

void
whim_unit_end_repair (WhimUnit *self, const WhimRepair *repair, gboolean drop)
{
  RepairOp *op = repair_op_new (repair);

  op->drop = drop;
  whim_unit_add_procedure (self, end_repair, op, repair_op_free);
}

void
whim_unit_end_request (WhimUnit *self, const char *request, const char *id)
{
  whim_unit_add (self, WHIM_SQL_END_REQUEST, whim_unit_channel_value (self), whim_value_text (id),
                 whim_value_text (request));
}

static WhimRepair *
repair_from_row (WhimCursor *cursor)
{
  WhimRepair *self = g_new0 (WhimRepair, 1);

  self->chat = whim_cursor_dup_text (cursor, 0);
  self->sender = whim_cursor_dup_text (cursor, 1);
  self->id = whim_cursor_dup_text (cursor, 2);
  self->count = (guint)whim_cursor_get_int (cursor, 3);
  self->told = whim_cursor_get_int (cursor, 4) != 0;
  self->hidden = whim_cursor_get_int (cursor, 5) != 0;
  self->request = whim_cursor_dup_text (cursor, 6);
  self->first_at = whim_cursor_get_int (cursor, 7);
  self->asked_at = whim_cursor_get_int (cursor, 8);
  return self;
}

/* In @data, asked_at is from when on receipts are recent. */
static gpointer
find_repair (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const WhimRepair *key = data;
  g_autoptr (WhimRepair) found = NULL;
  WhimCursor cursor;
  gint64 recent;

  whim_db_query (db, &cursor, WHIM_SQL_FIND_REPAIR, whim_value_int (channel),
                 whim_value_text (key->chat), whim_value_text (key->sender),
                 whim_value_text (key->id));
  if (whim_cursor_next (&cursor))
    found = repair_from_row (&cursor);
  if (!whim_cursor_end (&cursor, error)
      || !whim_db_get_int (db, error, &recent, 0, WHIM_SQL_COUNT_REPAIRS, whim_value_int (channel),
                           whim_value_text (key->sender), whim_value_int (key->asked_at)))
    return NULL;
  if (found == NULL)
    found = whim_repair_new (key->chat, key->sender, key->id, 0);
  found->recent = (guint)recent;
  return g_steal_pointer (&found);
}

void
whim_store_find_repair_async (WhimStore *self,
                              gint64 channel,
                              const WhimRepair *key,
                              gint64 since,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  whim_store_read (self, channel, find_repair,
                   whim_repair_new (key->chat, key->sender, key->id, since),
                   (GDestroyNotify)whim_repair_free, (GDestroyNotify)whim_repair_free, cancellable,
                   callback, user_data, whim_store_find_repair_async);
}

WhimRepair *
whim_store_find_repair_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_repair_async, error);
}

static gpointer
list_repairs (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  g_autoptr (GPtrArray) repairs = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_repair_free);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_LIST_REPAIRS, whim_value_int (channel),
                 whim_value_int (GPOINTER_TO_UINT (data)));
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (repairs, repair_from_row (&cursor));
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&repairs) : NULL;
}

void
whim_store_list_repairs_async (WhimStore *self,
                               gint64 channel,
                               guint limit,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  whim_store_read (self, channel, list_repairs, GUINT_TO_POINTER (limit), NULL,
                   (GDestroyNotify)g_ptr_array_unref, cancellable, callback, user_data,
                   whim_store_list_repairs_async);
}

GPtrArray *
whim_store_list_repairs_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_list_repairs_async, error);
}

/* ---- answers --------------------------------------------------------------------------------- */

void
whim_answer_free (WhimAnswer *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->base_key, g_bytes_unref);
  g_free (self);
}

void
whim_unit_count_answer (WhimUnit *self,
                        const char *device,
                        const char *id,
                        GBytes *base_key,
                        gint64 renewed_at,
                        gint64 now)
{
  whim_unit_add (self, WHIM_SQL_PUT_ANSWER, whim_unit_channel_value (self),
                 whim_value_text (device), whim_value_text (id), whim_value_bytes (base_key),
                 whim_value_int (renewed_at), whim_value_int (now));
}

static gpointer
find_answer (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const WhimRepair *key = data; /* sender is the device, asked_at the time */
  g_autoptr (WhimAnswer) answer = g_new0 (WhimAnswer, 1);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_FIND_ANSWER, whim_value_int (channel),
                 whim_value_text (key->sender), whim_value_text (key->id));
  if (whim_cursor_next (&cursor))
    {
      answer->count = (guint)whim_cursor_get_int (&cursor, 0);
      answer->base_key = whim_cursor_dup_bytes (&cursor, 1);
    }
  if (!whim_cursor_end (&cursor, error))
    return NULL;
  whim_db_query (db, &cursor, WHIM_SQL_SUM_ANSWERS, whim_value_int (channel),
                 whim_value_text (key->sender), whim_value_int (key->asked_at));
  if (whim_cursor_next (&cursor))
    {
      answer->recent = (guint)whim_cursor_get_int (&cursor, 0);
      answer->renewed_at = whim_cursor_get_int (&cursor, 1);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&answer) : NULL;
}

void
whim_store_find_answer_async (WhimStore *self,
                              gint64 channel,
                              const char *device,
                              const char *id,
                              gint64 since,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  whim_store_read (self, channel, find_answer, whim_repair_new ("", device, id, since),
                   (GDestroyNotify)whim_repair_free, (GDestroyNotify)whim_answer_free, cancellable,
                   callback, user_data, whim_store_find_answer_async);
}

WhimAnswer *
whim_store_find_answer_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_answer_async, error);
}

/* ---- pruning --------------------------------------------------------------------------------- */

gboolean
whim_repairs_prune (WhimDb *db, gint64 now, GError **error)
{
  return whim_db_run (db, error, WHIM_SQL_PRUNE_REPAIRS, whim_value_int (now - KEPT_S))
         && whim_db_run (db, error, WHIM_SQL_PRUNE_ANSWERS, whim_value_int (now - KEPT_S));
}
