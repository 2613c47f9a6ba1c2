/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "whim-dbus.h"

#include <stdlib.h>

/* example-dbus: every channel with its state, from the object manager; then what changes, and the
 * texts that come in. With the typed proxies that gdbus-codegen makes of the XML in this folder. */

#define NAME "org.whimbrel.Whimbrel1"
#define ROOT "/org/whimbrel/Whimbrel1"

static void
show_channel (WhimDBusChannel *channel)
{
  g_print ("%s: %s (%s)\n", whim_dbus_channel_get_name (channel),
           whim_dbus_channel_get_status_word (channel), whim_dbus_channel_get_reason (channel));
}

static void
changed_cb (GDBusObjectManagerClient *manager,
            GDBusObjectProxy *object,
            GDBusProxy *interface,
            GVariant *changed,
            const char *const *invalidated,
            gpointer user_data)
{
  if (WHIM_DBUS_IS_CHANNEL (interface))
    show_channel (WHIM_DBUS_CHANNEL (interface));
}

static void
added_cb (GDBusObjectManager *manager, GDBusObject *object, gpointer user_data)
{
  g_autoptr (WhimDBusChannel) channel = whim_dbus_object_get_channel (WHIM_DBUS_OBJECT (object));

  if (channel != NULL)
    show_channel (channel);
}

static void
event_cb (WhimDBusEvents *events,
          gint64 seq,
          const char *id,
          const char *type,
          const char *channel,
          gint64 timestamp,
          GVariant *data,
          guint subscription,
          gpointer user_data)
{
  const char *from = "";
  const char *body = "";

  g_variant_lookup (data, "from", "&s", &from);
  g_variant_lookup (data, "body", "&s", &body);
  g_print ("%s: %s\n", from, body);
}

static WhimDBusEvents *
subscribe (GDBusObjectManager *manager, GError **error)
{
  g_autoptr (GDBusInterface)
      interface = g_dbus_object_manager_get_interface (manager, ROOT "/Manager", NAME ".Events");
  GVariantDict filter;
  const char *const types[] = { "message.received", NULL };

  if (interface == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "the daemon does not run");
      return NULL;
    }
  g_signal_connect (interface, "event", G_CALLBACK (event_cb), NULL);
  g_variant_dict_init (&filter, NULL);
  g_variant_dict_insert_value (&filter, "events", g_variant_new_strv (types, -1));
  if (!whim_dbus_events_call_subscribe_sync (WHIM_DBUS_EVENTS (interface),
                                             g_variant_dict_end (&filter), NULL, NULL, error))
    return NULL;
  return WHIM_DBUS_EVENTS (g_steal_pointer (&interface));
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusObjectManager) manager = whim_dbus_object_manager_client_new_for_bus_sync (
      G_BUS_TYPE_SESSION, G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_NONE, NAME, ROOT, NULL, &error);
  g_autoptr (WhimDBusEvents) events = NULL;

  if (manager != NULL)
    events = subscribe (manager, &error);
  if (events == NULL)
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  g_signal_connect (manager, "interface-proxy-properties-changed", G_CALLBACK (changed_cb), NULL);
  g_signal_connect (manager, "object-added", G_CALLBACK (added_cb), NULL);
  g_print ("listening\n");
  g_main_loop_run (loop);
  return EXIT_SUCCESS;
}
