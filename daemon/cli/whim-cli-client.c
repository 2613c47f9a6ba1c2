/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gi18n.h>
#include <libsoup/soup.h>
#include <string.h>
#include <unistd.h>

#include "base/whim-listen.h"
#include "base/whim-util.h"

/* Connecting waits for WhatsApp up to ten seconds; longer than that nothing should take. */
#define CALL_TIMEOUT_S 60
/* The daemon says something every 15 seconds. */
#define STREAM_TIMEOUT_S 45
/* A large database is copied before the first byte comes. */
#define DOWNLOAD_TIMEOUT_S 1800
#define DOWNLOAD_PIECE 65536

/* More than this no error says. */
#define MOST_ERROR 65536

struct _WhimCliClient
{
  char *base;
  char *unix_path;
  char *key;
  char *text; /* of the last answer or event */
  SoupSession *session;
  SoupSession *stream_session;
  GDataInputStream *stream;
  gint64 last_id; /* of the last event that was handed out */
  gint64 next_id; /* of the event that is being read */
  gboolean idle;
};

GQuark
whim_cli_error_quark (void)
{
  return g_quark_from_static_string ("whim-cli-error");
}

WhimCliExit
whim_cli_exit_for (const GError *error)
{
  return error->domain == WHIM_CLI_ERROR ? (WhimCliExit)error->code : WHIM_CLI_FAILED;
}

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
  g_free (self->text);
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

const char *
whim_cli_client_get_text (WhimCliClient *self)
{
  return self->text;
}

static void
take_text (WhimCliClient *self, char *text)
{
  g_free (self->text);
  self->text = text;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static SoupMessage *
make_message (WhimCliClient *self, const char *method, const char *path, GError **error)
{
  g_autofree char *url = g_strconcat (self->base, path, NULL);
  SoupMessage *message = soup_message_new (method, url);

  if (message == NULL)
    {
      g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE, _ ("%s is not an address."), self->base);
      return NULL;
    }
  /* a key goes where it was meant to go, and nowhere else */
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
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
      g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_FAILED, _ ("The answer is not JSON."));
      return NULL;
    }
  return json_node_dup_object (root);
}

/* The server's own words, which name the field, and its code; the sandbox has only a text. */
static void
set_server_error (JsonObject *answer, guint status, GError **error)
{
  JsonObject *object = answer == NULL ? NULL : whim_cli_object (answer, "error");
  const char *text = whim_cli_text (object, "message");
  const char *details = whim_cli_text (object, "details");
  const char *type = whim_cli_text (object, "type");
  WhimCliExit exit = WHIM_CLI_FAILED;
  g_autofree char *both = NULL;

  if (*details != '\0' && (*text == '\0' || g_str_has_suffix (details, text)))
    text = details;
  else if (*details != '\0')
    text = both = g_strdup_printf ("%s: %s", text, details);
  if (*text == '\0')
    text = answer == NULL ? "" : whim_cli_text (answer, "error");
  if (*text == '\0')
    text = soup_status_get_phrase (status);
  if (g_str_equal (type, "not_paired") || g_str_equal (type, "channel_not_connected")
      || g_str_equal (type, "timed_out"))
    exit = WHIM_CLI_LATE;
  if (*type != '\0')
    g_set_error (error, WHIM_CLI_ERROR, (gint)exit, "%s (%s, %u)", text, type, status);
  else
    g_set_error (error, WHIM_CLI_ERROR, (gint)exit, "%s (%u)", text, status);
}

/* What kept a request from being answered. */
static void
take_transport_error (WhimCliClient *self, GError *own, GError **error)
{
  if (g_error_matches (own, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_propagate_error (error, own);
      return;
    }
  g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_UNREACHABLE, _ ("No daemon answers at %s: %s."),
               self->unix_path != NULL ? self->unix_path : self->base, own->message);
  g_error_free (own);
}

JsonObject *
whim_cli_client_call (WhimCliClient *self,
                      const char *method,
                      const char *path,
                      JsonObject *body,
                      guint *status,
                      GError **error)
{
  g_autoptr (JsonObject) owned = body;
  g_autoptr (SoupMessage) message = make_message (self, method, path, error);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (JsonObject) answer = NULL;
  GError *own = NULL;
  guint got;

  take_text (self, NULL);
  if (status != NULL)
    *status = 0;
  if (message == NULL)
    return NULL;
  soup_message_headers_replace (soup_message_get_request_headers (message), "Accept",
                                "application/json");
  if (owned != NULL)
    set_body (message, g_steal_pointer (&owned));
  bytes = soup_session_send_and_read (self->session, message, whim_cli_signals_get_cancellable (),
                                      &own);
  if (bytes == NULL)
    {
      take_transport_error (self, own, error);
      return NULL;
    }
  got = soup_message_get_status (message);
  if (status != NULL)
    *status = got;
  answer = parse_object (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                         SOUP_STATUS_IS_SUCCESSFUL (got) ? error : NULL);
  if (answer != NULL)
    take_text (self, g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)));
  if (SOUP_STATUS_IS_SUCCESSFUL (got))
    return g_steal_pointer (&answer);
  set_server_error (answer, got, error);
  return NULL;
}

/* ---- Answers that come bit by bit ------------------------------------------------------------ */

