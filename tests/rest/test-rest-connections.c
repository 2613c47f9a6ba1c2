/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-door.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The door and its connections below a libsoup server that answers by itself. */

#define REQUEST "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
#define LAST_REQUEST "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

typedef struct
{
  WhimClock *clock;
  SoupServer *server;
  WhimRestDoor *door;
  guint16 port;
  guint closed;
  GBytes *body;
} Fixture;

static guint warnings;

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_WARNING) == 0)
    return g_log_writer_default (level, fields, n, user_data);
  warnings++;
  return G_LOG_WRITER_HANDLED;
}

static void
answer (SoupServer *server,
        SoupServerMessage *message,
        const char *path,
        GHashTable *query,
        gpointer user_data)
{
  Fixture *f = user_data;

  whim_rest_connection_hold (whim_rest_door_find (f->door, message));
  soup_server_message_set_status (message, 200, NULL);
  if (g_bytes_get_size (f->body) > 0)
    soup_message_body_append_bytes (soup_server_message_get_response_body (message), f->body);
}

static void
count_closed (WhimRestConnection *connection, gpointer user_data)
{
  ((Fixture *)user_data)->closed++;
}

static void
iterate (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  WhimListen listen = { NULL, (char *)"127.0.0.1", 0 };
  g_autoptr (GError) error = NULL;

  f->clock = whim_clock_new_manual (1700000000000);
  f->server = soup_server_new (NULL, NULL);
  f->door = whim_rest_door_new (f->server, f->clock, count_closed, f);
  f->body = g_bytes_new_static ("hello", 5);
  soup_server_add_handler (f->server, NULL, answer, f, NULL);
  whim_rest_door_open (f->door, &listen, &f->port, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (f->port, !=, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  whim_rest_door_shut (f->door);
  soup_server_disconnect (f->server);
  iterate ();
  g_assert_cmpuint (whim_rest_connection_count (), ==, 0);
  g_assert_finalize_object (f->server);
  whim_rest_door_free (f->door);
  g_bytes_unref (f->body);
  whim_clock_unref (f->clock);
}

static int
connect_client (Fixture *f)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", f->port);
  g_autoptr (GSocket) socket
      = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr (GError) error = NULL;
  int fd;

  g_socket_connect (socket, address, NULL, &error);
  g_assert_no_error (error);
  fd = dup (g_socket_get_fd (socket));
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

/* Until @text has come, or all there is. Returns: (transfer full) */
static GString *
read_until (int fd, const char *text)
{
  GString *got = g_string_new (NULL);
  char buffer[65536];

  for (;;)
    {
      gssize n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

      if (n == 0 || (text != NULL && strstr (got->str, text) != NULL))
        return got;
      if (n > 0)
        g_string_append_len (got, buffer, n);
      else
        g_main_context_iteration (NULL, FALSE);
    }
}

static void
ask (int fd, const char *request)
{
  g_assert_cmpint (send (fd, request, strlen (request), MSG_NOSIGNAL), ==,
                   (gssize)strlen (request));
}

static guint
count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* A socket that nobody watches but the test. */
static gpointer
watch_socket (Fixture *f)
{
  g_autoptr (GPtrArray) inside = whim_rest_door_list (f->door);
  static gpointer watched;

  g_assert_cmpuint (inside->len, ==, 1);
  watched = whim_rest_connection_get_socket (g_ptr_array_index (inside, 0));
  g_object_add_weak_pointer (watched, &watched);
  return &watched;
}

/* Whoever ends a connection, and whenever: nothing of it is kept. libsoup's own listener keeps the
 * socket of each, and the descriptor too where the client goes between two requests. */
static void
test_nothing_kept (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *first;
    const char *second;
  } rows[] = {
    { NULL, NULL },          /* goes without a word */
    { "GET /x HT", NULL },   /* in the middle of one */
    { REQUEST, NULL },       /* between two requests */
    { REQUEST, "GET /x H" }, /* in the second */
    { REQUEST, REQUEST },    /* after two */
    { "rubbish\r\n\r\n", NULL },
    { LAST_REQUEST, NULL }, /* the server ends it */
  };
  guint before = count_descriptors ();

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      int fd = connect_client (f);
      gpointer *socket;

      while (whim_rest_connection_count () == 0)
        g_main_context_iteration (NULL, TRUE);
      socket = watch_socket (f);
      if (rows[i].first != NULL)
        ask (fd, rows[i].first);
      if (rows[i].first != NULL && strstr (rows[i].first, "Host") != NULL)
        g_string_free (read_until (fd, "hello"), TRUE);
      if (rows[i].second != NULL)
        ask (fd, rows[i].second);
      iterate ();
      close (fd);
      while (f->closed <= i)
        g_main_context_iteration (NULL, TRUE);
      iterate ();
      g_assert_null (*socket);
      g_assert_cmpuint (whim_rest_connection_count (), ==, 0);
      g_assert_cmpuint (count_descriptors (), ==, before);
    }
}

