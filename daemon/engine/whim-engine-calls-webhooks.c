/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "base/whim-limits.h"
#include "base/whim-random.h"
#include "base/whim-url.h"
#include "store/whim-store-hooks.h"

#include <string.h>

/* ---- Settings of a hook ---------------------------------------------------------------------- */

static gboolean
refuse (GError **error, const char *field, const char *message)
{
  whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, field, message);
  return FALSE;
}

static gboolean
take_url (const WhimCall *call, WhimHook *hook, GError **error)
{
  const char *url = NULL;
  g_autoptr (GError) inner = NULL;
  g_autoptr (GUri) uri = NULL;

  if (!g_variant_lookup (call->params, "url", "&s", &url))
    return TRUE;
  uri = whim_url_parse (url, call->engine->allow_private_fetch, &inner);
  if (uri == NULL)
    return refuse (error, "url", inner->message);
  g_free (hook->url);
  hook->url = g_strdup (url);
  return TRUE;
}

/* The format may come in the same call, so the events are checked behind it. */
static gboolean
take_events (const WhimCall *call, WhimHook *hook, GError **error)
{
  g_auto (GStrv) events = NULL;

  if (g_variant_lookup (call->params, "events", "^as", &events))
    {
      g_strfreev (hook->events);
      hook->events = g_steal_pointer (&events);
    }
  for (guint i = 0; hook->events[i] != NULL; i++)
    if (!whim_hook_knows_event (hook->format, hook->events[i]))
      return refuse (error, "events", "there is no such event in this format");
  return TRUE;
}

static gboolean
take_secret (const WhimCall *call, WhimHook *hook, GError **error)
{
  g_autoptr (WhimSecret) secret = NULL;
  g_autoptr (WhimSecret) key = NULL;
  const char *text = NULL;

  if (!g_variant_lookup (call->params, "secret", "&s", &text))
    return TRUE;
  g_clear_pointer (&hook->secret, whim_secret_unref);
  if (*text == '\0')
    return TRUE;
  secret = whim_secret_new_from (text, strlen (text));
  key = whim_hook_secret_to_key (secret);
  if (key == NULL)
    return refuse (error, "secret", "behind whsec_ must stand base64");
  hook->secret = g_steal_pointer (&secret);
  return TRUE;
}

static gboolean
take_format (const WhimCall *call, WhimHook *hook, GError **error)
{
  const char *word = NULL;

  if (g_variant_lookup (call->params, "format", "&s", &word)
      && !whim_hook_format_from_word (word, &hook->format))
    return refuse (error, "format", "must be \"seed\" or \"whapi\"");
  if (g_variant_lookup (call->params, "mode", "&s", &word)
      && !whim_hook_mode_from_word (word, &hook->mode))
    return refuse (error, "mode", "must be \"body\", \"path\" or \"method\"");
  if (hook->format == WHIM_HOOK_FORMAT_SEED && hook->mode != WHIM_HOOK_MODE_BODY)
    return refuse (error, "mode", "only whapi's format has other modes than \"body\"");
  return TRUE;
}

static gboolean
is_header_name (const char *name)
{
  static const char *const ours[]
      = { "host",   "connection", "content-length", "content-type", "transfer-encoding",
          "expect", "te",         "trailer",        "upgrade",      "keep-alive",
          NULL };
  g_autofree char *lower = g_ascii_strdown (name, -1);

  for (const char *c = name; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr ("!#$%&'*+-.^_`|~", *c) == NULL)
      return FALSE;
  return *name != '\0' && !g_strv_contains (ours, lower) && !g_str_has_prefix (lower, "x-webhook-")
         && !g_str_has_prefix (lower, "webhook-");
}

static gboolean
is_header_value (const char *value)
{
  for (const char *c = value; *c != '\0'; c++)
    if (!g_ascii_isprint (*c))
      return FALSE;
  return *value != ' ' && (*value == '\0' || !g_str_has_suffix (value, " "));
}

