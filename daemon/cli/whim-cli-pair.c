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
  PAIR_FAILED, /* with an error */
} PairStep;

typedef struct
{
  const WhimCliPairing *pairing;
  WhimCliClient *client;
  char *code;   /* what is shown */
  char *status; /* what was told last */
  gint64 deadline;
} Pair;

/* ---- Showing --------------------------------------------------------------------------------- */

static void
print_json (Pair *self)
{
  if (self->pairing->json)
    whim_cli_say ("%s", whim_cli_client_get_text (self->client));
}

static gboolean
show (Pair *self, const char *code, GError **error)
{
  if (*code == '\0' || g_strcmp0 (code, self->code) == 0)
    return TRUE;
  g_free (self->code);
  self->code = g_strdup (code);
  if (self->pairing->json || self->pairing->show == NULL)
    return TRUE;
  return self->pairing->show (code, self->pairing->user_data, error);
}

static void
show_phone_code (Pair *self, JsonObject *answer)
{
  g_autofree char *code = whim_cli_harmless (whim_cli_text (answer, "pairingCode"));
  g_autofree char *until = whim_cli_time (whim_cli_int (answer, "expiresAt"));

  if (*code == '\0' || g_strcmp0 (code, self->code) == 0)
    return;
  g_free (self->code);
  self->code = g_steal_pointer (&code);
  if (!self->pairing->json)
    /* Translators: the first is a code such as ABCD-1234, the second a time */
    whim_cli_say (_ ("\n    %s\n\nIt is good until %s."), self->code, until);
}

/* Each state once; the pictures speak for themselves. */
static void
tell_state (Pair *self, const char *status, const char *reason)
{
  g_autofree char *told = g_strdup_printf ("%s %s", status, reason);
  g_autofree char *harmless = NULL;
  WhimCliScreen *screen = self->pairing->user_data;

  if (self->pairing->json || !g_str_equal (status, "connecting")
      || g_str_equal (reason, "pairing_code") || g_strcmp0 (told, self->status) == 0)
    return;
  g_free (self->status);
  self->status = g_steal_pointer (&told);
  harmless = whim_cli_harmless (reason);
  if (g_str_equal (reason, "paired"))
    whim_cli_say (_ ("The phone has agreed."));
  else if (g_str_equal (reason, "handshake"))
    whim_cli_say (_ ("Logging in…"));
  else if (g_str_equal (reason, "syncing"))
    whim_cli_say (_ ("Logged in; getting ready…"));
  else
    /* Translators: a word of the API that says why, such as "network" */
    whim_cli_say (_ ("Connecting (%s)…"), harmless);
  if (self->pairing->show == whim_cli_show_code)
    screen->lines = 0; /* the next picture is drawn below */
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* Asking for the code also tells the daemon that somebody still waits for it. */
static PairStep
fetch_code (Pair *self, GError **error)
{
  g_autofree char *path = whim_cli_path ("channels", self->pairing->channel, "qr", NULL);
  g_autoptr (GError) own = NULL;
  guint status;
  g_autoptr (JsonObject) answer
      = whim_cli_client_call (self->client, "GET", path, NULL, &status, &own);

  if (answer != NULL)
    return show (self, whim_cli_text (answer, "raw"), error) ? PAIR_GOES_ON : PAIR_FAILED;
  if (status == 409)
    return PAIR_GOES_ON; /* scanned meanwhile: the next event says so */
  g_propagate_error (error, g_steal_pointer (&own));
  return PAIR_FAILED;
}

static PairStep
take_status (Pair *self, const char *status, const char *reason, GError **error)
{
  tell_state (self, status, reason);
  if (g_str_equal (status, "connected"))
    return PAIR_CONNECTED;
  /* after such an end a picture may wait on the same connection: that is not what was asked for */
  if (!g_str_equal (status, "disconnected")
      && (self->pairing->phone == NULL || !g_str_has_prefix (reason, "pairing_code_")))
    return PAIR_GOES_ON;
  if (g_str_equal (reason, "pairing_timeout") || g_str_equal (reason, "never_paired"))
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_LATE,
                 _ ("Nobody scanned the code. Try again with: whimbrel pair %s"),
                 self->pairing->channel);
  else if (g_str_equal (reason, "pairing_code_expired"))
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_LATE, _ ("Nobody typed the code in time (%s)."),
                 reason);
  else
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_FAILED, _ ("The channel is disconnected: %s."),
                 reason);
  return PAIR_FAILED;
}

