/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

#include <string.h>

#include "base/whim-limits.h"

void
whim_page_free (WhimPage *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->items);
  g_free (self);
}

/* ---- Messages -------------------------------------------------------------------------------- */

typedef struct
{
  WhimMessageQuery query; /* without its chat */
  gboolean in_chat;
  char *lid, *pn, *jid; /* of the chat; all NULL: an address that nobody can have */
} ListMessages;

static void
list_messages_free (gpointer data)
{
  ListMessages *self = data;

  g_free (self->lid);
  g_free (self->pn);
  g_free (self->jid);
  g_free (self);
}

/* "+7 999 123-45-67" and "79991234567" are the same chat as "79991234567@s.whatsapp.net". */
static void
parse_chat (ListMessages *self, const char *chat)
{
  g_autoptr (WhimJid) jid = NULL;
  g_autoptr (GString) digits = NULL;

  if (strchr (chat, '@') != NULL)
    {
      jid = whim_jid_parse (chat, NULL);
      if (jid != NULL)
        whim_chat_assign_jid (jid, &self->lid, &self->pn, &self->jid);
      return;
    }
  digits = g_string_new (NULL);
  for (const char *c = chat; *c != '\0'; c++)
    if (g_ascii_isdigit (*c))
      g_string_append_c (digits, *c);
    else if (strchr ("+-() ", *c) == NULL)
      return;
  if (digits->len == 0)
    return;
  jid = whim_jid_new (WHIM_JID_SERVER_USER, digits->str, 0);
  whim_chat_assign_jid (jid, &self->lid, &self->pn, &self->jid);
}

static gboolean
read_messages (WhimDb *db,
               const WhimMessageQuery *query,
               gint64 key,
               gboolean in_chat,
               WhimPage *page,
               GError **error)
{
  static const WhimStatement rows[2][2] = {
    { WHIM_SQL_LIST_MESSAGES_DOWN, WHIM_SQL_LIST_MESSAGES_UP },
    { WHIM_SQL_LIST_CHAT_MESSAGES_DOWN, WHIM_SQL_LIST_CHAT_MESSAGES_UP },
  };
  static const WhimStatement counts[2] = { WHIM_SQL_COUNT_MESSAGES, WHIM_SQL_COUNT_CHAT_MESSAGES };
  WhimCursor cursor;
  gint64 total;

  if (!whim_db_get_int (db, error, &total, 0, counts[in_chat], whim_value_int (key),
                        whim_value_int (query->time_from), whim_value_int (query->time_to),
                        whim_value_int (query->from_me)))
    return FALSE;
  page->total = (guint64)total;
  whim_db_query (db, &cursor, rows[in_chat][query->ascending ? 1 : 0], whim_value_int (key),
                 whim_value_int (query->time_from), whim_value_int (query->time_to),
                 whim_value_int (query->from_me), whim_value_int (query->limit),
                 whim_value_int (query->offset));
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (page->items, whim_message_from_row (&cursor));
  return whim_cursor_end (&cursor, error) && whim_reactions_load (db, page->items, error);
}

static gpointer
list_messages (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const ListMessages *op = data;
  g_autoptr (WhimPage) page = g_new0 (WhimPage, 1);
  g_auto (WhimChatRow) chat = { 0 };

  page->items = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_message_free);
  if (op->in_chat && !whim_chat_find_any (db, channel, op->lid, op->pn, op->jid, &chat, error))
    return NULL;
  if (op->in_chat && chat.number == 0)
    return g_steal_pointer (&page);
  if (!read_messages (db, &op->query, op->in_chat ? chat.number : channel, op->in_chat, page,
                      error))
    return NULL;
  return g_steal_pointer (&page);
}

void
whim_store_list_messages_async (WhimStore *self,
                                gint64 channel,
                                const WhimMessageQuery *query,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  ListMessages *op = g_new0 (ListMessages, 1);

  op->query = *query;
  op->query.chat = NULL;
  op->query.limit = CLAMP (query->limit, 1, WHIM_LIMIT_LIST);
  op->in_chat = query->chat != NULL;
  if (op->in_chat)
    parse_chat (op, query->chat);
  whim_store_read (self, channel, list_messages, op, list_messages_free,
                   (GDestroyNotify)whim_page_free, cancellable, callback, user_data,
                   whim_store_list_messages_async);
}

