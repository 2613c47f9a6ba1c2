/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/store-fixture.h"

#include "base/whim-failpoint.h"

#include <signal.h>
#include <sys/wait.h>

typedef struct
{
  GString *order; /* one letter per report, capital = failed */
  char name;
} Report;

static void
report_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Report *report = user_data;
  g_autoptr (GError) error = NULL;
  gboolean ok = whim_store_commit_finish (WHIM_STORE (source), result, &error);

  g_assert_true (ok == (error == NULL));
  g_string_append_c (report->order, ok ? report->name : g_ascii_toupper (report->name));
  g_free (report);
}

static void
submit (StoreFixture *f, GString *order, char name, WhimUnit *unit)
{
  Report *report = g_new0 (Report, 1);

  report->order = order;
  report->name = name;
  whim_store_commit_async (f->store, unit, NULL, report_cb, report);
}

static WhimUnit *
seen_unit (gint64 channel, const char *id)
{
  WhimUnit *unit = whim_unit_new (channel);

  whim_unit_put_seen (unit, "1@lid", id, NULL);
  return unit;
}

static WhimUnit *
bad_unit (gint64 channel, const char *id)
{
  WhimUnit *unit = seen_unit (channel, id);

  whim_unit_seal_outbox (unit, 4711, NULL);
  return unit;
}

static void
wait_for (GString *order, gsize len)
{
  while (order->len < len)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_bad_among_good (StoreFixture *f, gconstpointer data)
{
  gint64 other = store_fixture_add_channel (f, "ch_two");
  g_autoptr (GString) order = g_string_new (NULL);

  submit (f, order, 'a', seen_unit (f->channel, "a"));
  submit (f, order, 'b', bad_unit (other, "b"));
  submit (f, order, 'c', seen_unit (f->channel, "c"));
  submit (f, order, 'd', seen_unit (other, "d")); /* stands on b, which is lost */
  submit (f, order, 'e', seen_unit (f->channel, "e"));
  wait_for (order, 5);
  g_assert_cmpstr (order->str, ==, "aBcDe");
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM seen"), ==, 3);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM seen WHERE id IN ('b', 'd')"), ==,
                   0);
  g_assert_true (whim_store_is_healthy (f->store));

  /* known by now, so the channel goes on */
  submit (f, order, 'f', seen_unit (other, "f"));
  wait_for (order, 6);
  g_assert_cmpstr (order->str, ==, "aBcDef");
}

typedef struct
{
  StoreFixture *f;
  GString *order;
} Retry;

static void
retry_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Retry *retry = user_data;

  g_assert_false (whim_store_commit_finish (WHIM_STORE (source), result, NULL));
  submit (retry->f, retry->order, 'r', seen_unit (retry->f->channel, "r"));
}

static void
test_retry_from_the_report (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GString) order = g_string_new (NULL);
  Retry retry = { f, order };

  whim_store_commit_async (f->store, bad_unit (f->channel, "x"), NULL, retry_cb, &retry);
  submit (f, order, 'y', seen_unit (f->channel, "y"));
  wait_for (order, 2);
  g_assert_cmpstr (order->str, ==, "Yr");
}

static void
test_commit_fails (StoreFixture *f, gconstpointer data)
{
  gint64 other = store_fixture_add_channel (f, "ch_two");
  static const char *const points[] = { "store.commit-error", "store.before-commit" };

  for (guint i = 0; i < G_N_ELEMENTS (points); i++)
    {
      g_autoptr (GString) order = g_string_new (NULL);
      WhimUnit *unit = seen_unit (other, "b");

      if (!WHIM_DEVELOPMENT)
        {
          g_test_skip ("needs profile=development");
          whim_unit_free (unit);
          return;
        }
#if WHIM_DEVELOPMENT
      g_assert_true (whim_failpoint_arm (points[i], "error"));
#endif
      whim_unit_put_event (unit, store_fixture_event ("call"));
      submit (f, order, 'a', unit);
      wait_for (order, 1);
      g_assert_cmpstr (order->str, ==, "A");
      g_assert_false (whim_store_is_healthy (f->store));
      g_assert_cmpint (whim_store_get_last_seq (f->store), ==, 0);
      submit (f, order, 'b', seen_unit (f->channel, points[i]));
      wait_for (order, 2);
      g_assert_cmpstr (order->str, ==, "Ab");
      g_assert_true (whim_store_is_healthy (f->store));
      g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM seen"), ==, i + 1);
    }
}

