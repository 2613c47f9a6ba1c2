/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "messaging/whim-messenger-private.h"

G_BEGIN_DECLS

/* What the files of the send pipeline share. */

/* ---- refusals (whim-refusal.c) --------------------------------------------------------------- */

typedef enum
{
  WHIM_REFUSAL_FINAL,
  WHIM_REFUSAL_RETRY,   /* the very same bytes, later */
  WHIM_REFUSAL_ADDRESS, /* devices and LID asked anew, encrypted anew, once */
} WhimRefusalKind;
typedef struct
{
  gint64 first;
  gint64 last;
  WhimRefusalKind kind;
  const char *reason; /* public word */
} WhimRefusal;
/** whim_refusal_find: (transfer none): never NULL */
const WhimRefusal *whim_refusal_find (gint64 code);
/** whim_refusal_get_delay: ms before the same bytes go out again, after so many refusals before */
gint64 whim_refusal_get_delay (guint refusals);

/* ---- pacing (whim-pacing.c) ------------------------------------------------------------------ */

/** WhimPacingFacts: times in Unix ms, 0 = never; @linked_at in seconds
 *  @first_contact: nobody of the two has written to the other so far
 *  @answered: they wrote within a day
 *  @gap_kept: it waited for its turn already
 *  @last_stranger_ms, @last_ms: when the last one left, or is to leave
 *  @last_hour, @hour_ends_ms: messages of the running hour */
typedef struct
{
  gint64 now_ms;
  gint64 linked_at;
  gboolean first_contact;
  gboolean answered;
  gboolean same_chat;
  gboolean gap_kept;
  guint new_chats;
  gint64 last_stranger_ms;
  gint64 last_ms;
  guint last_hour;
  gint64 hour_ends_ms;
} WhimPacingFacts;
/** whim_pacing_decide: 0: it may leave now; else when (Unix ms), and @reason says why
 *  @chance: 0 … 1 */
gint64 whim_pacing_decide (WhimPacing pacing,
                           const WhimPacingFacts *facts,
                           gdouble chance,
                           const char **reason);

/* ---- privacy tokens (whim-tokens.c) ---------------------------------------------------------- */

/** whim_tokens_get_oldest: a token of that time or later is good */
gint64 whim_tokens_get_oldest (gint64 now);
/** whim_tokens_is_due: ours is to be given (again) */
gboolean whim_tokens_is_due (gint64 now, gint64 issued_at);
/** whim_tokens_make_stranger: for who has no token of @lid (bare JID text) */
void whim_tokens_make_stranger (const WhimSecret *salt, const char *lid, guint8 token[32]);
/** whim_tokens_make_node: (transfer full) (nullable): <tctoken> or <cstoken> for a message */
WhimNode *whim_tokens_make_node (const WhimStanding *standing, const WhimJid *to, gint64 now);
/** whim_tokens_issue: gives @user ours, if it is due */
void whim_tokens_issue (WhimMessenger *self, const char *user, gint64 issued_at);

/* ---- JSON requests (whim-mex.c) -------------------------------------------------------------- */

/** whim_mex_make_query: (transfer full): a finished <iq>; @variables: JSON object */
WhimNode *whim_mex_make_query (WhimSession *session, const char *query_id, const char *variables);
/** whim_mex_find: (transfer full) (nullable): the plain members of data.@root in the JSON that is
 *  the content of @holder (nullable), as a{sv}: b, x or s */
GVariant *whim_mex_find (WhimNode *holder, const char *root);

/* ---- restrictions (whim-restrictions.c) ------------------------------------------------------ */

#define WHIM_RESTRICTION_REACHOUT "reachout"
#define WHIM_RESTRICTION_NEW_CHATS "new_chats"

/** whim_restrictions_get_end: until when first contacts wait, Unix seconds; 0 = they need not */
gint64 whim_restrictions_get_end (WhimMessenger *self);
gboolean whim_restrictions_has (WhimMessenger *self, const char *kind);
/** whim_restrictions_ask: after the refusal @code of that message: what is the account's state? */
void whim_restrictions_ask (WhimMessenger *self,
                            gint64 code,
                            const char *message_id,
                            const char *chat_id);
void whim_restrictions_clear (WhimMessenger *self);

/* ---- the queue (whim-sender.c) --------------------------------------------------------------- */

typedef struct _SendLane SendLane;

typedef struct
{
  WhimOutboxRow *row;
  WhimMessage *message;   /* as accepted; NULL after a restart */
  SendLane *lane;         /* where it stands in line; NULL: nowhere */
  WhimStanding *standing; /* (nullable): known since a moment ago */
  gboolean busy;          /* an operation of it is under way: its callback frees it if need be */
  gint64 sent_ms;         /* monotonic; 0: not in this connection */
  gint64 sent_at;         /* Unix ms */
  gint64 type_until;      /* monotonic ms: "typing…" is shown; 0: not yet */
  gboolean typed;
  gint64 retry_at; /* monotonic ms: refused, the same bytes not before */
  guint refusals;
  gboolean gap_kept;
  gboolean known;   /* somebody has written in this chat */
  char *token_user; /* who gets our token when it arrived; NULL: nobody */
  gint64 issued_at; /* when they got the last one */
} SendRow;

