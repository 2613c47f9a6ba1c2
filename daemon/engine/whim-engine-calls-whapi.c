/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "store/whim-store-hooks.h"

#include <string.h>

/* What only whapi.cloud's clients ask for (whapi-compat, 7). */

static void
add_text (GVariantBuilder *builder, const char *name, const char *text)
{
  g_variant_builder_add (builder, "{sv}", name, g_variant_new_string (text));
}

static void
add_number (GVariantBuilder *builder, const char *name, gint64 number)
{
  g_variant_builder_add (builder, "{sv}", name, g_variant_new_int64 (number));
}

/* ---- Linking --------------------------------------------------------------------------------- */

/* Clients read 409 as "linked already". */
static gboolean
is_linked (const WhimCall *call, GTask *task)
{
  if (!whim_channel_is_paired (call->channel))
    return FALSE;
  g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_ALREADY_PAIRED,
                           "an account is linked already");
  return TRUE;
}

static void
login_code_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (GVariant) found = g_task_propagate_pointer (G_TASK (result), &error);
  gint64 expires_at = 0;
  const char *code = NULL;
  GVariantBuilder builder;

  if (found == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (!g_variant_lookup (found, "qr", "&s", &code))
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_CONFLICT,
                               "pairing ended before there was a code");
      return;
    }
  g_variant_lookup (found, "expiresAt", "x", &expires_at);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "status", "OK");
  add_text (&builder, "qr", code);
  add_number (&builder, "expire", MAX (0, expires_at - whim_clock_get_unix (self->clock)));
  whim_call_return (task, g_variant_builder_end (&builder));
}

static void
call_login (const WhimCall *call, GTask *task)
{
  g_autoptr (GTask) connect = NULL;

  if (is_linked (call, task))
    return;
  connect = g_task_new (call->engine, NULL, login_code_cb, g_object_ref (task));
  whim_channel_connect (call->channel, connect);
}

static void
login_phone_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) found = g_task_propagate_pointer (G_TASK (result), &error);
  const char *code = NULL;
  GVariantBuilder builder;

  if (found == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_lookup (found, "pairingCode", "&s", &code);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "code", code);
  whim_call_return (task, g_variant_builder_end (&builder));
}

static void
call_login_phone (const WhimCall *call, GTask *task)
{
  g_autoptr (GTask) connect = g_task_new (call->engine, NULL, login_phone_cb, g_object_ref (task));

  whim_call_connect_phone (call, connect);
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
call_logout (const WhimCall *call, GTask *task)
{
  g_autoptr (GTask) logout = NULL;

  if (!whim_channel_is_paired (call->channel))
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_PAIRED, "no account is linked");
      return;
    }
  logout = g_task_new (call->engine, NULL, logged_out_cb, g_object_ref (task));
  whim_channel_logout (call->channel, logout);
}

/* ---- Settings -------------------------------------------------------------------------------- */

/* Our back-off begins with a second and grows to an hour (hooks). */
#define BACKOFF_MS 1000
#define MAX_BACKOFF_MS 3600000

static void
add_whapi_event (GVariantBuilder *events, const char *word)
{
  const WhimEventKind *kind = whim_event_kind_find (word);
  g_auto (GStrv) parts = g_strsplit (word, ".", 2);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "type", kind != NULL && kind->type != NULL ? kind->type : parts[0]);
  if (kind != NULL && kind->method != NULL)
    add_text (&builder, "method", kind->method);
  else if (parts[1] != NULL)
    add_text (&builder, "method", parts[1]);
  g_variant_builder_add_value (events, g_variant_builder_end (&builder));
}

static GVariant *
hook_to_whapi (const WhimHook *hook, gboolean headers_shown)
{
  GVariantBuilder builder;
  GVariantBuilder events;
  GVariantBuilder headers;

  g_variant_builder_init (&events, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; hook->events[i] != NULL; i++)
    add_whapi_event (&events, hook->events[i]);
  g_variant_builder_init (&headers, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; hook->headers[i] != NULL; i += 2)
    add_text (&headers, hook->headers[i], headers_shown ? hook->headers[i + 1] : "***");
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "url", hook->url);
  g_variant_builder_add (&builder, "{sv}", "events", g_variant_builder_end (&events));
  add_text (&builder, "mode", whim_hook_mode_to_word (hook->mode));
  g_variant_builder_add (&builder, "{sv}", "headers", g_variant_builder_end (&headers));
  g_variant_builder_add (&builder, "{sv}", "active", g_variant_new_boolean (hook->enabled));
  return g_variant_builder_end (&builder);
}

