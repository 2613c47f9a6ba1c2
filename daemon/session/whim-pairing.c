/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-session-private.h"

#include "base/whim-failpoint.h"
#include "base/whim-log.h"
#include "base/whim-util.h"
#include "session/whim-adv.h"

/* Pairing by QR on an unregistered connection (dossier 1, 5). */

#define QR_PREFIX "https://wa.me/settings/linked_devices#"
#define CLIENT_TYPE_CHROME "1" /* fits DeviceProps.platformType (dossier 1, 5.3) */

static void pairing_show_ref (WhimSession *self, gint64 duration_ms);

void
whim_pairing_reset (WhimSession *self)
{
  WhimPairing *pairing = &self->pairing;

  whim_clock_clear_timer (self->clock, &pairing->ref_timer);
  g_queue_clear_full (&pairing->refs, g_free);
  g_clear_pointer (&pairing->code, g_free);
  pairing->pairing_iq_busy = FALSE;
  pairing->ready = FALSE;
  whim_phone_code_lost (self);
}

void
whim_pairing_set_outcome (WhimSession *self, WhimReason reason, const char *detail)
{
  self->pairing.outcome = reason;
  g_free (self->pairing.outcome_detail);
  self->pairing.outcome_detail = g_strdup (detail);
}

const char *
whim_pairing_get_detail (WhimSession *self)
{
  return whim_phone_code_is_live (self) ? NULL : self->pairing.outcome_detail;
}

void
whim_pairing_end (WhimSession *self)
{
  gboolean told = self->pairing.outcome != WHIM_REASON_NONE;

  /* how the latest try ended says more than that nobody asked again */
  whim_session_handle (self, WHIM_SESSION_EVENT_PAIRING_ENDED,
                       told ? self->pairing.outcome : WHIM_REASON_PAIRING_TIMEOUT,
                       self->pairing.outcome_detail);
}

WhimReason
whim_pairing_get_reason (WhimSession *self)
{
  if (whim_phone_code_is_live (self))
    return WHIM_REASON_PAIRING_CODE;
  return self->pairing.outcome != WHIM_REASON_NONE ? self->pairing.outcome : WHIM_REASON_PAIRING;
}

/* For a QR; a phone code has a time of its own. */
static gboolean
pairing_has_time (WhimSession *self)
{
  gint64 now = whim_clock_get_monotonic_ms (self->clock);

  return now - self->pairing.asked_ms < WHIM_ASKED_FOR_MS
         && now - self->pairing.began_ms < WHIM_PAIRING_LIMIT_MS;
}

void
whim_pairing_asked (WhimSession *self)
{
  gint64 now = whim_clock_get_monotonic_ms (self->clock);

  /* A code that lives does not count: with it would end what is asked for now. */
  if (self->pairing.began_ms == 0 || !pairing_has_time (self))
    self->pairing.began_ms = now;
  self->pairing.asked_ms = now;
}

gboolean
whim_pairing_is_wanted (WhimSession *self)
{
  return whim_phone_code_is_live (self) || pairing_has_time (self);
}

/* Built at the moment of showing: the secret may have changed since the ref came (5.4). */
static void
pairing_build_code (WhimSession *self)
{
  WhimPairing *pairing = &self->pairing;
  const WhimCredentials *keys = self->credentials;
  g_autofree char *noise = g_base64_encode (whim_key_pair_get_public (keys->noise), WHIM_KEY_SIZE);
  g_autofree char *identity
      = g_base64_encode (whim_key_pair_get_public (keys->identity), WHIM_KEY_SIZE);
  g_autofree char *secret = g_base64_encode (whim_secret_get (keys->adv_secret),
                                             whim_secret_get_size (keys->adv_secret));

  g_free (pairing->code);
  pairing->code
      = g_strdup_printf (QR_PREFIX "%s,%s,%s,%s," CLIENT_TYPE_CHROME,
                         (const char *)g_queue_peek_head (&pairing->refs), noise, identity, secret);
  self->host->code_changed (self, self->host_data);
}

static void
ref_expired_cb (gpointer user_data)
{
  WhimSession *self = user_data;
  WhimPairing *pairing = &self->pairing;

  pairing->ref_timer = 0;
  g_free (g_queue_pop_head (&pairing->refs));
  if (!whim_pairing_is_wanted (self))
    whim_pairing_end (self);
  else if (!g_queue_is_empty (&pairing->refs))
    pairing_show_ref (self, WHIM_NEXT_REF_MS);
  else if (whim_phone_code_is_live (self))
    {
      /* The code that waits belongs to this connection (5.4). */
      g_clear_pointer (&pairing->code, g_free);
      whim_session_retell (self);
    }
  else
    /* a new connection brings new refs */
    whim_session_handle (self, WHIM_SESSION_EVENT_RESTART, WHIM_REASON_PAIRING, NULL);
}

