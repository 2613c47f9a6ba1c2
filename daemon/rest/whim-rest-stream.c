/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"

#include "base/whim-limits.h"
#include "rest/whim-rest-connection.h"

#include <glib-unix.h>
#include <poll.h>
#include <string.h>

/* A comment now and then, so that proxies and clients see that the line is alive. */
#define KEEP_ALIVE_MS 15000
/* Who has not taken a byte for this long is gone. */
#define STALL_MS 60000
#define BATCH 100u

/* The journal from a cursor on. The journal holds what the client has not taken yet, so nothing
 * more is read while much is unsent. */
struct _WhimRestStream
{
  WhimRestRequest *request; /* borrowed: it owns us */
  char *channel_id;         /* (nullable) */
  gint64 after;
  gboolean reading;
  gboolean started; /* the answer has begun */
  gboolean page;    /* one page as JSON instead of a stream */
  guint limit;
  GPtrArray *batches; /* of GPtrArray: what was read for the page, and owns its events */
  GPtrArray *shown;   /* of WhimEvent: those of them that the page shows */
  GQueue chunks;      /* of gsize in a pointer: what libsoup has not written */
  gsize unsent;
  guint keep_alive;
  guint hang_up; /* source */
};

static guint n_streams;

static void stream_read (WhimRestStream *self);

guint
whim_rest_stream_count (void)
{
  return n_streams;
}

void
whim_rest_stream_free (WhimRestStream *self)
{
  whim_clock_clear_timer (whim_rest_get_clock (self->request->rest), &self->keep_alive);
  g_clear_handle_id (&self->hang_up, g_source_remove);
  whim_rest_remove_stream (self->request->rest, self->request);
  g_queue_clear (&self->chunks);
  g_ptr_array_unref (self->shown);
  g_ptr_array_unref (self->batches);
  g_free (self->channel_id);
  g_free (self);
  n_streams--;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void
append (WhimRestStream *self, char *text)
{
  SoupServerMessage *message = self->request->message;
  gsize len = strlen (text);

  g_queue_push_tail (&self->chunks, GSIZE_TO_POINTER (len));
  if (self->unsent == 0)
    whim_rest_request_watch (self->request, STALL_MS);
  self->unsent += len;
  soup_message_body_append_take (soup_server_message_get_response_body (message), (guchar *)text,
                                 len);
  /* libsoup pauses by itself when it has written everything */
  soup_server_message_unpause (message);
}

static void
chunk_written (SoupServerMessage *message, gpointer user_data)
{
  WhimRestRequest *request = user_data;
  WhimRestStream *self = request->stream;

  if (self == NULL || g_queue_is_empty (&self->chunks))
    return;
  self->unsent -= GPOINTER_TO_SIZE (g_queue_pop_head (&self->chunks));
  whim_rest_request_watch (request, self->unsent == 0 ? 0 : STALL_MS);
  if (self->unsent < WHIM_LIMIT_STREAM_UNSENT / 2)
    stream_read (self);
}

static void
keep_alive_due (gpointer data)
{
  WhimRestStream *self = data;

  self->keep_alive = whim_clock_add_timer (whim_rest_get_clock (self->request->rest), KEEP_ALIVE_MS,
                                           keep_alive_due, self);
  if (self->unsent == 0)
    append (self, g_strdup (": keep-alive\n\n"));
}

static void end (WhimRestStream *self);

static gboolean
hung_up_cb (int fd, GIOCondition condition, gpointer user_data)
{
  WhimRestStream *self = user_data;

  self->hang_up = 0;
  whim_rest_request_cut (self->request);
  end (self); /* so that libsoup writes, and sees it */
  return G_SOURCE_REMOVE;
}

/* libsoup does not read while it answers, so a client that has gone would be noticed by the second
 * write to nobody, and many that come and go would use up the streams. */
static void
watch_hang_up (WhimRestStream *self)
{
  GSocket *socket = whim_rest_connection_get_socket (self->request->connection);

  self->hang_up
      = g_unix_fd_add (g_socket_get_fd (socket), (GIOCondition)POLLRDHUP, hung_up_cb, self);
}

static void
start (WhimRestStream *self)
{
  WhimRestRequest *request = self->request;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (request->message);

  self->started = TRUE;
  request->answered = TRUE;
  request->paused = FALSE; /* from here on libsoup and append() do it between them */
  soup_server_message_set_status (request->message, 200, NULL);
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_headers_replace (headers, "Content-Type", "text/event-stream");
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_replace (headers, "X-Accel-Buffering", "no");
  soup_message_headers_replace (headers, "X-Request-Id", request->id);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (request->message),
                                    FALSE);
  whim_rest_request_listen (request, "wrote-chunk", G_CALLBACK (chunk_written));
  self->keep_alive = whim_clock_add_timer (whim_rest_get_clock (request->rest), KEEP_ALIVE_MS,
                                           keep_alive_due, self);
  watch_hang_up (self);
  append (self, g_strdup (": connected\n\n"));
}

