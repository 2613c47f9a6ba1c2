/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"

/* Units in one transaction; bounds what one failing COMMIT takes with it. */
#define GROUP_MAX 256u
/* How long a lone unit waits for company when the last group had several. Less than an fsync. */
#define LINGER_US 2000

struct _WhimWriterThread
{
  GThread *thread;
  WhimDb *db; /* writer thread */
  WhimClock *clock;
  WhimGroupFunc done;
  gpointer user_data;
  GHashTable *broken; /* of gint64, writer thread: channels with a failed unit, until healed */

  GMutex lock;
  GCond changed;
  GQueue queue; /* of WhimCommit; under the lock, as is: */
  gboolean stopping;
};

void
whim_commit_free (WhimCommit *self)
{
  g_clear_pointer (&self->unit, whim_unit_free);
  g_clear_object (&self->task);
  g_clear_error (&self->error);
  g_free (self);
}

/* Takes a group off the queue; NULL when the thread is to end. */
static GPtrArray *
take_group (WhimWriterThread *self, guint last_size)
{
  g_autoptr (GPtrArray) group = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_commit_free);

  g_mutex_lock (&self->lock);
  while (self->queue.length == 0 && !self->stopping)
    g_cond_wait (&self->changed, &self->lock);
  if (self->queue.length == 1 && last_size > 1 && !self->stopping)
    {
      gint64 until = g_get_monotonic_time () + LINGER_US;

      while (self->queue.length < last_size && !self->stopping
             && g_cond_wait_until (&self->changed, &self->lock, until))
        ;
    }
  while (self->queue.length > 0 && group->len < GROUP_MAX)
    g_ptr_array_add (group, g_queue_pop_head (&self->queue));
  g_mutex_unlock (&self->lock);
  return group->len == 0 ? NULL : g_steal_pointer (&group);
}

/* Until the main thread has learned of a failure, what it submits for the same channel may stand on
 * what was lost (a ratchet step), so it must not be written. */
static void
break_channel (WhimWriterThread *self, gint64 channel)
{
  if (channel != 0)
    g_hash_table_add (self->broken, g_memdup2 (&channel, sizeof channel));
}

static void
fail_commit (WhimWriterThread *self, WhimCommit *commit, GError *error)
{
  commit->disk_failed = !g_error_matches (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CONFLICT);
  commit->error = error;
  commit->last_seq = 0;
  break_channel (self, commit->channel);
}

/* Runs one unit under its savepoint. FALSE: the whole transaction is lost. @alone: the transaction
 * is the unit's own; if the unit fails, it is rolled back. */
static gboolean
run_commit (WhimWriterThread *self, WhimCommit *commit, gboolean alone, GError **error)
{
  WhimUnitContext context = { .channel = commit->channel };
  g_autoptr (GError) unit_error = NULL;

  if (commit->unit == NULL)
    {
      if (commit->error != NULL)
        break_channel (self, commit->channel);
      else
        g_hash_table_remove (self->broken, &commit->channel);
      return TRUE;
    }
  if (g_hash_table_contains (self->broken, &commit->channel))
    {
      commit->error = g_error_new_literal (WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED,
                                           "an earlier unit of this channel failed");
      return TRUE;
    }

  context.now = whim_clock_get_unix (self->clock);
  if (!alone && !whim_db_run0 (self->db, error, WHIM_SQL_SAVEPOINT))
    return FALSE;
  if (whim_unit_run (commit->unit, self->db, &context, &unit_error))
    {
      commit->last_seq = context.last_seq;
      return alone || whim_db_run0 (self->db, error, WHIM_SQL_RELEASE);
    }
  if (!whim_db_is_in_transaction (self->db))
    {
      /* a full disk or an I/O error: SQLite has rolled back everything */
      g_propagate_error (error, g_steal_pointer (&unit_error));
      return FALSE;
    }
  fail_commit (self, commit, g_steal_pointer (&unit_error));
  if (alone)
    return whim_db_run0 (self->db, error, WHIM_SQL_ROLLBACK);
  return whim_db_run0 (self->db, error, WHIM_SQL_ROLLBACK_TO)
         && whim_db_run0 (self->db, error, WHIM_SQL_RELEASE);
}

