/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/whim-session.h"

/* Timings of the dossier, part 1, in milliseconds. */
#define WHIM_OPEN_TIMEOUT_MS 40000    /* 1.1: 20 s for the socket, 20 s for ServerHello */
#define WHIM_LOGIN_TIMEOUT_MS 20000   /* success or failure */
#define WHIM_REQUEST_TIMEOUT_MS 75000 /* 7.7 */
#define WHIM_OFFLINE_QUIET_MS 60000   /* 7.5: the queue is over after this silence */
#define WHIM_PING_AFTER_MS 15000      /* 7.6 */
#define WHIM_PING_SPREAD_MS 15000     /* 7.6: 15·(1+rand) s */
#define WHIM_DEAD_AFTER_MS 20000      /* 7.6: since the first send without an answer */
#define WHIM_STABLE_AFTER_MS 30000    /* 8.5 */
#define WHIM_BACKOFF_CAP_MS 900000    /* 8.5 */
#define WHIM_LOGOUT_GRACE_MS 3000     /* 8.6 */
#define WHIM_FIRST_REF_MS 60000       /* 5.4 */
#define WHIM_NEXT_REF_MS 20000        /* 5.4 */
#define WHIM_ASKED_FOR_MS 60000       /* product page, 4: fresh codes while somebody asks */
#define WHIM_PAIRING_LIMIT_MS 300000  /* product page, 4 */
#define WHIM_RESTART_GRACE_MS 5000    /* 5.7: the 515 after the answer; else reconnect anyway */

#define WHIM_MAX_REFS 16u

typedef struct
{
  GQueue refs;       /* of char *; the head is shown */
  char *code;        /* built from the head when it became valid */
  gint64 expires_ms; /* monotonic */
  guint ref_timer;
  gint64 asked_ms; /* monotonic: when somebody last asked for a code */
  gint64 began_ms;
  gboolean pairing_iq_busy; /* a pair-success is being checked and committed */
} WhimPairing;

struct _WhimSession
{
  WhimClock *clock;
  WhimTransport *transport;
  guint8 noise_root[WHIM_KEY_SIZE];
  WhimClientVersion version;
  const WhimSessionHost *host;
  gpointer host_data;
  char *log_name;

  WhimCredentials *credentials;
  WhimSessionState state;
  WhimReason reason;
  char *detail;
  gint64 since;
  gboolean stepping;    /* inside a transition */
  GQueue queued;        /* of QueuedEvent: what came while stepping */
  guint generation;     /* of the connection; late callbacks of an older one die */
  gboolean erasing;     /* keys are being deleted; nothing may open until it is done */
  gboolean open_wanted; /* an open that waits for the erasing */

  WhimLink *link;
  GCancellable *open_cancellable;
  guint open_timer;

  /* keep-alive */
  guint alive_timer;
  gint64 heard_ms;
  gint64 waiting_since_ms; /* first send without anything heard after it; 0 = none */
  gint64 opened_ms;

  /* back-off */
  guint retry_timer;
  guint retry_count;

  /* login */
  gboolean logged_in;
  gboolean offline_done; /* ib offline came, or the quiet time is over */
  gboolean active_done;  /* passive/active was answered */
  guint offline_timer;
  gboolean offline_batch_sent;
  gint64 clock_offset; /* server time minus ours, seconds */
  guint prekeys_on_server;
  guint close_timer;

  /* requests */
  GHashTable *requests; /* id -> Request */
  guint request_prefix[2];
  guint request_count;

  WhimPairing pairing;
};

/* whim-session.c */
void whim_session_handle (WhimSession *self,
                          WhimSessionEvent event,
                          WhimReason reason,
                          const char *detail);
void whim_session_note_sent (WhimSession *self);
void whim_session_send_raw (WhimSession *self, WhimNode *node);

/* whim-session-requests.c */
void whim_session_requests_init (WhimSession *self);
void whim_session_requests_new_connection (WhimSession *self);
/** TRUE if @node was the answer to a request of ours */
gboolean whim_session_requests_take (WhimSession *self, WhimNode *node);
void whim_session_requests_fail_all (WhimSession *self);
void whim_session_requests_clear (WhimSession *self);

/* whim-session-login.c */
void whim_session_login_start (WhimSession *self);
void whim_session_login_success (WhimSession *self, WhimNode *success);
void whim_session_login_failure (WhimSession *self, WhimNode *failure);
void whim_session_login_stream_error (WhimSession *self, WhimNode *error);
void whim_session_login_ib (WhimSession *self, WhimNode *ib);
void whim_session_login_heard_offline (WhimSession *self);
void whim_session_login_reset (WhimSession *self);
void whim_session_login_unlink (WhimSession *self);

/* whim-pairing.c */
void whim_pairing_asked (WhimSession *self);
gboolean whim_pairing_is_wanted (WhimSession *self);
/** TRUE if @iq belonged to pairing */
gboolean whim_pairing_take_iq (WhimSession *self, WhimNode *iq);
/** TRUE if @notification belonged to pairing */
gboolean whim_pairing_take_notification (WhimSession *self, WhimNode *notification);
void whim_pairing_reset (WhimSession *self);
