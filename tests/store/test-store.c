/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/store-fixture.h"
#include "store/whim-store-actions.h"
#include "store/whim-store-sending.h"
#include "store/whim-store-hooks.h"

#include "store/whim-store-repair.h"
#include "store/whim-store-tokens.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

static WhimCredentials *
make_credentials (void)
{
  WhimCredentials *credentials = whim_credentials_new_empty ();

  credentials->noise = whim_key_pair_new ();
  credentials->identity = whim_key_pair_new ();
  credentials->signed_prekey = whim_key_pair_new ();
  credentials->adv_secret = whim_secret_new_random (32);
  credentials->registration_id = 1234;
  credentials->signed_prekey_id = 1;
  credentials->signed_prekey_made_at = 99;
  memset (credentials->signed_prekey_signature, 7, WHIM_SIGNATURE_SIZE);
  credentials->next_prekey_id = 813;
  return credentials;
}

static void
test_files (StoreFixture *f, gconstpointer data)
{
  static const char *const names[] = { "whimbrel.db", "whimbrel.db-wal", "lock" };
  struct stat info;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (stat (f->dir, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0700);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (f->dir, names[i], NULL);

      g_assert_cmpint (stat (path, &info), ==, 0);
      g_assert_cmpint (info.st_mode & 0777, ==, 0600);
    }
  g_assert_null (whim_store_open (f->dir, f->clock, &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_LOCKED);
}

static void
test_channel (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimCredentials) credentials = make_credentials ();
  g_autoptr (WhimChannelRecord) record = whim_channel_record_new ();
  g_autoptr (GPtrArray) loaded = NULL;
  g_autoptr (GError) error = NULL;
  WhimUnit *unit = whim_unit_new (f->channel);
  WhimChannelRecord *row;

  credentials->pn = whim_jid_new (WHIM_JID_SERVER_USER, "46701", 3);
  credentials->lid = whim_jid_new (WHIM_JID_SERVER_LID, "111", 3);
  credentials->push_name = g_strdup ("Anna");
  credentials->noise_root = g_bytes_new_static ("root", 4);
  credentials->device_identity = g_bytes_new_static ("", 0);
  record->number = f->channel;
  record->id = g_strdup ("ch_one");
  record->name = g_strdup ("Support");
  record->department = g_strdup ("EU");
  record->auto_connect = TRUE;
  record->settings = g_strdup ("{\"presence\":true}");
  record->rest_reason = WHIM_REASON_REPLACED;
  record->rest_detail = g_strdup ("conflict");
  whim_unit_put_channel (unit, record);
  whim_unit_put_credentials (unit, credentials);
  store_fixture_commit_ok (f, unit);

  store_fixture_reopen (f);
  loaded = whim_store_load_channels (f->store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (loaded->len, ==, 1);
  row = g_ptr_array_index (loaded, 0);
  g_assert_cmpint (row->number, ==, f->channel);
  g_assert_cmpstr (row->id, ==, "ch_one");
  g_assert_cmpstr (row->name, ==, "Support");
  g_assert_cmpstr (row->department, ==, "EU");
  g_assert_true (row->auto_connect);
  g_assert_cmpint (row->created_at, ==, STORE_FIXTURE_TIME); /* the first put says when */
  g_assert_cmpstr (row->settings, ==, "{\"presence\":true}");
  g_assert_cmpint (row->rest_reason, ==, WHIM_REASON_REPLACED);
  g_assert_cmpstr (row->rest_detail, ==, "conflict");
  g_assert_nonnull (row->credentials);
  g_assert_cmpmem (whim_key_pair_get_public (row->credentials->noise), WHIM_KEY_SIZE,
                   whim_key_pair_get_public (credentials->noise), WHIM_KEY_SIZE);
  g_assert_cmpmem (whim_key_pair_get_public (row->credentials->identity), WHIM_KEY_SIZE,
                   whim_key_pair_get_public (credentials->identity), WHIM_KEY_SIZE);
  g_assert_cmpmem (whim_key_pair_get_public (row->credentials->signed_prekey), WHIM_KEY_SIZE,
                   whim_key_pair_get_public (credentials->signed_prekey), WHIM_KEY_SIZE);
  g_assert_cmpmem (row->credentials->signed_prekey_signature, WHIM_SIGNATURE_SIZE,
                   credentials->signed_prekey_signature, WHIM_SIGNATURE_SIZE);
  g_assert_true (whim_secret_equal (row->credentials->adv_secret, credentials->adv_secret));
  g_assert_cmpuint (row->credentials->next_prekey_id, ==, 813);
  g_assert_cmpint (row->credentials->signed_prekey_made_at, ==, 99);
  g_assert_true (whim_jid_equal (row->credentials->pn, credentials->pn));
  g_assert_true (whim_jid_equal (row->credentials->lid, credentials->lid));
  g_assert_cmpstr (row->credentials->push_name, ==, "Anna");
  g_assert_true (g_bytes_equal (row->credentials->noise_root, credentials->noise_root));
  g_assert_nonnull (row->credentials->device_identity);
  g_assert_null (row->credentials->routing_info);
  g_assert_true (whim_credentials_is_paired (row->credentials));

  unit = whim_unit_new (f->channel);
  whim_unit_delete_session (unit);
  store_fixture_commit_ok (f, unit);
  g_ptr_array_unref (loaded);
  loaded = whim_store_load_channels (f->store, &error);
  row = g_ptr_array_index (loaded, 0);
  g_assert_null (row->credentials);
}

static void
test_numbers_are_not_given_twice (StoreFixture *f, gconstpointer data)
{
  gint64 number = store_fixture_add_channel (f, "ch_two");
  WhimUnit *unit = whim_unit_new (number);

  whim_unit_delete_channel (unit);
  store_fixture_commit_ok (f, unit);
  store_fixture_reopen (f);
  g_assert_cmpint (whim_store_take_channel_number (f->store), >, number);
}

static void
change (GPtrArray *changes, WhimSignalKind kind, const char *key, const char *record)
{
  WhimSignalChange *self = g_new0 (WhimSignalChange, 1);

  self->kind = kind;
  self->key = g_strdup (key);
  self->record = record == NULL ? NULL : g_bytes_new (record, strlen (record));
  g_ptr_array_add (changes, self);
}

static void
want (GPtrArray *rows, WhimSignalKind kind, const char *key)
{
  WhimSignalRow *row = g_new0 (WhimSignalRow, 1);

  row->kind = kind;
  row->key = g_strdup (key);
  g_ptr_array_add (rows, row);
}

static void
assert_row (GPtrArray *rows, guint i, const char *record)
{
  WhimSignalRow *row = g_ptr_array_index (rows, i);

  if (record == NULL)
    {
      g_assert_null (row->record);
      return;
    }
  g_assert_cmpmem (g_bytes_get_data (row->record, NULL), g_bytes_get_size (row->record), record,
                   strlen (record));
}

static GPtrArray *
to_upload (StoreFixture *f, guint limit)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GPtrArray *rows;

  whim_store_load_prekeys_to_upload_async (f->store, f->channel, limit, NULL,
                                           store_fixture_result_cb, &result);
  rows = whim_store_load_prekeys_to_upload_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  return rows;
}

