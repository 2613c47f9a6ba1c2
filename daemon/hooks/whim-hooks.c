/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "hooks/whim-hooks.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-random.h"
#include "base/whim-util.h"
#include "fetch/whim-fetcher.h"
#include "hooks/whim-hook-policy.h"
#include "hooks/whim-hook-request.h"
#include "present/whim-present-hook.h"
#include "store/whim-store-hooks.h"

/* Journal ──take──▶ rows in the store ──load──▶ POST ──settle──▶ row gone, or due later.
 *
 * The store knows what is owed and when; in memory is only what is under way. So nothing here has
 * to be rebuilt after a crash, and an idle hook costs its value and nothing else. */

/* The disk refuses: not at once again. */
#define STORE_PAUSE_MS 5000
/* A hook that failed so often in a row gets no more than this many requests at a time, so that dead
 * receivers do not use up what all hooks share. */
#define FAILURES_IN_A_ROW 3u
#define LANES_WHEN_FAILING 2u
#define DICE 1024
/* Tests at a time of webhooks that nobody keeps. */
#define LOOSE_TESTS 4u

/** What is known of a hook that has or had something to do. */
typedef struct
{
  WhimHook *hook;
  GHashTable *busy; /* of seq: under way, or its end not on disk yet */
  GCancellable *cancellable;
  guint failures;  /* in a row */
  gint64 next_due; /* Unix ms; 0 = nothing waits for its time */
  gboolean queued;
  gboolean loading;
  gboolean again; /* something came while it was loading */
  gboolean testing;
} HookState;

struct _WhimHooks
{
  GObject parent_instance;
  WhimEngine *engine;
  WhimStore *store;
  WhimClock *clock;
  WhimFetcher *fetcher;
  GHashTable *states; /* hook's number -> HookState */
  GQueue ready;       /* of HookState: may have something due */
  guint under_way;    /* requests, and ends that are not on disk yet */
  guint timer;
  gint64 timer_due; /* Unix ms */
  guint take_timer;
  guint loose_tests; /* of webhooks that nobody keeps */
  gboolean taking;
  gboolean take_again;
  gboolean stopping;
};

G_DEFINE_FINAL_TYPE (WhimHooks, whim_hooks, G_TYPE_OBJECT)

static void hooks_pump (WhimHooks *self);
static void hooks_take (WhimHooks *self);

/* ---- States ---------------------------------------------------------------------------------- */

static void
hook_state_free (gpointer data)
{
  HookState *self = data;

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  whim_hook_unref (self->hook);
  g_hash_table_unref (self->busy);
  g_free (self);
}

static HookState *
find_state (WhimHooks *self, gint64 number)
{
  return g_hash_table_lookup (self->states, &number);
}

static HookState *
add_state (WhimHooks *self, WhimHook *hook)
{
  HookState *state = g_new0 (HookState, 1);

  state->hook = whim_hook_ref (hook);
  state->busy = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  state->cancellable = g_cancellable_new ();
  g_hash_table_insert (self->states, g_memdup2 (&hook->number, sizeof hook->number), state);
  return state;
}

static void
mark_ready (WhimHooks *self, HookState *state)
{
  if (state->loading)
    state->again = TRUE;
  else if (!state->queued && state->hook->enabled)
    {
      state->queued = TRUE;
      g_queue_push_tail (&self->ready, state);
    }
}

/* ---- Time ------------------------------------------------------------------------------------ */

static void hooks_arm (WhimHooks *self, gint64 due);

static void
timer_cb (gpointer user_data)
{
  WhimHooks *self = user_data;
  gint64 now = whim_clock_get_unix_ms (self->clock);
  GHashTableIter iter;
  gpointer value;

  self->timer = 0;
  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      HookState *state = value;

      if (state->next_due == 0 || !state->hook->enabled)
        continue;
      if (state->next_due <= now)
        {
          state->next_due = 0;
          mark_ready (self, state);
        }
      else
        hooks_arm (self, state->next_due);
    }
  hooks_pump (self);
}

