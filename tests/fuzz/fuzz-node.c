/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "wire/whim-node.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* A node or an error, never neither; and what decodes encodes to something that decodes alike. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) frame = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) node = whim_node_decode (frame, &error);

  g_assert_true ((node == NULL) == (error != NULL));
  if (node != NULL)
    {
      g_autofree char *text = whim_node_to_string (node);
      g_autoptr (GBytes) once = whim_node_encode (node);
      g_autoptr (WhimNode) again = whim_node_decode (once, NULL);

      g_assert_nonnull (text);
      if (again != NULL)
        {
          g_autoptr (GBytes) twice = whim_node_encode (again);

          g_assert_true (g_bytes_equal (once, twice));
        }
    }
  return 0;
}
