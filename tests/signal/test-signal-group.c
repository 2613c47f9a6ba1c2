/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "signal/whim-signal.h"
#include "tests/support/whim-test.h"

#include <string.h>

#define GROUP "120363000000000001@g.us"

static WhimSignalContext *context;

static WhimSignalCache *
cache_new (void)
{
  g_autoptr (WhimKeyPair) identity = whim_key_pair_new ();
  g_autofree char *key = whim_signal_sender_key (GROUP, "alice", 3);
  WhimSignalCache *cache = whim_signal_cache_new (identity, 1);

  g_assert_cmpstr (key, ==, GROUP "::alice.3");
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_SENDER_KEY, key, NULL);
  return cache;
}

static GBytes *
record_of (WhimSignalCache *cache)
{
  GBytes *record = whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_SENDER_KEY, GROUP "::alice.3");

  return record == NULL ? NULL : g_bytes_ref (record);
}

static GBytes *
distribute (WhimSignalCache *cache)
{
  g_autoptr (GError) error = NULL;
  GBytes *bytes = whim_signal_group_distribute (context, cache, GROUP, "alice", 3, &error);

  g_assert_no_error (error);
  return bytes;
}

static gboolean
process (WhimSignalCache *cache, GBytes *distribution, GError **error)
{
  return whim_signal_group_process (context, cache, GROUP, "alice", 3,
                                    g_bytes_get_data (distribution, NULL),
                                    g_bytes_get_size (distribution), error);
}

static GBytes *
encrypt (WhimSignalCache *cache, const char *text)
{
  g_autoptr (GError) error = NULL;
  GBytes *cipher
      = whim_signal_group_encrypt (context, cache, GROUP, "alice", 3, text, strlen (text), &error);

  g_assert_no_error (error);
  return cipher;
}

static void
assert_reads (WhimSignalCache *cache, GBytes *cipher, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) plain = whim_signal_group_decrypt (context, cache, GROUP, "alice", 3,
                                                        g_bytes_get_data (cipher, NULL),
                                                        g_bytes_get_size (cipher), &error);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (plain, NULL), g_bytes_get_size (plain), text, strlen (text));
}

/* Refused with @code, and nothing has changed. */
static void
assert_refuses (WhimSignalCache *cache, gconstpointer cipher, gsize len, gint code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) before = record_of (cache);
  g_autoptr (GBytes) after = NULL;

  g_assert_null (
      whim_signal_group_decrypt (context, cache, GROUP, "alice", 3, cipher, len, &error));
  g_assert_error (error, WHIM_SIGNAL_ERROR, code);
  after = record_of (cache);
  g_assert_true (whim_bytes_equal0 (before, after));
}

static void
assert_refuses_bytes (WhimSignalCache *cache, GBytes *cipher, gint code)
{
  assert_refuses (cache, g_bytes_get_data (cipher, NULL), g_bytes_get_size (cipher), code);
}

static void
test_conversation (void)
{
  g_autoptr (WhimSignalCache) alice = cache_new ();
  g_autoptr (WhimSignalCache) bob = cache_new ();
  g_autoptr (GBytes) distribution = distribute (alice);
  g_autoptr (GError) error = NULL;
  guint32 ours;
  guint32 theirs;

  g_assert_false (whim_signal_group_get_key_id (context, bob, GROUP, "alice", 3, &theirs));
  g_assert_true (process (bob, distribution, &error));
  g_assert_true (whim_signal_group_get_key_id (context, alice, GROUP, "alice", 3, &ours));
  g_assert_true (whim_signal_group_get_key_id (context, bob, GROUP, "alice", 3, &theirs));
  g_assert_cmpuint (ours, ==, theirs);
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (GBytes) cipher = encrypt (alice, "to all");

      assert_reads (bob, cipher, "to all");
      assert_refuses_bytes (bob, cipher, WHIM_SIGNAL_ERROR_DUPLICATE);
    }
}

/* Distributed late, a reader cannot read what was written before. */
static void
test_late_reader (void)
{
  g_autoptr (WhimSignalCache) alice = cache_new ();
  g_autoptr (WhimSignalCache) bob = cache_new ();
  g_autoptr (GBytes) first = distribute (alice);
  g_autoptr (GBytes) before = encrypt (alice, "before");
  g_autoptr (GBytes) second = distribute (alice);
  g_autoptr (GBytes) after = encrypt (alice, "after");

  assert_refuses_bytes (bob, before, WHIM_SIGNAL_ERROR_NO_SESSION);
  g_assert_true (process (bob, second, NULL));
  assert_refuses_bytes (bob, before, WHIM_SIGNAL_ERROR_DUPLICATE);
  assert_reads (bob, after, "after");
}

/* The library's first trap: a repeated distribution would hide kept message keys. */
static void
test_repeated_distribution (void)
{
  g_autoptr (WhimSignalCache) alice = cache_new ();
  g_autoptr (WhimSignalCache) bob = cache_new ();
  g_autoptr (GBytes) distribution = distribute (alice);
  g_autoptr (GBytes) skipped = encrypt (alice, "skipped");
  g_autoptr (GBytes) next = encrypt (alice, "next");
  g_autoptr (GBytes) again = distribute (alice);
  g_autoptr (GPtrArray) dirty = NULL;

  g_assert_true (process (bob, distribution, NULL));
  assert_reads (bob, next, "next");
  dirty = whim_signal_cache_take_dirty (bob);
  g_assert_cmpuint (dirty->len, ==, 1);
  for (guint i = 0; i < 6; i++)
    g_assert_true (process (bob, again, NULL));
  g_ptr_array_unref (dirty);
  dirty = whim_signal_cache_take_dirty (bob);
  g_assert_cmpuint (dirty->len, ==, 0);
  assert_reads (bob, skipped, "skipped");
}

