/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-session-private.h"

#include "base/whim-failpoint.h"
#include "base/whim-log.h"
#include "base/whim-random.h"
#include "base/whim-util.h"
#include "session/whim-link-code.h"

#include <string.h>

/* Pairing by phone code, on the same unregistered connection as the QR codes (dossier 1, 6):
 *
 *   wanted -> (pair-device) -> wrapping -> companion_hello -> asking -> its ref -> shown
 *          -> primary_hello -> unwrapping, commit of the secret -> companion_finish -> pair-success
 *
 * The server counts codes per number and answers them all with one error: nothing here asks again
 * by itself, but where the server itself wants a new code.
 */

#define XMLNS "md"
#define TAG "link_code_companion_reg"
#define PLATFORM_ID "1" /* Chrome, as in the QR */
#define DISPLAY "Chrome (Linux)"
#define MAX_HELLOS 3u

static void code_start (WhimSession *self);
static void code_expired_cb (gpointer user_data);

/* Late answers of an earlier code, an earlier hello or an ended session find it cancelled. */
typedef struct
{
  WhimSession *session;
  GCancellable *cancellable;
  guint8 salt[WHIM_LINK_CODE_SALT_SIZE];
  guint8 wrapped[WHIM_LINK_CODE_WRAPPED_SIZE];
  guint8 phone_identity[WHIM_KEY_SIZE];
  GBytes *bundle;
  guint number;
} CodeOp;

static CodeOp *
code_op_new (WhimSession *self)
{
  CodeOp *op = g_new0 (CodeOp, 1);

  op->session = self;
  op->cancellable = g_object_ref (self->phone_code.cancellable);
  op->number = self->phone_code.number;
  return op;
}

static void
code_op_free (CodeOp *op)
{
  g_object_unref (op->cancellable);
  g_clear_pointer (&op->bundle, g_bytes_unref);
  g_free (op);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CodeOp, code_op_free)

static void
code_supersede (WhimSession *self)
{
  WhimPhoneCode *code = &self->phone_code;

  code->number++;
  if (code->cancellable != NULL)
    g_cancellable_cancel (code->cancellable);
  g_clear_object (&code->cancellable);
}

void
whim_phone_code_drop (WhimSession *self)
{
  WhimPhoneCode *code = &self->phone_code;

  code_supersede (self);
  whim_clock_clear_timer (self->clock, &code->timer);
  whim_zero (code->code, sizeof code->code);
  g_clear_pointer (&code->shown, g_free);
  g_clear_pointer (&code->phone, g_free);
  g_clear_pointer (&code->ephemeral, whim_key_pair_unref);
  g_clear_pointer (&code->ref, g_bytes_unref);
  code->stage = WHIM_PHONE_CODE_NONE;
  code->hellos = 0;
}

gboolean
whim_phone_code_is_live (WhimSession *self)
{
  return self->phone_code.stage != WHIM_PHONE_CODE_NONE;
}

gboolean
whim_phone_code_keeps_secret (WhimSession *self)
{
  return self->phone_code.stage == WHIM_PHONE_CODE_FINISHING;
}

/* The code is over, and why. QR codes go on if somebody wants them. */
static void
code_end (WhimSession *self, WhimReason reason, const char *detail)
{
  whim_phone_code_drop (self);
  whim_pairing_set_outcome (self, reason, detail);
  whim_pairing_go_on (self);
}

void
whim_phone_code_lost (WhimSession *self)
{
  /* The ref and the ephemeral key belong to the connection; a wish does not. */
  if (self->phone_code.stage <= WHIM_PHONE_CODE_WANTED)
    return;
  whim_phone_code_drop (self);
  whim_pairing_set_outcome (self, WHIM_REASON_PAIRING_CODE_EXPIRED, NULL);
}

static void
code_arm (WhimSession *self, gint64 delay_ms)
{
  WhimPhoneCode *code = &self->phone_code;

  whim_clock_clear_timer (self->clock, &code->timer);
  code->expires_ms = whim_clock_get_monotonic_ms (self->clock) + delay_ms;
  code->timer = whim_clock_add_timer (self->clock, delay_ms, code_expired_cb, self);
}

static void
secret_renewed_cb (WhimSession *self, gboolean ok, gpointer data)
{
  if (GPOINTER_TO_UINT (data) != self->generation || self->state != WHIM_SESSION_PAIRING)
    return;
  if (ok)
    code_end (self, WHIM_REASON_PAIRING_CODE_EXPIRED, NULL);
  else
    whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_STORE, NULL);
}

