/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whim-limits.h"
#include "store/whim-store-private.h"

#define N_READERS 2u

G_DEFINE_QUARK (whim - store - error - quark, whim_store_error)

struct _WhimStore
{
  GObject parent_instance;
  char *path;
  int lock_fd;
  GMainContext *context;
  WhimClock *clock;
  WhimDb *main_db; /* read-only, for the few queries at start that block */
  WhimWriterThread *writer;
  GAsyncQueue *reads; /* of Read */
  GThread *readers[N_READERS];
  WhimStoreJournalFunc journal_func;
  gpointer journal_data;
  gint64 last_channel;
  gint64 last_outbox;
  gint64 last_seq;
  gboolean unhealthy;

  GMutex lock;
  GPtrArray *done; /* of WhimCommit; under the lock; written, not reported */
};

G_DEFINE_FINAL_TYPE (WhimStore, whim_store, G_TYPE_OBJECT)

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct
{
  GTask *task; /* NULL: the thread is to end */
  gint64 channel;
  WhimReadFunc func;
  gpointer data;
  GDestroyNotify free_data;
  GDestroyNotify free_result;
} Read;

static void
read_free (Read *self)
{
  if (self->free_data != NULL)
    self->free_data (self->data);
  g_clear_object (&self->task);
  g_free (self);
}

static gpointer
run_read (WhimDb *db, const Read *job, GError **error)
{
  gpointer result;

  /* one transaction, so that a page and its total belong together */
  if (!whim_db_run0 (db, error, WHIM_SQL_BEGIN_READ))
    return NULL;
  result = job->func (db, job->channel, job->data, error);
  whim_db_run0 (db, NULL, WHIM_SQL_COMMIT);
  return result;
}

static gpointer
read_thread (gpointer data)
{
  g_autoptr (GAsyncQueue) reads = NULL;
  g_autoptr (WhimDb) db = NULL;
  struct
  {
    GAsyncQueue *reads;
    WhimDb *db;
  } *start = data;

  reads = start->reads;
  db = start->db;
  g_free (start);
  for (;;)
    {
      Read *job = g_async_queue_pop (reads);
      g_autoptr (GError) error = NULL;
      gpointer result;

      if (job->task == NULL)
        {
          read_free (job);
          return NULL;
        }
      if (!g_task_return_error_if_cancelled (job->task))
        {
          result = run_read (db, job, &error);
          if (error != NULL)
            g_task_return_error (job->task, g_steal_pointer (&error));
          else
            g_task_return_pointer (job->task, result, job->free_result);
        }
      read_free (job);
    }
}

void
whim_store_read (WhimStore *self,
                 gint64 channel,
                 WhimReadFunc func,
                 gpointer data,
                 GDestroyNotify free_data,
                 GDestroyNotify free_result,
                 GCancellable *cancellable,
                 GAsyncReadyCallback callback,
                 gpointer user_data,
                 gpointer source_tag)
{
  Read *job = g_new0 (Read, 1);

  job->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (job->task, source_tag);
  job->channel = channel;
  job->func = func;
  job->data = data;
  job->free_data = free_data;
  job->free_result = free_result;
  if (self->reads == NULL || g_async_queue_length (self->reads) >= (gint)WHIM_LIMIT_STORE_QUEUE)
    {
      g_task_return_new_error (job->task, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED,
                               self->reads == NULL ? "the store is closed"
                                                   : "too many queries wait");
      read_free (job);
      return;
    }
  g_async_queue_push (self->reads, job);
}

