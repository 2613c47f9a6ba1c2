/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "engine/whim-engine-private.h"

#include <string.h>

/* API keys: 256 random bits, shown once, kept as SHA-256. */

#define KEY_BYTES 32u
#define KEY_PREFIX "whim_"

void
whim_caller_free (WhimCaller *self)
{
  g_strfreev (self->channels);
  g_free (self->key_id);
  g_free (self->dialect);
  g_free (self);
}

gboolean
whim_caller_may_see (const WhimCaller *caller, const char *channel_id)
{
  return caller != NULL
         && (caller->admin
             || (caller->channels != NULL
                 && g_strv_contains ((const char *const *)caller->channels, channel_id)));
}

/* Every key is compared, and each in constant time: how long it takes tells nothing. */
WhimCaller *
whim_engine_authenticate (WhimEngine *self, const char *key)
{
  WhimApiKey *found = NULL;
  WhimCaller *caller;
  guint8 hash[32];

  whim_sha256 (key, strlen (key), hash);
  for (guint i = 0; i < self->keys->len; i++)
    {
      WhimApiKey *row = g_ptr_array_index (self->keys, i);

      if (whim_bytes_equal_constant_time (row->hash, hash, sizeof hash))
        found = row;
    }
  if (found == NULL)
    return NULL;
  found->last_used_at = whim_clock_get_unix (self->clock);
  caller = g_new0 (WhimCaller, 1);
  caller->admin = found->admin;
  caller->read_only = found->read_only;
  caller->channels = g_strdupv (found->channels);
  caller->key_id = g_strdup (found->id);
  caller->dialect = g_strdup (found->dialect);
  caller->rate_limit = found->rate_limit;
  return caller;
}

char *
whim_engine_make_key_text (void)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  GString *text = g_string_new (KEY_PREFIX);

  /* 43 characters of 62 are more than 256 bits */
  for (guint i = 0; i < 43; i++)
    g_string_append_c (text, alphabet[whim_random_below (sizeof alphabet - 1)]);
  return g_string_free (text, FALSE);
}

char *
whim_engine_ensure_admin_key (WhimEngine *self, const char *wanted)
{
  g_autofree char *text = NULL;
  WhimApiKey *key;
  WhimUnit *unit;

  if (wanted != NULL)
    {
      WhimCaller *caller = whim_engine_authenticate (self, wanted);

      if (caller != NULL)
        {
          whim_caller_free (caller);
          return NULL;
        }
    }
  else
    for (guint i = 0; i < self->keys->len; i++)
      if (((WhimApiKey *)g_ptr_array_index (self->keys, i))->admin)
        return NULL;
  text = wanted != NULL ? g_strdup (wanted) : whim_engine_make_key_text ();
  key = whim_api_key_new ();
  key->id = whim_random_id ("key_");
  key->name = g_strdup (wanted != NULL ? "configured" : "admin");
  key->admin = TRUE;
  key->dialect = g_strdup ("both");
  key->created_at = whim_clock_get_unix (self->clock);
  whim_sha256 (text, strlen (text), key->hash);
  g_ptr_array_add (self->keys, key);
  key->configured = wanted != NULL;
  if (wanted != NULL)
    return NULL; /* stands in the configuration: nothing to keep, nothing to show */
  unit = whim_unit_new (0);
  whim_unit_put_api_key (unit, key);
  whim_store_commit_async (self->store, unit, NULL, NULL, NULL);
  return g_steal_pointer (&text);
}

void
whim_engine_drop_channel_keys (WhimEngine *self, const char *channel_id)
{
  for (guint i = 0; i < self->keys->len; i++)
    {
      WhimApiKey *key = g_ptr_array_index (self->keys, i);
      g_autoptr (GStrvBuilder) left = g_strv_builder_new ();

      for (guint k = 0; key->channels != NULL && key->channels[k] != NULL; k++)
        if (!g_str_equal (key->channels[k], channel_id))
          g_strv_builder_add (left, key->channels[k]);
      if (key->channels == NULL)
        continue;
      g_strfreev (key->channels);
      key->channels = g_strv_builder_end (left);
    }
}

static void
uses_kept_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    g_warning ("when keys were used could not be kept: %s", error->message);
}

/* A commit for every request would cost more than the request. */
void
whim_engine_keep_key_uses (WhimEngine *self)
{
  WhimUnit *unit = whim_unit_new (0);

  for (guint i = 0; i < self->keys->len; i++)
    {
      const WhimApiKey *key = g_ptr_array_index (self->keys, i);

      if (key->last_used_at != 0)
        whim_unit_use_api_key (unit, key->id, key->last_used_at);
    }
  if (whim_unit_is_empty (unit))
    whim_unit_free (unit);
  else
    whim_store_commit_async (self->store, unit, NULL, uses_kept_cb, NULL);
}
