/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-credentials.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "session/whim-client-payload.h"

WhimCredentials *
whim_credentials_new_empty (void)
{
  return g_new0 (WhimCredentials, 1);
}

WhimCredentials *
whim_credentials_copy (const WhimCredentials *self)
{
  WhimCredentials *copy = g_memdup2 (self, sizeof *self);

  copy->noise = whim_key_pair_ref (self->noise);
  copy->identity = whim_key_pair_ref (self->identity);
  copy->signed_prekey = whim_key_pair_ref (self->signed_prekey);
  copy->adv_secret = whim_secret_ref (self->adv_secret);
  copy->pn = self->pn == NULL ? NULL : whim_jid_ref (self->pn);
  copy->lid = self->lid == NULL ? NULL : whim_jid_ref (self->lid);
  copy->device_identity
      = self->device_identity == NULL ? NULL : g_bytes_ref (self->device_identity);
  copy->platform = g_strdup (self->platform);
  copy->business_name = g_strdup (self->business_name);
  copy->push_name = g_strdup (self->push_name);
  copy->noise_root = self->noise_root == NULL ? NULL : g_bytes_ref (self->noise_root);
  copy->routing_info = self->routing_info == NULL ? NULL : g_bytes_ref (self->routing_info);
  return copy;
}

void
whim_credentials_free (WhimCredentials *self)
{
  g_clear_pointer (&self->noise, whim_key_pair_unref);
  g_clear_pointer (&self->identity, whim_key_pair_unref);
  g_clear_pointer (&self->signed_prekey, whim_key_pair_unref);
  g_clear_pointer (&self->adv_secret, whim_secret_unref);
  g_clear_pointer (&self->pn, whim_jid_unref);
  g_clear_pointer (&self->lid, whim_jid_unref);
  g_clear_pointer (&self->device_identity, g_bytes_unref);
  g_clear_pointer (&self->noise_root, g_bytes_unref);
  g_clear_pointer (&self->routing_info, g_bytes_unref);
  g_free (self->platform);
  g_free (self->business_name);
  g_free (self->push_name);
  g_free (self);
}

gboolean
whim_credentials_is_paired (const WhimCredentials *self)
{
  return self->pn != NULL;
}

WhimCredentials *
whim_credentials_generate (gint64 unix_ms)
{
  WhimCredentials *self = whim_credentials_new_empty ();
  guint8 typed[WHIM_KEY_SIZE + 1] = { 0x05 };

  self->noise = whim_key_pair_new ();
  self->identity = whim_key_pair_new ();
  self->registration_id = 1 + whim_random_below (16380);
  self->signed_prekey_id = 1;
  self->next_prekey_id = 1;
  self->adv_secret = whim_secret_new_random (32);
  self->signed_prekey = whim_key_pair_new ();
  self->signed_prekey_made_at = unix_ms;
  whim_copy (typed + 1, whim_key_pair_get_public (self->signed_prekey), WHIM_KEY_SIZE);
  whim_xeddsa_sign (self->identity, typed, sizeof typed, self->signed_prekey_signature);
  return self;
}
