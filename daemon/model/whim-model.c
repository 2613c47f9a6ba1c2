/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "model/whim-model.h"

#include "base/whim-random.h"

WhimMessage *
whim_message_new (void)
{
  return g_new0 (WhimMessage, 1);
}

void
whim_reaction_free (WhimReaction *self)
{
  g_free (self->sender);
  g_free (self->emoji);
  g_free (self);
}

WhimMessage *
whim_message_copy (const WhimMessage *self)
{
  WhimMessage *copy = g_memdup2 (self, sizeof *self);

  copy->id = g_strdup (self->id);
  copy->chat_lid = g_strdup (self->chat_lid);
  copy->chat_pn = g_strdup (self->chat_pn);
  copy->chat_jid = g_strdup (self->chat_jid);
  copy->sender_lid = g_strdup (self->sender_lid);
  copy->sender_pn = g_strdup (self->sender_pn);
  copy->kind = g_strdup (self->kind);
  copy->body = g_strdup (self->body);
  copy->push_name = g_strdup (self->push_name);
  copy->quoted_id = g_strdup (self->quoted_id);
  copy->source = g_strdup (self->source);
  copy->status_reason = g_strdup (self->status_reason);
  copy->content = self->content == NULL ? NULL : g_bytes_ref (self->content);
  copy->secret = self->secret == NULL ? NULL : g_bytes_ref (self->secret);
  copy->reactions = self->reactions == NULL ? NULL : g_ptr_array_ref (self->reactions);
  return copy;
}

void
whim_message_free (WhimMessage *self)
{
  if (self == NULL)
    return;
  g_free (self->id);
  g_free (self->chat_lid);
  g_free (self->chat_pn);
  g_free (self->chat_jid);
  g_free (self->sender_lid);
  g_free (self->sender_pn);
  g_free (self->kind);
  g_free (self->body);
  g_free (self->push_name);
  g_free (self->quoted_id);
  g_free (self->source);
  g_free (self->status_reason);
  g_clear_pointer (&self->content, g_bytes_unref);
  g_clear_pointer (&self->secret, g_bytes_unref);
  g_clear_pointer (&self->reactions, g_ptr_array_unref);
  g_free (self);
}

static const char *
first_of (const char *a, const char *b, const char *c)
{
  return a != NULL ? a : b != NULL ? b : c;
}

const char *
whim_message_get_chat_id (const WhimMessage *self)
{
  return first_of (self->chat_pn, self->chat_lid, self->chat_jid);
}

static void
add_text (GVariantBuilder *builder, const char *name, const char *value)
{
  if (value != NULL)
    g_variant_builder_add (builder, "{sv}", name, g_variant_new_string (value));
}

static void
add_reactions (GVariantBuilder *builder, GPtrArray *reactions)
{
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < reactions->len; i++)
    {
      const WhimReaction *reaction = g_ptr_array_index (reactions, i);
      gboolean from_me = *reaction->sender == '\0';

      g_variant_builder_open (&list, G_VARIANT_TYPE_VARDICT);
      add_text (&list, "emoji", reaction->emoji);
      g_variant_builder_add (&list, "{sv}", "fromMe", g_variant_new_boolean (from_me));
      if (!from_me)
        add_text (&list, "from", reaction->sender);
      g_variant_builder_add (&list, "{sv}", "timestamp", g_variant_new_int64 (reaction->timestamp));
      g_variant_builder_close (&list);
    }
  g_variant_builder_add (builder, "{sv}", "reactions", g_variant_builder_end (&list));
}

