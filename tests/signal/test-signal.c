/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "signal/whim-signal.h"
#include "tests/support/whim-test.h"

#include <string.h>

typedef struct
{
  WhimKeyPair *identity;
  WhimSignalCache *cache;
  WhimSignalBundle bundle;
} Party;

static WhimSignalContext *context;

static void
party_init (Party *self, gboolean with_prekey)
{
  g_autoptr (GPtrArray) keys = whim_signal_generate_prekeys (context, 7, 1);
  g_autoptr (WhimKeyPair) signed_pair = whim_key_pair_new ();
  g_autoptr (WhimSignalPrekey) signed_key = NULL;
  WhimSignalPrekey *key = g_ptr_array_index (keys, 0);
  guint8 point[33] = { 5 };
  guint8 signature[WHIM_SIGNATURE_SIZE];

  memset (self, 0, sizeof *self);
  self->identity = whim_key_pair_new ();
  self->cache = whim_signal_cache_new (self->identity, 1234);
  whim_copy (point + 1, whim_key_pair_get_public (signed_pair), 32);
  whim_xeddsa_sign (self->identity, point, sizeof point, signature);
  signed_key = whim_signal_make_signed_prekey (context, signed_pair, 1, 1000, signature);
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, "1", signed_key->record);
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_PREKEY, "7", key->record);
  self->bundle.registration_id = 1234;
  whim_copy (self->bundle.identity, whim_key_pair_get_public (self->identity), 32);
  self->bundle.signed_prekey_id = 1;
  whim_copy (self->bundle.signed_prekey, signed_key->public_key, 32);
  whim_copy (self->bundle.signed_prekey_signature, signature, sizeof signature);
  self->bundle.has_prekey = with_prekey;
  self->bundle.prekey_id = 7;
  whim_copy (self->bundle.prekey, key->public_key, 32);
}

static void
party_clear (Party *self)
{
  whim_signal_cache_free (self->cache);
  whim_key_pair_unref (self->identity);
}

static void
know (Party *self, const char *key)
{
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_SESSION, key, NULL);
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_IDENTITY, key, NULL);
}

static GBytes *
encrypt (Party *self, const char *to, const char *text, WhimSignalType *type)
{
  g_autoptr (GError) error = NULL;
  GBytes *cipher
      = whim_signal_encrypt (context, self->cache, to, 0, text, strlen (text), type, &error);

  g_assert_no_error (error);
  return cipher;
}

static void
assert_decrypts (Party *self,
                 const char *from,
                 WhimSignalType type,
                 GBytes *cipher,
                 const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) plain
      = whim_signal_decrypt (context, self->cache, from, 0, type, g_bytes_get_data (cipher, NULL),
                             g_bytes_get_size (cipher), NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (plain, NULL), g_bytes_get_size (plain), expected,
                   strlen (expected));
}

static void
introduce (Party *alice, Party *bob)
{
  g_autoptr (GError) error = NULL;

  know (alice, "bob.0");
  know (bob, "alice.0");
  g_assert_true (
      whim_signal_process_bundle (context, alice->cache, "bob", 0, &bob->bundle, NULL, &error));
  g_assert_no_error (error);
}

