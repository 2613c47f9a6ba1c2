/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

void
whim_lid_mapping_free (WhimLidMapping *self)
{
  if (self == NULL)
    return;
  g_free (self->lid_user);
  g_free (self->pn_user);
  g_free (self);
}

void
whim_number_free (WhimNumber *self)
{
  if (self == NULL)
    return;
  g_free (self->jid);
  g_free (self->lid);
  g_free (self);
}

/* ---- LID map --------------------------------------------------------------------------------- */

static gboolean
put_lid_mapping (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const WhimLidMapping *mapping = data;
  g_autofree char *lid = g_strconcat (mapping->lid_user, "@lid", NULL);
  g_autofree char *pn = g_strconcat (mapping->pn_user, "@s.whatsapp.net", NULL);
  gint64 number;
  WhimCursor cursor;
  gboolean known = FALSE;

  whim_db_query (db, &cursor, WHIM_SQL_FIND_LID_MAPPING, whim_value_int (context->channel),
                 whim_value_text (mapping->lid_user), whim_value_text (mapping->pn_user));
  while (whim_cursor_next (&cursor))
    known = g_strcmp0 (whim_cursor_get_text (&cursor, 0), mapping->lid_user) == 0
            && g_strcmp0 (whim_cursor_get_text (&cursor, 1), mapping->pn_user) == 0;
  if (!whim_cursor_end (&cursor, error))
    return FALSE;
  if (known)
    return TRUE;
  return whim_db_run (db, error, WHIM_SQL_DELETE_LID_MAPPING, whim_value_int (context->channel),
                      whim_value_text (mapping->lid_user), whim_value_text (mapping->pn_user))
         && whim_db_run (db, error, WHIM_SQL_PUT_LID_MAPPING, whim_value_int (context->channel),
                         whim_value_text (mapping->lid_user), whim_value_text (mapping->pn_user))
         && whim_chat_settle (db, context, lid, pn, FALSE, &number, error);
}

static WhimLidMapping *
lid_mapping_new (const char *lid_user, const char *pn_user)
{
  WhimLidMapping *mapping = g_new0 (WhimLidMapping, 1);

  mapping->lid_user = g_strdup (lid_user);
  mapping->pn_user = g_strdup (pn_user);
  return mapping;
}

void
whim_unit_put_lid_mapping (WhimUnit *self, const char *lid_user, const char *pn_user)
{
  whim_unit_add_procedure (self, put_lid_mapping, lid_mapping_new (lid_user, pn_user),
                           (GDestroyNotify)whim_lid_mapping_free);
}

void
whim_unit_delete_lid_mapping (WhimUnit *self, const char *lid_user, const char *pn_user)
{
  whim_unit_add (self, WHIM_SQL_DELETE_LID_MAPPING, whim_unit_channel_value (self),
                 whim_value_text (lid_user), whim_value_text (pn_user));
}

typedef struct
{
  char *old_user;
  char *new_user;
} LidChange;

static void
lid_change_free (gpointer data)
{
  LidChange *self = data;

  g_free (self->old_user);
  g_free (self->new_user);
  g_free (self);
}

static gboolean
change_lid (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const LidChange *change = data;
  WhimValue channel = whim_value_int (context->channel);
  g_autofree char *old_lid = g_strconcat (change->old_user, "@lid", NULL);
  g_autofree char *new_lid = g_strconcat (change->new_user, "@lid", NULL);
  g_autofree char *pn = NULL;
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_FIND_LID_MAPPING, channel,
                 whim_value_text (change->old_user), whim_value_text (NULL));
  if (whim_cursor_next (&cursor))
    pn = whim_cursor_dup_text (&cursor, 1);
  if (!whim_cursor_end (&cursor, error))
    return FALSE;
  if (pn != NULL
      && !(whim_db_run (db, error, WHIM_SQL_DELETE_LID_MAPPING, channel,
                        whim_value_text (change->new_user), whim_value_text (pn))
           && whim_db_run (db, error, WHIM_SQL_PUT_LID_MAPPING, channel,
                           whim_value_text (change->new_user), whim_value_text (pn))))
    return FALSE;
  return whim_chat_change_lid (db, context, old_lid, new_lid, error);
}

