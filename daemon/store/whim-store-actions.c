/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-actions.h"

#include "store/whim-store-private.h"

typedef struct
{
  char *id;
  char *sender;
  char *emoji;
  gint64 timestamp;
  WhimEvent *event;
} Reaction;

static void
reaction_free (gpointer data)
{
  Reaction *self = data;

  g_free (self->id);
  g_free (self->sender);
  g_free (self->emoji);
  g_clear_pointer (&self->event, whim_event_free);
  g_free (self);
}

static gboolean
put_reaction (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const Reaction *self = data;

  if (!whim_db_run (db, error, WHIM_SQL_PUT_REACTION, whim_value_int (context->channel),
                    whim_value_text (self->id), whim_value_text (self->sender),
                    whim_value_text (self->emoji), whim_value_int (self->timestamp)))
    return FALSE;
  if (whim_db_get_changes (db) == 0 || self->event == NULL)
    return TRUE;
  return whim_journal_append (db, context, self->event, error);
}

void
whim_unit_put_reaction (WhimUnit *self,
                        const char *id,
                        const char *sender,
                        const char *emoji,
                        gint64 timestamp,
                        WhimEvent *event)
{
  Reaction *reaction = g_new0 (Reaction, 1);

  reaction->id = g_strdup (id);
  reaction->sender = g_strdup (sender == NULL ? "" : sender);
  reaction->emoji = g_strdup (emoji);
  reaction->timestamp = timestamp;
  reaction->event = event;
  whim_unit_add_procedure (self, put_reaction, reaction, reaction_free);
}
