/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "config/whim-config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/whim-listen.h"

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char *const environment[] = {
  "WHIMBREL_DATA_DIR",      "WHIMBREL_LISTEN",
  "WHIMBREL_API_KEY",       "WHIMBREL_ALLOW_PRIVATE_FETCH",
  "WHIMBREL_WA_URL",        "WHIMBREL_WA_WEB_URL",
  "WHIMBREL_WA_NOISE_ROOT", "WHIMBREL_WA_CA_FILE",
  "WHIMBREL_WA_VERSION",    "WHIMBREL_STORE",
  "WHIMBREL_BUS",           "WHIMBREL_CONFIG",
};

static void
clear_environment (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (environment); i++)
    g_unsetenv (environment[i]);
}

/* @line is the command line, @file the contents of the key file */
static WhimConfig *
load (const char *line, const char *file, GError **error)
{
  g_autoptr (WhimConfig) config = whim_config_new ();
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autofree char *path = NULL;
  g_autofree char *full = NULL;
  g_auto (GStrv) argv = NULL;
  gboolean ok;

  if (file != NULL)
    {
      int fd = g_file_open_tmp ("whim-config-XXXXXX", &path, NULL);

      g_close (fd, NULL);
      g_assert_true (g_file_set_contents (path, file, -1, NULL));
    }
  full = g_strdup_printf ("whimbreld %s%s %s",
                          path == NULL ? "" : "--config=", path == NULL ? "" : path, line);
  g_assert_true (g_shell_parse_argv (full, NULL, &argv, NULL));
  g_option_context_set_main_group (context, whim_config_get_option_group (config));
  ok = g_option_context_parse_strv (context, &argv, error) && whim_config_load (config, error);
  if (path != NULL)
    g_unlink (path);
  return ok ? g_steal_pointer (&config) : NULL;
}

static void
test_precedence (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimConfig) config = NULL;

  clear_environment ();
  config = load ("", "", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (whim_config_get (config, WHIM_SETTING_LISTEN), ==, "127.0.0.1:3005");
  g_assert_cmpint (whim_config_get_origin (config, WHIM_SETTING_LISTEN), ==, WHIM_ORIGIN_DEFAULT);
  g_assert_cmpstr (whim_config_get (config, WHIM_SETTING_BUS), ==, "session");
  g_assert_null (whim_config_get (config, WHIM_SETTING_API_KEY));
  g_assert_nonnull (whim_config_get (config, WHIM_SETTING_WA_WEB_URL));
  g_assert_false (whim_config_get_boolean (config, WHIM_SETTING_ALLOW_PRIVATE_FETCH));
  g_clear_pointer (&config, whim_config_free);

  config = load ("", "[rest]\nlisten=127.0.0.1:1\n[fetch]\nallow-private=yes\n", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (whim_config_get (config, WHIM_SETTING_LISTEN), ==, "127.0.0.1:1");
  g_assert_cmpint (whim_config_get_origin (config, WHIM_SETTING_LISTEN), ==, WHIM_ORIGIN_KEY_FILE);
  g_assert_true (whim_config_get_boolean (config, WHIM_SETTING_ALLOW_PRIVATE_FETCH));
  g_clear_pointer (&config, whim_config_free);

  g_setenv ("WHIMBREL_LISTEN", "127.0.0.1:2", TRUE);
  config = load ("", "[rest]\nlisten=127.0.0.1:1\n", &error);
  g_assert_cmpstr (whim_config_get (config, WHIM_SETTING_LISTEN), ==, "127.0.0.1:2");
  g_assert_cmpint (whim_config_get_origin (config, WHIM_SETTING_LISTEN), ==,
                   WHIM_ORIGIN_ENVIRONMENT);
  g_clear_pointer (&config, whim_config_free);

  config = load ("--listen=[::1]:3", "[rest]\nlisten=127.0.0.1:1\n", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (whim_config_get (config, WHIM_SETTING_LISTEN), ==, "[::1]:3");
  g_assert_cmpint (whim_config_get_origin (config, WHIM_SETTING_LISTEN), ==,
                   WHIM_ORIGIN_COMMAND_LINE);
}

static void
test_sandbox (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimConfig) config = NULL;
  g_autoptr (GBytes) root = NULL;
  g_auto (GStrv) list = NULL;

  clear_environment ();
  config = load ("--wa-url=ws://127.0.0.1:9/ws --wa-noise-root=" ROOT, "", &error);
  g_assert_no_error (error);
  g_assert_null (
      whim_config_get (config, WHIM_SETTING_WA_WEB_URL)); /* off beside another service */
  root = whim_config_dup_noise_root (config);
  g_assert_cmpuint (g_bytes_get_size (root), ==, 32);
  list = whim_config_dup_environment (config);
  g_assert_cmpuint (g_strv_length (list), ==, 2);
  g_assert_true (g_strv_contains ((const char *const *)list, "WHIMBREL_WA_NOISE_ROOT=" ROOT));
}

static void
test_wrong_values (void)
{
  static const struct
  {
    const char *line;
    const char *file;
    const char *message;
  } rows[] = {
    { "--listen=3005", "", "--listen: expected ADDRESS:PORT or unix:PATH" },
    { "--listen=unix:relative", "", "--listen: the path of a socket must be absolute" },
    { "--listen=example.org:1", "",
      "--listen: the address to listen on is an IP address or localhost" },
    { "--listen=127.0.0.1:70000", "", "--listen: expected ADDRESS:PORT or unix:PATH" },
    { "", "[rest]\napi-key=short\n", "[rest] api-key: an API key has 20 to 256 characters" },
    { "", "[fetch]\nallow-private=maybe\n", "[fetch] allow-private: expected true or false" },
    { "--wa-url=ftp://x/", "", "--wa-url: expected wss://… or ws://…" },
    { "--wa-web-url=nonsense", "", "--wa-web-url: expected https://… or http://…" },
    { "--wa-noise-root=abc", "", "--wa-noise-root: expected 64 hexadecimal digits" },
    { "--wa-ca-file=/nowhere/at/all", "", "--wa-ca-file: there is no such file" },
    { "--wa-version=2.3000", "",
      "--wa-version: expected three numbers, such as 2.3000.1000000000" },
    { "--store=postgresql://x", "",
      "--store: expected \"sqlite:\"; other databases are not supported" },
    { "--bus=system", "", "--bus: expected \"session\" or \"none\"" },
    { "", "[rest]\nlissen=1\n", "there is no setting [rest] lissen" },
    { "", "[rset]\nlisten=1\n", "there is no setting [rset] listen" },
  };

  clear_environment ();
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load (rows[i].line, rows[i].file, &error));
      g_assert_nonnull (error);
      g_assert_true (g_str_has_suffix (error->message, rows[i].message));
      g_assert_null (strchr (error->message, '\n'));
    }
  {
    g_autoptr (GError) error = NULL;

    g_assert_null (load ("--config=/nowhere/at/all", NULL, &error));
    g_assert_nonnull (strstr (error->message, "/nowhere/at/all"));
  }
}

