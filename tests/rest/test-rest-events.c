/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/rest-fixture.h"

#include <string.h>

#define KEY "X-API-Key: admin\r\n"

static RestClient *
open_stream (RestFixture *f, const char *target, const char *headers)
{
  RestClient *client = rest_client_new (f);
  g_autofree char *text
      = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: x\r\n" KEY "%s\r\n", target, headers);

  rest_client_write (client, text, strlen (text));
  return client;
}

static void
test_live (RestFixture *f, gconstpointer data)
{
  g_autoptr (RestClient) client = NULL;

  fake_engine_add_event (f->engine, "ch_1", 0);
  client = open_stream (f, "/events", "");
  g_assert_true (rest_client_wait (client, ": connected"));
  g_assert_cmpuint (rest_status (client->received->str), ==, 200);
  g_assert_nonnull (strstr (client->received->str, "Content-Type: text/event-stream"));
  fake_engine_add_event (f->engine, "ch_1", 0);
  g_assert_true (rest_client_wait (client, "id: 2\ndata: {\"id\":\"evt_"));
  g_assert_null (strstr (client->received->str, "id: 1\n")); /* from now on */
  fake_engine_add_event (f->engine, "ch_2", 0);
  g_assert_true (rest_client_wait (client, "id: 3\n"));
}

static void
test_resume (RestFixture *f, gconstpointer data)
{
  g_autoptr (RestClient) after = NULL;
  g_autoptr (RestClient) last = NULL;
  g_autoptr (RestClient) one = NULL;

  for (guint i = 0; i < 250; i++)
    fake_engine_add_event (f->engine, i % 2 == 0 ? "ch_1" : "ch_2", 0);
  after = open_stream (f, "/events?after=3", "");
  g_assert_true (rest_client_wait (after, "id: 250\n"));
  g_assert_null (strstr (after->received->str, "id: 3\n"));
  g_assert_nonnull (strstr (after->received->str, "id: 4\n"));
  last = open_stream (f, "/events?after=3", "Last-Event-ID: 248\r\n");
  g_assert_true (rest_client_wait (last, "id: 250\n"));
  g_assert_nonnull (strstr (last->received->str, "id: 249\n"));
  g_assert_null (strstr (last->received->str, "id: 248\n"));
  one = open_stream (f, "/events?after=0&channelId=ch_2", "");
  g_assert_true (rest_client_wait (one, "id: 250\n"));
  g_assert_null (strstr (one->received->str, "id: 249\n"));
}

static void
test_expired (RestFixture *f, gconstpointer data)
{
  static const struct
  {
    const char *target;
    const char *headers;
    guint status;
    const char *has;
  } rows[] = {
    { "/events?after=0", KEY, 410, "cursor_expired" },
    { "/events?after=-1", KEY, 400, "query.after" },
    { "/events?after=x", KEY, 400, "query.after" },
    { "/events", KEY "Last-Event-ID: abc\r\n", 400, "Last-Event-ID" },
    { "/events?limit=501", KEY "Accept: application/json\r\n", 400, "query.limit" },
    { "/events?limit=9999", KEY "Accept: text/event-stream\r\n", 400, "query.limit" },
    { "/events?limit=0", KEY, 400, "query.limit" },
    { "/events?limit=many", KEY "Accept: text/event-stream\r\n", 400, "query.limit" },
    { "/events", "", 401, "unauthorized" },
  };

  fake_engine_add_event (f->engine, "ch_1", 0);
  fake_engine_prune (f->engine);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *answer = rest_request (f, "GET", rows[i].target, rows[i].headers, "");

      g_assert_cmpuint (rest_status (answer), ==, rows[i].status);
      g_assert_nonnull (strstr (answer, rows[i].has));
    }
}

