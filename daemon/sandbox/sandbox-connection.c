/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "base/whim-reader.h"
#include "base/whim-util.h"
#include "proto/whim-proto.h"
#include "sandbox/sandbox.h"

#include <string.h>
#include <zlib.h>

/* One WebSocket: intro, Noise, frames, and where its stanzas go. */

#define END_GRACE_MS 1000
#define FRAME_COMPRESSED 2u
#define ROUTING_HEAD 7u /* 'E' 'D' 0 1 and three bytes of length */

Connection *
sandbox_connection_ref (Connection *self)
{
  self->ref_count++;
  return self;
}

void
sandbox_connection_unref (Connection *self)
{
  if (--self->ref_count > 0)
    return;
  g_clear_object (&self->socket);
  g_byte_array_unref (self->head);
  whim_frame_splitter_clear (&self->splitter);
  g_clear_pointer (&self->responder, whim_noise_responder_free);
  g_clear_pointer (&self->send, whim_noise_cipher_free);
  g_clear_pointer (&self->receive, whim_noise_cipher_free);
  g_clear_pointer (&self->candidate, g_free);
  g_clear_pointer (&self->refs, g_ptr_array_unref);
  g_clear_pointer (&self->pairing_details, g_bytes_unref);
  g_clear_pointer (&self->code, sandbox_code_free);
  g_clear_pointer (&self->held_hello, g_bytes_unref);
  g_free (self->pairing_iq);
  g_free (self);
}

/* Cuts what was collected without regard to frames: small pieces, large ones, several frames in
 * one. */
static void
flush (Connection *self)
{
  static const gsize sizes[] = { 1, 2, 7, 300, 3, 1, 64, 5, 1500, 2 };
  g_autoptr (GBytes) all = NULL;
  gsize size;

  g_clear_handle_id (&self->flush_id, g_source_remove);
  if (self->outbox == NULL)
    return;
  all = g_byte_array_free_to_bytes (g_steal_pointer (&self->outbox));
  size = g_bytes_get_size (all);
  for (gsize at = 0, i = 0; at < size; i++)
    {
      gsize n = MIN (sizes[i % G_N_ELEMENTS (sizes)], size - at);
      g_autoptr (GBytes) piece = g_bytes_new_from_bytes (all, at, n);

      if (soup_websocket_connection_get_state (self->socket) != SOUP_WEBSOCKET_STATE_OPEN)
        return;
      soup_websocket_connection_send_message (self->socket, SOUP_WEBSOCKET_DATA_BINARY, piece);
      at += n;
    }
}

static gboolean
flush_cb (gpointer user_data)
{
  Connection *self = user_data;

  self->flush_id = 0;
  flush (self);
  return G_SOURCE_REMOVE;
}

static gboolean
cut_cb (gpointer user_data)
{
  Connection *self = user_data;

  self->cut_id = 0;
  sandbox_connection_close (self, FALSE);
  return G_SOURCE_REMOVE;
}

/* The socket takes only the first bytes; when they have left, it is cut. */
static GBytes *
cut_bytes (Connection *self, GBytes *bytes)
{
  gsize size = g_bytes_get_size (bytes);

  if (self->cut_out == 0 || (gint64)size < self->cut_out - 1)
    {
      if (self->cut_out != 0)
        self->cut_out -= (gint64)size;
      return g_bytes_ref (bytes);
    }
  size = (gsize)(self->cut_out - 1);
  self->silent = TRUE;
  self->cut_out = 0;
  sandbox_count (self->sandbox, "cuts");
  self->cut_id = g_idle_add_full (G_PRIORITY_LOW, cut_cb, self, NULL);
  return g_bytes_new_from_bytes (bytes, 0, size);
}

static void
write_bytes (Connection *self, GBytes *whole)
{
  g_autoptr (GBytes) bytes = cut_bytes (self, whole);
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  if (soup_websocket_connection_get_state (self->socket) != SOUP_WEBSOCKET_STATE_OPEN)
    return;
  if (!self->sandbox->chop)
    {
      flush (self);
      soup_websocket_connection_send_message (self->socket, SOUP_WEBSOCKET_DATA_BINARY, bytes);
      return;
    }
  if (self->outbox == NULL)
    self->outbox = g_byte_array_new ();
  g_byte_array_append (self->outbox, data, (guint)size);
  if (self->flush_id == 0)
    self->flush_id = g_idle_add (flush_cb, self);
}

