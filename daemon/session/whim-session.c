/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-session-private.h"

#include "base/whim-log.h"
#include "base/whim-random.h"
#include "base/whim-util.h"
#include "noise/whim-noise.h"
#include "session/whim-client-payload.h"

typedef struct
{
  WhimSessionEvent event;
  WhimReason reason;
  char *detail;
} QueuedEvent;

static void session_open (WhimSession *self);
static void retry_due_cb (gpointer user_data);

G_DEFINE_QUARK (whim - session - error - quark, whim_session_error)

static void
queued_event_free (gpointer data)
{
  QueuedEvent *queued = data;

  g_free (queued->detail);
  g_free (queued);
}

/* ---- link ---------------------------------------------------------------------------------- */

static void
session_close_link (WhimSession *self)
{
  self->generation++;
  self->open_wanted = FALSE;
  whim_gate_leave (whim_transport_get_gate (self->transport), &self->gate_ticket);
  whim_clock_clear_timer (self->clock, &self->open_timer);
  whim_clock_clear_timer (self->clock, &self->alive_timer);
  whim_clock_clear_timer (self->clock, &self->retry_timer);
  whim_clock_clear_timer (self->clock, &self->close_timer);
  if (self->open_cancellable != NULL)
    {
      g_cancellable_cancel (self->open_cancellable);
      g_clear_object (&self->open_cancellable);
    }
  if (self->link != NULL)
    {
      if (self->opened_ms != 0
          && whim_clock_get_monotonic_ms (self->clock) - self->opened_ms >= WHIM_STABLE_AFTER_MS
          && self->logged_in)
        self->retry_count = self->retry_raise > 0 ? self->retry_count : 0;
      whim_link_close (self->link);
      g_clear_pointer (&self->link, whim_link_unref);
    }
  self->opened_ms = 0;
  whim_session_login_reset (self);
  whim_pairing_reset (self);
  whim_session_requests_fail_all (self);
}

static void
alive_timer_cb (gpointer user_data)
{
  WhimSession *self = user_data;
  gint64 now = whim_clock_get_monotonic_ms (self->clock);
  gint64 wait_ms;

  self->alive_timer = 0;
  if (self->waiting_since_ms != 0)
    {
      wait_ms = self->waiting_since_ms + WHIM_DEAD_AFTER_MS - now;
      if (wait_ms <= 0)
        {
          whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_SILENT, NULL);
          return;
        }
    }
  else
    {
      g_autoptr (WhimNode) ping = NULL;
      WhimNodeBuilder *builder = whim_session_make_request (self, "get", "w:p");

      ping = whim_node_builder_end (builder);
      whim_session_send_raw (self, ping);
      wait_ms = WHIM_DEAD_AFTER_MS;
    }
  self->alive_timer = whim_clock_add_timer (self->clock, wait_ms, alive_timer_cb, self);
}

void
whim_session_wake (WhimSession *self, gint64 delay_ms)
{
  if (self->link != NULL)
    {
      g_autoptr (WhimNode) ping = NULL;
      WhimNodeBuilder *builder = whim_session_make_request (self, "get", "w:p");
      gint64 now = whim_clock_get_monotonic_ms (self->clock);

      /* The time asleep is no silence of the server; what it owes, it owes from now on. */
      self->waiting_since_ms = now + WHIM_WAKE_DEADLINE_MS - WHIM_DEAD_AFTER_MS;
      ping = whim_node_builder_end (builder);
      whim_session_send_raw (self, ping);
      whim_clock_clear_timer (self->clock, &self->alive_timer);
      self->alive_timer
          = whim_clock_add_timer (self->clock, WHIM_WAKE_DEADLINE_MS, alive_timer_cb, self);
      self->heard_ms = 0; /* whatever comes moves the timer back */
    }
  else if (self->retry_timer != 0)
    {
      whim_clock_clear_timer (self->clock, &self->retry_timer);
      self->retry_timer = whim_clock_add_timer (self->clock, delay_ms, retry_due_cb, self);
    }
}

