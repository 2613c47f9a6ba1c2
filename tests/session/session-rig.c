/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session-rig.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "proto/whim-proto.h"
#include "session/whim-client-payload.h"

#include <stdarg.h>
#include <string.h>

#define NOW G_GINT64_CONSTANT (1750000000)
#define DEVICE 3u

guint rig_steps[WHIM_SESSION_N_STATES][WHIM_SESSION_N_EVENTS];
gboolean rig_ever[WHIM_SESSION_N_STATES][WHIM_SESSION_N_EVENTS];

static void
step_watch (WhimSessionState state, WhimSessionEvent event)
{
  rig_steps[state][event]++;
  rig_ever[state][event] = TRUE;
}

void
rig_forget_steps (void)
{
  memset (rig_steps, 0, sizeof rig_steps);
}

gboolean
rig_stuck_cb (gpointer condition)
{
  for (guint state = 0; state < WHIM_SESSION_N_STATES; state++)
    for (guint event = 0; event < WHIM_SESSION_N_EVENTS; event++)
      if (rig_steps[state][event] > 0)
        g_printerr ("# saw %s: %s\n", whim_session_state_to_word ((WhimSessionState)state),
                    whim_session_event_to_word ((WhimSessionEvent)event));
  g_error ("never: %s", (const char *)condition);
  return G_SOURCE_CONTINUE;
}

/* ---- the server ------------------------------------------------------------------------------ */

Peer *
rig_peer (Rig *self)
{
  return self->peers->len == 0 ? NULL : g_ptr_array_index (self->peers, self->peers->len - 1);
}

static void
peer_free (gpointer data)
{
  Peer *self = data;

  g_signal_handlers_disconnect_by_data (self->socket, self);
  g_object_unref (self->socket);
  g_clear_pointer (&self->responder, whim_noise_responder_free);
  g_clear_pointer (&self->send, whim_noise_cipher_free);
  g_clear_pointer (&self->receive, whim_noise_cipher_free);
  g_clear_pointer (&self->held, g_bytes_unref);
  whim_frame_splitter_clear (&self->splitter);
  g_free (self);
}

