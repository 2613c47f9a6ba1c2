/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/handlers-check.h"

#include "store/whim-store-maintenance.h"

#include <sqlite3.h>
#include <string.h>

/* Of one stanza, and of what the server says to the questions that it leads to. */
#define MAX_FRAMES 16u
#define MAX_FRAME_BYTES (256u * 1024u)
#define MAX_GROWTH (4u * 1024u * 1024u)

/* A message as it stands in the store. */
typedef struct
{
  gint64 number;
  char *id;
  gboolean from_me;
  char *chat[3];   /* LID, number, other */
  char *sender[2]; /* LID, number */
  char *kind;
  char *body;
  gint64 changed;
  gint64 status;
} Row;

typedef struct
{
  GHashTable *rows;   /* number -> Row */
  GHashTable *unread; /* LID or number of the chat -> count */
  char *names;        /* who is who */
  char *restrictions;
  char *push_name;
  gint64 newest;
} Snapshot;

struct _Check
{
  World *world;
  sqlite3 *db;
  Snapshot *before;
  char *names; /* who is who in truth */
  guint link;
  char *phone;
  char *lid;
  WhimCredentials *keys;
  gsize allocated;
};

gsize __sanitizer_get_current_allocated_bytes (void) __attribute__ ((weak));

static gsize
get_allocated (void)
{
  return __sanitizer_get_current_allocated_bytes == NULL
             ? 0
             : __sanitizer_get_current_allocated_bytes ();
}

/* ---- what is in the store -------------------------------------------------------------------- */

static void
row_free (gpointer data)
{
  Row *row = data;

  g_free (row->id);
  for (guint i = 0; i < 3; i++)
    g_free (row->chat[i]);
  for (guint i = 0; i < 2; i++)
    g_free (row->sender[i]);
  g_free (row->kind);
  g_free (row->body);
  g_free (row);
}

static void
snapshot_free (Snapshot *self)
{
  g_hash_table_unref (self->rows);
  g_hash_table_unref (self->unread);
  g_free (self->names);
  g_free (self->restrictions);
  g_free (self->push_name);
  g_free (self);
}

static char *
dup_column (sqlite3_stmt *statement, int column)
{
  return g_strdup ((const char *)sqlite3_column_text (statement, column));
}

static sqlite3_stmt *
prepare (Check *self, const char *sql)
{
  sqlite3_stmt *statement = NULL;

  g_assert_cmpint (sqlite3_prepare_v2 (self->db, sql, -1, &statement, NULL), ==, SQLITE_OK);
  return statement;
}

/* The rows of @sql, one a line. */
static char *
read_text (Check *self, const char *sql)
{
  sqlite3_stmt *statement = prepare (self, sql);
  GString *text = g_string_new (NULL);

  while (sqlite3_step (statement) == SQLITE_ROW)
    {
      for (int i = 0; i < sqlite3_column_count (statement); i++)
        g_string_append_printf (text, "%s|", (const char *)sqlite3_column_text (statement, i));
      g_string_append_c (text, '\n');
    }
  g_assert_cmpint (sqlite3_finalize (statement), ==, SQLITE_OK);
  return g_string_free (text, FALSE);
}

static void
read_rows (Check *self, Snapshot *snapshot)
{
  sqlite3_stmt *statement = prepare (
      self, "SELECT m.number, m.id, m.from_me, c.lid, c.pn, c.jid, m.sender_lid, m.sender_pn, "
            "m.kind, m.body, m.edited_at + m.deleted_at, m.status "
            "FROM messages m JOIN chats c ON c.number = m.chat");

  while (sqlite3_step (statement) == SQLITE_ROW)
    {
      Row *row = g_new0 (Row, 1);

      row->number = sqlite3_column_int64 (statement, 0);
      row->id = dup_column (statement, 1);
      row->from_me = sqlite3_column_int (statement, 2) != 0;
      for (int i = 0; i < 3; i++)
        row->chat[i] = dup_column (statement, 3 + i);
      for (int i = 0; i < 2; i++)
        row->sender[i] = dup_column (statement, 6 + i);
      row->kind = dup_column (statement, 8);
      row->body = dup_column (statement, 9);
      row->changed = sqlite3_column_int64 (statement, 10);
      row->status = sqlite3_column_int64 (statement, 11);
      snapshot->newest = MAX (snapshot->newest, row->number);
      g_hash_table_insert (snapshot->rows, &row->number, row);
    }
  g_assert_cmpint (sqlite3_finalize (statement), ==, SQLITE_OK);
}

