/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "crypto/whim-crypto.h"
#include "sandbox/sandbox-control-private.h"

#include <string.h>

/* Whom an account may write to: privacy tokens (dossier 2, 4.9, 4.10), restricted accounts (12.1).
 */

#define TOKEN_SIZE 24u
/* Tokens from one account to another that count: they are good for weeks, and some clients give one
 * with every message, while a sealed one of an offline client waits. */
#define MAX_GIVEN 1024u

void
sandbox_limits_init (Account *self)
{
  self->tokens
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  self->heard = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  whim_random_bytes (self->nct_salt, sizeof self->nct_salt);
}

void
sandbox_limits_clear (Account *self)
{
  g_hash_table_unref (self->tokens);
  g_hash_table_unref (self->heard);
}

void
sandbox_limits_hear (Device *to, WhimNode *message)
{
  WhimJid *from = whim_node_get_attr_jid (message, "from");
  Account *account = from == NULL ? NULL : sandbox_find_account (to->account->sandbox, from);

  if (account != NULL && account != to->account)
    g_hash_table_add (to->account->heard, g_strdup (account->lid));
}

static gboolean
bytes_are (WhimNode *node, gconstpointer wanted, gsize size)
{
  gsize len = 0;
  const guint8 *bytes = node == NULL ? NULL : whim_node_get_content (node, &len);

  return bytes != NULL && len == size && memcmp (bytes, wanted, size) == 0;
}

/* One that was given before the newest counts as well: it may be on its way, or sealed. */
static gboolean
was_given (GPtrArray *given, WhimNode *token)
{
  for (guint i = given == NULL ? 0 : given->len; i-- > 0;)
    {
      GBytes *bytes = g_ptr_array_index (given, i);

      if (bytes_are (token, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)))
        return TRUE;
    }
  return FALSE;
}

/* TRUE if it has a token that counts; a wrong one is a fault of the client in any case. */
static gboolean
has_token (Account *from, Account *to, WhimNode *message)
{
  WhimNode *tctoken = whim_node_find_child (message, "tctoken");
  WhimNode *cstoken = whim_node_find_child (message, "cstoken");
  GPtrArray *given = g_hash_table_lookup (to->tokens, from->lid);
  g_autofree char *lid = g_strconcat (to->lid, "@lid", NULL);
  guint8 stranger[32];

  whim_hmac_sha256 (from->nct_salt, sizeof from->nct_salt, lid, strlen (lid), NULL, 0, stranger);
  if (tctoken != NULL)
    sandbox_count (from->sandbox, "tctokens");
  if (cstoken != NULL)
    sandbox_count (from->sandbox, "cstokens");
  if (tctoken != NULL && !was_given (given, tctoken))
    sandbox_violation (from->sandbox, "a tctoken that nobody gave");
  if (cstoken != NULL && !bytes_are (cstoken, stranger, sizeof stranger))
    sandbox_violation (from->sandbox, "a cstoken that is none");
  return tctoken != NULL || cstoken != NULL;
}