static void
test_conversation (gconstpointer with_prekey)
{
  Party alice;
  Party bob;
  WhimSignalType type;
  guint32 prekey_id;
  guint32 signed_id;

  party_init (&alice, TRUE);
  party_init (&bob, GPOINTER_TO_INT (with_prekey));
  introduce (&alice, &bob);
  {
    g_autoptr (GBytes) first = encrypt (&alice, "bob", "one", &type);

    g_assert_cmpint (type, ==, WHIM_SIGNAL_TYPE_PKMSG);
    g_assert_true (whim_signal_peek_prekey_ids (context, g_bytes_get_data (first, NULL),
                                                g_bytes_get_size (first), &prekey_id, &signed_id));
    g_assert_cmpuint (prekey_id, ==, GPOINTER_TO_INT (with_prekey) ? 7 : G_MAXUINT32);
    g_assert_cmpuint (signed_id, ==, 1);
    assert_decrypts (&bob, "alice", type, first, "one");
  }
  if (GPOINTER_TO_INT (with_prekey))
    g_assert_null (whim_signal_cache_get (bob.cache, WHIM_SIGNAL_KIND_PREKEY, "7"));
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (GBytes) answer = encrypt (&bob, "alice", "two", &type);
      g_autoptr (GBytes) again = NULL;

      g_assert_cmpint (type, ==, WHIM_SIGNAL_TYPE_MSG);
      assert_decrypts (&alice, "bob", type, answer, "two");
      again = encrypt (&alice, "bob", "three", &type);
      g_assert_cmpint (type, ==, WHIM_SIGNAL_TYPE_MSG);
      assert_decrypts (&bob, "alice", type, again, "three");
    }
  g_assert_cmpuint (whim_signal_get_remote_registration_id (context, alice.cache, "bob", 0), ==,
                    1234);
  party_clear (&alice);
  party_clear (&bob);
}

static void
assert_message_key (GBytes *cipher, WhimSignalType type, guint8 ratchet_key[32], guint32 expected)
{
  guint32 counter = G_MAXUINT32;

  g_assert_true (whim_signal_peek_message_key (context, type, g_bytes_get_data (cipher, NULL),
                                               g_bytes_get_size (cipher), ratchet_key, &counter));
  g_assert_cmpuint (counter, ==, expected);
}

/* One chain while only one side speaks, then another; a state that was put back repeats itself. */
static void
test_message_keys (void)
{
  Party alice;
  Party bob;
  WhimSignalType type;
  guint8 chain[32];
  guint8 other[32];
  guint32 counter;

  party_init (&alice, TRUE);
  party_init (&bob, TRUE);
  introduce (&alice, &bob);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GBytes) cipher = encrypt (&alice, "bob", "x", &type);

      assert_message_key (cipher, type, i == 0 ? chain : other, i);
      if (i > 0)
        g_assert_cmpmem (chain, 32, other, 32);
      assert_decrypts (&bob, "alice", type, cipher, "x");
      g_assert_false (whim_signal_peek_message_key (
          context, WHIM_SIGNAL_TYPE_MSG, g_bytes_get_data (cipher, NULL), 20, other, &counter));
    }
  {
    g_autoptr (GBytes) answer = encrypt (&bob, "alice", "y", &type);

    assert_message_key (answer, type, other, 0);
    g_assert_cmpint (memcmp (chain, other, 32), !=, 0);
    assert_decrypts (&alice, "bob", type, answer, "y");
  }
  {
    g_autoptr (GBytes) before
        = g_bytes_ref (whim_signal_cache_get (alice.cache, WHIM_SIGNAL_KIND_SESSION, "bob.0"));
    g_autoptr (GBytes) one = encrypt (&alice, "bob", "one", &type);
    g_autoptr (GBytes) two = NULL;

    assert_message_key (one, type, chain, 0);
    whim_signal_cache_put (alice.cache, WHIM_SIGNAL_KIND_SESSION, "bob.0", before);
    two = encrypt (&alice, "bob", "two", &type);
    assert_message_key (two, type, other, 0);
    g_assert_cmpmem (chain, 32, other, 32);
  }
  party_clear (&alice);
  party_clear (&bob);
}

static void
test_replay_and_order (void)
{
  Party alice;
  Party bob;
  GBytes *ciphers[4];
  WhimSignalType types[4];
  g_autoptr (GError) error = NULL;

  party_init (&alice, TRUE);
  party_init (&bob, TRUE);
  introduce (&alice, &bob);
  for (guint i = 0; i < 4; i++)
    ciphers[i] = encrypt (&alice, "bob", "x", &types[i]);
  for (guint i = 4; i-- > 0;)
    assert_decrypts (&bob, "alice", types[i], ciphers[i], "x");
  for (guint i = 0; i < 4; i++)
    {
      g_assert_null (whim_signal_decrypt (context, bob.cache, "alice", 0, types[i],
                                          g_bytes_get_data (ciphers[i], NULL),
                                          g_bytes_get_size (ciphers[i]), NULL, &error));
      g_assert_error (error, WHIM_SIGNAL_ERROR, WHIM_SIGNAL_ERROR_DUPLICATE);
      g_clear_error (&error);
      g_bytes_unref (ciphers[i]);
    }
  party_clear (&alice);
  party_clear (&bob);
}

