/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-clock.h"

#include <time.h>

typedef struct
{
  gint64 due_ms; /* monotonic */
  guint id;
  GSourceOnceFunc callback;
  gpointer user_data;
} Timer;

struct _WhimClock
{
  gint ref_count;
  gboolean manual;
  gint64 manual_unix_ms;
  gint64 offset_ms;  /* what advance() has added; read from other threads */
  gint64 wall_ms;    /* what step_wall() has added; likewise */
  GSequence *timers; /* of Timer, by due time then id */
  GHashTable *by_id; /* id -> GSequenceIter */
  guint last_id;
  GSource *source;
};

static gint64 real_monotonic_ms (void);

static gint
timer_compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Timer *left = a;
  const Timer *right = b;

  if (left->due_ms != right->due_ms)
    return left->due_ms < right->due_ms ? -1 : 1;
  return left->id < right->id ? -1 : left->id > right->id;
}

static void
clock_rearm (WhimClock *self)
{
  GSequenceIter *first = g_sequence_get_begin_iter (self->timers);
  gint64 wait_ms;

  if (self->manual)
    return;
  if (g_sequence_iter_is_end (first))
    {
      g_source_set_ready_time (self->source, -1);
      return;
    }
  wait_ms = ((Timer *)g_sequence_get (first))->due_ms - whim_clock_get_monotonic_ms (self);
  g_source_set_ready_time (self->source,
                           g_get_monotonic_time () + MAX (wait_ms, 0) * G_TIME_SPAN_MILLISECOND);
}

/* Runs what is due. A timer that a callback adds with delay 0 waits for the next round. */
static void
clock_run_due (WhimClock *self)
{
  gint64 now = whim_clock_get_monotonic_ms (self);
  guint newest = self->last_id;

  whim_clock_ref (self);
  for (;;)
    {
      GSequenceIter *first = g_sequence_get_begin_iter (self->timers);
      Timer *timer;
      Timer copy;

      if (g_sequence_iter_is_end (first))
        break;
      timer = g_sequence_get (first);
      if (timer->due_ms > now || timer->id > newest)
        break;
      copy = *timer;
      g_hash_table_remove (self->by_id, GUINT_TO_POINTER (copy.id));
      g_sequence_remove (first);
      copy.callback (copy.user_data);
    }
  clock_rearm (self);
  whim_clock_unref (self);
}

static gboolean
clock_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

static GSourceFuncs clock_source_funcs = { NULL, NULL, clock_dispatch, NULL, NULL, NULL };

static gboolean
clock_due_cb (gpointer user_data)
{
  clock_run_due (user_data);
  return G_SOURCE_CONTINUE;
}

static WhimClock *
clock_new (void)
{
  WhimClock *self = g_new0 (WhimClock, 1);

  self->ref_count = 1;
  self->timers = g_sequence_new (g_free);
  self->by_id = g_hash_table_new (NULL, NULL);
  self->source = g_source_new (&clock_source_funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "whim-clock");
  g_source_set_callback (self->source, clock_due_cb, self, NULL);
  g_source_set_ready_time (self->source, -1);
  g_source_attach (self->source, NULL);
  return self;
}

WhimClock *
whim_clock_new_system (void)
{
  return clock_new ();
}

WhimClock *
whim_clock_new_manual (gint64 unix_ms)
{
  WhimClock *self = clock_new ();

  self->manual = TRUE;
  self->manual_unix_ms = unix_ms;
  return self;
}

WhimClock *
whim_clock_ref (WhimClock *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
whim_clock_unref (WhimClock *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_source_destroy (self->source);
  g_source_unref (self->source);
  g_hash_table_unref (self->by_id);
  g_sequence_free (self->timers);
  g_free (self);
}

static gint64
get_offset_ms (WhimClock *self)
{
  return __atomic_load_n (&self->offset_ms, __ATOMIC_RELAXED);
}

gint64
whim_clock_get_unix_ms (WhimClock *self)
{
  gint64 now = self->manual ? self->manual_unix_ms : g_get_real_time () / 1000;

  return now + get_offset_ms (self) + __atomic_load_n (&self->wall_ms, __ATOMIC_RELAXED);
}

gint64
whim_clock_get_unix (WhimClock *self)
{
  return whim_clock_get_unix_ms (self) / 1000;
}

static gint64
real_monotonic_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return (gint64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

gint64
whim_clock_get_monotonic_ms (WhimClock *self)
{
  return (self->manual ? 0 : real_monotonic_ms ()) + get_offset_ms (self);
}

guint
whim_clock_add_timer (WhimClock *self,
                      gint64 delay_ms,
                      GSourceOnceFunc callback,
                      gpointer user_data)
{
  Timer *timer = g_new0 (Timer, 1);
  GSequenceIter *iter;

  timer->due_ms = whim_clock_get_monotonic_ms (self) + MAX (delay_ms, 0);
  timer->id = ++self->last_id;
  timer->callback = callback;
  timer->user_data = user_data;
  iter = g_sequence_insert_sorted (self->timers, timer, timer_compare, NULL);
  g_hash_table_insert (self->by_id, GUINT_TO_POINTER (timer->id), iter);
  if (g_sequence_iter_is_begin (iter))
    clock_rearm (self);
  return timer->id;
}

void
whim_clock_remove_timer (WhimClock *self, guint id)
{
  GSequenceIter *iter = g_hash_table_lookup (self->by_id, GUINT_TO_POINTER (id));

  g_return_if_fail (iter != NULL);
  g_hash_table_remove (self->by_id, GUINT_TO_POINTER (id));
  g_sequence_remove (iter);
}

void
whim_clock_clear_timer (WhimClock *self, guint *id)
{
  if (*id == 0)
    return;
  whim_clock_remove_timer (self, *id);
  *id = 0;
}

void
whim_clock_advance (WhimClock *self, gint64 ms)
{
  __atomic_add_fetch (&self->offset_ms, ms, __ATOMIC_RELAXED);
  clock_run_due (self);
}

void
whim_clock_step_wall (WhimClock *self, gint64 ms)
{
  __atomic_add_fetch (&self->wall_ms, ms, __ATOMIC_RELAXED);
}