/* A client that has said its last word, and waits for the answer, gets it, and nothing after it. */
static void
test_half_closed (Fixture *f, gconstpointer data)
{
  int fd = connect_client (f);
  g_autoptr (GString) got = NULL;

  ask (fd, REQUEST);
  shutdown (fd, SHUT_WR);
  got = read_until (fd, NULL);
  g_assert_true (g_str_has_prefix (got->str, "HTTP/1.1 200 "));
  g_assert_true (g_str_has_suffix (got->str, "\r\n\r\nhello"));
  close (fd);
}

/* Several at once, one after another on one connection, and answers beyond every buffer: the head
 * that is held back leaves once, and first. */
static void
test_answers (Fixture *f, gconstpointer data)
{
  const gsize sizes[] = { 0, 1, 5000, 8000000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *text = g_strnfill (sizes[i], 'x');
      g_autoptr (GString) got = NULL;
      const char *body;
      int fd = connect_client (f);

      g_bytes_unref (f->body);
      f->body = g_bytes_new (text, sizes[i]);
      ask (fd, REQUEST REQUEST LAST_REQUEST);
      got = read_until (fd, NULL);
      body = got->str;
      for (guint k = 0; k < 3; k++)
        {
          g_assert_true (g_str_has_prefix (body, "HTTP/1.1 200 "));
          body = strstr (body, "\r\n\r\n") + 4;
          g_assert_cmpint (strncmp (body, text, sizes[i]), ==, 0);
          body += sizes[i];
        }
      g_assert_cmpuint ((gsize)(body - got->str), ==, got->len);
      close (fd);
    }
}

/* For want of a descriptor nobody can be let in; libsoup's own listener would be deaf from then. */
static void
test_no_descriptors (Fixture *f, gconstpointer data)
{
  int fd = connect_client (f);
  int next = dup (fd);
  struct rlimit limit;
  struct rlimit low;
  g_autoptr (GString) got = NULL;

  close (next);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  low = limit;
  low.rlim_cur = (rlim_t)next;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);
  warnings = 0;
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  iterate ();
  whim_clock_advance (f->clock, 100);
  iterate ();
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_cmpuint (warnings, ==, 1); /* and not one for each time */
  g_assert_cmpuint (whim_rest_connection_count (), ==, 0);
  whim_clock_advance (f->clock, 100);
  ask (fd, LAST_REQUEST);
  got = read_until (fd, NULL);
  g_assert_true (g_str_has_suffix (got->str, "\r\n\r\nhello"));
  close (fd);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/rest/connections/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  ADD ("nothing-kept", test_nothing_kept);
  ADD ("half-closed", test_half_closed);
  ADD ("answers", test_answers);
  ADD ("no-descriptors", test_no_descriptors);
  return g_test_run ();
}
