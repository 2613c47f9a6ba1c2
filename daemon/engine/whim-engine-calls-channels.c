/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "base/whim-random.h"

#include <string.h>

/* dossier 1, 6.3; ITU E.164 */
#define PHONE_MIN 7u
#define PHONE_MAX 15u

static GVariant *
answer_channels_list (const WhimCall *call, GError **error)
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
  return whim_call_make_list (&items, n, n, 0);
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
      channel = whim_channel_new (self, own, 0);
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
      channel->starting = channel->starting && record->auto_connect;
      g_free (channel->record->settings);
      channel->record->settings = g_strdup (record->settings);
      whim_channel_apply_settings (channel);
    }
  whim_engine_channel_changed (self, channel->record->id);
  whim_call_return (task, whim_channel_to_variant (channel));
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
call_channels_create (const WhimCall *call, GTask *task)
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

static GVariant *
answer_channels_get (const WhimCall *call, GError **error)
{
  return whim_channel_to_variant (call->channel);
}

static void
call_channels_update (const WhimCall *call, GTask *task)
{
  const WhimChannelRecord *now = call->channel->record;
  WhimChannelRecord *record = whim_channel_record_new ();
  g_autoptr (GVariant) given
      = g_variant_lookup_value (call->params, "settings", G_VARIANT_TYPE_VARDICT);
  WhimChannelSettings settings = whim_channel_settings_parse (now->settings);
  gboolean auto_connect = now->auto_connect;
  GError *error = NULL;

  if (given != NULL && !whim_channel_settings_update (&settings, given, &error))
    {
      whim_channel_record_free (record);
      g_task_return_error (task, error);
      return;
    }
  record->number = now->number;
  record->id = g_strdup (now->id);
  record->settings = whim_channel_settings_to_json (&settings);
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
        {
          channel->deleting = FALSE;
          whim_engine_channel_changed (self, id);
        }
      g_task_return_error (task, error);
      return;
    }
  whim_engine_drop_channel_hooks (self, id);
  whim_engine_drop_channel_keys (self, id);
  if (channel != NULL)
    {
      g_hash_table_remove (self->by_id, id);
      g_ptr_array_remove (self->channels, channel);
    }
  whim_engine_channel_changed (self, id);
  whim_call_return_nothing (task);
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
      if (channel != NULL)
        channel->deleting = FALSE;
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
call_channels_delete (const WhimCall *call, GTask *task)
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
call_channels_connect (const WhimCall *call, GTask *task)
{
  whim_channel_connect (call->channel, task);
}

/* International digits (dossier 1, 6.3), however people write them; NULL if it cannot be one. */
static char *
clean_phone (const char *text)
{
  g_autoptr (GString) digits = g_string_new (NULL);
  gboolean plus = FALSE;

  for (const char *at = text; *at != '\0'; at++)
    if (g_ascii_isdigit (*at))
      g_string_append_c (digits, *at);
    else if (*at == '+' && digits->len == 0 && !plus)
      plus = TRUE;
    else if (strchr (" -.()/", *at) == NULL)
      return NULL;
  if (digits->len < PHONE_MIN || digits->len > PHONE_MAX || digits->str[0] == '0')
    return NULL;
  return g_string_free (g_steal_pointer (&digits), FALSE);
}

void
whim_call_connect_phone (const WhimCall *call, GTask *task)
{
  g_autofree char *phone = NULL;
  const char *text = NULL;

  g_variant_lookup (call->params, "phoneNumber", "&s", &text);
  phone = clean_phone (text);
  if (phone == NULL)
    {
      GError *error = NULL;

      whim_set_field_error (&error, WHIM_ERROR_INVALID_PARAMETER, "phoneNumber",
                            "expected an international number of 7 to 15 digits");
      g_task_return_error (task, error);
      return;
    }
  whim_channel_connect_phone (call->channel, phone, task);
}

static GVariant *
make_status (WhimChannel *channel)
{
  g_autoptr (GVariant) all = g_variant_ref_sink (whim_channel_to_variant (channel));
  static const char *const names[]
      = { "status", "reason", "detail", "since", "until", "restrictions" };
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
call_channels_disconnect (const WhimCall *call, GTask *task)
{
  call->channel->starting = FALSE;
  whim_engine_forget_health (call->engine);
  whim_session_disconnect (call->channel->session);
  whim_call_return (task, make_status (call->channel));
}

static void
logged_out_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    whim_call_return_nothing (task);
  else
    g_task_return_error (task, error);
}

static void
call_channels_logout (const WhimCall *call, GTask *task)
{
  g_autoptr (GTask) logout = g_task_new (call->engine, NULL, logged_out_cb, g_object_ref (task));

  whim_channel_logout (call->channel, logout);
}

static GVariant *
answer_channels_status (const WhimCall *call, GError **error)
{
  return make_status (call->channel);
}

static GVariant *
answer_channels_qr (const WhimCall *call, GError **error)
{
  gint64 expires_at = 0;
  const char *code = whim_session_get_code (call->channel->session, &expires_at);

  if (whim_channel_is_paired (call->channel))
    g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_ALREADY_PAIRED,
                         "an account is linked already");
  else if (code == NULL)
    g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_NOT_PAIRING,
                         "there is no code: connect the channel first");
  else
    return whim_channel_code_to_variant (call->channel, code, expires_at);
  return NULL;
}

const WhimCallRow whim_calls_channels[] = {
  { "channels.list", .answer = answer_channels_list },
  { "channels.create", call_channels_create },
  { "channels.get", .answer = answer_channels_get },
  { "channels.update", call_channels_update },
  { "channels.delete", call_channels_delete },
  { "channels.connect", call_channels_connect },
  { "channels.connect-phone", whim_call_connect_phone },
  { "channels.disconnect", call_channels_disconnect },
  { "channels.logout", call_channels_logout },
  { "channels.status", .answer = answer_channels_status },
  { "channels.qr", .answer = answer_channels_qr },
  { "channels.qr-image", .answer = answer_channels_qr },
  { NULL },
};
