/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "transport/whim-shard-private.h"

#include "base/whim-limits.h"

#include <string.h>

/* One network thread. Everything here but the functions of the private header runs on it. */

struct _WhimShard
{
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  WhimMailbox *commands;
  SoupSession *session;
  char *url;
  char *origin;
  GTlsDatabase *tls_database;
  GHashTable *links; /* set of WhimLink with an open or opening socket; the thread's own */
  gint n_links;      /* atomic; counts until the link is freed */
};

static void link_fail (WhimLink *link, GError *error);

static void
command_free (gpointer data)
{
  ShardCommand *command = data;

  g_clear_pointer (&command->link, whim_link_unref);
  g_clear_pointer (&command->node, whim_node_unref);
  g_clear_pointer (&command->encoded, g_bytes_unref);
  g_free (command);
}

static void
link_post (WhimLink *link, LinkEventType type, GPtrArray *nodes, gint size, GError *error)
{
  LinkEvent *event = g_new0 (LinkEvent, 1);

  event->type = type;
  event->link = whim_link_ref (link);
  event->nodes = nodes;
  event->size = size;
  event->error = error;
  whim_mailbox_post (link->to_main, event);
}

/* Lets go of the socket. Safe to call twice. */
static void
link_release (WhimLink *link, gboolean polite)
{
  link->state = LINK_CLOSED;
  g_cancellable_cancel (link->connect_cancellable);
  if (link->socket != NULL)
    {
      g_signal_handlers_disconnect_by_data (link->socket, link);
      if (polite && soup_websocket_connection_get_state (link->socket) == SOUP_WEBSOCKET_STATE_OPEN)
        soup_websocket_connection_close (link->socket, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
      else
        g_io_stream_close (soup_websocket_connection_get_io_stream (link->socket), NULL, NULL);
      g_clear_object (&link->socket);
    }
  whim_frame_splitter_clear (&link->splitter);
  g_clear_pointer (&link->handshake, whim_noise_handshake_free);
  g_clear_pointer (&link->send_cipher, whim_noise_cipher_free);
  g_clear_pointer (&link->receive_cipher, whim_noise_cipher_free);
  g_hash_table_remove (link->shard->links, link);
}

static void
link_fail (WhimLink *link, GError *error)
{
  if (link->state == LINK_CLOSED)
    {
      g_error_free (error);
      return;
    }
  link_post (link, LINK_EVENT_CLOSED, NULL, 0, error);
  link_release (link, FALSE);
}

static void
link_write (WhimLink *link, GBytes *bytes)
{
  link->sent_since_heard += g_bytes_get_size (bytes);
  if (link->sent_since_heard > WHIM_LIMIT_LINK_UNSENT)
    {
      link_fail (link, g_error_new_literal (WHIM_TRANSPORT_ERROR, WHIM_TRANSPORT_ERROR_OVERFLOW,
                                            "the server takes nothing any more"));
      return;
    }
  /* Being closed by the other side: "closed" is about to say so, and what is written now is lost
   * like all that was not answered. */
  if (soup_websocket_connection_get_state (link->socket) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_send_message (link->socket, SOUP_WEBSOCKET_DATA_BINARY, bytes);
}

static void
link_write_frame (WhimLink *link, GBytes *prefix, GBytes *payload)
{
  g_autoptr (GBytes) framed = whim_frame_wrap (prefix, payload);

  link_write (link, framed);
}

static gboolean
link_finish_handshake (WhimLink *link, GBytes *server_hello, GError **error)
{
  g_autoptr (GBytes) finish
      = whim_noise_handshake_finish (link->handshake, server_hello, link->payload, link->unix_now,
                                     &link->send_cipher, &link->receive_cipher, error);

  if (finish == NULL)
    return FALSE;
  g_clear_pointer (&link->handshake, whim_noise_handshake_free);
  g_clear_pointer (&link->payload, g_bytes_unref);
  link_write_frame (link, NULL, finish);
  link->state = LINK_OPEN;
  link_post (link, LINK_EVENT_OPENED, NULL, 0, NULL);
  return TRUE;
}

/* Decrypts and decodes one frame. A frame that decrypts but does not decode can only be a bug on
 * one side; it is dropped and the connection goes on (dossier 1, 3.6). */
static gboolean
link_take_frame (WhimLink *link, GBytes *frame, GPtrArray *nodes, GError **error)
{
  g_autoptr (GBytes) plain = whim_noise_cipher_open (link->receive_cipher, frame, error);
  g_autoptr (GError) decode_error = NULL;
  WhimNode *node;

  if (plain == NULL)
    return FALSE;
  node = whim_node_decode (plain, &decode_error);
  if (node == NULL)
    g_debug ("dropping a frame of %" G_GSIZE_FORMAT " bytes: %s", g_bytes_get_size (plain),
             decode_error->message);
  else
    g_ptr_array_add (nodes, node);
  return TRUE;
}

static void
link_deliver (WhimLink *link, GPtrArray *nodes, gint size)
{
  if (nodes->len == 0)
    {
      g_ptr_array_unref (nodes);
      return;
    }
  if (g_atomic_int_add (&link->backlog, size) + size > (gint)WHIM_LIMIT_LINK_BACKLOG)
    {
      g_ptr_array_unref (nodes);
      link_fail (link, g_error_new_literal (WHIM_TRANSPORT_ERROR, WHIM_TRANSPORT_ERROR_OVERFLOW,
                                            "more arrives than can be handled"));
      return;
    }
  link_post (link, LINK_EVENT_NODES, nodes, size, NULL);
}

static void
link_message_cb (SoupWebsocketConnection *socket, gint type, GBytes *message, gpointer user_data)
{
  WhimLink *link = user_data;
  g_autoptr (WhimLink) keep = whim_link_ref (link);
  g_autoptr (GPtrArray) nodes = NULL;
  GError *error = NULL;
  gsize len;
  gconstpointer data = g_bytes_get_data (message, &len);
  gint size = 0;

  if (type != SOUP_WEBSOCKET_DATA_BINARY || link->state == LINK_CLOSED)
    return;
  link->sent_since_heard = 0;
  whim_frame_splitter_push (&link->splitter, data, len);
  nodes = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_node_unref);
  while (link->state != LINK_CLOSED)
    {
      g_autoptr (GBytes) frame = NULL;
      gboolean ok;

      if (!whim_frame_splitter_pop (&link->splitter, &frame, &error))
        break;
      if (link->state == LINK_HELLO)
        {
          ok = link_finish_handshake (link, frame, &error);
        }
      else
        {
          size += (gint)g_bytes_get_size (frame);
          ok = link_take_frame (link, frame, nodes, &error);
        }
      if (!ok)
        break;
    }
  if (link->state == LINK_OPEN)
    link_deliver (link, g_steal_pointer (&nodes), size);
  if (error != NULL)
    link_fail (link, error);
}

static void
link_closed_cb (SoupWebsocketConnection *socket, gpointer user_data)
{
  link_fail (user_data, g_error_new_literal (WHIM_TRANSPORT_ERROR, WHIM_TRANSPORT_ERROR_CLOSED,
                                             "the connection was closed"));
}

static void
link_error_cb (SoupWebsocketConnection *socket, GError *error, gpointer user_data)
{
  link_fail (user_data, g_error_new (WHIM_TRANSPORT_ERROR, WHIM_TRANSPORT_ERROR_CLOSED,
                                     "the connection broke: %s", error->message));
}

/* The prefix of the first frame: edge routing if we have any, then the intro (dossier 1, 1.3). */
static GBytes *
link_make_intro (WhimLink *link)
{
  GByteArray *intro = g_byte_array_new ();

  if (link->routing_info != NULL)
    {
      gsize len;
      gconstpointer data = g_bytes_get_data (link->routing_info, &len);
      guint8 head[] = { 'E', 'D', 0, 1, (guint8)(len >> 16), (guint8)(len >> 8), (guint8)len };

      g_byte_array_append (intro, head, sizeof head);
      g_byte_array_append (intro, data, (guint)len);
    }
  g_byte_array_append (intro, (const guint8 *)WHIM_NOISE_INTRO, WHIM_NOISE_INTRO_SIZE);
  return g_byte_array_free_to_bytes (intro);
}

static void
link_connected_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimLink) link = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SoupWebsocketConnection) socket = NULL;
  g_autoptr (GBytes) intro = NULL;
  g_autoptr (GBytes) hello = NULL;

  socket = soup_session_websocket_connect_finish (SOUP_SESSION (source), result, &error);
  if (link->state == LINK_CLOSED)
    {
      if (socket != NULL)
        g_io_stream_close (soup_websocket_connection_get_io_stream (socket), NULL, NULL);
      return;
    }
  if (socket == NULL)
    {
      link_fail (link, g_error_new (WHIM_TRANSPORT_ERROR, WHIM_TRANSPORT_ERROR_CONNECT,
                                    "cannot connect: %s", error->message));
      return;
    }
  link->socket = g_steal_pointer (&socket);
  soup_websocket_connection_set_max_incoming_payload_size (link->socket, WHIM_LIMIT_FRAME + 4u);
  g_signal_connect (link->socket, "message", G_CALLBACK (link_message_cb), link);
  g_signal_connect (link->socket, "closed", G_CALLBACK (link_closed_cb), link);
  g_signal_connect (link->socket, "error", G_CALLBACK (link_error_cb), link);
  link->state = LINK_HELLO;
  intro = link_make_intro (link);
  hello = whim_noise_handshake_start (link->handshake);
  link_write_frame (link, intro, hello);
}

