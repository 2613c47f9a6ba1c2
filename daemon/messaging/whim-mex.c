/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "base/whim-util.h"

#include <json-glib/json-glib.h>

/* Requests and notifications whose content is JSON (dossier 3, 7.1). The only place of this layer
 * that knows JSON. */

WhimNode *
whim_mex_make_query (WhimSession *session, const char *query_id, const char *variables)
{
  WhimNodeBuilder *iq = whim_session_make_request (session, "get", "w:mex");
  WhimNodeBuilder *query = whim_node_builder_new ("query");
  g_autofree char *text = g_strdup_printf ("{\"variables\":%s}", variables);

  whim_node_builder_attr (query, "query_id", query_id);
  whim_node_builder_text (query, text);
  whim_node_builder_child (iq, whim_node_builder_end (query));
  return whim_node_builder_end (iq);
}

static void
add_value (GVariantDict *dict, const char *name, JsonNode *node)
{
  GType type = json_node_get_value_type (node);
  gint64 number = 0;

  if (type == G_TYPE_BOOLEAN)
    g_variant_dict_insert (dict, name, "b", json_node_get_boolean (node));
  else if (type == G_TYPE_INT64 || type == G_TYPE_DOUBLE)
    g_variant_dict_insert (dict, name, "x", json_node_get_int (node));
  /* large numbers come as text in some answers */
  else if (type == G_TYPE_STRING
           && g_ascii_string_to_signed (json_node_get_string (node), 10, G_MININT64, G_MAXINT64,
                                        &number, NULL))
    g_variant_dict_insert (dict, name, "x", number);
  else if (type == G_TYPE_STRING)
    g_variant_dict_insert (dict, name, "s", json_node_get_string (node));
}

GVariant *
whim_mex_find (WhimNode *holder, const char *root)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  gsize len = 0;
  const char *text = holder == NULL ? NULL : (const char *)whim_node_get_content (holder, &len);
  JsonNode *node;
  GVariantDict dict;
  JsonObjectIter iter;
  const char *name;

  if (text == NULL || !whim_json_depth_ok (text, len)
      || !json_parser_load_from_data (parser, text, (gssize)len, NULL))
    return NULL;
  node = json_parser_get_root (parser);
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return NULL;
  node = json_object_get_member (json_node_get_object (node), "data");
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return NULL;
  node = json_object_get_member (json_node_get_object (node), root);
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return NULL;
  g_variant_dict_init (&dict, NULL);
  json_object_iter_init (&iter, json_node_get_object (node));
  while (json_object_iter_next (&iter, &name, &node))
    if (JSON_NODE_HOLDS_VALUE (node) && g_utf8_validate (name, -1, NULL))
      add_value (&dict, name, node);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}
