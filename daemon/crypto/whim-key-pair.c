/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "crypto/whim-crypto.h"
#include "crypto/whim-curve-donna.h"
#include "crypto/whim-signal-provider.h"

#include <curve.h>
#include <sodium.h>
#include <string.h>

#define DJB_TYPE 0x05u

struct _WhimKeyPair
{
  gint ref_count;
  gsize public_known; /* for g_once_init_enter */
  WhimSecret *private_key;
  guint8 public_key[WHIM_KEY_SIZE];
};

/* X25519 clamps by itself, XEdDSA does not: a scalar that is not clamped would sign for another
 * public key than it agrees with. */
static WhimSecret *
clamp (WhimSecret *private_key)
{
  WhimSecret *clamped = whim_secret_new_from (whim_secret_get (private_key), WHIM_KEY_SIZE);
  guint8 *bytes = whim_secret_get_writable (clamped);

  bytes[0] &= 248;
  bytes[31] &= 127;
  bytes[31] |= 64;
  return clamped;
}

WhimKeyPair *
whim_key_pair_new_from_private (WhimSecret *private_key)
{
  WhimKeyPair *self;

  if (whim_secret_get_size (private_key) != WHIM_KEY_SIZE)
    return NULL;
  self = g_new0 (WhimKeyPair, 1);
  self->ref_count = 1;
  self->private_key = clamp (private_key);
  return self;
}

WhimKeyPair *
whim_key_pair_new (void)
{
  g_autoptr (WhimSecret) secret = whim_secret_new_random (WHIM_KEY_SIZE);

  return whim_key_pair_new_from_private (secret);
}

WhimKeyPair *
whim_key_pair_ref (WhimKeyPair *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
whim_key_pair_unref (WhimKeyPair *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  whim_secret_unref (self->private_key);
  g_free (self);
}

/* Many pairs are read from the store, a thousand channels have three thousand at start, and the
 * public key of few is ever asked for. */
const guint8 *
whim_key_pair_get_public (const WhimKeyPair *self)
{
  WhimKeyPair *pair = (WhimKeyPair *)self;

  if (g_once_init_enter (&pair->public_known))
    {
      crypto_scalarmult_base (pair->public_key, whim_secret_get (pair->private_key));
      g_once_init_leave (&pair->public_known, 1);
    }
  return pair->public_key;
}

WhimSecret *
whim_key_pair_get_private (const WhimKeyPair *self)
{
  return self->private_key;
}

WhimSecret *
whim_x25519 (const WhimKeyPair *own, const guint8 their_public[WHIM_KEY_SIZE], GError **error)
{
  g_autoptr (WhimSecret) shared = whim_secret_new (WHIM_KEY_SIZE);

  if (crypto_scalarmult (whim_secret_get_writable (shared), whim_secret_get (own->private_key),
                         their_public)
      != 0)
    {
      g_set_error_literal (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_INVALID,
                           "the public key is of low order");
      return NULL;
    }
  return g_steal_pointer (&shared);
}

/* ---- XEdDSA, through libsignal --------------------------------------------------------------- */

/* A signal_context belongs to one thread: each thread that signs gets its own. */
static signal_context *
get_thread_context (void)
{
  static GPrivate context_key = G_PRIVATE_INIT ((GDestroyNotify)signal_context_destroy);
  signal_context *context = g_private_get (&context_key);

  if (context == NULL)
    {
      g_assert (signal_context_create (&context, NULL) == 0);
      g_assert (whim_signal_provider_setup (context) == 0);
      g_private_set (&context_key, context);
    }
  return context;
}

void
whim_xeddsa_sign (const WhimKeyPair *key,
                  gconstpointer message,
                  gsize len,
                  guint8 signature[WHIM_SIGNATURE_SIZE])
{
  signal_context *context = get_thread_context ();
  ec_private_key *private_key = NULL;
  signal_buffer *result = NULL;

  g_assert (curve_decode_private_point (&private_key, whim_secret_get (key->private_key),
                                        WHIM_KEY_SIZE, context)
            == 0);
  g_assert (curve_calculate_signature (context, &result, private_key, message, len) == 0);
  g_assert (signal_buffer_len (result) == WHIM_SIGNATURE_SIZE);
  whim_copy (signature, signal_buffer_data (result), WHIM_SIGNATURE_SIZE);
  signal_buffer_free (result);
  SIGNAL_UNREF (private_key);
}

gboolean
whim_xeddsa_verify (const guint8 public_key[WHIM_KEY_SIZE],
                    gconstpointer message,
                    gsize len,
                    const guint8 signature[WHIM_SIGNATURE_SIZE])
{
  signal_context *context = get_thread_context ();
  guint8 typed[WHIM_KEY_SIZE + 1] = { DJB_TYPE };
  ec_public_key *key = NULL;
  gboolean valid;

  whim_copy (typed + 1, public_key, WHIM_KEY_SIZE);
  if (curve_decode_point (&key, typed, sizeof typed, context) != 0)
    return FALSE;
  valid = curve_verify_signature (key, message, len, signature, WHIM_SIGNATURE_SIZE) == 1;
  SIGNAL_UNREF (key);
  return valid;
}

/* RFC 7748, 6.1 */
gboolean
whim_crypto_self_test (GError **error)
{
  static const guint8 alice_private[WHIM_KEY_SIZE]
      = { 0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
          0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
          0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a };
  static const guint8 alice_public[WHIM_KEY_SIZE]
      = { 0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
          0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
          0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a };
  g_autoptr (WhimSecret) secret = whim_secret_new_from (alice_private, WHIM_KEY_SIZE);
  g_autoptr (WhimKeyPair) pair = NULL;

  if (sodium_init () < 0)
    {
      g_set_error_literal (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_INVALID,
                           "libsodium does not start");
      return FALSE;
    }
  pair = whim_key_pair_new_from_private (secret);
  if (memcmp (whim_key_pair_get_public (pair), alice_public, WHIM_KEY_SIZE) != 0)
    {
      g_set_error_literal (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_INVALID,
                           "X25519 gives a wrong answer");
      return FALSE;
    }
#if WHIM_FAST_CURVE
  {
    unsigned before = whim_curve_donna_get_calls ();
    ec_key_pair *generated = NULL;

    if (curve_generate_key_pair (get_thread_context (), &generated) != 0
        || whim_curve_donna_get_calls () == before)
      {
        SIGNAL_UNREF (generated);
        g_set_error_literal (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_INVALID,
                             "the fast curve does not sit below libsignal");
        return FALSE;
      }
    SIGNAL_UNREF (generated);
  }
#endif
  return TRUE;
}