static void
code_expired_cb (gpointer user_data)
{
  WhimSession *self = user_data;
  WhimPhoneCode *code = &self->phone_code;

  code->timer = 0;
  if (code->stage != WHIM_PHONE_CODE_FINISHING)
    {
      code_end (self, WHIM_REASON_PAIRING_CODE_EXPIRED, NULL);
      return;
    }
  /* The phone took the code and never came back: its secret is worth nothing now (6.5). */
  code_supersede (self);
  whim_secret_unref (self->credentials->adv_secret);
  self->credentials->adv_secret = whim_secret_new_random (32);
  self->host->save (self, self->credentials, secret_renewed_cb, GUINT_TO_POINTER (self->generation),
                    self->host_data);
}

/* ---- companion_hello ------------------------------------------------------------------------- */

static void
add_bytes (WhimNodeBuilder *parent, const char *tag, gconstpointer bytes, gsize len)
{
  WhimNodeBuilder *child = whim_node_builder_new (tag);

  whim_node_builder_data (child, bytes, len);
  whim_node_builder_child (parent, whim_node_builder_end (child));
}

static WhimNodeBuilder *
make_stage (WhimSession *self, const char *stage)
{
  g_autoptr (WhimJid) jid = whim_jid_new (WHIM_JID_SERVER_USER, self->phone_code.phone, 0);
  WhimNodeBuilder *reg = whim_node_builder_new (TAG);

  whim_node_builder_attr_jid (reg, "jid", jid);
  whim_node_builder_attr (reg, "stage", stage);
  return reg;
}

static void
send_stage (WhimSession *self, WhimNodeBuilder *reg, GAsyncReadyCallback callback, CodeOp *op)
{
  WhimNodeBuilder *builder = whim_session_make_request (self, "set", XMLNS);

  whim_node_builder_child (builder, whim_node_builder_end (reg));
  whim_session_request_async (self, whim_node_builder_end (builder), NULL, callback, op);
}

static void
hello_answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (CodeOp) op = user_data;
  WhimSession *self = op->session;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, &error);
  WhimNode *reg = answer == NULL ? NULL : whim_node_find_child (answer, TAG);
  WhimNode *ref = reg == NULL ? NULL : whim_node_find_child (reg, "link_code_pairing_ref");

  if (g_cancellable_is_cancelled (op->cancellable))
    return;
  if (g_error_matches (error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_REFUSED))
    {
      g_message ("%s: no phone code (%s)", self->log_name, error->message);
      code_end (self, WHIM_REASON_PAIRING_CODE_REFUSED, error->message);
    }
  else if (ref == NULL || !whim_node_has_content (ref))
    code_end (self, WHIM_REASON_PAIRING_CODE_REFUSED, NULL);
  else
    {
      self->phone_code.ref = whim_node_dup_content (ref);
      self->phone_code.shown = whim_link_code_show (self->phone_code.code);
      self->phone_code.stage = WHIM_PHONE_CODE_SHOWN;
      self->host->phone_code_changed (self, self->host_data);
      whim_session_retell (self);
    }
}

static void
hello_derived_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (CodeOp) op = user_data;
  WhimSession *self = op->session;
  g_autoptr (WhimSecret) key = whim_link_code_derive_finish (result, NULL);
  guint8 iv[WHIM_AES_BLOCK_SIZE];
  guint8 wrapped[WHIM_LINK_CODE_WRAPPED_SIZE];
  WhimNodeBuilder *reg;

  if (g_cancellable_is_cancelled (op->cancellable) || key == NULL)
    return;
  whim_random_bytes (iv, sizeof iv);
  whim_link_code_wrap (key, op->salt, iv, whim_key_pair_get_public (self->phone_code.ephemeral),
                       wrapped);
  reg = make_stage (self, "companion_hello");
  whim_node_builder_attr (reg, "should_show_push_notification", "true");
  add_bytes (reg, "link_code_pairing_wrapped_companion_ephemeral_pub", wrapped, sizeof wrapped);
  add_bytes (reg, "companion_server_auth_key_pub",
             whim_key_pair_get_public (self->credentials->noise), WHIM_KEY_SIZE);
  add_bytes (reg, "companion_platform_id", PLATFORM_ID, strlen (PLATFORM_ID));
  add_bytes (reg, "companion_platform_display", DISPLAY, strlen (DISPLAY));
  add_bytes (reg, "link_code_pairing_nonce", "\0", 1);
  self->phone_code.stage = WHIM_PHONE_CODE_ASKING;
  send_stage (self, reg, hello_answered_cb, g_steal_pointer (&op));
}