static void
test_signal (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) changes
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_change_free);
  GPtrArray *wanted = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_row_free);
  g_autoptr (GPtrArray) rows = NULL;
  g_autoptr (GPtrArray) prekeys = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  WhimUnit *unit = whim_unit_new (f->channel);

  change (changes, WHIM_SIGNAL_KIND_SESSION, "111_1.0", "old");
  change (changes, WHIM_SIGNAL_KIND_SESSION, "111_1.0", "session");
  change (changes, WHIM_SIGNAL_KIND_IDENTITY, "111_1.0", "identity");
  change (changes, WHIM_SIGNAL_KIND_SENDER_KEY, "g::111_1.0", "gone");
  change (changes, WHIM_SIGNAL_KIND_SENDER_KEY, "g::111_1.0", NULL);
  change (changes, WHIM_SIGNAL_KIND_PREKEY, "9", "p9");
  change (changes, WHIM_SIGNAL_KIND_PREKEY, "10", "p10");
  change (changes, WHIM_SIGNAL_KIND_PREKEY, "16777215", "plast");
  whim_unit_put_signal_changes (unit, changes);
  store_fixture_commit_ok (f, unit);

  want (wanted, WHIM_SIGNAL_KIND_SESSION, "111_1.0");
  want (wanted, WHIM_SIGNAL_KIND_IDENTITY, "111_1.0");
  want (wanted, WHIM_SIGNAL_KIND_SENDER_KEY, "g::111_1.0");
  want (wanted, WHIM_SIGNAL_KIND_SESSION, "112_1.0");
  whim_store_load_signal_async (f->store, f->channel, wanted, NULL, store_fixture_result_cb,
                                &result);
  rows = whim_store_load_signal_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (rows->len, ==, 4);
  assert_row (rows, 0, "session");
  assert_row (rows, 1, "identity");
  assert_row (rows, 2, NULL);
  assert_row (rows, 3, NULL);

  prekeys = to_upload (f, 2);
  g_assert_cmpuint (prekeys->len, ==, 2);
  assert_row (prekeys, 0, "p9"); /* by number, not by text */
  assert_row (prekeys, 1, "p10");
  unit = whim_unit_new (f->channel);
  whim_unit_mark_prekeys_uploaded (unit, 16777215, 9); /* around the end of the ids */
  store_fixture_commit_ok (f, unit);
  g_ptr_array_unref (prekeys);
  prekeys = to_upload (f, 100);
  g_assert_cmpuint (prekeys->len, ==, 1);
  assert_row (prekeys, 0, "p10");

  /* an id that comes again with another key is new; with the same record it is not */
  g_ptr_array_set_size (changes, 0);
  change (changes, WHIM_SIGNAL_KIND_PREKEY, "9", "p9");
  change (changes, WHIM_SIGNAL_KIND_PREKEY, "16777215", "another");
  unit = whim_unit_new (f->channel);
  whim_unit_put_signal_changes (unit, changes);
  store_fixture_commit_ok (f, unit);
  g_ptr_array_unref (prekeys);
  prekeys = to_upload (f, 100);
  g_assert_cmpuint (prekeys->len, ==, 2);
  assert_row (prekeys, 1, "another");
}

