/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "proto/whim-proto.h"
#include "sandbox/sandbox.h"

#include <string.h>

/* The server's and the phone's side of pairing by QR (dossier 1, 5). */

#define N_REFS 6u

void
sandbox_start_registration (Connection *self)
{
  sandbox_count (self->sandbox, "registrations");
  sandbox_send_refs (self);
  sandbox_control_check (self->sandbox);
}

void
sandbox_send_refs (Connection *self)
{
  WhimNodeBuilder *device = whim_node_builder_new ("pair-device");
  WhimNodeBuilder *builder = sandbox_from_server (self->sandbox, "iq", "set");
  g_autoptr (WhimNode) iq = NULL;

  g_clear_pointer (&self->refs, g_ptr_array_unref);
  self->refs = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < N_REFS; i++)
    {
      WhimNodeBuilder *ref = whim_node_builder_new ("ref");
      char *text = whim_random_id ("2@sandbox");

      whim_node_builder_data (ref, text, strlen (text));
      g_ptr_array_add (self->refs, text);
      whim_node_builder_child (device, whim_node_builder_end (ref));
    }
  whim_node_builder_attr (builder, "xmlns", "md");
  whim_node_builder_child (builder, whim_node_builder_end (device));
  iq = whim_node_builder_end (builder);
  sandbox_connection_send (self, iq);
}

static Connection *
find_by_ref (Sandbox *self, const char *ref)
{
  for (guint i = 0; i < self->connections->len; i++)
    {
      Connection *connection = g_ptr_array_index (self->connections, i);

      if (connection->state != CONNECTION_REGISTRATION)
        continue;
      for (guint k = 0; k < connection->refs->len; k++)
        if (strcmp (g_ptr_array_index (connection->refs, k), ref) == 0)
          return connection;
    }
  return NULL;
}

static gboolean
decode_key (const char *base64, guint8 key[WHIM_KEY_SIZE])
{
  gsize len;
  g_autofree guchar *bytes = g_base64_decode (base64, &len);

  if (len != WHIM_KEY_SIZE)
    return FALSE;
  whim_copy (key, bytes, WHIM_KEY_SIZE);
  return TRUE;
}

/* What the phone signs and authenticates for a companion (dossier 1, 5.5 to 5.7). */
static GBytes *
make_container (Connection *connection,
                Account *account,
                const guint8 *identity,
                const guint8 *secret)
{
  Wa__ADVDeviceIdentity details = WA__ADVDEVICE_IDENTITY__INIT;
  Wa__ADVSignedDeviceIdentity signed_identity = WA__ADVSIGNED_DEVICE_IDENTITY__INIT;
  Wa__ADVSignedDeviceIdentityHMAC container = WA__ADVSIGNED_DEVICE_IDENTITY_HMAC__INIT;
  g_autoptr (GBytes) detail_bytes = NULL;
  g_autoptr (GBytes) message = NULL;
  g_autoptr (GBytes) signed_bytes = NULL;
  guint8 signature[WHIM_SIGNATURE_SIZE];
  guint8 mac[32];
  WhimWriter writer;
  const SandboxForgery forgery = connection->sandbox->pairing.forgery;
  const gboolean hosted = connection->sandbox->pairing.hosted || account->hosted;
  g_autoptr (WhimKeyPair) stranger = whim_key_pair_new ();

  details.has_rawid = TRUE;
  details.rawid = account->raw_id;
  details.has_timestamp = TRUE;
  details.timestamp = (guint64)sandbox_now ();
  details.has_keyindex = TRUE;
  details.keyindex = account->next_key_index;
  details.has_devicetype = hosted;
  details.devicetype = SANDBOX_ADV_HOSTED;
  detail_bytes = whim_proto_pack (&details);
  whim_writer_init (&writer, 128);
  whim_writer_put (&writer, hosted ? "\6\5" : "\6\0", 2);
  whim_writer_put_bytes (&writer, detail_bytes);
  whim_writer_put (&writer, identity, WHIM_KEY_SIZE);
  message = whim_writer_end (&writer);
  whim_xeddsa_sign (forgery == SANDBOX_FORGE_SIGNATURE ? stranger : account->identity,
                    g_bytes_get_data (message, NULL), g_bytes_get_size (message), signature);
  if (forgery == SANDBOX_FORGE_DETAILS || forgery == SANDBOX_FORGE_KEY_INDEX)
    {
      /* the phone signed something else */
      if (forgery == SANDBOX_FORGE_KEY_INDEX)
        details.keyindex++;
      else
        details.rawid++;
      g_bytes_unref (detail_bytes);
      detail_bytes = whim_proto_pack (&details);
    }
  signed_identity.has_details = TRUE;
  signed_identity.details = whim_proto_data_bytes (detail_bytes);
  signed_identity.has_accountsignaturekey = TRUE;
  signed_identity.accountsignaturekey
      = whim_proto_data (whim_key_pair_get_public (account->identity), WHIM_KEY_SIZE);
  signed_identity.has_accountsignature = TRUE;
  signed_identity.accountsignature = whim_proto_data (signature, sizeof signature);
  signed_bytes = whim_proto_pack (&signed_identity);
  whim_hmac_sha256 (secret, WHIM_KEY_SIZE, hosted ? "\6\5" : "", hosted ? 2 : 0,
                    g_bytes_get_data (signed_bytes, NULL), g_bytes_get_size (signed_bytes), mac);
  mac[0] ^= forgery == SANDBOX_FORGE_HMAC;
  container.has_accounttype = hosted;
  container.accounttype = SANDBOX_ADV_HOSTED;
  container.has_details = TRUE;
  container.details = whim_proto_data_bytes (signed_bytes);
  container.has_hmac = TRUE;
  container.hmac = whim_proto_data (mac, sizeof mac);
  if (forgery == SANDBOX_FORGE_MALFORMED)
    return g_bytes_new_static ("\xff\xff\xff", 3);
  g_clear_pointer (&connection->pairing_details, g_bytes_unref);
  connection->pairing_details = g_bytes_ref (detail_bytes);
  return whim_proto_pack (&container);
}

