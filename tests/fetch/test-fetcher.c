/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "fetch/whim-fetcher.h"
#include "fetch/whim-public-address.h"

#include <libsoup/soup.h>
#include <string.h>

/* A resolver that answers what a test wants: a name that leads home, a name with two faces. */
#define TEST_TYPE_RESOLVER (test_resolver_get_type ())
G_DECLARE_FINAL_TYPE (TestResolver, test_resolver, TEST, RESOLVER, GResolver)
struct _TestResolver
{
  GResolver parent_instance;
};
G_DEFINE_FINAL_TYPE (TestResolver, test_resolver, G_TYPE_RESOLVER)

static GList *
resolve (const char *name)
{
  GList *list = NULL;

  if (g_str_equal (name, "mixed.example"))
    list = g_list_append (list, g_inet_address_new_from_string ("10.0.0.1"));
  if (g_str_equal (name, "mixed.example"))
    list = g_list_append (list, g_inet_address_new_from_string ("93.184.216.34"));
  else
    list = g_list_append (list, g_inet_address_new_from_string ("127.0.0.1"));
  return list;
}

static void
lookup_async (GResolver *resolver,
              const char *name,
              GResolverNameLookupFlags flags,
              GCancellable *cancellable,
              GAsyncReadyCallback callback,
              gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (resolver, cancellable, callback, user_data);

  if ((flags & G_RESOLVER_NAME_LOOKUP_FLAGS_IPV6_ONLY) != 0)
    g_task_return_new_error (task, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, "no such");
  else
    g_task_return_pointer (task, resolve (name), (GDestroyNotify)g_resolver_free_addresses);
}

static void
lookup_plain_async (GResolver *resolver,
                    const char *name,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  lookup_async (resolver, name, G_RESOLVER_NAME_LOOKUP_FLAGS_DEFAULT, cancellable, callback,
                user_data);
}