static void
code_start (WhimSession *self)
{
  WhimPhoneCode *code = &self->phone_code;
  guint8 random[5];
  CodeOp *op;

  code_supersede (self);
  code->cancellable = g_cancellable_new ();
  g_clear_pointer (&code->shown, g_free);
  g_clear_pointer (&code->ref, g_bytes_unref);
  g_clear_pointer (&code->ephemeral, whim_key_pair_unref);
  code->ephemeral = whim_key_pair_new ();
  code->hellos = 0;
  code->stage = WHIM_PHONE_CODE_WRAPPING;
  whim_random_bytes (random, sizeof random);
  whim_link_code_make (random, code->code);
  whim_zero (random, sizeof random);
  /* its time runs from here, not from the answer (6.1) */
  code_arm (self, WHIM_PHONE_CODE_MS);
  op = code_op_new (self);
  whim_random_bytes (op->salt, sizeof op->salt);
  whim_link_code_derive_async (code->code, op->salt, NULL, hello_derived_cb, op);
}

void
whim_phone_code_can_start (WhimSession *self)
{
  if (self->phone_code.stage == WHIM_PHONE_CODE_WANTED)
    code_start (self);
}

/* ---- primary_hello and companion_finish ------------------------------------------------------ */

static void
finish_answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (CodeOp) op = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, &error);

  if (!g_cancellable_is_cancelled (op->cancellable)
      && g_error_matches (error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_REFUSED))
    code_end (op->session, WHIM_REASON_PAIRING_CODE_REFUSED, error->message);
}

/* The secret is on disk: pair-success, which it authenticates, may follow the bundle at once. */
static void
finish_saved_cb (WhimSession *self, gboolean ok, gpointer data)
{
  g_autoptr (CodeOp) op = data;
  WhimNodeBuilder *reg;

  if (g_cancellable_is_cancelled (op->cancellable) || op->number != self->phone_code.number)
    return;
  if (!ok)
    {
      whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_STORE, NULL);
      return;
    }
  (void)WHIM_FAILPOINT ("code.after-save");
  reg = make_stage (self, "companion_finish");
  add_bytes (reg, "link_code_pairing_wrapped_key_bundle", g_bytes_get_data (op->bundle, NULL),
             g_bytes_get_size (op->bundle));
  add_bytes (reg, "companion_identity_public",
             whim_key_pair_get_public (self->credentials->identity), WHIM_KEY_SIZE);
  add_bytes (reg, "link_code_pairing_ref", g_bytes_get_data (self->phone_code.ref, NULL),
             g_bytes_get_size (self->phone_code.ref));
  send_stage (self, reg, finish_answered_cb, g_steal_pointer (&op));
  (void)WHIM_FAILPOINT ("code.after-finish");
}

static void
primary_derived_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (CodeOp) op = user_data;
  WhimSession *self = op->session;
  g_autoptr (WhimSecret) key = whim_link_code_derive_finish (result, NULL);
  g_autoptr (WhimSecret) secret = NULL;
  g_autoptr (GError) error = NULL;
  guint8 phone_ephemeral[WHIM_KEY_SIZE];
  WhimLinkParts parts;
  gboolean ok;

  if (g_cancellable_is_cancelled (op->cancellable) || key == NULL)
    return;
  whim_random_bytes (&parts, sizeof parts);
  whim_link_code_unwrap (key, op->wrapped, phone_ephemeral);
  ok = whim_link_code_finish (self->phone_code.ephemeral, self->credentials->identity,
                              phone_ephemeral, op->phone_identity, &parts, &op->bundle, &secret,
                              &error);
  whim_zero (&parts, sizeof parts);
  if (!ok)
    {
      g_debug ("%s: a primary_hello without keys", whim_log_id (self->log_name));
      return;
    }
  whim_secret_unref (self->credentials->adv_secret);
  self->credentials->adv_secret = g_steal_pointer (&secret);
  (void)WHIM_FAILPOINT ("code.before-save");
  self->host->save (self, self->credentials, finish_saved_cb, g_steal_pointer (&op),
                    self->host_data);
}

