/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "base/whim-random.h"

/* What each operation does. A handler owns a reference on the task and returns it once. */

typedef struct
{
  WhimEngine *engine;
  const WhimCaller *caller;
  WhimChannel *channel; /* channel-scoped operations */
  GVariant *params;
} Call;

typedef void (*CallHandler) (const Call *call, GTask *task);

static void
return_variant (GTask *task, GVariant *value)
{
  g_task_return_pointer (task, g_variant_ref_sink (value), (GDestroyNotify)g_variant_unref);
}

static void
return_nothing (GTask *task)
{
  return_variant (task, g_variant_new_parsed ("@a{sv} {}"));
}

static GVariant *
make_list (GVariantBuilder *items, guint64 total, gint64 limit, gint64 offset)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "items", g_variant_builder_end (items));
  g_variant_builder_add (&builder, "{sv}", "total", g_variant_new_int64 ((gint64)total));
  g_variant_builder_add (&builder, "{sv}", "count", g_variant_new_int64 (limit));
  g_variant_builder_add (&builder, "{sv}", "offset", g_variant_new_int64 (offset));
  return g_variant_builder_end (&builder);
}

/* ---- channels -------------------------------------------------------------------------------- */

static void
call_channels_list (const Call *call, GTask *task)
{
  GVariantBuilder items;
  guint n = 0;

  g_variant_builder_init (&items, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < call->engine->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (call->engine->channels, i);

      if (channel->deleting || !whim_caller_may_see (call->caller, channel->record->id))
        continue;
      g_variant_builder_add_value (&items, whim_channel_to_variant (channel));
      n++;
    }
  return_variant (task, make_list (&items, n, n, 0));
}

/* A change of a channel's record is on disk before it shows. */
static void
record_committed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  WhimChannelRecord *record = g_task_get_task_data (task);
  WhimChannel *channel = whim_engine_find_channel (self, record->id);
  GError *error = NULL;

  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (channel == NULL && self->stopping)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_INTERNAL, "the daemon is stopping");
      return;
    }
  if (channel == NULL)
    {
      WhimChannelRecord *own = whim_channel_record_new ();

      own->number = record->number;
      own->id = g_strdup (record->id);
      own->name = g_strdup (record->name);
      own->department = g_strdup (record->department);
      own->auto_connect = record->auto_connect;
      own->created_at = record->created_at;
      own->settings = g_strdup (record->settings);
      channel = whim_channel_new (self, own);
      g_ptr_array_add (self->channels, channel);
      g_hash_table_insert (self->by_id, channel->record->id, channel);
    }
  else
    {
      g_free (channel->record->name);
      channel->record->name = g_strdup (record->name);
      g_free (channel->record->department);
      channel->record->department = g_strdup (record->department);
      channel->record->auto_connect = record->auto_connect;
    }
  return_variant (task, whim_channel_to_variant (channel));
}

static void
commit_record (WhimEngine *self, WhimChannelRecord *record, GTask *task)
{
  WhimUnit *unit = whim_unit_new (record->number);

  whim_unit_put_channel (unit, record);
  g_task_set_task_data (task, record, (GDestroyNotify)whim_channel_record_free);
  whim_store_commit_async (self->store, unit, NULL, record_committed_cb, g_object_ref (task));
}

static void
call_channels_create (const Call *call, GTask *task)
{
  WhimChannelRecord *record = whim_channel_record_new ();
  gboolean auto_connect = TRUE;

  record->number = whim_store_take_channel_number (call->engine->store);
  record->id = whim_random_id ("ch_");
  record->settings = g_strdup ("{}");
  record->created_at = whim_clock_get_unix (call->engine->clock);
  g_variant_lookup (call->params, "name", "s", &record->name);
  g_variant_lookup (call->params, "department", "s", &record->department);
  g_variant_lookup (call->params, "autoConnect", "b", &auto_connect);
  record->auto_connect = auto_connect;
  commit_record (call->engine, record, task);
}

static void
call_channels_get (const Call *call, GTask *task)
{
  return_variant (task, whim_channel_to_variant (call->channel));
}

static void
call_channels_update (const Call *call, GTask *task)
{
  const WhimChannelRecord *now = call->channel->record;
  WhimChannelRecord *record = whim_channel_record_new ();
  gboolean auto_connect = now->auto_connect;

  record->number = now->number;
  record->id = g_strdup (now->id);
  record->settings = g_strdup (now->settings);
  record->created_at = now->created_at;
  record->rest_reason = now->rest_reason;
  record->rest_detail = g_strdup (now->rest_detail);
  if (!g_variant_lookup (call->params, "name", "s", &record->name))
    record->name = g_strdup (now->name);
  if (!g_variant_lookup (call->params, "department", "s", &record->department))
    record->department = g_strdup (now->department);
  g_variant_lookup (call->params, "autoConnect", "b", &auto_connect);
  record->auto_connect = auto_connect;
  commit_record (call->engine, record, task);
}