static void
send_pair_success (Connection *self, Account *account, GBytes *container)
{
  WhimNodeBuilder *success = whim_node_builder_new ("pair-success");
  WhimNodeBuilder *identity = whim_node_builder_new ("device-identity");
  WhimNodeBuilder *device = whim_node_builder_new ("device");
  WhimNodeBuilder *platform = whim_node_builder_new ("platform");
  WhimNodeBuilder *builder = sandbox_from_server (self->sandbox, "iq", "set");
  g_autoptr (WhimJid) pn = whim_jid_new (WHIM_JID_SERVER_USER, account->pn, account->next_device);
  g_autoptr (WhimJid) lid = whim_jid_new (WHIM_JID_SERVER_LID, account->lid, account->next_device);
  g_autoptr (WhimNode) iq = NULL;

  if (self->sandbox->pairing.forgery != SANDBOX_FORGE_EMPTY)
    whim_node_builder_bytes (identity, container);
  whim_node_builder_attr_jid (device, "jid", pn);
  whim_node_builder_attr_jid (device, "lid", lid);
  whim_node_builder_attr (platform, "name", "android");
  whim_node_builder_child (success, whim_node_builder_end (identity));
  whim_node_builder_child (success, whim_node_builder_end (device));
  whim_node_builder_child (success, whim_node_builder_end (platform));
  whim_node_builder_attr (builder, "xmlns", "md");
  whim_node_builder_attr_int (builder, "t", sandbox_now ());
  whim_node_builder_child (builder, whim_node_builder_end (success));
  iq = whim_node_builder_end (builder);
  g_free (self->pairing_iq);
  self->pairing_iq = g_strdup (whim_node_get_attr (iq, "id"));
  self->pairing_account = account;
  sandbox_connection_send (self, iq);
}

void
sandbox_pair (Connection *self, Account *account, const guint8 *identity, const guint8 *secret)
{
  g_autoptr (GBytes) container = make_container (self, account, identity, secret);

  send_pair_success (self, account, container);
}

