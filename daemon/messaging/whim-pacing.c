/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

/* How careful gateways send (dossier 2, 12.2). None of it is in the protocol: accounts that write
 * to many strangers quickly, at constant intervals, or as soon as they are linked, get restricted.
 */

#define DAY_MS (G_GINT64_CONSTANT (24) * 3600 * 1000)
#define WEEK_S (7 * 24 * 3600)

static const struct
{
  gint64 stranger_min_ms, stranger_max_ms; /* between two first contacts, at random */
  gint64 other_min_ms, other_max_ms;       /* strict: between different chats */
  gint64 talk_min_ms, talk_max_ms;         /* strict: inside a conversation that is answered */
  guint young_new_chats;                   /* first contacts a day in the first week */
  guint new_chats;                         /* and later */
  guint hourly;                            /* strict: messages an hour */
  gint64 look_again_ms;                    /* a spent budget is looked at again after that */
} numbers = { 5000, 30000, 5000, 30000, 1000, 3000, 20, 50, 80, 3600 * 1000 };

static const char *const words[] = {
  [WHIM_PACING_GENTLE] = "gentle",
  [WHIM_PACING_OFF] = "off",
  [WHIM_PACING_STRICT] = "strict",
};

const char *
whim_pacing_to_word (WhimPacing pacing)
{
  return words[pacing];
}

gboolean
whim_pacing_from_word (const char *word, WhimPacing *pacing)
{
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_strcmp0 (words[i], word) == 0)
      {
        *pacing = (WhimPacing)i;
        return TRUE;
      }
  return FALSE;
}

static gint64
between (gint64 least, gint64 most, gdouble chance)
{
  return least + (gint64)((gdouble)(most - least) * chance);
}

static gint64
after (gint64 last_ms, gint64 least, gint64 most, gdouble chance)
{
  return last_ms == 0 ? 0 : last_ms + between (least, most, chance);
}

gint64
whim_pacing_decide (WhimPacing pacing,
                    const WhimPacingFacts *facts,
                    gdouble chance,
                    const char **reason)
{
  gboolean young = facts->now_ms / 1000 - facts->linked_at < WEEK_S;
  gint64 due = 0;

  *reason = "pacing";
  if (pacing == WHIM_PACING_OFF)
    return 0;
  if (facts->first_contact
      && facts->new_chats >= (young ? numbers.young_new_chats : numbers.new_chats))
    {
      *reason = "new_chat_budget";
      return facts->now_ms + numbers.look_again_ms;
    }
  if (facts->gap_kept)
    return 0;
  if (facts->first_contact)
    due = after (facts->last_stranger_ms, numbers.stranger_min_ms, numbers.stranger_max_ms, chance);
  if (pacing == WHIM_PACING_STRICT && facts->last_hour >= numbers.hourly)
    {
      *reason = "hourly_budget";
      return facts->hour_ends_ms;
    }
  if (pacing == WHIM_PACING_STRICT)
    due = MAX (due,
               facts->answered || facts->same_chat
                   ? after (facts->last_ms, numbers.talk_min_ms, numbers.talk_max_ms, chance)
                   : after (facts->last_ms, numbers.other_min_ms, numbers.other_max_ms, chance));
  return due > facts->now_ms ? due : 0;
}
