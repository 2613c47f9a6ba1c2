/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "noise/whim-noise-private.h"

/* The server's side: dossier 1, 10.1. */

struct _WhimNoiseIdentity
{
  WhimKeyPair *static_key;
  guint8 root_public[WHIM_KEY_SIZE];
  GBytes *chain;
};

struct _WhimNoiseResponder
{
  NoiseState state;
  WhimNoiseIdentity *identity; /* borrowed */
  WhimKeyPair *ephemeral;
};

static GBytes *
make_details (guint32 serial,
              guint32 issuer,
              const guint8 *key,
              gint64 not_before,
              gint64 not_after)
{
  Wa__NoiseCertificateDetails details = WA__NOISE_CERTIFICATE_DETAILS__INIT;

  details.has_serial = TRUE;
  details.serial = serial;
  /* present even when 0: Baileys rejects an absent field (dossier 1, 10.1) */
  details.has_issuerserial = TRUE;
  details.issuerserial = issuer;
  details.has_key = TRUE;
  details.key = whim_proto_data (key, WHIM_KEY_SIZE);
  details.has_notbefore = TRUE;
  details.notbefore = (guint64)not_before;
  details.has_notafter = TRUE;
  details.notafter = (guint64)not_after;
  return whim_proto_pack (&details);
}

static GBytes *
make_chain (WhimKeyPair *root,
            WhimKeyPair *intermediate,
            GBytes *intermediate_details,
            GBytes *leaf_details)
{
  Wa__CertChain chain = WA__CERT_CHAIN__INIT;
  Wa__NoiseCertificate certs[2] = { WA__NOISE_CERTIFICATE__INIT, WA__NOISE_CERTIFICATE__INIT };
  guint8 signatures[2][WHIM_SIGNATURE_SIZE];
  GBytes *details[2] = { leaf_details, intermediate_details };
  WhimKeyPair *signers[2] = { intermediate, root };

  for (guint i = 0; i < 2; i++)
    {
      whim_xeddsa_sign (signers[i], g_bytes_get_data (details[i], NULL),
                        g_bytes_get_size (details[i]), signatures[i]);
      certs[i].has_details = TRUE;
      certs[i].details = whim_proto_data_bytes (details[i]);
      certs[i].has_signature = TRUE;
      certs[i].signature = whim_proto_data (signatures[i], WHIM_SIGNATURE_SIZE);
    }
  chain.leaf = &certs[0];
  chain.intermediate = &certs[1];
  return whim_proto_pack (&chain);
}

static WhimNoiseIdentity *
identity_new (WhimKeyPair *root,
              WhimKeyPair *intermediate,
              WhimKeyPair *static_key,
              gint64 not_before,
              gint64 not_after,
              WhimNoiseFlaw flaw)
{
  WhimNoiseIdentity *self = g_new0 (WhimNoiseIdentity, 1);
  g_autoptr (WhimKeyPair) stranger = whim_key_pair_new ();
  g_autoptr (GBytes) intermediate_details
      = make_details (1, 0, whim_key_pair_get_public (intermediate), not_before,
                      flaw == WHIM_NOISE_FLAW_EXPIRED_INTERMEDIATE ? not_before : not_after);
  g_autoptr (GBytes) leaf_details = make_details (
      2, flaw == WHIM_NOISE_FLAW_WRONG_ISSUER ? 7 : 1,
      whim_key_pair_get_public (flaw == WHIM_NOISE_FLAW_WRONG_LEAF_KEY ? stranger : static_key),
      not_before, not_after);

  self->static_key = whim_key_pair_ref (static_key);
  for (guint i = 0; i < WHIM_KEY_SIZE; i++)
    self->root_public[i] = whim_key_pair_get_public (root)[i];
  self->chain = make_chain (flaw == WHIM_NOISE_FLAW_WRONG_ROOT ? stranger : root, intermediate,
                            intermediate_details, leaf_details);
  return self;
}

WhimNoiseIdentity *
whim_noise_identity_new (gint64 not_before, gint64 not_after, WhimNoiseFlaw flaw)
{
  g_autoptr (WhimKeyPair) root = whim_key_pair_new ();
  g_autoptr (WhimKeyPair) intermediate = whim_key_pair_new ();
  g_autoptr (WhimKeyPair) static_key = whim_key_pair_new ();

  return identity_new (root, intermediate, static_key, not_before, not_after, flaw);
}

WhimNoiseIdentity *
whim_noise_identity_new_from_keys (WhimKeyPair *root,
                                   WhimKeyPair *intermediate,
                                   WhimKeyPair *static_key,
                                   gint64 not_before,
                                   gint64 not_after)
{
  return identity_new (root, intermediate, static_key, not_before, not_after, WHIM_NOISE_FLAW_NONE);
}

void
whim_noise_identity_free (WhimNoiseIdentity *self)
{
  whim_key_pair_unref (self->static_key);
  g_bytes_unref (self->chain);
  g_free (self);
}

