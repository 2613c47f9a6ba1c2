/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/fake-engine.h"

#define IN_CHANNEL                                                                                 \
  {                                                                                                \
    .name = "channelId", .type = WHIM_PARAM_STRING,                                                \
    .flags = WHIM_PARAM_IN_PATH | WHIM_PARAM_IN_QUERY | WHIM_PARAM_IN_BODY | WHIM_PARAM_IN_HEADER  \
             | WHIM_PARAM_REQUIRED                                                                 \
  }

static const WhimParam create_params[] = {
  { .name = "name", .type = WHIM_PARAM_STRING, .flags = WHIM_PARAM_IN_BODY | WHIM_PARAM_REQUIRED },
  { .name = "autoConnect", .type = WHIM_PARAM_BOOLEAN, .flags = WHIM_PARAM_IN_BODY },
  { .name = "settings", .type = WHIM_PARAM_OBJECT, .flags = WHIM_PARAM_IN_BODY },
  { NULL },
};

static const WhimParam channel_params[] = { IN_CHANNEL, { NULL } };

static const WhimParam text_params[] = {
  IN_CHANNEL,
  { .name = "to",
    .type = WHIM_PARAM_STRING,
    .flags = WHIM_PARAM_IN_BODY | WHIM_PARAM_REQUIRED,
    .aliases = "phone recipient" },
  { .name = "body", .type = WHIM_PARAM_STRING, .flags = WHIM_PARAM_IN_BODY | WHIM_PARAM_REQUIRED },
  { .name = "mentions", .type = WHIM_PARAM_STRINGS, .flags = WHIM_PARAM_IN_BODY },
  { .name = "duration", .type = WHIM_PARAM_INTEGER, .flags = WHIM_PARAM_IN_BODY },
  { .name = "latitude", .type = WHIM_PARAM_NUMBER, .flags = WHIM_PARAM_IN_BODY },
  { .name = "contact.fullName", .type = WHIM_PARAM_STRING, .flags = WHIM_PARAM_IN_BODY },
  { NULL },
};

static const WhimParam list_params[] = {
  IN_CHANNEL,
  { .name = "chatId", .type = WHIM_PARAM_STRING, .flags = WHIM_PARAM_IN_PATH },
  { .name = "limit", .type = WHIM_PARAM_INTEGER, .flags = WHIM_PARAM_IN_QUERY, .aliases = "count" },
  { .name = "fromMe", .type = WHIM_PARAM_BOOLEAN, .flags = WHIM_PARAM_IN_QUERY },
  { NULL },
};

static const WhimOperation operations[] = {
  { .name = "channels.list",
    .scope = WHIM_SCOPE_READ,
    .shape = WHIM_RESULT_LIST,
    .plural = "channels" },
  { .name = "channels.create",
    .scope = WHIM_SCOPE_ADMIN,
    .shape = WHIM_RESULT_OBJECT,
    .params = create_params },
  { .name = "channels.get",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .params = channel_params },
  { .name = "channels.update",
    .scope = WHIM_SCOPE_ADMIN,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .params = channel_params },
  { .name = "channels.delete",
    .scope = WHIM_SCOPE_ADMIN,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params },
  { .name = "channels.connect",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params },
  { .name = "channels.disconnect",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params },
  { .name = "channels.logout",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params },
  { .name = "channels.status",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .params = channel_params },
  { .name = "channels.qr",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params },
  { .name = "channels.qr-image",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_BYTES,
    .params = channel_params },
  { .name = "messages.text",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = text_params },
  { .name = "messages.send-immediate", .scope = WHIM_SCOPE_WRITE, .shape = WHIM_RESULT_ACTION },
  { .name = "messages.get", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "outbox.list", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "outbox.get", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "outbox.cancel", .scope = WHIM_SCOPE_WRITE, .shape = WHIM_RESULT_ACTION },
  { .name = "messages.list",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = list_params },
  { .name = "messages.list-chat",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = list_params },
  { .name = "chats.list",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params },
  { .name = "webhooks.get-default", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.put-default", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.list", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.create", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.get", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.update", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.delete", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.test", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.deliveries", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.dead-letters", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.resend-all", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.resend", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "webhooks.discard", .scope = WHIM_SCOPE_READ, .shape = WHIM_RESULT_ACTION },
  { .name = "system.health", .scope = WHIM_SCOPE_NONE, .shape = WHIM_RESULT_PLAIN },
  { NULL },
};

struct _WhimEngine
{
  GObject parent_instance;
  gboolean held;
  GQueue waiting; /* of GTask */
  GPtrArray *events;
  gint64 pruned;
  guint calls;
  guint reads;
  guint cancelled;
  GVariant *health; /* (nullable) */
};

G_DEFINE_FINAL_TYPE (WhimEngine, whim_engine, G_TYPE_OBJECT)

static void
whim_engine_finalize (GObject *object)
{
  WhimEngine *self = (WhimEngine *)object;

  g_ptr_array_unref (self->events);
  g_queue_clear_full (&self->waiting, g_object_unref);
  g_clear_pointer (&self->health, g_variant_unref);
  G_OBJECT_CLASS (whim_engine_parent_class)->finalize (object);
}

static void
whim_engine_class_init (WhimEngineClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = whim_engine_finalize;
  g_signal_new ("journal-advanced", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                NULL, G_TYPE_NONE, 1, G_TYPE_INT64);
}

static void
whim_engine_init (WhimEngine *self)
{
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_event_free);
  g_queue_init (&self->waiting);
}

