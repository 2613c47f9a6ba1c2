/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-lane.h"
#include "content/whim-content.h"
#include "messaging/whim-messenger.h"
#include "messaging/whim-ratchet.h"
#include "session/whim-adv.h"
#include "store/whim-store-repair.h"
#include "store/whim-store-sending.h"

/* dossier 1, 9.2 */
#define WHIM_PREKEYS_LOW 5u
#define WHIM_PREKEYS_REFILL 200u

typedef struct _WhimAnswerer WhimAnswerer;
typedef struct _WhimDirectory WhimDirectory;
typedef struct _WhimKeyKeeper WhimKeyKeeper;
typedef struct _WhimReceiver WhimReceiver;
typedef struct _WhimRepairer WhimRepairer;
typedef struct _WhimSender WhimSender;

struct _WhimMessenger
{
  gint ref_count;
  WhimClock *clock;
  WhimStore *store;
  WhimSignalPool *pool;
  gint64 channel_number;
  char *channel_id;
  WhimSession *session; /* borrowed; NULL once closed */
  WhimRatchet *ratchet;
  WhimDirectory *directory;
  WhimReceiver *receiver;
  WhimRepairer *repairer;
  WhimAnswerer *answerer;
  WhimSender *sender;
  WhimKeyKeeper *key_keeper;
  WhimPacing pacing;
  gboolean told_presence;  /* in this connection */
  gboolean available;      /* shown as online; receipts are told so */
  gint64 linked_at;        /* Unix seconds; how young the account is to pacing */
  GPtrArray *restrictions; /* of WhimRestriction (whim-restrictions.c) */
  guint restriction_timer;
  WhimChannelDescriber describe;
  gpointer describe_data;
  GHashTable *issuing;    /* set of users that get our token just now */
  GHashTable *identities; /* bare JID text -> gint64: when it was told that it changed, in ms */
  gboolean uploading_prekeys;
  gboolean refill_wanted; /* while keys were being checked or rotated */
  gboolean failing;       /* a failed commit is being dealt with */
};

/** WhimCommitDone: the unit is on disk, or failed; never called after the messenger was closed
 *  with a session to use: ask whim_messenger_is_open() */
typedef void (*WhimCommitDone) (WhimMessenger *self, gboolean ok, gpointer data);
/** whim_messenger_commit: takes @unit. On failure the cache is dropped, the socket closed
 *  unacknowledged, the rest of the queues discarded; then @done is called with FALSE. */
void
whim_messenger_commit (WhimMessenger *self, WhimUnit *unit, WhimCommitDone done, gpointer data);
gboolean whim_messenger_is_open (WhimMessenger *self);
WhimUnit *whim_messenger_new_unit (WhimMessenger *self);
const WhimCredentials *whim_messenger_get_keys (WhimMessenger *self);
/** whim_messenger_is_own: an address of this account */
gboolean whim_messenger_is_own (WhimMessenger *self, const WhimJid *jid);
/** whim_messenger_take_prekey_ids: the first of @n ids that nobody else gets; the caller commits
 * the credentials together with the keys */
guint32 whim_messenger_take_prekey_ids (WhimMessenger *self, guint n);
/** whim_messenger_make_key: (transfer full): <key> or, with a signature, <skey> */
WhimNode *
whim_messenger_make_key (const char *tag, guint32 id, const guint8 *key, const guint8 *signature);
/** whim_messenger_make_leaf: (transfer full): a node with bytes as its content */
WhimNode *whim_messenger_make_leaf (const char *tag, gconstpointer bytes, gsize len);

/* ---- our keys at the server (whim-key-keeper.c) ------------------------------------------------
 */

WhimKeyKeeper *whim_key_keeper_new (WhimMessenger *messenger);
void whim_key_keeper_free (WhimKeyKeeper *self);
/** whim_key_keeper_stop: the keys go away; what runs ends by itself */
void whim_key_keeper_stop (WhimKeyKeeper *self);
void whim_key_keeper_session_changed (WhimKeyKeeper *self);
/** whim_key_keeper_check: compares what the server has of us with what we have */
void whim_key_keeper_check (WhimKeyKeeper *self);
/** whim_key_keeper_parse_digest: (transfer full) (nullable) (element-type WhimSignalRow): the
 *  prekeys that the answer to a check lists; @hash (out) points into @answer */
