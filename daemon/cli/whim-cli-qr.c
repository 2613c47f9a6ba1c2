/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <glib/gi18n.h>
#include <qrencode.h>
#include <stdio.h>

/* The standard wants four; phones are content with two, and the picture has to fit. */
#define QUIET 2

G_DEFINE_AUTOPTR_CLEANUP_FUNC (QRcode, QRcode_free)

static gboolean
is_dark (const QRcode *code, int x, int y)
{
  int row = y - QUIET;
  int column = x - QUIET;

  if (row < 0 || column < 0 || row >= code->width || column >= code->width)
    return FALSE;
  return (code->data[row * code->width + column] & 1) != 0;
}

/* Two modules to a character. With colours dark is drawn black on white; without them light is
 * drawn, since most terminals are dark. */
char *
whim_cli_draw_qr (const char *text, gboolean colours, guint *lines)
{
  static const char *const blocks[] = { " ", "▄", "▀", "█" };
  g_autoptr (QRcode) code = QRcode_encodeString (text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
  g_autoptr (GString) drawn = g_string_new (NULL);
  int side;

  if (code == NULL)
    return NULL;
  side = code->width + 2 * QUIET;
  *lines = 0;
  for (int y = 0; y < side; y += 2)
    {
      if (colours)
        g_string_append (drawn, "\033[30;107m");
      for (int x = 0; x < side; x++)
        {
          guint upper = is_dark (code, x, y) == colours ? 2 : 0;
          guint lower = y + 1 < side ? (is_dark (code, x, y + 1) == colours ? 1 : 0) : 0;

          g_string_append (drawn, blocks[upper | lower]);
        }
      g_string_append (drawn, colours ? "\033[0m\n" : "\n");
      (*lines)++;
    }
  return g_string_free (g_steal_pointer (&drawn), FALSE);
}

gboolean
whim_cli_show_code (const char *code, gpointer user_data, GError **error)
{
  WhimCliScreen *screen = user_data;
  guint lines;
  g_autofree char *picture = whim_cli_draw_qr (code, screen->terminal, &lines);

  if (picture == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("The code cannot be drawn."));
      return FALSE;
    }
  if (screen->terminal && screen->lines > 0)
    printf ("\033[%uA\033[J", screen->lines);
  fputs (picture, stdout);
  fflush (stdout);
  screen->lines = lines;
  return TRUE;
}