/* A failed operation leaves nothing behind, not even the identity that libsignal saves first. */
static void
test_rollback (void)
{
  Party alice;
  Party bob;
  WhimSignalType type;
  g_autoptr (GBytes) cipher = NULL;
  g_autofree guint8 *broken = NULL;
  g_autoptr (GPtrArray) dirty = NULL;
  g_autoptr (GError) error = NULL;

  party_init (&alice, TRUE);
  party_init (&bob, TRUE);
  introduce (&alice, &bob);
  cipher = encrypt (&alice, "bob", "x", &type);
  broken = g_memdup2 (g_bytes_get_data (cipher, NULL), g_bytes_get_size (cipher));
  broken[g_bytes_get_size (cipher) - 20] ^= 1;
  g_assert_null (whim_signal_decrypt (context, bob.cache, "alice", 0, type, broken,
                                      g_bytes_get_size (cipher), NULL, &error));
  g_assert_nonnull (error);
  g_assert_null (whim_signal_cache_get (bob.cache, WHIM_SIGNAL_KIND_IDENTITY, "alice.0"));
  g_assert_null (whim_signal_cache_get (bob.cache, WHIM_SIGNAL_KIND_SESSION, "alice.0"));
  g_assert_nonnull (whim_signal_cache_get (bob.cache, WHIM_SIGNAL_KIND_PREKEY, "7"));
  dirty = whim_signal_cache_take_dirty (bob.cache);
  g_assert_cmpuint (dirty->len, ==, 0);
  assert_decrypts (&bob, "alice", type, cipher, "x");
  g_ptr_array_unref (dirty);
  dirty = whim_signal_cache_take_dirty (bob.cache);
  g_assert_cmpuint (dirty->len, ==, 3); /* session, identity, consumed prekey */
  party_clear (&alice);
  party_clear (&bob);
}

static void
test_identity_change (void)
{
  Party alice;
  Party second;
  Party bob;
  WhimSignalType type;
  gboolean changed = FALSE;
  g_autoptr (GBytes) old = NULL;
  g_autoptr (GBytes) new = NULL;
  g_autoptr (GBytes) plain = NULL;
  g_autoptr (GError) error = NULL;

  party_init (&alice, TRUE);
  party_init (&second, TRUE);
  party_init (&bob, FALSE);
  introduce (&alice, &bob);
  old = encrypt (&alice, "bob", "old", &type);
  assert_decrypts (&bob, "alice", type, old, "old");
  g_clear_pointer (&old, g_bytes_unref);
  old = encrypt (&alice, "bob", "late", &type);
  know (&second, "bob.0");
  g_assert_true (
      whim_signal_process_bundle (context, second.cache, "bob", 0, &bob.bundle, NULL, &error));
  new = encrypt (&second, "bob", "new", &type);
  plain = whim_signal_decrypt (context, bob.cache, "alice", 0, type, g_bytes_get_data (new, NULL),
                               g_bytes_get_size (new), &changed, &error);
  g_assert_no_error (error);
  g_assert_nonnull (plain);
  g_assert_true (changed);
  assert_decrypts (&bob, "alice", WHIM_SIGNAL_TYPE_PKMSG, old, "late");
  party_clear (&alice);
  party_clear (&second);
  party_clear (&bob);
}