static void
test_many_in_order (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GString) order = g_string_new (NULL);
  g_autoptr (GString) expected = g_string_new (NULL);

  for (guint i = 0; i < 2600; i++)
    {
      char name = (char)('a' + i % 26);

      g_string_append_c (expected, name);
      submit (f, order, name, whim_unit_new (i % 5 == 0 ? 0 : f->channel));
      if (i % 300 == 0)
        g_main_context_iteration (NULL, FALSE);
    }
  wait_for (order, expected->len);
  g_assert_cmpstr (order->str, ==, expected->str);
}

static void
test_close_commits (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GString) order = g_string_new (NULL);

  for (guint i = 0; i < 700; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);

      submit (f, order, 'a', seen_unit (f->channel, id));
    }
  whim_store_close (f->store);
  wait_for (order, 700); /* reported although closed */
  store_fixture_reopen (f);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM seen"), ==, 700);
}

static void
test_read_after_report (StoreFixture *f, gconstpointer data)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);
      g_autoptr (GAsyncResult) result = NULL;
      g_autofree char *note = NULL;

      store_fixture_commit_ok (f, seen_unit (f->channel, id));
      whim_store_find_seen_async (f->store, f->channel, "1@lid", id, NULL, store_fixture_result_cb,
                                  &result);
      note = whim_store_find_seen_finish (f->store, store_fixture_wait (&result), NULL);
      g_assert_cmpstr (note, ==, "");
    }
}

/* Kills the process around a commit, then looks at what is on disk. */
static void
test_kill (gconstpointer data)
{
#if WHIM_DEVELOPMENT
  const char *point = data;

  if (g_test_subprocess ())
    {
      StoreFixture f = { .channel = 1 };
      g_autoptr (GString) order = g_string_new (NULL);

      f.dir = g_strdup (g_getenv ("WHIM_TEST_DIR"));
      f.clock = whim_clock_new_manual (0);
      f.store = whim_store_open (f.dir, f.clock, NULL);
      g_assert_nonnull (f.store);
      whim_failpoint_arm (point, "kill");
      submit (&f, order, 'a', seen_unit (1, "killed"));
      wait_for (order, 1);
      g_assert_not_reached ();
    }
  {
    StoreFixture f = { 0 };
    gboolean after = g_str_equal (point, "store.after-commit");

    store_fixture_set_up (&f, NULL);
    whim_store_close (f.store);
    g_clear_object (&f.store);
    g_setenv ("WHIM_TEST_DIR", f.dir, TRUE);
    g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_assert_false (g_test_trap_has_passed ());
    f.store = whim_store_open (f.dir, f.clock, NULL);
    g_assert_nonnull (f.store);
    g_assert_cmpint (store_fixture_query (&f, "SELECT count (*) FROM seen"), ==, after ? 1 : 0);
    store_fixture_tear_down (&f, NULL);
  }
#else
  g_test_skip ("needs profile=development");
#endif
}

#define ADD(name, func)                                                                            \
  g_test_add ("/store/commit/" name, StoreFixture, NULL, store_fixture_set_up, func,               \
              store_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("bad-among-good", test_bad_among_good);
  ADD ("retry-from-the-report", test_retry_from_the_report);
  ADD ("commit-fails", test_commit_fails);
  ADD ("many-in-order", test_many_in_order);
  ADD ("close-commits", test_close_commits);
  ADD ("read-after-report", test_read_after_report);
  g_test_add_data_func ("/store/commit/kill-before", "store.before-commit", test_kill);
  g_test_add_data_func ("/store/commit/kill-after", "store.after-commit", test_kill);
  return g_test_run ();
}
