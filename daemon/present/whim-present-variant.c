/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-present-private.h"

static void
add_container (WhimJson *json, GVariant *value)
{
  GVariantIter iter;
  GVariant *child;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
    {
      whim_json_begin_object (json);
      whim_present_add_members (json, value, NULL);
      whim_json_end_object (json);
      return;
    }
  whim_json_begin_array (json);
  g_variant_iter_init (&iter, value);
  while ((child = g_variant_iter_next_value (&iter)) != NULL)
    {
      whim_present_add_value (json, child);
      g_variant_unref (child);
    }
  whim_json_end_array (json);
}

void
whim_present_add_value (WhimJson *json, GVariant *value)
{
  g_autoptr (GVariant) inner = NULL;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
      whim_json_string (json, g_variant_get_string (value, NULL));
      return;
    case G_VARIANT_CLASS_BOOLEAN:
      whim_json_boolean (json, g_variant_get_boolean (value));
      return;
    case G_VARIANT_CLASS_BYTE:
      whim_json_int (json, g_variant_get_byte (value));
      return;
    case G_VARIANT_CLASS_INT16:
      whim_json_int (json, g_variant_get_int16 (value));
      return;
    case G_VARIANT_CLASS_UINT16:
      whim_json_int (json, g_variant_get_uint16 (value));
      return;
    case G_VARIANT_CLASS_INT32:
    case G_VARIANT_CLASS_HANDLE:
      whim_json_int (json, g_variant_get_int32 (value));
      return;
    case G_VARIANT_CLASS_UINT32:
      whim_json_int (json, g_variant_get_uint32 (value));
      return;
    case G_VARIANT_CLASS_INT64:
      whim_json_int (json, g_variant_get_int64 (value));
      return;
    case G_VARIANT_CLASS_UINT64:
      whim_json_int (json, (gint64)g_variant_get_uint64 (value));
      return;
    case G_VARIANT_CLASS_DOUBLE:
      whim_json_double (json, g_variant_get_double (value));
      return;
    case G_VARIANT_CLASS_VARIANT:
      inner = g_variant_get_variant (value);
      whim_present_add_value (json, inner);
      return;
    case G_VARIANT_CLASS_MAYBE:
      inner = g_variant_get_maybe (value);
      if (inner == NULL)
        whim_json_null (json);
      else
        whim_present_add_value (json, inner);
      return;
    case G_VARIANT_CLASS_ARRAY:
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
    default:
      add_container (json, value);
      return;
    }
}

void
whim_present_add_members (WhimJson *json, GVariant *dict, const char *const *except)
{
  g_auto (WhimMembers) members = { 0 };

  whim_members_init (&members, dict);
  whim_members_add_all (&members, json, except);
}

void
whim_present_add_named (WhimJson *json, GVariant *dict, const char *name, const char *as)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (dict, name, NULL);

  if (value == NULL)
    return;
  whim_json_name (json, as);
  whim_present_add_value (json, value);
}

void
whim_present_add_text (WhimJson *json, const char *name, const char *text)
{
  if (text == NULL)
    return;
  whim_json_name (json, name);
  whim_json_string (json, text);
}
