/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/store-fixture.h"
#include "store/whim-store-hooks.h"

#define NOW (STORE_FIXTURE_TIME * G_GINT64_CONSTANT (1000))
#define DAY (24 * 3600 * G_GINT64_CONSTANT (1000))

static WhimHook *
make_hook (StoreFixture *f, gint64 number, const char *event)
{
  const char *events[] = { event, NULL };
  const char *headers[] = { "X-A", "1", NULL };
  WhimHook *hook = whim_hook_new ();

  hook->number = number;
  hook->id = g_strdup_printf ("whk_%d", (int)number);
  hook->channel = f->channel;
  hook->channel_id = g_strdup ("ch_one");
  hook->url = g_strdup ("https://example.com/");
  hook->events = g_strdupv ((char **)events);
  hook->headers = g_strdupv ((char **)headers);
  hook->secret = whim_secret_new_from ("quiet", 5);
  hook->enabled = TRUE;
  hook->created_at = STORE_FIXTURE_TIME;
  return hook;
}

static void
put_hook (StoreFixture *f, const WhimHook *hook, gboolean begin)
{
  WhimUnit *unit = whim_unit_new (0);

  whim_unit_put_hook (unit, hook, begin);
  store_fixture_commit_ok (f, unit);
}

static void
tell (StoreFixture *f, const char *type, const char *chat)
{
  WhimUnit *unit = whim_unit_new (f->channel);
  GVariantBuilder data;

  g_variant_builder_init (&data, G_VARIANT_TYPE_VARDICT);
  if (chat != NULL)
    g_variant_builder_add (&data, "{sv}", "chatId", g_variant_new_string (chat));
  whim_unit_put_event (
      unit, whim_event_new (NULL, type, STORE_FIXTURE_TIME, g_variant_builder_end (&data)));
  store_fixture_commit_ok (f, unit);
}

/* how many hooks got something */
static guint
take (StoreFixture *f)
{
  g_autoptr (WhimTaken) taken = whim_taken_new ();
  WhimUnit *unit = whim_unit_new (0);

  whim_unit_take_deliveries (unit, taken);
  store_fixture_commit_ok (f, unit);
  g_assert_false (taken->more);
  return taken->hooks->len;
}

static WhimDueDeliveries *
load_due (StoreFixture *f, gint64 hook, gint64 now)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  WhimDueDeliveries *due;

  whim_store_load_due_async (f->store, hook, now, now + DAY, 100, NULL, store_fixture_result_cb,
                             &result);
  due = whim_store_load_due_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  return due;
}

/* "1:a 3:b": what is due, by seq and type */
static char *
due_text (StoreFixture *f, gint64 hook, gint64 now)
{
  g_autoptr (WhimDueDeliveries) due = load_due (f, hook, now);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < due->items->len; i++)
    {
      const WhimDelivery *item = g_ptr_array_index (due->items, i);

      g_string_append_printf (text, "%s%d", i == 0 ? "" : " ", (int)item->event->seq);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

#define assert_due(f, hook, now, expected)                                                         \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autofree char *_text = due_text (f, hook, now);                                              \
    g_assert_cmpstr (_text, ==, expected);                                                         \
  }                                                                                                \
  G_STMT_END

static void
settle (StoreFixture *f, gint64 hook, gint64 seq, WhimSettled outcome, gint64 now, gint64 due)
{
  const WhimSettlement row = { .hook = hook,
                               .seq = seq,
                               .outcome = outcome,
                               .now = now,
                               .due_at = due,
                               .expired_before = now - DAY,
                               .status = outcome == WHIM_SETTLED_DELIVERED ? 200 : 500,
                               .failure = outcome == WHIM_SETTLED_DELIVERED ? NULL : "no" };
  WhimUnit *unit = whim_unit_new (0);

  whim_unit_settle_delivery (unit, &row);
  store_fixture_commit_ok (f, unit);
}

static WhimHookStats *
load_stats (StoreFixture *f, gint64 hook)
{
  g_autoptr (GArray) hooks = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GPtrArray) stats = NULL;

  g_array_append_val (hooks, hook);
  whim_store_load_hook_stats_async (f->store, hooks, NULL, store_fixture_result_cb, &result);
  stats = whim_store_load_hook_stats_finish (f->store, store_fixture_wait (&result), NULL);
  g_assert_cmpuint (stats->len, ==, 1);
  return g_ptr_array_steal_index (stats, 0);
}