/* One timer for all hooks, at the earliest time that any of them waits for. */
static void
hooks_arm (WhimHooks *self, gint64 due)
{
  gint64 wait;

  if (due == 0 || self->stopping || (self->timer != 0 && self->timer_due <= due))
    return;
  whim_clock_clear_timer (self->clock, &self->timer);
  wait = due - whim_clock_get_unix_ms (self->clock);
  self->timer_due = due;
  self->timer
      = whim_clock_add_timer (self->clock, CLAMP (wait, 0, WHIM_HOOK_PAUSE_MAX_MS), timer_cb, self);
}

/* ---- From the journal ------------------------------------------------------------------------ */

static void
take_timer_cb (gpointer user_data)
{
  WhimHooks *self = user_data;

  self->take_timer = 0;
  hooks_take (self);
}

typedef struct
{
  WhimHooks *hooks;
  WhimTaken *taken;
} TakeOp;

static void
taken_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree TakeOp *op = user_data;
  g_autoptr (WhimHooks) self = op->hooks;
  g_autoptr (WhimTaken) taken = op->taken;
  g_autoptr (GError) error = NULL;

  self->taking = FALSE;
  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    {
      g_warning ("events could not be taken for webhooks: %s", error->message);
      if (!self->stopping && self->take_timer == 0)
        self->take_timer = whim_clock_add_timer (self->clock, STORE_PAUSE_MS, take_timer_cb, self);
      return;
    }
  for (guint i = 0; i < taken->hooks->len; i++)
    {
      HookState *state = find_state (self, g_array_index (taken->hooks, gint64, i));

      if (state != NULL)
        mark_ready (self, state);
    }
  if (self->take_again || taken->more)
    hooks_take (self);
  hooks_pump (self);
}

static void
hooks_take (WhimHooks *self)
{
  TakeOp *op;
  WhimUnit *unit;

  self->take_again = self->taking;
  if (self->taking || self->stopping || g_hash_table_size (self->states) == 0)
    return;
  self->taking = TRUE;
  op = g_new0 (TakeOp, 1);
  op->hooks = g_object_ref (self);
  op->taken = whim_taken_new ();
  unit = whim_unit_new (0);
  whim_unit_take_deliveries (unit, op->taken);
  whim_store_commit_async (self->store, unit, NULL, taken_cb, op);
}

static void
journal_advanced_cb (WhimEngine *engine, gint64 last_seq, gpointer user_data)
{
  hooks_take (user_data);
}

/* ---- One delivery ---------------------------------------------------------------------------- */

typedef struct
{
  WhimHooks *hooks;
  gint64 hook;
  gint64 seq;
  guint attempts; /* before this one */
  gint64 since;
} DeliverOp;

static void
deliver_op_free (DeliverOp *self)
{
  self->hooks->under_way--;
  g_object_unref (self->hooks);
  g_free (self);
}

static void
settled_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  DeliverOp *op = user_data;
  g_autoptr (WhimHooks) self = g_object_ref (op->hooks);
  HookState *state = find_state (self, op->hook);
  g_autoptr (GError) error = NULL;
  gboolean ok = whim_store_commit_finish (WHIM_STORE (source), result, &error);

  (void)WHIM_FAILPOINT ("hooks.after-commit");
  if (state != NULL)
    g_hash_table_remove (state->busy, &op->seq);
  if (!ok)
    g_warning ("what became of a delivery could not be stored: %s", error->message);
  if (!ok && state != NULL)
    {
      /* the row is as it was: the same id and body go out once more */
      state->next_due = whim_clock_get_unix_ms (self->clock) + STORE_PAUSE_MS;
      hooks_arm (self, state->next_due);
    }
  else if (state != NULL)
    mark_ready (self, state);
  deliver_op_free (op);
  hooks_pump (self);
}