struct _SendLane
{
  char *chat;
  GQueue rows;       /* of SendRow: the head is being worked on, or waits */
  gboolean running;  /* the head */
  gint64 wait_until; /* monotonic ms; 0: it need not wait */
};

struct _WhimSender
{
  WhimMessenger *messenger;
  GQueue rows;          /* of SendRow */
  GHashTable *by_id;    /* message id -> SendRow */
  GHashTable *lanes;    /* chat -> SendLane: what is not handed to the socket yet */
  GHashTable *resealed; /* set of ids that were encrypted anew after a refusal */
  GHashTable *dropping; /* set of ids that are being cancelled */
  GHashTable *given_up; /* set of ids that expired after their bytes had left */
  GHashTable *written;  /* set of chats of strangers that were written to in this run */
  GHashTable *waiters;  /* id -> GTask: who waits for the ack */
  gboolean loaded;      /* the rows that were on disk at the login are in line */
  gboolean loading;
  gboolean load_wanted; /* when nothing is on its way to disk any more */
  gboolean online;
  guint ack_timer;
  guint lane_timer;
  gint64 lane_due; /* monotonic ms */
  guint expiry_timer;
  gint64 expiry_at; /* Unix seconds */
  guint generation;
  guint ops;        /* under way */
  guint depth;      /* rows that are being worked on one in the other */
  guint committing; /* of them, sealed and not yet on disk */

  /* pacing, of this run */
  gint64 last_stranger_ms;
  gint64 last_ms;
  char *last_chat;
  guint hour_count;
  gint64 hour_ends_ms;
};

/* An operation of a row, until its callback. */
typedef struct
{
  WhimMessenger *messenger;
  SendRow *row;
  guint generation;
  gboolean committing; /* its ciphertexts are on their way to disk */
} RowOp;
RowOp *whim_sender_row_op_new (WhimSender *self, SendRow *row);
/** whim_sender_row_op_end: takes @op. NULL: connection or store are gone; the row is on disk, in
 *  whatever state */
SendRow *whim_sender_row_op_end (RowOp *op);

/** whim_sender_get_lane: (transfer none): made if need be */
SendLane *whim_sender_get_lane (WhimSender *self, const char *chat);
/** whim_sender_lane_start: its head is worked on, unless it is already, or waits */
void whim_sender_lane_start (WhimSender *self, SendLane *lane);
/** whim_sender_row_committed: a WhimCommitDone: what was to be kept of a row that stays in line is
 *  on disk; @data: RowOp */
void whim_sender_row_committed (WhimMessenger *messenger, gboolean ok, gpointer data);

/** whim_sender_add: a message that was accepted while online, behind everything that was before.
 *  Takes @row, @message and @standing (nullable) */
void whim_sender_add (WhimSender *self,
                      WhimOutboxRow *row,
                      WhimMessage *message,
                      WhimStanding *standing);
/** whim_sender_load: online: what is on disk stands in line, and then what was accepted meanwhile
 */
void whim_sender_load (WhimSender *self);
/** whim_sender_line_up: to the end of its lane, or out at once if it is immediate */
void whim_sender_line_up (WhimSender *self, SendRow *row);
/** whim_sender_drop: forgets a row that is not busy; it is off the disk, or will be */
void whim_sender_drop (WhimSender *self, SendRow *row);
/** whim_sender_end_row: off the queue, with @unit (transfer full) and what belongs to its end
 *  @code: of a refusal; 0 otherwise */
void whim_sender_end_row (WhimSender *self,
                          SendRow *row,
                          WhimMessageStatus status,
                          const char *reason,
                          gint64 timestamp,
                          gint64 code,
                          WhimUnit *unit);
/** whim_sender_arm_ack_timer: a row was written: silence is noticed */
void whim_sender_arm_ack_timer (WhimSender *self);
/** whim_sender_make_event: (transfer full): what became of a row */
WhimEvent *whim_sender_make_event (WhimSender *self,
                                   const WhimOutboxRow *row,
                                   const WhimMessage *message,
                                   WhimMessageStatus status,
                                   const char *reason,
                                   gint64 timestamp);
/** whim_sender_expect_expiry: a row ends then (Unix seconds) */
void whim_sender_expect_expiry (WhimSender *self, gint64 at);
/** whim_sender_answer_waiter: whoever waits for the ack of that message gets @message or @error
 *  (transfer full both); nobody waits: they are freed */
void
whim_sender_answer_waiter (WhimSender *self, const char *id, WhimMessage *message, GError *error);
/** whim_sender_wait_for_ack: takes @task */
void whim_sender_wait_for_ack (WhimSender *self, const char *id, GTask *task);
void whim_sender_fail_waiters (WhimSender *self);

G_END_DECLS