static gboolean
is_whapi_hook (const WhimHook *hook, const char *channel_id)
{
  return hook->format == WHIM_HOOK_FORMAT_WHAPI && g_str_equal (hook->channel_id, channel_id);
}

static GVariant *
make_settings (WhimEngine *self, const char *channel_id, gboolean headers_shown)
{
  GVariantBuilder builder;
  GVariantBuilder hooks;
  GVariantBuilder media;

  g_variant_builder_init (&hooks, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < self->hooks->len; i++)
    if (is_whapi_hook (g_ptr_array_index (self->hooks, i), channel_id))
      g_variant_builder_add_value (
          &hooks, hook_to_whapi (g_ptr_array_index (self->hooks, i), headers_shown));
  g_variant_builder_init (&media, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&media, "{sv}", "auto_download", g_variant_new_strv (NULL, 0));
  g_variant_builder_add (&media, "{sv}", "init_avatars", g_variant_new_boolean (FALSE));
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_number (&builder, "callback_backoff_delay_ms", BACKOFF_MS);
  add_number (&builder, "max_callback_backoff_delay_ms", MAX_BACKOFF_MS);
  g_variant_builder_add (&builder, "{sv}", "callback_persist", g_variant_new_boolean (TRUE));
  g_variant_builder_add (&builder, "{sv}", "media", g_variant_builder_end (&media));
  g_variant_builder_add (&builder, "{sv}", "webhooks", g_variant_builder_end (&hooks));
  g_variant_builder_add (&builder, "{sv}", "full_history", g_variant_new_boolean (FALSE));
  return g_variant_builder_end (&builder);
}

static GVariant *
answer_settings (const WhimCall *call, GError **error)
{
  return make_settings (call->engine, call->channel->record->id, !call->caller->read_only);
}

static gboolean
refuse (GError **error, const char *message)
{
  whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, "webhooks", message);
  return FALSE;
}

/* Old and new names of whapi's events (whapi-compat, 9). Those that never happen here may be asked
 * for all the same. */
