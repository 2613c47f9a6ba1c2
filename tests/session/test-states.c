/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session-rig.h"

#define S(state) WHIM_SESSION_##state
#define E(event) WHIM_SESSION_EVENT_##event

static WhimSessionState
state_of (Rig *rig)
{
  return whim_session_get_state (rig->session);
}

static void
success (Rig *rig)
{
  rig_send (rig, rig_node ("success", "t", "1750000000", "lid", "100000000000001@lid", NULL));
}

static void
offline_done (Rig *rig)
{
  rig_send (rig, rig_node_with ("ib", rig_node ("offline", NULL), NULL));
}

static void
stream_error (Rig *rig, const char *code, const char *conflict)
{
  WhimNode *child = conflict == NULL ? NULL : rig_node ("conflict", "type", conflict, NULL);

  rig_send (rig, rig_node_with ("stream:error", child, "code", code, NULL));
}

/* ---- into a state, by what really leads there --------------------------------------------------
 */

static void
go_connecting (Rig *rig)
{
  rig->hold_hello = TRUE;
  whim_session_connect (rig->session, WHIM_REASON_REQUESTED);
  rig_wait (rig_peer (rig) != NULL && rig_peer (rig)->held != NULL);
}

static void
go_open (Rig *rig)
{
  go_connecting (rig);
  rig_let_hello (rig);
  rig_wait (rig->session->link != NULL && rig_peer (rig)->stage == 3);
}

static void
go_online (Rig *rig)
{
  go_open (rig);
  success (rig);
  offline_done (rig);
  rig_wait (state_of (rig) == S (ONLINE));
}

static void
go_pairing (Rig *rig)
{
  go_open (rig);
  rig_send_refs (rig);
  rig_wait (rig->session->pairing.code != NULL);
}

static void
reach (Rig *rig, WhimSessionState state)
{
  gboolean paired = state != S (UNLINKED) && state != S (PAIRING) && state != S (PAIRED);

  rig_up (rig, paired);
  switch (state)
    {
    case S (UNLINKED):
    case S (OFFLINE):
      break;
    case S (PAIRING):
      go_pairing (rig);
      break;
    case S (PAIRED):
      go_pairing (rig);
      rig_send_pair_success (rig);
      break;
    case S (CONNECTING):
      go_connecting (rig);
      break;
    case S (LOGIN):
      go_open (rig);
      break;
    case S (SYNCING):
      go_open (rig);
      success (rig);
      break;
    case S (ONLINE):
      go_online (rig);
      break;
    case S (CLOSING):
      go_online (rig);
      whim_session_logout (rig->session);
      break;
    case S (WAITING):
      go_open (rig);
      rig_hang_up (rig);
      break;
    case S (LOGGED_OUT):
      whim_session_logout (rig->session);
      break;
    case S (REPLACED):
      go_open (rig);
      stream_error (rig, NULL, "replaced");
      break;
    case S (BLOCKED):
      go_open (rig);
      rig_send (rig, rig_node ("failure", "reason", "405", NULL));
      break;
    case S (N_STATES):
    default:
      g_assert_not_reached ();
    }
  rig_wait (state_of (rig) == state);
  rig->hold_hello = TRUE; /* what opens now stays at its first step */
}

/* ---- what makes an event -----------------------------------------------------------------------
 */

static void
provoke_lost (Rig *rig)
{
  rig_hang_up (rig);
}

static void
provoke_retry_due (Rig *rig, WhimSessionState state)
{
  if (state == S (PAIRING))
    {
      rig_hang_up (rig);
      rig_wait (rig_steps[S (PAIRING)][E (LOST)] > 0);
    }
  whim_clock_advance (rig->clock, 1200);
}

static void
provoke_opened (Rig *rig, WhimSessionState state)
{
  if (state == S (PAIRING))
    {
      /* the way here was through one */
      rig_hang_up (rig);
      rig_wait (rig_steps[S (PAIRING)][E (LOST)] > 0);
      whim_clock_advance (rig->clock, 1200);
      rig_wait (rig_peer (rig)->held != NULL);
    }
  rig_let_hello (rig);
}