WhimEngine *
fake_engine_new (void)
{
  WhimEngine *self = g_object_new (WHIM_TYPE_ENGINE, NULL);

  fake_engine_set_health (self, "ok");
  return self;
}

const WhimOperation *
whim_operation_find (const char *name)
{
  for (const WhimOperation *op = operations; op->name != NULL; op++)
    if (g_str_equal (op->name, name))
      return op;
  return NULL;
}

void
whim_caller_free (WhimCaller *self)
{
  g_strfreev (self->channels);
  g_free (self->key_id);
  g_free (self);
}

/* "admin" may do all; any other key is for the channels whose ids it lists, "-ro" only reads */
WhimCaller *
whim_engine_authenticate (WhimEngine *self, const char *key)
{
  WhimCaller *caller;

  if (g_str_equal (key, "unknown"))
    return NULL;
  caller = g_new0 (WhimCaller, 1);
  caller->admin = g_str_equal (key, "admin");
  if (!caller->admin)
    caller->channels = g_strsplit (key, ",", -1);
  return caller;
}

static void
answer (GTask *task)
{
  GVariant *params = g_task_get_task_data (task);
  const char *to = "";

  if (g_task_return_error_if_cancelled (task))
    return;
  g_variant_lookup (params, "to", "&s", &to);
  if (g_str_equal (to, "nobody"))
    g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_RECIPIENT_UNKNOWN, "not on WhatsApp");
  else if (g_str_equal (to, "bad"))
    {
      GError *error = NULL;

      whim_set_field_error (&error, WHIM_ERROR_INVALID_PARAMETER, "to", "is not a number");
      g_task_return_error (task, error);
    }
  else if (g_str_equal (to, "boom"))
    g_task_return_new_error (task, G_FILE_ERROR, G_FILE_ERROR_IO, "/secret/path");
  else
    g_task_return_pointer (task,
                           g_variant_ref_sink (g_variant_new_parsed (
                               "{'params': %v, 'qr': <'2@raw'>}", g_variant_ref (params))),
                           (GDestroyNotify)g_variant_unref);
}

static gboolean
answer_later (gpointer data)
{
  answer (data);
  return G_SOURCE_REMOVE;
}

