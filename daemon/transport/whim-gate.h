/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimGate:
 *
 * At most so many inside at a time, first come first served: a thousand channels that lost their
 * network do not knock all at once. Main thread.
 */
typedef struct _WhimGate WhimGate;

/** WhimGateTurn: it is this one's turn; called once, inside whim_gate_enter() if there is room */
typedef void (*WhimGateTurn) (gpointer user_data);

WhimGate *whim_gate_new (guint width);
/** whim_gate_free: those that wait never get their turn */
void whim_gate_free (WhimGate *self);
/** whim_gate_enter: @ticket is set before @turn is called; until whim_gate_leave() */
void whim_gate_enter (WhimGate *self, WhimGateTurn turn, gpointer user_data, guint *ticket);
/** whim_gate_leave: from inside, or out of the queue; *@ticket 0: nothing happens; sets it to 0 */
void whim_gate_leave (WhimGate *self, guint *ticket);
guint whim_gate_get_n_inside (WhimGate *self);
guint whim_gate_get_n_waiting (WhimGate *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimGate, whim_gate_free)

G_END_DECLS
