/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "noise/whim-noise.h"
#include "tests/noise/vector-noise.h"
#include "tests/support/whim-test.h"

#include <string.h>

#define VECTOR_TIME 1750000000
#define FRAME_HEADER 6u /* hex digits of a frame's length */

static WhimKeyPair *
pair_from_hex (const char *hex)
{
  g_autoptr (GBytes) bytes = whim_test_hex (hex);
  g_autoptr (WhimSecret) secret = whim_secret_new_from (g_bytes_get_data (bytes, NULL), 32);

  return whim_key_pair_new_from_private (secret);
}

static void
test_vector (void)
{
  g_autoptr (WhimKeyPair) static_key = pair_from_hex (VECTOR_CS_PRIV);
  g_autoptr (WhimKeyPair) ephemeral = pair_from_hex (VECTOR_CE_PRIV);
  g_autoptr (GBytes) root = whim_test_hex (VECTOR_ROOT_PUB);
  g_autoptr (WhimNoiseHandshake) handshake
      = whim_noise_handshake_new (static_key, g_bytes_get_data (root, NULL), ephemeral);
  g_autoptr (GBytes) hello = whim_noise_handshake_start (handshake);
  g_autoptr (GBytes) server_hello = whim_test_hex (VECTOR_SERVER_HELLO);
  g_autoptr (GBytes) payload = whim_test_hex (VECTOR_CLIENT_PAYLOAD);
  g_autoptr (GBytes) ping = whim_test_hex ("00f8091908ff8726437b53152a7f11fa000304291657");
  g_autoptr (GBytes) from_server = whim_test_hex (&VECTOR_FRAME_S[FRAME_HEADER]);
  g_autoptr (WhimNoiseCipher) send = NULL;
  g_autoptr (WhimNoiseCipher) receive = NULL;
  g_autoptr (GBytes) finish = NULL;
  g_autoptr (GBytes) frame = NULL;
  g_autoptr (GBytes) pong = NULL;
  g_autoptr (GError) error = NULL;

  /* intro (4 bytes) and length (3) stand before the hello */
  whim_test_assert_bytes_hex (hello, &VECTOR_WIRE_1[14]);
  finish = whim_noise_handshake_finish (handshake, server_hello, payload, VECTOR_TIME, &send,
                                        &receive, &error);
  g_assert_no_error (error);
  whim_test_assert_bytes_hex (finish, &VECTOR_WIRE_2[FRAME_HEADER]);
  frame = whim_noise_cipher_seal (send, ping);
  whim_test_assert_bytes_hex (frame, &VECTOR_FRAME_0[FRAME_HEADER]);
  g_clear_pointer (&frame, g_bytes_unref);
  frame = whim_noise_cipher_seal (send, ping);
  whim_test_assert_bytes_hex (frame, &VECTOR_FRAME_1[FRAME_HEADER]);
  pong = whim_noise_cipher_open (receive, from_server, &error);
  g_assert_no_error (error);
  whim_test_assert_bytes_hex (pong, "00f8071906fa000308ff8726437b53152a7f0414");
}

/* A whole conversation with our own responder; @flaw and @now decide how it ends. */
static void
converse (WhimNoiseFlaw flaw, gint64 now, gint expected)
{
  g_autoptr (WhimNoiseIdentity) identity = whim_noise_identity_new (1000, 2000, flaw);
  g_autoptr (WhimNoiseResponder) responder = whim_noise_responder_new (identity);
  g_autoptr (WhimKeyPair) static_key = whim_key_pair_new ();
  g_autoptr (WhimNoiseHandshake) handshake
      = whim_noise_handshake_new (static_key, whim_noise_identity_get_root_public (identity), NULL);
  g_autoptr (GBytes) hello = whim_noise_handshake_start (handshake);
  g_autoptr (GBytes) payload = g_bytes_new_static ("payload", 7);
  g_autoptr (WhimNoiseCipher) send = NULL;
  g_autoptr (WhimNoiseCipher) receive = NULL;
  g_autoptr (WhimNoiseCipher) server_send = NULL;
  g_autoptr (WhimNoiseCipher) server_receive = NULL;
  g_autoptr (GBytes) answer = NULL;
  g_autoptr (GBytes) finish = NULL;
  g_autoptr (GBytes) got_payload = NULL;
  g_autoptr (GBytes) sealed = NULL;
  g_autoptr (GBytes) opened = NULL;
  g_autoptr (GError) error = NULL;
  guint8 client_static[WHIM_KEY_SIZE];

  answer = whim_noise_responder_hello (responder, hello, &error);
  g_assert_no_error (error);
  finish = whim_noise_handshake_finish (handshake, answer, payload, now, &send, &receive, &error);
  if (expected >= 0)
    {
      g_assert_null (finish);
      g_assert_error (error, WHIM_NOISE_ERROR, expected);
      return;
    }
  g_assert_no_error (error);
  g_assert_true (whim_noise_responder_finish (responder, finish, &got_payload, client_static,
                                              &server_send, &server_receive, &error));
  g_assert_true (g_bytes_equal (payload, got_payload));
  g_assert_cmpmem (client_static, 32, whim_key_pair_get_public (static_key), 32);
  sealed = whim_noise_cipher_seal (server_send, payload);
  opened = whim_noise_cipher_open (receive, sealed, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (opened, payload));
  g_assert_null (whim_noise_cipher_open (receive, sealed, &error));
  g_assert_error (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_DECRYPT);
}

