/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "base/whim-error.h"
#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-log.h"
#include "base/whim-random.h"

#include <string.h>

/* The queue of a channel (product page, 5): accepted -> queued -> sealed -> sent -> acknowledged.
 *
 *   accepted -> [held: pacing, restriction] -> [typing] -> sealed -> written -> ack
 *
 * Order per chat is the order of acceptance: the head of a chat's lane is worked on until its bytes
 * are handed to the socket; a head that is held holds its chat and no other. What was sealed goes
 * out again after every login, the very same bytes, until the ack. */

/* Ciphertexts of one channel that may wait for their commit together: the next message of a chat is
 * encrypted while the one before is on its way to disk. */
#define COMMITTING_MAX 32u
/* Receivers drop "typing…" after about 25 s (dossier 2, 10.3). */
#define TYPING_SLICE_MS 10000
#define DAY_S (24 * 3600)
/* Rows that end at once are worked on one in the other; a long line must not become a deep stack.
 */
#define DEPTH_MAX 8u

static void
send_row_free (SendRow *row)
{
  whim_outbox_row_free (row->row);
  whim_message_free (row->message);
  whim_standing_free (row->standing);
  g_free (row->token_user);
  g_free (row);
}

static void
send_lane_free (gpointer data)
{
  SendLane *lane = data;

  g_queue_clear (&lane->rows);
  g_free (lane->chat);
  g_free (lane);
}

WhimSender *
whim_sender_new (WhimMessenger *messenger)
{
  WhimSender *self = g_new0 (WhimSender, 1);

  self->messenger = messenger;
  g_queue_init (&self->rows);
  self->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->lanes = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, send_lane_free);
  self->resealed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->dropping = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->given_up = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->written = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->waiters = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  return self;
}

void
whim_sender_close (WhimSender *self)
{
  whim_sender_discard (self);
  whim_clock_clear_timer (self->messenger->clock, &self->expiry_timer);
  whim_sender_fail_waiters (self);
}

void
whim_sender_free (WhimSender *self)
{
  whim_sender_close (self);
  g_hash_table_unref (self->by_id);
  g_hash_table_unref (self->lanes);
  g_hash_table_unref (self->resealed);
  g_hash_table_unref (self->dropping);
  g_hash_table_unref (self->waiters);
  g_hash_table_unref (self->given_up);
  g_hash_table_unref (self->written);
  g_free (self->last_chat);
  g_free (self);
}

/* Memory only: the rows are on disk and are read again at the next login. A row that something is
 * being done with stays until that ends. */
void
whim_sender_discard (WhimSender *self)
{
  SendRow *row;

  self->online = FALSE;
  self->loaded = FALSE;
  self->load_wanted = FALSE;
  self->generation++;
  whim_clock_clear_timer (self->messenger->clock, &self->ack_timer);
  whim_clock_clear_timer (self->messenger->clock, &self->lane_timer);
  g_hash_table_remove_all (self->lanes);
  g_hash_table_remove_all (self->given_up); /* their connection is gone, and so are their acks */
  g_hash_table_remove_all (self->by_id);
  while ((row = g_queue_pop_head (&self->rows)) != NULL)
    if (!row->busy)
      send_row_free (row);
}

gboolean
whim_sender_is_idle (WhimSender *self)
{
  return g_queue_is_empty (&self->rows) && !self->loading && self->ops == 0;
}

/* ---- operations of a row ----------------------------------------------------------------------
 */

RowOp *
whim_sender_row_op_new (WhimSender *self, SendRow *row)
{
  RowOp *op = g_new0 (RowOp, 1);

  op->messenger = whim_messenger_ref (self->messenger);
  op->row = row;
  op->generation = self->generation;
  row->busy = TRUE;
  self->ops++;
  return op;
}

/* Takes @op. NULL: connection or store are gone; the row is on disk, in whatever state. */
SendRow *
whim_sender_row_op_end (RowOp *op)
{
  WhimSender *self = op->messenger->sender;
  SendRow *row = op->row;

  self->ops--;
  row->busy = FALSE;
  if (op->generation != self->generation)
    {
      send_row_free (row);
      row = NULL;
    }
  g_free (op);
  return row;
}

