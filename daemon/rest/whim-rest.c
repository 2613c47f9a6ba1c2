/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest.h"

#include "base/whim-limits.h"
#include "rest/whim-rest-door.h"

#include <string.h>

/* Between two pieces of a body. */
#define BODY_TIMEOUT_MS 30000
/* From the first byte of a request to its last. */
#define REQUEST_TIMEOUT_MS 300000
/* How much of a refused body is read and dropped, so that its sender gets to see the answer. */
#define DRAIN_MAX (64u * WHIM_LIMIT_JSON_BODY)

/* The last answer that engine gave at once. Its value never changes, so while engine gives the very
 * same one, as to a monitor that asks for the health again and again, its text stays the same. */
typedef struct
{
  const WhimOperation *operation;
  WhimDialect dialect;
  GVariant *value;
  GBytes *text;
} LastAnswer;

struct _WhimRest
{
  WhimEngine *engine;
  WhimClock *clock;
  SoupServer *server;
  WhimRestDoor *door;
  GHashTable *streams; /* set of WhimRestRequest: those that follow the journal */
  GHashTable *rates;   /* key id -> Bucket */
  char **origins;      /* web pages that may call */
  guint rate_limit;
  gboolean token_in_query;
  WhimRestFigures figures;
  LastAnswer last;
  gulong advanced;
  guint16 port;
};

WhimEngine *
whim_rest_get_engine (WhimRest *self)
{
  return self->engine;
}

WhimClock *
whim_rest_get_clock (WhimRest *self)
{
  return self->clock;
}

/* Returns: (transfer none) (nullable) */
static WhimRestRequest *
find_request (WhimRest *self, SoupServerMessage *message)
{
  WhimRestConnection *connection = whim_rest_door_find (self->door, message);
  WhimRestRequest *request
      = connection == NULL ? NULL : whim_rest_connection_get_request (connection);

  return request == NULL || request->message != message ? NULL : request;
}

/* ---- Before the body ------------------------------------------------------------------------- */

static void
fail_with (WhimRestRequest *request, WhimErrorCode code, const char *message)
{
  g_autoptr (GError) error = g_error_new_literal (WHIM_ERROR, (gint)code, message);

  whim_rest_request_fail (request, error);
}

/* /whapi is the same surface for clients that cannot set a header (whapi-compat, 2). */
static const char *
skip_whapi (WhimRestRequest *request, const char *path)
{
  const char *rest = path;

  while (*rest == '/')
    rest++;
  if (!g_str_has_prefix (rest, "whapi") || (rest[5] != '/' && rest[5] != '\0'))
    return path;
  request->whapi = TRUE;
  return rest + 5;
}

static gboolean
find_route (WhimRestRequest *request)
{
  const char *method = soup_server_message_get_method (request->message);
  const char *path
      = skip_whapi (request, g_uri_get_path (soup_server_message_get_uri (request->message)));
  g_autoptr (GError) error = NULL;

  if (!whim_route_match (method, path, &request->match, &error))
    whim_rest_request_fail (request, error);
  else if (request->match.pattern == NULL)
    fail_with (request, WHIM_ERROR_NOT_FOUND, "there is no such address");
  else if (g_str_equal (method, "OPTIONS"))
    {
      g_autofree char *allow = whim_route_match_dup_methods (&request->match);

      soup_message_headers_replace (soup_server_message_get_response_headers (request->message),
                                    "Allow", allow);
      whim_rest_request_answer (request, SOUP_STATUS_NO_CONTENT, NULL, NULL);
    }
  else if (request->match.route == NULL)
    fail_with (request, WHIM_ERROR_METHOD_NOT_ALLOWED, "this address does not know the method");
  else
    {
      if (!g_str_equal (request->match.route->operation, WHIM_ROUTE_EVENTS))
        request->operation = whim_operation_find (request->match.route->operation);
      if (request->operation != NULL
          || g_str_equal (request->match.route->operation, WHIM_ROUTE_EVENTS))
        return TRUE;
      fail_with (request, WHIM_ERROR_NOT_FOUND, "there is no such address");
    }
  return FALSE;
}

