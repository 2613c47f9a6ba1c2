/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <glib/gi18n.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/whim-cli-private.h"

#define EXIT_CODES                                                                                 \
  N_ ("Exit codes: 0 done; 1 refused, or it did not work; 2 wrong usage; 3 no daemon answers;\n"   \
      "4 not paired, not connected or not in time; 130 ended by Ctrl+C.")

/* ---- Options --------------------------------------------------------------------------------- */

/* What every command takes. */
static void
add_shared_options (GOptionContext *context, WhimCliOptions *options)
{
  const GOptionEntry entries[] = {
    { "server", 0, 0, G_OPTION_ARG_STRING, &options->server,
      N_ ("Where the daemon is (default: $WHIMBREL_SERVER, or where it is set to listen)"),
      N_ ("URL") },
    { "key", 0, 0, G_OPTION_ARG_STRING, &options->key,
      N_ ("The API key (default: $WHIMBREL_API_KEY, or the data directory's admin.key)"),
      N_ ("KEY") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options->json,
      N_ ("Print the JSON of the server, unchanged"), NULL },
    G_OPTION_ENTRY_NULL,
  };

  g_option_context_add_main_entries (context, entries, WHIM_GETTEXT_PACKAGE);
}

/* One row for each name that a command may list; the first member of a pair names it there. */
static void
add_own_options (GOptionContext *context, WhimCliOptions *options, const char *const *wanted)
{
  const struct
  {
    const char *id;
    GOptionEntry entry;
  } rows[] = {
    { "sandbox",
      { "sandbox", 0, 0, G_OPTION_ARG_STRING, &options->sandbox,
        N_ ("Let the sandbox with this control address scan and answer"), N_ ("URL") } },
    { "once",
      { "once", 0, 0, G_OPTION_ARG_NONE, &options->once,
        N_ ("Stop the daemon when everything has been shown"), NULL } },
    { "department",
      { "department", 0, 0, G_OPTION_ARG_STRING, &options->department, N_ ("Whose channel it is"),
        N_ ("NAME") } },
    { "manual",
      { "no-auto-connect", 0, 0, G_OPTION_ARG_NONE, &options->manual,
        N_ ("Do not connect it when the daemon starts"), NULL } },
    { "code",
      { "code", 0, 0, G_OPTION_ARG_STRING, &options->code,
        N_ ("Pair by a code that is typed on the phone with this number"), N_ ("NUMBER") } },
    { "timeout",
      { "timeout", 0, 0, G_OPTION_ARG_INT, &options->timeout,
        N_ ("Give up after so many seconds (exit code 4)"), N_ ("SECONDS") } },
    { "wait",
      { "wait", 0, 0, G_OPTION_ARG_NONE, &options->wait,
        N_ ("Wait until it is sent, or has failed"), NULL } },
    { "quoted",
      { "quoted", 0, 0, G_OPTION_ARG_STRING, &options->quoted,
        N_ ("The message that this one answers"), N_ ("MESSAGE") } },
    { "idempotency-key",
      { "idempotency-key", 0, 0, G_OPTION_ARG_STRING, &options->idempotency_key,
        N_ ("The same key again within a day sends nothing"), N_ ("KEY") } },
    { "channel",
      { "channel", 0, 0, G_OPTION_ARG_STRING, &options->channel,
        N_ ("The channel, by id or name (default: the only one)"), N_ ("CHANNEL") } },
    { "channels",
      { "channel", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->channels,
        N_ ("A channel that the key is for; may be repeated"), N_ ("CHANNEL") } },
    { "limit",
      { "limit", 0, 0, G_OPTION_ARG_INT, &options->limit, N_ ("How many at most"),
        N_ ("NUMBER") } },
    { "event",
      { "event", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->events,
        N_ ("Only events of this name; may be repeated"), N_ ("NAME") } },
    { "after",
      { "after", 0, 0, G_OPTION_ARG_INT64, &options->after,
        N_ ("Begin behind this place in the journal (default: now)"), N_ ("NUMBER") } },
    { "count",
      { "count", 0, 0, G_OPTION_ARG_INT, &options->count, N_ ("End after so many events"),
        N_ ("NUMBER") } },
    { "secret-file",
      { "secret-file", 0, 0, G_OPTION_ARG_FILENAME, &options->secret_file,
        N_ ("A file with the secret that signs deliveries (“-”: standard input)"), N_ ("FILE") } },
    { "admin",
      { "admin", 0, 0, G_OPTION_ARG_NONE, &options->admin, N_ ("The key is for everything"),
        NULL } },
    { "read-only",
      { "read-only", 0, 0, G_OPTION_ARG_NONE, &options->read_only,
        N_ ("The key may look, but not change or send"), NULL } },
    { "force",
      { "force", 0, 0, G_OPTION_ARG_NONE, &options->force, N_ ("Replace a file that is there"),
        NULL } },
  };

  for (guint i = 0; wanted != NULL && i < G_N_ELEMENTS (rows); i++)
    if (g_strv_contains (wanted, rows[i].id))
      {
        const GOptionEntry entries[] = { rows[i].entry, G_OPTION_ENTRY_NULL };

        g_option_context_add_main_entries (context, entries, WHIM_GETTEXT_PACKAGE);
      }
}

