/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-session-fsm.h"

/* No loop, no time, no I/O: (state, event) -> (state, actions).
 *
 *   UNLINKED --connect--> PAIRING --pair success--> PAIRED --515--> CONNECTING
 *   OFFLINE --connect--> CONNECTING --> LOGIN --> SYNCING --> ONLINE
 *   any of them --lost--> WAITING --due--> CONNECTING
 *   any of them --401--> LOGGED_OUT, --conflict--> REPLACED, --402, 405, …--> BLOCKED
 */

#define CLOSE WHIM_SESSION_ACTION_CLOSE
#define ERASE WHIM_SESSION_ACTION_ERASE
#define OPEN WHIM_SESSION_ACTION_OPEN
#define RETRY WHIM_SESSION_ACTION_RETRY
#define LOGIN WHIM_SESSION_ACTION_LOGIN
#define UNLINK WHIM_SESSION_ACTION_UNLINK
#define ASKED WHIM_SESSION_ACTION_ASKED

#define S(state) WHIM_SESSION_##state
#define STEP(event, next, actions)                                                                 \
  [WHIM_SESSION_EVENT_##event] = { TRUE, WHIM_SESSION_##next, (actions) }

/* Listed is what can happen: timers and links end with CLOSE, and their late news with them, so
 * that only callers reach a state without a link. tests/session/test-states.c walks every row. */

/* What ends a registered connection does so alike from LOGIN to ONLINE. */
#define ENDINGS                                                                                    \
  STEP (DISCONNECT, OFFLINE, CLOSE), STEP (LOST, WAITING, CLOSE | RETRY),                          \
      STEP (RESTART, CONNECTING, CLOSE | OPEN), STEP (TROUBLE, WAITING, CLOSE | RETRY),            \
      STEP (UNLINKED, LOGGED_OUT, CLOSE | ERASE), STEP (REPLACED, REPLACED, CLOSE),                \
      STEP (BLOCKED, BLOCKED, CLOSE)

static const WhimSessionStep table[WHIM_SESSION_N_STATES][WHIM_SESSION_N_EVENTS] = {
  [S (UNLINKED)] = {
    STEP (CONNECT, PAIRING, OPEN | ASKED),
    STEP (LOGOUT, UNLINKED, 0),
    STEP (DISCONNECT, UNLINKED, 0),
  },
  [S (PAIRING)] = {
    STEP (CONNECT, PAIRING, ASKED),
    STEP (DISCONNECT, UNLINKED, CLOSE),
    STEP (LOGOUT, UNLINKED, CLOSE),
    STEP (OPENED, PAIRING, 0),
    STEP (LOST, PAIRING, CLOSE | RETRY),
    STEP (TROUBLE, PAIRING, CLOSE | RETRY),
    STEP (RESTART, PAIRING, CLOSE | OPEN),
    STEP (PAIR_SUCCESS, PAIRED, 0),
    STEP (PAIRING_ENDED, UNLINKED, CLOSE),
    STEP (RETRY_DUE, PAIRING, CLOSE | OPEN),
    STEP (UNLINKED, UNLINKED, CLOSE),
    STEP (BLOCKED, UNLINKED, CLOSE),
    STEP (REPLACED, UNLINKED, CLOSE),
  },
  [S (PAIRED)] = {
    STEP (CONNECT, PAIRED, 0),
    STEP (DISCONNECT, OFFLINE, CLOSE),
    STEP (LOGOUT, LOGGED_OUT, CLOSE | ERASE),
    STEP (LOST, CONNECTING, CLOSE | OPEN),
    STEP (RESTART, CONNECTING, CLOSE | OPEN),
    STEP (TROUBLE, WAITING, CLOSE | RETRY),
    STEP (UNLINKED, LOGGED_OUT, CLOSE | ERASE),
    STEP (BLOCKED, BLOCKED, CLOSE),
    STEP (REPLACED, REPLACED, CLOSE),
  },
  [S (OFFLINE)] = {
    STEP (CONNECT, CONNECTING, OPEN),
    STEP (LOGOUT, LOGGED_OUT, ERASE),
    STEP (DISCONNECT, OFFLINE, 0),
  },
  [S (CONNECTING)] = {
    STEP (CONNECT, CONNECTING, 0),
    STEP (LOGOUT, LOGGED_OUT, CLOSE | ERASE),
    STEP (DISCONNECT, OFFLINE, CLOSE),
    STEP (OPENED, LOGIN, 0),
    STEP (LOST, WAITING, CLOSE | RETRY),
    STEP (BLOCKED, BLOCKED, CLOSE),
  },
  [S (LOGIN)] = {
    STEP (CONNECT, LOGIN, 0),
    STEP (LOGOUT, LOGGED_OUT, CLOSE | ERASE),
    STEP (LOGGED_IN, SYNCING, LOGIN),
    ENDINGS,
  },
  [S (SYNCING)] = {
    STEP (CONNECT, SYNCING, 0),
    STEP (LOGOUT, CLOSING, UNLINK),
    STEP (SYNCED, ONLINE, 0),
    ENDINGS,
  },
  [S (ONLINE)] = {
    STEP (CONNECT, ONLINE, 0),
    STEP (LOGOUT, CLOSING, UNLINK),
    STEP (SYNCED, ONLINE, 0),
    ENDINGS,
  },
  [S (CLOSING)] = {
    STEP (CONNECT, CLOSING, 0),
    STEP (DISCONNECT, CLOSING, 0),
    STEP (LOGOUT, CLOSING, 0),
    STEP (LOST, LOGGED_OUT, CLOSE | ERASE),
    STEP (SYNCED, CLOSING, 0),
    STEP (RESTART, LOGGED_OUT, CLOSE | ERASE),
    STEP (TROUBLE, LOGGED_OUT, CLOSE | ERASE),
    STEP (UNLINKED, LOGGED_OUT, CLOSE | ERASE),
    STEP (REPLACED, LOGGED_OUT, CLOSE | ERASE),
    STEP (BLOCKED, LOGGED_OUT, CLOSE | ERASE),
    STEP (CLOSE_DONE, LOGGED_OUT, CLOSE | ERASE),
  },
  [S (WAITING)] = {
    STEP (CONNECT, CONNECTING, CLOSE | OPEN),
    STEP (DISCONNECT, OFFLINE, CLOSE),
    STEP (LOGOUT, LOGGED_OUT, CLOSE | ERASE),
    STEP (RETRY_DUE, CONNECTING, OPEN),
  },
  [S (LOGGED_OUT)] = {
    STEP (CONNECT, PAIRING, OPEN | ASKED),
    STEP (LOGOUT, LOGGED_OUT, 0),
    STEP (DISCONNECT, LOGGED_OUT, 0),
  },
  [S (REPLACED)] = {
    STEP (CONNECT, CONNECTING, OPEN),
    STEP (LOGOUT, LOGGED_OUT, ERASE),
    STEP (DISCONNECT, REPLACED, 0),
  },
  [S (BLOCKED)] = {
    STEP (CONNECT, CONNECTING, OPEN),
    STEP (LOGOUT, LOGGED_OUT, ERASE),
    STEP (DISCONNECT, BLOCKED, 0),
  },
};

static const char *const state_words[WHIM_SESSION_N_STATES] = {
  [S (UNLINKED)] = "unlinked", [S (PAIRING)] = "pairing",       [S (PAIRED)] = "paired",
  [S (OFFLINE)] = "offline",   [S (CONNECTING)] = "connecting", [S (LOGIN)] = "login",
  [S (SYNCING)] = "syncing",   [S (ONLINE)] = "online",         [S (CLOSING)] = "closing",
  [S (WAITING)] = "waiting",   [S (LOGGED_OUT)] = "logged out", [S (REPLACED)] = "replaced",
  [S (BLOCKED)] = "blocked",
};

static const char *const event_words[WHIM_SESSION_N_EVENTS] = {
  [WHIM_SESSION_EVENT_CONNECT] = "connect",
  [WHIM_SESSION_EVENT_DISCONNECT] = "disconnect",
  [WHIM_SESSION_EVENT_LOGOUT] = "logout",
  [WHIM_SESSION_EVENT_OPENED] = "opened",
  [WHIM_SESSION_EVENT_LOST] = "lost",
  [WHIM_SESSION_EVENT_LOGGED_IN] = "logged in",
  [WHIM_SESSION_EVENT_SYNCED] = "synced",
  [WHIM_SESSION_EVENT_PAIR_SUCCESS] = "pair success",
  [WHIM_SESSION_EVENT_PAIRING_ENDED] = "pairing ended",
  [WHIM_SESSION_EVENT_RESTART] = "restart",
  [WHIM_SESSION_EVENT_TROUBLE] = "trouble",
  [WHIM_SESSION_EVENT_UNLINKED] = "unlinked",
  [WHIM_SESSION_EVENT_REPLACED] = "replaced",
  [WHIM_SESSION_EVENT_BLOCKED] = "blocked",
  [WHIM_SESSION_EVENT_RETRY_DUE] = "retry due",
  [WHIM_SESSION_EVENT_CLOSE_DONE] = "close done",
};

WhimSessionStep
whim_session_fsm_step (WhimSessionState state, WhimSessionEvent event)
{
  WhimSessionStep step;

  g_return_val_if_fail ((guint)state < WHIM_SESSION_N_STATES, table[0][0]);
  g_return_val_if_fail ((guint)event < WHIM_SESSION_N_EVENTS, table[0][0]);
  step = table[state][event];
  if (!step.listed)
    step.next = state;
  return step;
}

const char *
whim_session_state_to_word (WhimSessionState state)
{
  return state_words[state];
}

const char *
whim_session_event_to_word (WhimSessionEvent event)
{
  return event_words[event];
}

static void
append_actions (GString *text, guint actions)
{
  static const char *const words[]
      = { "close", "erase", "open", "retry", "login", "unlink", "asked" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (actions & (1u << i))
      g_string_append_printf (text, " %s", words[i]);
}

char *
whim_session_fsm_to_markdown (void)
{
  GString *text = g_string_new ("| state | event | next | actions |\n| --- | --- | --- | --- |\n");

  for (guint state = 0; state < WHIM_SESSION_N_STATES; state++)
    for (guint event = 0; event < WHIM_SESSION_N_EVENTS; event++)
      {
        const WhimSessionStep *step = &table[state][event];

        if (!step->listed)
          continue;
        g_string_append_printf (text, "| %s | %s | %s |", state_words[state], event_words[event],
                                state_words[step->next]);
        append_actions (text, step->actions);
        g_string_append (text, " |\n");
      }
  return g_string_free (text, FALSE);
}
