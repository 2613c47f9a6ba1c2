/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "proto/whim-proto.h"
#include "sandbox/sandbox.h"

#include <string.h>

/* No device has a key of this number. */
#define STALE_PREKEY 16000001u

static void
pending_free (gpointer data)
{
  Pending *pending = data;

  whim_node_unref (pending->node);
  g_free (pending);
}

void
sandbox_inbox_item_free (gpointer data)
{
  InboxItem *item = data;

  g_free (item->id);
  g_free (item->from);
  g_free (item->chat);
  g_free (item->text);
  g_free (item->kind);
  g_free (item);
}

static void
device_free (gpointer data)
{
  Device *self = data;

  if (self->connection != NULL)
    self->connection->device = NULL;
  g_queue_clear_full (&self->prekeys, g_free);
  g_queue_clear_full (&self->queue, pending_free);
  g_queue_clear (&self->sent_ids);
  g_queue_clear_full (&self->held, (GDestroyNotify)whim_node_unref);
  g_clear_pointer (&self->login_failure_attrs, json_object_unref);
  g_clear_pointer (&self->soul, sandbox_account_free);
  g_hash_table_unref (self->asked);
  g_hash_table_unref (self->sent);
  g_hash_table_unref (self->keys_used);
  g_free (self->faults.fail_request);
  g_free (self->faults.unavailable_kind);
  g_free (self->faults.refuse_form);
  g_free (self);
}

static Device *
device_new (Account *account, guint number)
{
  Device *self = g_new0 (Device, 1);

  self->account = account;
  self->number = number;
  g_queue_init (&self->prekeys);
  g_queue_init (&self->queue);
  g_queue_init (&self->sent_ids);
  g_queue_init (&self->held);
  self->asked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->sent = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->keys_used
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
  return self;
}

Account *
sandbox_add_account (Sandbox *sandbox, const char *pn, const char *name, gboolean echo)
{
  Account *self = g_new0 (Account, 1);
  guint number = sandbox->accounts->len + 1;

  self->sandbox = sandbox;
  self->pn = pn != NULL ? g_strdup (pn) : g_strdup_printf ("4915550%06u", number);
  self->lid = g_strdup_printf ("10000000%07u", number);
  self->name = name != NULL ? g_strdup (name) : g_strdup_printf ("Person %u", number);
  self->echo = echo;
  self->identity = whim_key_pair_new ();
  self->raw_id = whim_random_below (1000000000) + 1;
  self->next_device = 11;
  self->next_key_index = 1;
  self->devices = g_ptr_array_new_with_free_func (device_free);
  self->watchers = g_hash_table_new (NULL, NULL);
  self->inbox = g_ptr_array_new_with_free_func (sandbox_inbox_item_free);
  g_ptr_array_add (self->devices, device_new (self, 0));
  g_ptr_array_add (sandbox->accounts, self);
  sandbox_limits_init (self);
  sandbox_phone_init (self);
  return self;
}

void
sandbox_account_free (Account *self)
{
  g_free (self->told_lid);
  g_ptr_array_unref (self->devices);
  g_hash_table_unref (self->watchers);
  g_ptr_array_unref (self->inbox);
  sandbox_limits_clear (self);
  g_hash_table_unref (self->typed);
  g_hash_table_unref (self->retries);
  whim_signal_cache_free (self->cache);
  whim_key_pair_unref (self->identity);
  g_hash_table_unref (self->remembered);
  g_free (self->pn);
  g_free (self->lid);
  g_free (self->name);
  g_free (self);
}

Account *
sandbox_find_number (Sandbox *self, const char *digits)
{
  for (guint i = 0; i < self->accounts->len; i++)
    {
      Account *account = g_ptr_array_index (self->accounts, i);

      if (strcmp (account->pn, digits) == 0)
        return account;
    }
  return NULL;
}