static void
test_flaws (void)
{
  converse (WHIM_NOISE_FLAW_NONE, 1500, -1);
  converse (WHIM_NOISE_FLAW_NONE, 999, WHIM_NOISE_ERROR_CLOCK);
  converse (WHIM_NOISE_FLAW_NONE, 2001, WHIM_NOISE_ERROR_CLOCK);
  converse (WHIM_NOISE_FLAW_WRONG_ROOT, 1500, WHIM_NOISE_ERROR_CERTIFICATE);
  converse (WHIM_NOISE_FLAW_WRONG_LEAF_KEY, 1500, WHIM_NOISE_ERROR_CERTIFICATE);
  converse (WHIM_NOISE_FLAW_WRONG_ISSUER, 1500, WHIM_NOISE_ERROR_CERTIFICATE);
  converse (WHIM_NOISE_FLAW_EXPIRED_INTERMEDIATE, 1500, WHIM_NOISE_ERROR_CLOCK);
}

/* Every cut and every flipped byte of the server's hello is refused. */
static void
test_tampered (void)
{
  g_autoptr (GBytes) server_hello = whim_test_hex (VECTOR_SERVER_HELLO);
  g_autoptr (WhimKeyPair) static_key = pair_from_hex (VECTOR_CS_PRIV);
  g_autoptr (WhimKeyPair) ephemeral = pair_from_hex (VECTOR_CE_PRIV);
  g_autoptr (GBytes) root = whim_test_hex (VECTOR_ROOT_PUB);
  g_autoptr (GBytes) payload = g_bytes_new_static ("x", 1);
  gsize len = g_bytes_get_size (server_hello);

  for (gsize i = 0; i < len * 2; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (server_hello, NULL), len);
      g_autoptr (GBytes) wrong = NULL;
      g_autoptr (WhimNoiseHandshake) handshake
          = whim_noise_handshake_new (static_key, g_bytes_get_data (root, NULL), ephemeral);
      g_autoptr (GError) error = NULL;
      WhimNoiseCipher *send = NULL;
      WhimNoiseCipher *receive = NULL;

      if (i < len)
        copy[i] ^= 0x40;
      wrong = g_bytes_new (copy, i < len ? len : i - len);
      g_assert_null (whim_noise_handshake_finish (handshake, wrong, payload, VECTOR_TIME, &send,
                                                  &receive, &error));
      g_assert_nonnull (error);
      g_assert_null (send);
    }
}

static void
test_responder_refuses (void)
{
  g_autoptr (WhimNoiseIdentity) identity
      = whim_noise_identity_new (0, G_MAXINT32, WHIM_NOISE_FLAW_NONE);
  g_autoptr (WhimNoiseResponder) responder = whim_noise_responder_new (identity);
  g_autoptr (GBytes) garbage = g_bytes_new_static ("\xff\xff\xff", 3);
  g_autoptr (GError) error = NULL;

  g_assert_null (whim_noise_responder_hello (responder, garbage, &error));
  g_assert_error (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_MALFORMED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/noise/vector", test_vector);
  g_test_add_func ("/noise/flaws", test_flaws);
  g_test_add_func ("/noise/tampered", test_tampered);
  g_test_add_func ("/noise/responder-refuses", test_responder_refuses);
  return g_test_run ();
}
