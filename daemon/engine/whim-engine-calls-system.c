/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "store/whim-store-hooks.h"
#include "store/whim-store-maintenance.h"

#include <sys/resource.h>
#include <unistd.h>

static void
count_channels (WhimEngine *self)
{
  WhimHealth *health = &self->health;

  health->counted = TRUE;
  health->connected = 0;
  health->missing = FALSE;
  for (guint i = 0; i < self->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (self->channels, i);

      if (whim_channel_get_state (channel) == WHIM_CHANNEL_STATE_CONNECTED)
        health->connected++;
      else if (whim_channel_is_paired (channel) && channel->record->auto_connect
               && (channel->starting
                   || whim_session_get_state (channel->session) != WHIM_SESSION_OFFLINE))
        health->missing = TRUE;
    }
}

/* What a stranger may know: whether the daemon works, not whose it is. */
static void
add_health (WhimEngine *self, GVariantBuilder *builder)
{
  GVariantBuilder channels;
  gboolean healthy = whim_store_is_healthy (self->store);

  if (!self->health.counted)
    count_channels (self);
  g_variant_builder_init (&channels, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&channels, "{sv}", "total", g_variant_new_int64 (self->channels->len));
  g_variant_builder_add (&channels, "{sv}", "connected",
                         g_variant_new_int64 (self->health.connected));
  g_variant_builder_add (builder, "{sv}", "timestamp",
                         g_variant_new_int64 (whim_clock_get_unix (self->clock)));
  g_variant_builder_add (builder, "{sv}", "database",
                         g_variant_new_string (healthy ? "ok" : "error"));
  g_variant_builder_add (builder, "{sv}", "redis", g_variant_new_string ("not_used"));
  g_variant_builder_add (builder, "{sv}", "channels", g_variant_builder_end (&channels));
  g_variant_builder_add (builder, "{sv}", "auth", g_variant_new_string ("required"));
}

/* What it says is true when it is asked: a change of a channel makes it anew, and so do another
 * second and a commit that failed or succeeded again. */
static GVariant *
answer_system_health (const WhimCall *call, GError **error)
{
  WhimEngine *self = call->engine;
  WhimHealth *health = &self->health;
  gint64 now = whim_clock_get_unix (self->clock);
  gboolean store_ok = whim_store_is_healthy (self->store);
  GVariantBuilder builder;

  if (health->answer != NULL && health->at == now && health->store_ok == store_ok)
    return g_variant_ref (health->answer);
  g_clear_pointer (&health->answer, g_variant_unref);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_health (self, &builder);
  g_variant_builder_add (&builder, "{sv}", "status",
                         g_variant_new_string (store_ok && !health->missing ? "ok" : "degraded"));
  health->answer = g_variant_ref_sink (g_variant_builder_end (&builder));
  health->at = now;
  health->store_ok = store_ok;
  return g_variant_ref (health->answer);
}

/* whapi means the channel where it says health (whapi-compat, 2). */
GVariant *
whim_call_channel_health (const WhimCall *call, GError **error)
{
  WhimChannel *channel = call->channel;
  const WhimCredentials *keys = whim_session_get_credentials (channel->session);
  gint64 now = whim_clock_get_unix (call->engine->clock);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_health (call->engine, &builder);
  g_variant_builder_add (
      &builder, "{sv}", "whapiStatus",
      g_variant_new_string (whim_channel_state_to_word (whim_channel_get_state (channel))));
  g_variant_builder_add (&builder, "{sv}", "channel_id",
                         g_variant_new_string (channel->record->id));
  g_variant_builder_add (&builder, "{sv}", "start_at",
                         g_variant_new_int64 (call->engine->started_at));
  g_variant_builder_add (&builder, "{sv}", "uptime",
                         g_variant_new_int64 (MAX (0, now - call->engine->started_at)));
  g_variant_builder_add (&builder, "{sv}", "version", g_variant_new_string (WHIM_VERSION));
  if (keys != NULL && keys->pn != NULL && whim_credentials_is_paired (keys))
    {
      GVariantBuilder user;

      g_variant_builder_add (&builder, "{sv}", "device_id",
                             g_variant_new_int64 (whim_jid_get_device (keys->pn)));
      g_variant_builder_init (&user, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&user, "{sv}", "id",
                             g_variant_new_string (whim_jid_get_user (keys->pn)));
      if (keys->push_name != NULL)
        g_variant_builder_add (&user, "{sv}", "name", g_variant_new_string (keys->push_name));
      g_variant_builder_add (&builder, "{sv}", "user", g_variant_builder_end (&user));
    }
  return g_variant_builder_end (&builder);
}