Account *
sandbox_find_account (Sandbox *self, const WhimJid *jid)
{
  if (!whim_jid_is_user (jid))
    return NULL;
  if (!whim_jid_is_lid (jid))
    return sandbox_find_number (self, whim_jid_get_user (jid));
  for (guint i = 0; i < self->accounts->len; i++)
    {
      Account *account = g_ptr_array_index (self->accounts, i);

      if (strcmp (account->lid, whim_jid_get_user (jid)) == 0)
        return account;
    }
  return NULL;
}

Device *
sandbox_account_get_device (Account *self, guint number)
{
  for (guint i = 0; i < self->devices->len; i++)
    {
      Device *device = g_ptr_array_index (self->devices, i);

      if (device->number == number)
        return device;
    }
  return NULL;
}

Device *
sandbox_find_device (Sandbox *self, const WhimJid *jid)
{
  Account *account = sandbox_find_account (self, jid);

  Device *device
      = account == NULL ? NULL : sandbox_account_get_device (account, whim_jid_get_device (jid));
  g_autoptr (WhimJid) right
      = device == NULL ? NULL : sandbox_device_jid (device, whim_jid_is_lid (jid));

  /* a hosted device has servers of its own, and only it has */
  return right != NULL && whim_jid_equal (right, jid) ? device : NULL;
}

Device *
sandbox_account_add_device (Account *self)
{
  Device *device = device_new (self, self->next_device++);

  device->key_index = self->next_key_index++;
  g_ptr_array_add (self->devices, device);
  return device;
}

void
sandbox_account_remove_device (Account *self, Device *device)
{
  Sandbox *sandbox = self->sandbox;
  guint index;

  g_return_if_fail (g_ptr_array_find (self->devices, device, &index));
  /* out of the list first: what is announced is the list without it */
  g_ptr_array_steal_index (self->devices, index);
  for (guint i = 0; i < sandbox->accounts->len; i++)
    g_hash_table_remove (((Account *)g_ptr_array_index (sandbox->accounts, i))->watchers, device);
  sandbox_account_announce (self, device, FALSE);
  device_free (device);
}

WhimJid *
sandbox_device_jid (Device *self, gboolean lid)
{
  gboolean hosted = self->number == SANDBOX_HOSTED_DEVICE;
  WhimJidServer server = lid      ? (hosted ? WHIM_JID_SERVER_HOSTED_LID : WHIM_JID_SERVER_LID)
                         : hosted ? WHIM_JID_SERVER_HOSTED
                                  : WHIM_JID_SERVER_USER;

  return whim_jid_new (server, lid ? self->account->lid : self->account->pn, self->number);
}

WhimJid *
sandbox_account_jid (Account *self, gboolean lid)
{
  return sandbox_device_jid (g_ptr_array_index (self->devices, 0), lid);
}

GBytes *
sandbox_account_make_key_index_list (Account *self, gint64 now)
{
  Wa__ADVKeyIndexList list = WA__ADVKEY_INDEX_LIST__INIT;
  Wa__ADVSignedKeyIndexList signed_list = WA__ADVSIGNED_KEY_INDEX_LIST__INIT;
  g_autofree guint32 *indexes = g_new0 (guint32, self->devices->len + 1);
  g_autoptr (GBytes) details = NULL;
  g_autoptr (GBytes) message = NULL;
  guint8 signature[WHIM_SIGNATURE_SIZE];
  WhimWriter writer;

  /* index 0 is the phone's own and always valid */
  for (guint i = 1; i < self->devices->len; i++)
    {
      const Device *device = g_ptr_array_index (self->devices, i);

      indexes[i] = device->index == INDEX_VALID ? device->key_index : 0;
    }
  list.has_accounttype = self->hosted;
  list.accounttype = SANDBOX_ADV_HOSTED;
  list.has_rawid = TRUE;
  list.rawid = self->raw_id;
  list.has_timestamp = TRUE;
  list.timestamp = (guint64)now;
  list.has_currentindex = TRUE;
  list.currentindex = self->next_key_index - 1;
  list.n_validindexes = self->devices->len;
  list.validindexes = indexes;
  details = whim_proto_pack (&list);
  whim_writer_init (&writer, 128);
  whim_writer_put (&writer, self->hosted ? "\6\7" : "\6\2", 2);
  whim_writer_put_bytes (&writer, details);
  message = whim_writer_end (&writer);
  whim_xeddsa_sign (self->identity, g_bytes_get_data (message, NULL), g_bytes_get_size (message),
                    signature);
  signed_list.has_details = TRUE;
  signed_list.details = whim_proto_data_bytes (details);
  signed_list.has_accountsignature = TRUE;
  signed_list.accountsignature = whim_proto_data (signature, sizeof signature);
  signed_list.has_accountsignaturekey = TRUE;
  signed_list.accountsignaturekey
      = whim_proto_data (whim_key_pair_get_public (self->identity), WHIM_KEY_SIZE);
  return whim_proto_pack (&signed_list);
}

