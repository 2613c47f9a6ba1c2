/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/store-fixture.h"

#include "store/whim-lossy-vfs-private.h"

#include <glib/gstdio.h>
#include <sqlite3.h>

/* The file system that forgets: what it must forget, and what the store makes it keep. */

#define ROWS 40

static sqlite3 *
open_lossy (const char *path, const char *synchronous)
{
  g_autofree char *pragmas
      = g_strdup_printf ("PRAGMA journal_mode = WAL; PRAGMA synchronous = %s", synchronous);
  sqlite3 *db = NULL;

  g_assert_cmpint (sqlite3_open_v2 (path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                    whim_lossy_vfs_register (0)),
                   ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, pragmas, NULL, NULL, NULL), ==, SQLITE_OK);
  return db;
}

static void
run (sqlite3 *db, const char *sql)
{
  g_assert_cmpint (sqlite3_exec (db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
}

static gint64
get_number (sqlite3 *db, const char *sql)
{
  sqlite3_stmt *stmt = NULL;
  gint64 number;

  g_assert_cmpint (sqlite3_prepare_v2 (db, sql, -1, &stmt, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (stmt), ==, SQLITE_ROW);
  number = sqlite3_column_int64 (stmt, 0);
  sqlite3_finalize (stmt);
  return number;
}

/* What would be on the disk if the power failed now: the files as they are, without the index of
 * the log, which is no more than memory. */
static void
copy_disk (const char *dir, const char *to)
{
  static const char *const names[] = { "whimbrel.db", "whimbrel.db-wal" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *from = g_build_filename (dir, names[i], NULL);
      g_autofree char *copy = g_build_filename (to, names[i], NULL);
      g_autofree char *bytes = NULL;
      gsize len;

      if (g_file_get_contents (from, &bytes, &len, NULL))
        g_assert_true (g_file_set_contents (copy, bytes, (gssize)len, NULL));
    }
}

static void
remove_dir (const char *dir)
{
  g_autoptr (GDir) opened = g_dir_open (dir, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (opened)) != NULL)
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);

      g_unlink (path);
    }
  g_rmdir (dir);
}

/* How many of ROWS separate commits are there after the power failed. */
static gint64
rows_after_power_loss (const char *synchronous)
{
  g_autofree char *dir = g_dir_make_tmp ("whim-power-XXXXXX", NULL);
  g_autofree char *disk = g_dir_make_tmp ("whim-disk-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "whimbrel.db", NULL);
  g_autofree char *copy = g_build_filename (disk, "whimbrel.db", NULL);
  sqlite3 *db = open_lossy (path, synchronous);
  sqlite3 *after = NULL;
  gint64 rows;

  run (db, "CREATE TABLE t (x)");
  run (db, "PRAGMA wal_checkpoint (TRUNCATE)");
  for (guint i = 0; i < ROWS; i++)
    run (db, "INSERT INTO t VALUES (randomblob (900))");
  g_assert_cmpint (get_number (db, "SELECT count (*) FROM t"), ==, ROWS);
  copy_disk (dir, disk);
  g_assert_cmpint (sqlite3_open (copy, &after), ==, SQLITE_OK);
  rows = get_number (after, "SELECT count (*) FROM t");
  sqlite3_close (after);
  sqlite3_close (db);
  remove_dir (dir);
  remove_dir (disk);
  return rows;
}

/* A proof of the proof: with less than FULL it does forget. */
static void
test_forgets (void)
{
  g_assert_cmpint (rows_after_power_loss ("FULL"), ==, ROWS);
  g_assert_cmpint (rows_after_power_loss ("NORMAL"), ==, 0);
}

/* The overlay is a file system: random reads and writes see what an ordinary one would show. */
static void
test_is_a_file_system (void)
{
  g_autofree char *dir = g_dir_make_tmp ("whim-power-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "whimbrel.db", NULL);
  sqlite3 *db = open_lossy (path, "OFF");

  run (db, "PRAGMA journal_mode = DELETE; CREATE TABLE t (x, y); CREATE INDEX i ON t (y)");
  for (guint round = 0; round < 8; round++)
    {
      run (db, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
               " INSERT INTO t SELECT randomblob (abs (random ()) % 3000), i FROM n");
      run (db, "DELETE FROM t WHERE y % 3 = 0; VACUUM");
      run (db, "BEGIN; UPDATE t SET x = randomblob (5000) WHERE y % 7 = 1; ROLLBACK");
      g_assert_cmpint (get_number (db, "SELECT count (*) FROM pragma_integrity_check"
                                       " WHERE integrity_check = 'ok'"),
                       ==, 1);
    }
  g_assert_cmpint (get_number (db, "SELECT count (*) FROM t"), ==, 8 * 200);
  sqlite3_close (db);
  remove_dir (dir);
}

/* Everything that the store has reported is there, and the file is whole, in every order in which
 * a disk may write what was not synced. */
static void
test_store (gconstpointer data)
{
  StoreFixture f = { 0 };

  g_setenv ("WHIMBREL_TEST_VFS", data, TRUE);
  store_fixture_set_up (&f, NULL);
  for (guint i = 0; i < ROWS; i++)
    {
      g_autofree char *disk = g_dir_make_tmp ("whim-disk-XXXXXX", NULL);
      g_autofree char *copy = g_build_filename (disk, "whimbrel.db", NULL);
      g_autofree char *id = g_strdup_printf ("ID%u", i);
      g_autoptr (WhimMessage) message = store_fixture_message (id, "1@lid", NULL, i);
      WhimUnit *unit = whim_unit_new (f.channel);
      sqlite3 *after = NULL;

      whim_unit_put_message (unit, message, store_fixture_event ("message.received"));
      store_fixture_commit_ok (&f, unit);
      copy_disk (f.dir, disk);
      g_assert_cmpint (sqlite3_open (copy, &after), ==, SQLITE_OK);
      g_assert_cmpint (get_number (after, "SELECT count (*) FROM messages"), ==, i + 1);
      g_assert_cmpint (get_number (after, "SELECT max (sequence) FROM journal"), ==, i + 1);
      g_assert_cmpint (get_number (after, "SELECT count (*) FROM pragma_integrity_check"
                                          " WHERE integrity_check = 'ok'"),
                       ==, 1);
      sqlite3_close (after);
      remove_dir (disk);
    }
  store_fixture_tear_down (&f, NULL);
  g_unsetenv ("WHIMBREL_TEST_VFS");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/power/forgets", test_forgets);
  g_test_add_func ("/store/power/is-a-file-system", test_is_a_file_system);
  g_test_add_data_func ("/store/power/lossy", "lossy", test_store);
  g_test_add_data_func ("/store/power/torn", "torn", test_store);
  return g_test_run ();
}
