/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"
#include "rest/whim-rest-private.h"

#include <string.h>

/* The one table of operations against those who use it: routes, handlers, the printed contract. */

#define FOREACH_OPERATION(operation)                                                               \
  for (const WhimOperation *const *family = whim_operation_families (); *family != NULL; family++) \
    for (const WhimOperation *operation = *family; operation->name != NULL; operation++)

static void
test_routes (void)
{
  g_autoptr (GHashTable) routed = g_hash_table_new (g_str_hash, g_str_equal);

  for (const WhimRoute *route = whim_routes (); route->method != NULL; route++)
    {
      g_hash_table_add (routed, (gpointer)route->operation);
      if (route->twin != NULL)
        {
          g_hash_table_add (routed, (gpointer)route->twin);
          g_assert_nonnull (whim_operation_find (route->twin));
        }
      if (!g_str_equal (route->operation, WHIM_ROUTE_EVENTS)
          && whim_operation_find (route->operation) == NULL)
        g_error ("%s %s: there is no operation %s", route->method, route->pattern,
                 route->operation);
    }
  FOREACH_OPERATION (operation)
  if (!g_hash_table_contains (routed, operation->name))
    g_error ("nothing leads to the operation %s", operation->name);
}

static void
test_names (void)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  FOREACH_OPERATION (operation)
  {
    g_autoptr (GHashTable) params = g_hash_table_new (g_str_hash, g_str_equal);

    g_assert_true (g_hash_table_add (names, (gpointer)operation->name));
    g_assert_nonnull (operation->summary);
    g_assert_nonnull (operation->params);
    g_assert_true ((operation->shape == WHIM_RESULT_LIST) == (operation->plural != NULL));
    for (const WhimParam *param = operation->params; param->name != NULL; param++)
      {
        g_assert_true (g_hash_table_add (params, (gpointer)param->name));
        g_assert_nonnull (param->description);
        g_assert_cmpint (param->minimum, <=, param->maximum);
      }
    if (operation->channel_scoped)
      g_assert_true (g_hash_table_contains (params, "channelId"));
  }
}

static gboolean
is_error_word (const char *word)
{
  for (gint code = 0; code < WHIM_N_ERRORS; code++)
    if (g_str_equal (whim_error_get_info (code)->type, word))
      return TRUE;
  return FALSE;
}

static void
test_errors (void)
{
  FOREACH_OPERATION (operation)
  {
    g_auto (GStrv) words = g_strsplit (operation->errors, " ", -1);

    for (guint i = 0; words[i] != NULL; i++)
      if (*words[i] != '\0' && !is_error_word (words[i]))
        g_error ("%s: there is no error %s", operation->name, words[i]);
    if (operation->scope != WHIM_SCOPE_NONE && strstr (operation->errors, "unauthorized") == NULL)
      g_error ("%s does not tell of unauthorized", operation->name);
  }
}

static JsonObject *
member (JsonObject *object, const char *name)
{
  if (!json_object_has_member (object, name))
    g_error ("the document has no %s", name);
  return json_object_get_object_member (object, name);
}

/* Every reference leads somewhere; every route stands in the document. */
static void
check_references (JsonNode *node, JsonObject *schemas)
{
  if (JSON_NODE_HOLDS_ARRAY (node))
    {
      JsonArray *array = json_node_get_array (node);

      for (guint i = 0; i < json_array_get_length (array); i++)
        check_references (json_array_get_element (array, i), schemas);
    }
  else if (JSON_NODE_HOLDS_OBJECT (node))
    {
      JsonObjectIter iter;
      const char *name;
      JsonNode *value;

      json_object_iter_init (&iter, json_node_get_object (node));
      while (json_object_iter_next (&iter, &name, &value))
        if (g_str_equal (name, "$ref"))
          {
            const char *ref = json_node_get_string (value);

            g_assert_true (g_str_has_prefix (ref, "#/components/schemas/"));
            member (schemas, strrchr (ref, '/') + 1);
          }
        else
          check_references (value, schemas);
    }
}

static void
test_openapi (void)
{
  GBytes *bytes = whim_rest_openapi ();
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonObject *root;
  guint operations = 0;
  guint routes = 0;
  g_autoptr (GList) paths = NULL;

  json_parser_load_from_data (parser, g_bytes_get_data (bytes, NULL),
                              (gssize)g_bytes_get_size (bytes), &error);
  g_assert_no_error (error);
  root = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (root, "openapi"), ==, "3.1.0");
  check_references (json_parser_get_root (parser), member (member (root, "components"), "schemas"));
  paths = json_object_get_values (member (root, "paths"));
  for (GList *l = paths; l != NULL; l = l->next)
    operations += json_object_get_size (json_node_get_object (l->data));
  for (const WhimRoute *route = whim_routes (); route->method != NULL; route++)
    routes++;
  g_assert_cmpuint (operations, ==, routes);
  g_assert_true (whim_rest_openapi () == bytes);
}

static void
test_docs (void)
{
  GBytes *bytes = whim_rest_docs ();
  g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));

  g_assert_nonnull (strstr (text, "channelsList"));
  g_assert_null (strstr (text, "@CONTRACT@"));
  /* nothing is fetched from elsewhere */
  g_assert_null (strstr (text, "src=\"http"));
  g_assert_null (strstr (text, "href=\"http"));
  g_assert_null (strstr (text, "@import"));
}

static void
test_rates (void)
{
  g_autoptr (GHashTable) buckets = whim_rest_rates_new ();
  guint taken = 0;

  /* without a limit nothing is counted */
  for (guint i = 0; i < 1000; i++)
    g_assert_cmpuint (whim_rest_rate_take (buckets, "key_a", 0, 0), ==, 0);
  g_assert_cmpuint (g_hash_table_size (buckets), ==, 0);
  /* sixty a minute: six at once, then one a second */
  while (whim_rest_rate_take (buckets, "key_a", 60, 1000) == 0)
    taken++;
  g_assert_cmpuint (taken, ==, 6);
  g_assert_cmpuint (whim_rest_rate_take (buckets, "key_a", 60, 1000), ==, 1);
  g_assert_cmpuint (whim_rest_rate_take (buckets, "key_b", 60, 1000), ==, 0);
  g_assert_cmpuint (whim_rest_rate_take (buckets, "key_a", 60, 2000), ==, 0);
  g_assert_cmpuint (whim_rest_rate_take (buckets, "key_a", 60, 2000), ==, 1);
  /* one a minute is one, and the wait is told */
  g_assert_cmpuint (whim_rest_rate_take (buckets, "key_c", 1, 5000), ==, 0);
  g_assert_cmpuint (whim_rest_rate_take (buckets, "key_c", 1, 5000), ==, 60);
  g_assert_cmpuint (whim_rest_rate_take (buckets, "key_c", 1, 65000), ==, 0);
  /* a clock that stands or goes back makes nothing free */
  g_assert_cmpuint (whim_rest_rate_take (buckets, "key_c", 1, 0), >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/contract/routes", test_routes);
  g_test_add_func ("/contract/names", test_names);
  g_test_add_func ("/contract/errors", test_errors);
  g_test_add_func ("/contract/openapi", test_openapi);
  g_test_add_func ("/contract/docs", test_docs);
  g_test_add_func ("/contract/rates", test_rates);
  return g_test_run ();
}
