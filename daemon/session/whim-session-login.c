/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-session-private.h"

#include "base/whim-log.h"
#include "base/whim-util.h"
#include "session/whim-verdict.h"

#include <string.h>

/* From success to the end of the offline queue, and everything that can end it (dossier 1, 7, 8).
 *
 *   success -> save -> count -> (upload if the server has none) -> active -> unified_session
 *   offline_preview -> offline_batch -> stanzas -> offline: SYNCED when active was answered, too
 */

/* Below this the server's stock is filled up again (dossier 1, 9.2). */
#define PREKEYS_LOW 5u
#define PREKEYS_FIRST 812u
#define OFFLINE_BATCH 200

static void login_send_active (WhimSession *self);

void
whim_session_login_reset (WhimSession *self)
{
  self->logged_in = FALSE;
  self->offline_done = FALSE;
  self->active_done = FALSE;
  self->offline_batch_sent = FALSE;
  self->prekeys_on_server = G_MAXUINT;
  whim_clock_clear_timer (self->clock, &self->offline_timer);
}

/* Results of an older connection die quietly: the generation travels with the callback. */
typedef struct
{
  WhimSession *session;
  guint generation;
} LoginOp;

static LoginOp *
login_op_new (WhimSession *self)
{
  LoginOp *op = g_new0 (LoginOp, 1);

  op->session = self;
  op->generation = self->generation;
  return op;
}

/* Returns the answer, or NULL when it failed. The requests of a connection are failed before its
 * session is freed, so the session is still there; whether the connection is, the generation says.
 */
static WhimNode *
login_op_end (LoginOp *op, GAsyncResult *result, gboolean *current)
{
  g_autofree LoginOp *owned = op;
  g_autoptr (GError) error = NULL;
  WhimNode *answer = whim_session_request_finish (NULL, result, &error);

  if (answer == NULL
      && g_error_matches (error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED))
    {
      *current = FALSE;
      return NULL;
    }
  *current = owned->generation == owned->session->generation;
  return answer;
}

static void
login_maybe_synced (WhimSession *self)
{
  if (self->offline_done && self->active_done)
    {
      whim_clock_clear_timer (self->clock, &self->offline_timer);
      whim_session_handle (self, WHIM_SESSION_EVENT_SYNCED, WHIM_REASON_ONLINE, NULL);
    }
}

static void
offline_quiet_cb (gpointer user_data)
{
  WhimSession *self = user_data;

  self->offline_timer = 0;
  self->offline_done = TRUE;
  login_maybe_synced (self);
}

void
whim_session_login_heard_offline (WhimSession *self)
{
  if (self->offline_done)
    return;
  whim_clock_clear_timer (self->clock, &self->offline_timer);
  self->offline_timer
      = whim_clock_add_timer (self->clock, WHIM_OFFLINE_QUIET_MS, offline_quiet_cb, self);
}

static void
login_send_unified_session (WhimSession *self)
{
  gint64 now = self->server_base_ms == 0
                   ? whim_clock_get_unix_ms (self->clock)
                   : self->server_base_ms + whim_clock_get_monotonic_ms (self->clock);
  gint64 id = (now + 259200000) % 604800000; /* dossier 1, 7.3 */
  WhimNodeBuilder *child = whim_node_builder_new ("unified_session");
  WhimNodeBuilder *builder = whim_node_builder_new ("ib");
  g_autoptr (WhimNode) node = NULL;

  whim_node_builder_attr_int (child, "id", id);
  whim_node_builder_child (builder, whim_node_builder_end (child));
  node = whim_node_builder_end (builder);
  whim_session_send_raw (self, node);
}

static void
login_active_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  WhimSession *self = ((LoginOp *)user_data)->session;
  gboolean current;
  g_autoptr (WhimNode) answer = login_op_end (user_data, result, &current);

  if (!current)
    return;
  if (answer == NULL)
    {
      whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_PROTOCOL, NULL);
      return;
    }
  self->active_done = TRUE;
  login_send_unified_session (self);
  login_maybe_synced (self);
}

static void
login_send_active (WhimSession *self)
{
  WhimNodeBuilder *builder = whim_session_make_request (self, "set", "passive");

  whim_node_builder_child (builder, whim_node_builder_end (whim_node_builder_new ("active")));
  whim_session_request_async (self, whim_node_builder_end (builder), NULL, login_active_cb,
                              login_op_new (self));
}

