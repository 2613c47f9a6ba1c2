/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-secret.h"

#include <glib.h>

G_BEGIN_DECLS

#define WHIM_CRYPTO_ERROR (whim_crypto_error_quark ())
GQuark whim_crypto_error_quark (void);

typedef enum
{
  WHIM_CRYPTO_ERROR_AUTHENTICATION, /* tag, MAC or signature is wrong */
  WHIM_CRYPTO_ERROR_INVALID,        /* a key or length that cannot be */
} WhimCryptoError;

#define WHIM_KEY_SIZE 32u
#define WHIM_SIGNATURE_SIZE 64u
#define WHIM_GCM_TAG_SIZE 16u
#define WHIM_GCM_IV_SIZE 12u
#define WHIM_AES_BLOCK_SIZE 16u

/** WhimKeyPair: an X25519 key pair. Immutable, counted atomically, any thread. */
typedef struct _WhimKeyPair WhimKeyPair;

WhimKeyPair *whim_key_pair_new (void);
/** whim_key_pair_new_from_private: (transfer full) (nullable): @private_key has 32 bytes */
WhimKeyPair *whim_key_pair_new_from_private (WhimSecret *private_key);
WhimKeyPair *whim_key_pair_ref (WhimKeyPair *self);
void whim_key_pair_unref (WhimKeyPair *self);
/** whim_key_pair_get_public: (transfer none): 32 raw bytes, without the leading 05 */
const guint8 *whim_key_pair_get_public (const WhimKeyPair *self);
/** whim_key_pair_get_private: (transfer none) */
WhimSecret *whim_key_pair_get_private (const WhimKeyPair *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimKeyPair, whim_key_pair_unref)

/** whim_x25519: (transfer full) (nullable): shared secret; fails on a point of low order */
WhimSecret *
whim_x25519 (const WhimKeyPair *own, const guint8 their_public[WHIM_KEY_SIZE], GError **error);

/** whim_xeddsa_sign: signature of the Signal protocol over @message (random, 64 bytes) */
void whim_xeddsa_sign (const WhimKeyPair *key,
                       gconstpointer message,
                       gsize len,
                       guint8 signature[WHIM_SIGNATURE_SIZE]);
gboolean whim_xeddsa_verify (const guint8 public_key[WHIM_KEY_SIZE],
                             gconstpointer message,
                             gsize len,
                             const guint8 signature[WHIM_SIGNATURE_SIZE]);

/** WhimAead: AES-256-GCM with one key, context kept. Not shared between threads at one time. */
typedef struct _WhimAead WhimAead;
WhimAead *whim_aead_new (const guint8 key[32]);
void whim_aead_free (WhimAead *self);
/** whim_aead_seal: @to holds @len + 16 bytes; may be the same memory as @from */
void whim_aead_seal (WhimAead *self,
                     const guint8 iv[WHIM_GCM_IV_SIZE],
                     gconstpointer aad,
                     gsize aad_len,
                     gconstpointer from,
                     gsize len,
                     guint8 *to);
/** whim_aead_open: @len includes the tag; @to holds @len - 16 bytes; FALSE: nothing is usable */
gboolean whim_aead_open (WhimAead *self,
                         const guint8 iv[WHIM_GCM_IV_SIZE],
                         gconstpointer aad,
                         gsize aad_len,
                         gconstpointer from,
                         gsize len,
                         guint8 *to);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimAead, whim_aead_free)

void whim_sha256 (gconstpointer bytes, gsize len, guint8 digest[32]);
/** whim_hmac_sha256: over the concatenation of two parts; @b may be %NULL with length 0 */
void whim_hmac_sha256 (gconstpointer key,
                       gsize key_len,
                       gconstpointer a,
                       gsize a_len,
                       gconstpointer b,
                       gsize b_len,
                       guint8 mac[32]);
/** whim_hkdf_sha256: @salt %NULL = none (32 zero bytes) */
WhimSecret *whim_hkdf_sha256 (gconstpointer ikm,
                              gsize ikm_len,
                              gconstpointer salt,
                              gsize salt_len,
                              const char *info,
                              gsize len);
/** whim_pbkdf2_sha256: (transfer full): slow on purpose; never on the main thread */
WhimSecret *whim_pbkdf2_sha256 (gconstpointer password,
                                gsize password_len,
                                gconstpointer salt,
                                gsize salt_len,
                                guint iterations,
                                gsize len);

/** whim_aes256_ctr: encrypts or decrypts, which is the same; @to may be @from */
void whim_aes256_ctr (const guint8 key[32],
                      const guint8 iv[WHIM_AES_BLOCK_SIZE],
                      gconstpointer from,
                      gsize len,
                      guint8 *to);
/** whim_aes256_cbc_encrypt: (transfer full): with PKCS #7 padding */
GBytes *whim_aes256_cbc_encrypt (const guint8 key[32],
                                 const guint8 iv[WHIM_AES_BLOCK_SIZE],
                                 gconstpointer plain,
                                 gsize len);
/** whim_aes256_cbc_decrypt: (transfer full) (nullable): the padding is checked and removed */
GBytes *whim_aes256_cbc_decrypt (const guint8 key[32],
                                 const guint8 iv[WHIM_AES_BLOCK_SIZE],
                                 gconstpointer cipher,
                                 gsize len,
                                 GError **error);

/** whim_md5: only for buildHash (dossier 1, 4.3) */
void whim_md5 (gconstpointer bytes, gsize len, guint8 digest[16]);
void whim_sha1 (gconstpointer bytes, gsize len, guint8 digest[20]);

/** whim_crypto_self_test: proves with known answers, and with a call counter, that libsodium's
 *  curve sits below libsignal (when built in); FALSE with an error otherwise. Call at start. */
gboolean whim_crypto_self_test (GError **error);

G_END_DECLS
