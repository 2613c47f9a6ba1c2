/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-hooks.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "store/whim-store-private.h"

#include <string.h>

/* Up to which seq the journal was handed to the hooks. */
#define TAKEN "hooks_taken"
/* Rows of the journal that one unit takes: it holds the writer no longer than a few milliseconds.
 */
#define TAKE_MAX 500
#define DAY_MS (24 * 3600 * (gint64)1000)

/* ---- Hooks ----------------------------------------------------------------------------------- */

typedef struct
{
  WhimHook *hook;
  gboolean begin;
} PutHook;

static void
put_hook_free (gpointer data)
{
  PutHook *self = data;

  whim_hook_unref (self->hook);
  g_free (self);
}

static gboolean
put_hook (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const PutHook *op = data;
  const WhimHook *hook = op->hook;
  g_autofree char *events = g_strjoinv (" ", hook->events);
  g_autofree char *headers = g_strjoinv ("\n", hook->headers);
  gint64 now = context->now * 1000;

  if (!whim_db_run (
          db, error, WHIM_SQL_PUT_HOOK, whim_value_int (hook->number), whim_value_text (hook->id),
          whim_value_int (hook->channel), whim_value_text (hook->name), whim_value_text (hook->url),
          whim_value_text (events), whim_value_int (hook->format), whim_value_int (hook->mode),
          whim_value_text (headers), whim_value_secret (hook->secret),
          whim_value_int (hook->enabled), whim_value_text (hook->off_reason),
          whim_value_int (hook->created_at), whim_value_int (hook->updated_at)))
    return FALSE;
  if (op->begin
      && (!whim_db_run (db, error, WHIM_SQL_BEGIN_HOOK, whim_value_int (hook->number))
          || !whim_db_run (db, error, WHIM_SQL_EXPIRE_DELIVERIES, whim_value_int (hook->number),
                           whim_value_int (now - DAY_MS))
          || !whim_db_run (db, error, WHIM_SQL_COUNT_PENDING, whim_value_int (hook->number))))
    return FALSE;
  return whim_db_run (db, error, WHIM_SQL_HURRY_DELIVERIES, whim_value_int (hook->number),
                      whim_value_int (now))
         && whim_db_run (db, error, WHIM_SQL_ACTIVATE_LANES, whim_value_int (hook->number),
                         whim_value_int (now));
}

void
whim_unit_put_hook (WhimUnit *self, const WhimHook *hook, gboolean begin)
{
  PutHook *op = g_new0 (PutHook, 1);

  op->hook = whim_hook_copy (hook);
  op->begin = begin;
  whim_unit_add_procedure (self, put_hook, op, put_hook_free);
}

void
whim_unit_turn_hook_off (WhimUnit *self, gint64 hook, const char *reason)
{
  whim_unit_add (self, WHIM_SQL_TURN_HOOK_OFF, whim_value_int (hook), whim_value_text (reason));
  whim_unit_add (self, WHIM_SQL_BURY_DELIVERIES, whim_value_int (hook), whim_value_text (reason));
}

void
whim_unit_delete_hook (WhimUnit *self, gint64 hook)
{
  whim_unit_add (self, WHIM_SQL_DELETE_HOOK, whim_value_int (hook));
}

static WhimHook *
hook_from_row (WhimCursor *cursor)
{
  WhimHook *hook = whim_hook_new ();
  const char *headers = whim_cursor_get_text (cursor, 9);

  hook->number = whim_cursor_get_int (cursor, 0);
  hook->id = whim_cursor_dup_text (cursor, 1);
  hook->channel = whim_cursor_get_int (cursor, 2);
  hook->channel_id = whim_cursor_dup_text (cursor, 3);
  hook->name = whim_cursor_dup_text (cursor, 4);
  hook->url = whim_cursor_dup_text (cursor, 5);
  hook->events = g_strsplit (whim_cursor_get_text (cursor, 6), " ", -1);
  hook->format = (WhimHookFormat)whim_cursor_get_int (cursor, 7);
  hook->mode = (WhimHookMode)whim_cursor_get_int (cursor, 8);
  hook->headers = g_strsplit (headers, "\n", -1); /* of "" that is no piece at all */
  hook->secret = whim_cursor_dup_secret (cursor, 10);
  hook->enabled = whim_cursor_get_int (cursor, 11) != 0;
  hook->off_reason = whim_cursor_dup_text (cursor, 12);
  hook->created_at = whim_cursor_get_int (cursor, 13);
  hook->updated_at = whim_cursor_get_int (cursor, 14);
  return hook;
}

