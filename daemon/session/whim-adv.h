/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/whim-credentials.h"

G_BEGIN_DECLS

/**
 * WhimAdvIdentity: what pair-success proves and we answer (dossier 1, 5.6, 5.7)
 * @stored: ADVSignedDeviceIdentity with accountSignatureKey and our deviceSignature
 * @answer: the same without accountSignatureKey
 */
typedef struct
{
  GBytes *stored;
  GBytes *answer;
  guint32 key_index;
  guint8 account_key[WHIM_KEY_SIZE];
} WhimAdvIdentity;

/**
 * whim_adv_accept:
 * @container: bytes of the device-identity node
 *
 * Checks HMAC and account signature and signs for the device.
 *
 * Returns: FALSE with #WHIM_SESSION_ERROR_ADV or _MALFORMED, and nothing in @identity
 */
gboolean whim_adv_accept (GBytes *container,
                          WhimSecret *adv_secret,
                          WhimKeyPair *own_identity,
                          WhimAdvIdentity *identity,
                          GError **error);
void whim_adv_identity_clear (WhimAdvIdentity *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimAdvIdentity, whim_adv_identity_clear)

G_END_DECLS
