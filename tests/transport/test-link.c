/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "noise/whim-noise.h"
#include "tests/support/whim-test.h"
#include "transport/whim-transport.h"
#include "wire/whim-frame.h"

#include <libsoup/soup.h>
#include <string.h>
#include <zlib.h>

/* A hostile stream: a server that cuts, glues, compresses, lies, goes silent or hangs up, at every
 * place where a link must cope. */

typedef enum
{
  PLAN_GLUED,      /* many frames in one message */
  PLAN_CUT,        /* one byte a message */
  PLAN_COMPRESSED, /* a deflated frame */
  PLAN_GARBAGE,    /* a frame that decrypts to no node, then a good one */
  PLAN_ZERO,       /* a frame of length zero */
  PLAN_WRONG_TAG,  /* a frame that does not decrypt */
  PLAN_TEXT,       /* a text message is not ours, then a good frame */
  PLAN_HANG_UP,    /* no close frame */
  PLAN_NO_HELLO,   /* silence after the ClientHello */
  PLAN_BAD_HELLO,  /* garbage for a ServerHello */
  PLAN_WRONG_ROOT, /* a chain that another root signed */
  PLAN_EXPIRED,
} Plan;

#define N_NODES 20u

typedef struct
{
  Plan plan;
  SoupServer *server;
  char *url;
  WhimNoiseIdentity *identity;
  WhimNoiseResponder *responder;
  WhimNoiseCipher *send;
  WhimNoiseCipher *receive;
  WhimFrameSplitter splitter;
  SoupWebsocketConnection *socket;
  guint stage; /* 0 intro, 1 hello, 2 finish, 3 open */
  guint received;

  WhimTransport *transport;
  WhimLink *link;
  GError *open_error;
  GError *closed_error;
  gboolean opened;
  guint nodes;
} Rig;

static void
server_write (Rig *self, GBytes *bytes)
{
  gsize size = g_bytes_get_size (bytes);
  gsize step = self->plan == PLAN_CUT ? 1 : size;

  for (gsize at = 0; at < size; at += step)
    {
      g_autoptr (GBytes) piece = g_bytes_new_from_bytes (bytes, at, MIN (step, size - at));

      soup_websocket_connection_send_message (self->socket, SOUP_WEBSOCKET_DATA_BINARY, piece);
    }
}

static GBytes *
make_plain (guint number)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("iq");
  g_autoptr (WhimNode) node = NULL;

  whim_node_builder_attr_int (builder, "id", number);
  node = whim_node_builder_end (builder);
  return whim_node_encode (node);
}

static void
seal_into (Rig *self, GByteArray *stream, GBytes *plain)
{
  g_autoptr (GBytes) cipher = whim_noise_cipher_seal (self->send, plain);
  g_autoptr (GBytes) framed = whim_frame_wrap (NULL, cipher);

  g_byte_array_append (stream, g_bytes_get_data (framed, NULL), (guint)g_bytes_get_size (framed));
}

static GBytes *
deflate_plain (GBytes *plain)
{
  gsize len = g_bytes_get_size (plain);
  const guint8 *bytes = g_bytes_get_data (plain, NULL);
  uLongf size = compressBound (len);
  guint8 *out = g_malloc (size + 1);

  out[0] = 2;
  g_assert_cmpint (compress (out + 1, &size, bytes + 1, len - 1), ==, Z_OK);
  return g_bytes_new_take (out, size + 1);
}

/* What the plan says, once the client is in. */
static void
server_play (Rig *self)
{
  g_autoptr (GByteArray) stream = g_byte_array_new ();
  g_autoptr (GBytes) all = NULL;

  if (self->plan == PLAN_ZERO)
    g_byte_array_append (stream, (const guint8 *)"\0\0\0", 3);
  if (self->plan == PLAN_WRONG_TAG)
    g_byte_array_append (stream,
                         (const guint8 *)"\0\0\x11"
                                         "0123456789abcdefg",
                         20);
  if (self->plan == PLAN_GARBAGE)
    {
      g_autoptr (GBytes) garbage = g_bytes_new_static ("\0\xf0\xf1\xf2", 4);

      seal_into (self, stream, garbage);
    }
  if (self->plan == PLAN_TEXT)
    soup_websocket_connection_send_text (self->socket, "hello");
  for (guint i = 0; i < N_NODES; i++)
    {
      g_autoptr (GBytes) plain = make_plain (i);
      g_autoptr (GBytes) packed = self->plan == PLAN_COMPRESSED ? deflate_plain (plain) : NULL;

      seal_into (self, stream, packed != NULL ? packed : plain);
    }
  all = g_byte_array_free_to_bytes (g_steal_pointer (&stream));
  server_write (self, all);
  if (self->plan == PLAN_HANG_UP)
    g_io_stream_close (soup_websocket_connection_get_io_stream (self->socket), NULL, NULL);
}

