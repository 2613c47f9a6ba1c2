/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <errno.h>
#include <gio/gunixinputstream.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAEMON "whimbreld"

/* Beside us, or where the build puts it, or where it is installed. */
static char *
find_daemon (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *dir = self == NULL ? g_strdup (".") : g_path_get_dirname (self);
  char *candidates[] = {
    g_build_filename (dir, DAEMON, NULL),
    g_build_filename (dir, "..", "app", DAEMON, NULL),
    g_build_filename (WHIM_BIN_DIR, DAEMON, NULL),
    g_find_program_in_path (DAEMON),
  };
  char *found = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (candidates); i++)
    {
      if (found == NULL && candidates[i] != NULL
          && g_file_test (candidates[i], G_FILE_TEST_IS_EXECUTABLE)
          && !g_file_test (candidates[i], G_FILE_TEST_IS_DIR))
        found = g_steal_pointer (&candidates[i]);
      g_free (candidates[i]);
    }
  return found;
}

/* in the child: it ends with us, however we end */
static void
child_setup (gpointer user_data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

static char **
make_environment (const WhimConfig *config)
{
  char **environment = g_get_environ ();
  g_auto (GStrv) ours = whim_config_dup_environment (config);

  for (guint i = 0; ours[i] != NULL; i++)
    {
      g_auto (GStrv) pair = g_strsplit (ours[i], "=", 2);

      environment = g_environ_setenv (environment, pair[0], pair[1], TRUE);
    }
  return environment;
}

/* The first line that whimbreld prints says that it is ready, and on which port. */
static gboolean
read_ready_line (WhimCliDaemon *self, int fd, GError **error)
{
  g_autoptr (GInputStream) raw = g_unix_input_stream_new (fd, TRUE);
  g_autoptr (GDataInputStream) input = g_data_input_stream_new (raw);
  g_autofree char *line = g_data_input_stream_read_line (input, NULL, NULL, error);
  g_autoptr (JsonNode) node = NULL;

  if (line == NULL)
    {
      whim_cli_daemon_stop (self);
      if (error != NULL && *error == NULL)
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                             _ ("whimbreld did not start; see above."));
      return FALSE;
    }
  node = json_from_string (line, NULL);
  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
    self->port
        = (guint16)json_object_get_int_member_with_default (json_node_get_object (node), "port", 0);
  return TRUE;
}

gboolean
whim_cli_daemon_start (WhimCliDaemon *self, const WhimConfig *config, GError **error)
{
  g_autofree char *path = find_daemon ();
  g_auto (GStrv) environment = make_environment (config);
  char *argv[] = { path, (char *)"--ready-line", NULL };
  int fd;

  if (path == NULL)
    {
      g_set_error_literal (
          error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
          _ ("whimbreld was not found, neither beside this program nor installed."));
      return FALSE;
    }
  if (!g_spawn_async_with_pipes (NULL, argv, environment, G_SPAWN_DO_NOT_REAP_CHILD, child_setup,
                                 NULL, &self->pid, NULL, &fd, NULL, error))
    return FALSE;
  return read_ready_line (self, fd, error);
}

WhimCliExit
whim_cli_daemon_wait (WhimCliDaemon *self)
{
  int status = 0;

  while (self->pid != 0 && waitpid (self->pid, &status, 0) < 0 && errno == EINTR)
    ;
  self->pid = 0;
  return WIFEXITED (status) && WEXITSTATUS (status) == 0 ? WHIM_CLI_OK : WHIM_CLI_FAILED;
}

WhimCliExit
whim_cli_daemon_stop (WhimCliDaemon *self)
{
  if (self->pid != 0)
    kill (self->pid, SIGTERM);
  return whim_cli_daemon_wait (self);
}

char *
whim_cli_key_path (const WhimConfig *config)
{
  return g_build_filename (whim_config_get (config, WHIM_SETTING_DATA_DIR), "admin.key", NULL);
}

char *
whim_cli_load_key (const WhimConfig *config, const char *given, GError **error)
{
  g_autofree char *path = whim_cli_key_path (config);
  const char *set = given != NULL ? given : whim_config_get (config, WHIM_SETTING_API_KEY);
  char *key = NULL;

  if (set != NULL)
    return g_strdup (set);
  if (!g_file_get_contents (path, &key, NULL, error))
    {
      g_prefix_error (error, "%s ", _ ("There is no API key; give one with --key."));
      return NULL;
    }
  return g_strstrip (key);
}
