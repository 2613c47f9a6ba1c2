/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "crypto/whim-crypto.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define WHIM_SIGNAL_ERROR (whim_signal_error_quark ())
GQuark whim_signal_error_quark (void);

typedef enum
{
  WHIM_SIGNAL_ERROR_NO_SESSION,      /* retry error 1 */
  WHIM_SIGNAL_ERROR_INVALID_KEY,     /* 2 */
  WHIM_SIGNAL_ERROR_INVALID_KEY_ID,  /* 3: a one-time or signed prekey that is gone */
  WHIM_SIGNAL_ERROR_INVALID_MESSAGE, /* 4, or 7 for a bad MAC, which the library does not tell apart
                                      */
  WHIM_SIGNAL_ERROR_DUPLICATE,       /* already decrypted: success without content */
  WHIM_SIGNAL_ERROR_UNTRUSTED,       /* never seen by callers of whim_signal_decrypt() */
  WHIM_SIGNAL_ERROR_INTERNAL,
} WhimSignalError;

/** WhimSignalType: the type attribute of an enc node; it does not stand in the bytes */
typedef enum
{
  WHIM_SIGNAL_TYPE_MSG,
  WHIM_SIGNAL_TYPE_PKMSG,
  WHIM_SIGNAL_TYPE_SKMSG,
} WhimSignalType;

/**
 * WhimSignalKind: what a record is. The key of a record is a text:
 * session and identity "<name>.<device>" (see whim_signal_address()), prekey and signed prekey the
 * decimal id, sender key "<group>::<name>.<device>".
 */
typedef enum
{
  WHIM_SIGNAL_KIND_SESSION,
  WHIM_SIGNAL_KIND_IDENTITY, /* 33 bytes, as libsignal gives them */
  WHIM_SIGNAL_KIND_PREKEY,
  WHIM_SIGNAL_KIND_SIGNED_PREKEY,
  WHIM_SIGNAL_KIND_SENDER_KEY,
  WHIM_SIGNAL_N_KINDS
} WhimSignalKind;

/** whim_signal_address: (transfer full): "<name>.<device>" */
char *whim_signal_address (const char *name, guint device);

/** WhimSignalChange: one record that became dirty; @record %NULL = deleted */
typedef struct
{
  WhimSignalKind kind;
  char *key;
  GBytes *record;
} WhimSignalChange;
void whim_signal_change_free (WhimSignalChange *self);

/**
 * WhimSignalCache:
 *
 * The working set of one channel. libsignal's callbacks touch only it. It has one owner at a time:
 * the main thread, or the crypto worker to which it was moved with a job. Plain memory, no locks.
 *
 * "Known" means that the cache can answer for a key without the store: the record is there, or is
 * known to be absent. An operation on a key that is not known fails an assertion: load first.
 */
typedef struct _WhimSignalCache WhimSignalCache;

WhimSignalCache *whim_signal_cache_new (WhimKeyPair *identity, guint32 registration_id);
void whim_signal_cache_free (WhimSignalCache *self);

gboolean whim_signal_cache_is_known (WhimSignalCache *self, WhimSignalKind kind, const char *key);
/** whim_signal_cache_load: what the store said of @key: @record %NULL = not there. Not dirty. What
 *  the cache has stays, but for a clean "not there". */
void whim_signal_cache_load (WhimSignalCache *self,
                             WhimSignalKind kind,
                             const char *key,
                             GBytes *record);
/** whim_signal_cache_put: a change of ours (new prekeys, deleted session): dirty */
void
whim_signal_cache_put (WhimSignalCache *self, WhimSignalKind kind, const char *key, GBytes *record);
/** whim_signal_cache_get: (transfer none) (nullable) */
GBytes *whim_signal_cache_get (WhimSignalCache *self, WhimSignalKind kind, const char *key);
/** whim_signal_cache_take_dirty: (transfer full) (element-type WhimSignalChange): and forget that
 *  they are dirty. Freed with g_ptr_array_unref(). Never %NULL. */
GPtrArray *whim_signal_cache_take_dirty (WhimSignalCache *self);
/** whim_signal_cache_drop: forgets every record: a commit failed, the store knows better */
void whim_signal_cache_drop (WhimSignalCache *self);
/** whim_signal_cache_trim: forgets clean records, least recently used first, down to @bytes */
void whim_signal_cache_trim (WhimSignalCache *self, gsize bytes);
gsize whim_signal_cache_get_size (WhimSignalCache *self);

/** whim_signal_cache_delete_user: what it has of sessions and identities of @name's devices */
void whim_signal_cache_delete_user (WhimSignalCache *self, const char *name);

/** WhimSignalBundle: another device's published keys; wire form, 32-byte keys */
typedef struct
{
  guint32 registration_id;
  guint8 identity[WHIM_KEY_SIZE];
  guint32 signed_prekey_id;
  guint8 signed_prekey[WHIM_KEY_SIZE];
  guint8 signed_prekey_signature[WHIM_SIGNATURE_SIZE];
  gboolean has_prekey;
  guint32 prekey_id;
  guint8 prekey[WHIM_KEY_SIZE];
} WhimSignalBundle;

