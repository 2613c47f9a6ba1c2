/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-lossy-vfs-private.h"

#if WHIM_DEVELOPMENT

#include "base/whim-random.h"
#include "base/whim-util.h"

#include <sqlite3.h>

#define NAME "whim-lossy"
#define SECTOR 512
#define TORN_PERCENT 25u

/* What is written and not synced, of one path. All handles of a path share one. */
typedef struct
{
  char *path;
  guint handles;
  sqlite3_int64 size;  /* as the writer sees it */
  sqlite3_int64 kept;  /* of the real file no more than this counts: it was truncated since */
  GHashTable *sectors; /* number -> SECTOR bytes */
} Overlay;

typedef struct
{
  sqlite3_file base;
  sqlite3_file *real; /* behind this struct */
  Overlay *overlay;   /* NULL: a temporary file, passed through */
} LossyFile;

static GMutex lock;
static GHashTable *overlays; /* path -> Overlay */
static sqlite3_vfs *real_vfs;
static guint torn;

static void
overlay_free (gpointer data)
{
  Overlay *self = data;

  g_hash_table_unref (self->sectors);
  g_free (self->path);
  g_free (self);
}

static LossyFile *
lossy (sqlite3_file *file)
{
  return (LossyFile *)(gpointer)file;
}

static void
clear_from (guint8 *bytes, int n, sqlite3_int64 offset, sqlite3_int64 end)
{
  for (int i = (int)CLAMP (end - offset, 0, n); i < n; i++)
    bytes[i] = 0;
}

/* What stands in the real file; beyond its end are zeros. */
static int
read_real (LossyFile *self, guint8 *bytes, int n, sqlite3_int64 offset)
{
  int rc = self->real->pMethods->xRead (self->real, bytes, n, offset);

  clear_from (bytes, n, offset, self->overlay->kept);
  return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc;
}

static int
overlay_flush (Overlay *self, sqlite3_file *real)
{
  GHashTableIter iter;
  gpointer key;
  gpointer bytes;
  sqlite3_int64 there = 0;
  int rc = real->pMethods->xFileSize (real, &there);

  if (rc == SQLITE_OK && self->kept < there)
    rc = real->pMethods->xTruncate (real, self->kept);
  g_hash_table_iter_init (&iter, self->sectors);
  while (rc == SQLITE_OK && g_hash_table_iter_next (&iter, &key, &bytes))
    {
      sqlite3_int64 offset = *(gint64 *)key * SECTOR;
      int n = (int)MIN (SECTOR, self->size - offset);

      if (n > 0)
        rc = real->pMethods->xWrite (real, bytes, n, offset);
    }
  if (rc == SQLITE_OK)
    rc = real->pMethods->xTruncate (real, self->size);
  if (rc != SQLITE_OK)
    return rc;
  g_hash_table_remove_all (self->sectors);
  self->kept = G_MAXINT64;
  return SQLITE_OK;
}

static int
lossy_close (sqlite3_file *file)
{
  LossyFile *self = lossy (file);

  g_mutex_lock (&lock);
  /* A program that ends by itself leaves its pages to the kernel. */
  if (self->overlay != NULL && --self->overlay->handles == 0)
    {
      (void)overlay_flush (self->overlay, self->real);
      g_hash_table_remove (overlays, self->overlay->path);
    }
  g_mutex_unlock (&lock);
  return self->real->pMethods->xClose (self->real);
}

static int
lossy_read (sqlite3_file *file, void *bytes, int n, sqlite3_int64 offset)
{
  LossyFile *self = lossy (file);
  guint8 *out = bytes;
  int rc;

  if (self->overlay == NULL)
    return self->real->pMethods->xRead (self->real, bytes, n, offset);
  g_mutex_lock (&lock);
  rc = read_real (self, out, n, offset);
  for (int done = 0; rc == SQLITE_OK && done < n;)
    {
      gint64 number = (offset + done) / SECTOR;
      int within = (int)((offset + done) % SECTOR);
      int part = MIN (SECTOR - within, n - done);
      const guint8 *sector = g_hash_table_lookup (self->overlay->sectors, &number);

      if (sector != NULL)
        whim_copy (out + done, sector + within, (gsize)part);
      done += part;
    }
  if (rc == SQLITE_OK && offset + n > self->overlay->size)
    {
      clear_from (out, n, offset, self->overlay->size);
      rc = SQLITE_IOERR_SHORT_READ;
    }
  g_mutex_unlock (&lock);
  return rc;
}

