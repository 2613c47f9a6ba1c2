/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <glib/gi18n.h>
#include <unistd.h>

/* ---- Sending --------------------------------------------------------------------------------- */

static char *
take_message_text (WhimCliOptions *options, GError **error)
{
  if (options->n_words == 3 && g_str_equal (options->words[2], "-"))
    return whim_cli_read_all ("-", error);
  return g_strjoinv (" ", options->words + 2);
}

static JsonObject *
make_body (WhimCliOptions *options, const char *channel, const char *text)
{
  JsonObject *body = json_object_new ();

  json_object_set_string_member (body, "channelId", channel);
  json_object_set_string_member (body, "to", options->words[1]);
  json_object_set_string_member (body, "body", text);
  if (options->quoted != NULL)
    json_object_set_string_member (body, "quoted", options->quoted);
  if (options->idempotency_key != NULL)
    json_object_set_string_member (body, "clientId", options->idempotency_key);
  return body;
}

typedef struct
{
  WhimCliOptions *options;
  const char *channel;
  const char *id;
  char *told;
} Wait;

/* Returns: whether it is over; with @error if it failed */
static gboolean
take_message (Wait *self, JsonObject *message, GError **error)
{
  const char *status = whim_cli_text (message, "status");
  g_autofree char *harmless = whim_cli_harmless (status);
  g_autofree char *coloured = whim_cli_colour (harmless);
  const char *reason = whim_cli_text (message, "statusReason");

  if (*status != '\0' && g_strcmp0 (status, self->told) != 0 && !self->options->json)
    whim_cli_say ("%s", coloured);
  g_free (self->told);
  self->told = g_strdup (status);
  if (g_str_equal (status, "failed"))
    {
      g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_FAILED, _ ("The message was not sent (%s)."),
                   *reason != '\0' ? reason : "failed");
      return TRUE;
    }
  return *status != '\0' && !g_str_equal (status, "pending");
}

static gboolean
is_about (Wait *self, JsonObject *event)
{
  JsonObject *data = whim_cli_object (event, "data");

  return g_str_has_prefix (whim_cli_text (event, "event"), "message.")
         && g_str_equal (whim_cli_text (data, "id"), self->id);
}

/* Returns: whether there is more to wait for; if not, and it did not work, with @error */
static gboolean
wait_for_event (Wait *self, GError **error)
{
  WhimCliClient *client = self->options->client;
  g_autoptr (GError) own = NULL;
  g_autoptr (JsonObject) event = whim_cli_client_next (client, &own);

  if (own != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&own));
      return FALSE;
    }
  if (event == NULL || !is_about (self, event))
    return TRUE;
  if (self->options->json)
    whim_cli_say ("%s", whim_cli_client_get_text (client));
  return !take_message (self, whim_cli_object (event, "data"), error);
}

/* What became of it before the stream was open is asked for; what comes after is told. */
static gboolean
wait_until_sent (Wait *self, GError **error)
{
  g_autofree char *path = whim_cli_path ("messages", self->id, NULL);
  g_autofree char *full = whim_cli_paged (self->options, path, self->channel);
  WhimCliClient *client = self->options->client;
  gint64 after = whim_cli_client_get_newest (client, error);
  g_autoptr (JsonObject) now = NULL;
  g_autoptr (GError) own = NULL;

  if (after < 0 || !whim_cli_client_follow (client, self->channel, after, error))
    return FALSE;
  now = whim_cli_client_call (client, "GET", full, NULL, NULL, error);
  if (now == NULL)
    return FALSE;
  if (!take_message (self, whim_cli_data (now), &own))
    while (wait_for_event (self, &own))
      ;
  else if (self->options->json)
    whim_cli_say ("%s", whim_cli_client_get_text (client));
  if (own == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&own));
  return FALSE;
}