static void
test_page (RestFixture *f, gconstpointer data)
{
  g_autofree char *newest = NULL;
  g_autofree char *page = NULL;

  for (guint i = 0; i < 5; i++)
    fake_engine_add_event (f->engine, "ch_1", 0);
  page = rest_request (f, "GET", "/events?after=1&limit=2", KEY "Accept: application/json\r\n", "");
  g_assert_cmpuint (rest_status (page), ==, 200);
  g_assert_nonnull (strstr (page, "{\"success\":true,\"data\":[{\"seq\":2,"));
  g_assert_nonnull (strstr (page, "\"count\":2,\"lastSeq\":5}"));
  newest = rest_request (f, "GET", "/events?limit=1", KEY "Accept: application/json\r\n", "");
  g_assert_nonnull (strstr (newest, "\"data\":[{\"seq\":5,"));
}

static void
test_keep_alive (RestFixture *f, gconstpointer data)
{
  g_autoptr (RestClient) client = open_stream (f, "/events", "");

  g_assert_true (rest_client_wait (client, ": connected"));
  rest_iterate ();
  for (guint i = 0; i < 20; i++)
    {
      g_string_truncate (client->received, 0);
      whim_clock_advance (f->clock, 15000);
      g_assert_true (rest_client_wait (client, ": keep-alive"));
      rest_iterate ();
    }
}

/* A client that does not read: little is held for it, and in the end it is cut off. */
static void
test_stalled (RestFixture *f, gconstpointer data)
{
  g_autoptr (RestClient) client = open_stream (f, "/events", "");
  guint reads;

  while (fake_engine_get_reads (f->engine) == 0)
    g_main_context_iteration (NULL, TRUE);
  rest_iterate ();
  for (guint i = 0; i < 400; i++)
    {
      fake_engine_add_event (f->engine, "ch_1", 100000);
      rest_iterate ();
    }
  reads = fake_engine_get_reads (f->engine);
  g_assert_cmpuint (reads, <, 200); /* the rest waits in the journal */
  fake_engine_add_event (f->engine, "ch_1", 100000);
  rest_iterate ();
  g_assert_cmpuint (fake_engine_get_reads (f->engine), ==, reads);

  whim_clock_advance (f->clock, 61000);
  rest_client_wait_end (client);
  g_assert_null (strstr (client->received->str, "id: 401\n"));
}

/* The same, but it starts to read again: everything comes, in order. */
static void
test_slow_but_alive (RestFixture *f, gconstpointer data)
{
  g_autoptr (RestClient) client = open_stream (f, "/events", "");
  const char *at;

  while (fake_engine_get_reads (f->engine) == 0)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < 200; i++)
    {
      fake_engine_add_event (f->engine, "ch_1", 100000);
      rest_iterate ();
    }
  g_assert_true (rest_client_wait (client, "id: 200\n"));
  at = client->received->str;
  for (guint i = 1; i <= 200; i++)
    {
      g_autofree char *id = g_strdup_printf ("id: %u\n", i);

      at = strstr (at, id);
      g_assert_nonnull (at);
    }
}

static void
test_client_leaves (RestFixture *f, gconstpointer data)
{
  RestClient *client = open_stream (f, "/events", "");

  g_assert_true (rest_client_wait (client, ": connected"));
  rest_client_free (client);
  for (guint i = 0; i < 5; i++)
    {
      fake_engine_add_event (f->engine, "ch_1", 0);
      rest_iterate ();
    }
}

static void
test_stop (RestFixture *f, gconstpointer data)
{
  g_autoptr (RestClient) client = open_stream (f, "/events", "");

  g_assert_true (rest_client_wait (client, ": connected"));
  whim_rest_stop (f->rest);
  rest_client_wait_end (client);
  fake_engine_add_event (f->engine, "ch_1", 0);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/rest/events/" name, RestFixture, NULL, rest_fixture_set_up, func,                  \
              rest_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("live", test_live);
  ADD ("resume", test_resume);
  ADD ("expired", test_expired);
  ADD ("page", test_page);
  ADD ("keep-alive", test_keep_alive);
  ADD ("stalled", test_stalled);
  ADD ("slow-but-alive", test_slow_but_alive);
  ADD ("client-leaves", test_client_leaves);
  ADD ("stop", test_stop);
  return g_test_run ();
}
