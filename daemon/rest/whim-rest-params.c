/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"

#include <math.h>
#include <string.h>

#define CHANNEL_ID "channelId"

/* Exactly representable in a double, and more than any integer parameter needs. */
#define INTEGER_MAX 9007199254740991.0

/* ---- The query ------------------------------------------------------------------------------- */

static char *
decode (const char *text)
{
  g_autofree char *copy = g_strdelimit (g_strdup (text), "+", ' ');
  g_autofree char *plain = g_uri_unescape_string (copy, NULL);

  if (plain == NULL || !g_utf8_validate (plain, -1, NULL))
    return NULL;
  return g_steal_pointer (&plain);
}

GHashTable *
whim_rest_parse_query (const char *query, GError **error)
{
  g_autoptr (GHashTable) values
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  g_auto (GStrv) pairs = g_strsplit (query, "&", -1);

  for (guint i = 0; pairs[i] != NULL; i++)
    {
      char *equals = strchr (pairs[i], '=');
      g_autofree char *name = NULL;
      g_autofree char *value = NULL;
      GPtrArray *list;

      if (*pairs[i] == '\0')
        continue;
      if (equals != NULL)
        *equals = '\0';
      name = decode (pairs[i]);
      value = decode (equals == NULL ? "" : equals + 1);
      if (name == NULL || value == NULL)
        {
          g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_INVALID_PARAMETER,
                               "the query is not percent-encoded UTF-8");
          return NULL;
        }
      list = g_hash_table_lookup (values, name);
      if (list == NULL)
        {
          list = g_ptr_array_new_with_free_func (g_free);
          g_hash_table_insert (values, g_steal_pointer (&name), list);
        }
      g_ptr_array_add (list, g_steal_pointer (&value));
    }
  return g_steal_pointer (&values);
}

/* ---- Values ---------------------------------------------------------------------------------- */

static GVariant *
fail (GError **error, const WhimParam *param, const char *message)
{
  whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, param->name, message);
  return NULL;
}

static GVariant *
value_from_texts (const WhimParam *param, GPtrArray *texts, GError **error)
{
  const char *text = g_ptr_array_index (texts, 0);
  gint64 integer;
  double number;
  char *end;

  if (param->type == WHIM_PARAM_STRINGS)
    return g_variant_new_strv ((const char *const *)texts->pdata, (gssize)texts->len);
  if (texts->len > 1)
    return fail (error, param, "is given more than once");
  switch (param->type)
    {
    case WHIM_PARAM_STRING:
      return g_variant_new_string (text);
    case WHIM_PARAM_BOOLEAN:
      if (g_str_equal (text, "true") || g_str_equal (text, "1"))
        return g_variant_new_boolean (TRUE);
      if (g_str_equal (text, "false") || g_str_equal (text, "0"))
        return g_variant_new_boolean (FALSE);
      return fail (error, param, "must be true or false");
    case WHIM_PARAM_INTEGER:
      if (!g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, &integer, NULL))
        return fail (error, param, "must be an integer");
      return g_variant_new_int64 (integer);
    case WHIM_PARAM_NUMBER:
      number = g_ascii_strtod (text, &end);
      if (end == text || *end != '\0' || !isfinite (number))
        return fail (error, param, "must be a number");
      return g_variant_new_double (number);
    case WHIM_PARAM_OBJECT:
    case WHIM_PARAM_OBJECTS:
    case WHIM_PARAM_STRINGS:
    default:
      return fail (error, param, "must be an object in the body");
    }
}

static GVariant *variant_from_node (JsonNode *node);

static GVariant *
variant_from_object (JsonObject *object)
{
  GVariantBuilder builder;
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &name, &node))
    if (!JSON_NODE_HOLDS_NULL (node))
      g_variant_builder_add (&builder, "{sv}", name, variant_from_node (node));
  return g_variant_builder_end (&builder);
}

static GVariant *
variant_from_node (JsonNode *node)
{
  GVariantBuilder builder;
  JsonArray *array;

  if (JSON_NODE_HOLDS_OBJECT (node))
    return variant_from_object (json_node_get_object (node));
  if (JSON_NODE_HOLDS_ARRAY (node))
    {
      array = json_node_get_array (node);
      g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
      for (guint i = 0; i < json_array_get_length (array); i++)
        if (!JSON_NODE_HOLDS_NULL (json_array_get_element (array, i)))
          g_variant_builder_add (&builder, "v",
                                 variant_from_node (json_array_get_element (array, i)));
      return g_variant_builder_end (&builder);
    }
  if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    return g_variant_new_boolean (json_node_get_boolean (node));
  if (json_node_get_value_type (node) == G_TYPE_INT64)
    return g_variant_new_int64 (json_node_get_int (node));
  if (json_node_get_value_type (node) == G_TYPE_DOUBLE)
    return g_variant_new_double (json_node_get_double (node));
  return g_variant_new_string (json_node_get_string (node));
}

static gboolean
is_text (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING;
}

