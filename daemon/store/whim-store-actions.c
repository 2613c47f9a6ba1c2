/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-actions.h"

#include "store/whim-store-private.h"

typedef struct
{
  char *id;
  char *sender;
  char *emoji;
  gint64 timestamp;
  WhimEvent *event;
} Reaction;

static void
reaction_free (gpointer data)
{
  Reaction *self = data;

  g_free (self->id);
  g_free (self->sender);
  g_free (self->emoji);
  g_clear_pointer (&self->event, whim_event_free);
  g_free (self);
}

static gboolean
put_reaction (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const Reaction *self = data;

  if (!whim_db_run (db, error, WHIM_SQL_PUT_REACTION, whim_value_int (context->channel),
                    whim_value_text (self->id), whim_value_text (self->sender),
                    whim_value_text (self->emoji), whim_value_int (self->timestamp)))
    return FALSE;
  if (whim_db_get_changes (db) == 0 || self->event == NULL)
    return TRUE;
  return whim_journal_append (db, context, self->event, error);
}

void
whim_unit_put_reaction (WhimUnit *self,
                        const char *id,
                        const char *sender,
                        const char *emoji,
                        gint64 timestamp,
                        WhimEvent *event)
{
  Reaction *reaction = g_new0 (Reaction, 1);

  reaction->id = g_strdup (id);
  reaction->sender = g_strdup (sender == NULL ? "" : sender);
  reaction->emoji = g_strdup (emoji);
  reaction->timestamp = timestamp;
  reaction->event = event;
  whim_unit_add_procedure (self, put_reaction, reaction, reaction_free);
}

/* ---- what is done to a stored message -----------------------------------------------------------
 */

WhimAction *
whim_action_new (WhimActionKind kind)
{
  WhimAction *self = g_new0 (WhimAction, 1);

  self->kind = kind;
  return self;
}

void
whim_action_free (WhimAction *self)
{
  if (self == NULL)
    return;
  whim_message_free (self->message);
  g_free (self->target_id);
  g_free (self->author_lid);
  g_free (self->author_pn);
  g_free (self->who_lid);
  g_free (self->who_pn);
  g_free (self->channel_id);
  whim_action_effect_clear (&self->effect);
  if (self->free_data != NULL)
    self->free_data (self->data);
  g_free (self);
}

void
whim_action_effect_clear (WhimActionEffect *self)
{
  g_clear_pointer (&self->kind, g_free);
  g_clear_pointer (&self->body, g_free);
  g_clear_pointer (&self->emoji, g_free);
  g_clear_pointer (&self->content, g_bytes_unref);
}

/* The stored message that @action names, in its chat, by its author; *@target stays NULL if there
 * is none. */
static gboolean
find_target (WhimDb *db,
             gint64 channel,
             const WhimAction *action,
             WhimMessage **target,
             GError **error)
{
  const WhimMessage *message = action->message;
  g_autofree char *chat_lid = g_strdup (message->chat_lid);
  g_autofree char *chat_pn = g_strdup (message->chat_pn);
  g_autofree char *lid = g_strdup (action->author_lid);
  g_autofree char *pn = g_strdup (action->author_pn);
  WhimCursor cursor;

  if (!whim_chat_complete_addresses (db, channel, &chat_lid, &chat_pn, error)
      || !whim_chat_complete_addresses (db, channel, &lid, &pn, error))
    return FALSE;
  whim_db_query (db, &cursor, WHIM_SQL_FIND_TARGET, whim_value_int (channel),
                 whim_value_text (action->target_id), whim_value_int (action->author_me),
                 whim_value_text (chat_lid), whim_value_text (chat_pn),
                 whim_value_text (message->chat_jid), whim_value_text (lid), whim_value_text (pn));
  if (whim_cursor_next (&cursor))
    {
      *target = whim_message_from_row (&cursor);
      (*target)->secret = whim_cursor_dup_bytes (&cursor, WHIM_MESSAGE_N_COLUMNS);
    }
  return whim_cursor_end (&cursor, error);
}

static GVariant *
make_side (const char *kind, const char *body)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "type", g_variant_new_string (kind));
  if (body != NULL)
    g_variant_builder_add (&builder, "{sv}", "body", g_variant_new_string (body));
  return g_variant_builder_end (&builder);
}

static gboolean
tell (WhimDb *db,
      WhimUnitContext *context,
      const WhimAction *action,
      const char *type,
      GVariant *data,
      GError **error)
{
  g_autoptr (WhimEvent) event
      = whim_event_new (action->channel_id, type, action->message->timestamp, data);

  return whim_journal_append (db, context, event, error);
}

static gint64
when (const WhimAction *action, const WhimActionEffect *effect)
{
  return effect->at_ms > 0 ? MIN (effect->at_ms, action->latest_ms) : action->at_ms;
}