/* One sector, whole or in part. */
static int
write_sector (LossyFile *self, const guint8 *bytes, int n, sqlite3_int64 offset)
{
  gint64 number = offset / SECTOR;
  guint8 *sector = g_hash_table_lookup (self->overlay->sectors, &number);
  int rc = SQLITE_OK;

  if (sector == NULL)
    {
      sector = g_malloc0 (SECTOR);
      if (n < SECTOR)
        rc = read_real (self, sector, SECTOR, number * SECTOR);
      g_hash_table_insert (self->overlay->sectors, g_memdup2 (&number, sizeof number), sector);
    }
  whim_copy (sector + offset % SECTOR, bytes, (gsize)n);
  if (rc == SQLITE_OK && torn > 0 && whim_random_below (100) < torn)
    rc = self->real->pMethods->xWrite (self->real, bytes, n, offset);
  return rc;
}

static int
lossy_write (sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
  LossyFile *self = lossy (file);
  int rc = SQLITE_OK;

  if (self->overlay == NULL)
    return self->real->pMethods->xWrite (self->real, bytes, n, offset);
  g_mutex_lock (&lock);
  for (int done = 0; rc == SQLITE_OK && done < n;)
    {
      int part = MIN (SECTOR - (int)((offset + done) % SECTOR), n - done);

      rc = write_sector (self, (const guint8 *)bytes + done, part, offset + done);
      done += part;
    }
  self->overlay->size = MAX (self->overlay->size, offset + n);
  g_mutex_unlock (&lock);
  return rc;
}

static int
lossy_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  LossyFile *self = lossy (file);
  GHashTableIter iter;
  gpointer key;
  gpointer bytes;

  if (self->overlay == NULL)
    return self->real->pMethods->xTruncate (self->real, size);
  g_mutex_lock (&lock);
  g_hash_table_iter_init (&iter, self->overlay->sectors);
  while (g_hash_table_iter_next (&iter, &key, &bytes))
    if (*(gint64 *)key * SECTOR >= size)
      g_hash_table_iter_remove (&iter);
    else
      clear_from (bytes, SECTOR, *(gint64 *)key * SECTOR, size);
  self->overlay->size = size;
  self->overlay->kept = MIN (self->overlay->kept, size);
  g_mutex_unlock (&lock);
  return SQLITE_OK;
}

static int
lossy_sync (sqlite3_file *file, int flags)
{
  LossyFile *self = lossy (file);
  int rc = SQLITE_OK;

  if (self->overlay != NULL)
    {
      g_mutex_lock (&lock);
      rc = overlay_flush (self->overlay, self->real);
      g_mutex_unlock (&lock);
    }
  return rc == SQLITE_OK ? self->real->pMethods->xSync (self->real, flags) : rc;
}

static int
lossy_file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  LossyFile *self = lossy (file);

  if (self->overlay == NULL)
    return self->real->pMethods->xFileSize (self->real, size);
  g_mutex_lock (&lock);
  *size = self->overlay->size;
  g_mutex_unlock (&lock);
  return SQLITE_OK;
}

/* ---- passed through ---------------------------------------------------------------------------
 */

static int
lossy_lock (sqlite3_file *file, int level)
{
  return lossy (file)->real->pMethods->xLock (lossy (file)->real, level);
}

static int
lossy_unlock (sqlite3_file *file, int level)
{
  return lossy (file)->real->pMethods->xUnlock (lossy (file)->real, level);
}

static int
lossy_check_reserved (sqlite3_file *file, int *result)
{
  return lossy (file)->real->pMethods->xCheckReservedLock (lossy (file)->real, result);
}