static void
session_arm_keep_alive (WhimSession *self)
{
  gint64 delay = WHIM_PING_AFTER_MS + whim_random_below (WHIM_PING_SPREAD_MS);

  whim_clock_clear_timer (self->clock, &self->alive_timer);
  self->alive_timer = whim_clock_add_timer (self->clock, delay, alive_timer_cb, self);
}

/* The dead timer hangs on the first unanswered send of something that has an answer: steady
 * outgoing traffic must not hide a dead link (dossier 1, 7.6). */
void
whim_session_note_sent (WhimSession *self)
{
  if (self->waiting_since_ms != 0)
    return;
  self->waiting_since_ms = whim_clock_get_monotonic_ms (self->clock);
}

static void
session_heard (WhimSession *self)
{
  gint64 now = whim_clock_get_monotonic_ms (self->clock);

  self->waiting_since_ms = 0;
  /* Moving the timer for every stanza would cost more than a ping: once a second is enough. */
  if (self->alive_timer == 0 || now - self->heard_ms >= 1000)
    {
      self->heard_ms = now;
      session_arm_keep_alive (self);
    }
}

void
whim_session_send_raw (WhimSession *self, WhimNode *node)
{
  const char *type = whim_node_get_attr (node, "type");

  if (self->link == NULL)
    return;
  /* Only what the server answers can show that it is silent. */
  if (whim_node_is (node, "iq") && (g_strcmp0 (type, "get") == 0 || g_strcmp0 (type, "set") == 0))
    whim_session_note_sent (self);
  whim_link_send (self->link, node);
}

static gboolean
from_server (WhimNode *node)
{
  WhimJid *from = whim_node_get_attr_jid (node, "from");

  return from == NULL || whim_jid_is_server (from);
}

/* Answers the server's own ping, with or without an id (dossier 1, 7.6). */
static gboolean
session_answer_ping (WhimSession *self, WhimNode *iq)
{
  g_autoptr (WhimJid) server = NULL;
  g_autoptr (WhimNode) answer = NULL;
  WhimNodeBuilder *builder;

  if (!whim_node_attr_equals (iq, "type", "get")
      || !(whim_node_attr_equals (iq, "xmlns", "urn:xmpp:ping")
           || whim_node_find_child (iq, "ping") != NULL))
    return FALSE;
  server = whim_jid_new_server ();
  builder = whim_node_builder_new ("iq");
  whim_node_builder_attr_jid (builder, "to", server);
  whim_node_builder_attr (builder, "type", "result");
  whim_node_builder_attr (builder, "id", whim_node_get_attr (iq, "id"));
  answer = whim_node_builder_end (builder);
  whim_session_send_raw (self, answer);
  return TRUE;
}

static void
session_take_iq (WhimSession *self, WhimNode *iq)
{
  if (whim_session_requests_take (self, iq) || !from_server (iq))
    return;
  if (session_answer_ping (self, iq) || whim_pairing_take_iq (self, iq))
    return;
  g_debug ("an iq of the server that nobody knows");
}

static void
session_take_other (WhimSession *self, WhimNode *node)
{
  if (whim_node_is (node, "notification") && from_server (node)
      && whim_pairing_take_notification (self, node))
    return;
  if (whim_node_get_attr (node, "offline") != NULL)
    whim_session_login_heard_offline (self);
  if (self->logged_in && self->host->stanza (self, node, self->host_data))
    return;
  if (whim_node_is (node, "message") || whim_node_is (node, "receipt")
      || whim_node_is (node, "notification") || whim_node_is (node, "call"))
    whim_session_ack (self, node, 0);
}

