/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "config/whim-config.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>

#include "base/whim-listen.h"
#include "base/whim-util.h"

/* A 128-bit value in base64 has 22 characters; what is shorter can be guessed. */
#define API_KEY_MIN 20u
#define API_KEY_MAX 256u
#define NOISE_ROOT_SIZE 32u

#define DEFAULT_URL "wss://web.whatsapp.com/ws/chat"
#define DEFAULT_WEB_URL "https://web.whatsapp.com/sw.js"
/* the root that signs the service's certificates (dossier 1, 2.4) */
#define DEFAULT_NOISE_ROOT "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"

typedef gboolean (*CheckFunc) (char **value, GError **error);

struct _WhimConfig
{
  char *values[WHIM_N_SETTINGS];
  WhimOrigin origins[WHIM_N_SETTINGS];
  char *options[WHIM_N_SETTINGS]; /* from the command line */
  char *file;                     /* --config */
  gboolean print;
};

/* ---- Checks: each may bring the value into its canonical form -------------------------------- */

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
  return FALSE;
}

static gboolean
check_directory (char **value, GError **error)
{
  char *path;

  if (**value == '\0')
    return fail (error, "a directory is needed");
  path = g_canonicalize_filename (*value, NULL);
  g_free (*value);
  *value = path;
  return TRUE;
}

static gboolean
check_listen (char **value, GError **error)
{
  g_auto (WhimListen) listen = { 0 };

  return whim_listen_parse (&listen, *value, error);
}

static gboolean
check_api_key (char **value, GError **error)
{
  gsize len = strlen (*value);

  if (len < API_KEY_MIN || len > API_KEY_MAX)
    return fail (error, "an API key has 20 to 256 characters");
  for (const char *c = *value; *c != '\0'; c++)
    if (!g_ascii_isgraph (*c))
      return fail (error, "an API key has only printable ASCII characters");
  return TRUE;
}

static gboolean
check_boolean (char **value, GError **error)
{
  static const char *const yes[] = { "true", "1", "yes", NULL };
  static const char *const no[] = { "false", "0", "no", NULL };
  gboolean is_yes = g_strv_contains (yes, *value);

  if (!is_yes && !g_strv_contains (no, *value))
    return fail (error, "expected true or false");
  g_free (*value);
  *value = g_strdup (is_yes ? "true" : "false");
  return TRUE;
}

static gboolean
check_rate (char **value, GError **error)
{
  if (!g_ascii_string_to_unsigned (*value, 10, 0, 1000000, NULL, NULL))
    return fail (error, "expected requests a minute, up to 1000000; 0 is no limit");
  return TRUE;
}

/* An origin is what a browser sends: scheme, host, port, and nothing behind them. */
static gboolean
check_origins (char **value, GError **error)
{
  g_auto (GStrv) origins = g_strsplit_set (*value, " ,", -1);

  for (guint i = 0; origins[i] != NULL; i++)
    {
      g_autoptr (GUri) uri = NULL;

      if (*origins[i] == '\0' || g_str_equal (origins[i], "*") || g_str_equal (origins[i], "null"))
        continue;
      uri = g_uri_parse (origins[i], G_URI_FLAGS_NONE, NULL);
      if (uri == NULL || g_uri_get_host (uri) == NULL || *g_uri_get_path (uri) != '\0'
          || g_uri_get_query (uri) != NULL || g_uri_get_userinfo (uri) != NULL)
        return fail (error, "expected origins such as https://example.com, separated by spaces");
    }
  return TRUE;
}