static int
lossy_control (sqlite3_file *file, int op, void *argument)
{
  return lossy (file)->real->pMethods->xFileControl (lossy (file)->real, op, argument);
}

static int
lossy_sector_size (sqlite3_file *file)
{
  return SECTOR;
}

static int
lossy_characteristics (sqlite3_file *file)
{
  return 0; /* nothing may be taken for granted */
}

static int
lossy_shm_map (sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
  return lossy (file)->real->pMethods->xShmMap (lossy (file)->real, page, size, extend, memory);
}

static int
lossy_shm_lock (sqlite3_file *file, int offset, int n, int flags)
{
  return lossy (file)->real->pMethods->xShmLock (lossy (file)->real, offset, n, flags);
}

static void
lossy_shm_barrier (sqlite3_file *file)
{
  lossy (file)->real->pMethods->xShmBarrier (lossy (file)->real);
}

static int
lossy_shm_unmap (sqlite3_file *file, int delete_it)
{
  return lossy (file)->real->pMethods->xShmUnmap (lossy (file)->real, delete_it);
}

/* version 2: no memory-mapped reads around the overlay */
static const sqlite3_io_methods methods = {
  .iVersion = 2,
  .xClose = lossy_close,
  .xRead = lossy_read,
  .xWrite = lossy_write,
  .xTruncate = lossy_truncate,
  .xSync = lossy_sync,
  .xFileSize = lossy_file_size,
  .xLock = lossy_lock,
  .xUnlock = lossy_unlock,
  .xCheckReservedLock = lossy_check_reserved,
  .xFileControl = lossy_control,
  .xSectorSize = lossy_sector_size,
  .xDeviceCharacteristics = lossy_characteristics,
  .xShmMap = lossy_shm_map,
  .xShmLock = lossy_shm_lock,
  .xShmBarrier = lossy_shm_barrier,
  .xShmUnmap = lossy_shm_unmap,
};

/* ---- opening -----------------------------------------------------------------------------------
 */

static Overlay *
take_overlay (const char *path, sqlite3_file *real)
{
  Overlay *overlay;

  g_mutex_lock (&lock);
  overlay = g_hash_table_lookup (overlays, path);
  if (overlay == NULL)
    {
      overlay = g_new0 (Overlay, 1);
      overlay->path = g_strdup (path);
      overlay->kept = G_MAXINT64;
      overlay->sectors = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
      real->pMethods->xFileSize (real, &overlay->size);
      g_hash_table_insert (overlays, overlay->path, overlay);
    }
  overlay->handles++;
  g_mutex_unlock (&lock);
  return overlay;
}

static int
lossy_open (sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags)
{
  LossyFile *self = lossy (file);
  int rc;

  self->real = (sqlite3_file *)(gpointer)(self + 1);
  rc = real_vfs->xOpen (real_vfs, path, self->real, flags, out_flags);
  self->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
  if (rc == SQLITE_OK && path != NULL
      && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0)
    self->overlay = take_overlay (path, self->real);
  else
    self->overlay = NULL;
  return rc;
}

const char *
whim_lossy_vfs_register (guint torn_percent)
{
  static sqlite3_vfs vfs;

  g_mutex_lock (&lock);
  torn = torn_percent;
  if (real_vfs == NULL)
    {
      real_vfs = sqlite3_vfs_find (NULL);
      overlays = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, overlay_free);
      vfs = *real_vfs;
      vfs.zName = NAME;
      vfs.pNext = NULL;
      vfs.szOsFile = (int)sizeof (LossyFile) + real_vfs->szOsFile;
      vfs.xOpen = lossy_open;
      sqlite3_vfs_register (&vfs, 0);
    }
  g_mutex_unlock (&lock);
  return NAME;
}

const char *
whim_lossy_vfs_get_name (void)
{
  const char *wanted = g_getenv ("WHIMBREL_TEST_VFS");

  if (g_strcmp0 (wanted, "lossy") == 0)
    return whim_lossy_vfs_register (0);
  if (g_strcmp0 (wanted, "torn") == 0)
    return whim_lossy_vfs_register (TORN_PERCENT);
  return NULL;
}

#endif
