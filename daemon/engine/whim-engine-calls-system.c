/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

static void
call_system_health (const WhimCall *call, GTask *task)
{
  GVariantBuilder builder;
  GVariantBuilder channels;
  gint64 connected = 0;
  gboolean healthy = whim_store_is_healthy (call->engine->store);
  gboolean degraded = !healthy;

  for (guint i = 0; i < call->engine->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (call->engine->channels, i);
      WhimChannelState state = whim_session_get_public_state (channel->session);

      if (state == WHIM_CHANNEL_STATE_CONNECTED)
        connected++;
      else if (whim_channel_is_paired (channel) && channel->record->auto_connect
               && whim_session_get_state (channel->session) != WHIM_SESSION_OFFLINE)
        degraded = TRUE; /* it should be connected and is not */
    }
  g_variant_builder_init (&channels, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&channels, "{sv}", "total",
                         g_variant_new_int64 (call->engine->channels->len));
  g_variant_builder_add (&channels, "{sv}", "connected", g_variant_new_int64 (connected));
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "status",
                         g_variant_new_string (degraded ? "degraded" : "ok"));
  g_variant_builder_add (&builder, "{sv}", "timestamp",
                         g_variant_new_int64 (whim_clock_get_unix (call->engine->clock)));
  g_variant_builder_add (&builder, "{sv}", "database",
                         g_variant_new_string (healthy ? "ok" : "error"));
  g_variant_builder_add (&builder, "{sv}", "redis", g_variant_new_string ("not_used"));
  g_variant_builder_add (&builder, "{sv}", "channels", g_variant_builder_end (&channels));
  g_variant_builder_add (&builder, "{sv}", "auth", g_variant_new_string ("required"));
  whim_call_return (task, g_variant_builder_end (&builder));
}

const WhimCallRow whim_calls_system[] = {
  { "system.health", call_system_health },
  { NULL },
};
