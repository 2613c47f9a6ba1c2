/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "app/whim-app.h"

#include "base/whim-failpoint.h"
#include "base/whim-log.h"
#include "store/whim-store-maintenance.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* of --check-store: it could look, and did not like what it saw */
#define EXIT_DAMAGED 2

static gboolean
terminate_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

static void
print_ready (WhimApp *app)
{
  printf ("{\"ready\":true,\"port\":%u}\n", whim_rest_get_port (app->rest));
  fflush (stdout);
}

static int
run (WhimConfig *config, gboolean ready_line)
{
  WhimApp app = { 0 };
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  gboolean started = whim_app_start (&app, config, &error);

  if (started)
    {
      g_unix_signal_add (SIGTERM, terminate_cb, loop);
      g_unix_signal_add (SIGINT, terminate_cb, loop);
#if WHIM_DEVELOPMENT
      whim_test_control_start (&app);
#endif
      g_message ("whimbreld %s listens on %s", WHIM_VERSION,
                 whim_config_get (config, WHIM_SETTING_LISTEN));
      if (ready_line)
        print_ready (&app);
      g_main_loop_run (loop);
    }
  else
    fprintf (stderr, "whimbreld: %s\n", error->message);
  whim_app_stop (&app);
  return started ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
restore (WhimConfig *config, const char *file)
{
  g_autoptr (GError) error = NULL;

  if (!whim_store_restore (file, whim_config_get (config, WHIM_SETTING_DATA_DIR), &error))
    {
      fprintf (stderr, "whimbreld: %s\n", error->message);
      return EXIT_FAILURE;
    }
  puts (_ ("Restored. The API keys are those of the backup; nothing has to be paired again."));
  return EXIT_SUCCESS;
}

static int
check_store (WhimConfig *config)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  if (!whim_store_check (whim_config_get (config, WHIM_SETTING_DATA_DIR), problems, &error))
    {
      fprintf (stderr, "whimbreld: %s\n", error->message);
      return EXIT_FAILURE;
    }
  for (guint i = 0; i < problems->len; i++)
    puts (g_ptr_array_index (problems, i));
  if (problems->len > 0)
    return EXIT_DAMAGED;
  puts (_ ("The store is sound."));
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  gboolean version = FALSE;
  gboolean personal = FALSE;
  gboolean ready_line = FALSE;
  gboolean check = FALSE;
  g_autofree char *backup = NULL;
  const GOptionEntry entries[] = {
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, N_ ("Show the version and exit"), NULL },
    { "log-personal-info", 0, 0, G_OPTION_ARG_NONE, &personal,
      N_ ("Do not hide numbers in the debug log"), NULL },
    { "ready-line", 0, 0, G_OPTION_ARG_NONE, &ready_line, N_ ("Print one line of JSON when ready"),
      NULL },
    { "restore", 0, 0, G_OPTION_ARG_FILENAME, &backup,
      N_ ("Bring a backup back into an empty data directory and exit"), N_ ("FILE") },
    { "check-store", 0, 0, G_OPTION_ARG_NONE, &check,
      N_ ("Look whether everything in the data directory fits together, and exit"), NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) options = g_option_context_new (N_ ("- a WhatsApp gateway"));
  g_autoptr (WhimConfig) config = whim_config_new ();
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  g_log_writer_default_set_use_stderr (TRUE); /* standard output is for what was asked for */
  bindtextdomain (WHIM_GETTEXT_PACKAGE, WHIM_LOCALE_DIR);
  bind_textdomain_codeset (WHIM_GETTEXT_PACKAGE, "UTF-8");
  textdomain (WHIM_GETTEXT_PACKAGE);
  g_option_context_add_main_entries (options, entries, WHIM_GETTEXT_PACKAGE);
  g_option_context_add_group (options, whim_config_get_option_group (config));
  if (!g_option_context_parse (options, &argc, &argv, &error)
      || (!version && !whim_config_load (config, &error)))
    {
      fprintf (stderr, "whimbreld: %s\n", error->message);
      return EXIT_FAILURE;
    }
  if (version)
    {
      puts ("whimbreld " WHIM_VERSION);
      return EXIT_SUCCESS;
    }
  if (whim_config_wants_print (config))
    {
      g_autofree char *text = whim_config_print (config);

      fputs (text, stdout);
      return EXIT_SUCCESS;
    }
  whim_log_set_personal (personal);
#if WHIM_DEVELOPMENT
  whim_failpoint_arm_from_environment ();
#endif
  if (backup != NULL)
    return restore (config, backup);
  return check ? check_store (config) : run (config, ready_line);
}