void
whim_unit_change_lid (WhimUnit *self, const char *old_user, const char *new_user)
{
  LidChange *change = g_new0 (LidChange, 1);

  change->old_user = g_strdup (old_user);
  change->new_user = g_strdup (new_user);
  whim_unit_add_procedure (self, change_lid, change, lid_change_free);
}

static gpointer
find_lid_mapping (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const WhimLidMapping *wanted = data;
  g_autoptr (WhimLidMapping) found = NULL;
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_FIND_LID_MAPPING, whim_value_int (channel),
                 whim_value_text (wanted->lid_user), whim_value_text (wanted->pn_user));
  if (whim_cursor_next (&cursor))
    found = lid_mapping_new (whim_cursor_get_text (&cursor, 0), whim_cursor_get_text (&cursor, 1));
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&found) : NULL;
}

void
whim_store_find_lid_mapping_async (WhimStore *self,
                                   gint64 channel,
                                   const char *lid_user,
                                   const char *pn_user,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  whim_store_read (self, channel, find_lid_mapping, lid_mapping_new (lid_user, pn_user),
                   (GDestroyNotify)whim_lid_mapping_free, (GDestroyNotify)whim_lid_mapping_free,
                   cancellable, callback, user_data, whim_store_find_lid_mapping_async);
}

WhimLidMapping *
whim_store_find_lid_mapping_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_lid_mapping_async, error);
}

/* ---- Device lists ---------------------------------------------------------------------------- */

void
whim_unit_put_device_list (WhimUnit *self, const char *jid, GBytes *list, gint64 fetched_at)
{
  whim_unit_add (self, WHIM_SQL_PUT_DEVICE_LIST, whim_unit_channel_value (self),
                 whim_value_text (jid), whim_value_bytes (list), whim_value_int (fetched_at));
}

void
whim_unit_delete_device_list (WhimUnit *self, const char *jid)
{
  whim_unit_add (self, WHIM_SQL_DELETE_DEVICE_LIST, whim_unit_channel_value (self),
                 whim_value_text (jid));
}

static gpointer
load_device_lists (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  char **jids = data;
  g_autoptr (GHashTable) lists
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);

  for (guint i = 0; jids[i] != NULL; i++)
    {
      WhimCursor cursor;

      whim_db_query (db, &cursor, WHIM_SQL_GET_DEVICE_LIST, whim_value_int (channel),
                     whim_value_text (jids[i]));
      if (whim_cursor_next (&cursor))
        g_hash_table_insert (lists, g_strdup (jids[i]), whim_cursor_dup_bytes (&cursor, 0));
      if (!whim_cursor_end (&cursor, error))
        return NULL;
    }
  return g_steal_pointer (&lists);
}

void
whim_store_load_device_lists_async (WhimStore *self,
                                    gint64 channel,
                                    const char *const *jids,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  whim_store_read (self, channel, load_device_lists, g_strdupv ((char **)jids),
                   (GDestroyNotify)g_strfreev, (GDestroyNotify)g_hash_table_unref, cancellable,
                   callback, user_data, whim_store_load_device_lists_async);
}

GHashTable *
whim_store_load_device_lists_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_load_device_lists_async, error);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

void
whim_unit_put_number (WhimUnit *self,
                      const char *digits,
                      const char *jid,
                      const char *lid,
                      gint64 asked_at)
{
  whim_unit_add (self, WHIM_SQL_PUT_NUMBER, whim_unit_channel_value (self),
                 whim_value_text (digits), whim_value_text (jid), whim_value_text (lid),
                 whim_value_int (asked_at));
}

static gpointer
find_number (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  g_autoptr (WhimNumber) found = NULL;
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_GET_NUMBER, whim_value_int (channel),
                 whim_value_text (data));
  if (whim_cursor_next (&cursor))
    {
      found = g_new0 (WhimNumber, 1);
      found->jid = whim_cursor_dup_text (&cursor, 0);
      found->lid = whim_cursor_dup_text (&cursor, 1);
      found->asked_at = whim_cursor_get_int (&cursor, 2);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&found) : NULL;
}

void
whim_store_find_number_async (WhimStore *self,
                              gint64 channel,
                              const char *digits,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  whim_store_read (self, channel, find_number, g_strdup (digits), g_free,
                   (GDestroyNotify)whim_number_free, cancellable, callback, user_data,
                   whim_store_find_number_async);
}

WhimNumber *
whim_store_find_number_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_number_async, error);
}
