/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/whim-session.h"
#include "signal/whim-signal.h"
#include "store/whim-store-sending.h"

G_BEGIN_DECLS

#define WHIM_MESSAGING_ERROR (whim_messaging_error_quark ())
GQuark whim_messaging_error_quark (void);

typedef enum
{
  WHIM_MESSAGING_ERROR_NOT_PAIRED,
  WHIM_MESSAGING_ERROR_ADDRESS,           /* @to cannot be an address */
  WHIM_MESSAGING_ERROR_NOT_SUPPORTED,     /* an address of a kind that cannot be written to yet */
  WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN, /* the service says that there is no such account */
  WHIM_MESSAGING_ERROR_BACK_OFF,     /* the service wants to be left alone: the message is for how
                                        many seconds */
  WHIM_MESSAGING_ERROR_STORE,        /* the commit failed: nothing was accepted */
  WHIM_MESSAGING_ERROR_QUOTED,       /* the message to answer is not here */
  WHIM_MESSAGING_ERROR_MENTION,      /* a mention cannot be an address */
  WHIM_MESSAGING_ERROR_NOT_IN_QUEUE, /* there is no such row */
  WHIM_MESSAGING_ERROR_LEFT,         /* too late: its bytes may have left */
} WhimMessagingError;

/**
 * WhimMessenger:
 *
 * One channel's send and receive pipelines. Main thread; its ratchet work runs on the channel's
 * crypto worker. Counted: operations on their way keep it alive.
 */
typedef struct _WhimMessenger WhimMessenger;

/** WhimPacing: how carefully a channel sends (whim-pacing.c). The first is the default. */
typedef enum
{
  WHIM_PACING_GENTLE, /* first contacts only */
  WHIM_PACING_OFF,
  WHIM_PACING_STRICT, /* everything */
} WhimPacing;
const char *whim_pacing_to_word (WhimPacing pacing);
gboolean whim_pacing_from_word (const char *word, WhimPacing *pacing);

/** WhimChannelDescriber: (transfer floating): the channel's status as "channel.status" tells it */
typedef GVariant *(*WhimChannelDescriber) (gpointer user_data);

/** @linked_at: Unix seconds */
typedef struct
{
  WhimClock *clock;
  WhimStore *store;
  WhimSignalPool *pool;
  gint64 channel_number;
  const char *channel_id;
  gint64 linked_at;
  WhimChannelDescriber describe; /* (nullable) */
  gpointer describe_data;
} WhimMessengerConfig;

WhimMessenger *whim_messenger_new (const WhimMessengerConfig *config);
WhimMessenger *whim_messenger_ref (WhimMessenger *self);
void whim_messenger_unref (WhimMessenger *self);
/** whim_messenger_close: nothing is sent or told after it; the session may go away */
void whim_messenger_close (WhimMessenger *self);

/** whim_messenger_set_session: (transfer none): before anything else */
void whim_messenger_set_session (WhimMessenger *self, WhimSession *session);
/** whim_messenger_session_changed: the session's state changed */
void whim_messenger_session_changed (WhimMessenger *self);
/** whim_messenger_keys_changed: the session has other credentials, or none (pairing, logout) */
void whim_messenger_keys_changed (WhimMessenger *self);
/** whim_messenger_take_stanza: FALSE if it is not for the messenger */
gboolean whim_messenger_take_stanza (WhimMessenger *self, WhimNode *stanza);
/** whim_messenger_upload_prekeys: generates as needed, commits, uploads; then calls @done */
void whim_messenger_upload_prekeys (WhimMessenger *self,
                                    guint n,
                                    WhimSessionCommitted done,
                                    gpointer done_data);

/** whim_messenger_set_pacing, whim_messenger_set_available: settings of the channel */
void whim_messenger_set_pacing (WhimMessenger *self, WhimPacing pacing);
void whim_messenger_set_available (WhimMessenger *self, gboolean available);
/** whim_messenger_add_restriction: at start, from the store; takes @row */
void whim_messenger_add_restriction (WhimMessenger *self, WhimRestriction *row);
/* why a message waits, or was refused, while the account is restricted */
#define WHIM_REASON_WORD_RESTRICTED "account_restricted"
#define WHIM_RESTRICTION_BAN "temporary_ban"
/** whim_messenger_set_ban: the server lets the account in again at @ends_at; 0: it does now. TRUE:
 *  that is news, and whim_messenger_put_ban() puts it into a unit */