static void
test_errors (void)
{
  Party bob;
  WhimSignalType type;
  g_autoptr (GError) error = NULL;

  party_init (&bob, TRUE);
  know (&bob, "alice.0");
  g_assert_null (whim_signal_encrypt (context, bob.cache, "alice", 0, "x", 1, &type, &error));
  g_assert_error (error, WHIM_SIGNAL_ERROR, WHIM_SIGNAL_ERROR_NO_SESSION);
  g_clear_error (&error);
  for (guint i = 0; i < 4; i++)
    {
      g_assert_null (
          whim_signal_decrypt (context, bob.cache, "alice", 0,
                               i % 2 == 0 ? WHIM_SIGNAL_TYPE_MSG : WHIM_SIGNAL_TYPE_PKMSG, "xyz",
                               i < 2 ? 0 : 3, NULL, &error));
      g_assert_error (error, WHIM_SIGNAL_ERROR, WHIM_SIGNAL_ERROR_INVALID_MESSAGE);
      g_clear_error (&error);
    }
  bob.bundle.signed_prekey_signature[3] ^= 1;
  g_assert_false (
      whim_signal_process_bundle (context, bob.cache, "alice", 0, &bob.bundle, NULL, &error));
  g_assert_error (error, WHIM_SIGNAL_ERROR, WHIM_SIGNAL_ERROR_INVALID_KEY);
  party_clear (&bob);
}

static void
test_move_user (void)
{
  Party alice;
  Party bob;
  WhimSignalType type;
  g_autoptr (GBytes) cipher = NULL;

  party_init (&alice, TRUE);
  party_init (&bob, TRUE);
  introduce (&alice, &bob);
  know (&alice, "bob_1.0");
  whim_signal_move_user (context, alice.cache, "bob", "bob_1", 0);
  g_assert_false (whim_signal_has_session (alice.cache, "bob", 0));
  cipher = encrypt (&alice, "bob_1", "moved", &type);
  assert_decrypts (&bob, "alice", type, cipher, "moved");
  party_clear (&alice);
  party_clear (&bob);
}

static void
process (Party *self, const char *name, const Party *other)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (
      whim_signal_process_bundle (context, self->cache, name, 0, &other->bundle, NULL, &error));
  g_assert_no_error (error);
}

/* Both names have a session. @heard: the other side has answered under the LID: it stays, else the
 * number's takes its place. Nothing that is on its way is lost, whichever counts. */
static void
test_move_onto (gconstpointer heard)
{
  const char *winner = GPOINTER_TO_INT (heard) ? "alice_1" : "alice";
  const char *loser = GPOINTER_TO_INT (heard) ? "alice" : "alice_1";
  Party alice;
  Party bob;
  WhimSignalType type;
  g_autoptr (GBytes) first = NULL;
  g_autoptr (GBytes) second = NULL;
  g_autoptr (GBytes) answer = NULL;
  g_autoptr (GBytes) next = NULL;
  g_autoptr (GBytes) late = NULL;
  g_autoptr (GBytes) later = NULL;
  WhimSignalType late_type;
  WhimSignalType later_type;

  party_init (&alice, TRUE);
  party_init (&bob, FALSE); /* one signed prekey serves both */
  introduce (&alice, &bob);
  know (&alice, "bob_1.0");
  know (&bob, "alice_1.0");
  /* under the number they have talked */
  first = encrypt (&alice, "bob", "one", &type);
  assert_decrypts (&bob, "alice", type, first, "one");
  answer = encrypt (&bob, "alice", "two", &type);
  assert_decrypts (&alice, "bob", type, answer, "two");
  /* under the LID Alice has begun */
  process (&alice, "bob_1", &bob);
  second = encrypt (&alice, "bob_1", "three", &type);
  assert_decrypts (&bob, "alice_1", type, second, "three");
  if (GPOINTER_TO_INT (heard))
    {
      g_autoptr (GBytes) reply = encrypt (&bob, "alice_1", "four", &type);

      assert_decrypts (&alice, "bob_1", type, reply, "four");
    }
  late = encrypt (&bob, winner, "late", &late_type);
  later = encrypt (&bob, loser, "later", &later_type);
  whim_signal_move_user (context, alice.cache, "bob", "bob_1", 0);
  g_assert_false (whim_signal_has_session (alice.cache, "bob", 0));
  g_assert_null (whim_signal_cache_get (alice.cache, WHIM_SIGNAL_KIND_IDENTITY, "bob.0"));
  next = encrypt (&alice, "bob_1", "next", &type);
  g_assert_cmpint (type, ==, WHIM_SIGNAL_TYPE_MSG);
  assert_decrypts (&bob, winner, type, next, "next");
  assert_decrypts (&alice, "bob_1", late_type, late, "late");
  assert_decrypts (&alice, "bob_1", later_type, later, "later");
  party_clear (&alice);
  party_clear (&bob);
}

