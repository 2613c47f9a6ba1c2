/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bus/whim-bus-private.h"

#include "base/whim-limits.h"
#include "model/whim-hook.h"

#include <string.h>

#define INTERFACE WHIM_BUS_PREFIX "Events"
#define BATCH 64u
/* A connection that does not answer a ping for so long takes nothing any more. */
#define PING_TIMEOUT_MS 60000
/* Everybody hears of news this often at most. */
#define NEWS_MS 250

/* A cursor over the journal. Signals have no back-pressure of their own: the bus would hold them
 * for a receiver that does not read. So its connection is pinged, and while it owes the answer only
 * so much is sent. */
struct _WhimBusSubscription
{
  grefcount references;
  WhimBus *bus;
  guint id;
  char *sender;
  char **channels; /* (nullable): all */
  char **events;   /* (nullable): all */
  gint64 after;
  gint64 told;   /* seq of the newest event that was sent */
  guint untaken; /* sent, and not yet known to be taken */
  guint covered; /* of those, sent before the ping that is under way */
  gboolean pinging;
  gboolean reading;
  gboolean ended;
  GDBusMethodInvocation *waiting; /* Subscribe, until the first page was read */
};

static void subscription_read (WhimBusSubscription *self);

void
whim_bus_subscription_unref (WhimBusSubscription *self)
{
  if (!g_ref_count_dec (&self->references))
    return;
  g_free (self->sender);
  g_strfreev (self->channels);
  g_strfreev (self->events);
  whim_bus_unref (self->bus);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimBusSubscription, whim_bus_subscription_unref)

static WhimBusSubscription *
subscription_ref (WhimBusSubscription *self)
{
  g_ref_count_inc (&self->references);
  return self;
}

/* @error (nullable): why, if not because the subscriber wants it or has left */
static void
subscription_end (WhimBusSubscription *self, const GError *error)
{
  g_autoptr (WhimBusSubscription) keep = subscription_ref (self);
  WhimBus *bus = self->bus;

  if (self->ended)
    return;
  self->ended = TRUE;
  if (self->waiting != NULL && error != NULL)
    whim_bus_return_error (g_steal_pointer (&self->waiting), error);
  else if (self->waiting != NULL)
    {
      g_autoptr (GError) gone = g_error_new_literal (WHIM_ERROR, WHIM_ERROR_INTERNAL,
                                                     "the subscription ended before it began");

      whim_bus_return_error (g_steal_pointer (&self->waiting), gone);
    }
  else if (error != NULL && bus->connection != NULL)
    g_dbus_connection_emit_signal (
        bus->connection, self->sender, WHIM_BUS_MANAGER_PATH, INTERFACE, "SubscriptionEnded",
        g_variant_new (
            "(usx)", self->id,
            whim_error_get_info (error->domain == WHIM_ERROR ? error->code : WHIM_ERROR_INTERNAL)
                ->dbus_name,
            self->told),
        NULL);
  whim_bus_sender_give (bus, self->sender, WHIM_BUS_HOLDS_SUBSCRIPTION);
  g_ptr_array_remove (bus->subscriptions, self);
}

/* ---- Sending ---------------------------------------------------------------------------------
 */

static gboolean
is_gone (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN);
}

static void
ping_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimBusSubscription) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  self->pinging = FALSE;
  if (self->ended)
    return;
  /* any other error is an answer too: what came before it was taken */
  if (reply == NULL && is_gone (error))
    {
      g_autoptr (GError) stalled
          = g_error_new_literal (WHIM_ERROR, WHIM_ERROR_TIMED_OUT, "the subscriber takes nothing");

      subscription_end (self, stalled);
      return;
    }
  self->untaken -= self->covered;
  subscription_read (self);
}

static void
subscription_ping (WhimBusSubscription *self)
{
  if (self->pinging || self->untaken < WHIM_LIMIT_BUS_UNTAKEN / 2)
    return;
  self->pinging = TRUE;
  self->covered = self->untaken;
  g_dbus_connection_call (self->bus->connection, self->sender, "/", "org.freedesktop.DBus.Peer",
                          "Ping", NULL, NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, PING_TIMEOUT_MS,
                          NULL, ping_cb, subscription_ref (self));
}

static gboolean
subscription_wants (WhimBusSubscription *self, const WhimEvent *event)
{
  if (event->type == NULL)
    return FALSE;
  if (self->channels != NULL
      && !g_strv_contains ((const char *const *)self->channels, event->channel_id))
    return FALSE;
  return self->events == NULL
         || whim_hook_wants (WHIM_HOOK_FORMAT_SEED, (const char *const *)self->events, event->type);
}

static void
subscription_send (WhimBusSubscription *self, const WhimEvent *event)
{
  g_dbus_connection_emit_signal (
      self->bus->connection, self->sender, WHIM_BUS_MANAGER_PATH, INTERFACE, "Event",
      g_variant_new ("(xsssx@a{sv}u)", event->seq, event->id, event->type, event->channel_id,
                     event->timestamp, event->data, self->id),
      NULL);
  self->told = event->seq;
  self->untaken++;
}