static const char *
event_type (const char *word)
{
  static const struct
  {
    const char *old;
    const char *type;
  } rows[] = {
    { "message", "messages" }, { "ack", "statuses" }, { "chat", "chats" }, { "status", "channel" },
    { "messages", NULL },      { "statuses", NULL },  { "chats", NULL },   { "contacts", NULL },
    { "groups", NULL },        { "presences", NULL }, { "calls", NULL },   { "channel", NULL },
    { "users", NULL },         { "labels", NULL },    { "service", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_str_equal (rows[i].old, word))
      return rows[i].type != NULL ? rows[i].type : rows[i].old;
  return NULL;
}

static gboolean
take_event (GVariant *event, GStrvBuilder *words, GError **error)
{
  static const char *const methods[] = { "post", "put", "patch", "delete", NULL };
  const char *type = NULL;
  const char *method = NULL;
  g_autofree char *word = NULL;

  if (!g_variant_is_of_type (event, G_VARIANT_TYPE_VARDICT)
      || !g_variant_lookup (event, "type", "&s", &type) || event_type (type) == NULL)
    return refuse (error, "an event has a type such as \"messages\"");
  g_variant_lookup (event, "method", "&s", &method);
  if (method != NULL && !g_strv_contains (methods, method))
    return refuse (error, "a method is post, put, patch or delete");
  word = method == NULL ? g_strdup (event_type (type))
                        : g_strdup_printf ("%s.%s", event_type (type), method);
  g_strv_builder_add (words, word);
  return TRUE;
}

static gboolean
take_events (GVariant *wanted, WhimHook *hook, GError **error)
{
  g_autoptr (GVariant) events = g_variant_lookup_value (wanted, "events", NULL);
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  GVariantIter iter;
  GVariant *item;

  if (events == NULL || !g_variant_is_of_type (events, G_VARIANT_TYPE ("av")))
    g_strv_builder_add (words, "messages"); /* whapi's default */
  else
    {
      if (g_variant_n_children (events) > 64)
        return refuse (error, "too many events");
      g_variant_iter_init (&iter, events);
      while (g_variant_iter_next (&iter, "v", &item))
        {
          g_autoptr (GVariant) own = item;

          if (!take_event (own, words, error))
            return FALSE;
        }
    }
  g_strfreev (hook->events);
  hook->events = g_strv_builder_end (words);
  return TRUE;
}

/* The parts that are no different go the way of every webhook. */
static gboolean
take_hook (const WhimCall *call, GVariant *wanted, WhimHook *hook, GError **error)
{
  static const char *const names[] = { "url", "mode", "headers" };
  WhimCall inner = *call;
  g_autoptr (GVariant) params = NULL;
  g_autoptr (GError) inside = NULL;
  GVariantDict dict;
  gboolean active = TRUE;

  g_variant_dict_init (&dict, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (wanted, names[i], NULL);

      if (value != NULL)
        g_variant_dict_insert_value (&dict, names[i], value);
    }
  g_variant_lookup (wanted, "active", "b", &active);
  g_variant_dict_insert (&dict, "enabled", "b", active);
  g_variant_dict_insert (&dict, "format", "s", "whapi");
  params = g_variant_ref_sink (g_variant_dict_end (&dict));
  inner.params = params;
  hook->format = WHIM_HOOK_FORMAT_WHAPI;
  if (!take_events (wanted, hook, error))
    return FALSE;
  if (!g_variant_lookup (params, "url", "&s", &(const char *){ NULL }))
    return refuse (error, "a webhook needs a url");
  if (whim_webhook_take_settings (&inner, hook, &inside))
    return TRUE;
  {
    g_autofree char *field = NULL;
    const char *message = whim_error_split_field (inside, &field);
    g_autofree char *text = g_strdup_printf ("%s: %s", field == NULL ? "webhook" : field, message);

    return refuse (error, text);
  }
}

/* ---- The whole set at once ------------------------------------------------------------------- */

typedef struct
{
  char *channel_id;
  GVariant *before;
  GPtrArray *kept; /* of WhimHook: new and changed */
  GPtrArray *gone; /* of utf8: ids */
  gboolean headers_shown;
} ChangeOp;

static void
change_op_free (gpointer data)
{
  ChangeOp *op = data;

  g_free (op->channel_id);
  g_variant_unref (op->before);
  g_ptr_array_unref (op->kept);
  g_ptr_array_unref (op->gone);
  g_free (op);
}

static void
return_change (WhimEngine *self, const ChangeOp *op, GTask *task)
{
  GVariant *after = make_settings (self, op->channel_id, op->headers_shown);
  g_autoptr (GVariant) held = g_variant_ref_sink (after);
  const char *changed[] = { "webhooks", NULL };
  GVariantBuilder builder;

  if (g_variant_equal (held, op->before))
    changed[0] = NULL;
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "before_update", op->before);
  g_variant_builder_add (&builder, "{sv}", "after_update", held);
  g_variant_builder_add (&builder, "{sv}", "changes", g_variant_new_strv (changed, -1));
  whim_call_return (task, g_variant_builder_end (&builder));
}

static void
change_committed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  const ChangeOp *op = g_task_get_task_data (task);
  GError *error = NULL;

  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (whim_engine_find_channel (self, op->channel_id) == NULL)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_CHANNEL_NOT_FOUND,
                               "the channel is gone");
      return;
    }
  for (guint i = 0; i < op->kept->len; i++)
    whim_engine_keep_hook (self, g_ptr_array_index (op->kept, i));
  for (guint i = 0; i < op->gone->len; i++)
    whim_engine_drop_hook (self, g_ptr_array_index (op->gone, i));
  return_change (self, op, task);
}

/* A webhook is known again by its URL. */
static WhimHook *
find_by_url (WhimEngine *self, const char *channel_id, const char *url, GHashTable *taken)
{
  for (guint i = 0; i < self->hooks->len; i++)
    {
      WhimHook *hook = g_ptr_array_index (self->hooks, i);

      if (is_whapi_hook (hook, channel_id) && g_strcmp0 (hook->url, url) == 0
          && !g_hash_table_contains (taken, hook->id))
        return hook;
    }
  return NULL;
}

