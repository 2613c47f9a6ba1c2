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
add_whapi_members (WhimJson *json, GVariant *message, gboolean only_lid)
{
  const char *kind = get_text (message, "type");
  const char *quoted = get_text (message, "quotedId");
  gboolean from_me = FALSE;

  whim_present_add_text (json, "chat_id", get_text (message, "chatId"));
  if (g_variant_lookup (message, "fromMe", "b", &from_me))
    {
      whim_json_name (json, "from_me");
      whim_json_boolean (json, from_me);
    }
  if (only_lid)
    {
      whim_json_name (json, "from_lid");
      whim_json_boolean (json, TRUE);
    }
  whim_present_add_text (json, "from_name", get_text (message, "fromName"));
  if (kind != NULL)
    add_content (json, kind, get_text (message, "body"));
  if (quoted == NULL)
    return;
  whim_json_name (json, "context");
  whim_json_begin_object (json);
  whim_present_add_text (json, "quoted_id", quoted);
  whim_json_end_object (json);
}

void
whim_present_add_reaction_members (WhimJson *json, GVariant *reaction)
{
  static const char *const not_as_it_is[] = { "from", NULL };
  g_autofree char *digits = dup_digits (get_text (reaction, "from"));

  whim_present_add_members (json, reaction, not_as_it_is);
  whim_present_add_text (json, "from", digits);
}

static void
add_reactions (WhimJson *json, GVariant *reactions, WhimDialect dialect)
{
  whim_json_name (json, "reactions");
  whim_json_begin_array (json);
  for (gsize i = 0; i < g_variant_n_children (reactions); i++)
    {
      g_autoptr (GVariant) reaction = g_variant_get_child_value (reactions, i);

      whim_json_begin_object (json);
      whim_present_add_reaction_members (json, reaction);
      if (dialect != WHIM_DIALECT_SEED)
        whim_present_add_named (json, reaction, "timestamp", "t");
      whim_json_end_object (json);
    }
  whim_json_end_array (json);
}

void
whim_present_add_message_members (WhimJson *json, GVariant *message, WhimDialect dialect)
{
  static const char *const not_as_it_is[] = { "from", "reactions", NULL };
  g_autoptr (GVariant) reactions
      = g_variant_lookup_value (message, "reactions", G_VARIANT_TYPE ("aa{sv}"));
  static const char *const shared[] = { "id", "type", "timestamp", "to", "source", "status" };
  const char *from = get_text (message, "from");
  g_autofree char *digits = dup_digits (from);
  gboolean only_lid = from != NULL && g_str_has_suffix (from, "@lid");

  if (dialect != WHIM_DIALECT_WHAPI)
    whim_present_add_members (json, message, not_as_it_is);
  else
    for (guint i = 0; i < G_N_ELEMENTS (shared); i++)
      whim_present_add_named (json, message, shared[i], shared[i]);
  whim_present_add_text (json, "from", digits);
  if (reactions != NULL)
    add_reactions (json, reactions, dialect);
  if (dialect != WHIM_DIALECT_SEED)
    add_whapi_members (json, message, only_lid);
  /* of ours, and in every dialect */
  whim_present_add_text (json, "messageId", get_text (message, "id"));
  if (dialect == WHIM_DIALECT_WHAPI)
    whim_present_add_text (json, "chatId", get_text (message, "chatId"));
  add_sender (json, only_lid ? NULL : digits, get_text (message, "fromLid"),
              get_text (message, "fromName"));
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
