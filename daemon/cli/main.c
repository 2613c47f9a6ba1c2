/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <glib/gi18n.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/whim-cli-private.h"

typedef struct
{
  char *key;
  char *sandbox;
  gboolean once;
  gboolean version;
  char **words;
} Arguments;

void
whim_cli_complain (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  fputs ("whimbrel: ", stderr);
  vfprintf (stderr, format, args);
  fputc ('\n', stderr);
  va_end (args);
}

static GOptionContext *
make_context (WhimConfig *config, Arguments *arguments)
{
  const GOptionEntry entries[] = {
    { "key", 0, 0, G_OPTION_ARG_STRING, &arguments->key,
      N_ ("The API key (default: $WHIMBREL_API_KEY, or the data directory's admin.key)"),
      N_ ("KEY") },
    { "sandbox", 0, 0, G_OPTION_ARG_STRING, &arguments->sandbox,
      N_ ("run: let the sandbox with this control address scan and answer"), N_ ("URL") },
    { "once", 0, 0, G_OPTION_ARG_NONE, &arguments->once,
      N_ ("run: stop the daemon when everything has been shown"), NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &arguments->version, N_ ("Show the version and exit"),
      NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &arguments->words, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };
  GOptionContext *context = g_option_context_new (_ ("COMMAND [CHANNEL]"));

  g_option_context_set_summary (
      context, _ ("A WhatsApp gateway in the terminal.\n\n"
                  "Commands:\n"
                  "  run             Start the daemon, open a first channel and pair it\n"
                  "  pair [CHANNEL]  Show the code that pairs a channel (by id or name)"));
  g_option_context_set_description (
      context, _ ("Exit codes: 0 done, 1 it did not work, 2 wrong usage, 3 no daemon answers,\n"
                  "4 nobody scanned the code."));
  g_option_context_add_main_entries (context, entries, WHIM_GETTEXT_PACKAGE);
  g_option_context_add_group (context, whim_config_get_option_group (config));
  return context;
}

static WhimCliExit
dispatch (const Arguments *arguments, WhimConfig *config)
{
  guint n = arguments->words == NULL ? 0 : g_strv_length (arguments->words);
  const char *command = n == 0 ? "" : arguments->words[0];
  WhimCliOptions options = {
    .config = config,
    .key = arguments->key,
    .sandbox = arguments->sandbox,
    .once = arguments->once,
    .channel = n > 1 ? arguments->words[1] : NULL,
  };

  if (n <= 2 && g_str_equal (command, "run"))
    return whim_cli_run (&options);
  if (n <= 2 && g_str_equal (command, "pair"))
    return whim_cli_pair_command (&options);
  if (n == 0)
    whim_cli_complain (_ ("A command is needed; see whimbrel --help."));
  else
    whim_cli_complain (_ ("“%s” is not understood; see whimbrel --help."),
                       n > 2 ? arguments->words[2] : command);
  return WHIM_CLI_USAGE;
}

int
main (int argc, char **argv)
{
  Arguments arguments = { 0 };
  g_autoptr (WhimConfig) config = whim_config_new ();
  g_autoptr (GOptionContext) context = NULL;
  g_autoptr (GError) error = NULL;
  WhimCliExit result = WHIM_CLI_OK;

  setlocale (LC_ALL, "");
  bindtextdomain (WHIM_GETTEXT_PACKAGE, WHIM_LOCALE_DIR);
  bind_textdomain_codeset (WHIM_GETTEXT_PACKAGE, "UTF-8");
  textdomain (WHIM_GETTEXT_PACKAGE);
  context = make_context (config, &arguments);
  if (!g_option_context_parse (context, &argc, &argv, &error)
      || (!arguments.version && !whim_config_load (config, &error)))
    {
      whim_cli_complain ("%s", error->message);
      result = WHIM_CLI_USAGE;
    }
  else if (arguments.version)
    puts ("whimbrel " WHIM_VERSION);
  else if (whim_config_wants_print (config))
    {
      g_autofree char *text = whim_config_print (config);

      fputs (text, stdout);
    }
  else
    result = dispatch (&arguments, config);
  g_free (arguments.key);
  g_free (arguments.sandbox);
  g_strfreev (arguments.words);
  return (int)result;
}
