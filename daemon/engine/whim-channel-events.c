/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "base/whim-limits.h"

/* What a channel tells of itself. An event that the disk refuses waits, and those behind it wait
 * with it, so that the journal gets each of them once and in order, as soon as it can:
 *
 *   told -> in a unit -> on disk, forgotten here
 *                     -> refused: all that are not on disk, in one unit, a while later
 *
 * The store fails what was submitted before it reported a failure, so nothing overtakes. */

#define FIRST_DELAY_MS 1000
#define MAX_DELAY_MS 60000

struct _WhimChannelEvent
{
  gint ref_count;
  char *type;
  gint64 timestamp;
  GVariant *data;
  WhimChannelSupplement supplement; /* (nullable): what belongs to it */
  gboolean submitted;
};

typedef struct
{
  WhimEngine *engine; /* weak: what was told last is on its way when the engine goes */
  char *channel_id;   /* the channel may go away meanwhile */
  GPtrArray *events;
} TellOp;

static void
event_unref (gpointer data)
{
  WhimChannelEvent *self = data;

  if (--self->ref_count > 0)
    return;
  g_free (self->type);
  g_variant_unref (self->data);
  g_free (self);
}

static void retry_cb (gpointer user_data);

static void
wait_for_disk (WhimChannel *self)
{
  gint64 delay = FIRST_DELAY_MS << MIN (self->tell_tries, 6u);

  if (self->tell_timer != 0)
    return;
  self->tell_tries++;
  self->tell_timer
      = whim_clock_add_timer (self->engine->clock, MIN (delay, MAX_DELAY_MS), retry_cb, self);
}

static void
told_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree TellOp *op = user_data;
  g_autofree char *id = op->channel_id;
  g_autoptr (GPtrArray) events = op->events;
  WhimChannel *self = op->engine == NULL ? NULL : whim_engine_find_channel (op->engine, id);
  g_autoptr (GError) error = NULL;
  gboolean ok = whim_store_commit_finish (WHIM_STORE (source), result, &error);

  g_clear_weak_pointer (&op->engine);
  if (!ok)
    g_warning ("%s: an event could not be stored: %s", id, error->message);
  if (self == NULL)
    return;
  for (guint i = 0; i < events->len; i++)
    {
      WhimChannelEvent *event = g_ptr_array_index (events, i);

      event->submitted = FALSE;
      if (ok && g_queue_remove (&self->untold, event))
        event_unref (event);
    }
  if (ok)
    self->tell_tries = 0;
  else
    wait_for_disk (self);
}

/* Those that are not on their way, in one unit. */
static void
submit (WhimChannel *self)
{
  WhimUnit *unit = whim_unit_new (self->record->number);
  TellOp *op = g_new0 (TellOp, 1);

  g_set_weak_pointer (&op->engine, self->engine);
  op->channel_id = g_strdup (self->record->id);
  op->events = g_ptr_array_new_with_free_func (event_unref);
  for (GList *link = self->untold.head; link != NULL; link = link->next)
    {
      WhimChannelEvent *event = link->data;

      if (event->submitted)
        continue;
      event->submitted = TRUE;
      event->ref_count++;
      g_ptr_array_add (op->events, event);
      if (event->supplement != NULL)
        event->supplement (self, unit);
      whim_unit_put_event (
          unit, whim_event_new (self->record->id, event->type, event->timestamp, event->data));
    }
  whim_store_commit_async (self->engine->store, unit, NULL, told_cb, op);
}

static void
retry_cb (gpointer user_data)
{
  WhimChannel *self = user_data;

  self->tell_timer = 0;
  submit (self);
}

void
whim_channel_tell (WhimChannel *self,
                   const char *type,
                   GVariant *data,
                   WhimChannelSupplement supplement)
{
  WhimChannelEvent *event = g_new0 (WhimChannelEvent, 1);

  event->ref_count = 1;
  event->type = g_strdup (type);
  event->timestamp = whim_clock_get_unix (self->engine->clock);
  event->data = g_variant_ref_sink (data);
  event->supplement = supplement;
  /* a disk that is full for days: what was last is what matters */
  if (self->untold.length >= WHIM_LIMIT_UNTOLD)
    event_unref (g_queue_pop_head (&self->untold));
  g_queue_push_tail (&self->untold, event);
  if (self->tell_timer == 0)
    submit (self);
}

void
whim_channel_tell_last (WhimChannel *self)
{
  gboolean waits = self->tell_timer != 0;

  whim_clock_clear_timer (self->engine->clock, &self->tell_timer);
  if (waits && !self->deleting)
    submit (self);
  g_queue_clear_full (&self->untold, event_unref);
}