guint
sandbox_limits_refuse (Device *from, Account *to, WhimNode *message)
{
  Account *account = from->account;
  gboolean token;

  if (account == to || whim_node_get_attr (message, "category") != NULL)
    {
      if (whim_node_find_child (message, "tctoken") != NULL
          || whim_node_find_child (message, "cstoken") != NULL)
        sandbox_violation (account->sandbox, "a privacy token on a message to oneself");
      return 0;
    }
  token = has_token (account, to, message);
  if (from->number == 0 || whim_node_find_child (message, "participants") == NULL)
    return 0;
  if (account->reachout_ends > 0 && !g_hash_table_contains (account->heard, to->lid))
    return 463;
  if (account->capped_until > 0 && !g_hash_table_contains (account->heard, to->lid))
    return 475;
  return account->needs_tokens && !token ? 463 : 0;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void
tell_token (Account *from, Account *to, GBytes *bytes, gint64 at)
{
  for (guint i = 1; i < to->devices->len; i++)
    {
      Device *device = g_ptr_array_index (to->devices, i);
      WhimNodeBuilder *builder = whim_node_builder_new ("notification");
      WhimNodeBuilder *tokens = whim_node_builder_new ("tokens");
      WhimNodeBuilder *token = whim_node_builder_new ("token");
      g_autofree char *id = sandbox_stanza_id (from->sandbox);
      g_autoptr (WhimJid) pn = sandbox_account_jid (from, FALSE);
      g_autoptr (WhimJid) lid = sandbox_account_jid (from, TRUE);
      g_autoptr (WhimNode) node = NULL;

      whim_node_builder_attr_jid (builder, "from", pn);
      whim_node_builder_attr_jid (builder, "sender_lid", lid);
      whim_node_builder_attr (builder, "type", "privacy_token");
      whim_node_builder_attr (builder, "id", id);
      whim_node_builder_attr_int (builder, "t", sandbox_now ());
      whim_node_builder_attr (token, "type", "trusted_contact");
      whim_node_builder_attr_int (token, "t", at);
      whim_node_builder_bytes (token, bytes);
      whim_node_builder_child (tokens, whim_node_builder_end (token));
      whim_node_builder_child (builder, whim_node_builder_end (tokens));
      node = whim_node_builder_end (builder);
      sandbox_deliver (device, node);
    }
}

void
sandbox_limits_handle_tokens (Connection *connection, WhimNode *iq, WhimNode *tokens)
{
  Account *self = connection->device->account;

  WHIM_FOREACH_CHILD (tokens, token)
    {
      WhimJid *jid = whim_node_get_attr_jid (token, "jid");
      Account *to = jid == NULL ? NULL : sandbox_find_account (self->sandbox, jid);
      guint8 bytes[TOKEN_SIZE];
      GBytes *made;
      GPtrArray *given;

      if (to == NULL || !whim_node_attr_equals (token, "type", "trusted_contact")
          || whim_node_get_attr_int (token, "t", 0) <= 0)
        {
          sandbox_violation (self->sandbox, "a token against the schema");
          sandbox_iq_error (connection, iq, 400, "bad-request");
          return;
        }
      whim_random_bytes (bytes, sizeof bytes);
      made = g_bytes_new (bytes, sizeof bytes);
      given = g_hash_table_lookup (self->tokens, to->lid);
      if (given == NULL)
        {
          given = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
          g_hash_table_insert (self->tokens, g_strdup (to->lid), given);
        }
      g_ptr_array_add (given, made);
      if (given->len > MAX_GIVEN)
        g_ptr_array_remove_index (given, 0);
      sandbox_count (self->sandbox, "tokens-issued");
      tell_token (self, to, made, whim_node_get_attr_int (token, "t", 0));
    }
  sandbox_iq_result (connection, iq, NULL);
}

/* ---- restrictions ---------------------------------------------------------------------------- */

static char *
reachout_state (Account *self)
{
  return self->reachout_ends == 0
             ? g_strdup ("{\"is_active\":false}")
             : g_strdup_printf ("{\"is_active\":true,\"time_enforcement_ends\":\"%" G_GINT64_FORMAT
                                "\",\"enforcement_type\":\"DEFAULT\"}",
                                self->reachout_ends);
}

static char *
capping_state (Account *self)
{
  return g_strdup_printf (
      "{\"total_quota\":50,\"used_quota\":%d,\"cycle_end_timestamp\":%" G_GINT64_FORMAT
      ",\"capping_status\":\"%s\"}",
      self->capped_until > 0 ? 50 : 1, self->capped_until,
      self->capped_until > 0 ? "CAPPED" : "NONE");
}

void
sandbox_limits_handle_mex (Connection *connection, WhimNode *iq, WhimNode *query)
{
  Account *self = connection->device->account;
  const char *id = whim_node_get_attr (query, "query_id");
  gboolean reachout = g_strcmp0 (id, "23983697327930364") == 0;
  g_autofree char *state = reachout ? reachout_state (self) : capping_state (self);
  g_autofree char *text = NULL;
  WhimNodeBuilder *result;

  if (!reachout && g_strcmp0 (id, "24503548349331633") != 0)
    {
      sandbox_unexpected (self->sandbox, "a stored query that is not known");
      sandbox_iq_error (connection, iq, 400, "bad-request");
      return;
    }
  text = g_strdup_printf (
      "{\"data\":{\"%s\":%s}}",
      reachout ? "xwa2_fetch_account_reachout_timelock" : "xwa2_message_capping_info", state);
  result = whim_node_builder_new ("result");
  whim_node_builder_text (result, text);
  sandbox_iq_result (connection, iq, whim_node_builder_end (result));
}

static void
tell_restriction (Account *self, gboolean reachout)
{
  g_autofree char *state = reachout ? reachout_state (self) : capping_state (self);
  g_autofree char *text
      = g_strdup_printf ("{\"data\":{\"%s\":%s}}",
                         reachout ? "xwa2_notify_account_reachout_timelock"
                                  : "xwa2_notify_new_chat_messages_capping_info_update",
                         state);

  for (guint i = 1; i < self->devices->len; i++)
    {
      Device *device = g_ptr_array_index (self->devices, i);
      WhimNodeBuilder *builder = sandbox_from_server (self->sandbox, "notification", "mex");
      WhimNodeBuilder *update = whim_node_builder_new ("update");
      g_autoptr (WhimNode) node = NULL;

      whim_node_builder_attr (update, "op_name",
                              reachout ? "NotificationUserReachoutTimelockUpdate"
                                       : "MessageCappingInfoNotification");
      whim_node_builder_text (update, text);
      whim_node_builder_child (builder, whim_node_builder_end (update));
      node = whim_node_builder_end (builder);
      sandbox_deliver (device, node);
    }
}

/* {"phone", "kind": "reachout"|"new_chats", "seconds" (0 = it ends), "tell": a notification} */
static JsonNode *
restrict_account (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);
  const char *kind = sandbox_control_text (body, "kind");
  gint64 seconds = sandbox_control_int (body, "seconds", 3600);
  gint64 ends = seconds == 0 ? 0 : sandbox_now () + seconds;
  gboolean reachout = g_strcmp0 (kind, "reachout") == 0;

  if (device == NULL)
    return NULL;
  if (!reachout && g_strcmp0 (kind, "new_chats") != 0)
    {
      *error = "kind must be reachout or new_chats";
      return NULL;
    }
  if (reachout)
    device->account->reachout_ends = ends;
  else
    device->account->capped_until = ends;
  if (json_object_get_boolean_member_with_default (body, "tell", FALSE))
    tell_restriction (device->account, reachout);
  return sandbox_control_ok ();
}

/* {"phone", "on"}: companions of it need a token for every message */
static JsonNode *
require_tokens (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  device->account->needs_tokens = json_object_get_boolean_member_with_default (body, "on", TRUE);
  return sandbox_control_ok ();
}

const ControlRow sandbox_limit_rows[] = {
  { "POST", "/restrict", restrict_account },
  { "POST", "/require-tokens", require_tokens },
};
const guint sandbox_n_limit_rows = G_N_ELEMENTS (sandbox_limit_rows);
