/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/rest-fixture.h"

#include "rest/whim-rest-private.h"

#include <glib/gstdio.h>
#include <string.h>

#define KEY "X-API-Key: admin\r\n"
#define JSON KEY "Content-Type: application/json\r\n"

typedef struct
{
  const char *method;
  const char *target;
  const char *headers;
  const char *body;
  guint status;
  const char *has; /* in the answer */
} Row;

static void
check_rows (RestFixture *f, const Row *rows, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *answer = rest_request (f, rows[i].method, rows[i].target, rows[i].headers,
                                              rows[i].body == NULL ? "" : rows[i].body);

      if (rest_status (answer) != rows[i].status || strstr (answer, "X-Request-Id: req_") == NULL
          || (rows[i].has != NULL && strstr (answer, rows[i].has) == NULL))
        g_test_message ("row %u: %s %s: %s", i, rows[i].method, rows[i].target, answer);
      g_assert_cmpuint (rest_status (answer), ==, rows[i].status);
      if (rows[i].has != NULL)
        g_assert_nonnull (strstr (answer, rows[i].has));
      g_assert_nonnull (strstr (answer, "X-Request-Id: req_"));
      if (rows[i].status >= 400)
        {
          g_autoptr (JsonNode) node = json_from_string (rest_body (answer), NULL);
          JsonObject *error;

          g_assert_nonnull (node);
          error = json_object_get_object_member (json_node_get_object (node), "error");
          g_assert_cmpint (json_object_get_int_member (error, "code"), ==, rows[i].status);
          g_assert_nonnull (strstr (answer, json_object_get_string_member (error, "request_id")));
        }
    }
}

static void
test_routes (RestFixture *f, gconstpointer data)
{
  static const Row rows[] = {
    { "GET", "/channels", KEY, NULL, 200, "\"success\":true" },
    { "GET", "/channels/", KEY, NULL, 200, NULL },
    { "GET", "//channels//ch_1/", KEY, NULL, 200, "\"channelId\":\"ch_1\"" },
    { "GET", "/channels/ch%201", KEY, NULL, 200, "\"channelId\":\"ch 1\"" },
    { "GET", "/channels/a%2Fb", KEY, NULL, 200, "\"channelId\":\"a/b\"" },
    { "GET", "/channels/ch_1/qr", KEY, NULL, 200, "\"raw\":\"2@raw\"" },
    { "GET", "/channels/ch_1/qr/image", KEY, NULL, 200, "Content-Type: image/png" },
    { "GET", "/messages/list", KEY "X-Channel-Id: ch_1\r\n", NULL, 200, NULL },
    { "GET", "/messages/list/46%40x?channelId=ch_1", KEY, NULL, 200, "\"chatId\":\"46@x\"" },
    { "GET", "/health", "", NULL, 200, NULL },
    { "GET", "/health", "X-API-Key: unknown\r\n", NULL, 200, NULL },
    { "GET", "/", KEY, NULL, 404, "not_found" },
    { "GET", "/nothing", "", NULL, 404, "not_found" },
    { "GET", "/channels/a/b/c", KEY, NULL, 404, NULL },
    { "GET", "/Channels", KEY, NULL, 404, NULL },
    { "PATCH", "/channels", KEY, NULL, 405, "Allow: GET, HEAD, POST, OPTIONS" },
    { "DELETE", "/messages/text", KEY, NULL, 405, "Allow: POST, OPTIONS" },
    { "OPTIONS", "/channels/ch_1", "", NULL, 204, "Allow: GET, HEAD, PUT, DELETE, OPTIONS" },
    { "GET", "/channels/%ff", KEY, NULL, 400, "invalid_parameter" },
    { "GET", "/channels/%00", KEY, NULL, 400, NULL },
    { "GET", "/messages/list?limit=%ff&channelId=ch_1", KEY, NULL, 400, NULL },
  };

  check_rows (f, rows, G_N_ELEMENTS (rows));
}

