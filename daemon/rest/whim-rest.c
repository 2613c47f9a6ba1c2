/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest.h"

#include "base/whim-limits.h"
#include "base/whim-listen.h"
#include "rest/whim-rest-private.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 512
/* Between two requests of a connection, and until the headers are complete. */
#define HEADER_TIMEOUT_MS 60000
/* Between two pieces of a body. */
#define BODY_TIMEOUT_MS 30000
/* From the first byte of a request to its last. */
#define REQUEST_TIMEOUT_MS 300000
/* How much of a refused body is read and dropped, so that its sender gets to see the answer. */
#define DRAIN_MAX (64u * WHIM_LIMIT_JSON_BODY)

struct _WhimRest
{
  WhimEngine *engine;
  WhimClock *clock;
  SoupServer *server;
  GHashTable *requests; /* SoupServerMessage -> WhimRestRequest */
  GHashTable *idle;     /* GSocket (weak) -> IdleSocket: between two requests */
  GPtrArray *unix_paths;
  GHashTable *rates; /* key id -> Bucket */
  char **origins;    /* web pages that may call */
  guint rate_limit;
  gboolean token_in_query;
  WhimRestFigures figures;
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
headers_read_cb (SoupServer *server,
                 SoupServerMessage *message,
                 const char *path,
                 GHashTable *query,
                 gpointer user_data)
{
  WhimRest *self = user_data;
  WhimRestRequest *request = g_hash_table_lookup (self->requests, message);
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  if (request == NULL)
    return;
  whim_rest_request_watch (request, BODY_TIMEOUT_MS);
  if (find_route (request) && authenticate (request, headers) && find_dialect (request, headers)
      && check_rate (request))
    check_length (request, headers);
  /* Unless the client waits for "100 Continue", libsoup answers after the body. None of it is
   * kept. */
  if (request->answered)
    soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
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
    whim_rest_request_answer (request, SOUP_STATUS_OK, "application/json; charset=utf-8",
                              whim_rest_openapi ());
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
  g_autoptr (GBytes) body = NULL;

  if (request->received > WHIM_LIMIT_JSON_BODY)
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_TOO_LARGE, "a body has at most 1 MiB");
      return FALSE;
    }
  request->query = whim_rest_parse_query (
      g_uri_get_query (soup_server_message_get_uri (request->message)), error);
  if (request->query == NULL)
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
  WhimRestRequest *request = g_hash_table_lookup (self->requests, message);
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
  whim_rest_request_pause (request);
  whim_engine_call_async (self->engine, request->operation->name, request->caller, params,
                          request->cancellable, called_cb, whim_rest_request_ref (request));
}

/* ---- Connections ----------------------------------------------------------------------------- */

/* libsoup makes a message only when a request begins, so what lies between is watched here. */
typedef struct
{
  WhimRest *rest;
  GSocket *socket; /* weak: it goes when libsoup lets go of it */
  guint timer;
} IdleSocket;

static void
idle_socket_gone (gpointer data, GObject *socket)
{
  IdleSocket *idle = data;

  idle->socket = NULL;
  g_hash_table_remove (idle->rest->idle, socket);
}

static void
idle_socket_free (gpointer data)
{
  IdleSocket *idle = data;

  whim_clock_clear_timer (idle->rest->clock, &idle->timer);
  if (idle->socket != NULL)
    g_object_weak_unref (G_OBJECT (idle->socket), idle_socket_gone, idle);
  g_free (idle);
}

static void
idle_expired (gpointer data)
{
  IdleSocket *idle = data;

  idle->timer = 0;
  g_socket_shutdown (idle->socket, TRUE, TRUE, NULL);
  g_hash_table_remove (idle->rest->idle, idle->socket);
}

static void
watch_idle_socket (WhimRest *self, GSocket *socket)
{
  IdleSocket *idle;

  if (socket == NULL || !g_socket_is_connected (socket))
    return;
  idle = g_new0 (IdleSocket, 1);
  idle->rest = self;
  idle->socket = socket;
  g_object_weak_ref (G_OBJECT (socket), idle_socket_gone, idle);
  idle->timer = whim_clock_add_timer (self->clock, HEADER_TIMEOUT_MS, idle_expired, idle);
  g_hash_table_replace (self->idle, socket, idle);
}

static gboolean
is_closed (gpointer socket, gpointer idle, gpointer user_data)
{
  return g_socket_is_closed (socket);
}

/* Sockets that were closed after their answer may live on for a while: they do not count. Looked at
 * only when there seem to be too many, and then all of them go. */
static gboolean
is_full (WhimRest *self)
{
  if (g_hash_table_size (self->requests) + g_hash_table_size (self->idle)
      <= WHIM_LIMIT_HTTP_CONNECTIONS)
    return FALSE;
  g_hash_table_foreach_remove (self->idle, is_closed, NULL);
  return g_hash_table_size (self->requests) + g_hash_table_size (self->idle)
         > WHIM_LIMIT_HTTP_CONNECTIONS;
}

static void
message_ended (SoupServerMessage *message, gpointer user_data)
{
  WhimRest *self = user_data;
  WhimRestRequest *request = g_hash_table_lookup (self->requests, message);

  if (request == NULL)
    return;
  g_signal_handlers_disconnect_by_data (message, request);
  whim_rest_request_detach (request);
  watch_idle_socket (self, soup_server_message_get_socket (message));
  g_hash_table_remove (self->requests, message);
}

static void
progress_written (SoupServerMessage *message, guint len, gpointer user_data)
{
  WhimRestRequest *request = user_data;

  if (request->stream == NULL) /* a stream counts for itself */
    whim_rest_request_watch (request, HEADER_TIMEOUT_MS);
}

