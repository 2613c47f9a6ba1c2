/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-log.h"

#include "base/whim-random.h"

#include <string.h>

#define RING_SIZE 8u

static gboolean show_personal;

void
whim_log_set_personal (gboolean personal)
{
  show_personal = personal;
}

const char *
whim_log_id (const char *text)
{
  static gsize key_ready;
  static guint8 key[32];
  static __thread char ring[RING_SIZE][64];
  static __thread guint next;
  char *slot = ring[next++ % RING_SIZE];
  g_autofree char *digest = NULL;

  if (text == NULL)
    return "(none)";
  if (show_personal)
    {
      g_strlcpy (slot, text, sizeof ring[0]);
      return slot;
    }
  if (g_once_init_enter (&key_ready))
    {
      whim_random_bytes (key, sizeof key);
      g_once_init_leave (&key_ready, 1);
    }
  digest = g_compute_hmac_for_string (G_CHECKSUM_SHA256, key, sizeof key, text, -1);
  g_snprintf (slot, sizeof ring[0], "#%.8s", digest);
  return slot;
}
