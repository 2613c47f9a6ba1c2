/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "base/whim-random.h"
#include "base/whim-util.h"

G_DEFINE_FINAL_TYPE (WhimEngine, whim_engine, G_TYPE_OBJECT)

/* How long events are kept (product page, 6), and how often what is older goes. */
#define JOURNAL_KEPT_SECONDS (7 * 24 * 3600)
#define PRUNE_EVERY_MS (3600 * 1000)

/* How many channels begin to connect in one turn of the main loop. */
#define CONNECT_AT_ONCE 16

enum
{
  SIGNAL_JOURNAL_ADVANCED,
  SIGNAL_CHANNEL_CHANGED,
  SIGNAL_HOOK_CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static void
whim_engine_finalize (GObject *object)
{
  WhimEngine *self = WHIM_ENGINE (object);

  whim_engine_forget_health (self);
  g_ptr_array_unref (self->channels);
  g_hash_table_unref (self->by_id);
  g_hash_table_unref (self->asked);
  g_clear_pointer (&self->keys, g_ptr_array_unref);
  g_clear_pointer (&self->hooks, g_ptr_array_unref);
  g_clear_object (&self->store);
  g_clear_pointer (&self->clock, whim_clock_unref);
  G_OBJECT_CLASS (whim_engine_parent_class)->finalize (object);
}

static void
whim_engine_class_init (WhimEngineClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = whim_engine_finalize;
  signals[SIGNAL_JOURNAL_ADVANCED]
      = g_signal_new ("journal-advanced", WHIM_TYPE_ENGINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                      G_TYPE_NONE, 1, G_TYPE_INT64);
  signals[SIGNAL_CHANNEL_CHANGED]
      = g_signal_new ("channel-changed", WHIM_TYPE_ENGINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                      G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[SIGNAL_HOOK_CHANGED] = g_signal_new ("hook-changed", WHIM_TYPE_ENGINE, G_SIGNAL_RUN_LAST,
                                               0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
whim_engine_init (WhimEngine *self)
{
  self->channels = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_channel_free);
  self->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->asked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static void
journal_cb (gint64 last_seq, gpointer user_data)
{
  g_signal_emit (user_data, signals[SIGNAL_JOURNAL_ADVANCED], 0, last_seq);
}

/* What was waiting, and what was forbidden (@restrictions, whose rows it takes), when the last run
 * ended. */
static gboolean
load_sending (WhimEngine *self, GPtrArray *restrictions, GError **error)
{
  g_autoptr (GHashTable) expiries = whim_store_load_expiries (self->store, error);

  if (expiries == NULL)
    return FALSE;
  g_ptr_array_set_free_func (restrictions, NULL);
  for (guint i = 0; i < restrictions->len; i++)
    {
      WhimRestriction *row = g_ptr_array_index (restrictions, i);
      WhimChannel *channel = NULL;

      for (guint k = 0; channel == NULL && k < self->channels->len; k++)
        if (((WhimChannel *)g_ptr_array_index (self->channels, k))->record->number == row->channel)
          channel = g_ptr_array_index (self->channels, k);
      if (channel != NULL)
        whim_messenger_add_restriction (channel->messenger, row);
      else
        whim_restriction_free (row);
    }
  for (guint i = 0; i < self->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (self->channels, i);
      const gint64 *at = g_hash_table_lookup (expiries, &channel->record->number);

      if (at != NULL)
        whim_messenger_expect_expiry (channel->messenger, *at);
    }
  return TRUE;
}

static gint64
find_ban (GPtrArray *restrictions, gint64 channel)
{
  for (guint i = 0; i < restrictions->len; i++)
    {
      const WhimRestriction *row = g_ptr_array_index (restrictions, i);

      if (row->channel == channel && g_str_equal (row->kind, WHIM_RESTRICTION_BAN))
        return row->ends_at;
    }
  return 0;
}

WhimEngine *
whim_engine_new (const WhimEngineConfig *config, GError **error)
{
  g_autoptr (WhimEngine) self = g_object_new (WHIM_TYPE_ENGINE, NULL);
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GPtrArray) restrictions = NULL;

  self->clock = whim_clock_ref (config->clock);
  self->store = g_object_ref (config->store);
  self->started_at = whim_clock_get_unix (self->clock);
  self->pool = config->pool;
  self->transport = config->transport;
  self->version = config->version;
  self->allow_private_fetch = config->allow_private_fetch;
  whim_copy (self->noise_root, config->noise_root, WHIM_KEY_SIZE);
  records = whim_store_load_channels (self->store, error);
  if (records == NULL)
    return NULL;
  self->keys = whim_store_load_api_keys (self->store, error);
  if (self->keys == NULL || !whim_engine_load_hooks (self, error))
    return NULL;
  restrictions = whim_store_load_restrictions (self->store, error);
  if (restrictions == NULL)
    return NULL;
  g_ptr_array_set_free_func (records, NULL);
  for (guint i = 0; i < records->len; i++)
    {
      WhimChannelRecord *record = g_ptr_array_index (records, i);
      WhimChannel *channel
          = whim_channel_new (self, record, find_ban (restrictions, record->number));

      g_ptr_array_add (self->channels, channel);
      g_hash_table_insert (self->by_id, channel->record->id, channel);
    }
  if (!load_sending (self, restrictions, error))
    return NULL;
  whim_store_set_journal_func (self->store, journal_cb, self);
  return g_steal_pointer (&self);
}

static void prune_cb (gpointer user_data);

static void
pruned_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    g_warning ("the journal could not be pruned: %s", error->message);
}

static void
prune_later (WhimEngine *self)
{
  self->prune_timer = whim_clock_add_timer (self->clock, PRUNE_EVERY_MS, prune_cb, self);
}

static void
prune_cb (gpointer user_data)
{
  WhimEngine *self = user_data;
  WhimUnit *unit = whim_unit_new (0);

  whim_engine_keep_key_uses (self);
  whim_unit_prune_journal (unit, whim_clock_get_unix (self->clock) - JOURNAL_KEPT_SECONDS);
  whim_unit_prune_sending (unit, whim_clock_get_unix (self->clock),
                           whim_messenger_get_oldest_token (whim_clock_get_unix (self->clock)));
  whim_store_commit_async (self->store, unit, NULL, pruned_cb, NULL);
  prune_later (self);
}

/* A thousand at once would keep everybody waiting who calls meanwhile. */
static void
connect_some (gpointer user_data)
{
  WhimEngine *self = user_data;
  guint n = 0;

  self->connect_timer = 0;
  for (guint i = 0; i < self->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (self->channels, i);

      if (!channel->starting)
        continue;
      if (n++ == CONNECT_AT_ONCE)
        {
          self->connect_timer = whim_clock_add_timer (self->clock, 0, connect_some, self);
          return;
        }
      channel->starting = FALSE;
      whim_session_connect (channel->session, WHIM_REASON_STARTUP);
    }
}

void
whim_engine_start (WhimEngine *self)
{
  prune_later (self);
  for (guint i = 0; i < self->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (self->channels, i);

      channel->starting = channel->record->auto_connect && whim_channel_is_paired (channel);
    }
  whim_engine_forget_health (self);
  connect_some (self);
}

void
whim_engine_stop (WhimEngine *self)
{
  self->stopping = TRUE;
  whim_engine_keep_key_uses (self);
  whim_clock_clear_timer (self->clock, &self->prune_timer);
  whim_clock_clear_timer (self->clock, &self->connect_timer);
  g_hash_table_remove_all (self->by_id);
  g_ptr_array_set_size (self->channels, 0);
  whim_store_set_journal_func (self->store, NULL, NULL);
}

/* Everybody at once would be a stampede, although a gate stands before the handshakes. */
#define WAKE_STEP_MS 10
#define WAKE_SPREAD_MS 10000

void
whim_engine_wake (WhimEngine *self)
{
  guint32 spread = MIN ((self->channels->len - MIN (self->channels->len, 1)) * WAKE_STEP_MS,
                        (guint32)WAKE_SPREAD_MS);

  for (guint i = 0; i < self->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (self->channels, i);

      whim_session_wake (channel->session, spread == 0 ? 0 : whim_random_below (spread));
    }
}

gboolean
whim_engine_is_idle (WhimEngine *self)
{
  for (guint i = 0; i < self->channels->len; i++)
    if (!whim_messenger_is_idle (((WhimChannel *)g_ptr_array_index (self->channels, i))->messenger))
      return FALSE;
  return TRUE;
}

WhimChannel *
whim_engine_find_channel (WhimEngine *self, const char *id)
{
  return g_hash_table_lookup (self->by_id, id);
}

void
whim_engine_forget_health (WhimEngine *self)
{
  self->health.counted = FALSE;
  g_clear_pointer (&self->health.answer, g_variant_unref);
}

void
whim_engine_channel_changed (WhimEngine *self, const char *id)
{
  whim_engine_forget_health (self);
  if (!self->stopping)
    g_signal_emit (self, signals[SIGNAL_CHANNEL_CHANGED], 0, id);
}

char **
whim_engine_dup_channel_ids (WhimEngine *self)
{
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();

  for (guint i = 0; i < self->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (self->channels, i);

      if (!channel->deleting)
        g_strv_builder_add (ids, channel->record->id);
    }
  return g_strv_builder_end (ids);
}

GVariant *
whim_engine_dup_channel (WhimEngine *self, const char *id)
{
  WhimChannel *channel = whim_engine_find_channel (self, id);

  if (channel == NULL || channel->deleting)
    return NULL;
  return g_variant_ref_sink (whim_channel_to_variant (channel));
}

gint64
whim_engine_get_last_seq (WhimEngine *self)
{
  return whim_store_get_last_seq (self->store);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static gboolean
check_scope (const WhimOperation *operation, const WhimCaller *caller, GError **error)
{
  if (operation->scope == WHIM_SCOPE_NONE)
    return TRUE;
  if (caller == NULL)
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_UNAUTHORIZED, "an API key is required");
      return FALSE;
    }
  if ((operation->scope >= WHIM_SCOPE_ADMIN_READ && !caller->admin)
      || ((operation->scope == WHIM_SCOPE_ADMIN || operation->scope == WHIM_SCOPE_WRITE)
          && caller->read_only))
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_FORBIDDEN, "this key may not do that");
      return FALSE;
    }
  return TRUE;
}

