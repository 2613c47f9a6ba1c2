/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/store-fixture.h"

#define LID "111@lid"
#define PN "4670@s.whatsapp.net"

static void
put (StoreFixture *f, const char *id, const char *lid, const char *pn, gint64 timestamp)
{
  g_autoptr (WhimMessage) message = store_fixture_message (id, lid, pn, timestamp);
  WhimUnit *unit = whim_unit_new (f->channel);

  whim_unit_put_message (unit, message, store_fixture_event ("message.received"));
  store_fixture_commit_ok (f, unit);
}

static void
map (StoreFixture *f, const char *lid_user, const char *pn_user)
{
  WhimUnit *unit = whim_unit_new (f->channel);

  whim_unit_put_lid_mapping (unit, lid_user, pn_user);
  store_fixture_commit_ok (f, unit);
}

static void
test_put_message (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimMessage) message = store_fixture_message ("A", LID, PN, 10);
  g_autoptr (WhimPage) messages = NULL;
  g_autoptr (WhimPage) chats = NULL;
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (GPtrArray) found = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  WhimMessageQuery query = { .limit = 50, .from_me = -1 };
  WhimUnit *unit;
  WhimMessage *row;
  WhimChat *chat;

  /* the same message again, also from the other address only: nothing happens */
  put (f, "A", LID, PN, 10);
  put (f, "A", LID, PN, 10);
  put (f, "A", LID, NULL, 10);
  put (f, "A", NULL, PN, 10);
  message->from_me = TRUE; /* the same id in the other direction is another message */
  message->timestamp = 8;
  g_clear_pointer (&message->sender_lid, g_free);
  g_clear_pointer (&message->sender_pn, g_free);
  message->status = WHIM_MESSAGE_STATUS_PENDING;
  unit = whim_unit_new (f->channel);
  whim_unit_put_message (unit, message, NULL);
  store_fixture_commit_ok (f, unit);

  events = store_fixture_read_journal (f, 0, NULL);
  g_assert_cmpuint (events->len, ==, 1);
  messages = store_fixture_list_messages (f, &query);
  g_assert_cmpuint (messages->items->len, ==, 2);
  g_assert_cmpuint (messages->total, ==, 2);
  row = g_ptr_array_index (messages->items, 0);
  g_assert_cmpstr (row->id, ==, "A");
  g_assert_cmpstr (row->chat_lid, ==, LID);
  g_assert_cmpstr (row->chat_pn, ==, PN);
  g_assert_cmpstr (row->sender_pn, ==, PN);
  g_assert_cmpstr (row->body, ==, "body of A");
  g_assert_null (row->content);
  g_assert_false (row->from_me);
  row = g_ptr_array_index (messages->items, 1);
  g_assert_true (row->from_me);
  g_assert_cmpint (row->status, ==, WHIM_MESSAGE_STATUS_PENDING);

  chats = store_fixture_list_chats (f);
  g_assert_cmpuint (chats->items->len, ==, 1);
  g_assert_cmpuint (chats->total, ==, 1);
  chat = g_ptr_array_index (chats->items, 0);
  g_assert_cmpuint (chat->unread, ==, 1);
  g_assert_cmpint (chat->timestamp, ==, 10);
  g_assert_cmpstr (chat->name, ==, "Anna");
  g_assert_cmpstr (chat->last_message->id, ==, "A");
  g_assert_false (chat->last_message->from_me);

  whim_store_find_message_async (f->store, f->channel, "A", NULL, store_fixture_result_cb, &result);
  found = whim_store_find_message_finish (f->store, store_fixture_wait (&result), NULL);
  g_assert_cmpuint (found->len, ==, 2);
  row = g_ptr_array_index (found, 0);
  g_assert_true (g_bytes_equal (row->content, message->content));
}