/* ---- lanes ------------------------------------------------------------------------------------
 */

static void
lane_timer_cb (gpointer user_data)
{
  WhimSender *self = user_data;
  g_autoptr (GList) lanes = g_hash_table_get_values (self->lanes);
  gint64 now = whim_clock_get_monotonic_ms (self->messenger->clock);
  guint generation = self->generation;
  gint64 next = 0;

  self->lane_timer = 0;
  for (GList *l = lanes; l != NULL && generation == self->generation; l = l->next)
    {
      SendLane *lane = l->data;

      if (lane->wait_until == 0)
        continue;
      if (lane->wait_until > now)
        next = next == 0 ? lane->wait_until : MIN (next, lane->wait_until);
      else
        {
          lane->wait_until = 0;
          whim_sender_lane_start (self, lane);
        }
    }
  if (next == 0 || generation != self->generation
      || (self->lane_timer != 0 && self->lane_due <= next))
    return;
  whim_clock_clear_timer (self->messenger->clock, &self->lane_timer);
  self->lane_due = next;
  self->lane_timer = whim_clock_add_timer (self->messenger->clock, next - now, lane_timer_cb, self);
}

/* One timer for all lanes that wait. */
static void
lane_wait (WhimSender *self, SendLane *lane, gint64 ms)
{
  gint64 now = whim_clock_get_monotonic_ms (self->messenger->clock);

  lane->running = FALSE;
  lane->wait_until = now + MAX (ms, 1);
  if (self->lane_timer != 0 && self->lane_due <= lane->wait_until)
    return;
  whim_clock_clear_timer (self->messenger->clock, &self->lane_timer);
  self->lane_due = lane->wait_until;
  self->lane_timer
      = whim_clock_add_timer (self->messenger->clock, MAX (ms, 1), lane_timer_cb, self);
}

SendLane *
whim_sender_get_lane (WhimSender *self, const char *chat)
{
  SendLane *lane = g_hash_table_lookup (self->lanes, chat);

  if (lane == NULL)
    {
      lane = g_new0 (SendLane, 1);
      lane->chat = g_strdup (chat);
      g_queue_init (&lane->rows);
      g_hash_table_insert (self->lanes, lane->chat, lane);
    }
  return lane;
}

static gboolean
is_done_at_once (WhimSender *self, const SendRow *row)
{
  return row->row->state == WHIM_OUTBOX_SEALED
         || row->row->expires_at <= whim_clock_get_unix (self->messenger->clock);
}

/* The row stands in line no longer: the next one's turn. */
static void
leave_lane (WhimSender *self, SendRow *row)
{
  SendLane *lane = row->lane;
  gboolean head;

  row->lane = NULL;
  if (lane == NULL)
    return;
  head = g_queue_peek_head (&lane->rows) == row;
  g_queue_remove (&lane->rows, row);
  if (head)
    {
      lane->running = FALSE;
      lane->wait_until = 0;
    }
  if (g_queue_is_empty (&lane->rows))
    g_hash_table_remove (self->lanes, lane->chat);
  else if (head
           && (self->depth >= DEPTH_MAX || is_done_at_once (self, g_queue_peek_head (&lane->rows))))
    lane_wait (self, lane, 1);
  else if (head)
    {
      self->depth++;
      whim_sender_lane_start (self, lane);
      self->depth--;
    }
}

void
whim_sender_drop (WhimSender *self, SendRow *row)
{
  if (g_hash_table_lookup (self->by_id, row->row->message_id) == row)
    g_hash_table_remove (self->by_id, row->row->message_id);
  g_hash_table_remove (self->resealed, row->row->message_id);
  g_queue_remove (&self->rows, row);
  leave_lane (self, row);
  send_row_free (row);
}

/* ---- from the head of its lane to the socket --------------------------------------------------
 */

static void
sender_transmit (WhimSender *self, SendRow *row)
{
  (void)WHIM_FAILPOINT ("send.before-write");
  row->retry_at = 0;
  if (whim_session_send_encoded (self->messenger->session, row->row->stanza))
    {
      row->sent_ms = whim_clock_get_monotonic_ms (self->messenger->clock);
      row->sent_at = whim_clock_get_unix_ms (self->messenger->clock);
      whim_sender_arm_ack_timer (self);
      (void)WHIM_FAILPOINT ("send.after-write");
    }
  leave_lane (self, row);
}