static PairStep
take_event (Pair *self, JsonObject *event, GError **error)
{
  const char *type = whim_cli_text (event, "event");
  JsonObject *data = whim_cli_object (event, "data");

  print_json (self);
  if (data == NULL)
    return PAIR_GOES_ON;
  if (g_str_equal (type, "channel.qr"))
    return fetch_code (self, error);
  if (g_str_equal (type, "channel.pairing-code"))
    show_phone_code (self, data);
  if (g_str_equal (type, "channel.status"))
    return take_status (self, whim_cli_text (data, "status"), whim_cli_text (data, "reason"),
                        error);
  return PAIR_GOES_ON;
}

/* POST …/connect answers with the first code, or with the state of a channel that is paired. */
static PairStep
connect_by_picture (Pair *self, GError **error)
{
  g_autofree char *path = whim_cli_path ("channels", self->pairing->channel, "connect", NULL);
  g_autoptr (JsonObject) answer
      = whim_cli_client_call (self->client, "POST", path, NULL, NULL, error);

  print_json (self);
  if (answer == NULL || !show (self, whim_cli_text (answer, "raw"), error))
    return PAIR_FAILED;
  return g_str_equal (whim_cli_text (answer, "status"), "connected") ? PAIR_CONNECTED
                                                                     : PAIR_GOES_ON;
}

static PairStep
connect_by_phone (Pair *self, GError **error)
{
  g_autofree char *path = whim_cli_path ("channels", self->pairing->channel, "connect-phone", NULL);
  JsonObject *body = json_object_new ();
  g_autoptr (JsonObject) answer = NULL;

  json_object_set_string_member (body, "phoneNumber", self->pairing->phone);
  answer = whim_cli_client_call (self->client, "POST", path, body, NULL, error);
  print_json (self);
  if (answer == NULL)
    return PAIR_FAILED;
  if (!self->pairing->json)
    whim_cli_say (_ ("On the phone: Settings, Linked devices, Link a device, Link with phone "
                     "number instead. Then type:"));
  show_phone_code (self, answer);
  return PAIR_GOES_ON;
}

/* What happened before the stream was open is in the state that is asked for afterwards. */
static PairStep
catch_up (Pair *self, GError **error)
{
  g_autofree char *path = whim_cli_path ("channels", self->pairing->channel, "status", NULL);
  gint64 after = whim_cli_client_get_newest (self->client, error);
  g_autoptr (JsonObject) now = NULL;

  if (after < 0 || !whim_cli_client_follow (self->client, self->pairing->channel, after, error))
    return PAIR_FAILED;
  now = whim_cli_client_call (self->client, "GET", path, NULL, NULL, error);
  if (now == NULL)
    return PAIR_FAILED;
  if (g_str_equal (whim_cli_text (now, "status"), "qr"))
    return fetch_code (self, error); /* it may be another one already */
  return take_status (self, whim_cli_text (now, "status"), whim_cli_text (now, "reason"), error);
}

