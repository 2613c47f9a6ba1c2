/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "crypto/whim-crypto.h"
#include "wire/whim-jid.h"

G_BEGIN_DECLS

/**
 * WhimCredentials:
 *
 * What a companion device is: keys from before pairing, and what pairing gave it. A plain struct;
 * the session owns it and hands copies of the references to the store. Paired = @pn is set.
 */
typedef struct
{
  WhimKeyPair *noise;
  WhimKeyPair *identity;
  guint32 registration_id; /* 1 … 16380 */
  guint32 signed_prekey_id;
  WhimKeyPair *signed_prekey;
  gint64 signed_prekey_made_at; /* ms */
  guint8 signed_prekey_signature[WHIM_SIGNATURE_SIZE];
  WhimSecret *adv_secret;    /* 32 bytes */
  guint32 next_prekey_id;    /* 1 … 16777215 */
  gboolean prekeys_uploaded; /* the first upload was answered */

  WhimJid *pn;             /* with device; NULL until paired */
  WhimJid *lid;            /* with device */
  GBytes *device_identity; /* ADVSignedDeviceIdentity with accountSignatureKey and our signature */
  guint32 key_index;
  char *platform;
  char *business_name;
  char *push_name;
  guint32 login_count;
  GBytes *noise_root;   /* the root under which it was paired, 32 bytes */
  GBytes *routing_info; /* edge routing, opaque */
} WhimCredentials;

WhimCredentials *whim_credentials_new_empty (void);
/** whim_credentials_copy: new struct, shared immutable members */
WhimCredentials *whim_credentials_copy (const WhimCredentials *self);
void whim_credentials_free (WhimCredentials *self);
gboolean whim_credentials_is_paired (const WhimCredentials *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimCredentials, whim_credentials_free)

G_END_DECLS