/* It cannot be sealed now (no answer, no keys): the next login tries again. Its chat waits. */
static void
row_waits (WhimSender *self, SendRow *row, const GError *error)
{
  g_info ("%s: a message waits: %s", whim_log_id (self->messenger->channel_id),
          error == NULL ? "closed" : error->message);
  if (row->lane != NULL)
    lane_wait (self, row->lane, whim_refusal_get_delay (row->refusals++));
}

/* Ratchets and stanza are on their way to disk, and what follows them there comes after them: the
 * chat's next message need not wait. */
static void
row_committing (WhimMessenger *messenger, gpointer data)
{
  RowOp *op = data;
  WhimSender *self = messenger->sender;

  op->committing = TRUE;
  if (self->committing++ < COMMITTING_MAX && op->generation == self->generation)
    leave_lane (self, op->row);
}

static void
row_sealed (WhimMessenger *messenger, GBytes *stanza, const GError *error, gpointer data)
{
  RowOp *op = data;
  g_autoptr (WhimMessenger) owned = op->messenger;
  WhimSender *self = messenger->sender;
  gboolean committing = op->committing;
  SendRow *row = whim_sender_row_op_end (op);

  if (committing && --self->committing == 0 && self->load_wanted)
    whim_sender_load (self);
  if (row == NULL)
    return;
  if (stanza != NULL)
    {
      row->row->stanza = g_bytes_ref (stanza);
      row->row->state = WHIM_OUTBOX_SEALED;
      sender_transmit (self, row);
    }
  else if (g_error_matches (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN))
    whim_sender_end_row (self, row, WHIM_MESSAGE_STATUS_FAILED, "recipient_unknown",
                         whim_clock_get_unix (messenger->clock), 0,
                         whim_messenger_new_unit (messenger));
  else
    row_waits (self, row, error);
}

static gboolean
is_own_chat (WhimSender *self, SendRow *row)
{
  g_autoptr (WhimJid) jid = whim_jid_parse (row->row->chat, NULL);

  return jid != NULL && whim_messenger_is_own (self->messenger, jid);
}

static void
note_pace (WhimSender *self, SendRow *row, gint64 now)
{
  if (!row->known)
    {
      if (g_hash_table_size (self->written) >= WHIM_LIMIT_STRANGERS)
        g_hash_table_remove_all (self->written);
      g_hash_table_add (self->written, g_strdup (row->row->chat));
      self->last_stranger_ms = MAX (self->last_stranger_ms, now);
    }
  self->last_ms = MAX (self->last_ms, now);
  g_free (self->last_chat);
  self->last_chat = g_strdup (row->row->chat);
  if (now >= self->hour_ends_ms)
    {
      self->hour_count = 0;
      self->hour_ends_ms = now + G_GINT64_CONSTANT (3600) * 1000;
    }
  self->hour_count++;
}

/* takes @standing */
static void
row_seal (WhimSender *self, SendRow *row, WhimStanding *standing)
{
  note_pace (self, row, whim_clock_get_unix_ms (self->messenger->clock));
  if (is_own_chat (self, row))
    g_clear_pointer (&standing, whim_standing_free);
  if (standing != NULL)
    {
      g_autoptr (WhimJid) jid = whim_jid_parse (row->row->chat, NULL);
      g_autoptr (WhimJid) other
          = jid == NULL ? NULL : whim_directory_peek_other (self->messenger->directory, jid);

      g_free (row->token_user);
      row->token_user
          = g_strdup (standing->lid != NULL                      ? standing->lid
                      : other != NULL && whim_jid_is_lid (other) ? whim_jid_get_text (other)
                                                                 : row->row->chat);
      row->issued_at = standing->issued_at;
    }
  whim_sender_seal (self->messenger, row->row, standing, row_committing, row_sealed,
                    whim_sender_row_op_new (self, row));
}

/* ---- typing ---------------------------------------------------------------------------------- */

