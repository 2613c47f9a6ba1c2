/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-present-hook.h"

#include "present/whim-present-private.h"

/* whapi's envelope (whapi-compat, 9): one payload under its own key, the event, the channel. */

static const char *
get_text (GVariant *dict, const char *name)
{
  const char *text = NULL;

  g_variant_lookup (dict, name, "&s", &text);
  return text;
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
begin_list (JsonBuilder *builder, const char *name)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void
add_messages (JsonBuilder *builder, const WhimEvent *event)
{
  begin_list (builder, "messages");
  whim_present_add_message (builder, event->data, WHIM_DIALECT_WHAPI);
  json_builder_end_array (builder);
}

/* A reaction is a message of its own, of type "action". */
static void
add_reaction (JsonBuilder *builder, const WhimEvent *event)
{
  const char *emoji = get_text (event->data, "emoji");

  begin_list (builder, "messages");
  json_builder_begin_object (builder);
  whim_present_add_text (builder, "id",
                         get_text (event->data, "reactionId") != NULL
                             ? get_text (event->data, "reactionId")
                             : event->id);
  whim_present_add_text (builder, "type", "action");
  whim_present_add_text (builder, "chat_id", get_text (event->data, "chatId"));
  whim_present_add_named (builder, event->data, "fromMe", "from_me");
  add_int (builder, "timestamp", event->timestamp);
  json_builder_set_member_name (builder, "action");
  json_builder_begin_object (builder);
  whim_present_add_text (builder, "target", get_text (event->data, "id"));
  whim_present_add_text (builder, "type", "reaction");
  whim_present_add_text (builder, "emoji", emoji == NULL ? "" : emoji);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  json_builder_end_array (builder);
}

static void
add_updated_message (JsonBuilder *builder, const WhimEvent *event)
{
  g_autoptr (GVariant) before
      = g_variant_lookup_value (event->data, "before", G_VARIANT_TYPE_VARDICT);

  begin_list (builder, "messages_updates");
  json_builder_begin_object (builder);
  whim_present_add_text (builder, "id", get_text (event->data, "id"));
  if (before != NULL)
    {
      json_builder_set_member_name (builder, "before_update");
      whim_present_add_message (builder, before, WHIM_DIALECT_WHAPI);
    }
  json_builder_set_member_name (builder, "after_update");
  whim_present_add_message (builder, event->data, WHIM_DIALECT_WHAPI);
  begin_list (builder, "changes");
  if (get_text (event->data, "body") != NULL)
    json_builder_add_string_value (builder, "text");
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  json_builder_end_array (builder);
}

static void
add_id_list (JsonBuilder *builder, const char *key, const char *id)
{
  begin_list (builder, key);
  if (id != NULL)
    json_builder_add_string_value (builder, id);
  json_builder_end_array (builder);
}

/* The order of the enum (whapi-compat, 9: read is 4; the others follow). */
static gint64
status_code (const char *status)
{
  static const char *const words[]
      = { "failed", "pending", "sent", "delivered", "read", "played", "deleted" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_strcmp0 (words[i], status) == 0)
      return i;
  return 0;
}

static void
add_statuses (JsonBuilder *builder, const WhimEvent *event)
{
  const char *status = get_text (event->data, "status");
  const char *reason = get_text (event->data, "statusReason");
  gint64 timestamp = event->timestamp;
  g_autofree char *seconds = NULL;

  g_variant_lookup (event->data, "timestamp", "x", &timestamp);
  seconds = g_strdup_printf ("%" G_GINT64_FORMAT, timestamp);
  begin_list (builder, "statuses");
  json_builder_begin_object (builder);
  whim_present_add_text (builder, "id", get_text (event->data, "id"));
  add_int (builder, "code", status_code (status));
  whim_present_add_text (builder, "status", status);
  whim_present_add_text (builder, "recipient_id", get_text (event->data, "chatId"));
  whim_present_add_text (builder, "timestamp", seconds);
  if (reason != NULL)
    {
      begin_list (builder, "errors");
      json_builder_begin_object (builder);
      whim_present_add_text (builder, "message", reason);
      json_builder_end_object (builder);
      json_builder_end_array (builder);
    }
  json_builder_end_object (builder);
  json_builder_end_array (builder);
}

/* ---- Channels -------------------------------------------------------------------------------- */

static void
add_health (JsonBuilder *builder, const WhimEvent *event)
{
  const char *status = get_text (event->data, "status");

  json_builder_set_member_name (builder, "health");
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "status");
  json_builder_begin_object (builder);
  whim_present_add_state (builder, status == NULL ? "disconnected" : status);
  json_builder_end_object (builder);
  whim_present_add_text (builder, "version", WHIM_VERSION);
  whim_present_add_text (builder, "channel_id", event->channel_id);
  whim_present_add_text (builder, "reason", get_text (event->data, "reason"));
  json_builder_end_object (builder);
}

