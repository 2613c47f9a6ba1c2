/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <glib.h>

/* Without a fuzzing engine a target replays its corpus: every file, every prefix of it, and every
 * single flipped byte. */

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
run_file (const char *path)
{
  g_autofree char *content = NULL;
  g_autofree guint8 *copy = NULL;
  gsize len = 0;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &content, &len, &error);
  g_assert_no_error (error);
  LLVMFuzzerTestOneInput ((const guint8 *)content, len);
  for (gsize cut = 0; cut < len && cut < 2048; cut++)
    LLVMFuzzerTestOneInput ((const guint8 *)content, cut);
  copy = g_memdup2 (content, len);
  for (gsize i = 0; i < len && i < 2048; i++)
    {
      copy[i] ^= (guint8)(1u << (i % 8));
      LLVMFuzzerTestOneInput (copy, len);
      copy[i] ^= (guint8)(1u << (i % 8));
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GDir) dir = argc > 1 ? g_dir_open (argv[1], 0, NULL) : NULL;
  const char *name;
  guint n = 0;

  if (dir == NULL)
    {
      g_print ("Bail out! no corpus\n");
      return 1;
    }
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (argv[1], name, NULL);

      run_file (path);
      n++;
    }
  g_print ("1..1\n%s 1 %u files replayed\n", n > 0 ? "ok" : "not ok", n);
  return n > 0 ? 0 : 1;
}
