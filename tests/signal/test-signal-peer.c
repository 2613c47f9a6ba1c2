/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "signal/whim-signal.h"
#include "tests/support/whim-test.h"

#include <string.h>

/* What an implementation by others encrypts for a device of ours with known keys; see
 * tests/data/signal/README.md. */

#define MESSAGES 4u

static WhimSignalContext *context;
static GKeyFile *vectors;

static GBytes *
get_bytes (const char *section, const char *key)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *hex = g_key_file_get_string (vectors, section, key, &error);

  g_assert_no_error (error);
  return whim_test_hex (hex);
}

static WhimKeyPair *
get_pair (const char *key)
{
  g_autoptr (GBytes) bytes = get_bytes ("own", key);
  g_autoptr (WhimSecret) secret
      = whim_secret_new_from (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));

  return whim_key_pair_new_from_private (secret);
}

static void
known_prekey (gpointer bytes, gsize len)
{
  g_autoptr (GBytes) key = get_bytes ("own", "prekey-private");

  g_assert_cmpuint (len, ==, g_bytes_get_size (key));
  whim_copy (bytes, g_bytes_get_data (key, NULL), len);
}

static WhimSignalCache *
cache_new (void)
{
  g_autoptr (WhimKeyPair) identity = get_pair ("identity-private");
  g_autoptr (WhimKeyPair) signed_pair = get_pair ("signed-private");
  g_autoptr (GBytes) signature = get_bytes ("own", "signed-signature");
  g_autoptr (WhimSignalPrekey) signed_prekey = whim_signal_make_signed_prekey (
      context, signed_pair, 9, 0, g_bytes_get_data (signature, NULL));
  g_autoptr (GPtrArray) prekeys = NULL;
  WhimSignalCache *cache = whim_signal_cache_new (identity, 1234);

  whim_random_set_source (known_prekey);
  prekeys = whim_signal_generate_prekeys (context, 77, 1);
  whim_random_set_source (NULL);
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_PREKEY, "77",
                          ((WhimSignalPrekey *)g_ptr_array_index (prekeys, 0))->record);
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, "9", signed_prekey->record);
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_SESSION, "peer.5", NULL);
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_IDENTITY, "peer.5", NULL);
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_SENDER_KEY, "120363000000000001@g.us::peer.5",
                          NULL);
  return cache;
}

static GBytes *
get_cipher (const char *section, guint i)
{
  g_autofree char *key = g_strdup_printf ("cipher-%u", i);

  return get_bytes (section, key);
}

static void
assert_text (GBytes *plain, guint i, const char *section)
{
  g_autofree char *expected = g_strdup_printf ("message %u of %s", i, section);

  g_assert_cmpmem (g_bytes_get_data (plain, NULL), g_bytes_get_size (plain), expected,
                   strlen (expected));
}

/* The second message arrives first, the first one last. */
static void
test_pairwise (gconstpointer user_data)
{
  static const guint order[MESSAGES] = { 1, 2, 3, 0 };
  const char *section = user_data;
  g_autoptr (WhimSignalCache) cache = cache_new ();
  g_autoptr (GBytes) identity = get_bytes (section, "peer-identity");
  g_autoptr (GBytes) answer = NULL;
  g_autoptr (GError) error = NULL;
  WhimSignalType type;

  for (guint i = 0; i < MESSAGES; i++)
    {
      g_autoptr (GBytes) cipher = get_cipher (section, order[i]);
      g_autoptr (GBytes) plain = whim_signal_decrypt (
          context, cache, "peer", 5, WHIM_SIGNAL_TYPE_PKMSG, g_bytes_get_data (cipher, NULL),
          g_bytes_get_size (cipher), NULL, &error);

      g_assert_no_error (error);
      assert_text (plain, order[i], section);
    }
  g_assert_true (
      g_bytes_equal (identity, whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_IDENTITY, "peer.5")));
  g_assert_cmpuint (whim_signal_get_remote_registration_id (context, cache, "peer", 5), ==, 4242);
  answer = whim_signal_encrypt (context, cache, "peer", 5, "x", 1, &type, &error);
  g_assert_no_error (error);
  g_assert_cmpint (type, ==, WHIM_SIGNAL_TYPE_MSG);
}

static void
test_group (void)
{
  const char *group = "120363000000000001@g.us";
  g_autoptr (WhimSignalCache) cache = cache_new ();
  g_autoptr (GBytes) distribution = get_bytes ("group", "distribution");
  g_autoptr (GError) error = NULL;

  g_assert_true (whim_signal_group_process (context, cache, group, "peer", 5,
                                            g_bytes_get_data (distribution, NULL),
                                            g_bytes_get_size (distribution), &error));
  for (guint i = MESSAGES; i-- > 0;)
    {
      g_autoptr (GBytes) cipher = get_cipher ("group", i);
      g_autoptr (GBytes) plain = whim_signal_group_decrypt (context, cache, group, "peer", 5,
                                                            g_bytes_get_data (cipher, NULL),
                                                            g_bytes_get_size (cipher), &error);

      g_assert_no_error (error);
      assert_text (plain, i, "group");
    }
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  gint result;

  g_test_init (&argc, &argv, NULL);
  path = g_build_filename (g_getenv ("WHIM_SOURCE_DIR"), "tests", "data", "signal",
                           "peer-vectors.ini", NULL);
  vectors = g_key_file_new ();
  g_key_file_load_from_file (vectors, path, G_KEY_FILE_NONE, &error);
  g_assert_no_error (error);
  context = whim_signal_context_new ();
  g_test_add_data_func ("/signal/peer/with-prekey", "with-prekey", test_pairwise);
  g_test_add_data_func ("/signal/peer/without-prekey", "without-prekey", test_pairwise);
  g_test_add_func ("/signal/peer/group", test_group);
  result = g_test_run ();
  whim_signal_context_free (context);
  g_key_file_unref (vectors);
  return result;
}
