/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-reader.h"
#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "sandbox/sandbox.h"

#include <string.h>

/* Requests of clients: a table of what is known; everything else is an error and counted. */

typedef void (*IqHandler) (Connection *connection, WhimNode *iq, WhimNode *child);

typedef struct
{
  const char *xmlns;
  const char *type;
  const char *child; /* NULL: any or none */
  IqHandler handle;
} IqRow;

void
sandbox_iq_result (Connection *connection, WhimNode *iq, WhimNode *child)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("iq");
  g_autoptr (WhimJid) server = whim_jid_new_server ();
  g_autoptr (WhimNode) answer = NULL;

  whim_node_builder_attr_jid (builder, "from", server);
  whim_node_builder_attr (builder, "id", whim_node_get_attr (iq, "id"));
  whim_node_builder_attr (builder, "type", "result");
  if (child != NULL)
    whim_node_builder_child (builder, child);
  answer = whim_node_builder_end (builder);
  sandbox_connection_send (connection, answer);
}

void
sandbox_iq_error (Connection *connection, WhimNode *iq, guint code, const char *text)
{
  WhimNodeBuilder *error = whim_node_builder_new ("error");
  WhimNodeBuilder *builder = whim_node_builder_new ("iq");
  g_autoptr (WhimJid) server = whim_jid_new_server ();
  g_autoptr (WhimNode) answer = NULL;

  whim_node_builder_attr_int (error, "code", code);
  whim_node_builder_attr (error, "text", text);
  whim_node_builder_attr_jid (builder, "from", server);
  whim_node_builder_attr (builder, "id", whim_node_get_attr (iq, "id"));
  whim_node_builder_attr (builder, "type", "error");
  whim_node_builder_child (builder, whim_node_builder_end (error));
  answer = whim_node_builder_end (builder);
  sandbox_connection_send (connection, answer);
}

static WhimNode *
empty (const char *tag)
{
  return whim_node_builder_end (whim_node_builder_new (tag));
}

static void
handle_empty (Connection *connection, WhimNode *iq, WhimNode *child)
{
  sandbox_iq_result (connection, iq, NULL);
}

static void
handle_usync (Connection *connection, WhimNode *iq, WhimNode *child)
{
  sandbox_handle_usync (connection, iq);
}

/* Answers with an empty node of the name that the answer has. */
static void
handle_props (Connection *connection, WhimNode *iq, WhimNode *child)
{
  sandbox_iq_result (connection, iq, empty ("props"));
}

static void
handle_list (Connection *connection, WhimNode *iq, WhimNode *child)
{
  sandbox_iq_result (connection, iq, empty ("list"));
}

static void
handle_privacy (Connection *connection, WhimNode *iq, WhimNode *child)
{
  sandbox_iq_result (connection, iq, empty ("privacy"));
}

static void
handle_no_media (Connection *connection, WhimNode *iq, WhimNode *child)
{
  sandbox_iq_error (connection, iq, 503, "service-unavailable");
}

static void
handle_no_item (Connection *connection, WhimNode *iq, WhimNode *child)
{
  sandbox_iq_error (connection, iq, 404, "item-not-found");
}

/* ---- prekeys (dossier 1, 9) ---------------------------------------------------------------- */

static void
handle_count (Connection *connection, WhimNode *iq, WhimNode *child)
{
  WhimNodeBuilder *count = whim_node_builder_new ("count");

  whim_node_builder_attr_int (count, "value", connection->device->prekeys.length);
  sandbox_iq_result (connection, iq, whim_node_builder_end (count));
}

const guint8 *
sandbox_child_bytes (WhimNode *parent, const char *tag, gsize expected)
{
  WhimNode *node = whim_node_find_child (parent, tag);
  gsize len = 0;
  const guint8 *bytes = node == NULL ? NULL : whim_node_get_content (node, &len);

  return len == expected ? bytes : NULL;
}

