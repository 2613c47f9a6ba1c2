/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/handlers-world.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "messaging/whim-messenger-private.h"
#include "session/whim-client-payload.h"
#include "store/whim-store-private.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* How often the queues have to go round with nothing in them. */
#define QUIET_ROUNDS 6u
/* A request that is never answered keeps its handler waiting. */
#define MAX_ROUNDS 400u

/* ---- nothing is random ----------------------------------------------------------------------- */

static guint64 random_seed;
static guint random_world;
static GThread *main_thread;

/* Each thread has numbers of its own: which one is first does not matter. */
static void
random_source (gpointer bytes, gsize len)
{
  static _Thread_local guint64 state;
  static _Thread_local guint state_world;
  guint8 *at = bytes;

  if (state_world != random_world)
    {
      state_world = random_world;
      state = random_seed * 2654435761u + (g_thread_self () == main_thread ? 1 : 77);
    }
  for (gsize i = 0; i < len; i++)
    {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      at[i] = (guint8)(state >> 32);
    }
}

static char *last_words[2];

/* Nothing is allocated here: the process is about to end. */
static void
died (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (last_words); i++)
    if (last_words[i] != NULL && write (STDERR_FILENO, last_words[i], strlen (last_words[i])) < 0)
      return;
}

static void
aborted_cb (int number)
{
  died ();
}

void __sanitizer_set_death_callback (void (*callback) (void)) __attribute__ ((weak));

static void
tell (guint index, const char *text)
{
  static gboolean watching;

  if (!watching)
    {
      signal (SIGABRT, aborted_cb);
      if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback (died);
      watching = TRUE;
    }
  g_free (last_words[index]);
  last_words[index] = g_strdup (text);
}

void
world_tell (const char *text)
{
  tell (0, text);
}

void
world_tell_name (const char *name)
{
  tell (1, name);
}

/* ---- people ---------------------------------------------------------------------------------- */

static const struct
{
  const char *pn;
  const char *lid;
  guint devices[WORLD_DEVICES];
  guint n_devices;
} people[WORLD_N_PEOPLE] = {
  [WORLD_ME] = { "4915550000001", "100000000000001", { 0, 7 }, 2 },
  [WORLD_ANNA] = { "4915550000002", "200000000000002", { 0, 12, WHIM_HOSTED_DEVICE }, 3 },
  [WORLD_BERT] = { "4915550000003", "300000000000003", { 0 }, 1 },
  [WORLD_MALLORY] = { "4915550000004", "400000000000004", { 0, 5 }, 2 },
};

static void
party_clear (Party *self)
{
  g_clear_pointer (&self->cache, whim_signal_cache_free);
  g_clear_pointer (&self->identity, whim_key_pair_unref);
}

static void
party_init (World *world, Party *self, WhimKeyPair *identity)
{
  g_autoptr (GPtrArray) keys = whim_signal_generate_prekeys (world->context, 7, 1);
  g_autoptr (WhimKeyPair) signed_pair = whim_key_pair_new ();
  g_autoptr (WhimSignalPrekey) signed_key = NULL;
  WhimSignalPrekey *key = g_ptr_array_index (keys, 0);
  guint8 point[33] = { 5 };
  guint8 signature[WHIM_SIGNATURE_SIZE];

  party_clear (self);
  self->identity = whim_key_pair_ref (identity);
  self->cache = whim_signal_cache_new (self->identity, 1234);
  whim_copy (point + 1, whim_key_pair_get_public (signed_pair), WHIM_KEY_SIZE);
  whim_xeddsa_sign (self->identity, point, sizeof point, signature);
  signed_key = whim_signal_make_signed_prekey (world->context, signed_pair, 1, WORLD_NOW * 1000,
                                               signature);
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, "1", signed_key->record);
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_PREKEY, "7", key->record);
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_SESSION, "me.3", NULL);
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_IDENTITY, "me.3", NULL);
  memset (&self->bundle, 0, sizeof self->bundle);
  self->bundle.registration_id = 1234;
  whim_copy (self->bundle.identity, whim_key_pair_get_public (self->identity), WHIM_KEY_SIZE);
  self->bundle.signed_prekey_id = 1;
  whim_copy (self->bundle.signed_prekey, signed_key->public_key, WHIM_KEY_SIZE);
  whim_copy (self->bundle.signed_prekey_signature, signature, sizeof signature);
  self->bundle.has_prekey = TRUE;
  self->bundle.prekey_id = 7;
  whim_copy (self->bundle.prekey, key->public_key, WHIM_KEY_SIZE);
}