static void
server_take_frame (Rig *self, GBytes *frame)
{
  g_autoptr (GBytes) answer = NULL;
  g_autoptr (GBytes) framed = NULL;
  g_autoptr (GBytes) payload = NULL;
  guint8 client[WHIM_KEY_SIZE];

  if (self->stage == 1 && self->plan == PLAN_NO_HELLO)
    return;
  if (self->stage == 1)
    {
      answer = self->plan == PLAN_BAD_HELLO
                   ? g_bytes_new_static ("\x1a\x03\x0a\x01\x00", 5)
                   : whim_noise_responder_hello (self->responder, frame, NULL);
      framed = whim_frame_wrap (NULL, answer);
      server_write (self, framed);
      self->stage = 2;
    }
  else if (self->stage == 2)
    {
      g_assert_true (whim_noise_responder_finish (self->responder, frame, &payload, client,
                                                  &self->send, &self->receive, NULL));
      g_assert_cmpmem (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload), "payload", 7);
      self->stage = 3;
      server_play (self);
    }
  else
    {
      g_autoptr (GBytes) plain = whim_noise_cipher_open (self->receive, frame, NULL);

      g_assert_nonnull (plain);
      self->received++;
    }
}

static void
server_message_cb (SoupWebsocketConnection *socket, gint type, GBytes *message, gpointer user_data)
{
  Rig *self = user_data;
  gsize len;
  const guint8 *bytes = g_bytes_get_data (message, &len);
  GBytes *frame = NULL;

  if (self->stage == 0)
    {
      g_assert_cmpmem (bytes, 4, WHIM_NOISE_INTRO, 4);
      whim_frame_splitter_push (&self->splitter, bytes + 4, len - 4);
      self->stage = 1;
    }
  else
    whim_frame_splitter_push (&self->splitter, bytes, len);
  while (whim_frame_splitter_pop (&self->splitter, &frame, NULL))
    {
      server_take_frame (self, frame);
      g_clear_pointer (&frame, g_bytes_unref);
    }
}

static void
server_socket_cb (SoupServer *server,
                  SoupServerMessage *message,
                  const char *path,
                  SoupWebsocketConnection *socket,
                  gpointer user_data)
{
  Rig *self = user_data;

  self->socket = g_object_ref (socket);
  g_signal_connect (socket, "message", G_CALLBACK (server_message_cb), self);
}

static void
nodes_cb (WhimLink *link, GPtrArray *nodes, gpointer user_data)
{
  Rig *self = user_data;

  for (guint i = 0; i < nodes->len; i++)
    g_assert_cmpint (whim_node_get_attr_int (g_ptr_array_index (nodes, i), "id", -1), ==,
                     self->nodes++);
}

static void
closed_cb (WhimLink *link, const GError *error, gpointer user_data)
{
  ((Rig *)user_data)->closed_error = g_error_copy (error);
}

static void
opened_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Rig *self = user_data;

  self->opened = TRUE;
  self->link = whim_transport_open_finish (self->transport, result, &self->open_error);
  if (self->link != NULL)
    whim_link_set_handler (self->link, nodes_cb, closed_cb, self);
}

static void
rig_up (Rig *self, Plan plan, GCancellable *cancellable)
{
  WhimTransportConfig config = { 0 };
  g_autoptr (WhimKeyPair) key = whim_key_pair_new ();
  g_autoptr (GBytes) payload = g_bytes_new_static ("payload", 7);
  g_autoptr (GError) error = NULL;
  GSList *uris;

  memset (self, 0, sizeof *self);
  self->plan = plan;
  self->identity = whim_noise_identity_new (
      0, 1000, plan == PLAN_WRONG_ROOT ? WHIM_NOISE_FLAW_WRONG_ROOT : WHIM_NOISE_FLAW_NONE);
  self->responder = whim_noise_responder_new (self->identity);
  whim_frame_splitter_init (&self->splitter);
  self->server = soup_server_new (NULL, NULL);
  soup_server_add_websocket_handler (self->server, "/ws", NULL, NULL, server_socket_cb, self, NULL);
  g_assert_true (soup_server_listen_local (self->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error));
  uris = soup_server_get_uris (self->server);
  self->url = g_strdup_printf ("ws://127.0.0.1:%d/ws", g_uri_get_port (uris->data));
  g_slist_free_full (uris, (GDestroyNotify)g_uri_unref);
  config.url = self->url;
  config.noise_root = whim_noise_identity_get_root_public (self->identity);
  self->transport = whim_transport_new (&config, &error);
  g_assert_no_error (error);
  whim_transport_open_async (self->transport, key, payload, NULL, plan == PLAN_EXPIRED ? 2000 : 500,
                             cancellable, opened_cb, self);
}

