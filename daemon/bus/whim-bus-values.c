/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bus/whim-bus-private.h"

#include "present/whim-present.h"

#include <string.h>

/* Between the types that callers send and those of the operation table; between engine's results
 * and signatures. */

/* ---- Parameters ------------------------------------------------------------------------------
 */

static gboolean
read_integer (GVariant *value, gint64 *number)
{
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BYTE:
      *number = g_variant_get_byte (value);
      return TRUE;
    case G_VARIANT_CLASS_INT16:
      *number = g_variant_get_int16 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT16:
      *number = g_variant_get_uint16 (value);
      return TRUE;
    case G_VARIANT_CLASS_INT32:
      *number = g_variant_get_int32 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT32:
      *number = g_variant_get_uint32 (value);
      return TRUE;
    case G_VARIANT_CLASS_INT64:
      *number = g_variant_get_int64 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT64:
      *number = (gint64)MIN (g_variant_get_uint64 (value), (guint64)G_MAXINT64);
      return g_variant_get_uint64 (value) <= (guint64)G_MAXINT64;
    case G_VARIANT_CLASS_BOOLEAN:
    case G_VARIANT_CLASS_HANDLE:
    case G_VARIANT_CLASS_DOUBLE:
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
    case G_VARIANT_CLASS_VARIANT:
    case G_VARIANT_CLASS_MAYBE:
    case G_VARIANT_CLASS_ARRAY:
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
    default:
      return FALSE;
    }
}

/* Nested values have the types that the other faces give them: integers are x. Nesting is bounded
 * by D-Bus itself. */
static GVariant *
adapt_member (GVariant *value)
{
  gint64 number;

  if (read_integer (value, &number))
    return g_variant_ref_sink (g_variant_new_int64 (number));
  if (g_variant_is_of_type (value, G_VARIANT_TYPE ("a{s*}")))
    return whim_bus_adapt (value, WHIM_PARAM_OBJECT);
  return g_variant_ref (value);
}

static GVariant *
adapt_object (GVariant *value)
{
  GVariantBuilder builder;
  GVariantIter iter;
  GVariant *entry;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_iter_init (&iter, value);
  while ((entry = g_variant_iter_next_value (&iter)) != NULL)
    {
      g_autoptr (GVariant) name = g_variant_get_child_value (entry, 0);
      g_autoptr (GVariant) boxed = g_variant_get_child_value (entry, 1);
      g_autoptr (GVariant) inner = g_variant_is_of_type (boxed, G_VARIANT_TYPE_VARIANT)
                                       ? g_variant_get_variant (boxed)
                                       : g_variant_ref (boxed);
      g_autoptr (GVariant) adapted = adapt_member (inner);

      g_variant_builder_add (&builder, "{sv}", g_variant_get_string (name, NULL), adapted);
      g_variant_unref (entry);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static GVariant *
adapt_objects (GVariant *value)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children (value); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
      g_autoptr (GVariant) adapted = adapt_object (child);

      g_variant_builder_add_value (&builder, adapted);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

GVariant *
whim_bus_adapt (GVariant *value, WhimParamType type)
{
  gint64 number;

  switch (type)
    {
    case WHIM_PARAM_INTEGER:
      if (read_integer (value, &number))
        return g_variant_ref_sink (g_variant_new_int64 (number));
      break;
    case WHIM_PARAM_NUMBER:
      if (read_integer (value, &number))
        return g_variant_ref_sink (g_variant_new_double ((gdouble)number));
      break;
    case WHIM_PARAM_OBJECT:
      if (g_variant_is_of_type (value, G_VARIANT_TYPE ("a{s*}")))
        return adapt_object (value);
      break;
    case WHIM_PARAM_OBJECTS:
      if (g_variant_is_of_type (value, G_VARIANT_TYPE ("aa{s*}")))
        return adapt_objects (value);
      break;
    case WHIM_PARAM_STRING:
    case WHIM_PARAM_BOOLEAN:
    case WHIM_PARAM_STRINGS:
    default:
      break;
    }
  return g_variant_ref (value);
}

static gboolean
is_called (const WhimParam *param, const char *name)
{
  g_auto (GStrv) aliases = NULL;

  if (strcmp (param->name, name) == 0)
    return TRUE;
  if (param->aliases == NULL)
    return FALSE;
  aliases = g_strsplit (param->aliases, " ", -1);
  return g_strv_contains ((const char *const *)aliases, name);
}

static const WhimParam *
find_param (const WhimOperation *operation, const char *name)
{
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    if (strcmp (param->name, name) == 0)
      return param;
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    if (is_called (param, name))
      return param;
  return NULL;
}

static void
insert (GVariantDict *dict, const WhimParam *param, GVariant *value)
{
  g_autoptr (GVariant) adapted = whim_bus_adapt (value, param->type);

  g_variant_dict_insert_value (dict, param->name, adapted);
}

/* The operation's table is the filter: what it does not know is dropped, what it knows is checked
 * by engine. */
static void
insert_options (GVariantDict *dict, const WhimOperation *operation, GVariant *options)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    {
      const WhimParam *param = find_param (operation, name);

      if (param != NULL)
        insert (dict, param, value);
    }
}

GVariant *
whim_bus_make_params (const WhimOperation *operation,
                      const GDBusMethodInfo *method,
                      GVariant *arguments,
                      const char *channel_id)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  for (guint pass = 0; pass < 2; pass++) /* arguments stand above options */
    for (guint i = 0; method->in_args != NULL && method->in_args[i] != NULL; i++)
      {
        g_autoptr (GVariant) value = g_variant_get_child_value (arguments, i);
        gboolean options = strcmp (method->in_args[i]->signature, "a{sv}") == 0;
        const WhimParam *param = find_param (operation, method->in_args[i]->name);

        if (options && pass == 0)
          insert_options (&dict, operation, value);
        else if (!options && pass == 1 && param != NULL)
          insert (&dict, param, value);
      }
  if (channel_id != NULL && find_param (operation, "channelId") != NULL)
    g_variant_dict_insert (&dict, "channelId", "s", channel_id);
  return g_variant_dict_end (&dict);
}