/* The flags byte says so, the body is a zlib stream (dossier 1, 3.1). */
static GBytes *
compress_plain (GBytes *plain)
{
  gsize len;
  const guint8 *bytes = g_bytes_get_data (plain, &len);
  uLongf size = compressBound (len - 1);
  g_autofree guint8 *packed = g_malloc (size + 1);

  if (compress (packed + 1, &size, bytes + 1, len - 1) != Z_OK)
    return g_bytes_ref (plain);
  packed[0] = FRAME_COMPRESSED;
  return g_bytes_new (packed, size + 1);
}

void
sandbox_connection_send (Connection *self, WhimNode *node)
{
  g_autoptr (GBytes) plain = NULL;
  g_autoptr (GBytes) cipher = NULL;
  g_autoptr (GBytes) framed = NULL;

  if (self->state == CONNECTION_CLOSED || self->state == CONNECTION_ENDING || self->silent
      || self->send == NULL)
    return;
  plain = whim_node_encode (node);
  if (self->sandbox->chop && ++self->n_sent % 3 == 0)
    {
      GBytes *packed = compress_plain (plain);

      g_bytes_unref (plain);
      plain = packed;
    }
  cipher = whim_noise_cipher_seal (self->send, plain);
  framed = whim_frame_wrap (NULL, cipher);
  write_bytes (self, framed);
}

void
sandbox_connection_send_bytes (Connection *self, GBytes *bytes, gboolean raw)
{
  g_autoptr (GBytes) cipher = NULL;
  g_autoptr (GBytes) framed = NULL;

  if (self->state == CONNECTION_CLOSED || self->state == CONNECTION_ENDING || self->silent
      || self->send == NULL)
    return;
  if (raw)
    {
      write_bytes (self, bytes);
      return;
    }
  cipher = whim_noise_cipher_seal (self->send, bytes);
  framed = whim_frame_wrap (NULL, cipher);
  write_bytes (self, framed);
}

static void end_handshake (Connection *self);

/* The device is offline from here on, whatever the socket still does. */
static void
release_device (Connection *self)
{
  if (self->device == NULL)
    return;
  self->device->connection = NULL;
  self->device->active = FALSE;
  for (GList *l = self->device->queue.head; l != NULL; l = l->next)
    ((Pending *)l->data)->delivered = FALSE;
  self->device = NULL;
}

void
sandbox_connection_close (Connection *self, gboolean polite)
{
  g_autoptr (Connection) keep = sandbox_connection_ref (self);

  if (self->state == CONNECTION_CLOSED)
    return;
  self->state = CONNECTION_CLOSED;
  g_clear_handle_id (&self->end_timer, g_source_remove);
  g_clear_handle_id (&self->cut_id, g_source_remove);
  if (polite)
    flush (self);
  g_clear_handle_id (&self->flush_id, g_source_remove);
  g_clear_pointer (&self->outbox, g_byte_array_unref);
  release_device (self);
  end_handshake (self);
  g_signal_handlers_disconnect_by_data (self->socket, self);
  if (polite && soup_websocket_connection_get_state (self->socket) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_close (self->socket, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
  else
    g_io_stream_close (soup_websocket_connection_get_io_stream (self->socket), NULL, NULL);
  g_ptr_array_remove (self->sandbox->connections, self);
  sandbox_control_check (keep->sandbox);
}

gboolean
sandbox_connection_half_close (Connection *self)
{
  GIOStream *stream = soup_websocket_connection_get_io_stream (self->socket);
  g_autoptr (GIOStream) base = NULL;

  /* libsoup wraps the connection in a stream of its own */
  if (!G_IS_SOCKET_CONNECTION (stream)
      && g_object_class_find_property (G_OBJECT_GET_CLASS (stream), "base-iostream") != NULL)
    {
      g_object_get (stream, "base-iostream", &base, NULL);
      stream = base;
    }
  return G_IS_SOCKET_CONNECTION (stream)
         && g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)), FALSE,
                               TRUE, NULL);
}

static gboolean
end_timer_cb (gpointer user_data)
{
  Connection *self = user_data;

  self->end_timer = 0;
  sandbox_connection_close (self, TRUE);
  return G_SOURCE_REMOVE;
}

/* As the real server: the error, the end of the stream, and a little later the socket. A client may
 * take the end of the socket for the news if both come together. */
