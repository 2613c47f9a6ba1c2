/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "signal/whim-signal.h"
#include "store/whim-store.h"

G_BEGIN_DECLS

/**
 * WhimRatchet:
 *
 * The channel's one lane for ratchet work and the owner of its working set. A job waits for its
 * turn, gets what it needs into the cache in one query, moves with the cache to the channel's
 * crypto worker, and comes back with what became dirty.
 */
typedef struct _WhimRatchet WhimRatchet;

/** WhimRatchetWork: on the worker */
typedef void (*WhimRatchetWork) (WhimSignalContext *context, WhimSignalCache *cache, gpointer job);
/** WhimRatchetDone: on the main thread. @changes (transfer full) (element-type WhimSignalChange)
 *  must go into a unit before anything that depends on them leaves; NULL: the job did not run, or
 *  what it did is void. @cache is NULL then, too. */
typedef void (*WhimRatchetDone) (gpointer job,
                                 WhimSignalCache *cache,
                                 GPtrArray *changes,
                                 gpointer user_data);

WhimRatchet *whim_ratchet_new (WhimStore *store, WhimSignalPool *pool, gint64 channel_number);
/** whim_ratchet_free: waits for nothing; a job on the worker is detached and its result dropped */
void whim_ratchet_free (WhimRatchet *self);
/** whim_ratchet_set_keys: another identity, or (NULL) none: everything waiting fails */
void whim_ratchet_set_keys (WhimRatchet *self, const WhimCredentials *credentials);
/** whim_ratchet_run: @wanted (transfer full) (element-type WhimSignalRow), records NULL; @work may
 *  be NULL when only the loading matters */
void whim_ratchet_run (WhimRatchet *self,
                       GPtrArray *wanted,
                       WhimRatchetWork work,
                       gpointer job,
                       WhimRatchetDone done,
                       gpointer user_data);
/** whim_ratchet_drop: a commit failed: forget the cache, void what is on its way */
void whim_ratchet_drop (WhimRatchet *self);
/** whim_ratchet_hold, whim_ratchet_release: changes of the cache are on their way to the disk;
 *  meanwhile clean records must not be forgotten */
void whim_ratchet_hold (WhimRatchet *self);
void whim_ratchet_release (WhimRatchet *self);
gboolean whim_ratchet_is_idle (WhimRatchet *self);

/** whim_ratchet_want: adds session and identity of an address to @wanted */
void whim_ratchet_want_address (GPtrArray *wanted, const char *name, guint device);
void whim_ratchet_want (GPtrArray *wanted, WhimSignalKind kind, const char *key);
GPtrArray *whim_ratchet_wanted_new (void);

G_END_DECLS