GPtrArray *
whim_store_load_hooks (WhimStore *self, GError **error)
{
  g_autoptr (GPtrArray) hooks = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_hook_unref);
  WhimCursor cursor;

  whim_db_query0 (whim_store_get_main_db (self), &cursor, WHIM_SQL_LIST_HOOKS);
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (hooks, hook_from_row (&cursor));
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&hooks) : NULL;
}

/* ---- Figures --------------------------------------------------------------------------------- */

void
whim_hook_stats_free (WhimHookStats *self)
{
  g_free (self->failure);
  g_free (self);
}

static gpointer
load_stats (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  GArray *hooks = data;
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_hook_stats_free);

  for (guint i = 0; i < hooks->len; i++)
    {
      gint64 hook = g_array_index (hooks, gint64, i);
      WhimCursor cursor;

      whim_db_query (db, &cursor, WHIM_SQL_GET_HOOK_STATS, whim_value_int (hook));
      if (whim_cursor_next (&cursor))
        {
          WhimHookStats *stats = g_new0 (WhimHookStats, 1);

          stats->hook = hook;
          stats->pending = whim_cursor_get_int (&cursor, 0);
          stats->dead = whim_cursor_get_int (&cursor, 1);
          stats->delivered = whim_cursor_get_int (&cursor, 2);
          stats->delivered_at = whim_cursor_get_int (&cursor, 3);
          stats->failed_at = whim_cursor_get_int (&cursor, 4);
          stats->failure = whim_cursor_dup_text (&cursor, 5);
          g_ptr_array_add (all, stats);
        }
      if (!whim_cursor_end (&cursor, error))
        return NULL;
    }
  return g_steal_pointer (&all);
}

void
whim_store_load_hook_stats_async (WhimStore *self,
                                  GArray *hooks,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  whim_store_read (self, 0, load_stats, g_array_ref (hooks), (GDestroyNotify)g_array_unref,
                   (GDestroyNotify)g_ptr_array_unref, cancellable, callback, user_data,
                   whim_store_load_hook_stats_async);
}

GPtrArray *
whim_store_load_hook_stats_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_load_hook_stats_async, error);
}

/* ---- From the journal into the lanes --------------------------------------------------------- */

WhimTaken *
whim_taken_new (void)
{
  WhimTaken *self = g_new0 (WhimTaken, 1);

  g_atomic_ref_count_init (&self->references);
  self->hooks = g_array_new (FALSE, FALSE, sizeof (gint64));
  return self;
}

void
whim_taken_unref (WhimTaken *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_array_unref (self->hooks);
  g_free (self);
}

/* A hook while events are given to it. */
typedef struct
{
  WhimHook *hook;
  gint64 begins;
  gint64 pending;
  gboolean got;
} Taker;

static void
taker_free (gpointer data)
{
  Taker *self = data;

  whim_hook_unref (self->hook);
  g_free (self);
}

static GPtrArray *
load_takers (WhimDb *db, gint64 channel, GError **error)
{
  g_autoptr (GPtrArray) takers = g_ptr_array_new_with_free_func (taker_free);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_LIST_TAKERS, whim_value_int (channel));
  while (whim_cursor_next (&cursor))
    {
      Taker *taker = g_new0 (Taker, 1);

      taker->hook = hook_from_row (&cursor);
      taker->begins = whim_cursor_get_int (&cursor, 15);
      taker->pending = whim_cursor_get_int (&cursor, 16);
      g_ptr_array_add (takers, taker);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&takers) : NULL;
}

static gboolean
give (WhimDb *db, Taker *taker, const WhimEvent *event, gint64 now, GError **error)
{
  g_autofree char *lane = NULL;
  gboolean full = taker->pending >= (gint64)WHIM_LIMIT_HOOK_BACKLOG;

  if (event->seq <= taker->begins
      || !whim_hook_wants (taker->hook->format, (const char *const *)taker->hook->events,
                           event->type))
    return TRUE;
  lane = whim_event_dup_lane (event);
  if (full)
    return whim_db_run (db, error, WHIM_SQL_PUT_DEAD_LETTER, whim_value_int (taker->hook->number),
                        whim_value_int (event->seq), whim_value_text (lane), whim_value_int (now),
                        whim_value_text ("too many events waited"));
  taker->pending++;
  taker->got = TRUE;
  return whim_db_run (db, error, WHIM_SQL_PUT_DELIVERY, whim_value_int (taker->hook->number),
                      whim_value_int (event->seq), whim_value_text (lane), whim_value_int (now));
}