/* The library's second trap: it reads no further than 2,000 ahead. */
static void
test_gap (gconstpointer gap)
{
  g_autoptr (WhimSignalCache) alice = cache_new ();
  g_autoptr (WhimSignalCache) bob = cache_new ();
  g_autoptr (GBytes) distribution = distribute (alice);
  g_autoptr (GBytes) last = NULL;
  g_autoptr (GBytes) cipher = NULL;
  g_autoptr (GBytes) stranger_cipher = NULL;
  guint n = GPOINTER_TO_UINT (gap);

  g_assert_true (process (bob, distribution, NULL));
  for (guint i = 0; i <= n; i++)
    {
      g_clear_pointer (&last, g_bytes_unref);
      last = g_steal_pointer (&cipher);
      cipher = encrypt (alice, "x");
    }
  {
    /* Who did not sign cannot make us step. */
    gsize len;
    gconstpointer data = g_bytes_get_data (cipher, &len);
    g_autofree guint8 *broken = g_memdup2 (data, len);

    broken[len - 1] ^= 1;
    assert_refuses (bob, broken, len, WHIM_SIGNAL_ERROR_INVALID_MESSAGE);
  }
  if (n > WHIM_LIMIT_SENDER_KEY_GAP)
    {
      assert_refuses_bytes (bob, cipher, WHIM_SIGNAL_ERROR_INVALID_MESSAGE);
      return;
    }
  assert_reads (bob, cipher, "x");
  assert_refuses_bytes (bob, cipher, WHIM_SIGNAL_ERROR_DUPLICATE);
  assert_reads (bob, last, "x");
}

static void
test_rotation (void)
{
  g_autoptr (WhimSignalCache) alice = cache_new ();
  g_autoptr (WhimSignalCache) bob = cache_new ();
  g_autoptr (GBytes) first = distribute (alice);
  g_autoptr (GBytes) old = encrypt (alice, "old");
  g_autoptr (GBytes) second = NULL;
  g_autoptr (GBytes) new = NULL;
  guint32 before;
  guint32 after;

  g_assert_true (process (bob, first, NULL));
  g_assert_true (whim_signal_group_get_key_id (context, alice, GROUP, "alice", 3, &before));
  whim_signal_cache_put (alice, WHIM_SIGNAL_KIND_SENDER_KEY, GROUP "::alice.3", NULL);
  second = distribute (alice);
  new = encrypt (alice, "new");
  g_assert_true (whim_signal_group_get_key_id (context, alice, GROUP, "alice", 3, &after));
  g_assert_cmpuint (before, !=, after);
  assert_refuses_bytes (bob, new, WHIM_SIGNAL_ERROR_INVALID_MESSAGE);
  g_assert_true (process (bob, second, NULL));
  assert_reads (bob, new, "new");
  assert_reads (bob, old, "old");
}

static void
test_errors (void)
{
  g_autoptr (WhimSignalCache) alice = cache_new ();
  g_autoptr (WhimSignalCache) bob = cache_new ();
  g_autoptr (GBytes) distribution = NULL;
  g_autoptr (GBytes) cipher = NULL;
  g_autoptr (GBytes) garbage = g_bytes_new_static ("garbage", 7);
  g_autoptr (GError) error = NULL;
  gsize len;
  const guint8 *data;

  g_assert_null (whim_signal_group_encrypt (context, alice, GROUP, "alice", 3, "x", 1, &error));
  g_assert_error (error, WHIM_SIGNAL_ERROR, WHIM_SIGNAL_ERROR_NO_SESSION);
  g_clear_error (&error);
  g_assert_false (process (bob, garbage, &error));
  g_assert_error (error, WHIM_SIGNAL_ERROR, WHIM_SIGNAL_ERROR_INVALID_MESSAGE);
  distribution = distribute (alice);
  cipher = encrypt (alice, "x");
  g_assert_true (process (bob, distribution, NULL));
  data = g_bytes_get_data (cipher, &len);
  for (gsize cut = 0; cut < len; cut++)
    assert_refuses (bob, data, cut, WHIM_SIGNAL_ERROR_INVALID_MESSAGE);
  assert_reads (bob, cipher, "x");
}

int
main (int argc, char **argv)
{
  gint result;

  g_test_init (&argc, &argv, NULL);
  context = whim_signal_context_new ();
  g_test_add_func ("/signal/group/conversation", test_conversation);
  g_test_add_func ("/signal/group/late-reader", test_late_reader);
  g_test_add_func ("/signal/group/repeated-distribution", test_repeated_distribution);
  g_test_add_data_func ("/signal/group/gap-of-2001", GUINT_TO_POINTER (2001), test_gap);
  g_test_add_data_func ("/signal/group/gap-of-5005", GUINT_TO_POINTER (5005), test_gap);
  g_test_add_data_func ("/signal/group/gap-too-far",
                        GUINT_TO_POINTER (WHIM_LIMIT_SENDER_KEY_GAP + 1), test_gap);
  g_test_add_func ("/signal/group/rotation", test_rotation);
  g_test_add_func ("/signal/group/errors", test_errors);
  result = g_test_run ();
  whim_signal_context_free (context);
  return result;
}
