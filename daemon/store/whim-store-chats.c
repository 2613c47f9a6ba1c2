/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

#include <string.h>

/* A person has two addresses, and we may learn that they belong together long after both have
 * chats. The LID is who it is; the phone number is what is shown, and it may change hands. */

void
whim_chat_row_clear (WhimChatRow *self)
{
  self->number = 0;
  g_clear_pointer (&self->lid, g_free);
  g_clear_pointer (&self->pn, g_free);
  g_clear_pointer (&self->jid, g_free);
  g_clear_pointer (&self->name, g_free);
}

void
whim_chat_row_read (WhimChatRow *self, WhimCursor *cursor)
{
  whim_chat_row_clear (self);
  self->number = whim_cursor_get_int (cursor, 0);
  self->lid = whim_cursor_dup_text (cursor, 1);
  self->pn = whim_cursor_dup_text (cursor, 2);
  self->jid = whim_cursor_dup_text (cursor, 3);
  self->name = whim_cursor_dup_text (cursor, 4);
  self->timestamp = whim_cursor_get_int (cursor, 5);
  self->unread = (guint)whim_cursor_get_int (cursor, 6);
}

gboolean
whim_chat_find (WhimDb *db,
                gint64 channel,
                WhimStatement statement,
                const char *address,
                WhimChatRow *row,
                GError **error)
{
  WhimCursor cursor;

  whim_chat_row_clear (row);
  if (address == NULL)
    return TRUE;
  whim_db_query (db, &cursor, statement, whim_value_int (channel), whim_value_text (address));
  if (whim_cursor_next (&cursor))
    whim_chat_row_read (row, &cursor);
  return whim_cursor_end (&cursor, error);
}

static char *
user_part (const char *address)
{
  return address == NULL ? NULL : g_strndup (address, strcspn (address, "@"));
}

gboolean
whim_chat_complete_addresses (WhimDb *db, gint64 channel, char **lid, char **pn, GError **error)
{
  g_autofree char *lid_user = user_part (*lid);
  g_autofree char *pn_user = user_part (*pn);
  WhimCursor cursor;

  if ((*lid == NULL) == (*pn == NULL))
    return TRUE;
  whim_db_query (db, &cursor, WHIM_SQL_FIND_LID_MAPPING, whim_value_int (channel),
                 whim_value_text (lid_user), whim_value_text (pn_user));
  if (whim_cursor_next (&cursor))
    {
      if (*lid == NULL)
        *lid = g_strconcat (whim_cursor_get_text (&cursor, 0), "@lid", NULL);
      else
        *pn = g_strconcat (whim_cursor_get_text (&cursor, 1), "@s.whatsapp.net", NULL);
    }
  return whim_cursor_end (&cursor, error);
}

gboolean
whim_chat_find_any (WhimDb *db,
                    gint64 channel,
                    const char *lid,
                    const char *pn,
                    const char *jid,
                    WhimChatRow *row,
                    GError **error)
{
  g_autofree char *all_lid = g_strdup (lid);
  g_autofree char *all_pn = g_strdup (pn);

  if (jid != NULL)
    return whim_chat_find (db, channel, WHIM_SQL_FIND_CHAT_BY_JID, jid, row, error);
  if (!whim_chat_complete_addresses (db, channel, &all_lid, &all_pn, error)
      || !whim_chat_find (db, channel, WHIM_SQL_FIND_CHAT_BY_LID, all_lid, row, error))
    return FALSE;
  return row->number != 0
         || whim_chat_find (db, channel, WHIM_SQL_FIND_CHAT_BY_PN, all_pn, row, error);
}

static gboolean
tell_new_id (WhimDb *db,
             WhimUnitContext *context,
             const char *id,
             const char *previous,
             GError **error)
{
  GVariantBuilder data;
  g_autoptr (WhimEvent) event = NULL;

  g_variant_builder_init (&data, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&data, "{sv}", "chatId", g_variant_new_string (id));
  g_variant_builder_add (&data, "{sv}", "previousId", g_variant_new_string (previous));
  event = whim_event_new (NULL, "chat.updated", context->now, g_variant_builder_end (&data));
  return whim_journal_append (db, context, event, error);
}

static gboolean
set_addresses (WhimDb *db, gint64 number, const char *lid, const char *pn, GError **error)
{
  return whim_db_run (db, error, WHIM_SQL_SET_CHAT_ADDRESSES, whim_value_int (number),
                      whim_value_text (lid), whim_value_text (pn));
}