static Snapshot *
take_snapshot (Check *self)
{
  Snapshot *snapshot = g_new0 (Snapshot, 1);
  sqlite3_stmt *statement;

  snapshot->rows = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, row_free);
  snapshot->unread = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  read_rows (self, snapshot);
  statement = prepare (self, "SELECT coalesce(lid, pn, jid), unread FROM chats");
  while (sqlite3_step (statement) == SQLITE_ROW)
    g_hash_table_insert (snapshot->unread, dup_column (statement, 0),
                         GINT_TO_POINTER (sqlite3_column_int (statement, 1)));
  sqlite3_finalize (statement);
  snapshot->names = read_text (self, "SELECT lid, pn FROM lid_map ORDER BY lid");
  snapshot->restrictions
      = read_text (self, "SELECT kind, detail, ends_at FROM restrictions ORDER BY kind");
  snapshot->push_name = read_text (self, "SELECT push_name, pn, lid FROM credentials");
  return snapshot;
}

/* ---- acknowledgements ------------------------------------------------------------------------ */

static gboolean
wants_ack (WhimNode *node)
{
  return whim_node_is (node, "message") || whim_node_is (node, "receipt")
         || whim_node_is (node, "notification") || whim_node_is (node, "call");
}

/* An ack, or a receipt that counts as one. */
static guint
count_acks (Check *self, WhimNode *node)
{
  const char *id = whim_node_get_attr (node, "id");
  guint n = 0;

  for (guint i = 0; i < self->world->frames->len; i++)
    {
      WhimNode *frame = g_ptr_array_index (self->world->frames, i);
      const char *type = whim_node_get_attr (frame, "type");

      if (g_strcmp0 (whim_node_get_attr (frame, "id"), id) != 0)
        continue;
      if (whim_node_is (frame, "ack"))
        n += whim_node_attr_equals (frame, "class", whim_node_get_tag (node))
             && (!whim_node_is (node, "receipt")
                 || (g_strcmp0 (type, "retry") == 0)
                        == whim_node_attr_equals (node, "type", "retry"));
      else if (whim_node_is (frame, "receipt") && whim_node_is (node, "message"))
        n += g_strcmp0 (type, "retry") != 0 && g_strcmp0 (type, "hist_sync") != 0 ? 1 : 0;
    }
  return n;
}

static void
check_acks (Check *self, WhimNode *node, gboolean alive)
{
  guint n = count_acks (self, node);

  if (!wants_ack (node))
    g_assert_cmpuint (n, ==, 0);
  else if (whim_node_is (node, "receipt") && whim_node_attr_equals (node, "type", "retry"))
    /* the answer may wait for the server */
    g_assert_cmpuint (n, <=, 1);
  else if (alive)
    g_assert_cmpuint (n, ==, 1);
  else
    g_assert_cmpuint (n, <=, 1);
}

/* ---- who may do what ------------------------------------------------------------------------- */

static gboolean
is_person (Check *self, const char *text, gint who)
{
  g_autoptr (WhimJid) jid = text == NULL ? NULL : whim_jid_parse (text, NULL);

  return jid != NULL && who >= 0 && world_find (self->world, jid) == who;
}

static gboolean
is_chat_of (const Row *row, WhimJid *jid)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (jid);

  for (guint i = 0; i < 3; i++)
    if (g_strcmp0 (row->chat[i], whim_jid_get_text (bare)) == 0)
      return TRUE;
  return FALSE;
}