static gboolean
check_scheme (const char *value, const char *const *schemes, GError **error)
{
  g_autoptr (GUri) uri = g_uri_parse (value, G_URI_FLAGS_NONE, NULL);

  if (uri == NULL || g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0'
      || !g_strv_contains (schemes, g_uri_get_scheme (uri)))
    {
      g_autofree char *list = g_strjoinv ("://… or ", (char **)schemes);

      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "expected %s://…", list);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_socket_url (char **value, GError **error)
{
  static const char *const schemes[] = { "wss", "ws", NULL };

  return check_scheme (*value, schemes, error);
}

static gboolean
check_web_url (char **value, GError **error)
{
  static const char *const schemes[] = { "https", "http", NULL };

  return check_scheme (*value, schemes, error);
}

static gboolean
check_noise_root (char **value, GError **error)
{
  g_autoptr (GBytes) root = whim_hex_decode (*value);

  if (root == NULL || g_bytes_get_size (root) != NOISE_ROOT_SIZE)
    return fail (error, "expected 64 hexadecimal digits");
  return TRUE;
}

static gboolean
check_ca_file (char **value, GError **error)
{
  /* GLib rejects every certificate, with no more than a warning, if the path is relative. */
  char *path = g_canonicalize_filename (*value, NULL);

  g_free (*value);
  *value = path;
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return fail (error, "there is no such file");
  return TRUE;
}

static gboolean
check_version (char **value, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (*value, ".", -1);

  for (guint i = 0; i < 3; i++)
    if (g_strv_length (parts) != 3
        || !g_ascii_string_to_unsigned (parts[i], 10, 0, G_MAXUINT32, NULL, NULL))
      return fail (error, "expected three numbers, such as 2.3000.1000000000");
  return TRUE;
}

static gboolean
check_store (char **value, GError **error)
{
  if (g_str_equal (*value, "sqlite:"))
    return TRUE;
  return fail (error, "expected \"sqlite:\"; other databases are not supported");
}

static gboolean
check_bus (char **value, GError **error)
{
  if (g_str_equal (*value, "session") || g_str_equal (*value, "none"))
    return TRUE;
  return fail (error, "expected \"session\" or \"none\"");
}

/* ---- The table ------------------------------------------------------------------------------- */

static const struct
{
  const char *group;
  const char *key;
  const char *environment;
  const char *option;
  const char *default_value;
  const char *unset; /* how the lack of a value is printed */
  CheckFunc check;
  const char *help;
  const char *argument;
} settings[WHIM_N_SETTINGS] = {
  [WHIM_SETTING_DATA_DIR] = { "daemon", "data-dir", "WHIMBREL_DATA_DIR", "data-dir", NULL, NULL,
                              check_directory, N_ ("Where everything is kept"), N_ ("DIR") },
  [WHIM_SETTING_LISTEN]
  = { "rest", "listen", "WHIMBREL_LISTEN", "listen", "127.0.0.1:3005", NULL, check_listen,
      N_ ("Where the HTTP interface listens"), N_ ("ADDRESS:PORT|unix:PATH") },
  [WHIM_SETTING_API_KEY] = { "rest", "api-key", "WHIMBREL_API_KEY", NULL, NULL,
                             "(made at first start)", check_api_key, NULL, NULL },
  [WHIM_SETTING_CORS_ORIGINS]
  = { "rest", "cors-origins", "WHIMBREL_CORS_ORIGINS", "cors-origins", NULL, "(none)",
      check_origins, N_ ("Which web pages may call the HTTP interface; * for all"),
      N_ ("ORIGINS") },
  [WHIM_SETTING_RATE_LIMIT]
  = { "rest", "rate-limit", "WHIMBREL_RATE_LIMIT", "rate-limit", "0", NULL, check_rate,
      N_ ("Requests a minute of a key that has no limit of its own; 0 is no limit"),
      N_ ("NUMBER") },
  [WHIM_SETTING_TOKEN_IN_QUERY]
  = { "rest", "token-in-query", "WHIMBREL_TOKEN_IN_QUERY", "token-in-query", "false", NULL,
      check_boolean, N_ ("Whether ?token= is taken for a key; it ends up in logs of others"),
      N_ ("true|false") },
  [WHIM_SETTING_ALLOW_PRIVATE_FETCH]
  = { "fetch", "allow-private", "WHIMBREL_ALLOW_PRIVATE_FETCH", "allow-private-fetch", "false",
      NULL, check_boolean, N_ ("Whether webhooks and media may be on private addresses"),
      N_ ("true|false") },
  [WHIM_SETTING_WA_URL]
  = { "whatsapp", "url", "WHIMBREL_WA_URL", "wa-url", DEFAULT_URL, NULL, check_socket_url,
      N_ ("Another service than WhatsApp's, such as the sandbox"), N_ ("URL") },
  [WHIM_SETTING_WA_WEB_URL]
  = { "whatsapp", "web-url", "WHIMBREL_WA_WEB_URL", "wa-web-url", NULL, "(off)", check_web_url,
      N_ ("The page that tells the current client version"), N_ ("URL") },
  [WHIM_SETTING_WA_NOISE_ROOT]
  = { "whatsapp", "noise-root", "WHIMBREL_WA_NOISE_ROOT", "wa-noise-root", DEFAULT_NOISE_ROOT, NULL,
      check_noise_root, N_ ("The key that certifies the service, in hex"), N_ ("HEX") },
  [WHIM_SETTING_WA_CA_FILE]
  = { "whatsapp", "ca-file", "WHIMBREL_WA_CA_FILE", "wa-ca-file", NULL, "(the system's)",
      check_ca_file, N_ ("Certificates to trust in addition to the system's"), N_ ("FILE") },
  [WHIM_SETTING_WA_VERSION]
  = { "whatsapp", "version", "WHIMBREL_WA_VERSION", "wa-version", NULL, "(built in)", check_version,
      N_ ("The client version to tell the service"), N_ ("VERSION") },
  [WHIM_SETTING_STORE] = { "store", "url", "WHIMBREL_STORE", "store", "sqlite:", NULL, check_store,
                           N_ ("The database"), N_ ("URL") },
  [WHIM_SETTING_BUS] = { "dbus", "bus", "WHIMBREL_BUS", "bus", "session", NULL, check_bus,
                         N_ ("The message bus to appear on"), N_ ("session|none") },
};

/* ---- Loading --------------------------------------------------------------------------------- */

WhimConfig *
whim_config_new (void)
{
  return g_new0 (WhimConfig, 1);
}

void
whim_config_free (WhimConfig *self)
{
  for (guint i = 0; i < WHIM_N_SETTINGS; i++)
    {
      g_free (self->values[i]);
      g_free (self->options[i]);
    }
  g_free (self->file);
  g_free (self);
}

GOptionGroup *
whim_config_get_option_group (WhimConfig *self)
{
  GOptionGroup *group = g_option_group_new ("config", N_ ("Settings:"),
                                            N_ ("Show the options for settings"), NULL, NULL);
  GOptionEntry more[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &self->file, N_ ("The key file to read"),
      N_ ("FILE") },
    { "print-config", 0, 0, G_OPTION_ARG_NONE, &self->print,
      N_ ("Show the settings and where they come from, and exit"), NULL },
    { NULL },
  };

  for (guint i = 0; i < WHIM_N_SETTINGS; i++)
    {
      /* A key on the command line would be in the list of processes. */
      GOptionEntry entry[] = {
        { settings[i].option, 0, 0, G_OPTION_ARG_STRING, &self->options[i], settings[i].help,
          settings[i].argument },
        { NULL },
      };

      if (settings[i].option != NULL)
        g_option_group_add_entries (group, entry);
    }
  g_option_group_add_entries (group, more);
  g_option_group_set_translation_domain (group, WHIM_GETTEXT_PACKAGE);
  return group;
}