/* Whether @caller may, and whether @given is what the operation takes. Returns: (transfer full)
 * (nullable): the complete parameters */
static GVariant *
check_call (WhimEngine *self,
            const WhimOperation *operation,
            const WhimCaller *caller,
            GVariant *given,
            WhimChannel **channel,
            GError **error)
{
  g_autoptr (GVariant) checked = NULL;
  const char *id = NULL;

  if (!check_scope (operation, caller, error))
    return NULL;
  checked = whim_operation_check (operation, given, error);
  if (checked == NULL || !operation->channel_scoped)
    return g_steal_pointer (&checked);
  g_variant_lookup (checked, "channelId", "&s", &id);
  if (!whim_caller_may_see (caller, id))
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_FORBIDDEN,
                           "this key is not for that channel");
      return NULL;
    }
  *channel = whim_engine_find_channel (self, id);
  if (*channel == NULL || (*channel)->deleting)
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_CHANNEL_NOT_FOUND,
                           "there is no such channel");
      return NULL;
    }
  return g_steal_pointer (&checked);
}

void
whim_engine_call_async (WhimEngine *self,
                        const char *name,
                        const WhimCaller *caller,
                        GVariant *params,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr (GVariant) given = g_variant_ref_sink (params);
  g_autoptr (GVariant) checked = NULL;
  const WhimOperation *operation = whim_operation_find (name);
  WhimChannel *channel = NULL;
  const char *client_id = NULL;
  GError *error = NULL;

  g_task_set_source_tag (task, whim_engine_call_async);
  if (operation == NULL)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_NOT_FOUND,
                               "there is no such operation");
      return;
    }
  checked = check_call (self, operation, caller, given, &channel, &error);
  if (checked == NULL)
    g_task_return_error (task, error);
  else if (channel != NULL && g_variant_lookup (checked, WHIM_PARAM_CLIENT_ID, "&s", &client_id))
    whim_engine_dispatch_once (self, operation, caller, channel, checked, task);
  else
    whim_engine_dispatch (self, operation, caller, channel, checked, NULL, task);
}

