/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"

#include "base/whim-random.h"
#include "rest/whim-rest-connection.h"

#include <string.h>

/* How long a client may take to accept more of an answer. */
#define WRITE_TIMEOUT_MS 60000
/* What is packed: from about a packet's size, up to what takes a few milliseconds. */
#define PACK_FROM 1400u
#define PACK_TO (4u * 1024u * 1024u)

WhimRestRequest *
whim_rest_request_new (WhimRest *rest, WhimRestConnection *connection, SoupServerMessage *message)
{
  WhimRestRequest *self = g_rc_box_new0 (WhimRestRequest);

  g_strlcpy (self->id, "req_", sizeof self->id);
  whim_random_letters (self->id + 4, WHIM_RANDOM_ID_LETTERS);
  self->rest = rest;
  self->connection = connection;
  self->message = g_object_ref (message);
  self->started = whim_clock_get_monotonic_ms (whim_rest_get_clock (rest));
  return self;
}

WhimRestRequest *
whim_rest_request_ref (WhimRestRequest *self)
{
  return g_rc_box_acquire (self);
}

static void
request_clear (WhimRestRequest *self)
{
  whim_route_match_clear (&self->match);
  g_clear_pointer (&self->caller, whim_caller_free);
  g_clear_pointer (&self->body, json_node_unref);
  g_clear_pointer (&self->query, g_hash_table_unref);
  g_clear_pointer (&self->places, g_hash_table_unref);
  g_clear_object (&self->cancellable);
}

void
whim_rest_request_unref (WhimRestRequest *self)
{
  g_rc_box_release_full (self, (GDestroyNotify)request_clear);
}

GCancellable *
whim_rest_request_get_cancellable (WhimRestRequest *self)
{
  if (self->cancellable == NULL)
    self->cancellable = g_cancellable_new ();
  return self->cancellable;
}

void
whim_rest_request_detach (WhimRestRequest *self)
{
  if (self->message == NULL)
    return;
  whim_rest_request_watch (self, 0);
  g_clear_pointer (&self->stream, whim_rest_stream_free);
  if (self->listens)
    g_signal_handlers_disconnect_by_data (self->message, self);
  g_clear_object (&self->message);
  self->connection = NULL;
  self->rest = NULL;
  /* Whoever asked is gone. What was to be written is written all the same. */
  if (self->cancellable != NULL
      && (self->operation == NULL || self->operation->scope == WHIM_SCOPE_READ))
    g_cancellable_cancel (self->cancellable);
}

void
whim_rest_request_watch (WhimRestRequest *self, gint64 delay_ms)
{
  if (self->connection != NULL)
    whim_rest_connection_watch (self->connection, delay_ms);
}

void
whim_rest_request_listen (WhimRestRequest *self, const char *signal, GCallback callback)
{
  self->listens = TRUE;
  g_signal_connect (self->message, signal, callback, self);
}

/* libsoup has no call to end one connection, but it notices when the socket ends. */
void
whim_rest_request_cut (WhimRestRequest *self)
{
  if (self->connection != NULL)
    whim_rest_connection_cut (self->connection);
  whim_rest_request_unpause (self);
}

void
whim_rest_request_pause (WhimRestRequest *self)
{
  if (self->message == NULL || self->paused)
    return;
  self->paused = TRUE;
  soup_server_message_pause (self->message);
}

void
whim_rest_request_unpause (WhimRestRequest *self)
{
  if (self->message == NULL || !self->paused)
    return;
  self->paused = FALSE;
  soup_server_message_unpause (self->message);
}

/* A browser lets a page read an answer only if we say so. */
static void
add_cors (WhimRestRequest *self, SoupMessageHeaders *headers)
{
  SoupMessageHeaders *asked = soup_server_message_get_request_headers (self->message);
  const char *origin = soup_message_headers_get_one (asked, "Origin");

  if (origin == NULL || !whim_rest_allows_origin (self->rest, origin))
    return;
  soup_message_headers_replace (headers, "Access-Control-Allow-Origin", origin);
  soup_message_headers_append (headers, "Vary", "Origin");
  soup_message_headers_replace (headers, "Access-Control-Expose-Headers",
                                "X-Request-Id, Retry-After");
  if (soup_message_headers_get_one (asked, "Access-Control-Request-Method") == NULL)
    return;
  if (self->match.pattern != NULL)
    {
      g_autofree char *allow = whim_route_match_dup_methods (&self->match);

      soup_message_headers_replace (headers, "Access-Control-Allow-Methods", allow);
    }
  soup_message_headers_replace (headers, "Access-Control-Allow-Headers",
                                "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, "
                                "X-API-Key, X-Api-Dialect, X-Channel-Id");
  soup_message_headers_replace (headers, "Access-Control-Max-Age", "600");
}

/* Texts shrink to a tenth; below a packet's size it is not worth it. Returns: (transfer full)
 * (nullable) */