static void
provoke_blocked (Rig *rig, WhimSessionState state)
{
  if (state == S (CONNECTING))
    {
      rig->wrong_root = TRUE;
      rig_let_hello (rig);
    }
  else
    rig_send (rig, rig_node ("failure", "reason", "405", NULL));
}

static void
provoke (Rig *rig, WhimSessionState state, WhimSessionEvent event)
{
  switch (event)
    {
    case E (CONNECT):
      whim_session_connect (rig->session, WHIM_REASON_REQUESTED);
      break;
    case E (DISCONNECT):
      whim_session_disconnect (rig->session);
      break;
    case E (LOGOUT):
      whim_session_logout (rig->session);
      break;
    case E (OPENED):
      provoke_opened (rig, state);
      break;
    case E (LOST):
      provoke_lost (rig);
      break;
    case E (LOGGED_IN):
      success (rig);
      break;
    case E (SYNCED):
      offline_done (rig);
      break;
    case E (PAIR_SUCCESS):
      rig_send_pair_success (rig);
      break;
    case E (PAIRING_ENDED):
      whim_clock_advance (rig->clock, WHIM_FIRST_REF_MS);
      break;
    case E (RESTART):
      stream_error (rig, "515", NULL);
      break;
    case E (TROUBLE):
      stream_error (rig, "503", NULL);
      break;
    case E (UNLINKED):
      stream_error (rig, "401", "device_removed");
      break;
    case E (REPLACED):
      stream_error (rig, NULL, "replaced");
      break;
    case E (BLOCKED):
      provoke_blocked (rig, state);
      break;
    case E (RETRY_DUE):
      provoke_retry_due (rig, state);
      break;
    case E (CLOSE_DONE):
      rig_wait (rig->unlink_id != NULL);
      rig_send (rig, rig_node ("iq", "from", "s.whatsapp.net", "type", "result", "id",
                               rig->unlink_id, NULL));
      break;
    case WHIM_SESSION_N_EVENTS:
    default:
      g_assert_not_reached ();
    }
}

/* ---- every row ---------------------------------------------------------------------------------
 */

#define ROW(state, event) GUINT_TO_POINTER ((guint)(state)*100 + (guint)(event))

/* The row of the table happens to a real session, and does what it says. */
static void
test_row (gconstpointer data)
{
  WhimSessionState state = (WhimSessionState)(GPOINTER_TO_UINT (data) / 100);
  WhimSessionEvent event = (WhimSessionEvent)(GPOINTER_TO_UINT (data) % 100);
  WhimSessionStep step = whim_session_fsm_step (state, event);
  guint peers;
  guint erased;
  guint generation;
  gboolean restarts = state == S (PAIRING) && (event == E (RETRY_DUE) || event == E (OPENED));
  Peer *before;
  Rig rig;

  reach (&rig, state);
  before = rig_peer (&rig);
  peers = rig.peers->len;
  erased = rig.erased;
  generation = rig.session->generation;
  rig_forget_steps ();
  provoke (&rig, state, event);
  rig_wait (rig_steps[state][event] > 0);
  g_assert_cmpstr (whim_session_state_to_word (state_of (&rig)), ==,
                   whim_session_state_to_word (step.next));
  g_assert_cmpuint (rig.erased - erased, ==, (step.actions & WHIM_SESSION_ACTION_ERASE) ? 1 : 0);
  if (!(step.actions & WHIM_SESSION_ACTION_CLOSE) && !restarts)
    g_assert_cmpuint (rig.session->generation, ==, generation);
  if (step.actions & WHIM_SESSION_ACTION_CLOSE && before != NULL)
    rig_wait (!before->open);
  if (step.actions & WHIM_SESSION_ACTION_OPEN)
    rig_wait (rig.peers->len == peers + 1);
  else if (!restarts)
    g_assert_cmpuint (rig.peers->len, ==, peers);
  if (step.actions & WHIM_SESSION_ACTION_UNLINK)
    rig_wait (rig.unlink_id != NULL);
  g_assert_true (!(step.actions & WHIM_SESSION_ACTION_RETRY) == (rig.session->retry_timer == 0));
  rig_down (&rig);
}