static const guint8 *
child_bytes (WhimNode *parent, const char *tag, gsize expected)
{
  WhimNode *child = whim_node_find_child (parent, tag);
  gsize len = 0;
  const guint8 *bytes = child == NULL ? NULL : whim_node_get_content (child, &len);

  return len == expected ? bytes : NULL;
}

static gboolean
has_our_ref (WhimSession *self, WhimNode *reg)
{
  WhimNode *ref = whim_node_find_child (reg, "link_code_pairing_ref");
  g_autoptr (GBytes) bytes
      = ref == NULL || !whim_node_has_content (ref) ? NULL : whim_node_dup_content (ref);

  return bytes != NULL && self->phone_code.ref != NULL
         && g_bytes_equal (bytes, self->phone_code.ref);
}

static void
take_primary_hello (WhimSession *self, WhimNode *reg)
{
  WhimPhoneCode *code = &self->phone_code;
  const guint8 *wrapped = child_bytes (reg, "link_code_pairing_wrapped_primary_ephemeral_pub",
                                       WHIM_LINK_CODE_WRAPPED_SIZE);
  const guint8 *identity = child_bytes (reg, "primary_identity_pub", WHIM_KEY_SIZE);
  CodeOp *op;

  if (wrapped == NULL || identity == NULL || code->hellos >= MAX_HELLOS)
    return;
  code->hellos++;
  /* again with new randomness, and what the earlier hello began is not finished (6.5) */
  code_supersede (self);
  code->cancellable = g_cancellable_new ();
  code->stage = WHIM_PHONE_CODE_FINISHING;
  code_arm (self, WHIM_PHONE_CODE_FINISH_MS);
  whim_pairing_hide_code (self);
  whim_session_retell (self);
  op = code_op_new (self);
  whim_copy (op->wrapped, wrapped, sizeof op->wrapped);
  whim_copy (op->phone_identity, identity, sizeof op->phone_identity);
  whim_link_code_derive_async (code->code, op->wrapped, NULL, primary_derived_cb, op);
}

void
whim_phone_code_take (WhimSession *self, WhimNode *notification)
{
  WhimPhoneCode *code = &self->phone_code;
  WhimNode *reg = whim_node_find_child (notification, TAG);

  whim_session_ack (self, notification, 0);
  if (reg == NULL || !has_our_ref (self, reg))
    return;
  if (whim_node_attr_equals (reg, "stage", "primary_hello"))
    take_primary_hello (self, reg);
  else if (!whim_node_attr_equals (reg, "stage", "refresh_code"))
    g_debug ("a stage of pairing by code that nobody knows");
  else if (whim_node_attr_equals (reg, "force_manual_refresh", "true"))
    code_end (self, WHIM_REASON_PAIRING_CODE_EXPIRED, NULL);
  else if (code->stage == WHIM_PHONE_CODE_SHOWN)
    {
      code_start (self);
      whim_session_retell (self);
    }
}

/* ---- what callers see ------------------------------------------------------------------------ */

void
whim_session_connect_phone (WhimSession *self, const char *phone)
{
  WhimPhoneCode *code = &self->phone_code;

  whim_pairing_set_outcome (self, WHIM_REASON_NONE, NULL);
  /* The server counts codes: one that is still good is shown again. */
  if (!whim_phone_code_is_live (self) || g_strcmp0 (code->phone, phone) != 0)
    {
      whim_phone_code_drop (self);
      code->phone = g_strdup (phone);
      code->stage = WHIM_PHONE_CODE_WANTED;
      code_arm (self, WHIM_PHONE_CODE_MS);
    }
  whim_session_handle (self, WHIM_SESSION_EVENT_CONNECT, WHIM_REASON_REQUESTED, NULL);
  if (self->state == WHIM_SESSION_PAIRING && self->pairing.ready)
    whim_phone_code_can_start (self);
  whim_session_retell (self);
}

const char *
whim_session_peek_phone_code (WhimSession *self, gint64 *expires_at)
{
  gint64 left_ms;

  if (self->phone_code.shown == NULL)
    return NULL;
  left_ms = self->phone_code.expires_ms - whim_clock_get_monotonic_ms (self->clock);
  *expires_at = whim_clock_get_unix (self->clock) + MAX (left_ms, 0) / 1000;
  return self->phone_code.shown;
}

gboolean
whim_session_is_phone_code_wanted (WhimSession *self)
{
  return whim_phone_code_is_live (self);
}