void
whim_pairing_go_on (WhimSession *self)
{
  WhimPairing *pairing = &self->pairing;

  if (self->state != WHIM_SESSION_PAIRING)
    return;
  if (!whim_pairing_is_wanted (self))
    whim_pairing_end (self);
  else if (pairing->code == NULL && pairing->ready && !pairing->pairing_iq_busy)
    {
      if (g_queue_is_empty (&pairing->refs))
        whim_session_handle (self, WHIM_SESSION_EVENT_RESTART, WHIM_REASON_PAIRING, NULL);
      else
        pairing_show_ref (self, WHIM_NEXT_REF_MS);
    }
  whim_session_retell (self);
}

void
whim_pairing_hide_code (WhimSession *self)
{
  whim_clock_clear_timer (self->clock, &self->pairing.ref_timer);
  g_clear_pointer (&self->pairing.code, g_free);
}

static void
pairing_show_ref (WhimSession *self, gint64 duration_ms)
{
  WhimPairing *pairing = &self->pairing;

  whim_clock_clear_timer (self->clock, &pairing->ref_timer);
  pairing->expires_ms = whim_clock_get_monotonic_ms (self->clock) + duration_ms;
  pairing->ref_timer = whim_clock_add_timer (self->clock, duration_ms, ref_expired_cb, self);
  pairing_build_code (self);
}

static void
pairing_answer (WhimSession *self, WhimNode *iq, WhimNode *child)
{
  g_autoptr (WhimJid) server = whim_jid_new_server ();
  WhimNodeBuilder *builder = whim_node_builder_new ("iq");
  g_autoptr (WhimNode) answer = NULL;

  whim_node_builder_attr_jid (builder, "to", server);
  whim_node_builder_attr (builder, "type",
                          child != NULL && whim_node_is (child, "error") ? "error" : "result");
  whim_node_builder_attr (builder, "id", whim_node_get_attr (iq, "id"));
  if (child != NULL)
    whim_node_builder_child (builder, child);
  answer = whim_node_builder_end (builder);
  whim_session_send_raw (self, answer);
}

static void
pairing_take_refs (WhimSession *self, WhimNode *iq, WhimNode *device)
{
  WhimPairing *pairing = &self->pairing;

  pairing_answer (self, iq, NULL);
  if (pairing->pairing_iq_busy)
    return; /* a phone has scanned already */
  g_queue_clear_full (&pairing->refs, g_free);
  WHIM_FOREACH_CHILD (device, ref)
    {
      char *text = whim_node_is (ref, "ref") ? whim_node_dup_content_text (ref) : NULL;

      if (text != NULL && pairing->refs.length < WHIM_MAX_REFS)
        g_queue_push_tail (&pairing->refs, text);
      else
        g_free (text);
    }
  if (g_queue_is_empty (&pairing->refs))
    whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_PROTOCOL, NULL);
  else
    {
      self->retry_count = 0;
      self->pairing.ready = TRUE;
      /* after primary_hello a QR would carry a secret that is not its own */
      if (!whim_phone_code_keeps_secret (self))
        pairing_show_ref (self, WHIM_FIRST_REF_MS);
      whim_phone_code_can_start (self);
      self->host->state_changed (self, self->host_data);
    }
}

/* ---- pair-success -------------------------------------------------------------------------- */

typedef struct
{
  WhimNode *iq;
  GBytes *answer;
  WhimCredentials *keys; /* what they are when it is on disk */
  guint32 key_index;
  guint generation;
} SuccessOp;

static void
success_op_free (SuccessOp *op)
{
  whim_node_unref (op->iq);
  g_bytes_unref (op->answer);
  g_clear_pointer (&op->keys, whim_credentials_free);
  g_free (op);
}

static void
taken_back_cb (WhimSession *self, gboolean ok, gpointer data)
{
  if (!ok)
    g_warning ("%s: half a pairing could not be taken back", self->log_name);
}

static void
pairing_refuse (WhimSession *self, WhimNode *iq, gint code, const char *text)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("error");

  whim_node_builder_attr_int (builder, "code", code);
  whim_node_builder_attr (builder, "text", text);
  pairing_answer (self, iq, whim_node_builder_end (builder));
}

static void
success_send (WhimSession *self, SuccessOp *op)
{
  WhimNodeBuilder *identity = whim_node_builder_new ("device-identity");
  WhimNodeBuilder *sign = whim_node_builder_new ("pair-device-sign");

  whim_node_builder_attr_int (identity, "key-index", op->key_index);
  whim_node_builder_bytes (identity, op->answer);
  whim_node_builder_child (sign, whim_node_builder_end (identity));
  pairing_answer (self, op->iq, whim_node_builder_end (sign));
}

