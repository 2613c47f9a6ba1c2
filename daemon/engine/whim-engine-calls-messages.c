/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

static void
text_sent_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (WhimMessage) message = whim_messenger_send_text_finish (NULL, result, &error);
  GVariantBuilder builder;

  if (message == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "messageId", g_variant_new_string (message->id));
  g_variant_builder_add (&builder, "{sv}", "sent", g_variant_new_boolean (TRUE));
  g_variant_builder_add (&builder, "{sv}", "queued", g_variant_new_boolean (TRUE));
  g_variant_builder_add (&builder, "{sv}", "message", whim_message_to_variant (message));
  whim_call_return (task, g_variant_builder_end (&builder));
}

static void
call_messages_text (const WhimCall *call, GTask *task)
{
  const char *to = NULL;
  const char *body = NULL;

  g_variant_lookup (call->params, "to", "&s", &to);
  g_variant_lookup (call->params, "body", "&s", &body);
  whim_messenger_send_text_async (call->channel->messenger, to, body, NULL,
                                  g_task_get_cancellable (task), text_sent_cb, g_object_ref (task));
}

static void
messages_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  const WhimPageArgs *args = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (WhimPage) page = whim_store_list_messages_finish (WHIM_STORE (source), result, &error);
  GVariantBuilder items;

  if (page == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&items, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < page->items->len; i++)
    g_variant_builder_add_value (&items,
                                 whim_message_to_variant (g_ptr_array_index (page->items, i)));
  whim_call_return (task, whim_call_make_list (&items, page->total, args->limit, args->offset));
}

static void
call_messages_list (const WhimCall *call, GTask *task)
{
  const WhimPageArgs *args = whim_call_take_page (call, task);
  WhimMessageQuery query = { 0 };

  query.limit = (guint)args->limit;
  query.offset = (guint)args->offset;
  query.from_me = -1;
  g_variant_lookup (call->params, "chatId", "&s", &query.chat);
  whim_store_list_messages_async (call->engine->store, call->channel->record->number, &query,
                                  g_task_get_cancellable (task), messages_listed_cb,
                                  g_object_ref (task));
}

const WhimCallRow whim_calls_messages[] = {
  { "messages.text", call_messages_text },
  { "messages.list", call_messages_list },
  { "messages.list-chat", call_messages_list },
  { "channels.chat-messages", call_messages_list },
  { NULL },
};
