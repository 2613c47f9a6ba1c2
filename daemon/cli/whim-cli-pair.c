/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <unistd.h>

typedef enum
{
  PAIR_GOES_ON,
  PAIR_CONNECTED,
  PAIR_OVER, /* nobody scanned */
  PAIR_FAILED,
} PairStep;

typedef struct
{
  WhimCliClient *client;
  const char *channel;
  WhimCliCodeFunc show;
  gpointer user_data;
  char *code; /* what is shown */
} Pair;

static const char *
get_text (JsonObject *object, const char *name)
{
  return json_object_get_string_member_with_default (object, name, "");
}

static char *
channel_path (const char *channel, const char *what)
{
  g_autofree char *escaped = g_uri_escape_string (channel, NULL, TRUE);

  return g_strdup_printf ("/channels/%s%s", escaped, what);
}

static gboolean
show (Pair *self, const char *code, GError **error)
{
  if (*code == '\0' || g_strcmp0 (code, self->code) == 0)
    return TRUE;
  g_free (self->code);
  self->code = g_strdup (code);
  return self->show (code, self->user_data, error);
}

/* Asking for the code also tells the daemon that somebody still waits for it. */
static PairStep
fetch_code (Pair *self, GError **error)
{
  g_autofree char *path = channel_path (self->channel, "/qr");
  guint status;
  g_autoptr (JsonObject) answer
      = whim_cli_client_call (self->client, "GET", path, NULL, &status, error);

  if (answer != NULL)
    return show (self, get_text (answer, "raw"), error) ? PAIR_GOES_ON : PAIR_FAILED;
  if (status != 409)
    return PAIR_FAILED;
  g_clear_error (error); /* scanned meanwhile: the next event says so */
  return PAIR_GOES_ON;
}

static PairStep
take_status (const char *status, const char *reason)
{
  if (g_str_equal (status, "connected"))
    return PAIR_CONNECTED;
  if (!g_str_equal (status, "disconnected"))
    return PAIR_GOES_ON;
  if (g_str_equal (reason, "pairing_timeout") || g_str_equal (reason, "never_paired"))
    return PAIR_OVER;
  whim_cli_complain (_ ("The channel is disconnected: %s."), reason);
  return PAIR_FAILED;
}

static PairStep
take_event (Pair *self, JsonObject *event, GError **error)
{
  const char *type = get_text (event, "event");
  JsonNode *node = json_object_get_member (event, "data");
  JsonObject *data;

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return PAIR_GOES_ON;
  data = json_node_get_object (node);
  if (g_str_equal (type, "channel.qr"))
    return fetch_code (self, error);
  if (g_str_equal (type, "channel.status"))
    return take_status (get_text (data, "status"), get_text (data, "reason"));
  return PAIR_GOES_ON;
}

/* POST …/connect answers with the first code, or with the state of a channel that is paired. */
static PairStep
connect (Pair *self, gint64 *after, GError **error)
{
  g_autofree char *path = channel_path (self->channel, "/connect");
  g_autoptr (JsonObject) newest
      = whim_cli_client_call (self->client, "GET", "/events?limit=1", NULL, NULL, error);
  g_autoptr (JsonObject) answer = NULL;

  if (newest == NULL)
    return PAIR_FAILED;
  *after = json_object_get_int_member_with_default (newest, "lastSeq", 0);
  answer = whim_cli_client_call (self->client, "POST", path, NULL, NULL, error);
  if (answer == NULL || !show (self, get_text (answer, "raw"), error))
    return PAIR_FAILED;
  return g_str_equal (get_text (answer, "status"), "connected") ? PAIR_CONNECTED : PAIR_GOES_ON;
}

static PairStep
follow (Pair *self, gint64 after, gint64 deadline, GError **error)
{
  PairStep step = PAIR_GOES_ON;

  if (!whim_cli_client_follow (self->client, self->channel, after, error))
    return PAIR_FAILED;
  while (step == PAIR_GOES_ON)
    {
      g_autoptr (GError) own = NULL;
      g_autoptr (JsonObject) event = whim_cli_client_next (self->client, &own);

      if (own != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&own));
          return PAIR_FAILED;
        }
      if (event != NULL)
        step = take_event (self, event, error);
      if (step == PAIR_GOES_ON && deadline > 0 && g_get_monotonic_time () > deadline)
        step = PAIR_OVER;
    }
  return step;
}

WhimCliExit
whim_cli_pair (WhimCliClient *client,
               const char *channel,
               WhimCliCodeFunc show_code,
               gpointer user_data,
               gint64 budget_s)
{
  Pair self = { client, channel, show_code, user_data, NULL };
  gint64 deadline = budget_s == 0 ? 0 : g_get_monotonic_time () + budget_s * G_USEC_PER_SEC;
  g_autoptr (GError) error = NULL;
  gint64 after = 0;
  PairStep step = connect (&self, &after, &error);

  if (step == PAIR_GOES_ON)
    step = follow (&self, after, deadline, &error);
  g_free (self.code);
  if (error != NULL)
    whim_cli_complain ("%s", error->message);
  if (step == PAIR_OVER)
    whim_cli_complain (_ ("Nobody scanned the code. Try again with: whimbrel pair %s"), channel);
  if (step == PAIR_CONNECTED)
    return WHIM_CLI_OK;
  return step == PAIR_OVER ? WHIM_CLI_NOT_SCANNED : WHIM_CLI_FAILED;
}

