/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* When to try again, and what an answer means. Pure. */

/** How long an event is tried, from the moment it was taken from the journal. */
#define WHIM_HOOK_PATIENCE_MS (24 * 3600 * (gint64)1000)
/** The longest pause between two attempts. */
#define WHIM_HOOK_PAUSE_MAX_MS (3600 * (gint64)1000)
/** The time of one request. */
#define WHIM_HOOK_TIMEOUT_MS 10000

/** whim_hook_pause_ms: after attempt number @attempt (from 1): 1 s, doubled each time up to an
 *  hour, of which a half to the whole is taken by @dice (0 … 1023) */
gint64 whim_hook_pause_ms (guint attempt, guint dice);

typedef enum
{
  WHIM_HOOK_VERDICT_DELIVERED,
  WHIM_HOOK_VERDICT_AGAIN,
  WHIM_HOOK_VERDICT_DEAD,
  WHIM_HOOK_VERDICT_OFF, /* 410: the receiver wants no more */
} WhimHookVerdict;

/** whim_hook_judge: @status 0 = there was no answer; @since: when the tries began */
WhimHookVerdict whim_hook_judge (guint status, gint64 since, gint64 now);

G_END_DECLS
