/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "wire/whim-node.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *)data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimJid) jid = whim_jid_parse (text, &error);

  g_assert_true ((jid == NULL) == (error != NULL));
  if (jid != NULL)
    {
      g_autoptr (WhimJid) again = whim_jid_parse (whim_jid_get_text (jid), NULL);

      g_assert_nonnull (again);
      g_assert_cmpstr (whim_jid_get_text (again), ==, whim_jid_get_text (jid));
    }
  return 0;
}
