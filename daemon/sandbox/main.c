/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "sandbox/sandbox.h"

#include <glib-unix.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

static gboolean
terminate_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  gint port = 0;
  gboolean dedup = FALSE;
  const GOptionEntry entries[] = {
    { "port", 'p', 0, G_OPTION_ARG_INT, &port, "Port on 127.0.0.1 (default: a free one)", "PORT" },
    { "dedup", 0, 0, G_OPTION_ARG_NONE, &dedup, "Drop repeated messages, as the real server does",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) options = g_option_context_new ("- a small WhatsApp on loopback");
  g_autoptr (GError) error = NULL;
  g_autofree char *ready = NULL;
  Sandbox *sandbox;

  setlocale (LC_ALL, "");
  g_log_writer_default_set_use_stderr (TRUE); /* standard output is for what was asked for */
  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || port < 0 || port > 65535)
    {
      fprintf (stderr, "whimbrel-sandbox: %s\n", error == NULL ? "no such port" : error->message);
      return EXIT_FAILURE;
    }
  if (!whim_crypto_self_test (&error))
    {
      fprintf (stderr, "whimbrel-sandbox: %s\n", error->message);
      return EXIT_FAILURE;
    }
  sandbox = sandbox_new ((guint16)port, dedup, &error);
  if (sandbox == NULL)
    {
      fprintf (stderr, "whimbrel-sandbox: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_unix_signal_add (SIGTERM, terminate_cb, sandbox->loop);
  g_unix_signal_add (SIGINT, terminate_cb, sandbox->loop);
  ready = sandbox_ready_line (sandbox);
  puts (ready);
  fflush (stdout);
  g_main_loop_run (sandbox->loop);
  sandbox_free (sandbox);
  return EXIT_SUCCESS;
}
