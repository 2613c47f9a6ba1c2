/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <glib/gi18n.h>
#include <unistd.h>

/* Between two tries to reach a daemon that was there. */
#define FIRST_PAUSE_MS 250
#define LONGEST_PAUSE_MS 10000

/* ---- One line per event ---------------------------------------------------------------------- */

static char *
describe_message (JsonObject *data)
{
  JsonObject *sender = whim_cli_object (data, "sender");
  const char *name = whim_cli_text (sender, "name");
  const char *body = whim_cli_text (data, "body");
  const char *status = whim_cli_text (data, "status");
  g_autofree char *who = NULL;

  if (whim_cli_boolean (data, "fromMe"))
    who = g_strdup_printf ("%s → %s", C_ ("author", "me"), whim_cli_text (data, "chatId"));
  else if (*name != '\0')
    who = g_strdup_printf ("%s (%s)", name, whim_cli_text (data, "from"));
  else
    who = g_strdup (whim_cli_text (data, "from"));
  return g_strdup_printf ("%s%s%s: %s", who, *status != '\0' ? " " : "", status,
                          *body != '\0' ? body : whim_cli_text (data, "type"));
}

static char *
describe_rest (JsonObject *data)
{
  g_autoptr (JsonNode) node = NULL;

  if (data == NULL)
    return g_strdup ("");
  node = json_node_new (JSON_NODE_OBJECT);
  json_node_set_object (node, data);
  return json_to_string (node, FALSE);
}

static char *
describe (const char *type, JsonObject *data)
{
  const char *reason = whim_cli_text (data, "statusReason");

  if (g_str_equal (type, "message.received") || g_str_equal (type, "message.sent")
      || g_str_equal (type, "message.updated") || g_str_equal (type, "message.deleted")
      || g_str_equal (type, "message.undecryptable"))
    return describe_message (data);
  if (g_str_equal (type, "message.status"))
    return g_strjoin (" ", whim_cli_text (data, "id"), whim_cli_text (data, "status"),
                      *reason != '\0' ? reason : NULL, NULL);
  if (g_str_equal (type, "channel.status"))
    return g_strdup_printf ("%s (%s)", whim_cli_text (data, "status"),
                            whim_cli_text (data, "reason"));
  return describe_rest (data);
}

static void
print_event (WhimCliOptions *options, JsonObject *event)
{
  const char *type = whim_cli_text (event, "event");
  g_autofree char *when = NULL;
  g_autofree char *channel = NULL;
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;
  g_autofree char *harmless = NULL;

  if (options->json)
    {
      whim_cli_say ("%s", whim_cli_client_get_text (options->client));
      return;
    }
  when = whim_cli_time (whim_cli_int (event, "timestamp"));
  channel = whim_cli_harmless (whim_cli_text (event, "channelId"));
  name = whim_cli_harmless (type);
  text = describe (type, whim_cli_object (event, "data"));
  harmless = whim_cli_harmless (text);
  whim_cli_say ("%s  %s  %s  %s", when, channel, name, harmless);
}

/* ---- The stream ------------------------------------------------------------------------------ */

static gboolean
is_wanted (WhimCliOptions *options, JsonObject *event)
{
  return options->events == NULL
         || g_strv_contains ((const char *const *)options->events, whim_cli_text (event, "event"));
}

/* A daemon that is started anew is waited for, as long as it takes; what it says counts. */
static gboolean
come_again (WhimCliOptions *options, const char *channel, GError **error)
{
  guint pause = FIRST_PAUSE_MS;

  whim_cli_complain (_ ("The connection was lost; trying again."));
  while (!whim_cli_signals_wait (pause))
    {
      g_autoptr (GError) own = NULL;

      if (whim_cli_client_resume (options->client, channel, &own))
        return TRUE;
      if (whim_cli_exit_for (own) != WHIM_CLI_UNREACHABLE)
        {
          g_propagate_error (error, g_steal_pointer (&own));
          return FALSE;
        }
      pause = MIN (pause * 2, LONGEST_PAUSE_MS);
    }
  g_cancellable_set_error_if_cancelled (whim_cli_signals_get_cancellable (), error);
  return FALSE;
}

gboolean
whim_cli_listen (WhimCliOptions *options, GError **error)
{
  g_autofree char *channel = NULL;
  gint seen = 0;
  gint64 after = options->after;

  if (options->timeout > 0)
    alarm ((guint)options->timeout);
  if (options->channel != NULL
      && (channel = whim_cli_find_channel (options, options->channel, error)) == NULL)
    return FALSE;
  /* a cursor from the start: nothing is missed if the first thing to happen is a restart */
  if (after < 0)
    after = whim_cli_client_get_newest (options->client, error);
  if (after < 0 || !whim_cli_client_follow (options->client, channel, after, error))
    return FALSE;
  while (options->count == 0 || seen < options->count)
    {
      g_autoptr (GError) own = NULL;
      g_autoptr (JsonObject) event = whim_cli_client_next (options->client, &own);

      if (own != NULL && whim_cli_exit_for (own) != WHIM_CLI_UNREACHABLE)
        {
          g_propagate_error (error, g_steal_pointer (&own));
          return FALSE;
        }
      if (own != NULL && !come_again (options, channel, error))
        return FALSE;
      if (event != NULL && is_wanted (options, event))
        {
          print_event (options, event);
          seen++;
        }
    }
  return TRUE;
}