/* What is no request at all is refused by the server itself. */
static void
test_malformed (RestFixture *f, gconstpointer data)
{
  g_autofree char *target = rest_request (f, "GET", "/channels/%zz", KEY, "");

  g_assert_cmpuint (rest_status (target), ==, 400);
  g_assert_cmpuint (fake_engine_get_calls (f->engine), ==, 0);
}

static void
test_head (RestFixture *f, gconstpointer data)
{
  g_autofree char *answer = rest_request (f, "HEAD", "/channels", KEY, "");
  g_autofree char *events = rest_request (f, "HEAD", "/events", KEY, "");

  g_assert_cmpuint (rest_status (answer), ==, 200);
  g_assert_cmpstr (rest_body (answer), ==, "");
  g_assert_cmpuint (rest_status (events), ==, 200);
  g_assert_cmpstr (rest_body (events), ==, "");
}

static void
test_keys (RestFixture *f, gconstpointer data)
{
  static const Row rows[] = {
    { "GET", "/channels", "", NULL, 401, "WWW-Authenticate: Bearer" },
    { "GET", "/channels", "X-API-Key: unknown\r\n", NULL, 401, "unauthorized" },
    { "GET", "/channels", "X-API-Key: \r\n", NULL, 401, NULL },
    { "GET", "/channels", "Authorization: Bearer unknown\r\n", NULL, 401, NULL },
    { "GET", "/channels", "Authorization: Basic YWRtaW4=\r\n", NULL, 401, NULL },
    { "GET", "/channels", "Authorization: bearer  admin\r\n", NULL, 200, NULL },
    { "GET", "/chats?channelId=ch_2", "X-API-Key: ch_1\r\n", NULL, 403, "forbidden" },
    /* a key of one channel says which one is meant */
    { "GET", "/chats", "X-API-Key: ch_1\r\n", NULL, 200, "\"channelId\":\"ch_1\"" },
    { "GET", "/chats", "X-API-Key: ch_1,ch_2\r\n", NULL, 400, "query.channelId" },
    { "GET", "/chats", KEY, NULL, 400, "missing_parameter" },
    { "POST", "/messages/text", JSON, "{\"to\":\"1\"}", 400, "body.channelId" },
    /* before anything of the body is looked at */
    { "POST", "/messages/text", "", "{", 401, NULL },
  };

  check_rows (f, rows, G_N_ELEMENTS (rows));
}

static void
test_channel_places (RestFixture *f, gconstpointer data)
{
  static const Row rows[] = {
    { "POST", "/messages/text", JSON, "{\"channelId\":\"ch_1\"}", 200, "\"channelId\":\"ch_1\"" },
    { "POST", "/messages/text?channelId=ch_1", JSON, "{\"channelId\":\"ch_1\"}", 200, NULL },
    { "POST", "/messages/text?channelId=ch_2", JSON, "{\"channelId\":\"ch_1\"}", 400,
      "body.channelId: is given in two places" },
    { "POST", "/messages/text", JSON "X-Channel-Id: ch_2\r\n", "{\"channelId\":\"ch_1\"}", 400,
      "body.channelId" },
    { "GET", "/chats?channelId=ch_1&channelId=ch_2", KEY, NULL, 400, "query.channelId" },
    { "GET", "/channels/ch_1?channelId=ch_2", KEY, NULL, 400, "query.channelId" },
    { "POST", "/channels/ch_1/connect", JSON, "{\"channelId\":\"ch_1\"}", 200, NULL },
    { "POST", "/channels/ch_1/connect", JSON, "{\"channelId\":\"ch_2\"}", 400, "body.channelId" },
    /* the key's own channel is no contradiction, only not allowed */
    { "GET", "/chats?channelId=ch_2", "X-API-Key: ch_1\r\n", NULL, 403, NULL },
    { "POST", "/messages/text", JSON, "{\"channelId\":7}", 400, "body.channelId" },
  };

  check_rows (f, rows, G_N_ELEMENTS (rows));
}

#define AT "\"channelId\":\"c\","

