/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-connection.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>

/* The head of an answer; a longer one is not held back. */
#define HOLD_MAX 4096u

struct _WhimRestConnection
{
  GIOStream parent_instance;
  GSocket *socket;
  GSocketAddress *address;
  int fd;
  WhimClock *clock;
  WhimRestClosedFunc closed;
  gpointer closed_data;
  GInputStream *input;
  GOutputStream *output;
  WhimRestRequest *request;
  gint64 due_ms;   /* monotonic; 0: nothing is waited for */
  gint64 armed_ms; /* when the timer looks whether it is due */
  guint timer;
  GByteArray *held;
  gboolean hold;
  gboolean ended;
  gboolean gone; /* closed */
};

G_DEFINE_FINAL_TYPE (WhimRestConnection, whim_rest_connection, G_TYPE_IO_STREAM)

static guint n_connections;

guint
whim_rest_connection_count (void)
{
  return n_connections;
}

static gssize
fail_errno (GError **error)
{
  int saved = errno;

  g_set_error_literal (error, G_IO_ERROR, (gint)g_io_error_from_errno (saved), g_strerror (saved));
  return -1;
}

static gssize
fail_closed (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "the client has gone");
  return -1;
}

/* ---- Waiting for the socket ------------------------------------------------------------------ */

typedef struct
{
  GSource parent;
  GObject *stream;
} ReadySource;

static gboolean
ready_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  GPollableSourceFunc func = (GPollableSourceFunc)(gpointer)callback;

  return func (((ReadySource *)source)->stream, user_data);
}

static void
ready_finalize (GSource *source)
{
  g_object_unref (((ReadySource *)source)->stream);
}

static gboolean
ready_closure_cb (GObject *stream, gpointer closure)
{
  GValue result = G_VALUE_INIT;
  GValue param = G_VALUE_INIT;
  gboolean again;

  g_value_init (&result, G_TYPE_BOOLEAN);
  g_value_init (&param, G_TYPE_OBJECT);
  g_value_set_object (&param, stream);
  g_closure_invoke (closure, &result, 1, &param, NULL);
  again = g_value_get_boolean (&result);
  g_value_unset (&param);
  return again;
}

static GSourceFuncs ready_funcs = {
  .dispatch = ready_dispatch,
  .finalize = ready_finalize,
  .closure_callback = (GSourceFunc)(gpointer)ready_closure_cb,
};

static GSource *
ready_source_new (gpointer stream,
                  WhimRestConnection *connection,
                  GIOCondition condition,
                  GCancellable *cancellable)
{
  GSource *source = g_source_new (&ready_funcs, sizeof (ReadySource));

  ((ReadySource *)source)->stream = g_object_ref (stream);
  g_source_set_static_name (source, "whim-rest");
  if (connection == NULL || connection->gone)
    g_source_set_ready_time (source, 0);
  else
    g_source_add_unix_fd (source, connection->fd, condition);
  if (cancellable != NULL)
    {
      g_autoptr (GSource) child = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (child);
      g_source_add_child_source (source, child);
    }
  return source;
}

static gboolean
is_ready (WhimRestConnection *connection, GIOCondition condition)
{
  GPollFD poll = { 0 };

  if (connection == NULL || connection->gone || connection->ended)
    return TRUE;
  poll.fd = connection->fd;
  poll.events = condition;
  return g_poll (&poll, 1, 0) > 0;
}

/* ---- What comes in --------------------------------------------------------------------------- */

#define WHIM_TYPE_REST_INPUT (whim_rest_input_get_type ())
G_DECLARE_FINAL_TYPE (WhimRestInputStream, whim_rest_input, WHIM, REST_INPUT, GInputStream)

struct _WhimRestInputStream
{
  GInputStream parent_instance;
  WhimRestConnection *connection; /* borrowed; NULL when it is gone */
};

static void input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WhimRestInputStream,
                               whim_rest_input,
                               G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      input_pollable_init))

/* libsoup 3.2 forgets a connection that ends where no request has begun, and its descriptor stays
 * open. So one begins, which can be none, and nothing of what libsoup says to it is sent. */
static gssize
end_between (WhimRestConnection *self, guint8 *buffer)
{
  self->ended = TRUE;
  *buffer = '?';
  return 1;
}

static gssize
input_read (GPollableInputStream *stream, void *buffer, gsize count, GError **error)
{
  WhimRestConnection *self = WHIM_REST_INPUT (stream)->connection;
  gssize n;

  if (self == NULL || self->gone)
    return fail_closed (error);
  if (self->ended || count == 0)
    return 0;
  do
    n = recv (self->fd, buffer, count, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n > 0)
    return n;
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return fail_errno (error);
  if (self->request == NULL)
    return end_between (self, buffer);
  return n == 0 ? 0 : fail_errno (error);
}

