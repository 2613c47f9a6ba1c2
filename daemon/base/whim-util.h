/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** whim_hex_encode: (transfer full): lower-case hex of @len bytes */
char *whim_hex_encode (gconstpointer bytes, gsize len);

/** whim_hex_decode: (transfer full) (nullable): %NULL if @hex is not whole pairs of hex digits */
GBytes *whim_hex_decode (const char *hex);

/** whim_bytes_equal0: compares two possibly %NULL byte strings */
gboolean whim_bytes_equal0 (GBytes *a, GBytes *b);

/** whim_json_depth_ok: FALSE if @text nests deeper than WHIM_LIMIT_JSON_DEPTH; json-glib recurses
 */
gboolean whim_json_depth_ok (const char *text, gsize len);

/** whim_copy: copies @len bytes that do not overlap; nothing if @len is 0 */
void whim_copy (gpointer to, gconstpointer from, gsize len);

G_END_DECLS
