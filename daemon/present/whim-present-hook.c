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
add_int (WhimJson *json, const char *name, gint64 value)
{
  whim_json_name (json, name);
  whim_json_int (json, value);
}

static void
begin_list (WhimJson *json, const char *name)
{
  whim_json_name (json, name);
  whim_json_begin_array (json);
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void
add_messages (WhimJson *json, const WhimEvent *event)
{
  begin_list (json, "messages");
  whim_present_add_message (json, event->data, WHIM_DIALECT_WHAPI);
  whim_json_end_array (json);
}

/* A reaction is a message of its own, of type "action". */
static void
add_reaction (WhimJson *json, const WhimEvent *event)
{
  const char *emoji = get_text (event->data, "emoji");

  begin_list (json, "messages");
  whim_json_begin_object (json);
  whim_present_add_text (json, "id",
                         get_text (event->data, "reactionId") != NULL
                             ? get_text (event->data, "reactionId")
                             : event->id);
  whim_present_add_text (json, "type", "action");
  whim_present_add_text (json, "chat_id", get_text (event->data, "chatId"));
  whim_present_add_named (json, event->data, "fromMe", "from_me");
  add_int (json, "timestamp", event->timestamp);
  whim_json_name (json, "action");
  whim_json_begin_object (json);
  whim_present_add_text (json, "target", get_text (event->data, "id"));
  whim_present_add_text (json, "type", "reaction");
  whim_present_add_text (json, "emoji", emoji == NULL ? "" : emoji);
  whim_json_end_object (json);
  whim_json_end_object (json);
  whim_json_end_array (json);
}

static void
add_updated_message (WhimJson *json, const WhimEvent *event)
{
  g_autoptr (GVariant) before
      = g_variant_lookup_value (event->data, "before", G_VARIANT_TYPE_VARDICT);

  begin_list (json, "messages_updates");
  whim_json_begin_object (json);
  whim_present_add_text (json, "id", get_text (event->data, "id"));
  if (before != NULL)
    {
      whim_json_name (json, "before_update");
      whim_present_add_message (json, before, WHIM_DIALECT_WHAPI);
    }
  whim_json_name (json, "after_update");
  whim_present_add_message (json, event->data, WHIM_DIALECT_WHAPI);
  begin_list (json, "changes");
  if (get_text (event->data, "body") != NULL)
    whim_json_string (json, "text");
  whim_json_end_array (json);
  whim_json_end_object (json);
  whim_json_end_array (json);
}

static void
add_id_list (WhimJson *json, const char *key, const char *id)
{
  begin_list (json, key);
  if (id != NULL)
    whim_json_string (json, id);
  whim_json_end_array (json);
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
add_statuses (WhimJson *json, const WhimEvent *event)
{
  const char *status = get_text (event->data, "status");
  const char *reason = get_text (event->data, "statusReason");
  gint64 timestamp = event->timestamp;
  g_autofree char *seconds = NULL;

  g_variant_lookup (event->data, "timestamp", "x", &timestamp);
  seconds = g_strdup_printf ("%" G_GINT64_FORMAT, timestamp);
  begin_list (json, "statuses");
  whim_json_begin_object (json);
  whim_present_add_text (json, "id", get_text (event->data, "id"));
  add_int (json, "code", status_code (status));
  whim_present_add_text (json, "status", status);
  whim_present_add_text (json, "recipient_id", get_text (event->data, "chatId"));
  whim_present_add_text (json, "timestamp", seconds);
  if (reason != NULL)
    {
      begin_list (json, "errors");
      whim_json_begin_object (json);
      whim_present_add_text (json, "message", reason);
      whim_json_end_object (json);
      whim_json_end_array (json);
    }
  whim_json_end_object (json);
  whim_json_end_array (json);
}

/* ---- Channels -------------------------------------------------------------------------------- */

static void
add_health (WhimJson *json, const WhimEvent *event)
{
  const char *status = get_text (event->data, "status");

  whim_json_name (json, "health");
  whim_json_begin_object (json);
  whim_json_name (json, "status");
  whim_json_begin_object (json);
  whim_present_add_state (json, status == NULL ? "disconnected" : status);
  whim_json_end_object (json);
  whim_present_add_text (json, "version", WHIM_VERSION);
  whim_present_add_text (json, "channel_id", event->channel_id);
  whim_present_add_text (json, "reason", get_text (event->data, "reason"));
  whim_json_end_object (json);
}

static void
add_qr (WhimJson *json, const WhimEvent *event)
{
  const char *code = get_text (event->data, "qr");
  g_autofree char *picture = code == NULL ? NULL : whim_present_qr_data_url (code);
  gint64 expires_at = event->timestamp;

  g_variant_lookup (event->data, "expiresAt", "x", &expires_at);
  whim_json_name (json, "qr");
  whim_json_begin_object (json);
  whim_present_add_text (json, "status", code == NULL ? "TIMEOUT" : "OK");
  whim_present_add_text (json, "base64", picture);
  whim_present_add_text (json, "rowdata", code);
  add_int (json, "expire", MAX (0, expires_at - event->timestamp));
  whim_json_end_object (json);
}

/* ---- The rest -------------------------------------------------------------------------------- */

/* Kinds whose payload is a list of what the event says. */
static void
add_plain (WhimJson *json, const WhimEvent *event, const char *key)
{
  begin_list (json, key);
  whim_present_add_value (json, event->data);
  whim_json_end_array (json);
}

static void
add_update (WhimJson *json, const WhimEvent *event, const char *key)
{
  const char *chat = get_text (event->data, "chatId");

  begin_list (json, key);
  whim_json_begin_object (json);
  whim_json_name (json, "after_update");
  whim_json_begin_object (json);
  if (chat != NULL && get_text (event->data, "id") == NULL)
    whim_present_add_text (json, "id", chat);
  whim_present_add_members (json, event->data, NULL);
  whim_json_end_object (json);
  begin_list (json, "changes");
  whim_json_end_array (json);
  whim_json_end_object (json);
  whim_json_end_array (json);
}

static void
add_participants (WhimJson *json, const WhimEvent *event)
{
  const char *group = get_text (event->data, "groupId");

  begin_list (json, "groups_participants");
  whim_json_begin_object (json);
  whim_present_add_text (json, "group_id",
                         group != NULL ? group : get_text (event->data, "chatId"));
  whim_present_add_members (json, event->data, NULL);
  whim_json_end_object (json);
  whim_json_end_array (json);
}

static void
add_payload (WhimJson *json, const WhimEvent *event)
{
  const char *type = event->type;

  if (g_str_equal (type, "message.status"))
    add_statuses (json, event);
  else if (g_str_equal (type, "message.updated"))
    add_updated_message (json, event);
  else if (g_str_equal (type, "message.deleted"))
    add_id_list (json, "messages_removed", get_text (event->data, "id"));
  else if (g_str_equal (type, "message.reaction"))
    add_reaction (json, event);
  else if (g_str_equal (type, "channel.status"))
    add_health (json, event);
  else if (g_str_equal (type, "channel.qr"))
    add_qr (json, event);
  else if (g_str_equal (type, "chat.updated"))
    add_update (json, event, "chats_updates");
  else if (g_str_equal (type, "chat.deleted"))
    add_id_list (json, "chats_removed", get_text (event->data, "chatId"));
  else if (g_str_equal (type, "contact.updated"))
    add_update (json, event, "contacts_updates");
  else if (g_str_equal (type, "group.updated"))
    add_update (json, event, "groups_updates");
  else if (g_str_equal (type, "group.participants"))
    add_participants (json, event);
  else if (g_str_equal (type, "presence"))
    add_plain (json, event, "presences");
  else if (g_str_equal (type, "call"))
    add_plain (json, event, "calls");
  else if (g_str_equal (type, "label.updated"))
    add_plain (json, event, "labels");
  else if (g_str_equal (type, WHIM_PRESENT_TEST_EVENT))
    add_plain (json, event, "service");
  else
    add_messages (json, event);
}

static char *
present_whapi (const WhimEvent *event, const WhimEventKind *kind)
{
  WhimJson *json = whim_json_new ();

  whim_json_begin_object (json);
  add_payload (json, event);
  whim_json_name (json, "event");
  whim_json_begin_object (json);
  whim_present_add_text (json, "type", kind->type);
  /* whapi's examples say one, its typed models the other */
  whim_present_add_text (json, "event", kind->method);
  whim_present_add_text (json, "method", kind->method);
  whim_json_end_object (json);
  whim_present_add_text (json, "channel_id", event->channel_id);
  whim_json_end_object (json);
  return whim_json_end (json, NULL);
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
