/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-present-private.h"

void
whim_members_init (WhimMembers *self, GVariant *dict)
{
  self->n = (guint)g_variant_n_children (dict);
  self->members = self->n > G_N_ELEMENTS (self->few) ? g_new (WhimMember, self->n) : self->few;
  for (guint i = 0; i < self->n; i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (dict, i);
      g_autoptr (GVariant) name = g_variant_get_child_value (entry, 0);
      g_autoptr (GVariant) boxed = g_variant_get_child_value (entry, 1);

      self->members[i].name = g_variant_get_string (name, NULL);
      self->members[i].value = g_variant_get_variant (boxed);
    }
}

void
whim_members_clear (WhimMembers *self)
{
  for (guint i = 0; i < self->n; i++)
    g_variant_unref (self->members[i].value);
  if (self->members != self->few)
    g_free (self->members);
}

GVariant *
whim_members_get (const WhimMembers *self, const char *name)
{
  for (guint i = 0; i < self->n; i++)
    if (g_str_equal (self->members[i].name, name))
      return self->members[i].value;
  return NULL;
}

const char *
whim_members_get_text (const WhimMembers *self, const char *name)
{
  GVariant *value = whim_members_get (self, name);

  if (value == NULL || !g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return NULL;
  return g_variant_get_string (value, NULL);
}

void
whim_members_add_all (const WhimMembers *self, WhimJson *json, const char *const *except)
{
  for (guint i = 0; i < self->n; i++)
    if (except == NULL || !g_strv_contains (except, self->members[i].name))
      {
        whim_json_name (json, self->members[i].name);
        whim_present_add_value (json, self->members[i].value);
      }
}

void
whim_members_add_named (const WhimMembers *self, WhimJson *json, const char *name, const char *as)
{
  GVariant *value = whim_members_get (self, name);

  if (value == NULL)
    return;
  whim_json_name (json, as);
  whim_present_add_value (json, value);
}