static void
test_addresses (StoreFixture *f, gconstpointer data)
{
  static const char *const jids[] = { "1@lid", "2@lid", "3@lid", NULL };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GHashTable) lists = NULL;
  g_autoptr (GBytes) list = g_bytes_new_static ("devices", 7);
  g_autoptr (WhimNumber) number = NULL;
  g_autoptr (GError) error = NULL;
  WhimUnit *unit = whim_unit_new (f->channel);

  whim_unit_put_device_list (unit, "1@lid", list, 5);
  whim_unit_put_device_list (unit, "2@lid", list, 5);
  whim_unit_delete_device_list (unit, "2@lid");
  whim_unit_put_number (unit, "4670", "4670@s.whatsapp.net", "1@lid", 7);
  whim_unit_put_number (unit, "4671", NULL, NULL, 8);
  store_fixture_commit_ok (f, unit);

  whim_store_load_device_lists_async (f->store, f->channel, jids, NULL, store_fixture_result_cb,
                                      &result);
  lists = whim_store_load_device_lists_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_cmpuint (g_hash_table_size (lists), ==, 1);
  g_assert_true (g_bytes_equal (g_hash_table_lookup (lists, "1@lid"), list));

  g_clear_object (&result);
  whim_store_find_number_async (f->store, f->channel, "4670", NULL, store_fixture_result_cb,
                                &result);
  number = whim_store_find_number_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_cmpstr (number->jid, ==, "4670@s.whatsapp.net");
  g_assert_cmpstr (number->lid, ==, "1@lid");
  g_assert_cmpint (number->asked_at, ==, 7);

  g_clear_object (&result);
  g_clear_pointer (&number, whim_number_free);
  whim_store_find_number_async (f->store, f->channel, "4671", NULL, store_fixture_result_cb,
                                &result);
  number = whim_store_find_number_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_nonnull (number);
  g_assert_null (number->jid);

  g_clear_object (&result);
  g_clear_pointer (&number, whim_number_free);
  whim_store_find_number_async (f->store, f->channel, "4672", NULL, store_fixture_result_cb,
                                &result);
  number = whim_store_find_number_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  g_assert_null (number);
}

