/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"
#include "store/store-fixture.h"
#include "tests/support/whim-test.h"

#include <string.h>

/* The tables and sums of the send pipeline. */

/* dossier 2, 4.11: every code that it names, and what is around them */
static void
test_refusals (void)
{
  static const struct
  {
    gint64 code;
    WhimRefusalKind kind;
    const char *reason;
  } rows[] = {
    { 400, WHIM_REFUSAL_ADDRESS, "address_refused" },
    { 405, WHIM_REFUSAL_ADDRESS, "address_refused" },
    { 406, WHIM_REFUSAL_ADDRESS, "address_refused" },
    { 421, WHIM_REFUSAL_ADDRESS, "address_refused" },
    { 479, WHIM_REFUSAL_ADDRESS, "invalid_stanza" },
    { 408, WHIM_REFUSAL_RETRY, "service_unavailable" },
    { 429, WHIM_REFUSAL_RETRY, "service_unavailable" },
    { 500, WHIM_REFUSAL_RETRY, "service_unavailable" },
    { 503, WHIM_REFUSAL_RETRY, "service_unavailable" },
    { 463, WHIM_REFUSAL_FINAL, "no_privacy_token" },
    { 475, WHIM_REFUSAL_FINAL, "new_chat_limit" },
    { 401, WHIM_REFUSAL_FINAL, "refused" },
    { 486, WHIM_REFUSAL_FINAL, "refused" },
    { 553, WHIM_REFUSAL_FINAL, "refused" },
    { 0, WHIM_REFUSAL_FINAL, "refused" },
    { -1, WHIM_REFUSAL_FINAL, "refused" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const WhimRefusal *refusal = whim_refusal_find (rows[i].code);

      g_assert_cmpint (refusal->kind, ==, rows[i].kind);
      g_assert_cmpstr (refusal->reason, ==, rows[i].reason);
    }
  for (gint64 code = 487; code <= 552; code++)
    if (code != 500 && code != 503)
      {
        g_assert_cmpint (whim_refusal_find (code)->kind, ==, WHIM_REFUSAL_FINAL);
        g_assert_cmpstr (whim_refusal_find (code)->reason, ==, "invalid_stanza");
      }
  g_assert_cmpint (whim_refusal_get_delay (0), ==, 5000);
  g_assert_cmpint (whim_refusal_get_delay (1), ==, 10000);
  g_assert_cmpint (whim_refusal_get_delay (6), ==, 300000);
  g_assert_cmpint (whim_refusal_get_delay (G_MAXUINT), ==, 300000);
}

#define NOW G_GINT64_CONSTANT (1750000000)
#define DAY (24 * 3600)

static gint64
decide (WhimPacing pacing, const WhimPacingFacts *facts, gdouble chance, const char **reason)
{
  gint64 due = whim_pacing_decide (pacing, facts, chance, reason);

  return due == 0 ? 0 : due - facts->now_ms;
}

static void
test_pacing (void)
{
  const char *reason;
  WhimPacingFacts facts = { .now_ms = NOW * 1000, .linked_at = NOW - DAY, .last_ms = NOW * 1000 };
  WhimPacing pacing;

  /* gentle: a conversation never waits, a first contact keeps 5 to 30 s */
  g_assert_cmpint (decide (WHIM_PACING_GENTLE, &facts, 0.5, &reason), ==, 0);
  facts.first_contact = TRUE;
  g_assert_cmpint (decide (WHIM_PACING_GENTLE, &facts, 0.5, &reason), ==, 0);
  facts.last_stranger_ms = facts.now_ms;
  g_assert_cmpint (decide (WHIM_PACING_GENTLE, &facts, 0, &reason), ==, 5000);
  g_assert_cmpint (decide (WHIM_PACING_GENTLE, &facts, 1, &reason), ==, 30000);
  g_assert_cmpstr (reason, ==, "pacing");
  g_assert_cmpint (decide (WHIM_PACING_OFF, &facts, 1, &reason), ==, 0);
  facts.gap_kept = TRUE;
  g_assert_cmpint (decide (WHIM_PACING_GENTLE, &facts, 1, &reason), ==, 0);
  /* the budget: 20 a day in the first week, then 50 */
  facts.new_chats = 20;
  g_assert_cmpint (decide (WHIM_PACING_GENTLE, &facts, 0, &reason), ==, 3600 * 1000);
  g_assert_cmpstr (reason, ==, "new_chat_budget");
  facts.linked_at = NOW - 8 * DAY;
  g_assert_cmpint (decide (WHIM_PACING_GENTLE, &facts, 0, &reason), ==, 0);
  facts.new_chats = 50;
  g_assert_cmpint (decide (WHIM_PACING_GENTLE, &facts, 0, &reason), ==, 3600 * 1000);
  g_assert_cmpint (decide (WHIM_PACING_OFF, &facts, 0, &reason), ==, 0);

  /* strict: others too */
  memset (&facts, 0, sizeof facts);
  facts.now_ms = NOW * 1000;
  facts.last_ms = facts.now_ms;
  g_assert_cmpint (decide (WHIM_PACING_STRICT, &facts, 0, &reason), ==, 5000);
  g_assert_cmpint (decide (WHIM_PACING_STRICT, &facts, 1, &reason), ==, 30000);
  facts.answered = TRUE;
  g_assert_cmpint (decide (WHIM_PACING_STRICT, &facts, 0, &reason), ==, 1000);
  g_assert_cmpint (decide (WHIM_PACING_STRICT, &facts, 1, &reason), ==, 3000);
  facts.last_hour = 80;
  facts.hour_ends_ms = facts.now_ms + 1234;
  g_assert_cmpint (decide (WHIM_PACING_STRICT, &facts, 0, &reason), ==, 1234);
  g_assert_cmpstr (reason, ==, "hourly_budget");

  for (guint i = WHIM_PACING_GENTLE; i <= WHIM_PACING_STRICT; i++)
    {
      g_assert_true (whim_pacing_from_word (whim_pacing_to_word ((WhimPacing)i), &pacing));
      g_assert_cmpuint (pacing, ==, i);
    }
  g_assert_false (whim_pacing_from_word ("fast", &pacing));
}

/* Vectors of dossier 2, 14. */
static void
test_tokens (void)
{
  g_autoptr (WhimSecret) salt = whim_secret_new (32);
  g_autoptr (WhimJid) peer = whim_jid_parse ("200000000000002@lid", NULL);
  g_autoptr (WhimJid) pn = whim_jid_parse ("79991112233@s.whatsapp.net", NULL);
  g_autoptr (GBytes) theirs = g_bytes_new_static ("token", 5);
  g_autoptr (GBytes) made = NULL;
  g_autoptr (WhimNode) node = NULL;
  WhimStanding standing = { 0 };
  guint8 token[32];

  g_assert_cmpint (whim_tokens_get_oldest (1750000000), ==, 1747872000);
  g_assert_true (whim_tokens_is_due (1750000000, 0));
  g_assert_true (whim_tokens_is_due (1750000000, G_GINT64_CONSTANT (2893) * 604800 - 1));
  g_assert_false (whim_tokens_is_due (1750000000, G_GINT64_CONSTANT (2893) * 604800));
  memset (whim_secret_get_writable (salt), 0x11, 32);
  whim_tokens_make_stranger (salt, "200000000000002@lid", token);
  made = g_bytes_new (token, sizeof token);
  whim_test_assert_bytes_hex (made,
                              "32304b5de84b0b9521c4229ea78762c8f7dc5b58c2ce535f7894122ffa8ae70c");

  /* theirs, if it is young enough; else the stranger's, for who has a LID; else none */
  standing.token = theirs;
  standing.token_at = 1747872000;
  standing.salt = salt;
  node = whim_tokens_make_node (&standing, peer, 1750000000);
  g_assert_true (whim_node_is (node, "tctoken"));
  standing.token_at--;
  g_clear_pointer (&node, whim_node_unref);
  node = whim_tokens_make_node (&standing, peer, 1750000000);
  g_assert_true (whim_node_is (node, "cstoken"));
  g_assert_null (whim_tokens_make_node (&standing, pn, 1750000000));
  standing.salt = NULL;
  g_assert_null (whim_tokens_make_node (&standing, peer, 1750000000));
  g_assert_null (whim_tokens_make_node (NULL, peer, 1750000000));
}

static WhimNode *
holder (const char *text)
{
  return whim_messenger_make_leaf ("update", text, strlen (text));
}

static void
test_mex (void)
{
  static const char *const wrong[] = {
    "",
    "{",
    "[]",
    "null",
    "{\"data\":null}",
    "{\"data\":{\"x\":null}}",
    "{\"data\":{\"x\":[]}}",
    "{\"other\":{\"x\":{}}}",
  };
  g_autofree char *deep = g_strnfill (100000, '[');
  g_autoptr (WhimNode) good = holder ("{\"data\":{\"x\":{\"a\":true,\"b\":\"12\",\"c\":13,"
                                      "\"d\":\"word\",\"e\":null,\"f\":{\"g\":1}}}}");
  g_autoptr (WhimNode) nested = holder (deep);
  g_autoptr (GVariant) found = whim_mex_find (good, "x");
  gboolean a = FALSE;
  gint64 b = 0;
  gint64 c = 0;
  const char *d = NULL;

  g_assert_true (g_variant_lookup (found, "a", "b", &a) && a);
  g_assert_true (g_variant_lookup (found, "b", "x", &b) && b == 12);
  g_assert_true (g_variant_lookup (found, "c", "x", &c) && c == 13);
  g_assert_true (g_variant_lookup (found, "d", "&s", &d));
  g_assert_cmpstr (d, ==, "word");
  g_assert_cmpuint (g_variant_n_children (found), ==, 4);
  g_assert_null (whim_mex_find (nested, "x"));
  g_assert_null (whim_mex_find (NULL, "x"));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (WhimNode) node = holder (wrong[i]);

      g_assert_null (whim_mex_find (node, "x"));
    }
}

