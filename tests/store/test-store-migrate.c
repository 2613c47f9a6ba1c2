/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-db-private.h"
#include "store/whim-store.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  char *dir;
  char *path;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("whim-migrate-XXXXXX", NULL);
  f->path = g_build_filename (f->dir, "whimbrel.db", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (f->dir, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->dir, name, NULL);

      g_unlink (path);
    }
  g_rmdir (f->dir);
  g_free (f->dir);
  g_free (f->path);
}

static char *
read_data (const char *name)
{
  g_autofree char *path
      = g_build_filename (g_getenv ("WHIM_SOURCE_DIR"), "tests", "data", "store", name, NULL);
  char *contents = NULL;

  g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  return contents;
}

/* Everything that is in a database, as text: its schema and its rows. */
static char *
dump (const char *path)
{
  g_autofree char *standard_output = NULL;
  g_autoptr (GError) error = NULL;
  int status;
  const char *argv[] = { "sqlite3", "-batch", "-readonly", path, ".dump", NULL };

  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &standard_output, NULL,
                &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  return g_steal_pointer (&standard_output);
}

static void
migrate_file (const char *path, const char *dir)
{
  g_autoptr (GPtrArray) migrations = whim_migrations_load ();
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimDb) db = whim_db_open (path, TRUE, &error);

  g_assert_no_error (error);
  whim_db_migrate (db, migrations, dir, &error);
  g_assert_no_error (error);
}

/* A database of each older version, with something in every table, becomes what a fresh one with
 * the same contents is. The fixture of the newest version also holds the published scripts still.
 */
static void
test_fixtures (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) migrations = whim_migrations_load ();
  const WhimMigration *newest = g_ptr_array_index (migrations, migrations->len - 1);
  g_autofree char *expected_name = g_strdup_printf ("version-%u.sql", newest->version);
  g_autofree char *expected = read_data (expected_name);

  for (guint i = 0; i < migrations->len; i++)
    {
      const WhimMigration *migration = g_ptr_array_index (migrations, i);
      g_autofree char *name = g_strdup_printf ("version-%u.sql", migration->version);
      g_autofree char *fixture = read_data (name);
      g_autofree char *set_version = g_strdup_printf (
          "PRAGMA user_version = %u; PRAGMA application_id = 0x5748494d;", migration->version);
      g_autofree char *result = NULL;
      WhimDb *db = whim_db_open (f->path, TRUE, NULL);

      g_assert_true (whim_db_exec (db, "PRAGMA foreign_keys = OFF", NULL));
      g_assert_true (whim_db_exec (db, fixture, NULL));
      g_assert_true (whim_db_exec (db, set_version, NULL));
      whim_db_close (db);
      migrate_file (f->path, f->dir);
      result = dump (f->path);
      g_assert_cmpstr (result, ==, expected);
      g_unlink (f->path);
    }
}

static char *
schema_only (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) schema = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL; i++)
    if (!g_str_has_prefix (lines[i], "INSERT INTO"))
      g_string_append_printf (schema, "%s\n", lines[i]);
  return g_string_free (g_steal_pointer (&schema), FALSE);
}

static void
test_fresh (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) migrations = whim_migrations_load ();
  const WhimMigration *newest = g_ptr_array_index (migrations, migrations->len - 1);
  g_autofree char *name = g_strdup_printf ("version-%u.sql", newest->version);
  g_autofree char *fixture = read_data (name);
  g_autofree char *expected = schema_only (fixture);
  g_autofree char *fresh = NULL;
  g_autofree char *result = NULL;

  migrate_file (f->path, f->dir);
  fresh = dump (f->path);
  result = schema_only (fresh);
  g_assert_cmpstr (result, ==, expected);
}

static void
add_migration (GPtrArray *migrations, guint version, const char *sql)
{
  WhimMigration *migration = g_new0 (WhimMigration, 1);

  migration->version = version;
  migration->sql = g_strdup (sql);
  g_ptr_array_add (migrations, migration);
}