gboolean whim_messenger_set_ban (WhimMessenger *self, const char *detail, gint64 ends_at);
void whim_messenger_put_ban (WhimMessenger *self, WhimUnit *unit);
/** whim_messenger_get_ban: its end, Unix seconds; 0: there is none */
gint64 whim_messenger_get_ban (WhimMessenger *self);
/** whim_messenger_list_restrictions: (transfer floating): aa{sv}: kind, detail, endsAt; those that
 *  hold now */
GVariant *whim_messenger_list_restrictions (WhimMessenger *self);
/** whim_messenger_get_oldest_token: privacy tokens of before (Unix seconds) are good for nothing */
gint64 whim_messenger_get_oldest_token (gint64 now);
/** whim_messenger_expect_expiry: at start: the first row of the queue ends then (Unix seconds) */
void whim_messenger_expect_expiry (WhimMessenger *self, gint64 at);

/**
 * WhimFirstAsk: a request with an idempotency key. Its answer is committed in the unit that accepts
 * the message; the caller has made sure that there is none yet.
 * @request: SHA-256 of what is asked
 */
typedef struct
{
  const char *api_key;
  const char *operation;
  const char *key;
  GBytes *request;
} WhimFirstAsk;

/**
 * WhimTextRequest: what is sent, to whom, how
 * @to: number or JID as a caller writes it
 * @quoted_id: (nullable): message to answer
 * @mentions: (nullable): numbers or JIDs
 * @ephemeral: seconds; -1: as the chat's timer says
 * @expires: seconds in the queue; 0: a day
 * @immediate: past the queue; the result comes with the ack
 * @first: (nullable)
 */
typedef struct
{
  const char *to;
  const char *body;
  const char *quoted_id;
  const char *const *mentions;
  gint64 ephemeral;
  guint typing_ms;
  gint64 expires;
  gboolean immediate;
  const WhimFirstAsk *first;
} WhimTextRequest;

/**
 * whim_messenger_send_text_async:
 *
 * Accepts a text: it is checked, has its id, and message and outbox row are on disk when the result
 * comes. Sending follows by itself. Immediate: only while online; the result comes when the server
 * has acknowledged it, else WHIM_ERROR_TIMED_OUT or WHIM_ERROR_REFUSED with details.
 */
void whim_messenger_send_text_async (WhimMessenger *self,
                                     const WhimTextRequest *request,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
/** whim_messenger_send_text_finish: (transfer full) (nullable) */
WhimMessage *
whim_messenger_send_text_finish (WhimMessenger *self, GAsyncResult *result, GError **error);
/** whim_messenger_make_answer: (transfer floating): the answer to a send: a{sv} */
GVariant *whim_messenger_make_answer (const WhimMessage *message);

/** whim_messenger_cancel_async: takes a message out of the queue while it is only queued */
void whim_messenger_cancel_async (WhimMessenger *self,
                                  const char *message_id,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
gboolean whim_messenger_cancel_finish (WhimMessenger *self, GAsyncResult *result, GError **error);

/** WhimNumberCheck: what is known of a number: @digits NULL: it cannot be one; @jid NULL: nobody
 * has it on WhatsApp. @known is the implementation's. */
typedef struct
{
  char *input;
  char *digits;
  gboolean known;
  WhimJid *jid;
  WhimJid *lid;
} WhimNumberCheck;
void whim_number_check_free (WhimNumberCheck *self);
/**
 * whim_messenger_check_numbers_async:
 * @inputs: as a caller writes them
 * @force: ask the service also about those that it was asked about within a day
 */
void whim_messenger_check_numbers_async (WhimMessenger *self,
                                         const char *const *inputs,
                                         gboolean force,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
/** whim_messenger_check_numbers_finish: (transfer full) (element-type WhimNumberCheck): in the
 * order of the inputs */
GPtrArray *
whim_messenger_check_numbers_finish (WhimMessenger *self, GAsyncResult *result, GError **error);

/** whim_messenger_is_idle: no stanza and no row is being worked on (for tests) */
gboolean whim_messenger_is_idle (WhimMessenger *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimMessenger, whim_messenger_unref)

G_END_DECLS