static void
send_chatstate (WhimSender *self, const char *chat, const char *state)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("chatstate");
  g_autoptr (WhimJid) jid = whim_jid_parse (chat, NULL);
  g_autoptr (WhimJid) other
      = jid == NULL ? NULL : whim_directory_peek_other (self->messenger->directory, jid);
  g_autoptr (WhimNode) node = NULL;

  whim_node_builder_attr_jid (builder, "to",
                              other != NULL && whim_jid_is_lid (other) ? other : jid);
  whim_node_builder_child (builder, whim_node_builder_end (whim_node_builder_new (state)));
  node = whim_node_builder_end (builder);
  whim_session_send (self->messenger->session, node);
}

/* TRUE: it is being typed; the lane waits. */
static gboolean
row_types (WhimSender *self, SendRow *row)
{
  gint64 now = whim_clock_get_monotonic_ms (self->messenger->clock);

  if (row->typed || row->row->typing_ms == 0 || row->lane == NULL)
    return FALSE;
  if (row->type_until == 0)
    row->type_until = now + row->row->typing_ms;
  if (now < row->type_until)
    {
      send_chatstate (self, row->row->chat, "composing");
      lane_wait (self, row->lane, MIN (row->type_until - now, TYPING_SLICE_MS));
      return TRUE;
    }
  row->typed = TRUE;
  send_chatstate (self, row->row->chat, "paused");
  return FALSE;
}

/* ---- holds ----------------------------------------------------------------------------------- */

/* On disk before it counts: a restart does not forget that it is held. */
static void
row_hold (WhimSender *self, SendRow *row, gint64 not_before, const char *reason)
{
  WhimMessenger *messenger = self->messenger;
  WhimUnit *unit = whim_messenger_new_unit (messenger);
  gint64 now = whim_clock_get_unix_ms (messenger->clock);
  gboolean news = g_strcmp0 (row->row->reason, reason) != 0;

  row->row->not_before = not_before;
  g_free (row->row->reason);
  row->row->reason = g_strdup (reason);
  whim_unit_hold_outbox (unit, row->row, not_before, reason, now,
                         news ? whim_sender_make_event (self, row->row, row->message,
                                                        WHIM_MESSAGE_STATUS_PENDING, reason,
                                                        now / 1000)
                              : NULL);
  (void)WHIM_FAILPOINT ("send.before-hold-commit");
  whim_messenger_commit (messenger, unit, whim_sender_row_committed,
                         whim_sender_row_op_new (self, row));
}

static WhimPacingFacts
make_facts (WhimSender *self, SendRow *row, const WhimStanding *standing)
{
  gint64 now = whim_clock_get_unix_ms (self->messenger->clock);
  WhimPacingFacts facts = { 0 };

  facts.now_ms = now;
  facts.linked_at = self->messenger->linked_at;
  facts.first_contact = !row->known;
  facts.answered = standing->heard_at > now / 1000 - DAY_S;
  facts.same_chat = g_strcmp0 (self->last_chat, row->row->chat) == 0;
  facts.gap_kept = row->gap_kept;
  facts.new_chats = standing->new_chats;
  facts.last_stranger_ms = self->last_stranger_ms;
  facts.last_ms = self->last_ms;
  facts.last_hour = now < self->hour_ends_ms ? self->hour_count : 0;
  facts.hour_ends_ms = self->hour_ends_ms;
  return facts;
}

/* TRUE: it must wait, and does. */
static gboolean
row_must_wait (WhimSender *self, SendRow *row, const WhimStanding *standing)
{
  WhimMessenger *messenger = self->messenger;
  WhimPacingFacts facts = make_facts (self, row, standing);
  gdouble chance = (gdouble)whim_random_below (1000000) / 1e6;
  gint64 end = whim_restrictions_get_end (messenger);
  const char *reason;
  gint64 due;

  if (end != 0 && standing->heard_at == 0)
    {
      row_hold (self, row, end * 1000, WHIM_REASON_WORD_RESTRICTED);
      return TRUE;
    }
  due = whim_pacing_decide (messenger->pacing, &facts, chance, &reason);
  if (due == 0)
    return FALSE;
  if (g_str_equal (reason, "pacing"))
    {
      /* its turn is given away: the next one counts from there */
      row->gap_kept = TRUE;
      if (facts.first_contact)
        self->last_stranger_ms = MAX (self->last_stranger_ms, due);
      self->last_ms = MAX (self->last_ms, due);
    }
  if (facts.first_contact)
    row_hold (self, row, due, reason);
  else
    lane_wait (self, row->lane, due - facts.now_ms);
  return TRUE;
}