/* ---- who stands in line ---------------------------------------------------------------------- */

static WhimOutboxRow *
make_row (StoreFixture *fixture, const char *id)
{
  WhimOutboxRow *row = whim_outbox_row_new ();

  row->number = whim_store_take_outbox_number (fixture->store);
  row->message_id = g_strdup (id);
  row->chat = g_strdup ("100000000000002@lid");
  row->state = WHIM_OUTBOX_QUEUED;
  row->content = g_bytes_new_static ("x", 1);
  row->created_at = STORE_FIXTURE_TIME;
  row->expires_at = STORE_FIXTURE_TIME + DAY;
  return row;
}

static void
put_row (StoreFixture *fixture, const WhimOutboxRow *row)
{
  g_autoptr (WhimMessage) message
      = store_fixture_message (row->message_id, row->chat, NULL, STORE_FIXTURE_TIME);
  WhimUnit *unit = whim_unit_new (fixture->channel);

  message->from_me = TRUE;
  whim_unit_put_message (unit, message, NULL);
  whim_unit_put_outbox (unit, row);
  store_fixture_commit_ok (fixture, unit);
}

static WhimMessage *
make_accepted (const char *id)
{
  WhimMessage *message = whim_message_new ();

  message->id = g_strdup (id);
  return message;
}

