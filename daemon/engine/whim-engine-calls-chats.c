/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

static void
chats_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  const WhimPageArgs *args = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (WhimPage) page = whim_store_list_chats_finish (WHIM_STORE (source), result, &error);
  GVariantBuilder items;

  if (page == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&items, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < page->items->len; i++)
    g_variant_builder_add_value (&items, whim_chat_to_variant (g_ptr_array_index (page->items, i)));
  whim_call_return (task, whim_call_make_list (&items, page->total, args->limit, args->offset));
}

static void
call_chats_list (const WhimCall *call, GTask *task)
{
  const WhimPageArgs *args = whim_call_take_page (call, task);

  whim_store_list_chats_async (call->engine->store, call->channel->record->number,
                               (guint)args->limit, (guint)args->offset,
                               g_task_get_cancellable (task), chats_listed_cb, g_object_ref (task));
}

static void
chat_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (WhimChat) chat = whim_store_find_chat_finish (WHIM_STORE (source), result, &error);

  if (error != NULL)
    g_task_return_error (task, error);
  else if (chat == NULL)
    g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_FOUND, "chat not found");
  else
    whim_call_return (task, whim_chat_to_variant (chat));
}

static void
call_chats_get (const WhimCall *call, GTask *task)
{
  const char *id = NULL;

  g_variant_lookup (call->params, "chatId", "&s", &id);
  whim_store_find_chat_async (call->engine->store, call->channel->record->number, id,
                              g_task_get_cancellable (task), chat_found_cb, g_object_ref (task));
}

const WhimCallRow whim_calls_chats[] = {
  { "chats.list", call_chats_list },
  { "chats.get", call_chats_get },
  { "channels.chats", call_chats_list },
  { NULL },
};