static void
test_group_senders (StoreFixture *f, gconstpointer data)
{
  static const char *const senders[] = { "1@lid", "2@lid", "1@lid" };
  g_autoptr (WhimPage) chats = NULL;
  WhimMessageQuery query = { .chat = "12036@g.us", .limit = 50, .from_me = -1 };
  g_autoptr (WhimPage) messages = NULL;
  WhimChat *chat;

  map (f, "1", "4671");
  for (guint i = 0; i < G_N_ELEMENTS (senders); i++)
    {
      g_autoptr (WhimMessage) message = store_fixture_message ("SAME", NULL, NULL, 10);
      WhimUnit *unit = whim_unit_new (f->channel);

      message->chat_jid = g_strdup ("12036@g.us");
      message->sender_lid = g_strdup (senders[i]);
      whim_unit_put_message (unit, message, NULL);
      store_fixture_commit_ok (f, unit);
      if (i == 2)
        {
          /* the same person by number, known through the map */
          g_clear_pointer (&message->sender_lid, g_free);
          message->sender_pn = g_strdup ("4671@s.whatsapp.net");
          unit = whim_unit_new (f->channel);
          whim_unit_put_message (unit, message, NULL);
          store_fixture_commit_ok (f, unit);
        }
    }
  messages = store_fixture_list_messages (f, &query);
  g_assert_cmpuint (messages->items->len, ==, 2);
  chats = store_fixture_list_chats (f);
  g_assert_cmpuint (chats->items->len, ==, 1);
  chat = g_ptr_array_index (chats->items, 0);
  g_assert_cmpuint (chat->unread, ==, 2);
  g_assert_cmpstr (chat->jid, ==, "12036@g.us");
  g_assert_null (chat->name);
}

static void
assert_updated (WhimEvent *event, const char *id, const char *previous)
{
  const char *value;

  g_assert_cmpstr (event->type, ==, "chat.updated");
  g_assert_cmpstr (event->channel_id, ==, "ch_one");
  g_assert_true (g_variant_lookup (event->data, "chatId", "&s", &value));
  g_assert_cmpstr (value, ==, id);
  g_assert_true (g_variant_lookup (event->data, "previousId", "&s", &value));
  g_assert_cmpstr (value, ==, previous);
}

/* data: which of the two chats is made first */
static void
test_merge (StoreFixture *f, gconstpointer data)
{
  gboolean lid_first = GPOINTER_TO_INT (data);
  g_autoptr (WhimPage) chats = NULL;
  g_autoptr (WhimPage) messages = NULL;
  g_autoptr (GPtrArray) events = NULL;
  WhimMessageQuery query = { .chat = LID, .limit = 50, .from_me = -1 };
  WhimChat *chat;
  gint64 seq;

  if (lid_first)
    put (f, "L1", LID, NULL, 30);
  put (f, "P1", NULL, PN, 20);
  put (f, "BOTH", NULL, PN, 25);
  if (!lid_first)
    put (f, "L1", LID, NULL, 30);
  put (f, "BOTH", LID, NULL, 25);
  seq = whim_store_get_last_seq (f->store);
  map (f, "111", "4670");

  events = store_fixture_read_journal (f, seq, NULL);
  g_assert_cmpuint (events->len, ==, 1);
  assert_updated (g_ptr_array_index (events, 0), PN, LID);
  chats = store_fixture_list_chats (f);
  g_assert_cmpuint (chats->items->len, ==, 1);
  chat = g_ptr_array_index (chats->items, 0);
  g_assert_cmpstr (chat->lid, ==, LID);
  g_assert_cmpstr (chat->pn, ==, PN);
  g_assert_cmpuint (chat->unread, ==, 3); /* one came to both */
  g_assert_cmpint (chat->timestamp, ==, 30);
  g_assert_cmpstr (chat->last_message->id, ==, "L1");
  messages = store_fixture_list_messages (f, &query);
  g_assert_cmpuint (messages->items->len, ==, 3);

  /* said again: nothing happens */
  seq = whim_store_get_last_seq (f->store);
  map (f, "111", "4670");
  g_assert_cmpint (whim_store_get_last_seq (f->store), ==, seq);
}

static void
test_mapping_before_messages (StoreFixture *f, gconstpointer data)
{
  static const char *const forms[] = { LID, PN, "4670@c.us", "4670", "+46 7(0)" };
  g_autoptr (WhimPage) chats = NULL;

  map (f, "111", "4670");
  put (f, "A", LID, NULL, 1);
  put (f, "B", NULL, PN, 2);
  chats = store_fixture_list_chats (f);
  g_assert_cmpuint (chats->items->len, ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      WhimMessageQuery query = { .chat = forms[i], .limit = 50, .from_me = -1 };
      g_autoptr (WhimPage) page = store_fixture_list_messages (f, &query);

      g_assert_cmpuint (page->items->len, ==, 2);
    }
}

