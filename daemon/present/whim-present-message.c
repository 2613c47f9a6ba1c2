/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-present-private.h"

#include <string.h>

static const char *
get_text (GVariant *dict, const char *name)
{
  const char *text = NULL;

  g_variant_lookup (dict, name, "&s", &text);
  return text;
}

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
add_content (JsonBuilder *builder, const char *kind, const char *body)
{
  const char *name = g_str_equal (kind, "text") ? "body" : has_caption (kind) ? "caption" : NULL;

  if (name == NULL || body == NULL)
    return;
  json_builder_set_member_name (builder, kind);
  json_builder_begin_object (builder);
  whim_present_add_text (builder, name, body);
  json_builder_end_object (builder);
}

static void
add_sender (JsonBuilder *builder, const char *phone, const char *lid, const char *name)
{
  if (phone == NULL && lid == NULL)
    return;
  json_builder_set_member_name (builder, "sender");
  json_builder_begin_object (builder);
  whim_present_add_text (builder, "phone", phone);
  whim_present_add_text (builder, "lid", lid);
  whim_present_add_text (builder, "name", name);
  json_builder_end_object (builder);
}

/* whapi's names, but for those that are canonical names too */
static void
add_whapi_members (JsonBuilder *builder, GVariant *message, gboolean only_lid)
{
  const char *kind = get_text (message, "type");
  const char *quoted = get_text (message, "quotedId");
  gboolean from_me = FALSE;

  whim_present_add_text (builder, "chat_id", get_text (message, "chatId"));
  if (g_variant_lookup (message, "fromMe", "b", &from_me))
    {
      json_builder_set_member_name (builder, "from_me");
      json_builder_add_boolean_value (builder, from_me);
    }
  if (only_lid)
    {
      json_builder_set_member_name (builder, "from_lid");
      json_builder_add_boolean_value (builder, TRUE);
    }
  whim_present_add_text (builder, "from_name", get_text (message, "fromName"));
  if (kind != NULL)
    add_content (builder, kind, get_text (message, "body"));
  if (quoted == NULL)
    return;
  json_builder_set_member_name (builder, "context");
  json_builder_begin_object (builder);
  whim_present_add_text (builder, "quoted_id", quoted);
  json_builder_end_object (builder);
}

void
whim_present_add_reaction_members (JsonBuilder *builder, GVariant *reaction)
{
  static const char *const not_as_it_is[] = { "from", NULL };
  g_autofree char *digits = dup_digits (get_text (reaction, "from"));

  whim_present_add_members (builder, reaction, not_as_it_is);
  whim_present_add_text (builder, "from", digits);
}

static void
add_reactions (JsonBuilder *builder, GVariant *reactions, WhimDialect dialect)
{
  json_builder_set_member_name (builder, "reactions");
  json_builder_begin_array (builder);
  for (gsize i = 0; i < g_variant_n_children (reactions); i++)
    {
      g_autoptr (GVariant) reaction = g_variant_get_child_value (reactions, i);

      json_builder_begin_object (builder);
      whim_present_add_reaction_members (builder, reaction);
      if (dialect != WHIM_DIALECT_SEED)
        whim_present_add_named (builder, reaction, "timestamp", "t");
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

void
whim_present_add_message_members (JsonBuilder *builder, GVariant *message, WhimDialect dialect)
{
  static const char *const not_as_it_is[] = { "from", "reactions", NULL };
  g_autoptr (GVariant) reactions
      = g_variant_lookup_value (message, "reactions", G_VARIANT_TYPE ("aa{sv}"));
  static const char *const shared[] = { "id", "type", "timestamp", "to", "source", "status" };
  const char *from = get_text (message, "from");
  g_autofree char *digits = dup_digits (from);
  gboolean only_lid = from != NULL && g_str_has_suffix (from, "@lid");

  if (dialect != WHIM_DIALECT_WHAPI)
    whim_present_add_members (builder, message, not_as_it_is);
  else
    for (guint i = 0; i < G_N_ELEMENTS (shared); i++)
      whim_present_add_named (builder, message, shared[i], shared[i]);
  whim_present_add_text (builder, "from", digits);
  if (reactions != NULL)
    add_reactions (builder, reactions, dialect);
  if (dialect != WHIM_DIALECT_SEED)
    add_whapi_members (builder, message, only_lid);
  /* of ours, and in every dialect */
  whim_present_add_text (builder, "messageId", get_text (message, "id"));
  if (dialect == WHIM_DIALECT_WHAPI)
    whim_present_add_text (builder, "chatId", get_text (message, "chatId"));
  add_sender (builder, only_lid ? NULL : digits, get_text (message, "fromLid"),
              get_text (message, "fromName"));
}

void
whim_present_add_message (JsonBuilder *builder, GVariant *message, WhimDialect dialect)
{
  json_builder_begin_object (builder);
  whim_present_add_message_members (builder, message, dialect);
  json_builder_end_object (builder);
}

void
whim_present_add_chat (JsonBuilder *builder, GVariant *chat, WhimDialect dialect)
{
  static const char *const special[] = { "lastMessage", NULL };
  g_autoptr (GVariant) last = g_variant_lookup_value (chat, "lastMessage", G_VARIANT_TYPE_VARDICT);

  json_builder_begin_object (builder);
  whim_present_add_members (builder, chat, special);
  if (last != NULL && dialect != WHIM_DIALECT_WHAPI)
    {
      json_builder_set_member_name (builder, "lastMessage");
      whim_present_add_message (builder, last, dialect);
    }
  if (last != NULL && dialect != WHIM_DIALECT_SEED)
    {
      json_builder_set_member_name (builder, "last_message");
      whim_present_add_message (builder, last, dialect);
    }
  json_builder_end_object (builder);
}