/* What the caller may not see keeps its place in what engine gives, so that cursors advance. */
static gboolean
is_hidden (const WhimEvent *event)
{
  return event->type == NULL;
}

/* In one piece: each is written by calls of its own. */
static void
send_events (WhimRestStream *self, GPtrArray *events)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < events->len; i++)
    {
      const WhimEvent *event = g_ptr_array_index (events, i);
      g_autofree char *json = NULL;

      self->after = MAX (self->after, event->seq);
      if (is_hidden (event))
        continue;
      json = whim_present_event (event, self->request->dialect, FALSE);
      g_string_append_printf (text, "id: %" G_GINT64_FORMAT "\ndata: ", event->seq);
      g_string_append (text, json);
      g_string_append (text, "\n\n");
    }
  if (text->len > 0)
    append (self, g_string_free (g_steal_pointer (&text), FALSE));
}

static void
end (WhimRestStream *self)
{
  soup_message_body_complete (soup_server_message_get_response_body (self->request->message));
  soup_server_message_unpause (self->request->message);
}

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct
{
  WhimRestRequest *request;
  gint64 last_seq; /* when the query was made: everything up to it has been seen afterwards */
} ReadOp;

/* A page of less than was asked for is the last one, so it is filled over what the caller may not
 * see. */
static void
deliver_page (WhimRestStream *self, GPtrArray *events, gint64 last_seq)
{
  g_ptr_array_add (self->batches, g_ptr_array_ref (events));
  for (guint i = 0; i < events->len && self->shown->len < self->limit; i++)
    {
      WhimEvent *event = g_ptr_array_index (events, i);

      self->after = event->seq;
      if (!is_hidden (event))
        g_ptr_array_add (self->shown, event);
    }
  if (self->shown->len < self->limit && events->len == self->limit)
    stream_read (self);
  else
    whim_rest_request_answer_json (
        self->request, 200, whim_present_events (self->shown, last_seq, self->request->dialect));
}

static void
deliver (WhimRestStream *self, GPtrArray *events, gint64 last_seq)
{
  if (self->page)
    {
      deliver_page (self, events, last_seq);
      return;
    }
  if (!self->started)
    start (self);
  send_events (self, events);
  if (events->len < self->limit)
    self->after = MAX (self->after, last_seq);
  stream_read (self);
}

static void
events_read_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree ReadOp *op = user_data;
  g_autoptr (WhimRestRequest) request = op->request;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) events
      = whim_engine_read_events_finish (WHIM_ENGINE (source), result, &error);
  WhimRestStream *self = request->stream;

  if (self == NULL)
    return;
  self->reading = FALSE;
  if (events != NULL)
    deliver (self, events, op->last_seq);
  else if (self->started)
    end (self); /* the client comes again with its cursor and is told why */
  else
    whim_rest_request_fail (request, error);
}