static PairStep
read_event (Pair *self, GError **error)
{
  g_autoptr (GError) own = NULL;
  g_autoptr (JsonObject) event = whim_cli_client_next (self->client, &own);
  PairStep step = PAIR_GOES_ON;

  if (own != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&own));
      return PAIR_FAILED;
    }
  if (event != NULL)
    step = take_event (self, event, error);
  else if (whim_cli_client_is_idle (self->client) && self->pairing->phone == NULL)
    step = fetch_code (self, error);
  if (step == PAIR_GOES_ON && self->deadline > 0 && g_get_monotonic_time () > self->deadline)
    {
      g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_LATE, _ ("Nobody scanned the code."));
      step = PAIR_FAILED;
    }
  return step;
}

gboolean
whim_cli_pair (const WhimCliPairing *pairing, GError **error)
{
  Pair self = { .pairing = pairing, .client = pairing->client };
  PairStep step;

  if (pairing->budget_s > 0)
    self.deadline = g_get_monotonic_time () + pairing->budget_s * G_USEC_PER_SEC;
  step = pairing->phone != NULL ? connect_by_phone (&self, error)
                                : connect_by_picture (&self, error);
  if (step == PAIR_GOES_ON)
    step = catch_up (&self, error);
  while (step == PAIR_GOES_ON)
    step = read_event (&self, error);
  g_free (self.code);
  g_free (self.status);
  return step == PAIR_CONNECTED;
}

/* ---- The command ----------------------------------------------------------------------------- */

void
whim_cli_tell_next (const WhimCliOptions *options, const char *channel, const char *to)
{
  WhimCliClient *client = options->client;
  g_autofree char *key_path = whim_cli_key_path (options->config);
  g_autofree char *quoted = g_shell_quote (key_path);
  g_autofree char *path = whim_cli_path ("channels", channel, NULL);
  g_autofree char *id = whim_cli_harmless (channel);
  g_autoptr (JsonObject) answer = whim_cli_client_call (client, "GET", path, NULL, NULL, NULL);
  g_autofree char *phone = whim_cli_harmless (whim_cli_text (whim_cli_data (answer), "phone"));
  const char *unix_path = whim_cli_client_get_unix_path (client);
  gboolean own_key
      = options->key == NULL && whim_config_get (options->config, WHIM_SETTING_API_KEY) == NULL;

  if (*phone != '\0')
    /* Translators: the first is a phone number, the second the id of a channel */
    printf (_ ("\nConnected as %s (channel %s).\n"), phone, id);
  else
    printf (_ ("\nConnected (channel %s).\n"), id);
  fputs (_ ("Now send something, for example:\n\n"), stdout);
  to = to != NULL ? to : "79991234567";
  printf ("  whimbrel send %s %s 'Hello!'\n\n", id, to);
  fputs (_ ("or from a program of yours:\n\n"), stdout);
  printf ("  curl");
  if (unix_path != NULL)
    printf (" --unix-socket '%s'", unix_path);
  if (own_key)
    printf (" -H \"X-API-Key: $(cat %s)\"", quoted);
  else
    printf (" -H \"X-API-Key: $WHIMBREL_API_KEY\"");
  printf (" \\\n    -d '{\"channelId\":\"%s\",\"to\":\"%s\",\"body\":\"Hello!\"}' \\\n"
          "    %s/messages/text\n\n",
          id, to, whim_cli_client_get_base (client));
  fflush (stdout);
}

gboolean
whim_cli_pair_command (WhimCliOptions *options, GError **error)
{
  g_autofree char *channel = whim_cli_open_channel (
      options->client, options->n_words > 0 ? options->words[0] : NULL, error);
  WhimCliScreen screen = { isatty (STDOUT_FILENO), 0 };
  WhimCliPairing pairing = {
    .client = options->client,
    .channel = channel,
    .phone = options->code,
    .json = options->json,
    .show = whim_cli_show_code,
    .user_data = &screen,
  };

  if (channel == NULL)
    return FALSE;
  if (options->timeout > 0)
    alarm ((guint)options->timeout);
  if (!whim_cli_pair (&pairing, error))
    return FALSE;
  if (!options->json)
    whim_cli_tell_next (options, channel, NULL);
  return TRUE;
}
