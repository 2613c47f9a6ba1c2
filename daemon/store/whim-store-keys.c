/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

#include "base/whim-util.h"

WhimApiKey *
whim_api_key_new (void)
{
  return g_new0 (WhimApiKey, 1);
}

WhimApiKey *
whim_api_key_copy (const WhimApiKey *self)
{
  WhimApiKey *copy = g_memdup2 (self, sizeof *self);

  copy->id = g_strdup (self->id);
  copy->name = g_strdup (self->name);
  copy->channels = g_strdupv (self->channels);
  copy->dialect = g_strdup (self->dialect);
  return copy;
}

void
whim_api_key_free (WhimApiKey *self)
{
  if (self == NULL)
    return;
  g_free (self->id);
  g_free (self->name);
  g_strfreev (self->channels);
  g_free (self->dialect);
  g_free (self);
}

void
whim_unit_put_api_key (WhimUnit *self, const WhimApiKey *key)
{
  g_autoptr (GBytes) hash = g_bytes_new (key->hash, sizeof key->hash);

  whim_unit_add (self, WHIM_SQL_PUT_API_KEY, whim_value_text (key->id), whim_value_text (key->name),
                 whim_value_bytes (hash), whim_value_int (key->admin),
                 whim_value_int (key->read_only), whim_value_text (key->dialect),
                 whim_value_int (key->created_at), whim_value_int (key->last_used_at),
                 whim_value_int (key->rate_limit));
  whim_unit_add (self, WHIM_SQL_DELETE_API_KEY_CHANNELS, whim_value_text (key->id));
  for (guint i = 0; key->channels != NULL && key->channels[i] != NULL; i++)
    whim_unit_add (self, WHIM_SQL_PUT_API_KEY_CHANNEL, whim_value_text (key->id),
                   whim_value_text (key->channels[i]));
}

void
whim_unit_use_api_key (WhimUnit *self, const char *id, gint64 when)
{
  whim_unit_add (self, WHIM_SQL_USE_API_KEY, whim_value_text (id), whim_value_int (when));
}

void
whim_unit_delete_api_key (WhimUnit *self, const char *id)
{
  whim_unit_add (self, WHIM_SQL_DELETE_API_KEY, whim_value_text (id));
}

static gboolean
load_channels_of_key (WhimDb *db, WhimApiKey *key, GError **error)
{
  g_autoptr (GStrvBuilder) channels = g_strv_builder_new ();
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_LIST_API_KEY_CHANNELS, whim_value_text (key->id));
  while (whim_cursor_next (&cursor))
    g_strv_builder_add (channels, whim_cursor_get_text (&cursor, 0));
  key->channels = g_strv_builder_end (channels);
  return whim_cursor_end (&cursor, error);
}

GPtrArray *
whim_store_load_api_keys (WhimStore *self, GError **error)
{
  WhimDb *db = whim_store_get_main_db (self);
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_api_key_free);
  WhimCursor cursor;

  whim_db_query0 (db, &cursor, WHIM_SQL_LIST_API_KEYS);
  while (whim_cursor_next (&cursor))
    {
      WhimApiKey *key = whim_api_key_new ();
      g_autoptr (GBytes) hash = whim_cursor_dup_bytes (&cursor, 2);

      key->id = whim_cursor_dup_text (&cursor, 0);
      key->name = whim_cursor_dup_text (&cursor, 1);
      if (g_bytes_get_size (hash) == sizeof key->hash)
        whim_copy (key->hash, g_bytes_get_data (hash, NULL), sizeof key->hash);
      key->admin = whim_cursor_get_int (&cursor, 3) != 0;
      key->read_only = whim_cursor_get_int (&cursor, 4) != 0;
      key->dialect = whim_cursor_dup_text (&cursor, 5);
      key->created_at = whim_cursor_get_int (&cursor, 6);
      key->last_used_at = whim_cursor_get_int (&cursor, 7);
      key->rate_limit = whim_cursor_get_int (&cursor, 8);
      g_ptr_array_add (keys, key);
    }
  if (!whim_cursor_end (&cursor, error))
    return NULL;
  for (guint i = 0; i < keys->len; i++)
    {
      WhimApiKey *key = g_ptr_array_index (keys, i);

      if (!key->admin && !load_channels_of_key (db, key, error))
        return NULL;
    }
  return g_steal_pointer (&keys);
}
