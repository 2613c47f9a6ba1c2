/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "messaging/whim-messenger-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* What the service and strangers say in nodes: lists of devices, signed indexes, keys of others,
 * what the server has of ours; and a device list as it was stored. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (WhimNode) node = whim_node_decode (bytes, NULL);
  g_autoptr (WhimDevices) stored = whim_devices_from_bytes (bytes);
  g_auto (WhimAdvKeyIndexes) alone = { 0 };

  if (stored != NULL)
    {
      g_autoptr (GBytes) again = whim_devices_to_bytes (stored);

      g_assert_cmpuint (stored->numbers->len, <=, WHIM_LIMIT_DEVICES);
      g_assert_cmpuint (g_bytes_get_size (again), <=, size);
    }
  if (whim_adv_parse_key_indexes (bytes, &alone))
    g_assert_nonnull (alone.valid);
  if (node != NULL)
    {
      g_autoptr (WhimDevices) devices = whim_devices_parse (node, 1);
      g_auto (WhimAdvKeyIndexes) indexes = { 0 };
      WhimSignalBundle bundle;
      const guint8 *hash = NULL;
      gsize hash_len = 0;
      g_autoptr (GPtrArray) wanted = whim_key_keeper_parse_digest (node, &hash, &hash_len);

      if (devices != NULL)
        {
          g_assert_cmpuint (devices->numbers->len, >, 0);
          g_assert_cmpuint (devices->numbers->len, <=, WHIM_LIMIT_DEVICES);
        }
      if (whim_devices_parse_indexes (node, &indexes))
        g_assert_nonnull (indexes.valid);
      (void)whim_bundle_parse (node, &bundle);
      if (wanted != NULL)
        {
          g_assert_nonnull (hash);
          g_assert_cmpuint (hash_len, <=, WHIM_KEYS_DIGEST_SIZE);
        }
    }
  return 0;
}