static void
test_bodies (RestFixture *f, gconstpointer data)
{
  g_autofree char *deep = g_strnfill (40, '[');
  g_autofree char *nested = g_strdup_printf ("{\"a\":%s", deep);
  const Row rows[] = {
    { "POST", "/messages/text", JSON, "{" AT "\"to\":\"1\",\"body\":\"hi\"}", 200, "\"to\":\"1\"" },
    { "POST", "/messages/text", KEY "Content-Type: application/json; charset=utf-8\r\n",
      "{" AT "\"to\":\"1\"}", 200, NULL },
    { "POST", "/messages/text", KEY "Content-Type: application/vnd.x+json\r\n",
      "{" AT "\"to\":\"1\"}", 200, NULL },
    /* curl -d */
    { "POST", "/messages/text", KEY "Content-Type: application/x-www-form-urlencoded\r\n",
      " {" AT "\"to\":\"1\"}", 200, NULL },
    { "POST", "/messages/text", KEY "Content-Type: application/x-www-form-urlencoded\r\n",
      "to=1&body=2", 415, "unsupported_media_type" },
    { "POST", "/messages/text", KEY "Content-Type: text/plain\r\n", "{}", 415, NULL },
    { "POST", "/messages/text", KEY, "{" AT "\"to\":\"1\"}", 200, NULL },
    { "POST", "/channels/c/connect", KEY, NULL, 200, NULL },
    { "POST", "/channels/c/connect", KEY "Content-Type: text/plain\r\n", NULL, 200, NULL },
    { "POST", "/messages/text", JSON, "{" AT "\"to\":", 400, "invalid_parameter" },
    { "POST", "/messages/text", JSON, "[1]", 400, "not a JSON object" },
    { "POST", "/messages/text", JSON, "\"x\"", 400, NULL },
    { "POST", "/messages/text", JSON, "null", 400, NULL },
    { "POST", "/messages/text", JSON, "{\"a\":\"\xff\"}", 400, NULL },
    { "POST", "/messages/text", JSON, "{" AT "\"to\":\"a\\u0000b\"}", 400, NULL },
    { "POST", "/messages/text", JSON, "{" AT "\"to\":\"a\\\\u0000b\"}", 200, NULL },
    { "POST", "/messages/text", JSON, nested, 400, "too deep" },
    /* what nobody asked for is ignored */
    { "POST", "/messages/text", JSON, "{" AT "\"to\":\"1\",\"other\":{\"x\":[1]}}", 200, NULL },
  };

  check_rows (f, rows, G_N_ELEMENTS (rows));
}