/* The router: who answers for which stanza. */
static void
session_take (WhimSession *self, WhimNode *node)
{
  if (whim_node_is (node, "iq"))
    session_take_iq (self, node);
  else if (whim_node_is (node, "success"))
    whim_session_login_success (self, node);
  else if (whim_node_is (node, "failure") || whim_node_is (node, "stream:error"))
    whim_session_login_verdict (self, node);
  else if (whim_node_is (node, "ib"))
    whim_session_login_ib (self, node);
  else if (whim_node_is (node, "ack") && whim_session_requests_take (self, node))
    return;
  else if (whim_node_is (node, "xmlstreamend"))
    g_debug ("the server ends the stream");
  else
    session_take_other (self, node);
}

static void
link_nodes_cb (WhimLink *link, GPtrArray *nodes, gpointer user_data)
{
  WhimSession *self = user_data;
  guint generation = self->generation;

  session_heard (self);
  /* A stanza may end the connection; what follows it is then not ours any more. */
  for (guint i = 0; i < nodes->len && generation == self->generation; i++)
    session_take (self, g_ptr_array_index (nodes, i));
}

static void
link_closed_cb (WhimLink *link, const GError *error, gpointer user_data)
{
  WhimSession *self = user_data;

  g_debug ("%s: link lost: %s", whim_log_id (self->log_name), error->message);
  whim_session_handle (self, WHIM_SESSION_EVENT_LOST, WHIM_REASON_NETWORK, NULL);
}

typedef struct
{
  WhimSession *session; /* valid while the generation is the session's */
  GCancellable *cancellable;
} OpenOp;

static void
session_open_failed (WhimSession *self, const GError *error)
{
  g_info ("%s: cannot connect: %s", whim_log_id (self->log_name), error->message);
  if (g_error_matches (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_CERTIFICATE))
    whim_session_handle (self, WHIM_SESSION_EVENT_BLOCKED, WHIM_REASON_CERTIFICATE, NULL);
  else if (g_error_matches (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_CLOCK))
    whim_session_handle (self, WHIM_SESSION_EVENT_BLOCKED, WHIM_REASON_CLOCK, NULL);
  else
    {
      g_clear_pointer (&self->credentials->routing_info, g_bytes_unref);
      whim_session_handle (self, WHIM_SESSION_EVENT_LOST, WHIM_REASON_NETWORK, NULL);
    }
}

static void
session_opened_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  OpenOp *op = user_data;
  WhimSession *self = op->session;
  g_autoptr (GCancellable) cancellable = op->cancellable;
  g_autoptr (GError) error = NULL;
  WhimLink *link = whim_transport_open_finish (NULL, result, &error);

  g_free (op);
  if (g_cancellable_is_cancelled (cancellable))
    {
      /* The session has moved on, or is gone. */
      if (link != NULL)
        whim_link_close (link);
      g_clear_pointer (&link, whim_link_unref);
      return;
    }
  g_clear_object (&self->open_cancellable);
  whim_clock_clear_timer (self->clock, &self->open_timer);
  whim_gate_leave (whim_transport_get_gate (self->transport), &self->gate_ticket);
  if (link == NULL)
    {
      session_open_failed (self, error);
      return;
    }
  self->link = link;
  self->opened_ms = whim_clock_get_monotonic_ms (self->clock);
  self->heard_ms = self->opened_ms;
  self->waiting_since_ms = self->opened_ms;
  whim_session_requests_new_connection (self);
  whim_link_set_handler (link, link_nodes_cb, link_closed_cb, self);
  self->alive_timer
      = whim_clock_add_timer (self->clock, WHIM_LOGIN_TIMEOUT_MS, alive_timer_cb, self);
  whim_session_handle (self, WHIM_SESSION_EVENT_OPENED, self->reason, NULL);
}

static void
open_timeout_cb (gpointer user_data)
{
  WhimSession *self = user_data;

  self->open_timer = 0;
  whim_session_handle (self, WHIM_SESSION_EVENT_LOST, WHIM_REASON_NETWORK, NULL);
}

