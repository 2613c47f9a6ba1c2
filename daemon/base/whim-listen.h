/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimListen: where the HTTP face listens: "HOST:PORT", "[IPV6]:PORT" or "unix:PATH"
 * @unix_path: (nullable): absolute; the others are then unset
 */
typedef struct
{
  char *unix_path;
  char *host;
  guint16 port;
} WhimListen;

/** whim_listen_parse: @port 0 is allowed: the system chooses */
gboolean whim_listen_parse (WhimListen *self, const char *spec, GError **error);
void whim_listen_clear (WhimListen *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimListen, whim_listen_clear)

G_END_DECLS
