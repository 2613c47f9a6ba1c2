/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-util.h"
#include "sandbox/sandbox-control-private.h"

#include <string.h>

/* What goes wrong on request: of sockets, of streams, of single stanzas; and any stanza at all. */

/* ---- stanzas ------------------------------------------------------------------------------- */

static WhimNode *
corrupted_enc (WhimNode *enc)
{
  WhimNodeBuilder *builder = sandbox_copy_head (enc);
  gsize len;
  const guint8 *bytes = whim_node_get_content (enc, &len);
  g_autofree guint8 *copy = g_memdup2 (bytes, len);

  if (len > 0)
    copy[len - 1] ^= 0xff; /* the authentication code */
  whim_node_builder_data (builder, copy, len);
  return whim_node_builder_end (builder);
}

WhimNode *
sandbox_fault_alter (Device *to, WhimNode *node)
{
  WhimNodeBuilder *builder;

  if (to->faults.corrupt == 0 || !whim_node_is (node, "message")
      || whim_node_find_child (node, "enc") == NULL)
    return whim_node_ref (node);
  to->faults.corrupt--;
  sandbox_count (to->account->sandbox, "corrupted");
  builder = sandbox_copy_head (node);
  WHIM_FOREACH_CHILD (node, child)
    {
      whim_node_builder_child (builder, whim_node_is (child, "enc") ? corrupted_enc (child)
                                                                    : whim_node_ref (child));
    }
  return whim_node_builder_end (builder);
}

gboolean
sandbox_fault_takes_ack (Device *from)
{
  if (from->faults.lose_acks == 0)
    return FALSE;
  sandbox_count (from->account->sandbox, "lost-acks");
  if (--from->faults.lose_acks == 0)
    sandbox_connection_close (from->connection, FALSE);
  return TRUE;
}

/* ---- a stanza from JSON -------------------------------------------------------------------- */

static WhimNode *parse_node (JsonObject *object, guint depth);

static gboolean
parse_attrs (WhimNodeBuilder *builder, JsonObject *attrs)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;

  json_object_iter_init (&iter, attrs);
  while (json_object_iter_next (&iter, &name, &value))
    {
      if (JSON_NODE_HOLDS_OBJECT (value))
        {
          const char *text = sandbox_control_text (json_node_get_object (value), "jid");
          g_autoptr (WhimJid) jid = text == NULL ? NULL : whim_jid_parse (text, NULL);

          if (jid == NULL)
            return FALSE;
          whim_node_builder_attr_jid (builder, name, jid);
        }
      else if (JSON_NODE_HOLDS_VALUE (value) && json_node_get_string (value) != NULL)
        whim_node_builder_attr (builder, name, json_node_get_string (value));
      else
        return FALSE;
    }
  return TRUE;
}

static gboolean
parse_children (WhimNodeBuilder *builder, JsonArray *children, guint depth)
{
  for (guint i = 0; i < json_array_get_length (children); i++)
    {
      JsonNode *element = json_array_get_element (children, i);
      WhimNode *child = JSON_NODE_HOLDS_OBJECT (element)
                            ? parse_node (json_node_get_object (element), depth + 1)
                            : NULL;

      if (child == NULL)
        return FALSE;
      whim_node_builder_child (builder, child);
    }
  return TRUE;
}

static WhimNode *
parse_node (JsonObject *object, guint depth)
{
  const char *tag = sandbox_control_text (object, "tag");
  const char *text = sandbox_control_text (object, "text");
  const char *hex = sandbox_control_text (object, "hex");
  JsonNode *attrs = json_object_get_member (object, "attrs");
  JsonNode *children = json_object_get_member (object, "children");
  g_autoptr (GBytes) bytes = hex == NULL ? NULL : whim_hex_decode (hex);
  g_autoptr (WhimNodeBuilder) builder = NULL;

  if (tag == NULL || *tag == '\0' || depth > 16 || (hex != NULL && bytes == NULL))
    return NULL;
  builder = whim_node_builder_new (tag);
  if (attrs != NULL
      && (!JSON_NODE_HOLDS_OBJECT (attrs) || !parse_attrs (builder, json_node_get_object (attrs))))
    return NULL;
  if (children != NULL
      && (!JSON_NODE_HOLDS_ARRAY (children)
          || !parse_children (builder, json_node_get_array (children), depth)))
    return NULL;
  if (bytes != NULL)
    whim_node_builder_bytes (builder, bytes);
  else if (text != NULL)
    whim_node_builder_text (builder, text);
  return whim_node_builder_end (g_steal_pointer (&builder));
}