char *
sandbox_account_phash (Account *self, gboolean lid)
{
  g_autoptr (GPtrArray) jids = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_jid_unref);

  for (guint i = 0; i < self->devices->len; i++)
    g_ptr_array_add (jids, sandbox_device_jid (g_ptr_array_index (self->devices, i), lid));
  return whim_phash (jids);
}

void
sandbox_device_to_bundle (Device *self, WhimSignalBundle *bundle, gboolean consume)
{
  PublicPrekey *prekey = g_queue_peek_head (&self->prekeys);

  memset (bundle, 0, sizeof *bundle);
  bundle->registration_id = self->registration_id;
  whim_copy (bundle->identity, self->identity, WHIM_KEY_SIZE);
  bundle->signed_prekey_id = self->skey_id;
  whim_copy (bundle->signed_prekey, self->skey, WHIM_KEY_SIZE);
  whim_copy (bundle->signed_prekey_signature, self->skey_signature, WHIM_SIGNATURE_SIZE);
  if (prekey == NULL)
    return;
  bundle->has_prekey = TRUE;
  bundle->prekey_id = prekey->id;
  whim_copy (bundle->prekey, prekey->key, WHIM_KEY_SIZE);
  if (consume && self->faults.stale_keys > 0)
    {
      self->faults.stale_keys--;
      bundle->prekey_id = STALE_PREKEY;
      return;
    }
  if (consume)
    {
      g_free (g_queue_pop_head (&self->prekeys));
      if (self->number != 0 && self->prekeys.length == 4)
        {
          WhimNodeBuilder *count = whim_node_builder_new ("count");
          WhimNodeBuilder *builder
              = sandbox_from_server (self->account->sandbox, "notification", "encrypt");
          g_autoptr (WhimNode) node = NULL;

          whim_node_builder_attr_int (count, "value", self->prekeys.length);
          whim_node_builder_child (builder, whim_node_builder_end (count));
          node = whim_node_builder_end (builder);
          sandbox_deliver (self, node);
        }
    }
}

/* ---- who is told of a device that came or went (dossier 2, 2.4) ------------------------------ */

static WhimNode *
make_key_index_node (Account *self)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("key-index-list");
  gint64 now = sandbox_now ();
  g_autoptr (GBytes) list = sandbox_account_make_key_index_list (self, now);

  whim_node_builder_attr_int (builder, "ts", now);
  whim_node_builder_bytes (builder, list);
  return whim_node_builder_end (builder);
}

static WhimNode *
make_own_devices (Account *self)
{
  WhimNodeBuilder *devices = whim_node_builder_new ("devices");
  g_autofree char *hash = sandbox_account_phash (self, FALSE);

  whim_node_builder_attr (devices, "dhash", hash);
  for (guint i = 0; i < self->devices->len; i++)
    {
      Device *device = g_ptr_array_index (self->devices, i);
      WhimNodeBuilder *child = whim_node_builder_new ("device");
      g_autoptr (WhimJid) jid = sandbox_device_jid (device, FALSE);

      whim_node_builder_attr_jid (child, "jid", jid);
      if (device->number != 0)
        whim_node_builder_attr_int (child, "key-index", device->key_index);
      whim_node_builder_child (devices, whim_node_builder_end (child));
    }
  whim_node_builder_child (devices, make_key_index_node (self));
  return whim_node_builder_end (devices);
}