static void
link_open (WhimShard *self, WhimLink *link)
{
  g_autoptr (SoupMessage) message = soup_message_new (SOUP_METHOD_GET, self->url);
  SoupMessageHeaders *headers;

  if (message == NULL)
    {
      link_fail (link, g_error_new_literal (WHIM_TRANSPORT_ERROR, WHIM_TRANSPORT_ERROR_CONNECT,
                                            "the URL cannot be parsed"));
      return;
    }
  g_hash_table_add (self->links, whim_link_ref (link));
  headers = soup_message_get_request_headers (message);
  soup_message_headers_replace (headers, "Cache-Control", "no-cache");
  soup_message_headers_replace (headers, "Pragma", "no-cache");
  soup_session_websocket_connect_async (self->session, message, self->origin, NULL,
                                        G_PRIORITY_DEFAULT, link->connect_cancellable,
                                        link_connected_cb, whim_link_ref (link));
}

static void
link_send (WhimLink *link, WhimNode *node, GBytes *encoded)
{
  g_autoptr (GBytes) plain = NULL;
  g_autoptr (GBytes) cipher = NULL;

  if (link->state != LINK_OPEN)
    return;
  plain = encoded != NULL ? g_bytes_ref (encoded) : whim_node_encode (node);
  if (g_bytes_get_size (plain) + WHIM_GCM_TAG_SIZE > WHIM_LIMIT_FRAME)
    {
      g_warning ("a stanza of %" G_GSIZE_FORMAT " bytes fits no frame", g_bytes_get_size (plain));
      return;
    }
  cipher = whim_noise_cipher_seal (link->send_cipher, plain);
  link_write_frame (link, NULL, cipher);
}

