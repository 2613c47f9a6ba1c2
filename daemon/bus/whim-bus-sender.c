/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bus/whim-bus-private.h"

#include "base/whim-limits.h"

/* A program is its unique name. It is known as long as it holds something here. */

static void
sender_free (gpointer data)
{
  WhimBusSender *self = data;

  if (self->watch != 0)
    g_bus_unwatch_name (self->watch);
  g_free (self->name);
  g_free (self);
}

GHashTable *
whim_bus_senders_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, NULL, sender_free);
}

static void
vanished_cb (GDBusConnection *connection, const char *name, gpointer user_data)
{
  g_autoptr (WhimBus) bus = whim_bus_ref (((WhimBusSender *)user_data)->bus);
  g_autofree char *sender = g_strdup (name);

  /* ending the last of them frees the sender, and this watch */
  whim_bus_events_drop (bus, sender);
  whim_bus_pairing_drop (bus, sender, FALSE);
}

static guint *
find_count (WhimBusSender *self, WhimBusHolding holding, guint *limit)
{
  switch (holding)
    {
    case WHIM_BUS_HOLDS_SUBSCRIPTION:
      *limit = WHIM_LIMIT_BUS_SUBSCRIPTIONS;
      return &self->subscriptions;
    case WHIM_BUS_HOLDS_PAIRING:
      *limit = WHIM_LIMIT_BUS_PAIRINGS;
      return &self->pairings;
    case WHIM_BUS_HOLDS_CALL:
    default:
      *limit = WHIM_LIMIT_BUS_CALLS;
      return &self->calls;
    }
}

gboolean
whim_bus_sender_take (WhimBus *self, const char *name, WhimBusHolding holding, GError **error)
{
  WhimBusSender *sender = g_hash_table_lookup (self->senders, name);
  guint limit;
  guint *count;

  if (sender == NULL)
    {
      sender = g_new0 (WhimBusSender, 1);
      sender->bus = self;
      sender->name = g_strdup (name);
      g_hash_table_insert (self->senders, sender->name, sender);
    }
  count = find_count (sender, holding, &limit);
  if (*count >= limit)
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_RATE_LIMITED,
                           "the caller has too many of these under way");
      return FALSE;
    }
  (*count)++;
  if (holding != WHIM_BUS_HOLDS_CALL && sender->watch == 0)
    sender->watch = g_bus_watch_name_on_connection (
        self->connection, name, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL, vanished_cb, sender, NULL);
  return TRUE;
}

void
whim_bus_sender_give (WhimBus *self, const char *name, WhimBusHolding holding)
{
  WhimBusSender *sender = g_hash_table_lookup (self->senders, name);
  guint limit;

  if (sender == NULL)
    return;
  (*find_count (sender, holding, &limit))--;
  if (sender->subscriptions + sender->pairings == 0 && sender->watch != 0)
    {
      g_bus_unwatch_name (sender->watch);
      sender->watch = 0;
    }
  if (sender->calls + sender->subscriptions + sender->pairings == 0)
    g_hash_table_remove (self->senders, name);
}