/* What one unit takes: the rows first, since nothing may be written under an open cursor's feet. */
static GPtrArray *
read_untaken (WhimDb *db, gint64 *after, GArray *channels, GError **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_event_free);
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_LIST_UNTAKEN, whim_value_int (*after),
                 whim_value_int (TAKE_MAX));
  while (whim_cursor_next (&cursor))
    {
      gint64 channel = whim_cursor_get_int (&cursor, 7);

      g_ptr_array_add (events, whim_event_from_row (&cursor));
      g_array_append_val (channels, channel);
      *after = whim_cursor_get_int (&cursor, 0);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&events) : NULL;
}

static gboolean
finish_takers (WhimDb *db, GHashTable *by_channel, GArray *got, GError **error)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, by_channel);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    for (guint i = 0; i < ((GPtrArray *)value)->len; i++)
      {
        const Taker *taker = g_ptr_array_index ((GPtrArray *)value, i);

        if (!taker->got)
          continue;
        if (!whim_db_run (db, error, WHIM_SQL_SET_PENDING, whim_value_int (taker->hook->number),
                          whim_value_int (taker->pending)))
          return FALSE;
        g_array_append_val (got, taker->hook->number);
      }
  return TRUE;
}

static gboolean
take_some (WhimDb *db, WhimUnitContext *context, GArray *got, gboolean *more, GError **error)
{
  g_autoptr (GHashTable) by_channel = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free,
                                                             (GDestroyNotify)g_ptr_array_unref);
  g_autoptr (GArray) channels = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GPtrArray) events = NULL;
  gint64 after;

  *more = FALSE;
  /* -1: no hook is on, and whichever comes begins at its own now */
  if (!whim_db_get_int (db, error, &after, -1, WHIM_SQL_GET_UNTAKEN, whim_value_text (TAKEN)))
    return FALSE;
  if (after < 0)
    return TRUE;
  events = read_untaken (db, &after, channels, error);
  if (events == NULL)
    return FALSE;
  for (guint i = 0; i < events->len; i++)
    {
      gint64 channel = g_array_index (channels, gint64, i);
      GPtrArray *takers = g_hash_table_lookup (by_channel, &channel);

      if (takers == NULL)
        {
          takers = load_takers (db, channel, error);
          if (takers == NULL)
            return FALSE;
          g_hash_table_insert (by_channel, g_memdup2 (&channel, sizeof channel), takers);
        }
      for (guint k = 0; k < takers->len; k++)
        if (!give (db, g_ptr_array_index (takers, k), g_ptr_array_index (events, i),
                   context->now * 1000, error))
          return FALSE;
    }
  *more = events->len == TAKE_MAX;
  return finish_takers (db, by_channel, got, error)
         && (events->len == 0
             || whim_db_run (db, error, WHIM_SQL_RAISE_META, whim_value_text (TAKEN),
                             whim_value_int (after)));
}

static gboolean
take_deliveries (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  WhimTaken *taken = data;

  return take_some (db, context, taken->hooks, &taken->more, error);
}

void
whim_unit_take_deliveries (WhimUnit *self, WhimTaken *taken)
{
  g_atomic_ref_count_inc (&taken->references);
  whim_unit_add_procedure (self, take_deliveries, taken, (GDestroyNotify)whim_taken_unref);
}

gboolean
whim_hooks_take_all (WhimDb *db, WhimUnitContext *context, GError **error)
{
  g_autoptr (GArray) got = g_array_new (FALSE, FALSE, sizeof (gint64));
  gboolean more = TRUE;

  while (more)
    if (!take_some (db, context, got, &more, error))
      return FALSE;
  return TRUE;
}

/* ---- What is due ----------------------------------------------------------------------------- */

void
whim_delivery_free (WhimDelivery *self)
{
  if (self == NULL)
    return;
  g_free (self->failure);
  whim_event_free (self->event);
  g_free (self);
}

void
whim_due_deliveries_free (WhimDueDeliveries *self)
{
  g_ptr_array_unref (self->items);
  g_free (self);
}