gboolean
whim_cli_send (WhimCliOptions *options, GError **error)
{
  g_autofree char *text = take_message_text (options, error);
  g_autofree char *channel
      = text == NULL ? NULL : whim_cli_find_channel (options, options->words[0], error);
  g_autoptr (JsonObject) answer = NULL;
  g_autofree char *id = NULL;
  Wait wait = { .options = options, .channel = channel };
  gboolean done = TRUE;

  if (channel == NULL)
    return FALSE;
  if (options->timeout > 0)
    alarm ((guint)options->timeout);
  answer
      = whim_cli_ask (options, "POST", "/messages/text", make_body (options, channel, text), error);
  if (answer == NULL)
    return FALSE;
  id = whim_cli_harmless (whim_cli_text (answer, "messageId"));
  if (!options->json)
    /* Translators: the id of a message */
    whim_cli_say (_ ("Accepted: %s"), id);
  wait.id = id;
  if (options->wait)
    done = wait_until_sent (&wait, error);
  g_free (wait.told);
  return done;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static void
add_chat (WhimCliTable *table, JsonObject *chat)
{
  g_autofree char *when = whim_cli_time (whim_cli_int (chat, "timestamp"));
  g_autofree char *unread = g_strdup_printf ("%d", (int)whim_cli_int (chat, "unread"));
  JsonObject *last = whim_cli_object (chat, "lastMessage");
  const char *body = whim_cli_text (last, "body");

  whim_cli_table_add (table, whim_cli_text (chat, "id"), whim_cli_text (chat, "type"), when, unread,
                      whim_cli_text (chat, "name"),
                      *body != '\0' ? body : whim_cli_text (last, "type"));
}

gboolean
whim_cli_chats (WhimCliOptions *options, GError **error)
{
  g_autofree char *channel = whim_cli_find_channel (options, options->channel, error);
  g_autofree char *path = NULL;

  if (channel == NULL)
    return FALSE;
  path = whim_cli_paged (options, "/chats", channel);
  return whim_cli_list (options, path, "chats",
                        whim_cli_table_new (_ ("CHAT|TYPE|LAST|UNREAD|NAME|MESSAGE"), -1), add_chat,
                        error);
}

static void
add_message (WhimCliTable *table, JsonObject *message)
{
  g_autofree char *when = whim_cli_time (whim_cli_int (message, "timestamp"));
  JsonObject *sender = whim_cli_object (message, "sender");
  const char *name = whim_cli_text (sender, "name");
  const char *body = whim_cli_text (message, "body");
  g_autofree char *kind = g_strdup_printf ("[%s]", whim_cli_text (message, "type"));

  if (whim_cli_boolean (message, "fromMe"))
    /* Translators: who wrote a message: the user */
    name = C_ ("author", "me");
  else if (*name == '\0')
    name = whim_cli_text (message, "from");
  whim_cli_table_add (table, when, whim_cli_text (message, "id"), whim_cli_text (message, "status"),
                      name, *body != '\0' ? body : kind);
}

gboolean
whim_cli_messages (WhimCliOptions *options, GError **error)
{
  g_autofree char *channel = whim_cli_find_channel (options, options->channel, error);
  g_autofree char *bare = NULL;
  g_autofree char *path = NULL;

  if (channel == NULL)
    return FALSE;
  bare = whim_cli_path ("messages", "list", options->words[0], NULL);
  path = whim_cli_paged (options, bare, channel);
  return whim_cli_list (options, path, "messages",
                        whim_cli_table_new (_ ("TIME|ID|STATE|FROM|MESSAGE"), 2), add_message,
                        error);
}

/* ---- What waits to be sent ------------------------------------------------------------------- */

static void
add_row (WhimCliTable *table, JsonObject *row)
{
  g_autofree char *created = whim_cli_time (whim_cli_int (row, "createdAt"));
  g_autofree char *not_before = whim_cli_time (whim_cli_int (row, "notBefore"));
  g_autofree char *expires = whim_cli_time (whim_cli_int (row, "expiresAt"));

  whim_cli_table_add (table, whim_cli_text (row, "messageId"), whim_cli_text (row, "state"),
                      whim_cli_text (row, "reason"), whim_cli_text (row, "chatId"), created,
                      not_before, expires);
}

gboolean
whim_cli_outbox (WhimCliOptions *options, GError **error)
{
  g_autofree char *channel = whim_cli_find_channel (options, options->channel, error);
  g_autofree char *path = NULL;

  if (channel == NULL)
    return FALSE;
  path = whim_cli_paged (options, "/outbox", channel);
  return whim_cli_list (
      options, path, "outbox",
      whim_cli_table_new (_ ("MESSAGE|STATE|REASON|CHAT|CREATED|NOT BEFORE|EXPIRES"), 1), add_row,
      error);
}

gboolean
whim_cli_outbox_cancel (WhimCliOptions *options, GError **error)
{
  g_autofree char *channel = whim_cli_find_channel (options, options->channel, error);
  g_autofree char *bare = NULL;
  g_autofree char *path = NULL;
  g_autoptr (JsonObject) answer = NULL;

  if (channel == NULL)
    return FALSE;
  bare = whim_cli_path ("outbox", options->words[0], NULL);
  path = whim_cli_paged (options, bare, channel);
  answer = whim_cli_ask (options, "DELETE", path, NULL, error);
  if (answer != NULL && !options->json)
    whim_cli_say (_ ("Cancelled."));
  return answer != NULL;
}