static void
test_prekeys (void)
{
  g_autoptr (GPtrArray) keys = whim_signal_generate_prekeys (context, 16777210, 812);

  g_assert_cmpuint (keys->len, ==, 812);
  for (guint i = 0; i < keys->len; i++)
    {
      WhimSignalPrekey *key = g_ptr_array_index (keys, i);
      guint8 public_key[WHIM_KEY_SIZE];

      g_assert_cmpuint (key->id, ==, i < 6 ? 16777210 + i : i - 5);
      g_assert_true (whim_signal_prekey_record_get_public (context, key->record, public_key));
      g_assert_cmpmem (public_key, 32, key->public_key, 32);
    }
}

static void
hash_text (const char *text, guint8 digest[32])
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize len = 32;

  g_checksum_update (sum, (const guchar *)text, -1);
  g_checksum_get_digest (sum, digest, &len);
}

/* dossier 1, 9.4 */
static void
test_digest (void)
{
  g_autoptr (GBytes) identity
      = whim_test_hex ("2e73d1d8195870f5cc806a5b5fef806e1a60dc8ce0c473e01f975991975f4465");
  g_autoptr (GBytes) wanted = whim_test_hex ("6e6cc8404286bb5e334977f8e12cec3770e1f776");
  guint8 signed_prekey[32];
  guint8 signature[64];
  guint8 prekeys[64];
  guint8 digest[WHIM_KEYS_DIGEST_SIZE];

  hash_text ("wa-test skey", signed_prekey);
  memset (signature, 0xab, sizeof signature);
  hash_text ("wa-test prekey1", prekeys);
  hash_text ("wa-test prekey2", prekeys + 32);
  whim_signal_digest_keys (g_bytes_get_data (identity, NULL), signed_prekey, signature, prekeys, 2,
                           digest);
  g_assert_cmpmem (digest, sizeof digest, g_bytes_get_data (wanted, NULL),
                   g_bytes_get_size (wanted));
}

static void
test_signed_prekey_record (void)
{
  g_autoptr (WhimKeyPair) pair = whim_key_pair_new ();
  g_autoptr (WhimKeyPair) again = NULL;
  g_autoptr (WhimSignalPrekey) key = NULL;
  g_autoptr (GBytes) garbage = g_bytes_new_static ("\1\2\3", 3);
  guint8 signature[WHIM_SIGNATURE_SIZE];
  guint8 got[WHIM_SIGNATURE_SIZE];
  gint64 made_at;

  memset (signature, 7, sizeof signature);
  key = whim_signal_make_signed_prekey (context, pair, 16777215, 1750000000123, signature);
  g_assert_true (
      whim_signal_signed_prekey_record_get (context, key->record, &again, &made_at, got));
  g_assert_cmpint (made_at, ==, 1750000000123);
  g_assert_cmpmem (got, sizeof got, signature, sizeof signature);
  g_assert_cmpmem (whim_key_pair_get_public (again), 32, whim_key_pair_get_public (pair), 32);
  g_assert_cmpmem (whim_secret_get (whim_key_pair_get_private (again)), 32,
                   whim_secret_get (whim_key_pair_get_private (pair)), 32);
  g_clear_pointer (&again, whim_key_pair_unref);
  g_assert_false (whim_signal_signed_prekey_record_get (context, garbage, &again, &made_at, got));
}

