/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"
#include "rest/whim-rest-resources.h"

#include <string.h>

/* The contract as OpenAPI 3.1, from the route table and engine's operation table. The shapes of
 * objects stand in docs/schemas.json. */

#define SCHEMAS "/org/whimbrel/rest/schemas.json"
#define REF "#/components/schemas/"

static void
add_text (JsonBuilder *builder, const char *name, const char *text)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, text);
}

static void
add_flag (JsonBuilder *builder, const char *name, gboolean flag)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, flag);
}

static void
add_number (JsonBuilder *builder, const char *name, gint64 number)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, number);
}

static void
begin (JsonBuilder *builder, const char *name)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
}

static void
add_ref (JsonBuilder *builder, const char *schema)
{
  g_autofree char *ref = g_strconcat (REF, schema, NULL);

  add_text (builder, "$ref", ref);
}

/* ---- Parameters ------------------------------------------------------------------------------ */

/* An example or default as it stands in the table, in the type of the parameter. */
static void
add_example (JsonBuilder *builder, const char *name, const WhimParam *param, const char *text)
{
  g_autoptr (JsonNode) node = NULL;

  if (text == NULL)
    return;
  if (param->type != WHIM_PARAM_STRING)
    node = json_from_string (text, NULL);
  if (node == NULL)
    {
      node = json_node_new (JSON_NODE_VALUE);
      json_node_set_string (node, text);
    }
  json_builder_set_member_name (builder, name);
  json_builder_add_value (builder, g_steal_pointer (&node));
}

static void
add_bounds (JsonBuilder *builder, const WhimParam *param, const char *least, const char *most)
{
  if (param->minimum == 0 && param->maximum == 0)
    return;
  if (param->minimum != 0 || param->type == WHIM_PARAM_INTEGER || param->type == WHIM_PARAM_NUMBER)
    add_number (builder, least, param->minimum);
  add_number (builder, most, param->maximum);
}

/* The members of a schema object: the object is open. */
static void
add_schema (JsonBuilder *builder, const WhimParam *param)
{
  switch (param->type)
    {
    case WHIM_PARAM_STRING:
      add_text (builder, "type", "string");
      add_bounds (builder, param, "minLength", "maxLength");
      break;
    case WHIM_PARAM_BOOLEAN:
      add_text (builder, "type", "boolean");
      break;
    case WHIM_PARAM_INTEGER:
      add_text (builder, "type", "integer");
      add_bounds (builder, param, "minimum", "maximum");
      break;
    case WHIM_PARAM_NUMBER:
      add_text (builder, "type", "number");
      add_bounds (builder, param, "minimum", "maximum");
      break;
    case WHIM_PARAM_STRINGS:
      add_text (builder, "type", "array");
      begin (builder, "items");
      add_text (builder, "type", "string");
      json_builder_end_object (builder);
      add_bounds (builder, param, "minItems", "maxItems");
      break;
    case WHIM_PARAM_OBJECTS:
      add_text (builder, "type", "array");
      begin (builder, "items");
      add_text (builder, "type", "object");
      json_builder_end_object (builder);
      add_bounds (builder, param, "minItems", "maxItems");
      break;
    case WHIM_PARAM_OBJECT:
    default:
      add_text (builder, "type", "object");
      break;
    }
  add_example (builder, "default", param, param->default_value);
}