static void
settle (DeliverOp *op, HookState *state, guint status, const char *failure)
{
  WhimHooks *self = op->hooks;
  WhimSettlement row = { .hook = op->hook, .seq = op->seq, .status = status, .failure = failure };
  WhimHookVerdict verdict;
  WhimUnit *unit;

  row.now = whim_clock_get_unix_ms (self->clock);
  row.expired_before = row.now - WHIM_HOOK_PATIENCE_MS;
  verdict = whim_hook_judge (status, op->since, row.now);
  switch (verdict)
    {
    case WHIM_HOOK_VERDICT_DELIVERED:
      row.outcome = WHIM_SETTLED_DELIVERED;
      state->failures = 0;
      break;
    case WHIM_HOOK_VERDICT_AGAIN:
      row.outcome = WHIM_SETTLED_AGAIN;
      row.due_at = row.now + whim_hook_pause_ms (op->attempts + 1, whim_random_below (DICE));
      state->failures++;
      break;
    case WHIM_HOOK_VERDICT_DEAD:
    case WHIM_HOOK_VERDICT_OFF:
    default:
      row.outcome = WHIM_SETTLED_DEAD;
      state->failures++;
      break;
    }
  if (row.outcome == WHIM_SETTLED_DEAD)
    g_message ("%s: an event became a dead letter: %s", state->hook->id, failure);
  unit = whim_unit_new (0);
  whim_unit_settle_delivery (unit, &row);
  whim_store_commit_async (self->store, unit, NULL, settled_cb, op);
  if (verdict == WHIM_HOOK_VERDICT_OFF)
    whim_engine_turn_hook_off (self->engine, state->hook->id, "the receiver answered 410");
}

static void
posted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  DeliverOp *op = user_data;
  g_autoptr (WhimHooks) self = g_object_ref (op->hooks);
  g_autoptr (GError) error = NULL;
  guint status = whim_fetcher_send_finish (WHIM_FETCHER (source), result, &error);
  HookState *state = find_state (self, op->hook);
  g_autofree char *failure = NULL;

  if (state == NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      /* deleted, or the daemon stops: then it goes out again at the next start */
      if (state != NULL)
        g_hash_table_remove (state->busy, &op->seq);
      deliver_op_free (op);
      hooks_pump (self);
      return;
    }
  (void)WHIM_FAILPOINT ("hooks.after-post");
  if (status < 200 || status > 299)
    failure = error != NULL ? g_strdup (error->message)
                            : g_strdup_printf ("the receiver answered %u", status);
  settle (op, state, status, failure);
}

/* @state (nullable) */
static void
send_request (WhimHooks *self,
              HookState *state,
              const WhimHookRequest *request,
              GAsyncReadyCallback callback,
              gpointer user_data)
{
  const WhimFetchRequest fetch = {
    .method = request->method,
    .url = request->url,
    .headers = (const char *const *)request->headers,
    .content_type = "application/json",
    .body = request->body,
    .timeout_ms = WHIM_HOOK_TIMEOUT_MS,
    .answer_max = WHIM_LIMIT_HOOK_ANSWER,
  };

  whim_fetcher_send_async (self->fetcher, &fetch, state == NULL ? NULL : state->cancellable,
                           callback, user_data);
}

static void
deliver (WhimHooks *self, HookState *state, WhimDelivery *delivery)
{
  DeliverOp *op = g_new0 (DeliverOp, 1);
  g_autoptr (WhimHookRequest) request = NULL;

  op->hooks = g_object_ref (self);
  op->hook = delivery->hook;
  op->seq = delivery->event->seq;
  op->attempts = delivery->attempts;
  op->since = delivery->since;
  self->under_way++;
  g_hash_table_add (state->busy, g_memdup2 (&op->seq, sizeof op->seq));
  whim_engine_complete_event (self->engine, delivery->event);
  request = whim_hook_request_new (state->hook, delivery->event, delivery->attempts + 1,
                                   whim_clock_get_unix (self->clock));
  (void)WHIM_FAILPOINT ("hooks.before-post");
  send_request (self, state, request, posted_cb, op);
}

/* ---- What is due ----------------------------------------------------------------------------- */

static guint
free_lanes (WhimHooks *self, HookState *state)
{
  guint most = state->failures >= FAILURES_IN_A_ROW ? LANES_WHEN_FAILING : WHIM_LIMIT_HOOK_LANES;
  guint busy = g_hash_table_size (state->busy);
  guint shared = WHIM_LIMIT_HOOK_REQUESTS - MIN (self->under_way, WHIM_LIMIT_HOOK_REQUESTS);

  return busy >= most ? 0 : MIN (most - busy, shared);
}

typedef struct
{
  WhimHooks *hooks;
  gint64 hook;
} LoadOp;