/* The address says it, else the request, else the key. */
static gboolean
find_dialect (WhimRestRequest *request, SoupMessageHeaders *headers)
{
  const char *word = soup_message_headers_get_one (headers, "X-Api-Dialect");

  if (word == NULL && request->caller != NULL)
    word = request->caller->dialect;
  if (word == NULL || whim_dialect_from_word (word, &request->dialect))
    {
      if (request->whapi)
        request->dialect = WHIM_DIALECT_WHAPI;
      return TRUE;
    }
  fail_with (request, WHIM_ERROR_INVALID_PARAMETER, "X-Api-Dialect is seed, whapi or both");
  return FALSE;
}

/* Returns: (transfer full) (nullable) */
static char *
find_query_token (WhimRestRequest *request)
{
  const char *query = g_uri_get_query (soup_server_message_get_uri (request->message));
  g_autoptr (GHashTable) values = NULL;
  GPtrArray *texts;

  if (!request->rest->token_in_query || query == NULL)
    return NULL;
  values = whim_rest_parse_query (query, NULL);
  texts = values == NULL ? NULL : g_hash_table_lookup (values, "token");
  return texts == NULL ? NULL : g_strdup (g_ptr_array_index (texts, 0));
}

static const char *
find_key (SoupMessageHeaders *headers)
{
  const char *key = soup_message_headers_get_one (headers, "X-API-Key");
  const char *authorization = soup_message_headers_get_one (headers, "Authorization");

  if (key != NULL)
    return key;
  if (authorization == NULL || g_ascii_strncasecmp (authorization, "Bearer ", 7) != 0)
    return NULL;
  key = authorization + 7;
  while (*key == ' ')
    key++;
  return key;
}

static gboolean
authenticate (WhimRestRequest *request, SoupMessageHeaders *headers)
{
  const char *key = find_key (headers);
  g_autofree char *token = key == NULL ? find_query_token (request) : NULL;

  if (token != NULL)
    key = token;
  if (key != NULL && *key != '\0')
    request->caller = whim_engine_authenticate (request->rest->engine, key);
  if (request->caller != NULL
      || (request->operation != NULL && request->operation->scope == WHIM_SCOPE_NONE))
    return TRUE;
  if (request->whapi && key != NULL)
    {
      fail_with (request, WHIM_ERROR_CHANNEL_NOT_FOUND, "Channel not found");
      return FALSE;
    }
  fail_with (request, WHIM_ERROR_UNAUTHORIZED,
             key == NULL ? "an API key is needed" : "the API key is unknown");
  return FALSE;
}

static gboolean
check_rate (WhimRestRequest *request)
{
  WhimRest *self = request->rest;
  g_autoptr (GError) error = NULL;
  gint64 limit;
  guint wait;

  if (request->caller == NULL)
    return TRUE;
  limit = request->caller->rate_limit != 0 ? request->caller->rate_limit : self->rate_limit;
  wait = whim_rest_rate_take (self->rates, request->caller->key_id, limit,
                              whim_clock_get_monotonic_ms (self->clock));
  if (wait == 0)
    return TRUE;
  error = g_error_new_literal (WHIM_ERROR, WHIM_ERROR_RATE_LIMITED, "too many requests");
  whim_rest_request_fail_after (request, error, wait);
  return FALSE;
}

static gboolean
check_length (WhimRestRequest *request, SoupMessageHeaders *headers)
{
  if (soup_message_headers_get_encoding (headers) != SOUP_ENCODING_CONTENT_LENGTH
      || soup_message_headers_get_content_length (headers) <= (goffset)WHIM_LIMIT_JSON_BODY)
    return TRUE;
  fail_with (request, WHIM_ERROR_TOO_LARGE, "a body has at most 1 MiB");
  return FALSE;
}

static void
chunk_read (SoupServerMessage *message, GBytes *chunk, gpointer user_data)
{
  WhimRestRequest *request = user_data;
  gint64 elapsed;

  if (request->rest == NULL)
    return;
  elapsed = whim_clock_get_monotonic_ms (request->rest->clock) - request->started;
  request->received += g_bytes_get_size (chunk);
  if (request->received > WHIM_LIMIT_JSON_BODY)
    soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  if (request->received > DRAIN_MAX || elapsed > REQUEST_TIMEOUT_MS)
    whim_rest_request_cut (request);
  else
    whim_rest_request_watch (request, BODY_TIMEOUT_MS);
}

static gboolean
has_body (SoupMessageHeaders *headers)
{
  return soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CHUNKED
         || soup_message_headers_get_content_length (headers) > 0;
}