static void
stream_read (WhimRestStream *self)
{
  WhimEngine *engine = whim_rest_get_engine (self->request->rest);
  ReadOp *op;

  if (self->reading || self->unsent >= WHIM_LIMIT_STREAM_UNSENT
      || (self->started && self->after >= whim_engine_get_last_seq (engine)))
    return;
  self->reading = TRUE;
  op = g_new0 (ReadOp, 1);
  op->request = whim_rest_request_ref (self->request);
  op->last_seq = whim_engine_get_last_seq (engine);
  whim_engine_read_events_async (engine, self->request->caller, self->after, self->channel_id,
                                 self->limit, whim_rest_request_get_cancellable (self->request),
                                 events_read_cb, op);
}

void
whim_rest_stream_poll (WhimRestStream *self)
{
  if (self->started)
    stream_read (self);
}

/* ---- The request ----------------------------------------------------------------------------- */

static const WhimParam event_params[] = {
  { .name = "channelId",
    .type = WHIM_PARAM_STRING,
    .flags = WHIM_PARAM_IN_QUERY | WHIM_PARAM_IN_HEADER },
  { .name = "after", .type = WHIM_PARAM_INTEGER, .flags = WHIM_PARAM_IN_QUERY },
  { .name = "limit", .type = WHIM_PARAM_INTEGER, .flags = WHIM_PARAM_IN_QUERY },
  { NULL },
};

static const WhimOperation events_operation = {
  .name = WHIM_ROUTE_EVENTS,
  .scope = WHIM_SCOPE_READ,
  .channel_scoped = TRUE,
  .params = event_params,
};

static gboolean
wants_page (SoupMessageHeaders *headers)
{
  const char *accept = soup_message_headers_get_list (headers, "Accept");

  return accept != NULL && strstr (accept, "application/json") != NULL
         && strstr (accept, "text/event-stream") == NULL;
}

static gboolean
parse (WhimRestRequest *request, WhimRestStream *self, GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (request->message);
  const char *last_id = soup_message_headers_get_one (headers, "Last-Event-ID");
  g_autoptr (GVariant) params
      = whim_rest_extract (&events_operation, &request->input, NULL, &request->places, error);
  gint64 last_seq = whim_engine_get_last_seq (whim_rest_get_engine (request->rest));
  gint64 limit = 50;

  if (params == NULL)
    return FALSE;
  g_variant_ref_sink (params);
  g_variant_lookup (params, "channelId", "s", &self->channel_id);
  if (g_variant_lookup (params, "limit", "x", &limit)
      && (limit < 1 || limit > (gint64)WHIM_LIMIT_LIST))
    {
      whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, "limit",
                            "must be between 1 and 500");
      return FALSE;
    }
  /* a stream has no end, so its steps are our own */
  self->limit = self->page ? (guint)limit : BATCH;
  /* from now on; a page without a cursor is the newest */
  self->after = self->page ? MAX (0, last_seq - limit) : last_seq;
  if (g_variant_lookup (params, "after", "x", &self->after) && self->after < 0)
    {
      whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, "after", "must not be negative");
      return FALSE;
    }
  /* A client that reconnects keeps its first address and says here how far it got. */
  if (last_id != NULL && !g_ascii_string_to_signed (last_id, 10, 0, G_MAXINT64, &self->after, NULL))
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_INVALID_PARAMETER,
                           "Last-Event-ID is not a number");
      return FALSE;
    }
  return TRUE;
}

void
whim_rest_events (WhimRestRequest *request)
{
  WhimRestStream *self = g_new0 (WhimRestStream, 1);
  g_autoptr (GError) error = NULL;

  request->operation = &events_operation;
  request->stream = self;
  self->request = request;
  self->shown = g_ptr_array_new ();
  self->batches = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);
  g_queue_init (&self->chunks);
  n_streams++;
  whim_rest_add_stream (request->rest, request);
  self->page = wants_page (soup_server_message_get_request_headers (request->message))
               || g_str_equal (soup_server_message_get_method (request->message), "HEAD");
  if (n_streams > WHIM_LIMIT_STREAMS)
    g_set_error_literal (&error, WHIM_ERROR, WHIM_ERROR_RATE_LIMITED, "too many streams are open");
  if (error != NULL || !parse (request, self, &error))
    {
      whim_rest_request_fail (request, error);
      return;
    }
  whim_rest_request_pause (request);
  stream_read (self);
}
