/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-clock.h"
#include "model/whim-model.h"
#include "session/whim-credentials.h"
#include "session/whim-session-fsm.h"
#include "transport/whim-transport.h"
#include "wire/whim-node.h"

G_BEGIN_DECLS

#define WHIM_SESSION_ERROR (whim_session_error_quark ())
GQuark whim_session_error_quark (void);

typedef enum
{
  WHIM_SESSION_ERROR_NOT_CONNECTED, /* there is no link, or it ended before the answer */
  WHIM_SESSION_ERROR_TIMED_OUT,     /* no answer in time */
  WHIM_SESSION_ERROR_REFUSED,       /* the server answered with an error; its code is the message */
  WHIM_SESSION_ERROR_BUSY,          /* too many requests wait */
  WHIM_SESSION_ERROR_ADV,           /* pair-success with a wrong signature */
  WHIM_SESSION_ERROR_MALFORMED,     /* an answer without what it must have */
} WhimSessionError;

/** WhimClientVersion: what the client claims to be: 2.3000.N */
typedef struct
{
  guint32 primary;
  guint32 secondary;
  guint32 tertiary;
} WhimClientVersion;

typedef struct _WhimSession WhimSession;

/** WhimSessionCommitted: the commit that the session had asked for is on disk, or failed */
typedef void (*WhimSessionCommitted) (WhimSession *session, gboolean ok, gpointer data);

/**
 * WhimSessionHost: what a session needs from above: declared here, implemented there.
 * @state_changed: state, reason or code changed; last step of a transition
 * @save: commit the credentials, then call @done
 * @erase: commit the deletion of keys and of all that belongs to the pairing, then call @done
 * @upload_prekeys: generate, commit and upload at least @n prekeys; then call @done
 * @stanza: a message, receipt, notification, call or ack that the session does not know; TRUE: the
 *   host answers for it. FALSE: the session acknowledges what needs it
 * @code_changed: another QR text is valid
 * @phone_code_changed: another phone code is valid
 * @client_expires: the server's last date for this build, in seconds; 0: there is none any more
 */
typedef struct
{
  void (*state_changed) (WhimSession *session, gpointer user_data);
  void (*save) (WhimSession *session,
                const WhimCredentials *credentials,
                WhimSessionCommitted done,
                gpointer done_data,
                gpointer user_data);
  void (*erase) (WhimSession *session,
                 WhimSessionCommitted done,
                 gpointer done_data,
                 gpointer user_data);
  void (*upload_prekeys) (WhimSession *session,
                          guint n,
                          WhimSessionCommitted done,
                          gpointer done_data,
                          gpointer user_data);
  gboolean (*stanza) (WhimSession *session, WhimNode *node, gpointer user_data);
  void (*code_changed) (WhimSession *session, gpointer user_data);
  void (*phone_code_changed) (WhimSession *session, gpointer user_data);
  void (*client_expires) (WhimSession *session, gint64 at, gpointer user_data);
} WhimSessionHost;

typedef struct
{
  WhimClock *clock;
  WhimTransport *transport;
  const guint8 *noise_root; /* 32 bytes: sessions paired under another are refused */
  WhimClientVersion version;
  const WhimSessionHost *host;
  gpointer host_data;
  const char *log_name; /* the channel id */
} WhimSessionConfig;

/**
 * WhimSession:
 *
 * One companion device's connection: its states, pairing, login, keep-alive, requests. Main thread.
 * Requests and transitions from inside a host callback are queued, never nested.
 */
WhimSession *whim_session_new (const WhimSessionConfig *config,
                               WhimCredentials *credentials,
                               WhimSessionState rest_state,
                               WhimReason rest_reason);
/** whim_session_free: closes without a word to the server; pending requests fail */
void whim_session_free (WhimSession *self);

void whim_session_connect (WhimSession *self, WhimReason reason);
void whim_session_disconnect (WhimSession *self);
void whim_session_logout (WhimSession *self);
/** whim_session_fail: the host cannot go on (a commit failed): close unacknowledged, try again.
 *  Without a connection there is nothing to close. */
void whim_session_fail (WhimSession *self, WhimReason reason);