static void
headers_read_cb (SoupServer *server,
                 SoupServerMessage *message,
                 const char *path,
                 GHashTable *query,
                 gpointer user_data)
{
  WhimRest *self = user_data;
  WhimRestRequest *request = find_request (self, message);
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  if (request == NULL)
    return;
  if (has_body (headers))
    {
      whim_rest_request_listen (request, "got-chunk", G_CALLBACK (chunk_read));
      whim_rest_request_watch (request, BODY_TIMEOUT_MS);
    }
  if (find_route (request) && authenticate (request, headers) && find_dialect (request, headers)
      && check_rate (request))
    check_length (request, headers);
  /* Unless the client waits for "100 Continue", libsoup answers after the body. None of it is
   * kept. */
  if (request->answered)
    soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
}

/* ---- The call -------------------------------------------------------------------------------- */

static void
show_result (WhimRestRequest *request, GVariant *result)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *type = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (request->operation->shape == WHIM_RESULT_PLAIN && g_variant_n_children (result) == 0)
    {
      whim_rest_request_answer (request, SOUP_STATUS_NO_CONTENT, NULL, NULL);
      return;
    }
  if (request->operation->shape == WHIM_RESULT_FILE)
    {
      whim_rest_answer_file (request, result);
      return;
    }
  if (request->operation->shape != WHIM_RESULT_BYTES)
    {
      whim_rest_request_answer_json (
          request, SOUP_STATUS_OK,
          whim_present_result (request->operation, result, request->dialect));
      return;
    }
  bytes = whim_present_bytes (result, &type, &error);
  if (bytes == NULL)
    {
      whim_rest_request_fail (request, error);
      return;
    }
  if (g_str_equal (request->operation->name, "system.metrics") && request->rest != NULL)
    {
      g_autoptr (GString) text
          = g_string_new_len (g_bytes_get_data (bytes, NULL), (gssize)g_bytes_get_size (bytes));

      whim_rest_figures_print (&request->rest->figures, text);
      g_bytes_unref (bytes);
      bytes = g_string_free_to_bytes (g_steal_pointer (&text));
    }
  whim_rest_request_answer (request, SOUP_STATUS_OK, type, bytes);
}

static void
called_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimRestRequest) request = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = whim_engine_call_finish (WHIM_ENGINE (source), result, &error);

  if (value == NULL)
    whim_rest_request_fail (request, error);
  else
    show_result (request, value);
}

static void
clear_last (LastAnswer *last)
{
  g_clear_pointer (&last->value, g_variant_unref);
  g_clear_pointer (&last->text, g_bytes_unref);
}

static void
show_plain (WhimRestRequest *request, GVariant *value)
{
  LastAnswer *last = &request->rest->last;

  if (last->value != value || last->operation != request->operation
      || last->dialect != request->dialect)
    {
      char *text = whim_present_result (request->operation, value, request->dialect);

      clear_last (last);
      last->operation = request->operation;
      last->dialect = request->dialect;
      last->value = g_variant_ref (value);
      last->text = g_bytes_new_take (text, strlen (text));
    }
  whim_rest_request_answer (request, SOUP_STATUS_OK, WHIM_REST_JSON, last->text);
}

static void
answer_at_once (WhimRestRequest *request, GVariant *params)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = whim_engine_answer (request->rest->engine, request->operation,
                                                   request->caller, params, &error);

  if (value == NULL)
    whim_rest_request_fail (request, error);
  else if (request->operation->shape == WHIM_RESULT_PLAIN && g_variant_n_children (value) > 0)
    show_plain (request, value);
  else
    show_result (request, value);
}