/* ---- Reading ---------------------------------------------------------------------------------
 */

typedef struct
{
  WhimBusSubscription *subscription;
  gint64 last_seq; /* when the query was made: everything up to it has been seen afterwards */
} ReadOp;

static void
subscription_deliver (WhimBusSubscription *self, GPtrArray *events, gint64 last_seq)
{
  if (self->waiting != NULL)
    g_dbus_method_invocation_return_value (g_steal_pointer (&self->waiting),
                                           g_variant_new ("(u)", self->id));
  for (guint i = 0; i < events->len; i++)
    {
      const WhimEvent *event = g_ptr_array_index (events, i);

      self->after = MAX (self->after, event->seq);
      if (subscription_wants (self, event))
        subscription_send (self, event);
    }
  if (events->len < BATCH)
    self->after = MAX (self->after, last_seq);
  subscription_ping (self);
  subscription_read (self);
}

static void
events_read_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree ReadOp *op = user_data;
  g_autoptr (WhimBusSubscription) self = op->subscription;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) events
      = whim_engine_read_events_finish (WHIM_ENGINE (source), result, &error);

  self->reading = FALSE;
  if (self->ended)
    return;
  if (events == NULL)
    subscription_end (self, error);
  else
    subscription_deliver (self, events, op->last_seq);
}

static void
subscription_read (WhimBusSubscription *self)
{
  WhimEngine *engine = self->bus->engine;
  gboolean one = self->channels != NULL && g_strv_length (self->channels) == 1;
  ReadOp *op;

  if (self->ended || self->reading || self->untaken >= WHIM_LIMIT_BUS_UNTAKEN
      || (self->waiting == NULL && self->after >= whim_engine_get_last_seq (engine)))
    return;
  self->reading = TRUE;
  op = g_new0 (ReadOp, 1);
  op->subscription = subscription_ref (self);
  op->last_seq = whim_engine_get_last_seq (engine);
  whim_engine_read_events_async (engine, &self->bus->caller, self->after,
                                 one ? self->channels[0] : NULL, BATCH, NULL, events_read_cb, op);
}

/* ---- Methods ---------------------------------------------------------------------------------
 */

static gboolean
take_list (GVariant *filter, const char *name, char ***list, GError **error)
{
  g_autoptr (GVariant) value = NULL;

  if (!whim_bus_take_option (filter, name, G_VARIANT_TYPE_STRING_ARRAY, &value, error))
    return FALSE;
  if (value == NULL)
    return TRUE;
  if (g_variant_n_children (value) < 1 || g_variant_n_children (value) > WHIM_LIMIT_BUS_FILTER)
    {
      whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, name, "too few or too many");
      return FALSE;
    }
  *list = g_variant_dup_strv (value, NULL);
  return TRUE;
}

static gboolean
take_filter (WhimBusSubscription *self, GVariant *filter, gboolean *from, GError **error)
{
  g_autoptr (GVariant) raw = g_variant_lookup_value (filter, "after", NULL);
  g_autoptr (GVariant) after = raw == NULL ? NULL : whim_bus_adapt (raw, WHIM_PARAM_INTEGER);

  if (!take_list (filter, "channels", &self->channels, error)
      || !take_list (filter, "events", &self->events, error))
    return FALSE;
  for (guint i = 0; self->channels != NULL && self->channels[i] != NULL; i++)
    {
      g_autoptr (GVariant) channel = whim_engine_dup_channel (self->bus->engine, self->channels[i]);

      if (channel != NULL)
        continue;
      whim_set_field_error (error, WHIM_ERROR_CHANNEL_NOT_FOUND, "channels",
                            "there is no such channel");
      return FALSE;
    }
  for (guint i = 0; self->events != NULL && self->events[i] != NULL; i++)
    if (!whim_hook_knows_event (WHIM_HOOK_FORMAT_SEED, self->events[i]))
      {
        whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, "events",
                              "there is no such event");
        return FALSE;
      }
  *from = after != NULL;
  if (after == NULL)
    return TRUE;
  if (!g_variant_is_of_type (after, G_VARIANT_TYPE_INT64) || g_variant_get_int64 (after) < 0)
    {
      whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, "after",
                            "expected a number that is not negative");
      return FALSE;
    }
  self->after = g_variant_get_int64 (after);
  return TRUE;
}

