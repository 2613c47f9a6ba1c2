/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SANDBOX_BUDGET_S 120

/* ---- The sandbox: a phone that scans, a person that answers ---------------------------------- */

static const char *
get_text (JsonObject *object, const char *name)
{
  return json_object_get_string_member_with_default (object, name, "");
}

/* A WhimCliCodeFunc: user_data is a client of the sandbox's control. */
static gboolean
scan_code (const char *code, gpointer user_data, GError **error)
{
  JsonObject *body = json_object_new ();
  g_autoptr (JsonObject) answer = NULL;

  fputs (_ ("The sandbox's phone scans the code…\n"), stdout);
  fflush (stdout);
  json_object_set_string_member (body, "qr", code);
  answer = whim_cli_client_call (user_data, "POST", "/scan", body, NULL, error);
  return answer != NULL;
}

static JsonObject *
find_echo (JsonObject *event, const char *person)
{
  JsonNode *node = json_object_get_member (event, "data");
  JsonObject *data;

  if (!g_str_equal (get_text (event, "event"), "message.received") || node == NULL
      || !JSON_NODE_HOLDS_OBJECT (node))
    return NULL;
  data = json_node_get_object (node);
  return g_str_has_prefix (get_text (data, "chatId"), person) ? json_object_ref (data) : NULL;
}

static JsonObject *
wait_for_echo (WhimCliClient *client,
               const char *channel,
               const char *person,
               gint64 after,
               GError **error)
{
  gint64 deadline = g_get_monotonic_time () + SANDBOX_BUDGET_S * G_USEC_PER_SEC;
  JsonObject *echo = NULL;

  if (!whim_cli_client_follow (client, channel, after, error))
    return NULL;
  while (echo == NULL)
    {
      g_autoptr (GError) own = NULL;
      g_autoptr (JsonObject) event = whim_cli_client_next (client, &own);

      if (own == NULL && g_get_monotonic_time () > deadline)
        own = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                   _ ("Nobody in the sandbox answered."));
      if (own != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&own));
          return NULL;
        }
      if (event != NULL)
        echo = find_echo (event, person);
    }
  return echo;
}

/* Returns: (transfer full) (nullable): the number of who answered */
static char *
converse (WhimCliClient *client, WhimCliClient *sandbox, const char *channel, GError **error)
{
  JsonObject *body = json_object_new ();
  g_autoptr (JsonObject) person = NULL;
  g_autoptr (JsonObject) newest = NULL;
  g_autoptr (JsonObject) sent = NULL;
  g_autoptr (JsonObject) echo = NULL;
  const char *text = _ ("Hello from Whimbrel!");

  json_object_set_string_member (body, "name", "Echo");
  json_object_set_boolean_member (body, "echo", TRUE);
  person = whim_cli_client_call (sandbox, "POST", "/phones", body, NULL, error);
  if (person == NULL)
    return NULL;
  newest = whim_cli_client_call (client, "GET", "/events?limit=1", NULL, NULL, error);
  if (newest == NULL)
    return NULL;
  body = json_object_new ();
  json_object_set_string_member (body, "channelId", channel);
  json_object_set_string_member (body, "to", get_text (person, "pn"));
  json_object_set_string_member (body, "body", text);
  sent = whim_cli_client_call (client, "POST", "/messages/text", body, NULL, error);
  if (sent == NULL)
    return NULL;
  /* Translators: a line of a conversation: to whom, what */
  printf (_ ("\n  to %s: %s\n"), get_text (person, "pn"), text);
  fflush (stdout);
  echo = wait_for_echo (client, channel, get_text (person, "pn"),
                        json_object_get_int_member_with_default (newest, "lastSeq", 0), error);
  if (echo == NULL)
    return NULL;
  /* Translators: a line of a conversation: from whom, what */
  printf (_ ("  from %s: %s\n"), get_text (person, "pn"), get_text (echo, "body"));
  fflush (stdout);
  return g_strdup (get_text (person, "pn"));
}

/* ---- The command ----------------------------------------------------------------------------- */

static gboolean
answers (WhimCliClient *client)
{
  g_autoptr (JsonObject) health = whim_cli_client_call (client, "GET", "/health", NULL, NULL, NULL);

  return health != NULL;
}