/* ---- Channels -------------------------------------------------------------------------------- */

static char *
pick_channel (JsonObject *answer, const char *wanted)
{
  JsonNode *node = json_object_get_member (answer, "data");
  JsonArray *channels;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return NULL;
  channels = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (channels); i++)
    {
      JsonObject *channel = json_array_get_object_element (channels, i);
      const char *id = get_text (channel, "id");

      if (wanted == NULL || g_str_equal (id, wanted)
          || g_str_equal (get_text (channel, "name"), wanted))
        return g_strdup (id);
    }
  return NULL;
}

char *
whim_cli_open_channel (WhimCliClient *client, const char *wanted, GError **error)
{
  g_autoptr (JsonObject) list
      = whim_cli_client_call (client, "GET", "/channels", NULL, NULL, error);
  g_autoptr (JsonObject) made = NULL;
  JsonObject *body;
  char *id;

  if (list == NULL)
    return NULL;
  id = pick_channel (list, wanted);
  if (id != NULL)
    return id;
  if (wanted != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _ ("There is no channel “%s”."),
                   wanted);
      return NULL;
    }
  body = json_object_new ();
  /* Translators: the name of the channel that is made at first start */
  json_object_set_string_member (body, "name", _ ("First channel"));
  made = whim_cli_client_call (client, "POST", "/channels", body, NULL, error);
  return made == NULL ? NULL : g_strdup (get_text (made, "id"));
}

void
whim_cli_tell_next (WhimCliClient *client,
                    const WhimCliOptions *options,
                    const char *channel,
                    const char *to)
{
  g_autofree char *key_path = whim_cli_key_path (options->config);
  g_autofree char *quoted = g_shell_quote (key_path);
  g_autofree char *path = channel_path (channel, "");
  g_autoptr (JsonObject) answer = whim_cli_client_call (client, "GET", path, NULL, NULL, NULL);
  const char *phone = answer == NULL ? "" : get_text (answer, "phone");
  const char *unix_path = whim_cli_client_get_unix_path (client);
  gboolean own_key
      = options->key == NULL && whim_config_get (options->config, WHIM_SETTING_API_KEY) == NULL;

  if (*phone != '\0')
    /* Translators: the first is a phone number, the second the id of a channel */
    printf (_ ("\nConnected as %s (channel %s).\n"), phone, channel);
  else
    printf (_ ("\nConnected (channel %s).\n"), channel);
  fputs (_ ("Now send something, for example:\n\n"), stdout);
  printf ("  curl");
  if (unix_path != NULL)
    printf (" --unix-socket '%s'", unix_path);
  if (own_key)
    printf (" -H \"X-API-Key: $(cat %s)\"", quoted);
  else
    printf (" -H \"X-API-Key: $WHIMBREL_API_KEY\"");
  printf (" \\\n    -d '{\"channelId\":\"%s\",\"to\":\"%s\",\"body\":\"Hello!\"}' \\\n"
          "    %s/messages/text\n\n",
          channel, to != NULL ? to : "79991234567", whim_cli_client_get_base (client));
  fflush (stdout);
}

WhimCliExit
whim_cli_pair_command (const WhimCliOptions *options)
{
  const char *listen = whim_config_get (options->config, WHIM_SETTING_LISTEN);
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimCliClient) client = whim_cli_client_new (listen, 0, &error);
  g_autoptr (JsonObject) health = NULL;
  g_autofree char *key = NULL;
  g_autofree char *channel = NULL;
  WhimCliScreen screen = { isatty (STDOUT_FILENO), 0 };
  WhimCliExit result;

  if (client != NULL)
    health = whim_cli_client_call (client, "GET", "/health", NULL, NULL, &error);
  if (health == NULL)
    {
      whim_cli_complain (_ ("No daemon answers at %s: %s"), listen, error->message);
      return WHIM_CLI_UNREACHABLE;
    }
  key = whim_cli_load_key (options->config, options->key, &error);
  if (key != NULL)
    {
      whim_cli_client_set_key (client, key);
      channel = whim_cli_open_channel (client, options->channel, &error);
    }
  if (channel == NULL)
    {
      whim_cli_complain ("%s", error->message);
      return WHIM_CLI_FAILED;
    }
  result = whim_cli_pair (client, channel, whim_cli_show_code, &screen, 0);
  if (result == WHIM_CLI_OK)
    whim_cli_tell_next (client, options, channel, NULL);
  return result;
}