static gboolean
take_signed_prekey (Device *device, WhimNode *skey)
{
  const guint8 *id = sandbox_child_bytes (skey, "id", 3);
  const guint8 *value = sandbox_child_bytes (skey, "value", WHIM_KEY_SIZE);
  const guint8 *signature = sandbox_child_bytes (skey, "signature", WHIM_SIGNATURE_SIZE);
  guint8 point[33] = { 5 };

  if (id == NULL || value == NULL || signature == NULL)
    return FALSE;
  whim_copy (point + 1, value, WHIM_KEY_SIZE);
  if (!whim_xeddsa_verify (device->identity, point, sizeof point, signature))
    return FALSE;
  device->skey_id = whim_read_u24_be (id);
  whim_copy (device->skey, value, WHIM_KEY_SIZE);
  whim_copy (device->skey_signature, signature, WHIM_SIGNATURE_SIZE);
  return TRUE;
}

static gboolean
take_prekeys (Device *device, WhimNode *iq)
{
  const guint8 *registration = sandbox_child_bytes (iq, "registration", 4);
  const guint8 *identity = sandbox_child_bytes (iq, "identity", WHIM_KEY_SIZE);
  WhimNode *list = whim_node_find_child (iq, "list");
  WhimNode *skey = whim_node_find_child (iq, "skey");

  if (registration == NULL || identity == NULL || list == NULL || skey == NULL
      || memcmp (identity, device->identity, WHIM_KEY_SIZE) != 0
      || !take_signed_prekey (device, skey))
    return FALSE;
  device->registration_id = whim_read_u32_be (registration);
  WHIM_FOREACH_CHILD (list, key)
    {
      const guint8 *id = sandbox_child_bytes (key, "id", 3);
      const guint8 *value = sandbox_child_bytes (key, "value", WHIM_KEY_SIZE);
      PublicPrekey *prekey;

      if (id == NULL || value == NULL)
        return FALSE;
      prekey = g_new0 (PublicPrekey, 1);
      prekey->id = whim_read_u24_be (id);
      whim_copy (prekey->key, value, WHIM_KEY_SIZE);
      g_queue_push_tail (&device->prekeys, prekey);
    }
  return TRUE;
}

static void
handle_upload (Connection *connection, WhimNode *iq, WhimNode *child)
{
  WhimNode *rotate = whim_node_find_child (iq, "rotate");
  gboolean ok;

  if (rotate != NULL)
    {
      WhimNode *skey = whim_node_find_child (rotate, "skey");

      ok = skey != NULL && take_signed_prekey (connection->device, skey);
    }
  else
    ok = take_prekeys (connection->device, iq);
  if (!ok)
    {
      sandbox_violation (connection->sandbox, "prekeys that cannot be");
      sandbox_iq_error (connection, iq, 406, "not-acceptable");
      return;
    }
  connection->device->keys_uploaded = TRUE;
  sandbox_iq_result (connection, iq, NULL);
  sandbox_control_check (connection->sandbox);
}

static void
add_key (WhimNodeBuilder *parent,
         const char *tag,
         guint32 id,
         const guint8 *key,
         const guint8 *signature)
{
  WhimNodeBuilder *node = whim_node_builder_new (tag);
  WhimNodeBuilder *id_node = whim_node_builder_new ("id");
  WhimNodeBuilder *value = whim_node_builder_new ("value");
  guint8 wire[3];

  whim_write_u24_be (wire, id);
  whim_node_builder_data (id_node, wire, sizeof wire);
  whim_node_builder_data (value, key, WHIM_KEY_SIZE);
  whim_node_builder_child (node, whim_node_builder_end (id_node));
  whim_node_builder_child (node, whim_node_builder_end (value));
  if (signature != NULL)
    {
      WhimNodeBuilder *sign = whim_node_builder_new ("signature");

      whim_node_builder_data (sign, signature, WHIM_SIGNATURE_SIZE);
      whim_node_builder_child (node, whim_node_builder_end (sign));
    }
  whim_node_builder_child (parent, whim_node_builder_end (node));
}

static void
add_data (WhimNodeBuilder *parent, const char *tag, gconstpointer bytes, gsize len)
{
  WhimNodeBuilder *node = whim_node_builder_new (tag);

  whim_node_builder_data (node, bytes, len);
  whim_node_builder_child (parent, whim_node_builder_end (node));
}

