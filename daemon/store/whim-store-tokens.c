/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-tokens.h"

#include "store/whim-store-private.h"

void
whim_privacy_token_free (WhimPrivacyToken *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->token, g_bytes_unref);
  g_free (self);
}

void
whim_unit_put_privacy_token (WhimUnit *self, const char *user, GBytes *token, gint64 token_at)
{
  whim_unit_add (self, WHIM_SQL_PUT_TOKEN, whim_unit_channel_value (self), whim_value_text (user),
                 whim_value_bytes (token), whim_value_int (token_at));
}

void
whim_unit_issue_privacy_token (WhimUnit *self, const char *user, gint64 issued_at)
{
  whim_unit_add (self, WHIM_SQL_ISSUE_TOKEN, whim_unit_channel_value (self), whim_value_text (user),
                 whim_value_int (issued_at));
}

static gpointer
find_token (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  g_autoptr (WhimPrivacyToken) found = g_new0 (WhimPrivacyToken, 1);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_GET_TOKEN, whim_value_int (channel), whim_value_text (data));
  if (whim_cursor_next (&cursor))
    {
      found->token = whim_cursor_dup_bytes (&cursor, 0);
      found->token_at = whim_cursor_get_int (&cursor, 1);
      found->issued_at = whim_cursor_get_int (&cursor, 2);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&found) : NULL;
}

void
whim_store_find_privacy_token_async (WhimStore *self,
                                     gint64 channel,
                                     const char *user,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  whim_store_read (self, channel, find_token, g_strdup (user), g_free,
                   (GDestroyNotify)whim_privacy_token_free, cancellable, callback, user_data,
                   whim_store_find_privacy_token_async);
}

WhimPrivacyToken *
whim_store_find_privacy_token_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_find_privacy_token_async, error);
}