static gboolean
run_group (WhimWriterThread *self, GPtrArray *group, GError **error)
{
  if (!whim_db_run0 (self->db, error, WHIM_SQL_BEGIN_WRITE))
    return FALSE;
  for (guint i = 0; i < group->len; i++)
    if (!run_commit (self, g_ptr_array_index (group, i), group->len == 1, error))
      return FALSE;
  if (!whim_db_is_in_transaction (self->db))
    return TRUE; /* its only unit failed and was rolled back */
  if (WHIM_FAILPOINT ("store.before-commit") || WHIM_FAILPOINT ("store.commit-error"))
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED,
                           "database: the commit failed");
      return FALSE;
    }
  if (!whim_db_run0 (self->db, error, WHIM_SQL_COMMIT))
    return FALSE;
  (void)WHIM_FAILPOINT ("store.after-commit");
  return TRUE;
}

static void
finish_group (WhimWriterThread *self, GPtrArray *group, const GError *error)
{
  gboolean erasing = FALSE;

  for (guint i = 0; i < group->len; i++)
    {
      WhimCommit *commit = g_ptr_array_index (group, i);

      if (error != NULL && commit->unit != NULL && commit->error == NULL)
        fail_commit (self, commit, g_error_copy (error));
      else if (error != NULL && commit->task == NULL)
        g_hash_table_remove (self->broken, &commit->channel); /* may not have been reached */
      if (commit->unit != NULL && commit->error == NULL)
        erasing = erasing || whim_unit_is_erasing (commit->unit);
      g_clear_pointer (&commit->unit, whim_unit_free);
    }
  /* Otherwise the erased pages would live on in the log. A reader may be in the way: then the next
   * checkpoint does it. */
  if (erasing)
    whim_db_run0 (self->db, NULL, WHIM_SQL_CHECKPOINT);
  self->done (group, self->user_data);
}

static gpointer
write_thread (gpointer data)
{
  WhimWriterThread *self = data;
  GPtrArray *group;
  guint last_size = 0;

  while ((group = take_group (self, last_size)) != NULL)
    {
      g_autoptr (GError) error = NULL;

      last_size = group->len;
      if (!run_group (self, group, &error) && whim_db_is_in_transaction (self->db))
        whim_db_run0 (self->db, NULL, WHIM_SQL_ROLLBACK);
      finish_group (self, group, error);
    }
  g_clear_pointer (&self->db, whim_db_close);
  return NULL;
}

WhimWriterThread *
whim_writer_thread_new (WhimDb *db, WhimClock *clock, WhimGroupFunc done, gpointer user_data)
{
  WhimWriterThread *self = g_new0 (WhimWriterThread, 1);

  self->db = db;
  self->clock = whim_clock_ref (clock);
  self->done = done;
  self->user_data = user_data;
  self->broken = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->queue);
  self->thread = g_thread_new ("whim-store-write", write_thread, self);
  return self;
}

void
whim_writer_thread_push (WhimWriterThread *self, WhimCommit *commit)
{
  g_autoptr (WhimUnit) refused = NULL;

  g_mutex_lock (&self->lock);
  if (self->queue.length >= WHIM_LIMIT_STORE_QUEUE)
    {
      /* An empty place keeps the order: what the channel submits after it must fail too. */
      refused = g_steal_pointer (&commit->unit);
      commit->error
          = g_error_new_literal (WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED, "too many units wait");
    }
  g_queue_push_tail (&self->queue, commit);
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
whim_writer_thread_heal (WhimWriterThread *self, gint64 channel)
{
  WhimCommit *commit = g_new0 (WhimCommit, 1);

  commit->channel = channel;
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->queue, commit);
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
whim_writer_thread_stop (WhimWriterThread *self)
{
  g_mutex_lock (&self->lock);
  self->stopping = TRUE;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  g_hash_table_unref (self->broken);
  g_queue_clear_full (&self->queue, (GDestroyNotify)whim_commit_free);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  whim_clock_unref (self->clock);
  g_free (self);
}
