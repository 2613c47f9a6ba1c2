/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-lane.h"

struct _WhimLane
{
  WhimLaneFunc run;
  gpointer user_data;
  GDestroyNotify discard;
  GHashTable *queues; /* key -> GQueue of waiting jobs; an entry exists while a job runs */
  guint length;
};

static void
queue_free (gpointer queue)
{
  g_queue_free (queue);
}

WhimLane *
whim_lane_new (WhimLaneFunc run, gpointer user_data, GDestroyNotify discard)
{
  WhimLane *self = g_new0 (WhimLane, 1);

  self->run = run;
  self->user_data = user_data;
  self->discard = discard;
  self->queues = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, queue_free);
  return self;
}

void
whim_lane_discard (WhimLane *self)
{
  GHashTableIter iter;
  gpointer queue;

  g_hash_table_iter_init (&iter, self->queues);
  while (g_hash_table_iter_next (&iter, NULL, &queue))
    {
      gpointer job;

      while ((job = g_queue_pop_head (queue)) != NULL)
        {
          self->length--;
          self->discard (job);
        }
    }
}

void
whim_lane_free (WhimLane *self)
{
  whim_lane_discard (self);
  g_hash_table_unref (self->queues);
  g_free (self);
}

void
whim_lane_push (WhimLane *self, const char *key, gpointer job)
{
  GQueue *queue = g_hash_table_lookup (self->queues, key);

  g_return_if_fail (job != NULL);
  self->length++;
  if (queue != NULL)
    {
      g_queue_push_tail (queue, job);
      return;
    }
  g_hash_table_insert (self->queues, g_strdup (key), g_queue_new ());
  self->run (job, self->user_data);
}

void
whim_lane_done (WhimLane *self, const char *key)
{
  GQueue *queue = g_hash_table_lookup (self->queues, key);
  gpointer job;

  g_return_if_fail (queue != NULL);
  self->length--;
  job = g_queue_pop_head (queue);
  if (job == NULL)
    g_hash_table_remove (self->queues, key);
  else
    self->run (job, self->user_data);
}

guint
whim_lane_get_length (const WhimLane *self)
{
  return self->length;
}