static void
test_values (RestFixture *f, gconstpointer data)
{
  static const Row rows[] = {
    { "POST", "/messages/text", JSON, "{" AT "\"phone\":\"1\"}", 200, "\"to\":\"1\"" },
    { "POST", "/messages/text", JSON, "{" AT "\"recipient\":\"1\",\"phone\":null}", 200,
      "\"to\":\"1\"" },
    { "POST", "/messages/text", JSON, "{" AT "\"to\":\"2\",\"phone\":\"1\"}", 200, "\"to\":\"2\"" },
    { "POST", "/messages/text", JSON, "{" AT "\"to\":7}", 400, "body.to: must be a string" },
    { "POST", "/messages/text", JSON, "{" AT "\"mentions\":[\"1\",\"2\"]}", 200,
      "\"mentions\":[\"1\",\"2\"]" },
    { "POST", "/messages/text", JSON, "{" AT "\"mentions\":\"1\"}", 200, "\"mentions\":[\"1\"]" },
    { "POST", "/messages/text", JSON, "{" AT "\"mentions\":[1]}", 400, "body.mentions" },
    { "POST", "/messages/text", JSON, "{" AT "\"duration\":5}", 200, "\"duration\":5" },
    { "POST", "/messages/text", JSON, "{" AT "\"duration\":5.0}", 200, "\"duration\":5" },
    { "POST", "/messages/text", JSON, "{" AT "\"duration\":5.5}", 400, "body.duration" },
    { "POST", "/messages/text", JSON, "{" AT "\"duration\":\"5\"}", 400, "body.duration" },
    { "POST", "/messages/text?duration=5", JSON, "{" AT "\"to\":\"1\"}", 200, "\"duration\":5" },
    { "POST", "/messages/text", JSON, "{" AT "\"latitude\":55.5}", 200, "\"latitude\":55.5" },
    { "POST", "/messages/text", JSON, "{" AT "\"latitude\":55}", 200, "\"latitude\":55" },
    { "POST", "/messages/text", JSON, "{" AT "\"latitude\":true}", 400, "body.latitude" },
    { "POST", "/messages/text", JSON, "{" AT "\"contact\":{\"fullName\":\"J\"}}", 200,
      "\"contact.fullName\":\"J\"" },
    { "POST", "/messages/text", JSON, "{" AT "\"contact\":{\"fullName\":1}}", 400,
      "body.contact.fullName: must be a string" },
    { "POST", "/messages/text", JSON, "{" AT "\"contact\":\"J\"}", 200, NULL },
    { "POST", "/channels", JSON, "{\"name\":\"S\",\"autoConnect\":true}", 200,
      "\"autoConnect\":true" },
    { "POST", "/channels", JSON, "{\"name\":\"S\",\"autoConnect\":\"true\"}", 400,
      "body.autoConnect" },
    { "POST", "/channels", JSON, "{\"name\":\"S\",\"settings\":{\"a\":{\"b\":[1,\"x\",null]}}}",
      200, "\"settings\":{\"a\":{\"b\":[1,\"x\"]}}" },
    { "POST", "/channels", JSON, "{\"name\":\"S\",\"settings\":[]}", 400, "body.settings" },
    { "GET", "/messages/list?channelId=c&limit=7", KEY, NULL, 200, "\"limit\":7" },
    { "GET", "/messages/list?channelId=c&count=7", KEY, NULL, 200, "\"limit\":7" },
    { "GET", "/messages/list?channelId=c&limit=x", KEY, NULL, 400, "query.limit" },
    { "GET", "/messages/list?channelId=c&limit=1&limit=2", KEY, NULL, 400, "query.limit" },
    { "GET", "/messages/list?channelId=c&limit=99999999999999999999", KEY, NULL, 400,
      "query.limit" },
    { "GET", "/messages/list?channelId=c&fromMe=false", KEY, NULL, 200, "\"fromMe\":false" },
    { "GET", "/messages/list?channelId=c&fromMe=perhaps", KEY, NULL, 400, "query.fromMe" },
    { "GET", "/messages/list/a+b?channelId=a+b%2Bc", KEY, NULL, 200, "\"channelId\":\"a b+c\"" },
  };

  check_rows (f, rows, G_N_ELEMENTS (rows));
}

static void
test_errors (RestFixture *f, gconstpointer data)
{
  static const Row rows[] = {
    { "POST", "/messages/text", JSON, "{" AT "\"to\":\"nobody\"}", 422, "recipient_unknown" },
    { "POST", "/messages/text", JSON, "{" AT "\"to\":\"bad\"}", 400,
      "\"details\":\"body.to: is not a number\"" },
    { "POST", "/messages/text?to=bad", JSON, "{" AT "\"body\":\"x\"}", 400, "query.to" },
    { "POST", "/messages/text", JSON, "{" AT "\"to\":\"boom\"}", 500, "\"internal\"" },
    { "GET", "/channels", KEY "X-Api-Dialect: klingon\r\n", NULL, 400, "X-Api-Dialect" },
    { "GET", "/channels", KEY "X-Api-Dialect: whapi\r\n", NULL, 200, "{\"channels\":[]" },
  };
  g_autofree char *boom = rest_request (f, "POST", "/messages/text", JSON, rows[3].body);

  check_rows (f, rows, G_N_ELEMENTS (rows));
  g_assert_null (strstr (boom, "secret"));
}

static void
check_health (RestFixture *f, guint status, const char *text)
{
  g_autofree char *answer = rest_request (f, "GET", "/health", "", "");

  g_assert_cmpuint (rest_status (answer), ==, status);
  g_assert_nonnull (strstr (rest_body (answer), text));
}

