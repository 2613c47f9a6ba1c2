/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <libsoup/soup.h>
#include <stdio.h>
#include <string.h>

/* A bare libsoup server that answers what GET /health answers, and does nothing else: what our own
 * server's requests are measured against. Prints its port. */

static const char body[]
    = "{\"status\":\"ok\",\"timestamp\":1750000000,\"database\":\"ok\",\"redis\":\"not_used\","
      "\"channels\":{\"total\":0,\"connected\":0},\"auth\":\"required\"}";

static void
answer_cb (SoupServer *server,
           SoupServerMessage *message,
           const char *path,
           GHashTable *query,
           gpointer user_data)
{
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "application/json; charset=utf-8", SOUP_MEMORY_STATIC,
                                    body, strlen (body));
}

int
main (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SoupServer) server = soup_server_new ("server-header", "bare", NULL);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocket) socket
      = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr (GSocketAddress) local = NULL;

  g_socket_bind (socket, address, TRUE, NULL);
  g_socket_set_listen_backlog (socket, 512);
  if (!g_socket_listen (socket, NULL) || !soup_server_listen_socket (server, socket, 0, NULL))
    return 1;
  soup_server_add_handler (server, NULL, answer_cb, NULL, NULL);
  local = g_socket_get_local_address (socket, NULL);
  printf ("%u\n", g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (local)));
  fflush (stdout);
  g_main_loop_run (loop);
  return 0;
}
