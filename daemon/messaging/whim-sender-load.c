/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

/* Who stands in line: at the login what is on disk, in order of acceptance; then what is accepted.
 *
 * What is accepted while the disk is read waits for that, or it would overtake what is older. It
 * may come from both sides: a commit can be seen before it is reported. */

static SendRow *
add_row (WhimSender *self, WhimOutboxRow *row)
{
  SendRow *send_row = g_new0 (SendRow, 1);

  send_row->row = row;
  g_queue_push_tail (&self->rows, send_row);
  g_hash_table_replace (self->by_id, row->message_id, send_row);
  return send_row;
}

void
whim_sender_add (WhimSender *self, WhimOutboxRow *row, WhimMessage *message, WhimStanding *standing)
{
  SendRow *send_row = add_row (self, row);

  send_row->message = message;
  send_row->standing = standing;
  if (self->loaded)
    whim_sender_line_up (self, send_row);
}

/* ---- coming online --------------------------------------------------------------------------- */

typedef struct
{
  WhimMessenger *messenger;
  guint generation;
} LoadOp;

static void
line_up_loaded (WhimSender *self, GPtrArray *rows)
{
  /* accepted meanwhile; a row that was dropped is not looked at, only looked for */
  g_autoptr (GList) early = g_list_copy (self->rows.head);
  guint generation = self->generation;

  self->loaded = TRUE;
  for (guint i = 0; rows != NULL && i < rows->len && generation == self->generation; i++)
    {
      WhimOutboxRow *row = g_ptr_array_index (rows, i);

      if (g_hash_table_contains (self->by_id, row->message_id)
          || g_hash_table_contains (self->dropping, row->message_id))
        continue; /* its turn comes below; or it is being cancelled, and will be gone */
      whim_sender_line_up (self, add_row (self, g_steal_pointer (&rows->pdata[i])));
    }
  for (GList *l = early; l != NULL && generation == self->generation; l = l->next)
    if (g_queue_find (&self->rows, l->data) != NULL)
      whim_sender_line_up (self, l->data);
}

static void
rows_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  LoadOp *op = user_data;
  g_autoptr (WhimMessenger) messenger = op->messenger;
  WhimSender *self = messenger->sender;
  gboolean current = op->generation == self->generation;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = whim_store_load_outbox_finish (WHIM_STORE (source), result, &error);

  g_free (op);
  self->loading = FALSE;
  if (rows == NULL)
    g_warning ("%s: the queue cannot be read: %s", messenger->channel_id, error->message);
  if (self->online && current)
    line_up_loaded (self, rows);
  else
    whim_sender_load (self); /* what was read is of an earlier connection */
}

void
whim_sender_load (WhimSender *self)
{
  LoadOp *op;

  /* what is on its way to disk is read when it is there */
  self->load_wanted = self->committing > 0;
  if (self->load_wanted || self->loading || !self->online)
    return;
  self->loading = TRUE;
  op = g_new0 (LoadOp, 1);
  op->messenger = whim_messenger_ref (self->messenger);
  op->generation = self->generation;
  whim_store_load_outbox_async (self->messenger->store, self->messenger->channel_number, NULL,
                                rows_loaded_cb, op);
}

void
whim_sender_session_changed (WhimSender *self)
{
  gboolean online = whim_session_get_state (self->messenger->session) == WHIM_SESSION_ONLINE;

  if (online == self->online)
    return;
  if (!online)
    {
      whim_sender_discard (self);
      return;
    }
  self->online = TRUE;
  whim_sender_load (self);
}