GVariant *
whim_message_to_variant (const WhimMessage *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "id", self->id);
  add_text (&builder, "chatId", whim_message_get_chat_id (self));
  add_text (&builder, "chatLid", self->chat_lid);
  g_variant_builder_add (&builder, "{sv}", "fromMe", g_variant_new_boolean (self->from_me));
  g_variant_builder_add (&builder, "{sv}", "timestamp", g_variant_new_int64 (self->timestamp));
  add_text (&builder, "type", self->kind);
  add_text (&builder, "body", self->body);
  add_text (&builder, "from", first_of (self->sender_pn, self->sender_lid, NULL));
  add_text (&builder, "fromLid", self->sender_lid);
  add_text (&builder, "fromName", self->push_name);
  if (self->from_me)
    add_text (&builder, "to", whim_message_get_chat_id (self));
  add_text (&builder, "quotedId", self->quoted_id);
  if (self->deleted_at != 0)
    add_text (&builder, "status", "deleted");
  else if (self->status != WHIM_MESSAGE_STATUS_NONE)
    add_text (&builder, "status", whim_message_status_to_word (self->status));
  add_text (&builder, "statusReason", self->status_reason);
  add_text (&builder, "source", self->source);
  if (self->edited_at != 0)
    g_variant_builder_add (&builder, "{sv}", "editedAt",
                           g_variant_new_int64 (self->edited_at / 1000));
  if (self->deleted_at != 0)
    g_variant_builder_add (&builder, "{sv}", "deletedAt", g_variant_new_int64 (self->deleted_at));
  if (self->reactions != NULL)
    add_reactions (&builder, self->reactions);
  return g_variant_builder_end (&builder);
}

WhimChat *
whim_chat_new (void)
{
  return g_new0 (WhimChat, 1);
}

void
whim_chat_free (WhimChat *self)
{
  if (self == NULL)
    return;
  g_free (self->lid);
  g_free (self->pn);
  g_free (self->jid);
  g_free (self->name);
  whim_message_free (self->last_message);
  g_free (self);
}

const char *
whim_chat_get_id (const WhimChat *self)
{
  return first_of (self->pn, self->lid, self->jid);
}

/* whapi's words for what a chat is (whapi-compat, 7) */
static const char *
chat_type (const WhimChat *self)
{
  if (self->jid == NULL)
    return "contact";
  if (g_str_has_suffix (self->jid, "@g.us"))
    return "group";
  if (g_str_has_suffix (self->jid, "@newsletter"))
    return "newsletter";
  return g_str_has_suffix (self->jid, "@broadcast") ? "broadcast" : "unknown";
}

GVariant *
whim_chat_to_variant (const WhimChat *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "id", whim_chat_get_id (self));
  add_text (&builder, "lid", self->lid);
  add_text (&builder, "name", self->name);
  add_text (&builder, "type", chat_type (self));
  g_variant_builder_add (&builder, "{sv}", "timestamp", g_variant_new_int64 (self->timestamp));
  g_variant_builder_add (&builder, "{sv}", "unread", g_variant_new_int64 (self->unread));
  if (self->last_message != NULL)
    g_variant_builder_add (&builder, "{sv}", "lastMessage",
                           whim_message_to_variant (self->last_message));
  return g_variant_builder_end (&builder);
}

WhimEvent *
whim_event_new (const char *channel_id, const char *type, gint64 timestamp, GVariant *data)
{
  WhimEvent *self = g_new0 (WhimEvent, 1);

  self->id = whim_random_id ("evt_");
  self->channel_id = g_strdup (channel_id);
  self->type = g_strdup (type);
  self->timestamp = timestamp;
  self->data = g_variant_ref_sink (data);
  return self;
}

void
whim_event_free (WhimEvent *self)
{
  if (self == NULL)
    return;
  g_free (self->id);
  g_free (self->channel_id);
  g_free (self->type);
  g_clear_pointer (&self->data, g_variant_unref);
  g_free (self);
}

void
whim_chat_assign_jid (WhimJid *jid, char **lid, char **pn, char **other)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (jid);
  char **slot = other;

  if (whim_jid_is_user (bare))
    slot = whim_jid_is_lid (bare) ? lid : pn;
  g_free (*slot);
  *slot = g_strdup (whim_jid_get_text (bare));
}