static WhimNode *
make_bundle (Sandbox *self, WhimJid *jid)
{
  Device *device = jid == NULL ? NULL : sandbox_find_device (self, jid);
  WhimNodeBuilder *user = whim_node_builder_new ("user");
  WhimSignalBundle bundle;
  guint8 registration[4];

  whim_node_builder_attr_jid (user, "jid", jid);
  if (device == NULL || (device->number != 0 && !device->keys_uploaded))
    {
      WhimNodeBuilder *error = whim_node_builder_new ("error");

      whim_node_builder_attr_int (error, "code", 404);
      whim_node_builder_attr (error, "text", "item-not-found");
      whim_node_builder_child (user, whim_node_builder_end (error));
      return whim_node_builder_end (user);
    }
  sandbox_device_to_bundle (device, &bundle, TRUE);
  whim_write_u32_be (registration, bundle.registration_id);
  add_data (user, "registration", registration, sizeof registration);
  add_data (user, "type", "\5", 1);
  add_data (user, "identity", bundle.identity, WHIM_KEY_SIZE);
  add_key (user, "skey", bundle.signed_prekey_id, bundle.signed_prekey,
           bundle.signed_prekey_signature);
  if (bundle.has_prekey)
    add_key (user, "key", bundle.prekey_id, bundle.prekey, NULL);
  return whim_node_builder_end (user);
}

static void
handle_fetch (Connection *connection, WhimNode *iq, WhimNode *key)
{
  WhimNodeBuilder *list = whim_node_builder_new ("list");

  WHIM_FOREACH_CHILD (key, user)
    {
      whim_node_builder_child (
          list, make_bundle (connection->sandbox, whim_node_get_attr_jid (user, "jid")));
    }
  sandbox_iq_result (connection, iq, whim_node_builder_end (list));
}