/* of a row that begins with the columns of an event and goes on with those of a delivery */
static WhimDelivery *
delivery_from_row (WhimCursor *cursor, gint64 hook)
{
  WhimDelivery *delivery = g_new0 (WhimDelivery, 1);

  delivery->hook = hook;
  delivery->event = whim_event_from_row (cursor);
  delivery->state = (WhimDeliveryState)whim_cursor_get_int (cursor, 7);
  delivery->attempts = (guint)whim_cursor_get_int (cursor, 8);
  delivery->since = whim_cursor_get_int (cursor, 9);
  delivery->due_at = whim_cursor_get_int (cursor, 10);
  delivery->tried_at = whim_cursor_get_int (cursor, 11);
  delivery->status = (guint)whim_cursor_get_int (cursor, 12);
  delivery->failure = whim_cursor_dup_text (cursor, 13);
  return delivery;
}

typedef struct
{
  gint64 hook;
  gint64 now;
  gint64 horizon;
  guint limit;
  guint offset;
  gboolean dead;
} Listing;

static gpointer
load_due (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const Listing *op = data;
  g_autoptr (WhimDueDeliveries) due = g_new0 (WhimDueDeliveries, 1);
  WhimCursor cursor;

  due->items = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_delivery_free);
  whim_db_query (db, &cursor, WHIM_SQL_LIST_DUE, whim_value_int (op->hook),
                 whim_value_int (op->now), whim_value_int (op->horizon),
                 whim_value_int (op->limit));
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (due->items, delivery_from_row (&cursor, op->hook));
  if (!whim_cursor_end (&cursor, error)
      || !whim_db_get_int (db, error, &due->next_due, 0, WHIM_SQL_GET_NEXT_DUE,
                           whim_value_int (op->hook), whim_value_int (op->now)))
    return NULL;
  return g_steal_pointer (&due);
}

void
whim_store_load_due_async (WhimStore *self,
                           gint64 hook,
                           gint64 now,
                           gint64 horizon,
                           guint limit,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  const Listing op = { .hook = hook, .now = now, .horizon = horizon, .limit = limit };

  whim_store_read (self, 0, load_due, g_memdup2 (&op, sizeof op), g_free,
                   (GDestroyNotify)whim_due_deliveries_free, cancellable, callback, user_data,
                   whim_store_load_due_async);
}

WhimDueDeliveries *
whim_store_load_due_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_load_due_async, error);
}

GArray *
whim_store_load_indebted (WhimStore *self, GError **error)
{
  g_autoptr (GArray) hooks = g_array_new (FALSE, FALSE, sizeof (gint64));
  WhimCursor cursor;

  whim_db_query0 (whim_store_get_main_db (self), &cursor, WHIM_SQL_LIST_INDEBTED);
  while (whim_cursor_next (&cursor))
    {
      gint64 hook = whim_cursor_get_int (&cursor, 0);

      g_array_append_val (hooks, hook);
    }
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&hooks) : NULL;
}

/* ---- What became of it ----------------------------------------------------------------------- */

typedef struct
{
  WhimSettlement values; /* its failure is ours */
} Settle;

static void
settle_free (gpointer data)
{
  Settle *self = data;

  g_free ((char *)self->values.failure);
  g_free (self);
}

static gboolean
settle_row (WhimDb *db, const WhimSettlement *row, const char *lane, GError **error)
{
  switch (row->outcome)
    {
    case WHIM_SETTLED_DELIVERED:
      return whim_db_run (db, error, WHIM_SQL_DELETE_DELIVERY, whim_value_int (row->hook),
                          whim_value_int (row->seq))
             && whim_db_run (db, error, WHIM_SQL_NOTE_DELIVERED, whim_value_int (row->hook),
                             whim_value_int (row->now / 1000));
    case WHIM_SETTLED_AGAIN:
      return whim_db_run (db, error, WHIM_SQL_POSTPONE_DELIVERY, whim_value_int (row->hook),
                          whim_value_int (row->seq), whim_value_int (row->due_at),
                          whim_value_int (row->now), whim_value_int (row->status),
                          whim_value_text (row->failure));
    case WHIM_SETTLED_DEAD:
      return whim_db_run (db, error, WHIM_SQL_BURY_DELIVERY, whim_value_int (row->hook),
                          whim_value_int (row->seq), whim_value_int (row->now),
                          whim_value_int (row->status), whim_value_text (row->failure))
             && whim_db_run (db, error, WHIM_SQL_EXPIRE_LANE, whim_value_int (row->hook),
                             whim_value_text (lane), whim_value_int (row->expired_before))
             && whim_db_run (db, error, WHIM_SQL_COUNT_PENDING, whim_value_int (row->hook));
    default:
      g_return_val_if_reached (FALSE);
    }
}