/* Keys of an unpaired channel are on disk before a connection may show them. */
static void
keys_saved_cb (WhimSession *self, gboolean ok, gpointer data)
{
  if (GPOINTER_TO_UINT (data) != self->generation)
    return;
  if (ok)
    {
      session_open (self);
      return;
    }
  /* others next time: what is not on disk is never shown */
  g_clear_pointer (&self->credentials, whim_credentials_free);
  whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, WHIM_REASON_STORE, NULL);
}

/* The time-out runs from here: who waits for the others has not begun. */
static void
session_open_now (gpointer user_data)
{
  WhimSession *self = user_data;
  g_autoptr (GBytes) payload = whim_client_payload_make (self->credentials, &self->version);
  OpenOp *op = g_new0 (OpenOp, 1);

  self->open_cancellable = g_cancellable_new ();
  op->session = self;
  op->cancellable = g_object_ref (self->open_cancellable);
  self->open_timer
      = whim_clock_add_timer (self->clock, WHIM_OPEN_TIMEOUT_MS, open_timeout_cb, self);
  whim_transport_open_async (self->transport, self->credentials->noise, payload,
                             self->credentials->routing_info, whim_clock_get_unix (self->clock),
                             self->open_cancellable, session_opened_cb, op);
}

static void
session_open (WhimSession *self)
{
  if (self->erasing)
    {
      self->open_wanted = TRUE;
      return;
    }
  if (self->credentials == NULL)
    {
      self->credentials = whim_credentials_generate (whim_clock_get_unix_ms (self->clock));
      self->host->save (self, self->credentials, keys_saved_cb, GUINT_TO_POINTER (self->generation),
                        self->host_data);
      return;
    }
  whim_gate_enter (whim_transport_get_gate (self->transport), session_open_now, self,
                   &self->gate_ticket);
}

/* ---- back-off ------------------------------------------------------------------------------ */

static void
retry_due_cb (gpointer user_data)
{
  WhimSession *self = user_data;

  self->retry_timer = 0;
  if (self->state == WHIM_SESSION_PAIRING && !whim_pairing_is_wanted (self))
    whim_pairing_end (self);
  else
    whim_session_handle (self, WHIM_SESSION_EVENT_RETRY_DUE, self->reason, NULL);
}

/* Fibonacci 1, 1, 2, 3, 5, … s, ±10 %, 900 s at most (dossier 1, 8.5). */
static void
session_start_retry (WhimSession *self)
{
  gint64 a = 1000;
  gint64 b = 1000;
  gint64 delay;

  self->retry_count += self->retry_raise;
  self->retry_raise = 0;
  for (guint i = 0; i < self->retry_count && a < WHIM_BACKOFF_CAP_MS; i++)
    {
      gint64 next = a + b;

      a = b;
      b = next;
    }
  delay = MIN (a, WHIM_BACKOFF_CAP_MS);
  delay += (gint64)whim_random_below ((guint32)(delay / 5 + 1)) - delay / 10;
  self->retry_count++;
  whim_clock_clear_timer (self->clock, &self->retry_timer);
  self->retry_timer = whim_clock_add_timer (self->clock, delay, retry_due_cb, self);
}

/* ---- transitions --------------------------------------------------------------------------- */

static void
session_erased_cb (WhimSession *self, gboolean ok, gpointer data)
{
  self->erasing = FALSE;
  if (!ok)
    g_warning ("%s: the keys of an ended pairing could not be deleted", self->log_name);
  if (self->open_wanted)
    {
      self->open_wanted = FALSE;
      session_open (self);
    }
}

static void
session_erase (WhimSession *self)
{
  g_clear_pointer (&self->credentials, whim_credentials_free);
  self->erasing = TRUE;
  self->host->erase (self, session_erased_cb, NULL, self->host_data);
}

