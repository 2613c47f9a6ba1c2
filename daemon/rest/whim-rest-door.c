/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-door.h"

#include "base/whim-limits.h"

#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 512
/* After nobody could be let in, for want of descriptors perhaps. */
#define PAUSE_MS 100

struct _WhimRestDoor
{
  SoupServer *server;
  WhimClock *clock;
  WhimRestClosedFunc closed;
  gpointer closed_data;
  GHashTable *inside;   /* GSocketAddress -> WhimRestConnection */
  GPtrArray *listeners; /* of Listener */
  GPtrArray *unix_paths;
  GMainContext *parked; /* never runs */
  gboolean failing;
};

typedef struct
{
  WhimRestDoor *door;
  GSocket *socket;
  GSource *source; /* NULL while it pauses */
  guint timer;
} Listener;

static void
listener_free (gpointer data)
{
  Listener *self = data;

  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  whim_clock_clear_timer (self->door->clock, &self->timer);
  g_object_unref (self->socket);
  g_free (self);
}

/* ---- Letting in ------------------------------------------------------------------------------ */

static void
connection_closed (WhimRestConnection *connection, gpointer user_data)
{
  WhimRestDoor *self = user_data;
  g_autoptr (WhimRestConnection) kept = g_object_ref (connection);
  GSocketAddress *address = whim_rest_connection_get_address (connection);

  self->closed (connection, self->closed_data);
  if (g_hash_table_lookup (self->inside, address) == connection)
    g_hash_table_remove (self->inside, address);
}

/* libsoup names the connection of a message by nothing but the very objects of its addresses. */
static void
let_in (WhimRestDoor *self, GSocket *socket)
{
  g_autoptr (GSocketAddress) remote = g_socket_get_remote_address (socket, NULL);
  g_autoptr (GSocketAddress) local = g_socket_get_local_address (socket, NULL);
  g_autoptr (WhimRestConnection) connection = NULL;

  if (remote == NULL || local == NULL
      || g_hash_table_size (self->inside) >= WHIM_LIMIT_HTTP_CONNECTIONS)
    {
      g_socket_close (socket, NULL);
      return;
    }
  g_socket_set_blocking (socket, FALSE);
  if (G_IS_INET_SOCKET_ADDRESS (local))
    g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, TRUE, NULL);
  else
    {
      /* what HTTP/1.0 without a Host means, for which libsoup asks an Internet address */
      g_object_unref (local);
      local = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
    }
  connection = whim_rest_connection_new (socket, remote, self->clock, connection_closed, self);
  g_hash_table_insert (self->inside, remote, g_object_ref (connection));
  soup_server_accept_iostream (self->server, G_IO_STREAM (connection), local, remote, NULL);
}

static void listen_again (gpointer data);

static gboolean
knock_cb (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  Listener *self = user_data;
  WhimRestDoor *door = self->door;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) accepted = g_socket_accept (socket, NULL, &error);

  if (accepted != NULL)
    {
      door->failing = FALSE;
      let_in (door, accepted);
      return G_SOURCE_CONTINUE;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_SOURCE_CONTINUE;
  if (!door->failing)
    g_warning ("a client could not be let in: %s", error->message);
  door->failing = TRUE;
  g_clear_pointer (&self->source, g_source_unref);
  self->timer = whim_clock_add_timer (door->clock, PAUSE_MS, listen_again, self);
  return G_SOURCE_REMOVE;
}

static void
listen_again (gpointer data)
{
  Listener *self = data;

  self->timer = 0;
  self->source = g_socket_create_source (self->socket, G_IO_IN, NULL);
  g_source_set_callback (self->source, G_SOURCE_FUNC (knock_cb), self, NULL);
  g_source_set_static_name (self->source, "whim-rest door");
  g_source_attach (self->source, NULL);
}

/* ---- Listening ------------------------------------------------------------------------------- */

/* libsoup keeps connections alive only while it has a listener, so it has ours; but it waits for
 * clients in a context that never runs. */
