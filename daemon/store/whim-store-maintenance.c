/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-maintenance.h"

#include "store/whim-store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATABASE "whimbrel.db"
#define APPLICATION 0x5748494d
/* More than a daemon uploads between two backups. */
#define PREKEY_GAP 100000

static gboolean
fail_errno (GError **error, const char *what)
{
  int saved = errno;

  g_set_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED, "%s: %s", what,
               g_strerror (saved));
  return FALSE;
}

/* ---- Backup ---------------------------------------------------------------------------------- */

static void
backup_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const char *path = data;
  g_autofree char *dir = g_path_get_dirname (path);
  g_autofree char *copy = g_build_filename (dir, "whimbrel-backup.XXXXXX", NULL);
  /* SQLite writes into an empty file, and so into one that only we may read. */
  int fd = g_mkstemp_full (copy, O_RDWR | O_CLOEXEC, 0600);
  g_autoptr (WhimDb) db = NULL;
  GError *error = NULL;

  if (fd < 0)
    fail_errno (&error, "backup");
  else
    {
      close (fd);
      db = whim_db_open (path, TRUE, &error);
      if (db != NULL)
        whim_db_run (db, &error, WHIM_SQL_BACKUP, whim_value_text (copy));
    }
  if (error == NULL)
    {
      g_task_return_pointer (task, g_steal_pointer (&copy), g_free);
      return;
    }
  if (fd >= 0)
    g_unlink (copy);
  g_task_return_error (task, error);
}

void
whim_store_backup_async (WhimStore *self,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, whim_store_backup_async);
  g_task_set_task_data (task, g_strdup (whim_store_get_path (self)), g_free);
  g_task_run_in_thread (task, backup_thread);
}

char *
whim_store_backup_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* ---- Restore --------------------------------------------------------------------------------- */

/* The lock of the directory, or -1: a daemon that starts now waits no longer than we work. */
static int
take_lock (const char *data_dir, GError **error)
{
  g_autofree char *path = g_build_filename (data_dir, "lock", NULL);
  int fd;

  if (g_mkdir_with_parents (data_dir, 0700) != 0 || chmod (data_dir, 0700) != 0)
    {
      fail_errno (error, "data directory");
      return -1;
    }
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    {
      fail_errno (error, "lock file");
      return -1;
    }
  if (flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  close (fd);
  g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_LOCKED,
                       "a daemon uses this data directory: stop it, and restore into an empty one");
  return -1;
}

static gboolean
copy_file (const char *from, const char *to, GError **error)
{
  g_autoptr (GFile) source = g_file_new_for_path (from);
  g_autoptr (GFile) target = g_file_new_for_path (to);
  g_autoptr (GError) inner = NULL;

  if (g_file_copy (source, target, G_FILE_COPY_TARGET_DEFAULT_PERMS, NULL, NULL, NULL, &inner)
      && g_chmod (to, 0600) == 0)
    return TRUE;
  g_set_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED, "the backup cannot be copied: %s",
               inner != NULL ? inner->message : g_strerror (errno));
  return FALSE;
}

static gboolean
make_usable (WhimDb *db, GError **error)
{
  gint64 application = 0;
  gint64 version = 0;
  g_autoptr (GPtrArray) migrations = whim_migrations_load ();
  const WhimMigration *newest = g_ptr_array_index (migrations, migrations->len - 1);

  if (!whim_db_get_int_values (db, &application, 0, WHIM_SQL_GET_APPLICATION, NULL, 0, error)
      || !whim_db_get_int_values (db, &version, 0, WHIM_SQL_GET_VERSION, NULL, 0, error))
    return FALSE;
  if (application != APPLICATION || version == 0)
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CORRUPT,
                           "the file is no backup of this program");
      return FALSE;
    }
  if (version > newest->version)
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_NEWER,
                           "the backup was made by a newer version of this program");
      return FALSE;
    }
  return whim_db_run0 (db, error, WHIM_SQL_BEGIN_WRITE)
         && whim_db_run (db, error, WHIM_SQL_FORGET_RATCHETS,
                         whim_value_int (WHIM_SIGNAL_KIND_SESSION),
                         whim_value_int (WHIM_SIGNAL_KIND_SENDER_KEY))
         && whim_db_run0 (db, error, WHIM_SQL_FORGET_DEVICE_LISTS)
         && whim_db_run (db, error, WHIM_SQL_SKIP_PREKEYS, whim_value_int (PREKEY_GAP))
         && whim_db_run0 (db, error, WHIM_SQL_COMMIT);
}

