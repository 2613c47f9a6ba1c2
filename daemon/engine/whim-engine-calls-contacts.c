/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

static void
add_text (GVariantBuilder *builder, const char *name, const char *text)
{
  if (text != NULL)
    g_variant_builder_add (builder, "{sv}", name, g_variant_new_string (text));
}

static GVariant *
check_to_variant (const WhimNumberCheck *check)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "phone", check->input);
  g_variant_builder_add (&builder, "{sv}", "exists", g_variant_new_boolean (check->jid != NULL));
  if (check->jid != NULL)
    add_text (&builder, "jid", whim_jid_get_text (check->jid));
  if (check->lid != NULL)
    add_text (&builder, "lid", whim_jid_get_text (check->lid));
  return g_variant_builder_end (&builder);
}

static void
contacts_checked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GPtrArray) checks = whim_messenger_check_numbers_finish (NULL, result, &error);
  GVariantBuilder items;

  if (checks == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&items, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < checks->len; i++)
    g_variant_builder_add_value (&items, check_to_variant (g_ptr_array_index (checks, i)));
  whim_call_return (task, whim_call_make_list (&items, checks->len, checks->len, 0));
}

static void
call_contacts_check (const WhimCall *call, GTask *task)
{
  g_autofree const char **phones = NULL;
  gboolean force = FALSE;

  g_variant_lookup (call->params, "phones", "^a&s", &phones);
  g_variant_lookup (call->params, "forceCheck", "b", &force);
  whim_messenger_check_numbers_async (call->channel->messenger, phones, force,
                                      g_task_get_cancellable (task), contacts_checked_cb,
                                      g_object_ref (task));
}

const WhimCallRow whim_calls_contacts[] = {
  { "contacts.check", call_contacts_check },
  { NULL },
};
