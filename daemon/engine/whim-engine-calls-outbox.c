/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

/* @banned_until: Unix seconds; 0: nothing but the row itself holds it */
typedef struct
{
  gint64 limit;
  gint64 offset;
  gint64 banned_until;
} OutboxAsk;

static OutboxAsk *
ask_new (const WhimCall *call, GTask *task)
{
  OutboxAsk *ask = g_new0 (OutboxAsk, 1);

  g_variant_lookup (call->params, "limit", "x", &ask->limit);
  g_variant_lookup (call->params, "offset", "x", &ask->offset);
  ask->banned_until = whim_messenger_get_ban (call->channel->messenger);
  g_task_set_task_data (task, ask, g_free);
  return ask;
}

static GVariant *
row_to_variant (const WhimOutboxRow *row, const OutboxAsk *ask, gint64 now_ms)
{
  gboolean banned = ask->banned_until * 1000 > MAX (row->not_before, now_ms);
  gint64 not_before = banned ? ask->banned_until * 1000 : row->not_before;
  const char *reason = banned ? WHIM_REASON_WORD_RESTRICTED : row->reason;
  gboolean held = row->state == WHIM_OUTBOX_QUEUED && not_before > now_ms;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "id", g_variant_new_string (row->message_id));
  g_variant_builder_add (&builder, "{sv}", "messageId", g_variant_new_string (row->message_id));
  g_variant_builder_add (&builder, "{sv}", "chatId", g_variant_new_string (row->chat));
  g_variant_builder_add (&builder, "{sv}", "state",
                         g_variant_new_string (held                               ? "held"
                                               : row->state == WHIM_OUTBOX_SEALED ? "sealed"
                                                                                  : "queued"));
  if (held && reason != NULL)
    g_variant_builder_add (&builder, "{sv}", "reason", g_variant_new_string (reason));
  if (held)
    g_variant_builder_add (&builder, "{sv}", "notBefore", g_variant_new_int64 (not_before / 1000));
  g_variant_builder_add (&builder, "{sv}", "createdAt", g_variant_new_int64 (row->created_at));
  g_variant_builder_add (&builder, "{sv}", "expiresAt", g_variant_new_int64 (row->expires_at));
  return g_variant_builder_end (&builder);
}

static void
outbox_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  const OutboxAsk *ask = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (WhimPage) page = whim_store_page_outbox_finish (WHIM_STORE (source), result, &error);
  GVariantBuilder items;

  if (page == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&items, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < page->items->len; i++)
    g_variant_builder_add_value (&items, row_to_variant (g_ptr_array_index (page->items, i), ask,
                                                         whim_clock_get_unix_ms (self->clock)));
  whim_call_return (task, whim_call_make_list (&items, page->total, ask->limit, ask->offset));
}

static void
call_outbox_list (const WhimCall *call, GTask *task)
{
  const OutboxAsk *ask = ask_new (call, task);

  whim_store_page_outbox_async (
      call->engine->store, call->channel->record->number, (guint)ask->limit, (guint)ask->offset,
      g_task_get_cancellable (task), outbox_listed_cb, g_object_ref (task));
}

static void
outbox_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (WhimOutboxRow) row
      = whim_store_find_outbox_finish (WHIM_STORE (source), result, &error);

  if (row != NULL)
    whim_call_return (task, row_to_variant (row, g_task_get_task_data (task),
                                            whim_clock_get_unix_ms (self->clock)));
  else if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_FOUND,
                             "there is no such message in the queue");
}

static void
call_outbox_get (const WhimCall *call, GTask *task)
{
  const char *id = NULL;

  ask_new (call, task);
  g_variant_lookup (call->params, "messageId", "&s", &id);
  whim_store_find_outbox_async (call->engine->store, call->channel->record->number, id,
                                g_task_get_cancellable (task), outbox_found_cb,
                                g_object_ref (task));
}

static void
cancelled_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (whim_messenger_cancel_finish (NULL, result, &error))
    whim_call_return_nothing (task);
  else
    g_task_return_error (task, error);
}

static void
call_outbox_cancel (const WhimCall *call, GTask *task)
{
  const char *id = NULL;

  g_variant_lookup (call->params, "messageId", "&s", &id);
  whim_messenger_cancel_async (call->channel->messenger, id, NULL, cancelled_cb,
                               g_object_ref (task));
}

const WhimCallRow whim_calls_outbox[] = {
  { "outbox.list", call_outbox_list },
  { "outbox.get", call_outbox_get },
  { "outbox.cancel", call_outbox_cancel },
  { NULL },
};