static void
clear_options (WhimCliOptions *options)
{
  g_clear_pointer (&options->client, whim_cli_client_free);
  g_clear_pointer (&options->config, whim_config_free);
  g_free (options->server);
  g_free (options->key);
  g_free (options->sandbox);
  g_free (options->channel);
  g_free (options->code);
  g_free (options->department);
  g_free (options->secret_file);
  g_free (options->idempotency_key);
  g_free (options->quoted);
  g_strfreev (options->channels);
  g_strfreev (options->events);
  g_strfreev (options->words);
}

static void
init_options (WhimCliOptions *options)
{
  options->config = whim_config_new ();
  options->after = -1;
}

/* ---- The line before and behind the command -------------------------------------------------- */

static GOptionContext *
make_main_context (WhimCliOptions *options)
{
  const GOptionEntry entries[] = {
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, N_ ("Show the version and exit"),
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  GOptionContext *context = g_option_context_new (_ ("COMMAND"));
  g_autofree char *list = whim_cli_command_list (NULL);
  g_autofree char *summary
      = g_strconcat (_ ("A WhatsApp gateway in the terminal."), "\n\n", _ ("Commands:"), "\n", list,
                     "\n", _ ("whimbrel COMMAND --help tells the options of a command."), NULL);

  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, _ (EXIT_CODES));
  g_option_context_set_strict_posix (context, TRUE);
  add_shared_options (context, options);
  g_option_context_add_main_entries (context, entries, WHIM_GETTEXT_PACKAGE);
  g_option_context_add_group (context, whim_config_get_option_group (options->config));
  return context;
}

/* Returns: (transfer full): the option that takes the words is filled too */
static GOptionContext *
make_command_context (const WhimCliCommand *command, WhimCliOptions *options)
{
  const GOptionEntry entries[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->words, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };
  GOptionContext *context
      = g_option_context_new (command->arguments == NULL ? NULL : _ (command->arguments));
  g_autofree char *name = g_strconcat ("whimbrel ", command->name, NULL);

  g_set_prgname (name);
  g_option_context_set_summary (context, _ (command->summary));
  g_option_context_set_description (context, _ (EXIT_CODES));
  add_own_options (context, options, command->options);
  add_shared_options (context, options);
  g_option_context_add_main_entries (context, entries, WHIM_GETTEXT_PACKAGE);
  g_option_context_add_group (context, whim_config_get_option_group (options->config));
  return context;
}

static gboolean
set_usage_error (GError *own, GError **error)
{
  g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE, own->message);
  g_error_free (own);
  return FALSE;
}

/* Returns: the place of the command in @argv, or @argc; -1 with an error. Options before it are
 * looked at here, and parsed with the others behind it. */
static gint
find_place (int argc, char **argv, gboolean *over, GError **error)
{
  WhimCliOptions options = { 0 };
  g_autoptr (GOptionContext) context = NULL;
  g_autofree char **copy = g_memdup2 (argv, sizeof (char *) * (gsize)(argc + 1));
  char **rest = copy;
  int n = argc;
  gint place = argc;
  GError *own = NULL;

  init_options (&options);
  context = make_main_context (&options);
  *over = FALSE;
  if (!g_option_context_parse (context, &n, &rest, &own))
    {
      set_usage_error (own, error);
      place = -1;
    }
  else if (options.version)
    {
      puts ("whimbrel " WHIM_VERSION);
      *over = TRUE;
    }
  for (gint i = argc - 1; place >= 0 && n > 1 && i > 0; i--)
    if (argv[i] == copy[1])
      place = i;
  clear_options (&options);
  return place;
}

/* ---- Commands -------------------------------------------------------------------------------- */

static gboolean
print_help (const WhimCliCommand *command, const char *group)
{
  WhimCliOptions options = { 0 };
  g_autoptr (GOptionContext) context = NULL;
  g_autofree char *text = NULL;

  init_options (&options);
  if (command == NULL && group != NULL)
    text = whim_cli_command_list (group);
  else
    {
      context = command == NULL ? make_main_context (&options)
                                : make_command_context (command, &options);
      text = g_option_context_get_help (context, TRUE, NULL);
    }
  fputs (text, stdout);
  clear_options (&options);
  return TRUE;
}