static gboolean
input_is_readable (GPollableInputStream *stream)
{
  return is_ready (WHIM_REST_INPUT (stream)->connection, G_IO_IN);
}

static GSource *
input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  return ready_source_new (stream, WHIM_REST_INPUT (stream)->connection, G_IO_IN, cancellable);
}

static void
input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = input_is_readable;
  iface->create_source = input_create_source;
  iface->read_nonblocking = input_read;
}

static void
whim_rest_input_class_init (WhimRestInputStreamClass *klass)
{
}

static void
whim_rest_input_init (WhimRestInputStream *self)
{
}

/* ---- What goes out --------------------------------------------------------------------------- */

#define WHIM_TYPE_REST_OUTPUT (whim_rest_output_get_type ())
G_DECLARE_FINAL_TYPE (WhimRestOutputStream, whim_rest_output, WHIM, REST_OUTPUT, GOutputStream)

struct _WhimRestOutputStream
{
  GOutputStream parent_instance;
  WhimRestConnection *connection; /* borrowed; NULL when it is gone */
};

static void output_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WhimRestOutputStream,
                               whim_rest_output,
                               G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      output_pollable_init))

/* What is held, then @buffer. Returns: how much of both went out, or -1 */
static gssize
send_all (WhimRestConnection *self, const void *buffer, gsize count, GError **error)
{
  struct iovec parts[2] = { { self->held->data, self->held->len }, { (void *)buffer, count } };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
  gssize n;

  do
    n = sendmsg (self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return fail_errno (error);
  return n;
}

static void
note_progress (WhimRestConnection *self)
{
  /* a stream counts for itself */
  if (self->request != NULL && self->request->answered && self->request->stream == NULL)
    whim_rest_connection_watch (self, WHIM_REST_HEADER_TIMEOUT_MS);
}

static gssize
output_write (GPollableOutputStream *stream, const void *buffer, gsize count, GError **error)
{
  WhimRestConnection *self = WHIM_REST_OUTPUT (stream)->connection;
  gssize n;
  gsize held;

  if (self == NULL || self->gone || self->ended)
    return fail_closed (error);
  if (self->hold && count <= HOLD_MAX)
    {
      self->hold = FALSE;
      g_byte_array_append (self->held, buffer, (guint)count);
      return (gssize)count;
    }
  self->hold = FALSE;
  n = send_all (self, buffer, count, error);
  if (n < 0)
    return -1;
  note_progress (self);
  held = MIN ((gsize)n, self->held->len);
  if (held > 0)
    g_byte_array_remove_range (self->held, 0, (guint)held);
  if ((gsize)n > held || count == 0)
    return n - (gssize)held;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "the client is slow");
  return -1;
}

/* An answer of which nothing followed after all. */
static gboolean
output_flush (GOutputStream *stream, GCancellable *cancellable, GError **error)
{
  WhimRestConnection *self = WHIM_REST_OUTPUT (stream)->connection;

  if (self != NULL)
    self->hold = FALSE;
  if (self == NULL || self->gone || self->ended || self->held->len == 0)
    return TRUE;
  output_write (G_POLLABLE_OUTPUT_STREAM (stream), NULL, 0, NULL);
  return TRUE;
}

static gboolean
output_is_writable (GPollableOutputStream *stream)
{
  return is_ready (WHIM_REST_OUTPUT (stream)->connection, G_IO_OUT);
}

static GSource *
output_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  return ready_source_new (stream, WHIM_REST_OUTPUT (stream)->connection, G_IO_OUT, cancellable);
}

static void
output_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = output_is_writable;
  iface->create_source = output_create_source;
  iface->write_nonblocking = output_write;
}

static void
whim_rest_output_class_init (WhimRestOutputStreamClass *klass)
{
  G_OUTPUT_STREAM_CLASS (klass)->flush = output_flush;
}

static void
whim_rest_output_init (WhimRestOutputStream *self)
{
}

/* ---- Being watched --------------------------------------------------------------------------- */

static void arm (WhimRestConnection *self, gint64 now);

static void
timer_due (gpointer data)
{
  WhimRestConnection *self = data;
  gint64 now = whim_clock_get_monotonic_ms (self->clock);

  self->timer = 0;
  if (self->due_ms == 0)
    return;
  if (now < self->due_ms)
    arm (self, now);
  else if (self->request != NULL)
    whim_rest_request_cut (self->request);
  else
    whim_rest_connection_cut (self);
}

