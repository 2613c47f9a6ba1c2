/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-clock.h"
#include "model/whim-model.h"
#include "session/whim-credentials.h"
#include "signal/whim-signal.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define WHIM_STORE_ERROR (whim_store_error_quark ())
GQuark whim_store_error_quark (void);

typedef enum
{
  WHIM_STORE_ERROR_FAILED, /* disk full, I/O error: nothing of the unit is there */
  WHIM_STORE_ERROR_LOCKED, /* another process owns the data dir */
  WHIM_STORE_ERROR_NEWER,  /* the database was made by a newer version */
  WHIM_STORE_ERROR_CORRUPT,
  WHIM_STORE_ERROR_CONFLICT, /* a guarded operation of the unit did not apply; none of it is there
                              */
} WhimStoreError;

/**
 * WhimStore:
 *
 * SQLite behind one writer thread and a few readers. Main thread only, except where said. Results
 * come through the main context. Reads see every unit whose commit has been reported.
 */
#define WHIM_TYPE_STORE (whim_store_get_type ())
G_DECLARE_FINAL_TYPE (WhimStore, whim_store, WHIM, STORE, GObject)

/** whim_store_open: blocks (at start only): lock, migrate, check. @data_dir is made 0700. */
WhimStore *whim_store_open (const char *data_dir, WhimClock *clock, GError **error);
/** whim_store_close: blocks until every queued unit is committed and the threads have ended */
void whim_store_close (WhimStore *self);

/** WhimStoreJournalFunc: the journal has grown up to @last_seq; main thread, after the commit
 *  callbacks of the units that made it grow */
typedef void (*WhimStoreJournalFunc) (gint64 last_seq, gpointer user_data);
void whim_store_set_journal_func (WhimStore *self, WhimStoreJournalFunc func, gpointer user_data);

/* ---- Units of work ---------------------------------------------------------------------------
 *
 * A unit is a list of typed operations that is committed whole or not at all. Units that are ready
 * within a few milliseconds share one transaction and one fsync, each under its own savepoint, in
 * the order in which they were submitted. */

typedef struct _WhimUnit WhimUnit;

/** whim_unit_new: @channel_number is 0 for what belongs to no channel */
WhimUnit *whim_unit_new (gint64 channel_number);
void whim_unit_free (WhimUnit *self);
gboolean whim_unit_is_empty (const WhimUnit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimUnit, whim_unit_free)

/** whim_store_commit_async: takes @unit. The callback comes when it is on disk, or failed. When a
 *  group's COMMIT fails, every unit in it fails with the same error. When a unit of a channel
 * fails, the units of that channel that were submitted before the callback came fail too. */