static void
append_process (GString *text)
{
  g_autofree char *statm = NULL;
  g_autoptr (GDir) descriptors = g_dir_open ("/proc/self/fd", 0, NULL);
  struct rusage usage;
  guint n = 0;
  gint64 cpu_us;

  getrusage (RUSAGE_SELF, &usage);
  cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC + usage.ru_utime.tv_usec
           + usage.ru_stime.tv_usec;
  g_string_append_printf (text,
                          "# TYPE process_cpu_seconds_total counter\n"
                          "process_cpu_seconds_total %" G_GINT64_FORMAT ".%06d\n",
                          cpu_us / G_USEC_PER_SEC, (int)(cpu_us % G_USEC_PER_SEC));
  if (g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL))
    {
      char *second = NULL;

      g_ascii_strtoull (statm, &second, 10);
      g_string_append_printf (text,
                              "# TYPE process_resident_memory_bytes gauge\n"
                              "process_resident_memory_bytes %" G_GUINT64_FORMAT "\n",
                              g_ascii_strtoull (second, NULL, 10)
                                  * (guint64)sysconf (_SC_PAGESIZE));
    }
  while (descriptors != NULL && g_dir_read_name (descriptors) != NULL)
    n++;
  g_string_append_printf (text, "# TYPE process_open_fds gauge\nprocess_open_fds %u\n", n);
}

/* Ids of channels are opaque, so they may stand in figures. */
static void
append_channels (WhimEngine *self, GString *text)
{
  guint by_state[WHIM_CHANNEL_N_STATES] = { 0 };
  GString *up = g_string_new ("# HELP whimbrel_channel_up Whether a channel is connected.\n"
                              "# TYPE whimbrel_channel_up gauge\n");

  for (guint i = 0; i < self->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (self->channels, i);
      WhimChannelState state = whim_channel_get_state (channel);

      by_state[state]++;
      g_string_append_printf (up, "whimbrel_channel_up{channel=\"%s\",reason=\"%s\"} %d\n",
                              channel->record->id,
                              whim_reason_to_word (whim_channel_get_reason (channel)),
                              state == WHIM_CHANNEL_STATE_CONNECTED);
    }
  g_string_append (text, "# HELP whimbrel_channels Channels by status.\n"
                         "# TYPE whimbrel_channels gauge\n");
  for (guint i = WHIM_CHANNEL_STATE_DISCONNECTED; i < WHIM_CHANNEL_N_STATES; i++)
    g_string_append_printf (text, "whimbrel_channels{status=\"%s\"} %u\n",
                            whim_channel_state_to_word ((WhimChannelState)i), by_state[i]);
  g_string_append_len (text, up->str, (gssize)up->len);
  g_string_free (up, TRUE);
}

static void
append_hooks (WhimEngine *self, GPtrArray *stats, GString *text)
{
  gint64 pending = 0;
  gint64 dead = 0;
  gint64 delivered = 0;

  for (guint i = 0; stats != NULL && i < stats->len; i++)
    {
      const WhimHookStats *row = g_ptr_array_index (stats, i);

      pending += row->pending;
      dead += row->dead;
      delivered += row->delivered;
    }
  g_string_append_printf (text,
                          "# HELP whimbrel_webhooks Webhooks, on or off.\n"
                          "# TYPE whimbrel_webhooks gauge\nwhimbrel_webhooks %u\n"
                          "# HELP whimbrel_webhook_pending Events that webhooks still owe.\n"
                          "# TYPE whimbrel_webhook_pending gauge\n"
                          "whimbrel_webhook_pending %" G_GINT64_FORMAT "\n"
                          "# HELP whimbrel_webhook_dead_letters Events that nobody took.\n"
                          "# TYPE whimbrel_webhook_dead_letters gauge\n"
                          "whimbrel_webhook_dead_letters %" G_GINT64_FORMAT "\n"
                          "# HELP whimbrel_webhook_delivered_total Events that were taken.\n"
                          "# TYPE whimbrel_webhook_delivered_total counter\n"
                          "whimbrel_webhook_delivered_total %" G_GINT64_FORMAT "\n",
                          self->hooks->len, pending, dead, delivered);
}