static void
handle_digest (Connection *connection, WhimNode *iq, WhimNode *child)
{
  Device *device = connection->device;
  WhimNodeBuilder *digest = whim_node_builder_new ("digest");
  WhimNodeBuilder *list = whim_node_builder_new ("list");
  WhimWriter writer;
  g_autoptr (GBytes) hashed = NULL;
  guint8 registration[4];
  guint8 hash[20];

  whim_write_u32_be (registration, device->registration_id);
  add_data (digest, "registration", registration, sizeof registration);
  add_data (digest, "type", "\5", 1);
  add_data (digest, "identity", device->identity, WHIM_KEY_SIZE);
  add_key (digest, "skey", device->skey_id, device->skey, device->skey_signature);
  whim_writer_init (&writer, 1024);
  whim_writer_put (&writer, device->identity, WHIM_KEY_SIZE);
  whim_writer_put (&writer, device->skey, WHIM_KEY_SIZE);
  whim_writer_put (&writer, device->skey_signature, WHIM_SIGNATURE_SIZE);
  for (GList *l = device->prekeys.head; l != NULL; l = l->next)
    {
      PublicPrekey *prekey = l->data;
      guint8 wire[3];

      whim_write_u24_be (wire, prekey->id);
      add_data (list, "id", wire, sizeof wire);
      whim_writer_put (&writer, prekey->key, WHIM_KEY_SIZE);
    }
  hashed = whim_writer_end (&writer);
  whim_sha1 (g_bytes_get_data (hashed, NULL), g_bytes_get_size (hashed), hash);
  whim_node_builder_child (digest, whim_node_builder_end (list));
  add_data (digest, "hash", hash, sizeof hash);
  sandbox_iq_result (connection, iq, whim_node_builder_end (digest));
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void
handle_active (Connection *connection, WhimNode *iq, WhimNode *child)
{
  Device *device = connection->device;
  gboolean active = whim_node_is (child, "active");

  sandbox_iq_result (connection, iq, NULL);
  device->active = active;
  if (!active)
    return;
  sandbox_deliver_queue (device);
  if (!device->greeted && device->keys_uploaded)
    {
      device->greeted = TRUE;
      sandbox_phone_greet (device->account, device);
    }
  sandbox_control_check (connection->sandbox);
}

static void
handle_app_state (Connection *connection, WhimNode *iq, WhimNode *sync)
{
  WhimNodeBuilder *answer = whim_node_builder_new ("sync");

  WHIM_FOREACH_CHILD (sync, collection)
    {
      WhimNodeBuilder *builder = whim_node_builder_new ("collection");

      whim_node_builder_attr (builder, "name", whim_node_get_attr (collection, "name"));
      whim_node_builder_attr (builder, "type", "result");
      whim_node_builder_attr (builder, "version", "0");
      whim_node_builder_child (answer, whim_node_builder_end (builder));
    }
  sandbox_iq_result (connection, iq, whim_node_builder_end (answer));
}

static void
handle_remove (Connection *connection, WhimNode *iq, WhimNode *child)
{
  WhimJid *jid = whim_node_get_attr_jid (child, "jid");
  Device *device = jid == NULL ? NULL : sandbox_find_device (connection->sandbox, jid);

  if (device == NULL || device->number == 0 || device->account != connection->device->account)
    {
      sandbox_iq_error (connection, iq, 400, "bad-request");
      return;
    }
  sandbox_iq_result (connection, iq, NULL);
  if (device->connection != NULL)
    sandbox_connection_stream_error (device->connection, "401", "device_removed");
  sandbox_account_remove_device (device->account, device);
}

static const IqRow rows[] = {
  { "usync", "get", "usync", handle_usync },
  { "encrypt", "get", "count", handle_count },
  { "encrypt", "get", "key", handle_fetch },
  { "encrypt", "get", "digest", handle_digest },
  { "encrypt", "set", NULL, handle_upload },
  { "passive", "set", "active", handle_active },
  { "passive", "set", "passive", handle_active },
  { "w:p", "get", NULL, handle_empty },
  { "abt", "get", "props", handle_props },
  { "w", "get", "props", handle_props },
  { "blocklist", "get", NULL, handle_list },
  { "privacy", "get", "privacy", handle_privacy },
  { "privacy", "set", "tokens", sandbox_limits_handle_tokens },
  { "w:mex", "get", "query", sandbox_limits_handle_mex },
  { "w:m", "set", "media_conn", handle_no_media },
  { "w:sync:app:state", "set", "sync", handle_app_state },
  { "w:profile:picture", "get", NULL, handle_no_item },
  { "urn:xmpp:whatsapp:dirty", "set", "clean", handle_empty },
  { "md", "set", "remove-companion-device", handle_remove },
};

static const IqRow *
find_row (WhimNode *iq, WhimNode **child)
{
  const char *xmlns = whim_node_get_attr (iq, "xmlns");
  const char *type = whim_node_get_attr (iq, "type");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if (g_strcmp0 (rows[i].xmlns, xmlns) != 0 || g_strcmp0 (rows[i].type, type) != 0)
        continue;
      *child = rows[i].child == NULL ? NULL : whim_node_find_child (iq, rows[i].child);
      if (rows[i].child == NULL || *child != NULL)
        return &rows[i];
    }
  return NULL;
}

static char *
name_iq (WhimNode *iq)
{
  const char *child
      = whim_node_get_n_children (iq) > 0 ? whim_node_get_tag (whim_node_get_child (iq, 0)) : "-";

  return g_strdup_printf ("iq:%s:%s:%s", whim_node_get_attr (iq, "xmlns"),
                          whim_node_get_attr (iq, "type"), child);
}

void
sandbox_handle_iq (Connection *connection, WhimNode *iq)
{
  WhimNode *child = NULL;
  const IqRow *row = find_row (iq, &child);
  g_autofree char *name = name_iq (iq);

  if (connection->state == CONNECTION_REGISTRATION && sandbox_handle_pairing_iq (connection, iq))
    return;
  if (whim_node_attr_equals (iq, "type", "result") || whim_node_attr_equals (iq, "type", "error"))
    {
      sandbox_count (connection->sandbox, "iq-answers");
      return;
    }
  sandbox_count (connection->sandbox, name);
  if (row == NULL || (connection->device == NULL && row->handle != handle_empty))
    {
      sandbox_unexpected (connection->sandbox, name);
      sandbox_iq_error (connection, iq, 501, "feature-not-implemented");
      return;
    }
  if (!sandbox_fault_takes_request (connection, iq, name))
    row->handle (connection, iq, child);
}
