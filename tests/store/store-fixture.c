/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/store-fixture.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

gint64
store_fixture_add_channel (StoreFixture *self, const char *id)
{
  g_autoptr (WhimChannelRecord) record = whim_channel_record_new ();
  WhimUnit *unit;

  record->number = whim_store_take_channel_number (self->store);
  record->id = g_strdup (id);
  record->name = g_strdup ("Sales");
  record->created_at = STORE_FIXTURE_TIME;
  unit = whim_unit_new (record->number);
  whim_unit_put_channel (unit, record);
  store_fixture_commit_ok (self, unit);
  return record->number;
}

static void
open_store (StoreFixture *self)
{
  g_autoptr (GError) error = NULL;

  self->store = whim_store_open (self->dir, self->clock, &error);
  g_assert_no_error (error);
}

void
store_fixture_set_up (StoreFixture *self, gconstpointer data)
{
  g_autofree char *base = g_dir_make_tmp ("whim-store-XXXXXX", NULL);

  self->dir = g_steal_pointer (&base);
  self->clock = whim_clock_new_manual (STORE_FIXTURE_TIME * G_GINT64_CONSTANT (1000));
  open_store (self);
  self->channel = store_fixture_add_channel (self, "ch_one");
}

void
store_fixture_reopen (StoreFixture *self)
{
  whim_store_close (self->store);
  g_clear_object (&self->store);
  open_store (self);
}

void
store_fixture_tear_down (StoreFixture *self, gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (self->dir, 0, NULL);
  const char *name;

  if (self->store != NULL)
    whim_store_close (self->store);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (self->store);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->dir, name, NULL);

      g_assert_cmpint (g_unlink (path), ==, 0);
    }
  g_rmdir (self->dir);
  g_free (self->dir);
  whim_clock_unref (self->clock);
}

void
store_fixture_result_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **to = user_data;

  g_assert_null (*to);
  *to = g_object_ref (result);
}

GAsyncResult *
store_fixture_wait (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

gboolean
store_fixture_commit (StoreFixture *self, WhimUnit *unit, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  whim_store_commit_async (self->store, unit, NULL, store_fixture_result_cb, &result);
  return whim_store_commit_finish (self->store, store_fixture_wait (&result), error);
}

void
store_fixture_commit_ok (StoreFixture *self, WhimUnit *unit)
{
  g_autoptr (GError) error = NULL;

  store_fixture_commit (self, unit, &error);
  g_assert_no_error (error);
}

WhimPage *
store_fixture_list_messages (StoreFixture *self, const WhimMessageQuery *query)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  WhimPage *page;

  whim_store_list_messages_async (self->store, self->channel, query, NULL, store_fixture_result_cb,
                                  &result);
  page = whim_store_list_messages_finish (self->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  return page;
}

WhimPage *
store_fixture_list_chats (StoreFixture *self)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  WhimPage *page;

  whim_store_list_chats_async (self->store, self->channel, 50, 0, NULL, store_fixture_result_cb,
                               &result);
  page = whim_store_list_chats_finish (self->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  return page;
}

GPtrArray *
store_fixture_read_journal (StoreFixture *self, gint64 after, const char *channel)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GPtrArray *events;

  whim_store_read_journal_async (self->store, after, channel, 500, NULL, store_fixture_result_cb,
                                 &result);
  events = whim_store_read_journal_finish (self->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  return events;
}

WhimMessage *
store_fixture_message (const char *id, const char *lid, const char *pn, gint64 timestamp)
{
  WhimMessage *message = whim_message_new ();

  message->id = g_strdup (id);
  message->chat_lid = g_strdup (lid);
  message->chat_pn = g_strdup (pn);
  message->sender_lid = g_strdup (lid);
  message->sender_pn = g_strdup (pn);
  message->timestamp = timestamp;
  message->kind = g_strdup ("text");
  message->body = g_strdup_printf ("body of %s", id);
  message->push_name = g_strdup ("Anna");
  message->content = g_bytes_new (id, strlen (id));
  return message;
}

WhimEvent *
store_fixture_event (const char *type)
{
  return whim_event_new ("ch_one", type, STORE_FIXTURE_TIME, g_variant_new_parsed ("{'a': <'b'>}"));
}

gint64
store_fixture_query (StoreFixture *self, const char *sql)
{
  g_autofree char *path = g_build_filename (self->dir, "whimbrel.db", NULL);
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  gint64 value;

  g_assert_cmpint (sqlite3_open_v2 (path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db, sql, -1, &stmt, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (stmt), ==, SQLITE_ROW);
  value = sqlite3_column_int64 (stmt, 0);
  sqlite3_finalize (stmt);
  sqlite3_close (db);
  return value;
}