static guint
count_backups (Fixture *f)
{
  g_autoptr (GDir) dir = g_dir_open (f->dir, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    n += g_str_has_prefix (name, "whimbrel-version-");
  return n;
}

static gint64
get_version (WhimDb *db)
{
  gint64 version;

  g_assert_true (whim_db_get_int_values (db, &version, -1, WHIM_SQL_GET_VERSION, NULL, 0, NULL));
  return version;
}

static void
test_failure_keeps_everything (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) migrations
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_migration_free);
  g_autoptr (WhimDb) db = whim_db_open (f->path, TRUE, NULL);
  g_autoptr (GError) error = NULL;

  add_migration (migrations, 1, "PRAGMA application_id = 0x5748494d; CREATE TABLE a (x) ");
  g_assert_true (whim_db_migrate (db, migrations, f->dir, &error));
  g_assert_cmpuint (count_backups (f), ==, 0); /* there was nothing to lose */
  g_assert_true (whim_db_exec (db, "INSERT INTO a VALUES (1)", NULL));

  add_migration (migrations, 2,
                 "DELETE FROM a; CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)");
  g_assert_false (whim_db_migrate (db, migrations, f->dir, &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED);
  g_assert_cmpint (get_version (db), ==, 1);
  g_assert_true (whim_db_exec (db, "UPDATE a SET x = 2 WHERE x = 1", NULL));
  g_assert_cmpint (whim_db_get_changes (db), ==, 1);
  g_assert_false (whim_db_exec (db, "SELECT * FROM b", NULL));
  g_assert_cmpuint (count_backups (f), ==, 1);
}

static void
test_newer (Fixture *f, gconstpointer data)
{
  g_autoptr (WhimClock) clock = whim_clock_new_manual (0);
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  WhimDb *db;

  migrate_file (f->path, f->dir);
  db = whim_db_open (f->path, TRUE, NULL);
  g_assert_true (whim_db_exec (db, "PRAGMA user_version = 999; CREATE TABLE future (x)", NULL));
  whim_db_close (db);
  before = dump (f->path);
  g_assert_null (whim_store_open (f->dir, clock, &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_NEWER);
  after = dump (f->path);
  g_assert_cmpstr (before, ==, after);
}

static void
test_not_a_database (Fixture *f, gconstpointer data)
{
  g_autoptr (WhimClock) clock = whim_clock_new_manual (0);
  g_autoptr (GError) error = NULL;
  g_autofree char *junk = g_strnfill (8192, 'x');
  g_autofree char *after = NULL;

  g_assert_true (g_file_set_contents (f->path, junk, -1, NULL));
  g_assert_null (whim_store_open (f->dir, clock, &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CORRUPT);
  g_assert_true (g_file_get_contents (f->path, &after, NULL, NULL));
  g_assert_cmpstr (after, ==, junk);
}

static void
test_other_program (Fixture *f, gconstpointer data)
{
  g_autoptr (WhimClock) clock = whim_clock_new_manual (0);
  g_autoptr (GError) error = NULL;
  WhimDb *db = whim_db_open (f->path, TRUE, NULL);

  g_assert_true (whim_db_exec (db, "CREATE TABLE x (y); PRAGMA user_version = 1", NULL));
  whim_db_close (db);
  g_assert_null (whim_store_open (f->dir, clock, &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CORRUPT);
}

/* Each statement of the table can be prepared against the schema. */
static void
test_statements (Fixture *f, gconstpointer data)
{
  WhimDb *db;

  migrate_file (f->path, f->dir);
  db = whim_db_open (f->path, TRUE, NULL);
  for (guint i = 0; i < WHIM_SQL_N_STATEMENTS; i++)
    {
      const char *sql = whim_statement_get_sql (i);
      g_autofree char *explain = NULL;

      g_assert_nonnull (sql);
      explain = g_strdup_printf ("EXPLAIN %s", sql);
      g_assert_true (whim_db_exec (db, explain, NULL));
    }
  whim_db_close (db);
}

#define ADD(name, func) g_test_add ("/store/migrate/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("fixtures", test_fixtures);
  ADD ("fresh", test_fresh);
  ADD ("failure-keeps-everything", test_failure_keeps_everything);
  ADD ("newer", test_newer);
  ADD ("not-a-database", test_not_a_database);
  ADD ("other-program", test_other_program);
  ADD ("statements", test_statements);
  return g_test_run ();
}