static gboolean
change_hooks (const WhimCall *call, GVariant *wanted, ChangeOp *op, WhimUnit *unit, GError **error)
{
  g_autoptr (GHashTable) taken = g_hash_table_new (g_str_hash, g_str_equal);
  GVariantIter iter;
  GVariant *item;

  g_variant_iter_init (&iter, wanted);
  while (g_variant_iter_next (&iter, "@a{sv}", &item))
    {
      g_autoptr (GVariant) own = item;
      const char *url = NULL;
      WhimHook *now;
      WhimHook *hook;

      g_variant_lookup (own, "url", "&s", &url);
      now = find_by_url (call->engine, op->channel_id, url, taken);
      hook = now != NULL ? whim_hook_copy (now) : whim_webhook_new (call, NULL);
      g_ptr_array_add (op->kept, hook);
      if (!take_hook (call, own, hook, error))
        return FALSE;
      g_hash_table_add (taken, hook->id);
      whim_unit_put_hook (unit, hook, now == NULL || (hook->enabled && !now->enabled));
    }
  for (guint i = 0; i < call->engine->hooks->len; i++)
    {
      const WhimHook *hook = g_ptr_array_index (call->engine->hooks, i);

      if (!is_whapi_hook (hook, op->channel_id) || g_hash_table_contains (taken, hook->id))
        continue;
      g_ptr_array_add (op->gone, g_strdup (hook->id));
      whim_unit_delete_hook (unit, hook->number);
    }
  return TRUE;
}

static void
change_settings (const WhimCall *call, GVariant *wanted, GTask *task)
{
  g_autoptr (WhimUnit) unit = whim_unit_new (0);
  ChangeOp *op = g_new0 (ChangeOp, 1);
  GError *error = NULL;

  op->channel_id = g_strdup (call->channel->record->id);
  op->headers_shown = TRUE;
  op->before = g_variant_ref_sink (make_settings (call->engine, op->channel_id, TRUE));
  op->kept = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_hook_unref);
  op->gone = g_ptr_array_new_with_free_func (g_free);
  g_task_set_task_data (task, op, change_op_free);
  if (wanted != NULL && !change_hooks (call, wanted, op, unit, &error))
    g_task_return_error (task, error);
  else if (whim_unit_is_empty (unit))
    return_change (call->engine, op, task);
  else
    whim_store_commit_async (call->engine->store, g_steal_pointer (&unit), NULL,
                             change_committed_cb, g_object_ref (task));
}

static void
call_settings_update (const WhimCall *call, GTask *task)
{
  g_autoptr (GVariant) wanted
      = g_variant_lookup_value (call->params, "webhooks", G_VARIANT_TYPE ("aa{sv}"));

  change_settings (call, wanted, task);
}

static void
call_settings_reset (const WhimCall *call, GTask *task)
{
  g_autoptr (GVariant) none
      = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));

  change_settings (call, none, task);
}

static GVariant *
answer_settings_events (const WhimCall *call, GError **error)
{
  GVariantBuilder builder;
  GVariantBuilder items;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  g_variant_builder_init (&items, G_VARIANT_TYPE ("aa{sv}"));
  for (const WhimEventKind *kind = whim_event_kinds (); kind->name != NULL; kind++)
    if (kind->type != NULL
        && g_hash_table_add (seen, g_strconcat (kind->type, ".", kind->method, NULL)))
      add_whapi_event (&items, kind->name);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "items", g_variant_builder_end (&items));
  return g_variant_builder_end (&builder);
}

/* A webhook that nobody keeps. */
static void
call_webhook_test (const WhimCall *call, GTask *task)
{
  g_autoptr (WhimHook) hook = NULL;
  GError *error = NULL;

  if (call->engine->hook_tester == NULL)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_SUPPORTED,
                               "this daemon delivers no webhooks");
      return;
    }
  hook = whim_webhook_new (call, NULL);
  hook->format = WHIM_HOOK_FORMAT_WHAPI;
  hook->events = g_strsplit ("*", " ", -1);
  if (whim_webhook_take_settings (call, hook, &error))
    call->engine->hook_tester (hook, task, call->engine->hook_tester_data);
  else
    g_task_return_error (task, error);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

static GVariant *
answer_limits (const WhimCall *call, GError **error)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  if (call->caller->rate_limit > 0)
    add_number (&builder, "requests", call->caller->rate_limit);
  return g_variant_builder_end (&builder);
}

const WhimCallRow whim_calls_whapi[] = {
  { "whapi.login", call_login },
  { "whapi.login-image", call_login },
  { "whapi.login-rowdata", call_login },
  { "whapi.login-phone", call_login_phone },
  { "whapi.logout", call_logout },
  { "whapi.settings", .answer = answer_settings },
  { "whapi.settings-update", call_settings_update },
  { "whapi.settings-reset", call_settings_reset },
  { "whapi.settings-events", .answer = answer_settings_events },
  { "whapi.webhook-test", call_webhook_test },
  { "whapi.limits", .answer = answer_limits },
  { "whapi.health", .answer = whim_call_channel_health },
  { NULL },
};