static void
due_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree LoadOp *op = user_data;
  g_autoptr (WhimHooks) self = op->hooks;
  HookState *state = find_state (self, op->hook);
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimDueDeliveries) due
      = whim_store_load_due_finish (WHIM_STORE (source), result, &error);

  if (state == NULL || self->stopping)
    return;
  state->loading = FALSE;
  if (due == NULL)
    {
      g_warning ("%s: what is due could not be read: %s", state->hook->id, error->message);
      state->next_due = whim_clock_get_unix_ms (self->clock) + STORE_PAUSE_MS;
      hooks_arm (self, state->next_due);
      return;
    }
  state->next_due = due->next_due;
  hooks_arm (self, state->next_due);
  for (guint i = 0; i < due->items->len && state->hook->enabled; i++)
    {
      WhimDelivery *delivery = g_ptr_array_index (due->items, i);

      if (g_hash_table_contains (state->busy, &delivery->event->seq))
        continue;
      if (free_lanes (self, state) == 0)
        break; /* whatever ends looks again */
      deliver (self, state, delivery);
    }
  if (state->again)
    mark_ready (self, state);
  state->again = FALSE;
  hooks_pump (self);
}

static void
load_due (WhimHooks *self, HookState *state)
{
  gint64 now = whim_clock_get_unix_ms (self->clock);
  LoadOp *op = g_new0 (LoadOp, 1);

  state->loading = TRUE;
  op->hooks = g_object_ref (self);
  op->hook = state->hook->number;
  whim_store_load_due_async (
      self->store, state->hook->number, now, now + 2 * WHIM_HOOK_PAUSE_MAX_MS,
      g_hash_table_size (state->busy) + free_lanes (self, state), NULL, due_loaded_cb, op);
}

/* Hooks take turns: each that has something to do loads as much as it may have under way. */
static void
hooks_pump (WhimHooks *self)
{
  while (!self->stopping && self->under_way < WHIM_LIMIT_HOOK_REQUESTS
         && !g_queue_is_empty (&self->ready))
    {
      HookState *state = g_queue_pop_head (&self->ready);

      state->queued = FALSE;
      if (state->hook->enabled && free_lanes (self, state) > 0)
        load_due (self, state);
    }
}

/* ---- Tests ----------------------------------------------------------------------------------- */

typedef struct
{
  WhimHooks *hooks;
  gint64 hook;
  gint64 started;
  gboolean loose;
  GTask *task;
} TestOp;

static void
tested_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree TestOp *op = user_data;
  g_autoptr (WhimHooks) self = op->hooks;
  g_autoptr (GTask) task = op->task;
  HookState *state = find_state (self, op->hook);
  g_autoptr (GError) error = NULL;
  guint status = whim_fetcher_send_finish (WHIM_FETCHER (source), result, &error);
  GVariantBuilder builder;

  if (state != NULL)
    state->testing = FALSE;
  if (op->loose)
    self->loose_tests--;
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "delivered",
                         g_variant_new_boolean (status >= 200 && status <= 299));
  if (status > 0)
    g_variant_builder_add (&builder, "{sv}", "status", g_variant_new_int64 (status));
  g_variant_builder_add (
      &builder, "{sv}", "durationMs",
      g_variant_new_int64 (whim_clock_get_monotonic_ms (self->clock) - op->started));
  if (error != NULL)
    g_variant_builder_add (&builder, "{sv}", "error", g_variant_new_string (error->message));
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_builder_end (&builder)),
                         (GDestroyNotify)g_variant_unref);
}

static void
hooks_test (WhimHook *hook, GTask *task, gpointer user_data)
{
  WhimHooks *self = user_data;
  HookState *state = find_state (self, hook->number);
  g_autoptr (WhimEvent) event = NULL;
  g_autoptr (WhimHookRequest) request = NULL;
  gint64 now = whim_clock_get_unix (self->clock);
  TestOp *op;

  if (self->stopping || (state != NULL && state->testing)
      || (state == NULL && self->loose_tests >= LOOSE_TESTS))
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_RATE_LIMITED,
                               "a test of this webhook is under way");
      return;
    }
  op = g_new0 (TestOp, 1);
  op->loose = state == NULL;
  if (state != NULL)
    state->testing = TRUE;
  else
    self->loose_tests++;
  op->hooks = g_object_ref (self);
  op->hook = hook->number;
  op->started = whim_clock_get_monotonic_ms (self->clock);
  op->task = g_object_ref (task);
  event = whim_event_new (hook->channel_id, WHIM_PRESENT_TEST_EVENT, now,
                          g_variant_new_parsed ("{'test': <true>}"));
  request = whim_hook_request_new (hook, event, 1, now);
  send_request (self, state, request, tested_cb, op);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void