static void
take (WhimConfig *self, guint setting, char *value, WhimOrigin origin)
{
  g_free (self->values[setting]);
  self->values[setting] = value;
  self->origins[setting] = origin;
}

static gint
find_setting (const char *group, const char *key)
{
  for (guint i = 0; i < WHIM_N_SETTINGS; i++)
    if (g_str_equal (settings[i].group, group) && g_str_equal (settings[i].key, key))
      return (gint)i;
  return -1;
}

static gboolean
take_group (WhimConfig *self, GKeyFile *file, const char *group, GError **error)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, NULL);

  for (guint i = 0; keys[i] != NULL; i++)
    {
      gint setting = find_setting (group, keys[i]);
      char *value;

      if (setting < 0)
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       "there is no setting [%s] %s", group, keys[i]);
          return FALSE;
        }
      value = g_key_file_get_string (file, group, keys[i], error);
      if (value == NULL)
        return FALSE;
      take (self, (guint)setting, value, WHIM_ORIGIN_KEY_FILE);
    }
  return TRUE;
}

static gboolean
load_key_file (WhimConfig *self, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *standard
      = g_build_filename (g_get_user_config_dir (), "whimbrel", "whimbreld.conf", NULL);
  const char *named = self->file != NULL ? self->file : g_getenv ("WHIMBREL_CONFIG");
  const char *path = named != NULL ? named : standard;
  g_autoptr (GError) own = NULL;
  g_auto (GStrv) groups = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &own))
    {
      if (named == NULL && g_error_matches (own, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return TRUE;
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s", path, own->message);
      return FALSE;
    }
  groups = g_key_file_get_groups (file, NULL);
  for (guint i = 0; groups[i] != NULL; i++)
    if (!take_group (self, file, groups[i], error))
      {
        g_prefix_error (error, "%s: ", path);
        return FALSE;
      }
  return TRUE;
}

static void
load_defaults (WhimConfig *self)
{
  for (guint i = 0; i < WHIM_N_SETTINGS; i++)
    if (self->values[i] == NULL)
      take (self, i, g_strdup (settings[i].default_value), WHIM_ORIGIN_DEFAULT);
  if (self->values[WHIM_SETTING_DATA_DIR] == NULL)
    take (self, WHIM_SETTING_DATA_DIR, g_build_filename (g_get_user_data_dir (), "whimbrel", NULL),
          WHIM_ORIGIN_DEFAULT);
  if (self->values[WHIM_SETTING_WA_WEB_URL] == NULL
      && self->origins[WHIM_SETTING_WA_URL] == WHIM_ORIGIN_DEFAULT)
    take (self, WHIM_SETTING_WA_WEB_URL, g_strdup (DEFAULT_WEB_URL), WHIM_ORIGIN_DEFAULT);
}

static char *
describe_origin (const WhimConfig *self, guint setting)
{
  switch (self->origins[setting])
    {
    case WHIM_ORIGIN_COMMAND_LINE:
      return g_strdup_printf ("--%s", settings[setting].option);
    case WHIM_ORIGIN_ENVIRONMENT:
      return g_strdup (settings[setting].environment);
    case WHIM_ORIGIN_KEY_FILE:
      return g_strdup_printf ("[%s] %s", settings[setting].group, settings[setting].key);
    case WHIM_ORIGIN_DEFAULT:
    default:
      return g_strdup ("default");
    }
}

gboolean
whim_config_load (WhimConfig *self, GError **error)
{
  if (!load_key_file (self, error))
    return FALSE;
  for (guint i = 0; i < WHIM_N_SETTINGS; i++)
    {
      const char *value = g_getenv (settings[i].environment);

      if (self->options[i] != NULL)
        take (self, i, g_strdup (self->options[i]), WHIM_ORIGIN_COMMAND_LINE);
      else if (value != NULL && *value != '\0')
        take (self, i, g_strdup (value), WHIM_ORIGIN_ENVIRONMENT);
    }
  load_defaults (self);
  for (guint i = 0; i < WHIM_N_SETTINGS; i++)
    if (self->values[i] != NULL && !settings[i].check (&self->values[i], error))
      {
        g_autofree char *origin = describe_origin (self, i);

        g_prefix_error (error, "%s: ", origin);
        return FALSE;
      }
  return TRUE;
}

/* ---- Reading --------------------------------------------------------------------------------- */

const char *
whim_config_get (const WhimConfig *self, WhimSetting setting)
{
  return self->values[setting];
}

gboolean
whim_config_get_boolean (const WhimConfig *self, WhimSetting setting)
{
  return g_strcmp0 (self->values[setting], "true") == 0;
}

guint
whim_config_get_number (const WhimConfig *self, WhimSetting setting)
{
  const char *value = self->values[setting];

  return value == NULL ? 0 : (guint)g_ascii_strtoull (value, NULL, 10);
}

GBytes *
whim_config_dup_noise_root (const WhimConfig *self)
{
  return whim_hex_decode (self->values[WHIM_SETTING_WA_NOISE_ROOT]);
}

WhimOrigin
whim_config_get_origin (const WhimConfig *self, WhimSetting setting)
{
  return self->origins[setting];
}

gboolean
whim_config_wants_print (const WhimConfig *self)
{
  return self->print;
}

char *
whim_config_print (const WhimConfig *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < WHIM_N_SETTINGS; i++)
    {
      g_autofree char *origin = describe_origin (self, i);
      const char *value = self->values[i];

      if (value == NULL)
        value = settings[i].unset;
      else if (i == WHIM_SETTING_API_KEY)
        value = "(set)";
      g_string_append_printf (text, "[%s] %s = %s   # %s\n", settings[i].group, settings[i].key,
                              value, origin);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char **
whim_config_dup_environment (const WhimConfig *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < WHIM_N_SETTINGS; i++)
    if (self->origins[i] != WHIM_ORIGIN_DEFAULT)
      {
        g_autofree char *item = g_strdup_printf ("%s=%s", settings[i].environment, self->values[i]);

        g_strv_builder_add (builder, item);
      }
  return g_strv_builder_end (builder);
}
