/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-db-private.h"

#include "store/whim-lossy-vfs-private.h"
#include "store/whim-store.h"

struct _WhimDb
{
  sqlite3 *handle;
  sqlite3_stmt *statements[WHIM_SQL_N_STATEMENTS];
};

WhimValue
whim_value_copy (const WhimValue *value)
{
  WhimValue copy = *value;

  switch (value->type)
    {
    case WHIM_VALUE_TEXT:
      copy.pointer = g_strdup (value->pointer);
      break;
    case WHIM_VALUE_BYTES:
      g_bytes_ref (value->pointer);
      break;
    case WHIM_VALUE_SECRET:
      whim_secret_ref (value->pointer);
      break;
    case WHIM_VALUE_NULL:
    case WHIM_VALUE_INTEGER:
    default:
      break;
    }
  return copy;
}

void
whim_value_clear (WhimValue *value)
{
  if (value->type == WHIM_VALUE_TEXT)
    g_free (value->pointer);
  else if (value->type == WHIM_VALUE_BYTES)
    g_bytes_unref (value->pointer);
  else if (value->type == WHIM_VALUE_SECRET)
    whim_secret_unref (value->pointer);
  value->pointer = NULL;
  value->type = WHIM_VALUE_NULL;
}

/* SQLite's message names tables and columns, never a value. */
static void
set_error (WhimDb *self, int rc, GError **error)
{
  WhimStoreError code = WHIM_STORE_ERROR_FAILED;

  if ((rc & 0xff) == SQLITE_CONSTRAINT)
    code = WHIM_STORE_ERROR_CONFLICT;
  else if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
    code = WHIM_STORE_ERROR_CORRUPT;
  g_set_error (error, WHIM_STORE_ERROR, code, "database: %s (%d)",
               self->handle == NULL ? sqlite3_errstr (rc) : sqlite3_errmsg (self->handle), rc);
}