/* Messages that are new, changed, or of another status: by a stanza of a stranger. */
static void
check_rows (Check *self, Snapshot *now, WhimNode *node, WhimJid *from, gint who)
{
  gboolean message = whim_node_is (node, "message");
  const char *id = whim_node_get_attr (node, "id");
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, now->rows);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Row *row = value;
      const Row *old = g_hash_table_lookup (self->before->rows, &row->number);

      /* what our user asked for a while ago */
      if (old == NULL && g_hash_table_contains (self->world->sent_to, row->id))
        continue;
      if (old == NULL)
        {
          g_assert_true (message);
          g_assert_cmpstr (row->id, ==, id);
          g_assert_false (row->from_me);
          g_assert_true (is_chat_of (row, from));
          if (!g_hash_table_contains (self->world->readable, id)
              && g_strcmp0 (row->kind, "undecryptable") != 0)
            g_assert_cmpstr (row->kind, ==, "unknown");
          continue;
        }
      if (g_strcmp0 (row->body, old->body) != 0 || row->changed != old->changed
          || g_strcmp0 (row->kind, old->kind) != 0)
        {
          g_assert_true (message);
          g_assert_false (row->from_me);
          g_assert_true (is_person (self, row->sender[0], who)
                         || is_person (self, row->sender[1], who));
        }
      if (row->status != old->status)
        {
          g_assert_true (whim_node_is (node, "receipt"));
          g_assert_cmpint (row->status, >, old->status);
          g_assert_true (is_chat_of (row, from) || is_person (self, row->chat[0], who)
                         || is_person (self, row->chat[1], who));
        }
    }
  /* and none is gone */
  g_hash_table_iter_init (&iter, self->before->rows);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_assert_true (g_hash_table_contains (now->rows, &((Row *)value)->number));
}

static void
check_unread (Check *self, Snapshot *now, WhimJid *from, gint who)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (from);
  GHashTableIter iter;
  gpointer chat;
  gpointer count;

  g_hash_table_iter_init (&iter, self->before->unread);
  while (g_hash_table_iter_next (&iter, &chat, &count))
    if (g_hash_table_contains (now->unread, chat)
        && GPOINTER_TO_INT (g_hash_table_lookup (now->unread, chat)) < GPOINTER_TO_INT (count))
      g_assert_true (is_person (self, chat, who)
                     || g_strcmp0 (chat, whim_jid_get_text (bare)) == 0);
}

static gboolean
tells_names (WhimNode *node)
{
  return whim_node_is (node, "notification")
         && (whim_node_attr_equals (node, "type", "contacts")
             || whim_node_attr_equals (node, "type", "mex"));
}

/* The server tells in the name of somebody that he has another one. */
static gboolean
names_himself (WhimNode *node, WhimJid *from)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (from);
  WhimNode *modify = whim_node_find_child (node, "modify");
  WhimNode *update = whim_node_find_child (node, "update");
  g_autofree char *text = update == NULL ? NULL : whim_node_dup_content_text (update);
  g_autofree char *quoted = NULL;
  static const char *const names[] = { "old", "old_lid" };

  for (guint i = 0; modify != NULL && i < G_N_ELEMENTS (names); i++)
    {
      WhimJid *old = whim_node_get_attr_jid (modify, names[i]);
      g_autoptr (WhimJid) bare_old = old == NULL ? NULL : whim_jid_to_bare (old);

      if (bare_old != NULL && whim_jid_equal (bare_old, bare))
        return TRUE;
    }
  quoted = g_strdup_printf ("\"old\":\"%s\"", whim_jid_get_text (bare));
  return text != NULL && strstr (text, quoted) != NULL;
}

/* What only the server, or our own account, may say. */
static void
check_authority (Check *self, Snapshot *now, WhimNode *node)
{
  WhimJid *from = whim_node_get_attr_jid (node, "from");
  WhimJid *participant = whim_node_get_attr_jid (node, "participant");
  gint who = world_find (self->world, participant != NULL ? participant : from);
  /* an ack is the server's, though it names the recipient */
  gboolean stranger = !whim_node_is (node, "ack") && !whim_node_is (node, "error") && from != NULL
                      && !whim_jid_is_server (from) && who != WORLD_ME
                      && world_find (self->world, from) != WORLD_ME;
  gboolean named = g_strcmp0 (self->names, self->before->names) == 0
                   && g_strcmp0 (self->names, now->names) == 0;

  if (!whim_node_is (node, "notification") || who != WORLD_ME)
    g_assert_cmpstr (now->push_name, ==, self->before->push_name);
  if (!stranger)
    return;
  g_assert_cmpstr (now->restrictions, ==, self->before->restrictions);
  if (tells_names (node) && !names_himself (node, from))
    g_assert_cmpstr (now->names, ==, self->before->names);
  /* where the server says that two are one, they are */
  if (!named)
    return;
  check_rows (self, now, node, from, who);
  check_unread (self, now, from, who);
}