/* Puts everything of @from into @into and removes it. A message that came to both stays once. */
static gboolean
merge (WhimDb *db, const WhimChatRow *into, const WhimChatRow *from, GError **error)
{
  WhimValue a = whim_value_int (into->number);
  WhimValue b = whim_value_int (from->number);
  gint64 doubles;

  return whim_db_get_int (db, error, &doubles, 0, WHIM_SQL_COUNT_DOUBLES, a, b)
         && whim_db_run (db, error, WHIM_SQL_DELETE_DOUBLES, a, b)
         && whim_db_run (db, error, WHIM_SQL_MOVE_MESSAGES, a, b)
         && whim_db_run (db, error, WHIM_SQL_MERGE_CHAT, a, whim_value_int (from->timestamp),
                         whim_value_int ((gint64)from->unread - doubles),
                         whim_value_text (from->name), b)
         && whim_db_run (db, error, WHIM_SQL_DELETE_CHAT, b);
}

/* The number was seen with another LID: it has a new owner, the old chat keeps only its LID. */
static gboolean
take_number_away (WhimDb *db, WhimUnitContext *context, WhimChatRow *row, GError **error)
{
  gboolean ok = set_addresses (db, row->number, row->lid, NULL, error)
                && tell_new_id (db, context, row->lid, row->pn, error);

  whim_chat_row_clear (row);
  return ok;
}

static gboolean
give_number (WhimDb *db,
             WhimUnitContext *context,
             const WhimChatRow *by_lid,
             const WhimChatRow *by_pn,
             const char *pn,
             GError **error)
{
  const char *previous = by_lid->pn != NULL ? by_lid->pn : by_lid->lid;

  if (by_pn->number != 0 && !merge (db, by_lid, by_pn, error))
    return FALSE;
  return set_addresses (db, by_lid->number, by_lid->lid, pn, error)
         && tell_new_id (db, context, pn, previous, error);
}

gboolean
whim_chat_change_lid (WhimDb *db,
                      WhimUnitContext *context,
                      const char *old_lid,
                      const char *new_lid,
                      GError **error)
{
  g_auto (WhimChatRow) row = { 0 };
  g_auto (WhimChatRow) other = { 0 };

  if (!whim_chat_find (db, context->channel, WHIM_SQL_FIND_CHAT_BY_LID, old_lid, &row, error)
      || !whim_chat_find (db, context->channel, WHIM_SQL_FIND_CHAT_BY_LID, new_lid, &other, error))
    return FALSE;
  if (row.number == 0)
    return TRUE;
  if (other.number != 0 && !merge (db, &row, &other, error))
    return FALSE;
  if (row.pn == NULL)
    row.pn = g_steal_pointer (&other.pn);
  if (!set_addresses (db, row.number, new_lid, row.pn, error))
    return FALSE;
  if (row.pn == NULL)
    return tell_new_id (db, context, new_lid, old_lid, error);
  return other.number == 0 || tell_new_id (db, context, row.pn, new_lid, error);
}

gboolean
whim_chat_settle (WhimDb *db,
                  WhimUnitContext *context,
                  const char *lid,
                  const char *pn,
                  gboolean create,
                  gint64 *number,
                  GError **error)
{
  g_auto (WhimChatRow) by_lid = { 0 };
  g_auto (WhimChatRow) by_pn = { 0 };

  if (!whim_chat_find (db, context->channel, WHIM_SQL_FIND_CHAT_BY_LID, lid, &by_lid, error)
      || !whim_chat_find (db, context->channel, WHIM_SQL_FIND_CHAT_BY_PN, pn, &by_pn, error))
    return FALSE;
  if (by_pn.number != 0 && by_pn.lid != NULL && lid != NULL && !g_str_equal (by_pn.lid, lid)
      && !take_number_away (db, context, &by_pn, error))
    return FALSE;

  *number = by_lid.number != 0 ? by_lid.number : by_pn.number;
  if (by_lid.number != 0)
    return pn == NULL || by_lid.number == by_pn.number
           || give_number (db, context, &by_lid, &by_pn, pn, error);
  if (by_pn.number != 0)
    return lid == NULL || by_pn.lid != NULL || set_addresses (db, by_pn.number, lid, pn, error);
  if (!create)
    return TRUE;
  if (!whim_db_run (db, error, WHIM_SQL_INSERT_CHAT, whim_value_int (context->channel),
                    whim_value_text (lid), whim_value_text (pn), whim_value_text (NULL)))
    return FALSE;
  *number = whim_db_get_last_rowid (db);
  return TRUE;
}
