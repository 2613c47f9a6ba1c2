/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-present-private.h"

#include <string.h>

static char *
dup_digits (const char *jid)
{
  return jid == NULL ? NULL : g_strndup (jid, strcspn (jid, "@"));
}

/* Kinds whose text is a caption of what stands under the key of the same name (whapi-compat, 8). */
static gboolean
has_caption (const char *kind)
{
  static const char *const kinds[] = { "image", "video", "short", "gif", "document", NULL };

  return g_strv_contains (kinds, kind);
}

static void
add_content (WhimJson *json, const char *kind, const char *body)
{
  const char *name = g_str_equal (kind, "text") ? "body" : has_caption (kind) ? "caption" : NULL;

  if (name == NULL || body == NULL)
    return;
  whim_json_name (json, kind);
  whim_json_begin_object (json);
  whim_present_add_text (json, name, body);
  whim_json_end_object (json);
}

static void
add_sender (WhimJson *json, const char *phone, const char *lid, const char *name)
{
  if (phone == NULL && lid == NULL)
    return;
  whim_json_name (json, "sender");
  whim_json_begin_object (json);
  whim_present_add_text (json, "phone", phone);
  whim_present_add_text (json, "lid", lid);
  whim_present_add_text (json, "name", name);
  whim_json_end_object (json);
}

/* whapi's names, but for those that are canonical names too */
static void
add_whapi_members (WhimJson *json, const WhimMembers *message, gboolean only_lid)
{
  const char *kind = whim_members_get_text (message, "type");
  const char *quoted = whim_members_get_text (message, "quotedId");

  whim_present_add_text (json, "chat_id", whim_members_get_text (message, "chatId"));
  whim_members_add_named (message, json, "fromMe", "from_me");
  if (only_lid)
    {
      whim_json_name (json, "from_lid");
      whim_json_boolean (json, TRUE);
    }
  whim_present_add_text (json, "from_name", whim_members_get_text (message, "fromName"));
  if (kind != NULL)
    add_content (json, kind, whim_members_get_text (message, "body"));
  if (quoted == NULL)
    return;
  whim_json_name (json, "context");
  whim_json_begin_object (json);
  whim_present_add_text (json, "quoted_id", quoted);
  whim_json_end_object (json);
}

/* the members of a reaction; whoever reacts is told by digits */
static void
add_reaction (WhimJson *json, const WhimMembers *reaction)
{
  static const char *const not_as_it_is[] = { "from", NULL };
  g_autofree char *digits = dup_digits (whim_members_get_text (reaction, "from"));

  whim_members_add_all (reaction, json, not_as_it_is);
  whim_present_add_text (json, "from", digits);
}

void
whim_present_add_reaction_members (WhimJson *json, GVariant *reaction)
{
  g_auto (WhimMembers) members = { 0 };

  whim_members_init (&members, reaction);
  add_reaction (json, &members);
}

static void
add_reactions (WhimJson *json, GVariant *reactions, WhimDialect dialect)
{
  whim_json_name (json, "reactions");
  whim_json_begin_array (json);
  for (gsize i = 0; i < g_variant_n_children (reactions); i++)
    {
      g_autoptr (GVariant) reaction = g_variant_get_child_value (reactions, i);
      g_auto (WhimMembers) members = { 0 };

      whim_members_init (&members, reaction);
      whim_json_begin_object (json);
      add_reaction (json, &members);
      if (dialect != WHIM_DIALECT_SEED)
        whim_members_add_named (&members, json, "timestamp", "t");
      whim_json_end_object (json);
    }
  whim_json_end_array (json);
}

void
whim_present_add_message_members (WhimJson *json, GVariant *dict, WhimDialect dialect)
{
  static const char *const not_as_it_is[] = { "from", "reactions", NULL };
  static const char *const shared[] = { "id", "type", "timestamp", "to", "source", "status" };
  g_auto (WhimMembers) message = { 0 };
  g_autofree char *digits = NULL;
  const char *from;
  GVariant *reactions;
  gboolean only_lid;

  whim_members_init (&message, dict);
  from = whim_members_get_text (&message, "from");
  reactions = whim_members_get (&message, "reactions");
  digits = dup_digits (from);
  only_lid = from != NULL && g_str_has_suffix (from, "@lid");
  if (dialect != WHIM_DIALECT_WHAPI)
    whim_members_add_all (&message, json, not_as_it_is);
  else
    for (guint i = 0; i < G_N_ELEMENTS (shared); i++)
      whim_members_add_named (&message, json, shared[i], shared[i]);
  whim_present_add_text (json, "from", digits);
  if (reactions != NULL && g_variant_is_of_type (reactions, G_VARIANT_TYPE ("aa{sv}")))
    add_reactions (json, reactions, dialect);
  if (dialect != WHIM_DIALECT_SEED)
    add_whapi_members (json, &message, only_lid);
  /* of ours, and in every dialect */
  whim_present_add_text (json, "messageId", whim_members_get_text (&message, "id"));
  if (dialect == WHIM_DIALECT_WHAPI)
    whim_members_add_named (&message, json, "chatId", "chatId");
  add_sender (json, only_lid ? NULL : digits, whim_members_get_text (&message, "fromLid"),
              whim_members_get_text (&message, "fromName"));
}

void
whim_present_add_message (WhimJson *json, GVariant *message, WhimDialect dialect)
{
  whim_json_begin_object (json);
  whim_present_add_message_members (json, message, dialect);
  whim_json_end_object (json);
}

void
whim_present_add_chat (WhimJson *json, GVariant *chat, WhimDialect dialect)
{
  static const char *const special[] = { "lastMessage", NULL };
  g_autoptr (GVariant) last = g_variant_lookup_value (chat, "lastMessage", G_VARIANT_TYPE_VARDICT);

  whim_json_begin_object (json);
  whim_present_add_members (json, chat, special);
  if (last != NULL && dialect != WHIM_DIALECT_WHAPI)
    {
      whim_json_name (json, "lastMessage");
      whim_present_add_message (json, last, dialect);
    }
  if (last != NULL && dialect != WHIM_DIALECT_SEED)
    {
      whim_json_name (json, "last_message");
      whim_present_add_message (json, last, dialect);
    }
  whim_json_end_object (json);
}
