/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

#include "base/whim-error.h"
#include "base/whim-limits.h"

/* The highest seq that was pruned; a cursor below it has missed something. */
#define PRUNED "journal_pruned"

/* A stanza may come again long after its event has left the journal: the server keeps what was not
 * acknowledged for about a month. */
#define SEEN_KEPT_LONGER (30 * 24 * 3600)
/* Dead letters stay as long as received media do. */
#define DEAD_KEPT_LONGER (23 * 24 * 3600)

/* The file is the same on every machine. */
static GVariant *
swap_on_big_endian (GVariant *data)
{
#if G_BYTE_ORDER == G_BIG_ENDIAN
  return g_variant_byteswap (data);
#else
  return g_variant_ref (data);
#endif
}

gboolean
whim_journal_append (WhimDb *db, WhimUnitContext *context, const WhimEvent *event, GError **error)
{
  g_autoptr (GVariant) data = swap_on_big_endian (event->data);
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (data);
  gint64 sequence;

  if (!whim_db_get_int (db, error, &sequence, 0, WHIM_SQL_NEXT_SEQUENCE,
                        whim_value_int (context->channel)))
    return FALSE;
  if (sequence == 0)
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CONFLICT,
                           "an event of a channel that does not exist");
      return FALSE;
    }
  if (!whim_db_run (db, error, WHIM_SQL_APPEND_JOURNAL, whim_value_text (event->id),
                    whim_value_int (context->channel), whim_value_int (sequence),
                    whim_value_int (event->timestamp), whim_value_text (event->type),
                    whim_value_bytes (bytes)))
    return FALSE;
  context->last_seq = whim_db_get_last_rowid (db);
  return TRUE;
}

static gboolean
put_event (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  return whim_journal_append (db, context, data, error);
}

void
whim_unit_put_event (WhimUnit *self, WhimEvent *event)
{
  whim_unit_add_procedure (self, put_event, event, (GDestroyNotify)whim_event_free);
}

static gboolean
prune_journal (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  gint64 before = *(const gint64 *)data;
  gint64 newest;

  if (!whim_hooks_take_all (db, context, error)
      || !whim_db_run (db, error, WHIM_SQL_PRUNE_DEAD,
                       whim_value_int ((before - DEAD_KEPT_LONGER) * 1000))
      || !whim_db_run (db, error, WHIM_SQL_PRUNE_SEEN, whim_value_int (before - SEEN_KEPT_LONGER))
      || !whim_repairs_prune (db, context->now, error)
      || !whim_db_get_int (db, error, &newest, 0, WHIM_SQL_NEWEST_BEFORE, whim_value_int (before)))
    return FALSE;
  return newest == 0
         || (whim_db_run (db, error, WHIM_SQL_PRUNE_JOURNAL, whim_value_int (newest))
             && whim_db_run (db, error, WHIM_SQL_RAISE_META, whim_value_text (PRUNED),
                             whim_value_int (newest)));
}

void
whim_unit_prune_journal (WhimUnit *self, gint64 before)
{
  whim_unit_add_procedure (self, prune_journal, g_memdup2 (&before, sizeof before), g_free);
}

typedef struct
{
  gint64 after;
  char *channel_id; /* (nullable) */
  guint limit;
} ReadJournal;

static void
read_journal_free (gpointer data)
{
  ReadJournal *self = data;

  g_free (self->channel_id);
  g_free (self);
}

WhimEvent *
whim_event_from_row (WhimCursor *cursor)
{
  g_autoptr (GBytes) bytes = whim_cursor_dup_bytes (cursor, 6);
  g_autoptr (GVariant) raw
      = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, bytes, FALSE));
  g_autoptr (GVariant) data = swap_on_big_endian (raw);
  WhimEvent *event = g_new0 (WhimEvent, 1);

  event->seq = whim_cursor_get_int (cursor, 0);
  event->id = whim_cursor_dup_text (cursor, 1);
  event->channel_id = whim_cursor_dup_text (cursor, 2);
  event->sequence = whim_cursor_get_int (cursor, 3);
  event->timestamp = whim_cursor_get_int (cursor, 4);
  event->type = whim_cursor_dup_text (cursor, 5);
  event->data = g_steal_pointer (&data);
  return event;
}

static gpointer
read_journal (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const ReadJournal *op = data;
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_event_free);
  gint64 pruned;
  WhimCursor cursor;

  if (!whim_db_get_int (db, error, &pruned, 0, WHIM_SQL_GET_META, whim_value_text (PRUNED)))
    return NULL;
  if (op->after < pruned)
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_CURSOR_EXPIRED,
                           "the journal does not go back that far");
      return NULL;
    }
  if (op->channel_id == NULL)
    whim_db_query (db, &cursor, WHIM_SQL_READ_JOURNAL, whim_value_int (op->after),
                   whim_value_int (op->limit));
  else
    whim_db_query (db, &cursor, WHIM_SQL_READ_CHANNEL_JOURNAL, whim_value_int (op->after),
                   whim_value_int (op->limit), whim_value_text (op->channel_id));
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (events, whim_event_from_row (&cursor));
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&events) : NULL;
}

void
whim_store_read_journal_async (WhimStore *self,
                               gint64 after,
                               const char *channel_id,
                               guint limit,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  ReadJournal *op = g_new0 (ReadJournal, 1);

  op->after = after;
  op->channel_id = g_strdup (channel_id);
  op->limit = CLAMP (limit, 1, WHIM_LIMIT_LIST);
  whim_store_read (self, 0, read_journal, op, read_journal_free, (GDestroyNotify)g_ptr_array_unref,
                   cancellable, callback, user_data, whim_store_read_journal_async);
}

GPtrArray *
whim_store_read_journal_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_read_journal_async, error);
}