static void
test_print (void)
{
  static const char expected[]
      = "[daemon] data-dir = /tmp/data   # --data-dir\n"
        "[rest] listen = 127.0.0.1:3005   # default\n"
        "[rest] api-key = (set)   # WHIMBREL_API_KEY\n"
        "[rest] cors-origins = (none)   # default\n"
        "[rest] rate-limit = 0   # default\n"
        "[rest] token-in-query = false   # default\n"
        "[fetch] allow-private = true   # [fetch] allow-private\n"
        "[whatsapp] url = wss://web.whatsapp.com/ws/chat   # default\n"
        "[whatsapp] web-url = https://web.whatsapp.com/sw.js   # default\n"
        "[whatsapp] noise-root = 142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b  "
        " # default\n"
        "[whatsapp] ca-file = (the system's)   # default\n"
        "[whatsapp] version = (built in)   # default\n"
        "[store] url = sqlite:   # default\n"
        "[dbus] bus = session   # default\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimConfig) config = NULL;
  g_autofree char *text = NULL;

  clear_environment ();
  g_setenv ("WHIMBREL_API_KEY", "0123456789abcdefghijkl", TRUE);
  config = load ("--data-dir=/tmp//data/. --print-config", "[fetch]\nallow-private=1\n", &error);
  g_assert_no_error (error);
  g_assert_true (whim_config_wants_print (config));
  text = whim_config_print (config);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_listen (void)
{
  static const struct
  {
    const char *spec;
    const char *unix_path;
    const char *host;
    guint port;
  } rows[] = {
    { "127.0.0.1:0", NULL, "127.0.0.1", 0 },
    { "localhost:80", NULL, "127.0.0.1", 80 },
    { "[::]:3005", NULL, "::", 3005 },
    { "0.0.0.0:65535", NULL, "0.0.0.0", 65535 },
    { "unix:/run/x.sock", "/run/x.sock", NULL, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (WhimListen) listen = { 0 };
      g_autoptr (GError) error = NULL;

      whim_listen_parse (&listen, rows[i].spec, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (listen.unix_path, ==, rows[i].unix_path);
      g_assert_cmpstr (listen.host, ==, rows[i].host);
      g_assert_cmpuint (listen.port, ==, rows[i].port);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/precedence", test_precedence);
  g_test_add_func ("/config/sandbox", test_sandbox);
  g_test_add_func ("/config/wrong-values", test_wrong_values);
  g_test_add_func ("/config/print", test_print);
  g_test_add_func ("/config/listen", test_listen);
  return g_test_run ();
}