static char *
find_seen (StoreFixture *f, const char *sender, const char *id)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  char *note;

  whim_store_find_seen_async (f->store, f->channel, sender, id, NULL, store_fixture_result_cb,
                              &result);
  note = whim_store_find_seen_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  return note;
}

static void
test_seen (StoreFixture *f, gconstpointer data)
{
  g_autofree char *a = NULL;
  g_autofree char *b = NULL;
  g_autofree char *c = NULL;
  g_autoptr (GBytes) payload = g_bytes_new_static ("key", 3);
  WhimUnit *unit = whim_unit_new (f->channel);

  whim_unit_put_seen (unit, "1@lid", "A", "retry:2");
  whim_unit_put_seen (unit, "1@lid", "B", NULL);
  whim_unit_put_pairing_material (unit, "app-state-key", "k1", payload);
  whim_unit_put_pairing_material (unit, "app-state-key", "k1", payload);
  store_fixture_commit_ok (f, unit);
  a = find_seen (f, "1@lid", "A");
  b = find_seen (f, "1@lid", "B");
  c = find_seen (f, "2@lid", "A");
  g_assert_cmpstr (a, ==, "retry:2");
  g_assert_cmpstr (b, ==, "");
  g_assert_null (c);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM pairing_material"), ==, 1);
}

static WhimOutboxRow *
make_outbox_row (StoreFixture *f, const char *id)
{
  WhimOutboxRow *row = whim_outbox_row_new ();

  row->number = whim_store_take_outbox_number (f->store);
  row->message_id = g_strdup (id);
  row->chat = g_strdup ("4670@s.whatsapp.net");
  row->content = g_bytes_new_static ("content", 7);
  row->created_at = 1;
  row->expires_at = 2;
  return row;
}

static void
test_outbox (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimOutboxRow) first = make_outbox_row (f, "A");
  g_autoptr (WhimOutboxRow) second = make_outbox_row (f, "B");
  g_autoptr (GBytes) stanza = g_bytes_new_static ("stanza", 6);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GPtrArray) rows = NULL;
  g_autoptr (GError) error = NULL;
  WhimUnit *unit = whim_unit_new (f->channel);
  WhimOutboxRow *row;

  whim_unit_put_outbox (unit, first);
  whim_unit_put_outbox (unit, second);
  store_fixture_commit_ok (f, unit);
  unit = whim_unit_new (f->channel);
  whim_unit_seal_outbox (unit, second->number, stanza);
  store_fixture_commit_ok (f, unit);
  unit = whim_unit_new (f->channel);
  whim_unit_put_seen (unit, "x", "y", NULL);
  whim_unit_seal_outbox (unit, second->number, stanza);
  g_assert_false (store_fixture_commit (f, unit, &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CONFLICT);
  g_assert_true (whim_store_is_healthy (f->store));
  g_assert_null (find_seen (f, "x", "y"));
  g_clear_error (&error);

  store_fixture_reopen (f);
  g_assert_cmpint (whim_store_take_outbox_number (f->store), >, second->number);
  whim_store_load_outbox_async (f->store, f->channel, NULL, store_fixture_result_cb, &result);
  rows = whim_store_load_outbox_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_cmpuint (rows->len, ==, 2);
  row = g_ptr_array_index (rows, 0);
  g_assert_cmpstr (row->message_id, ==, "A");
  g_assert_cmpint (row->state, ==, WHIM_OUTBOX_QUEUED);
  g_assert_null (row->stanza);
  row = g_ptr_array_index (rows, 1);
  g_assert_cmpint (row->state, ==, WHIM_OUTBOX_SEALED);
  g_assert_true (g_bytes_equal (row->stanza, stanza));
  g_assert_cmpint (row->expires_at, ==, 2);

  unit = whim_unit_new (f->channel);
  whim_unit_delete_outbox (unit, first->number);
  store_fixture_commit_ok (f, unit);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM outbox"), ==, 1);
}