static void
shard_quit (WhimShard *self)
{
  g_autoptr (GPtrArray) links = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_link_unref);
  GHashTableIter iter;
  gpointer link;

  g_hash_table_iter_init (&iter, self->links);
  while (g_hash_table_iter_next (&iter, &link, NULL))
    g_ptr_array_add (links, whim_link_ref (link));
  for (guint i = 0; i < links->len; i++)
    link_release (g_ptr_array_index (links, i), FALSE);
  g_main_loop_quit (self->loop);
}

static void
shard_command_cb (gpointer item, gpointer user_data)
{
  WhimShard *self = user_data;
  ShardCommand *command = item;

  switch (command->type)
    {
    case SHARD_COMMAND_OPEN:
      link_open (self, command->link);
      break;
    case SHARD_COMMAND_SEND:
      link_send (command->link, command->node, command->encoded);
      break;
    case SHARD_COMMAND_CLOSE:
      if (command->link->state != LINK_CLOSED)
        link_release (command->link, TRUE);
      break;
    case SHARD_COMMAND_QUIT:
      shard_quit (self);
      break;
    default:
      g_assert_not_reached ();
    }
  command_free (command);
}

static gpointer
shard_thread (gpointer user_data)
{
  WhimShard *self = user_data;

  g_main_context_push_thread_default (self->context);
  self->session = soup_session_new_with_options (
      "max-conns", (gint)WHIM_SHARD_MAX_LINKS * 2, "max-conns-per-host",
      (gint)WHIM_SHARD_MAX_LINKS * 2, "timeout", 0u, "idle-timeout", 0u, NULL);
  if (self->tls_database != NULL)
    soup_session_set_tls_database (self->session, self->tls_database);
  g_main_loop_run (self->loop);
  /* Lets closing sockets finish what they had begun, so that nothing holds a link any more. */
  soup_session_abort (self->session);
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_clear_object (&self->session);
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

WhimShard *
whim_shard_new (const char *url, const char *origin, GTlsDatabase *tls_database)
{
  WhimShard *self = g_new0 (WhimShard, 1);

  self->url = g_strdup (url);
  self->origin = g_strdup (origin);
  self->tls_database = tls_database == NULL ? NULL : g_object_ref (tls_database);
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  self->links = g_hash_table_new_full (NULL, NULL, (GDestroyNotify)whim_link_unref, NULL);
  self->commands = whim_mailbox_new (self->context, shard_command_cb, self, command_free);
  self->thread = g_thread_new ("whim-shard", shard_thread, self);
  return self;
}

void
whim_shard_free (WhimShard *self)
{
  whim_shard_post (self, SHARD_COMMAND_QUIT, NULL, NULL, NULL);
  g_thread_join (self->thread);
  whim_mailbox_close (self->commands);
  whim_mailbox_unref (self->commands);
  g_hash_table_unref (self->links);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_clear_object (&self->tls_database);
  g_free (self->url);
  g_free (self->origin);
  g_free (self);
}

guint
whim_shard_get_n_links (WhimShard *self)
{
  return (guint)g_atomic_int_get (&self->n_links);
}

void
whim_shard_add_link (WhimShard *self)
{
  g_atomic_int_inc (&self->n_links);
}

void
whim_shard_remove_link (WhimShard *self)
{
  (void)g_atomic_int_dec_and_test (&self->n_links);
}

void
whim_shard_post (WhimShard *self,
                 ShardCommandType type,
                 WhimLink *link,
                 WhimNode *node,
                 GBytes *encoded)
{
  ShardCommand *command = g_new0 (ShardCommand, 1);

  command->type = type;
  command->link = link == NULL ? NULL : whim_link_ref (link);
  command->node = node == NULL ? NULL : whim_node_ref (node);
  command->encoded = encoded == NULL ? NULL : g_bytes_ref (encoded);
  whim_mailbox_post (self->commands, command);
}
