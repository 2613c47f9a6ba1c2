/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-present-private.h"

#include <math.h>

static void
add_double (JsonBuilder *builder, double number)
{
  /* JSON has no word for the others */
  if (isfinite (number))
    json_builder_add_double_value (builder, number);
  else
    json_builder_add_null_value (builder);
}

static void
add_container (JsonBuilder *builder, GVariant *value)
{
  GVariantIter iter;
  GVariant *child;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
    {
      json_builder_begin_object (builder);
      whim_present_add_members (builder, value, NULL);
      json_builder_end_object (builder);
      return;
    }
  json_builder_begin_array (builder);
  g_variant_iter_init (&iter, value);
  while ((child = g_variant_iter_next_value (&iter)) != NULL)
    {
      whim_present_add_value (builder, child);
      g_variant_unref (child);
    }
  json_builder_end_array (builder);
}

void
whim_present_add_value (JsonBuilder *builder, GVariant *value)
{
  g_autoptr (GVariant) inner = NULL;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
      json_builder_add_string_value (builder, g_variant_get_string (value, NULL));
      return;
    case G_VARIANT_CLASS_BOOLEAN:
      json_builder_add_boolean_value (builder, g_variant_get_boolean (value));
      return;
    case G_VARIANT_CLASS_BYTE:
      json_builder_add_int_value (builder, g_variant_get_byte (value));
      return;
    case G_VARIANT_CLASS_INT16:
      json_builder_add_int_value (builder, g_variant_get_int16 (value));
      return;
    case G_VARIANT_CLASS_UINT16:
      json_builder_add_int_value (builder, g_variant_get_uint16 (value));
      return;
    case G_VARIANT_CLASS_INT32:
    case G_VARIANT_CLASS_HANDLE:
      json_builder_add_int_value (builder, g_variant_get_int32 (value));
      return;
    case G_VARIANT_CLASS_UINT32:
      json_builder_add_int_value (builder, g_variant_get_uint32 (value));
      return;
    case G_VARIANT_CLASS_INT64:
      json_builder_add_int_value (builder, g_variant_get_int64 (value));
      return;
    case G_VARIANT_CLASS_UINT64:
      json_builder_add_int_value (builder, (gint64)g_variant_get_uint64 (value));
      return;
    case G_VARIANT_CLASS_DOUBLE:
      add_double (builder, g_variant_get_double (value));
      return;
    case G_VARIANT_CLASS_VARIANT:
      inner = g_variant_get_variant (value);
      whim_present_add_value (builder, inner);
      return;
    case G_VARIANT_CLASS_MAYBE:
      inner = g_variant_get_maybe (value);
      if (inner == NULL)
        json_builder_add_null_value (builder);
      else
        whim_present_add_value (builder, inner);
      return;
    case G_VARIANT_CLASS_ARRAY:
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
    default:
      add_container (builder, value);
      return;
    }
}

void
whim_present_add_members (JsonBuilder *builder, GVariant *dict, const char *const *except)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, dict);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    if (except == NULL || !g_strv_contains (except, name))
      {
        json_builder_set_member_name (builder, name);
        whim_present_add_value (builder, value);
      }
}

void
whim_present_add_named (JsonBuilder *builder, GVariant *dict, const char *name, const char *as)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (dict, name, NULL);

  if (value == NULL)
    return;
  json_builder_set_member_name (builder, as);
  whim_present_add_value (builder, value);
}

void
whim_present_add_text (JsonBuilder *builder, const char *name, const char *text)
{
  if (text == NULL)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, text);
}

char *
whim_present_end (JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = json_builder_get_root (builder);

  g_object_unref (builder);
  return json_to_string (root, FALSE);
}