static void
session_act (WhimSession *self, guint actions)
{
  if (actions & WHIM_SESSION_ACTION_CLOSE)
    session_close_link (self);
  if (actions & WHIM_SESSION_ACTION_ERASE)
    session_erase (self);
  if (actions & WHIM_SESSION_ACTION_ASKED)
    whim_pairing_asked (self);
  if (actions & WHIM_SESSION_ACTION_OPEN)
    session_open (self);
  if (actions & WHIM_SESSION_ACTION_RETRY)
    session_start_retry (self);
  if (actions & WHIM_SESSION_ACTION_LOGIN)
    whim_session_login_start (self);
  if (actions & WHIM_SESSION_ACTION_UNLINK)
    whim_session_login_unlink (self);
}

/* What a state says of itself where the event brings no reason of its own. */
static WhimReason
session_reason_for (WhimSession *self, WhimSessionState next, WhimReason reason)
{
  switch (next)
    {
    case WHIM_SESSION_PAIRING:
      return whim_pairing_get_reason (self);
    case WHIM_SESSION_PAIRED:
      return WHIM_REASON_PAIRED;
    case WHIM_SESSION_LOGIN:
      return WHIM_REASON_HANDSHAKE;
    case WHIM_SESSION_SYNCING:
      return WHIM_REASON_SYNCING;
    case WHIM_SESSION_ONLINE:
      return WHIM_REASON_ONLINE;
    case WHIM_SESSION_UNLINKED:
    case WHIM_SESSION_OFFLINE:
    case WHIM_SESSION_CONNECTING:
    case WHIM_SESSION_CLOSING:
    case WHIM_SESSION_WAITING:
    case WHIM_SESSION_LOGGED_OUT:
    case WHIM_SESSION_REPLACED:
    case WHIM_SESSION_BLOCKED:
      return reason;
    case WHIM_SESSION_N_STATES:
    default:
      g_return_val_if_reached (reason);
    }
}

static void
session_set_reason (WhimSession *self, WhimReason reason, const char *detail)
{
  if (self->reason != reason)
    self->since = whim_clock_get_unix (self->clock);
  self->reason = reason;
  if (g_strcmp0 (self->detail, detail) == 0)
    return;
  g_free (self->detail);
  self->detail = g_strdup (detail);
}

void
whim_session_retell (WhimSession *self)
{
  /* a transition tells by itself when it is done */
  if (self->stepping)
    return;
  if (self->state == WHIM_SESSION_PAIRING)
    session_set_reason (self, whim_pairing_get_reason (self), whim_pairing_get_detail (self));
  self->host->state_changed (self, self->host_data);
}

/* ---- until the server lets us in again ------------------------------------------------------- */

static void
session_forget_until (WhimSession *self)
{
  whim_clock_clear_timer (self->clock, &self->until_timer);
  self->until = 0;
  self->until_ms = 0;
}

static void
until_due_cb (gpointer user_data)
{
  WhimSession *self = user_data;

  self->until_timer = 0;
  session_forget_until (self);
  whim_session_handle (self, WHIM_SESSION_EVENT_CONNECT, self->reason, NULL);
}

void
whim_session_hold_until (WhimSession *self, gint64 at, gboolean reconnect)
{
  gint64 left = at - whim_clock_get_unix (self->clock);

  session_forget_until (self);
  if (left <= 0)
    return;
  self->until = at;
  self->until_ms = whim_clock_get_monotonic_ms (self->clock) + left * 1000;
  if (reconnect)
    self->until_timer = whim_clock_add_timer (self->clock, left * 1000, until_due_cb, self);
}

#if WHIM_DEVELOPMENT
static WhimSessionStepWatch step_watch;

void
whim_session_watch_steps (WhimSessionStepWatch watch)
{
  step_watch = watch;
}
#endif