static void
test_cache (void)
{
  g_autoptr (WhimKeyPair) identity = whim_key_pair_new ();
  g_autoptr (WhimSignalCache) cache = whim_signal_cache_new (identity, 1);
  g_autoptr (GBytes) record = g_bytes_new_static ("record", 6);
  g_autoptr (GPtrArray) dirty = NULL;

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *key = g_strdup_printf ("a.%u", i);

      whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_SESSION, key, record);
    }
  whim_signal_cache_put (cache, WHIM_SIGNAL_KIND_SESSION, "a.3", NULL);
  whim_signal_cache_trim (cache, 0);
  g_assert_true (whim_signal_cache_is_known (cache, WHIM_SIGNAL_KIND_SESSION, "a.3"));
  g_assert_false (whim_signal_cache_is_known (cache, WHIM_SIGNAL_KIND_SESSION, "a.4"));
  dirty = whim_signal_cache_take_dirty (cache);
  g_assert_cmpuint (dirty->len, ==, 1);
  whim_signal_cache_drop (cache);
  g_assert_cmpuint (whim_signal_cache_get_size (cache), ==, 0);
}

typedef struct
{
  GMainLoop *loop;
  GArray *order;
} PoolTest;

static void
pool_run (WhimSignalContext *worker_context, gpointer job)
{
  g_assert_nonnull (worker_context);
}

static void
pool_done (gpointer job, gpointer user_data)
{
  PoolTest *test = user_data;
  guint number = GPOINTER_TO_UINT (job);

  g_array_append_val (test->order, number);
  if (test->order->len == 200)
    g_main_loop_quit (test->loop);
}

static void
test_pool (void)
{
  g_autoptr (WhimSignalPool) pool = whim_signal_pool_new (2);
  PoolTest test = { g_main_loop_new (NULL, FALSE), g_array_new (FALSE, FALSE, sizeof (guint)) };
  guint last[2] = { 0, 0 };

  for (guint i = 1; i <= 200; i++)
    whim_signal_pool_push (pool, i % 2, pool_run, GUINT_TO_POINTER (i), pool_done, &test);
  g_main_loop_run (test.loop);
  for (guint i = 0; i < 200; i++)
    {
      guint number = g_array_index (test.order, guint, i);

      g_assert_cmpuint (number, >, last[number % 2]);
      last[number % 2] = number;
    }
  g_array_unref (test.order);
  g_main_loop_unref (test.loop);
}

int
main (int argc, char **argv)
{
  gint result;

  g_test_init (&argc, &argv, NULL);
  context = whim_signal_context_new ();
  g_test_add_data_func ("/signal/with-prekey", GINT_TO_POINTER (TRUE), test_conversation);
  g_test_add_data_func ("/signal/without-prekey", GINT_TO_POINTER (FALSE), test_conversation);
  g_test_add_func ("/signal/message-keys", test_message_keys);
  g_test_add_func ("/signal/replay-and-order", test_replay_and_order);
  g_test_add_func ("/signal/rollback", test_rollback);
  g_test_add_func ("/signal/identity-change", test_identity_change);
  g_test_add_func ("/signal/errors", test_errors);
  g_test_add_func ("/signal/move-user", test_move_user);
  g_test_add_data_func ("/signal/move-onto-unheard", GINT_TO_POINTER (FALSE), test_move_onto);
  g_test_add_data_func ("/signal/move-onto-heard", GINT_TO_POINTER (TRUE), test_move_onto);
  g_test_add_func ("/signal/prekeys", test_prekeys);
  g_test_add_func ("/signal/digest", test_digest);
  g_test_add_func ("/signal/signed-prekey-record", test_signed_prekey_record);
  g_test_add_func ("/signal/cache", test_cache);
  g_test_add_func ("/signal/pool", test_pool);
  result = g_test_run ();
  whim_signal_context_free (context);
  return result;
}