gboolean
whim_engine_answers_at_once (const WhimOperation *operation)
{
  const WhimCallRow *row = whim_call_row_find (operation);

  return row != NULL && row->answer != NULL;
}

GVariant *
whim_engine_answer (WhimEngine *self,
                    const WhimOperation *operation,
                    const WhimCaller *caller,
                    GVariant *params,
                    GError **error)
{
  g_autoptr (GVariant) given = g_variant_ref_sink (params);
  WhimCall call = { .engine = self, .caller = caller };
  g_autoptr (GVariant) checked = check_call (self, operation, caller, given, &call.channel, error);
  g_autoptr (GError) inner = NULL;
  GVariant *value;

  if (checked == NULL)
    return NULL;
  call.params = checked;
  value = whim_call_row_find (operation)->answer (&call, &inner);
  if (value == NULL)
    g_propagate_error (error, whim_error_to_public (inner));
  return value == NULL ? NULL : g_variant_take_ref (value);
}

GVariant *
whim_engine_call_finish (WhimEngine *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GError) inner = NULL;
  GVariant *value;

  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  value = g_task_propagate_pointer (G_TASK (result), &inner);
  if (value == NULL)
    g_propagate_error (error, whim_error_to_public (inner));
  return value;
}

/* ---- events ---------------------------------------------------------------------------------- */