typedef struct
{
  GTask *task;
  char *channel_id;
} DeleteOp;

static void
deleted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  DeleteOp *op = user_data;
  g_autoptr (GTask) task = op->task;
  g_autofree char *id = op->channel_id;
  WhimEngine *self = g_task_get_source_object (task);
  WhimChannel *channel = whim_engine_find_channel (self, id);
  GError *error = NULL;

  g_free (op);
  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    {
      if (channel != NULL)
        channel->deleting = FALSE;
      g_task_return_error (task, error);
      return;
    }
  if (channel != NULL)
    {
      g_hash_table_remove (self->by_id, id);
      g_ptr_array_remove (self->channels, channel);
    }
  return_nothing (task);
}

/* Logged out, or given up after the grace: now everything goes. */
static void
delete_logged_out_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  DeleteOp *op = user_data;
  WhimEngine *self = g_task_get_source_object (op->task);
  WhimChannel *channel = whim_engine_find_channel (self, op->channel_id);
  WhimUnit *unit;

  if (!g_task_propagate_boolean (G_TASK (result), NULL) || channel == NULL)
    {
      g_task_return_new_error (op->task, WHIM_ERROR, WHIM_ERROR_CONFLICT,
                               "the channel could not be deleted");
      g_object_unref (op->task);
      g_free (op->channel_id);
      g_free (op);
      return;
    }
  unit = whim_unit_new (channel->record->number);
  whim_unit_delete_channel (unit);
  whim_store_commit_async (self->store, unit, NULL, deleted_cb, op);
}

static void
call_channels_delete (const Call *call, GTask *task)
{
  DeleteOp *op = g_new0 (DeleteOp, 1);
  g_autoptr (GTask) logout = NULL;

  op->task = g_object_ref (task);
  op->channel_id = g_strdup (call->channel->record->id);
  call->channel->deleting = TRUE;
  logout = g_task_new (call->engine, NULL, delete_logged_out_cb, op);
  whim_channel_logout (call->channel, logout);
}

static void
call_channels_connect (const Call *call, GTask *task)
{
  whim_channel_connect (call->channel, task);
}

static GVariant *
make_status (WhimChannel *channel)
{
  g_autoptr (GVariant) all = g_variant_ref_sink (whim_channel_to_variant (channel));
  static const char *const names[] = { "status", "reason", "detail", "since" };
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (all, names[i], NULL);

      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", names[i], value);
    }
  return g_variant_builder_end (&builder);
}

static void
call_channels_disconnect (const Call *call, GTask *task)
{
  whim_session_disconnect (call->channel->session);
  return_variant (task, make_status (call->channel));
}

static void
logged_out_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    return_nothing (task);
  else
    g_task_return_error (task, error);
}

static void
call_channels_logout (const Call *call, GTask *task)
{
  g_autoptr (GTask) logout = g_task_new (call->engine, NULL, logged_out_cb, g_object_ref (task));

  whim_channel_logout (call->channel, logout);
}

static void
call_channels_status (const Call *call, GTask *task)
{
  return_variant (task, make_status (call->channel));
}

static const char *
find_code (const Call *call, GTask *task, gint64 *expires_at)
{
  const char *code = whim_session_get_code (call->channel->session, expires_at);

  if (whim_channel_is_paired (call->channel))
    g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_ALREADY_PAIRED,
                             "an account is linked already");
  else if (code == NULL)
    g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_PAIRING,
                             "there is no code: connect the channel first");
  else
    return code;
  return NULL;
}

static void
call_channels_qr (const Call *call, GTask *task)
{
  gint64 expires_at = 0;
  const char *code = find_code (call, task, &expires_at);

  if (code != NULL)
    g_task_return_pointer (task, whim_channel_code_to_variant (call->channel, code, expires_at),
                           (GDestroyNotify)g_variant_unref);
}

/* ---- messages and chats ------------------------------------------------------------------------
 */

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
  return_variant (task, g_variant_builder_end (&builder));
}

static void
call_messages_text (const Call *call, GTask *task)
{
  const char *to = NULL;
  const char *body = NULL;

  g_variant_lookup (call->params, "to", "&s", &to);
  g_variant_lookup (call->params, "body", "&s", &body);
  whim_messenger_send_text_async (call->channel->messenger, to, body, NULL,
                                  g_task_get_cancellable (task), text_sent_cb, g_object_ref (task));
}

