/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-log.h"
#include "base/whim-writer.h"
#include "messaging/whim-messenger-private.h"

/* What arrived and could not be read (dossier 2, 6.9), one after another:
 *
 *   how often was it asked for? -> keys for the sender, if he needs them -> count, placeholder and
 *   keys committed -> retry receipt -> ack
 *
 * The count is on disk before the receipt leaves, so a restart cannot start a loop. After the last
 * receipt, and when nothing came for a while, the journal is told. */

#define MAX_COUNT 4u
/* From the second time on the sender gets keys to make a session with. */
#define KEYS_COUNT 2u
#define HOUR_S 3600
#define HOPE_MS 120000
/* Our phone is asked in parallel: a while after the first failure, in which the sender may have
 * answered; a moment after a message that never was here, so that several go in one request. */
#define ASK_MS 5000
#define GATHER_MS 200
#define MAX_REQUEST_KEYS 32u

typedef struct
{
  WhimMessenger *messenger;
  WhimUnread *unread;
  WhimUnreadDone done;
  gpointer data;
  guint32 prekey_id; /* 0: no keys */
  GPtrArray *prekeys;
} AskOp;

/* Asked for, and not here yet. */
typedef struct
{
  WhimRepair *key; /* its request: what we asked the phone for it with, in this login */
  gint64 since_ms;
  gint64 ask_at_ms; /* 0: the phone is not to be asked, or was */
} Waiting;

struct _WhimRepairer
{
  WhimMessenger *messenger;
  GQueue queue; /* of AskOp; the head is running */
  gboolean running;
  GHashTable *waiting; /* text of the key -> Waiting */
  guint timer;
};

static void repairer_next (WhimRepairer *self);
static void repairer_arm (WhimRepairer *self);

static void
unread_free (WhimUnread *self)
{
  whim_node_unref (self->node);
  whim_repair_free (self->key);
  whim_message_free (self->placeholder);
  g_free (self);
}

static void
waiting_free (gpointer data)
{
  Waiting *waiting = data;

  whim_repair_free (waiting->key);
  g_free (waiting);
}

static char *
key_text (const WhimRepair *key)
{
  return g_strjoin ("\n", key->chat, key->sender, key->id, NULL);
}

WhimRepairer *
whim_repairer_new (WhimMessenger *messenger)
{
  WhimRepairer *self = g_new0 (WhimRepairer, 1);

  self->messenger = messenger;
  g_queue_init (&self->queue);
  self->waiting = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, waiting_free);
  return self;
}

static void
ask_op_end (AskOp *op)
{
  g_autoptr (WhimMessenger) messenger = op->messenger;

  op->done (messenger, op->data);
  unread_free (op->unread);
  g_clear_pointer (&op->prekeys, g_ptr_array_unref);
  g_free (op);
}

void
whim_repairer_discard (WhimRepairer *self)
{
  AskOp *head = self->running ? g_queue_pop_head (&self->queue) : NULL;
  AskOp *op;

  while ((op = g_queue_pop_head (&self->queue)) != NULL)
    ask_op_end (op);
  if (head != NULL)
    g_queue_push_head (&self->queue, head); /* its callback takes it */
  g_hash_table_remove_all (self->waiting);
  whim_clock_clear_timer (self->messenger->clock, &self->timer);
}

void
whim_repairer_free (WhimRepairer *self)
{
  whim_repairer_discard (self);
  g_hash_table_unref (self->waiting);
  g_free (self);
}

/* ---- waiting --------------------------------------------------------------------------------- */

gboolean
whim_repairer_is_waiting (WhimRepairer *self, const WhimRepair *key)
{
  g_autofree char *text = key_text (key);

  return g_hash_table_contains (self->waiting, text);
}

void
whim_repairer_forget (WhimRepairer *self, const WhimRepair *key)
{
  g_autofree char *text = key_text (key);

  g_hash_table_remove (self->waiting, text);
}