static void
login_uploaded_cb (WhimSession *self, gboolean ok, gpointer data)
{
  if (GPOINTER_TO_UINT (data) != self->generation)
    return;
  if (!ok)
    {
      whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_PROTOCOL, NULL);
      return;
    }
  self->prekeys_on_server = PREKEYS_FIRST;
  login_send_active (self);
}

static void
login_count_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  WhimSession *self = ((LoginOp *)user_data)->session;
  gboolean current;
  g_autoptr (WhimNode) answer = login_op_end (user_data, result, &current);
  WhimNode *count;

  if (!current)
    return;
  if (answer == NULL)
    {
      whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_PROTOCOL, NULL);
      return;
    }
  count = whim_node_find_child (answer, "count");
  self->prekeys_on_server
      = count == NULL ? 0 : (guint)CLAMP (whim_node_get_attr_int (count, "value", 0), 0, 65535);
  /* Before active only if the server has none: otherwise after the offline queue, so that no key
   * is replaced under messages that wait (dossier 2, 6.11). */
  if (self->prekeys_on_server == 0)
    self->host->upload_prekeys (self, PREKEYS_FIRST, login_uploaded_cb,
                                GUINT_TO_POINTER (self->generation), self->host_data);
  else
    login_send_active (self);
}

void
whim_session_login_start (WhimSession *self)
{
  WhimNodeBuilder *builder = whim_session_make_request (self, "get", "encrypt");

  whim_node_builder_child (builder, whim_node_builder_end (whim_node_builder_new ("count")));
  whim_session_request_async (self, whim_node_builder_end (builder), NULL, login_count_cb,
                              login_op_new (self));
}

static void
login_saved_cb (WhimSession *self, gboolean ok, gpointer data)
{
  if (GPOINTER_TO_UINT (data) != self->generation)
    return;
  if (ok)
    whim_session_handle (self, WHIM_SESSION_EVENT_LOGGED_IN, WHIM_REASON_SYNCING, NULL);
  else
    whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_STORE, NULL);
}

void
whim_session_login_success (WhimSession *self, WhimNode *success)
{
  gint64 server_time = whim_node_get_attr_time (success, "t", 0);
  WhimJid *lid = whim_node_get_attr_jid (success, "lid");

  /* A second success, and one on an unregistered connection, mean nothing (dossier 1, 5.2, 7.1). */
  if (self->logged_in || self->state != WHIM_SESSION_LOGIN)
    return;
  self->logged_in = TRUE;
  if (server_time != 0)
    self->server_base_ms = server_time * 1000 - whim_clock_get_monotonic_ms (self->clock);
  if (lid != NULL && whim_jid_is_lid (lid))
    {
      guint device = whim_jid_get_device (self->credentials->pn);

      if (self->credentials->lid != NULL
          && strcmp (whim_jid_get_user (self->credentials->lid), whim_jid_get_user (lid)) != 0)
        g_message ("%s: the account has another LID now", self->log_name);
      g_clear_pointer (&self->credentials->lid, whim_jid_unref);
      self->credentials->lid = whim_jid_with_device (lid, device);
    }
  self->credentials->login_count++;
  whim_session_login_heard_offline (self);
  self->host->save (self, self->credentials, login_saved_cb, GUINT_TO_POINTER (self->generation),
                    self->host_data);
}

/* failure and stream:error: what the table says (dossier 1, 8.1, 8.2). The texts of a failure
 * (logout_message_*) are for the phone's owner and are not logged. */
void
whim_session_login_verdict (WhimSession *self, WhimNode *node)
{
  const WhimVerdict *verdict = whim_verdict_find (node);
  g_autofree char *detail = whim_verdict_make_detail (verdict, node);

  g_message ("%s: %s (%s)", self->log_name, whim_node_get_tag (node), detail);
  if (verdict->reason == WHIM_REASON_TEMPORARILY_BANNED)
    {
      gint64 expire = whim_node_get_attr_int (node, "expire", 0);

      self->ban_seconds = CLAMP (expire, 0, WHIM_BAN_MAX_S);
    }
  if (verdict->reason == WHIM_REASON_RATE_LIMITED)
    self->retry_raise = WHIM_RATE_LIMIT_STEPS;
  whim_session_handle (self, verdict->event, verdict->reason, detail);
}

