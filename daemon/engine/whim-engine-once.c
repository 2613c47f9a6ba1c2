/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "crypto/whim-crypto.h"

/* Calls with a client id (product page, 5): done once per key, channel, operation and id.
 *
 *   asked just now? -> wait for that answer
 *   answered within a day? -> the first answer, from the store
 *   else -> done; the answer is committed in the unit that accepts what was asked
 *
 * One process owns the store, so what runs just now stands in memory. */

typedef struct
{
  WhimEngine *engine; /* owned */
  char *slot;
  char *channel_id;
  char *api_key;
  char *client_id;
  const WhimOperation *operation;
  WhimCaller caller; /* a copy; the strings are ours */
  GVariant *params;
  GBytes *request;
  GPtrArray *waiters; /* of Waiter: the first one is who asked first */
} Once;

typedef struct
{
  GTask *task;
  GBytes *request;
} Waiter;

static void
waiter_free (gpointer data)
{
  Waiter *waiter = data;

  g_object_unref (waiter->task);
  g_bytes_unref (waiter->request);
  g_free (waiter);
}

static void
once_free (Once *self)
{
  g_object_unref (self->engine);
  g_free (self->slot);
  g_free (self->channel_id);
  g_free (self->api_key);
  g_free (self->client_id);
  g_strfreev (self->caller.channels);
  g_free (self->caller.key_id);
  g_variant_unref (self->params);
  g_bytes_unref (self->request);
  g_ptr_array_unref (self->waiters);
  g_free (self);
}

static void
add_waiter (Once *self, GTask *task, GBytes *request)
{
  Waiter *waiter = g_new0 (Waiter, 1);

  waiter->task = g_object_ref (task);
  waiter->request = g_bytes_ref (request);
  g_ptr_array_add (self->waiters, waiter);
}

/* SHA-256 of what is asked; the id itself is no part of it. */
static GBytes *
hash_request (GVariant *params)
{
  GVariantBuilder builder;
  GVariantIter iter;
  const char *name;
  GVariant *value;
  g_autoptr (GVariant) rest = NULL;
  g_autoptr (GVariant) normal = NULL;
  g_autoptr (GBytes) bytes = NULL;
  guint8 digest[32];

  /* in the order of the operation's table, which is the order of @params */
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_iter_init (&iter, params);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      if (!g_str_equal (name, WHIM_PARAM_CLIENT_ID))
        g_variant_builder_add (&builder, "{sv}", name, value);
      g_variant_unref (value);
    }
  rest = g_variant_ref_sink (g_variant_builder_end (&builder));
  normal
      = G_BYTE_ORDER == G_BIG_ENDIAN ? g_variant_byteswap (rest) : g_variant_get_normal_form (rest);
  bytes = g_variant_get_data_as_bytes (normal);
  whim_sha256 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), digest);
  return g_bytes_new (digest, sizeof digest);
}

static void
fail_conflict (GTask *task)
{
  GError *error = NULL;

  whim_set_field_error (&error, WHIM_ERROR_IDEMPOTENCY_CONFLICT, WHIM_PARAM_CLIENT_ID,
                        "this idempotency key was used for another request");
  g_task_return_error (task, error);
}

/* Takes @self. Everybody who asked the same gets the same. */
static void
once_end (Once *self, GBytes *request, GVariant *answer, const GError *error)
{
  g_hash_table_remove (self->engine->asked, self->slot);
  for (guint i = 0; i < self->waiters->len; i++)
    {
      Waiter *waiter = g_ptr_array_index (self->waiters, i);

      if (!g_bytes_equal (waiter->request, request))
        fail_conflict (waiter->task);
      else if (answer != NULL)
        g_task_return_pointer (waiter->task, g_variant_ref (answer),
                               (GDestroyNotify)g_variant_unref);
      else
        g_task_return_error (waiter->task, g_error_copy (error));
    }
  once_free (self);
}

static void
once_done_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Once *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_task_propagate_pointer (G_TASK (result), &error);

  once_end (self, self->request, answer, error);
}

static void
once_run (Once *self)
{
  WhimChannel *channel = whim_engine_find_channel (self->engine, self->channel_id);
  const WhimFirstAsk first
      = { self->api_key, self->operation->name, self->client_id, self->request };
  g_autoptr (GTask) task = NULL;
  g_autoptr (GError) error = NULL;

  if (channel == NULL || channel->deleting)
    {
      error = g_error_new_literal (WHIM_ERROR, WHIM_ERROR_CHANNEL_NOT_FOUND,
                                   "there is no such channel");
      once_end (self, self->request, NULL, error);
      return;
    }
  task = g_task_new (self->engine, NULL, once_done_cb, self);
  g_task_set_source_tag (task, once_run);
  whim_engine_dispatch (self->engine, self->operation, &self->caller, channel, self->params, &first,
                        task);
}

static GVariant *
answer_from_bytes (GBytes *bytes)
{
  g_autoptr (GVariant) raw
      = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, bytes, FALSE));

  return G_BYTE_ORDER == G_BIG_ENDIAN ? g_variant_byteswap (raw) : g_variant_get_normal_form (raw);
}

static void
once_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Once *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimFirstAnswer) found
      = whim_store_find_answered_finish (WHIM_STORE (source), result, &error);
  g_autoptr (GVariant) answer = NULL;

  if (found == NULL)
    once_end (self, self->request, NULL, error);
  else if (found->request == NULL)
    once_run (self);
  else
    {
      answer = answer_from_bytes (found->answer);
      once_end (self, found->request, answer, NULL);
    }
}

void
whim_engine_dispatch_once (WhimEngine *self,
                           const WhimOperation *operation,
                           const WhimCaller *caller,
                           WhimChannel *channel,
                           GVariant *params,
                           GTask *task)
{
  const char *client_id = NULL;
  const char *api_key = caller == NULL || caller->key_id == NULL ? "" : caller->key_id;
  g_autoptr (GBytes) request = hash_request (params);
  g_autofree char *slot = NULL;
  Once *once;

  g_variant_lookup (params, WHIM_PARAM_CLIENT_ID, "&s", &client_id);
  slot = g_strdup_printf ("%s\n%s\n%s\n%s", channel->record->id, api_key, operation->name,
                          client_id);
  once = g_hash_table_lookup (self->asked, slot);
  if (once != NULL)
    {
      add_waiter (once, task, request);
      return;
    }
  once = g_new0 (Once, 1);
  once->engine = g_object_ref (self);
  once->slot = g_strdup (slot);
  once->channel_id = g_strdup (channel->record->id);
  once->api_key = g_strdup (api_key);
  once->client_id = g_strdup (client_id);
  once->operation = operation;
  if (caller != NULL)
    {
      once->caller.admin = caller->admin;
      once->caller.read_only = caller->read_only;
      once->caller.channels = g_strdupv (caller->channels);
      once->caller.key_id = g_strdup (caller->key_id);
    }
  once->params = g_variant_ref (params);
  once->request = g_bytes_ref (request);
  once->waiters = g_ptr_array_new_with_free_func (waiter_free);
  add_waiter (once, task, request);
  g_hash_table_insert (self->asked, g_strdup (slot), once);
  whim_store_find_answered_async (self->store, channel->record->number, api_key, operation->name,
                                  client_id, whim_clock_get_unix (self->clock), NULL, once_found_cb,
                                  once);
}
