/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-log.h"
#include "base/whim-reader.h"
#include "base/whim-util.h"
#include "messaging/whim-messenger-private.h"

#include <string.h>

/* Our keys at the server (dossier 1, 9.4 and 9.5).
 *
 * Rotation: the new signed prekey is on disk -> the server is told -> it is the current one, the
 * old one stays beside it. Between the first and the last step the new key stands in the store
 * under the next id: after a crash the same key is offered again, so whoever fetched it meanwhile
 * can write to us.
 *
 * Check: what the server says it has of us is compared with what we have; if it differs, keys go
 * up again, once in a login. */

#define MAX_KEY_ID 16777215u
#define DAY_MS (24 * 3600 * G_GINT64_CONSTANT (1000))
#define ROTATE_MS (27 * DAY_MS)
/* A key that was replaced is kept for two more rotations: at least 54 days. */
#define KEPT_ROTATIONS 2u
#define ALL_PREKEYS 812u

struct _WhimKeyKeeper
{
  WhimMessenger *messenger;
  guint timer;
  gboolean busy;
  gboolean check_wanted;
  gint64 not_before_ms; /* monotonic: the server refused; again after a day */
  guint32 login;        /* the login of @renewed */
  gboolean renewed;
};

typedef struct
{
  WhimMessenger *messenger;
  guint32 id; /* the next one */
  WhimKeyPair *pair;
  gint64 made_at;
  guint8 signature[WHIM_SIGNATURE_SIZE];
  GBytes *record;

  /* check */
  WhimNode *answer; /* holds the bytes below */
  GPtrArray *rows;  /* of WhimSignalRow: the listed prekeys */
  const guint8 *digest;
  gsize digest_len;
  guint8 identity[WHIM_KEY_SIZE];
  guint8 current[WHIM_KEY_SIZE];
  guint8 current_signature[WHIM_SIGNATURE_SIZE];
  gboolean equal;
} KeeperOp;

static void keeper_look (WhimKeyKeeper *self);

WhimKeyKeeper *
whim_key_keeper_new (WhimMessenger *messenger)
{
  WhimKeyKeeper *self = g_new0 (WhimKeyKeeper, 1);

  self->messenger = messenger;
  return self;
}

void
whim_key_keeper_stop (WhimKeyKeeper *self)
{
  whim_clock_clear_timer (self->messenger->clock, &self->timer);
  self->check_wanted = FALSE;
}

void
whim_key_keeper_free (WhimKeyKeeper *self)
{
  whim_key_keeper_stop (self);
  g_free (self);
}

static guint32
id_after (guint32 id, guint steps)
{
  return (id - 1 + steps) % MAX_KEY_ID + 1;
}

static KeeperOp *
keeper_op_new (WhimKeyKeeper *self)
{
  KeeperOp *op = g_new0 (KeeperOp, 1);

  op->messenger = whim_messenger_ref (self->messenger);
  op->id = id_after (whim_messenger_get_keys (self->messenger)->signed_prekey_id, 1);
  self->busy = TRUE;
  /* an upload carries the signed prekey too: none may pass by a rotation */
  self->messenger->uploading_prekeys = TRUE;
  return op;
}

static void
keeper_op_end (KeeperOp *op)
{
  g_autoptr (WhimMessenger) messenger = op->messenger;
  WhimKeyKeeper *self = messenger->key_keeper;
  gboolean refill = messenger->refill_wanted;

  self->busy = FALSE;
  messenger->uploading_prekeys = FALSE;
  messenger->refill_wanted = FALSE;
  g_clear_pointer (&op->pair, whim_key_pair_unref);
  g_clear_pointer (&op->record, g_bytes_unref);
  g_clear_pointer (&op->answer, whim_node_unref);
  g_clear_pointer (&op->rows, g_ptr_array_unref);
  g_free (op);
  if (!whim_messenger_is_open (messenger))
    return;
  if (refill && whim_session_can_send (messenger->session))
    whim_messenger_upload_prekeys (messenger, WHIM_PREKEYS_REFILL, NULL, NULL);
  keeper_look (self);
}

