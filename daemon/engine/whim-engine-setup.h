/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "engine/whim-engine.h"
#include "session/whim-session.h"
#include "signal/whim-signal.h"
#include "store/whim-store.h"
#include "transport/whim-transport.h"

G_BEGIN_DECLS

/* For `app`, which plugs the engine together; faces need only whim-engine.h. */

struct _WhimEngineConfig
{
  WhimClock *clock;
  WhimStore *store;
  WhimSignalPool *pool;
  WhimTransport *transport;
  const guint8 *noise_root; /* 32 bytes */
  WhimClientVersion version;
  gboolean allow_private_fetch; /* [fetch] allow-private */
};

/** WhimVersionFetch: asks for the service's current client revision and calls
 *  whim_engine_take_revision() once, whatever comes of it */
typedef void (*WhimVersionFetch) (WhimEngine *engine, gpointer user_data);
/** whim_engine_set_version_fetch: NULL: nobody can be asked */
void whim_engine_set_version_fetch (WhimEngine *self, WhimVersionFetch fetch, gpointer user_data);
/** whim_engine_take_revision: the third number of the version; 0: it could not be had */
void whim_engine_take_revision (WhimEngine *self, guint32 revision);
/** whim_engine_read_revision: what was remembered; 0 = nothing. Blocks (at start only) */
guint32 whim_engine_read_revision (WhimStore *store);

/** whim_engine_wake: the machine slept, or its network changed: every channel looks whether its
 *  server is still there, and what waits to try again does so */
void whim_engine_wake (WhimEngine *self);

/** whim_engine_new: reads channels and keys from the store; connects nothing yet */
WhimEngine *whim_engine_new (const WhimEngineConfig *config, GError **error);
/** whim_engine_start: connects the channels that are paired and have autoConnect */
void whim_engine_start (WhimEngine *self);
/** whim_engine_stop: closes every connection; calls that wait fail. Before the store is closed. */
void whim_engine_stop (WhimEngine *self);
/** whim_engine_ensure_admin_key: @wanted (nullable) is set by configuration. Returns: (transfer
 *  full) (nullable): the text of a key that was made now, to be shown once; NULL if there was one
 */
char *whim_engine_ensure_admin_key (WhimEngine *self, const char *wanted);
/** whim_engine_is_idle: no pipeline of any channel is working (for tests) */
gboolean whim_engine_is_idle (WhimEngine *self);

G_END_DECLS