static gboolean
apply_edit (WhimDb *db,
            WhimUnitContext *context,
            const WhimAction *action,
            WhimMessage *target,
            const WhimActionEffect *effect,
            GError **error)
{
  gint64 at_ms = when (action, effect);
  g_autofree char *old_kind = g_steal_pointer (&target->kind);
  g_autofree char *old_body = g_steal_pointer (&target->body);
  g_autoptr (GVariant) whole = NULL;
  GVariantDict data;

  if (target->deleted_at != 0 || at_ms <= target->edited_at)
    return TRUE; /* deleted, or an older edit that comes late */
  if (!whim_db_run (db, error, WHIM_SQL_EDIT_MESSAGE, whim_value_int (target->number),
                    whim_value_text (effect->kind), whim_value_text (effect->body),
                    whim_value_bytes (effect->content), whim_value_int (at_ms)))
    return FALSE;
  target->kind = g_strdup (effect->kind);
  target->body = g_strdup (effect->body);
  target->edited_at = at_ms;
  whole = g_variant_ref_sink (whim_message_to_variant (target));
  g_variant_dict_init (&data, whole);
  g_variant_dict_insert_value (&data, "before", make_side (old_kind, old_body));
  g_variant_dict_insert_value (&data, "after", make_side (effect->kind, effect->body));
  g_variant_dict_insert (&data, "actionId", "s", action->message->id);
  return tell (db, context, action, "message.updated", g_variant_dict_end (&data), error);
}

static gboolean
apply_revoke (WhimDb *db,
              WhimUnitContext *context,
              const WhimAction *action,
              WhimMessage *target,
              GError **error)
{
  g_autoptr (GVariant) whole = NULL;
  GVariantDict data;

  if (target->deleted_at != 0)
    return TRUE;
  target->deleted_at = MAX (action->message->timestamp, 1);
  if (!whim_db_run (db, error, WHIM_SQL_REVOKE_MESSAGE, whim_value_int (target->number),
                    whim_value_int (target->deleted_at))
      || !whim_db_run (db, error, WHIM_SQL_DELETE_REACTIONS, whim_value_int (target->number)))
    return FALSE;
  g_clear_pointer (&target->body, g_free);
  whole = g_variant_ref_sink (whim_message_to_variant (target));
  g_variant_dict_init (&data, whole);
  g_variant_dict_insert (&data, "actionId", "s", action->message->id);
  return tell (db, context, action, "message.deleted", g_variant_dict_end (&data), error);
}

static gboolean
apply_reaction (WhimDb *db,
                WhimUnitContext *context,
                const WhimAction *action,
                const WhimMessage *target,
                const WhimActionEffect *effect,
                GError **error)
{
  g_autofree char *lid = g_strdup (action->who_lid);
  g_autofree char *pn = g_strdup (action->who_pn);
  const char *who;
  GVariantDict data;

  if (target->deleted_at != 0)
    return TRUE;
  if (!whim_chat_complete_addresses (db, context->channel, &lid, &pn, error))
    return FALSE;
  who = lid != NULL ? lid : pn != NULL ? pn : "";
  if (!whim_db_run (db, error, WHIM_SQL_REACT, whim_value_int (target->number),
                    whim_value_text (who), whim_value_text (effect->emoji),
                    whim_value_int (when (action, effect))))
    return FALSE;
  if (whim_db_get_changes (db) == 0)
    return TRUE; /* an older one that comes late */
  g_variant_dict_init (&data, NULL);
  g_variant_dict_insert (&data, "id", "s", target->id);
  g_variant_dict_insert (&data, "messageId", "s", target->id);
  g_variant_dict_insert (&data, "reactionId", "s", action->message->id);
  g_variant_dict_insert (&data, "chatId", "s", whim_message_get_chat_id (target));
  g_variant_dict_insert (&data, "emoji", "s", effect->emoji);
  g_variant_dict_insert (&data, "fromMe", "b", (gboolean)(*who == '\0'));
  if (*who != '\0')
    g_variant_dict_insert (&data, "from", "s", pn != NULL ? pn : who);
  if (lid != NULL)
    g_variant_dict_insert (&data, "fromLid", "s", lid);
  if (action->message->push_name != NULL)
    g_variant_dict_insert (&data, "fromName", "s", action->message->push_name);
  g_variant_dict_insert (&data, "timestamp", "x", action->message->timestamp);
  return tell (db, context, action, "message.reaction", g_variant_dict_end (&data), error);
}

/* Nothing that we have, or not by its author: kept and shown as what it is. */
static gboolean
keep_action (WhimDb *db, WhimUnitContext *context, const WhimAction *action, GError **error)
{
  g_autoptr (WhimUnit) unit = whim_unit_new (context->channel);
  const WhimMessage *message = action->message;

  whim_unit_put_message (unit, message,
                         whim_event_new (action->channel_id,
                                         message->from_me ? "message.sent" : "message.received",
                                         message->timestamp, whim_message_to_variant (message)));
  return whim_unit_run (unit, db, context, error);
}

