/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "signal/whim-signal.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* A stranger's ciphertext: an error, and the working set as it was. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static WhimSignalContext *context;
  static WhimKeyPair *identity;
  g_autoptr (WhimSignalCache) cache = NULL;
  g_autoptr (GPtrArray) dirty = NULL;
  guint32 prekey;
  guint32 signed_prekey;
  guint8 ratchet_key[WHIM_KEY_SIZE];
  guint32 counter;

  if (context == NULL)
    {
      context = whim_signal_context_new ();
      identity = whim_key_pair_new ();
    }
  cache = whim_signal_cache_new (identity, 1);
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_SESSION, "a.0", NULL);
  whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_IDENTITY, "a.0", NULL);
  for (guint type = 0; type < 2; type++)
    (void)whim_signal_peek_message_key (context, (WhimSignalType)type, data, size, ratchet_key,
                                        &counter);
  if (whim_signal_peek_prekey_ids (context, data, size, &prekey, &signed_prekey))
    {
      g_autofree char *id = g_strdup_printf ("%u", prekey);
      g_autofree char *signed_id = g_strdup_printf ("%u", signed_prekey);

      whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_PREKEY, id, NULL);
      whim_signal_cache_load (cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, signed_id, NULL);
      for (guint type = 0; type < 2; type++)
        {
          g_autoptr (GError) error = NULL;
          g_autoptr (GBytes) plain = whim_signal_decrypt (
              context, cache, "a", 0, (WhimSignalType)type, data, size, NULL, &error);

          g_assert_true ((plain == NULL) == (error != NULL));
        }
    }
  dirty = whim_signal_cache_take_dirty (cache);
  g_assert_cmpuint (dirty->len, ==, 0);
  return 0;
}
