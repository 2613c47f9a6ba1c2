/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-reader.h"
#include "base/whim-util.h"
#include "messaging/whim-messenger-private.h"

/* Another device's published keys, as they stand in the answer to a fetch and, beside a
 * registration id, in a retry receipt (dossier 2, 3.1, 6.9). */

static const guint8 *
get_bytes (WhimNode *parent, const char *tag, gsize expected)
{
  WhimNode *node = parent == NULL ? NULL : whim_node_find_child (parent, tag);
  gsize len = 0;
  const guint8 *bytes = node == NULL ? NULL : whim_node_get_content (node, &len);

  return len == expected ? bytes : NULL;
}

gboolean
whim_bundle_parse (WhimNode *user, WhimSignalBundle *bundle)
{
  WhimNode *holder = whim_node_find_child (user, "keys");
  WhimNode *from = holder != NULL ? holder : user;
  WhimNode *skey = whim_node_find_child (from, "skey");
  WhimNode *key = whim_node_find_child (from, "key");
  const guint8 *registration = get_bytes (user, "registration", 4);
  const guint8 *identity = get_bytes (from, "identity", WHIM_KEY_SIZE);
  const guint8 *skey_id = get_bytes (skey, "id", 3);
  const guint8 *skey_value = get_bytes (skey, "value", WHIM_KEY_SIZE);
  const guint8 *signature = get_bytes (skey, "signature", WHIM_SIGNATURE_SIZE);
  const guint8 *key_id = get_bytes (key, "id", 3);
  const guint8 *key_value = get_bytes (key, "value", WHIM_KEY_SIZE);

  if (registration == NULL || identity == NULL || skey_id == NULL || skey_value == NULL
      || signature == NULL)
    return FALSE;
  bundle->registration_id = whim_read_u32_be (registration);
  whim_copy (bundle->identity, identity, WHIM_KEY_SIZE);
  bundle->signed_prekey_id = whim_read_u24_be (skey_id);
  whim_copy (bundle->signed_prekey, skey_value, WHIM_KEY_SIZE);
  whim_copy (bundle->signed_prekey_signature, signature, WHIM_SIGNATURE_SIZE);
  bundle->has_prekey = key_id != NULL && key_value != NULL;
  if (bundle->has_prekey)
    {
      bundle->prekey_id = whim_read_u24_be (key_id);
      whim_copy (bundle->prekey, key_value, WHIM_KEY_SIZE);
    }
  return TRUE;
}
