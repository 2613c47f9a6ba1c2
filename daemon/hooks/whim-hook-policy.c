/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "hooks/whim-hook-policy.h"

#define FIRST_PAUSE_MS 1000
#define DICE 1024
/* 2^12 seconds are more than an hour */
#define DOUBLINGS 12u

gint64
whim_hook_pause_ms (guint attempt, guint dice)
{
  guint doublings = MIN (MAX (attempt, 1) - 1, DOUBLINGS);
  gint64 pause = MIN ((gint64)FIRST_PAUSE_MS << doublings, WHIM_HOOK_PAUSE_MAX_MS);

  return pause / 2 + pause / 2 * (gint64)(dice % DICE) / (DICE - 1);
}

WhimHookVerdict
whim_hook_judge (guint status, gint64 since, gint64 now)
{
  if (status >= 200 && status < 300)
    return WHIM_HOOK_VERDICT_DELIVERED;
  if (status == 410)
    return WHIM_HOOK_VERDICT_OFF;
  return now - since >= WHIM_HOOK_PATIENCE_MS ? WHIM_HOOK_VERDICT_DEAD : WHIM_HOOK_VERDICT_AGAIN;
}