static void
test_api_keys (StoreFixture *f, gconstpointer data)
{
  static const char *const channels[] = { "ch_one", NULL };
  g_autoptr (WhimApiKey) key = whim_api_key_new ();
  g_autoptr (GPtrArray) keys = NULL;
  g_autoptr (GError) error = NULL;
  WhimUnit *unit = whim_unit_new (0);
  WhimApiKey *row;

  key->id = g_strdup ("key_1");
  key->name = g_strdup ("shop");
  memset (key->hash, 3, sizeof key->hash);
  key->read_only = TRUE;
  key->channels = g_strdupv ((char **)channels);
  key->dialect = g_strdup ("seed");
  key->created_at = 5;
  whim_unit_put_api_key (unit, key);
  store_fixture_commit_ok (f, unit);
  key->last_used_at = 9;
  unit = whim_unit_new (0);
  whim_unit_put_api_key (unit, key);
  store_fixture_commit_ok (f, unit);

  keys = whim_store_load_api_keys (f->store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (keys->len, ==, 1);
  row = g_ptr_array_index (keys, 0);
  g_assert_cmpstr (row->name, ==, "shop");
  g_assert_cmpmem (row->hash, sizeof row->hash, key->hash, sizeof key->hash);
  g_assert_true (row->read_only);
  g_assert_false (row->admin);
  g_assert_cmpstrv (row->channels, channels);
  g_assert_cmpint (row->last_used_at, ==, 9);

  unit = whim_unit_new (0);
  whim_unit_delete_api_key (unit, "key_1");
  store_fixture_commit_ok (f, unit);
  g_ptr_array_unref (keys);
  keys = whim_store_load_api_keys (f->store, &error);
  g_assert_cmpuint (keys->len, ==, 0);
}

/* Something in every table that belongs to a channel. */
static void
fill_channel (StoreFixture *f)
{
  static const char *const channels[] = { "ch_one", NULL };
  g_autoptr (WhimCredentials) credentials = make_credentials ();
  g_autoptr (WhimMessage) message
      = store_fixture_message ("SECRETMESSAGE", "1@lid", "4670@s.whatsapp.net", 1);
  g_autoptr (WhimOutboxRow) outbox = make_outbox_row (f, "A");
  g_autoptr (GPtrArray) changes
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_change_free);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("bytes", 5);
  g_autoptr (WhimApiKey) key = whim_api_key_new ();
  g_autoptr (WhimHook) hook = whim_hook_new ();
  g_autoptr (WhimTaken) taken = whim_taken_new ();
  g_autoptr (WhimRepair) repair = whim_repair_new ("1@lid", "1:3@lid", "Z", 1);
  WhimUnit *unit = whim_unit_new (f->channel);

  message->from_me = TRUE; /* only such a one has a timeline */
  hook->number = 1;
  hook->id = g_strdup ("whk_1");
  hook->channel = f->channel;
  hook->url = g_strdup ("https://example.com/");
  hook->events = g_strsplit ("*", " ", -1);
  hook->headers = g_new0 (char *, 1);
  hook->enabled = TRUE;
  whim_unit_put_hook (unit, hook, TRUE);
  change (changes, WHIM_SIGNAL_KIND_SESSION, "111_1.0", "session");
  whim_unit_put_credentials (unit, credentials);
  whim_unit_put_signal_changes (unit, changes);
  whim_unit_put_lid_mapping (unit, "1", "4670");
  whim_unit_put_device_list (unit, "1@lid", bytes, 1);
  whim_unit_put_number (unit, "4670", "4670@s.whatsapp.net", "1@lid", 7);
  whim_unit_put_message (unit, message, store_fixture_event ("message.received"));
  whim_unit_put_seen (unit, "1@lid", "Z", NULL);
  whim_unit_put_pairing_material (unit, "salt", "1", bytes);
  whim_unit_put_outbox (unit, outbox);
  whim_unit_put_repair (unit, repair);
  whim_unit_count_answer (unit, "1:3@lid", "Z", NULL, 0, 1);
  whim_unit_put_privacy_token (unit, "1@lid", bytes, 1);
  whim_unit_put_timeline (unit, message->id, 1, "accepted", NULL, NULL);
  whim_unit_put_answer (unit, "key_1", "messages.text", "once", bytes, bytes, 1);
  whim_unit_put_restriction (unit, "reachout", NULL, 1, 2);
  whim_unit_put_reaction (unit, message->id, "1@lid", "+", 1, NULL);
  key->id = g_strdup ("key_1");
  key->channels = g_strdupv ((char **)channels);
  whim_unit_put_api_key (unit, key);
  whim_unit_take_deliveries (unit, taken);
  store_fixture_commit_ok (f, unit);
}

