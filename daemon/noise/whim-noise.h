/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "crypto/whim-crypto.h"

G_BEGIN_DECLS

#define WHIM_NOISE_ERROR (whim_noise_error_quark ())
GQuark whim_noise_error_quark (void);

typedef enum
{
  WHIM_NOISE_ERROR_MALFORMED,   /* a message that cannot be parsed */
  WHIM_NOISE_ERROR_DECRYPT,     /* wrong key or tampered bytes */
  WHIM_NOISE_ERROR_CERTIFICATE, /* the chain does not prove the server's key */
  WHIM_NOISE_ERROR_CLOCK,       /* the chain is right but not valid at our time */
} WhimNoiseError;

/** The four intro bytes "WA", 6, 3 (dossier 1, 1.2) */
#define WHIM_NOISE_INTRO "\x57\x41\x06\x03"
#define WHIM_NOISE_INTRO_SIZE 4u

/**
 * WhimNoiseCipher: one direction of the transport phase: key and counter. One owner at a time.
 */
typedef struct _WhimNoiseCipher WhimNoiseCipher;
void whim_noise_cipher_free (WhimNoiseCipher *self);
/** whim_noise_cipher_seal: (transfer full): ciphertext with tag; counts up */
GBytes *whim_noise_cipher_seal (WhimNoiseCipher *self, GBytes *plain);
/** whim_noise_cipher_open: (transfer full) (nullable) */
GBytes *whim_noise_cipher_open (WhimNoiseCipher *self, GBytes *cipher, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimNoiseCipher, whim_noise_cipher_free)

/**
 * WhimNoiseHandshake: Noise XX, the client's side (dossier 1, 2.2). Bytes in, bytes out.
 */
typedef struct _WhimNoiseHandshake WhimNoiseHandshake;

/**
 * whim_noise_handshake_new:
 * @static_key: the stored noise key
 * @root_public: 32 bytes of the root that signs the server's chain
 * @ephemeral: (nullable): for known-answer tests; %NULL makes a fresh one
 */
WhimNoiseHandshake *whim_noise_handshake_new (WhimKeyPair *static_key,
                                              const guint8 *root_public,
                                              WhimKeyPair *ephemeral);
void whim_noise_handshake_free (WhimNoiseHandshake *self);
/** whim_noise_handshake_start: (transfer full): payload of the ClientHello frame */
GBytes *whim_noise_handshake_start (WhimNoiseHandshake *self);
/**
 * whim_noise_handshake_finish:
 * @server_hello: payload of the server's first frame
 * @payload: serialised ClientPayload
 * @unix_now: for the certificates
 * @send: (out) (transfer full), @receive: (out) (transfer full): transport phase
 *
 * Returns: (transfer full) (nullable): payload of the ClientFinish frame
 */
GBytes *whim_noise_handshake_finish (WhimNoiseHandshake *self,
                                     GBytes *server_hello,
                                     GBytes *payload,
                                     gint64 unix_now,
                                     WhimNoiseCipher **send,
                                     WhimNoiseCipher **receive,
                                     GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimNoiseHandshake, whim_noise_handshake_free)

/**
 * WhimNoiseIdentity: what a server needs: root, intermediate and static key with their chain.
 * Used by the sandbox and by tests.
 */
typedef struct _WhimNoiseIdentity WhimNoiseIdentity;
typedef enum
{
  WHIM_NOISE_FLAW_NONE,
  WHIM_NOISE_FLAW_WRONG_ROOT,
  WHIM_NOISE_FLAW_WRONG_LEAF_KEY,
  WHIM_NOISE_FLAW_EXPIRED_INTERMEDIATE,
  WHIM_NOISE_FLAW_WRONG_ISSUER,
} WhimNoiseFlaw;
/** whim_noise_identity_new: makes the keys and signs the chain, with a flaw for tests */
WhimNoiseIdentity *
whim_noise_identity_new (gint64 not_before, gint64 not_after, WhimNoiseFlaw flaw);
/** whim_noise_identity_new_from_keys: given root, intermediate and static key (kept on disk) */
WhimNoiseIdentity *whim_noise_identity_new_from_keys (WhimKeyPair *root,
                                                      WhimKeyPair *intermediate,
                                                      WhimKeyPair *static_key,
                                                      gint64 not_before,
                                                      gint64 not_after);
void whim_noise_identity_free (WhimNoiseIdentity *self);
const guint8 *whim_noise_identity_get_root_public (const WhimNoiseIdentity *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimNoiseIdentity, whim_noise_identity_free)

/** WhimNoiseResponder: the server's side of XX; answers an IK hello with XXfallback (10.1 #6) */
typedef struct _WhimNoiseResponder WhimNoiseResponder;
WhimNoiseResponder *whim_noise_responder_new (WhimNoiseIdentity *identity);
void whim_noise_responder_free (WhimNoiseResponder *self);
/** whim_noise_responder_hello: (transfer full) (nullable): answer to the ClientHello payload */
GBytes *whim_noise_responder_hello (WhimNoiseResponder *self, GBytes *client_hello, GError **error);
/** whim_noise_responder_finish: TRUE with the ClientPayload and both ciphers of the server */
gboolean whim_noise_responder_finish (WhimNoiseResponder *self,
                                      GBytes *client_finish,
                                      GBytes **payload,
                                      guint8 client_static[WHIM_KEY_SIZE],
                                      WhimNoiseCipher **send,
                                      WhimNoiseCipher **receive,
                                      GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimNoiseResponder, whim_noise_responder_free)

G_END_DECLS
