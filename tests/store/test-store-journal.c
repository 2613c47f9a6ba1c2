/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/store-fixture.h"

#include "base/whim-error.h"

#include <string.h>

static void
put_event (StoreFixture *f, gint64 channel, gint64 timestamp)
{
  WhimUnit *unit = whim_unit_new (channel);
  WhimEvent *event = store_fixture_event ("presence");

  event->timestamp = timestamp;
  whim_unit_put_event (unit, event);
  store_fixture_commit_ok (f, unit);
}

static void
count_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  guint *left = user_data;
  g_autoptr (GError) error = NULL;

  whim_store_commit_finish (WHIM_STORE (source), result, &error);
  (*left)--;
}

static void
test_sequences (StoreFixture *f, gconstpointer data)
{
  const guint n = 300;
  gint64 channels[3] = { f->channel, store_fixture_add_channel (f, "ch_b"),
                         store_fixture_add_channel (f, "ch_c") };
  gint64 next[3] = { 0, 0, 0 };
  guint left = n;
  gint64 after = 0;
  guint total = 0;

  for (guint i = 0; i < n; i++)
    {
      WhimUnit *unit = whim_unit_new (channels[i % 3]);

      /* every tenth unit of a channel has two events, every seventh fails after its event */
      whim_unit_put_event (unit, store_fixture_event ("presence"));
      if (i % 10 == 0)
        whim_unit_put_event (unit, store_fixture_event ("call"));
      if (i % 7 == 3 && i % 3 == 1)
        whim_unit_seal_outbox (unit, 12345, NULL);
      whim_store_commit_async (f->store, unit, NULL, count_cb, &left);
      if (i % 50 == 49)
        while (left > n - i - 1)
          g_main_context_iteration (NULL, TRUE);
    }
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);

  for (;;)
    {
      g_autoptr (GPtrArray) events = store_fixture_read_journal (f, after, NULL);

      if (events->len == 0)
        break;
      for (guint i = 0; i < events->len; i++)
        {
          WhimEvent *event = g_ptr_array_index (events, i);
          guint channel = g_str_equal (event->channel_id, "ch_one") ? 0
                          : g_str_equal (event->channel_id, "ch_b") ? 1
                                                                    : 2;

          g_assert_cmpint (event->seq, >, after);
          g_assert_cmpint (event->sequence, ==, ++next[channel]);
          after = event->seq;
          total++;
        }
    }
  g_assert_cmpint (next[0], ==, 110);
  g_assert_cmpint (next[2], ==, 110);
  g_assert_cmpint (next[1], >, 0);
  g_assert_cmpint (next[1], <, 110);
  g_assert_cmpint (after, ==, whim_store_get_last_seq (f->store));
  g_assert_cmpuint (total, ==, next[0] + next[1] + next[2]);
  store_fixture_reopen (f);
  g_assert_cmpint (after, ==, whim_store_get_last_seq (f->store));
}

static void
test_event_contents (StoreFixture *f, gconstpointer data)
{
  WhimUnit *unit = whim_unit_new (f->channel);
  WhimEvent *event = store_fixture_event ("message.received");
  g_autofree char *id = g_strdup (event->id);
  g_autoptr (GVariant) before = g_variant_ref (event->data);
  g_autoptr (GPtrArray) events = NULL;
  WhimEvent *row;

  whim_unit_put_event (unit, event);
  store_fixture_commit_ok (f, unit);
  events = store_fixture_read_journal (f, 0, "ch_one");
  g_assert_cmpuint (events->len, ==, 1);
  row = g_ptr_array_index (events, 0);
  g_assert_cmpstr (row->id, ==, id);
  g_assert_cmpstr (row->channel_id, ==, "ch_one");
  g_assert_cmpstr (row->type, ==, "message.received");
  g_assert_cmpint (row->timestamp, ==, STORE_FIXTURE_TIME);
  g_assert_true (g_variant_equal (row->data, before));
  g_ptr_array_unref (events);
  events = store_fixture_read_journal (f, 0, "ch_none");
  g_assert_cmpuint (events->len, ==, 0);
}

static void
test_prune (StoreFixture *f, gconstpointer data)
{
  WhimUnit *unit = whim_unit_new (0);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 1; i <= 5; i++)
    put_event (f, f->channel, i * 10);
  whim_unit_prune_journal (unit, 31);
  store_fixture_commit_ok (f, unit);

  whim_store_read_journal_async (f->store, 2, NULL, 10, NULL, store_fixture_result_cb, &result);
  events = whim_store_read_journal_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_null (events);
  g_assert_error (error, WHIM_ERROR, WHIM_ERROR_CURSOR_EXPIRED);
  events = store_fixture_read_journal (f, 3, NULL); /* the last one that is gone was read */
  g_assert_cmpuint (events->len, ==, 2);

  /* all gone, and the numbers go on */
  unit = whim_unit_new (0);
  whim_unit_prune_journal (unit, 1000);
  store_fixture_commit_ok (f, unit);
  store_fixture_reopen (f);
  put_event (f, f->channel, 2000);
  g_ptr_array_unref (events);
  events = store_fixture_read_journal (f, 5, NULL);
  g_assert_cmpuint (events->len, ==, 1);
  g_assert_cmpint (((WhimEvent *)g_ptr_array_index (events, 0))->seq, ==, 6);
  g_assert_cmpint (((WhimEvent *)g_ptr_array_index (events, 0))->sequence, ==, 6);
}

static void
journal_cb (gint64 last_seq, gpointer user_data)
{
  GString *order = user_data;

  g_string_append_printf (order, "journal:%" G_GINT64_FORMAT " ", last_seq);
}

static void
commit_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GString *order = user_data;

  g_assert_true (whim_store_commit_finish (WHIM_STORE (source), result, NULL));
  g_string_append (order, "commit ");
}

static void
test_journal_func (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GString) order = g_string_new (NULL);
  WhimUnit *unit = whim_unit_new (f->channel);

  whim_store_set_journal_func (f->store, journal_cb, order);
  whim_unit_put_event (unit, store_fixture_event ("call"));
  whim_store_commit_async (f->store, unit, NULL, commit_cb, order);
  while (strchr (order->str, ':') == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (order->str, ==, "commit journal:1 ");

  /* no event, no call */
  whim_store_commit_async (f->store, whim_unit_new (f->channel), NULL, commit_cb, order);
  while (!g_str_has_suffix (order->str, "commit "))
    g_main_context_iteration (NULL, TRUE);
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpstr (order->str, ==, "commit journal:1 commit ");
}

static void
test_unknown_channel (StoreFixture *f, gconstpointer data)
{
  WhimUnit *unit = whim_unit_new (4711);
  g_autoptr (GError) error = NULL;

  whim_unit_put_event (unit, store_fixture_event ("call"));
  g_assert_false (store_fixture_commit (f, unit, &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CONFLICT);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/store/" name, StoreFixture, NULL, store_fixture_set_up, func,                      \
              store_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("journal/sequences", test_sequences);
  ADD ("journal/contents", test_event_contents);
  ADD ("journal/prune", test_prune);
  ADD ("journal/func", test_journal_func);
  ADD ("journal/unknown-channel", test_unknown_channel);
  return g_test_run ();
}
