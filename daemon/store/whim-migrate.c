/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-db-private.h"

#include "store/whim-store.h"

#include "whim-store-resources.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <unistd.h>

#define SCRIPTS "/org/whimbrel/store/sql/"
#define APPLICATION_ID 0x5748494d /* "WHIM" */

void
whim_migration_free (WhimMigration *self)
{
  g_free (self->sql);
  g_free (self);
}

static gint
compare_migrations (gconstpointer a, gconstpointer b)
{
  const WhimMigration *const *left = a;
  const WhimMigration *const *right = b;

  return (gint)(*left)->version - (gint)(*right)->version;
}

GPtrArray *
whim_migrations_load (void)
{
  g_autoptr (GPtrArray) migrations
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_migration_free);
  GResource *resource = whim_store_get_resource (); /* named, so that the linker keeps it */
  g_auto (GStrv) names
      = g_resource_enumerate_children (resource, SCRIPTS, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_autofree char *path = g_strconcat (SCRIPTS, names[i], NULL);
      g_autoptr (GBytes) bytes
          = g_resource_lookup_data (resource, path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
      WhimMigration *migration = g_new0 (WhimMigration, 1);

      migration->version = (guint)g_ascii_strtoull (names[i], NULL, 10);
      migration->sql = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      g_ptr_array_add (migrations, migration);
    }
  g_ptr_array_sort (migrations, compare_migrations);
  return g_steal_pointer (&migrations);
}

static gboolean
back_up (WhimDb *self, const char *dir, gint64 version, GError **error)
{
  g_autofree char *name = g_strdup_printf ("whimbrel-version-%" G_GINT64_FORMAT ".XXXXXX", version);
  g_autofree char *path = g_build_filename (dir, name, NULL);
  int fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);

  /* SQLite writes into an empty file, and so into one that only we may read. */
  if (fd < 0)
    {
      g_set_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED, "backup: %s",
                   g_strerror (errno));
      return FALSE;
    }
  close (fd);
  if (whim_db_run (self, error, WHIM_SQL_BACKUP, whim_value_text (path)))
    return TRUE;
  g_prefix_error_literal (error, "backup: ");
  unlink (path);
  return FALSE;
}

static gboolean
apply (WhimDb *self, const WhimMigration *migration, GError **error)
{
  g_autofree char *set_version = g_strdup_printf ("PRAGMA user_version = %u", migration->version);

  if (!whim_db_run0 (self, error, WHIM_SQL_BEGIN_EXCLUSIVE))
    return FALSE;
  if (whim_db_exec (self, migration->sql, error) && whim_db_exec (self, set_version, error)
      && whim_db_run0 (self, error, WHIM_SQL_COMMIT))
    return TRUE;
  g_prefix_error (error, "migration to version %u: ", migration->version);
  if (whim_db_is_in_transaction (self))
    whim_db_run0 (self, NULL, WHIM_SQL_ROLLBACK);
  return FALSE;
}

gboolean
whim_db_migrate (WhimDb *self, GPtrArray *migrations, const char *backup_dir, GError **error)
{
  const WhimMigration *newest = g_ptr_array_index (migrations, migrations->len - 1);
  gint64 version;
  gint64 application;

  if (!whim_db_get_int_values (self, &version, 0, WHIM_SQL_GET_VERSION, NULL, 0, error)
      || !whim_db_get_int_values (self, &application, 0, WHIM_SQL_GET_APPLICATION, NULL, 0, error))
    return FALSE;
  if (version > 0 && application != APPLICATION_ID)
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CORRUPT,
                           "the database belongs to another program");
      return FALSE;
    }
  if (version > newest->version)
    {
      g_set_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_NEWER,
                   "the database has version %" G_GINT64_FORMAT
                   ", this program knows up to %u: use the newer program",
                   version, newest->version);
      return FALSE;
    }
  if (version > 0 && version < newest->version && !back_up (self, backup_dir, version, error))
    return FALSE;
  for (guint i = 0; i < migrations->len; i++)
    {
      const WhimMigration *migration = g_ptr_array_index (migrations, i);

      if (migration->version > version && !apply (self, migration, error))
        return FALSE;
    }

  return TRUE;
}