static gboolean
keeper_can_go_on (WhimMessenger *messenger)
{
  const WhimCredentials *keys = whim_messenger_get_keys (messenger);

  return keys != NULL && whim_credentials_is_paired (keys)
         && whim_session_can_send (messenger->session);
}

static void
put_signed_prekey (WhimUnit *unit, guint32 id, GBytes *record)
{
  g_autoptr (GPtrArray) changes
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_change_free);
  WhimSignalChange *change = g_new0 (WhimSignalChange, 1);

  change->kind = WHIM_SIGNAL_KIND_SIGNED_PREKEY;
  change->key = g_strdup_printf ("%u", id);
  change->record = record == NULL ? NULL : g_bytes_ref (record);
  g_ptr_array_add (changes, change);
  whim_unit_put_signal_changes (unit, changes);
}

/* ---- rotation -------------------------------------------------------------------------------- */

static void
rotate_adopted (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  if (ok)
    (void)WHIM_FAILPOINT ("rotate.after-adopt-commit");
  keeper_op_end (data);
}

/* The server has the new key: it is the current one. */
static void
rotate_adopt (KeeperOp *op)
{
  WhimMessenger *messenger = op->messenger;
  const WhimCredentials *keys = whim_messenger_get_keys (messenger);
  g_autoptr (WhimSignalContext) context = whim_signal_context_new ();
  g_autoptr (WhimSignalPrekey) old
      = whim_signal_make_signed_prekey (context, keys->signed_prekey, keys->signed_prekey_id,
                                        keys->signed_prekey_made_at, keys->signed_prekey_signature);
  WhimUnit *unit = whim_messenger_new_unit (messenger);

  put_signed_prekey (unit, old->id, old->record);
  put_signed_prekey (unit, id_after (old->id, MAX_KEY_ID - KEPT_ROTATIONS), NULL);
  whim_session_set_signed_prekey (messenger->session, op->id, op->pair, op->made_at, op->signature);
  whim_unit_put_credentials (unit, whim_messenger_get_keys (messenger));
  (void)WHIM_FAILPOINT ("rotate.before-adopt-commit");
  whim_messenger_commit (messenger, unit, rotate_adopted, op);
}

static void
rotate_dropped (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  keeper_op_end (data);
}

static void
rotate_refused (KeeperOp *op, const GError *error)
{
  WhimMessenger *messenger = op->messenger;
  WhimKeyKeeper *self = messenger->key_keeper;
  gint64 code = 0;

  if (g_error_matches (error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_REFUSED))
    code = g_ascii_strtoll (error->message, NULL, 10);
  g_info ("%s: the new signed prekey was not taken: %s", whim_log_id (messenger->channel_id),
          error->message);
  if (code != 0)
    self->not_before_ms = whim_clock_get_monotonic_ms (messenger->clock) + DAY_MS;
  if (code == 409)
    self->check_wanted = TRUE;
  if (code == 406)
    {
      /* this key will never do: another one next time */
      WhimUnit *unit = whim_messenger_new_unit (messenger);

      put_signed_prekey (unit, op->id, NULL);
      whim_messenger_commit (messenger, unit, rotate_dropped, op);
      return;
    }
  keeper_op_end (op);
}

static void
rotate_answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  KeeperOp *op = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, &error);

  if (!keeper_can_go_on (op->messenger))
    keeper_op_end (op); /* offered again at the next login, the same key */
  else if (answer == NULL)
    rotate_refused (op, error);
  else
    rotate_adopt (op);
}

static void
rotate_committed (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  KeeperOp *op = data;
  WhimNodeBuilder *iq;
  WhimNodeBuilder *rotate;

  if (ok)
    (void)WHIM_FAILPOINT ("rotate.after-commit");
  if (!ok || !keeper_can_go_on (messenger))
    {
      keeper_op_end (op);
      return;
    }
  iq = whim_session_make_request (messenger->session, "set", "encrypt");
  rotate = whim_node_builder_new ("rotate");
  whim_node_builder_child (
      rotate,
      whim_messenger_make_key ("skey", op->id, whim_key_pair_get_public (op->pair), op->signature));
  whim_node_builder_child (iq, whim_node_builder_end (rotate));
  whim_session_request_async (messenger->session, whim_node_builder_end (iq), NULL,
                              rotate_answered_cb, op);
}