static void
session_step (WhimSession *self, const QueuedEvent *queued)
{
  WhimSessionStep step = whim_session_fsm_step (self->state, queued->event);
  WhimSessionState before = self->state;
  WhimReason reason;

#if WHIM_DEVELOPMENT
  if (step_watch != NULL)
    step_watch (before, queued->event);
#endif
  if (!step.listed)
    {
      g_debug ("%s: %s while %s changes nothing", whim_log_id (self->log_name),
               whim_session_event_to_word (queued->event), whim_session_state_to_word (before));
      return;
    }
  if (step.next == before && step.actions == 0)
    return;
  self->state = step.next;
  if (step.next != WHIM_SESSION_PAIRING)
    whim_phone_code_drop (self);
  session_forget_until (self);
  if (step.next == WHIM_SESSION_BLOCKED && self->ban_seconds > 0)
    whim_session_hold_until (self, whim_clock_get_unix (self->clock) + self->ban_seconds, TRUE);
  self->ban_seconds = 0;
  if (before != step.next)
    self->since = whim_clock_get_unix (self->clock);
  /* closing may end a code, and so change the reason of pairing */
  if (step.actions & WHIM_SESSION_ACTION_CLOSE)
    session_close_link (self);
  reason = session_reason_for (self, step.next, queued->reason);
  session_set_reason (self, reason,
                      step.next == WHIM_SESSION_PAIRING ? whim_pairing_get_detail (self)
                                                        : queued->detail);
  session_act (self, step.actions & ~(guint)WHIM_SESSION_ACTION_CLOSE);
  if (before != step.next)
    g_info ("%s: %s -> %s (%s)", whim_log_id (self->log_name), whim_session_state_to_word (before),
            whim_session_state_to_word (step.next), whim_reason_to_word (reason));
  self->host->state_changed (self, self->host_data);
}

void
whim_session_handle (WhimSession *self,
                     WhimSessionEvent event,
                     WhimReason reason,
                     const char *detail)
{
  QueuedEvent *queued = g_new0 (QueuedEvent, 1);

  queued->event = event;
  queued->reason = reason;
  queued->detail = g_strdup (detail);
  g_queue_push_tail (&self->queued, queued);
  if (self->stepping)
    return;
  self->stepping = TRUE;
  while ((queued = g_queue_pop_head (&self->queued)) != NULL)
    {
      session_step (self, queued);
      queued_event_free (queued);
    }
  self->stepping = FALSE;
}

/* ---- public -------------------------------------------------------------------------------- */

WhimSession *
whim_session_new (const WhimSessionConfig *config,
                  WhimCredentials *credentials,
                  WhimSessionState rest_state,
                  WhimReason rest_reason)
{
  WhimSession *self = g_new0 (WhimSession, 1);

  self->clock = whim_clock_ref (config->clock);
  self->transport = config->transport;
  whim_copy (self->noise_root, config->noise_root, WHIM_KEY_SIZE);
  self->version = config->version;
  self->host = config->host;
  self->host_data = config->host_data;
  self->log_name = g_strdup (config->log_name);
  self->credentials = credentials;
  self->state = rest_state;
  self->reason = rest_reason;
  self->since = whim_clock_get_unix (self->clock);
  g_queue_init (&self->queued);
  g_queue_init (&self->pairing.refs);
  whim_session_requests_init (self);
  return self;
}

void
whim_session_free (WhimSession *self)
{
  session_close_link (self);
  whim_phone_code_drop (self);
  session_forget_until (self);
  whim_session_requests_clear (self);
  g_free (self->pairing.outcome_detail);
  g_queue_clear_full (&self->queued, queued_event_free);
  g_clear_pointer (&self->credentials, whim_credentials_free);
  g_free (self->detail);
  g_free (self->log_name);
  whim_clock_unref (self->clock);
  g_free (self);
}