static void
assert_counts (StoreFixture *f, gint64 hook, gint64 pending, gint64 dead, gint64 delivered)
{
  g_autoptr (WhimHookStats) stats = load_stats (f, hook);

  g_assert_cmpint (stats->pending, ==, pending);
  g_assert_cmpint (stats->dead, ==, dead);
  g_assert_cmpint (stats->delivered, ==, delivered);
}

static void
test_values (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimHook) hook = make_hook (f, 1, "*");
  g_autoptr (GPtrArray) hooks = NULL;
  const WhimHook *row;
  WhimUnit *unit;

  put_hook (f, hook, TRUE);
  hook->format = WHIM_HOOK_FORMAT_WHAPI;
  hook->mode = WHIM_HOOK_MODE_PATH;
  put_hook (f, hook, FALSE);
  store_fixture_reopen (f);
  hooks = whim_store_load_hooks (f->store, NULL);
  g_assert_cmpuint (hooks->len, ==, 1);
  row = g_ptr_array_index (hooks, 0);
  g_assert_cmpstr (row->id, ==, "whk_1");
  g_assert_cmpstr (row->channel_id, ==, "ch_one");
  g_assert_cmpint (row->channel, ==, f->channel);
  g_assert_cmpstr (row->url, ==, hook->url);
  g_assert_cmpstrv (row->events, hook->events);
  g_assert_cmpstrv (row->headers, hook->headers);
  g_assert_cmpint (row->format, ==, WHIM_HOOK_FORMAT_WHAPI);
  g_assert_cmpint (row->mode, ==, WHIM_HOOK_MODE_PATH);
  g_assert_cmpmem (whim_secret_get (row->secret), whim_secret_get_size (row->secret), "quiet", 5);
  g_assert_true (row->enabled);

  unit = whim_unit_new (0);
  whim_unit_delete_hook (unit, 1);
  store_fixture_commit_ok (f, unit);
  g_ptr_array_unref (hooks);
  hooks = whim_store_load_hooks (f->store, NULL);
  g_assert_cmpuint (hooks->len, ==, 0);
}

/* Lanes: the first of each chat is due, the rest wait behind it; without a chat, one more lane. */
static void
test_lanes (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimHook) hook = make_hook (f, 1, "*");
  g_autoptr (WhimDueDeliveries) due = NULL;

  tell (f, "call", "before");
  put_hook (f, hook, TRUE);
  g_assert_cmpuint (take (f), ==, 0);
  tell (f, "message.received", "a"); /* 2 */
  tell (f, "message.received", "a");
  tell (f, "message.received", "b"); /* 4 */
  tell (f, "channel.status", NULL);
  tell (f, "channel.qr", NULL); /* 6 */
  tell (f, "message.received", "a");
  g_assert_cmpuint (take (f), ==, 1);
  g_assert_cmpuint (take (f), ==, 0);
  assert_due (f, 1, NOW, "2 4 5");
  assert_counts (f, 1, 6, 0, 0);

  settle (f, 1, 2, WHIM_SETTLED_AGAIN, NOW, NOW + 1000);
  assert_due (f, 1, NOW, "4 5");
  due = load_due (f, 1, NOW);
  g_assert_cmpint (due->next_due, ==, NOW + 1000);
  assert_due (f, 1, NOW + 1000, "2 4 5");
  assert_due (f, 1, NOW - 2 * DAY, "2 4 5"); /* the clock was set back */
  settle (f, 1, 4, WHIM_SETTLED_DELIVERED, NOW, 0);
  settle (f, 1, 5, WHIM_SETTLED_DELIVERED, NOW, 0);
  assert_due (f, 1, NOW, "6");
  settle (f, 1, 2, WHIM_SETTLED_DELIVERED, NOW, 0);
  assert_due (f, 1, NOW, "3 6");
  settle (f, 1, 3, WHIM_SETTLED_DELIVERED, NOW, 0);
  assert_due (f, 1, NOW, "6 7");
  settle (f, 1, 3, WHIM_SETTLED_DELIVERED, NOW, 0); /* again: nothing */
  assert_counts (f, 1, 2, 0, 4);
  /* a new one does not overtake */
  tell (f, "message.received", "a"); /* 8 */
  g_assert_cmpuint (take (f), ==, 1);
  assert_due (f, 1, NOW, "6 7");
}

