/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "wire/whim-jid.h"

/** whim_jid_find_server: FALSE if @text, the part behind the "@", is no server that we know */
gboolean whim_jid_find_server (const char *text, WhimJidServer *server);

/** whim_jid_parts_are_ok: whether these parts have a text and a form on the wire */
gboolean whim_jid_parts_are_ok (WhimJidServer server, const char *user, gsize len, guint device);
