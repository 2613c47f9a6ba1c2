/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-listen.h"

#include <gio/gio.h>
#include <string.h>

#define UNIX_PREFIX "unix:"
/* sun_path, with its NUL */
#define UNIX_PATH_MAX 107u

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
  return FALSE;
}

static gboolean
parse_unix (WhimListen *self, const char *path, GError **error)
{
  if (!g_path_is_absolute (path))
    return fail (error, "the path of a socket must be absolute");
  if (strlen (path) > UNIX_PATH_MAX)
    return fail (error, "the path of a socket has at most 107 bytes");
  self->unix_path = g_strdup (path);
  return TRUE;
}

gboolean
whim_listen_parse (WhimListen *self, const char *spec, GError **error)
{
  const char *colon = strrchr (spec, ':');
  g_autofree char *host = NULL;
  guint64 port;
  gsize len;

  if (g_str_has_prefix (spec, UNIX_PREFIX))
    return parse_unix (self, spec + strlen (UNIX_PREFIX), error);
  if (colon == NULL || colon == spec
      || !g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
    return fail (error, "expected ADDRESS:PORT or unix:PATH");
  host = g_strndup (spec, (gsize)(colon - spec));
  len = strlen (host);
  if (len > 2 && host[0] == '[' && host[len - 1] == ']')
    {
      char *inner = g_strndup (host + 1, len - 2);

      g_free (host);
      host = inner;
    }
  if (g_str_equal (host, "localhost"))
    {
      g_free (host);
      host = g_strdup ("127.0.0.1");
    }
  if (!g_hostname_is_ip_address (host))
    return fail (error, "the address to listen on is an IP address or localhost");
  self->host = g_steal_pointer (&host);
  self->port = (guint16)port;
  return TRUE;
}

void
whim_listen_clear (WhimListen *self)
{
  g_clear_pointer (&self->unix_path, g_free);
  g_clear_pointer (&self->host, g_free);
  self->port = 0;
}
