/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "sandbox/sandbox-control-private.h"

/* What goes wrong with devices on request: stanzas that are late or out of order, sockets that end
 * in mid-frame, lost keys and sessions, phones installed anew, companions that are never there. */

#define IMAGINARY_PREKEYS 5u
#define MAX_IMAGINARY 64
#define MAX_SKIPPED 10000
/* A deaf device asks more often than anybody has to bear. */
#define MAX_ASKED 12u

/* ---- imaginary companions ----------------------------------------------------------------------
 */

static Device *
add_imaginary (Account *account, gboolean deaf)
{
  Device *device = sandbox_account_add_device (account);
  g_autoptr (WhimKeyPair) identity = whim_key_pair_new ();
  g_autoptr (WhimKeyPair) signed_prekey = whim_key_pair_new ();
  guint8 point[33] = { 5 };

  device->imaginary = TRUE;
  device->deaf = deaf;
  device->greeted = TRUE;
  device->keys_uploaded = TRUE;
  device->registration_id = 1 + whim_random_below (16380);
  device->skey_id = 1;
  whim_copy (device->identity, whim_key_pair_get_public (identity), WHIM_KEY_SIZE);
  whim_copy (device->skey, whim_key_pair_get_public (signed_prekey), WHIM_KEY_SIZE);
  whim_copy (point + 1, device->skey, WHIM_KEY_SIZE);
  whim_xeddsa_sign (identity, point, sizeof point, device->skey_signature);
  for (guint i = 1; i <= IMAGINARY_PREKEYS; i++)
    {
      g_autoptr (WhimKeyPair) pair = whim_key_pair_new ();
      PublicPrekey *key = g_new0 (PublicPrekey, 1);

      key->id = i;
      whim_copy (key->key, whim_key_pair_get_public (pair), WHIM_KEY_SIZE);
      g_queue_push_tail (&device->prekeys, key);
    }
  return device;
}

static void
ask_again (Device *self, WhimNode *message, guint count)
{
  WhimJid *from = whim_node_get_attr_jid (message, "from");
  const char *id = whim_node_get_attr (message, "id");
  Device *target = sandbox_find_device (self->account->sandbox, from);
  g_autoptr (WhimJid) own = sandbox_device_jid (self, whim_jid_is_lid (from));
  WhimNodeBuilder *builder = whim_node_builder_new ("receipt");
  WhimNodeBuilder *retry = whim_node_builder_new ("retry");
  WhimNodeBuilder *registration = whim_node_builder_new ("registration");
  g_autoptr (WhimNode) node = NULL;
  guint8 wire[4];

  whim_write_u32_be (wire, self->registration_id);
  whim_node_builder_attr_jid (builder, "from", own);
  whim_node_builder_attr (builder, "id", id);
  whim_node_builder_attr (builder, "type", "retry");
  whim_node_builder_attr_int (builder, "t", sandbox_now ());
  whim_node_builder_attr_jid (builder, "recipient", whim_node_get_attr_jid (message, "recipient"));
  whim_node_builder_attr (retry, "v", "1");
  whim_node_builder_attr_int (retry, "count", count);
  whim_node_builder_attr (retry, "id", id);
  whim_node_builder_attr (retry, "t", whim_node_get_attr (message, "t"));
  whim_node_builder_data (registration, wire, sizeof wire);
  whim_node_builder_child (builder, whim_node_builder_end (retry));
  whim_node_builder_child (builder, whim_node_builder_end (registration));
  node = whim_node_builder_end (builder);
  if (target != NULL)
    sandbox_deliver (target, node);
}

void
sandbox_imaginary_receive (Device *self, WhimNode *node)
{
  const char *id = whim_node_get_attr (node, "id");
  guint count;

  if (!whim_node_is (node, "message") || id == NULL)
    return;
  sandbox_count (self->account->sandbox, "imaginary-messages");
  if (!self->deaf)
    return;
  count = GPOINTER_TO_UINT (g_hash_table_lookup (self->asked, id)) + 1;
  g_hash_table_replace (self->asked, g_strdup (id), GUINT_TO_POINTER (count));
  sandbox_count (self->account->sandbox, "deaf-requests");
  if (count <= MAX_ASKED)
    ask_again (self, node, count);
}

static JsonNode *
add_companions (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  const char *pn = sandbox_control_text (body, "phone");
  Account *account = pn == NULL ? NULL : sandbox_find_number (self, pn);
  gint64 count = sandbox_control_int (body, "count", 1);
  gint64 deaf = sandbox_control_int (body, "deaf", 0);
  gboolean quiet;
  JsonObject *object;
  JsonArray *numbers;

  if (account == NULL)
    {
      *error = "no such phone";
      return NULL;
    }
  if (count < 1 || count > MAX_IMAGINARY || deaf < 0 || deaf > count)
    {
      *error = "count must be between 1 and 64, deaf not more than that";
      return NULL;
    }
  quiet = json_object_get_boolean_member_with_default (body, "quiet", FALSE);
  numbers = json_array_new ();
  for (gint64 i = 0; i < count; i++)
    {
      Device *device = add_imaginary (account, i < deaf);

      json_array_add_int_element (numbers, device->number);
      if (g_strcmp0 (sandbox_control_text (body, "index"), "unsigned") == 0)
        device->index = INDEX_UNSIGNED;
      else if (g_strcmp0 (sandbox_control_text (body, "index"), "missing") == 0)
        device->index = INDEX_MISSING;
      if (!quiet)
        sandbox_account_announce (account, device, TRUE);
    }
  object = json_object_new ();
  json_object_set_array_member (object, "devices", numbers);
  return sandbox_control_take (object);
}

/* ---- phones and keys ---------------------------------------------------------------------------
 */