/* @ask_in_ms: the phone is asked after that time, unless it was; negative: not at all */
static void
repairer_wait (WhimRepairer *self, const WhimRepair *key, gint64 ask_in_ms)
{
  gint64 now = whim_clock_get_monotonic_ms (self->messenger->clock);
  char *text = key_text (key);
  Waiting *waiting = g_hash_table_lookup (self->waiting, text);

  if (waiting == NULL && g_hash_table_size (self->waiting) >= WHIM_LIMIT_REPAIRS)
    {
      g_free (text);
      return; /* it stands in the store, and is found at the next login */
    }
  if (waiting == NULL)
    {
      waiting = g_new0 (Waiting, 1);
      waiting->key = whim_repair_new (key->chat, key->sender, key->id, key->first_at);
      waiting->ask_at_ms = ask_in_ms < 0 ? 0 : now + ask_in_ms;
      g_hash_table_insert (self->waiting, g_steal_pointer (&text), waiting);
    }
  else if (waiting->ask_at_ms != 0 && ask_in_ms >= 0)
    waiting->ask_at_ms = MIN (waiting->ask_at_ms, now + ask_in_ms);
  waiting->since_ms = now;
  g_free (text);
  repairer_arm (self);
}

void
whim_repairer_expect (WhimRepairer *self, const WhimRepair *key)
{
  repairer_wait (self, key, GATHER_MS);
}

void
whim_repairer_answered (WhimRepairer *self, const char *request, const char *id)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->waiting);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Waiting *waiting = value;

      if (g_strcmp0 (waiting->key->request, request) == 0 && g_strcmp0 (waiting->key->id, id) == 0)
        g_hash_table_iter_remove (&iter);
    }
}

/* ---- the phone (dossier 2, 6.8) ----------------------------------------------------------------
 */

static void
phone_asked (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  g_autoptr (GPtrArray) keys = data;

  /* Otherwise the link is gone, and they are asked for after the next login; or the phone has no
   * keys, and hope ends by itself. */
  if (!ok)
    g_info ("%s: the phone could not be asked for %u messages", whim_log_id (messenger->channel_id),
            keys->len);
}

/* The author of what @sender sent to @chat, from our view; NULL: it is clear from the chat. */
static char *
dup_participant (WhimJid *chat, WhimJid *sender)
{
  g_autoptr (WhimJid) bare = NULL;

  if (whim_jid_is_user (chat))
    return NULL;
  bare = whim_jid_to_bare (sender);
  return g_strdup (whim_jid_get_text (bare));
}

static void
repairer_ask_phone (WhimRepairer *self, GPtrArray *keys)
{
  WhimMessenger *messenger = self->messenger;
  const WhimCredentials *own = whim_messenger_get_keys (messenger);
  WhimUnit *unit = whim_messenger_new_unit (messenger);
  g_autofree char *id
      = whim_message_id_new (whim_clock_get_unix (messenger->clock), whim_jid_get_user (own->pn));
  g_autofree WhimContentKey *wanted = g_new0 (WhimContentKey, keys->len);
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GBytes) content = NULL;

  for (guint i = 0; i < keys->len; i++)
    {
      WhimRepair *key = g_ptr_array_index (keys, i);
      g_autoptr (WhimJid) chat = whim_jid_parse (key->chat, NULL);
      g_autoptr (WhimJid) sender = whim_jid_parse (key->sender, NULL);
      gboolean known = chat != NULL && sender != NULL;

      wanted[i].chat = key->chat;
      wanted[i].id = key->id;
      wanted[i].from_me = known && whim_messenger_is_own (messenger, sender);
      if (known && !wanted[i].from_me)
        {
          char *participant = dup_participant (chat, sender);

          wanted[i].participant = participant;
          g_ptr_array_add (texts, participant);
        }
      g_free (key->request);
      key->request = g_strdup (id);
      whim_unit_put_repair (unit, key);
    }
  content = whim_content_make_placeholder_request (wanted, keys->len);
  whim_peer_send (messenger, id, content, unit, phone_asked, g_ptr_array_ref (keys));
}

/* Takes at most @room of those that are due. */
static GPtrArray *
take_due (WhimRepairer *self, gint64 now, guint room)
{
  GPtrArray *keys = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_repair_free);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->waiting);
  while (keys->len < MIN (room, MAX_REQUEST_KEYS) && g_hash_table_iter_next (&iter, NULL, &value))
    {
      Waiting *waiting = value;
      WhimRepair *key;

      if (waiting->ask_at_ms == 0 || waiting->ask_at_ms > now)
        continue;
      waiting->ask_at_ms = 0;
      key = whim_repair_new (waiting->key->chat, waiting->key->sender, waiting->key->id,
                             waiting->key->first_at);
      key->asked_at = whim_clock_get_unix (self->messenger->clock);
      g_ptr_array_add (keys, key);
    }
  return keys;
}