static void
add_qr (JsonBuilder *builder, const WhimEvent *event)
{
  const char *code = get_text (event->data, "qr");
  g_autofree char *picture = code == NULL ? NULL : whim_present_qr_data_url (code);
  gint64 expires_at = event->timestamp;

  g_variant_lookup (event->data, "expiresAt", "x", &expires_at);
  json_builder_set_member_name (builder, "qr");
  json_builder_begin_object (builder);
  whim_present_add_text (builder, "status", code == NULL ? "TIMEOUT" : "OK");
  whim_present_add_text (builder, "base64", picture);
  whim_present_add_text (builder, "rowdata", code);
  add_int (builder, "expire", MAX (0, expires_at - event->timestamp));
  json_builder_end_object (builder);
}

/* ---- The rest -------------------------------------------------------------------------------- */

/* Kinds whose payload is a list of what the event says. */
static void
add_plain (JsonBuilder *builder, const WhimEvent *event, const char *key)
{
  begin_list (builder, key);
  whim_present_add_value (builder, event->data);
  json_builder_end_array (builder);
}

static void
add_update (JsonBuilder *builder, const WhimEvent *event, const char *key)
{
  const char *chat = get_text (event->data, "chatId");

  begin_list (builder, key);
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "after_update");
  json_builder_begin_object (builder);
  if (chat != NULL && get_text (event->data, "id") == NULL)
    whim_present_add_text (builder, "id", chat);
  whim_present_add_members (builder, event->data, NULL);
  json_builder_end_object (builder);
  begin_list (builder, "changes");
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  json_builder_end_array (builder);
}

static void
add_participants (JsonBuilder *builder, const WhimEvent *event)
{
  const char *group = get_text (event->data, "groupId");

  begin_list (builder, "groups_participants");
  json_builder_begin_object (builder);
  whim_present_add_text (builder, "group_id",
                         group != NULL ? group : get_text (event->data, "chatId"));
  whim_present_add_members (builder, event->data, NULL);
  json_builder_end_object (builder);
  json_builder_end_array (builder);
}

static void
add_payload (JsonBuilder *builder, const WhimEvent *event)
{
  const char *type = event->type;

  if (g_str_equal (type, "message.status"))
    add_statuses (builder, event);
  else if (g_str_equal (type, "message.updated"))
    add_updated_message (builder, event);
  else if (g_str_equal (type, "message.deleted"))
    add_id_list (builder, "messages_removed", get_text (event->data, "id"));
  else if (g_str_equal (type, "message.reaction"))
    add_reaction (builder, event);
  else if (g_str_equal (type, "channel.status"))
    add_health (builder, event);
  else if (g_str_equal (type, "channel.qr"))
    add_qr (builder, event);
  else if (g_str_equal (type, "chat.updated"))
    add_update (builder, event, "chats_updates");
  else if (g_str_equal (type, "chat.deleted"))
    add_id_list (builder, "chats_removed", get_text (event->data, "chatId"));
  else if (g_str_equal (type, "contact.updated"))
    add_update (builder, event, "contacts_updates");
  else if (g_str_equal (type, "group.updated"))
    add_update (builder, event, "groups_updates");
  else if (g_str_equal (type, "group.participants"))
    add_participants (builder, event);
  else if (g_str_equal (type, "presence"))
    add_plain (builder, event, "presences");
  else if (g_str_equal (type, "call"))
    add_plain (builder, event, "calls");
  else if (g_str_equal (type, "label.updated"))
    add_plain (builder, event, "labels");
  else if (g_str_equal (type, WHIM_PRESENT_TEST_EVENT))
    add_plain (builder, event, "service");
  else
    add_messages (builder, event);
}

static char *
present_whapi (const WhimEvent *event, const WhimEventKind *kind)
{
  JsonBuilder *builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_payload (builder, event);
  json_builder_set_member_name (builder, "event");
  json_builder_begin_object (builder);
  whim_present_add_text (builder, "type", kind->type);
  /* whapi's examples say one, its typed models the other */
  whim_present_add_text (builder, "event", kind->method);
  whim_present_add_text (builder, "method", kind->method);
  json_builder_end_object (builder);
  whim_present_add_text (builder, "channel_id", event->channel_id);
  json_builder_end_object (builder);
  return whim_present_end (builder);
}

const WhimEventKind *
whim_present_hook_kind (const WhimEvent *event)
{
  static const WhimEventKind test = { WHIM_PRESENT_TEST_EVENT, "service", "post" };

  return g_str_equal (event->type, WHIM_PRESENT_TEST_EVENT) ? &test
                                                            : whim_event_kind_find (event->type);
}

char *
whim_present_hook_body (const WhimHook *hook, const WhimEvent *event)
{
  const WhimEventKind *kind = whim_present_hook_kind (event);

  if (hook->format == WHIM_HOOK_FORMAT_WHAPI && kind != NULL && kind->type != NULL)
    return present_whapi (event, kind);
  return whim_present_event (event, WHIM_DIALECT_BOTH, FALSE);
}