WhimDb *
whim_db_open (const char *path, gboolean writable, GError **error)
{
  /* synchronous=FULL: a lost commit would replay a ratchet. secure_delete: what was deleted is
   * overwritten. */
  static const char write_pragmas[]
      = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
        "PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 16777216;"
        "PRAGMA temp_store = MEMORY;";
  static const char read_pragmas[] = "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;";
  g_autoptr (WhimDb) self = g_new0 (WhimDb, 1);
  int rc = sqlite3_open_v2 (
      path, &self->handle,
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
          | (writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY),
      whim_lossy_vfs_get_name ());

  if (rc != SQLITE_OK)
    {
      set_error (self, rc, error);
      return NULL;
    }
  /* We alone own the file; a wait happens only at a checkpoint or while another starts. */
  sqlite3_busy_timeout (self->handle, 10000);
  if (!whim_db_exec (self, writable ? write_pragmas : read_pragmas, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
whim_db_close (WhimDb *self)
{
  for (guint i = 0; i < WHIM_SQL_N_STATEMENTS; i++)
    sqlite3_finalize (self->statements[i]);
  sqlite3_close (self->handle);
  g_free (self);
}

gboolean
whim_db_exec (WhimDb *self, const char *script, GError **error)
{
  int rc = sqlite3_exec (self->handle, script, NULL, NULL, NULL);

  if (rc == SQLITE_OK)
    return TRUE;
  set_error (self, rc, error);
  return FALSE;
}

static int
bind_value (sqlite3_stmt *stmt, int index, const WhimValue *value)
{
  gconstpointer bytes;
  gsize len;

  switch (value->type)
    {
    case WHIM_VALUE_INTEGER:
      return sqlite3_bind_int64 (stmt, index, value->integer);
    case WHIM_VALUE_TEXT:
      return sqlite3_bind_text (stmt, index, value->pointer, -1, SQLITE_TRANSIENT);
    case WHIM_VALUE_BYTES:
      bytes = g_bytes_get_data (value->pointer, &len);
      if (len == 0)
        return sqlite3_bind_zeroblob (stmt, index, 0);
      return sqlite3_bind_blob64 (stmt, index, bytes, len, SQLITE_STATIC);
    case WHIM_VALUE_SECRET:
      /* static: a copy would stay in ordinary memory */
      return sqlite3_bind_blob64 (stmt, index, whim_secret_get (value->pointer),
                                  whim_secret_get_size (value->pointer), SQLITE_STATIC);
    case WHIM_VALUE_NULL:
    default:
      return sqlite3_bind_null (stmt, index);
    }
}

void
whim_db_query_values (WhimDb *self,
                      WhimCursor *cursor,
                      WhimStatement statement,
                      const WhimValue *values,
                      guint n_values)
{
  sqlite3_stmt **stmt = &self->statements[statement];

  cursor->db = self;
  cursor->stmt = NULL;
  cursor->rc = SQLITE_OK;
  if (*stmt == NULL)
    cursor->rc = sqlite3_prepare_v3 (self->handle, whim_statement_get_sql (statement), -1,
                                     SQLITE_PREPARE_PERSISTENT, stmt, NULL);
  if (cursor->rc != SQLITE_OK)
    return;
  cursor->stmt = *stmt;
  g_assert (!sqlite3_stmt_busy (*stmt));
  g_assert ((guint)sqlite3_bind_parameter_count (*stmt) == n_values);
  for (guint i = 0; i < n_values && cursor->rc == SQLITE_OK; i++)
    cursor->rc = bind_value (*stmt, (int)i + 1, &values[i]);
}

gboolean
whim_cursor_next (WhimCursor *self)
{
  if (self->rc != SQLITE_OK && self->rc != SQLITE_ROW)
    return FALSE;
  self->rc = sqlite3_step (self->stmt);
  return self->rc == SQLITE_ROW;
}

gboolean
whim_cursor_end (WhimCursor *self, GError **error)
{
  gboolean ok = self->rc == SQLITE_OK || self->rc == SQLITE_ROW || self->rc == SQLITE_DONE;

  if (!ok)
    set_error (self->db, self->rc, error);
  if (self->stmt != NULL)
    {
      sqlite3_reset (self->stmt);
      sqlite3_clear_bindings (self->stmt);
    }
  return ok;
}

gint64
whim_cursor_get_int (WhimCursor *self, int column)
{
  return sqlite3_column_int64 (self->stmt, column);
}

const char *
whim_cursor_get_text (WhimCursor *self, int column)
{
  return (const char *)sqlite3_column_text (self->stmt, column);
}

char *
whim_cursor_dup_text (WhimCursor *self, int column)
{
  return g_strdup (whim_cursor_get_text (self, column));
}

GBytes *
whim_cursor_dup_bytes (WhimCursor *self, int column)
{
  gconstpointer bytes;

  if (sqlite3_column_type (self->stmt, column) == SQLITE_NULL)
    return NULL;
  bytes = sqlite3_column_blob (self->stmt, column);
  return g_bytes_new (bytes, (gsize)sqlite3_column_bytes (self->stmt, column));
}

WhimSecret *
whim_cursor_dup_secret (WhimCursor *self, int column)
{
  gconstpointer bytes = sqlite3_column_blob (self->stmt, column);

  if (bytes == NULL)
    return NULL;
  return whim_secret_new_from (bytes, (gsize)sqlite3_column_bytes (self->stmt, column));
}

gboolean
whim_db_run_values (WhimDb *self,
                    WhimStatement statement,
                    const WhimValue *values,
                    guint n_values,
                    GError **error)
{
  WhimCursor cursor;

  whim_db_query_values (self, &cursor, statement, values, n_values);
  while (whim_cursor_next (&cursor))
    ;
  return whim_cursor_end (&cursor, error);
}

gboolean
whim_db_get_int_values (WhimDb *self,
                        gint64 *result,
                        gint64 fallback,
                        WhimStatement statement,
                        const WhimValue *values,
                        guint n_values,
                        GError **error)
{
  WhimCursor cursor;

  whim_db_query_values (self, &cursor, statement, values, n_values);
  *result = whim_cursor_next (&cursor) ? whim_cursor_get_int (&cursor, 0) : fallback;
  return whim_cursor_end (&cursor, error);
}

gint64
whim_db_get_changes (WhimDb *self)
{
  return sqlite3_changes64 (self->handle);
}

gint64
whim_db_get_last_rowid (WhimDb *self)
{
  return sqlite3_last_insert_rowid (self->handle);
}

gboolean
whim_db_is_in_transaction (WhimDb *self)
{
  return !sqlite3_get_autocommit (self->handle);
}