static void
test_unknown_chat (StoreFixture *f, gconstpointer data)
{
  static const char *const forms[] = { "99", "x@@y", "", "hello", "1@g.us" };

  put (f, "A", LID, PN, 1);
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      WhimMessageQuery query = { .chat = forms[i], .limit = 50, .from_me = -1 };
      g_autoptr (WhimPage) page = store_fixture_list_messages (f, &query);

      g_assert_cmpuint (page->items->len, ==, 0);
      g_assert_cmpuint (page->total, ==, 0);
    }
}

static void
test_mapping_completes_chat (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (WhimPage) chats = NULL;
  gint64 seq;

  put (f, "A", NULL, PN, 1); /* shown by number already: no event */
  seq = whim_store_get_last_seq (f->store);
  map (f, "111", "4670");
  g_assert_cmpint (whim_store_get_last_seq (f->store), ==, seq);
  put (f, "B", "222@lid", NULL, 2); /* shown by LID: its id changes */
  seq = whim_store_get_last_seq (f->store);
  map (f, "222", "4699");
  events = store_fixture_read_journal (f, seq, NULL);
  g_assert_cmpuint (events->len, ==, 1);
  assert_updated (g_ptr_array_index (events, 0), "4699@s.whatsapp.net", "222@lid");
  chats = store_fixture_list_chats (f);
  g_assert_cmpuint (chats->items->len, ==, 2);
}

static void
test_number_changes_hands (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (WhimLidMapping) mapping = NULL;
  g_autoptr (GError) error = NULL;
  WhimMessageQuery query = { .chat = PN, .limit = 50, .from_me = -1 };
  g_autoptr (WhimPage) page = NULL;
  gint64 seq;

  map (f, "111", "4670");
  put (f, "A", LID, NULL, 1);
  put (f, "B", "222@lid", NULL, 2);
  seq = whim_store_get_last_seq (f->store);
  map (f, "222", "4670");
  events = store_fixture_read_journal (f, seq, NULL);
  g_assert_cmpuint (events->len, ==, 2);
  assert_updated (g_ptr_array_index (events, 0), LID, PN);
  assert_updated (g_ptr_array_index (events, 1), PN, "222@lid");
  page = store_fixture_list_messages (f, &query);
  g_assert_cmpuint (page->items->len, ==, 1);

  whim_store_find_lid_mapping_async (f->store, f->channel, NULL, "4670", NULL,
                                     store_fixture_result_cb, &result);
  mapping = whim_store_find_lid_mapping_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_cmpstr (mapping->lid_user, ==, "222");
  g_clear_object (&result);
  g_clear_pointer (&mapping, whim_lid_mapping_free);
  whim_store_find_lid_mapping_async (f->store, f->channel, "111", NULL, NULL,
                                     store_fixture_result_cb, &result);
  mapping = whim_store_find_lid_mapping_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  g_assert_null (mapping);
}

static gint64
status_events (StoreFixture *f)
{
  return store_fixture_query (f, "SELECT count (*) FROM journal WHERE type = 'message.status'");
}

static void
set_status (StoreFixture *f, WhimMessageStatus status)
{
  WhimUnit *unit = whim_unit_new (f->channel);

  whim_unit_set_message_status (unit, "A", status, "why", 5,
                                store_fixture_event ("message.status"));
  store_fixture_commit_ok (f, unit);
}

static void
test_status (StoreFixture *f, gconstpointer data)
{
  static const struct
  {
    WhimMessageStatus to;
    WhimMessageStatus then;
  } rows[] = {
    { WHIM_MESSAGE_STATUS_PENDING, WHIM_MESSAGE_STATUS_PENDING },
    { WHIM_MESSAGE_STATUS_FAILED, WHIM_MESSAGE_STATUS_FAILED },
    { WHIM_MESSAGE_STATUS_PENDING, WHIM_MESSAGE_STATUS_FAILED },
    { WHIM_MESSAGE_STATUS_SENT, WHIM_MESSAGE_STATUS_SENT },
    { WHIM_MESSAGE_STATUS_FAILED, WHIM_MESSAGE_STATUS_SENT },
    { WHIM_MESSAGE_STATUS_READ, WHIM_MESSAGE_STATUS_READ },
    { WHIM_MESSAGE_STATUS_DELIVERED, WHIM_MESSAGE_STATUS_READ },
    { WHIM_MESSAGE_STATUS_READ, WHIM_MESSAGE_STATUS_READ },
    { WHIM_MESSAGE_STATUS_PLAYED, WHIM_MESSAGE_STATUS_PLAYED },
  };
  g_autoptr (WhimMessage) message = store_fixture_message ("A", LID, PN, 10);
  WhimMessageStatus now = WHIM_MESSAGE_STATUS_PENDING;
  WhimUnit *unit = whim_unit_new (f->channel);

  message->from_me = TRUE;
  message->status = now;
  whim_unit_put_message (unit, message, NULL);
  store_fixture_commit_ok (f, unit);
  put (f, "A", LID, PN, 11); /* a received message has no status to change */
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      gint64 events = status_events (f);

      set_status (f, rows[i].to);
      g_assert_cmpint (store_fixture_query (f, "SELECT status FROM messages WHERE from_me = 1"), ==,
                       rows[i].then);
      g_assert_cmpint (status_events (f), ==, events + (rows[i].then != now));
      now = rows[i].then;
    }
  g_assert_cmpint (store_fixture_query (f, "SELECT status FROM messages WHERE from_me = 0"), ==, 0);
}