static void
end_stream (Connection *self)
{
  g_autoptr (WhimNode) end = whim_node_builder_end (whim_node_builder_new ("xmlstreamend"));

  sandbox_connection_send (self, end);
  release_device (self);
  self->state = CONNECTION_ENDING;
  self->end_timer = g_timeout_add (END_GRACE_MS, end_timer_cb, self);
}

void
sandbox_connection_stream_error (Connection *self, const char *code, const char *conflict)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("stream:error");
  g_autoptr (WhimNode) node = NULL;

  whim_node_builder_attr (builder, "code", code);
  if (conflict != NULL)
    {
      WhimNodeBuilder *child = whim_node_builder_new ("conflict");

      whim_node_builder_attr (child, "type", conflict);
      whim_node_builder_child (builder, whim_node_builder_end (child));
    }
  node = whim_node_builder_end (builder);
  sandbox_connection_send (self, node);
  end_stream (self);
}

/* ---- login --------------------------------------------------------------------------------- */

static void
send_failure (Connection *self, guint reason, JsonObject *attrs)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("failure");
  g_autoptr (GList) names = attrs == NULL ? NULL : json_object_get_members (attrs);
  g_autoptr (WhimNode) node = NULL;

  for (GList *l = names; l != NULL; l = l->next)
    whim_node_builder_attr (builder, l->data, json_object_get_string_member (attrs, l->data));

  whim_node_builder_attr_int (builder, "reason", reason);
  whim_node_builder_attr (builder, "location", "sandbox");
  node = whim_node_builder_end (builder);
  sandbox_connection_send (self, node);
  end_stream (self);
}

static void
login (Connection *self, const Wa__ClientPayload *payload)
{
  g_autofree char *digits = g_strdup_printf ("%" G_GUINT64_FORMAT, payload->username);
  Account *account = sandbox_find_number (self->sandbox, digits);
  Device *device = account == NULL ? NULL : sandbox_account_get_device (account, payload->device);
  WhimNodeBuilder *builder;
  g_autoptr (WhimNode) success = NULL;
  g_autoptr (WhimJid) lid = NULL;

  sandbox_count (self->sandbox, "logins");
  if (device == NULL || device->number == 0
      || memcmp (device->noise, self->client_static, WHIM_KEY_SIZE) != 0)
    {
      send_failure (self, 401, NULL);
      return;
    }
  if (device->login_failure != 0)
    {
      send_failure (self, device->login_failure, device->login_failure_attrs);
      return;
    }
  if (payload->useragent != NULL && payload->useragent->appversion != NULL
      && payload->useragent->appversion->tertiary < self->sandbox->minimal_revision)
    {
      send_failure (self, 405, NULL);
      return;
    }
  if (device->connection != NULL)
    sandbox_connection_stream_error (device->connection, NULL, "replaced");
  self->state = CONNECTION_LOGGED_IN;
  self->device = device;
  device->connection = self;
  device->active = FALSE;
  lid = account->told_lid != NULL
            ? whim_jid_new (WHIM_JID_SERVER_LID, account->told_lid, device->number)
            : sandbox_device_jid (device, TRUE);
  builder = whim_node_builder_new ("success");
  whim_node_builder_attr_int (builder, "t", sandbox_now ());
  whim_node_builder_attr_jid (builder, "lid", lid);
  whim_node_builder_attr (builder, "display_name", account->name);
  whim_node_builder_attr (builder, "props", "27");
  whim_node_builder_attr (builder, "location", "sandbox");
  success = whim_node_builder_end (builder);
  sandbox_connection_send (self, success);
  sandbox_control_check (self->sandbox);
}

/* The keys of a device that wants to be linked (dossier 1, 4.3). */
static gboolean
take_registration (Connection *self, const Wa__DevicePairingRegistrationData *data)
{
  guint8 point[33] = { 5 };
  Device *candidate;

  if (data->eregid.len != 4 || data->eident.len != WHIM_KEY_SIZE || data->eskeyid.len != 3
      || data->eskeyval.len != WHIM_KEY_SIZE || data->eskeysig.len != WHIM_SIGNATURE_SIZE
      || data->ekeytype.len != 1 || data->ekeytype.data[0] != 5 || data->buildhash.len != 16
      || !data->has_deviceprops)
    return FALSE;
  whim_copy (point + 1, data->eskeyval.data, WHIM_KEY_SIZE);
  if (!whim_xeddsa_verify (data->eident.data, point, sizeof point, data->eskeysig.data))
    return FALSE;
  candidate = g_new0 (Device, 1);
  candidate->registration_id = whim_read_u32_be (data->eregid.data);
  candidate->skey_id = whim_read_u24_be (data->eskeyid.data);
  whim_copy (candidate->identity, data->eident.data, WHIM_KEY_SIZE);
  whim_copy (candidate->skey, data->eskeyval.data, WHIM_KEY_SIZE);
  whim_copy (candidate->skey_signature, data->eskeysig.data, WHIM_SIGNATURE_SIZE);
  whim_copy (candidate->noise, self->client_static, WHIM_KEY_SIZE);
  self->candidate = candidate;
  return TRUE;
}

