/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-util.h"
#include "sandbox/sandbox.h"

/* A thousand clients may connect at once; libsoup's own backlog is so short that they time out. */
#define BACKLOG 512
#define CERTIFICATE_LIFE (365 * 24 * 3600)

gint64
sandbox_now (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

char *
sandbox_stanza_id (Sandbox *self)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT, 3000000000u + ++self->last_stanza);
}

WhimNodeBuilder *
sandbox_from_server (Sandbox *self, const char *tag, const char *type)
{
  WhimNodeBuilder *builder = whim_node_builder_new (tag);
  g_autoptr (WhimJid) server = whim_jid_new_server ();
  g_autofree char *id = sandbox_stanza_id (self);

  whim_node_builder_attr_jid (builder, "from", server);
  if (type != NULL)
    {
      whim_node_builder_attr (builder, "id", id);
      whim_node_builder_attr (builder, "type", type);
      whim_node_builder_attr_int (builder, "t", sandbox_now ());
    }
  return builder;
}

static void
websocket_cb (SoupServer *server,
              SoupServerMessage *message,
              const char *path,
              SoupWebsocketConnection *socket,
              gpointer user_data)
{
  Sandbox *self = user_data;

  g_ptr_array_add (self->connections, sandbox_connection_new (self, socket));
}

static gboolean
listen_on_loopback (Sandbox *self, guint16 port, GError **error)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GSocket) socket
      = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);

  if (socket == NULL)
    return FALSE;
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (!g_socket_bind (socket, address, TRUE, error) || !g_socket_listen (socket, error)
      || !soup_server_listen_socket (self->server, socket, 0, error))
    return FALSE;
  bound = g_socket_get_local_address (socket, error);
  if (bound == NULL)
    return FALSE;
  self->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  return TRUE;
}

Sandbox *
sandbox_new (guint16 port, gboolean dedup, GError **error)
{
  Sandbox *self = g_new0 (Sandbox, 1);
  gint64 now = sandbox_now ();

  self->dedup = dedup;
  self->signal = whim_signal_context_new ();
  self->identity
      = whim_noise_identity_new (now - 3600, now + CERTIFICATE_LIFE, WHIM_NOISE_FLAW_NONE);
  self->accounts = g_ptr_array_new_with_free_func ((GDestroyNotify)sandbox_account_free);
  self->connections = g_ptr_array_new_with_free_func ((GDestroyNotify)sandbox_connection_unref);
  self->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->violations = g_ptr_array_new_with_free_func (g_free);
  self->unexpected = g_ptr_array_new_with_free_func (g_free);
  self->log = g_ptr_array_new_with_free_func (g_free);
  self->waiters = g_ptr_array_new ();
  self->loop = g_main_loop_new (NULL, FALSE);
  self->server = soup_server_new (NULL, NULL);
  soup_server_add_websocket_handler (self->server, "/ws/chat", NULL, NULL, websocket_cb, self,
                                     NULL);
  sandbox_control_init (self);
  if (!listen_on_loopback (self, port, error))
    {
      sandbox_free (self);
      return NULL;
    }
  return self;
}

void
sandbox_free (Sandbox *self)
{
  while (self->connections->len > 0)
    sandbox_connection_close (g_ptr_array_index (self->connections, 0), FALSE);
  soup_server_disconnect (self->server);
  g_clear_object (&self->server);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_ptr_array_unref (self->connections);
  g_ptr_array_unref (self->accounts);
  g_ptr_array_unref (self->violations);
  g_ptr_array_unref (self->unexpected);
  g_ptr_array_unref (self->log);
  g_ptr_array_unref (self->waiters);
  g_hash_table_unref (self->counts);
  whim_noise_identity_free (self->identity);
  whim_signal_context_free (self->signal);
  g_main_loop_unref (self->loop);
  g_free (self);
}

char *
sandbox_ready_line (Sandbox *self)
{
  g_autofree char *root
      = whim_hex_encode (whim_noise_identity_get_root_public (self->identity), WHIM_KEY_SIZE);

  return g_strdup_printf ("{\"url\":\"ws://127.0.0.1:%u/ws/chat\",\"noiseRoot\":\"%s\","
                          "\"caFile\":null,\"control\":\"http://127.0.0.1:%u\"}",
                          self->port, root, self->port);
}