const char *
sandbox_scan (Sandbox *self, const char *qr, Account *account)
{
  const char *hash = strchr (qr, '#');
  g_auto (GStrv) fields = g_strsplit (hash == NULL ? qr : hash + 1, ",", -1);
  Connection *connection;
  guint8 noise[WHIM_KEY_SIZE];
  guint8 identity[WHIM_KEY_SIZE];
  guint8 secret[WHIM_KEY_SIZE];

  if (g_strv_length (fields) != 5)
    return "the code must have five fields";
  if (!decode_key (fields[1], noise) || !decode_key (fields[2], identity)
      || !decode_key (fields[3], secret))
    return "a key of the code is no base64 of 32 bytes";
  connection = find_by_ref (self, fields[0]);
  if (connection == NULL)
    return "the code is not, or no more, valid";
  if (connection->pairing_account != NULL)
    return "the code was scanned already";
  if (memcmp (noise, connection->client_static, WHIM_KEY_SIZE) != 0
      || memcmp (identity, connection->candidate->identity, WHIM_KEY_SIZE) != 0)
    return "the keys of the code are not those of the connection";
  sandbox_pair (connection, account, identity, secret);
  return NULL;
}

static gboolean
device_signature_is_right (Connection *self, WhimNode *identity_node)
{
  gsize len;
  const guint8 *bytes = whim_node_get_content (identity_node, &len);
  g_autoptr (Wa__ADVSignedDeviceIdentity) identity
      = whim_proto_unpack (&wa__advsigned_device_identity__descriptor, bytes, len, NULL);
  g_autoptr (GBytes) message = NULL;
  WhimWriter writer;

  if (identity == NULL || identity->devicesignature.len != WHIM_SIGNATURE_SIZE
      || identity->accountsignature.len != WHIM_SIGNATURE_SIZE || identity->has_accountsignaturekey)
    return FALSE;
  whim_writer_init (&writer, 128);
  whim_writer_put (&writer, "\6\1", 2);
  whim_writer_put_bytes (&writer, self->pairing_details);
  whim_writer_put (&writer, self->candidate->identity, WHIM_KEY_SIZE);
  whim_writer_put (&writer, whim_key_pair_get_public (self->pairing_account->identity),
                   WHIM_KEY_SIZE);
  message = whim_writer_end (&writer);
  return whim_xeddsa_verify (self->candidate->identity, g_bytes_get_data (message, NULL),
                             g_bytes_get_size (message), identity->devicesignature.data);
}

static void
link_device (Connection *self)
{
  Device *device = sandbox_account_add_device (self->pairing_account);
  const Device *keys = self->candidate;

  whim_copy (device->noise, keys->noise, WHIM_KEY_SIZE);
  whim_copy (device->identity, keys->identity, WHIM_KEY_SIZE);
  device->registration_id = keys->registration_id;
  device->skey_id = keys->skey_id;
  whim_copy (device->skey, keys->skey, WHIM_KEY_SIZE);
  whim_copy (device->skey_signature, keys->skey_signature, WHIM_SIGNATURE_SIZE);
  sandbox_account_announce (self->pairing_account, device, TRUE);
}

gboolean
sandbox_handle_pairing_iq (Connection *self, WhimNode *iq)
{
  WhimNode *sign = whim_node_find_child (iq, "pair-device-sign");
  WhimNode *identity = sign == NULL ? NULL : whim_node_find_child (sign, "device-identity");

  if (sandbox_handle_code_iq (self, iq))
    return TRUE;
  if (self->pairing_iq == NULL || !whim_node_attr_equals (iq, "id", self->pairing_iq))
    {
      gboolean answer = whim_node_attr_equals (iq, "type", "result");

      if (answer) /* to pair-device, to a ping */
        sandbox_count (self->sandbox, "iq-answers");
      return answer;
    }
  if (!whim_node_attr_equals (iq, "type", "result") || identity == NULL)
    {
      WhimNode *why = whim_node_find_child (iq, "error");
      g_autofree char *name = g_strdup_printf (
          "pairings-refused:%s", why == NULL ? "-" : whim_node_get_attr (why, "code"));

      sandbox_count (self->sandbox, "pairings-refused");
      sandbox_count (self->sandbox, name);
      return TRUE;
    }
  if (!device_signature_is_right (self, identity)
      || whim_node_get_attr_int (identity, "key-index", -1)
             != self->pairing_account->next_key_index)
    {
      sandbox_violation (self->sandbox, "pair-device-sign with a wrong signature");
      sandbox_connection_close (self, TRUE);
      return TRUE;
    }
  sandbox_count (self->sandbox, "pairings");
  link_device (self);
  sandbox_connection_stream_error (self, "515", NULL);
  return TRUE;
}
