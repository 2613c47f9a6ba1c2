/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "engine/whim-engine.h"
#include "model/whim-hook.h"

G_BEGIN_DECLS

/* For the webhook face: which hooks there are. What they owe it reads from the store itself.
 * Signal "hook-changed" (const char *id) on the engine: made, changed, or gone. */

/** whim_engine_get_hooks: (transfer none) (element-type WhimHook): in order of creation */
GPtrArray *whim_engine_get_hooks (WhimEngine *self);
/** whim_engine_find_hook: (transfer none) (nullable) */
WhimHook *whim_engine_find_hook (WhimEngine *self, const char *id);
/** whim_engine_turn_hook_off: the receiver wants no more; what is pending becomes dead letters */
void whim_engine_turn_hook_off (WhimEngine *self, const char *id, const char *reason);
/** whim_engine_complete_event: adds what the journal does not keep: the code of a channel.qr */
void whim_engine_complete_event (WhimEngine *self, WhimEvent *event);

/** WhimHookTester: delivers a test event now; @task returns a{sv}: delivered, status, error,
 *  durationMs */
typedef void (*WhimHookTester) (WhimHook *hook, GTask *task, gpointer user_data);
/** whim_engine_set_hook_tester: NULL: there is no webhook face */
void whim_engine_set_hook_tester (WhimEngine *self, WhimHookTester tester, gpointer user_data);

G_END_DECLS