WhimSessionState whim_session_get_state (WhimSession *self);
WhimReason whim_session_get_reason (WhimSession *self);
/** whim_session_get_detail: (transfer none) (nullable): the server's code, such as "402" */
const char *whim_session_get_detail (WhimSession *self);
/** whim_session_get_until: when the server will let us in again; 0 if it did not say. Before that
 *  a wish to connect changes nothing; then it is tried once. */
gint64 whim_session_get_until (WhimSession *self);
/** whim_session_hold_until: @at of an earlier run; @reconnect: try then */
void whim_session_hold_until (WhimSession *self, gint64 at, gboolean reconnect);
/** whim_session_set_version: for the next connection */
void whim_session_set_version (WhimSession *self, const WhimClientVersion *version);
const WhimClientVersion *whim_session_get_version (WhimSession *self);
/** whim_session_get_since: when state or reason last changed */
gint64 whim_session_get_since (WhimSession *self);
/** whim_session_get_public_state: by the one table state × reason */
WhimChannelState whim_session_get_public_state (WhimSession *self);
/** whim_session_get_credentials: (transfer none) */
const WhimCredentials *whim_session_get_credentials (WhimSession *self);
/** whim_session_set_push_name: kept and saved when it changed */
void whim_session_set_push_name (WhimSession *self, const char *name);
/** whim_session_set_next_prekey_id: in memory; the caller commits it with the keys */
void whim_session_set_next_prekey_id (WhimSession *self, guint32 id);
/** whim_session_set_signed_prekey: in memory, after it was committed; @made_at in ms */
void whim_session_set_signed_prekey (WhimSession *self,
                                     guint32 id,
                                     WhimKeyPair *pair,
                                     gint64 made_at,
                                     const guint8 signature[WHIM_SIGNATURE_SIZE]);
/** whim_session_get_server_prekeys: what the server said at login; G_MAXUINT if unknown */
guint whim_session_get_server_prekeys (WhimSession *self);
/** whim_session_get_server_time: seconds, corrected by the server's clock */
gint64 whim_session_get_server_time (WhimSession *self);
/** whim_session_get_offline_messages: a stanza of the offline queue is being handled */
gboolean whim_session_is_syncing (WhimSession *self);

/** whim_session_get_code: (transfer none) (nullable): QR text now valid; @expires_at in seconds.
 *  Asking keeps the pairing going. */
const char *whim_session_get_code (WhimSession *self, gint64 *expires_at);
/** whim_session_peek_code: the same without asking */
const char *whim_session_peek_code (WhimSession *self, gint64 *expires_at);

/**
 * whim_session_connect_phone:
 * @phone: international digits
 *
 * Starts pairing, or goes on with it, and asks the server for a code to be typed on that phone; the
 * host hears of it. A code for the same number that is still good stays.
 */
void whim_session_connect_phone (WhimSession *self, const char *phone);
/** whim_session_peek_phone_code: (transfer none) (nullable): "ABCD-1234"; @expires_at in seconds */
const char *whim_session_peek_phone_code (WhimSession *self, gint64 *expires_at);
/** whim_session_is_phone_code_wanted: a code waits to be made, or to be typed */
gboolean whim_session_is_phone_code_wanted (WhimSession *self);

/** whim_session_wake: the machine slept, or its network changed: is the server still there? What
 *  waits to try again tries after @delay_ms. */
void whim_session_wake (WhimSession *self, gint64 delay_ms);

/** whim_session_can_send: there is a logged-in link */
gboolean whim_session_can_send (WhimSession *self);
/** whim_session_send: FALSE if there is no logged-in link */
gboolean whim_session_send (WhimSession *self, WhimNode *node);
gboolean whim_session_send_encoded (WhimSession *self, GBytes *encoded);

/** whim_session_ack: the ack of a message, receipt, notification or call; @error 0 = none */
void whim_session_ack (WhimSession *self, WhimNode *stanza, guint error);

/** whim_session_make_request: (transfer full): a builder with id, to, type and xmlns */
WhimNodeBuilder *whim_session_make_request (WhimSession *self, const char *type, const char *xmlns);
/** whim_session_request_async: sends the finished @iq (transfer full) and waits 75 s at most */
void whim_session_request_async (WhimSession *self,
                                 WhimNode *iq,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
/** whim_session_request_finish: (transfer full): the result; errors: #WHIM_SESSION_ERROR */
WhimNode *whim_session_request_finish (WhimSession *self, GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimSession, whim_session_free)

G_END_DECLS