static void
arm (WhimRestConnection *self, gint64 now)
{
  self->armed_ms = self->due_ms;
  self->timer = whim_clock_add_timer (self->clock, self->due_ms - now, timer_due, self);
}

/* Several times a request, so the timer stays as it is while it comes early enough, and looks then
 * whether there is anything to do. */
void
whim_rest_connection_watch (WhimRestConnection *self, gint64 delay_ms)
{
  gint64 now;

  if (delay_ms == 0 || self->gone)
    {
      self->due_ms = 0;
      return;
    }
  now = whim_clock_get_monotonic_ms (self->clock);
  self->due_ms = now + delay_ms;
  if (self->timer != 0 && self->armed_ms <= self->due_ms)
    return;
  whim_clock_clear_timer (self->clock, &self->timer);
  arm (self, now);
}

void
whim_rest_connection_cut (WhimRestConnection *self)
{
  if (!self->gone)
    g_socket_shutdown (self->socket, TRUE, TRUE, NULL);
}

void
whim_rest_connection_hold (WhimRestConnection *self)
{
  self->hold = TRUE;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static GInputStream *
whim_rest_connection_get_input (GIOStream *stream)
{
  return WHIM_REST_CONNECTION (stream)->input;
}

static GOutputStream *
whim_rest_connection_get_output (GIOStream *stream)
{
  return WHIM_REST_CONNECTION (stream)->output;
}

static gboolean
whim_rest_connection_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  WhimRestConnection *self = WHIM_REST_CONNECTION (stream);

  if (self->gone)
    return TRUE;
  self->gone = TRUE;
  whim_clock_clear_timer (self->clock, &self->timer);
  g_socket_close (self->socket, NULL);
  self->closed (self, self->closed_data);
  return TRUE;
}

static void
whim_rest_connection_finalize (GObject *object)
{
  WhimRestConnection *self = WHIM_REST_CONNECTION (object);

  WHIM_REST_INPUT (self->input)->connection = NULL;
  WHIM_REST_OUTPUT (self->output)->connection = NULL;
  g_object_unref (self->input);
  g_object_unref (self->output);
  g_object_unref (self->socket);
  g_object_unref (self->address);
  g_byte_array_unref (self->held);
  whim_clock_unref (self->clock);
  n_connections--;
  G_OBJECT_CLASS (whim_rest_connection_parent_class)->finalize (object);
}

static void
whim_rest_connection_class_init (WhimRestConnectionClass *klass)
{
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = whim_rest_connection_finalize;
  stream_class->get_input_stream = whim_rest_connection_get_input;
  stream_class->get_output_stream = whim_rest_connection_get_output;
  stream_class->close_fn = whim_rest_connection_close;
}

static void
whim_rest_connection_init (WhimRestConnection *self)
{
  self->input = g_object_new (WHIM_TYPE_REST_INPUT, NULL);
  self->output = g_object_new (WHIM_TYPE_REST_OUTPUT, NULL);
  WHIM_REST_INPUT (self->input)->connection = self;
  WHIM_REST_OUTPUT (self->output)->connection = self;
  self->held = g_byte_array_new ();
  n_connections++;
}

WhimRestConnection *
whim_rest_connection_new (GSocket *socket,
                          GSocketAddress *address,
                          WhimClock *clock,
                          WhimRestClosedFunc closed,
                          gpointer user_data)
{
  WhimRestConnection *self = g_object_new (WHIM_TYPE_REST_CONNECTION, NULL);

  self->socket = g_object_ref (socket);
  self->address = g_object_ref (address);
  self->fd = g_socket_get_fd (socket);
  self->clock = whim_clock_ref (clock);
  self->closed = closed;
  self->closed_data = user_data;
  return self;
}

GSocket *
whim_rest_connection_get_socket (WhimRestConnection *self)
{
  return self->socket;
}

GSocketAddress *
whim_rest_connection_get_address (WhimRestConnection *self)
{
  return self->address;
}

gboolean
whim_rest_connection_has_ended (WhimRestConnection *self)
{
  return self->ended;
}

void
whim_rest_connection_set_request (WhimRestConnection *self, WhimRestRequest *request)
{
  g_autoptr (WhimRestRequest) before = g_steal_pointer (&self->request);

  self->request = request == NULL ? NULL : whim_rest_request_ref (request);
}

WhimRestRequest *
whim_rest_connection_get_request (WhimRestConnection *self)
{
  return self->request;
}
