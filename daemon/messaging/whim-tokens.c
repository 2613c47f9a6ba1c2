/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "crypto/whim-crypto.h"
#include "proto/whim-proto.h"
#include "store/whim-store-tokens.h"

#include <string.h>

/* Privacy tokens (dossier 2, 4.9, 4.10): theirs admit us, ours admit them. */

/* A token is good for the running week and the three before it. */
#define BUCKET_S G_GINT64_CONSTANT (604800)
#define BUCKETS 4
#define MAX_TOKENS 16u
#define MAX_TOKEN 512u
#define SALT_SIZE 32u

gint64
whim_tokens_get_oldest (gint64 now)
{
  return (now / BUCKET_S - (BUCKETS - 1)) * BUCKET_S;
}

gint64
whim_messenger_get_oldest_token (gint64 now)
{
  return whim_tokens_get_oldest (now);
}

gboolean
whim_tokens_is_due (gint64 now, gint64 issued_at)
{
  return now / BUCKET_S > issued_at / BUCKET_S;
}

void
whim_tokens_make_stranger (const WhimSecret *salt, const char *lid, guint8 token[32])
{
  whim_hmac_sha256 (whim_secret_get (salt), whim_secret_get_size (salt), lid, strlen (lid), NULL, 0,
                    token);
}

WhimNode *
whim_tokens_make_node (const WhimStanding *standing, const WhimJid *to, gint64 now)
{
  guint8 token[32];

  if (standing == NULL)
    return NULL;
  if (standing->token != NULL && standing->token_at >= whim_tokens_get_oldest (now))
    return whim_messenger_make_leaf ("tctoken", g_bytes_get_data (standing->token, NULL),
                                     g_bytes_get_size (standing->token));
  if (standing->salt == NULL || !whim_jid_is_lid (to))
    return NULL;
  whim_tokens_make_stranger (standing->salt, whim_jid_get_text (to), token);
  return whim_messenger_make_leaf ("cstoken", token, sizeof token);
}

/* ---- theirs ---------------------------------------------------------------------------------- */

void
whim_tokens_take_notification (WhimMessenger *self, WhimUnit *unit, WhimNode *notification)
{
  WhimJid *from = whim_node_get_attr_jid (notification, "from");
  WhimJid *lid = whim_node_get_attr_jid (notification, "sender_lid");
  WhimNode *tokens = whim_node_find_child (notification, "tokens");
  g_autoptr (WhimJid) bare = NULL;
  g_autoptr (WhimJid) other = NULL;
  gint64 now = whim_session_get_server_time (self->session);
  guint n = tokens == NULL ? 0 : MIN (whim_node_get_n_children (tokens), MAX_TOKENS);

  if (from == NULL || !whim_jid_is_user (from) || whim_messenger_is_own (self, from))
    return;
  bare = whim_jid_to_bare (lid != NULL && whim_jid_is_lid (lid) ? lid : from);
  if (!whim_jid_is_lid (bare))
    other = whim_directory_peek_other (self->directory, bare);
  for (guint i = 0; i < n; i++)
    {
      WhimNode *token = whim_node_get_child (tokens, i);
      g_autoptr (GBytes) bytes = whim_node_dup_content (token);
      /* the time is what he says: one that is ahead would keep later tokens out for ever */
      gint64 at = MIN (whim_node_get_attr_time (token, "t", 0), now);

      if (whim_node_is (token, "token") && whim_node_attr_equals (token, "type", "trusted_contact")
          && bytes != NULL && g_bytes_get_size (bytes) > 0 && g_bytes_get_size (bytes) <= MAX_TOKEN)
        whim_unit_put_privacy_token (unit, whim_jid_get_text (other != NULL ? other : bare), bytes,
                                     at);
    }
}

/* The salt of tokens for strangers comes with the history; small ones stand in the notification. */
void
whim_tokens_take_history (WhimUnit *unit, const Wa__ProtocolMessage *protocol)
{
  const Wa__HistorySyncNotification *notification = protocol->historysyncnotification;
  g_autoptr (GBytes) plain = NULL;
  g_autoptr (Wa__HistorySync) history = NULL;
  g_autoptr (GBytes) salt = NULL;

  if (notification == NULL || !notification->has_initialhistbootstrapinlinepayload)
    return;
  plain = whim_inflate (notification->initialhistbootstrapinlinepayload.data,
                        notification->initialhistbootstrapinlinepayload.len, NULL);
  if (plain != NULL)
    history = whim_proto_unpack_bytes (&wa__history_sync__descriptor, plain, NULL);
  if (history == NULL || !history->has_nctsalt || history->nctsalt.len != SALT_SIZE)
    return;
  salt = g_bytes_new (history->nctsalt.data, history->nctsalt.len);
  whim_unit_put_pairing_material (unit, WHIM_MATERIAL_NCT_SALT, "", salt);
}

/* ---- ours ------------------------------------------------------------------------------------ */

typedef struct
{
  WhimMessenger *messenger;
  char *user;
  gint64 at;
} IssueOp;

static void
token_issued_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  IssueOp *op = user_data;
  g_autoptr (WhimMessenger) self = op->messenger;
  g_autofree char *user = op->user;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, NULL);

  g_hash_table_remove (self->issuing, user);
  /* not given: the next message tries again */
  if (answer != NULL && whim_messenger_is_open (self))
    {
      WhimUnit *unit = whim_messenger_new_unit (self);

      whim_unit_issue_privacy_token (unit, user, op->at);
      whim_messenger_commit (self, unit, NULL, NULL);
    }
  g_free (op);
}

void
whim_tokens_issue (WhimMessenger *self, const char *user, gint64 issued_at)
{
  gint64 now = whim_session_get_server_time (self->session);
  g_autoptr (WhimJid) jid = whim_jid_parse (user, NULL);
  WhimNodeBuilder *iq;
  WhimNodeBuilder *tokens;
  WhimNodeBuilder *token;
  IssueOp *op;

  if (jid == NULL || !whim_tokens_is_due (now, issued_at)
      || !g_hash_table_add (self->issuing, g_strdup (user)))
    return;
  iq = whim_session_make_request (self->session, "set", "privacy");
  tokens = whim_node_builder_new ("tokens");
  token = whim_node_builder_new ("token");
  whim_node_builder_attr_jid (token, "jid", jid);
  whim_node_builder_attr_int (token, "t", now);
  whim_node_builder_attr (token, "type", "trusted_contact");
  whim_node_builder_child (tokens, whim_node_builder_end (token));
  whim_node_builder_child (iq, whim_node_builder_end (tokens));
  op = g_new0 (IssueOp, 1);
  op->messenger = whim_messenger_ref (self);
  op->user = g_strdup (user);
  op->at = now;
  whim_session_request_async (self->session, whim_node_builder_end (iq), NULL, token_issued_cb, op);
}