static void
request_started (SoupServer *server, SoupServerMessage *message, gpointer user_data)
{
  WhimRest *self = user_data;
  WhimRestRequest *request = whim_rest_request_new (self, message);

  g_hash_table_insert (self->requests, g_object_ref (message), request);
  g_hash_table_remove (self->idle, soup_server_message_get_socket (message));
  g_signal_connect (message, "finished", G_CALLBACK (message_ended), self);
  g_signal_connect (message, "disconnected", G_CALLBACK (message_ended), self);
  g_signal_connect (message, "got-chunk", G_CALLBACK (chunk_read), request);
  g_signal_connect (message, "wrote-body-data", G_CALLBACK (progress_written), request);
  whim_rest_request_watch (request, HEADER_TIMEOUT_MS);
  if (is_full (self))
    whim_rest_request_cut (request);
}

static void
journal_advanced (WhimEngine *engine, gint64 last_seq, gpointer user_data)
{
  WhimRest *self = user_data;
  g_autoptr (GPtrArray) open
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_rest_request_unref);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->requests);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((WhimRestRequest *)value)->stream != NULL)
      g_ptr_array_add (open, whim_rest_request_ref (value));
  for (guint i = 0; i < open->len; i++)
    {
      WhimRestRequest *request = g_ptr_array_index (open, i);

      if (request->stream != NULL)
        whim_rest_stream_poll (request->stream);
    }
}

/* ---- The server ------------------------------------------------------------------------------ */

WhimRest *
whim_rest_new (WhimEngine *engine, WhimClock *clock)
{
  WhimRest *self = g_new0 (WhimRest, 1);

  self->engine = g_object_ref (engine);
  self->clock = whim_clock_ref (clock);
  self->requests
      = g_hash_table_new_full (NULL, NULL, g_object_unref, (GDestroyNotify)whim_rest_request_unref);
  self->idle = g_hash_table_new_full (NULL, NULL, NULL, idle_socket_free);
  self->unix_paths = g_ptr_array_new_with_free_func (g_free);
  self->rates = whim_rest_rates_new ();
  self->server = soup_server_new ("server-header", "whimbrel", "raw-paths", TRUE, NULL);
  soup_server_add_early_handler (self->server, NULL, headers_read_cb, self, NULL);
  soup_server_add_handler (self->server, NULL, body_read_cb, self, NULL);
  g_signal_connect (self->server, "request-started", G_CALLBACK (request_started), self);
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
  g_clear_signal_handler (&self->advanced, self->engine);
  g_hash_table_unref (self->requests);
  g_hash_table_unref (self->idle);
  g_ptr_array_unref (self->unix_paths);
  g_hash_table_unref (self->rates);
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

static gboolean
listen_tcp (WhimRest *self, const WhimListen *listen, GError **error)
{
  g_autoptr (GSocketAddress) address
      = g_inet_socket_address_new_from_string (listen->host, listen->port);
  g_autoptr (GSocket) socket = g_socket_new (g_socket_address_get_family (address),
                                             G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  g_autoptr (GSocketAddress) local = NULL;

  if (socket == NULL || !g_socket_bind (socket, address, TRUE, error))
    return FALSE;
  /* the default queue is so short that a burst of clients waits for seconds */
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (!g_socket_listen (socket, error)
      || !soup_server_listen_socket (self->server, socket, 0, error))
    return FALSE;
  local = g_socket_get_local_address (socket, error);
  if (local == NULL)
    return FALSE;
  if (self->port == 0)
    self->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (local));
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
listen_unix (WhimRest *self, const char *path, GError **error)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  mode_t mask;
  gboolean ok;

  remove_stale_socket (path, address);
  mask = umask (0177); /* whoever reaches the socket can try keys; at start nothing else runs */
  ok = soup_server_listen (self->server, address, 0, error);
  umask (mask);
  if (ok)
    g_ptr_array_add (self->unix_paths, g_strdup (path));
  return ok;
}

gboolean
whim_rest_listen (WhimRest *self, const char *spec, GError **error)
{
  g_auto (WhimListen) listen = { 0 };
  gboolean ok;

  if (!whim_listen_parse (&listen, spec, error))
    return FALSE;
  ok = listen.unix_path != NULL ? listen_unix (self, listen.unix_path, error)
                                : listen_tcp (self, &listen, error);
  if (!ok)
    g_prefix_error (error, "cannot listen on %s: ", spec);
  return ok;
}

guint16
whim_rest_get_port (const WhimRest *self)
{
  return self->port;
}

void
whim_rest_stop (WhimRest *self)
{
  g_autoptr (GPtrArray) open
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_rest_request_unref);
  GHashTableIter iter;
  gpointer message;
  gpointer request;

  for (guint i = 0; i < self->unix_paths->len; i++)
    unlink (g_ptr_array_index (self->unix_paths, i));
  g_ptr_array_set_size (self->unix_paths, 0);
  /* libsoup does not tell us of every message that it drops here */
  g_hash_table_iter_init (&iter, self->requests);
  while (g_hash_table_iter_next (&iter, &message, &request))
    {
      g_signal_handlers_disconnect_by_data (message, request);
      g_signal_handlers_disconnect_by_data (message, self);
      whim_rest_request_detach (request);
      g_ptr_array_add (open, whim_rest_request_ref (request));
    }
  g_hash_table_remove_all (self->requests);
  g_hash_table_remove_all (self->idle);
  soup_server_disconnect (self->server);
}
