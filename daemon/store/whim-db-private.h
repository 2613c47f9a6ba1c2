/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-secret.h"
#include "store/whim-statements-private.h"

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/** WhimValue: what is bound to one parameter. Borrows what it points to. */
typedef struct
{
  enum
  {
    WHIM_VALUE_NULL = 0,
    WHIM_VALUE_INTEGER,
    WHIM_VALUE_TEXT,
    WHIM_VALUE_BYTES,
    WHIM_VALUE_SECRET,
  } type;
  gint64 integer;
  gpointer pointer; /* char, GBytes, WhimSecret */
} WhimValue;

static inline WhimValue
whim_value_int (gint64 integer)
{
  return (WhimValue){ WHIM_VALUE_INTEGER, integer, NULL };
}

static inline WhimValue
whim_value_text (const char *text)
{
  return (WhimValue){ text == NULL ? WHIM_VALUE_NULL : WHIM_VALUE_TEXT, 0, (gpointer)text };
}

static inline WhimValue
whim_value_bytes (GBytes *bytes)
{
  return (WhimValue){ bytes == NULL ? WHIM_VALUE_NULL : WHIM_VALUE_BYTES, 0, bytes };
}

static inline WhimValue
whim_value_secret (WhimSecret *secret)
{
  return (WhimValue){ secret == NULL ? WHIM_VALUE_NULL : WHIM_VALUE_SECRET, 0, secret };
}

/** whim_value_copy: owns what it points to; for whim_value_clear() */
WhimValue whim_value_copy (const WhimValue *value);
void whim_value_clear (WhimValue *value);

/** WhimDb: one connection with its prepared statements. One thread at a time. */
typedef struct _WhimDb WhimDb;

WhimDb *whim_db_open (const char *path, gboolean writable, GError **error);
void whim_db_close (WhimDb *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimDb, whim_db_close)

/** whim_db_exec: a script; only migrations and pragmas */
gboolean whim_db_exec (WhimDb *self, const char *script, GError **error);

/** whim_db_run_values: runs a statement to its end */
gboolean whim_db_run_values (WhimDb *self,
                             WhimStatement statement,
                             const WhimValue *values,
                             guint n_values,
                             GError **error);
#define whim_db_run(self, error, statement, ...)                                                   \
  whim_db_run_values (self, statement, (const WhimValue[]){ __VA_ARGS__ },                         \
                      G_N_ELEMENTS (((const WhimValue[]){ __VA_ARGS__ })), error)
#define whim_db_run0(self, error, statement) whim_db_run_values (self, statement, NULL, 0, error)

/** whim_db_get_changes: rows that the last statement changed */
gint64 whim_db_get_changes (WhimDb *self);
gint64 whim_db_get_last_rowid (WhimDb *self);
/** whim_db_is_in_transaction: FALSE too when SQLite rolled back by itself */
gboolean whim_db_is_in_transaction (WhimDb *self);

/**
 * WhimCursor: the rows of a query, on the stack. Between whim_db_query() and whim_cursor_end() the
 * same statement must not be queried again.
 */
typedef struct
{
  WhimDb *db;
  sqlite3_stmt *stmt;
  int rc;
} WhimCursor;

void whim_db_query_values (WhimDb *self,
                           WhimCursor *cursor,
                           WhimStatement statement,
                           const WhimValue *values,
                           guint n_values);
#define whim_db_query(self, cursor, statement, ...)                                                \
  whim_db_query_values (self, cursor, statement, (const WhimValue[]){ __VA_ARGS__ },               \
                        G_N_ELEMENTS (((const WhimValue[]){ __VA_ARGS__ })))
#define whim_db_query0(self, cursor, statement)                                                    \
  whim_db_query_values (self, cursor, statement, NULL, 0)

/** whim_cursor_next: FALSE at the end, and after an error, which whim_cursor_end() tells */
gboolean whim_cursor_next (WhimCursor *self);
gboolean whim_cursor_end (WhimCursor *self, GError **error);

gint64 whim_cursor_get_int (WhimCursor *self, int column);
/** whim_cursor_get_text: (transfer none) (nullable): valid until the next row */
const char *whim_cursor_get_text (WhimCursor *self, int column);
char *whim_cursor_dup_text (WhimCursor *self, int column);
/** whim_cursor_dup_bytes: (transfer full) (nullable) */
GBytes *whim_cursor_dup_bytes (WhimCursor *self, int column);
WhimSecret *whim_cursor_dup_secret (WhimCursor *self, int column);

/** whim_db_get_int: first column of the first row, @fallback without one */
gboolean whim_db_get_int_values (WhimDb *self,
                                 gint64 *result,
                                 gint64 fallback,
                                 WhimStatement statement,
                                 const WhimValue *values,
                                 guint n_values,
                                 GError **error);
#define whim_db_get_int(self, error, result, fallback, statement, ...)                             \
  whim_db_get_int_values (self, result, fallback, statement, (const WhimValue[]){ __VA_ARGS__ },   \
                          G_N_ELEMENTS (((const WhimValue[]){ __VA_ARGS__ })), error)

/* Migrations */

typedef struct
{
  guint version;
  char *sql;
} WhimMigration;
void whim_migration_free (WhimMigration *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimMigration, whim_migration_free)

/** whim_migrations_load: (transfer full) (element-type WhimMigration): those built in, in order */
GPtrArray *whim_migrations_load (void);
/** whim_db_migrate: brings the database to the last of @migrations; @backup_dir gets a copy first
 *  if the database has something in it */
gboolean
whim_db_migrate (WhimDb *self, GPtrArray *migrations, const char *backup_dir, GError **error);

G_END_DECLS
