/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "base/whim-error.h"
#include "base/whim-failpoint.h"

/* What ends a row from outside: somebody cancels it, or its time is over; and who waits for its
 * ack. */

/* How long the caller of an immediate send waits for the server's ack. */
#define IMMEDIATE_MS 30000
/* A row whose time is over is being worked on: looked at again then. */
#define BUSY_AGAIN_S 5

/* ---- cancelling ------------------------------------------------------------------------------ */

typedef struct
{
  WhimMessenger *messenger;
  char *id;
  gboolean dropped;
} CancelOp;

static void
cancel_op_free (gpointer data)
{
  CancelOp *op = data;

  whim_messenger_unref (op->messenger);
  g_free (op->id);
  g_free (op);
}

static void
cancel_committed (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  g_autoptr (GTask) task = data;
  CancelOp *op = g_task_get_task_data (task);

  g_hash_table_remove (messenger->sender->dropping, op->id);
  if (!ok)
    g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_STORE,
                             "it could not be stored");
  else if (!op->dropped)
    g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_LEFT,
                             "it may have left already");
  else
    {
      (void)WHIM_FAILPOINT ("cancel.after-commit");
      g_task_return_boolean (task, TRUE);
    }
}

static void
cancel_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  CancelOp *op = g_task_get_task_data (task);
  WhimMessenger *messenger = op->messenger;
  WhimSender *self = messenger->sender;
  GError *error = NULL;
  g_autoptr (WhimOutboxRow) row
      = whim_store_find_outbox_finish (WHIM_STORE (source), result, &error);
  SendRow *live = g_hash_table_lookup (self->by_id, op->id);
  gint64 now = whim_clock_get_unix_ms (messenger->clock);
  WhimUnit *unit;

  if (row == NULL)
    {
      if (error == NULL)
        error = g_error_new_literal (WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_NOT_IN_QUEUE,
                                     "there is no such message in the queue");
      g_task_return_error (task, error);
      return;
    }
  if (row->state != WHIM_OUTBOX_QUEUED
      || (live != NULL && (live->busy || live->row->state != WHIM_OUTBOX_QUEUED)))
    {
      g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_LEFT,
                               "it may have left already");
      return;
    }
  unit = whim_messenger_new_unit (messenger);
  whim_unit_drop_outbox (unit, op->id, FALSE, "cancelled", now,
                         whim_sender_make_event (self, row, live == NULL ? NULL : live->message,
                                                 WHIM_MESSAGE_STATUS_FAILED, "cancelled",
                                                 now / 1000),
                         &op->dropped);
  g_hash_table_add (self->dropping, g_strdup (op->id));
  if (live != NULL)
    whim_sender_drop (self, live);
  (void)WHIM_FAILPOINT ("cancel.before-commit");
  whim_messenger_commit (messenger, unit, cancel_committed, g_object_ref (task));
}

void
whim_sender_cancel_async (WhimSender *self, const char *id, GTask *task)
{
  CancelOp *op = g_new0 (CancelOp, 1);

  op->messenger = whim_messenger_ref (self->messenger);
  op->id = g_strdup (id);
  g_task_set_task_data (task, op, cancel_op_free);
  whim_store_find_outbox_async (self->messenger->store, self->messenger->channel_number, id, NULL,
                                cancel_found_cb, g_object_ref (task));
}

/* ---- the end of their time -------------------------------------------------------------------
 *
 * One timer per channel that has something in its queue, online or not. */

static void expiry_cb (gpointer user_data);

static void
expire_row (WhimSender *self, const char *id)
{
  SendRow *live = g_hash_table_lookup (self->by_id, id);
  WhimMessenger *messenger = self->messenger;
  WhimUnit *unit;
  GVariantBuilder data;
  gint64 now = whim_clock_get_unix_ms (messenger->clock);
  WhimEvent *event;

  if (live != NULL && live->busy)
    {
      whim_sender_expect_expiry (self, now / 1000 + BUSY_AGAIN_S);
      return;
    }
  if (live != NULL)
    event = whim_sender_make_event (self, live->row, live->message, WHIM_MESSAGE_STATUS_FAILED,
                                    "expired", now / 1000);
  else
    {
      g_variant_builder_init (&data, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&data, "{sv}", "id", g_variant_new_string (id));
      g_variant_builder_add (&data, "{sv}", "fromMe", g_variant_new_boolean (TRUE));
      g_variant_builder_add (&data, "{sv}", "status", g_variant_new_string ("failed"));
      g_variant_builder_add (&data, "{sv}", "statusReason", g_variant_new_string ("expired"));
      g_variant_builder_add (&data, "{sv}", "timestamp", g_variant_new_int64 (now / 1000));
      event = whim_event_new (messenger->channel_id, "message.status", now / 1000,
                              g_variant_builder_end (&data));
    }
  unit = whim_messenger_new_unit (messenger);
  whim_unit_drop_outbox (unit, id, TRUE, "expired", now, event, NULL);
  (void)WHIM_FAILPOINT ("expire.before-commit");
  whim_messenger_commit (messenger, unit, NULL, NULL);
  if (live != NULL)
    {
      if (live->sent_ms != 0)
        g_hash_table_add (self->given_up, g_strdup (id));
      whim_sender_drop (self, live);
    }
}