/* Finds or starts the daemon. */
static WhimCliClient *
reach_daemon (const WhimCliOptions *options, WhimCliDaemon *daemon, GError **error)
{
  const char *listen = whim_config_get (options->config, WHIM_SETTING_LISTEN);
  g_autoptr (WhimCliClient) client = whim_cli_client_new (listen, 0, error);

  if (client == NULL)
    return NULL;
  if (!g_str_has_suffix (listen, ":0") && answers (client))
    {
      printf (_ ("A daemon answers already at %s.\n"), listen);
      return g_steal_pointer (&client);
    }
  if (!whim_cli_daemon_start (daemon, options->config, error))
    return NULL;
  return whim_cli_client_new (listen, daemon->port, error);
}

/* A key that was made just now is shown once, and only to a person. */
static void
tell_key (const WhimCliOptions *options, const char *key, gboolean is_new)
{
  g_autofree char *path = whim_cli_key_path (options->config);

  if (!is_new || options->key != NULL)
    return;
  if (isatty (STDOUT_FILENO))
    /* Translators: the first is the path of a file */
    printf (_ ("API key (shown once, kept in %s):\n  %s\n"), path, key);
  else
    printf (_ ("The API key is in %s.\n"), path);
  fflush (stdout);
}

static WhimCliExit
pair_and_talk (const WhimCliOptions *options, WhimCliClient *client, const char *channel)
{
  WhimCliScreen screen = { isatty (STDOUT_FILENO), 0 };
  g_autoptr (WhimCliClient) sandbox = NULL;
  g_autofree char *person = NULL;
  g_autoptr (GError) error = NULL;
  WhimCliExit result;

  if (options->sandbox == NULL)
    {
      fputs (_ ("On the phone: Settings, Linked devices, Link a device. Then scan:\n\n"), stdout);
      result = whim_cli_pair (client, channel, whim_cli_show_code, &screen, 0);
    }
  else
    {
      sandbox = whim_cli_client_new_for_url (options->sandbox);
      result = whim_cli_pair (client, channel, scan_code, sandbox, SANDBOX_BUDGET_S);
    }
  if (result != WHIM_CLI_OK)
    return result;
  if (sandbox != NULL)
    person = converse (client, sandbox, channel, &error);
  if (error != NULL)
    {
      whim_cli_complain ("%s", error->message);
      return WHIM_CLI_FAILED;
    }
  whim_cli_tell_next (client, options, channel, person);
  return WHIM_CLI_OK;
}

static gboolean
is_connected (WhimCliClient *client, const char *channel)
{
  g_autofree char *path = g_strdup_printf ("/channels/%s/status", channel);
  g_autoptr (JsonObject) answer = whim_cli_client_call (client, "GET", path, NULL, NULL, NULL);

  return answer != NULL && g_str_equal (get_text (answer, "status"), "connected");
}

static WhimCliExit
open_and_pair (const WhimCliOptions *options,
               WhimCliClient *client,
               gboolean key_is_new,
               GError **error)
{
  g_autofree char *key = whim_cli_load_key (options->config, options->key, error);
  g_autofree char *channel = NULL;

  if (key == NULL)
    return WHIM_CLI_FAILED;
  tell_key (options, key, key_is_new);
  whim_cli_client_set_key (client, key);
  channel = whim_cli_open_channel (client, options->channel, error);
  if (channel == NULL)
    return WHIM_CLI_FAILED;
  if (options->sandbox == NULL && is_connected (client, channel))
    {
      whim_cli_tell_next (client, options, channel, NULL);
      return WHIM_CLI_OK;
    }
  return pair_and_talk (options, client, channel);
}

WhimCliExit
whim_cli_run (const WhimCliOptions *options)
{
  g_autofree char *key_path = whim_cli_key_path (options->config);
  gboolean had_key = g_file_test (key_path, G_FILE_TEST_EXISTS);
  WhimCliDaemon daemon = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimCliClient) client = reach_daemon (options, &daemon, &error);
  WhimCliExit result;
  WhimCliExit ended = WHIM_CLI_OK;

  if (client == NULL)
    {
      whim_cli_complain ("%s", error->message);
      return WHIM_CLI_UNREACHABLE;
    }
  result = open_and_pair (
      options, client, !had_key && whim_config_get (options->config, WHIM_SETTING_API_KEY) == NULL,
      &error);
  if (error != NULL)
    whim_cli_complain ("%s", error->message);
  if (daemon.pid == 0)
    return result;
  /* Nobody scanned: the daemon goes on, "whimbrel pair" tries again. */
  if (options->once || result == WHIM_CLI_FAILED)
    ended = whim_cli_daemon_stop (&daemon);
  else
    {
      fputs (_ ("The daemon runs until you press Ctrl+C.\n"), stdout);
      fflush (stdout);
      ended = whim_cli_daemon_wait (&daemon);
    }
  return result != WHIM_CLI_OK ? result : ended;
}