WhimPage *
whim_store_list_messages_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_list_messages_async, error);
}

/* ---- Chats ----------------------------------------------------------------------------------- */

typedef struct
{
  guint limit;
  guint offset;
} ListChats;

static WhimChat *
chat_from_row (WhimCursor *cursor)
{
  WhimChat *chat = whim_chat_new ();

  chat->number = whim_cursor_get_int (cursor, 0);
  chat->lid = whim_cursor_dup_text (cursor, 1);
  chat->pn = whim_cursor_dup_text (cursor, 2);
  chat->jid = whim_cursor_dup_text (cursor, 3);
  chat->name = whim_cursor_dup_text (cursor, 4);
  chat->timestamp = whim_cursor_get_int (cursor, 5);
  chat->unread = (guint)whim_cursor_get_int (cursor, 6);
  return chat;
}

static gboolean
read_last_message (WhimDb *db, WhimChat *chat, GError **error)
{
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_LAST_MESSAGE, whim_value_int (chat->number));
  if (whim_cursor_next (&cursor))
    chat->last_message = whim_message_from_row (&cursor);
  return whim_cursor_end (&cursor, error);
}

static gpointer
list_chats (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const ListChats *op = data;
  g_autoptr (WhimPage) page = g_new0 (WhimPage, 1);
  WhimCursor cursor;
  gint64 total;

  page->items = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_chat_free);
  if (!whim_db_get_int (db, error, &total, 0, WHIM_SQL_COUNT_CHATS, whim_value_int (channel)))
    return NULL;
  page->total = (guint64)total;
  whim_db_query (db, &cursor, WHIM_SQL_LIST_CHATS, whim_value_int (channel),
                 whim_value_int (op->limit), whim_value_int (op->offset));
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (page->items, chat_from_row (&cursor));
  if (!whim_cursor_end (&cursor, error))
    return NULL;
  for (guint i = 0; i < page->items->len; i++)
    if (!read_last_message (db, g_ptr_array_index (page->items, i), error))
      return NULL;
  return g_steal_pointer (&page);
}

void
whim_store_list_chats_async (WhimStore *self,
                             gint64 channel,
                             guint limit,
                             guint offset,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  ListChats *op = g_new0 (ListChats, 1);

  op->limit = CLAMP (limit, 1, WHIM_LIMIT_LIST);
  op->offset = offset;
  whim_store_read (self, channel, list_chats, op, g_free, (GDestroyNotify)whim_page_free,
                   cancellable, callback, user_data, whim_store_list_chats_async);
}

WhimPage *
whim_store_list_chats_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_list_chats_async, error);
}

static gpointer
find_chat (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const ListMessages *op = data;
  g_auto (WhimChatRow) row = { 0 };
  g_autoptr (WhimChat) chat = NULL;

  if (!whim_chat_find_any (db, channel, op->lid, op->pn, op->jid, &row, error) || row.number == 0)
    return NULL;
  chat = whim_chat_new ();
  chat->number = row.number;
  chat->lid = g_strdup (row.lid);
  chat->pn = g_strdup (row.pn);
  chat->jid = g_strdup (row.jid);
  chat->name = g_strdup (row.name);
  chat->timestamp = row.timestamp;
  chat->unread = row.unread;
  return read_last_message (db, chat, error) ? g_steal_pointer (&chat) : NULL;
}

void
whim_store_find_chat_async (WhimStore *self,
                            gint64 channel,
                            const char *chat,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  ListMessages *op = g_new0 (ListMessages, 1);

  parse_chat (op, chat);
  whim_store_read (self, channel, find_chat, op, list_messages_free, (GDestroyNotify)whim_chat_free,
                   cancellable, callback, user_data, whim_store_find_chat_async);
}

WhimChat *
whim_store_find_chat_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_chat_async, error);
}