void
whim_bus_subscribe (WhimBusFacet *facet, GDBusMethodInvocation *invocation)
{
  WhimBus *bus = whim_bus_facet_get_bus (facet);
  const char *sender = g_dbus_method_invocation_get_sender (invocation);
  g_autoptr (WhimBusSubscription) self = g_new0 (WhimBusSubscription, 1);
  g_autoptr (GVariant) filter = NULL;
  g_autoptr (GError) error = NULL;
  gboolean from = FALSE;

  g_ref_count_init (&self->references);
  self->bus = whim_bus_ref (bus);
  self->sender = g_strdup (sender);
  self->after = whim_engine_get_last_seq (bus->engine);
  filter = g_variant_get_child_value (g_dbus_method_invocation_get_parameters (invocation), 0);
  if (!take_filter (self, filter, &from, &error))
    {
      whim_bus_return_error (invocation, error);
      return;
    }
  if (bus->subscriptions->len >= WHIM_LIMIT_BUS_ALL_SUBSCRIPTIONS)
    g_set_error_literal (&error, WHIM_ERROR, WHIM_ERROR_RATE_LIMITED,
                         "there are too many subscriptions");
  if (error != NULL || !whim_bus_sender_take (bus, sender, WHIM_BUS_HOLDS_SUBSCRIPTION, &error))
    {
      whim_bus_return_error (invocation, error);
      return;
    }
  self->id = ++bus->last_subscription;
  self->told = self->after;
  g_ptr_array_add (bus->subscriptions, subscription_ref (self));
  if (from)
    self->waiting = invocation; /* whether the journal reaches back so far is told here */
  else
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(u)", self->id));
  subscription_read (self);
}

void
whim_bus_unsubscribe (WhimBusFacet *facet, GDBusMethodInvocation *invocation)
{
  WhimBus *bus = whim_bus_facet_get_bus (facet);
  const char *sender = g_dbus_method_invocation_get_sender (invocation);
  g_autoptr (GError) error = NULL;
  guint id;

  g_variant_get (g_dbus_method_invocation_get_parameters (invocation), "(u)", &id);
  for (guint i = 0; i < bus->subscriptions->len; i++)
    {
      WhimBusSubscription *self = g_ptr_array_index (bus->subscriptions, i);

      if (self->id != id || strcmp (self->sender, sender) != 0)
        continue;
      subscription_end (self, NULL);
      g_dbus_method_invocation_return_value (invocation, NULL);
      return;
    }
  whim_set_field_error (&error, WHIM_ERROR_NOT_FOUND, "id", "the caller has no such subscription");
  whim_bus_return_error (invocation, error);
}

void
whim_bus_events_drop (WhimBus *self, const char *sender)
{
  for (guint i = self->subscriptions->len; i > 0; i--)
    {
      WhimBusSubscription *subscription = g_ptr_array_index (self->subscriptions, i - 1);

      if (sender == NULL || strcmp (subscription->sender, sender) == 0)
        subscription_end (subscription, NULL);
    }
}

/* ---- News for everybody ----------------------------------------------------------------------
 */

typedef struct
{
  WhimBus *bus;
  gint64 last_seq;
  GHashTable *channels;
} NewsOp;

static void news_read (NewsOp *op);

static void
news_tell (WhimBus *self, GHashTable *channels)
{
  GHashTableIter iter;
  gpointer id;

  g_hash_table_iter_init (&iter, channels);
  while (g_hash_table_iter_next (&iter, &id, NULL))
    g_dbus_connection_emit_signal (self->connection, NULL, WHIM_BUS_MANAGER_PATH, INTERFACE,
                                   "NewsAvailable", g_variant_new ("(s)", (const char *)id), NULL);
}

static void
news_read_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  NewsOp *op = user_data;
  WhimBus *self = op->bus;
  g_autoptr (GPtrArray) events
      = whim_engine_read_events_finish (WHIM_ENGINE (source), result, NULL);

  for (guint i = 0; events != NULL && i < events->len; i++)
    {
      const WhimEvent *event = g_ptr_array_index (events, i);

      self->news_seq = MAX (self->news_seq, event->seq);
      g_hash_table_add (op->channels, g_strdup (event->channel_id));
    }
  if (self->connection != NULL && events != NULL && events->len == WHIM_LIMIT_LIST)
    {
      news_read (op);
      return;
    }
  self->news_seq = MAX (self->news_seq, op->last_seq);
  self->news_reading = FALSE;
  if (self->connection != NULL)
    {
      news_tell (self, op->channels);
      whim_bus_events_advanced (self);
    }
  g_hash_table_unref (op->channels);
  whim_bus_unref (self);
  g_free (op);
}

static void
news_read (NewsOp *op)
{
  op->last_seq = whim_engine_get_last_seq (op->bus->engine);
  whim_engine_read_events_async (op->bus->engine, &op->bus->caller, op->bus->news_seq, NULL,
                                 WHIM_LIMIT_LIST, NULL, news_read_cb, op);
}

static void
news_due (gpointer user_data)
{
  WhimBus *self = user_data;
  NewsOp *op = g_new0 (NewsOp, 1);

  self->news_timer = 0;
  self->news_reading = TRUE;
  op->bus = whim_bus_ref (self);
  op->channels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  news_read (op);
}

void
whim_bus_events_advanced (WhimBus *self)
{
  for (guint i = 0; i < self->subscriptions->len; i++)
    subscription_read (g_ptr_array_index (self->subscriptions, i));
  if (self->news_timer == 0 && !self->news_reading
      && self->news_seq < whim_engine_get_last_seq (self->engine))
    self->news_timer = whim_clock_add_timer (self->clock, NEWS_MS, news_due, self);
}