static char *
describe (const WhimParam *param)
{
  g_autoptr (GString) text
      = g_string_new (param->description == NULL ? param->name : param->description);

  if (param->aliases != NULL && !g_str_equal (param->aliases, "id"))
    {
      g_auto (GStrv) names = g_strsplit (param->aliases, " ", -1);
      g_autofree char *list = g_strjoinv ("`, `", names);

      g_string_append_printf (text, " (also `%s`)", list);
    }
  if (param->flags & WHIM_PARAM_UNSUPPORTED)
    g_string_append (text, ". Not supported yet: 422 `not_supported`");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
add_parameter (JsonBuilder *builder, const WhimParam *param, const char *name, const char *place)
{
  g_autofree char *description = describe (param);

  json_builder_begin_object (builder);
  add_text (builder, "name", name);
  add_text (builder, "in", place);
  add_text (builder, "description", description);
  /* a channel may come in three places, or from the key: none of them alone is required */
  add_flag (
      builder, "required",
      g_str_equal (place, "path")
          || ((param->flags & WHIM_PARAM_REQUIRED) && !(param->flags & WHIM_PARAM_IN_HEADER)));
  begin (builder, "schema");
  add_schema (builder, param);
  json_builder_end_object (builder);
  add_example (builder, "example", param, param->example);
  json_builder_end_object (builder);
}

static gboolean
has_segment (const char *pattern, const char *name)
{
  g_autofree char *middle = g_strdup_printf (":%s/", name);
  g_autofree char *end = g_strdup_printf (":%s", name);

  return strstr (pattern, middle) != NULL || g_str_has_suffix (pattern, end);
}

static gboolean
writes (const WhimRoute *route)
{
  return !g_str_equal (route->method, "GET");
}

/* Where a parameter stands for one route: "path", "query", "body". */
static const char *
place_of (const WhimRoute *route, const WhimParam *param)
{
  if (has_segment (route->pattern, param->name))
    return "path";
  if (writes (route) && (param->flags & WHIM_PARAM_IN_BODY))
    return "body";
  if (param->flags & (WHIM_PARAM_IN_QUERY | WHIM_PARAM_IN_BODY))
    return "query";
  return NULL;
}

static void
add_parameters (JsonBuilder *builder, const WhimRoute *route, const WhimOperation *operation)
{
  json_builder_set_member_name (builder, "parameters");
  json_builder_begin_array (builder);
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    {
      const char *place = place_of (route, param);

      if (place != NULL && !g_str_equal (place, "body"))
        add_parameter (builder, param, param->name, place);
      if ((param->flags & WHIM_PARAM_IN_HEADER) && !g_str_equal (place, "path"))
        add_parameter (builder, param,
                       g_str_equal (param->name, "channelId")            ? "X-Channel-Id"
                       : g_str_equal (param->name, WHIM_PARAM_CLIENT_ID) ? "Idempotency-Key"
                                                                         : param->name,
                       "header");
    }
  json_builder_end_array (builder);
}

/* ---- Bodies ---------------------------------------------------------------------------------- */

static void
add_property (JsonBuilder *builder, const WhimParam *param, const char *name)
{
  g_autofree char *description = describe (param);

  begin (builder, name);
  add_schema (builder, param);
  add_text (builder, "description", description);
  json_builder_end_object (builder);
}

/* "contact.fullName" and its siblings are one object. */
static void
add_nested (JsonBuilder *builder, const WhimOperation *operation, const char *prefix)
{
  gsize len = strlen (prefix);

  begin (builder, prefix);
  add_text (builder, "type", "object");
  begin (builder, "properties");
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    if (g_str_has_prefix (param->name, prefix) && param->name[len] == '.')
      add_property (builder, param, param->name + len + 1);
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "required");
  json_builder_begin_array (builder);
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    if (g_str_has_prefix (param->name, prefix) && param->name[len] == '.'
        && (param->flags & WHIM_PARAM_REQUIRED))
      json_builder_add_string_value (builder, param->name + len + 1);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static gboolean
in_body (const WhimRoute *route, const WhimParam *param)
{
  return g_strcmp0 (place_of (route, param), "body") == 0;
}

static gboolean
is_required (const WhimParam *param)
{
  return (param->flags & WHIM_PARAM_REQUIRED) && !(param->flags & WHIM_PARAM_IN_HEADER);
}

static void
add_body_schema (JsonBuilder *builder, const WhimRoute *route, const WhimOperation *operation)
{
  g_autoptr (GHashTable) done = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  add_text (builder, "type", "object");
  begin (builder, "properties");
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    {
      const char *dot = strchr (param->name, '.');
      g_autofree char *prefix = dot == NULL ? NULL : g_strndup (param->name, dot - param->name);

      if (!in_body (route, param))
        continue;
      if (dot == NULL)
        add_property (builder, param, param->name);
      else if (g_hash_table_add (done, g_strdup (prefix)))
        add_nested (builder, operation, prefix);
    }
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "required");
  json_builder_begin_array (builder);
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    if (in_body (route, param) && is_required (param) && strchr (param->name, '.') == NULL)
      json_builder_add_string_value (builder, param->name);
  json_builder_end_array (builder);
}

