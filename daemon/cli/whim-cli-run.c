/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SANDBOX_BUDGET_S 120

/* ---- The sandbox: a phone that scans, a person that answers ---------------------------------- */

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
  JsonObject *data = whim_cli_object (event, "data");

  if (!g_str_equal (whim_cli_text (event, "event"), "message.received")
      || !g_str_has_prefix (whim_cli_text (data, "chatId"), person))
    return NULL;
  return json_object_ref (data);
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
        own = g_error_new_literal (WHIM_CLI_ERROR, WHIM_CLI_LATE,
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
  gint64 newest;
  g_autoptr (JsonObject) sent = NULL;
  g_autoptr (JsonObject) echo = NULL;
  const char *text = _ ("Hello from Whimbrel!");

  json_object_set_string_member (body, "name", "Echo");
  json_object_set_boolean_member (body, "echo", TRUE);
  person = whim_cli_client_call (sandbox, "POST", "/phones", body, NULL, error);
  if (person == NULL)
    return NULL;
  newest = whim_cli_client_get_newest (client, error);
  if (newest < 0)
    return NULL;
  body = json_object_new ();
  json_object_set_string_member (body, "channelId", channel);
  json_object_set_string_member (body, "to", whim_cli_text (person, "pn"));
  json_object_set_string_member (body, "body", text);
  sent = whim_cli_client_call (client, "POST", "/messages/text", body, NULL, error);
  if (sent == NULL)
    return NULL;
  /* Translators: a line of a conversation: to whom, what */
  printf (_ ("\n  to %s: %s\n"), whim_cli_text (person, "pn"), text);
  fflush (stdout);
  echo = wait_for_echo (client, channel, whim_cli_text (person, "pn"), newest, error);
  if (echo == NULL)
    return NULL;
  /* Translators: a line of a conversation: from whom, what */
  printf (_ ("  from %s: %s\n"), whim_cli_text (person, "pn"), whim_cli_text (echo, "body"));
  fflush (stdout);
  return g_strdup (whim_cli_text (person, "pn"));
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

static gboolean
pair_and_talk (const WhimCliOptions *options, const char *channel, GError **error)
{
  WhimCliScreen screen = { isatty (STDOUT_FILENO), 0 };
  WhimCliPairing pairing = { .client = options->client, .channel = channel };
  g_autoptr (WhimCliClient) sandbox = NULL;
  g_autofree char *person = NULL;

  if (options->sandbox == NULL)
    {
      fputs (_ ("On the phone: Settings, Linked devices, Link a device. Then scan:\n\n"), stdout);
      pairing.show = whim_cli_show_code;
      pairing.user_data = &screen;
    }
  else
    {
      sandbox = whim_cli_client_new_for_url (options->sandbox);
      pairing.show = scan_code;
      pairing.user_data = sandbox;
      pairing.budget_s = SANDBOX_BUDGET_S;
    }
  if (!whim_cli_pair (&pairing, error))
    return FALSE;
  if (sandbox != NULL)
    {
      person = converse (options->client, sandbox, channel, error);
      if (person == NULL)
        return FALSE;
    }
  whim_cli_tell_next (options, channel, person);
  return TRUE;
}

static gboolean
is_connected (WhimCliClient *client, const char *channel)
{
  g_autofree char *path = whim_cli_path ("channels", channel, "status", NULL);
  g_autoptr (JsonObject) answer = whim_cli_client_call (client, "GET", path, NULL, NULL, NULL);

  return answer != NULL && g_str_equal (whim_cli_text (answer, "status"), "connected");
}

static gboolean
open_and_pair (const WhimCliOptions *options, gboolean key_is_new, GError **error)
{
  g_autofree char *key = whim_cli_load_key (options->config, options->key, error);
  g_autofree char *channel = NULL;

  if (key == NULL)
    return FALSE;
  tell_key (options, key, key_is_new);
  whim_cli_client_set_key (options->client, key);
  channel = whim_cli_open_channel (options->client, options->n_words > 0 ? options->words[0] : NULL,
                                   error);
  if (channel == NULL)
    return FALSE;
  if (options->sandbox == NULL && is_connected (options->client, channel))
    {
      whim_cli_tell_next (options, channel, NULL);
      return TRUE;
    }
  return pair_and_talk (options, channel, error);
}

/* The daemon is our child: it is stopped when we have nothing more to do with it. */
static gboolean
end_run (const WhimCliOptions *options, WhimCliDaemon *daemon, gboolean over, GError **error)
{
  WhimCliExit ended;

  if (daemon->pid == 0)
    return TRUE;
  if (options->once || over)
    ended = whim_cli_daemon_stop (daemon);
  else
    {
      fputs (_ ("The daemon runs until you press Ctrl+C.\n"), stdout);
      fflush (stdout);
      ended = whim_cli_daemon_wait (daemon);
    }
  if (ended == WHIM_CLI_OK)
    return TRUE;
  if (error != NULL)
    g_set_error_literal (error, WHIM_CLI_ERROR, (gint)ended, _ ("whimbreld ended with an error."));
  return FALSE;
}

gboolean
whim_cli_run (WhimCliOptions *options, GError **error)
{
  g_autofree char *key_path = whim_cli_key_path (options->config);
  gboolean had_key = g_file_test (key_path, G_FILE_TEST_EXISTS);
  WhimCliDaemon daemon = { 0 };
  GError *own = NULL;
  gboolean new_key;

  options->client = reach_daemon (options, &daemon, &own);
  if (options->client == NULL)
    {
      g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_UNREACHABLE, own->message);
      g_error_free (own);
      return FALSE;
    }
  new_key = !had_key && whim_config_get (options->config, WHIM_SETTING_API_KEY) == NULL;
  if (open_and_pair (options, new_key, &own))
    return end_run (options, &daemon, FALSE, error);
  /* Nobody scanned: the daemon goes on, "whimbrel pair" tries again. */
  if (whim_cli_exit_for (own) == WHIM_CLI_LATE && daemon.pid != 0 && !options->once)
    {
      whim_cli_complain ("%s", own->message);
      *own->message = '\0'; /* it has been said */
    }
  end_run (options, &daemon, whim_cli_exit_for (own) != WHIM_CLI_LATE, NULL);
  g_propagate_error (error, own);
  return FALSE;
}
