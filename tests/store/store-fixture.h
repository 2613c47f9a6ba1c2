/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/whim-store.h"

/* A store in a directory of its own, with one channel in it. */
typedef struct
{
  char *dir;
  WhimClock *clock;
  WhimStore *store;
  gint64 channel;
} StoreFixture;

#define STORE_FIXTURE_TIME 1700000000

void store_fixture_set_up (StoreFixture *self, gconstpointer data);
void store_fixture_tear_down (StoreFixture *self, gconstpointer data);
/** store_fixture_reopen: closes the store and opens it again */
void store_fixture_reopen (StoreFixture *self);
gint64 store_fixture_add_channel (StoreFixture *self, const char *id);

/** store_fixture_commit: takes @unit; waits */
gboolean store_fixture_commit (StoreFixture *self, WhimUnit *unit, GError **error);
void store_fixture_commit_ok (StoreFixture *self, WhimUnit *unit);

/** store_fixture_wait: runs the loop until the result of an asynchronous call is there */
GAsyncResult *store_fixture_wait (GAsyncResult **result);
/** store_fixture_result_cb: user_data is a GAsyncResult ** */
void store_fixture_result_cb (GObject *source, GAsyncResult *result, gpointer user_data);

WhimPage *store_fixture_list_messages (StoreFixture *self, const WhimMessageQuery *query);
WhimPage *store_fixture_list_chats (StoreFixture *self);
GPtrArray *store_fixture_read_journal (StoreFixture *self, gint64 after, const char *channel);

/** store_fixture_message: a received text in a person's chat; NULL addresses stay away */
WhimMessage *
store_fixture_message (const char *id, const char *lid, const char *pn, gint64 timestamp);
WhimEvent *store_fixture_event (const char *type);

/** store_fixture_query: one number, by a connection of the test's own */
gint64 store_fixture_query (StoreFixture *self, const char *sql);
