/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** WhimSessionState: see the table in README.md */
typedef enum
{
  WHIM_SESSION_UNLINKED,   /* no account; nothing runs */
  WHIM_SESSION_PAIRING,    /* unregistered connection: codes are shown */
  WHIM_SESSION_PAIRED,     /* pair-success is answered; the server will close with 515 */
  WHIM_SESSION_OFFLINE,    /* an account, and nobody wants a connection */
  WHIM_SESSION_CONNECTING, /* socket and Noise handshake */
  WHIM_SESSION_LOGIN,      /* waits for success or failure */
  WHIM_SESSION_SYNCING,    /* logged in; what was missed arrives */
  WHIM_SESSION_ONLINE,
  WHIM_SESSION_CLOSING,    /* asked the server to unlink us; waits for its answer */
  WHIM_SESSION_WAITING,    /* back-off */
  WHIM_SESSION_LOGGED_OUT, /* resting: the keys are gone */
  WHIM_SESSION_REPLACED,   /* resting: another connection uses our keys */
  WHIM_SESSION_BLOCKED,    /* resting: the server refuses us */
  WHIM_SESSION_N_STATES
} WhimSessionState;

typedef enum
{
  WHIM_SESSION_EVENT_CONNECT,       /* a caller wants it connected */
  WHIM_SESSION_EVENT_DISCONNECT,    /* a caller wants it offline */
  WHIM_SESSION_EVENT_LOGOUT,        /* a caller wants it unlinked */
  WHIM_SESSION_EVENT_OPENED,        /* the handshake is done */
  WHIM_SESSION_EVENT_LOST,          /* the link failed to open, or ended */
  WHIM_SESSION_EVENT_LOGGED_IN,     /* success */
  WHIM_SESSION_EVENT_SYNCED,        /* the offline queue is done */
  WHIM_SESSION_EVENT_PAIR_SUCCESS,  /* checked, committed and answered */
  WHIM_SESSION_EVENT_PAIRING_ENDED, /* nobody wants a code any more */
  WHIM_SESSION_EVENT_RESTART,       /* 515: again at once */
  WHIM_SESSION_EVENT_TROUBLE,       /* 503, silence, refused commit: again after back-off */
  WHIM_SESSION_EVENT_UNLINKED,      /* 401, device_removed, 403, 406: the keys are dead */
  WHIM_SESSION_EVENT_REPLACED,      /* conflict */
  WHIM_SESSION_EVENT_BLOCKED,       /* 402, 405, 409, wrong certificate: no retry helps */
  WHIM_SESSION_EVENT_RETRY_DUE,     /* the back-off is over, or the network came back */
  WHIM_SESSION_EVENT_CLOSE_DONE,    /* the logout was answered, or its grace is over */
  WHIM_SESSION_N_EVENTS
} WhimSessionEvent;

typedef enum
{
  WHIM_SESSION_ACTION_NONE = 0,
  WHIM_SESSION_ACTION_CLOSE = 1 << 0,  /* end the link, fail what waits for answers */
  WHIM_SESSION_ACTION_ERASE = 1 << 1,  /* delete the keys and all that belongs to the pairing */
  WHIM_SESSION_ACTION_OPEN = 1 << 2,   /* open a link: with keys a login, without a registration */
  WHIM_SESSION_ACTION_RETRY = 1 << 3,  /* start the back-off timer */
  WHIM_SESSION_ACTION_LOGIN = 1 << 4,  /* the work after success */
  WHIM_SESSION_ACTION_UNLINK = 1 << 5, /* ask the server to remove this device */
  WHIM_SESSION_ACTION_ASKED = 1 << 6,  /* somebody wants a code: pairing goes on */
} WhimSessionAction;

typedef struct
{
  gboolean listed; /* FALSE: this pair is a bug of ours; nothing happens */
  WhimSessionState next;
  guint actions; /* in the order of their bits */
} WhimSessionStep;

/** whim_session_fsm_step: pure: what @event does in @state */
WhimSessionStep whim_session_fsm_step (WhimSessionState state, WhimSessionEvent event);

const char *whim_session_state_to_word (WhimSessionState state);
const char *whim_session_event_to_word (WhimSessionEvent event);

/** whim_session_fsm_to_markdown: (transfer full): the table as it stands in README.md */
char *whim_session_fsm_to_markdown (void);

G_END_DECLS