static void
assert_line (WhimSender *sender, const char *const *ids)
{
  SendLane *lane = g_hash_table_lookup (sender->lanes, "100000000000002@lid");
  guint n = g_strv_length ((char **)ids);

  g_assert_nonnull (lane);
  g_assert_cmpuint (lane->rows.length, ==, n);
  g_assert_cmpuint (sender->rows.length, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (((SendRow *)g_queue_peek_nth (&lane->rows, i))->row->message_id, ==, ids[i]);
}

/* Accepted while the queue is read: behind what is older, and once, though its commit is seen on
 * disk before or after it is reported. */
static void
test_line (StoreFixture *fixture, gconstpointer data)
{
  static const char *const ids[] = { "old", "seen", "new", NULL };
  g_autoptr (WhimOutboxRow) old = make_row (fixture, "old");
  g_autoptr (WhimOutboxRow) seen = make_row (fixture, "seen");
  WhimSignalPool *pool = whim_signal_pool_new (1);
  const WhimMessengerConfig config = { .clock = fixture->clock,
                                       .store = fixture->store,
                                       .pool = pool,
                                       .channel_number = fixture->channel,
                                       .channel_id = "ch_one" };
  WhimMessenger *messenger = whim_messenger_new (&config);
  WhimSender *sender = messenger->sender;

  put_row (fixture, old);
  put_row (fixture, seen);
  sender->online = TRUE;
  whim_sender_load (sender);
  whim_sender_add (sender, g_steal_pointer (&seen), make_accepted ("seen"), NULL);
  whim_sender_add (sender, make_row (fixture, "new"), make_accepted ("new"), NULL);
  g_assert_cmpuint (g_hash_table_size (sender->lanes), ==, 0);
  while (sender->loading)
    g_main_context_iteration (NULL, TRUE);
  assert_line (sender, ids);
  g_assert_nonnull (((SendRow *)g_hash_table_lookup (sender->by_id, "seen"))->message);
  whim_sender_discard (sender);
  while (!whim_sender_is_idle (sender))
    g_main_context_iteration (NULL, TRUE);
  whim_messenger_unref (messenger);
  whim_signal_pool_free (pool);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sending/refusals", test_refusals);
  g_test_add_func ("/sending/pacing", test_pacing);
  g_test_add_func ("/sending/tokens", test_tokens);
  g_test_add_func ("/sending/mex", test_mex);
  g_test_add ("/sending/line", StoreFixture, NULL, store_fixture_set_up, test_line,
              store_fixture_tear_down);
  return g_test_run ();
}