static gboolean
session_is_wrong_server (WhimSession *self)
{
  const WhimCredentials *credentials = self->credentials;
  gsize len;
  gconstpointer root;

  if (credentials == NULL || !whim_credentials_is_paired (credentials)
      || credentials->noise_root == NULL)
    return FALSE;
  root = g_bytes_get_data (credentials->noise_root, &len);
  return len != WHIM_KEY_SIZE || !whim_bytes_equal_constant_time (root, self->noise_root, len);
}

void
whim_session_connect (WhimSession *self, WhimReason reason)
{
  if (session_is_wrong_server (self))
    {
      /* Keys of the real service must never reach another server, nor the other way round. */
      self->reason = WHIM_REASON_WRONG_SERVER;
      self->host->state_changed (self, self->host_data);
      return;
    }
  if (self->state == WHIM_SESSION_BLOCKED
      && self->until_ms > whim_clock_get_monotonic_ms (self->clock))
    return;
  whim_pairing_set_outcome (self, WHIM_REASON_NONE, NULL);
  whim_session_handle (self, WHIM_SESSION_EVENT_CONNECT, reason, NULL);
  if (self->state == WHIM_SESSION_PAIRING)
    whim_session_retell (self);
}

void
whim_session_disconnect (WhimSession *self)
{
  whim_session_handle (self, WHIM_SESSION_EVENT_DISCONNECT, WHIM_REASON_REQUESTED, NULL);
}

void
whim_session_logout (WhimSession *self)
{
  whim_session_handle (self, WHIM_SESSION_EVENT_LOGOUT, WHIM_REASON_LOGGED_OUT, NULL);
}

void
whim_session_fail (WhimSession *self, WhimReason reason)
{
  /* a commit of a connection that has ended: what it did not acknowledge comes again anyway */
  if (self->link == NULL)
    return;
  whim_session_handle (self, WHIM_SESSION_EVENT_TROUBLE, reason, NULL);
}

WhimSessionState
whim_session_get_state (WhimSession *self)
{
  return self->state;
}

WhimReason
whim_session_get_reason (WhimSession *self)
{
  return self->reason;
}

const char *
whim_session_get_detail (WhimSession *self)
{
  return self->detail;
}

gint64
whim_session_get_until (WhimSession *self)
{
  return self->until;
}

void
whim_session_set_version (WhimSession *self, const WhimClientVersion *version)
{
  self->version = *version;
}

const WhimClientVersion *
whim_session_get_version (WhimSession *self)
{
  return &self->version;
}

gint64
whim_session_get_since (WhimSession *self)
{
  return self->since;
}

WhimChannelState
whim_session_get_public_state (WhimSession *self)
{
  switch (self->state)
    {
    case WHIM_SESSION_UNLINKED:
    case WHIM_SESSION_OFFLINE:
    case WHIM_SESSION_LOGGED_OUT:
    case WHIM_SESSION_REPLACED:
    case WHIM_SESSION_BLOCKED:
      return WHIM_CHANNEL_STATE_DISCONNECTED;
    case WHIM_SESSION_PAIRING:
      /* a code that waits to be typed is no QR (product page, 4) */
      if (whim_phone_code_is_live (self))
        return WHIM_CHANNEL_STATE_CONNECTING;
      return self->pairing.code != NULL ? WHIM_CHANNEL_STATE_QR : WHIM_CHANNEL_STATE_CONNECTING;
    case WHIM_SESSION_PAIRED:
    case WHIM_SESSION_CONNECTING:
    case WHIM_SESSION_LOGIN:
    case WHIM_SESSION_SYNCING:
    case WHIM_SESSION_CLOSING:
    case WHIM_SESSION_WAITING:
      return WHIM_CHANNEL_STATE_CONNECTING;
    case WHIM_SESSION_ONLINE:
      return WHIM_CHANNEL_STATE_CONNECTED;
    case WHIM_SESSION_N_STATES:
    default:
      g_return_val_if_reached (WHIM_CHANNEL_STATE_UNKNOWN);
    }
}