static gboolean
help (char **words, GError **error)
{
  guint n = words == NULL ? 0 : g_strv_length (words);
  guint used;
  const WhimCliCommand *command = whim_cli_find_command (words, n, &used);

  if (n == 0)
    return print_help (NULL, NULL);
  if (command != NULL && used == n)
    return print_help (command, NULL);
  if (n == 1 && whim_cli_is_group (words[0]))
    return print_help (NULL, words[0]);
  g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE,
               _ ("“%s” is not understood; see whimbrel --help."), words[used < n ? used : 0]);
  return FALSE;
}

static gboolean
check_words (const WhimCliCommand *command, const WhimCliOptions *options, GError **error)
{
  if (options->n_words > command->most)
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE,
                 _ ("“%s” is not understood; see whimbrel %s --help."),
                 options->words[command->most], command->name);
  else if (options->n_words < command->least)
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE, _ ("Usage: whimbrel %s %s"), command->name,
                 _ (command->arguments));
  else if (options->timeout < 0 || options->count < 0)
    g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE,
                         _ ("Seconds and numbers are not negative."));
  else
    return TRUE;
  return FALSE;
}

static gboolean
perform (const WhimCliCommand *command, WhimCliOptions *options, GError **error)
{
  GError *own = NULL;

  if (!whim_config_load (options->config, &own))
    return set_usage_error (own, error);
  if (whim_config_wants_print (options->config))
    {
      g_autofree char *text = whim_config_print (options->config);

      fputs (text, stdout);
      return TRUE;
    }
  if (command == NULL)
    {
      g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE,
                           _ ("A command is needed; see whimbrel --help."));
      return FALSE;
    }
  if (!check_words (command, options, error))
    return FALSE;
  if (command->func == NULL)
    return help (options->words, error);
  /* "run" has a child in the foreground, which Ctrl+C ends too */
  if (command->func != whim_cli_run)
    whim_cli_signals_catch ();
  if (command->needs != WHIM_CLI_ALONE
      && !whim_cli_connect (options, command->needs == WHIM_CLI_WITH_KEY, error))
    return FALSE;
  return command->func (options, error);
}

static gboolean
set_unknown_error (char **words, guint n, GError **error)
{
  g_autofree char *list = NULL;

  if (!whim_cli_is_group (words[0]))
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE,
                 _ ("“%s” is not understood; see whimbrel --help."), words[0]);
  else if (n > 1 && (g_str_equal (words[1], "--help") || g_str_equal (words[1], "-h")))
    return print_help (NULL, words[0]);
  else
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE,
                 _ ("“%s” needs one more word; see whimbrel help %s."), words[0], words[0]);
  return FALSE;
}

/* What stood before the command is parsed together with what stands behind it. */
static gboolean
parse_and_perform (int argc, char **argv, gint place, WhimCliOptions *options, GError **error)
{
  guint used = 0;
  const WhimCliCommand *command
      = whim_cli_find_command (argv + place, (guint)(argc - place), &used);
  g_autoptr (GOptionContext) context = NULL;
  g_autofree char **line = g_new0 (char *, (gsize)argc + 1);
  char **rest = line;
  int n = 0;
  GError *own = NULL;

  if (command == NULL && place < argc)
    return set_unknown_error (argv + place, (guint)(argc - place), error);
  for (gint i = 0; i < argc; i++)
    if (i < place || i >= place + (gint)used)
      line[n++] = argv[i];
  context = command == NULL ? make_main_context (options) : make_command_context (command, options);
  if (!g_option_context_parse (context, &n, &rest, &own))
    return set_usage_error (own, error);
  options->n_words = options->words == NULL ? 0 : g_strv_length (options->words);
  return perform (command, options, error);
}

int
main (int argc, char **argv)
{
  WhimCliOptions options = { 0 };
  g_autoptr (GError) error = NULL;
  WhimCliExit result = WHIM_CLI_OK;
  gboolean over;
  gint place;
  int caught;

  setlocale (LC_ALL, "");
  bindtextdomain (WHIM_GETTEXT_PACKAGE, WHIM_LOCALE_DIR);
  bind_textdomain_codeset (WHIM_GETTEXT_PACKAGE, "UTF-8");
  textdomain (WHIM_GETTEXT_PACKAGE);
  g_set_prgname ("whimbrel");
  init_options (&options);
  place = find_place (argc, argv, &over, &error);
  if (place >= 0 && !over)
    parse_and_perform (argc, argv, place, &options, &error);
  caught = whim_cli_signals_get_caught ();
  if (caught == SIGALRM && error != NULL)
    {
      whim_cli_complain (_ ("It did not happen within %d seconds."), options.timeout);
      result = WHIM_CLI_LATE;
    }
  else if (error != NULL && caught == 0)
    {
      if (*error->message != '\0')
        whim_cli_complain ("%s", error->message);
      result = whim_cli_exit_for (error);
    }
  clear_options (&options);
  return error != NULL && caught != 0 && caught != SIGALRM ? 128 + caught : (int)result;
}