static gboolean
take_headers (const WhimCall *call, WhimHook *hook, GError **error)
{
  g_autoptr (GVariant) headers
      = g_variant_lookup_value (call->params, "headers", G_VARIANT_TYPE_VARDICT);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  GVariantIter iter;
  const char *name;
  GVariant *value;

  if (headers == NULL)
    return TRUE;
  if (g_variant_n_children (headers) > WHIM_LIMIT_HOOK_HEADERS)
    return refuse (error, "headers", "at most 5 headers");
  g_variant_iter_init (&iter, headers);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) own = value;
      const char *text = g_variant_is_of_type (own, G_VARIANT_TYPE_STRING)
                             ? g_variant_get_string (own, NULL)
                             : NULL;

      if (strlen (name) > WHIM_LIMIT_HOOK_HEADER || !is_header_name (name))
        return refuse (error, "headers", "a name is no header's, or one that is ours to set");
      if (text == NULL || strlen (text) > WHIM_LIMIT_HOOK_HEADER || !is_header_value (text))
        return refuse (error, "headers", "a value is not a short printable text");
      g_strv_builder_add (builder, name);
      g_strv_builder_add (builder, text);
    }
  g_strfreev (hook->headers);
  hook->headers = g_strv_builder_end (builder);
  return TRUE;
}

gboolean
whim_webhook_take_settings (const WhimCall *call, WhimHook *hook, GError **error)
{
  gboolean enabled = hook->enabled;

  g_variant_lookup (call->params, "enabled", "b", &enabled);
  hook->enabled = enabled;
  if (enabled)
    g_clear_pointer (&hook->off_reason, g_free);
  hook->updated_at = whim_clock_get_unix (call->engine->clock);
  return take_url (call, hook, error) && take_format (call, hook, error)
         && take_events (call, hook, error) && take_secret (call, hook, error)
         && take_headers (call, hook, error);
}

/* ---- As a result ----------------------------------------------------------------------------- */

static GVariant *
headers_to_variant (const WhimHook *hook, gboolean shown)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; hook->headers[i] != NULL; i += 2)
    g_variant_builder_add (&builder, "{sv}", hook->headers[i],
                           g_variant_new_string (shown ? hook->headers[i + 1] : "***"));
  return g_variant_builder_end (&builder);
}

static void
add_number (GVariantBuilder *builder, const char *name, gint64 number)
{
  g_variant_builder_add (builder, "{sv}", name, g_variant_new_int64 (number));
}

static void
add_text (GVariantBuilder *builder, const char *name, const char *text)
{
  if (text != NULL)
    g_variant_builder_add (builder, "{sv}", name, g_variant_new_string (text));
}

/* What is in a header may let its reader in elsewhere: who may only read does not see it. */
static GVariant *
hook_to_variant (const WhimHook *hook, const WhimHookStats *stats, gboolean headers_shown)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "id", hook->id);
  add_text (&builder, "channelId", hook->channel_id);
  add_text (&builder, "name", hook->name);
  add_text (&builder, "url", hook->url);
  g_variant_builder_add (&builder, "{sv}", "events",
                         g_variant_new_strv ((const char *const *)hook->events, -1));
  add_text (&builder, "format", whim_hook_format_to_word (hook->format));
  add_text (&builder, "mode", whim_hook_mode_to_word (hook->mode));
  g_variant_builder_add (&builder, "{sv}", "headers", headers_to_variant (hook, headers_shown));
  g_variant_builder_add (&builder, "{sv}", "hasSecret",
                         g_variant_new_boolean (hook->secret != NULL));
  g_variant_builder_add (&builder, "{sv}", "enabled", g_variant_new_boolean (hook->enabled));
  add_text (&builder, "offReason", hook->off_reason);
  add_number (&builder, "createdAt", hook->created_at);
  add_number (&builder, "updatedAt", hook->updated_at);
  if (stats != NULL)
    {
      add_number (&builder, "pending", stats->pending);
      add_number (&builder, "deadLetters", stats->dead);
      add_number (&builder, "delivered", stats->delivered);
      if (stats->delivered_at > 0)
        add_number (&builder, "lastDeliveredAt", stats->delivered_at);
      if (stats->failed_at > 0)
        add_number (&builder, "lastFailedAt", stats->failed_at);
      add_text (&builder, "lastError", stats->failure);
    }
  return g_variant_builder_end (&builder);
}

typedef struct
{
  GPtrArray *hooks; /* of WhimHook: those that are told */
  gboolean list;
  gboolean headers_shown;
  gint64 total, limit, offset;
} TellOp;

static void
tell_op_free (gpointer data)
{
  TellOp *self = data;

  g_ptr_array_unref (self->hooks);
  g_free (self);
}