void whim_store_commit_async (WhimStore *self,
                              WhimUnit *unit,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
gboolean whim_store_commit_finish (WhimStore *self, GAsyncResult *result, GError **error);

/** whim_unit_raise_number: a number of the daemon as a whole; a smaller one changes nothing */
void whim_unit_raise_number (WhimUnit *self, const char *name, gint64 value);
/** whim_store_read_number: blocks (at start only); 0 = there is none */
gint64 whim_store_read_number (WhimStore *self, const char *name);

/* Channels */
typedef struct
{
  gint64 number; /* surrogate key; given by the caller: whim_store_take_channel_number() */
  char *id;      /* "ch_…" */
  char *name;
  char *department;
  gboolean auto_connect;
  gint64 created_at;
  char *settings;         /* JSON object text */
  WhimReason rest_reason; /* why it rests (logged out, replaced, …), NONE otherwise */
  char *rest_detail;
  WhimCredentials *credentials; /* (nullable) */
} WhimChannelRecord;
WhimChannelRecord *whim_channel_record_new (void);
void whim_channel_record_free (WhimChannelRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimChannelRecord, whim_channel_record_free)

/** whim_store_load_channels: blocks (at start only); (element-type WhimChannelRecord) */
GPtrArray *whim_store_load_channels (WhimStore *self, GError **error);
/** whim_store_take_channel_number: the next free number; never given twice, also over restarts */
gint64 whim_store_take_channel_number (WhimStore *self);
/** whim_unit_put_channel: inserts or updates everything but the credentials */
void whim_unit_put_channel (WhimUnit *self, const WhimChannelRecord *record);
/** whim_unit_delete_channel: with everything that belongs to it, journal rows included */
void whim_unit_delete_channel (WhimUnit *self);
void whim_unit_put_credentials (WhimUnit *self, const WhimCredentials *credentials);
/** whim_unit_delete_session: credentials, signal records, device lists, outbox, pairing material;
 *  messages and chats stay (logout) */
void whim_unit_delete_session (WhimUnit *self);

/* Signal records (WhimSignalStore) */
/** whim_unit_put_signal_changes: (element-type WhimSignalChange) */
void whim_unit_put_signal_changes (WhimUnit *self, GPtrArray *changes);
/** whim_unit_mark_prekeys_uploaded: those of the inclusive range that still exist */
void whim_unit_mark_prekeys_uploaded (WhimUnit *self, guint32 first, guint32 last);

typedef struct
{
  WhimSignalKind kind;
  char *key;
  GBytes *record; /* (nullable): NULL = not there */
} WhimSignalRow;
void whim_signal_row_free (WhimSignalRow *self);
/** whim_store_load_signal_async: @wanted (element-type WhimSignalRow) with record NULL; one query
 *  round; the result has the same rows with their records. Takes @wanted. */
void whim_store_load_signal_async (WhimStore *self,
                                   gint64 channel,
                                   GPtrArray *wanted,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
GPtrArray *whim_store_load_signal_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_store_list_addresses_async: keys of the sessions and identities under these names
 *  (NULL-terminated); result (element-type utf8) */
void whim_store_list_addresses_async (WhimStore *self,
                                      gint64 channel,
                                      const char *const *names,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
GPtrArray *whim_store_list_addresses_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_store_load_prekeys_to_upload_async: prekeys not marked uploaded, lowest ids first, at most
 *  @limit; result (element-type WhimSignalRow) of kind PREKEY */
void whim_store_load_prekeys_to_upload_async (WhimStore *self,
                                              gint64 channel,
                                              guint limit,
                                              GCancellable *cancellable,
                                              GAsyncReadyCallback callback,
                                              gpointer user_data);
GPtrArray *
whim_store_load_prekeys_to_upload_finish (WhimStore *self, GAsyncResult *result, GError **error);

/* Addresses */
/** whim_unit_put_lid_mapping: user parts; a row that holds either side is replaced; chats that were
 *  apart are merged, with a "chat.updated" event that names previousId */
void whim_unit_put_lid_mapping (WhimUnit *self, const char *lid_user, const char *pn_user);
/** whim_unit_delete_lid_mapping: user parts; chats stay what they are */
void whim_unit_delete_lid_mapping (WhimUnit *self, const char *lid_user, const char *pn_user);
/** whim_unit_change_lid: the same person has another LID, and keeps number and chat */
void whim_unit_change_lid (WhimUnit *self, const char *old_user, const char *new_user);
typedef struct
{
  char *lid_user;
  char *pn_user;
} WhimLidMapping;
void whim_lid_mapping_free (WhimLidMapping *self);
/** whim_store_find_lid_mapping_async: by one of the two (the other NULL); result NULL without error
 *  if unknown */
void whim_store_find_lid_mapping_async (WhimStore *self,
                                        gint64 channel,
                                        const char *lid_user,
                                        const char *pn_user,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);
WhimLidMapping *
whim_store_find_lid_mapping_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_unit_put_device_list: opaque @list of a bare JID (messaging's own format) */
void whim_unit_put_device_list (WhimUnit *self, const char *jid, GBytes *list, gint64 fetched_at);
void whim_unit_delete_device_list (WhimUnit *self, const char *jid);
/** whim_store_load_device_lists_async: @jids (NULL-terminated); result: hash of jid -> GBytes */
void whim_store_load_device_lists_async (WhimStore *self,
                                         gint64 channel,
                                         const char *const *jids,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
GHashTable *
whim_store_load_device_lists_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_unit_put_number: what the service answered for digits: @jid, @lid NULL = not registered */
void whim_unit_put_number (WhimUnit *self,
                           const char *digits,
                           const char *jid,
                           const char *lid,
                           gint64 asked_at);
typedef struct
{
  char *jid; /* NULL = known not to be registered */
  char *lid;
  gint64 asked_at;
} WhimNumber;
void whim_number_free (WhimNumber *self);
void whim_store_find_number_async (WhimStore *self,
                                   gint64 channel,
                                   const char *digits,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
/** whim_store_find_number_finish: (nullable): NULL without error if never asked */
WhimNumber *whim_store_find_number_finish (WhimStore *self, GAsyncResult *result, GError **error);

/* Messages */
/** whim_unit_put_message: inserts unless (chat, from_me/sender, id) is there already; makes or
 * merges the chat row, moves its timestamp, counts unread for received ones. @event (nullable)
 * (transfer full) goes to the journal only if the message was inserted. */
void whim_unit_put_message (WhimUnit *self, const WhimMessage *message, WhimEvent *event);
/** whim_unit_set_message_status: only upwards (pending < sent < delivered < read < played; failed
 *  only from pending); @event (nullable) (transfer full) goes to the journal only if it changed */
void whim_unit_set_message_status (WhimUnit *self,
                                   const char *id,
                                   WhimMessageStatus status,
                                   const char *reason,
                                   gint64 timestamp,
                                   WhimEvent *event);
/** whim_unit_put_event: appends to the journal (transfer full) */
void whim_unit_put_event (WhimUnit *self, WhimEvent *event);
/** whim_unit_put_seen: an incoming stanza without a message row was handled; @note is returned */
void whim_unit_put_seen (WhimUnit *self, const char *sender, const char *id, const char *note);
void whim_store_find_seen_async (WhimStore *self,
                                 gint64 channel,
                                 const char *sender,
                                 const char *id,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
/** whim_store_find_seen_finish: (transfer full) (nullable): the note ("" if none), NULL if unseen
 */
char *whim_store_find_seen_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_unit_put_pairing_material: kept raw: @kind "app-state-key", "history", "salt", … */
void
whim_unit_put_pairing_material (WhimUnit *self, const char *kind, const char *id, GBytes *payload);

typedef struct
{
  const char *chat; /* (nullable): any accepted form of the chat's JID */
  guint limit;      /* 1 … 500 */
  guint offset;
  gint64 time_from;   /* 0 = open */
  gint64 time_to;     /* 0 = open */
  gboolean ascending; /* newest first otherwise */
  gint from_me;       /* -1 = both */
} WhimMessageQuery;
typedef struct
{
  GPtrArray *items; /* of WhimMessage or WhimChat */
  guint64 total;
} WhimPage;
void whim_page_free (WhimPage *self);
void whim_store_list_messages_async (WhimStore *self,
                                     gint64 channel,
                                     const WhimMessageQuery *query,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
/** whim_store_list_messages_finish: (transfer full); an unknown chat gives an empty page */
WhimPage *whim_store_list_messages_finish (WhimStore *self, GAsyncResult *result, GError **error);
void whim_store_list_chats_async (WhimStore *self,
                                  gint64 channel,
                                  guint limit,
                                  guint offset,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
WhimPage *whim_store_list_chats_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_store_find_chat_async: @chat in any accepted form */
void whim_store_find_chat_async (WhimStore *self,
                                 gint64 channel,
                                 const char *chat,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
/** whim_store_find_chat_finish: (transfer full) (nullable): NULL without error: there is none */
WhimChat *whim_store_find_chat_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_store_find_message_async: by WhatsApp id within the channel; several chats may share an id,
 *  so the result is a list (element-type WhimMessage), with content */
void whim_store_find_message_async (WhimStore *self,
                                    gint64 channel,
                                    const char *id,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
GPtrArray *whim_store_find_message_finish (WhimStore *self, GAsyncResult *result, GError **error);

/* Outbox */
typedef enum
{
  WHIM_OUTBOX_QUEUED, /* content only */
  WHIM_OUTBOX_SEALED, /* stanza bytes; these very bytes are sent until the ack */
} WhimOutboxState;
typedef struct
{
  gint64 number; /* in order of acceptance; given by whim_store_take_outbox_number() */
  char *message_id;
  char *chat; /* JID to send to as accepted (PN or LID or digits\@s.whatsapp.net) */
  WhimOutboxState state;
  GBytes *content; /* serialised Message, queued */
  GBytes *stanza;  /* encoded node, sealed */
  gint64 created_at;
  gint64 expires_at;
  gint64 not_before; /* Unix ms: nothing of it leaves earlier; 0 = at once */
  guint typing_ms;
  gboolean immediate; /* pacing and holds do not apply */
  char *reason;       /* (nullable): why it waits; only of rows that are shown */
} WhimOutboxRow;
WhimOutboxRow *whim_outbox_row_new (void);
void whim_outbox_row_free (WhimOutboxRow *self);
gint64 whim_store_take_outbox_number (WhimStore *self);
void whim_unit_put_outbox (WhimUnit *self, const WhimOutboxRow *row);
/** whim_unit_seal_outbox: guarded: fails the unit with CONFLICT unless the row is still queued */
void whim_unit_seal_outbox (WhimUnit *self, gint64 number, GBytes *stanza);
/** whim_unit_delete_outbox: the ack came, or it failed for good */
void whim_unit_delete_outbox (WhimUnit *self, gint64 number);
/** whim_store_load_outbox_async: every row of the channel, in order (element-type WhimOutboxRow) */
void whim_store_load_outbox_async (WhimStore *self,
                                   gint64 channel,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
GPtrArray *whim_store_load_outbox_finish (WhimStore *self, GAsyncResult *result, GError **error);

/* Journal */
/** whim_store_read_journal_async: up to @limit events with seq > @after, of one channel or (NULL)
 * of all; result (element-type WhimEvent). @after older than the journal: WHIM_ERROR_CURSOR_EXPIRED
 */
void whim_store_read_journal_async (WhimStore *self,
                                    gint64 after,
                                    const char *channel_id,
                                    guint limit,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
GPtrArray *whim_store_read_journal_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_store_get_last_seq: newest committed seq; cheap */
gint64 whim_store_get_last_seq (WhimStore *self);
/** whim_unit_prune_journal: the part of the journal in which everything is older than @before. What
 *  a webhook still owes is handed to it first, and stays. */
void whim_unit_prune_journal (WhimUnit *self, gint64 before);

/* API keys */
typedef struct
{
  char *id; /* "key_…" */
  char *name;
  guint8 hash[32]; /* SHA-256 of the key */
  gboolean admin;
  gboolean read_only;
  char **channels;     /* ids; NULL for admin */
  char *dialect;       /* "seed", "whapi", "both" */
  gint64 rate_limit;   /* requests a minute; 0: as configured */
  gboolean configured; /* stands in the configuration, and never in the store */
  gint64 created_at;
  gint64 last_used_at;
} WhimApiKey;
WhimApiKey *whim_api_key_new (void);
WhimApiKey *whim_api_key_copy (const WhimApiKey *self);
void whim_api_key_free (WhimApiKey *self);
void whim_unit_put_api_key (WhimUnit *self, const WhimApiKey *key);
void whim_unit_delete_api_key (WhimUnit *self, const char *id);
/** whim_unit_use_api_key: @id was used at @when; a key that is gone stays gone */
void whim_unit_use_api_key (WhimUnit *self, const char *id, gint64 when);
/** whim_store_load_api_keys: blocks (at start only); (element-type WhimApiKey) */
GPtrArray *whim_store_load_api_keys (WhimStore *self, GError **error);

/** whim_store_is_healthy: FALSE since the last commit failed */
gboolean whim_store_is_healthy (WhimStore *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimSignalRow, whim_signal_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimLidMapping, whim_lid_mapping_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimNumber, whim_number_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimPage, whim_page_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimOutboxRow, whim_outbox_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimApiKey, whim_api_key_free)

G_END_DECLS