static void
test_paging (StoreFixture *f, gconstpointer data)
{
  const guint n = 10000;
  WhimUnit *unit = whim_unit_new (f->channel);
  guint seen = 0;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("M%05u", i);
      g_autoptr (WhimMessage) message
          = store_fixture_message (id, LID, PN, 1000 + i / 100); /* many share a second */

      message->from_me = i % 4 == 0;
      whim_unit_put_message (unit, message, NULL);
    }
  store_fixture_commit_ok (f, unit);

  for (guint page = 0; page < n / 500; page++)
    {
      WhimMessageQuery query = { .limit = 500, .offset = page * 500, .from_me = -1 };
      g_autoptr (WhimPage) result = store_fixture_list_messages (f, &query);

      g_assert_cmpuint (result->total, ==, n);
      g_assert_cmpuint (result->items->len, ==, 500);
      for (guint i = 0; i < 500; i++)
        {
          WhimMessage *message = g_ptr_array_index (result->items, i);
          g_autofree char *id = g_strdup_printf ("M%05u", n - 1 - seen);

          g_assert_cmpstr (message->id, ==, id);
          seen++;
        }
    }

  {
    WhimMessageQuery query = {
      .chat = PN, .limit = 9999, .time_from = 1010, .time_to = 1011, .ascending = TRUE, .from_me = 1
    };
    g_autoptr (WhimPage) result = store_fixture_list_messages (f, &query);
    WhimMessage *first = g_ptr_array_index (result->items, 0);

    g_assert_cmpuint (result->total, ==, 50);
    g_assert_cmpuint (result->items->len, ==, 50);
    g_assert_cmpstr (first->id, ==, "M01000");
  }
  {
    WhimMessageQuery query = { .limit = 9999, .offset = n - 3, .from_me = -1 };
    g_autoptr (WhimPage) result = store_fixture_list_messages (f, &query);

    g_assert_cmpuint (result->items->len, ==, 3);
  }
}

static void
test_chat_order (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimPage) chats = NULL;
  WhimChat *chat;

  put (f, "A", "1@lid", NULL, 5);
  put (f, "B", "2@lid", NULL, 9);
  put (f, "C", "3@lid", NULL, 5);
  chats = store_fixture_list_chats (f);
  g_assert_cmpuint (chats->items->len, ==, 3);
  chat = g_ptr_array_index (chats->items, 0);
  g_assert_cmpstr (chat->lid, ==, "2@lid");
  chat = g_ptr_array_index (chats->items, 1);
  g_assert_cmpstr (chat->lid, ==, "3@lid"); /* the same second: the newer chat first */
}

#define ADD(name, data, func)                                                                      \
  g_test_add ("/store/" name, StoreFixture, data, store_fixture_set_up, func,                      \
              store_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("put-message", NULL, test_put_message);
  ADD ("group-senders", NULL, test_group_senders);
  ADD ("merge/lid-first", GINT_TO_POINTER (TRUE), test_merge);
  ADD ("merge/pn-first", GINT_TO_POINTER (FALSE), test_merge);
  ADD ("mapping-before-messages", NULL, test_mapping_before_messages);
  ADD ("mapping-completes-chat", NULL, test_mapping_completes_chat);
  ADD ("number-changes-hands", NULL, test_number_changes_hands);
  ADD ("unknown-chat", NULL, test_unknown_chat);
  ADD ("status", NULL, test_status);
  ADD ("paging", NULL, test_paging);
  ADD ("chat-order", NULL, test_chat_order);
  return g_test_run ();
}
