/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "noise/whim-noise-private.h"

/* Noise XX, the client's side: dossier 1, 2.2; the numbers are its steps. */

struct _WhimNoiseHandshake
{
  NoiseState state;
  WhimKeyPair *static_key;
  WhimKeyPair *ephemeral;
  guint8 root_public[WHIM_KEY_SIZE];
};

WhimNoiseHandshake *
whim_noise_handshake_new (WhimKeyPair *static_key,
                          const guint8 *root_public,
                          WhimKeyPair *ephemeral)
{
  WhimNoiseHandshake *self = g_new0 (WhimNoiseHandshake, 1);

  self->static_key = whim_key_pair_ref (static_key);
  self->ephemeral = ephemeral == NULL ? whim_key_pair_new () : whim_key_pair_ref (ephemeral);
  for (guint i = 0; i < WHIM_KEY_SIZE; i++)
    self->root_public[i] = root_public[i];
  whim_noise_state_init (&self->state, NOISE_XX, NOISE_XX_SIZE);
  whim_noise_state_authenticate (&self->state, WHIM_NOISE_INTRO, WHIM_NOISE_INTRO_SIZE); /* 1 */
  whim_noise_state_authenticate (&self->state, whim_key_pair_get_public (self->ephemeral),
                                 WHIM_KEY_SIZE);
  return self;
}

void
whim_noise_handshake_free (WhimNoiseHandshake *self)
{
  whim_noise_state_clear (&self->state);
  whim_key_pair_unref (self->static_key);
  whim_key_pair_unref (self->ephemeral);
  g_free (self);
}

GBytes *
whim_noise_handshake_start (WhimNoiseHandshake *self)
{
  Wa__HandshakeMessage message = WA__HANDSHAKE_MESSAGE__INIT;
  Wa__ClientHello hello = WA__CLIENT_HELLO__INIT;

  hello.has_ephemeral = TRUE; /* 2 */
  hello.ephemeral = whim_proto_data (whim_key_pair_get_public (self->ephemeral), WHIM_KEY_SIZE);
  message.clienthello = &hello;
  return whim_proto_pack (&message);
}

/* Steps 3 to 7: what the server says, and whether it is who it should be. */
static GBytes *
handshake_read_hello (WhimNoiseHandshake *self,
                      const Wa__ServerHello *hello,
                      gint64 unix_now,
                      GError **error)
{
  g_autoptr (GBytes) server_static = NULL;
  g_autoptr (GBytes) chain = NULL;

  if (hello == NULL || !hello->has_ephemeral || hello->ephemeral.len != WHIM_KEY_SIZE
      || !hello->has_static_ || !hello->has_payload)
    {
      g_set_error_literal (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_MALFORMED,
                           "the server's hello lacks a part");
      return NULL;
    }
  whim_noise_state_authenticate (&self->state, hello->ephemeral.data, WHIM_KEY_SIZE); /* 4 */
  if (!whim_noise_state_mix (&self->state, self->ephemeral, hello->ephemeral.data, error))
    return NULL;
  server_static = whim_noise_state_decrypt (&self->state, &hello->static_, error); /* 5 */
  if (server_static == NULL)
    return NULL;
  if (g_bytes_get_size (server_static) != WHIM_KEY_SIZE)
    {
      g_set_error_literal (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_MALFORMED,
                           "the server's key has a wrong size");
      return NULL;
    }
  if (!whim_noise_state_mix (&self->state, self->ephemeral, g_bytes_get_data (server_static, NULL),
                             error)) /* 6 */
    return NULL;
  chain = whim_noise_state_decrypt (&self->state, &hello->payload, error); /* 7 */
  if (chain == NULL
      || !whim_noise_chain_verify (chain, self->root_public, g_bytes_get_data (server_static, NULL),
                                   unix_now, error))
    return NULL;
  return g_bytes_new (hello->ephemeral.data, WHIM_KEY_SIZE);
}

GBytes *
whim_noise_handshake_finish (WhimNoiseHandshake *self,
                             GBytes *server_hello,
                             GBytes *payload,
                             gint64 unix_now,
                             WhimNoiseCipher **send,
                             WhimNoiseCipher **receive,
                             GError **error)
{
  g_autoptr (Wa__HandshakeMessage) answer
      = whim_proto_unpack_bytes (&wa__handshake_message__descriptor, server_hello, NULL);
  g_autoptr (GBytes) server_ephemeral = NULL;
  g_autoptr (GBytes) sealed_static = NULL;
  g_autoptr (GBytes) sealed_payload = NULL;
  Wa__HandshakeMessage message = WA__HANDSHAKE_MESSAGE__INIT;
  Wa__ClientFinish finish = WA__CLIENT_FINISH__INIT;
  gsize len;
  gconstpointer data = g_bytes_get_data (payload, &len);

  if (answer == NULL)
    {
      g_set_error_literal (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_MALFORMED,
                           "the server's hello cannot be parsed");
      return NULL;
    }
  server_ephemeral = handshake_read_hello (self, answer->serverhello, unix_now, error);
  if (server_ephemeral == NULL)
    return NULL;
  sealed_static = whim_noise_state_encrypt (
      &self->state, whim_key_pair_get_public (self->static_key), WHIM_KEY_SIZE); /* 8 */
  if (!whim_noise_state_mix (&self->state, self->static_key,
                             g_bytes_get_data (server_ephemeral, NULL), error)) /* 9 */
    return NULL;
  sealed_payload = whim_noise_state_encrypt (&self->state, data, len); /* 10 */
  finish.has_static_ = TRUE;                                           /* 11 */
  finish.static_ = whim_proto_data_bytes (sealed_static);
  finish.has_payload = TRUE;
  finish.payload = whim_proto_data_bytes (sealed_payload);
  message.clientfinish = &finish;
  whim_noise_state_split (&self->state, send, receive); /* 12 */
  return whim_proto_pack (&message);
}