static void
tell_own (Account *self, Device *except)
{
  for (guint i = 1; i < self->devices->len; i++)
    {
      Device *device = g_ptr_array_index (self->devices, i);
      WhimNodeBuilder *builder;
      g_autoptr (WhimJid) from = sandbox_account_jid (self, FALSE);
      g_autofree char *id = sandbox_stanza_id (self->sandbox);
      g_autoptr (WhimNode) node = NULL;

      if (device == except)
        continue;
      builder = whim_node_builder_new ("notification");
      whim_node_builder_attr_jid (builder, "from", from);
      whim_node_builder_attr (builder, "type", "account_sync");
      whim_node_builder_attr (builder, "id", id);
      whim_node_builder_attr_int (builder, "t", sandbox_now ());
      whim_node_builder_child (builder, make_own_devices (self));
      node = whim_node_builder_end (builder);
      sandbox_deliver (device, node);
    }
}

void
sandbox_account_announce_identity (Account *self)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->watchers);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      WhimNodeBuilder *builder = whim_node_builder_new ("notification");
      g_autoptr (WhimJid) from = sandbox_account_jid (self, TRUE);
      g_autofree char *id = sandbox_stanza_id (self->sandbox);
      g_autoptr (WhimNode) node = NULL;

      whim_node_builder_attr_jid (builder, "from", from);
      whim_node_builder_attr (builder, "type", "encrypt");
      whim_node_builder_attr (builder, "id", id);
      whim_node_builder_attr_int (builder, "t", sandbox_now ());
      whim_node_builder_child (builder, whim_node_builder_end (whim_node_builder_new ("identity")));
      node = whim_node_builder_end (builder);
      sandbox_deliver (key, node);
    }
}

static WhimNode *
make_change (Account *self, Device *changed, gboolean added)
{
  WhimNodeBuilder *change = whim_node_builder_new (added ? "add" : "remove");
  WhimNodeBuilder *child = whim_node_builder_new ("device");
  g_autofree char *hash = sandbox_account_phash (self, FALSE);
  g_autofree char *lid_hash = sandbox_account_phash (self, TRUE);
  g_autoptr (WhimJid) jid = sandbox_device_jid (changed, FALSE);
  g_autoptr (WhimJid) lid = sandbox_device_jid (changed, TRUE);

  whim_node_builder_attr (change, "device_hash", hash);
  whim_node_builder_attr (change, "device_lid_hash", lid_hash);
  whim_node_builder_attr_jid (child, "jid", jid);
  whim_node_builder_attr_jid (child, "lid", lid);
  if (added)
    whim_node_builder_attr_int (child, "key-index", changed->key_index);
  whim_node_builder_child (change, whim_node_builder_end (child));
  whim_node_builder_child (change, make_key_index_node (self));
  return whim_node_builder_end (change);
}

void
sandbox_account_announce (Account *self, Device *changed, gboolean added)
{
  GHashTableIter iter;
  gpointer key;

  tell_own (self, changed);
  g_hash_table_iter_init (&iter, self->watchers);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      Device *watcher = key;
      WhimNodeBuilder *builder;
      g_autoptr (WhimJid) from = sandbox_account_jid (self, FALSE);
      g_autoptr (WhimJid) lid = sandbox_account_jid (self, TRUE);
      g_autofree char *id = sandbox_stanza_id (self->sandbox);
      g_autoptr (WhimNode) node = NULL;

      if (watcher->account == self)
        continue;
      builder = whim_node_builder_new ("notification");
      whim_node_builder_attr_jid (builder, "from", from);
      whim_node_builder_attr_jid (builder, "lid", lid);
      whim_node_builder_attr (builder, "type", "devices");
      whim_node_builder_attr (builder, "id", id);
      whim_node_builder_attr_int (builder, "t", sandbox_now ());
      whim_node_builder_child (builder, make_change (self, changed, added));
      node = whim_node_builder_end (builder);
      sandbox_deliver (watcher, node);
    }
}
