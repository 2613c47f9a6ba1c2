/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "transport/whim-gate.h"

typedef struct
{
  guint ticket;
  WhimGateTurn turn;
  gpointer user_data;
} Visitor;

struct _WhimGate
{
  guint width;
  guint last_ticket;
  GHashTable *inside;    /* set of tickets */
  GQueue waiting;        /* of Visitor */
  GHashTable *by_ticket; /* ticket -> its link in @waiting */
};

WhimGate *
whim_gate_new (guint width)
{
  WhimGate *self = g_new0 (WhimGate, 1);

  self->width = width;
  self->inside = g_hash_table_new (NULL, NULL);
  self->by_ticket = g_hash_table_new (NULL, NULL);
  g_queue_init (&self->waiting);
  return self;
}

void
whim_gate_free (WhimGate *self)
{
  g_queue_clear_full (&self->waiting, g_free);
  g_hash_table_unref (self->inside);
  g_hash_table_unref (self->by_ticket);
  g_free (self);
}

/* A turn may end at once and come back here: each round looks anew. */
static void
gate_admit (WhimGate *self)
{
  while (g_hash_table_size (self->inside) < self->width && !g_queue_is_empty (&self->waiting))
    {
      g_autofree Visitor *visitor = g_queue_pop_head (&self->waiting);

      g_hash_table_remove (self->by_ticket, GUINT_TO_POINTER (visitor->ticket));
      g_hash_table_add (self->inside, GUINT_TO_POINTER (visitor->ticket));
      visitor->turn (visitor->user_data);
    }
}

void
whim_gate_enter (WhimGate *self, WhimGateTurn turn, gpointer user_data, guint *ticket)
{
  Visitor *visitor = g_new0 (Visitor, 1);

  do
    self->last_ticket++;
  while (self->last_ticket == 0
         || g_hash_table_contains (self->inside, GUINT_TO_POINTER (self->last_ticket))
         || g_hash_table_contains (self->by_ticket, GUINT_TO_POINTER (self->last_ticket)));
  visitor->ticket = self->last_ticket;
  visitor->turn = turn;
  visitor->user_data = user_data;
  *ticket = visitor->ticket;
  g_queue_push_tail (&self->waiting, visitor);
  g_hash_table_insert (self->by_ticket, GUINT_TO_POINTER (visitor->ticket),
                       g_queue_peek_tail_link (&self->waiting));
  gate_admit (self);
}

void
whim_gate_leave (WhimGate *self, guint *ticket)
{
  gpointer key = GUINT_TO_POINTER (*ticket);
  GList *link;

  if (*ticket == 0)
    return;
  *ticket = 0;
  link = g_hash_table_lookup (self->by_ticket, key);
  if (link != NULL)
    {
      g_free (link->data);
      g_queue_delete_link (&self->waiting, link);
      g_hash_table_remove (self->by_ticket, key);
    }
  else if (g_hash_table_remove (self->inside, key))
    gate_admit (self);
}

guint
whim_gate_get_n_inside (WhimGate *self)
{
  return g_hash_table_size (self->inside);
}

guint
whim_gate_get_n_waiting (WhimGate *self)
{
  return self->waiting.length;
}