const guint8 *
whim_noise_identity_get_root_public (const WhimNoiseIdentity *self)
{
  return self->root_public;
}

WhimNoiseResponder *
whim_noise_responder_new (WhimNoiseIdentity *identity)
{
  WhimNoiseResponder *self = g_new0 (WhimNoiseResponder, 1);

  self->identity = identity;
  self->ephemeral = whim_key_pair_new ();
  return self;
}

void
whim_noise_responder_free (WhimNoiseResponder *self)
{
  whim_noise_state_clear (&self->state);
  whim_key_pair_unref (self->ephemeral);
  g_free (self);
}

static gboolean
malformed (GError **error)
{
  g_set_error_literal (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_MALFORMED,
                       "a message of the client cannot be parsed");
  return FALSE;
}

GBytes *
whim_noise_responder_hello (WhimNoiseResponder *self, GBytes *client_hello, GError **error)
{
  g_autoptr (Wa__HandshakeMessage) hello
      = whim_proto_unpack_bytes (&wa__handshake_message__descriptor, client_hello, NULL);
  g_autoptr (GBytes) sealed_static = NULL;
  g_autoptr (GBytes) sealed_chain = NULL;
  Wa__HandshakeMessage message = WA__HANDSHAKE_MESSAGE__INIT;
  Wa__ServerHello answer = WA__SERVER_HELLO__INIT;
  const ProtobufCBinaryData *theirs;

  if (hello == NULL || hello->clienthello == NULL || !hello->clienthello->has_ephemeral
      || hello->clienthello->ephemeral.len != WHIM_KEY_SIZE || self->state.aead != NULL)
    {
      malformed (error);
      return NULL;
    }
  theirs = &hello->clienthello->ephemeral;
  /* An IK hello carries static and payload: answering with a static key of ours refuses the resume
   * and falls back to XX (dossier 1, 2.5). */
  if (hello->clienthello->has_static_)
    whim_noise_state_init (&self->state, NOISE_XXFALLBACK, NOISE_XXFALLBACK_SIZE);
  else
    whim_noise_state_init (&self->state, NOISE_XX, NOISE_XX_SIZE);
  whim_noise_state_authenticate (&self->state, WHIM_NOISE_INTRO, WHIM_NOISE_INTRO_SIZE);
  whim_noise_state_authenticate (&self->state, theirs->data, theirs->len);
  whim_noise_state_authenticate (&self->state, whim_key_pair_get_public (self->ephemeral),
                                 WHIM_KEY_SIZE);
  if (!whim_noise_state_mix (&self->state, self->ephemeral, theirs->data, error))
    return NULL;
  sealed_static = whim_noise_state_encrypt (
      &self->state, whim_key_pair_get_public (self->identity->static_key), WHIM_KEY_SIZE);
  if (!whim_noise_state_mix (&self->state, self->identity->static_key, theirs->data, error))
    return NULL;
  sealed_chain
      = whim_noise_state_encrypt (&self->state, g_bytes_get_data (self->identity->chain, NULL),
                                  g_bytes_get_size (self->identity->chain));
  answer.has_ephemeral = TRUE;
  answer.ephemeral = whim_proto_data (whim_key_pair_get_public (self->ephemeral), WHIM_KEY_SIZE);
  answer.has_static_ = TRUE;
  answer.static_ = whim_proto_data_bytes (sealed_static);
  answer.has_payload = TRUE;
  answer.payload = whim_proto_data_bytes (sealed_chain);
  message.serverhello = &answer;
  return whim_proto_pack (&message);
}

gboolean
whim_noise_responder_finish (WhimNoiseResponder *self,
                             GBytes *client_finish,
                             GBytes **payload,
                             guint8 client_static[WHIM_KEY_SIZE],
                             WhimNoiseCipher **send,
                             WhimNoiseCipher **receive,
                             GError **error)
{
  g_autoptr (Wa__HandshakeMessage) finish
      = whim_proto_unpack_bytes (&wa__handshake_message__descriptor, client_finish, NULL);
  g_autoptr (GBytes) theirs = NULL;

  if (self->state.aead == NULL || finish == NULL || finish->clientfinish == NULL
      || !finish->clientfinish->has_static_ || !finish->clientfinish->has_payload)
    return malformed (error);
  theirs = whim_noise_state_decrypt (&self->state, &finish->clientfinish->static_, error);
  if (theirs == NULL)
    return FALSE;
  if (g_bytes_get_size (theirs) != WHIM_KEY_SIZE)
    return malformed (error);
  if (!whim_noise_state_mix (&self->state, self->ephemeral, g_bytes_get_data (theirs, NULL), error))
    return FALSE;
  *payload = whim_noise_state_decrypt (&self->state, &finish->clientfinish->payload, error);
  if (*payload == NULL)
    return FALSE;
  for (guint i = 0; i < WHIM_KEY_SIZE; i++)
    client_static[i] = ((const guint8 *)g_bytes_get_data (theirs, NULL))[i];
  whim_noise_state_split (&self->state, receive, send);
  return TRUE;
}