/* Takes the key that an earlier attempt left in the store. */
static gboolean
take_pending (KeeperOp *op, GPtrArray *rows)
{
  for (guint i = 0; i < rows->len; i++)
    {
      WhimSignalRow *row = g_ptr_array_index (rows, i);
      g_autoptr (WhimSignalContext) context = NULL;

      if (row->kind != WHIM_SIGNAL_KIND_SIGNED_PREKEY || row->record == NULL)
        continue;
      context = whim_signal_context_new ();
      if (!whim_signal_signed_prekey_record_get (context, row->record, &op->pair, &op->made_at,
                                                 op->signature))
        return FALSE;
      op->record = g_bytes_ref (row->record);
      return TRUE;
    }
  return FALSE;
}

static void
make_signed_prekey (KeeperOp *op)
{
  const WhimCredentials *keys = whim_messenger_get_keys (op->messenger);
  g_autoptr (WhimSignalContext) context = whim_signal_context_new ();
  g_autoptr (WhimSignalPrekey) key = NULL;
  guint8 typed[WHIM_KEY_SIZE + 1] = { 0x05 };

  op->pair = whim_key_pair_new ();
  op->made_at = whim_clock_get_unix_ms (op->messenger->clock);
  whim_copy (typed + 1, whim_key_pair_get_public (op->pair), WHIM_KEY_SIZE);
  whim_xeddsa_sign (keys->identity, typed, sizeof typed, op->signature);
  key = whim_signal_make_signed_prekey (context, op->pair, op->id, op->made_at, op->signature);
  op->record = g_bytes_ref (key->record);
}

static void
rotate_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  KeeperOp *op = user_data;
  g_autoptr (GPtrArray) rows = whim_store_load_signal_finish (WHIM_STORE (source), result, NULL);
  WhimUnit *unit;

  if (rows == NULL || !keeper_can_go_on (op->messenger))
    {
      keeper_op_end (op);
      return;
    }
  unit = whim_messenger_new_unit (op->messenger);
  if (!take_pending (op, rows))
    {
      make_signed_prekey (op);
      put_signed_prekey (unit, op->id, op->record);
    }
  whim_messenger_commit (op->messenger, unit, rotate_committed, op);
}

static void
want_next (KeeperOp *op, GPtrArray *wanted)
{
  g_autofree char *key = g_strdup_printf ("%u", op->id);

  whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_SIGNED_PREKEY, key);
}

static void
rotate_start (WhimKeyKeeper *self)
{
  KeeperOp *op = keeper_op_new (self);
  GPtrArray *wanted = whim_ratchet_wanted_new ();

  want_next (op, wanted);
  whim_store_load_signal_async (op->messenger->store, op->messenger->channel_number, wanted, NULL,
                                rotate_loaded_cb, op);
}

/* ---- check ----------------------------------------------------------------------------------- */

/* Keys go up again: at most once in a login, whatever the server says. */
static void
check_renew (KeeperOp *op, guint n)
{
  g_autoptr (WhimMessenger) messenger = whim_messenger_ref (op->messenger);
  WhimKeyKeeper *self = messenger->key_keeper;
  gboolean again = !self->renewed;

  self->renewed = TRUE;
  keeper_op_end (op);
  if (again && keeper_can_go_on (messenger))
    {
      g_info ("%s: the server has other keys of us; they go up again",
              whim_log_id (messenger->channel_id));
      whim_messenger_upload_prekeys (messenger, n, NULL, NULL);
    }
}

/* On the worker. */
static void
check_work (WhimSignalContext *context, gpointer job)
{
  KeeperOp *op = job;
  g_autoptr (GByteArray) prekeys = g_byte_array_new ();
  guint8 digest[WHIM_KEYS_DIGEST_SIZE];

  for (guint i = 0; i < op->rows->len; i++)
    {
      const WhimSignalRow *row = g_ptr_array_index (op->rows, i);
      guint8 key[WHIM_KEY_SIZE];

      if (row->kind != WHIM_SIGNAL_KIND_PREKEY)
        continue;
      if (row->record == NULL || !whim_signal_prekey_record_get_public (context, row->record, key))
        return; /* one that we do not have any more */
      g_byte_array_append (prekeys, key, sizeof key);
    }
  whim_signal_digest_keys (op->identity, op->current, op->current_signature, prekeys->data,
                           prekeys->len / WHIM_KEY_SIZE, digest);
  op->equal = memcmp (digest, op->digest, op->digest_len) == 0;
}