static gboolean
add_listener (WhimRestDoor *self, GSocket *socket, GError **error)
{
  Listener *listener;
  gboolean ok;

  g_socket_set_blocking (socket, FALSE);
  /* the default queue is so short that a burst of clients waits for seconds */
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (!g_socket_listen (socket, error))
    return FALSE;
  g_main_context_push_thread_default (self->parked);
  ok = soup_server_listen_socket (self->server, socket, 0, error);
  g_main_context_pop_thread_default (self->parked);
  if (!ok)
    return FALSE;
  listener = g_new0 (Listener, 1);
  listener->door = self;
  listener->socket = g_object_ref (socket);
  g_ptr_array_add (self->listeners, listener);
  listen_again (listener);
  return TRUE;
}

static gboolean
open_tcp (WhimRestDoor *self, const WhimListen *listen, guint16 *port, GError **error)
{
  g_autoptr (GSocketAddress) address
      = g_inet_socket_address_new_from_string (listen->host, listen->port);
  g_autoptr (GSocket) socket = g_socket_new (g_socket_address_get_family (address),
                                             G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  g_autoptr (GSocketAddress) local = NULL;

  if (socket == NULL || !g_socket_bind (socket, address, TRUE, error)
      || !add_listener (self, socket, error))
    return FALSE;
  local = g_socket_get_local_address (socket, error);
  if (local == NULL)
    return FALSE;
  *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (local));
  return TRUE;
}

/* A socket that nobody answers is left over from a crash. */
static void
remove_stale_socket (const char *path, GSocketAddress *address)
{
  g_autoptr (GSocket) probe
      = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GError) error = NULL;
  struct stat info;

  if (probe == NULL || lstat (path, &info) != 0 || !S_ISSOCK (info.st_mode))
    return;
  if (!g_socket_connect (probe, address, NULL, &error)
      && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    unlink (path);
}

static gboolean
open_unix (WhimRestDoor *self, const char *path, GError **error)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GSocket) socket
      = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);
  mode_t mask;
  gboolean ok;

  if (socket == NULL)
    return FALSE;
  remove_stale_socket (path, address);
  mask = umask (0177); /* whoever reaches the socket can try keys; at start nothing else runs */
  ok = g_socket_bind (socket, address, TRUE, error);
  umask (mask);
  if (!ok)
    return FALSE;
  g_ptr_array_add (self->unix_paths, g_strdup (path));
  return add_listener (self, socket, error);
}

gboolean
whim_rest_door_open (WhimRestDoor *self, const WhimListen *listen, guint16 *port, GError **error)
{
  *port = 0;
  return listen->unix_path != NULL ? open_unix (self, listen->unix_path, error)
                                   : open_tcp (self, listen, port, error);
}

void
whim_rest_door_shut (WhimRestDoor *self)
{
  for (guint i = 0; i < self->unix_paths->len; i++)
    unlink (g_ptr_array_index (self->unix_paths, i));
  g_ptr_array_set_size (self->unix_paths, 0);
  g_ptr_array_set_size (self->listeners, 0);
}

/* ---- Who is in ------------------------------------------------------------------------------- */

WhimRestConnection *
whim_rest_door_find (WhimRestDoor *self, SoupServerMessage *message)
{
  return g_hash_table_lookup (self->inside, soup_server_message_get_remote_address (message));
}

GPtrArray *
whim_rest_door_list (WhimRestDoor *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer connection;

  g_hash_table_iter_init (&iter, self->inside);
  while (g_hash_table_iter_next (&iter, NULL, &connection))
    g_ptr_array_add (list, g_object_ref (connection));
  return list;
}

/* ---- Life ------------------------------------------------------------------------------------ */

WhimRestDoor *
whim_rest_door_new (SoupServer *server,
                    WhimClock *clock,
                    WhimRestClosedFunc closed,
                    gpointer user_data)
{
  WhimRestDoor *self = g_new0 (WhimRestDoor, 1);

  self->server = server;
  self->clock = whim_clock_ref (clock);
  self->closed = closed;
  self->closed_data = user_data;
  self->inside = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
  self->listeners = g_ptr_array_new_with_free_func (listener_free);
  self->unix_paths = g_ptr_array_new_with_free_func (g_free);
  self->parked = g_main_context_new ();
  return self;
}

void
whim_rest_door_free (WhimRestDoor *self)
{
  whim_rest_door_shut (self);
  g_hash_table_unref (self->inside);
  g_ptr_array_unref (self->listeners);
  g_ptr_array_unref (self->unix_paths);
  g_main_context_unref (self->parked);
  whim_clock_unref (self->clock);
  g_free (self);
}