void
whim_engine_call_async (WhimEngine *self,
                        const char *operation,
                        const WhimCaller *caller,
                        GVariant *params,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  const WhimOperation *op = whim_operation_find (operation);
  const char *channel = NULL;

  self->calls++;
  g_task_set_task_data (task, g_variant_ref_sink (params), (GDestroyNotify)g_variant_unref);
  g_variant_lookup (params, "channelId", "&s", &channel);
  if (op->channel_scoped && channel == NULL)
    {
      GError *error = NULL;

      whim_set_field_error (&error, WHIM_ERROR_MISSING_PARAMETER, "channelId", "is needed");
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  if (caller != NULL && !caller->admin && channel != NULL
      && !g_strv_contains ((const char *const *)caller->channels, channel))
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_FORBIDDEN, "not your channel");
      g_object_unref (task);
      return;
    }
  if (self->held)
    g_queue_push_tail (&self->waiting, task);
  else
    g_idle_add_full (G_PRIORITY_DEFAULT, answer_later, task, g_object_unref);
}

/* The health is known, until it is set anew. */
gboolean
whim_engine_answers_at_once (const WhimOperation *operation)
{
  return g_str_equal (operation->name, "system.health");
}

GVariant *
whim_engine_answer (WhimEngine *self,
                    const WhimOperation *operation,
                    const WhimCaller *caller,
                    GVariant *params,
                    GError **error)
{
  g_variant_unref (g_variant_ref_sink (params));
  if (self->health != NULL)
    return g_variant_ref (self->health);
  g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_TIMED_OUT, "nothing is known");
  return NULL;
}

void
fake_engine_set_health (WhimEngine *self, const char *word)
{
  g_clear_pointer (&self->health, g_variant_unref);
  if (word != NULL)
    self->health = g_variant_ref_sink (g_variant_new_parsed ("{'status': <%s>}", word));
}

GVariant *
whim_engine_call_finish (WhimEngine *self, GAsyncResult *result, GError **error)
{
  GVariant *value = g_task_propagate_pointer (G_TASK (result), error);

  if (value == NULL && error != NULL && g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->cancelled++;
  return value;
}

void
fake_engine_hold (WhimEngine *self)
{
  self->held = TRUE;
}

void
fake_engine_release (WhimEngine *self)
{
  GTask *task;

  self->held = FALSE;
  while ((task = g_queue_pop_head (&self->waiting)) != NULL)
    {
      answer (task);
      g_object_unref (task);
    }
}

guint
fake_engine_get_calls (WhimEngine *self)
{
  return self->calls;
}

guint
fake_engine_get_cancelled (WhimEngine *self)
{
  return self->cancelled;
}

guint
fake_engine_get_reads (WhimEngine *self)
{
  return self->reads;
}

/* ---- The journal ----------------------------------------------------------------------------- */

gint64
whim_engine_get_last_seq (WhimEngine *self)
{
  return (gint64)self->events->len;
}

void
fake_engine_add_event (WhimEngine *self, const char *channel, gsize pad)
{
  g_autofree char *filler = g_strnfill (pad, 'x');
  WhimEvent *event
      = whim_event_new (channel, "presence", 5, g_variant_new_parsed ("{'pad': <%s>}", filler));

  event->seq = (gint64)self->events->len + 1;
  event->sequence = event->seq;
  g_ptr_array_add (self->events, event);
  g_signal_emit_by_name (self, "journal-advanced", event->seq);
}

void
fake_engine_prune (WhimEngine *self)
{
  self->pruned = (gint64)self->events->len;
}

void
whim_engine_read_events_async (WhimEngine *self,
                               const WhimCaller *caller,
                               gint64 after,
                               const char *channel_id,
                               guint limit,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr (GPtrArray) events = g_ptr_array_new ();

  self->reads++;
  if (after < self->pruned)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_CURSOR_EXPIRED, "too old");
      return;
    }
  for (guint i = 0; i < self->events->len && events->len < limit; i++)
    {
      WhimEvent *event = g_ptr_array_index (self->events, i);

      if (event->seq > after && (channel_id == NULL || g_str_equal (channel_id, event->channel_id)))
        g_ptr_array_add (events, event);
    }
  g_task_return_pointer (task, g_steal_pointer (&events), (GDestroyNotify)g_ptr_array_unref);
}

GPtrArray *
whim_engine_read_events_finish (WhimEngine *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