static gboolean
apply_action (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const WhimAction *action = data;
  g_autoptr (WhimMessage) target = NULL;
  g_auto (WhimActionEffect) opened = { 0 };
  const WhimActionEffect *effect = &action->effect;

  if (!find_target (db, context->channel, action, &target, error))
    return FALSE;
  if (target == NULL)
    return keep_action (db, context, action, error);
  if (action->open != NULL)
    {
      if (target->secret == NULL || !action->open (action->data, target->secret, &opened))
        return keep_action (db, context, action, error);
      effect = &opened;
    }
  switch (action->kind)
    {
    case WHIM_ACTION_EDIT:
      return apply_edit (db, context, action, target, effect, error);
    case WHIM_ACTION_REVOKE:
      return apply_revoke (db, context, action, target, error);
    case WHIM_ACTION_REACTION:
      return apply_reaction (db, context, action, target, effect, error);
    default:
      g_assert_not_reached ();
    }
}

void
whim_unit_apply_action (WhimUnit *self, WhimAction *action)
{
  whim_unit_add_procedure (self, apply_action, action, (GDestroyNotify)whim_action_free);
}

/* ---- disappearing messages ----------------------------------------------------------------------
 */

typedef struct
{
  char *lid;
  char *pn;
  char *jid;
  guint expiration;
  gint64 set_at;
} Timer;

static void
timer_free (gpointer data)
{
  Timer *self = data;

  g_free (self->lid);
  g_free (self->pn);
  g_free (self->jid);
  g_free (self);
}

static gboolean
set_timer (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const Timer *self = data;
  g_autofree char *lid = g_strdup (self->lid);
  g_autofree char *pn = g_strdup (self->pn);
  g_auto (WhimChatRow) row = { 0 };
  g_autoptr (WhimEvent) event = NULL;
  GVariantDict dict;
  gint64 number;

  if (self->jid != NULL)
    {
      if (!whim_chat_find (db, context->channel, WHIM_SQL_FIND_CHAT_BY_JID, self->jid, &row, error))
        return FALSE;
      number = row.number;
    }
  else if (!whim_chat_complete_addresses (db, context->channel, &lid, &pn, error)
           || !whim_chat_settle (db, context, lid, pn, TRUE, &number, error))
    return FALSE;
  if (number == 0)
    return TRUE;
  if (!whim_db_run (db, error, WHIM_SQL_SET_TIMER, whim_value_int (number),
                    whim_value_int (self->expiration), whim_value_int (self->set_at)))
    return FALSE;
  if (whim_db_get_changes (db) == 0)
    return TRUE; /* an older setting that comes late */
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "chatId", "s",
                         self->jid != NULL ? self->jid
                         : pn != NULL      ? pn
                                           : lid);
  g_variant_dict_insert (&dict, "expiration", "x", (gint64)self->expiration);
  event = whim_event_new (NULL, "chat.updated", context->now, g_variant_dict_end (&dict));
  return whim_journal_append (db, context, event, error);
}

void
whim_unit_set_chat_timer (WhimUnit *self,
                          const WhimMessage *message,
                          guint expiration,
                          gint64 set_at)
{
  Timer *timer = g_new0 (Timer, 1);

  timer->lid = g_strdup (message->chat_lid);
  timer->pn = g_strdup (message->chat_pn);
  timer->jid = g_strdup (message->chat_jid);
  timer->expiration = expiration;
  timer->set_at = set_at;
  whim_unit_add_procedure (self, set_timer, timer, timer_free);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

gboolean
whim_reactions_load (WhimDb *db, GPtrArray *messages, GError **error)
{
  g_autoptr (GHashTable) by_number = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autoptr (GString) numbers = g_string_new ("[");
  WhimCursor cursor;

  for (guint i = 0; i < messages->len; i++)
    {
      WhimMessage *message = g_ptr_array_index (messages, i);

      g_hash_table_insert (by_number, &message->number, message);
      g_string_append_printf (numbers, "%s%" G_GINT64_FORMAT, i == 0 ? "" : ",", message->number);
    }
  if (messages->len == 0)
    return TRUE;
  g_string_append_c (numbers, ']');
  whim_db_query (db, &cursor, WHIM_SQL_LIST_REACTIONS, whim_value_text (numbers->str));
  while (whim_cursor_next (&cursor))
    {
      gint64 number = whim_cursor_get_int (&cursor, 0);
      WhimMessage *message = g_hash_table_lookup (by_number, &number);
      WhimReaction *reaction;

      if (message == NULL)
        continue;
      reaction = g_new0 (WhimReaction, 1);
      reaction->sender = whim_cursor_dup_text (&cursor, 1);
      reaction->emoji = whim_cursor_dup_text (&cursor, 2);
      reaction->timestamp = whim_cursor_get_int (&cursor, 3) / 1000;
      if (message->reactions == NULL)
        message->reactions = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_reaction_free);
      g_ptr_array_add (message->reactions, reaction);
    }
  return whim_cursor_end (&cursor, error);
}