static Account *
get_account (Sandbox *self, JsonObject *body, const char **error)
{
  const char *pn = sandbox_control_text (body, "phone");
  Account *account = pn == NULL ? NULL : sandbox_find_number (self, pn);

  if (account == NULL)
    *error = "no such phone";
  return account;
}

/* "device": 0 is the phone, without one it is the newest companion. */
static Device *
get_receiver (Sandbox *self, JsonObject *body, const char **error)
{
  Account *account = get_account (self, body, error);

  if (account == NULL)
    return NULL;
  if (sandbox_control_int (body, "device", -1) == 0)
    return g_ptr_array_index (account->devices, 0);
  return sandbox_control_device (self, body, error);
}

static JsonNode *
reinstall (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Account *account = get_account (self, body, error);

  if (account == NULL)
    return NULL;
  while (account->devices->len > 1)
    {
      Device *device = g_ptr_array_index (account->devices, account->devices->len - 1);

      if (device->connection != NULL)
        sandbox_connection_stream_error (device->connection, "401", "device_removed");
      sandbox_account_remove_device (account, device);
    }
  sandbox_phone_reinstall (account);
  if (!json_object_get_boolean_member_with_default (body, "quiet", FALSE))
    sandbox_account_announce_identity (account);
  return sandbox_control_ok ();
}

static JsonNode *
renew_raw_id (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Account *account = get_account (self, body, error);

  if (account == NULL)
    return NULL;
  account->raw_id++;
  return sandbox_control_ok ();
}

static JsonNode *
forget_sessions (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Account *account = get_account (self, body, error);

  if (account == NULL)
    return NULL;
  for (guint i = 0; i < self->accounts->len; i++)
    {
      g_autoptr (WhimJid) jid = sandbox_account_jid (g_ptr_array_index (self->accounts, i), TRUE);
      g_autofree char *name = whim_jid_dup_signal_name (jid);

      whim_signal_cache_delete_user (account->cache, name);
    }
  return sandbox_control_ok ();
}

static JsonNode *
stale_prekeys (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = get_receiver (self, body, error);

  if (device == NULL)
    return NULL;
  if (json_object_get_boolean_member_with_default (body, "listed", FALSE))
    {
      PublicPrekey *key = g_new0 (PublicPrekey, 1);

      key->id = 16000000; /* far from what anybody has made by now */
      whim_random_bytes (key->key, sizeof key->key);
      g_queue_push_tail (&device->prekeys, key);
      return sandbox_control_ok ();
    }
  device->faults.stale_keys = (guint)CLAMP (sandbox_control_int (body, "count", 1), 0, 1000);
  return sandbox_control_ok ();
}

static JsonNode *
exhaust_prekeys (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = get_receiver (self, body, error);

  if (device == NULL)
    return NULL;
  g_queue_clear_full (&device->prekeys, g_free);
  return sandbox_control_ok ();
}

/* Messages of a session that nobody will ever get: its chain goes on without them. */
static void
skip_messages (Account *from, Device *to, gint64 count)
{
  g_autoptr (WhimJid) jid = sandbox_device_jid (to, TRUE);
  g_autofree char *name = whim_jid_dup_signal_name (jid);

  for (gint64 i = 0; i < count && whim_signal_has_session (from->cache, name, to->number); i++)
    {
      WhimSignalType type;
      g_autoptr (GBytes) lost = whim_signal_encrypt (from->sandbox->signal, from->cache, name,
                                                     to->number, "x\1", 2, &type, NULL);
    }
}

static JsonNode *
skip (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Account *account = get_account (self, body, error);
  const char *pn = sandbox_control_text (body, "to");
  Account *to = pn == NULL ? NULL : sandbox_find_number (self, pn);
  gint64 count = sandbox_control_int (body, "count", 1);

  if (account == NULL)
    return NULL;
  if (to == NULL || count < 1 || count > MAX_SKIPPED)
    {
      *error = to == NULL ? "no such phone" : "count must be between 1 and 10000";
      return NULL;
    }
  for (guint i = 0; i < to->devices->len; i++)
    skip_messages (account, g_ptr_array_index (to->devices, i), count);
  return sandbox_control_ok ();
}

/* ---- late, out of order, cut -------------------------------------------------------------------
 */

static JsonNode *
hold (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = get_receiver (self, body, error);

  if (device == NULL)
    return NULL;
  if (json_object_get_boolean_member_with_default (body, "on", TRUE))
    device->faults.held = TRUE;
  else
    sandbox_release (device, json_object_get_boolean_member_with_default (body, "reverse", FALSE));
  return sandbox_control_ok ();
}

static JsonNode *
cut (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);
  gint64 out = sandbox_control_int (body, "out", -1);
  gint64 in = sandbox_control_int (body, "in", -1);

  if (device == NULL)
    return NULL;
  if (device->connection == NULL || (out < 0 && in < 0))
    {
      *error = device->connection == NULL ? "the device is not connected" : "out or in is missing";
      return NULL;
    }
  device->connection->cut_out = out + 1;
  device->connection->cut_in = in + 1;
  return sandbox_control_ok ();
}

const ControlRow sandbox_device_rows[] = {
  { "POST", "/companions", add_companions },
  { "POST", "/reinstall", reinstall },
  { "POST", "/forget-sessions", forget_sessions },
  { "POST", "/new-raw-id", renew_raw_id },
  { "POST", "/stale-prekeys", stale_prekeys },
  { "POST", "/exhaust-prekeys", exhaust_prekeys },
  { "POST", "/skip", skip },
  { "POST", "/hold", hold },
  { "POST", "/cut", cut },
};
const guint sandbox_n_device_rows = G_N_ELEMENTS (sandbox_device_rows);