/* An answer that is no success is short and JSON. */
static void
set_stream_error (WhimCliClient *self, GInputStream *input, guint status, GError **error)
{
  g_autofree char *text = g_malloc0 (MOST_ERROR + 1);
  g_autoptr (JsonObject) answer = NULL;
  gsize len = 0;

  g_input_stream_read_all (input, text, MOST_ERROR, &len, whim_cli_signals_get_cancellable (),
                           NULL);
  answer = parse_object (text, len, NULL);
  take_text (self, answer == NULL ? NULL : g_strndup (text, len));
  set_server_error (answer, status, error);
}

static GInputStream *
open_stream (WhimCliClient *self, SoupSession *session, SoupMessage *message, GError **error)
{
  GError *own = NULL;
  g_autoptr (GInputStream) input
      = soup_session_send (session, message, whim_cli_signals_get_cancellable (), &own);

  if (input == NULL)
    {
      take_transport_error (self, own, error);
      return NULL;
    }
  if (soup_message_get_status (message) != SOUP_STATUS_OK)
    {
      set_stream_error (self, input, soup_message_get_status (message), error);
      return NULL;
    }
  return g_steal_pointer (&input);
}

static gboolean
write_all (int fd, const guchar *bytes, gsize len, GError **error)
{
  while (len > 0)
    {
      gssize n = write (fd, bytes, len);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_FAILED,
                       _ ("The file cannot be written: %s."), g_strerror (errno));
          return FALSE;
        }
      bytes += n;
      len -= (gsize)n;
    }
  return TRUE;
}

goffset
whim_cli_client_download (WhimCliClient *self,
                          const char *method,
                          const char *path,
                          int fd,
                          GError **error)
{
  g_autoptr (SoupMessage) message = make_message (self, method, path, error);
  g_autoptr (GInputStream) input = NULL;
  g_autofree guchar *buffer = g_malloc (DOWNLOAD_PIECE);
  goffset total = 0;
  gssize n;

  if (message == NULL)
    return -1;
  soup_session_set_timeout (self->stream_session, DOWNLOAD_TIMEOUT_S);
  input = open_stream (self, self->stream_session, message, error);
  if (input == NULL)
    return -1;
  while ((n = g_input_stream_read (input, buffer, DOWNLOAD_PIECE,
                                   whim_cli_signals_get_cancellable (), error))
         > 0)
    {
      if (!write_all (fd, buffer, (gsize)n, error))
        return -1;
      total += n;
    }
  return n < 0 ? -1 : total;
}

/* ---- Events ---------------------------------------------------------------------------------- */

gint64
whim_cli_client_get_newest (WhimCliClient *self, GError **error)
{
  g_autoptr (JsonObject) newest
      = whim_cli_client_call (self, "GET", "/events?limit=1", NULL, NULL, error);

  return newest == NULL ? -1 : whim_cli_int (newest, "lastSeq");
}

static gboolean
follow (WhimCliClient *self, const char *channel, gboolean again, GError **error)
{
  g_autofree char *escaped = channel == NULL ? NULL : g_uri_escape_string (channel, NULL, TRUE);
  g_autofree char *id = g_strdup_printf ("%" G_GINT64_FORMAT, self->last_id);
  g_autofree char *path
      = g_strconcat ("/events?after=", id, escaped != NULL ? "&channelId=" : NULL, escaped, NULL);
  g_autoptr (SoupMessage) message = make_message (self, "GET", path, error);
  g_autoptr (GInputStream) input = NULL;

  if (message == NULL)
    return FALSE;
  soup_message_headers_replace (soup_message_get_request_headers (message), "Accept",
                                "text/event-stream");
  if (again)
    soup_message_headers_replace (soup_message_get_request_headers (message), "Last-Event-ID", id);
  g_clear_object (&self->stream);
  input = open_stream (self, self->stream_session, message, error);
  if (input == NULL)
    return FALSE;
  self->stream = g_data_input_stream_new (input);
  g_data_input_stream_set_newline_type (self->stream, G_DATA_STREAM_NEWLINE_TYPE_LF);
  return TRUE;
}

gboolean
whim_cli_client_follow (WhimCliClient *self, const char *channel, gint64 after, GError **error)
{
  self->last_id = self->next_id = after;
  return follow (self, channel, FALSE, error);
}

gboolean
whim_cli_client_resume (WhimCliClient *self, const char *channel, GError **error)
{
  return follow (self, channel, TRUE, error);
}

JsonObject *
whim_cli_client_next (WhimCliClient *self, GError **error)
{
  GError *own = NULL;
  g_autofree char *line = g_data_input_stream_read_line_utf8 (
      self->stream, NULL, whim_cli_signals_get_cancellable (), &own);
  JsonObject *event;

  self->idle = line != NULL && *line == ':';
  if (own != NULL)
    take_transport_error (self, own, error);
  else if (line == NULL)
    g_set_error_literal (error, WHIM_CLI_ERROR, WHIM_CLI_UNREACHABLE,
                         _ ("The daemon has ended the connection."));
  else if (g_str_has_prefix (line, "id: "))
    self->next_id = g_ascii_strtoll (line + 4, NULL, 10);
  else if (g_str_has_prefix (line, "data: "))
    {
      event = parse_object (line + 6, strlen (line) - 6, error);
      if (event != NULL)
        {
          self->last_id = self->next_id;
          take_text (self, g_strdup (line + 6));
        }
      return event;
    }
  return NULL;
}

gboolean
whim_cli_client_is_idle (WhimCliClient *self)
{
  return self->idle;
}