static GBytes *
pack (WhimRestRequest *self, const char *content_type, GBytes *body)
{
  SoupMessageHeaders *asked = soup_server_message_get_request_headers (self->message);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (self->message);
  const char *accepted = soup_message_headers_get_list (asked, "Accept-Encoding");
  g_autoptr (GZlibCompressor) compressor = NULL;
  gsize len = g_bytes_get_size (body);
  g_autofree guint8 *packed = NULL;
  gsize read = 0;
  gsize written = 0;
  GSList *encodings;
  gboolean wanted;

  if (len < PACK_FROM || len > PACK_TO
      || !(g_str_has_prefix (content_type, "application/json")
           || g_str_has_prefix (content_type, "text/")))
    return NULL;
  soup_message_headers_append (headers, "Vary", "Accept-Encoding");
  if (accepted == NULL)
    return NULL;
  encodings = soup_header_parse_quality_list (accepted, NULL);
  wanted = g_slist_find_custom (encodings, "gzip", (GCompareFunc)g_ascii_strcasecmp) != NULL;
  soup_header_free_list (encodings);
  if (!wanted)
    return NULL;
  compressor = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 1);
  packed = g_malloc (len);
  if (g_converter_convert (G_CONVERTER (compressor), g_bytes_get_data (body, NULL), len, packed,
                           len, G_CONVERTER_INPUT_AT_END, &read, &written, NULL)
      != G_CONVERTER_FINISHED)
    return NULL; /* it would not get smaller */
  soup_message_headers_replace (headers, "Content-Encoding", "gzip");
  return g_bytes_new_take (g_steal_pointer (&packed), written);
}

/* Of HEAD nothing follows the head, and of a range perhaps. */
static gboolean
will_write_body (WhimRestRequest *self)
{
  SoupMessageHeaders *asked = soup_server_message_get_request_headers (self->message);

  return !g_str_equal (soup_server_message_get_method (self->message), "HEAD")
         && soup_message_headers_get_one (asked, "Range") == NULL;
}

void
whim_rest_request_answer (WhimRestRequest *self,
                          guint status,
                          const char *content_type,
                          GBytes *body)
{
  SoupMessageHeaders *headers;
  SoupMessageBody *to;

  if (self->message == NULL || self->answered)
    return;
  self->answered = TRUE;
  headers = soup_server_message_get_response_headers (self->message);
  to = soup_server_message_get_response_body (self->message);
  whim_rest_note_answer (self->rest, status,
                         whim_clock_get_monotonic_ms (whim_rest_get_clock (self->rest))
                             - self->started);
  soup_server_message_set_status (self->message, status, NULL);
  /* none of them can be there yet */
  soup_message_headers_append (headers, "X-Request-Id", self->id);
  soup_message_headers_append (headers, "Cache-Control", "no-store");
  soup_message_headers_append (headers, "X-Content-Type-Options", "nosniff");
  add_cors (self, headers);
  if (body != NULL)
    {
      g_autoptr (GBytes) packed = pack (self, content_type, body);

      soup_message_headers_append (headers, "Content-Type", content_type);
      soup_message_body_append_bytes (to, packed != NULL ? packed : body);
      /* libsoup writes them apart */
      if (will_write_body (self))
        whim_rest_connection_hold (self->connection);
    }
  whim_rest_request_watch (self, WRITE_TIMEOUT_MS);
  whim_rest_request_unpause (self);
}

void
whim_rest_request_answer_json (WhimRestRequest *self, guint status, char *json)
{
  g_autoptr (GBytes) body = g_bytes_new_take (json, strlen (json));

  whim_rest_request_answer (self, status, WHIM_REST_JSON, body);
}

/* What the contract calls the channel of a path. */
static GError *
name_as_in_path (const GError *error, const char *place, const char *field, const char *message)
{
  GError *renamed = NULL;

  if (g_strcmp0 (place, "path") == 0 && g_str_equal (field, "channelId"))
    whim_set_field_error (&renamed, (WhimErrorCode)error->code, "id", message);
  else if (g_strcmp0 (place, "header") == 0)
    whim_set_field_error (&renamed, (WhimErrorCode)error->code, "X-Channel-Id", message);
  else
    renamed = g_error_copy (error);
  return renamed;
}

void
whim_rest_request_fail (WhimRestRequest *self, const GError *error)
{
  whim_rest_request_fail_after (self, error, whim_error_get_retry_after (error));
}

/* whapi tells a foreign channel and an unknown one with the same words (whapi-compat, 1). */
static void
hide_foreign_channel (WhimRestRequest *self, GError **error)
{
  if (!self->whapi
      || !(g_error_matches (*error, WHIM_ERROR, WHIM_ERROR_FORBIDDEN)
           || g_error_matches (*error, WHIM_ERROR, WHIM_ERROR_CHANNEL_NOT_FOUND)))
    return;
  g_clear_error (error);
  *error = g_error_new_literal (WHIM_ERROR, WHIM_ERROR_CHANNEL_NOT_FOUND, "Channel not found");
}

void
whim_rest_request_fail_after (WhimRestRequest *self, const GError *error, guint seconds)
{
  g_autofree char *field = NULL;
  g_autoptr (GError) shown = NULL;
  const WhimErrorInfo *info;
  SoupMessageHeaders *headers;
  const char *message;
  const char *place = NULL;

  if (self->message == NULL || self->answered)
    return;
  message = whim_error_split_field (error, &field);
  if (field != NULL && self->operation != NULL)
    place = whim_rest_place (self->operation, &self->input, self->places, field);
  shown = field == NULL ? g_error_copy (error) : name_as_in_path (error, place, field, message);
  hide_foreign_channel (self, &shown);
  info = whim_error_get_info (shown->domain == WHIM_ERROR ? shown->code : WHIM_ERROR_INTERNAL);
  headers = soup_server_message_get_response_headers (self->message);
  if (info->http_status == 401)
    soup_message_headers_replace (headers, "WWW-Authenticate", "Bearer");
  if (seconds > 0)
    {
      g_autofree char *text = g_strdup_printf ("%u", seconds);

      soup_message_headers_replace (headers, "Retry-After", text);
    }
  if (info->http_status == 405)
    {
      g_autofree char *allow = whim_route_match_dup_methods (&self->match);

      soup_message_headers_replace (headers, "Allow", allow);
    }
  whim_rest_request_answer_json (self, info->http_status,
                                 whim_present_error (shown, place, self->id, seconds));
}
