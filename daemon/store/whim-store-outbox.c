/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"
#include "store/whim-store-sending.h"

WhimOutboxRow *
whim_outbox_row_new (void)
{
  return g_new0 (WhimOutboxRow, 1);
}

void
whim_outbox_row_free (WhimOutboxRow *self)
{
  if (self == NULL)
    return;
  g_free (self->message_id);
  g_free (self->chat);
  g_free (self->reason);
  g_clear_pointer (&self->content, g_bytes_unref);
  g_clear_pointer (&self->stanza, g_bytes_unref);
  g_free (self);
}

void
whim_unit_put_outbox (WhimUnit *self, const WhimOutboxRow *row)
{
  whim_unit_add (self, WHIM_SQL_PUT_OUTBOX, whim_value_int (row->number),
                 whim_unit_channel_value (self), whim_value_text (row->message_id),
                 whim_value_text (row->chat), whim_value_int (row->state),
                 whim_value_bytes (row->content), whim_value_bytes (row->stanza),
                 whim_value_int (row->created_at), whim_value_int (row->expires_at),
                 whim_value_int (row->not_before), whim_value_int (row->typing_ms),
                 whim_value_int (row->immediate));
}

void
whim_unit_seal_outbox (WhimUnit *self, gint64 number, GBytes *stanza)
{
  whim_unit_add_guarded (self, WHIM_SQL_SEAL_OUTBOX, whim_unit_channel_value (self),
                         whim_value_int (number), whim_value_bytes (stanza));
}

void
whim_unit_delete_outbox (WhimUnit *self, gint64 number)
{
  whim_unit_add (self, WHIM_SQL_DELETE_OUTBOX, whim_unit_channel_value (self),
                 whim_value_int (number));
}

WhimOutboxRow *
whim_outbox_row_from_cursor (WhimCursor *cursor)
{
  WhimOutboxRow *row = whim_outbox_row_new ();

  row->number = whim_cursor_get_int (cursor, 0);
  row->message_id = whim_cursor_dup_text (cursor, 1);
  row->chat = whim_cursor_dup_text (cursor, 2);
  row->state = (WhimOutboxState)whim_cursor_get_int (cursor, 3);
  row->content = whim_cursor_dup_bytes (cursor, 4);
  row->stanza = whim_cursor_dup_bytes (cursor, 5);
  row->created_at = whim_cursor_get_int (cursor, 6);
  row->expires_at = whim_cursor_get_int (cursor, 7);
  row->not_before = whim_cursor_get_int (cursor, 8);
  row->typing_ms = (guint)whim_cursor_get_int (cursor, 9);
  row->immediate = whim_cursor_get_int (cursor, 10) != 0;
  row->reason = whim_cursor_dup_text (cursor, 11);
  return row;
}

static gpointer
load_outbox (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  g_autoptr (GPtrArray) rows
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_outbox_row_free);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_LIST_OUTBOX, whim_value_int (channel));
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (rows, whim_outbox_row_from_cursor (&cursor));
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&rows) : NULL;
}

void
whim_store_load_outbox_async (WhimStore *self,
                              gint64 channel,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  whim_store_read (self, channel, load_outbox, NULL, NULL, (GDestroyNotify)g_ptr_array_unref,
                   cancellable, callback, user_data, whim_store_load_outbox_async);
}

GPtrArray *
whim_store_load_outbox_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_load_outbox_async, error);
}

static gpointer
count_outbox (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  g_autoptr (GHashTable) counts
      = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_COUNT_ALL_OUTBOX);
  while (whim_cursor_next (&cursor))
    {
      gint64 number = whim_cursor_get_int (&cursor, 0);
      gint64 count = whim_cursor_get_int (&cursor, 1);

      g_hash_table_insert (counts, g_memdup2 (&number, sizeof number),
                           g_memdup2 (&count, sizeof count));
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&counts) : NULL;
}

void
whim_store_count_outbox_async (WhimStore *self,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  whim_store_read (self, 0, count_outbox, NULL, NULL, (GDestroyNotify)g_hash_table_unref,
                   cancellable, callback, user_data, whim_store_count_outbox_async);
}

GHashTable *
whim_store_count_outbox_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_count_outbox_async, error);
}
