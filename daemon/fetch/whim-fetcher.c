/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "fetch/whim-fetcher.h"

#include <libsoup/soup.h>

#include "base/whim-limits.h"
#include "base/whim-url.h"
#include "fetch/whim-public-address.h"

/* Less than the five seconds after which Node closes an idle connection. */
#define IDLE_SECONDS 3
#define CONNECTIONS_PER_HOST 16
#define CHUNK 8192u

G_DEFINE_QUARK (whim - fetch - error - quark, whim_fetch_error)

struct _WhimFetcher
{
  GObject parent_instance;
  WhimClock *clock;
  gboolean allow_private;
  GHashTable *hosts;         /* "scheme://host:port" -> Host */
  GCancellable *cancellable; /* of everything */
};

G_DEFINE_FINAL_TYPE (WhimFetcher, whim_fetcher, G_TYPE_OBJECT)

/* libsoup takes an address to connect to for a session, not for a message: a session per host. */
typedef struct
{
  SoupSession *session;
  guint in_use;
} Host;

typedef struct
{
  WhimFetcher *fetcher; /* a task lets go of its source before its data */
  char *host;
  SoupMessage *message;
  GInputStream *stream;
  GCancellable *cancellable;
  GCancellable *outer;
  gulong outer_handler;
  gulong stop_handler;
  guint timer;
  gboolean timed_out;
  gboolean connected; /* by a connection of its own */
  gboolean again;     /* this is the second try */
  guint status;
  gsize left;
  GByteArray *answer; /* (nullable): what is kept of it */
} FetchOp;

static void
host_free (gpointer data)
{
  Host *self = data;

  g_object_unref (self->session);
  g_free (self);
}

static void
fetch_op_free (gpointer data)
{
  FetchOp *self = data;
  Host *host = g_hash_table_lookup (self->fetcher->hosts, self->host);

  if (host != NULL)
    host->in_use--;
  g_free (self->host);
  g_clear_pointer (&self->answer, g_byte_array_unref);
  g_clear_object (&self->message);
  g_clear_object (&self->stream);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->outer);
  g_clear_object (&self->fetcher);
  g_free (self);
}

/* ---- Hosts ----------------------------------------------------------------------------------- */

static gboolean
is_unused (gpointer key, gpointer value, gpointer user_data)
{
  return ((Host *)value)->in_use == 0;
}

static SoupSession *
use_host (WhimFetcher *self, const char *name, GUri *uri)
{
  Host *host = g_hash_table_lookup (self->hosts, name);
  g_autoptr (GSocketConnectable) address = NULL;

  if (host == NULL)
    {
      gint port = g_uri_get_port (uri);

      if (g_hash_table_size (self->hosts) >= WHIM_LIMIT_FETCH_HOSTS)
        g_hash_table_foreach_remove (self->hosts, is_unused, NULL);
      address = whim_public_address_new (g_uri_get_host (uri), (guint16)port, self->allow_private);
      host = g_new0 (Host, 1);
      host->session
          = g_object_new (SOUP_TYPE_SESSION, "remote-connectable", address, "proxy-resolver", NULL,
                          "timeout", 0, "idle-timeout", IDLE_SECONDS, "max-conns",
                          CONNECTIONS_PER_HOST, "max-conns-per-host", CONNECTIONS_PER_HOST, NULL);
      g_hash_table_insert (self->hosts, g_strdup (name), host);
    }
  host->in_use++;
  return host->session;
}

/* ---- One request ----------------------------------------------------------------------------- */

static void fetch_send (GTask *task);