typedef struct
{
  gint64 limit;
  gint64 offset;
} PageArgs;

static PageArgs *
take_page (const Call *call, GTask *task)
{
  PageArgs *args = g_new0 (PageArgs, 1);

  g_variant_lookup (call->params, "limit", "x", &args->limit);
  g_variant_lookup (call->params, "offset", "x", &args->offset);
  g_task_set_task_data (task, args, g_free);
  return args;
}

static void
messages_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  const PageArgs *args = g_task_get_task_data (task);
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
  return_variant (task, make_list (&items, page->total, args->limit, args->offset));
}

static void
call_messages_list (const Call *call, GTask *task)
{
  const PageArgs *args = take_page (call, task);
  WhimMessageQuery query = { 0 };

  query.limit = (guint)args->limit;
  query.offset = (guint)args->offset;
  query.from_me = -1;
  g_variant_lookup (call->params, "chatId", "&s", &query.chat);
  whim_store_list_messages_async (call->engine->store, call->channel->record->number, &query,
                                  g_task_get_cancellable (task), messages_listed_cb,
                                  g_object_ref (task));
}

static void
chats_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  const PageArgs *args = g_task_get_task_data (task);
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
  return_variant (task, make_list (&items, page->total, args->limit, args->offset));
}

static void
call_chats_list (const Call *call, GTask *task)
{
  const PageArgs *args = take_page (call, task);

  whim_store_list_chats_async (call->engine->store, call->channel->record->number,
                               (guint)args->limit, (guint)args->offset,
                               g_task_get_cancellable (task), chats_listed_cb, g_object_ref (task));
}

/* ---- system ------------------------------------------------------------------------------------
 */

static void
call_system_health (const Call *call, GTask *task)
{
  GVariantBuilder builder;
  GVariantBuilder channels;
  gint64 connected = 0;
  gboolean healthy = whim_store_is_healthy (call->engine->store);
  gboolean degraded = !healthy;

  for (guint i = 0; i < call->engine->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (call->engine->channels, i);
      WhimChannelState state = whim_session_get_public_state (channel->session);

      if (state == WHIM_CHANNEL_STATE_CONNECTED)
        connected++;
      else if (whim_channel_is_paired (channel) && channel->record->auto_connect
               && whim_session_get_state (channel->session) != WHIM_SESSION_OFFLINE)
        degraded = TRUE; /* it should be connected and is not */
    }
  g_variant_builder_init (&channels, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&channels, "{sv}", "total",
                         g_variant_new_int64 (call->engine->channels->len));
  g_variant_builder_add (&channels, "{sv}", "connected", g_variant_new_int64 (connected));
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "status",
                         g_variant_new_string (degraded ? "degraded" : "ok"));
  g_variant_builder_add (&builder, "{sv}", "timestamp",
                         g_variant_new_int64 (whim_clock_get_unix (call->engine->clock)));
  g_variant_builder_add (&builder, "{sv}", "database",
                         g_variant_new_string (healthy ? "ok" : "error"));
  g_variant_builder_add (&builder, "{sv}", "redis", g_variant_new_string ("not_used"));
  g_variant_builder_add (&builder, "{sv}", "channels", g_variant_builder_end (&channels));
  g_variant_builder_add (&builder, "{sv}", "auth", g_variant_new_string ("required"));
  return_variant (task, g_variant_builder_end (&builder));
}

static const struct
{
  const char *name;
  CallHandler handle;
} handlers[] = {
  { "channels.list", call_channels_list },
  { "channels.create", call_channels_create },
  { "channels.get", call_channels_get },
  { "channels.update", call_channels_update },
  { "channels.delete", call_channels_delete },
  { "channels.connect", call_channels_connect },
  { "channels.disconnect", call_channels_disconnect },
  { "channels.logout", call_channels_logout },
  { "channels.status", call_channels_status },
  { "channels.qr", call_channels_qr },
  { "channels.qr-image", call_channels_qr },
  { "messages.text", call_messages_text },
  { "messages.list", call_messages_list },
  { "messages.list-chat", call_messages_list },
  { "chats.list", call_chats_list },
  { "system.health", call_system_health },
};

void
whim_engine_dispatch (WhimEngine *self,
                      const WhimOperation *operation,
                      const WhimCaller *caller,
                      WhimChannel *channel,
                      GVariant *params,
                      GTask *task)
{
  const Call call = { self, caller, channel, params };

  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    if (g_strcmp0 (handlers[i].name, operation->name) == 0)
      {
        handlers[i].handle (&call, task);
        return;
      }
  g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_INTERNAL, "the operation has no handler");
}