/**
 * WhimSignalContext: one crypto worker's signal_context and crypto provider. Used by one thread.
 */
typedef struct _WhimSignalContext WhimSignalContext;
WhimSignalContext *whim_signal_context_new (void);
void whim_signal_context_free (WhimSignalContext *self);

/* Operations: synchronous, on the thread that owns @context and @cache. Each either succeeds and
 * leaves its changes in @cache, or fails and leaves @cache as it was. */

/** whim_signal_move_user: what stands under the number moves to the LID (dossier 2, 1.6). If both
 *  have a session, the number's counts, unless the other side has been heard under the LID; what
 *  loses is archived, so that messages on their way can still be read. All four keys of the device
 *  must be known. */
void whim_signal_move_user (WhimSignalContext *context,
                            WhimSignalCache *cache,
                            const char *pn_name,
                            const char *lid_name,
                            guint device);

/** whim_signal_process_bundle: makes a session; a changed identity is accepted (trust on first use,
 *  dossier 2, 3.2) and told in @identity_changed (out) (optional) */
gboolean whim_signal_process_bundle (WhimSignalContext *context,
                                     WhimSignalCache *cache,
                                     const char *name,
                                     guint device,
                                     const WhimSignalBundle *bundle,
                                     gboolean *identity_changed,
                                     GError **error);
gboolean whim_signal_has_session (WhimSignalCache *cache, const char *name, guint device);
/** whim_signal_encrypt: (transfer full) (nullable); @plain is already padded */
GBytes *whim_signal_encrypt (WhimSignalContext *context,
                             WhimSignalCache *cache,
                             const char *name,
                             guint device,
                             gconstpointer plain,
                             gsize len,
                             WhimSignalType *type,
                             GError **error);
/** whim_signal_decrypt: (transfer full) (nullable): still padded; msg and pkmsg */
GBytes *whim_signal_decrypt (WhimSignalContext *context,
                             WhimSignalCache *cache,
                             const char *name,
                             guint device,
                             WhimSignalType type,
                             gconstpointer cipher,
                             gsize len,
                             gboolean *identity_changed,
                             GError **error);
/** whim_signal_peek_prekey_ids: which own prekeys a pkmsg names, to load them before decrypting;
 *  @prekey_id is G_MAXUINT32 if it names none. FALSE if it is no pkmsg. Any thread. */
gboolean whim_signal_peek_prekey_ids (WhimSignalContext *context,
                                      gconstpointer cipher,
                                      gsize len,
                                      guint32 *prekey_id,
                                      guint32 *signed_prekey_id);
/** whim_signal_peek_message_key: which key a msg or pkmsg was sealed with: the sender's ratchet key
 * and the number in its chain. No two messages of a session may have the same. FALSE if it is
 * neither. Any thread. */
gboolean whim_signal_peek_message_key (WhimSignalContext *context,
                                       WhimSignalType type,
                                       gconstpointer cipher,
                                       gsize len,
                                       guint8 ratchet_key[WHIM_KEY_SIZE],
                                       guint32 *counter);
/** whim_signal_get_remote_registration_id: of an existing session; 0 without one */
guint32 whim_signal_get_remote_registration_id (WhimSignalContext *context,
                                                WhimSignalCache *cache,
                                                const char *name,
                                                guint device);
/** whim_signal_get_base_key: (transfer full) (nullable): tells one session from another: the public
 *  key with which its first message was made */
GBytes *whim_signal_get_base_key (WhimSignalContext *context,
                                  WhimSignalCache *cache,
                                  const char *name,
                                  guint device);
/** whim_signal_delete_session: the identity stays */
void whim_signal_delete_session (WhimSignalCache *cache, const char *name, guint device);

/* Groups: a sender has one key per group and device. The operations below want that key's record
 * (see whim_signal_sender_key()) known, and undo themselves as those above do. */

/** whim_signal_sender_key: (transfer full): "<group>::<name>.<device>" */
char *whim_signal_sender_key (const char *group, const char *name, guint device);
/** whim_signal_group_get_key_id: of the newest key under that name; FALSE without one */
gboolean whim_signal_group_get_key_id (WhimSignalContext *context,
                                       WhimSignalCache *cache,
                                       const char *group,
                                       const char *name,
                                       guint device,
                                       guint32 *key_id);
/** whim_signal_group_process: takes in another device's distribution message. One that repeats a
 *  known key changes nothing: some clients attach it to every message, and the library would
 *  forget skipped message keys over it (dossier 2, 3.6). */
gboolean whim_signal_group_process (WhimSignalContext *context,
                                    WhimSignalCache *cache,
                                    const char *group,
                                    const char *name,
                                    guint device,
                                    gconstpointer distribution,
                                    gsize len,
                                    GError **error);