static void
restart_missing_cb (gpointer user_data)
{
  WhimSession *self = user_data;

  self->close_timer = 0;
  whim_session_handle (self, WHIM_SESSION_EVENT_RESTART, WHIM_REASON_PAIRED, NULL);
}

/* The pairing is on disk: only now may the phone hear that it worked (5.7, 6). */
static void
success_saved_cb (WhimSession *self, gboolean ok, gpointer data)
{
  SuccessOp *op = data;

  if (op->generation == self->generation && ok)
    {
      (void)WHIM_FAILPOINT ("pair.after-save");
      whim_credentials_free (self->credentials);
      self->credentials = g_steal_pointer (&op->keys);
      success_send (self, op);
      (void)WHIM_FAILPOINT ("pair.after-answer");
      self->close_timer
          = whim_clock_add_timer (self->clock, WHIM_RESTART_GRACE_MS, restart_missing_cb, self);
      whim_session_handle (self, WHIM_SESSION_EVENT_PAIR_SUCCESS, WHIM_REASON_PAIRED, NULL);
    }
  else if (op->generation == self->generation)
    {
      pairing_refuse (self, op->iq, 500, "internal-error");
      whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_STORE, NULL);
    }
  else if (ok && self->credentials != NULL)
    /* The connection ended before the answer: the phone never heard of it, so it is taken back. */
    self->host->save (self, self->credentials, taken_back_cb, NULL, self->host_data);
  success_op_free (op);
}

static void
pairing_take_device (WhimSession *self, WhimCredentials *keys, WhimNode *success, WhimNode *device)
{
  WhimNode *platform = whim_node_find_child (success, "platform");
  WhimNode *biz = whim_node_find_child (success, "biz");
  WhimJid *lid = whim_node_get_attr_jid (device, "lid");

  g_clear_pointer (&keys->pn, whim_jid_unref);
  g_clear_pointer (&keys->lid, whim_jid_unref);
  keys->pn = whim_jid_ref (whim_node_get_attr_jid (device, "jid"));
  keys->lid = lid == NULL ? NULL : whim_jid_ref (lid);
  g_free (keys->platform);
  keys->platform = g_strdup (platform == NULL ? NULL : whim_node_get_attr (platform, "name"));
  g_free (keys->business_name);
  keys->business_name = g_strdup (biz == NULL ? NULL : whim_node_get_attr (biz, "name"));
  if (keys->push_name == NULL)
    keys->push_name = g_strdup (keys->business_name);
  keys->login_count = 0;
  g_clear_pointer (&keys->noise_root, g_bytes_unref);
  keys->noise_root = g_bytes_new (self->noise_root, WHIM_KEY_SIZE);
}

/* Nothing is kept. The ref is used up and so is the connection: a new one, if anybody still waits.
 */
static void
pairing_fail (WhimSession *self, WhimNode *iq, gboolean forged)
{
  pairing_refuse (self, iq, forged ? 401 : 500, forged ? "not-authorized" : "internal-error");
  whim_phone_code_drop (self);
  whim_pairing_set_outcome (self, WHIM_REASON_PAIRING_INVALID, forged ? "401" : "500");
  whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_PAIRING_INVALID, NULL);
}

static void
pairing_take_success (WhimSession *self, WhimNode *iq, WhimNode *success)
{
  WhimNode *device = whim_node_find_child (success, "device");
  WhimNode *identity = whim_node_find_child (success, "device-identity");
  WhimJid *jid = device == NULL ? NULL : whim_node_get_attr_jid (device, "jid");
  g_auto (WhimAdvIdentity) adv = { 0 };
  g_autoptr (GBytes) container = NULL;
  g_autoptr (GError) error = NULL;
  SuccessOp *op;

  if (self->pairing.pairing_iq_busy || self->state != WHIM_SESSION_PAIRING)
    return;
  if (jid == NULL || !whim_jid_is_user (jid) || whim_jid_get_device (jid) == 0 || identity == NULL
      || !whim_node_has_content (identity))
    {
      pairing_fail (self, iq, FALSE);
      return;
    }
  container = whim_node_dup_content (identity);
  if (!whim_adv_accept (container, self->credentials->adv_secret, self->credentials->identity, &adv,
                        &error))
    {
      gboolean forged = g_error_matches (error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_ADV);

      g_warning ("%s: pairing refused: %s", self->log_name, error->message);
      pairing_fail (self, iq, forged);
      return;
    }
  self->pairing.pairing_iq_busy = TRUE;
  whim_clock_clear_timer (self->clock, &self->pairing.ref_timer);
  g_clear_pointer (&self->pairing.code, g_free);
  op = g_new0 (SuccessOp, 1);
  op->keys = whim_credentials_copy (self->credentials);
  pairing_take_device (self, op->keys, success, device);
  op->keys->key_index = adv.key_index;
  g_clear_pointer (&op->keys->device_identity, g_bytes_unref);
  op->keys->device_identity = g_bytes_ref (adv.stored);
  op->iq = whim_node_ref (iq);
  op->answer = g_bytes_ref (adv.answer);
  op->key_index = adv.key_index;
  op->generation = self->generation;
  (void)WHIM_FAILPOINT ("pair.before-save");
  self->host->save (self, op->keys, success_saved_cb, op, self->host_data);
}