typedef struct
{
  WhimCaller caller; /* a copy; the strings are ours */
} EventsOp;

static void
events_op_free (gpointer data)
{
  EventsOp *op = data;

  g_strfreev (op->caller.channels);
  g_free (op);
}

/* The journal keeps only when a code expires; the code itself comes from memory, the latest only
 * and never after its expiry (product page, 6). */
void
whim_engine_complete_event (WhimEngine *self, WhimEvent *event)
{
  WhimChannel *channel = whim_engine_find_channel (self, event->channel_id);
  gboolean by_phone = g_strcmp0 (event->type, "channel.pairing-code") == 0;
  gint64 wanted = 0;
  gint64 expires_at = 0;
  const char *code;
  GVariantDict dict;

  if (channel == NULL || (!by_phone && g_strcmp0 (event->type, "channel.qr") != 0))
    return;
  g_variant_lookup (event->data, "expiresAt", "x", &wanted);
  code = by_phone ? whim_session_peek_phone_code (channel->session, &expires_at)
                  : whim_session_peek_code (channel->session, &expires_at);
  if (code == NULL || ABS (expires_at - wanted) > 1
      || expires_at <= whim_clock_get_unix (self->clock))
    return;
  g_variant_dict_init (&dict, event->data);
  g_variant_dict_insert (&dict, by_phone ? "pairingCode" : "qr", "s", code);
  g_variant_unref (event->data);
  event->data = g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
events_read_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  EventsOp *op = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GPtrArray) events
      = whim_store_read_journal_finish (WHIM_STORE (source), result, &error);

  if (events == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  for (guint i = 0; i < events->len; i++)
    {
      WhimEvent *event = g_ptr_array_index (events, i);

      /* What the caller may not see keeps its place with nothing in it, so that cursors advance. */
      if (!whim_caller_may_see (&op->caller, event->channel_id))
        g_clear_pointer (&event->type, g_free);
      else
        whim_engine_complete_event (self, event);
    }
  g_task_return_pointer (task, g_steal_pointer (&events), (GDestroyNotify)g_ptr_array_unref);
}

void
whim_engine_read_events_async (WhimEngine *self,
                               const WhimCaller *caller,
                               gint64 after,
                               const char *channel_id,
                               guint limit,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  EventsOp *op = g_new0 (EventsOp, 1);

  g_task_set_source_tag (task, whim_engine_read_events_async);
  op->caller.admin = caller != NULL && caller->admin;
  op->caller.channels = caller == NULL ? NULL : g_strdupv (caller->channels);
  g_task_set_task_data (task, op, events_op_free);
  if (caller == NULL)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_UNAUTHORIZED, "an API key is required");
      return;
    }
  if (channel_id != NULL && !whim_caller_may_see (caller, channel_id))
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_FORBIDDEN,
                               "this key is not for that channel");
      return;
    }
  if (channel_id != NULL && whim_engine_find_channel (self, channel_id) == NULL)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_CHANNEL_NOT_FOUND,
                               "there is no such channel");
      return;
    }
  whim_store_read_journal_async (self->store, after, channel_id, limit, cancellable, events_read_cb,
                                 g_object_ref (task));
}

GPtrArray *
whim_engine_read_events_finish (WhimEngine *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GError) inner = NULL;
  GPtrArray *events = g_task_propagate_pointer (G_TASK (result), &inner);

  if (events == NULL)
    g_propagate_error (error, whim_error_to_public (inner));
  return events;
}
