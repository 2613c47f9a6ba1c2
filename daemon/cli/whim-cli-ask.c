/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib/gi18n.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/whim-limits.h"

/* What the commands share: where the daemon is, how it is asked, how a list is shown. */

/* ---- Where it is ----------------------------------------------------------------------------- */

static gboolean
is_local (const char *host)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  return g_str_equal (host, "localhost")
         || (address != NULL && g_inet_address_get_is_loopback (address));
}

/* Returns: (transfer full) (nullable); @local: the key of this machine's daemon may go there */
static WhimCliClient *
make_client (const WhimCliOptions *options, gboolean *local, GError **error)
{
  const char *server = options->server != NULL ? options->server : g_getenv ("WHIMBREL_SERVER");
  g_autoptr (GUri) uri = NULL;
  g_autofree char *base = NULL;

  *local = TRUE;
  if (server == NULL || *server == '\0')
    return whim_cli_client_new (whim_config_get (options->config, WHIM_SETTING_LISTEN), 0, error);
  if (strstr (server, "://") == NULL)
    {
      *local = g_str_has_prefix (server, "unix:") || g_str_has_prefix (server, "127.")
               || g_str_has_prefix (server, "localhost:") || g_str_has_prefix (server, "[::1]:");
      return whim_cli_client_new (server, 0, error);
    }
  uri = g_uri_parse (server, G_URI_FLAGS_NONE, NULL);
  if (uri == NULL || g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0'
      || g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL
      || (!g_str_equal (g_uri_get_scheme (uri), "http")
          && !g_str_equal (g_uri_get_scheme (uri), "https")))
    {
      g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE, _ ("%s is not an address."), server);
      return NULL;
    }
  *local = is_local (g_uri_get_host (uri));
  base = g_strdup (server);
  while (g_str_has_suffix (base, "/"))
    base[strlen (base) - 1] = '\0';
  return whim_cli_client_new_for_url (base);
}

/* Without a key there is one thing more to know: whether anybody is there at all. */
static gboolean
explain_missing_key (WhimCliOptions *options, GError *own, GError **error)
{
  g_autoptr (GError) unreachable = NULL;
  g_autoptr (JsonObject) health
      = whim_cli_client_call (options->client, "GET", "/health", NULL, NULL, &unreachable);

  if (health == NULL && whim_cli_exit_for (unreachable) == WHIM_CLI_UNREACHABLE)
    {
      g_propagate_error (error, g_steal_pointer (&unreachable));
      g_error_free (own);
    }
  else
    g_propagate_error (error, own);
  return FALSE;
}

gboolean
whim_cli_connect (WhimCliOptions *options, gboolean with_key, GError **error)
{
  gboolean local;
  g_autofree char *key = NULL;
  GError *own = NULL;

  options->client = make_client (options, &local, error);
  if (options->client == NULL)
    {
      if (error != NULL && (*error)->domain != WHIM_CLI_ERROR)
        {
          own = g_steal_pointer (error);
          g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE, own->message);
          g_error_free (own);
        }
      return FALSE;
    }
  if (!with_key)
    return TRUE;
  if (local || options->key != NULL
      || whim_config_get (options->config, WHIM_SETTING_API_KEY) != NULL)
    key = whim_cli_load_key (options->config, options->key, &own);
  else
    own = g_error_new_literal (WHIM_CLI_ERROR, WHIM_CLI_FAILED,
                               _ ("There is no API key for this server; give one with --key."));
  if (key == NULL && local)
    return explain_missing_key (options, own, error);
  if (key == NULL)
    {
      g_propagate_error (error, own);
      return FALSE;
    }
  whim_cli_client_set_key (options->client, key);
  return TRUE;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

char *
whim_cli_path (const char *first, ...)
{
  g_autoptr (GString) path = g_string_new (NULL);
  va_list args;

  va_start (args, first);
  for (const char *segment = first; segment != NULL; segment = va_arg (args, const char *))
    {
      g_autofree char *escaped = g_uri_escape_string (segment, NULL, TRUE);

      g_string_append_printf (path, "/%s", escaped);
    }
  va_end (args);
  return g_string_free (g_steal_pointer (&path), FALSE);
}

char *
whim_cli_paged (WhimCliOptions *options, const char *path, const char *channel)
{
  GString *query = g_string_new (path);
  char mark = '?';

  if (channel != NULL)
    {
      g_autofree char *escaped = g_uri_escape_string (channel, NULL, TRUE);

      g_string_append_printf (query, "%cchannelId=%s", mark, escaped);
      mark = '&';
    }
  if (options->limit != 0)
    g_string_append_printf (query, "%climit=%d", mark, options->limit);
  return g_string_free (query, FALSE);
}

JsonObject *
whim_cli_ask (WhimCliOptions *options,
              const char *method,
              const char *path,
              JsonObject *body,
              GError **error)
{
  JsonObject *answer = whim_cli_client_call (options->client, method, path, body, NULL, error);
  const char *text = whim_cli_client_get_text (options->client);

  if (options->json && text != NULL)
    whim_cli_say ("%s", text);
  return answer;
}