static void
row_decide (WhimSender *self, SendRow *row, WhimStanding *standing)
{
  g_autoptr (WhimStanding) owned = standing;

  row->known = standing->heard_at != 0 || standing->contacted_at != 0 || is_own_chat (self, row)
               || g_hash_table_contains (self->written, row->row->chat);
  if (row->lane != NULL && !is_own_chat (self, row) && row_must_wait (self, row, standing))
    return;
  if (row_types (self, row))
    return;
  row_seal (self, row, g_steal_pointer (&owned));
}

static void
row_standing_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RowOp *op = user_data;
  g_autoptr (WhimMessenger) messenger = op->messenger;
  WhimSender *self = messenger->sender;
  g_autoptr (GError) error = NULL;
  WhimStanding *standing = whim_store_find_standing_finish (WHIM_STORE (source), result, &error);
  SendRow *row = whim_sender_row_op_end (op);

  if (row == NULL)
    whim_standing_free (standing);
  else if (standing == NULL)
    row_waits (self, row, error);
  else
    row_decide (self, row, standing);
}

static void
row_run (WhimSender *self, SendRow *row)
{
  WhimMessenger *messenger = self->messenger;
  gint64 unix_ms = whim_clock_get_unix_ms (messenger->clock);
  gint64 monotonic = whim_clock_get_monotonic_ms (messenger->clock);

  if (row->row->expires_at <= unix_ms / 1000 && !row->row->immediate)
    {
      whim_sender_end_row (self, row, WHIM_MESSAGE_STATUS_FAILED, "expired", unix_ms / 1000, 0,
                           whim_messenger_new_unit (messenger));
      return;
    }
  if (row->retry_at > monotonic && row->lane != NULL)
    {
      lane_wait (self, row->lane, row->retry_at - monotonic);
      return;
    }
  if (row->row->state == WHIM_OUTBOX_SEALED)
    {
      sender_transmit (self, row);
      return;
    }
  if (row->row->not_before > unix_ms && row->lane != NULL)
    {
      lane_wait (self, row->lane, row->row->not_before - unix_ms);
      return;
    }
  if (row->type_until != 0 && !row->typed && row_types (self, row))
    return;
  if (row->standing != NULL)
    row_decide (self, row, g_steal_pointer (&row->standing));
  else
    whim_store_find_standing_async (messenger->store, messenger->channel_number, row->row->chat,
                                    unix_ms / 1000 - DAY_S, NULL, row_standing_cb,
                                    whim_sender_row_op_new (self, row));
}

void
whim_sender_lane_start (WhimSender *self, SendLane *lane)
{
  SendRow *row = g_queue_peek_head (&lane->rows);

  if (!self->online || lane->running || lane->wait_until != 0 || row == NULL)
    return;
  lane->running = TRUE;
  if (!row->busy) /* else its callback goes on */
    row_run (self, row);
}

void
whim_sender_line_up (WhimSender *self, SendRow *row)
{
  if (row->row->immediate)
    {
      row_run (self, row);
      return;
    }
  row->lane = whim_sender_get_lane (self, row->row->chat);
  g_queue_push_tail (&row->lane->rows, row);
  whim_sender_lane_start (self, row->lane);
}

void
whim_sender_reconsider (WhimSender *self)
{
  g_autoptr (GList) lanes = g_hash_table_get_values (self->lanes);
  guint generation = self->generation;

  for (GList *l = lanes; l != NULL && generation == self->generation; l = l->next)
    {
      SendLane *lane = l->data;
      SendRow *row = g_queue_peek_head (&lane->rows);

      /* what was refused, or is being typed, waits on */
      if (lane->running || row == NULL || row->retry_at != 0 || row->type_until != 0)
        continue;
      row->row->not_before = 0;
      lane->wait_until = 0;
      whim_sender_lane_start (self, lane);
    }
}