static void
stats_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  const TellOp *op = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GPtrArray) stats
      = whim_store_load_hook_stats_finish (WHIM_STORE (source), result, &error);
  GVariantBuilder items;

  if (stats == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&items, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0, k = 0; i < op->hooks->len; i++)
    {
      const WhimHook *hook = g_ptr_array_index (op->hooks, i);
      const WhimHookStats *own = k < stats->len ? g_ptr_array_index (stats, k) : NULL;
      GVariant *value;

      if (own != NULL && own->hook == hook->number)
        k++;
      else
        own = NULL;
      value = hook_to_variant (hook, own, op->headers_shown);
      if (!op->list)
        {
          g_variant_builder_clear (&items);
          whim_call_return (task, value);
          return;
        }
      g_variant_builder_add_value (&items, value);
    }
  whim_call_return (task, whim_call_make_list (&items, (guint64)op->total, op->limit, op->offset));
}

/* Takes @op. */
static void
tell_hooks (WhimEngine *self, TellOp *op, GTask *task)
{
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (gint64));

  for (guint i = 0; i < op->hooks->len; i++)
    g_array_append_val (numbers, ((WhimHook *)g_ptr_array_index (op->hooks, i))->number);
  g_task_set_task_data (task, op, tell_op_free);
  whim_store_load_hook_stats_async (self->store, numbers, g_task_get_cancellable (task),
                                    stats_loaded_cb, g_object_ref (task));
}

static void
tell_hook (WhimEngine *self, WhimHook *hook, gboolean headers_shown, GTask *task)
{
  TellOp *op = g_new0 (TellOp, 1);

  op->hooks = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_hook_unref);
  op->headers_shown = headers_shown;
  g_ptr_array_add (op->hooks, whim_hook_ref (hook));
  tell_hooks (self, op, task);
}

/* ---- Finding --------------------------------------------------------------------------------- */

/* One that the caller may not see is not there, so that nobody learns which there are. */
static WhimHook *
find_hook (const WhimCall *call, GTask *task)
{
  const char *id = NULL;
  WhimHook *hook;

  g_variant_lookup (call->params, "webhookId", "&s", &id);
  hook = whim_engine_find_hook (call->engine, id);
  if (hook != NULL && whim_caller_may_see (call->caller, hook->channel_id))
    return hook;
  g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_FOUND, "there is no such webhook");
  return NULL;
}

static void
call_get (const WhimCall *call, GTask *task)
{
  WhimHook *hook = find_hook (call, task);

  if (hook != NULL)
    tell_hook (call->engine, hook, !call->caller->read_only, task);
}

static void
call_get_default (const WhimCall *call, GTask *task)
{
  const char *channel_id = call->channel->record->id;
  WhimHook *hook = whim_engine_find_default_hook (call->engine, channel_id);
  g_autoptr (WhimHook) none = NULL;
  GVariantBuilder builder;

  if (hook != NULL)
    {
      tell_hook (call->engine, hook, !call->caller->read_only, task);
      return;
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "channelId", channel_id);
  add_text (&builder, "url", "");
  g_variant_builder_add (&builder, "{sv}", "events", g_variant_new_strv (NULL, 0));
  add_text (&builder, "format", whim_hook_format_to_word (WHIM_HOOK_FORMAT_SEED));
  add_text (&builder, "mode", whim_hook_mode_to_word (WHIM_HOOK_MODE_BODY));
  g_variant_builder_add (&builder, "{sv}", "headers", g_variant_new_parsed ("@a{sv} {}"));
  g_variant_builder_add (&builder, "{sv}", "hasSecret", g_variant_new_boolean (FALSE));
  g_variant_builder_add (&builder, "{sv}", "enabled", g_variant_new_boolean (FALSE));
  whim_call_return (task, g_variant_builder_end (&builder));
}

static void
call_list (const WhimCall *call, GTask *task)
{
  GPtrArray *hooks = whim_engine_get_hooks (call->engine);
  TellOp *op = g_new0 (TellOp, 1);
  const char *channel = NULL;

  op->hooks = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_hook_unref);
  op->list = TRUE;
  op->headers_shown = !call->caller->read_only;
  g_variant_lookup (call->params, "limit", "x", &op->limit);
  g_variant_lookup (call->params, "offset", "x", &op->offset);
  g_variant_lookup (call->params, "channelId", "&s", &channel);
  for (guint i = hooks->len; i > 0; i--)
    {
      WhimHook *hook = g_ptr_array_index (hooks, i - 1);

      if ((channel != NULL && !g_str_equal (channel, hook->channel_id))
          || !whim_caller_may_see (call->caller, hook->channel_id))
        continue;
      if (op->total >= op->offset && op->hooks->len < (guint)op->limit)
        g_ptr_array_add (op->hooks, whim_hook_ref (hook));
      op->total++;
    }
  tell_hooks (call->engine, op, task);
}

