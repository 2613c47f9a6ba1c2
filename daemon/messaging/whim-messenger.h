/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/whim-session.h"
#include "signal/whim-signal.h"
#include "store/whim-store.h"

G_BEGIN_DECLS

#define WHIM_MESSAGING_ERROR (whim_messaging_error_quark ())
GQuark whim_messaging_error_quark (void);

typedef enum
{
  WHIM_MESSAGING_ERROR_NOT_PAIRED,
  WHIM_MESSAGING_ERROR_ADDRESS,           /* @to cannot be an address */
  WHIM_MESSAGING_ERROR_NOT_SUPPORTED,     /* an address of a kind that cannot be written to yet */
  WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN, /* the service says that there is no such account */
  WHIM_MESSAGING_ERROR_BACK_OFF, /* the service wants to be left alone: the message is for how
                                    many seconds */
  WHIM_MESSAGING_ERROR_STORE,    /* the commit failed: nothing was accepted */
} WhimMessagingError;

/**
 * WhimMessenger:
 *
 * One channel's send and receive pipelines. Main thread; its ratchet work runs on the channel's
 * crypto worker. Counted: operations on their way keep it alive.
 */
typedef struct _WhimMessenger WhimMessenger;

typedef struct
{
  WhimClock *clock;
  WhimStore *store;
  WhimSignalPool *pool;
  gint64 channel_number;
  const char *channel_id;
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

/**
 * whim_messenger_send_text_async:
 * @to: number or JID as a caller writes it
 * @quoted_id: (nullable)
 *
 * Accepts a text: it is checked, has its id, and message and outbox row are on disk when the result
 * comes. Sending follows by itself.
 */
void whim_messenger_send_text_async (WhimMessenger *self,
                                     const char *to,
                                     const char *body,
                                     const char *quoted_id,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
/** whim_messenger_send_text_finish: (transfer full) (nullable) */
WhimMessage *
whim_messenger_send_text_finish (WhimMessenger *self, GAsyncResult *result, GError **error);

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
