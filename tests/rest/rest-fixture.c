/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/rest-fixture.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>

void
rest_fixture_set_up (RestFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->clock = whim_clock_new_manual (1700000000000);
  self->engine = fake_engine_new ();
  self->rest = whim_rest_new (self->engine, self->clock);
  whim_rest_listen (self->rest, "127.0.0.1:0", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (whim_rest_get_port (self->rest), !=, 0);
}

void
rest_iterate (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

void
rest_fixture_tear_down (RestFixture *self, gconstpointer data)
{
  whim_rest_free (self->rest);
  rest_iterate ();
  g_assert_finalize_object (self->engine);
  whim_clock_unref (self->clock);
}

static void read_more (RestClient *self);

static void
read_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RestClient *self = user_data;
  g_autoptr (GBytes) bytes
      = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, NULL);

  self->reading = FALSE;
  if (bytes == NULL || g_bytes_get_size (bytes) == 0)
    {
      self->ended = TRUE;
      return;
    }
  g_string_append_len (self->received, g_bytes_get_data (bytes, NULL),
                       (gssize)g_bytes_get_size (bytes));
  read_more (self);
}

static void
read_more (RestClient *self)
{
  if (self->reading || self->ended)
    return;
  self->reading = TRUE;
  g_input_stream_read_bytes_async (g_io_stream_get_input_stream (G_IO_STREAM (self->connection)),
                                   65536, G_PRIORITY_DEFAULT, NULL, read_cb, self);
}

static RestClient *
client_new (GSocketConnectable *address)
{
  RestClient *self = g_new0 (RestClient, 1);
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GError) error = NULL;

  /* loopback: the kernel accepts without us, so this does not wait for our own loop */
  self->connection = g_socket_client_connect (client, address, NULL, &error);
  g_assert_no_error (error);
  self->received = g_string_new (NULL);
  return self;
}

RestClient *
rest_client_new (RestFixture *f)
{
  g_autoptr (GSocketAddress) address
      = g_inet_socket_address_new_from_string ("127.0.0.1", whim_rest_get_port (f->rest));

  return client_new (G_SOCKET_CONNECTABLE (address));
}

RestClient *
rest_client_new_unix (const char *path)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);

  return client_new (G_SOCKET_CONNECTABLE (address));
}

void
rest_client_free (RestClient *self)
{
  g_socket_shutdown (g_socket_connection_get_socket (self->connection), TRUE, TRUE, NULL);
  while (self->reading)
    g_main_context_iteration (NULL, TRUE);
  g_io_stream_close (G_IO_STREAM (self->connection), NULL, NULL);
  g_object_unref (self->connection);
  g_string_free (self->received, TRUE);
  g_free (self);
  rest_iterate ();
}

static void
written_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  gboolean *done = user_data;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);
  *done = TRUE;
}

void
rest_client_write (RestClient *self, const char *text, gsize len)
{
  gboolean done = FALSE;

  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (self->connection)),
                                   text, len, G_PRIORITY_DEFAULT, NULL, written_cb, &done);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
}

gboolean
rest_client_wait (RestClient *self, const char *text)
{
  read_more (self);
  while (!self->ended && strstr (self->received->str, text) == NULL)
    g_main_context_iteration (NULL, TRUE);
  return strstr (self->received->str, text) != NULL;
}

void
rest_client_wait_end (RestClient *self)
{
  read_more (self);
  while (!self->ended)
    g_main_context_iteration (NULL, TRUE);
}

char *
rest_request (RestFixture *f,
              const char *method,
              const char *target,
              const char *headers,
              const char *body)
{
  g_autoptr (RestClient) client = rest_client_new (f);
  g_autofree char *text = g_strdup_printf (
      "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: %" G_GSIZE_FORMAT
      "\r\n\r\n%s",
      method, target, headers, strlen (body), body);

  rest_client_write (client, text, strlen (text));
  rest_client_wait_end (client);
  return g_strdup (client->received->str);
}

guint
rest_status (const char *answer)
{
  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 "));
  return (guint)g_ascii_strtoull (answer + strlen ("HTTP/1.1 "), NULL, 10);
}

const char *
rest_body (const char *answer)
{
  const char *end = strstr (answer, "\r\n\r\n");

  g_assert_nonnull (end);
  return end + 4;
}