/* An answer that is known already comes without a call, twice the same, and changes with its value.
 */
static void
test_at_once (RestFixture *f, gconstpointer data)
{
  check_health (f, 200, "{\"status\":\"ok\"}");
  check_health (f, 200, "{\"status\":\"ok\"}");
  fake_engine_set_health (f->engine, "degraded");
  check_health (f, 200, "{\"status\":\"degraded\"}");
  fake_engine_set_health (f->engine, NULL);
  check_health (f, 504, "\"timed_out\"");
  fake_engine_set_health (f->engine, "ok");
  check_health (f, 200, "{\"status\":\"ok\"}");
  g_assert_cmpuint (fake_engine_get_calls (f->engine), ==, 0);
}

static void
test_large_body (RestFixture *f, gconstpointer data)
{
  static const char head[]
      = "POST /messages/text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" JSON;
  g_autoptr (RestClient) client = rest_client_new (f);
  g_autoptr (RestClient) chunked = rest_client_new (f);
  g_autofree char *chunk = g_strnfill (0x10000, 'x');
  g_autofree char *text
      = g_strconcat (head, "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n", NULL);
  g_autofree char *sent = g_strconcat (head, "Content-Length: 1114112\r\n\r\n", NULL);
  g_autoptr (RestClient) sender = rest_client_new (f);
  g_autofree char *start = g_strconcat (head, "Transfer-Encoding: chunked\r\n\r\n", NULL);
  g_autofree char *piece = g_strdup_printf ("10000\r\n%s\r\n", chunk);

  /* who asks first is answered before a byte of the body has come */
  rest_client_write (client, text, strlen (text));
  g_assert_true (rest_client_wait (client, "too_large"));
  g_assert_cmpuint (rest_status (client->received->str), ==, 413);

  rest_client_write (sender, sent, strlen (sent));
  for (guint i = 0; i < 17; i++)
    rest_client_write (sender, chunk, strlen (chunk));
  g_assert_true (rest_client_wait (sender, "too_large"));

  rest_client_write (chunked, start, strlen (start));
  for (guint i = 0; i < 17; i++)
    rest_client_write (chunked, piece, strlen (piece));
  rest_client_write (chunked, "0\r\n\r\n", 5);
  g_assert_true (rest_client_wait (chunked, "too_large"));
  g_assert_cmpuint (fake_engine_get_calls (f->engine), ==, 0);
}

static void
test_keep_alive (RestFixture *f, gconstpointer data)
{
  static const char request[] = "GET /channels HTTP/1.1\r\nHost: x\r\n" KEY "\r\n";
  g_autoptr (RestClient) client = rest_client_new (f);

  for (guint i = 0; i < 3; i++)
    {
      g_string_truncate (client->received, 0);
      rest_client_write (client, request, strlen (request));
      g_assert_true (rest_client_wait (client, "2@raw"));
    }
  /* an idle connection is closed */
  rest_iterate ();
  whim_clock_advance (f->clock, 61000);
  rest_client_wait_end (client);
}

static void
test_slow_clients (RestFixture *f, gconstpointer data)
{
  static const char half[] = "POST /messages/text HTTP/1.1\r\nHos";
  static const char headers[]
      = "POST /messages/text HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: 100\r\n\r\n{";
  g_autoptr (RestClient) silent = rest_client_new (f);
  g_autoptr (RestClient) slow = rest_client_new (f);
  g_autoptr (RestClient) body = rest_client_new (f);

  rest_client_write (slow, half, strlen (half));
  rest_client_write (body, headers, strlen (headers));
  rest_iterate ();
  whim_clock_advance (f->clock, 31000);
  rest_client_wait_end (body);
  g_assert_false (silent->ended);
  whim_clock_advance (f->clock, 31000);
  rest_client_wait_end (silent);
  rest_client_wait_end (slow);
  g_assert_cmpuint (fake_engine_get_calls (f->engine), ==, 0);
}

