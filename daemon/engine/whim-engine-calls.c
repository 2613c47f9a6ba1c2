/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include <string.h>

/* What each operation does stands in whim-engine-calls-<family>.c; here is what they share. */

void
whim_call_return (GTask *task, GVariant *value)
{
  g_task_return_pointer (task, g_variant_ref_sink (value), (GDestroyNotify)g_variant_unref);
}

void
whim_call_return_nothing (GTask *task)
{
  whim_call_return (task, g_variant_new_parsed ("@a{sv} {}"));
}

GVariant *
whim_call_make_list (GVariantBuilder *items, guint64 total, gint64 limit, gint64 offset)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "items", g_variant_builder_end (items));
  g_variant_builder_add (&builder, "{sv}", "total", g_variant_new_int64 ((gint64)total));
  g_variant_builder_add (&builder, "{sv}", "count", g_variant_new_int64 (limit));
  g_variant_builder_add (&builder, "{sv}", "offset", g_variant_new_int64 (offset));
  return g_variant_builder_end (&builder);
}

const WhimPageArgs *
whim_call_take_page (const WhimCall *call, GTask *task)
{
  WhimPageArgs *args = g_new0 (WhimPageArgs, 1);

  g_variant_lookup (call->params, "limit", "x", &args->limit);
  g_variant_lookup (call->params, "offset", "x", &args->offset);
  g_task_set_task_data (task, args, g_free);
  return args;
}

static const WhimCallRow *const families[] = {
  whim_calls_channels, whim_calls_messages, whim_calls_outbox,
  whim_calls_chats,    whim_calls_contacts, whim_calls_system,
  whim_calls_webhooks, whim_calls_keys,     whim_calls_whapi,
};

void
whim_engine_dispatch (WhimEngine *self,
                      const WhimOperation *operation,
                      const WhimCaller *caller,
                      WhimChannel *channel,
                      GVariant *params,
                      const WhimFirstAsk *first,
                      GTask *task)
{
  const WhimCall call = { self, caller, channel, params, first };

  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    for (const WhimCallRow *row = families[i]; row->name != NULL; row++)
      if (strcmp (row->name, operation->name) == 0)
        {
          row->handle (&call, task);
          return;
        }
  g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_INTERNAL, "the operation has no handler");
}
