/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/whim-hook.h"
#include "store/whim-store.h"

G_BEGIN_DECLS

/* Webhooks and what they owe. Units of them belong to no channel (whim_unit_new (0)): what goes
 * wrong with a webhook must not fail the units of a channel. */

/** whim_store_load_hooks: blocks (at start only); (element-type WhimHook) */
GPtrArray *whim_store_load_hooks (WhimStore *self, GError **error);
/** whim_unit_put_hook: inserts or updates. @begin: it gets the events from here on, and what it
 *  still owed for more than a day becomes dead letters. What is pending is due at once, by the new
 *  address. */
void whim_unit_put_hook (WhimUnit *self, const WhimHook *hook, gboolean begin);
/** whim_unit_turn_hook_off: @reason; everything pending becomes a dead letter */
void whim_unit_turn_hook_off (WhimUnit *self, gint64 hook, const char *reason);
/** whim_unit_delete_hook: with all that it owes */
void whim_unit_delete_hook (WhimUnit *self, gint64 hook);

/** WhimHookStats: what a hook has behind and before it */
typedef struct
{
  gint64 hook;
  gint64 pending;
  gint64 dead;
  gint64 delivered;
  gint64 delivered_at; /* Unix seconds, 0 = never, as is: */
  gint64 failed_at;
  char *failure; /* of the last failed attempt */
} WhimHookStats;
void whim_hook_stats_free (WhimHookStats *self);
/** whim_store_load_hook_stats_async: of @hooks (element-type gint64); result (element-type
 *  WhimHookStats) in their order, without those that are gone */
void whim_store_load_hook_stats_async (WhimStore *self,
                                       GArray *hooks,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);
GPtrArray *
whim_store_load_hook_stats_finish (WhimStore *self, GAsyncResult *result, GError **error);

/* ---- From the journal into the lanes --------------------------------------------------------- */

/** WhimTaken: what taking found. Counted; filled on the writer thread, read after the commit. */
typedef struct
{
  gatomicrefcount references;
  GArray *hooks; /* of gint64: those that got something to deliver */
  gboolean more; /* the journal goes on */
} WhimTaken;
WhimTaken *whim_taken_new (void);
void whim_taken_unref (WhimTaken *self);
/** whim_unit_take_deliveries: gives the next events of the journal to the hooks that want them, one
 *  row each; the cursor moves in the same transaction. @taken (transfer none) */
void whim_unit_take_deliveries (WhimUnit *self, WhimTaken *taken);

/* ---- Deliveries ------------------------------------------------------------------------------ */

/** WhimDeliveryState: the numbers are stored */
typedef enum
{
  WHIM_DELIVERY_WAITING = 0, /* behind another one of its lane */
  WHIM_DELIVERY_DUE,         /* the first of its lane */
  WHIM_DELIVERY_DEAD,
} WhimDeliveryState;

/** WhimDelivery: an event that a hook owes or could not deliver. Times in Unix milliseconds. */
typedef struct
{
  gint64 hook;
  WhimDeliveryState state;
  guint attempts;
  gint64 since;
  gint64 due_at;
  gint64 tried_at; /* 0 = never */
  guint status;    /* of the last answer; 0 = none */
  char *failure;
  WhimEvent *event;
} WhimDelivery;
void whim_delivery_free (WhimDelivery *self);

typedef struct
{
  GPtrArray *items; /* of WhimDelivery */
  gint64 next_due;  /* 0 = nothing waits for its time */
} WhimDueDeliveries;
void whim_due_deliveries_free (WhimDueDeliveries *self);
/** whim_store_load_due_async: the heads of lanes that are due at @now, oldest event first. What is
 *  due later than @horizon is due now: the clock was set back. */
void whim_store_load_due_async (WhimStore *self,
                                gint64 hook,
                                gint64 now,
                                gint64 horizon,
                                guint limit,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
WhimDueDeliveries *
whim_store_load_due_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_store_load_indebted: blocks (at start only): hooks with something due (element-type gint64)
 */
GArray *whim_store_load_indebted (WhimStore *self, GError **error);

typedef enum
{
  WHIM_SETTLED_DELIVERED,
  WHIM_SETTLED_AGAIN, /* at @due_at */
  WHIM_SETTLED_DEAD,  /* with what waited in the lane since before @expired_before */
} WhimSettled;
typedef struct
{
  gint64 hook;
  gint64 seq;
  WhimSettled outcome;
  gint64 now;
  gint64 due_at;
  gint64 expired_before;
  guint status;
  const char *failure;
} WhimSettlement;
/** whim_unit_settle_delivery: copies @settlement; the next of the lane becomes due. Does nothing if
 *  the hook or the row is gone. */
void whim_unit_settle_delivery (WhimUnit *self, const WhimSettlement *settlement);

/** whim_store_list_deliveries_async: @dead or pending ones, newest event first; result: WhimPage of
 *  WhimDelivery */
void whim_store_list_deliveries_async (WhimStore *self,
                                       gint64 hook,
                                       gboolean dead,
                                       guint limit,
                                       guint offset,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);
WhimPage *whim_store_list_deliveries_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_unit_resend_dead: dead letters are due again, with a fresh day of tries. @event_id NULL:
 *  all. Guarded: the unit fails with CONFLICT if there was none. */
void whim_unit_resend_dead (WhimUnit *self, gint64 hook, const char *event_id, gint64 now);
/** whim_unit_delete_dead: likewise, for good */
void whim_unit_delete_dead (WhimUnit *self, gint64 hook, const char *event_id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimHookStats, whim_hook_stats_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimTaken, whim_taken_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimDelivery, whim_delivery_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimDueDeliveries, whim_due_deliveries_free)

G_END_DECLS