/* ---- Changing -------------------------------------------------------------------------------- */

static void
hook_committed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  g_autoptr (WhimHook) hook = whim_hook_ref (g_task_get_task_data (task));
  GError *error = NULL;

  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (whim_engine_find_channel (self, hook->channel_id) == NULL)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_CHANNEL_NOT_FOUND,
                               "the channel is gone");
      return;
    }
  whim_engine_keep_hook (self, hook);
  tell_hook (self, hook, TRUE, task);
}

static void
commit_hook (WhimEngine *self, WhimHook *hook, gboolean begin, GTask *task)
{
  WhimUnit *unit = whim_unit_new (0);

  whim_unit_put_hook (unit, hook, begin);
  g_task_set_task_data (task, hook, (GDestroyNotify)whim_hook_unref);
  whim_store_commit_async (self->store, unit, NULL, hook_committed_cb, g_object_ref (task));
}

static guint
count_hooks (WhimEngine *self, const char *channel_id)
{
  GPtrArray *hooks = whim_engine_get_hooks (self);
  guint n = 0;

  for (guint i = 0; i < hooks->len; i++)
    n += g_str_equal (((WhimHook *)g_ptr_array_index (hooks, i))->channel_id, channel_id);
  return n;
}

WhimHook *
whim_webhook_new (const WhimCall *call, const char *name)
{
  WhimHook *hook = whim_hook_new ();

  hook->number = ++call->engine->last_hook;
  hook->id = whim_random_id ("whk_");
  hook->channel = call->channel->record->number;
  hook->channel_id = g_strdup (call->channel->record->id);
  hook->name = g_strdup (name);
  hook->headers = g_new0 (char *, 1);
  hook->enabled = TRUE;
  hook->created_at = whim_clock_get_unix (call->engine->clock);
  return hook;
}

static void
create_hook (const WhimCall *call, const char *name, GTask *task)
{
  g_autoptr (WhimHook) hook = NULL;
  GError *error = NULL;

  if (count_hooks (call->engine, call->channel->record->id) >= WHIM_LIMIT_HOOKS)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_CONFLICT,
                               "the channel has as many webhooks as it may have");
      return;
    }
  hook = whim_webhook_new (call, name);
  if (whim_webhook_take_settings (call, hook, &error))
    commit_hook (call->engine, g_steal_pointer (&hook), TRUE, task);
  else
    g_task_return_error (task, error);
}

static void
change_hook (const WhimCall *call, const WhimHook *now, GTask *task)
{
  g_autoptr (WhimHook) hook = whim_hook_copy (now);
  GError *error = NULL;

  if (whim_webhook_take_settings (call, hook, &error))
    commit_hook (call->engine, g_steal_pointer (&hook), hook->enabled && !now->enabled, task);
  else
    g_task_return_error (task, error);
}

static void
call_put_default (const WhimCall *call, GTask *task)
{
  const WhimHook *hook = whim_engine_find_default_hook (call->engine, call->channel->record->id);

  if (hook == NULL)
    create_hook (call, WHIM_HOOK_DEFAULT, task);
  else
    change_hook (call, hook, task);
}

static void
call_create (const WhimCall *call, GTask *task)
{
  create_hook (call, NULL, task);
}

static void
call_update (const WhimCall *call, GTask *task)
{
  const WhimHook *hook = find_hook (call, task);

  if (hook != NULL)
    change_hook (call, hook, task);
}

static void
hook_deleted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  whim_engine_drop_hook (g_task_get_source_object (task), g_task_get_task_data (task));
  whim_call_return_nothing (task);
}

static void
call_delete (const WhimCall *call, GTask *task)
{
  const WhimHook *hook = find_hook (call, task);
  WhimUnit *unit;

  if (hook == NULL)
    return;
  unit = whim_unit_new (0);
  whim_unit_delete_hook (unit, hook->number);
  g_task_set_task_data (task, g_strdup (hook->id), g_free);
  whim_store_commit_async (call->engine->store, unit, NULL, hook_deleted_cb, g_object_ref (task));
}

static void
call_test (const WhimCall *call, GTask *task)
{
  WhimHook *hook = find_hook (call, task);

  if (hook == NULL)
    return;
  if (call->engine->hook_tester == NULL)
    g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_SUPPORTED,
                             "this daemon delivers no webhooks");
  else
    call->engine->hook_tester (hook, task, call->engine->hook_tester_data);
}