/* @depths (nullable): by number of the channel; what is not in it has nothing that waits */
static void
append_outbox (WhimEngine *self, GHashTable *depths, GString *text)
{
  if (depths == NULL)
    return;
  g_string_append (text, "# HELP whimbrel_outbox_depth Messages that wait to be sent, or for their "
                         "acknowledgement.\n"
                         "# TYPE whimbrel_outbox_depth gauge\n");
  for (guint i = 0; i < self->channels->len; i++)
    {
      const WhimChannel *channel = g_ptr_array_index (self->channels, i);
      const gint64 *depth = g_hash_table_lookup (depths, &channel->record->number);

      g_string_append_printf (text, "whimbrel_outbox_depth{channel=\"%s\"} %" G_GINT64_FORMAT "\n",
                              channel->record->id, depth == NULL ? 0 : *depth);
    }
}

static void
metrics_counted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  GPtrArray *stats = g_task_get_task_data (task);
  g_autoptr (GHashTable) depths
      = whim_store_count_outbox_finish (WHIM_STORE (source), result, NULL);
  GString *text = g_string_new ("# HELP whimbrel_build_info What runs.\n"
                                "# TYPE whimbrel_build_info gauge\n"
                                "whimbrel_build_info{version=\"" WHIM_VERSION "\"} 1\n");
  GVariantBuilder builder;

  g_string_append_printf (text,
                          "# HELP whimbrel_store_up Whether the last commit succeeded.\n"
                          "# TYPE whimbrel_store_up gauge\nwhimbrel_store_up %d\n"
                          "# HELP whimbrel_journal_events_total Events since the first start.\n"
                          "# TYPE whimbrel_journal_events_total counter\n"
                          "whimbrel_journal_events_total %" G_GINT64_FORMAT "\n",
                          whim_store_is_healthy (self->store) && stats != NULL,
                          whim_store_get_last_seq (self->store));
  append_channels (self, text);
  append_outbox (self, depths, text);
  append_hooks (self, stats, text);
  append_process (text);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "contentType",
                         g_variant_new_string ("text/plain; version=0.0.4; charset=utf-8"));
  g_variant_builder_add (&builder, "{sv}", "bytes",
                         g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, text->str, text->len, 1));
  g_string_free (text, TRUE);
  whim_call_return (task, g_variant_builder_end (&builder));
}

static void
metrics_stats_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GPtrArray *stats = whim_store_load_hook_stats_finish (WHIM_STORE (source), result, NULL);

  if (stats != NULL)
    g_task_set_task_data (task, stats, (GDestroyNotify)g_ptr_array_unref);
  whim_store_count_outbox_async (WHIM_STORE (source), g_task_get_cancellable (task),
                                 metrics_counted_cb, g_object_ref (task));
}

static void
call_system_metrics (const WhimCall *call, GTask *task)
{
  g_autoptr (GArray) hooks = g_array_new (FALSE, FALSE, sizeof (gint64));

  for (guint i = 0; i < call->engine->hooks->len; i++)
    g_array_append_val (hooks, ((WhimHook *)g_ptr_array_index (call->engine->hooks, i))->number);
  whim_store_load_hook_stats_async (call->engine->store, hooks, g_task_get_cancellable (task),
                                    metrics_stats_cb, g_object_ref (task));
}

static void
backed_up_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimEngine *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autofree char *path = whim_store_backup_finish (WHIM_STORE (source), result, &error);
  g_autoptr (GDateTime) now = g_date_time_new_from_unix_utc (whim_clock_get_unix (self->clock));
  g_autofree char *name = g_date_time_format (now, "whimbrel-%Y%m%d-%H%M%S.db");
  GVariantBuilder builder;

  self->backing_up = FALSE;
  if (path == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "path", g_variant_new_bytestring (path));
  g_variant_builder_add (&builder, "{sv}", "name", g_variant_new_string (name));
  g_variant_builder_add (&builder, "{sv}", "contentType",
                         g_variant_new_string ("application/vnd.sqlite3"));
  whim_call_return (task, g_variant_builder_end (&builder));
}

static void
call_system_backup (const WhimCall *call, GTask *task)
{
  if (call->engine->backing_up)
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_RATE_LIMITED, "a backup is being made");
      return;
    }
  call->engine->backing_up = TRUE;
  whim_store_backup_async (call->engine->store, NULL, backed_up_cb, g_object_ref (task));
}

const WhimCallRow whim_calls_system[] = {
  { "system.backup", call_system_backup },
  { "system.metrics", call_system_metrics },
  { "system.health", .answer = answer_system_health },
  { NULL },
};