const char *
whim_bus_find_argument (const WhimOperation *operation,
                        const GDBusMethodInfo *method,
                        const char *field)
{
  const WhimParam *param = find_param (operation, field);

  for (guint i = 0; param != NULL && method->in_args != NULL && method->in_args[i] != NULL; i++)
    if (find_param (operation, method->in_args[i]->name) == param)
      return method->in_args[i]->name;
  return NULL;
}

/* ---- Results ---------------------------------------------------------------------------------
 */

static GVariant *
make_list (GVariant *result)
{
  g_autoptr (GVariant) items = g_variant_lookup_value (result, "items", G_VARIANT_TYPE ("aa{sv}"));
  gint64 total = 0;

  g_variant_lookup (result, "total", "x", &total);
  if (items == NULL)
    items = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));
  return g_variant_new ("(@aa{sv}x)", items, total);
}

static GVariant *
make_bytes (GVariant *result, gboolean text, GError **error)
{
  g_autofree char *type = NULL;
  g_autoptr (GBytes) bytes = whim_present_bytes (result, &type, error);
  gsize size;
  const char *data;

  if (bytes == NULL)
    return NULL;
  data = g_bytes_get_data (bytes, &size);
  if (!text)
    return g_variant_new (
        "(@ay)", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, size, sizeof (guint8)));
  return g_variant_new ("(@s)", g_variant_new_take_string (g_utf8_make_valid (data, (gssize)size)));
}

static GVariant *
make_channel (GVariant *result)
{
  const char *id = "";
  g_autofree char *path = NULL;

  g_variant_lookup (result, "id", "&s", &id);
  path = g_strconcat (WHIM_BUS_CHANNEL_PATH, id, NULL);
  return g_variant_new ("(o@a{sv})", path, result);
}

GVariant *
whim_bus_make_reply (const GDBusMethodInfo *method, GVariant *result, GError **error)
{
  g_autoptr (GString) signature = g_string_new (NULL);

  for (guint i = 0; method->out_args != NULL && method->out_args[i] != NULL; i++)
    g_string_append (signature, method->out_args[i]->signature);
  if (strcmp (signature->str, "") == 0)
    return g_variant_new ("()");
  if (strcmp (signature->str, "a{sv}") == 0)
    return g_variant_new ("(@a{sv})", result);
  if (strcmp (signature->str, "aa{sv}x") == 0)
    return make_list (result);
  if (strcmp (signature->str, "oa{sv}") == 0)
    return make_channel (result);
  if (strcmp (signature->str, "ay") == 0 || strcmp (signature->str, "s") == 0)
    return make_bytes (result, strcmp (signature->str, "s") == 0, error);
  g_return_val_if_reached (NULL);
}

/* ---- Properties ------------------------------------------------------------------------------
 */

static const struct
{
  const char *property;
  const char *member;
  const char *type;
} channel_rows[] = {
  { "Id", "id", "s" },
  { "Name", "name", "s" },
  { "Department", "department", "s" },
  { "AutoConnect", "autoConnect", "b" },
  { "StatusWord", "status", "s" },
  { "Reason", "reason", "s" },
  { "Detail", "detail", "s" },
  { "Since", "since", "x" },
  { "Until", "until", "x" },
  { "Phone", "phone", "s" },
  { "Lid", "lid", "s" },
  { "PushName", "pushName", "s" },
  { "Settings", "settings", "a{sv}" },
  { "Restrictions", "restrictions", "aa{sv}" },
  { "CreatedAt", "createdAt", "x" },
  { "ClientExpiresAt", "clientExpiresAt", "x" },
};

static GVariant *
make_empty (const char *type)
{
  switch (*type)
    {
    case 's':
      return g_variant_new_string ("");
    case 'b':
      return g_variant_new_boolean (FALSE);
    case 'x':
      return g_variant_new_int64 (0);
    default:
      return g_variant_new_array (g_variant_type_element (G_VARIANT_TYPE (type)), NULL, 0);
    }
}

GVariant *
whim_bus_channel_values (GVariant *channel)
{
  GVariantBuilder builder;
  const char *word = "";
  guint status = WHIM_CHANNEL_STATE_UNKNOWN;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < G_N_ELEMENTS (channel_rows); i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (channel, channel_rows[i].member,
                                                           G_VARIANT_TYPE (channel_rows[i].type));

      if (value == NULL)
        value = g_variant_ref_sink (make_empty (channel_rows[i].type));
      g_variant_builder_add (&builder, "{sv}", channel_rows[i].property, value);
    }
  g_variant_lookup (channel, "status", "&s", &word);
  for (guint i = 0; i < WHIM_CHANNEL_N_STATES; i++)
    if (strcmp (whim_channel_state_to_word ((WhimChannelState)i), word) == 0)
      status = i;
  g_variant_builder_add (&builder, "{sv}", "Status", g_variant_new_uint32 (status));
  return g_variant_builder_end (&builder);
}