/* Other ways to the same rows: those that no stanza of the server makes. */
static void
test_other_ways (void)
{
  Rig rig;

  /* nobody answers the hello */
  reach (&rig, S (CONNECTING));
  whim_clock_advance (rig.clock, WHIM_OPEN_TIMEOUT_MS);
  g_assert_cmpint (state_of (&rig), ==, S (WAITING));
  rig_down (&rig);
  /* neither success nor failure */
  reach (&rig, S (LOGIN));
  whim_clock_advance (rig.clock, WHIM_LOGIN_TIMEOUT_MS);
  g_assert_cmpint (state_of (&rig), ==, S (WAITING));
  g_assert_cmpint (whim_session_get_reason (rig.session), ==, WHIM_REASON_SILENT);
  rig_down (&rig);
  /* the host cannot keep what came */
  reach (&rig, S (ONLINE));
  whim_session_fail (rig.session, WHIM_REASON_STORE);
  g_assert_cmpint (state_of (&rig), ==, S (WAITING));
  whim_session_fail (rig.session, WHIM_REASON_STORE); /* of the connection that is gone */
  g_assert_cmpint (state_of (&rig), ==, S (WAITING));
  rig_down (&rig);
  /* the success cannot be kept */
  reach (&rig, S (LOGIN));
  rig.fail_saves = TRUE;
  success (&rig);
  rig_wait (state_of (&rig) == S (WAITING));
  g_assert_cmpint (whim_session_get_reason (rig.session), ==, WHIM_REASON_STORE);
  rig_down (&rig);
  /* the server does not close after a pairing */
  reach (&rig, S (PAIRED));
  whim_clock_advance (rig.clock, WHIM_RESTART_GRACE_MS);
  g_assert_cmpint (state_of (&rig), ==, S (CONNECTING));
  rig_down (&rig);
  /* the grace of a logout */
  reach (&rig, S (CLOSING));
  whim_clock_advance (rig.clock, WHIM_LOGOUT_GRACE_MS);
  g_assert_cmpint (state_of (&rig), ==, S (LOGGED_OUT));
  rig_down (&rig);
}

/* Keys that could not be kept are never shown: others are made. */
static void
test_unsaved_keys (void)
{
  Rig rig;

  rig_up (&rig, FALSE);
  rig.fail_saves = TRUE;
  whim_session_connect (rig.session, WHIM_REASON_REQUESTED);
  rig_wait (rig_steps[S (PAIRING)][E (TROUBLE)] > 0);
  g_assert_null (rig.session->credentials);
  rig.fail_saves = FALSE;
  whim_clock_advance (rig.clock, 1200);
  rig_wait (rig.peers->len == 1);
  g_assert_cmpuint (rig.saved, ==, 2);
  rig_down (&rig);
}

/* A wish that was taken back while the old keys were being deleted opens nothing. */
static void
test_taken_back (void)
{
  Rig rig;

  rig_up (&rig, TRUE);
  rig.hold_jobs = TRUE;
  whim_session_logout (rig.session);
  whim_session_connect (rig.session, WHIM_REASON_REQUESTED);
  whim_session_disconnect (rig.session);
  rig_run_jobs (&rig);
  g_assert_cmpint (state_of (&rig), ==, S (UNLINKED));
  g_assert_null (rig.session->credentials);
  g_assert_null (rig.session->open_cancellable);
  rig_down (&rig);
}

/* Refs that come while a pairing is being kept show no code. */
static void
test_late_refs (void)
{
  Rig rig;

  reach (&rig, S (PAIRING));
  rig.hold_jobs = TRUE;
  rig_send_pair_success (&rig);
  rig_wait (rig.session->pairing.pairing_iq_busy);
  rig_send_refs (&rig);
  rig_send (&rig, rig_node_with ("ib", rig_node ("downgrade_webclient", NULL), NULL));
  rig_wait (rig.session->pairing.outcome == WHIM_REASON_PHONE_OUTDATED);
  g_assert_null (rig.session->pairing.code);
  g_assert_cmpuint (rig.session->pairing.ref_timer, ==, 0);
  rig_run_jobs (&rig);
  g_assert_cmpint (state_of (&rig), ==, S (PAIRED));
  rig_down (&rig);
}

/* ---- back-off ----------------------------------------------------------------------------------
 */