GPtrArray *whim_key_keeper_parse_digest (WhimNode *answer, const guint8 **hash, gsize *hash_len);

/* ---- directory: who is who, with which devices ---------------------------------------------- */

/* Device of a business that the service itself hosts: its addresses and sessions have a domain of
 * their own (dossier 2, 1.6). */
#define WHIM_HOSTED_DEVICE 99u

/**
 * WhimDevices: a device list; @numbers of guint
 * @raw_id, @signed_at: of the list that the phone has signed; 0: there was none
 */
typedef struct
{
  gint ref_count;
  gint64 fetched_at;
  guint32 raw_id;
  gint64 signed_at;
  GArray *numbers;
} WhimDevices;
WhimDevices *whim_devices_new (gint64 fetched_at);
WhimDevices *whim_devices_copy (const WhimDevices *self);
WhimDevices *whim_devices_ref (WhimDevices *self);
void whim_devices_unref (WhimDevices *self);
void whim_devices_add (WhimDevices *self, guint number);
void whim_devices_remove (WhimDevices *self, guint number);
/** whim_devices_hash_is: @hash (nullable) is that of these devices of @bare, and of no others */
gboolean whim_devices_hash_is (const WhimDevices *self, WhimJid *bare, const char *hash);
GBytes *whim_devices_to_bytes (const WhimDevices *self);
WhimDevices *whim_devices_from_bytes (GBytes *bytes);
/** whim_devices_parse: (transfer full) (nullable): of a <user> of an answer; NULL: nothing to keep
 */
WhimDevices *whim_devices_parse (WhimNode *user, gint64 now);
/** whim_devices_parse_indexes: of the key-index-list in @holder; FALSE without a good one */
gboolean whim_devices_parse_indexes (WhimNode *holder, WhimAdvKeyIndexes *indexes);
/** whim_devices_make_jid: (transfer full): a device of @bare, on the server that it has */
WhimJid *whim_devices_make_jid (WhimJid *bare, guint number);
/** whim_devices_signal_name: (transfer full): as the ratchet names that device */
char *whim_devices_signal_name (WhimJid *bare, guint number);
/** whim_devices_take_notification: acknowledged when its effects are on disk */
void whim_devices_take_notification (WhimMessenger *self, WhimNode *notification);
/** whim_devices_take_own: the list of our own devices: @devices of an account_sync of @from */
void whim_devices_take_own (WhimMessenger *self, WhimUnit *unit, WhimJid *from, WhimNode *devices);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimDevices, whim_devices_unref)

WhimDirectory *whim_directory_new (WhimMessenger *messenger);
void whim_directory_free (WhimDirectory *self);
void whim_directory_clear (WhimDirectory *self);

/** whim_directory_learn: remembers a pair and, if it is news, puts it into @unit */
void whim_directory_learn (WhimDirectory *self, WhimUnit *unit, const WhimJid *a, const WhimJid *b);
/** whim_directory_change_lid: the same person has another LID */
void whim_directory_change_lid (WhimDirectory *self,
                                WhimUnit *unit,
                                const WhimJid *old_lid,
                                const WhimJid *new_lid);
/** whim_directory_forget_pair: what we know of the other name of @jid, and of his devices, is in
 *  doubt: the service is asked again when it is needed */
void whim_directory_forget_pair (WhimDirectory *self, WhimUnit *unit, WhimJid *jid);
/** whim_directory_renew_pair: the same, and it is asked at once */
void whim_directory_renew_pair (WhimDirectory *self, WhimJid *jid);
/** whim_directory_peek_other: (transfer full) (nullable): LID of a PN or PN of a LID, from memory
 */
