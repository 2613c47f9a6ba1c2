/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

void
whim_signal_row_free (WhimSignalRow *self)
{
  if (self == NULL)
    return;
  g_free (self->key);
  g_clear_pointer (&self->record, g_bytes_unref);
  g_free (self);
}

void
whim_unit_put_signal_changes (WhimUnit *self, GPtrArray *changes)
{
  for (guint i = 0; i < changes->len; i++)
    {
      const WhimSignalChange *change = g_ptr_array_index (changes, i);

      if (change->record != NULL)
        whim_unit_add (self, WHIM_SQL_PUT_SIGNAL, whim_unit_channel_value (self),
                       whim_value_int (change->kind), whim_value_text (change->key),
                       whim_value_bytes (change->record));
      else
        whim_unit_add (self, WHIM_SQL_DELETE_SIGNAL, whim_unit_channel_value (self),
                       whim_value_int (change->kind), whim_value_text (change->key));
    }
}

void
whim_unit_mark_prekeys_uploaded (WhimUnit *self, guint32 first, guint32 last)
{
  whim_unit_add (self, WHIM_SQL_MARK_PREKEYS, whim_unit_channel_value (self),
                 whim_value_int (first), whim_value_int (last));
}

static gpointer
load_signal (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  GPtrArray *wanted = data;

  for (guint i = 0; i < wanted->len; i++)
    {
      WhimSignalRow *row = g_ptr_array_index (wanted, i);
      WhimCursor cursor;

      whim_db_query (db, &cursor, WHIM_SQL_GET_SIGNAL, whim_value_int (channel),
                     whim_value_int (row->kind), whim_value_text (row->key));
      g_clear_pointer (&row->record, g_bytes_unref);
      if (whim_cursor_next (&cursor))
        row->record = whim_cursor_dup_bytes (&cursor, 0);
      if (!whim_cursor_end (&cursor, error))
        return NULL;
    }
  return g_ptr_array_ref (wanted);
}

void
whim_store_load_signal_async (WhimStore *self,
                              gint64 channel,
                              GPtrArray *wanted,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  whim_store_read (self, channel, load_signal, wanted, (GDestroyNotify)g_ptr_array_unref,
                   (GDestroyNotify)g_ptr_array_unref, cancellable, callback, user_data,
                   whim_store_load_signal_async);
}

GPtrArray *
whim_store_load_signal_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_load_signal_async, error);
}

static gpointer
list_addresses (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  char **names = data;
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; names[i] != NULL; i++)
    {
      WhimCursor cursor;

      whim_db_query (db, &cursor, WHIM_SQL_LIST_ADDRESSES, whim_value_int (channel),
                     whim_value_text (names[i]));
      while (whim_cursor_next (&cursor))
        g_ptr_array_add (keys, whim_cursor_dup_text (&cursor, 0));
      if (!whim_cursor_end (&cursor, error))
        return NULL;
    }
  return g_steal_pointer (&keys);
}

void
whim_store_list_addresses_async (WhimStore *self,
                                 gint64 channel,
                                 const char *const *names,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  whim_store_read (self, channel, list_addresses, g_strdupv ((char **)names),
                   (GDestroyNotify)g_strfreev, (GDestroyNotify)g_ptr_array_unref, cancellable,
                   callback, user_data, whim_store_list_addresses_async);
}

GPtrArray *
whim_store_list_addresses_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_list_addresses_async, error);
}

static gpointer
load_prekeys_to_upload (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  g_autoptr (GPtrArray) rows
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_row_free);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_LIST_PREKEYS_TO_UPLOAD, whim_value_int (channel),
                 whim_value_int (GPOINTER_TO_UINT (data)));
  while (whim_cursor_next (&cursor))
    {
      WhimSignalRow *row = g_new0 (WhimSignalRow, 1);

      row->kind = WHIM_SIGNAL_KIND_PREKEY;
      row->key = whim_cursor_dup_text (&cursor, 0);
      row->record = whim_cursor_dup_bytes (&cursor, 1);
      g_ptr_array_add (rows, row);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&rows) : NULL;
}

void
whim_store_load_prekeys_to_upload_async (WhimStore *self,
                                         gint64 channel,
                                         guint limit,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data)
{
  whim_store_read (self, channel, load_prekeys_to_upload, GUINT_TO_POINTER (limit), NULL,
                   (GDestroyNotify)g_ptr_array_unref, cancellable, callback, user_data,
                   whim_store_load_prekeys_to_upload_async);
}

GPtrArray *
whim_store_load_prekeys_to_upload_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_load_prekeys_to_upload_async, error);
}