void
world_reinstall (World *self, WorldWho who, guint index)
{
  Person *person = &self->people[who];
  g_autoptr (WhimKeyPair) fresh = whim_key_pair_new ();

  index %= person->n_parties;
  if (index == 0)
    {
      whim_key_pair_unref (person->account);
      person->account = whim_key_pair_ref (fresh);
    }
  party_init (self, &person->parties[index], fresh);
}

static void
people_up (World *self)
{
  for (guint who = 0; who < WORLD_N_PEOPLE; who++)
    {
      Person *person = &self->people[who];

      person->pn = people[who].pn;
      person->lid = people[who].lid;
      person->account = whim_key_pair_new ();
      person->n_parties = people[who].n_devices;
      for (guint i = 0; i < person->n_parties; i++)
        {
          g_autoptr (WhimKeyPair) own = whim_key_pair_new ();

          person->parties[i].number = people[who].devices[i];
          party_init (self, &person->parties[i], i == 0 ? person->account : own);
        }
    }
}

const char *
world_jid (World *self, WorldWho who, guint device, gboolean lid)
{
  static char texts[16][64];
  static guint next;
  char *text = texts[next++ % G_N_ELEMENTS (texts)];
  const char *server = device == WHIM_HOSTED_DEVICE ? (lid ? "hosted.lid" : "hosted")
                       : lid                        ? "lid"
                                                    : "s.whatsapp.net";
  const char *user = lid ? self->people[who].lid : self->people[who].pn;

  if (device == 0)
    g_snprintf (text, sizeof texts[0], "%s@%s", user, server);
  else
    g_snprintf (text, sizeof texts[0], "%s:%u@%s", user, device, server);
  return text;
}

gint
world_find (World *self, WhimJid *jid)
{
  if (jid != NULL && whim_jid_is_user (jid))
    for (guint who = 0; who < WORLD_N_PEOPLE; who++)
      if (strcmp (whim_jid_get_user (jid), self->people[who].lid) == 0
          || strcmp (whim_jid_get_user (jid), self->people[who].pn) == 0)
        return (gint)who;
  return -1;
}

Party *
world_get_party (World *self, WorldWho who, guint index)
{
  return &self->people[who].parties[index % self->people[who].n_parties];
}

/* ---- ratchets of theirs ---------------------------------------------------------------------- */

static void
own_bundle (World *self, WhimSignalBundle *bundle)
{
  const WhimCredentials *keys = whim_session_get_credentials (world_get_session (self));

  memset (bundle, 0, sizeof *bundle);
  bundle->registration_id = keys->registration_id;
  whim_copy (bundle->identity, whim_key_pair_get_public (keys->identity), WHIM_KEY_SIZE);
  bundle->signed_prekey_id = keys->signed_prekey_id;
  whim_copy (bundle->signed_prekey, whim_key_pair_get_public (keys->signed_prekey), WHIM_KEY_SIZE);
  whim_copy (bundle->signed_prekey_signature, keys->signed_prekey_signature, WHIM_SIGNATURE_SIZE);
}

GBytes *
world_encrypt (World *self, Party *party, GBytes *padded, WhimSignalType *type)
{
  WhimSignalBundle bundle;
  GBytes *cipher;

  if (!whim_signal_has_session (party->cache, "me", WORLD_OWN_DEVICE))
    {
      own_bundle (self, &bundle);
      g_assert_true (whim_signal_process_bundle (self->context, party->cache, "me",
                                                 WORLD_OWN_DEVICE, &bundle, NULL, NULL));
    }
  cipher = whim_signal_encrypt (self->context, party->cache, "me", WORLD_OWN_DEVICE,
                                g_bytes_get_data (padded, NULL), g_bytes_get_size (padded), type,
                                NULL);
  g_assert_nonnull (cipher);
  g_hash_table_add (self->ciphers, g_bytes_ref (cipher));
  return cipher;
}

