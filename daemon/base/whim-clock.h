/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimClock:
 *
 * The only source of time and of timers. All timers of a clock share one #GSource, so that a
 * thousand idle channels cost no wake-up. Main thread only, except the two getters.
 *
 * A manual clock stands still until whim_clock_advance(); the system clock runs by itself, and
 * advancing it (development builds) adds to its distance from the real time.
 */
typedef struct _WhimClock WhimClock;

WhimClock *whim_clock_new_system (void);
WhimClock *whim_clock_new_manual (gint64 unix_ms);
WhimClock *whim_clock_ref (WhimClock *self);
void whim_clock_unref (WhimClock *self);

/** whim_clock_get_unix_ms: wall clock in milliseconds since 1970; any thread */
gint64 whim_clock_get_unix_ms (WhimClock *self);

/** whim_clock_get_unix: wall clock in seconds since 1970; any thread */
gint64 whim_clock_get_unix (WhimClock *self);

/** whim_clock_get_monotonic_ms: for intervals; goes on through a suspend (CLOCK_BOOTTIME) */
gint64 whim_clock_get_monotonic_ms (WhimClock *self);

/**
 * whim_clock_add_timer:
 * @delay_ms: from now
 * @callback: called once, from the main context
 *
 * Returns: an id for whim_clock_remove_timer(), never 0
 */
guint whim_clock_add_timer (WhimClock *self,
                            gint64 delay_ms,
                            GSourceOnceFunc callback,
                            gpointer user_data);

/** whim_clock_remove_timer: @id must not have fired yet */
void whim_clock_remove_timer (WhimClock *self, guint id);

/** whim_clock_clear_timer: removes *@id if it is not 0, and sets it to 0 */
void whim_clock_clear_timer (WhimClock *self, guint *id);

/** whim_clock_advance: moves the time by @ms and runs what became due before it returns */
void whim_clock_advance (WhimClock *self, gint64 ms);

/** whim_clock_step_wall: somebody sets the wall clock, @ms forward or back; for tests */
void whim_clock_step_wall (WhimClock *self, gint64 ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimClock, whim_clock_unref)

G_END_DECLS