gpointer
whim_store_read_finish (WhimStore *self, GAsyncResult *result, gpointer source_tag, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_task_get_source_tag (G_TASK (result)) == source_tag, NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static gboolean
start_readers (WhimStore *self, const char *path, GError **error)
{
  self->reads = g_async_queue_new ();
  for (guint i = 0; i < N_READERS; i++)
    {
      WhimDb *db = whim_db_open (path, FALSE, error);
      gpointer *start;

      if (db == NULL)
        return FALSE;
      start = g_new (gpointer, 2);
      start[0] = g_async_queue_ref (self->reads);
      start[1] = db;
      self->readers[i] = g_thread_new ("whim-store-read", read_thread, start);
    }
  return TRUE;
}

static void
stop_readers (WhimStore *self)
{
  if (self->reads == NULL)
    return;
  for (guint i = 0; i < N_READERS; i++)
    if (self->readers[i] != NULL)
      g_async_queue_push (self->reads, g_new0 (Read, 1));
  for (guint i = 0; i < N_READERS; i++)
    g_clear_pointer (&self->readers[i], g_thread_join);
  g_clear_pointer (&self->reads, g_async_queue_unref);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void
report_commit (WhimStore *self, WhimCommit *commit)
{
  if (commit->task == NULL)
    return;
  self->unhealthy = commit->disk_failed;
  if (commit->error != NULL)
    {
      /* What is submitted from here on was made with the knowledge of the failure. */
      if (commit->channel != 0 && self->writer != NULL)
        whim_writer_thread_heal (self->writer, commit->channel);
      g_task_return_error (commit->task, g_steal_pointer (&commit->error));
    }
  else
    g_task_return_boolean (commit->task, TRUE);
  if (commit->callback != NULL)
    commit->callback (G_OBJECT (self), G_ASYNC_RESULT (commit->task), commit->user_data);
}

static gboolean
report_commits (gpointer data)
{
  WhimStore *self = data;
  g_autoptr (GPtrArray) done = NULL;
  gint64 last_seq = self->last_seq;

  g_mutex_lock (&self->lock);
  done = g_steal_pointer (&self->done);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; done != NULL && i < done->len; i++)
    {
      WhimCommit *commit = g_ptr_array_index (done, i);

      self->last_seq = MAX (self->last_seq, commit->last_seq);
      report_commit (self, commit);
    }
  if (self->last_seq > last_seq && self->journal_func != NULL)
    self->journal_func (self->last_seq, self->journal_data);
  return G_SOURCE_REMOVE;
}

/* writer thread */
static void
group_written (GPtrArray *commits, gpointer user_data)
{
  WhimStore *self = user_data;
  gboolean wake;

  g_mutex_lock (&self->lock);
  wake = self->done == NULL;
  if (wake)
    self->done = commits;
  else
    g_ptr_array_extend_and_steal (self->done, commits);
  g_mutex_unlock (&self->lock);
  if (wake)
    {
      g_autoptr (GSource) source = g_idle_source_new ();

      g_source_set_priority (source, G_PRIORITY_DEFAULT);
      g_source_set_static_name (source, "whim-store commits");
      g_source_set_callback (source, report_commits, g_object_ref (self), g_object_unref);
      g_source_attach (source, self->context);
    }
}

void
whim_store_commit_async (WhimStore *self,
                         WhimUnit *unit,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  WhimCommit *commit = g_new0 (WhimCommit, 1);
  GPtrArray *refused;

  commit->unit = unit;
  commit->channel = whim_unit_get_channel (unit);
  /* The task has no callback of its own: a GTask may put off its callback to a later turn of the
   * loop, and the order of reports is part of our contract. */
  commit->task = g_task_new (self, cancellable, NULL, NULL);
  g_task_set_source_tag (commit->task, whim_store_commit_async);
  g_task_set_check_cancellable (commit->task, FALSE); /* what is on disk was not cancelled */
  commit->callback = callback;
  commit->user_data = user_data;
  if (self->writer != NULL)
    {
      whim_writer_thread_push (self->writer, commit);
      return;
    }
  commit->error
      = g_error_new_literal (WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED, "the store is closed");
  refused = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_commit_free);
  g_ptr_array_add (refused, commit);
  group_written (refused, self);
}

gboolean
whim_store_commit_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static gboolean
fail_errno (GError **error, const char *what)
{
  int saved = errno;

  g_set_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED, "%s: %s", what,
               g_strerror (saved));
  return FALSE;
}