/* They read what we send: their ratchet goes on, and they need no prekey messages any more. */
static void
party_read (World *self, Party *party, WhimNode *enc)
{
  gsize len = 0;
  const guint8 *bytes = whim_node_get_content (enc, &len);
  gboolean first = whim_node_attr_equals (enc, "type", "pkmsg");
  guint32 prekey = 0;
  guint32 signed_prekey = 0;
  g_autoptr (GBytes) plain = NULL;

  if (first)
    {
      if (!whim_signal_peek_prekey_ids (self->context, bytes, len, &prekey, &signed_prekey)
          || (prekey != G_MAXUINT32 && prekey != 7) || signed_prekey != 1)
        return;
    }
  plain = whim_signal_decrypt (self->context, party->cache, "me", WORLD_OWN_DEVICE,
                               first ? WHIM_SIGNAL_TYPE_PKMSG : WHIM_SIGNAL_TYPE_MSG, bytes, len,
                               NULL, NULL);
}

static void
take_message (World *self, WhimNode *message)
{
  const char *id = whim_node_get_attr (message, "id");
  WhimNode *holder = whim_node_find_child (message, "participants");

  if (id != NULL && g_hash_table_contains (self->sent_to, id))
    g_hash_table_add (self->waiting, g_strdup (id));
  if (holder == NULL)
    return;
  WHIM_FOREACH_CHILD (holder, to)
    {
      WhimJid *jid = whim_node_get_attr_jid (to, "jid");
      WhimNode *enc = whim_node_find_child (to, "enc");
      gint who = world_find (self, jid);

      for (guint i = 0; enc != NULL && who >= 0 && i < self->people[who].n_parties; i++)
        if (self->people[who].parties[i].number == whim_jid_get_device (jid))
          party_read (self, &self->people[who].parties[i], enc);
    }
}

/* ---- the line -------------------------------------------------------------------------------- */

static void
sent_cb (WhimNode *node, gsize size, gpointer user_data)
{
  World *self = user_data;
  g_autoptr (Tree) answer = NULL;

  self->activity++;
  self->frame_bytes += size;
  g_ptr_array_add (self->frames, whim_node_ref (node));
  if (whim_node_is (node, "message"))
    take_message (self, node);
  if (!whim_node_is (node, "iq") || whim_node_attr_equals (node, "type", "result")
      || whim_node_attr_equals (node, "type", "error"))
    return;
  answer = world_answer (self, node);
  if (answer != NULL)
    g_queue_push_tail (&self->answers, tree_to_node (answer));
  else
    g_ptr_array_add (self->unanswered, whim_node_ref (node));
}

static gboolean
deliver_now (World *self, WhimNode *node)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new ();

  g_ptr_array_add (nodes, node);
  self->activity++;
  return fake_transport_deliver (self->transport, nodes);
}

WhimNode *
world_encode (World *self, const Tree *tree, Choices *choices, guint flips)
{
  g_autoptr (WhimNode) built = tree_to_node (tree);
  g_autoptr (GBytes) encoded = whim_node_encode (built);
  gsize len = g_bytes_get_size (encoded);
  g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (encoded, NULL), len);
  g_autoptr (GBytes) bytes = NULL;

  for (guint i = 0; i < flips; i++)
    copy[choices_pick (choices, (guint)len)] = (guint8)choices_pick (choices, 256);
  bytes = g_bytes_new (copy, len);
  return whim_node_decode (bytes, NULL);
}

