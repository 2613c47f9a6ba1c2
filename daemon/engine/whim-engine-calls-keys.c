/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "base/whim-random.h"

#include <string.h>

/* A key that changes is on disk before the change counts. */

static WhimApiKey *
find_key (WhimEngine *self, const char *id)
{
  for (guint i = 0; i < self->keys->len; i++)
    {
      WhimApiKey *key = g_ptr_array_index (self->keys, i);

      if (g_str_equal (key->id, id))
        return key;
    }
  return NULL;
}

static WhimApiKey *
find_called (const WhimCall *call, GTask *task)
{
  const char *id = NULL;
  WhimApiKey *key;

  g_variant_lookup (call->params, "keyId", "&s", &id);
  key = find_key (call->engine, id);
  if (key == NULL)
    g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_FOUND, "there is no such key");
  return key;
}

/* What a call may change. */
static WhimApiKey *
find_changeable (const WhimCall *call, GTask *task)
{
  WhimApiKey *key = find_called (call, task);

  if (key == NULL || !key->configured)
    return key;
  g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_CONFLICT,
                           "this key stands in the configuration of the daemon");
  return NULL;
}

static void
add_key (GVariantBuilder *builder, const WhimApiKey *key)
{
  static const char *const none[] = { NULL };

  g_variant_builder_add (builder, "{sv}", "id", g_variant_new_string (key->id));
  g_variant_builder_add (builder, "{sv}", "name",
                         g_variant_new_string (key->name == NULL ? "" : key->name));
  g_variant_builder_add (builder, "{sv}", "admin", g_variant_new_boolean (key->admin));
  g_variant_builder_add (builder, "{sv}", "readOnly", g_variant_new_boolean (key->read_only));
  if (!key->admin)
    g_variant_builder_add (
        builder, "{sv}", "channels",
        g_variant_new_strv (key->channels == NULL ? none : (const char *const *)key->channels, -1));
  g_variant_builder_add (builder, "{sv}", "dialect",
                         g_variant_new_string (key->dialect == NULL ? "both" : key->dialect));
  g_variant_builder_add (builder, "{sv}", "rateLimit", g_variant_new_int64 (key->rate_limit));
  g_variant_builder_add (builder, "{sv}", "createdAt", g_variant_new_int64 (key->created_at));
  if (key->last_used_at != 0)
    g_variant_builder_add (builder, "{sv}", "lastUsedAt", g_variant_new_int64 (key->last_used_at));
}

static GVariant *
key_to_variant (const WhimApiKey *key)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_key (&builder, key);
  return g_variant_builder_end (&builder);
}

static GVariant *
answer_keys_list (const WhimCall *call, GError **error)
{
  GPtrArray *keys = call->engine->keys;
  GVariantBuilder items;

  g_variant_builder_init (&items, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = keys->len; i > 0; i--)
    g_variant_builder_add_value (&items, key_to_variant (g_ptr_array_index (keys, i - 1)));
  return whim_call_make_list (&items, keys->len, keys->len, 0);
}

static void
call_keys_get (const WhimCall *call, GTask *task)
{
  const WhimApiKey *key = find_called (call, task);

  if (key != NULL)
    whim_call_return (task, key_to_variant (key));
}

/* ---- Changes --------------------------------------------------------------------------------- */

typedef struct
{
  WhimApiKey *key;
  char *secret; /* of a new key, to be shown */
} KeyOp;

static void
key_op_free (gpointer data)
{
  KeyOp *op = data;

  g_clear_pointer (&op->key, whim_api_key_free);
  if (op->secret != NULL)
    explicit_bzero (op->secret, strlen (op->secret));
  g_free (op->secret);
  g_free (op);
}

static gboolean
refuse (GError **error, const char *field, const char *message)
{
  whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, field, message);
  return FALSE;
}

/* What a call names goes into @key, if all of it is right. */
static gboolean
take_options (const WhimCall *call, WhimApiKey *key, GError **error)
{
  static const char *const dialects[] = { "both", "seed", "whapi", NULL };
  g_auto (GStrv) channels = NULL;
  const char *dialect = NULL;
  gboolean read_only;

  if (g_variant_lookup (call->params, "channels", "^as", &channels))
    {
      if (key->admin)
        return refuse (error, "channels", "a key for everything is bound to no channel");
      for (guint i = 0; channels[i] != NULL; i++)
        {
          if (whim_engine_find_channel (call->engine, channels[i]) == NULL)
            return refuse (error, "channels", "there is no such channel");
          if (g_strv_contains ((const char *const *)channels + i + 1, channels[i]))
            return refuse (error, "channels", "a channel is named twice");
        }
      g_strfreev (key->channels);
      key->channels = g_steal_pointer (&channels);
    }
  if (g_variant_lookup (call->params, "dialect", "&s", &dialect))
    {
      if (!g_strv_contains (dialects, dialect))
        return refuse (error, "dialect", "must be \"both\", \"seed\" or \"whapi\"");
      g_free (key->dialect);
      key->dialect = g_strdup (dialect);
    }
  if (g_variant_lookup (call->params, "readOnly", "b", &read_only))
    key->read_only = read_only;
  g_variant_lookup (call->params, "rateLimit", "x", &key->rate_limit);
  return TRUE;
}