static void
expired_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimMessenger) messenger = user_data;
  WhimSender *self = messenger->sender;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimExpired) expired
      = whim_store_list_expired_finish (WHIM_STORE (source), result, &error);

  if (!whim_messenger_is_open (messenger))
    return;
  if (expired == NULL)
    {
      g_warning ("%s: the queue cannot be read: %s", messenger->channel_id, error->message);
      return;
    }
  for (guint i = 0; i < expired->ids->len; i++)
    expire_row (self, g_ptr_array_index (expired->ids, i));
  if (expired->ids->len > 0)
    whim_sender_expect_expiry (self, whim_clock_get_unix (messenger->clock) + BUSY_AGAIN_S);
  else if (expired->next != 0)
    whim_sender_expect_expiry (self, expired->next);
}

static void
expiry_cb (gpointer user_data)
{
  WhimSender *self = user_data;
  WhimMessenger *messenger = self->messenger;

  self->expiry_timer = 0;
  self->expiry_at = 0;
  whim_store_list_expired_async (messenger->store, messenger->channel_number,
                                 whim_clock_get_unix (messenger->clock), NULL, expired_listed_cb,
                                 whim_messenger_ref (messenger));
}

void
whim_sender_expect_expiry (WhimSender *self, gint64 at)
{
  WhimClock *clock = self->messenger->clock;

  if (!whim_messenger_is_open (self->messenger)
      || (self->expiry_timer != 0 && self->expiry_at <= at))
    return;
  whim_clock_clear_timer (clock, &self->expiry_timer);
  self->expiry_at = at;
  self->expiry_timer = whim_clock_add_timer (
      clock, MAX (0, at * 1000 - whim_clock_get_unix_ms (clock)), expiry_cb, self);
}

void
whim_messenger_expect_expiry (WhimMessenger *self, gint64 at)
{
  whim_sender_expect_expiry (self->sender, at);
}

/* ---- who waits for an ack -------------------------------------------------------------------- */

typedef struct
{
  WhimMessenger *messenger;
  char *id;
  guint timer;
} WaitOp;

static void
wait_op_free (gpointer data)
{
  WaitOp *op = data;

  whim_clock_clear_timer (op->messenger->clock, &op->timer);
  whim_messenger_unref (op->messenger);
  g_free (op->id);
  g_free (op);
}

static void
wait_timeout_cb (gpointer user_data)
{
  WaitOp *op = user_data;
  GError *error = NULL;
  g_autofree char *id = g_strdup (op->id);
  g_autofree char *details = g_strconcat ("messageId: ", id, NULL);

  op->timer = 0;
  whim_set_error_details (&error, WHIM_ERROR_TIMED_OUT, details,
                          "no acknowledgement in time; a late one still counts");
  whim_sender_answer_waiter (op->messenger->sender, id, NULL, error);
}

void
whim_sender_wait_for_ack (WhimSender *self, const char *id, GTask *task)
{
  WaitOp *op = g_new0 (WaitOp, 1);

  op->messenger = whim_messenger_ref (self->messenger);
  op->id = g_strdup (id);
  op->timer = whim_clock_add_timer (op->messenger->clock, IMMEDIATE_MS, wait_timeout_cb, op);
  g_task_set_task_data (task, op, wait_op_free);
  g_hash_table_replace (self->waiters, g_strdup (id), task);
}

void
whim_sender_answer_waiter (WhimSender *self, const char *id, WhimMessage *message, GError *error)
{
  GTask *found = g_hash_table_lookup (self->waiters, id);
  g_autoptr (GTask) task = found == NULL ? NULL : g_object_ref (found);

  if (task == NULL)
    {
      whim_message_free (message);
      g_clear_error (&error);
      return;
    }
  g_hash_table_remove (self->waiters, id);
  if (message != NULL)
    g_task_return_pointer (task, message, (GDestroyNotify)whim_message_free);
  else
    g_task_return_error (task, error);
}

void
whim_sender_fail_waiters (WhimSender *self)
{
  g_autoptr (GList) ids = g_hash_table_get_keys (self->waiters);

  for (GList *l = ids; l != NULL; l = l->next)
    {
      g_autofree char *id = g_strdup (l->data);
      g_autofree char *details = g_strconcat ("messageId: ", id, NULL);
      GError *error = NULL;

      whim_set_error_details (&error, WHIM_ERROR_TIMED_OUT, details,
                              "the channel went away before the acknowledgement");
      whim_sender_answer_waiter (self, id, NULL, error);
    }
}