static GVariant *
strings_from_node (const WhimParam *param, JsonNode *node, GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new ();
  JsonArray *array;

  if (is_text (node))
    g_ptr_array_add (texts, (gpointer)json_node_get_string (node));
  else if (!JSON_NODE_HOLDS_ARRAY (node))
    return fail (error, param, "must be a list of strings");
  else
    {
      array = json_node_get_array (node);
      for (guint i = 0; i < json_array_get_length (array); i++)
        {
          JsonNode *item = json_array_get_element (array, i);

          if (!is_text (item))
            return fail (error, param, "must be a list of strings");
          g_ptr_array_add (texts, (gpointer)json_node_get_string (item));
        }
    }
  return g_variant_new_strv ((const char *const *)texts->pdata, (gssize)texts->len);
}

static GVariant *
objects_from_node (const WhimParam *param, JsonNode *node, GError **error)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  JsonArray *array;

  if (!JSON_NODE_HOLDS_ARRAY (node))
    return fail (error, param, "must be a list of objects");
  array = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *item = json_array_get_element (array, i);

      if (!JSON_NODE_HOLDS_OBJECT (item))
        return fail (error, param, "must be a list of objects");
      g_variant_builder_add_value (&builder, variant_from_object (json_node_get_object (item)));
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
integer_from_node (const WhimParam *param, JsonNode *node, GError **error)
{
  double number;

  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64)
    return g_variant_new_int64 (json_node_get_int (node));
  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_DOUBLE)
    {
      number = json_node_get_double (node);
      if (number == floor (number) && fabs (number) <= INTEGER_MAX)
        return g_variant_new_int64 ((gint64)number);
    }
  return fail (error, param, "must be an integer");
}

static GVariant *
value_from_node (const WhimParam *param, JsonNode *node, GError **error)
{
  GType type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;

  switch (param->type)
    {
    case WHIM_PARAM_STRING:
      if (type != G_TYPE_STRING)
        return fail (error, param, "must be a string");
      return g_variant_new_string (json_node_get_string (node));
    case WHIM_PARAM_BOOLEAN:
      if (type != G_TYPE_BOOLEAN)
        return fail (error, param, "must be true or false");
      return g_variant_new_boolean (json_node_get_boolean (node));
    case WHIM_PARAM_INTEGER:
      return integer_from_node (param, node, error);
    case WHIM_PARAM_NUMBER:
      if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE)
        return fail (error, param, "must be a number");
      return g_variant_new_double (json_node_get_double (node));
    case WHIM_PARAM_STRINGS:
      return strings_from_node (param, node, error);
    case WHIM_PARAM_OBJECTS:
      return objects_from_node (param, node, error);
    case WHIM_PARAM_OBJECT:
    default:
      if (!JSON_NODE_HOLDS_OBJECT (node))
        return fail (error, param, "must be an object");
      return variant_from_object (json_node_get_object (node));
    }
}

/* ---- Finding --------------------------------------------------------------------------------- */

/* "contact.fullName" is the member of an object. */
static JsonNode *
find_in_body (JsonObject *body, const char *name)
{
  g_auto (GStrv) steps = g_strsplit (name, ".", -1);
  JsonObject *object = body;
  JsonNode *node = NULL;

  for (guint i = 0; object != NULL && steps[i] != NULL; i++)
    {
      node = json_object_get_member (object, steps[i]);
      if (node == NULL || JSON_NODE_HOLDS_NULL (node))
        return NULL;
      object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      if (object == NULL && steps[i + 1] != NULL)
        return NULL;
    }
  return node;
}

typedef struct
{
  const char *place; /* NULL: not there */
  GVariant *value;   /* floating; NULL: wrong */
} Found;

static Found
find_named (const WhimParam *param, const char *name, const WhimRestInput *input, GError **error)
{
  Found found = { NULL, NULL };
  const char *text;
  GPtrArray *texts;
  JsonNode *node;

  text = input->path == NULL ? NULL : g_hash_table_lookup (input->path, name);
  if (text != NULL)
    {
      g_autoptr (GPtrArray) one = g_ptr_array_new ();

      g_ptr_array_add (one, (gpointer)text);
      found.place = "path";
      found.value = value_from_texts (param, one, error);
      return found;
    }
  node = input->body == NULL || (param->flags & WHIM_PARAM_IN_BODY) == 0
             ? NULL
             : find_in_body (input->body, name);
  if (node != NULL)
    {
      found.place = "body";
      found.value = value_from_node (param, node, error);
      return found;
    }
  /* Many proxies drop the body of a DELETE, so what may stand there may stand in the query too. */
  texts = input->query == NULL || (param->flags & (WHIM_PARAM_IN_QUERY | WHIM_PARAM_IN_BODY)) == 0
              ? NULL
              : g_hash_table_lookup (input->query, name);
  if (texts != NULL)
    {
      found.place = "query";
      found.value = value_from_texts (param, texts, error);
    }
  return found;
}