/* Not every byte of a prekey message is under its MAC: a changed one may still be read. */
static gboolean
comes_from_people (World *self, GBytes *bytes)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->ciphers);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      gsize cipher_len;
      const guint8 *cipher = g_bytes_get_data (key, &cipher_len);
      gsize other = 0;

      for (gsize i = 0; cipher_len == len && i < len; i++)
        other += data[i] != cipher[i] ? 1 : 0;
      if (cipher_len == len && other <= 8)
        return TRUE;
    }
  return FALSE;
}

/* What the daemon may read in it is remembered. */
static void
note_message (World *self, WhimNode *node)
{
  const char *id = whim_node_get_attr (node, "id");

  if (id == NULL)
    return;
  WHIM_FOREACH_CHILD (node, child)
    {
      g_autoptr (GBytes) bytes = whim_node_dup_content (child);

      if (bytes != NULL && comes_from_people (self, bytes))
        g_hash_table_add (self->readable, g_strdup (id));
    }
}

gboolean
world_deliver (World *self, WhimNode *node)
{
  if (whim_node_is (node, "message"))
    note_message (self, node);
  if (self->stanzas->len < 64)
    g_ptr_array_add (self->stanzas, whim_node_ref (node));
  if (whim_node_is (node, "ack") && whim_node_get_attr (node, "id") != NULL)
    g_hash_table_remove (self->waiting, whim_node_get_attr (node, "id"));
  return deliver_now (self, node);
}

/* ---- until nothing happens ------------------------------------------------------------------- */

/* The threads that read, as many as the store has: they meet, so none of them is busy with an
 * earlier query when it goes on. */
#define READERS 2u

typedef struct
{
  GMutex lock;
  GCond here;
  guint n;
} Meeting;

static gpointer
meet (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  Meeting *meeting = data;

  g_mutex_lock (&meeting->lock);
  meeting->n++;
  g_cond_broadcast (&meeting->here);
  while (meeting->n < READERS)
    g_cond_wait (&meeting->here, &meeting->lock);
  g_mutex_unlock (&meeting->lock);
  return meeting;
}

static void
met_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_assert_nonnull (whim_store_read_finish (WHIM_STORE (source), result, met_cb, NULL));
  --*(guint *)user_data;
}

static void
committed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  whim_store_commit_finish (WHIM_STORE (source), result, &error);
  g_assert_no_error (error);
  --*(guint *)user_data;
}

static void
nothing_to_do (WhimSignalContext *context, gpointer job)
{
}

static void
worked_cb (gpointer job, gpointer user_data)
{
  --*(guint *)user_data;
}

/* Once through every queue, for whatever stands in it. */
static void
go_round (World *self)
{
  guint left = READERS + 2;
  Meeting meeting = { 0 };

  for (guint i = 0; i < READERS; i++)
    whim_store_read (self->store, 1, meet, &meeting, NULL, NULL, NULL, met_cb, &left, met_cb);
  whim_store_commit_async (self->store, whim_unit_new (0), NULL, committed_cb, &left);
  whim_signal_pool_push (self->pool, 1, nothing_to_do, self, worked_cb, &left);
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static gboolean
is_busy (World *self)
{
  WhimChannel *channel = g_ptr_array_index (self->engine->channels, 0);
  WhimMessenger *messenger = channel->messenger;

  return !whim_ratchet_is_idle (messenger->ratchet) || !whim_receiver_is_idle (messenger->receiver);
}

void
world_settle (World *self)
{
  guint quiet = 0;

  for (guint round = 0; quiet < QUIET_ROUNDS; round++)
    {
      guint before = self->activity;
      WhimNode *answer;

      go_round (self);
      while ((answer = g_queue_pop_head (&self->answers)) != NULL)
        {
          deliver_now (self, answer);
          whim_node_unref (answer);
        }
      quiet = before == self->activity && !is_busy (self) ? quiet + 1 : 0;
      g_assert_cmpuint (round, <, MAX_ROUNDS);
    }
}

void
world_forget_frames (World *self)
{
  g_ptr_array_set_size (self->frames, 0);
  self->frame_bytes = 0;
}

char *
world_make_id (World *self)
{
  return g_strdup_printf ("F%06u", ++self->n_ids);
}

/* ---- our user -------------------------------------------------------------------------------- */

typedef struct
{
  World *world;
  WorldWho who;
} TextOp;

static void
text_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree TextOp *op = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = whim_engine_call_finish (WHIM_ENGINE (source), result, &error);
  char *id = NULL;

  op->world->activity++;
  if (answer == NULL || !g_variant_lookup (answer, "messageId", "s", &id))
    return;
  g_ptr_array_add (op->world->sent, id);
  g_hash_table_insert (op->world->sent_to, g_strdup (id), GUINT_TO_POINTER (op->who));
  /* it may have left before this answer */
  for (guint i = 0; i < op->world->frames->len; i++)
    if (whim_node_is (g_ptr_array_index (op->world->frames, i), "message")
        && whim_node_attr_equals (g_ptr_array_index (op->world->frames, i), "id", id))
      g_hash_table_add (op->world->waiting, g_strdup (id));
}

