/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bus/whim-bus-private.h"

#include "whim-dbus.h"

#include <string.h>

/* What each method is in the operation table. */
static const WhimBusMember members[] = {
  { "Manager", "CreateChannel", "channels.create" },
  { "Manager", "DeleteChannel", "channels.delete" },
  { "Manager", "ListChannels", "channels.list" },
  { "Manager", "GetHealth", "system.health" },
  { "Manager", "GetMetrics", "system.metrics" },
  { "Manager", "Backup", "system.backup" },
  { "Manager", "Call", .handle = whim_bus_call_any },
  { "Events", "Subscribe", .handle = whim_bus_subscribe },
  { "Events", "Unsubscribe", .handle = whim_bus_unsubscribe },
  { "Keys", "List", "keys.list" },
  { "Keys", "Get", "keys.get" },
  { "Keys", "Create", "keys.create" },
  { "Keys", "Update", "keys.update" },
  { "Keys", "Revoke", "keys.delete" },
  { "Channel", "Get", "channels.get" },
  { "Channel", "GetStatus", "channels.status" },
  { "Channel", "Connect", "channels.connect" },
  { "Channel", "Disconnect", "channels.disconnect" },
  { "Channel", "Logout", "channels.logout" },
  { "Channel", "Update", "channels.update" },
  { "Pairing", "StartPairing", "channels.connect-phone", .handle = whim_bus_start_pairing },
  { "Pairing", "GetQr", "channels.qr" },
  { "Pairing", "GetQrImage", "channels.qr-image" },
  { "PairingRequest", "Get", .handle = whim_bus_request_get },
  { "PairingRequest", "Close", .handle = whim_bus_request_close },
  { "Messages", "SendText", "messages.text" },
  { "Messages", "SendImmediate", "messages.send-immediate" },
  { "Messages", "Get", "messages.get" },
  { "Messages", "List", "messages.list", "chatId", "messages.list-chat" },
  { "Chats", "List", "chats.list" },
  { "Chats", "Get", "chats.get" },
  { "Contacts", "Check", "contacts.check" },
  { "Outbox", "List", "outbox.list" },
  { "Outbox", "Get", "outbox.get" },
  { "Outbox", "Cancel", "outbox.cancel" },
  { "Webhooks", "GetDefault", "webhooks.get-default" },
  { "Webhooks", "SetDefault", "webhooks.put-default" },
  { "Webhooks", "List", "webhooks.list" },
  { "Webhooks", "Create", "webhooks.create" },
  { "Webhooks", "Get", "webhooks.get" },
  { "Webhooks", "Update", "webhooks.update" },
  { "Webhooks", "Delete", "webhooks.delete" },
  { "Webhooks", "Test", "webhooks.test" },
  { "Webhooks", "Deliveries", "webhooks.deliveries" },
  { "Webhooks", "DeadLetters", "webhooks.dead-letters" },
  { "Webhooks", "Resend", "webhooks.resend" },
  { "Webhooks", "ResendAll", "webhooks.resend-all" },
  { "Webhooks", "Discard", "webhooks.discard" },
  { NULL },
};

static const WhimBusUnreached unreached[] = {
  { "system.openapi", "describes the REST contract; here the interfaces describe themselves" },
  { "system.settings", "describes the REST contract; here the interfaces describe themselves" },
  { "system.docs", "a web page" },
  { "channels.chats", "Chats.List, at another address of REST" },
  { "channels.chat-messages", "Messages.List with chatId, at another address of REST" },
  { "whapi.", "other words for operations that are here, for clients of whapi.cloud" },
  { NULL },
};

const WhimBusMember *
whim_bus_members (void)
{
  return members;
}

const WhimBusUnreached *
whim_bus_unreached (void)
{
  return unreached;
}

const WhimBusMember *
whim_bus_member_find (const char *interface, const char *method)
{
  if (!g_str_has_prefix (interface, WHIM_BUS_PREFIX))
    return NULL;
  for (const WhimBusMember *row = members; row->interface != NULL; row++)
    if (strcmp (row->interface, interface + strlen (WHIM_BUS_PREFIX)) == 0
        && strcmp (row->method, method) == 0)
      return row;
  return NULL;
}

GDBusInterfaceInfo *const *
whim_bus_manager_facets (void)
{
  static GDBusInterfaceInfo *facets[4];

  facets[0] = whim_dbus_manager_interface_info ();
  facets[1] = whim_dbus_events_interface_info ();
  facets[2] = whim_dbus_keys_interface_info ();
  return facets;
}

GDBusInterfaceInfo *const *
whim_bus_channel_facets (void)
{
  static GDBusInterfaceInfo *facets[8];

  facets[0] = whim_dbus_channel_interface_info (); /* the one with properties stands first */
  facets[1] = whim_dbus_pairing_interface_info ();
  facets[2] = whim_dbus_messages_interface_info ();
  facets[3] = whim_dbus_chats_interface_info ();
  facets[4] = whim_dbus_contacts_interface_info ();
  facets[5] = whim_dbus_outbox_interface_info ();
  facets[6] = whim_dbus_webhooks_interface_info ();
  return facets;
}

GDBusInterfaceInfo *
whim_bus_request_facet (void)
{
  return whim_dbus_pairing_request_interface_info ();
}
