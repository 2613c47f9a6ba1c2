/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-operations-private.h"

#include <math.h>
#include <string.h>

/* The operation table: every operation that is built, and no other. */
static const WhimOperation *const families[] = {
  whim_operations_channels, whim_operations_messages,
  whim_operations_outbox,   whim_operations_chats,
  whim_operations_contacts, whim_operations_system,
  whim_operations_webhooks, whim_operations_keys,
  whim_operations_whapi,    NULL,
};

const WhimOperation *const *
whim_operation_families (void)
{
  return families;
}

static GHashTable *
make_names (void)
{
  GHashTable *names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; families[i] != NULL; i++)
    for (const WhimOperation *row = families[i]; row->name != NULL; row++)
      g_hash_table_insert (names, (gpointer)row->name, (gpointer)row);
  return names;
}

const WhimOperation *
whim_operation_find (const char *name)
{
  static GHashTable *names;

  if (g_once_init_enter (&names))
    g_once_init_leave (&names, make_names ());
  return g_hash_table_lookup (names, name);
}

static const GVariantType *
type_of (WhimParamType type)
{
  switch (type)
    {
    case WHIM_PARAM_STRING:
      return G_VARIANT_TYPE_STRING;
    case WHIM_PARAM_BOOLEAN:
      return G_VARIANT_TYPE_BOOLEAN;
    case WHIM_PARAM_INTEGER:
      return G_VARIANT_TYPE_INT64;
    case WHIM_PARAM_NUMBER:
      return G_VARIANT_TYPE_DOUBLE;
    case WHIM_PARAM_STRINGS:
      return G_VARIANT_TYPE_STRING_ARRAY;
    case WHIM_PARAM_OBJECT:
      return G_VARIANT_TYPE_VARDICT;
    case WHIM_PARAM_OBJECTS:
      return G_VARIANT_TYPE ("aa{sv}");
    default:
      g_return_val_if_reached (G_VARIANT_TYPE_STRING);
    }
}

static gboolean
check_bounds (const WhimParam *param, GVariant *value, GError **error)
{
  gdouble size = 0;

  if (param->minimum == 0 && param->maximum == 0)
    return TRUE;
  if (param->type == WHIM_PARAM_STRING)
    size = (gdouble)g_utf8_strlen (g_variant_get_string (value, NULL), -1);
  else if (param->type == WHIM_PARAM_INTEGER)
    size = (gdouble)g_variant_get_int64 (value);
  else if (param->type == WHIM_PARAM_NUMBER)
    size = g_variant_get_double (value);
  else if (param->type == WHIM_PARAM_STRINGS || param->type == WHIM_PARAM_OBJECTS)
    size = (gdouble)g_variant_n_children (value);
  else
    return TRUE;
  if (!isnan (size) && size >= (gdouble)param->minimum && size <= (gdouble)param->maximum)
    return TRUE;
  whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, param->name,
                        param->type == WHIM_PARAM_STRING ? "the text is too short or too long"
                                                         : "the value is out of range");
  return FALSE;
}

static GVariant *
make_default (const WhimParam *param)
{
  switch (param->type)
    {
    case WHIM_PARAM_STRING:
      return g_variant_new_string (param->default_value);
    case WHIM_PARAM_BOOLEAN:
      return g_variant_new_boolean (strcmp (param->default_value, "true") == 0);
    case WHIM_PARAM_INTEGER:
      return g_variant_new_int64 (g_ascii_strtoll (param->default_value, NULL, 10));
    case WHIM_PARAM_NUMBER:
      return g_variant_new_double (g_ascii_strtod (param->default_value, NULL));
    case WHIM_PARAM_STRINGS:
    case WHIM_PARAM_OBJECT:
    case WHIM_PARAM_OBJECTS:
    default:
      g_return_val_if_reached (NULL);
    }
}

GVariant *
whim_operation_check (const WhimOperation *operation, GVariant *params, GError **error)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);

  if (operation->params->name == NULL && g_variant_n_children (params) == 0)
    return g_variant_ref (params); /* nothing asked for, nothing given */
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (params, param->name, NULL);

      if (value == NULL && (param->flags & REQUIRED))
        {
          whim_set_field_error (error, WHIM_ERROR_MISSING_PARAMETER, param->name,
                                "this parameter is required");
          return NULL;
        }
      if (value == NULL && param->default_value == NULL)
        continue;
      if (value == NULL)
        value = g_variant_ref_sink (make_default (param));
      if (!g_variant_is_of_type (value, type_of (param->type)))
        {
          whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, param->name,
                                "the value has the wrong type");
          return NULL;
        }
      if (param->flags & UNSUPPORTED)
        {
          whim_set_field_error (error, WHIM_ERROR_NOT_SUPPORTED, param->name,
                                "this option is not supported yet");
          return NULL;
        }
      if (!check_bounds (param, value, error))
        return NULL;
      g_variant_builder_add (&builder, "{sv}", param->name, value);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}