WhimJid *whim_directory_peek_other (WhimDirectory *self, const WhimJid *jid);
/** whim_directory_find_other_async: from memory, else from the store; never asks the service */
void whim_directory_find_other_async (WhimDirectory *self,
                                      WhimJid *jid,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
WhimJid *whim_directory_find_other_finish (WhimDirectory *self, GAsyncResult *result);

/** whim_directory_peek_number: TRUE if memory has a fresh answer: registered as @jid (transfer
 *  full), maybe with @lid */
gboolean
whim_directory_peek_number (WhimDirectory *self, const char *digits, WhimJid **jid, WhimJid **lid);
/** whim_directory_check_number_async: @digits of a phone; asks the service if nobody knows */
void whim_directory_check_number_async (WhimDirectory *self,
                                        const char *digits,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);
/** whim_directory_check_number_finish: TRUE with @jid (transfer full) and maybe @lid; FALSE without
 *  error: not registered; FALSE with error: nobody could be asked */
gboolean whim_directory_check_number_finish (WhimDirectory *self,
                                             GAsyncResult *result,
                                             WhimJid **jid,
                                             WhimJid **lid,
                                             GError **error);

/** whim_directory_get_devices_async: device lists of bare @jids (element-type WhimJid): from
 * memory, the store, else one request for all that are missing */
void whim_directory_get_devices_async (WhimDirectory *self,
                                       GPtrArray *jids,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);
/** whim_directory_get_devices_finish: (transfer full) (element-type WhimJid): devices of all */
GPtrArray *
whim_directory_get_devices_finish (WhimDirectory *self, GAsyncResult *result, GError **error);
/** whim_directory_peek_all_devices: (transfer full) (nullable) (element-type WhimJid): devices of
 *  all bare @jids, if memory has fresh lists of all */
GPtrArray *whim_directory_peek_all_devices (WhimDirectory *self, GPtrArray *jids);
/** whim_directory_peek_devices: (transfer none) (nullable): from memory, if fresh */
WhimDevices *whim_directory_peek_devices (WhimDirectory *self, WhimJid *jid);
void whim_directory_put_devices (WhimDirectory *self,
                                 WhimUnit *unit,
                                 WhimJid *jid,
                                 WhimDevices *devices);
/** whim_directory_drop_devices: the list under this name alone */
void whim_directory_drop_devices (WhimDirectory *self, WhimUnit *unit, WhimJid *jid);
/** whim_directory_forget_devices: a notification or an ack says that the list is stale */
void whim_directory_forget_devices (WhimDirectory *self, WhimUnit *unit, WhimJid *jid);

/* ---- to our own phone (whim-peer.c) ------------------------------------------------------------
 */

/** WhimPeerDone: @ok: it was committed and written */
typedef void (*WhimPeerDone) (WhimMessenger *self, gboolean ok, gpointer data);
/** whim_peer_send: takes @unit, which is committed together with the ratchet before it leaves, and
 *  dropped if it cannot. @done comes in every case. */
void whim_peer_send (WhimMessenger *self,
                     const char *id,
                     GBytes *content,
                     WhimUnit *unit,
                     WhimPeerDone done,
                     gpointer data);

/* ---- what came in (whim-incoming.c) ------------------------------------------------------------
 */

/**
 * WhimOrigin: where a content comes from; everything borrowed
 * @sender, @chat: bare; @sender_other, @chat_other: (nullable): their other names
 * @sender: ourselves if @from_me
 * @push_name: (nullable)
 */
typedef struct
{
  const char *id;
  WhimJid *chat;
  WhimJid *chat_other;
  WhimJid *sender;
  WhimJid *sender_other;
  gboolean from_me;
  guint device;
  const char *push_name;
  gint64 timestamp;
} WhimOrigin;

/** whim_incoming_parse_bare: (transfer full) (nullable): @text as it stands in a content */
WhimJid *whim_incoming_parse_bare (const char *text);
/** whim_incoming_limit_time: what a sender says about when he did something, so that a clock that
 * is ahead does not keep later changes out for ever; @said 0 or less: nothing. Unix seconds */
gint64 whim_incoming_limit_time (gint64 said, gint64 received);
/** whim_incoming_make_message: (transfer full): @content NULL: nobody could read it */
WhimMessage *whim_incoming_make_message (const WhimOrigin *origin, const WhimContent *content);
/** whim_incoming_put: what @content does to what is stored, with its journal event */
void whim_incoming_put (WhimMessenger *self,
                        WhimUnit *unit,
                        const WhimOrigin *origin,
                        const WhimContent *content);
/** whim_placeholder_put: takes in what our phone knows of messages that we asked it for */
void whim_placeholder_put (WhimMessenger *self,
                           WhimUnit *unit,
                           const Wa__PeerDataOperationRequestResponseMessage *response);

/* ---- pipelines ------------------------------------------------------------------------------ */

WhimReceiver *whim_receiver_new (WhimMessenger *messenger);
void whim_receiver_free (WhimReceiver *self);
void whim_receiver_discard (WhimReceiver *self);
gboolean whim_receiver_is_idle (WhimReceiver *self);
gboolean whim_receiver_take (WhimReceiver *self, WhimNode *stanza);
/* whim-receiver-stanzas.c: receipts and notifications; FALSE if not known */
void whim_receiver_commit_and_ack (WhimMessenger *self, WhimUnit *unit, WhimNode *node);
gboolean whim_receiver_take_receipt (WhimMessenger *self, WhimNode *receipt);
gboolean whim_receiver_take_notification (WhimMessenger *self, WhimNode *notification);
/** whim_tokens_take_history: what a history notification of our own phone brings */
void whim_tokens_take_history (WhimUnit *unit, const Wa__ProtocolMessage *protocol);
/* whim-tokens.c, whim-restrictions.c: what these notifications say goes into @unit */
void whim_tokens_take_notification (WhimMessenger *self, WhimUnit *unit, WhimNode *notification);
gboolean
whim_restrictions_take_notification (WhimMessenger *self, WhimUnit *unit, WhimNode *notification);

/* ---- identities of others (whim-identity.c) ---------------------------------------------------
 */

/** whim_identity_is_settled: it was told a moment ago that this person's identity changed */
gboolean whim_identity_is_settled (WhimMessenger *self, const WhimJid *bare);
/** whim_identity_note: @jid came with another identity key: puts into @unit what follows from it */
void whim_identity_note (WhimMessenger *self, WhimUnit *unit, WhimJid *jid);
/** whim_identity_take: a notification that @from has another identity: sessions and identities of
 *  all his devices are deleted; it is acknowledged when that is on disk */
void whim_identity_take (WhimMessenger *self, WhimNode *notification, WhimJid *from);
/** whim_identity_forget_devices: sessions and identities of these devices (of guint) of @bare are
 *  deleted, in one unit with @unit (taken); then @notification is acknowledged */
void whim_identity_forget_devices (WhimMessenger *self,
                                   WhimUnit *unit,
                                   WhimNode *notification,
                                   WhimJid *bare,
                                   const GArray *numbers);
typedef void (*WhimIdentityDone) (WhimMessenger *self, gpointer data);
/** whim_identity_forget_companions: the account of @bare was registered anew: all but its phone */
void whim_identity_forget_companions (WhimMessenger *self,
                                      WhimJid *bare,
                                      WhimIdentityDone done,
                                      gpointer data);

/* ---- what could not be read (whim-repairer.c) -------------------------------------------------
 */

/* error of a retry receipt (dossier 2, 6.9) */
#define WHIM_RETRY_NO_SESSION 1u
#define WHIM_RETRY_INVALID_KEY 2u
#define WHIM_RETRY_INVALID_KEY_ID 3u
#define WHIM_RETRY_BAD_MAC 7u

/**
 * WhimUnread: a message that arrived and could not be read
 * @code: error of the retry receipt
 * @answered: it is this answer to a retry receipt of ours; 0: to none
 * @peer: about the account, from our own phone
 * @ask_phone: our phone may know it
 * @placeholder: (nullable): what stands in its place meanwhile
 */
typedef struct
{
  WhimNode *node;
  WhimRepair *key;
  guint code;
  guint answered;
  gboolean peer;
  gboolean ask_phone;
  WhimMessage *placeholder;
} WhimUnread;

typedef void (*WhimUnreadDone) (WhimMessenger *self, gpointer data);

WhimRepairer *whim_repairer_new (WhimMessenger *messenger);
void whim_repairer_free (WhimRepairer *self);
/** whim_repairer_discard: what waits was not acknowledged and comes again */
void whim_repairer_discard (WhimRepairer *self);
/** whim_repairer_take: takes @unread: counts, commits, then asks for it again and acknowledges it;
 * or gives it up. @done comes in every case. */
void
whim_repairer_take (WhimRepairer *self, WhimUnread *unread, WhimUnreadDone done, gpointer data);
/** whim_repairer_expect: it was never here: our phone is asked for it a moment later */
void whim_repairer_expect (WhimRepairer *self, const WhimRepair *key);
/** whim_repairer_answered: our phone has answered @request for the message @id */
void whim_repairer_answered (WhimRepairer *self, const char *request, const char *id);
/** whim_repairer_is_waiting: we asked for it, and it has not come */
gboolean whim_repairer_is_waiting (WhimRepairer *self, const WhimRepair *key);
/** whim_repairer_resume: after a login: what was asked for before is waited for again */
void whim_repairer_resume (WhimRepairer *self);
void whim_repairer_forget (WhimRepairer *self, const WhimRepair *key);

WhimSender *whim_sender_new (WhimMessenger *messenger);
void whim_sender_free (WhimSender *self);
void whim_sender_session_changed (WhimSender *self);
void whim_sender_discard (WhimSender *self);
gboolean whim_sender_is_idle (WhimSender *self);
gboolean whim_sender_take_ack (WhimSender *self, WhimNode *ack);
void whim_sender_accept_text_async (WhimSender *self,
                                    const WhimTextRequest *request,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
/** whim_sender_close: nobody waits any more, no timer runs */
void whim_sender_close (WhimSender *self);
/** whim_sender_reconsider: what is held may be free to go (settings, restrictions) */
void whim_sender_reconsider (WhimSender *self);
/** whim_sender_cancel_async: see whim_messenger_cancel_async() */
void whim_sender_cancel_async (WhimSender *self, const char *id, GTask *task);

/** WhimSealStep: ratchets and stanza were submitted to the store: what is sealed from here on comes
 *  after them */
typedef void (*WhimSealStep) (WhimMessenger *self, gpointer data);
/** WhimSealDone: called when a row is sealed and committed, or could not be */
typedef void (*WhimSealDone) (WhimMessenger *self,
                              GBytes *stanza,
                              const GError *error,
                              gpointer data);
/** whim_sender_seal: resolves, fetches, encrypts and commits one row; @row stays the caller's and
 *  must live until @done. @stanza is NULL on failure: @error says whether it is final
 *  (WHIM_MESSAGING_ERROR) or may be tried again. Takes @standing (nullable). @done comes once, and
 *  after @committing, which comes at most once. */
void whim_sender_seal (WhimMessenger *self,
                       const WhimOutboxRow *row,
                       WhimStanding *standing,
                       WhimSealStep committing,
                       WhimSealDone done,
                       gpointer data);

/** whim_bundle_parse: from a <user> of a key fetch, or from a retry receipt with <keys> */
gboolean whim_bundle_parse (WhimNode *user, WhimSignalBundle *bundle);

/** WhimAnswerer: sends again what devices of others could not read (whim-sender-retry.c) */
WhimAnswerer *whim_answerer_new (WhimMessenger *messenger);
void whim_answerer_free (WhimAnswerer *self);
/** whim_answerer_discard: what waits was not acknowledged and comes again */
void whim_answerer_discard (WhimAnswerer *self);
gboolean whim_answerer_is_idle (WhimAnswerer *self);
/** whim_answerer_take: TRUE if the receipt is taken; it is acknowledged when the answer is on disk,
 *  or refused */
gboolean whim_answerer_take (WhimAnswerer *self, WhimNode *receipt);