void
world_send_text (World *self, WorldWho who)
{
  WhimChannel *channel = g_ptr_array_index (self->engine->channels, 0);
  TextOp *op = g_new0 (TextOp, 1);

  op->world = self;
  op->who = who;
  whim_engine_call_async (self->engine, "messages.text", &self->caller,
                          g_variant_new_parsed ("{'channelId': <%s>, 'to': <%s>, 'body': <'ours'>}",
                                                channel->record->id, self->people[who].pn),
                          NULL, text_cb, op);
}

const char *
world_pick_sent (World *self, Choices *choices)
{
  return self->sent->len == 0
             ? "NEVER"
             : g_ptr_array_index (self->sent, choices_pick (choices, self->sent->len));
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
put_channel (World *self)
{
  g_autoptr (WhimChannelRecord) record = whim_channel_record_new ();
  g_autoptr (WhimCredentials) keys = whim_credentials_generate (WORLD_NOW * 1000);
  WhimUnit *unit;
  guint left = 1;
  guint8 root[WHIM_KEY_SIZE] = { 0 };

  record->number = whim_store_take_channel_number (self->store);
  record->id = g_strdup ("ch_fuzz00000000");
  record->name = g_strdup ("Fuzz");
  record->auto_connect = TRUE;
  record->created_at = WORLD_NOW - 100 * 24 * 3600;
  record->settings = g_strdup ("{\"pacing\":\"off\"}");
  keys->pn = whim_jid_new (WHIM_JID_SERVER_USER, people[WORLD_ME].pn, WORLD_OWN_DEVICE);
  keys->lid = whim_jid_new (WHIM_JID_SERVER_LID, people[WORLD_ME].lid, WORLD_OWN_DEVICE);
  keys->noise_root = g_bytes_new (root, sizeof root);
  keys->device_identity = g_bytes_new_static ("identity", 8);
  keys->push_name = g_strdup ("Whim");
  keys->prekeys_uploaded = TRUE;
  unit = whim_unit_new (record->number);
  whim_unit_put_channel (unit, record);
  whim_unit_put_credentials (unit, keys);
  for (guint who = 0; who < WORLD_N_PEOPLE; who++)
    whim_unit_put_lid_mapping (unit, people[who].lid, people[who].pn);
  whim_store_commit_async (self->store, unit, NULL, committed_cb, &left);
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
log_in (World *self)
{
  g_autoptr (Tree) success = tree_new ("success");
  g_autoptr (Tree) ib = tree_add (tree_new ("ib"), tree_set (tree_new ("offline"), "count", "0"));
  const Tree *both[2];

  both[0] = tree_jid (tree_set_int (success, "t", WORLD_NOW), "lid",
                      world_jid (self, WORLD_ME, 0, TRUE));
  both[1] = ib;
  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    {
      g_autoptr (WhimNode) node = world_encode (self, both[i], NULL, 0);

      deliver_now (self, node);
      world_settle (self);
    }
}

void
world_log_in_again (World *self)
{
  self->calm = TRUE;
  for (guint i = 0; i < 20 && !world_is_online (self); i++)
    {
      if (whim_session_get_state (world_get_session (self)) == WHIM_SESSION_LOGIN)
        log_in (self);
      else
        whim_clock_advance (self->clock, 10000);
      world_settle (self);
    }
  self->calm = FALSE;
}

World *
world_new (guint64 seed)
{
  World *self = g_new0 (World, 1);
  WhimEngineConfig config = { 0 };
  static const guint8 root[WHIM_KEY_SIZE];
  g_autoptr (GError) error = NULL;

  random_seed = seed + 88172645463325252u;
  random_world++;
  main_thread = g_thread_self ();
  whim_random_set_source (random_source);
  self->seed = seed;
  self->calm = TRUE;
  self->caller.admin = TRUE;
  self->frames = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_node_unref);
  self->unanswered = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_node_unref);
  self->stanzas = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_node_unref);
  self->sent = g_ptr_array_new_with_free_func (g_free);
  self->sent_to = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->waiting = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->readable = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->ciphers
      = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
  self->directory = g_build_filename (
      g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : g_get_tmp_dir (), "whimXXXXXX",
      NULL);
  g_assert_nonnull (g_mkdtemp (self->directory));
  self->clock = whim_clock_new_manual (WORLD_NOW * 1000);
  whim_clock_advance (self->clock, 1000);
  self->store = whim_store_open (self->directory, self->clock, &error);
  g_assert_no_error (error);
  self->pool = whim_signal_pool_new (1);
  self->context = whim_signal_context_new ();
  self->transport = fake_transport_new (sent_cb, self);
  people_up (self);
  put_channel (self);
  config.clock = self->clock;
  config.store = self->store;
  config.pool = self->pool;
  config.transport = self->transport;
  config.noise_root = root;
  config.version.primary = 2;
  config.version.secondary = 3000;
  config.version.tertiary = 1;
  self->engine = whim_engine_new (&config, &error);
  g_assert_no_error (error);
  whim_engine_start (self->engine);
  world_settle (self);
  log_in (self);
  g_assert_true (world_is_online (self));
  self->calm = FALSE;
  world_forget_frames (self);
  return self;
}

