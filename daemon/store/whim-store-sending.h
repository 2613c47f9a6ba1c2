/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/whim-store.h"

G_BEGIN_DECLS

/* What belongs to sending besides the outbox: the timeline of a message, what others tell of it,
 * answers that are given twice, where a chat stands, and what the account may not do. */

/* ---- what becomes of a message ----------------------------------------------------------------
 */

/** whim_unit_put_timeline: something became of the message of ours or theirs with that @id
 *  @at: Unix ms; @who: (nullable): address of a device or person; @detail: (nullable). A repeat,
 *  and an unknown @id, change nothing. */
void whim_unit_put_timeline (WhimUnit *self,
                             const char *id,
                             gint64 at,
                             const char *what,
                             const char *who,
                             const char *detail);

typedef struct
{
  gint64 at; /* Unix ms */
  char *what;
  char *who; /* "" = nobody else */
  char *detail;
} WhimTimelineRow;
void whim_timeline_row_free (WhimTimelineRow *self);
/** whim_store_list_timeline_async: of the message with that row number, oldest first; result
 *  (element-type WhimTimelineRow) */
void whim_store_list_timeline_async (WhimStore *self,
                                     gint64 channel,
                                     gint64 message,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
GPtrArray *whim_store_list_timeline_finish (WhimStore *self, GAsyncResult *result, GError **error);

/** whim_unit_put_receipt: @who (device) tells that message @id of ours reached @status. Counts only
 *  for a message of the chat with @chat, or its @other name (nullable). The status only rises; if
 *  it does, "message.status" tells who and when (@at, Unix seconds). */
void whim_unit_put_receipt (WhimUnit *self,
                            const char *id,
                            const char *chat,
                            const char *other,
                            const char *who,
                            WhimMessageStatus status,
                            gint64 at);
/** whim_unit_put_read: our own other device read up to message @id of that chat: unread falls to
 *  what is newer, with a "chat.updated" event */
void
whim_unit_put_read (WhimUnit *self, const char *id, const char *chat, const char *other, gint64 at);
/** whim_unit_set_failed_reason: of a message that failed: why, as it turned out; @event (nullable)
 *  (transfer full) goes to the journal only if it changed */
void
whim_unit_set_failed_reason (WhimUnit *self, const char *id, const char *reason, WhimEvent *event);

/* ---- the queue ------------------------------------------------------------------------------ */

/** whim_unit_hold_outbox: nothing of the row leaves before @not_before (Unix ms); told in the
 *  message's reason and timeline. @reason NULL: it is held no longer. @event: (nullable) */
void whim_unit_hold_outbox (WhimUnit *self,
                            const WhimOutboxRow *row,
                            gint64 not_before,
                            const char *reason,
                            gint64 at,
                            WhimEvent *event);
/** whim_unit_unseal_outbox: queued again, to be encrypted anew under the same id */
void whim_unit_unseal_outbox (WhimUnit *self, gint64 number);
/** whim_unit_drop_outbox: the message of that row failed without an answer of the service
 *  @even_sealed: also when its bytes may have left
 *  @what: of the timeline; also the reason
 *  @event: (transfer full): goes to the journal only if it was dropped
 *  @dropped: (nullable): set before the unit's callback comes; must live until then */
void whim_unit_drop_outbox (WhimUnit *self,
                            const char *message_id,
                            gboolean even_sealed,
                            const char *what,
                            gint64 at,
                            WhimEvent *event,
                            gboolean *dropped);
/** whim_store_count_outbox_async: how much waits in each channel; result (element-type gint64
 * gint64): number of the channel -> rows, without those that have none */
void whim_store_count_outbox_async (WhimStore *self,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
GHashTable *whim_store_count_outbox_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_store_page_outbox_async: in order of acceptance; rows without content and bytes; the result
 *  is a WhimPage of WhimOutboxRow */
void whim_store_page_outbox_async (WhimStore *self,
                                   gint64 channel,
                                   guint limit,
                                   guint offset,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
WhimPage *whim_store_page_outbox_finish (WhimStore *self, GAsyncResult *result, GError **error);
void whim_store_find_outbox_async (WhimStore *self,
                                   gint64 channel,
                                   const char *message_id,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
/** whim_store_find_outbox_finish: (nullable): NULL without error if there is none */
WhimOutboxRow *
whim_store_find_outbox_finish (WhimStore *self, GAsyncResult *result, GError **error);

typedef struct
{
  GPtrArray *ids; /* of utf8: messages whose time is over, or some of them */
  gint64 next;    /* when the next one ends, Unix seconds; 0 = there is none */
} WhimExpired;
void whim_expired_free (WhimExpired *self);
void whim_store_list_expired_async (WhimStore *self,
                                    gint64 channel,
                                    gint64 now,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
WhimExpired *whim_store_list_expired_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_store_load_expiries: blocks (at start only): channel number (gint64) -> gint64, when the
 *  first of its rows ends */
GHashTable *whim_store_load_expiries (WhimStore *self, GError **error);

/* ---- answers that are given twice -------------------------------------------------------------
 */

#define WHIM_FIRST_ANSWER_KEPT_S (24 * 3600)

/** whim_unit_put_answer: the first answer to a request with an idempotency key; guarded: the unit
 *  fails with CONFLICT if there is one already. @request: SHA-256 of what was asked */
void whim_unit_put_answer (WhimUnit *self,
                           const char *api_key,
                           const char *operation,
                           const char *key,
                           GBytes *request,
                           GBytes *answer,
                           gint64 made_at);
typedef struct
{
  GBytes *request; /* NULL: never asked, or too long ago */
  GBytes *answer;
} WhimFirstAnswer;
void whim_first_answer_free (WhimFirstAnswer *self);
void whim_store_find_answered_async (WhimStore *self,
                                     gint64 channel,
                                     const char *api_key,
                                     const char *operation,
                                     const char *key,
                                     gint64 now,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
/** whim_store_find_answered_finish: (transfer full): never NULL without error */
WhimFirstAnswer *
whim_store_find_answered_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_unit_prune_sending: answers of more than a day, and privacy tokens older than
 *  @tokens_before */
void whim_unit_prune_sending (WhimUnit *self, gint64 now, gint64 tokens_before);

/* ---- where a chat stands ----------------------------------------------------------------------
 */

/** WhimStanding: what decides how a message to a person may leave. Times are Unix seconds, 0 =
 *  never. */
typedef struct
{
  gint64 heard_at;     /* their newest message */
  gint64 contacted_at; /* our first one */
  guint expiration;    /* of disappearing messages */
  gint64 expiration_set_at;
  char *lid;     /* (nullable) */
  GBytes *token; /* (nullable): their privacy token */
  gint64 token_at;
  gint64 issued_at; /* when we gave them ours */
  WhimSecret *salt; /* (nullable): of tokens for strangers */
  guint new_chats;  /* people that we wrote to first since then; counted for first contacts only */
} WhimStanding;
void whim_standing_free (WhimStanding *self);
/** whim_store_find_standing_async: @chat: a person's address; @since: of new_chats */
void whim_store_find_standing_async (WhimStore *self,
                                     gint64 channel,
                                     const char *chat,
                                     gint64 since,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
/** whim_store_find_standing_finish: (transfer full): never NULL without error */
WhimStanding *
whim_store_find_standing_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_unit_put_expiration: how long messages of a person's chat stay, in seconds; the newer
 *  setting (@set_at) wins. The chat must be there. */
void whim_unit_put_expiration (WhimUnit *self, const char *chat, guint expiration, gint64 set_at);

/* The kind of pairing material that is the salt of tokens for strangers (dossier 2, 4.10). */
#define WHIM_MATERIAL_NCT_SALT "nct-salt"

/* ---- what the account may not do --------------------------------------------------------------
 */

typedef struct
{
  gint64 channel;
  char *kind; /* "reachout", "new_chats" */
  char *detail;
  gint64 since;
  gint64 ends_at; /* 0: nobody said */
} WhimRestriction;
void whim_restriction_free (WhimRestriction *self);
/** whim_unit_put_restriction: replaces an older one of that @kind; @ends_at 0: nobody said */
void whim_unit_put_restriction (WhimUnit *self,
                                const char *kind,
                                const char *detail,
                                gint64 since,
                                gint64 ends_at);
void whim_unit_delete_restriction (WhimUnit *self, const char *kind);
/** whim_store_load_restrictions: blocks (at start only); (element-type WhimRestriction) */
GPtrArray *whim_store_load_restrictions (WhimStore *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimTimelineRow, whim_timeline_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimExpired, whim_expired_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimFirstAnswer, whim_first_answer_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimStanding, whim_standing_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimRestriction, whim_restriction_free)

G_END_DECLS