/* One of many: with an id of its own. */
static WhimNode *
numbered (WhimNode *node, gint64 number)
{
  WhimNodeBuilder *builder = whim_node_builder_new (whim_node_get_tag (node));
  const char *id = whim_node_get_attr (node, "id");
  g_autofree char *text = g_strdup_printf ("%s-%" G_GINT64_FORMAT, id == NULL ? "" : id, number);
  gsize len;
  gconstpointer bytes = whim_node_get_content (node, &len);

  whim_node_builder_attr (builder, "id", text);
  for (guint i = 0; i < whim_node_get_n_attrs (node); i++)
    {
      const char *name = whim_node_get_attr_name (node, i);

      if (whim_node_attr_is_address (node, name))
        whim_node_builder_attr_jid (builder, name, whim_node_get_attr_jid (node, name));
      else if (!g_str_equal (name, "id"))
        whim_node_builder_attr (builder, name, whim_node_get_attr (node, name));
    }
  if (bytes != NULL)
    whim_node_builder_data (builder, bytes, len);
  WHIM_FOREACH_CHILD (node, child)
    {
      whim_node_builder_child (builder, whim_node_ref (child));
    }
  return whim_node_builder_end (builder);
}

static JsonNode *
send_stanza (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);
  JsonNode *json = body == NULL ? NULL : json_object_get_member (body, "node");
  g_autoptr (WhimNode) node = NULL;
  gint64 times = device == NULL ? 0 : sandbox_control_int (body, "times", 1);
  gboolean queued;

  if (device == NULL)
    return NULL;
  if (json != NULL && JSON_NODE_HOLDS_OBJECT (json))
    node = parse_node (json_node_get_object (json), 0);
  if (node == NULL)
    {
      *error = "node is missing or is none";
      return NULL;
    }
  queued = json_object_get_boolean_member_with_default (body, "queued", FALSE);
  if (!queued && device->connection == NULL)
    {
      *error = "the device is not connected";
      return NULL;
    }
  for (gint64 i = 0; i < times && (queued || device->connection != NULL); i++)
    {
      g_autoptr (WhimNode) one = times == 1 ? whim_node_ref (node) : numbered (node, i);

      if (queued)
        sandbox_deliver (device, one);
      else
        sandbox_connection_send (device->connection, one);
    }
  return sandbox_control_ok ();
}

/* What is no node at all: a frame of any bytes, or bytes beside the encryption. */
static JsonNode *
send_frame (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);
  const char *hex = device == NULL ? NULL : sandbox_control_text (body, "hex");
  g_autoptr (GBytes) bytes = hex == NULL ? NULL : whim_hex_decode (hex);

  if (device == NULL)
    return NULL;
  if (bytes == NULL || device->connection == NULL)
    {
      *error = "hex is needed, and a device that is connected";
      return NULL;
    }
  sandbox_connection_send_bytes (device->connection, bytes,
                                 json_object_get_boolean_member_with_default (body, "raw", FALSE));
  return sandbox_control_ok ();
}

/* ---- counts of things to come -------------------------------------------------------------- */

/* As sandbox_control_device(), but "device": 0 is the phone. */
static Device *
get_receiver (Sandbox *self, JsonObject *body, const char **error)
{
  const char *pn = sandbox_control_text (body, "phone");
  Account *account = pn == NULL ? NULL : sandbox_find_number (self, pn);

  if (account != NULL && sandbox_control_int (body, "device", -1) == 0)
    return g_ptr_array_index (account->devices, 0);
  return sandbox_control_device (self, body, error);
}

static guint
get_count (JsonObject *body)
{
  return (guint)CLAMP (sandbox_control_int (body, "count", 1), 0, G_MAXINT32);
}

static JsonNode *
corrupt (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = get_receiver (self, body, error);

  if (device == NULL)
    return NULL;
  device->faults.corrupt = get_count (body);
  return sandbox_control_ok ();
}

static JsonNode *
repeat (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = get_receiver (self, body, error);

  if (device == NULL)
    return NULL;
  device->faults.twice = get_count (body);
  return sandbox_control_ok ();
}

