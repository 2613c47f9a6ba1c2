/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "content/whim-content.h"

#include <string.h>

/* ---- sending --------------------------------------------------------------------------------- */

static void
text_sent_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (WhimMessage) message = whim_messenger_send_text_finish (NULL, result, &error);

  if (message == NULL)
    g_task_return_error (task, error);
  else
    whim_call_return (task, whim_messenger_make_answer (message));
}

static void
call_messages_text (const WhimCall *call, GTask *task)
{
  WhimTextRequest request = { 0 };
  gdouble typing = 0;
  g_autofree const char **mentions = NULL;

  request.ephemeral = -1;
  request.first = call->first;
  g_variant_lookup (call->params, "to", "&s", &request.to);
  g_variant_lookup (call->params, "body", "&s", &request.body);
  g_variant_lookup (call->params, "quoted", "&s", &request.quoted_id);
  g_variant_lookup (call->params, "mentions", "^a&s", &mentions);
  g_variant_lookup (call->params, "ephemeral", "x", &request.ephemeral);
  g_variant_lookup (call->params, "typing_time", "d", &typing);
  g_variant_lookup (call->params, "expires", "x", &request.expires);
  request.mentions = mentions;
  request.typing_ms = (guint)(typing * 1000);
  if (request.ephemeral >= 0 && !whim_content_is_timer (request.ephemeral))
    {
      GError *error = NULL;

      whim_set_field_error (&error, WHIM_ERROR_INVALID_PARAMETER, "ephemeral",
                            "must be 0, 86400, 604800 or 7776000");
      g_task_return_error (task, error);
      return;
    }
  whim_messenger_send_text_async (call->channel->messenger, &request, g_task_get_cancellable (task),
                                  text_sent_cb, g_object_ref (task));
}

static void
call_messages_send_immediate (const WhimCall *call, GTask *task)
{
  WhimTextRequest request = { 0 };

  request.ephemeral = -1;
  request.immediate = TRUE;
  request.first = call->first;
  g_variant_lookup (call->params, "phone", "&s", &request.to);
  g_variant_lookup (call->params, "message", "&s", &request.body);
  whim_messenger_send_text_async (call->channel->messenger, &request, g_task_get_cancellable (task),
                                  text_sent_cb, g_object_ref (task));
}

/* ---- one message ------------------------------------------------------------------------------
 */

typedef struct
{
  gint64 channel;
  char *chat; /* (nullable) */
  WhimMessage *message;
} GetOp;

static void
get_op_free (gpointer data)
{
  GetOp *op = data;

  whim_message_free (op->message);
  g_free (op->chat);
  g_free (op);
}

static void
timeline_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GetOp *op = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GPtrArray) rows
      = whim_store_list_timeline_finish (WHIM_STORE (source), result, &error);
  g_autoptr (GVariant) message = NULL;
  GVariantBuilder timeline;
  GVariantDict dict;

  if (rows == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&timeline, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < rows->len; i++)
    {
      const WhimTimelineRow *row = g_ptr_array_index (rows, i);

      g_variant_builder_open (&timeline, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&timeline, "{sv}", "at", g_variant_new_int64 (row->at / 1000));
      g_variant_builder_add (&timeline, "{sv}", "what", g_variant_new_string (row->what));
      if (*row->who != '\0')
        g_variant_builder_add (&timeline, "{sv}", "who", g_variant_new_string (row->who));
      if (row->detail != NULL)
        g_variant_builder_add (&timeline, "{sv}", "detail", g_variant_new_string (row->detail));
      g_variant_builder_close (&timeline);
    }
  message = g_variant_ref_sink (whim_message_to_variant (op->message));
  g_variant_dict_init (&dict, message);
  g_variant_dict_insert_value (&dict, "timeline", g_variant_builder_end (&timeline));
  whim_call_return (task, g_variant_dict_end (&dict));
}

static gboolean
is_of_chat (const WhimMessage *message, const char *chat)
{
  g_autofree char *pn
      = strchr (chat, '@') != NULL ? NULL : g_strconcat (chat, "@s.whatsapp.net", NULL);
  g_autoptr (WhimJid) jid = whim_jid_parse (pn != NULL ? pn : chat, NULL);
  const char *text = jid == NULL ? chat : whim_jid_get_text (jid);

  return g_strcmp0 (message->chat_lid, text) == 0 || g_strcmp0 (message->chat_pn, text) == 0
         || g_strcmp0 (message->chat_jid, text) == 0;
}

static void
message_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GetOp *op = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GPtrArray) found
      = whim_store_find_message_finish (WHIM_STORE (source), result, &error);
  g_autoptr (GString) candidates = g_string_new ("candidates:");
  const WhimMessage *match = NULL;
  guint n = 0;

  if (found == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  for (guint i = 0; i < found->len; i++)
    {
      const WhimMessage *message = g_ptr_array_index (found, i);

      if (op->chat != NULL && !is_of_chat (message, op->chat))
        continue;
      match = message;
      g_string_append_printf (candidates, " %s", whim_message_get_chat_id (message));
      n++;
    }
  if (n == 0)
    g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_FOUND, "there is no such message");
  else if (n > 1)
    {
      whim_set_error_details (&error, WHIM_ERROR_CONFLICT, candidates->str,
                              "several chats have a message of that id: chatId says which");
      g_task_return_error (task, error);
    }
  else
    {
      op->message = whim_message_copy (match);
      whim_store_list_timeline_async (WHIM_STORE (source), op->channel, match->number,
                                      g_task_get_cancellable (task), timeline_listed_cb,
                                      g_object_ref (task));
    }
}

static void
call_messages_get (const WhimCall *call, GTask *task)
{
  GetOp *op = g_new0 (GetOp, 1);
  const char *id = NULL;

  g_variant_lookup (call->params, "messageId", "&s", &id);
  g_variant_lookup (call->params, "chatId", "s", &op->chat);
  op->channel = call->channel->record->number;
  g_task_set_task_data (task, op, get_op_free);
  whim_store_find_message_async (call->engine->store, op->channel, id,
                                 g_task_get_cancellable (task), message_found_cb,
                                 g_object_ref (task));
}

/* ---- lists ----------------------------------------------------------------------------------- */

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
  { "messages.send-immediate", call_messages_send_immediate },
  { "messages.get", call_messages_get },
  { "messages.list", call_messages_list },
  { "messages.list-chat", call_messages_list },
  { "channels.chat-messages", call_messages_list },
  { NULL },
};