static void
test_delete_channel (StoreFixture *f, gconstpointer data)
{
  static const char *const kept[] = { "meta", "api_keys" };
  g_autofree char *path = g_build_filename (f->dir, "whimbrel.db", NULL);
  g_autofree char *contents = NULL;
  g_autoptr (GPtrArray) tables = g_ptr_array_new_with_free_func (g_free);
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  gint64 seq;
  gsize len;
  WhimUnit *unit;

  fill_channel (f);
  seq = whim_store_get_last_seq (f->store);
  g_assert_cmpint (seq, >, 0);

  g_assert_cmpint (sqlite3_open_v2 (path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db,
                                       "SELECT name FROM pragma_table_list WHERE type = 'table'"
                                       " AND name NOT LIKE 'sqlite%'",
                                       -1, &stmt, NULL),
                   ==, SQLITE_OK);
  while (sqlite3_step (stmt) == SQLITE_ROW)
    g_ptr_array_add (tables, g_strdup ((const char *)sqlite3_column_text (stmt, 0)));
  sqlite3_finalize (stmt);
  sqlite3_close (db);
  g_assert_cmpuint (tables->len, >=, 18);
  for (guint i = 0; i < tables->len; i++)
    {
      g_autofree char *sql = g_strdup_printf ("SELECT count (*) FROM %s",
                                              (const char *)g_ptr_array_index (tables, i));

      if (!g_str_equal (g_ptr_array_index (tables, i), "meta"))
        g_assert_cmpint (store_fixture_query (f, sql), >, 0);
    }

  unit = whim_unit_new (f->channel);
  whim_unit_delete_channel (unit);
  store_fixture_commit_ok (f, unit);
  for (guint i = 0; i < tables->len; i++)
    {
      const char *table = g_ptr_array_index (tables, i);
      g_autofree char *sql = g_strdup_printf ("SELECT count (*) FROM %s", table);

      if (!g_str_equal (table, kept[0]) && !g_str_equal (table, kept[1]))
        g_assert_cmpint (store_fixture_query (f, sql), ==, 0);
    }

  /* nothing is left in the file either, nor in its log */
  whim_store_close (f->store);
  g_assert_true (g_file_get_contents (path, &contents, &len, NULL));
  g_assert_null (memmem (contents, len, "SECRETMESSAGE", strlen ("SECRETMESSAGE")));
  store_fixture_reopen (f);
  f->channel = store_fixture_add_channel (f, "ch_two");
  unit = whim_unit_new (f->channel);
  whim_unit_put_event (unit, store_fixture_event ("presence"));
  store_fixture_commit_ok (f, unit);
  g_assert_cmpint (whim_store_get_last_seq (f->store), >, seq);
}

static WhimRepair *
find_repair (StoreFixture *f, const WhimRepair *key, gint64 since)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  WhimRepair *found;

  whim_store_find_repair_async (f->store, f->channel, key, since, NULL, store_fixture_result_cb,
                                &result);
  found = whim_store_find_repair_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  return found;
}

