/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/whim-session.h"

/* Timings of the dossier, part 1, in milliseconds. */
#define WHIM_OPEN_TIMEOUT_MS 40000      /* 1.1: 20 s for the socket, 20 s for ServerHello */
#define WHIM_LOGIN_TIMEOUT_MS 20000     /* success or failure */
#define WHIM_REQUEST_TIMEOUT_MS 75000   /* 7.7 */
#define WHIM_OFFLINE_QUIET_MS 60000     /* 7.5: the queue is over after this silence */
#define WHIM_PING_AFTER_MS 15000        /* 7.6 */
#define WHIM_PING_SPREAD_MS 15000       /* 7.6: 15·(1+rand) s */
#define WHIM_DEAD_AFTER_MS 20000        /* 7.6: since the first send without an answer */
#define WHIM_STABLE_AFTER_MS 30000      /* 8.5 */
#define WHIM_BACKOFF_CAP_MS 900000      /* 8.5 */
#define WHIM_LOGOUT_GRACE_MS 3000       /* 8.6 */
#define WHIM_FIRST_REF_MS 60000         /* 5.4 */
#define WHIM_NEXT_REF_MS 20000          /* 5.4 */
#define WHIM_ASKED_FOR_MS 60000         /* product page, 4: fresh codes while somebody asks */
#define WHIM_PAIRING_LIMIT_MS 300000    /* product page, 4 */
#define WHIM_RESTART_GRACE_MS 5000      /* 5.7: the 515 after the answer; else reconnect anyway */
#define WHIM_PHONE_CODE_MS 180000       /* 6.1 */
#define WHIM_PHONE_CODE_FINISH_MS 60000 /* 6.5: pair-success after primary_hello */
#define WHIM_WAKE_DEADLINE_MS 5000      /* 7.6: after resume a ping at once with a short deadline */
#define WHIM_BAN_MAX_S (366 * 24 * 3600) /* a longer one is no number to rely on */
#define WHIM_RATE_LIMIT_STEPS 5u         /* 8.2: 429 raises the back-off */

#define WHIM_MAX_REFS 16u

typedef struct
{
  GQueue refs;       /* of char *; the head is shown */
  char *code;        /* built from the head when it became valid */
  gint64 expires_ms; /* monotonic */
  guint ref_timer;
  gint64 asked_ms; /* monotonic: when somebody last asked for a code */
  gint64 began_ms;
  gboolean ready;           /* pair-device came on this connection */
  gboolean pairing_iq_busy; /* a pair-success is being checked and committed */
  WhimReason outcome;       /* how the latest try ended; NONE: it goes on */
  char *outcome_detail;
} WhimPairing;

typedef enum
{
  WHIM_PHONE_CODE_NONE,
  WHIM_PHONE_CODE_WANTED,    /* as soon as pair-device has come */
  WHIM_PHONE_CODE_WRAPPING,  /* the key is being derived */
  WHIM_PHONE_CODE_ASKING,    /* companion_hello is out */
  WHIM_PHONE_CODE_SHOWN,     /* waits for the phone */
  WHIM_PHONE_CODE_FINISHING, /* primary_hello came: the stored secret is the code's */
} WhimPhoneCodeStage;

typedef struct
{
  WhimPhoneCodeStage stage;
  char *phone;
  char code[9];
  char *shown;               /* "ABCD-1234", once the server knows it */
  guint number;              /* of the try; what belongs to an earlier one dies by it */
  GCancellable *cancellable; /* of the try */
  gint64 expires_ms;         /* monotonic */
  guint timer;
  WhimKeyPair *ephemeral;
  GBytes *ref;
  guint hellos;
} WhimPhoneCode;

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
  guint gate_ticket; /* while it waits for its turn to open, and opens */

  /* keep-alive */
  guint alive_timer;
  gint64 heard_ms;
  gint64 waiting_since_ms; /* first send without anything heard after it; 0 = none */
  gint64 opened_ms;

  /* back-off */
  guint retry_timer;
  guint retry_count;
  guint retry_raise; /* steps that the next back-off is raised by; it is not reset then */
  gint64 until;      /* seconds: the server refuses us until then; 0 = unknown */
  gint64 until_ms;   /* the same on the monotonic clock */
  guint until_timer;
  gint64 ban_seconds; /* of the failure that is being handled */

  /* login */
  gboolean logged_in;
  gboolean offline_done; /* ib offline came, or the quiet time is over */
  gboolean active_done;  /* passive/active was answered */
  guint offline_timer;
  gboolean offline_batch_sent;
  gint64 server_base_ms; /* server time minus the monotonic clock; 0 = unknown */
  guint prekeys_on_server;
  guint close_timer;

  /* requests */
  GHashTable *requests; /* id -> Request */
  guint request_prefix[2];
  guint request_count;

  WhimPairing pairing;
  WhimPhoneCode phone_code;
};

/* whim-session.c */
#if WHIM_DEVELOPMENT
/** WhimSessionStepWatch: an event is about to be handled */
typedef void (*WhimSessionStepWatch) (WhimSessionState state, WhimSessionEvent event);
/** whim_session_watch_steps: for tests: of every session of the process; %NULL ends it */
void whim_session_watch_steps (WhimSessionStepWatch watch);
#endif
void whim_session_handle (WhimSession *self,
                          WhimSessionEvent event,
                          WhimReason reason,
                          const char *detail);
void whim_session_note_sent (WhimSession *self);
/** the reason of the state changed, but not the state */
void whim_session_retell (WhimSession *self);
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
/** a failure or a stream:error */
void whim_session_login_verdict (WhimSession *self, WhimNode *node);
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
/** @reason NONE: no try has ended */
void whim_pairing_set_outcome (WhimSession *self, WhimReason reason, const char *detail);
WhimReason whim_pairing_get_reason (WhimSession *self);
const char *whim_pairing_get_detail (WhimSession *self);
/** nobody wants codes any more */
void whim_pairing_end (WhimSession *self);
/** a phone code has ended: QR codes while they are wanted, else the end */
void whim_pairing_go_on (WhimSession *self);
/** no QR: a phone code has replaced its secret */
void whim_pairing_hide_code (WhimSession *self);

/* whim-phone-code.c */
/** pair-device was answered */
void whim_phone_code_can_start (WhimSession *self);
void whim_phone_code_take (WhimSession *self, WhimNode *notification);
void whim_phone_code_drop (WhimSession *self);
/** the connection has ended */
void whim_phone_code_lost (WhimSession *self);
gboolean whim_phone_code_is_live (WhimSession *self);
/** a renewed secret would break the pairing that the phone is finishing */
gboolean whim_phone_code_keeps_secret (WhimSession *self);