static void
rig_down (Rig *self)
{
  if (self->link != NULL)
    {
      whim_link_close (self->link);
      whim_link_unref (self->link);
    }
  soup_server_disconnect (self->server);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  whim_transport_free (self->transport);
  g_clear_object (&self->socket);
  g_object_unref (self->server);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  whim_frame_splitter_clear (&self->splitter);
  whim_noise_responder_free (self->responder);
  whim_noise_identity_free (self->identity);
  g_clear_pointer (&self->send, whim_noise_cipher_free);
  g_clear_pointer (&self->receive, whim_noise_cipher_free);
  g_clear_error (&self->open_error);
  g_clear_error (&self->closed_error);
  g_free (self->url);
}

static void
wait_for (gboolean *flag)
{
  while (!*flag)
    g_main_context_iteration (NULL, TRUE);
}

/* Plans after which every node arrives, in order, and the other direction works. */
static void
test_copes (gconstpointer data)
{
  Rig rig;

  rig_up (&rig, (Plan)GPOINTER_TO_UINT (data), NULL);
  wait_for (&rig.opened);
  g_assert_no_error (rig.open_error);
  while (rig.nodes < N_NODES)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GBytes) plain = make_plain (i);

      whim_link_send_encoded (rig.link, plain);
    }
  while (rig.received < 3)
    g_main_context_iteration (NULL, TRUE);
  if (rig.plan != PLAN_HANG_UP)
    g_assert_no_error (rig.closed_error);
  rig_down (&rig);
}

/* Plans that end the link, with all that came before delivered. */
static void
test_ends (gconstpointer data)
{
  Rig rig;

  rig_up (&rig, (Plan)GPOINTER_TO_UINT (data), NULL);
  wait_for (&rig.opened);
  g_assert_no_error (rig.open_error);
  while (rig.closed_error == NULL)
    g_main_context_iteration (NULL, TRUE);
  if (rig.plan == PLAN_HANG_UP)
    g_assert_error (rig.closed_error, WHIM_TRANSPORT_ERROR, WHIM_TRANSPORT_ERROR_CLOSED);
  else
    g_assert_cmpuint (rig.nodes, ==, 0);
  rig_down (&rig);
}

typedef struct
{
  Plan plan;
  gint code; /* of WHIM_NOISE_ERROR */
} Refusal;

static void
test_refuses (gconstpointer data)
{
  const Refusal *refusal = data;
  Rig rig;

  rig_up (&rig, refusal->plan, NULL);
  wait_for (&rig.opened);
  g_assert_null (rig.link);
  g_assert_error (rig.open_error, WHIM_NOISE_ERROR, refusal->code);
  g_assert_cmpuint (rig.stage, <, 3); /* the payload was never told to the wrong server */
  rig_down (&rig);
}

static void
test_cancel (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Rig rig;

  rig_up (&rig, PLAN_NO_HELLO, cancellable);
  while (rig.stage == 0)
    g_main_context_iteration (NULL, TRUE);
  g_cancellable_cancel (cancellable);
  wait_for (&rig.opened);
  g_assert_error (rig.open_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  rig_down (&rig);
}

static void
test_nobody_there (void)
{
  Rig rig;

  rig_up (&rig, PLAN_GLUED, NULL);
  soup_server_disconnect (rig.server);
  wait_for (&rig.opened);
  g_assert_nonnull (rig.open_error);
  rig_down (&rig);
}

int
main (int argc, char **argv)
{
  static const Refusal refusals[] = { { PLAN_BAD_HELLO, WHIM_NOISE_ERROR_MALFORMED },
                                      { PLAN_WRONG_ROOT, WHIM_NOISE_ERROR_CERTIFICATE },
                                      { PLAN_EXPIRED, WHIM_NOISE_ERROR_CLOCK } };
#define P(plan) GUINT_TO_POINTER (plan)

  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/link/glued", P (PLAN_GLUED), test_copes);
  g_test_add_data_func ("/link/cut", P (PLAN_CUT), test_copes);
  g_test_add_data_func ("/link/compressed", P (PLAN_COMPRESSED), test_copes);
  g_test_add_data_func ("/link/garbage", P (PLAN_GARBAGE), test_copes);
  g_test_add_data_func ("/link/text", P (PLAN_TEXT), test_copes);
  g_test_add_data_func ("/link/zero", P (PLAN_ZERO), test_ends);
  g_test_add_data_func ("/link/wrong-tag", P (PLAN_WRONG_TAG), test_ends);
  g_test_add_data_func ("/link/hang-up", P (PLAN_HANG_UP), test_ends);
  g_test_add_data_func ("/link/bad-hello", &refusals[0], test_refuses);
  g_test_add_data_func ("/link/wrong-root", &refusals[1], test_refuses);
  g_test_add_data_func ("/link/expired", &refusals[2], test_refuses);
  g_test_add_func ("/link/cancel", test_cancel);
  g_test_add_func ("/link/nobody-there", test_nobody_there);
  return g_test_run ();
}