gboolean
whim_cli_list (WhimCliOptions *options,
               const char *path,
               const char *plural,
               WhimCliTable *table,
               WhimCliRowFunc row,
               GError **error)
{
  g_autoptr (JsonObject) answer = whim_cli_ask (options, "GET", path, NULL, error);
  JsonArray *items = NULL;

  if (answer != NULL)
    items = whim_cli_array (answer, "data") != NULL ? whim_cli_array (answer, "data")
                                                    : whim_cli_array (answer, plural);
  for (guint i = 0; items != NULL && i < json_array_get_length (items); i++)
    {
      JsonNode *node = json_array_get_element (items, i);

      if (JSON_NODE_HOLDS_OBJECT (node))
        row (table, json_node_get_object (node));
    }
  if (answer != NULL && !options->json)
    whim_cli_table_print (table);
  else
    whim_cli_table_free (table);
  return answer != NULL;
}

/* ---- Channels by name ------------------------------------------------------------------------ */

/* Returns: (transfer full) (nullable): @n: how many there are that fit */
static char *
pick_channel (JsonObject *answer, const char *wanted, guint *n)
{
  JsonArray *channels = whim_cli_array (answer, "data") != NULL
                            ? whim_cli_array (answer, "data")
                            : whim_cli_array (answer, "channels");
  g_autofree char *found = NULL;

  *n = 0;
  for (guint i = 0; channels != NULL && i < json_array_get_length (channels); i++)
    {
      JsonNode *node = json_array_get_element (channels, i);
      JsonObject *channel = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *id = whim_cli_text (channel, "id");

      if (wanted != NULL && g_str_equal (id, wanted))
        {
          *n = 1;
          return g_strdup (id);
        }
      if (wanted != NULL && !g_str_equal (whim_cli_text (channel, "name"), wanted))
        continue;
      if (found == NULL)
        found = g_strdup (id);
      (*n)++;
    }
  return g_steal_pointer (&found);
}

char *
whim_cli_find_channel (WhimCliOptions *options, const char *wanted, GError **error)
{
  g_autoptr (JsonObject) list
      = whim_cli_client_call (options->client, "GET", "/channels", NULL, NULL, error);
  g_autofree char *id = NULL;
  guint n;

  if (list == NULL)
    return NULL;
  id = pick_channel (list, wanted, &n);
  if (n == 1)
    return g_steal_pointer (&id);
  if (wanted != NULL && n == 0)
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_FAILED, _ ("There is no channel “%s”."), wanted);
  else if (wanted != NULL)
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE,
                 _ ("Several channels have the name “%s”; give the id."), wanted);
  else if (n == 0)
    g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_FAILED,
                         _ ("There is no channel; make one with: whimbrel channel create NAME"));
  else
    g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE,
                         _ ("There are several channels; say which with --channel."));
  return NULL;
}

char *
whim_cli_open_channel (WhimCliClient *client, const char *wanted, GError **error)
{
  WhimCliOptions options = { .client = client };
  g_autoptr (JsonObject) list = NULL;
  g_autoptr (JsonObject) made = NULL;
  JsonObject *body;
  char *id;
  guint n;

  if (wanted != NULL)
    return whim_cli_find_channel (&options, wanted, error);
  list = whim_cli_client_call (client, "GET", "/channels", NULL, NULL, error);
  if (list == NULL)
    return NULL;
  id = pick_channel (list, NULL, &n);
  if (id != NULL)
    return id;
  body = json_object_new ();
  /* Translators: the name of the channel that is made at first start */
  json_object_set_string_member (body, "name", _ ("First channel"));
  made = whim_cli_client_call (client, "POST", "/channels", body, NULL, error);
  return made == NULL ? NULL : g_strdup (whim_cli_text (whim_cli_data (made), "id"));
}

/* ---- Texts from files ------------------------------------------------------------------------ */

char *
whim_cli_read_all (const char *path, GError **error)
{
  gboolean standard = g_str_equal (path, "-");
  int fd = standard ? STDIN_FILENO : open (path, O_RDONLY | O_CLOEXEC);
  g_autoptr (GInputStream) input = NULL;
  g_autofree char *text = g_malloc (WHIM_LIMIT_TEXT + 3);
  gsize len = 0;

  if (fd < 0)
    {
      g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE, _ ("%s cannot be read: %s."), path,
                   g_strerror (errno));
      return NULL;
    }
  input = g_unix_input_stream_new (fd, !standard);
  if (!g_input_stream_read_all (input, text, WHIM_LIMIT_TEXT + 2, &len,
                                whim_cli_signals_get_cancellable (), error))
    return NULL;
  text[len] = '\0';
  if (len > 0 && text[len - 1] == '\n')
    text[--len] = '\0';
  if (strlen (text) != len || !g_utf8_validate (text, (gssize)len, NULL))
    {
      g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE, _ ("%s is not text in UTF-8."), path);
      return NULL;
    }
  return g_steal_pointer (&text);
}
