/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "engine/whim-engine-hooks.h"
#include "store/whim-store.h"

G_BEGIN_DECLS

/**
 * WhimHooks:
 *
 * The webhook face: takes events from the journal into lanes that are kept in the store, delivers
 * them, and tries again. Main thread.
 */
#define WHIM_TYPE_HOOKS (whim_hooks_get_type ())
G_DECLARE_FINAL_TYPE (WhimHooks, whim_hooks, WHIM, HOOKS, GObject)

typedef struct
{
  WhimEngine *engine;
  WhimStore *store;
  WhimClock *clock;
  gboolean allow_private; /* [fetch] allow-private */
} WhimHooksConfig;

/** whim_hooks_new: begins to deliver what is owed; NULL if the store cannot be read */
WhimHooks *whim_hooks_new (const WhimHooksConfig *config, GError **error);

/** whim_hooks_drain: begins no request any more; those under way may still be answered */
void whim_hooks_drain (WhimHooks *self);
/** whim_hooks_is_busy: requests are under way, or what became of them is not on disk yet */
gboolean whim_hooks_is_busy (WhimHooks *self);
/** whim_hooks_stop: cuts what is under way; before the engine is stopped */
void whim_hooks_stop (WhimHooks *self);

G_END_DECLS