/* ---- Deliveries ------------------------------------------------------------------------------ */

static GVariant *
delivery_to_variant (const WhimDelivery *delivery)
{
  static const char *const states[] = { "waiting", "due", "dead" };
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "eventId", delivery->event->id);
  add_text (&builder, "event", delivery->event->type);
  add_text (&builder, "channelId", delivery->event->channel_id);
  add_number (&builder, "sequence", delivery->event->sequence);
  add_number (&builder, "timestamp", delivery->event->timestamp);
  add_text (&builder, "state", states[MIN ((guint)delivery->state, 2)]);
  add_number (&builder, "attempts", delivery->attempts);
  if (delivery->state == WHIM_DELIVERY_DUE)
    add_number (&builder, "nextAttemptAt", delivery->due_at / 1000);
  if (delivery->tried_at > 0)
    add_number (&builder, "lastAttemptAt", delivery->tried_at / 1000);
  if (delivery->status > 0)
    add_number (&builder, "lastStatus", delivery->status);
  add_text (&builder, "lastError", delivery->failure);
  return g_variant_builder_end (&builder);
}

static void
deliveries_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  const WhimPageArgs *args = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (WhimPage) page
      = whim_store_list_deliveries_finish (WHIM_STORE (source), result, &error);
  GVariantBuilder items;

  if (page == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&items, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < page->items->len; i++)
    g_variant_builder_add_value (&items, delivery_to_variant (g_ptr_array_index (page->items, i)));
  whim_call_return (task, whim_call_make_list (&items, page->total, args->limit, args->offset));
}

static void
list_deliveries (const WhimCall *call, gboolean dead, GTask *task)
{
  const WhimHook *hook = find_hook (call, task);
  const WhimPageArgs *args;

  if (hook == NULL)
    return;
  args = whim_call_take_page (call, task);
  whim_store_list_deliveries_async (call->engine->store, hook->number, dead, (guint)args->limit,
                                    (guint)args->offset, g_task_get_cancellable (task),
                                    deliveries_listed_cb, g_object_ref (task));
}

static void
call_deliveries (const WhimCall *call, GTask *task)
{
  list_deliveries (call, FALSE, task);
}

static void
call_dead_letters (const WhimCall *call, GTask *task)
{
  list_deliveries (call, TRUE, task);
}

static void
letters_changed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  const char *id = g_task_get_task_data (task);
  GError *error = NULL;

  if (whim_store_commit_finish (WHIM_STORE (source), result, &error))
    {
      if (whim_engine_find_hook (self, id) != NULL)
        g_signal_emit_by_name (self, "hook-changed", id);
      whim_call_return_nothing (task);
    }
  else if (g_error_matches (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CONFLICT))
    {
      g_error_free (error);
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_FOUND,
                               "there is no such dead letter");
    }
  else
    g_task_return_error (task, error);
}

static void
change_letters (const WhimCall *call, gboolean again, GTask *task)
{
  const WhimHook *hook = find_hook (call, task);
  const char *event_id = NULL;
  WhimUnit *unit;

  if (hook == NULL)
    return;
  g_variant_lookup (call->params, "eventId", "&s", &event_id);
  unit = whim_unit_new (0);
  if (again)
    whim_unit_resend_dead (unit, hook->number, event_id,
                           whim_clock_get_unix_ms (call->engine->clock));
  else
    whim_unit_delete_dead (unit, hook->number, event_id);
  g_task_set_task_data (task, g_strdup (hook->id), g_free);
  whim_store_commit_async (call->engine->store, unit, NULL, letters_changed_cb,
                           g_object_ref (task));
}

static void
call_resend (const WhimCall *call, GTask *task)
{
  change_letters (call, TRUE, task);
}

static void
call_discard (const WhimCall *call, GTask *task)
{
  change_letters (call, FALSE, task);
}

const WhimCallRow whim_calls_webhooks[] = {
  { "webhooks.get-default", call_get_default },
  { "webhooks.put-default", call_put_default },
  { "webhooks.list", call_list },
  { "webhooks.create", call_create },
  { "webhooks.get", call_get },
  { "webhooks.update", call_update },
  { "webhooks.delete", call_delete },
  { "webhooks.test", call_test },
  { "webhooks.deliveries", call_deliveries },
  { "webhooks.dead-letters", call_dead_letters },
  { "webhooks.resend-all", call_resend },
  { "webhooks.resend", call_resend },
  { "webhooks.discard", call_discard },
  { NULL, NULL },
};