static gboolean
take_payload (Connection *self, GBytes *bytes)
{
  g_autoptr (Wa__ClientPayload) payload
      = whim_proto_unpack_bytes (&wa__client_payload__descriptor, bytes, NULL);

  if (payload == NULL)
    return FALSE;
  if (payload->devicepairingdata != NULL)
    {
      if (!take_registration (self, payload->devicepairingdata))
        {
          sandbox_violation (self->sandbox, "a registration payload that cannot be");
          return FALSE;
        }
      self->state = CONNECTION_REGISTRATION;
      sandbox_start_registration (self);
      return TRUE;
    }
  if (!payload->has_username || !payload->has_device)
    return FALSE;
  login (self, payload);
  return TRUE;
}

/* ---- stanzas ------------------------------------------------------------------------------- */

static void
take_ib (Connection *self, WhimNode *ib)
{
  WHIM_FOREACH_CHILD (ib, child)
    {
      g_autofree char *name = g_strconcat ("ib:", whim_node_get_tag (child), NULL);

      sandbox_count (self->sandbox, name);
    }
}

static void
take_stanza (Connection *self, WhimNode *node)
{
  sandbox_record_in (self->sandbox, self, node);
  if (whim_node_is (node, "iq"))
    sandbox_handle_iq (self, node);
  else if (whim_node_is (node, "ib"))
    take_ib (self, node);
  else if (whim_node_is (node, "presence") || whim_node_is (node, "chatstate"))
    {
      if (self->device != NULL && whim_node_is (node, "presence")
          && whim_node_get_attr (node, "to") == NULL)
        self->device->available = !whim_node_attr_equals (node, "type", "unavailable");
    }
  else if (self->device == NULL)
    sandbox_count (self->sandbox, "early"); /* an ack of a pairing notification, a stray presence */
  else if (whim_node_is (node, "message"))
    sandbox_handle_message (self->device, node);
  else if (whim_node_is (node, "receipt"))
    sandbox_handle_receipt (self->device, node);
  else if (whim_node_is (node, "ack"))
    sandbox_handle_ack (self->device, node);
  else
    sandbox_unexpected (self->sandbox, whim_node_get_tag (node));
}

/* From the socket to the payload; the largest number at a time is counted. */
static void
begin_handshake (Connection *self)
{
  Sandbox *sandbox = self->sandbox;

  self->counted = TRUE;
  sandbox->handshakes++;
  sandbox_count_most (sandbox, "most-handshakes", sandbox->handshakes);
}

static void
end_handshake (Connection *self)
{
  if (self->counted)
    self->sandbox->handshakes--;
  self->counted = FALSE;
}

static gboolean
answer_hello (Connection *self, GBytes *frame)
{
  g_autoptr (GBytes) answer = NULL;
  g_autoptr (GBytes) framed = NULL;

  self->responder = whim_noise_responder_new (self->sandbox->identity);
  answer = whim_noise_responder_hello (self->responder, frame, NULL);
  if (answer == NULL)
    return FALSE;
  self->state = CONNECTION_FINISH;
  framed = whim_frame_wrap (NULL, answer);
  write_bytes (self, framed);
  return TRUE;
}

void
sandbox_connection_answer_held (Connection *self)
{
  g_autoptr (GBytes) hello = g_steal_pointer (&self->held_hello);

  if (hello != NULL && self->state == CONNECTION_HELLO && !answer_hello (self, hello))
    sandbox_connection_close (self, FALSE);
}

