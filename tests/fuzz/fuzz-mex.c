/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* JSON in a node: any text gives plain members or nothing. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const char *const roots[]
      = { "xwa2_fetch_account_reachout_timelock", "xwa2_message_capping_info", "x" };
  WhimNodeBuilder *builder = whim_node_builder_new ("result");
  g_autoptr (WhimNode) node = NULL;
  g_autofree char *text = g_strndup ((const char *)data, size);
  g_autoptr (WhimJid) bare = whim_incoming_parse_bare (text);

  g_assert_true (bare == NULL || !whim_jid_is_user (bare) || whim_jid_get_device (bare) == 0);
  whim_node_builder_data (builder, data, size);
  node = whim_node_builder_end (builder);
  for (guint i = 0; i < G_N_ELEMENTS (roots); i++)
    {
      g_autoptr (GVariant) members = whim_mex_find (node, roots[i]);
      g_autofree char *printed = members == NULL ? NULL : g_variant_print (members, TRUE);

      g_assert_true (members == NULL || g_variant_is_of_type (members, G_VARIANT_TYPE_VARDICT));
      g_assert_true (printed == NULL || g_utf8_validate (printed, -1, NULL));
    }
  return 0;
}