hook_changed_cb (WhimEngine *engine, const char *id, gpointer user_data)
{
  WhimHooks *self = user_data;
  WhimHook *hook = whim_engine_find_hook (engine, id);
  GHashTableIter iter;
  gpointer value;
  HookState *state;

  if (hook == NULL)
    {
      g_hash_table_iter_init (&iter, self->states);
      while (g_hash_table_iter_next (&iter, NULL, &value))
        if (g_str_equal (((HookState *)value)->hook->id, id))
          {
            g_queue_remove (&self->ready, value);
            g_hash_table_iter_remove (&iter);
          }
      return;
    }
  state = find_state (self, hook->number);
  if (state == NULL)
    state = add_state (self, hook);
  else
    {
      whim_hook_unref (state->hook);
      state->hook = whim_hook_ref (hook);
      state->failures = 0;
    }
  mark_ready (self, state);
  hooks_take (self);
  hooks_pump (self);
}

WhimHooks *
whim_hooks_new (const WhimHooksConfig *config, GError **error)
{
  g_autoptr (GArray) indebted = whim_store_load_indebted (config->store, error);
  g_autoptr (WhimHooks) self = NULL;
  GPtrArray *hooks;

  if (indebted == NULL)
    return NULL;
  self = g_object_new (WHIM_TYPE_HOOKS, NULL);
  self->engine = g_object_ref (config->engine);
  self->store = g_object_ref (config->store);
  self->clock = whim_clock_ref (config->clock);
  self->fetcher = whim_fetcher_new (config->clock, config->allow_private);
  hooks = whim_engine_get_hooks (self->engine);
  for (guint i = 0; i < hooks->len; i++)
    add_state (self, g_ptr_array_index (hooks, i));
  for (guint i = 0; i < indebted->len; i++)
    {
      HookState *state = find_state (self, g_array_index (indebted, gint64, i));

      if (state != NULL)
        mark_ready (self, state);
    }
  g_signal_connect (self->engine, "journal-advanced", G_CALLBACK (journal_advanced_cb), self);
  g_signal_connect (self->engine, "hook-changed", G_CALLBACK (hook_changed_cb), self);
  whim_engine_set_hook_tester (self->engine, hooks_test, self);
  hooks_take (self);
  hooks_pump (self);
  return g_steal_pointer (&self);
}

gboolean
whim_hooks_is_busy (WhimHooks *self)
{
  return self->under_way > 0;
}

void
whim_hooks_drain (WhimHooks *self)
{
  if (self->stopping)
    return;
  self->stopping = TRUE;
  whim_clock_clear_timer (self->clock, &self->timer);
  whim_clock_clear_timer (self->clock, &self->take_timer);
  whim_engine_set_hook_tester (self->engine, NULL, NULL);
  g_signal_handlers_disconnect_by_data (self->engine, self);
}

void
whim_hooks_stop (WhimHooks *self)
{
  whim_hooks_drain (self);
  whim_fetcher_stop (self->fetcher);
}

static void
whim_hooks_finalize (GObject *object)
{
  WhimHooks *self = WHIM_HOOKS (object);

  g_queue_clear (&self->ready);
  g_hash_table_unref (self->states);
  g_clear_object (&self->fetcher);
  g_clear_object (&self->engine);
  g_clear_object (&self->store);
  g_clear_pointer (&self->clock, whim_clock_unref);
  G_OBJECT_CLASS (whim_hooks_parent_class)->finalize (object);
}

static void
whim_hooks_class_init (WhimHooksClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = whim_hooks_finalize;
}

static void
whim_hooks_init (WhimHooks *self)
{
  self->states = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, hook_state_free);
  g_queue_init (&self->ready);
}