/* Into WAITING, and out of it: how long it took, in steps of 10 ms. */
static gint64
wait_out (Rig *rig)
{
  gint64 waited = 0;

  rig_wait (state_of (rig) == S (WAITING));
  rig->hold_hello = FALSE;
  while (state_of (rig) == S (WAITING))
    {
      whim_clock_advance (rig->clock, 10);
      waited += 10;
    }
  g_assert_cmpint (state_of (rig), ==, S (CONNECTING));
  rig_wait (state_of (rig) == S (LOGIN) && rig_peer (rig)->stage == 3);
  return waited;
}

static void
assert_about (gint64 waited, gint64 wanted)
{
  g_assert_cmpint (waited, >=, wanted - wanted / 10);
  g_assert_cmpint (waited, <=, wanted + wanted / 10 + 10);
}

static void
test_back_off (void)
{
  static const gint64 fibonacci[] = { 1000, 1000, 2000, 3000, 5000, 8000, 13000, 21000 };
  guint even = 0;
  Rig rig;

  reach (&rig, S (LOGIN));
  for (guint i = 0; i < G_N_ELEMENTS (fibonacci); i++)
    {
      gint64 waited;

      /* a server that lets us in and drops us is no better than one that does not */
      success (&rig);
      rig_wait (state_of (&rig) == S (SYNCING));
      offline_done (&rig);
      rig_wait (state_of (&rig) == S (ONLINE));
      whim_clock_advance (rig.clock, i % 2 == 0 ? 0 : WHIM_STABLE_AFTER_MS / 3);
      rig_hang_up (&rig);
      waited = wait_out (&rig);
      assert_about (waited, fibonacci[i]);
      even += waited == fibonacci[i];
    }
  g_assert_cmpuint (even, <, G_N_ELEMENTS (fibonacci)); /* jitter */
  /* stable: pings are answered meanwhile */
  success (&rig);
  rig_wait (state_of (&rig) == S (SYNCING));
  offline_done (&rig);
  rig_wait (state_of (&rig) == S (ONLINE));
  for (guint i = 0; i < 3; i++)
    {
      whim_clock_advance (rig.clock, WHIM_STABLE_AFTER_MS / 3);
      rig_send (&rig, rig_node ("ib", NULL));
      rig_wait (rig.session->heard_ms == whim_clock_get_monotonic_ms (rig.clock));
    }
  rig_hang_up (&rig);
  assert_about (wait_out (&rig), 1000);
  /* 15 minutes are the most */
  rig.session->retry_count = 40;
  rig_hang_up (&rig);
  assert_about (wait_out (&rig), WHIM_BACKOFF_CAP_MS);
  rig_down (&rig);
}

/* A caller does not wait for it, and does not make it shorter either. */
static void
test_caller (void)
{
  Rig rig;

  reach (&rig, S (LOGIN));
  for (guint i = 0; i < 5; i++)
    {
      rig_hang_up (&rig);
      rig_wait (state_of (&rig) == S (WAITING));
      rig.hold_hello = FALSE;
      whim_session_connect (rig.session, WHIM_REASON_REQUESTED);
      g_assert_cmpint (state_of (&rig), ==, S (CONNECTING));
      rig_wait (state_of (&rig) == S (LOGIN) && rig_peer (&rig)->stage == 3);
    }
  rig_hang_up (&rig);
  assert_about (wait_out (&rig), 8000);
  rig_down (&rig);
}