static void
test_wishes (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimHook) seed = make_hook (f, 1, "message.received");
  g_autoptr (WhimHook) whapi = make_hook (f, 2, "messages.post");
  g_autoptr (WhimHook) off = make_hook (f, 3, "*");
  g_autoptr (WhimHook) all = make_hook (f, 4, "*");

  whapi->format = WHIM_HOOK_FORMAT_WHAPI;
  off->enabled = FALSE;
  all->format = WHIM_HOOK_FORMAT_WHAPI;
  put_hook (f, seed, TRUE);
  put_hook (f, whapi, TRUE);
  put_hook (f, off, TRUE);
  put_hook (f, all, TRUE);
  tell (f, "message.received", "a");      /* 1 */
  tell (f, "message.sent", "b");          /* 2 */
  tell (f, "message.undecryptable", "c"); /* 3: whapi has no such event */
  tell (f, "presence", "d");              /* 4 */
  g_assert_cmpuint (take (f), ==, 3);
  assert_due (f, 1, NOW, "1");
  assert_due (f, 2, NOW, "1 2");
  assert_due (f, 3, NOW, "");
  assert_due (f, 4, NOW, "1 2 4");
  /* turned on: from now on */
  off->enabled = TRUE;
  put_hook (f, off, TRUE);
  take (f);
  assert_due (f, 3, NOW, "");
  tell (f, "call", "e"); /* 5 */
  take (f);
  assert_due (f, 3, NOW, "5");
}

static void
test_dead (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimHook) hook = make_hook (f, 1, "*");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (WhimPage) page = NULL;
  g_autoptr (GError) error = NULL;
  const WhimDelivery *letter;
  WhimUnit *unit;

  put_hook (f, hook, TRUE);
  tell (f, "call", "a");
  tell (f, "call", "a");
  tell (f, "call", "b");
  take (f);
  whim_clock_advance (f->clock, DAY);
  tell (f, "call", "a"); /* 4: younger */
  take (f);
  settle (f, 1, 1, WHIM_SETTLED_DEAD, NOW + DAY + 1, 0);
  assert_counts (f, 1, 2, 2, 0);
  assert_due (f, 1, NOW + DAY + 1, "3 4");

  whim_store_list_deliveries_async (f->store, 1, TRUE, 10, 0, NULL, store_fixture_result_cb,
                                    &result);
  page = whim_store_list_deliveries_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (page->total, ==, 2);
  letter = g_ptr_array_index (page->items, 1);
  g_assert_cmpint (letter->event->seq, ==, 1);
  g_assert_cmpint (letter->state, ==, WHIM_DELIVERY_DEAD);
  g_assert_cmpuint (letter->attempts, ==, 1);
  g_assert_cmpuint (letter->status, ==, 500);
  g_assert_cmpstr (letter->failure, ==, "no");

  /* again: behind the one that is the first of its lane already */
  unit = whim_unit_new (0);
  whim_unit_resend_dead (unit, 1, letter->event->id, NOW + DAY + 2);
  store_fixture_commit_ok (f, unit);
  assert_counts (f, 1, 3, 1, 0);
  assert_due (f, 1, NOW + DAY + 2, "3 4");
  settle (f, 1, 4, WHIM_SETTLED_DELIVERED, NOW + DAY + 2, 0);
  assert_due (f, 1, NOW + DAY + 2, "1 3");
  unit = whim_unit_new (0);
  whim_unit_resend_dead (unit, 1, letter->event->id, NOW);
  g_assert_false (store_fixture_commit (f, unit, &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CONFLICT);

  unit = whim_unit_new (0);
  whim_unit_delete_dead (unit, 1, NULL);
  store_fixture_commit_ok (f, unit);
  assert_counts (f, 1, 2, 0, 1);
  /* turned off by the receiver */
  unit = whim_unit_new (0);
  whim_unit_turn_hook_off (unit, 1, "410");
  store_fixture_commit_ok (f, unit);
  assert_counts (f, 1, 0, 2, 1);
  settle (f, 1, 3, WHIM_SETTLED_DELIVERED, NOW, 0); /* was under way, and did arrive */
  assert_counts (f, 1, 0, 1, 2);
}