static void
test_client_leaves (RestFixture *f, gconstpointer data)
{
  static const char read_request[] = "GET /channels HTTP/1.1\r\nHost: x\r\n" KEY "\r\n";
  static const char write_request[]
      = "POST /channels/c/connect HTTP/1.1\r\nHost: x\r\n" KEY "Content-Length: 0\r\n\r\n";
  RestClient *reader = rest_client_new (f);
  RestClient *writer = rest_client_new (f);

  fake_engine_hold (f->engine);
  rest_client_write (reader, read_request, strlen (read_request));
  rest_client_write (writer, write_request, strlen (write_request));
  while (fake_engine_get_calls (f->engine) < 2)
    g_main_context_iteration (NULL, TRUE);
  rest_client_free (reader);
  rest_client_free (writer);
  rest_iterate ();
  fake_engine_release (f->engine); /* answers to nobody: no critical, no leak */
  rest_iterate ();
}

static void
test_stop_while_running (RestFixture *f, gconstpointer data)
{
  static const char request[] = "GET /channels HTTP/1.1\r\nHost: x\r\n" KEY "\r\n";
  g_autoptr (RestClient) client = rest_client_new (f);

  fake_engine_hold (f->engine);
  rest_client_write (client, request, strlen (request));
  while (fake_engine_get_calls (f->engine) < 1)
    g_main_context_iteration (NULL, TRUE);
  whim_rest_stop (f->rest);
  rest_client_wait_end (client);
  fake_engine_release (f->engine);
  rest_iterate ();
  g_assert_cmpuint (fake_engine_get_cancelled (f->engine), ==, 1);
}

static void
test_unix (RestFixture *f, gconstpointer data)
{
  static const char request[] = "GET /channels HTTP/1.1\r\nHost: x\r\n" KEY "\r\n";
  g_autofree char *dir = g_dir_make_tmp ("whim-rest-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "api.sock", NULL);
  g_autofree char *spec = g_strconcat ("unix:", path, NULL);
  g_autoptr (GError) error = NULL;
  GStatBuf info;

  whim_rest_listen (f->rest, spec, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
  {
    g_autoptr (RestClient) client = rest_client_new_unix (path);

    rest_client_write (client, request, strlen (request));
    g_assert_true (rest_client_wait (client, "\"success\":true"));
  }
  /* one that is answered is not taken away */
  g_assert_false (whim_rest_listen (f->rest, spec, &error));
  g_assert_nonnull (error);
  whim_rest_stop (f->rest);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_rmdir (dir);
}

static void
test_taken_port (RestFixture *f, gconstpointer data)
{
  g_autofree char *spec = g_strdup_printf ("127.0.0.1:%u", whim_rest_get_port (f->rest));
  g_autoptr (WhimRest) other = whim_rest_new (f->engine, f->clock);
  g_autoptr (GError) error = NULL;

  g_assert_false (whim_rest_listen (other, spec, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
}

/* No two routes are the same. What they name is held against the real engine by test-contract. */
static void
test_table (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (const WhimRoute *route = whim_routes (); route->method != NULL; route++)
    {
      g_assert_true (
          g_hash_table_add (seen, g_strconcat (route->method, " ", route->pattern, NULL)));
    }
}

#define ADD(name, func)                                                                            \
  g_test_add ("/rest/" name, RestFixture, NULL, rest_fixture_set_up, func, rest_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("routes", test_routes);
  ADD ("malformed", test_malformed);
  ADD ("head", test_head);
  ADD ("keys", test_keys);
  ADD ("channel-places", test_channel_places);
  ADD ("bodies", test_bodies);
  ADD ("values", test_values);
  ADD ("errors", test_errors);
  ADD ("at-once", test_at_once);
  ADD ("large-body", test_large_body);
  ADD ("keep-alive", test_keep_alive);
  ADD ("slow-clients", test_slow_clients);
  ADD ("client-leaves", test_client_leaves);
  ADD ("stop-while-running", test_stop_while_running);
  ADD ("unix", test_unix);
  ADD ("taken-port", test_taken_port);
  g_test_add_func ("/rest/table", test_table);
  return g_test_run ();
}
