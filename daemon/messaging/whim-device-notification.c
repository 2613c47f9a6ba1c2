/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "messaging/whim-messenger-private.h"
#include "session/whim-adv.h"

#include <string.h>

/* A device of somebody came or went (dossier 2, 2.4). What we have is changed accordingly, and kept
 * if the hash says that it is the whole truth then; otherwise it is asked for at the next message.
 * With a device that went go its session and identity. */

/* Numbers of the devices that @change names, of this person alone. */
static GArray *
read_numbers (WhimNode *change, WhimJid *bare, WhimJid *lid, gboolean indexed)
{
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (guint));

  WHIM_FOREACH_CHILD (change, device)
    {
      WhimJid *jid
          = whim_node_is (device, "device") ? whim_node_get_attr_jid (device, "jid") : NULL;
      guint number;

      if (jid == NULL || !whim_jid_is_user (jid) || numbers->len >= WHIM_LIMIT_DEVICES
          || (strcmp (whim_jid_get_user (jid), whim_jid_get_user (bare)) != 0
              && (lid == NULL || strcmp (whim_jid_get_user (jid), whim_jid_get_user (lid)) != 0)))
        continue;
      number = whim_jid_get_device (jid);
      if (indexed && number != 0 && whim_node_get_attr_int (device, "key-index", -1) < 0)
        continue;
      g_array_append_val (numbers, number);
    }
  return numbers;
}

/* FALSE: it is older than what we know. */
static gboolean
change_list (WhimMessenger *self,
             WhimUnit *unit,
             WhimJid *name,
             WhimNode *change,
             const char *hash,
             const GArray *numbers)
{
  WhimDevices *known = whim_directory_peek_devices (self->directory, name);
  WhimNode *signed_list = whim_node_find_child (change, "key-index-list");
  gint64 signed_at = signed_list == NULL ? 0 : whim_node_get_attr_time (signed_list, "ts", 0);
  g_autoptr (WhimDevices) changed = NULL;
  g_auto (WhimAdvKeyIndexes) indexes = { 0 };

  if (known == NULL)
    {
      whim_directory_drop_devices (self->directory, unit, name);
      return TRUE;
    }
  if (signed_at != 0 && signed_at < known->signed_at)
    return FALSE;
  changed = whim_devices_copy (known);
  for (guint i = 0; i < numbers->len; i++)
    if (whim_node_is (change, "add"))
      whim_devices_add (changed, g_array_index (numbers, guint, i));
    else
      whim_devices_remove (changed, g_array_index (numbers, guint, i));
  if (whim_devices_parse_indexes (change, &indexes))
    {
      if (known->raw_id != 0 && indexes.raw_id != known->raw_id)
        hash = NULL; /* another account by now: asked for anew, which finds that out too */
      changed->signed_at = MAX (known->signed_at, (gint64)indexes.timestamp);
    }
  if (changed->numbers->len > 0 && whim_devices_hash_is (changed, name, hash))
    whim_directory_put_devices (self->directory, unit, name, changed);
  else
    whim_directory_drop_devices (self->directory, unit, name);
  return TRUE;
}

static void
take_change (WhimMessenger *self, WhimUnit *unit, WhimNode *notification, WhimNode *change)
{
  WhimJid *from = whim_node_get_attr_jid (notification, "from");
  WhimJid *lid_attr = whim_node_get_attr_jid (notification, "lid");
  g_autoptr (WhimJid) bare = whim_jid_to_bare (from);
  g_autoptr (WhimJid) other = lid_attr != NULL && whim_jid_is_user (lid_attr)
                                  ? whim_jid_to_bare (lid_attr)
                                  : whim_directory_peek_other (self->directory, bare);
  gboolean added = whim_node_is (change, "add");
  g_autoptr (GArray) numbers = read_numbers (change, bare, other, added);
  gboolean news
      = change_list (self, unit, bare, change, whim_node_get_attr (change, "device_hash"), numbers);

  if (other != NULL)
    news = change_list (self, unit, other, change, whim_node_get_attr (change, "device_lid_hash"),
                        numbers)
           || news;
  if (news && !added && numbers->len > 0)
    whim_identity_forget_devices (self, unit, notification, bare, numbers);
  else
    whim_receiver_commit_and_ack (self, unit, notification);
}

void
whim_devices_take_notification (WhimMessenger *self, WhimNode *notification)
{
  static const char *const order[] = { "remove", "add" };
  WhimJid *from = whim_node_get_attr_jid (notification, "from");
  WhimJid *lid = whim_node_get_attr_jid (notification, "lid");
  g_autoptr (WhimJid) bare = whim_jid_to_bare (from);
  WhimUnit *unit = whim_messenger_new_unit (self);
  WhimNode *change = NULL;

  if (lid != NULL)
    {
      g_autoptr (WhimJid) bare_lid = whim_jid_to_bare (lid);

      whim_directory_learn (self->directory, unit, bare, bare_lid);
    }
  for (guint i = 0; change == NULL && i < G_N_ELEMENTS (order); i++)
    change = whim_node_find_child (notification, order[i]);
  if (change != NULL && whim_node_get_n_children (notification) == 1)
    {
      take_change (self, unit, notification, change);
      return;
    }
  whim_directory_forget_devices (self->directory, unit, bare);
  whim_receiver_commit_and_ack (self, unit, notification);
}

/* The whole list of our own devices. */
void
whim_devices_take_own (WhimMessenger *self, WhimUnit *unit, WhimJid *from, WhimNode *devices)
{
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  g_autoptr (WhimJid) bare = whim_jid_to_bare (from);
  g_autoptr (WhimJid) pn = whim_jid_to_bare (keys->pn);
  g_autoptr (WhimJid) lid = keys->lid == NULL ? NULL : whim_jid_to_bare (keys->lid);
  g_autoptr (GArray) numbers = read_numbers (devices, pn, lid, TRUE);
  g_autoptr (WhimDevices) list = whim_devices_new (whim_clock_get_unix (self->clock));
  g_auto (WhimAdvKeyIndexes) indexes = { 0 };

  for (guint i = 0; i < numbers->len; i++)
    whim_devices_add (list, g_array_index (numbers, guint, i));
  if (whim_devices_parse_indexes (devices, &indexes))
    {
      list->raw_id = indexes.raw_id;
      list->signed_at = (gint64)indexes.timestamp;
    }
  if (list->numbers->len == 0
      || !whim_devices_hash_is (list, bare, whim_node_get_attr (devices, "dhash")))
    {
      whim_directory_forget_devices (self->directory, unit, pn);
      if (lid != NULL)
        whim_directory_forget_devices (self->directory, unit, lid);
      return;
    }
  whim_directory_put_devices (self->directory, unit, pn, list);
  if (lid != NULL)
    whim_directory_put_devices (self->directory, unit, lid, list);
}