static gboolean
lock_data_dir (WhimStore *self, const char *data_dir, GError **error)
{
  g_autofree char *path = g_build_filename (data_dir, "lock", NULL);

  if (g_mkdir_with_parents (data_dir, 0700) != 0 || chmod (data_dir, 0700) != 0)
    return fail_errno (error, "data directory");
  self->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (self->lock_fd < 0)
    return fail_errno (error, "lock file");
  if (flock (self->lock_fd, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  if (errno != EWOULDBLOCK)
    return fail_errno (error, "lock file");
  g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_LOCKED,
                       "another process uses this data directory");
  return FALSE;
}

/* The log and the shared memory file of SQLite take over the mode of the database. */
static gboolean
make_private_file (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    return fail_errno (error, "database file");
  if (fchmod (fd, 0600) != 0)
    {
      fail_errno (error, "database file");
      close (fd);
      return FALSE;
    }
  close (fd);
  return TRUE;
}

static gboolean
load_counters (WhimStore *self, GError **error)
{
  WhimDb *db = self->main_db;

  return whim_db_get_int (db, error, &self->last_channel, 0, WHIM_SQL_GET_COUNTER,
                          whim_value_text ("channels"))
         && whim_db_get_int (db, error, &self->last_outbox, 0, WHIM_SQL_GET_COUNTER,
                             whim_value_text ("outbox"))
         && whim_db_get_int (db, error, &self->last_seq, 0, WHIM_SQL_GET_COUNTER,
                             whim_value_text ("journal"));
}

const char *
whim_store_get_path (WhimStore *self)
{
  return self->path;
}

WhimStore *
whim_store_open (const char *data_dir, WhimClock *clock, GError **error)
{
  g_autoptr (WhimStore) self = g_object_new (WHIM_TYPE_STORE, NULL);
  g_autofree char *path = g_build_filename (data_dir, "whimbrel.db", NULL);
  g_autoptr (GPtrArray) migrations = whim_migrations_load ();
  g_autoptr (WhimDb) write_db = NULL;

  self->clock = whim_clock_ref (clock);
  self->path = g_strdup (path);
  if (!lock_data_dir (self, data_dir, error) || !make_private_file (path, error))
    return NULL;
  write_db = whim_db_open (path, TRUE, error);
  if (write_db == NULL || !whim_db_migrate (write_db, migrations, data_dir, error))
    return NULL;
  self->main_db = whim_db_open (path, FALSE, error);
  if (self->main_db == NULL || !load_counters (self, error) || !start_readers (self, path, error))
    return NULL;
  self->writer = whim_writer_thread_new (g_steal_pointer (&write_db), clock, group_written, self);
  return g_steal_pointer (&self);
}

void
whim_store_close (WhimStore *self)
{
  stop_readers (self);
  g_clear_pointer (&self->writer, whim_writer_thread_stop);
  g_clear_pointer (&self->main_db, whim_db_close);
  if (self->lock_fd >= 0)
    close (self->lock_fd);
  self->lock_fd = -1;
}

static void
whim_store_dispose (GObject *object)
{
  whim_store_close (WHIM_STORE (object));
  G_OBJECT_CLASS (whim_store_parent_class)->dispose (object);
}

static void
whim_store_finalize (GObject *object)
{
  WhimStore *self = WHIM_STORE (object);

  g_free (self->path);
  g_clear_pointer (&self->done, g_ptr_array_unref);
  g_clear_pointer (&self->clock, whim_clock_unref);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (whim_store_parent_class)->finalize (object);
}

static void
whim_store_class_init (WhimStoreClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = whim_store_dispose;
  object_class->finalize = whim_store_finalize;
}

static void
whim_store_init (WhimStore *self)
{
  self->lock_fd = -1;
  self->context = g_main_context_ref_thread_default ();
  g_mutex_init (&self->lock);
}

/* ---- Small things ---------------------------------------------------------------------------- */

WhimDb *
whim_store_get_main_db (WhimStore *self)
{
  return self->main_db;
}

void
whim_store_set_journal_func (WhimStore *self, WhimStoreJournalFunc func, gpointer user_data)
{
  self->journal_func = func;
  self->journal_data = user_data;
}

gint64
whim_store_take_channel_number (WhimStore *self)
{
  return ++self->last_channel;
}

gint64
whim_store_take_outbox_number (WhimStore *self)
{
  return ++self->last_outbox;
}

gint64
whim_store_get_last_seq (WhimStore *self)
{
  return self->last_seq;
}

gboolean
whim_store_is_healthy (WhimStore *self)
{
  return !self->unhealthy;
}
