/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-util.h"
#include "signal/whim-signal.h"
#include "wire/whim-node.h"

#include <stdio.h>
#include <time.h>

/* What this machine's crypto costs, so that the daemon's figures can be read beside it. CPU time of
 * this thread. */

static gdouble
cpu_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (gdouble)now.tv_sec * 1e6 + (gdouble)now.tv_nsec / 1e3;
}

static void
report (const char *what, gdouble began, guint n)
{
  printf ("{\"figure\":\"%s\",\"us\":%.3f}\n", what, (cpu_us () - began) / n);
}

static void
know (WhimSignalCache *cache, const char *key)
{
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_SESSION, key, NULL);
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_IDENTITY, key, NULL);
}

static void
make_bundle (WhimSignalContext *context,
             WhimKeyPair *identity,
             WhimSignalCache *cache,
             WhimSignalBundle *bundle)
{
  g_autoptr (WhimKeyPair) pair = whim_key_pair_new ();
  g_autoptr (WhimSignalPrekey) signed_prekey = NULL;
  guint8 point[33] = { 5 };

  whim_copy (point + 1, whim_key_pair_get_public (pair), 32);
  bundle->registration_id = 1;
  whim_copy (bundle->identity, whim_key_pair_get_public (identity), 32);
  bundle->signed_prekey_id = 1;
  whim_copy (bundle->signed_prekey, whim_key_pair_get_public (pair), 32);
  whim_xeddsa_sign (identity, point, sizeof point, bundle->signed_prekey_signature);
  signed_prekey
      = whim_signal_make_signed_prekey (context, pair, 1, 0, bundle->signed_prekey_signature);
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, "1", signed_prekey->record);
}

static void
bench_signal (void)
{
  g_autoptr (WhimSignalContext) context = whim_signal_context_new ();
  g_autoptr (WhimKeyPair) alice = whim_key_pair_new ();
  g_autoptr (WhimKeyPair) bob = whim_key_pair_new ();
  g_autoptr (WhimSignalCache) alice_cache = whim_signal_cache_new (alice, 1);
  g_autoptr (WhimSignalCache) bob_cache = whim_signal_cache_new (bob, 2);
  WhimSignalBundle bundle = { 0 };
  guint8 plain[256] = { 1 };
  WhimSignalType type;
  gdouble began;

  make_bundle (context, bob, bob_cache, &bundle);
  know (bob_cache, "alice.0");
  began = cpu_us ();
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *key = g_strdup_printf ("bob.%u", i);

      know (alice_cache, key);
      g_assert_true (
          whim_signal_process_bundle (context, alice_cache, "bob", i, &bundle, NULL, NULL));
    }
  report ("new session from a bundle", began, 200);
  {
    g_autoptr (GBytes) first
        = whim_signal_encrypt (context, alice_cache, "bob", 0, plain, 256, &type, NULL);
    g_autoptr (GBytes) opened
        = whim_signal_decrypt (context, bob_cache, "alice", 0, type, g_bytes_get_data (first, NULL),
                               g_bytes_get_size (first), NULL, NULL);
    g_autoptr (GBytes) answer
        = whim_signal_encrypt (context, bob_cache, "alice", 0, plain, 256, &type, NULL);
    g_autoptr (GBytes) back = whim_signal_decrypt (context, alice_cache, "bob", 0, type,
                                                   g_bytes_get_data (answer, NULL),
                                                   g_bytes_get_size (answer), NULL, NULL);

    g_assert_nonnull (opened);
    g_assert_nonnull (back);
  }
  began = cpu_us ();
  for (guint i = 0; i < 2000; i++)
    g_bytes_unref (whim_signal_encrypt (context, alice_cache, "bob", 0, plain, 256, &type, NULL));
  report ("one encryption, 256 bytes, warm", began, 2000);
}

static GBytes *
seal (WhimSignalContext *context, WhimSignalCache *cache, const char *to, WhimSignalType *type)
{
  static const guint8 plain[256] = { 1 };

  return whim_signal_encrypt (context, cache, to, 0, plain, sizeof plain, type, NULL);
}

static void
open_all (WhimSignalContext *context,
          WhimSignalCache *cache,
          const char *from,
          WhimSignalType type,
          GPtrArray *ciphers)
{
  for (guint i = 0; i < ciphers->len; i++)
    {
      GBytes *cipher = g_ptr_array_index (ciphers, i);
      g_autoptr (GBytes) plain
          = whim_signal_decrypt (context, cache, from, 0, type, g_bytes_get_data (cipher, NULL),
                                 g_bytes_get_size (cipher), NULL, NULL);

      g_assert_nonnull (plain);
    }
}