static void
fetch_end (GTask *task, GError *error)
{
  FetchOp *op = g_task_get_task_data (task);
  g_autoptr (GError) own = error;

  whim_clock_clear_timer (op->fetcher->clock, &op->timer);
  g_cancellable_disconnect (op->outer, op->outer_handler);
  g_cancellable_disconnect (op->fetcher->cancellable, op->stop_handler);
  op->outer_handler = 0;
  op->stop_handler = 0;
  if (own == NULL)
    g_task_return_int (task, (gssize)op->status);
  else if (op->timed_out)
    g_task_return_new_error (task, WHIM_FETCH_ERROR, WHIM_FETCH_ERROR_TIMED_OUT,
                             "no answer in time");
  else if (own->domain == WHIM_FETCH_ERROR
           || g_error_matches (own, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_task_return_error (task, g_steal_pointer (&own));
  else if (own->domain == G_TLS_ERROR)
    g_task_return_new_error (task, WHIM_FETCH_ERROR, WHIM_FETCH_ERROR_TLS, "%s", own->message);
  else
    g_task_return_new_error (task, WHIM_FETCH_ERROR, WHIM_FETCH_ERROR_CONNECTION, "%s",
                             own->message);
}

static void fetch_read (GTask *task);

static void
fetch_read_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  FetchOp *op = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GBytes) bytes
      = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &error);
  gsize n = bytes == NULL ? 0 : g_bytes_get_size (bytes);

  /* half an answer is none */
  if (bytes == NULL)
    {
      fetch_end (task, error);
      return;
    }
  if (n > 0)
    g_byte_array_append (op->answer, g_bytes_get_data (bytes, NULL), (guint)n);
  op->left -= MIN (op->left, n);
  if (n > 0 && op->left > 0)
    fetch_read (task);
  else
    fetch_end (task, NULL);
}

static void
fetch_read (GTask *task)
{
  FetchOp *op = g_task_get_task_data (task);

  g_input_stream_read_bytes_async (op->stream, MIN (op->left, CHUNK), G_PRIORITY_DEFAULT,
                                   op->cancellable, fetch_read_cb, g_object_ref (task));
}

static void
fetch_skipped_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  FetchOp *op = g_task_get_task_data (task);
  gssize n = g_input_stream_skip_finish (G_INPUT_STREAM (source), result, NULL);

  /* The status has come: whatever happens to the rest does not change it. */
  if (n > 0 && (gsize)n < op->left)
    {
      op->left -= (gsize)n;
      g_input_stream_skip_async (op->stream, MIN (op->left, CHUNK), G_PRIORITY_DEFAULT,
                                 op->cancellable, fetch_skipped_cb, g_object_ref (task));
      return;
    }
  fetch_end (task, NULL);
}

static void
fetch_sent_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  FetchOp *op = g_task_get_task_data (task);
  GError *error = NULL;

  op->stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (error != NULL)
    {
      /* The other side may close an idle connection at the moment we use it. That says nothing
       * about the host, so a connection of its own gets one chance. */
      if (!op->connected && !op->again && !g_cancellable_is_cancelled (op->cancellable))
        {
          g_error_free (error);
          op->again = TRUE;
          fetch_send (task);
          return;
        }
      fetch_end (task, error);
      return;
    }
  op->status = soup_message_get_status (op->message);
  if (op->answer != NULL)
    {
      fetch_read (task);
      return;
    }
  g_input_stream_skip_async (op->stream, MIN (op->left, CHUNK), G_PRIORITY_DEFAULT, op->cancellable,
                             fetch_skipped_cb, g_object_ref (task));
}

static void
connection_event_cb (SoupMessage *message,
                     GSocketClientEvent event,
                     GIOStream *connection,
                     gpointer user_data)
{
  ((FetchOp *)user_data)->connected = TRUE;
}

static void
fetch_send (GTask *task)
{
  FetchOp *op = g_task_get_task_data (task);
  const Host *host = g_hash_table_lookup (op->fetcher->hosts, op->host);

  if (op->again)
    soup_message_add_flags (op->message, SOUP_MESSAGE_NEW_CONNECTION);
  soup_session_send_async (host->session, op->message, G_PRIORITY_DEFAULT, op->cancellable,
                           fetch_sent_cb, g_object_ref (task));
}

static void
timed_out_cb (gpointer user_data)
{
  FetchOp *op = user_data;

  op->timer = 0;
  op->timed_out = TRUE;
  g_cancellable_cancel (op->cancellable);
}