static gboolean
take_frame (Connection *self, GBytes *frame)
{
  g_autoptr (GBytes) plain = NULL;
  g_autoptr (WhimNode) node = NULL;

  switch (self->state)
    {
    case CONNECTION_HELLO:
      if (!self->sandbox->hold_handshakes)
        return answer_hello (self, frame);
      g_clear_pointer (&self->held_hello, g_bytes_unref);
      self->held_hello = g_bytes_ref (frame);
      sandbox_count (self->sandbox, "held-handshakes");
      return TRUE;
    case CONNECTION_FINISH:
      end_handshake (self);
      return whim_noise_responder_finish (self->responder, frame, &plain, self->client_static,
                                          &self->send, &self->receive, NULL)
             && take_payload (self, plain);
    case CONNECTION_REGISTRATION:
    case CONNECTION_LOGGED_IN:
      plain = whim_noise_cipher_open (self->receive, frame, NULL);
      node = plain == NULL ? NULL : whim_node_decode (plain, NULL);
      if (node == NULL)
        {
          sandbox_violation (self->sandbox, "a frame that cannot be read");
          return FALSE;
        }
      take_stanza (self, node);
      return TRUE;
    case CONNECTION_ENDING:
      return TRUE; /* what is still on its way means nothing */
    case CONNECTION_INTRO:
    case CONNECTION_CLOSED:
    default:
      return FALSE;
    }
}

/* Skips edge routing and checks the intro; FALSE if it is none. */
static gboolean
take_intro (Connection *self)
{
  const guint8 *bytes = self->head->data;
  gsize len = self->head->len;
  gsize at = 0;

  if (len >= 2 && bytes[0] == 'E' && bytes[1] == 'D')
    {
      if (len < ROUTING_HEAD)
        return TRUE;
      at = ROUTING_HEAD + whim_read_u24_be (bytes + 4);
    }
  if (len < at + WHIM_NOISE_INTRO_SIZE)
    return TRUE;
  if (memcmp (bytes + at, WHIM_NOISE_INTRO, WHIM_NOISE_INTRO_SIZE) != 0)
    return FALSE;
  at += WHIM_NOISE_INTRO_SIZE;
  self->state = CONNECTION_HELLO;
  whim_frame_splitter_push (&self->splitter, bytes + at, len - at);
  return TRUE;
}

static void
message_cb (SoupWebsocketConnection *socket, gint type, GBytes *message, gpointer user_data)
{
  Connection *self = user_data;
  g_autoptr (Connection) keep = sandbox_connection_ref (self);
  gsize len;
  gconstpointer data = g_bytes_get_data (message, &len);
  gboolean ok = type == SOUP_WEBSOCKET_DATA_BINARY;
  gboolean cut = self->cut_in != 0 && (gint64)len >= self->cut_in - 1;

  if (cut)
    {
      len = (gsize)(self->cut_in - 1);
      sandbox_count (self->sandbox, "cuts");
    }
  else if (self->cut_in != 0)
    self->cut_in -= (gint64)len;
  if (ok && self->state == CONNECTION_INTRO)
    {
      g_byte_array_append (self->head, data, (guint)len);
      ok = take_intro (self);
    }
  else if (ok)
    whim_frame_splitter_push (&self->splitter, data, len);
  while (ok && self->state != CONNECTION_CLOSED && self->state != CONNECTION_INTRO)
    {
      g_autoptr (GBytes) frame = NULL;
      g_autoptr (GError) error = NULL;

      if (!whim_frame_splitter_pop (&self->splitter, &frame, &error))
        {
          ok = error == NULL;
          break;
        }
      ok = take_frame (self, frame);
    }
  if (!ok || cut)
    sandbox_connection_close (self, FALSE);
}

static void
closed_cb (SoupWebsocketConnection *socket, gpointer user_data)
{
  sandbox_connection_close (user_data, FALSE);
}

Connection *
sandbox_connection_new (Sandbox *sandbox, SoupWebsocketConnection *socket)
{
  Connection *self = g_new0 (Connection, 1);

  self->ref_count = 1;
  self->sandbox = sandbox;
  self->number = ++sandbox->last_connection;
  self->socket = g_object_ref (socket);
  begin_handshake (self);
  self->head = g_byte_array_new ();
  whim_frame_splitter_init (&self->splitter);
  soup_websocket_connection_set_max_incoming_payload_size (socket, WHIM_LIMIT_FRAME);
  g_signal_connect (socket, "message", G_CALLBACK (message_cb), self);
  g_signal_connect (socket, "closed", G_CALLBACK (closed_cb), self);
  return self;
}