static void
bench_receiving (void)
{
  g_autoptr (WhimSignalContext) context = whim_signal_context_new ();
  g_autoptr (WhimKeyPair) bob = whim_key_pair_new ();
  g_autoptr (WhimSignalCache) bob_cache = whim_signal_cache_new (bob, 2);
  g_autoptr (WhimSignalCache) alice_cache = NULL;
  g_autoptr (GPtrArray) ciphers = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  WhimSignalBundle bundle = { 0 };
  WhimSignalType type;
  gdouble spent = 0;
  gdouble began;

  make_bundle (context, bob, bob_cache, &bundle);
  know (bob_cache, "alice.0");
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (WhimKeyPair) alice = whim_key_pair_new ();

      g_clear_pointer (&alice_cache, whim_signal_cache_free);
      alice_cache = whim_signal_cache_new (alice, 1);
      know (alice_cache, "bob.0");
      whim_signal_process_bundle (context, alice_cache, "bob", 0, &bundle, NULL, NULL);
      g_ptr_array_set_size (ciphers, 0);
      g_ptr_array_add (ciphers, seal (context, alice_cache, "bob", &type));
      whim_signal_cache_put (bob_cache, WHIM_SIGNAL_KIND_SESSION, "alice.0", NULL);
      began = cpu_us ();
      open_all (context, bob_cache, "alice", type, ciphers);
      spent += cpu_us () - began;
    }
  report ("first contact, received", cpu_us () - spent, 200);
  began = cpu_us ();
  for (guint i = 0; i < 1000; i++)
    {
      g_autoptr (GPtrArray) one = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);

      g_ptr_array_add (
          one, seal (context, i % 2 ? alice_cache : bob_cache, i % 2 ? "bob" : "alice", &type));
      open_all (context, i % 2 ? bob_cache : alice_cache, i % 2 ? "alice" : "bob", type, one);
    }
  report ("one turn, encryption and decryption", began, 1000);
  g_ptr_array_set_size (ciphers, 0);
  for (guint i = 0; i < 1000; i++)
    g_ptr_array_add (ciphers, seal (context, alice_cache, "bob", &type));
  began = cpu_us ();
  open_all (context, bob_cache, "alice", type, ciphers);
  report ("one decryption, 256 bytes, warm", began, 1000);
}

static void
bench_node (void)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("message");
  WhimNodeBuilder *enc = whim_node_builder_new ("enc");
  g_autoptr (WhimJid) from = whim_jid_new (WHIM_JID_SERVER_LID, "100000000000001", 12);
  g_autoptr (WhimNode) node = NULL;
  g_autoptr (GBytes) frame = NULL;
  guint8 body[719] = { 7 };
  gdouble began;

  whim_node_builder_attr (enc, "v", "2");
  whim_node_builder_attr (enc, "type", "msg");
  whim_node_builder_data (enc, body, sizeof body);
  whim_node_builder_attr (builder, "id", "3EB0C767D26A1B2C3D4E");
  whim_node_builder_attr_jid (builder, "from", from);
  whim_node_builder_attr (builder, "type", "text");
  whim_node_builder_attr_int (builder, "t", 1750000000);
  whim_node_builder_attr (builder, "notify", "Somebody");
  whim_node_builder_child (builder, whim_node_builder_end (enc));
  node = whim_node_builder_end (builder);
  frame = whim_node_encode (node);
  began = cpu_us ();
  for (guint i = 0; i < 200000; i++)
    g_bytes_unref (whim_node_encode (node));
  printf ("{\"condition\":\"node of %u bytes\"}\n", (guint)g_bytes_get_size (frame));
  report ("node encode", began, 200000);
  began = cpu_us ();
  for (guint i = 0; i < 200000; i++)
    whim_node_unref (whim_node_decode (frame, NULL));
  report ("node decode", began, 200000);
}

static void
bench_primitives (void)
{
  g_autoptr (WhimKeyPair) a = whim_key_pair_new ();
  g_autoptr (WhimKeyPair) b = whim_key_pair_new ();
  guint8 key[32] = { 1 };
  guint8 iv[12] = { 0 };
  guint8 plain[1024] = { 2 };
  guint8 sealed[1040];
  g_autoptr (WhimAead) aead = whim_aead_new (key);
  gdouble began = cpu_us ();

  for (guint i = 0; i < 2000; i++)
    whim_secret_unref (whim_x25519 (a, whim_key_pair_get_public (b), NULL));
  report ("X25519 agreement", began, 2000);
  began = cpu_us ();
  for (guint i = 0; i < 100000; i++)
    whim_aead_seal (aead, iv, NULL, 0, plain, sizeof plain, sealed);
  report ("AES-256-GCM, 1 KiB", began, 100000);
}

int
main (void)
{
  g_assert_true (whim_crypto_self_test (NULL));
  bench_primitives ();
  bench_signal ();
  bench_receiving ();
  bench_node ();
  return 0;
}