static void
key_committed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  KeyOp *op = g_task_get_task_data (task);
  GVariantBuilder builder;
  WhimApiKey *old;
  GError *error = NULL;

  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_key (&builder, op->key);
  if (op->secret != NULL)
    g_variant_builder_add (&builder, "{sv}", "key", g_variant_new_string (op->secret));
  old = find_key (self, op->key->id);
  if (old != NULL)
    {
      op->key->last_used_at = old->last_used_at;
      g_ptr_array_remove (self->keys, old);
    }
  g_ptr_array_add (self->keys, g_steal_pointer (&op->key));
  whim_call_return (task, g_variant_builder_end (&builder));
}

static void
commit_key (WhimEngine *self, KeyOp *op, GTask *task)
{
  WhimUnit *unit = whim_unit_new (0);

  whim_unit_put_api_key (unit, op->key);
  g_task_set_task_data (task, op, key_op_free);
  whim_store_commit_async (self->store, unit, NULL, key_committed_cb, g_object_ref (task));
}

static void
call_keys_create (const WhimCall *call, GTask *task)
{
  KeyOp *op = g_new0 (KeyOp, 1);
  gboolean admin = FALSE;
  GError *error = NULL;

  op->key = whim_api_key_new ();
  op->key->id = whim_random_id ("key_");
  op->key->dialect = g_strdup ("both");
  op->key->created_at = whim_clock_get_unix (call->engine->clock);
  g_variant_lookup (call->params, "name", "s", &op->key->name);
  g_variant_lookup (call->params, "admin", "b", &admin);
  op->key->admin = admin;
  if (take_options (call, op->key, &error) && !admin && op->key->channels == NULL)
    refuse (&error, "channels", "a key is for everything (admin), or for at least one channel");
  if (error != NULL)
    {
      g_task_return_error (task, error);
      key_op_free (op);
      return;
    }
  op->secret = whim_engine_make_key_text ();
  whim_sha256 (op->secret, strlen (op->secret), op->key->hash);
  commit_key (call->engine, op, task);
}

/* Whether somebody can still do everything without @key as it is. */
static gboolean
is_last_admin (WhimEngine *self, const WhimApiKey *key)
{
  if (!key->admin || key->read_only)
    return FALSE;
  for (guint i = 0; i < self->keys->len; i++)
    {
      const WhimApiKey *other = g_ptr_array_index (self->keys, i);

      if (other != key && other->admin && !other->read_only)
        return FALSE;
    }
  return TRUE;
}

static void
call_keys_update (const WhimCall *call, GTask *task)
{
  WhimApiKey *now = find_changeable (call, task);
  const char *name = NULL;
  GError *error = NULL;
  KeyOp *op;

  if (now == NULL)
    return;
  op = g_new0 (KeyOp, 1);
  op->key = whim_api_key_copy (now);
  if (g_variant_lookup (call->params, "name", "&s", &name))
    {
      g_free (op->key->name);
      op->key->name = g_strdup (name);
    }
  if (take_options (call, op->key, &error) && op->key->read_only
      && is_last_admin (call->engine, now))
    g_set_error_literal (&error, WHIM_ERROR, WHIM_ERROR_CONFLICT,
                         "the last key that may do everything must stay so");
  if (error != NULL)
    {
      g_task_return_error (task, error);
      key_op_free (op);
      return;
    }
  commit_key (call->engine, op, task);
}

static void
key_deleted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  WhimApiKey *key = find_key (self, g_task_get_task_data (task));
  GError *error = NULL;

  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (key != NULL)
    g_ptr_array_remove (self->keys, key);
  whim_call_return_nothing (task);
}

static void
call_keys_delete (const WhimCall *call, GTask *task)
{
  WhimApiKey *key = find_changeable (call, task);
  WhimUnit *unit;

  if (key == NULL)
    return;
  if (is_last_admin (call->engine, key))
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_CONFLICT,
                               "the last key that may do everything must stay");
      return;
    }
  unit = whim_unit_new (0);
  whim_unit_delete_api_key (unit, key->id);
  g_task_set_task_data (task, g_strdup (key->id), g_free);
  whim_store_commit_async (call->engine->store, unit, NULL, key_deleted_cb, g_object_ref (task));
}

const WhimCallRow whim_calls_keys[] = {
  { "keys.list", .answer = answer_keys_list },
  { "keys.create", call_keys_create },
  { "keys.get", call_keys_get },
  { "keys.update", call_keys_update },
  { "keys.delete", call_keys_delete },
  { NULL },
};