/* The count only grows; it is told once; a copy that can be read takes the placeholder's place. */
static void
test_repairs (StoreFixture *f, gconstpointer data)
{
  g_autoptr (WhimRepair) key = whim_repair_new ("1@lid", "1:3@lid", "X", 1000);
  g_autoptr (WhimRepair) unknown = find_repair (f, key, 0);
  g_autoptr (WhimRepair) found = NULL;
  g_autoptr (WhimMessage) placeholder = store_fixture_message ("X", "1@lid", NULL, 5);
  g_autoptr (WhimMessage) good = store_fixture_message ("X", "1@lid", NULL, 5);
  gint64 before = whim_store_get_last_seq (f->store);
  WhimUnit *unit = whim_unit_new (f->channel);

  g_assert_cmpint (unknown->first_at, ==, 0);
  g_assert_cmpuint (unknown->count, ==, 0);
  g_free (placeholder->kind);
  placeholder->kind = g_strdup (WHIM_MESSAGE_KIND_UNDECRYPTABLE);
  key->count = 2;
  whim_unit_put_repair (unit, key);
  key->count = 1;
  whim_unit_put_repair (unit, key);
  whim_unit_put_message (unit, placeholder, NULL);
  whim_unit_put_message (unit, placeholder, store_fixture_event ("message.received"));
  whim_unit_tell_repair (unit, "ch_one", key);
  whim_unit_tell_repair (unit, "ch_one", key);
  store_fixture_commit_ok (f, unit);
  found = find_repair (f, key, 1000);
  g_assert_cmpuint (found->count, ==, 2);
  g_assert_cmpuint (found->recent, ==, 2);
  g_assert_true (found->told);
  g_assert_cmpint (whim_store_get_last_seq (f->store), ==, before + 1);

  unit = whim_unit_new (f->channel);
  whim_unit_put_message (unit, good, store_fixture_event ("message.received"));
  whim_unit_put_message (unit, good, store_fixture_event ("message.received"));
  whim_unit_end_repair (unit, key, FALSE);
  store_fixture_commit_ok (f, unit);
  g_assert_cmpint (whim_store_get_last_seq (f->store), ==, before + 2);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM messages WHERE kind = 'text'"),
                   ==, 1);
  g_assert_cmpint (store_fixture_query (f, "SELECT count (*) FROM repairs"), ==, 0);
}

static WhimPrivacyToken *
find_token (StoreFixture *f, const char *user)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  WhimPrivacyToken *found;

  whim_store_find_privacy_token_async (f->store, f->channel, user, NULL, store_fixture_result_cb,
                                       &result);
  found = whim_store_find_privacy_token_finish (f->store, store_fixture_wait (&result), &error);
  g_assert_no_error (error);
  return found;
}

static void
test_tokens (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) old = g_bytes_new_static ("old", 3);
  g_autoptr (GBytes) fresh = g_bytes_new_static ("new", 3);
  g_autoptr (WhimPrivacyToken) none = find_token (f, "1@lid");
  g_autoptr (WhimPrivacyToken) found = NULL;
  WhimUnit *unit = whim_unit_new (f->channel);

  g_assert_null (none->token);
  whim_unit_put_privacy_token (unit, "1@lid", fresh, 20);
  whim_unit_put_privacy_token (unit, "1@lid", old, 10);
  whim_unit_issue_privacy_token (unit, "1@lid", 30);
  store_fixture_commit_ok (f, unit);
  found = find_token (f, "1@lid");
  g_assert_true (g_bytes_equal (found->token, fresh));
  g_assert_cmpint (found->token_at, ==, 20);
  g_assert_cmpint (found->issued_at, ==, 30);
}

static void
test_cancelled_read (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  whim_store_load_outbox_async (f->store, f->channel, cancellable, store_fixture_result_cb,
                                &result);
  g_assert_null (whim_store_load_outbox_finish (f->store, store_fixture_wait (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_closed (StoreFixture *f, gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  whim_store_close (f->store);
  g_assert_false (store_fixture_commit (f, whim_unit_new (f->channel), &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED);
  g_clear_error (&error);
  whim_store_load_outbox_async (f->store, f->channel, NULL, store_fixture_result_cb, &result);
  g_assert_null (whim_store_load_outbox_finish (f->store, store_fixture_wait (&result), &error));
  g_assert_error (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/store/" name, StoreFixture, NULL, store_fixture_set_up, func,                      \
              store_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("files", test_files);
  ADD ("channel", test_channel);
  ADD ("channel-numbers", test_numbers_are_not_given_twice);
  ADD ("signal", test_signal);
  ADD ("addresses", test_addresses);
  ADD ("seen", test_seen);
  ADD ("outbox", test_outbox);
  ADD ("api-keys", test_api_keys);
  ADD ("delete-channel", test_delete_channel);
  ADD ("repairs", test_repairs);
  ADD ("tokens", test_tokens);
  ADD ("cancelled-read", test_cancelled_read);
  ADD ("closed", test_closed);
  return g_test_run ();
}