/* What is owed is never pruned, nor what nobody had the time to take. */
static void
test_prune (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimHook) hook = make_hook (f, 1, "call");
  g_autoptr (GPtrArray) events = NULL;
  WhimUnit *unit;

  put_hook (f, hook, TRUE);
  tell (f, "presence", "a");
  tell (f, "call", "a");
  tell (f, "call", "a");
  unit = whim_unit_new (0);
  whim_unit_prune_journal (unit, STORE_FIXTURE_TIME + 1);
  store_fixture_commit_ok (f, unit);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM journal"), ==, 2);
  assert_due (f, 1, NOW, "2");
  settle (f, 1, 2, WHIM_SETTLED_DELIVERED, NOW, 0);
  settle (f, 1, 3, WHIM_SETTLED_DEAD, NOW, 0);
  unit = whim_unit_new (0);
  whim_unit_prune_journal (unit, STORE_FIXTURE_TIME + 1);
  store_fixture_commit_ok (f, unit);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM journal"), ==, 1);
  assert_counts (f, 1, 0, 1, 1);
  /* 30 days later the dead letter goes too */
  unit = whim_unit_new (0);
  whim_unit_prune_journal (unit, STORE_FIXTURE_TIME + 24 * 24 * 3600);
  store_fixture_commit_ok (f, unit);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM journal"), ==, 0);
  assert_counts (f, 1, 0, 0, 1);
}

/* An event of long ago that is told today does not take today's events along. */
static void
test_prune_keeps_young (StoreFixture *f, gconstpointer data)
{
  WhimUnit *unit = whim_unit_new (f->channel);
  WhimEvent *event = store_fixture_event ("call");

  tell (f, "call", "young");
  event->timestamp = 1;
  whim_unit_put_event (unit, event);
  whim_unit_prune_journal (unit, STORE_FIXTURE_TIME - 10);
  store_fixture_commit_ok (f, unit);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM journal"), ==, 2);
}

static void
test_backlog (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimHook) hook = make_hook (f, 1, "*");
  WhimUnit *unit;

  put_hook (f, hook, TRUE);
  for (guint i = 0; i < 3; i++)
    {
      unit = whim_unit_new (f->channel);
      for (guint k = 0; k < 400; k++)
        whim_unit_put_event (unit, store_fixture_event ("call"));
      store_fixture_commit_ok (f, unit);
    }
  /* more than one unit takes */
  for (gboolean more = TRUE; more;)
    {
      g_autoptr (WhimTaken) taken = whim_taken_new ();

      unit = whim_unit_new (0);
      whim_unit_take_deliveries (unit, taken);
      store_fixture_commit_ok (f, unit);
      more = taken->more;
    }
  assert_counts (f, 1, 1200, 0, 0);
  /* a unit that fails takes nothing */
  tell (f, "call", "a");
  {
    g_autoptr (WhimTaken) taken = whim_taken_new ();
    g_autoptr (GError) error = NULL;

    unit = whim_unit_new (0);
    whim_unit_take_deliveries (unit, taken);
    whim_unit_seal_outbox (unit, 4711, NULL);
    g_assert_false (store_fixture_commit (f, unit, &error));
  }
  assert_counts (f, 1, 1200, 0, 0);
  g_assert_cmpuint (take (f), ==, 1);
  assert_counts (f, 1, 1201, 0, 0);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/store/hooks/" name, StoreFixture, NULL, store_fixture_set_up, func,                \
              store_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("values", test_values);
  ADD ("lanes", test_lanes);
  ADD ("wishes", test_wishes);
  ADD ("dead", test_dead);
  ADD ("prune", test_prune);
  ADD ("prune-keeps-young", test_prune_keeps_young);
  ADD ("backlog", test_backlog);
  return g_test_run ();
}