gboolean
whim_pairing_take_iq (WhimSession *self, WhimNode *iq)
{
  WhimNode *child;

  if (!whim_node_attr_equals (iq, "xmlns", "md") || self->state != WHIM_SESSION_PAIRING)
    return FALSE;
  child = whim_node_find_child (iq, "pair-device");
  if (child != NULL)
    {
      pairing_take_refs (self, iq, child);
      return TRUE;
    }
  child = whim_node_find_child (iq, "pair-success");
  if (child == NULL)
    return FALSE;
  pairing_take_success (self, iq, child);
  return TRUE;
}

/* ---- refresh (5.4) ------------------------------------------------------------------------- */

typedef struct
{
  WhimNode *notification;
  guint generation;
} RefreshOp;

static void
refresh_saved_cb (WhimSession *self, gboolean ok, gpointer data)
{
  RefreshOp *op = data;

  if (op->generation == self->generation && ok)
    {
      whim_session_ack (self, op->notification, 0);
      if (self->pairing.code != NULL)
        pairing_build_code (self); /* the same ref, for its remaining time */
    }
  else if (op->generation == self->generation)
    whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_STORE, NULL);
  whim_node_unref (op->notification);
  g_free (op);
}

/* We have no authenticator: the account cannot be linked here, another one can (6.7). */
static void
pairing_needs_passkey (WhimSession *self, WhimNode *notification)
{
  whim_session_ack (self, notification, 0);
  whim_phone_code_drop (self);
  whim_pairing_set_outcome (self, WHIM_REASON_PASSKEY_REQUIRED, NULL);
  whim_pairing_go_on (self);
}

gboolean
whim_pairing_take_notification (WhimSession *self, WhimNode *notification)
{
  RefreshOp *op;

  if (self->state != WHIM_SESSION_PAIRING)
    return FALSE;
  if (whim_node_attr_equals (notification, "type", "link_code_companion_reg"))
    {
      whim_phone_code_take (self, notification);
      return TRUE;
    }
  if (whim_node_attr_equals (notification, "type", "passkey_prologue_request")
      || whim_node_attr_equals (notification, "type", "crsc_continuation"))
    {
      pairing_needs_passkey (self, notification);
      return TRUE;
    }
  if (!whim_node_attr_equals (notification, "type", "companion_reg_refresh"))
    return FALSE;
  if (whim_node_find_child (notification, "companion_reg_refresh") == NULL
      && whim_node_find_child (notification, "pair-device-rotate-qr") == NULL)
    return FALSE;
  if (whim_phone_code_keeps_secret (self))
    {
      whim_session_ack (self, notification, 0);
      return TRUE;
    }
  whim_secret_unref (self->credentials->adv_secret);
  self->credentials->adv_secret = whim_secret_new_random (32);
  op = g_new0 (RefreshOp, 1);
  op->notification = whim_node_ref (notification);
  op->generation = self->generation;
  self->host->save (self, self->credentials, refresh_saved_cb, op, self->host_data);
  return TRUE;
}

/* ---- what callers see ---------------------------------------------------------------------- */

const char *
whim_session_peek_code (WhimSession *self, gint64 *expires_at)
{
  gint64 left_ms;

  if (self->pairing.code == NULL)
    return NULL;
  left_ms = self->pairing.expires_ms - whim_clock_get_monotonic_ms (self->clock);
  *expires_at = whim_clock_get_unix (self->clock) + MAX (left_ms, 0) / 1000;
  return self->pairing.code;
}

const char *
whim_session_get_code (WhimSession *self, gint64 *expires_at)
{
  /* asking prolongs a pairing up to its limit, but does not begin another one */
  if (self->state == WHIM_SESSION_PAIRING && whim_pairing_is_wanted (self))
    self->pairing.asked_ms = whim_clock_get_monotonic_ms (self->clock);
  return whim_session_peek_code (self, expires_at);
}
