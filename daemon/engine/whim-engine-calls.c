/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

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

static GHashTable *
make_rows (void)
{
  GHashTable *rows = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    for (const WhimCallRow *row = families[i]; row->name != NULL; row++)
      g_hash_table_insert (rows, (gpointer)row->name, (gpointer)row);
  return rows;
}

const WhimCallRow *
whim_call_row_find (const WhimOperation *operation)
{
  static GHashTable *rows;

  if (g_once_init_enter (&rows))
    g_once_init_leave (&rows, make_rows ());
  return g_hash_table_lookup (rows, operation->name);
}

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
  const WhimCallRow *row = whim_call_row_find (operation);
  GError *error = NULL;
  GVariant *value;

  if (row == NULL)
    g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_INTERNAL, "the operation has no handler");
  else if (row->answer == NULL)
    row->handle (&call, task);
  else if ((value = row->answer (&call, &error)) == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_variant_take_ref (value), (GDestroyNotify)g_variant_unref);
}
