/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-util.h"

#include "base/whim-limits.h"

#include <string.h>

char *
whim_hex_encode (gconstpointer bytes, gsize len)
{
  static const char digits[] = "0123456789abcdef";
  const guint8 *from = bytes;
  char *hex = g_malloc (len * 2 + 1);

  for (gsize i = 0; i < len; i++)
    {
      hex[i * 2] = digits[from[i] >> 4];
      hex[i * 2 + 1] = digits[from[i] & 15];
    }
  hex[len * 2] = '\0';
  return hex;
}

GBytes *
whim_hex_decode (const char *hex)
{
  gsize len = strlen (hex);
  g_autofree guint8 *bytes = NULL;

  if (len % 2 != 0)
    return NULL;
  bytes = g_malloc (len / 2 + 1);
  for (gsize i = 0; i < len; i += 2)
    {
      gint high = g_ascii_xdigit_value (hex[i]);
      gint low = g_ascii_xdigit_value (hex[i + 1]);

      if (high < 0 || low < 0)
        return NULL;
      bytes[i / 2] = (guint8)(high << 4 | low);
    }
  return g_bytes_new_take (g_steal_pointer (&bytes), len / 2);
}

gboolean
whim_bytes_equal0 (GBytes *a, GBytes *b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return g_bytes_equal (a, b);
}

gboolean
whim_json_depth_ok (const char *text, gsize len)
{
  guint depth = 0;
  gboolean in_string = FALSE;

  for (gsize i = 0; i < len; i++)
    {
      char c = text[i];

      if (in_string)
        {
          if (c == '\\')
            i++;
          else if (c == '"')
            in_string = FALSE;
        }
      else if (c == '"')
        in_string = TRUE;
      else if (c == '[' || c == '{')
        {
          if (++depth > WHIM_LIMIT_JSON_DEPTH)
            return FALSE;
        }
      else if ((c == ']' || c == '}') && depth > 0)
        depth--;
    }
  return TRUE;
}

void
whim_copy (gpointer to, gconstpointer from, gsize len)
{
  if (len > 0)
    memcpy (to, from, len);
}