WhimSession *
world_get_session (World *self)
{
  return ((WhimChannel *)g_ptr_array_index (self->engine->channels, 0))->session;
}

gboolean
world_is_online (World *self)
{
  return whim_session_get_state (world_get_session (self)) == WHIM_SESSION_ONLINE;
}

void
world_stop (World *self)
{
  WhimNode *answer;

  whim_engine_stop (self->engine);
  /* calls that waited fail now */
  for (guint i = 0; i < QUIET_ROUNDS; i++)
    go_round (self);
  g_assert_finalize_object (self->engine);
  self->engine = NULL;
  whim_signal_pool_free (self->pool);
  whim_store_close (self->store);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  while ((answer = g_queue_pop_head (&self->answers)) != NULL)
    whim_node_unref (answer);
  g_clear_object (&self->store);
  fake_transport_free (self->transport);
  whim_clock_unref (self->clock);
  whim_signal_context_free (self->context);
  whim_random_set_source (NULL);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_unlink (child) != 0)
        remove_all (child);
    }
  g_rmdir (path);
}

void
world_free (World *self)
{
  for (guint who = 0; who < WORLD_N_PEOPLE; who++)
    {
      for (guint i = 0; i < self->people[who].n_parties; i++)
        party_clear (&self->people[who].parties[i]);
      whim_key_pair_unref (self->people[who].account);
    }
  remove_all (self->directory);
  g_free (self->directory);
  g_ptr_array_unref (self->frames);
  g_ptr_array_unref (self->unanswered);
  g_ptr_array_unref (self->stanzas);
  g_ptr_array_unref (self->sent);
  g_hash_table_unref (self->sent_to);
  g_hash_table_unref (self->waiting);
  g_hash_table_unref (self->readable);
  g_hash_table_unref (self->ciphers);
  g_free (self);
}