/* The contract, which is made here of engine's table. TRUE: the request is answered. */
static gboolean
show_document (WhimRestRequest *request)
{
  if (request->operation->shape != WHIM_RESULT_DOCUMENT)
    return FALSE;
  if (g_str_equal (request->operation->name, "system.docs"))
    {
      soup_message_headers_replace (
          soup_server_message_get_response_headers (request->message), "Content-Security-Policy",
          "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
      whim_rest_request_answer (request, SOUP_STATUS_OK, "text/html; charset=utf-8",
                                whim_rest_docs ());
    }
  else
    whim_rest_request_answer (request, SOUP_STATUS_OK, WHIM_REST_JSON, whim_rest_openapi ());
  return TRUE;
}

static const char *
get_bound_channel (const WhimCaller *caller)
{
  if (caller == NULL || caller->admin || caller->channels == NULL
      || g_strv_length (caller->channels) != 1)
    return NULL;
  return caller->channels[0];
}

/* Two addresses mean the daemon to the seed and a channel to whapi (whapi-compat, 2). */
static void
choose_twin (WhimRestRequest *request)
{
  const char *twin = request->match.route->twin;
  gboolean named
      = request->input.channel != NULL
        || (request->query != NULL && g_hash_table_contains (request->query, "channelId"))
        || get_bound_channel (request->caller) != NULL;

  if (twin != NULL && request->caller != NULL && request->dialect != WHIM_DIALECT_SEED
      && (named || request->dialect == WHIM_DIALECT_WHAPI))
    request->operation = whim_operation_find (twin);
}

static gboolean
read_input (WhimRestRequest *request, GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (request->message);
  const char *method = soup_server_message_get_method (request->message);
  const char *query = g_uri_get_query (soup_server_message_get_uri (request->message));
  g_autoptr (GBytes) body = NULL;

  if (request->received > WHIM_LIMIT_JSON_BODY)
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_TOO_LARGE, "a body has at most 1 MiB");
      return FALSE;
    }
  if (query != NULL && (request->query = whim_rest_parse_query (query, error)) == NULL)
    return FALSE;
  request->input.path = request->match.values;
  request->input.query = request->query;
  request->input.channel = soup_message_headers_get_one (headers, "X-Channel-Id");
  request->input.once = soup_message_headers_get_one (headers, "Idempotency-Key");
  request->input.writes = !g_str_equal (method, "GET") && !g_str_equal (method, "HEAD");
  if (!request->input.writes)
    return TRUE;
  body = soup_message_body_flatten (soup_server_message_get_request_body (request->message));
  request->body
      = whim_rest_parse_body (body, soup_message_headers_get_one (headers, "Content-Type"), error);
  if (request->body == NULL)
    return error == NULL || *error == NULL;
  request->input.body = json_node_get_object (request->body);
  return TRUE;
}

static void
body_read_cb (SoupServer *server,
              SoupServerMessage *message,
              const char *path,
              GHashTable *query,
              gpointer user_data)
{
  WhimRest *self = user_data;
  WhimRestRequest *request = find_request (self, message);
  g_autoptr (GError) error = NULL;
  GVariant *params;

  if (request == NULL || request->answered)
    return;
  whim_rest_request_watch (request, 0);
  if (!read_input (request, &error))
    {
      whim_rest_request_fail (request, error);
      return;
    }
  if (request->operation == NULL)
    {
      whim_rest_events (request);
      return;
    }
  choose_twin (request);
  if (show_document (request))
    return;
  params = whim_rest_extract (request->operation, &request->input,
                              get_bound_channel (request->caller), &request->places, &error);
  if (params == NULL)
    {
      whim_rest_request_fail (request, error);
      return;
    }
  if (whim_engine_answers_at_once (request->operation))
    {
      answer_at_once (request, params);
      return;
    }
  whim_rest_request_pause (request);
  whim_engine_call_async (self->engine, request->operation->name, request->caller, params,
                          whim_rest_request_get_cancellable (request), called_cb,
                          whim_rest_request_ref (request));
}

/* ---- The life of a request ------------------------------------------------------------------- */

static void
end_request (WhimRestConnection *connection)
{
  WhimRestRequest *request = whim_rest_connection_get_request (connection);

  if (request == NULL)
    return;
  whim_rest_request_detach (request);
  whim_rest_connection_set_request (connection, NULL);
}

static void
connection_closed (WhimRestConnection *connection, gpointer user_data)
{
  end_request (connection);
}

static void
request_ended (SoupServer *server, SoupServerMessage *message, gpointer user_data)
{
  WhimRest *self = user_data;
  WhimRestConnection *connection = whim_rest_door_find (self->door, message);

  if (connection == NULL)
    return;
  end_request (connection);
  whim_rest_connection_watch (connection, WHIM_REST_HEADER_TIMEOUT_MS);
}

static void
request_started (SoupServer *server, SoupServerMessage *message, gpointer user_data)
{
  WhimRest *self = user_data;
  WhimRestConnection *connection = whim_rest_door_find (self->door, message);
  g_autoptr (WhimRestRequest) request = NULL;

  if (connection == NULL || whim_rest_connection_has_ended (connection))
    return;
  request = whim_rest_request_new (self, connection, message);
  whim_rest_connection_set_request (connection, request);
  whim_rest_connection_watch (connection, WHIM_REST_HEADER_TIMEOUT_MS);
}

