/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <glib/gi18n.h>
#include <string.h>

#define OPTIONS(...)                                                                               \
  (const char *const[]) { __VA_ARGS__, NULL }

/* Names, arguments and options stand in the manual page and in the completions too; a test holds
 * them together. */
static const WhimCliCommand commands[] = {
  { "run", N_ ("[CHANNEL]"), N_ ("Start the daemon, open a first channel and pair it"),
    whim_cli_run, 0, 1, OPTIONS ("sandbox", "once"), WHIM_CLI_ALONE },
  { "status", NULL, N_ ("Show whether the daemon works, and its channels"), whim_cli_status, 0, 0,
    NULL, WHIM_CLI_WITHOUT_KEY },
  { "channel list", NULL, N_ ("Show the channels"), whim_cli_channel_list, 0, 0, NULL,
    WHIM_CLI_WITH_KEY },
  { "channel create", N_ ("NAME"), N_ ("Make a channel"), whim_cli_channel_create, 1, 1,
    OPTIONS ("department", "manual"), WHIM_CLI_WITH_KEY },
  { "channel show", N_ ("CHANNEL"), N_ ("Show a channel"), whim_cli_channel_show, 1, 1, NULL,
    WHIM_CLI_WITH_KEY },
  { "channel connect", N_ ("CHANNEL"), N_ ("Connect a channel"), whim_cli_channel_connect, 1, 1,
    NULL, WHIM_CLI_WITH_KEY },
  { "channel disconnect", N_ ("CHANNEL"), N_ ("Disconnect a channel; it stays paired"),
    whim_cli_channel_disconnect, 1, 1, NULL, WHIM_CLI_WITH_KEY },
  { "channel logout", N_ ("CHANNEL"), N_ ("End the pairing of a channel"), whim_cli_channel_logout,
    1, 1, NULL, WHIM_CLI_WITH_KEY },
  { "channel delete", N_ ("CHANNEL"), N_ ("Log a channel out and erase everything of it"),
    whim_cli_channel_delete, 1, 1, NULL, WHIM_CLI_WITH_KEY },
  { "pair", N_ ("[CHANNEL]"), N_ ("Show the code that pairs a channel, until it is paired"),
    whim_cli_pair_command, 0, 1, OPTIONS ("code", "timeout"), WHIM_CLI_WITH_KEY },
  { "send", N_ ("CHANNEL TO TEXT…"), N_ ("Send a text; “-” reads it from standard input"),
    whim_cli_send, 3, G_MAXUINT, OPTIONS ("wait", "timeout", "quoted", "idempotency-key"),
    WHIM_CLI_WITH_KEY },
  { "chats", NULL, N_ ("Show the chats of a channel"), whim_cli_chats, 0, 0,
    OPTIONS ("channel", "limit"), WHIM_CLI_WITH_KEY },
  { "messages", N_ ("CHAT"), N_ ("Show the messages of a chat"), whim_cli_messages, 1, 1,
    OPTIONS ("channel", "limit"), WHIM_CLI_WITH_KEY },
  { "listen", NULL, N_ ("Show everything that happens, one event a line"), whim_cli_listen, 0, 0,
    OPTIONS ("channel", "event", "after", "count", "timeout"), WHIM_CLI_WITH_KEY },
  { "outbox", NULL, N_ ("Show what waits to be sent"), whim_cli_outbox, 0, 0,
    OPTIONS ("channel", "limit"), WHIM_CLI_WITH_KEY },
  { "outbox cancel", N_ ("MESSAGE"), N_ ("Cancel a message that waits to be sent"),
    whim_cli_outbox_cancel, 1, 1, OPTIONS ("channel"), WHIM_CLI_WITH_KEY },
  { "webhook list", NULL, N_ ("Show the webhooks"), whim_cli_webhook_list, 0, 0,
    OPTIONS ("channel", "limit"), WHIM_CLI_WITH_KEY },
  { "webhook add", N_ ("URL"), N_ ("Add a webhook to a channel"), whim_cli_webhook_add, 1, 1,
    OPTIONS ("channel", "event", "secret-file"), WHIM_CLI_WITH_KEY },
  { "webhook delete", N_ ("WEBHOOK"), N_ ("Delete a webhook"), whim_cli_webhook_delete, 1, 1, NULL,
    WHIM_CLI_WITH_KEY },
  { "webhook test", N_ ("WEBHOOK"), N_ ("Deliver a test event, and tell how it went"),
    whim_cli_webhook_test, 1, 1, NULL, WHIM_CLI_WITH_KEY },
  { "key list", NULL, N_ ("Show the API keys, but for the keys themselves"), whim_cli_key_list, 0,
    0, NULL, WHIM_CLI_WITH_KEY },
  { "key create", N_ ("NAME"), N_ ("Make an API key"), whim_cli_key_create, 1, 1,
    OPTIONS ("channels", "admin", "read-only"), WHIM_CLI_WITH_KEY },
  { "key delete", N_ ("KEY"), N_ ("Revoke an API key"), whim_cli_key_delete, 1, 1, NULL,
    WHIM_CLI_WITH_KEY },
  { "backup", N_ ("FILE"), N_ ("Save a copy of everything, keys included"), whim_cli_backup, 1, 1,
    OPTIONS ("force"), WHIM_CLI_WITH_KEY },
  { "docs", NULL, N_ ("Show where the documentation of the API is"), whim_cli_docs, 0, 0, NULL,
    WHIM_CLI_WITHOUT_KEY },
  { "help", N_ ("[COMMAND]"), N_ ("Show how a command is used"), NULL, 0, 2, NULL, WHIM_CLI_ALONE },
  { NULL },
};

const WhimCliCommand *
whim_cli_find_command (char **words, guint n, guint *used)
{
  g_autofree char *both = n < 2 ? NULL : g_strconcat (words[0], " ", words[1], NULL);
  const WhimCliCommand *found = NULL;

  *used = 0;
  for (const WhimCliCommand *command = commands; n > 0 && command->name != NULL; command++)
    if (g_strcmp0 (command->name, both) == 0)
      {
        *used = 2;
        return command;
      }
    else if (g_str_equal (command->name, words[0]))
      {
        *used = 1;
        found = command;
      }
  return found;
}

gboolean
whim_cli_is_group (const char *word)
{
  gsize len = strlen (word);

  for (const WhimCliCommand *command = commands; command->name != NULL; command++)
    if (len > 0 && strncmp (command->name, word, len) == 0 && command->name[len] == ' ')
      return TRUE;
  return FALSE;
}

static char *
make_usage (const WhimCliCommand *command)
{
  return command->arguments == NULL
             ? g_strdup (command->name)
             : g_strconcat (command->name, " ", _ (command->arguments), NULL);
}

char *
whim_cli_command_list (const char *group)
{
  g_autofree char *prefix = group == NULL ? g_strdup ("") : g_strconcat (group, " ", NULL);
  GString *out = g_string_new (NULL);
  glong width = 0;

  for (const WhimCliCommand *command = commands; command->name != NULL; command++)
    {
      g_autofree char *usage = make_usage (command);

      width = MAX (width, g_utf8_strlen (usage, -1));
    }
  for (const WhimCliCommand *command = commands; command->name != NULL; command++)
    if (g_str_has_prefix (command->name, prefix))
      {
        g_autofree char *usage = make_usage (command);

        g_string_append_printf (out, "  %s%*s%s\n", usage,
                                (int)(width - g_utf8_strlen (usage, -1)) + 2, "",
                                _ (command->summary));
      }
  return g_string_free (out, FALSE);
}