static void
cancelled_cb (GCancellable *outer, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

static GUri *
check_url (WhimFetcher *self, const char *url, GError **error)
{
  g_autoptr (GError) inner = NULL;
  g_autoptr (GUri) uri = whim_url_parse (url, self->allow_private, &inner);

  if (uri == NULL)
    {
      g_autoptr (GUri) allowed = whim_url_parse (url, TRUE, NULL);

      g_set_error_literal (error, WHIM_FETCH_ERROR,
                           allowed != NULL ? WHIM_FETCH_ERROR_ADDRESS : WHIM_FETCH_ERROR_URL,
                           inner->message);
      return NULL;
    }
  return g_steal_pointer (&uri);
}

void
whim_fetcher_send_async (WhimFetcher *self,
                         const WhimFetchRequest *request,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  GError *error = NULL;
  g_autoptr (GUri) uri = check_url (self, request->url, &error);
  FetchOp *op;

  g_task_set_source_tag (task, whim_fetcher_send_async);
  if (uri == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  op = g_new0 (FetchOp, 1);
  op->fetcher = g_object_ref (self);
  op->host = g_strdup_printf ("%s://%s:%d", g_uri_get_scheme (uri), g_uri_get_host (uri),
                              g_uri_get_port (uri));
  op->message = soup_message_new_from_uri (request->method, uri);
  op->left = MAX (request->answer_max, 1);
  op->answer = request->keep_answer ? g_byte_array_new () : NULL;
  op->cancellable = g_cancellable_new ();
  op->outer = cancellable == NULL ? NULL : g_object_ref (cancellable);
  g_task_set_task_data (task, op, fetch_op_free);
  use_host (self, op->host, uri);
  soup_message_add_flags (op->message, SOUP_MESSAGE_NO_REDIRECT);
  /* not the session's, which would replace the caller's */
  soup_message_headers_replace (soup_message_get_request_headers (op->message), "User-Agent",
                                "Whimbrel/" WHIM_VERSION);
  for (guint i = 0; request->headers != NULL && request->headers[i] != NULL; i += 2)
    if (g_ascii_strcasecmp (request->headers[i], "User-Agent") == 0)
      soup_message_headers_replace (soup_message_get_request_headers (op->message),
                                    request->headers[i], request->headers[i + 1]);
    else
      soup_message_headers_append (soup_message_get_request_headers (op->message),
                                   request->headers[i], request->headers[i + 1]);
  if (request->body != NULL)
    soup_message_set_request_body_from_bytes (op->message, request->content_type, request->body);
  g_signal_connect (op->message, "network-event", G_CALLBACK (connection_event_cb), op);
  op->timer = whim_clock_add_timer (self->clock, request->timeout_ms, timed_out_cb, op);
  if (op->outer != NULL)
    op->outer_handler
        = g_cancellable_connect (op->outer, G_CALLBACK (cancelled_cb), op->cancellable, NULL);
  op->stop_handler
      = g_cancellable_connect (self->cancellable, G_CALLBACK (cancelled_cb), op->cancellable, NULL);
  fetch_send (task);
}

guint
whim_fetcher_send_finish (WhimFetcher *self, GAsyncResult *result, GError **error)
{
  gssize status;

  g_return_val_if_fail (g_task_is_valid (result, self), 0);
  status = g_task_propagate_int (G_TASK (result), error);
  return status < 0 ? 0 : (guint)status;
}

guint
whim_fetcher_send_finish_answer (WhimFetcher *self,
                                 GAsyncResult *result,
                                 GBytes **answer,
                                 GError **error)
{
  FetchOp *op;
  guint status;

  g_return_val_if_fail (g_task_is_valid (result, self), 0);
  op = g_task_get_task_data (G_TASK (result));
  status = whim_fetcher_send_finish (self, result, error);
  if (status != 0 && op != NULL && op->answer != NULL)
    *answer = g_byte_array_free_to_bytes (g_steal_pointer (&op->answer));
  return status;
}

/* ---- Life ------------------------------------------------------------------------------------ */

WhimFetcher *
whim_fetcher_new (WhimClock *clock, gboolean allow_private)
{
  WhimFetcher *self = g_object_new (WHIM_TYPE_FETCHER, NULL);

  self->clock = whim_clock_ref (clock);
  self->allow_private = allow_private;
  return self;
}

void
whim_fetcher_stop (WhimFetcher *self)
{
  g_cancellable_cancel (self->cancellable);
}

static void
whim_fetcher_finalize (GObject *object)
{
  WhimFetcher *self = WHIM_FETCHER (object);

  g_hash_table_unref (self->hosts);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->clock, whim_clock_unref);
  G_OBJECT_CLASS (whim_fetcher_parent_class)->finalize (object);
}

static void
whim_fetcher_class_init (WhimFetcherClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = whim_fetcher_finalize;
}

static void
whim_fetcher_init (WhimFetcher *self)
{
  self->hosts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, host_free);
  self->cancellable = g_cancellable_new ();
}
