/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "base/whim-reader.h"
#include "base/whim-writer.h"
#include "messaging/whim-messenger-private.h"
#include "session/whim-adv.h"

/* The devices of an account as a value: read from what the service says, kept as bytes, changed by
 * notifications (dossier 2, 2). */

#define LIST_VERSION 2u
#define MAX_NUMBER 255

WhimDevices *
whim_devices_new (gint64 fetched_at)
{
  WhimDevices *self = g_new0 (WhimDevices, 1);

  self->ref_count = 1;
  self->fetched_at = fetched_at;
  self->numbers = g_array_new (FALSE, FALSE, sizeof (guint));
  return self;
}

WhimDevices *
whim_devices_ref (WhimDevices *self)
{
  self->ref_count++;
  return self;
}

void
whim_devices_unref (WhimDevices *self)
{
  if (--self->ref_count > 0)
    return;
  g_array_unref (self->numbers);
  g_free (self);
}

WhimDevices *
whim_devices_copy (const WhimDevices *self)
{
  WhimDevices *copy = whim_devices_new (self->fetched_at);

  copy->raw_id = self->raw_id;
  copy->signed_at = self->signed_at;
  g_array_append_vals (copy->numbers, self->numbers->data, self->numbers->len);
  return copy;
}

static gint
find (const WhimDevices *self, guint number)
{
  for (guint i = 0; i < self->numbers->len; i++)
    if (g_array_index (self->numbers, guint, i) == number)
      return (gint)i;
  return -1;
}

void
whim_devices_add (WhimDevices *self, guint number)
{
  if (find (self, number) < 0 && self->numbers->len < WHIM_LIMIT_DEVICES)
    g_array_append_val (self->numbers, number);
}

void
whim_devices_remove (WhimDevices *self, guint number)
{
  gint index = find (self, number);

  if (index >= 0)
    g_array_remove_index (self->numbers, (guint)index);
}

WhimJid *
whim_devices_make_jid (WhimJid *bare, guint number)
{
  if (number != WHIM_HOSTED_DEVICE)
    return whim_jid_with_device (bare, number);
  return whim_jid_new (whim_jid_is_lid (bare) ? WHIM_JID_SERVER_HOSTED_LID : WHIM_JID_SERVER_HOSTED,
                       whim_jid_get_user (bare), number);
}

char *
whim_devices_signal_name (WhimJid *bare, guint number)
{
  g_autoptr (WhimJid) jid
      = whim_jid_is_user (bare) ? whim_devices_make_jid (bare, number) : whim_jid_ref (bare);

  return whim_jid_dup_signal_name (jid);
}

gboolean
whim_devices_hash_is (const WhimDevices *self, WhimJid *bare, const char *hash)
{
  g_autoptr (GPtrArray) jids = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_jid_unref);
  g_autofree char *own = NULL;

  if (hash == NULL)
    return FALSE;
  for (guint i = 0; i < self->numbers->len; i++)
    g_ptr_array_add (jids, whim_devices_make_jid (bare, g_array_index (self->numbers, guint, i)));
  own = whim_phash (jids);
  return g_str_equal (own, hash);
}

/* ---- bytes -------------------------------------------------------------------------------------
 */

GBytes *
whim_devices_to_bytes (const WhimDevices *self)
{
  WhimWriter writer;

  whim_writer_init (&writer, 64);
  whim_writer_u8 (&writer, LIST_VERSION);
  whim_writer_u64 (&writer, (guint64)self->fetched_at);
  whim_writer_u32 (&writer, self->raw_id);
  whim_writer_u64 (&writer, (guint64)self->signed_at);
  whim_writer_u8 (&writer, (guint8)self->numbers->len);
  for (guint i = 0; i < self->numbers->len; i++)
    whim_writer_u16 (&writer, (guint16)g_array_index (self->numbers, guint, i));
  return whim_writer_end (&writer);
}

static gint64
read_time (WhimReader *reader)
{
  guint64 high = whim_reader_u32 (reader);

  return (gint64)(high << 32 | whim_reader_u32 (reader));
}

/* A list of another version is asked for anew. */
WhimDevices *
whim_devices_from_bytes (GBytes *bytes)
{
  g_autoptr (WhimDevices) self = whim_devices_new (0);
  WhimReader reader;
  guint version;
  guint n;

  whim_reader_init_bytes (&reader, bytes);
  version = whim_reader_u8 (&reader);
  self->fetched_at = read_time (&reader);
  self->raw_id = whim_reader_u32 (&reader);
  self->signed_at = read_time (&reader);
  n = whim_reader_u8 (&reader);
  for (guint i = 0; i < n; i++)
    whim_devices_add (self, whim_reader_u16 (&reader));
  return whim_reader_is_ok (&reader) && version == LIST_VERSION ? g_steal_pointer (&self) : NULL;
}

/* ---- what the service says
 * ----------------------------------------------------------------------- */

/* A companion is addressed if the phone has signed its index, or has not come to it yet. Sending to
 * others makes the server refuse the stanza (dossier 2, 2.1, 2.2). */
static gboolean
may_be_addressed (WhimNode *device, gint64 number, const WhimAdvKeyIndexes *indexes)
{
  gint64 index = whim_node_get_attr_int (device, "key-index", -1);

  if (number < 0 || number > MAX_NUMBER)
    return FALSE;
  if (number == 0)
    return TRUE;
  return index >= 0 && (indexes == NULL || whim_adv_key_indexes_allow (indexes, (guint64)index));
}

gboolean
whim_devices_parse_indexes (WhimNode *holder, WhimAdvKeyIndexes *indexes)
{
  WhimNode *node = whim_node_find_child (holder, "key-index-list");
  g_autoptr (GBytes) bytes = node == NULL ? NULL : whim_node_dup_content (node);

  return bytes != NULL && whim_adv_parse_key_indexes (bytes, indexes);
}

WhimDevices *
whim_devices_parse (WhimNode *user, gint64 now)
{
  WhimNode *devices = whim_node_find_child (user, "devices");
  WhimNode *list = devices == NULL ? NULL : whim_node_find_child (devices, "device-list");
  g_autoptr (WhimDevices) self = NULL;
  g_auto (WhimAdvKeyIndexes) indexes = { 0 };
  gboolean is_signed;

  if (list == NULL)
    return NULL;
  self = whim_devices_new (now);
  is_signed = whim_devices_parse_indexes (devices, &indexes);
  if (is_signed)
    {
      self->raw_id = indexes.raw_id;
      self->signed_at = (gint64)indexes.timestamp;
    }
  WHIM_FOREACH_CHILD (list, device)
    {
      gint64 number = whim_node_get_attr_int (device, "id", -1);

      if (may_be_addressed (device, number, is_signed ? &indexes : NULL))
        whim_devices_add (self, (guint)number);
    }
  return self->numbers->len > 0 ? g_steal_pointer (&self) : NULL; /* an empty list is never kept */
}
