/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "noise/whim-noise.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* A hostile server's hello, and a hostile client's hello and finish. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static WhimKeyPair *static_key;
  static WhimNoiseIdentity *identity;
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GBytes) payload = g_bytes_new_static ("p", 1);
  g_autoptr (WhimNoiseHandshake) handshake = NULL;
  g_autoptr (WhimNoiseResponder) responder = NULL;
  g_autoptr (GBytes) finish = NULL;
  g_autoptr (GBytes) answer = NULL;
  g_autoptr (GBytes) got = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) server_error = NULL;
  WhimNoiseCipher *send = NULL;
  WhimNoiseCipher *receive = NULL;
  guint8 client[WHIM_KEY_SIZE];

  if (static_key == NULL)
    {
      static_key = whim_key_pair_new ();
      identity = whim_noise_identity_new (0, G_MAXINT32, WHIM_NOISE_FLAW_NONE);
    }
  handshake
      = whim_noise_handshake_new (static_key, whim_noise_identity_get_root_public (identity), NULL);
  finish = whim_noise_handshake_finish (handshake, bytes, payload, 1000, &send, &receive, &error);
  g_assert_true ((finish == NULL) == (error != NULL));
  g_clear_pointer (&send, whim_noise_cipher_free);
  g_clear_pointer (&receive, whim_noise_cipher_free);
  responder = whim_noise_responder_new (identity);
  answer = whim_noise_responder_hello (responder, bytes, &server_error);
  g_assert_true ((answer == NULL) == (server_error != NULL));
  g_clear_error (&server_error);
  if (whim_noise_responder_finish (responder, bytes, &got, client, &send, &receive, &server_error))
    {
      whim_noise_cipher_free (send);
      whim_noise_cipher_free (receive);
    }
  else
    g_assert_nonnull (server_error);
  return 0;
}