/* An idempotency key may stand in its header; in two places it must be one. */
static Found
find_client_id (const WhimParam *param, const WhimRestInput *input, GError **error)
{
  Found found = find_named (param, param->name, input, error);

  if (input->once == NULL || (found.place != NULL && found.value == NULL))
    return found;
  if (found.place == NULL)
    {
      found.place = "header";
      found.value = g_utf8_validate (input->once, -1, NULL) ? g_variant_new_string (input->once)
                                                            : fail (error, param, "must be UTF-8");
    }
  else if (!g_str_equal (g_variant_get_string (found.value, NULL), input->once))
    {
      g_variant_unref (g_variant_ref_sink (found.value));
      found.value = fail (error, param, "is given in two places that do not agree");
    }
  return found;
}

static Found
find_value (const WhimParam *param, const WhimRestInput *input, GError **error)
{
  Found found;
  g_auto (GStrv) aliases = NULL;

  if ((param->flags & WHIM_PARAM_IN_HEADER) != 0 && g_str_equal (param->name, WHIM_PARAM_CLIENT_ID))
    return find_client_id (param, input, error);
  found = find_named (param, param->name, input, error);
  if (found.place != NULL || param->aliases == NULL)
    return found;
  aliases = g_strsplit (param->aliases, " ", -1);
  for (guint i = 0; found.place == NULL && aliases[i] != NULL; i++)
    found = find_named (param, aliases[i], input, error);
  return found;
}

/* ---- The channel ----------------------------------------------------------------------------- */

static gboolean
take_channel (const char **channel,
              const char **place,
              const char *candidate,
              const char *candidate_place,
              GError **error)
{
  if (candidate == NULL)
    return TRUE;
  if (*channel != NULL && !g_str_equal (*channel, candidate))
    {
      whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, CHANNEL_ID,
                            "is given in two places that do not agree");
      return FALSE;
    }
  if (*channel == NULL)
    {
      *channel = candidate;
      *place = candidate_place;
    }
  return TRUE;
}

/* Resolved once, from all places at a time: authorisation and target must mean the same channel. */
static gboolean
find_channel (const WhimRestInput *input,
              const char *bound_channel,
              const char **channel,
              const char **place,
              GError **error)
{
  JsonNode *node = input->body == NULL ? NULL : find_in_body (input->body, CHANNEL_ID);
  GPtrArray *texts = input->query == NULL ? NULL : g_hash_table_lookup (input->query, CHANNEL_ID);

  if (node != NULL && !is_text (node))
    {
      whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, CHANNEL_ID, "must be a string");
      return FALSE;
    }
  if (!take_channel (channel, place,
                     input->path == NULL ? NULL : g_hash_table_lookup (input->path, CHANNEL_ID),
                     "path", error)
      || !take_channel (channel, place, node == NULL ? NULL : json_node_get_string (node), "body",
                        error))
    return FALSE;
  for (guint i = 0; texts != NULL && i < texts->len; i++)
    if (!take_channel (channel, place, g_ptr_array_index (texts, i), "query", error))
      return FALSE;
  if (!take_channel (channel, place, input->channel, "header", error))
    return FALSE;
  if (*channel == NULL)
    *channel = bound_channel;
  return TRUE;
}

static void
note_place (GHashTable **places, const char *name, const char *place)
{
  if (*places == NULL)
    *places = g_hash_table_new (g_str_hash, g_str_equal);
  g_hash_table_insert (*places, (gpointer)name, (gpointer)place);
}

GVariant *
whim_rest_extract (const WhimOperation *operation,
                   const WhimRestInput *input,
                   const char *bound_channel,
                   GHashTable **places,
                   GError **error)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  const char *channel = NULL;
  const char *place = "query";

  if (operation->channel_scoped)
    {
      if (!find_channel (input, bound_channel, &channel, &place, error))
        return NULL;
      if (channel != NULL)
        {
          g_variant_builder_add (&builder, "{sv}", CHANNEL_ID, g_variant_new_string (channel));
          note_place (places, CHANNEL_ID, place);
        }
    }
  for (const WhimParam *param = operation->params; param != NULL && param->name != NULL; param++)
    {
      Found found;

      if (operation->channel_scoped && g_str_equal (param->name, CHANNEL_ID))
        continue;
      found = find_value (param, input, error);
      if (found.place == NULL)
        continue;
      note_place (places, param->name, found.place);
      if (found.value == NULL)
        return NULL;
      g_variant_builder_add (&builder, "{sv}", param->name, found.value);
    }
  return g_variant_builder_end (&builder);
}

const char *
whim_rest_place (const WhimOperation *operation,
                 const WhimRestInput *input,
                 GHashTable *places,
                 const char *field)
{
  const char *place = places == NULL ? NULL : g_hash_table_lookup (places, field);
  guint flags = WHIM_PARAM_IN_BODY | WHIM_PARAM_IN_QUERY;

  if (place != NULL)
    return place;
  for (const WhimParam *param = operation->params; param != NULL && param->name != NULL; param++)
    if (g_str_equal (param->name, field))
      flags = param->flags;
  /* a value in the path is never missing, so a missing one belongs elsewhere */
  if ((flags & WHIM_PARAM_IN_BODY) != 0 && (input->writes || (flags & WHIM_PARAM_IN_QUERY) == 0))
    return "body";
  return (flags & WHIM_PARAM_IN_QUERY) != 0 ? "query" : "path";
}
