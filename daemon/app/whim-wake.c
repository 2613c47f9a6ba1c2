/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "app/whim-app-private.h"

#include <gio/gio.h>
#include <time.h>

/* After a sleep, or a change of network, sockets may be dead and nobody says so: everything looks
 * at once (dossier 1, 7.6, 8.5). Three sources: the network monitor, logind where there is a system
 * bus, and the difference of two clocks, of which one stands still in a sleep. */

#define LOOK_EVERY_MS 30000
#define SLEPT_MS 5000

static gint64
clock_ms (clockid_t id)
{
  struct timespec now;

  clock_gettime (id, &now);
  return (gint64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static gint64
slept_ms (void)
{
  return clock_ms (CLOCK_BOOTTIME) - clock_ms (CLOCK_MONOTONIC);
}

/* Both logind and the clocks may notice the same sleep: the second finds nothing new. */
static void
note_wake (WhimApp *self, const char *why)
{
  self->slept_ms = slept_ms ();
  g_message ("looking after every connection: %s", why);
  whim_engine_wake (self->engine);
}

static void
look_cb (gpointer user_data)
{
  WhimApp *self = user_data;

  self->wake_timer = whim_clock_add_timer (self->clock, LOOK_EVERY_MS, look_cb, self);
  if (slept_ms () - self->slept_ms >= SLEPT_MS)
    note_wake (self, "the machine slept");
}

static void
network_changed_cb (GNetworkMonitor *monitor, gboolean available, gpointer user_data)
{
  WhimApp *self = user_data;

  /* losing it needs no word: the sockets tell */
  if (available)
    note_wake (self, "the network changed");
}

static void
prepare_for_sleep_cb (GDBusConnection *bus,
                      const char *sender,
                      const char *path,
                      const char *interface,
                      const char *signal_name,
                      GVariant *parameters,
                      gpointer user_data)
{
  gboolean begins = TRUE;

  if (g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(b)")))
    g_variant_get (parameters, "(b)", &begins);
  if (!begins)
    note_wake (user_data, "the machine woke up");
}

typedef struct
{
  WhimApp *app; /* valid while it is not cancelled */
  GCancellable *cancellable;
} BusOp;

static void
bus_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree BusOp *op = user_data;
  g_autoptr (GCancellable) cancellable = op->cancellable;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, NULL);
  WhimApp *self = op->app;

  /* containers have none; and the daemon may have stopped meanwhile */
  if (bus == NULL || g_cancellable_is_cancelled (cancellable))
    return;
  self->system_bus = g_object_ref (bus);
  g_dbus_connection_set_exit_on_close (bus, FALSE);
  self->sleep_id = g_dbus_connection_signal_subscribe (
      bus, "org.freedesktop.login1", "org.freedesktop.login1.Manager", "PrepareForSleep",
      "/org/freedesktop/login1", NULL, G_DBUS_SIGNAL_FLAGS_NONE, prepare_for_sleep_cb, self, NULL);
}

void
whim_wake_start (WhimApp *self)
{
  BusOp *op = g_new0 (BusOp, 1);

  self->slept_ms = slept_ms ();
  self->wake_timer = whim_clock_add_timer (self->clock, LOOK_EVERY_MS, look_cb, self);
  self->network_id = g_signal_connect (g_network_monitor_get_default (), "network-changed",
                                       G_CALLBACK (network_changed_cb), self);
  self->wake_cancellable = g_cancellable_new ();
  op->app = self;
  op->cancellable = g_object_ref (self->wake_cancellable);
  g_bus_get (G_BUS_TYPE_SYSTEM, self->wake_cancellable, bus_cb, op);
}

void
whim_wake_stop (WhimApp *self)
{
  if (self->wake_cancellable == NULL)
    return;
  whim_clock_clear_timer (self->clock, &self->wake_timer);
  g_clear_signal_handler (&self->network_id, g_network_monitor_get_default ());
  g_cancellable_cancel (self->wake_cancellable);
  g_clear_object (&self->wake_cancellable);
  if (self->system_bus != NULL)
    g_dbus_connection_signal_unsubscribe (self->system_bus, self->sleep_id);
  g_clear_object (&self->system_bus);
}
