/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gi18n.h>
#include <libsoup/soup.h>
#include <string.h>

#include "base/whim-listen.h"
#include "base/whim-util.h"

/* Connecting waits for WhatsApp up to ten seconds; longer than that nothing should take. */
#define CALL_TIMEOUT_S 60
/* The daemon says something every 15 seconds. */
#define STREAM_TIMEOUT_S 45

struct _WhimCliClient
{
  char *base;
  char *unix_path;
  char *key;
  SoupSession *session;
  SoupSession *stream_session;
  GDataInputStream *stream;
};

static SoupSession *
make_session (GSocketAddress *address, guint timeout)
{
  SoupSession *session = address == NULL
                             ? soup_session_new ()
                             : soup_session_new_with_options ("remote-connectable", address, NULL);

  soup_session_set_timeout (session, timeout);
  soup_session_set_proxy_resolver (session, NULL); /* never let a key travel to a proxy */
  return session;
}

WhimCliClient *
whim_cli_client_new (const char *listen, guint16 port, GError **error)
{
  g_autoptr (WhimCliClient) self = g_new0 (WhimCliClient, 1);
  g_autoptr (GSocketAddress) address = NULL;
  g_auto (WhimListen) parsed = { 0 };
  const char *host;

  if (!whim_listen_parse (&parsed, listen, error))
    return NULL;
  if (parsed.unix_path != NULL)
    {
      address = g_unix_socket_address_new (parsed.unix_path);
      self->unix_path = g_steal_pointer (&parsed.unix_path);
      self->base = g_strdup ("http://localhost");
    }
  else
    {
      /* "every address" is reached by the loopback one */
      host = g_str_equal (parsed.host, "0.0.0.0") ? "127.0.0.1"
             : g_str_equal (parsed.host, "::")    ? "::1"
                                                  : parsed.host;
      self->base = g_strdup_printf (strchr (host, ':') == NULL ? "http://%s:%u" : "http://[%s]:%u",
                                    host, port != 0 ? port : parsed.port);
    }
  self->session = make_session (address, CALL_TIMEOUT_S);
  self->stream_session = make_session (address, STREAM_TIMEOUT_S);
  return g_steal_pointer (&self);
}

WhimCliClient *
whim_cli_client_new_for_url (const char *url)
{
  WhimCliClient *self = g_new0 (WhimCliClient, 1);

  self->base = g_strdup (url);
  self->session = make_session (NULL, CALL_TIMEOUT_S);
  self->stream_session = make_session (NULL, STREAM_TIMEOUT_S);
  return self;
}

void
whim_cli_client_free (WhimCliClient *self)
{
  g_clear_object (&self->stream);
  g_clear_object (&self->session);
  g_clear_object (&self->stream_session);
  g_free (self->base);
  g_free (self->unix_path);
  g_free (self->key);
  g_free (self);
}

void
whim_cli_client_set_key (WhimCliClient *self, const char *key)
{
  g_free (self->key);
  self->key = g_strdup (key);
}

const char *
whim_cli_client_get_base (WhimCliClient *self)
{
  return self->base;
}

const char *
whim_cli_client_get_unix_path (WhimCliClient *self)
{
  return self->unix_path;
}

static SoupMessage *
make_message (WhimCliClient *self, const char *method, const char *path, GError **error)
{
  g_autofree char *url = g_strconcat (self->base, path, NULL);
  SoupMessage *message = soup_message_new (method, url);

  if (message == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, _ ("%s is not an address"), url);
      return NULL;
    }
  if (self->key != NULL)
    soup_message_headers_replace (soup_message_get_request_headers (message), "X-API-Key",
                                  self->key);
  return message;
}

static void
set_body (SoupMessage *message, JsonObject *body)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (GBytes) bytes = NULL;
  char *text;

  json_node_take_object (node, body);
  text = json_to_string (node, FALSE);
  bytes = g_bytes_new_take (text, strlen (text));
  soup_message_set_request_body_from_bytes (message, "application/json", bytes);
}

static JsonObject *
parse_object (const char *text, gsize len, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  JsonNode *root;

  if (!whim_json_depth_ok (text, len)
      || !json_parser_load_from_data (parser, text, (gssize)len, NULL)
      || (root = json_parser_get_root (parser)) == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           _ ("The answer is not JSON."));
      return NULL;
    }
  return json_node_dup_object (root);
}

/* The server's own words; the sandbox has only a text. */
static void
set_server_error (JsonObject *answer, guint status, GError **error)
{
  JsonNode *node = json_object_get_member (answer, "error");
  JsonObject *object;
  const char *text = NULL;

  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
    {
      object = json_node_get_object (node);
      text = json_object_get_string_member_with_default (object, "message", NULL);
      text = json_object_get_string_member_with_default (object, "details", text);
    }
  else if (node != NULL && JSON_NODE_HOLDS_VALUE (node))
    text = json_node_get_string (node);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s (%u)",
               text != NULL ? text : soup_status_get_phrase (status), status);
}

JsonObject *
whim_cli_client_call (WhimCliClient *self,
                      const char *method,
                      const char *path,
                      JsonObject *body,
                      guint *status,
                      GError **error)
{
  g_autoptr (SoupMessage) message = make_message (self, method, path, error);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (JsonObject) answer = NULL;
  g_autoptr (JsonObject) owned = body;
  guint got;

  if (status != NULL)
    *status = 0;
  if (message == NULL)
    return NULL;
  soup_message_headers_replace (soup_message_get_request_headers (message), "Accept",
                                "application/json");
  if (owned != NULL)
    set_body (message, g_steal_pointer (&owned));
  bytes = soup_session_send_and_read (self->session, message, NULL, error);
  if (bytes == NULL)
    return NULL;
  got = soup_message_get_status (message);
  if (status != NULL)
    *status = got;
  answer = parse_object (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), error);
  if (answer == NULL)
    return NULL;
  if (!SOUP_STATUS_IS_SUCCESSFUL (got))
    {
      set_server_error (answer, got, error);
      return NULL;
    }
  return g_steal_pointer (&answer);
}

gboolean
whim_cli_client_follow (WhimCliClient *self, const char *channel, gint64 after, GError **error)
{
  g_autofree char *path
      = g_strdup_printf ("/events?after=%" G_GINT64_FORMAT "&channelId=%s", after, channel);
  g_autoptr (SoupMessage) message = make_message (self, "GET", path, error);
  g_autoptr (GInputStream) input = NULL;

  if (message == NULL)
    return FALSE;
  soup_message_headers_replace (soup_message_get_request_headers (message), "Accept",
                                "text/event-stream");
  input = soup_session_send (self->stream_session, message, NULL, error);
  if (input == NULL)
    return FALSE;
  if (soup_message_get_status (message) != SOUP_STATUS_OK)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s (%u)",
                   soup_message_get_reason_phrase (message), soup_message_get_status (message));
      return FALSE;
    }
  g_clear_object (&self->stream);
  self->stream = g_data_input_stream_new (input);
  return TRUE;
}

JsonObject *
whim_cli_client_next (WhimCliClient *self, GError **error)
{
  g_autofree char *line = NULL;
  g_autoptr (GError) own = NULL;

  line = g_data_input_stream_read_line_utf8 (self->stream, NULL, NULL, &own);
  if (own != NULL)
    g_propagate_error (error, g_steal_pointer (&own));
  else if (line == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _ ("The daemon has ended."));
  else if (g_str_has_prefix (line, "data: "))
    return parse_object (line + 6, strlen (line) - 6, error);
  return NULL;
}