static gboolean
settle (WhimDb *db, WhimUnitContext *context, gpointer data, GError **error)
{
  const WhimSettlement *row = data;
  g_autofree char *lane = NULL;
  WhimCursor cursor;

  whim_db_query (db, &cursor, WHIM_SQL_GET_LANE, whim_value_int (row->hook),
                 whim_value_int (row->seq));
  if (whim_cursor_next (&cursor))
    lane = whim_cursor_dup_text (&cursor, 0);
  if (!whim_cursor_end (&cursor, error))
    return FALSE;
  if (lane == NULL)
    return TRUE;
  if (!settle_row (db, row, lane, error)
      || (row->outcome != WHIM_SETTLED_DELIVERED
          && !whim_db_run (db, error, WHIM_SQL_NOTE_FAILED, whim_value_int (row->hook),
                           whim_value_int (row->now / 1000), whim_value_text (row->failure)))
      || !whim_db_run (db, error, WHIM_SQL_ACTIVATE_LANE, whim_value_int (row->hook),
                       whim_value_text (lane), whim_value_int (row->now)))
    return FALSE;
  if (WHIM_FAILPOINT ("hooks.before-commit"))
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_FAILED,
                           "database: the commit failed");
      return FALSE;
    }
  return TRUE;
}

void
whim_unit_settle_delivery (WhimUnit *self, const WhimSettlement *settlement)
{
  Settle *op = g_new0 (Settle, 1);

  op->values = *settlement;
  op->values.failure = g_strdup (settlement->failure);
  whim_unit_add_procedure (self, settle, op, settle_free);
}

/* ---- Lists, and dead letters ----------------------------------------------------------------- */

static gpointer
list_deliveries (WhimDb *db, gint64 channel, gpointer data, GError **error)
{
  const Listing *op = data;
  g_autoptr (WhimPage) page = g_new0 (WhimPage, 1);
  WhimCursor cursor;
  gint64 total;

  page->items = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_delivery_free);
  if (!whim_db_get_int (db, error, &total, 0, op->dead ? WHIM_SQL_COUNT_DEAD : WHIM_SQL_COUNT_OWED,
                        whim_value_int (op->hook)))
    return NULL;
  page->total = (guint64)total;
  whim_db_query (db, &cursor, op->dead ? WHIM_SQL_LIST_DEAD : WHIM_SQL_LIST_OWED,
                 whim_value_int (op->hook), whim_value_int (op->limit),
                 whim_value_int (op->offset));
  while (whim_cursor_next (&cursor))
    g_ptr_array_add (page->items, delivery_from_row (&cursor, op->hook));
  return whim_cursor_end (&cursor, error) ? g_steal_pointer (&page) : NULL;
}

void
whim_store_list_deliveries_async (WhimStore *self,
                                  gint64 hook,
                                  gboolean dead,
                                  guint limit,
                                  guint offset,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  const Listing op = { .hook = hook, .dead = dead, .limit = limit, .offset = offset };

  whim_store_read (self, 0, list_deliveries, g_memdup2 (&op, sizeof op), g_free,
                   (GDestroyNotify)whim_page_free, cancellable, callback, user_data,
                   whim_store_list_deliveries_async);
}

WhimPage *
whim_store_list_deliveries_finish (WhimStore *self, GAsyncResult *result, GError **error)
{
  return whim_store_read_finish (self, result, whim_store_list_deliveries_async, error);
}

void
whim_unit_resend_dead (WhimUnit *self, gint64 hook, const char *event_id, gint64 now)
{
  whim_unit_add_guarded (self, WHIM_SQL_RESEND_DEAD, whim_value_int (hook),
                         whim_value_text (event_id), whim_value_int (now));
  whim_unit_add (self, WHIM_SQL_ACTIVATE_LANES, whim_value_int (hook), whim_value_int (now));
  whim_unit_add (self, WHIM_SQL_COUNT_PENDING, whim_value_int (hook));
}

void
whim_unit_delete_dead (WhimUnit *self, gint64 hook, const char *event_id)
{
  whim_unit_add_guarded (self, WHIM_SQL_DELETE_DEAD, whim_value_int (hook),
                         whim_value_text (event_id));
}