static void
add_body_example (JsonBuilder *builder, const WhimRoute *route, const WhimOperation *operation)
{
  begin (builder, "example");
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    if (in_body (route, param) && strchr (param->name, '.') == NULL
        && !(param->flags & WHIM_PARAM_UNSUPPORTED) && param->example != NULL)
      add_example (builder, param->name, param, param->example);
  json_builder_end_object (builder);
}

static void
add_body (JsonBuilder *builder, const WhimRoute *route, const WhimOperation *operation)
{
  gboolean any = FALSE;
  gboolean required = FALSE;

  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    {
      any = any || in_body (route, param);
      required = required || (in_body (route, param) && is_required (param));
    }
  if (!any)
    return;
  begin (builder, "requestBody");
  add_flag (builder, "required", required);
  begin (builder, "content");
  begin (builder, "application/json");
  begin (builder, "schema");
  add_body_schema (builder, route, operation);
  json_builder_end_object (builder);
  add_body_example (builder, route, operation);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void
add_success (JsonBuilder *builder)
{
  begin (builder, "success");
  add_text (builder, "type", "boolean");
  add_flag (builder, "const", TRUE);
  json_builder_end_object (builder);
}

static void
add_list_schema (JsonBuilder *builder, const WhimOperation *operation)
{
  static const char *const counters[] = { "count", "total", "offset" };
  const char *const arrays[] = { "data", operation->plural };

  add_text (builder, "type", "object");
  begin (builder, "properties");
  add_success (builder);
  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++)
    {
      if (arrays[i] == NULL)
        continue;
      begin (builder, arrays[i]);
      add_text (builder, "type", "array");
      begin (builder, "items");
      if (operation->item != NULL)
        add_ref (builder, operation->item);
      else
        add_text (builder, "type", "object");
      json_builder_end_object (builder);
      json_builder_end_object (builder);
    }
  for (guint i = 0; i < G_N_ELEMENTS (counters); i++)
    {
      begin (builder, counters[i]);
      add_text (builder, "type", "integer");
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

/* One object stands under "data", and its members beside it. */
static void
add_object_schema (JsonBuilder *builder, const WhimOperation *operation)
{
  if (operation->item == NULL)
    {
      add_text (builder, "type", "object");
      begin (builder, "properties");
      add_success (builder);
      json_builder_end_object (builder);
      return;
    }
  json_builder_set_member_name (builder, "allOf");
  json_builder_begin_array (builder);
  json_builder_begin_object (builder);
  add_ref (builder, operation->item);
  json_builder_end_object (builder);
  json_builder_begin_object (builder);
  add_text (builder, "type", "object");
  begin (builder, "properties");
  add_success (builder);
  if (operation->shape == WHIM_RESULT_OBJECT || operation->shape == WHIM_RESULT_MESSAGE)
    {
      begin (builder, "data");
      add_ref (builder, operation->item);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  json_builder_end_array (builder);
}

static const char *
content_type_of (const WhimOperation *operation)
{
  if (g_str_equal (operation->name, "system.docs"))
    return "text/html";
  if (g_str_equal (operation->name, "system.metrics"))
    return "text/plain";
  if (operation->shape == WHIM_RESULT_FILE)
    return "application/vnd.sqlite3";
  return operation->shape == WHIM_RESULT_BYTES ? "image/png" : "application/json";
}

static void
add_answer (JsonBuilder *builder, const WhimOperation *operation)
{
  begin (builder, "200");
  add_text (builder, "description", "Done");
  begin (builder, "content");
  begin (builder, content_type_of (operation));
  begin (builder, "schema");
  switch (operation->shape)
    {
    case WHIM_RESULT_LIST:
      add_list_schema (builder, operation);
      break;
    case WHIM_RESULT_SEND:
      add_ref (builder, "Sent");
      break;
    case WHIM_RESULT_PLAIN:
      if (operation->item != NULL)
        add_ref (builder, operation->item);
      else
        add_text (builder, "type", "object");
      break;
    case WHIM_RESULT_ARRAY:
      add_text (builder, "type", "array");
      begin (builder, "items");
      add_text (builder, "type", "object");
      json_builder_end_object (builder);
      break;
    case WHIM_RESULT_FILE:
    case WHIM_RESULT_BYTES:
      add_text (builder, "type", "string");
      break;
    case WHIM_RESULT_DOCUMENT:
      add_text (builder, "type",
                g_str_equal (operation->name, "system.docs") ? "string" : "object");
      break;
    case WHIM_RESULT_ACTION:
    case WHIM_RESULT_OBJECT:
    case WHIM_RESULT_MESSAGE:
    default:
      add_object_schema (builder, operation);
      break;
    }
  json_builder_end_object (builder);
  if (operation->example != NULL)
    {
      JsonNode *example = json_from_string (operation->example, NULL);

      g_assert (example != NULL); /* a test makes the document */
      json_builder_set_member_name (builder, "example");
      json_builder_add_value (builder, example);
    }
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
}

static gint
find_error (const char *word)
{
  for (gint code = 0; code < WHIM_N_ERRORS; code++)
    if (g_str_equal (whim_error_get_info (code)->type, word))
      return code;
  return -1;
}

/* One response per HTTP status, which names the words that go with it. */
static void
add_errors (JsonBuilder *builder, const WhimOperation *operation)
{
  g_auto (GStrv) words = g_strsplit (operation->errors == NULL ? "" : operation->errors, " ", -1);
  g_autoptr (GTree) by_status
      = g_tree_new_full ((GCompareDataFunc)(GCallback)strcmp, NULL, g_free, (GDestroyNotify)g_free);
  GTreeNode *node;

  for (guint i = 0; words[i] != NULL; i++)
    {
      gint code = *words[i] == '\0' ? -1 : find_error (words[i]);
      g_autofree char *status = NULL;
      const char *before;

      if (code < 0)
        continue;
      status = g_strdup_printf ("%u", whim_error_get_info (code)->http_status);
      before = g_tree_lookup (by_status, status);
      g_tree_replace (by_status, g_strdup (status),
                      before == NULL ? g_strdup_printf ("`%s`", words[i])
                                     : g_strdup_printf ("%s, `%s`", before, words[i]));
    }
  for (node = g_tree_node_first (by_status); node != NULL; node = g_tree_node_next (node))
    {
      begin (builder, g_tree_node_key (node));
      add_text (builder, "description", g_tree_node_value (node));
      begin (builder, "content");
      begin (builder, "application/json");
      begin (builder, "schema");
      add_ref (builder, "Error");
      json_builder_end_object (builder);
      json_builder_end_object (builder);
      json_builder_end_object (builder);
      json_builder_end_object (builder);
    }
}

/* ---- Operations ------------------------------------------------------------------------------ */

static const char *
tag_of (const WhimRoute *route)
{
  static const struct
  {
    const char *family;
    const char *tag;
  } rows[] = {
    { "channels.", "Channels" }, { "messages.", "Messages" }, { "outbox.", "Outbox" },
    { "chats.", "Chats" },       { "contacts.", "Contacts" }, { "webhooks.", "Webhooks" },
    { "keys.", "Keys" },         { "whapi.", "Whapi" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_str_has_prefix (route->operation, rows[i].family))
      return rows[i].tag;
  return "System";
}

/* "channels.qr-image" -> "channelsQrImage"; a second address of an operation gets its own id. */
static char *
operation_id (const WhimRoute *route, GHashTable *seen)
{
  g_autoptr (GString) id = g_string_new (NULL);
  gboolean upper = FALSE;
  guint *count;

  for (const char *c = route->operation; *c != '\0'; c++)
    if (*c == '.' || *c == '-')
      upper = TRUE;
    else
      {
        g_string_append_c (id, upper ? g_ascii_toupper (*c) : *c);
        upper = FALSE;
      }
  count = g_hash_table_lookup (seen, id->str);
  if (count == NULL)
    {
      count = g_new0 (guint, 1);
      g_hash_table_insert (seen, g_strdup (id->str), count);
    }
  if (++*count > 1)
    g_string_append_printf (id, "%u", *count);
  return g_string_free (g_steal_pointer (&id), FALSE);
}

static void
add_security (JsonBuilder *builder)
{
  static const char *const schemes[] = { "apiKey", "bearer" };

  json_builder_set_member_name (builder, "security");
  json_builder_begin_array (builder);
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, schemes[i]);
      json_builder_begin_array (builder);
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_head (JsonBuilder *builder, const WhimRoute *route, GHashTable *seen)
{
  g_autofree char *id = operation_id (route, seen);

  add_text (builder, "operationId", id);
  json_builder_set_member_name (builder, "tags");
  json_builder_begin_array (builder);
  json_builder_add_string_value (builder, tag_of (route));
  json_builder_end_array (builder);
}

/* The one address that is no operation. */
static const WhimParam event_params[] = {
  { .name = "after",
    .type = WHIM_PARAM_INTEGER,
    .flags = WHIM_PARAM_IN_QUERY,
    .description = "Only events behind this `seq`. Without it, and without `Last-Event-ID`: what "
                   "happens from now on",
    .example = "0" },
  { .name = "limit",
    .type = WHIM_PARAM_INTEGER,
    .flags = WHIM_PARAM_IN_QUERY,
    .minimum = 1,
    .maximum = 500,
    .description = "How many at most, of a page as JSON",
    .example = "50" },
  { .name = "channelId",
    .type = WHIM_PARAM_STRING,
    .flags = WHIM_PARAM_IN_QUERY | WHIM_PARAM_IN_HEADER,
    .description = "Only events of this channel",
    .example = "ch_4f8a1b2c3d4e" },
  { NULL },
};

static const WhimOperation events_operation = {
  .name = "events",
  .shape = WHIM_RESULT_LIST,
  .item = "Event",
  .params = event_params,
  .summary = "Everything that happens, as it happens",
  .description = "Server-sent events with `Accept: text/event-stream`: the event's `seq` is the "
                 "`id`, so `Last-Event-ID` goes on where a client stopped. A page of the journal "
                 "with `Accept: application/json`.",
  .errors = "unauthorized forbidden channel_not_found invalid_parameter cursor_expired",
};

static const WhimOperation *
operation_of (const WhimRoute *route)
{
  return g_str_equal (route->operation, WHIM_ROUTE_EVENTS) ? &events_operation
                                                           : whim_operation_find (route->operation);
}

static void
add_operation (JsonBuilder *builder, const WhimRoute *route, GHashTable *seen)
{
  const WhimOperation *operation = operation_of (route);
  g_autofree char *method = g_ascii_strdown (route->method, -1);

  begin (builder, method);
  add_head (builder, route, seen);
  add_text (builder, "summary", operation->summary);
  if (operation->description != NULL)
    add_text (builder, "description", operation->description);
  add_parameters (builder, route, operation);
  add_body (builder, route, operation);
  begin (builder, "responses");
  add_answer (builder, operation);
  add_errors (builder, operation);
  json_builder_end_object (builder);
  if (operation->scope == WHIM_SCOPE_NONE && operation != &events_operation)
    {
      json_builder_set_member_name (builder, "security");
      json_builder_begin_array (builder);
      json_builder_end_array (builder);
    }
  json_builder_end_object (builder);
}

/* "channels/:channelId" -> "/channels/{channelId}" */
static char *
template_of (const char *pattern)
{
  g_auto (GStrv) parts = g_strsplit (pattern, "/", -1);
  g_autoptr (GString) path = g_string_new (NULL);

  for (guint i = 0; parts[i] != NULL; i++)
    if (parts[i][0] == ':')
      g_string_append_printf (path, "/{%s}", parts[i] + 1);
    else
      g_string_append_printf (path, "/%s", parts[i]);
  return g_string_free (g_steal_pointer (&path), FALSE);
}

static void
add_paths (JsonBuilder *builder)
{
  g_autoptr (GHashTable) done = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  begin (builder, "paths");
  for (const WhimRoute *first = whim_routes (); first->method != NULL; first++)
    {
      g_autofree char *path = NULL;

      if (!g_hash_table_add (done, (gpointer)first->pattern))
        continue;
      path = template_of (first->pattern);
      begin (builder, path);
      for (const WhimRoute *route = first; route->method != NULL; route++)
        if (g_str_equal (route->pattern, first->pattern))
          add_operation (builder, route, seen);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

/* ---- The document ---------------------------------------------------------------------------- */

static void
add_info (JsonBuilder *builder)
{
  add_text (builder, "openapi", "3.1.0");
  begin (builder, "info");
  add_text (builder, "title", "Whimbrel");
  add_text (builder, "version", WHIM_VERSION);
  add_text (builder, "summary", "WhatsApp API (whapi.cloud compatible)");
  add_text (
      builder, "description",
      "A WhatsApp gateway that links as a companion device. Errors are always "
      "`{\"success\":false,\"error\":{…}}` with a stable `type`. Answers carry the seed's and "
      "whapi.cloud's names; `X-Api-Dialect: seed` or `whapi` leaves the others out, and the "
      "same surface below `/whapi` speaks whapi alone.");
  begin (builder, "license");
  add_text (builder, "name", "GPL-3.0-or-later");
  add_text (builder, "identifier", "GPL-3.0-or-later");
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "servers");
  json_builder_begin_array (builder);
  json_builder_begin_object (builder);
  add_text (builder, "url", "/");
  add_text (builder, "description", "This daemon");
  json_builder_end_object (builder);
  json_builder_end_array (builder);
  add_security (builder);
}

static void
add_tags (JsonBuilder *builder)
{
  static const struct
  {
    const char *name;
    const char *description;
  } rows[] = {
    { "Channels", "Linked accounts and their connection" },
    { "Messages", "Sending, and what was said" },
    { "Outbox", "What waits to be sent" },
    { "Chats", "Conversations" },
    { "Contacts", "People" },
    { "Webhooks", "Who is told of events, and what could not be delivered" },
    { "Keys", "Who may do what" },
    { "Whapi", "Addresses that only whapi.cloud's clients know" },
    { "System", "The daemon itself, and the journal of events" },
  };

  json_builder_set_member_name (builder, "tags");
  json_builder_begin_array (builder);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      json_builder_begin_object (builder);
      add_text (builder, "name", rows[i].name);
      add_text (builder, "description", rows[i].description);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_components (JsonBuilder *builder)
{
  g_autoptr (GBytes) text = g_resource_lookup_data (whim_rest_get_resource (), SCHEMAS,
                                                    G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  gboolean ok = json_parser_load_from_data (parser, g_bytes_get_data (text, NULL),
                                            (gssize)g_bytes_get_size (text), NULL);

  g_assert (ok); /* our own file, built in */
  begin (builder, "components");
  json_builder_set_member_name (builder, "schemas");
  json_builder_add_value (builder, json_parser_steal_root (parser));
  begin (builder, "securitySchemes");
  begin (builder, "apiKey");
  add_text (builder, "type", "apiKey");
  add_text (builder, "in", "header");
  add_text (builder, "name", "X-API-Key");
  json_builder_end_object (builder);
  begin (builder, "bearer");
  add_text (builder, "type", "http");
  add_text (builder, "scheme", "bearer");
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
}

GBytes *
whim_rest_openapi (void)
{
  static GBytes *made;

  if (made == NULL)
    {
      g_autoptr (JsonBuilder) builder = json_builder_new ();
      g_autoptr (JsonNode) root = NULL;
      char *text;

      json_builder_begin_object (builder);
      add_info (builder);
      add_tags (builder);
      add_paths (builder);
      add_components (builder);
      json_builder_end_object (builder);
      root = json_builder_get_root (builder);
      text = json_to_string (root, FALSE);
      made = g_bytes_new_take (text, strlen (text));
    }
  return made;
}