static void
check_worked (gpointer job, gpointer user_data)
{
  KeeperOp *op = job;

  if (op->equal)
    keeper_op_end (op);
  else
    check_renew (op, WHIM_PREKEYS_REFILL);
}

static const guint8 *
child_bytes (WhimNode *parent, const char *tag, gsize expected)
{
  WhimNode *node = parent == NULL ? NULL : whim_node_find_child (parent, tag);
  gsize len = 0;
  const guint8 *bytes = node == NULL ? NULL : whim_node_get_content (node, &len);

  return len == expected ? bytes : NULL;
}

static gboolean
bytes_are (const guint8 *bytes, gconstpointer wanted, gsize len)
{
  return bytes != NULL && memcmp (bytes, wanted, len) == 0;
}

/* Registration id, identity and signed prekey; the rest is in the hash. @pair is a signed prekey
 * that the server may have. */
static gboolean
is_our_key (WhimNode *digest, guint32 id, WhimKeyPair *pair, const guint8 *signature)
{
  WhimNode *skey = whim_node_find_child (digest, "skey");
  const guint8 *bytes = child_bytes (skey, "id", 3);

  return bytes != NULL && whim_read_u24_be (bytes) == id
         && bytes_are (child_bytes (skey, "value", WHIM_KEY_SIZE), whim_key_pair_get_public (pair),
                       WHIM_KEY_SIZE)
         && bytes_are (child_bytes (skey, "signature", WHIM_SIGNATURE_SIZE), signature,
                       WHIM_SIGNATURE_SIZE);
}

static gboolean
is_our_account (WhimNode *digest, const WhimCredentials *keys)
{
  const guint8 *registration = child_bytes (digest, "registration", 4);

  return registration != NULL && whim_read_u32_be (registration) == keys->registration_id
         && bytes_are (child_bytes (digest, "identity", WHIM_KEY_SIZE),
                       whim_key_pair_get_public (keys->identity), WHIM_KEY_SIZE);
}

static void
check_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  KeeperOp *op = user_data;
  WhimMessenger *messenger = op->messenger;
  const WhimCredentials *keys = whim_messenger_get_keys (messenger);
  WhimNode *digest = whim_node_find_child (op->answer, "digest");

  op->rows = whim_store_load_signal_finish (WHIM_STORE (source), result, NULL);
  if (op->rows == NULL || !keeper_can_go_on (messenger))
    {
      keeper_op_end (op);
      return;
    }
  if (is_our_account (digest, keys) && take_pending (op, op->rows)
      && is_our_key (digest, op->id, op->pair, op->signature))
    {
      rotate_adopt (op); /* the answer to our rotation was lost */
      return;
    }
  if (!is_our_account (digest, keys)
      || !is_our_key (digest, keys->signed_prekey_id, keys->signed_prekey,
                      keys->signed_prekey_signature))
    {
      check_renew (op, WHIM_PREKEYS_REFILL);
      return;
    }
  whim_copy (op->identity, whim_key_pair_get_public (keys->identity), WHIM_KEY_SIZE);
  whim_copy (op->current, whim_key_pair_get_public (keys->signed_prekey), WHIM_KEY_SIZE);
  whim_copy (op->current_signature, keys->signed_prekey_signature, WHIM_SIGNATURE_SIZE);
  whim_signal_pool_push (messenger->pool, (guint)messenger->channel_number, check_work, op,
                         check_worked, NULL);
}

