/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "sandbox/sandbox-control-private.h"

#include <string.h>

/* The server's and the phone's side of pairing by phone code (dossier 1, 6), and what can go wrong
 * with pairing on request. */

#define TAG "link_code_companion_reg"
#define WRAPPED_SIZE 80u
#define BUNDLE_SIZE 156u
#define ITERATIONS 131072u
#define CODE_LENGTH 8u
#define ALPHABET "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
#define BUNDLE_INFO "link_code_pairing_key_bundle_encryption_key"

struct _SandboxCode
{
  char *phone; /* the number that it was asked for */
  char *ref;
  guint8 wrapped[WRAPPED_SIZE];    /* the companion's ephemeral */
  guint8 companion[WHIM_KEY_SIZE]; /* unwrapped with what the owner typed */
  WhimKeyPair *ephemeral;          /* the phone's */
  WhimNode *hello;                 /* the latest primary_hello */
  Account *account;
};

void
sandbox_code_free (SandboxCode *self)
{
  g_free (self->phone);
  g_free (self->ref);
  g_clear_pointer (&self->ephemeral, whim_key_pair_unref);
  g_clear_pointer (&self->hello, whim_node_unref);
  g_free (self);
}

/* ---- the server ------------------------------------------------------------------------------ */

static gboolean
is_display (WhimNode *reg)
{
  static const char *const systems[] = { "Windows", "Mac OS", "Linux", "Android", "iOS", "Ubuntu" };
  WhimNode *node = whim_node_find_child (reg, "companion_platform_display");
  g_autofree char *text = node == NULL ? NULL : whim_node_dup_content_text (node);
  const char *open = text == NULL ? NULL : strstr (text, " (");

  for (guint i = 0; open != NULL && open != text && i < G_N_ELEMENTS (systems); i++)
    {
      g_autofree char *end = g_strdup_printf (" (%s)", systems[i]);

      if (strcmp (open, end) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
answer_hello (Connection *self, WhimNode *iq, WhimNode *reg)
{
  const guint8 *wrapped = sandbox_child_bytes (
      reg, "link_code_pairing_wrapped_companion_ephemeral_pub", WRAPPED_SIZE);
  const guint8 *noise = sandbox_child_bytes (reg, "companion_server_auth_key_pub", WHIM_KEY_SIZE);
  WhimJid *jid = whim_node_get_attr_jid (reg, "jid");
  WhimNodeBuilder *ref = whim_node_builder_new ("link_code_pairing_ref");
  WhimNodeBuilder *builder = whim_node_builder_new (TAG);
  SandboxCode *code;

  code = g_new0 (SandboxCode, 1);
  code->ref = whim_random_id ("3@code");
  whim_node_builder_data (ref, code->ref, strlen (code->ref));
  whim_node_builder_attr (builder, "stage", "companion_hello");
  whim_node_builder_child (builder, whim_node_builder_end (ref));
  if (wrapped == NULL || noise == NULL || jid == NULL || !whim_jid_is_user (jid)
      || whim_jid_get_device (jid) != 0 || !is_display (reg)
      || memcmp (noise, self->client_static, WHIM_KEY_SIZE) != 0
      || sandbox_child_bytes (reg, "link_code_pairing_nonce", 1) == NULL
      || sandbox_child_bytes (reg, "companion_platform_id", 1) == NULL)
    {
      g_autoptr (WhimNode) unused = whim_node_builder_end (builder);

      sandbox_violation (self->sandbox, "a companion_hello that cannot be");
      sandbox_iq_error (self, iq, 400, "bad-request");
      sandbox_code_free (code);
      return;
    }
  code->phone = g_strdup (whim_jid_get_user (jid));
  whim_copy (code->wrapped, wrapped, WRAPPED_SIZE);
  g_clear_pointer (&self->code, sandbox_code_free);
  self->code = code;
  sandbox_count (self->sandbox, "codes");
  sandbox_iq_result (self, iq, whim_node_builder_end (builder));
  sandbox_control_check (self->sandbox);
}

/* ---- the phone ------------------------------------------------------------------------------- */

static WhimSecret *
derive (const char *typed, const guint8 *salt)
{
  return whim_pbkdf2_sha256 (typed, CODE_LENGTH, salt, 32, ITERATIONS, 32);
}

static WhimNode *
make_primary_hello (Sandbox *sandbox, SandboxCode *code, const char *typed)
{
  WhimNodeBuilder *builder = sandbox_from_server (sandbox, "notification", TAG);
  WhimNodeBuilder *reg = whim_node_builder_new (TAG);
  guint8 wrapped[WRAPPED_SIZE];
  g_autoptr (WhimSecret) own_key = NULL;
  const struct
  {
    const char *tag;
    gconstpointer bytes;
    gsize len;
  } children[] = { { "link_code_pairing_wrapped_primary_ephemeral_pub", wrapped, sizeof wrapped },
                   { "primary_identity_pub", whim_key_pair_get_public (code->account->identity),
                     WHIM_KEY_SIZE },
                   { "link_code_pairing_ref", code->ref, strlen (code->ref) } };

  whim_random_bytes (wrapped, 48);
  own_key = derive (typed, wrapped);
  whim_aes256_ctr (whim_secret_get (own_key), wrapped + 32,
                   whim_key_pair_get_public (code->ephemeral), WHIM_KEY_SIZE, wrapped + 48);
  whim_node_builder_attr (reg, "stage", "primary_hello");
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    {
      WhimNodeBuilder *child = whim_node_builder_new (children[i].tag);

      whim_node_builder_data (child, children[i].bytes, children[i].len);
      whim_node_builder_child (reg, whim_node_builder_end (child));
    }
  whim_node_builder_child (builder, whim_node_builder_end (reg));
  return whim_node_builder_end (builder);
}

static Connection *
find_by_code (Sandbox *self, const char *pn)
{
  for (guint i = self->connections->len; i-- > 0;)
    {
      Connection *connection = g_ptr_array_index (self->connections, i);

      if (connection->state == CONNECTION_REGISTRATION && connection->code != NULL
          && strcmp (connection->code->phone, pn) == 0)
        return connection;
    }
  return NULL;
}

static gboolean
clean_code (const char *typed, char code[CODE_LENGTH + 1])
{
  guint n = 0;

  for (const char *at = typed; at != NULL && *at != '\0'; at++)
    if (*at != '-' && (n == CODE_LENGTH || strchr (ALPHABET, *at) == NULL))
      return FALSE;
    else if (*at != '-')
      code[n++] = *at;
  code[n] = '\0';
  return n == CODE_LENGTH;
}

static JsonNode *
enter_code (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  const char *pn = sandbox_control_text (body, "phone");
  Account *account = pn == NULL ? NULL : sandbox_find_number (self, pn);
  Connection *connection = account == NULL ? NULL : find_by_code (self, pn);
  char typed[CODE_LENGTH + 1];
  gint64 times = sandbox_control_int (body, "times", 1);
  g_autoptr (WhimSecret) key = NULL;
  SandboxCode *code;

  if (connection == NULL)
    *error = account == NULL ? "no such phone" : "nobody asked for a code for this number";
  else if (!clean_code (sandbox_control_text (body, "code"), typed))
    *error = "that is no code";
  if (*error != NULL)
    return NULL;
  code = connection->code;
  code->account = account;
  key = derive (typed, code->wrapped);
  whim_aes256_ctr (whim_secret_get (key), code->wrapped + 32, code->wrapped + 48, WHIM_KEY_SIZE,
                   code->companion);
  g_clear_pointer (&code->ephemeral, whim_key_pair_unref);
  code->ephemeral = whim_key_pair_new ();
  g_clear_pointer (&code->hello, whim_node_unref);
  code->hello = make_primary_hello (self, code, typed);
  for (gint64 i = 0; i < times; i++)
    sandbox_connection_send (connection, code->hello);
  return sandbox_control_ok ();
}

/* The three keys in the bundle, if it opens (dossier 1, 6.4). */
static WhimSecret *
open_bundle (SandboxCode *code, WhimSecret *es, const guint8 *bundle)
{
  g_autoptr (WhimSecret) key
      = whim_hkdf_sha256 (whim_secret_get (es), WHIM_KEY_SIZE, bundle, 32, BUNDLE_INFO, 32);
  g_autoptr (WhimAead) aead = whim_aead_new (whim_secret_get (key));
  g_autoptr (WhimSecret) plain = whim_secret_new (3 * WHIM_KEY_SIZE);

  if (!whim_aead_open (aead, bundle + 32, NULL, 0, bundle + 44, BUNDLE_SIZE - 44,
                       whim_secret_get_writable (plain)))
    return NULL;
  return g_steal_pointer (&plain);
}

static void
take_finish (Connection *self, WhimNode *iq, WhimNode *reg)
{
  SandboxCode *code = self->code;
  const guint8 *bundle
      = sandbox_child_bytes (reg, "link_code_pairing_wrapped_key_bundle", BUNDLE_SIZE);
  const guint8 *identity = sandbox_child_bytes (reg, "companion_identity_public", WHIM_KEY_SIZE);
  const guint8 *ref = code == NULL
                          ? NULL
                          : sandbox_child_bytes (reg, "link_code_pairing_ref", strlen (code->ref));
  g_autoptr (WhimSecret) es = NULL;
  g_autoptr (WhimSecret) is = NULL;
  g_autoptr (WhimSecret) plain = NULL;
  g_autoptr (WhimSecret) ikm = whim_secret_new (3 * WHIM_KEY_SIZE);
  g_autoptr (WhimSecret) secret = NULL;
  guint8 *bytes = whim_secret_get_writable (ikm);

  if (bundle == NULL || identity == NULL || ref == NULL || code->account == NULL
      || memcmp (ref, code->ref, strlen (code->ref)) != 0
      || memcmp (identity, self->candidate->identity, WHIM_KEY_SIZE) != 0)
    {
      sandbox_violation (self->sandbox, "a companion_finish that cannot be");
      sandbox_iq_error (self, iq, 400, "bad-request");
      return;
    }
  sandbox_count (self->sandbox, "code-finishes");
  sandbox_iq_result (self, iq, NULL);
  es = whim_x25519 (code->ephemeral, code->companion, NULL);
  is = whim_x25519 (code->account->identity, identity, NULL);
  plain = es == NULL || is == NULL ? NULL : open_bundle (code, es, bundle);
  if (plain == NULL || memcmp (whim_secret_get (plain), identity, WHIM_KEY_SIZE) != 0
      || memcmp (whim_secret_get (plain) + WHIM_KEY_SIZE,
                 whim_key_pair_get_public (code->account->identity), WHIM_KEY_SIZE)
             != 0)
    {
      /* "the code is wrong", says the phone; the companion hears nothing */
      sandbox_count (self->sandbox, "wrong-codes");
      return;
    }
  if (self->pairing_account != NULL || self->sandbox->pairing.deaf)
    {
      sandbox_count (self->sandbox, "codes-ignored");
      return;
    }
  whim_copy (bytes, whim_secret_get (es), WHIM_KEY_SIZE);
  whim_copy (bytes + WHIM_KEY_SIZE, whim_secret_get (is), WHIM_KEY_SIZE);
  whim_copy (bytes + 2 * WHIM_KEY_SIZE, whim_secret_get (plain) + 2 * WHIM_KEY_SIZE, WHIM_KEY_SIZE);
  secret = whim_hkdf_sha256 (bytes, 3 * WHIM_KEY_SIZE, NULL, 0, "adv_secret", 32);
  if (self->sandbox->pairing.refresh)
    sandbox_send_reg_refresh (self);
  sandbox_pair (self, code->account, identity, whim_secret_get (secret));
}

gboolean
sandbox_handle_code_iq (Connection *self, WhimNode *iq)
{
  WhimNode *reg = whim_node_find_child (iq, TAG);
  guint refusal = self->sandbox->pairing.refuse_codes;

  if (reg == NULL || !whim_node_attr_equals (iq, "xmlns", "md"))
    return FALSE;
  if (whim_node_attr_equals (reg, "stage", "companion_hello") && refusal != 0)
    {
      sandbox_count (self->sandbox, "codes-refused");
      sandbox_iq_error (self, iq, refusal, "refused");
      sandbox_control_check (self->sandbox);
    }
  else if (whim_node_attr_equals (reg, "stage", "companion_hello"))
    answer_hello (self, iq, reg);
  else if (whim_node_attr_equals (reg, "stage", "companion_finish"))
    take_finish (self, iq, reg);
  else
    return FALSE;
  return TRUE;
}

void
sandbox_send_reg_refresh (Connection *self)
{
  WhimNodeBuilder *builder
      = sandbox_from_server (self->sandbox, "notification", "companion_reg_refresh");
  g_autoptr (WhimNode) node = NULL;

  whim_node_builder_child (builder,
                           whim_node_builder_end (whim_node_builder_new ("companion_reg_refresh")));
  node = whim_node_builder_end (builder);
  sandbox_connection_send (self, node);
}

/* ---- on request ------------------------------------------------------------------------------ */

static Connection *
newest_registration (Sandbox *self, const char **error)
{
  for (guint i = self->connections->len; i-- > 0;)
    {
      Connection *connection = g_ptr_array_index (self->connections, i);

      if (connection->state == CONNECTION_REGISTRATION)
        return connection;
    }
  *error = "nobody wants to be linked";
  return NULL;
}

static JsonNode *
refresh_code (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Connection *connection = newest_registration (self, error);
  WhimNodeBuilder *builder;
  WhimNodeBuilder *reg;
  WhimNodeBuilder *ref;
  g_autoptr (WhimNode) node = NULL;

  if (connection == NULL)
    return NULL;
  if (connection->code == NULL)
    {
      *error = "nobody asked for a code";
      return NULL;
    }
  builder = sandbox_from_server (self, "notification", TAG);
  reg = whim_node_builder_new (TAG);
  ref = whim_node_builder_new ("link_code_pairing_ref");
  whim_node_builder_attr (reg, "stage", "refresh_code");
  if (json_object_get_boolean_member_with_default (body, "force", FALSE))
    whim_node_builder_attr (reg, "force_manual_refresh", "true");
  whim_node_builder_data (ref, connection->code->ref, strlen (connection->code->ref));
  whim_node_builder_child (reg, whim_node_builder_end (ref));
  whim_node_builder_child (builder, whim_node_builder_end (reg));
  node = whim_node_builder_end (builder);
  sandbox_connection_send (connection, node);
  return sandbox_control_ok ();
}

static JsonNode *
pairing_faults (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  static const char *const forgeries[]
      = { "", "hmac", "signature", "details", "key-index", "malformed", "empty" };
  const char *forge = sandbox_control_text (body, "forge");

  self->pairing.refuse_codes = (guint)sandbox_control_int (body, "refuseCodes", 0);
  self->pairing.refresh = json_object_get_boolean_member_with_default (body, "refresh", FALSE);
  self->pairing.deaf = json_object_get_boolean_member_with_default (body, "deaf", FALSE);
  self->pairing.hosted = json_object_get_boolean_member_with_default (body, "hosted", FALSE);
  self->pairing.forgery = SANDBOX_FORGE_NOTHING;
  for (guint i = 0; forge != NULL && i < G_N_ELEMENTS (forgeries); i++)
    if (strcmp (forge, forgeries[i]) == 0)
      self->pairing.forgery = (SandboxForgery)i;
  return sandbox_control_ok ();
}

static JsonNode *
registration (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  static const char *const notifications[] = { "passkey_prologue_request", "crsc_continuation" };
  const char *what = sandbox_control_text (body, "send");
  Connection *connection = newest_registration (self, error);
  g_autoptr (WhimNode) node = NULL;

  if (connection == NULL)
    return NULL;
  if (g_strcmp0 (what, "pair-device") == 0)
    {
      sandbox_send_refs (connection);
      return sandbox_control_ok ();
    }
  if (g_strcmp0 (what, "companion_reg_refresh") == 0)
    {
      sandbox_send_reg_refresh (connection);
      return sandbox_control_ok ();
    }
  if (g_strcmp0 (what, "drop") == 0)
    {
      sandbox_connection_close (connection, FALSE);
      return sandbox_control_ok ();
    }
  if (g_strcmp0 (what, "ping") == 0)
    {
      WhimNodeBuilder *ping = sandbox_from_server (self, "iq", "get");

      whim_node_builder_attr (ping, "xmlns", "urn:xmpp:ping");
      node = whim_node_builder_end (ping);
    }
  if (g_strcmp0 (what, "downgrade_webclient") == 0)
    {
      WhimNodeBuilder *ib = sandbox_from_server (self, "ib", NULL);

      whim_node_builder_child (ib, whim_node_builder_end (whim_node_builder_new (what)));
      node = whim_node_builder_end (ib);
    }
  for (guint i = 0; i < G_N_ELEMENTS (notifications); i++)
    if (g_strcmp0 (what, notifications[i]) == 0)
      {
        WhimNodeBuilder *builder = sandbox_from_server (self, "notification", what);

        whim_node_builder_child (
            builder, whim_node_builder_end (whim_node_builder_new ("passkey_request_options")));
        node = whim_node_builder_end (builder);
      }
  if (node == NULL)
    {
      *error = "the sandbox cannot send that";
      return NULL;
    }
  sandbox_connection_send (connection, node);
  return sandbox_control_ok ();
}

/* Handshakes wait for their answer, so that they pile up. */
static JsonNode *
hold_handshakes (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  g_autoptr (GPtrArray) all
      = g_ptr_array_new_with_free_func ((GDestroyNotify)sandbox_connection_unref);

  for (guint i = 0; i < self->connections->len; i++)
    g_ptr_array_add (all, sandbox_connection_ref (g_ptr_array_index (self->connections, i)));
  self->hold_handshakes = json_object_get_boolean_member_with_default (body, "on", TRUE);
  for (guint i = 0; !self->hold_handshakes && i < all->len; i++)
    sandbox_connection_answer_held (g_ptr_array_index (all, i));
  return sandbox_control_ok ();
}

static JsonNode *
minimal_revision (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  self->minimal_revision = (guint32)sandbox_control_int (body, "revision", 0);
  return sandbox_control_ok ();
}

static JsonNode *
told_lid (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  const char *pn = sandbox_control_text (body, "phone");
  Account *account = pn == NULL ? NULL : sandbox_find_number (self, pn);

  if (account == NULL)
    {
      *error = "no such phone";
      return NULL;
    }
  g_free (account->told_lid);
  account->told_lid = g_strdup (sandbox_control_text (body, "lid"));
  return sandbox_control_ok ();
}

static JsonNode *
drop_all (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  for (guint i = self->connections->len; i-- > 0;)
    sandbox_connection_close (g_ptr_array_index (self->connections, i), FALSE);
  return sandbox_control_ok ();
}

const ControlRow sandbox_code_rows[] = {
  { "POST", "/enter-code", enter_code },
  { "POST", "/refresh-code", refresh_code },
  { "POST", "/pairing", pairing_faults },
  { "POST", "/registration", registration },
  { "POST", "/hold-handshakes", hold_handshakes },
  { "POST", "/drop-all", drop_all },
  { "POST", "/minimal-revision", minimal_revision },
  { "POST", "/told-lid", told_lid },
};
const guint sandbox_n_code_rows = G_N_ELEMENTS (sandbox_code_rows);