static GList *
lookup_finish (GResolver *resolver, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GList *
lookup (GResolver *resolver, const char *name, GCancellable *cancellable, GError **error)
{
  return resolve (name);
}

static void
test_resolver_class_init (TestResolverClass *klass)
{
  GResolverClass *resolver_class = G_RESOLVER_CLASS (klass);

  resolver_class->lookup_by_name = lookup;
  resolver_class->lookup_by_name_async = lookup_plain_async;
  resolver_class->lookup_by_name_finish = lookup_finish;
  resolver_class->lookup_by_name_with_flags_async = lookup_async;
  resolver_class->lookup_by_name_with_flags_finish = lookup_finish;
}

static void
test_resolver_init (TestResolver *self)
{
}

/* ---- A server -------------------------------------------------------------------------------- */

typedef struct
{
  SoupServer *server;
  guint16 port;
  WhimClock *clock;
  guint requests;
  guint status;
  gboolean hang;
  char *method;
  char *header;
  GBytes *body;
} Fixture;

static void
handle (SoupServer *server,
        SoupServerMessage *message,
        const char *path,
        GHashTable *query,
        gpointer user_data)
{
  Fixture *f = user_data;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  f->requests++;
  g_free (f->method);
  f->method = g_strdup (soup_server_message_get_method (message));
  g_free (f->header);
  f->header = g_strdup (soup_message_headers_get_one (headers, "X-A"));
  g_clear_pointer (&f->body, g_bytes_unref);
  f->body = soup_message_body_flatten (soup_server_message_get_request_body (message));
  if (f->hang)
    {
      soup_server_message_pause (message);
      return;
    }
  soup_server_message_set_status (message, f->status, NULL);
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Location",
                                "http://127.0.0.1:1/");
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  GSList *uris;

  f->clock = whim_clock_new_manual (0);
  f->status = 200;
  f->server = soup_server_new (NULL, NULL);
  soup_server_add_handler (f->server, NULL, handle, f, NULL);
  soup_server_listen_local (f->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  uris = soup_server_get_uris (f->server);
  f->port = (guint16)g_uri_get_port (uris->data);
  g_slist_free_full (uris, (GDestroyNotify)g_uri_unref);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  soup_server_disconnect (f->server);
  g_object_unref (f->server);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_free (f->method);
  g_free (f->header);
  g_clear_pointer (&f->body, g_bytes_unref);
  whim_clock_unref (f->clock);
}

static void
result_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static void
begin (Fixture *f,
       WhimFetcher *fetcher,
       const char *host,
       GCancellable *cancellable,
       GAsyncResult **result)
{
  static const char *const headers[] = { "X-A", "b", NULL };
  g_autofree char *url = g_strdup_printf ("http://%s:%u/path", host, f->port);
  g_autoptr (GBytes) body = g_bytes_new_static ("{}", 2);
  const WhimFetchRequest request = { "POST", url, headers, "application/json", body, 10000, 1024 };

  whim_fetcher_send_async (fetcher, &request, cancellable, result_cb, result);
}

static guint
end (WhimFetcher *fetcher, GAsyncResult **result, GError **error)
{
  g_autoptr (GAsyncResult) own = NULL;

  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  own = g_steal_pointer (result);
  return whim_fetcher_send_finish (fetcher, own, error);
}

static guint
fetch (Fixture *f, WhimFetcher *fetcher, const char *host, GError **error)
{
  GAsyncResult *result = NULL;

  begin (f, fetcher, host, NULL, &result);
  return end (fetcher, &result, error);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void
test_send (Fixture *f, gconstpointer data)
{
  g_autoptr (WhimFetcher) fetcher = whim_fetcher_new (f->clock, TRUE);
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (fetch (f, fetcher, "127.0.0.1", &error), ==, 200);
  g_assert_no_error (error);
  g_assert_cmpstr (f->method, ==, "POST");
  g_assert_cmpstr (f->header, ==, "b");
  g_assert_cmpmem (g_bytes_get_data (f->body, NULL), g_bytes_get_size (f->body), "{}", 2);
  f->status = 302; /* told, not followed */
  g_assert_cmpuint (fetch (f, fetcher, "127.0.0.1", &error), ==, 302);
  f->status = 500;
  g_assert_cmpuint (fetch (f, fetcher, "home.example", &error), ==, 500);
  g_assert_no_error (error);
  g_assert_cmpuint (f->requests, ==, 3);
}

/* A name that leads to this machine is not called, and nothing reaches the server. */
static void
test_private (Fixture *f, gconstpointer data)
{
  static const char *const hosts[] = { "127.0.0.1", "localhost", "home.example", "[::1]" };
  g_autoptr (WhimFetcher) fetcher = whim_fetcher_new (f->clock, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpuint (fetch (f, fetcher, hosts[i], &error), ==, 0);
      g_assert_error (error, WHIM_FETCH_ERROR, WHIM_FETCH_ERROR_ADDRESS);
      g_assert_nonnull (strstr (error->message, "[fetch] allow-private"));
    }
  g_assert_cmpuint (f->requests, ==, 0);
}

/* Of several addresses only the public ones are handed on. */
static void
test_mixed (Fixture *f, gconstpointer data)
{
  g_autoptr (GSocketConnectable) address = whim_public_address_new ("mixed.example", 80, FALSE);
  g_autoptr (GSocketConnectable) home = whim_public_address_new ("home.example", 80, FALSE);
  g_autoptr (GSocketAddressEnumerator) all = g_socket_connectable_proxy_enumerate (address);
  g_autoptr (GSocketAddressEnumerator) none = g_socket_connectable_enumerate (home);
  g_autoptr (GSocketAddress) first = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  first = g_socket_address_enumerator_next (all, NULL, &error);
  g_assert_no_error (error);
  text = g_inet_address_to_string (
      g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (first)));
  g_assert_cmpstr (text, ==, "93.184.216.34");
  g_assert_null (g_socket_address_enumerator_next (all, NULL, &error));
  g_assert_no_error (error);
  g_assert_null (g_socket_address_enumerator_next (none, NULL, &error));
  g_assert_error (error, WHIM_FETCH_ERROR, WHIM_FETCH_ERROR_ADDRESS);
}

static void
test_time_out (Fixture *f, gconstpointer data)
{
  g_autoptr (WhimFetcher) fetcher = whim_fetcher_new (f->clock, TRUE);
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  f->hang = TRUE;
  begin (f, fetcher, "127.0.0.1", NULL, &result);
  while (f->requests == 0)
    g_main_context_iteration (NULL, TRUE);
  whim_clock_advance (f->clock, 9999);
  g_assert_null (result);
  whim_clock_advance (f->clock, 1);
  g_assert_cmpuint (end (fetcher, &result, &error), ==, 0);
  g_assert_error (error, WHIM_FETCH_ERROR, WHIM_FETCH_ERROR_TIMED_OUT);
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr (WhimFetcher) fetcher = whim_fetcher_new (f->clock, TRUE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  f->hang = TRUE;
  begin (f, fetcher, "127.0.0.1", cancellable, &result);
  while (f->requests == 0)
    g_main_context_iteration (NULL, TRUE);
  g_cancellable_cancel (cancellable);
  g_assert_cmpuint (end (fetcher, &result, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  begin (f, fetcher, "127.0.0.1", NULL, &result);
  whim_fetcher_stop (fetcher);
  g_assert_cmpuint (end (fetcher, &result, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* The server closed the kept connection: that is no failure of the host. */
static void
test_stale_connection (Fixture *f, gconstpointer data)
{
  g_autoptr (WhimFetcher) fetcher = whim_fetcher_new (f->clock, TRUE);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpuint (fetch (f, fetcher, "127.0.0.1", &error), ==, 200);
      g_assert_no_error (error);
    }
  /* a server on the same port that knows nothing of the connections of the first */
  soup_server_disconnect (f->server);
  soup_server_listen_local (f->server, f->port, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fetch (f, fetcher, "127.0.0.1", &error), ==, 200);
  g_assert_no_error (error);
  soup_server_disconnect (f->server);
  g_assert_cmpuint (fetch (f, fetcher, "127.0.0.1", &error), ==, 0);
  g_assert_error (error, WHIM_FETCH_ERROR, WHIM_FETCH_ERROR_CONNECTION);
}

static void
test_odd_urls (Fixture *f, gconstpointer data)
{
  g_autoptr (WhimFetcher) fetcher = whim_fetcher_new (f->clock, TRUE);
  g_autoptr (GError) error = NULL;
  WhimFetchRequest request = { .method = "GET", .url = "file:///etc/passwd", .timeout_ms = 1 };
  GAsyncResult *result = NULL;

  whim_fetcher_send_async (fetcher, &request, NULL, result_cb, &result);
  g_assert_cmpuint (end (fetcher, &result, &error), ==, 0);
  g_assert_error (error, WHIM_FETCH_ERROR, WHIM_FETCH_ERROR_URL);
}

#define ADD(name, func) g_test_add ("/fetch/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_autoptr (GResolver) resolver = NULL;

  g_test_init (&argc, &argv, NULL);
  resolver = g_object_new (TEST_TYPE_RESOLVER, NULL);
  g_resolver_set_default (resolver);
  ADD ("send", test_send);
  ADD ("private", test_private);
  ADD ("mixed", test_mixed);
  ADD ("time-out", test_time_out);
  ADD ("cancel", test_cancel);
  ADD ("stale-connection", test_stale_connection);
  ADD ("odd-urls", test_odd_urls);
  return g_test_run ();
}