/** whim_signal_group_decrypt: (transfer full) (nullable): still padded.
 * %WHIM_SIGNAL_ERROR_DUPLICATE also means a message from before the distribution: ask for it again
 * unless it is stored. %WHIM_SIGNAL_ERROR_NO_SESSION: no key of this sender. */
GBytes *whim_signal_group_decrypt (WhimSignalContext *context,
                                   WhimSignalCache *cache,
                                   const char *group,
                                   const char *name,
                                   guint device,
                                   gconstpointer cipher,
                                   gsize len,
                                   GError **error);
/** whim_signal_group_distribute: (transfer full) (nullable): the distribution message of our own
 *  key, which is made if there is none. It tells the key as of now: call it before encrypting what
 *  its receivers are to read. To rotate, put %NULL as the record first. */
GBytes *whim_signal_group_distribute (WhimSignalContext *context,
                                      WhimSignalCache *cache,
                                      const char *group,
                                      const char *own_name,
                                      guint own_device,
                                      GError **error);
/** whim_signal_group_encrypt: (transfer full) (nullable): @plain is already padded */
GBytes *whim_signal_group_encrypt (WhimSignalContext *context,
                                   WhimSignalCache *cache,
                                   const char *group,
                                   const char *own_name,
                                   guint own_device,
                                   gconstpointer plain,
                                   gsize len,
                                   GError **error);

/** WhimSignalPrekey: a generated key: serialised record for the store and public half for upload */
typedef struct
{
  guint32 id;
  GBytes *record;
  guint8 public_key[WHIM_KEY_SIZE];
  guint8 signature[WHIM_SIGNATURE_SIZE]; /* signed prekeys only */
} WhimSignalPrekey;
void whim_signal_prekey_free (WhimSignalPrekey *self);
/** whim_signal_generate_prekeys: (transfer full) (element-type WhimSignalPrekey): ids from @first
 * up, wrapping 16777215 -> 1 */
GPtrArray *whim_signal_generate_prekeys (WhimSignalContext *context, guint32 first, guint n);
/** whim_signal_make_signed_prekey: (transfer full): libsignal's record of an existing key pair */
WhimSignalPrekey *whim_signal_make_signed_prekey (WhimSignalContext *context,
                                                  WhimKeyPair *pair,
                                                  guint32 id,
                                                  gint64 unix_ms,
                                                  const guint8 signature[WHIM_SIGNATURE_SIZE]);
/** whim_signal_prekey_record_get_public: the public half of a stored prekey record */
gboolean whim_signal_prekey_record_get_public (WhimSignalContext *context,
                                               GBytes *record,
                                               guint8 public_key[WHIM_KEY_SIZE]);
/** whim_signal_signed_prekey_record_get: @pair (out) (transfer full), @made_at in ms, of a stored
 *  signed prekey */
gboolean whim_signal_signed_prekey_record_get (WhimSignalContext *context,
                                               GBytes *record,
                                               WhimKeyPair **pair,
                                               gint64 *made_at,
                                               guint8 signature[WHIM_SIGNATURE_SIZE]);

#define WHIM_KEYS_DIGEST_SIZE 20u
/** whim_signal_digest_keys: what the server says it has of us, in short (dossier 1, 9.4);
 *  @prekeys: @n_prekeys public halves, one behind the other, in the server's order */
void whim_signal_digest_keys (const guint8 identity[WHIM_KEY_SIZE],
                              const guint8 signed_prekey[WHIM_KEY_SIZE],
                              const guint8 signature[WHIM_SIGNATURE_SIZE],
                              const guint8 *prekeys,
                              gsize n_prekeys,
                              guint8 digest[WHIM_KEYS_DIGEST_SIZE]);

/**
 * WhimSignalPool: the crypto workers, one per core. A channel is bound to one by its number, so its
 * jobs run in the order in which they were pushed.
 */
typedef struct _WhimSignalPool WhimSignalPool;
WhimSignalPool *whim_signal_pool_new (guint n_workers);
/** whim_signal_pool_free: waits for running jobs and delivers what is left */
void whim_signal_pool_free (WhimSignalPool *self);

/** WhimSignalJobFunc: runs on a worker; owns what @job points to while it runs */
typedef void (*WhimSignalJobFunc) (WhimSignalContext *context, gpointer job);
/** WhimSignalDoneFunc: runs on the main thread (the default context) afterwards */
typedef void (*WhimSignalDoneFunc) (gpointer job, gpointer user_data);
void whim_signal_pool_push (WhimSignalPool *self,
                            guint channel_number,
                            WhimSignalJobFunc run,
                            gpointer job,
                            WhimSignalDoneFunc done,
                            gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimSignalChange, whim_signal_change_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimSignalCache, whim_signal_cache_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimSignalContext, whim_signal_context_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimSignalPrekey, whim_signal_prekey_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimSignalPool, whim_signal_pool_free)

G_END_DECLS
