/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-mailbox.h"

/* Items received in one dispatch, so that a flood from one thread does not starve the others. */
#define BATCH 64u

struct _WhimMailbox
{
  gint ref_count;
  GMutex lock;
  GQueue items;
  gboolean closed;
  gint waiting; /* items, for who does not hold the lock */
  GMainContext *context;
  GSource *source;
  WhimMailboxFunc func;
  gpointer user_data;
  GDestroyNotify discard;
};

typedef struct
{
  GSource parent;
  WhimMailbox *mailbox;
} MailboxSource;

/* The items themselves say whether there is something to do. A ready time would have to be reset,
 * and every change of one wakes the loop up again. */
static gboolean
mailbox_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return g_atomic_int_get (&((MailboxSource *)source)->mailbox->waiting) > 0;
}

static gboolean
mailbox_check (GSource *source)
{
  return g_atomic_int_get (&((MailboxSource *)source)->mailbox->waiting) > 0;
}

static gboolean
mailbox_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

static GSourceFuncs mailbox_source_funcs
    = { mailbox_prepare, mailbox_check, mailbox_dispatch, NULL, NULL, NULL };

static gboolean
mailbox_receive_cb (gpointer user_data)
{
  g_autoptr (WhimMailbox) self = whim_mailbox_ref (user_data);

  for (guint i = 0; i < BATCH; i++)
    {
      gpointer item;

      g_mutex_lock (&self->lock);
      item = self->closed ? NULL : g_queue_pop_head (&self->items);
      g_atomic_int_set (&self->waiting, (gint)self->items.length);
      g_mutex_unlock (&self->lock);
      if (item == NULL)
        break;
      self->func (item, self->user_data);
    }
  return G_SOURCE_CONTINUE;
}

WhimMailbox *
whim_mailbox_new (GMainContext *context,
                  WhimMailboxFunc func,
                  gpointer user_data,
                  GDestroyNotify discard)
{
  WhimMailbox *self = g_new0 (WhimMailbox, 1);

  self->ref_count = 1;
  g_mutex_init (&self->lock);
  g_queue_init (&self->items);
  self->func = func;
  self->user_data = user_data;
  self->discard = discard;
  self->context = g_main_context_ref (context == NULL ? g_main_context_default () : context);
  self->source = g_source_new (&mailbox_source_funcs, sizeof (MailboxSource));
  ((MailboxSource *)self->source)->mailbox = self;
  g_source_set_static_name (self->source, "whim-mailbox");
  g_source_set_callback (self->source, mailbox_receive_cb, self, NULL);
  g_source_attach (self->source, self->context);
  return self;
}

void
whim_mailbox_post (WhimMailbox *self, gpointer item)
{
  gboolean refused;

  g_mutex_lock (&self->lock);
  refused = self->closed;
  if (!refused)
    {
      g_queue_push_tail (&self->items, item);
      g_atomic_int_set (&self->waiting, (gint)self->items.length);
      /* under the lock: who receives may let the mailbox go */
      if (self->items.length == 1 && !g_main_context_is_owner (self->context))
        g_main_context_wakeup (self->context);
    }
  g_mutex_unlock (&self->lock);
  if (refused && self->discard != NULL)
    self->discard (item);
}

void
whim_mailbox_close (WhimMailbox *self)
{
  GQueue rest = G_QUEUE_INIT;
  gpointer item;

  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  rest = self->items;
  g_queue_init (&self->items);
  g_atomic_int_set (&self->waiting, 0);
  g_source_destroy (self->source);
  g_mutex_unlock (&self->lock);
  while ((item = g_queue_pop_head (&rest)) != NULL)
    if (self->discard != NULL)
      self->discard (item);
}

WhimMailbox *
whim_mailbox_ref (WhimMailbox *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
whim_mailbox_unref (WhimMailbox *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  if (!self->closed)
    whim_mailbox_close (self);
  g_source_unref (self->source);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  g_free (self);
}
