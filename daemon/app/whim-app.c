/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "app/whim-app-private.h"

#include "base/whim-util.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* How long the end of the daemon waits for the answers of webhooks. */
#define HOOKS_GRACE_MS 3000
#define ADMIN_KEY_FILE "admin.key"
#define ORIGIN "https://web.whatsapp.com"
/* dossier 1, 4.6: whatsmeow's of August 2026 */
#define BUILT_IN_VERSION "2.3000.1045649367"

static gboolean
fail (GError **error, const char *what)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, what);
  return FALSE;
}

/* A channel is a socket. */
static void
raise_file_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit (RLIMIT_NOFILE, &limit);
}

static gboolean
parse_version (const char *text, WhimClientVersion *version)
{
  return sscanf (text, "%u.%u.%u", &version->primary, &version->secondary, &version->tertiary) == 3;
}

/* A newer one that the service once wanted (dossier 1, 4.6); what is configured stands. */
static void
remember_version (WhimApp *self, WhimClientVersion *version)
{
  guint32 revision = whim_engine_read_revision (self->store);

  if (whim_config_get (self->config, WHIM_SETTING_WA_VERSION) == NULL
      && revision > version->tertiary)
    version->tertiary = revision;
}

static gboolean
start_transport (WhimApp *self, const guint8 *root, GError **error)
{
  const WhimTransportConfig config
      = { whim_config_get (self->config, WHIM_SETTING_WA_URL), ORIGIN, root,
          whim_config_get (self->config, WHIM_SETTING_WA_CA_FILE) };

  self->transport = whim_transport_new (&config, error);
  return self->transport != NULL;
}

/* The key of a first start is kept 0600 beside the data for the local command line, and shown once
 * if somebody is there to see it. */
static gboolean
keep_admin_key (WhimApp *self, GError **error)
{
  g_autofree char *path = g_build_filename (whim_config_get (self->config, WHIM_SETTING_DATA_DIR),
                                            ADMIN_KEY_FILE, NULL);
  g_autofree char *key = whim_engine_ensure_admin_key (
      self->engine, whim_config_get (self->config, WHIM_SETTING_API_KEY));
  g_autofree char *line = NULL;

  if (key == NULL)
    return TRUE;
  line = g_strconcat (key, "\n", NULL);
  if (!g_file_set_contents_full (path, line, -1,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                                 error))
    return FALSE;
  if (isatty (STDOUT_FILENO))
    printf ("API key (shown once, kept in %s): %s\n", path, key);
  return TRUE;
}

static gboolean
start_hooks (WhimApp *self, GError **error)
{
  const WhimHooksConfig config
      = { self->engine, self->store, self->clock,
          whim_config_get_boolean (self->config, WHIM_SETTING_ALLOW_PRIVATE_FETCH) };

  self->hooks = whim_hooks_new (&config, error);
  return self->hooks != NULL;
}

gboolean
whim_app_start (WhimApp *self, WhimConfig *config, GError **error)
{
  const char *version = whim_config_get (config, WHIM_SETTING_WA_VERSION);
  g_autoptr (GBytes) root = whim_config_dup_noise_root (config);
  WhimEngineConfig engine_config = { 0 };
  WhimRestPolicy policy = { 0 };

  self->config = config;
  raise_file_limit ();
  if (!whim_crypto_self_test (error))
    return FALSE;
  if (!parse_version (version != NULL ? version : BUILT_IN_VERSION, &engine_config.version))
    return fail (error, "the client version must have three numbers");
  self->clock = whim_clock_new_system ();
  self->store
      = whim_store_open (whim_config_get (config, WHIM_SETTING_DATA_DIR), self->clock, error);
  if (self->store == NULL)
    return FALSE;
  remember_version (self, &engine_config.version);
  if (!start_transport (self, g_bytes_get_data (root, NULL), error))
    return FALSE;
  self->pool = whim_signal_pool_new (g_get_num_processors ());
  engine_config.clock = self->clock;
  engine_config.store = self->store;
  engine_config.pool = self->pool;
  engine_config.transport = self->transport;
  engine_config.allow_private_fetch
      = whim_config_get_boolean (config, WHIM_SETTING_ALLOW_PRIVATE_FETCH);
  engine_config.noise_root = g_bytes_get_data (root, NULL);
  self->engine = whim_engine_new (&engine_config, error);
  if (self->engine == NULL || !keep_admin_key (self, error))
    return FALSE;
  if (!start_hooks (self, error))
    return FALSE;
  self->rest = whim_rest_new (self->engine, self->clock);
  policy.cors_origins = whim_config_get (config, WHIM_SETTING_CORS_ORIGINS);
  policy.rate_limit = whim_config_get_number (config, WHIM_SETTING_RATE_LIMIT);
  policy.token_in_query = whim_config_get_boolean (config, WHIM_SETTING_TOKEN_IN_QUERY);
  whim_rest_set_policy (self->rest, &policy);
  if (!whim_rest_listen (self->rest, whim_config_get (config, WHIM_SETTING_LISTEN), error))
    return FALSE;
  if (g_str_equal (whim_config_get (config, WHIM_SETTING_BUS), "session"))
    {
      self->bus = whim_bus_new (self->engine, self->clock);
      whim_bus_start (self->bus);
    }
  whim_version_start (self);
  whim_engine_start (self->engine);
  whim_wake_start (self);
  return TRUE;
}

static void
hurry_cb (gpointer user_data)
{
  WhimApp *self = user_data;

  self->hurry = 0;
  whim_hooks_stop (self->hooks);
}

/* Webhooks that are under way get a moment for their answers, which spares repeats. */
static void
stop_hooks (WhimApp *self)
{
  if (self->hooks == NULL)
    return;
  whim_hooks_drain (self->hooks);
  self->hurry = whim_clock_add_timer (self->clock, HOOKS_GRACE_MS, hurry_cb, self);
  while (whim_hooks_is_busy (self->hooks))
    g_main_context_iteration (NULL, TRUE);
  whim_clock_clear_timer (self->clock, &self->hurry);
  whim_hooks_stop (self->hooks);
}

void
whim_app_stop (WhimApp *self)
{
  if (self->rest != NULL)
    whim_rest_stop (self->rest);
  if (self->bus != NULL)
    whim_bus_stop (self->bus);
  stop_hooks (self);
  whim_wake_stop (self);
  whim_version_stop (self);
  if (self->engine != NULL)
    whim_engine_stop (self->engine);
  g_clear_pointer (&self->pool, whim_signal_pool_free);
  if (self->store != NULL)
    whim_store_close (self->store);
  /* what was on its way ends now: nothing below can call back any more */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_clear_object (&self->version_fetcher);
  g_clear_object (&self->hooks);
  g_clear_pointer (&self->rest, whim_rest_free);
  g_clear_pointer (&self->bus, whim_bus_unref);
  g_clear_object (&self->engine);
  g_clear_object (&self->store);
  g_clear_pointer (&self->transport, whim_transport_free);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_clear_pointer (&self->clock, whim_clock_unref);
}