/* ---- after a stanza -------------------------------------------------------------------------- */

static gboolean
may_end (WhimNode *node)
{
  return whim_node_is (node, "failure") || whim_node_is (node, "stream:error");
}

static void
check_bounds (Check *self, gsize size, guint n)
{
  gsize allocated = get_allocated ();

  g_assert_cmpuint (self->world->frames->len, <=, MAX_FRAMES * n);
  g_assert_cmpuint (self->world->frame_bytes, <=, MAX_FRAME_BYTES * n + 8 * size);
  if (allocated > self->allocated)
    g_assert_cmpuint (allocated - self->allocated, <=, MAX_GROWTH * n + 64 * size);
}

static gsize
get_size (WhimNode *node)
{
  g_autoptr (GBytes) bytes = whim_node_encode (node);

  return g_bytes_get_size (bytes);
}

void
check_before (Check *self)
{
  g_clear_pointer (&self->before, snapshot_free);
  self->before = take_snapshot (self);
  self->link = fake_transport_get_number (self->world->transport);
  self->allocated = get_allocated ();
  world_forget_frames (self->world);
}

static gboolean
is_same_link (Check *self)
{
  return self->link != 0 && fake_transport_get_number (self->world->transport) == self->link;
}

/* A breach is told with the stanza that led to it. */
static void
describe (GString *text, WhimNode *node, guint depth)
{
  gsize len = 0;

  g_string_append_printf (text, "%*s<%s", (int)(2 * depth), "", whim_node_get_tag (node));
  for (guint i = 0; i < whim_node_get_n_attrs (node); i++)
    {
      const char *name = whim_node_get_attr_name (node, i);

      g_string_append_printf (text, " %.40s=\"%.60s\"", name, whim_node_get_attr (node, name));
    }
  if (whim_node_has_content (node))
    whim_node_get_content (node, &len);
  g_string_append_printf (text, "> %" G_GSIZE_FORMAT "\n", len);
  for (guint i = 0; i < MIN (whim_node_get_n_children (node), 20); i++)
    describe (text, whim_node_get_child (node, i), depth + 1);
}

static void
tell_in_case (Check *self, WhimNode *node)
{
  g_autoptr (GString) text = g_string_new (NULL);

  describe (text, node, 0);
  for (guint i = 0; i < MIN (self->world->frames->len, 20); i++)
    {
      g_string_append (text, "  led to ");
      describe (text, g_ptr_array_index (self->world->frames, i), 2);
    }
  world_tell (text->str);
}

void
check_after (Check *self, WhimNode *node)
{
  Snapshot *now;

  tell_in_case (self, node);
  check_bounds (self, get_size (node), 1);
  check_acks (self, node, is_same_link (self));
  if (may_end (node))
    return;
  g_assert_true (is_same_link (self));
  g_assert_true (world_is_online (self->world));
  now = take_snapshot (self);
  check_authority (self, now, node);
  snapshot_free (now);
}

void
check_after_many (Check *self, GPtrArray *nodes)
{
  gsize size = 0;
  gboolean ends = FALSE;

  for (guint i = 0; i < nodes->len; i++)
    {
      WhimNode *node = g_ptr_array_index (nodes, i);

      size += get_size (node);
      ends = ends || may_end (node);
    }
  check_bounds (self, size, nodes->len + 1);
  g_assert_true (ends || is_same_link (self));
  for (guint i = 0; i < nodes->len; i++)
    {
      WhimNode *node = g_ptr_array_index (nodes, i);
      guint same = 0;

      for (guint k = 0; k < nodes->len; k++)
        if (whim_node_is (g_ptr_array_index (nodes, k), whim_node_get_tag (node))
            && g_strcmp0 (whim_node_get_attr (g_ptr_array_index (nodes, k), "id"),
                          whim_node_get_attr (node, "id"))
                   == 0)
          same++;
      /* one that was asked for again may have waited since an earlier time */
      if (wants_ack (node) && !whim_node_attr_equals (node, "type", "retry"))
        g_assert_cmpuint (count_acks (self, node), <=, same);
    }
}

/* ---- for cases ------------------------------------------------------------------------------- */