static guint
count_asked (WhimRepairer *self)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  g_hash_table_iter_init (&iter, self->waiting);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    n += ((Waiting *)value)->key->request != NULL ? 1 : 0;
  return n;
}

static void
repairer_ask_due (WhimRepairer *self, gint64 now)
{
  guint asked = count_asked (self);

  while (asked < WHIM_LIMIT_PHONE_REQUESTS)
    {
      g_autoptr (GPtrArray) keys = take_due (self, now, WHIM_LIMIT_PHONE_REQUESTS - asked);

      if (keys->len == 0)
        return;
      repairer_ask_phone (self, keys);
      for (guint i = 0; i < keys->len; i++)
        {
          const WhimRepair *key = g_ptr_array_index (keys, i);
          g_autofree char *text = key_text (key);
          Waiting *waiting = g_hash_table_lookup (self->waiting, text);

          if (waiting != NULL)
            waiting->key->request = g_strdup (key->request);
        }
      asked += keys->len;
    }
}

/* ---- the end of hope ---------------------------------------------------------------------------
 */

/* Nothing came: whoever listens is told that there is something that cannot be read. */
static void
repairer_tell_due (WhimRepairer *self, gint64 now)
{
  WhimMessenger *messenger = self->messenger;
  WhimUnit *unit = whim_messenger_new_unit (messenger);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->waiting);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Waiting *waiting = value;

      if (now - waiting->since_ms < HOPE_MS)
        continue;
      whim_unit_tell_repair (unit, messenger->channel_id, waiting->key);
      g_hash_table_iter_remove (&iter);
    }
  if (whim_unit_is_empty (unit))
    whim_unit_free (unit);
  else
    whim_messenger_commit (messenger, unit, NULL, NULL);
}

static void
repairer_timer_cb (gpointer user_data)
{
  WhimRepairer *self = user_data;
  WhimMessenger *messenger = self->messenger;
  gint64 now = whim_clock_get_monotonic_ms (messenger->clock);

  self->timer = 0;
  repairer_tell_due (self, now);
  if (whim_messenger_get_keys (messenger) != NULL && whim_session_can_send (messenger->session))
    repairer_ask_due (self, now);
  repairer_arm (self);
}

/* To the next moment at which something is to be done. */
static void
repairer_arm (WhimRepairer *self)
{
  gint64 now = whim_clock_get_monotonic_ms (self->messenger->clock);
  gboolean room = count_asked (self) < WHIM_LIMIT_PHONE_REQUESTS;
  gint64 next = G_MAXINT64;
  GHashTableIter iter;
  gpointer value;

  whim_clock_clear_timer (self->messenger->clock, &self->timer);
  g_hash_table_iter_init (&iter, self->waiting);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Waiting *waiting = value;

      next = MIN (next, waiting->since_ms + HOPE_MS);
      if (waiting->ask_at_ms != 0 && room)
        next = MIN (next, waiting->ask_at_ms);
    }
  if (next != G_MAXINT64)
    self->timer = whim_clock_add_timer (self->messenger->clock, MAX (next - now, 1),
                                        repairer_timer_cb, self);
}

/* Not what the phone itself says about the account. */
static gboolean
phone_may_know (WhimMessenger *messenger, const WhimRepair *key)
{
  g_autoptr (WhimJid) chat = whim_jid_parse (key->chat, NULL);

  return chat != NULL && !whim_messenger_is_own (messenger, chat);
}

static void
repairs_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimMessenger) messenger = user_data;
  g_autoptr (GPtrArray) repairs
      = whim_store_list_repairs_finish (WHIM_STORE (source), result, NULL);

  if (!whim_messenger_is_open (messenger) || !whim_session_can_send (messenger->session))
    return;
  for (guint i = 0; repairs != NULL && i < repairs->len; i++)
    {
      const WhimRepair *repair = g_ptr_array_index (repairs, i);

      if (!whim_repairer_is_waiting (messenger->repairer, repair))
        repairer_wait (messenger->repairer, repair,
                       phone_may_know (messenger, repair) ? ASK_MS : -1);
    }
}

void
whim_repairer_resume (WhimRepairer *self)
{
  whim_store_list_repairs_async (self->messenger->store, self->messenger->channel_number,
                                 WHIM_LIMIT_REPAIRS, NULL, repairs_listed_cb,
                                 whim_messenger_ref (self->messenger));
}

