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

/**
 * WhimAdvKeyIndexes: what a phone says of its companions (dossier 2, 2.2)
 * @raw_id: another one means: the account was registered anew
 * @valid: of guint32
 */
typedef struct
{
  guint32 raw_id;
  guint64 timestamp;
  guint32 current;
  GArray *valid;
} WhimAdvKeyIndexes;

/** whim_adv_parse_key_indexes: of an ADVSignedKeyIndexList; FALSE, and nothing in @indexes, if it
 *  cannot be read or its signature is wrong */
gboolean whim_adv_parse_key_indexes (GBytes *bytes, WhimAdvKeyIndexes *indexes);
/** whim_adv_key_indexes_allow: the phone has signed @index, or has not come to it yet */
gboolean whim_adv_key_indexes_allow (const WhimAdvKeyIndexes *self, guint64 index);
void whim_adv_key_indexes_clear (WhimAdvKeyIndexes *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimAdvKeyIndexes, whim_adv_key_indexes_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimAdvIdentity, whim_adv_identity_clear)

G_END_DECLS