static void
login_routing_saved_cb (WhimSession *self, gboolean ok, gpointer data)
{
}

/* The server's last date for this build; without a date it is withdrawn (7.4). No reason to stop.
 */
static void
login_take_expiration (WhimSession *self, WhimNode *expiration)
{
  gint64 at = whim_node_get_attr_time (expiration, "t", 0);

  g_message ("%s: the server tells a last date for this version", self->log_name);
  self->host->client_expires (self, at, self->host_data);
}

/* The phone that scanned knows no linked devices; another one may (5.2). */
static void
login_take_downgrade (WhimSession *self)
{
  if (self->state != WHIM_SESSION_PAIRING)
    return;
  whim_pairing_set_outcome (self, WHIM_REASON_PHONE_OUTDATED, NULL);
  whim_session_retell (self);
}

static void
login_pull_offline (WhimSession *self, WhimNode *preview)
{
  WhimNodeBuilder *child;
  WhimNodeBuilder *builder;
  g_autoptr (WhimNode) node = NULL;

  whim_session_login_heard_offline (self);
  if (whim_node_get_attr_int (preview, "count", 0) <= 0 || self->offline_batch_sent)
    return;
  self->offline_batch_sent = TRUE;
  child = whim_node_builder_new ("offline_batch");
  whim_node_builder_attr_int (child, "count", OFFLINE_BATCH);
  builder = whim_node_builder_new ("ib");
  whim_node_builder_child (builder, whim_node_builder_end (child));
  node = whim_node_builder_end (builder);
  whim_session_send_raw (self, node);
}

void
whim_session_login_ib (WhimSession *self, WhimNode *ib)
{
  WHIM_FOREACH_CHILD (ib, child)
    {
      if (whim_node_is (child, "offline_preview"))
        login_pull_offline (self, child);
      else if (whim_node_is (child, "offline"))
        {
          self->offline_done = TRUE;
          login_maybe_synced (self);
        }
      else if (whim_node_is (child, "client_expiration"))
        login_take_expiration (self, child);
      else if (whim_node_is (child, "downgrade_webclient"))
        login_take_downgrade (self);
      else if (whim_node_is (child, "edge_routing") && self->credentials != NULL)
        {
          WhimNode *info = whim_node_find_child (child, "routing_info");

          if (info == NULL || !whim_node_has_content (info))
            continue;
          g_clear_pointer (&self->credentials->routing_info, g_bytes_unref);
          self->credentials->routing_info = whim_node_dup_content (info);
          self->host->save (self, self->credentials, login_routing_saved_cb, NULL, self->host_data);
        }
    }
}

/* ---- logout by us (dossier 1, 8.6) --------------------------------------------------------- */

static void
unlink_grace_cb (gpointer user_data)
{
  WhimSession *self = user_data;

  self->close_timer = 0;
  whim_session_handle (self, WHIM_SESSION_EVENT_CLOSE_DONE, WHIM_REASON_LOGGED_OUT, NULL);
}

static void
unlink_answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  WhimSession *self = ((LoginOp *)user_data)->session;
  gboolean current;
  g_autoptr (WhimNode) answer = login_op_end (user_data, result, &current);

  if (current)
    whim_session_handle (self, WHIM_SESSION_EVENT_CLOSE_DONE, WHIM_REASON_LOGGED_OUT, NULL);
}

void
whim_session_login_unlink (WhimSession *self)
{
  WhimNodeBuilder *builder = whim_session_make_request (self, "set", "md");
  WhimNodeBuilder *child = whim_node_builder_new ("remove-companion-device");

  whim_node_builder_attr_jid (child, "jid", self->credentials->pn);
  whim_node_builder_attr (child, "reason", "user_initiated");
  whim_node_builder_child (builder, whim_node_builder_end (child));
  self->close_timer
      = whim_clock_add_timer (self->clock, WHIM_LOGOUT_GRACE_MS, unlink_grace_cb, self);
  whim_session_request_async (self, whim_node_builder_end (builder), NULL, unlink_answered_cb,
                              login_op_new (self));
}