const WhimCredentials *
whim_session_get_credentials (WhimSession *self)
{
  return self->credentials;
}

static void
push_name_saved_cb (WhimSession *self, gboolean ok, gpointer data)
{
  if (!ok)
    g_warning ("%s: the push name could not be kept", self->log_name);
}

void
whim_session_set_push_name (WhimSession *self, const char *name)
{
  if (self->credentials == NULL || g_strcmp0 (self->credentials->push_name, name) == 0)
    return;
  g_free (self->credentials->push_name);
  self->credentials->push_name = g_strdup (name);
  self->host->save (self, self->credentials, push_name_saved_cb, NULL, self->host_data);
}

void
whim_session_set_next_prekey_id (WhimSession *self, guint32 id)
{
  g_return_if_fail (self->credentials != NULL);
  self->credentials->next_prekey_id = id;
}

void
whim_session_set_signed_prekey (WhimSession *self,
                                guint32 id,
                                WhimKeyPair *pair,
                                gint64 made_at,
                                const guint8 signature[WHIM_SIGNATURE_SIZE])
{
  WhimCredentials *keys = self->credentials;

  g_return_if_fail (keys != NULL);
  keys->signed_prekey_id = id;
  whim_key_pair_ref (pair);
  whim_key_pair_unref (keys->signed_prekey);
  keys->signed_prekey = pair;
  keys->signed_prekey_made_at = made_at;
  whim_copy (keys->signed_prekey_signature, signature, WHIM_SIGNATURE_SIZE);
}

guint
whim_session_get_server_prekeys (WhimSession *self)
{
  return self->prekeys_on_server;
}

gint64
whim_session_get_server_time (WhimSession *self)
{
  /* Off the monotonic clock: a step of the wall clock does not move the server's time. */
  if (self->server_base_ms == 0)
    return whim_clock_get_unix (self->clock);
  return (self->server_base_ms + whim_clock_get_monotonic_ms (self->clock)) / 1000;
}

gboolean
whim_session_is_syncing (WhimSession *self)
{
  return self->state == WHIM_SESSION_SYNCING;
}

gboolean
whim_session_can_send (WhimSession *self)
{
  return self->link != NULL && self->logged_in && self->state != WHIM_SESSION_CLOSING;
}

gboolean
whim_session_send (WhimSession *self, WhimNode *node)
{
  if (!whim_session_can_send (self))
    return FALSE;
  whim_session_send_raw (self, node);
  return TRUE;
}

gboolean
whim_session_send_encoded (WhimSession *self, GBytes *encoded)
{
  if (!whim_session_can_send (self))
    return FALSE;
  whim_session_note_sent (self);
  whim_link_send_encoded (self->link, encoded);
  return TRUE;
}

/* Class, id, to and what else goes back: dossier 2, 6.6. */
void
whim_session_ack (WhimSession *self, WhimNode *stanza, guint error)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("ack");
  g_autoptr (WhimNode) ack = NULL;

  whim_node_builder_attr (builder, "class", whim_node_get_tag (stanza));
  whim_node_builder_attr (builder, "id", whim_node_get_attr (stanza, "id"));
  whim_node_builder_attr_jid (builder, "to", whim_node_get_attr_jid (stanza, "from"));
  whim_node_builder_attr_jid (builder, "participant",
                              whim_node_get_attr_jid (stanza, "participant"));
  whim_node_builder_attr_jid (builder, "recipient", whim_node_get_attr_jid (stanza, "recipient"));
  if (!whim_node_is (stanza, "message") && !whim_node_is (stanza, "call")
      && whim_node_find_child (stanza, "identity") == NULL)
    whim_node_builder_attr (builder, "type", whim_node_get_attr (stanza, "type"));
  if (error != 0)
    whim_node_builder_attr_int (builder, "error", error);
  ack = whim_node_builder_end (builder);
  whim_session_send_raw (self, ack);
}