void
whim_rest_add_stream (WhimRest *self, WhimRestRequest *request)
{
  g_hash_table_add (self->streams, request);
}

void
whim_rest_remove_stream (WhimRest *self, WhimRestRequest *request)
{
  g_hash_table_remove (self->streams, request);
}

static void
journal_advanced (WhimEngine *engine, gint64 last_seq, gpointer user_data)
{
  WhimRest *self = user_data;
  g_autoptr (GPtrArray) open
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_rest_request_unref);
  GHashTableIter iter;
  gpointer request;

  g_hash_table_iter_init (&iter, self->streams);
  while (g_hash_table_iter_next (&iter, &request, NULL))
    g_ptr_array_add (open, whim_rest_request_ref (request));
  for (guint i = 0; i < open->len; i++)
    {
      WhimRestStream *stream = ((WhimRestRequest *)g_ptr_array_index (open, i))->stream;

      if (stream != NULL)
        whim_rest_stream_poll (stream);
    }
}

/* ---- The server ------------------------------------------------------------------------------ */

WhimRest *
whim_rest_new (WhimEngine *engine, WhimClock *clock)
{
  WhimRest *self = g_new0 (WhimRest, 1);

  self->engine = g_object_ref (engine);
  self->clock = whim_clock_ref (clock);
  self->streams = g_hash_table_new (NULL, NULL);
  self->rates = whim_rest_rates_new ();
  self->server = soup_server_new ("server-header", "whimbrel", "raw-paths", TRUE, NULL);
  self->door = whim_rest_door_new (self->server, clock, connection_closed, self);
  soup_server_add_early_handler (self->server, NULL, headers_read_cb, self, NULL);
  soup_server_add_handler (self->server, NULL, body_read_cb, self, NULL);
  g_signal_connect (self->server, "request-started", G_CALLBACK (request_started), self);
  g_signal_connect (self->server, "request-finished", G_CALLBACK (request_ended), self);
  g_signal_connect (self->server, "request-aborted", G_CALLBACK (request_ended), self);
  self->advanced
      = g_signal_connect (engine, "journal-advanced", G_CALLBACK (journal_advanced), self);
  return self;
}

void
whim_rest_free (WhimRest *self)
{
  whim_rest_stop (self);
  g_signal_handlers_disconnect_by_data (self->server, self);
  g_clear_object (&self->server);
  whim_rest_door_free (self->door);
  g_clear_signal_handler (&self->advanced, self->engine);
  g_hash_table_unref (self->streams);
  g_hash_table_unref (self->rates);
  clear_last (&self->last);
  g_strfreev (self->origins);
  g_object_unref (self->engine);
  whim_clock_unref (self->clock);
  g_free (self);
}

void
whim_rest_set_policy (WhimRest *self, const WhimRestPolicy *policy)
{
  g_strfreev (self->origins);
  self->origins
      = policy->cors_origins == NULL ? NULL : g_strsplit_set (policy->cors_origins, " ,", -1);
  self->rate_limit = policy->rate_limit;
  self->token_in_query = policy->token_in_query;
}

gboolean
whim_rest_allows_origin (WhimRest *self, const char *origin)
{
  return self->origins != NULL && *origin != '\0'
         && (g_strv_contains ((const char *const *)self->origins, "*")
             || g_strv_contains ((const char *const *)self->origins, origin));
}

void
whim_rest_note_answer (WhimRest *self, guint status, gint64 took_ms)
{
  whim_rest_figures_note (&self->figures, status, took_ms);
}

gboolean
whim_rest_listen (WhimRest *self, const char *spec, GError **error)
{
  g_auto (WhimListen) listen = { 0 };
  guint16 port;

  if (!whim_listen_parse (&listen, spec, error))
    return FALSE;
  if (!whim_rest_door_open (self->door, &listen, &port, error))
    {
      g_prefix_error (error, "cannot listen on %s: ", spec);
      return FALSE;
    }
  if (self->port == 0)
    self->port = port;
  return TRUE;
}

guint16
whim_rest_get_port (const WhimRest *self)
{
  return self->port;
}

void
whim_rest_stop (WhimRest *self)
{
  g_autoptr (GPtrArray) inside = whim_rest_door_list (self->door);

  whim_rest_door_shut (self->door);
  for (guint i = 0; i < inside->len; i++)
    end_request (g_ptr_array_index (inside, i));
  soup_server_disconnect (self->server); /* which closes them all */
}