static void
peer_write (Peer *self, GBytes *payload)
{
  g_autoptr (GBytes) framed = whim_frame_wrap (NULL, payload);

  if (soup_websocket_connection_get_state (self->socket) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_send_message (self->socket, SOUP_WEBSOCKET_DATA_BINARY, framed);
}

static void
peer_send (Peer *self, WhimNode *node)
{
  g_autoptr (GBytes) plain = whim_node_encode (node);
  g_autoptr (GBytes) sealed = whim_noise_cipher_seal (self->send, plain);

  peer_write (self, sealed);
}

void
rig_send (Rig *self, WhimNode *node)
{
  g_autoptr (WhimNode) owned = node;

  peer_send (rig_peer (self), owned);
}

void
rig_hang_up (Rig *self)
{
  g_io_stream_close (soup_websocket_connection_get_io_stream (rig_peer (self)->socket), NULL, NULL);
}

static WhimNode *
node_va (const char *tag, WhimNode *child, va_list attrs)
{
  WhimNodeBuilder *builder = whim_node_builder_new (tag);
  const char *name;

  while ((name = va_arg (attrs, const char *)) != NULL)
    whim_node_builder_attr (builder, name, va_arg (attrs, const char *));
  if (child != NULL)
    whim_node_builder_child (builder, child);
  return whim_node_builder_end (builder);
}

WhimNode *
rig_node (const char *tag, ...)
{
  va_list attrs;
  WhimNode *node;

  va_start (attrs, tag);
  node = node_va (tag, NULL, attrs);
  va_end (attrs);
  return node;
}

WhimNode *
rig_node_with (const char *tag, WhimNode *child, ...)
{
  va_list attrs;
  WhimNode *node;

  va_start (attrs, child);
  node = node_va (tag, child, attrs);
  va_end (attrs);
  return node;
}

/* What any login asks is answered, but for a wish to be removed. */
static void
peer_take_node (Peer *self, WhimNode *node)
{
  const char *id = whim_node_get_attr (node, "id");
  WhimNode *child = NULL;
  g_autoptr (WhimNode) answer = NULL;

  if (!whim_node_is (node, "iq")
      || !(whim_node_attr_equals (node, "type", "get")
           || whim_node_attr_equals (node, "type", "set")))
    return;
  if (whim_node_attr_equals (node, "xmlns", "md"))
    {
      g_assert_nonnull (whim_node_find_child (node, "remove-companion-device"));
      g_free (self->rig->unlink_id);
      self->rig->unlink_id = g_strdup (id);
      return;
    }
  if (whim_node_attr_equals (node, "xmlns", "encrypt"))
    child = rig_node ("count", "value", "812", NULL);
  answer = rig_node_with ("iq", child, "from", "s.whatsapp.net", "type", "result", "id", id, NULL);
  peer_send (self, answer);
}

static void
peer_take_hello (Peer *self, GBytes *hello)
{
  g_autoptr (GBytes) answer = NULL;

  if (self->rig->hold_hello)
    {
      self->held = g_bytes_ref (hello);
      return;
    }
  self->responder = whim_noise_responder_new (self->rig->wrong_root ? self->rig->wrong_identity
                                                                    : self->rig->identity);
  answer = whim_noise_responder_hello (self->responder, hello, NULL);
  peer_write (self, answer);
  self->stage = 2;
}

void
rig_let_hello (Rig *self)
{
  Peer *peer = rig_peer (self);
  g_autoptr (GBytes) hello = g_steal_pointer (&peer->held);

  self->hold_hello = FALSE;
  peer_take_hello (peer, hello);
}

static void
peer_take_frame (Peer *self, GBytes *frame)
{
  if (self->stage == 1)
    peer_take_hello (self, frame);
  else if (self->stage == 2)
    {
      g_autoptr (GBytes) payload = NULL;
      guint8 client[WHIM_KEY_SIZE];

      g_assert_true (whim_noise_responder_finish (self->responder, frame, &payload, client,
                                                  &self->send, &self->receive, NULL));
      self->stage = 3;
    }
  else
    {
      g_autoptr (GBytes) plain = whim_noise_cipher_open (self->receive, frame, NULL);
      g_autoptr (WhimNode) node = NULL;

      g_assert_nonnull (plain);
      node = whim_node_decode (plain, NULL);
      g_assert_nonnull (node);
      peer_take_node (self, node);
    }
}

static void
message_cb (SoupWebsocketConnection *socket, gint type, GBytes *message, gpointer user_data)
{
  Peer *self = user_data;
  gsize len;
  const guint8 *bytes = g_bytes_get_data (message, &len);
  GBytes *frame = NULL;

  if (self->stage == 0)
    {
      g_assert_cmpmem (bytes, WHIM_NOISE_INTRO_SIZE, WHIM_NOISE_INTRO, WHIM_NOISE_INTRO_SIZE);
      whim_frame_splitter_push (&self->splitter, bytes + WHIM_NOISE_INTRO_SIZE,
                                len - WHIM_NOISE_INTRO_SIZE);
      self->stage = 1;
    }
  else
    whim_frame_splitter_push (&self->splitter, bytes, len);
  while (whim_frame_splitter_pop (&self->splitter, &frame, NULL))
    {
      peer_take_frame (self, frame);
      g_clear_pointer (&frame, g_bytes_unref);
    }
}

static void
closed_cb (SoupWebsocketConnection *socket, gpointer user_data)
{
  ((Peer *)user_data)->open = FALSE;
}

static void
socket_cb (SoupServer *server,
           SoupServerMessage *message,
           const char *path,
           SoupWebsocketConnection *socket,
           gpointer user_data)
{
  Rig *self = user_data;
  Peer *peer = g_new0 (Peer, 1);

  peer->rig = self;
  peer->socket = g_object_ref (socket);
  peer->open = TRUE;
  whim_frame_splitter_init (&peer->splitter);
  g_signal_connect (socket, "message", G_CALLBACK (message_cb), peer);
  g_signal_connect (socket, "closed", G_CALLBACK (closed_cb), peer);
  g_ptr_array_add (self->peers, peer);
}

/* ---- what the phone says --------------------------------------------------------------------- */

void
rig_send_refs (Rig *self)
{
  WhimNodeBuilder *device = whim_node_builder_new ("pair-device");

  for (guint i = 0; i < 6; i++)
    {
      WhimNodeBuilder *ref = whim_node_builder_new ("ref");

      whim_node_builder_data (ref, "2@ref", 5);
      whim_node_builder_child (device, whim_node_builder_end (ref));
    }
  rig_send (self, rig_node_with ("iq", whim_node_builder_end (device), "from", "s.whatsapp.net",
                                 "id", "1", "type", "set", "xmlns", "md", NULL));
}

static GBytes *
make_container (const WhimCredentials *keys)
{
  Wa__ADVDeviceIdentity details = WA__ADVDEVICE_IDENTITY__INIT;
  Wa__ADVSignedDeviceIdentity identity = WA__ADVSIGNED_DEVICE_IDENTITY__INIT;
  Wa__ADVSignedDeviceIdentityHMAC container = WA__ADVSIGNED_DEVICE_IDENTITY_HMAC__INIT;
  g_autoptr (WhimKeyPair) account = whim_key_pair_new ();
  g_autoptr (GBytes) detail_bytes = NULL;
  g_autoptr (GBytes) message = NULL;
  g_autoptr (GBytes) signed_bytes = NULL;
  guint8 signature[WHIM_SIGNATURE_SIZE];
  guint8 mac[32];
  WhimWriter writer;

  details.has_rawid = details.has_timestamp = details.has_keyindex = TRUE;
  details.rawid = 7;
  details.timestamp = NOW;
  details.keyindex = 1;
  detail_bytes = whim_proto_pack (&details);
  whim_writer_init (&writer, 128);
  whim_writer_put (&writer, "\6\0", 2);
  whim_writer_put_bytes (&writer, detail_bytes);
  whim_writer_put (&writer, whim_key_pair_get_public (keys->identity), WHIM_KEY_SIZE);
  message = whim_writer_end (&writer);
  whim_xeddsa_sign (account, g_bytes_get_data (message, NULL), g_bytes_get_size (message),
                    signature);
  identity.has_details = identity.has_accountsignaturekey = identity.has_accountsignature = TRUE;
  identity.details = whim_proto_data_bytes (detail_bytes);
  identity.accountsignaturekey
      = whim_proto_data (whim_key_pair_get_public (account), WHIM_KEY_SIZE);
  identity.accountsignature = whim_proto_data (signature, sizeof signature);
  signed_bytes = whim_proto_pack (&identity);
  whim_hmac_sha256 (whim_secret_get (keys->adv_secret), whim_secret_get_size (keys->adv_secret), "",
                    0, g_bytes_get_data (signed_bytes, NULL), g_bytes_get_size (signed_bytes), mac);
  container.has_details = container.has_hmac = TRUE;
  container.details = whim_proto_data_bytes (signed_bytes);
  container.hmac = whim_proto_data (mac, sizeof mac);
  return whim_proto_pack (&container);
}

void
rig_send_pair_success (Rig *self)
{
  WhimNodeBuilder *success = whim_node_builder_new ("pair-success");
  WhimNodeBuilder *identity = whim_node_builder_new ("device-identity");
  g_autoptr (GBytes) container = make_container (self->session->credentials);

  whim_node_builder_bytes (identity, container);
  whim_node_builder_child (success, whim_node_builder_end (identity));
  whim_node_builder_child (success, rig_node ("device", "jid", "4915550000001:3@s.whatsapp.net",
                                              "lid", "100000000000001:3@lid", NULL));
  rig_send (self, rig_node_with ("iq", whim_node_builder_end (success), "from", "s.whatsapp.net",
                                 "id", "2", "type", "set", "xmlns", "md", NULL));
}

/* ---- the host -------------------------------------------------------------------------------- */

typedef struct
{
  WhimSessionCommitted done;
  gpointer data;
  gboolean ok;
} Job;

void
rig_run_jobs (Rig *self)
{
  Job *job;

  while ((job = g_queue_pop_head (&self->jobs)) != NULL)
    {
      job->done (self->session, job->ok, job->data);
      g_free (job);
    }
}

static gboolean
jobs_cb (gpointer user_data)
{
  Rig *self = user_data;

  self->jobs_source = 0;
  rig_run_jobs (self);
  return G_SOURCE_REMOVE;
}

/* A commit is never done before the call that asked for it returns. */
static void
add_job (Rig *self, WhimSessionCommitted done, gpointer data, gboolean ok)
{
  Job *job = g_new0 (Job, 1);

  job->done = done;
  job->data = data;
  job->ok = ok;
  g_queue_push_tail (&self->jobs, job);
  if (self->jobs_source == 0 && !self->hold_jobs)
    self->jobs_source = g_idle_add (jobs_cb, self);
}

static void
host_state_changed (WhimSession *session, gpointer user_data)
{
  ((Rig *)user_data)->told++;
}

static void
host_save (WhimSession *session,
           const WhimCredentials *credentials,
           WhimSessionCommitted done,
           gpointer data,
           gpointer user_data)
{
  Rig *self = user_data;

  self->saved++;
  add_job (self, done, data, !self->fail_saves);
}

static void
host_erase (WhimSession *session, WhimSessionCommitted done, gpointer data, gpointer user_data)
{
  Rig *self = user_data;

  self->erased++;
  add_job (self, done, data, TRUE);
}

static void
host_upload (WhimSession *session,
             guint n,
             WhimSessionCommitted done,
             gpointer data,
             gpointer user_data)
{
  add_job (user_data, done, data, TRUE);
}

static gboolean
host_stanza (WhimSession *session, WhimNode *node, gpointer user_data)
{
  return FALSE;
}

static void
host_changed (WhimSession *session, gpointer user_data)
{
}

static void
host_expires (WhimSession *session, gint64 at, gpointer user_data)
{
}

static const WhimSessionHost host
    = { host_state_changed, host_save,    host_erase,   host_upload,
        host_stanza,        host_changed, host_changed, host_expires };

/* ---- life ------------------------------------------------------------------------------------ */

static WhimCredentials *
make_keys (Rig *self)
{
  WhimCredentials *keys = whim_credentials_generate (NOW * 1000);

  keys->pn = whim_jid_new (WHIM_JID_SERVER_USER, "4915550000001", DEVICE);
  keys->lid = whim_jid_new (WHIM_JID_SERVER_LID, "100000000000001", DEVICE);
  keys->noise_root
      = g_bytes_new (whim_noise_identity_get_root_public (self->identity), WHIM_KEY_SIZE);
  return keys;
}

void
rig_up (Rig *self, gboolean paired)
{
  WhimTransportConfig transport_config = { 0 };
  WhimSessionConfig config = { 0 };
  g_autofree char *url = NULL;
  g_autoptr (GError) error = NULL;
  GSList *uris;

  memset (self, 0, sizeof *self);
  self->peers = g_ptr_array_new_with_free_func (peer_free);
  self->identity = whim_noise_identity_new (0, NOW * 2, WHIM_NOISE_FLAW_NONE);
  self->wrong_identity = whim_noise_identity_new (0, NOW * 2, WHIM_NOISE_FLAW_NONE);
  self->server = soup_server_new (NULL, NULL);
  soup_server_add_websocket_handler (self->server, "/ws", NULL, NULL, socket_cb, self, NULL);
  g_assert_true (soup_server_listen_local (self->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error));
  uris = soup_server_get_uris (self->server);
  url = g_strdup_printf ("ws://127.0.0.1:%d/ws", g_uri_get_port (uris->data));
  g_slist_free_full (uris, (GDestroyNotify)g_uri_unref);
  transport_config.url = url;
  transport_config.noise_root = whim_noise_identity_get_root_public (self->identity);
  self->transport = whim_transport_new (&transport_config, &error);
  g_assert_no_error (error);
  self->clock = whim_clock_new_manual (NOW * 1000);
  whim_clock_advance (self->clock, 1000); /* a machine that just started is none of the cases */
  config.clock = self->clock;
  config.transport = self->transport;
  config.noise_root = transport_config.noise_root;
  config.version.primary = 2;
  config.version.secondary = 3000;
  config.version.tertiary = 1;
  config.host = &host;
  config.host_data = self;
  config.log_name = "ch_test";
  self->session = whim_session_new (&config, paired ? make_keys (self) : NULL,
                                    paired ? WHIM_SESSION_OFFLINE : WHIM_SESSION_UNLINKED,
                                    paired ? WHIM_REASON_REQUESTED : WHIM_REASON_NEVER_PAIRED);
  rig_forget_steps ();
  whim_session_watch_steps (step_watch);
}

void
rig_down (Rig *self)
{
  whim_session_watch_steps (NULL);
  rig_run_jobs (self);
  g_clear_handle_id (&self->jobs_source, g_source_remove);
  whim_session_free (self->session);
  soup_server_disconnect (self->server);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  whim_transport_free (self->transport);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_ptr_array_unref (self->peers);
  g_object_unref (self->server);
  whim_clock_unref (self->clock);
  whim_noise_identity_free (self->identity);
  whim_noise_identity_free (self->wrong_identity);
  g_free (self->unlink_id);
}