static JsonNode *
same_key (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  device->faults.same_key = get_count (body);
  return sandbox_control_ok ();
}

static JsonNode *
lose_acks (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  device->faults.lose_acks = get_count (body);
  return sandbox_control_ok ();
}

static JsonNode *
refuse (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);
  gint64 code = sandbox_control_int (body, "error", 0);

  if (device == NULL)
    return NULL;
  if (code < 400 || code > 599)
    {
      *error = "error must be between 400 and 599";
      return NULL;
    }
  device->faults.refuse_error = (guint)code;
  device->faults.refuse = get_count (body);
  g_free (device->faults.refuse_form);
  device->faults.refuse_form = g_strdup (sandbox_control_text (body, "form"));
  return sandbox_control_ok ();
}

static JsonNode *
doubt_lid (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  device->faults.refresh_lid = get_count (body);
  return sandbox_control_ok ();
}

/* ---- sockets and streams ------------------------------------------------------------------- */

static JsonNode *
half_close (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  if (device->connection == NULL || !sandbox_connection_half_close (device->connection))
    {
      *error = "the device is not connected";
      return NULL;
    }
  return sandbox_control_ok ();
}

static JsonNode *
unlink_device (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  if (device->connection != NULL)
    sandbox_connection_stream_error (device->connection, "401", "device_removed");
  sandbox_account_remove_device (device->account, device);
  return sandbox_control_ok ();
}

static JsonNode *
silence (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  if (device->connection == NULL)
    {
      *error = "the device is not connected";
      return NULL;
    }
  device->connection->silent = TRUE;
  return sandbox_control_ok ();
}

static JsonNode *
drop (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  if (device->connection != NULL)
    sandbox_connection_close (device->connection, FALSE);
  return sandbox_control_ok ();
}

static JsonNode *
stream_error (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  if (device->connection != NULL)
    sandbox_connection_stream_error (device->connection, sandbox_control_text (body, "code"),
                                     sandbox_control_text (body, "conflict"));
  return sandbox_control_ok ();
}

static JsonNode *
set_login_failure (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  device->login_failure = (guint)sandbox_control_int (body, "reason", 0);
  g_clear_pointer (&device->login_failure_attrs, json_object_unref);
  if (json_object_has_member (body, "attrs"))
    device->login_failure_attrs = json_object_ref (json_object_get_object_member (body, "attrs"));
  return sandbox_control_ok ();
}

static JsonNode *
set_prekey_count (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);
  gint64 count = sandbox_control_int (body, "count", -1);
  WhimNodeBuilder *child;
  WhimNodeBuilder *builder;
  g_autoptr (WhimNode) node = NULL;

  if (device == NULL)
    return NULL;
  if (count < 0)
    {
      *error = "count is missing";
      return NULL;
    }
  while (device->prekeys.length > (guint)count)
    g_free (g_queue_pop_tail (&device->prekeys));
  child = whim_node_builder_new ("count");
  whim_node_builder_attr_int (child, "value", device->prekeys.length);
  builder = sandbox_from_server (self, "notification", "encrypt");
  whim_node_builder_child (builder, whim_node_builder_end (child));
  node = whim_node_builder_end (builder);
  sandbox_deliver (device, node);
  return sandbox_control_ok ();
}

static JsonNode *
set_chop (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  self->chop = body != NULL && json_object_get_boolean_member_with_default (body, "on", TRUE);
  return sandbox_control_ok ();
}

/* ---- the table ----------------------------------------------------------------------------- */

const ControlRow sandbox_fault_rows[] = {
  { "POST", "/unlink", unlink_device },
  { "POST", "/silence", silence },
  { "POST", "/drop", drop },
  { "POST", "/half-close", half_close },
  { "POST", "/stream-error", stream_error },
  { "POST", "/login-failure", set_login_failure },
  { "POST", "/set-prekey-count", set_prekey_count },
  { "POST", "/chop", set_chop },
  { "POST", "/corrupt", corrupt },
  { "POST", "/repeat", repeat },
  { "POST", "/same-key", same_key },
  { "POST", "/lose-acks", lose_acks },
  { "POST", "/refuse", refuse },
  { "POST", "/doubt-lid", doubt_lid },
  { "POST", "/stanza", send_stanza },
  { "POST", "/frame", send_frame },
};
const guint sandbox_n_fault_rows = G_N_ELEMENTS (sandbox_fault_rows);
