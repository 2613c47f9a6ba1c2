/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "crypto/whim-crypto.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* The cryptography of pairing by phone code (dossier 1, 6.1, 6.2, 6.4); no I/O. */

#define WHIM_LINK_CODE_LENGTH 8u
#define WHIM_LINK_CODE_SALT_SIZE 32u
#define WHIM_LINK_CODE_WRAPPED_SIZE 80u
#define WHIM_LINK_CODE_BUNDLE_SIZE 156u

/** whim_link_code_make: 40 bits as eight characters of the alphabet, and a zero */
void whim_link_code_make (const guint8 random[5], char code[WHIM_LINK_CODE_LENGTH + 1]);
/** whim_link_code_show: (transfer full): "ABCD-1234" */
char *whim_link_code_show (const char *code);

/** whim_link_code_derive: (transfer full): the key that a code makes; slow on purpose, any thread
 *  but the main one */
WhimSecret *whim_link_code_derive (const char *code, const guint8 salt[WHIM_LINK_CODE_SALT_SIZE]);
/** whim_link_code_derive_async: the same on a thread of its own */
void whim_link_code_derive_async (const char *code,
                                  const guint8 salt[WHIM_LINK_CODE_SALT_SIZE],
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
WhimSecret *whim_link_code_derive_finish (GAsyncResult *result, GError **error);

/** whim_link_code_wrap: salt, iv and the public key under @key */
void whim_link_code_wrap (WhimSecret *key,
                          const guint8 salt[WHIM_LINK_CODE_SALT_SIZE],
                          const guint8 iv[WHIM_AES_BLOCK_SIZE],
                          const guint8 public_key[WHIM_KEY_SIZE],
                          guint8 wrapped[WHIM_LINK_CODE_WRAPPED_SIZE]);
/** whim_link_code_unwrap: a wrong @key gives a wrong public key, and no error */
void whim_link_code_unwrap (WhimSecret *key,
                            const guint8 wrapped[WHIM_LINK_CODE_WRAPPED_SIZE],
                            guint8 public_key[WHIM_KEY_SIZE]);

/** WhimLinkParts: the random parts of a bundle, each used once */
typedef struct
{
  guint8 salt[32];
  guint8 nonce[WHIM_GCM_IV_SIZE];
  guint8 random[32];
} WhimLinkParts;

/**
 * whim_link_code_finish:
 * @bundle: (out) (transfer full): what companion_finish carries
 * @adv_secret: (out) (transfer full): replaces the stored one before the bundle may leave
 *
 * Returns: FALSE with #WHIM_CRYPTO_ERROR if a key of the phone is none
 */
gboolean whim_link_code_finish (WhimKeyPair *ephemeral,
                                WhimKeyPair *identity,
                                const guint8 phone_ephemeral[WHIM_KEY_SIZE],
                                const guint8 phone_identity[WHIM_KEY_SIZE],
                                const WhimLinkParts *parts,
                                GBytes **bundle,
                                WhimSecret **adv_secret,
                                GError **error);

G_END_DECLS
