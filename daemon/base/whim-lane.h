/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimLane:
 *
 * Order: at most one job per key at a time, first come first served. A job runs until its owner
 * says whim_lane_done(). Keys without jobs cost nothing. Main thread.
 */
typedef struct _WhimLane WhimLane;

/** WhimLaneFunc: starts a job; it owns @job from here on and ends with whim_lane_done() */
typedef void (*WhimLaneFunc) (gpointer job, gpointer user_data);

/**
 * whim_lane_new:
 * @run: starts one job
 * @discard: frees a job that never ran
 */
WhimLane *whim_lane_new (WhimLaneFunc run, gpointer user_data, GDestroyNotify discard);
void whim_lane_free (WhimLane *self);

/** whim_lane_push: queues @job (transfer full) behind the others of @key; may run it at once */
void whim_lane_push (WhimLane *self, const char *key, gpointer job);

/** whim_lane_done: the running job of @key has ended; the next one starts */
void whim_lane_done (WhimLane *self, const char *key);

/** whim_lane_discard: drops every job that has not started */
void whim_lane_discard (WhimLane *self);

/** whim_lane_get_length: jobs that wait or run, over all keys */
guint whim_lane_get_length (const WhimLane *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimLane, whim_lane_free)

G_END_DECLS