static gboolean
restore_into (const char *file, const char *path, GError **error)
{
  g_autofree char *draft = g_strconcat (path, ".restoring", NULL);
  g_autoptr (WhimDb) db = NULL;
  gboolean ok;

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error_literal (
          error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_LOCKED,
          "there is a database in this data directory: move it away first, or name "
          "an empty directory");
      return FALSE;
    }
  g_unlink (draft);
  ok = copy_file (file, draft, error) && (db = whim_db_open (draft, TRUE, error)) != NULL
       && make_usable (db, error);
  g_clear_pointer (&db, whim_db_close);
  /* the last connection has emptied the log into the file */
  ok = ok && (g_rename (draft, path) == 0 || fail_errno (error, "database file"));
  if (!ok)
    g_unlink (draft);
  return ok;
}

gboolean
whim_store_restore (const char *file, const char *data_dir, GError **error)
{
  g_autofree char *path = g_build_filename (data_dir, DATABASE, NULL);
  gboolean ok;
  int lock;

  if (!g_file_test (file, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED,
                           "there is no such backup file");
      return FALSE;
    }
  lock = take_lock (data_dir, error);
  if (lock < 0)
    return FALSE;
  ok = restore_into (file, path, error);
  close (lock);
  return ok;
}

/* ---- Check ----------------------------------------------------------------------------------- */

static gboolean
check_rows (WhimDb *db,
            WhimStatement statement,
            const char *problem,
            GPtrArray *problems,
            GError **error)
{
  gint64 n = 0;

  if (!whim_db_get_int_values (db, &n, 0, statement, NULL, 0, error))
    return FALSE;
  if (n > 0)
    g_ptr_array_add (problems, g_strdup_printf ("%s (%" G_GINT64_FORMAT ")", problem, n));
  return TRUE;
}

/* SQLite's own words name pages, tables and indexes, and no value. */
static gboolean
check_file (WhimDb *db, GPtrArray *problems, GError **error)
{
  WhimCursor cursor;

  whim_db_query0 (db, &cursor, WHIM_SQL_CHECK_FILE);
  while (whim_cursor_next (&cursor))
    if (g_strcmp0 (whim_cursor_get_text (&cursor, 0), "ok") != 0)
      g_ptr_array_add (problems, whim_cursor_dup_text (&cursor, 0));
  return whim_cursor_end (&cursor, error);
}

gboolean
whim_store_check (const char *data_dir, GPtrArray *problems, GError **error)
{
  g_autofree char *path = g_build_filename (data_dir, DATABASE, NULL);
  g_autoptr (GPtrArray) migrations = whim_migrations_load ();
  const WhimMigration *newest = g_ptr_array_index (migrations, migrations->len - 1);
  g_autoptr (WhimDb) db = NULL;
  gint64 version = 0;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED,
                           "there is no database in this data directory");
      return FALSE;
    }
  db = whim_db_open (path, FALSE, error);
  if (db == NULL || !whim_db_get_int_values (db, &version, 0, WHIM_SQL_GET_VERSION, NULL, 0, error)
      || !check_file (db, problems, error))
    return FALSE;
  if (version != newest->version)
    {
      g_ptr_array_add (problems, g_strdup_printf ("the format is of version %" G_GINT64_FORMAT
                                                  "; this program knows %u",
                                                  version, newest->version));
      return TRUE;
    }
  return check_rows (db, WHIM_SQL_CHECK_REFERENCES, "rows that belong to nothing", problems, error)
         && check_rows (db, WHIM_SQL_CHECK_JOURNAL, "gaps in the journal of a channel", problems,
                        error)
         && check_rows (db, WHIM_SQL_CHECK_SEQUENCES,
                        "channels whose counter is behind their journal", problems, error)
         && check_rows (db, WHIM_SQL_CHECK_OUTBOX, "queued messages without a message", problems,
                        error)
         && check_rows (db, WHIM_SQL_CHECK_PENDING, "pending messages that are not in the queue",
                        problems, error)
         && check_rows (db, WHIM_SQL_CHECK_KEYS, "linked channels without their keys", problems,
                        error);
}