/* ---- the receipt ----------------------------------------------------------------------------- */

static WhimNode *
make_keys (AskOp *op)
{
  const WhimCredentials *keys = whim_messenger_get_keys (op->messenger);
  const WhimSignalPrekey *prekey = g_ptr_array_index (op->prekeys, 0);
  WhimNodeBuilder *builder = whim_node_builder_new ("keys");

  whim_node_builder_child (builder, whim_messenger_make_leaf ("type", "\5", 1));
  whim_node_builder_child (
      builder, whim_messenger_make_leaf ("identity", whim_key_pair_get_public (keys->identity),
                                         WHIM_KEY_SIZE));
  whim_node_builder_child (builder,
                           whim_messenger_make_key ("key", prekey->id, prekey->public_key, NULL));
  whim_node_builder_child (builder,
                           whim_messenger_make_key ("skey", keys->signed_prekey_id,
                                                    whim_key_pair_get_public (keys->signed_prekey),
                                                    keys->signed_prekey_signature));
  if (keys->device_identity != NULL)
    whim_node_builder_child (
        builder,
        whim_messenger_make_leaf ("device-identity", g_bytes_get_data (keys->device_identity, NULL),
                                  g_bytes_get_size (keys->device_identity)));
  return whim_node_builder_end (builder);
}

static WhimNode *
make_receipt (AskOp *op)
{
  const WhimCredentials *keys = whim_messenger_get_keys (op->messenger);
  WhimNode *node = op->unread->node;
  WhimNodeBuilder *builder = whim_node_builder_new ("receipt");
  WhimNodeBuilder *retry = whim_node_builder_new ("retry");
  guint8 registration[4];

  whim_node_builder_attr (builder, "id", whim_node_get_attr (node, "id"));
  whim_node_builder_attr_jid (builder, "to", whim_node_get_attr_jid (node, "from"));
  whim_node_builder_attr (builder, "type", "retry");
  whim_node_builder_attr_jid (builder, "participant", whim_node_get_attr_jid (node, "participant"));
  whim_node_builder_attr_jid (builder, "recipient", whim_node_get_attr_jid (node, "recipient"));
  whim_node_builder_attr (builder, "category", op->unread->peer ? "peer" : NULL);
  whim_node_builder_attr (retry, "v", "1");
  whim_node_builder_attr_int (retry, "count", op->unread->key->count);
  whim_node_builder_attr (retry, "id", whim_node_get_attr (node, "id"));
  whim_node_builder_attr (retry, "t", whim_node_get_attr (node, "t"));
  if (op->unread->code != 0)
    whim_node_builder_attr_int (retry, "error", op->unread->code);
  whim_node_builder_child (builder, whim_node_builder_end (retry));
  whim_write_u32_be (registration, keys->registration_id);
  whim_node_builder_child (
      builder, whim_messenger_make_leaf ("registration", registration, sizeof registration));
  if (op->prekeys != NULL)
    whim_node_builder_child (builder, make_keys (op));
  return whim_node_builder_end (builder);
}

static gboolean
ask_can_go_on (AskOp *op)
{
  return whim_messenger_is_open (op->messenger) && whim_messenger_get_keys (op->messenger) != NULL
         && whim_session_can_send (op->messenger->session);
}

static void
ask_op_next (AskOp *op)
{
  WhimRepairer *self = op->messenger->repairer;
  g_autoptr (WhimMessenger) messenger = whim_messenger_ref (op->messenger);

  g_assert (g_queue_pop_head (&self->queue) == op);
  self->running = FALSE;
  ask_op_end (op);
  repairer_next (self);
}

static void
asked_committed (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  AskOp *op = data;

  if (ok)
    (void)WHIM_FAILPOINT ("retry.after-commit");
  if (ok && ask_can_go_on (op))
    {
      if (op->unread->key->count <= MAX_COUNT)
        {
          g_autoptr (WhimNode) receipt = make_receipt (op);

          whim_session_send (messenger->session, receipt);
          repairer_wait (messenger->repairer, op->unread->key, op->unread->ask_phone ? ASK_MS : -1);
          (void)WHIM_FAILPOINT ("retry.after-receipt");
        }
      else if (op->unread->ask_phone)
        repairer_wait (messenger->repairer, op->unread->key, 0); /* only the phone is left */
      else
        whim_repairer_forget (messenger->repairer, op->unread->key);
      /* the receipt alone does not consume it: it would come again with every login */
      whim_session_ack (messenger->session, op->unread->node, 0);
    }
  ask_op_next (op);
}