GPtrArray *
whim_key_keeper_parse_digest (WhimNode *answer, const guint8 **hash, gsize *hash_len)
{
  WhimNode *digest = whim_node_find_child (answer, "digest");
  WhimNode *list = digest == NULL ? NULL : whim_node_find_child (digest, "list");
  WhimNode *hash_node = digest == NULL ? NULL : whim_node_find_child (digest, "hash");
  g_autoptr (GPtrArray) wanted = whim_ratchet_wanted_new ();

  if (list == NULL || hash_node == NULL || whim_node_get_n_children (list) > WHIM_LIMIT_PREKEYS)
    return NULL;
  *hash = whim_node_get_content (hash_node, hash_len);
  if (*hash == NULL || *hash_len == 0 || *hash_len > WHIM_KEYS_DIGEST_SIZE)
    return NULL;
  WHIM_FOREACH_CHILD (list, id)
    {
      gsize len = 0;
      const guint8 *bytes = whim_node_get_content (id, &len);
      g_autofree char *key = NULL;

      if (bytes == NULL || len != 3)
        return NULL;
      key = g_strdup_printf ("%u", whim_read_u24_be (bytes));
      whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_PREKEY, key);
    }
  return g_steal_pointer (&wanted);
}

static void
check_answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  KeeperOp *op = user_data;
  WhimMessenger *messenger = op->messenger;
  g_autoptr (GError) error = NULL;
  GPtrArray *wanted;

  op->answer = whim_session_request_finish (NULL, result, &error);
  if (!keeper_can_go_on (messenger))
    {
      keeper_op_end (op);
      return;
    }
  if (op->answer == NULL)
    {
      if (g_error_matches (error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_REFUSED)
          && g_str_equal (error->message, "404"))
        check_renew (op, ALL_PREKEYS);
      else
        keeper_op_end (op);
      return;
    }
  wanted = whim_key_keeper_parse_digest (op->answer, &op->digest, &op->digest_len);
  if (wanted == NULL)
    {
      check_renew (op, WHIM_PREKEYS_REFILL);
      return;
    }
  want_next (op, wanted);
  whim_store_load_signal_async (messenger->store, messenger->channel_number, wanted, NULL,
                                check_loaded_cb, op);
}

static void
check_start (WhimKeyKeeper *self)
{
  KeeperOp *op = keeper_op_new (self);
  WhimNodeBuilder *iq = whim_session_make_request (op->messenger->session, "get", "encrypt");

  self->check_wanted = FALSE;
  whim_node_builder_child (iq, whim_node_builder_end (whim_node_builder_new ("digest")));
  whim_session_request_async (op->messenger->session, whim_node_builder_end (iq), NULL,
                              check_answered_cb, op);
}

/* ---- when ------------------------------------------------------------------------------------ */

static void
keeper_timer_cb (gpointer user_data)
{
  WhimKeyKeeper *self = user_data;

  self->timer = 0;
  keeper_look (self);
}

/* Starts what is due, or arms the timer. While anything runs, its end looks again. */
static void
keeper_look (WhimKeyKeeper *self)
{
  WhimMessenger *messenger = self->messenger;
  const WhimCredentials *keys = whim_messenger_get_keys (messenger);
  gint64 wait;

  if (self->busy || messenger->uploading_prekeys || !keeper_can_go_on (messenger)
      || whim_session_get_state (messenger->session) != WHIM_SESSION_ONLINE)
    return;
  whim_clock_clear_timer (messenger->clock, &self->timer);
  if (self->check_wanted)
    {
      check_start (self);
      return;
    }
  wait = MAX (keys->signed_prekey_made_at + ROTATE_MS - whim_clock_get_unix_ms (messenger->clock),
              self->not_before_ms - whim_clock_get_monotonic_ms (messenger->clock));
  if (wait <= 0)
    rotate_start (self);
  else
    self->timer = whim_clock_add_timer (messenger->clock, wait, keeper_timer_cb, self);
}

void
whim_key_keeper_session_changed (WhimKeyKeeper *self)
{
  const WhimCredentials *keys = whim_messenger_get_keys (self->messenger);

  if (keys != NULL && keys->login_count != self->login)
    {
      self->login = keys->login_count;
      self->renewed = FALSE;
    }
  if (keys != NULL && whim_session_get_state (self->messenger->session) == WHIM_SESSION_ONLINE)
    keeper_look (self);
  else
    whim_clock_clear_timer (self->messenger->clock, &self->timer);
}

void
whim_key_keeper_check (WhimKeyKeeper *self)
{
  self->check_wanted = TRUE;
  keeper_look (self);
}
