/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-mailbox.h"
#include "signal/whim-signal.h"

typedef struct
{
  WhimSignalJobFunc run;
  gpointer job;
  WhimSignalDoneFunc done;
  gpointer user_data;
} Work;

typedef struct
{
  GThread *thread;
  GAsyncQueue *queue; /* of Work; a Work without run ends the thread */
  WhimMailbox *results;
} Worker;

struct _WhimSignalPool
{
  Worker *workers;
  guint n_workers;
  WhimMailbox *results;
};

static gpointer
worker_thread (gpointer user_data)
{
  Worker *self = user_data;
  g_autoptr (WhimSignalContext) context = whim_signal_context_new ();

  for (;;)
    {
      Work *work = g_async_queue_pop (self->queue);

      if (work->run == NULL)
        {
          g_free (work);
          return NULL;
        }
      work->run (context, work->job);
      whim_mailbox_post (self->results, work);
    }
}

static void
result_cb (gpointer item, gpointer user_data)
{
  Work *work = item;

  work->done (work->job, work->user_data);
  g_free (work);
}

/* A result that nobody waited for any more is delivered all the same: its owner frees it. */
static void
result_late (gpointer item)
{
  result_cb (item, NULL);
}

WhimSignalPool *
whim_signal_pool_new (guint n_workers)
{
  WhimSignalPool *self = g_new0 (WhimSignalPool, 1);

  self->n_workers = MAX (n_workers, 1);
  self->workers = g_new0 (Worker, self->n_workers);
  self->results = whim_mailbox_new (NULL, result_cb, NULL, result_late);
  for (guint i = 0; i < self->n_workers; i++)
    {
      self->workers[i].queue = g_async_queue_new ();
      self->workers[i].results = self->results;
      self->workers[i].thread = g_thread_new ("whim-crypto", worker_thread, &self->workers[i]);
    }
  return self;
}

void
whim_signal_pool_free (WhimSignalPool *self)
{
  for (guint i = 0; i < self->n_workers; i++)
    g_async_queue_push (self->workers[i].queue, g_new0 (Work, 1));
  for (guint i = 0; i < self->n_workers; i++)
    {
      g_thread_join (self->workers[i].thread);
      g_async_queue_unref (self->workers[i].queue);
    }
  whim_mailbox_close (self->results);
  whim_mailbox_unref (self->results);
  g_free (self->workers);
  g_free (self);
}

void
whim_signal_pool_push (WhimSignalPool *self,
                       guint channel_number,
                       WhimSignalJobFunc run,
                       gpointer job,
                       WhimSignalDoneFunc done,
                       gpointer user_data)
{
  Work *work = g_new0 (Work, 1);

  work->run = run;
  work->job = job;
  work->done = done;
  work->user_data = user_data;
  g_async_queue_push (self->workers[channel_number % self->n_workers].queue, work);
}