static void
put_prekey (AskOp *op, WhimUnit *unit)
{
  g_autoptr (GPtrArray) changes
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_change_free);
  const WhimSignalPrekey *prekey = g_ptr_array_index (op->prekeys, 0);
  WhimSignalChange *change = g_new0 (WhimSignalChange, 1);

  change->kind = WHIM_SIGNAL_KIND_PREKEY;
  change->key = g_strdup_printf ("%u", prekey->id);
  change->record = g_bytes_ref (prekey->record);
  g_ptr_array_add (changes, change);
  whim_unit_put_signal_changes (unit, changes);
  /* it is given to one device: never to be offered by the server as well */
  whim_unit_mark_prekeys_uploaded (unit, prekey->id, prekey->id);
  whim_unit_put_credentials (unit, whim_messenger_get_keys (op->messenger));
}

static void
ask_commit (AskOp *op)
{
  WhimMessenger *messenger = op->messenger;
  const WhimUnread *unread = op->unread;
  WhimUnit *unit = whim_messenger_new_unit (messenger);

  whim_unit_put_repair (unit, unread->key);
  if (unread->placeholder != NULL)
    whim_unit_put_message (unit, unread->placeholder, NULL);
  if (op->prekeys != NULL)
    put_prekey (op, unit);
  if (unread->key->count > MAX_COUNT)
    {
      g_info ("%s: a message cannot be read", whim_log_id (messenger->channel_id));
      whim_unit_tell_repair (unit, messenger->channel_id, unread->key);
    }
  (void)WHIM_FAILPOINT ("retry.before-commit");
  whim_messenger_commit (messenger, unit, asked_committed, op);
}

/* ---- keys for the sender ----------------------------------------------------------------------
 */

static void
prekey_work (WhimSignalContext *context, gpointer job)
{
  AskOp *op = job;

  op->prekeys = whim_signal_generate_prekeys (context, op->prekey_id, 1);
}

static void
prekey_made (gpointer job, gpointer user_data)
{
  AskOp *op = job;

  if (ask_can_go_on (op))
    ask_commit (op);
  else
    ask_op_next (op);
}

static gboolean
needs_keys (const WhimUnread *unread)
{
  return unread->key->count >= KEYS_COUNT || unread->code == WHIM_RETRY_NO_SESSION
         || unread->code == WHIM_RETRY_INVALID_KEY_ID;
}

static void
repair_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  AskOp *op = user_data;
  WhimMessenger *messenger = op->messenger;
  g_autoptr (WhimRepair) known = whim_store_find_repair_finish (WHIM_STORE (source), result, NULL);
  WhimRepair *key = op->unread->key;

  if (known == NULL || !ask_can_go_on (op))
    {
      ask_op_next (op); /* not acknowledged: it comes again */
      return;
    }
  if (known->first_at != 0)
    key->first_at = known->first_at;
  key->count = MIN (MAX (known->count, op->unread->answered) + 1, MAX_COUNT + 1);
  if (known->recent >= WHIM_LIMIT_RETRIES_PER_HOUR)
    key->count = MAX_COUNT + 1;
  if (key->count > MAX_COUNT || !needs_keys (op->unread))
    {
      ask_commit (op);
      return;
    }
  op->prekey_id = whim_messenger_take_prekey_ids (messenger, 1);
  whim_signal_pool_push (messenger->pool, (guint)messenger->channel_number, prekey_work, op,
                         prekey_made, NULL);
}

static void
repairer_next (WhimRepairer *self)
{
  WhimMessenger *messenger = self->messenger;
  AskOp *op = g_queue_peek_head (&self->queue);

  if (self->running || op == NULL)
    return;
  self->running = TRUE;
  whim_store_find_repair_async (messenger->store, messenger->channel_number, op->unread->key,
                                whim_clock_get_unix (messenger->clock) - HOUR_S, NULL,
                                repair_found_cb, op);
}

void
whim_repairer_take (WhimRepairer *self, WhimUnread *unread, WhimUnreadDone done, gpointer data)
{
  AskOp *op = g_new0 (AskOp, 1);

  op->messenger = whim_messenger_ref (self->messenger);
  op->unread = unread;
  op->done = done;
  op->data = data;
  g_queue_push_tail (&self->queue, op);
  repairer_next (self);
}