static gint64
read_number (Check *self, const char *sql, const char *text)
{
  sqlite3_stmt *statement = prepare (self, sql);
  gint64 value = -1;

  sqlite3_bind_text (statement, 1, text, -1, SQLITE_TRANSIENT);
  if (sqlite3_step (statement) == SQLITE_ROW)
    value = sqlite3_column_int64 (statement, 0);
  sqlite3_finalize (statement);
  return value;
}

gint64
check_get_status (Check *self, const char *id)
{
  return read_number (self, "SELECT status FROM messages WHERE id = ?1 AND from_me", id);
}

gint64
check_get_number (Check *self, const char *sql, WorldWho who)
{
  return read_number (self, sql, world_jid (self->world, who, 0, TRUE));
}

gint64
check_get_unread (Check *self, WorldWho who)
{
  return check_get_number (self, "SELECT unread FROM chats WHERE lid = ?1", who);
}

/* ---- life ------------------------------------------------------------------------------------ */

Check *
check_new (World *world)
{
  Check *self = g_new0 (Check, 1);
  g_autofree char *path = g_build_filename (world->directory, "whimbrel.db", NULL);

  self->world = world;
  g_assert_cmpint (sqlite3_open_v2 (path, &self->db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
  self->names = read_text (self, "SELECT lid, pn FROM lid_map ORDER BY lid");
  self->keys = whim_credentials_copy (whim_session_get_credentials (world_get_session (world)));
  return self;
}

void
check_free (Check *self)
{
  g_clear_pointer (&self->before, snapshot_free);
  g_clear_pointer (&self->db, sqlite3_close);
  whim_credentials_free (self->keys);
  g_free (self->names);
  g_free (self);
}

static void
check_identity (Check *self)
{
  World *world = self->world;
  g_autoptr (WhimClock) clock = whim_clock_new_manual (WORLD_NOW * 1000);
  g_autoptr (GError) error = NULL;
  WhimStore *store = whim_store_open (world->directory, clock, &error);
  g_autoptr (GPtrArray) records = NULL;
  const WhimCredentials *keys;

  g_assert_no_error (error);
  records = whim_store_load_channels (store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (records->len, ==, 1);
  keys = ((WhimChannelRecord *)g_ptr_array_index (records, 0))->credentials;
  g_assert_nonnull (keys);
  g_assert_cmpmem (whim_key_pair_get_public (keys->identity), WHIM_KEY_SIZE,
                   whim_key_pair_get_public (self->keys->identity), WHIM_KEY_SIZE);
  g_assert_cmpmem (whim_key_pair_get_public (keys->noise), WHIM_KEY_SIZE,
                   whim_key_pair_get_public (self->keys->noise), WHIM_KEY_SIZE);
  g_assert_cmpmem (whim_secret_get (keys->adv_secret), 32, whim_secret_get (self->keys->adv_secret),
                   32);
  g_assert_true (whim_jid_equal (keys->pn, self->keys->pn));
  g_assert_true (whim_jid_equal (keys->lid, self->keys->lid));
  g_assert_true (g_bytes_equal (keys->device_identity, self->keys->device_identity));
  g_assert_cmpuint (keys->registration_id, ==, self->keys->registration_id);
  g_assert_cmpuint (keys->next_prekey_id, >=, self->keys->next_prekey_id);
  whim_store_close (store);
  g_object_unref (store);
}

void
check_books (Check *self, gboolean ended)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *whole = read_text (self, "PRAGMA integrity_check");
  g_autofree char *keys = read_text (self, "PRAGMA foreign_key_check");
  g_autofree char *gaps = read_text (
      self, "SELECT c.number FROM channels c LEFT JOIN journal j ON j.channel = c.number "
            "GROUP BY c.number HAVING count(j.seq) != c.journal_sequence "
            "OR coalesce(max(j.sequence), 0) != c.journal_sequence");
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (whole, ==, "ok|\n");
  g_assert_cmpstr (keys, ==, "");
  g_assert_cmpstr (gaps, ==, "");
  g_clear_pointer (&self->db, sqlite3_close);
  g_assert_true (whim_store_check (self->world->directory, problems, &error));
  for (guint i = 0; i < problems->len; i++)
    g_assert_cmpstr (g_ptr_array_index (problems, i), ==, NULL);
  if (!ended)
    check_identity (self);
}