/* Somebody sets the clock, hours forward or back: intervals stay what they are. */
static void
test_clock_steps (gconstpointer data)
{
  gint64 step_ms = GPOINTER_TO_INT (data) * G_GINT64_CONSTANT (3600000);
  gint64 server_time;
  Rig rig;

  /* the back-off */
  reach (&rig, S (LOGIN));
  rig_hang_up (&rig);
  rig_wait (state_of (&rig) == S (WAITING));
  whim_clock_step_wall (rig.clock, step_ms);
  whim_clock_advance (rig.clock, 0);
  g_assert_cmpint (state_of (&rig), ==, S (WAITING));
  assert_about (wait_out (&rig), 1000);
  /* a connection that lives; the server's time */
  success (&rig);
  offline_done (&rig);
  rig_wait (state_of (&rig) == S (ONLINE));
  server_time = whim_session_get_server_time (rig.session);
  whim_clock_step_wall (rig.clock, -2 * step_ms);
  whim_clock_advance (rig.clock, 0);
  g_assert_cmpint (state_of (&rig), ==, S (ONLINE));
  g_assert_cmpint (whim_session_get_server_time (rig.session), ==, server_time);
  /* the end of a ban is so many seconds away, whatever the wall says */
  rig_send (&rig, rig_node ("failure", "reason", "402", "code", "101", "expire", "1800", NULL));
  rig_wait (state_of (&rig) == S (BLOCKED));
  whim_clock_step_wall (rig.clock, step_ms);
  whim_clock_advance (rig.clock, 1790 * 1000);
  whim_session_connect (rig.session, WHIM_REASON_REQUESTED);
  g_assert_cmpint (state_of (&rig), ==, S (BLOCKED));
  whim_clock_advance (rig.clock, 11 * 1000);
  g_assert_cmpint (state_of (&rig), ==, S (CONNECTING));
  rig_down (&rig);
}

/* Who asks for a QR while a phone code is about to end has a pairing of his own: it does not end
 * with what was asked for minutes before. */
static void
test_asked_beside_code (void)
{
  Rig rig;

  rig_up (&rig, FALSE);
  whim_session_connect_phone (rig.session, "4915550000001");
  whim_clock_advance (rig.clock, WHIM_PHONE_CODE_MS);
  g_assert_cmpint (state_of (&rig), ==, S (UNLINKED));
  whim_session_connect_phone (rig.session, "4915550000001");
  whim_clock_advance (rig.clock, WHIM_PHONE_CODE_MS - 10000);
  whim_session_connect (rig.session, WHIM_REASON_REQUESTED);
  whim_clock_advance (rig.clock, 10000);
  g_assert_false (whim_session_is_phone_code_wanted (rig.session));
  g_assert_cmpint (state_of (&rig), ==, S (PAIRING));
  rig_down (&rig);
}

/* After all cases, which one suite runs in their order: no row of the table was never seen, and
 * nothing happened that is not in it. */
static void
test_all_seen (void)
{
  guint missing = 0;

  for (guint state = 0; state < WHIM_SESSION_N_STATES; state++)
    for (guint event = 0; event < WHIM_SESSION_N_EVENTS; event++)
      {
        WhimSessionStep step
            = whim_session_fsm_step ((WhimSessionState)state, (WhimSessionEvent)event);

        if (step.listed == rig_ever[state][event])
          continue;
        missing++;
        g_test_message ("%s: %s: %s", step.listed ? "never seen" : "not in the table",
                        whim_session_state_to_word ((WhimSessionState)state),
                        whim_session_event_to_word ((WhimSessionEvent)event));
      }
  g_assert_cmpuint (missing, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint state = 0; state < WHIM_SESSION_N_STATES; state++)
    for (guint event = 0; event < WHIM_SESSION_N_EVENTS; event++)
      {
        g_autofree char *path = NULL;

        if (!whim_session_fsm_step ((WhimSessionState)state, (WhimSessionEvent)event).listed)
          continue;
        path = g_strdup_printf ("/states/row-%s:%s",
                                whim_session_state_to_word ((WhimSessionState)state),
                                whim_session_event_to_word ((WhimSessionEvent)event));
        g_strdelimit (path, " ", '-');
        g_test_add_data_func (path, ROW (state, event), test_row);
      }
  g_test_add_func ("/states/other-ways", test_other_ways);
  g_test_add_func ("/states/unsaved-keys", test_unsaved_keys);
  g_test_add_func ("/states/taken-back", test_taken_back);
  g_test_add_func ("/states/late-refs", test_late_refs);
  g_test_add_func ("/states/back-off", test_back_off);
  g_test_add_func ("/states/caller", test_caller);
  g_test_add_func ("/states/asked-beside-code", test_asked_beside_code);
  g_test_add_data_func ("/states/clock-forward", GINT_TO_POINTER (5), test_clock_steps);
  g_test_add_data_func ("/states/clock-back", GINT_TO_POINTER (-5), test_clock_steps);
  g_test_add_func ("/states/all-seen", test_all_seen);
  return g_test_run ();
}
