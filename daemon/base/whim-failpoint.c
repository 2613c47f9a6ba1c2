/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-failpoint.h"

#if WHIM_DEVELOPMENT

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  gboolean kill;
  guint countdown; /* passages until it strikes */
} Failpoint;

static GMutex lock;
static GHashTable *armed; /* name -> Failpoint */

gboolean
whim_failpoint_arm (const char *name, const char *spec)
{
  Failpoint point = { FALSE, 1 };
  const char *colon = strchr (spec, ':');
  gsize word = colon == NULL ? strlen (spec) : (gsize)(colon - spec);

  if (word == 4 && strncmp (spec, "kill", 4) == 0)
    point.kill = TRUE;
  else if (word != 5 || strncmp (spec, "error", 5) != 0)
    return FALSE;
  if (colon != NULL)
    point.countdown = (guint)g_ascii_strtoull (colon + 1, NULL, 10);
  if (point.countdown == 0)
    return FALSE;

  g_mutex_lock (&lock);
  if (armed == NULL)
    armed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert (armed, g_strdup (name), g_memdup2 (&point, sizeof point));
  g_mutex_unlock (&lock);
  return TRUE;
}

void
whim_failpoint_arm_from_environment (void)
{
  const char *list = g_getenv ("WHIMBREL_FAILPOINTS");
  g_auto (GStrv) items = list == NULL ? NULL : g_strsplit (list, ",", -1);

  for (guint i = 0; items != NULL && items[i] != NULL; i++)
    {
      g_auto (GStrv) pair = g_strsplit (items[i], "=", 2);

      if (g_strv_length (pair) != 2 || !whim_failpoint_arm (pair[0], pair[1]))
        g_warning ("cannot arm failpoint \"%s\"", items[i]);
    }
}

gboolean
whim_failpoint_hit (const char *name)
{
  Failpoint *point;
  gboolean strikes = FALSE;
  gboolean kills = FALSE;

  g_mutex_lock (&lock);
  point = armed == NULL ? NULL : g_hash_table_lookup (armed, name);
  if (point != NULL && --point->countdown == 0)
    {
      strikes = TRUE;
      kills = point->kill;
      g_hash_table_remove (armed, name);
    }
  g_mutex_unlock (&lock);
  if (kills)
    {
      kill (getpid (), SIGKILL);
      pause ();
    }
  return strikes;
}

#endif
