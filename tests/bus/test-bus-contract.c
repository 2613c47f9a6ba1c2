/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bus/whim-bus-private.h"

#include <string.h>

/* The operation table, the table of members and the XML against each other. */

#define FOREACH_OPERATION(operation)                                                               \
  for (const WhimOperation *const *family = whim_operation_families (); *family != NULL; family++) \
    for (const WhimOperation *operation = *family; operation->name != NULL; operation++)

static const char *
find_reason (const char *operation)
{
  for (const WhimBusUnreached *row = whim_bus_unreached (); row->operation != NULL; row++)
    if (strcmp (row->operation, operation) == 0
        || (g_str_has_suffix (row->operation, ".") && g_str_has_prefix (operation, row->operation)))
      return row->reason;
  return NULL;
}

/* Every operation has a method, or a reason why not, and not both. */
static void
test_operations (void)
{
  g_autoptr (GHashTable) reached = g_hash_table_new (g_str_hash, g_str_equal);

  for (const WhimBusMember *row = whim_bus_members (); row->interface != NULL; row++)
    {
      g_assert_true (row->operation != NULL || row->handle != NULL);
      g_assert_true ((row->narrow != NULL) == (row->twin != NULL));
      if (row->operation != NULL)
        g_hash_table_add (reached, (gpointer)row->operation);
      if (row->twin != NULL)
        g_hash_table_add (reached, (gpointer)row->twin);
    }
  FOREACH_OPERATION (operation)
  {
    const char *reason = find_reason (operation->name);
    gboolean has_method = g_hash_table_remove (reached, operation->name);

    if (!has_method && reason == NULL)
      g_error ("%s has no method on the bus and no reason why not", operation->name);
    if (has_method && reason != NULL)
      g_error ("%s has a method, although: %s", operation->name, reason);
  }
  g_assert_cmpuint (g_hash_table_size (reached), ==, 0); /* of operations that do not exist */
  for (const WhimBusUnreached *row = whim_bus_unreached (); row->operation != NULL; row++)
    {
      gboolean found = FALSE;

      g_assert_cmpuint (strlen (row->reason), >, 0);
      FOREACH_OPERATION (operation)
      found = found || find_reason (operation->name) == row->reason;
      g_assert_true (found);
    }
}

static const WhimParam *
find_param (const WhimOperation *operation, const char *name)
{
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    {
      g_auto (GStrv) aliases = g_strsplit (param->aliases == NULL ? "" : param->aliases, " ", -1);

      if (strcmp (param->name, name) == 0 || g_strv_contains ((const char *const *)aliases, name))
        return param;
    }
  return NULL;
}

static const char *
signature_of (WhimParamType type)
{
  switch (type)
    {
    case WHIM_PARAM_STRING:
      return "s";
    case WHIM_PARAM_BOOLEAN:
      return "b";
    case WHIM_PARAM_INTEGER:
      return "x";
    case WHIM_PARAM_NUMBER:
      return "d";
    case WHIM_PARAM_STRINGS:
      return "as";
    case WHIM_PARAM_OBJECT:
      return "a{sv}";
    case WHIM_PARAM_OBJECTS:
      return "aa{sv}";
    default:
      g_assert_not_reached ();
    }
}

/* Arguments are parameters of the operation, and everything that it requires is one. */
static void
check_arguments (const GDBusMethodInfo *method, const WhimOperation *operation, gboolean on_channel)
{
  g_autoptr (GHashTable) given = g_hash_table_new (g_str_hash, g_str_equal);
  gboolean options = FALSE;

  for (guint i = 0; method->in_args != NULL && method->in_args[i] != NULL; i++)
    {
      const GDBusArgInfo *arg = method->in_args[i];
      const WhimParam *param = find_param (operation, arg->name);

      g_assert_false (options); /* options stand last */
      if (strcmp (arg->signature, "a{sv}") == 0)
        {
          options = TRUE;
          continue;
        }
      if (param == NULL)
        g_error ("%s: %s is no parameter of %s", method->name, arg->name, operation->name);
      g_assert_cmpstr (arg->signature, ==, signature_of (param->type));
      g_hash_table_add (given, (gpointer)param->name);
    }
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    {
      gboolean implied = on_channel && strcmp (param->name, "channelId") == 0;
      gboolean here = implied || g_hash_table_contains (given, param->name);

      if (!here && (param->flags & WHIM_PARAM_REQUIRED) != 0)
        g_error ("%s: %s of %s is required", method->name, param->name, operation->name);
      if (!here && !options)
        g_error ("%s: %s of %s cannot be given", method->name, param->name, operation->name);
    }
}

static void
check_reply (const GDBusMethodInfo *method, const WhimOperation *operation)
{
  static const char *const known[] = { "", "a{sv}", "aa{sv}x", "oa{sv}", "ay", "s", "h", NULL };
  g_autoptr (GString) signature = g_string_new (NULL);

  for (guint i = 0; method->out_args != NULL && method->out_args[i] != NULL; i++)
    g_string_append (signature, method->out_args[i]->signature);
  g_assert_true (g_strv_contains (known, signature->str));
  g_assert_true ((operation->shape == WHIM_RESULT_LIST)
                 == (strcmp (signature->str, "aa{sv}x") == 0));
  g_assert_true ((operation->shape == WHIM_RESULT_BYTES)
                 == (strcmp (signature->str, "ay") == 0 || strcmp (signature->str, "s") == 0));
  g_assert_true ((operation->shape == WHIM_RESULT_FILE) == (strcmp (signature->str, "h") == 0));
}

static guint
check_interface (GDBusInterfaceInfo *info, gboolean on_channel)
{
  guint n = 0;

  g_assert_true (g_str_has_prefix (info->name, WHIM_BUS_PREFIX));
  for (; info->methods != NULL && info->methods[n] != NULL; n++)
    {
      const GDBusMethodInfo *method = info->methods[n];
      const WhimBusMember *member = whim_bus_member_find (info->name, method->name);

      if (member == NULL)
        g_error ("%s.%s does nothing", info->name, method->name);
      if (member->handle != NULL)
        continue;
      check_arguments (method, whim_operation_find (member->operation), on_channel);
      check_reply (method, whim_operation_find (member->operation));
      if (member->twin != NULL)
        g_assert_nonnull (find_param (whim_operation_find (member->twin), member->narrow));
    }
  return n;
}

/* Every method of the XML has a row, and every row a method. */
static void
test_methods (void)
{
  guint methods = check_interface (whim_bus_request_facet (), TRUE);
  guint rows = 0;

  for (GDBusInterfaceInfo *const *info = whim_bus_manager_facets (); *info != NULL; info++)
    methods += check_interface (*info, FALSE);
  for (GDBusInterfaceInfo *const *info = whim_bus_channel_facets (); *info != NULL; info++)
    methods += check_interface (*info, TRUE);
  for (const WhimBusMember *row = whim_bus_members (); row->interface != NULL; row++)
    rows++;
  g_assert_cmpuint (rows, ==, methods);
  g_assert_null (whim_bus_member_find ("org.example.Manager", "Call"));
}

/* Every property of Channel has a value of its type, whatever engine leaves out. */
static void
test_properties (void)
{
  g_autoptr (GVariant) channel = g_variant_ref_sink (
      g_variant_new_parsed ("{'id': <'ch_x'>, 'status': <'connected'>, 'since': <int64 5>}"));
  g_autoptr (GVariant) values = g_variant_ref_sink (whim_bus_channel_values (channel));
  GDBusInterfaceInfo *info = whim_bus_channel_facets ()[0];
  guint n = 0;

  for (; info->properties[n] != NULL; n++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (values, info->properties[n]->name, NULL);

      g_assert_nonnull (value);
      g_assert_cmpstr (g_variant_get_type_string (value), ==, info->properties[n]->signature);
    }
  g_assert_cmpuint (g_variant_n_children (values), ==, n);
  for (guint i = 0; i < WHIM_CHANNEL_N_STATES; i++)
    {
      g_autoptr (GVariant) other = g_variant_ref_sink (g_variant_new_parsed (
          "{'status': <%s>}", whim_channel_state_to_word ((WhimChannelState)i)));
      g_autoptr (GVariant) all = g_variant_ref_sink (whim_bus_channel_values (other));
      guint status = G_MAXUINT;

      g_variant_lookup (all, "Status", "u", &status);
      g_assert_cmpuint (status, ==, i);
    }
}

static void
test_adapt (void)
{
  static const struct
  {
    const char *given;
    WhimParamType type;
    const char *wanted;
  } rows[] = {
    { "5", WHIM_PARAM_INTEGER, "int64 5" },
    { "uint32 5", WHIM_PARAM_INTEGER, "int64 5" },
    { "uint64 18446744073709551615", WHIM_PARAM_INTEGER, "uint64 18446744073709551615" },
    { "byte 0x05", WHIM_PARAM_NUMBER, "5.0" },
    { "'5'", WHIM_PARAM_INTEGER, "'5'" },
    { "5", WHIM_PARAM_STRING, "5" },
    { "{'a': 'b'}", WHIM_PARAM_OBJECT, "{'a': <'b'>}" },
    { "{'a': 5}", WHIM_PARAM_OBJECT, "{'a': <int64 5>}" },
    { "{'a': <{'b': <5>}>}", WHIM_PARAM_OBJECT, "{'a': <{'b': <int64 5>}>}" },
    { "[{'a': 5}]", WHIM_PARAM_OBJECTS, "[{'a': <int64 5>}]" },
    { "[5]", WHIM_PARAM_OBJECT, "[5]" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) given = g_variant_ref_sink (g_variant_new_parsed (rows[i].given));
      g_autoptr (GVariant) wanted = g_variant_ref_sink (g_variant_new_parsed (rows[i].wanted));
      g_autoptr (GVariant) got = whim_bus_adapt (given, rows[i].type);

      g_assert_cmpvariant (got, wanted);
    }
}

/* Arguments stand above options, the object above both; what is unknown is dropped. */
static void
test_params (void)
{
  GDBusInterfaceInfo *info = NULL;
  const GDBusMethodInfo *method;
  g_autoptr (GVariant) arguments = g_variant_ref_sink (g_variant_new_parsed (
      "('1', 'text', {'to': <'2'>, 'channelId': <'ch_y'>, 'nonsense': <1>, 'ephemeral': <5>})"));
  g_autoptr (GVariant) wanted = g_variant_ref_sink (g_variant_new_parsed (
      "{'to': <'1'>, 'body': <'text'>, 'channelId': <'ch_x'>, 'ephemeral': <int64 5>}"));
  g_autoptr (GVariant) got = NULL;

  for (GDBusInterfaceInfo *const *facet = whim_bus_channel_facets (); *facet != NULL; facet++)
    if (g_str_has_suffix ((*facet)->name, ".Messages"))
      info = *facet;
  method = g_dbus_interface_info_lookup_method (info, "SendText");
  got = g_variant_ref_sink (
      whim_bus_make_params (whim_operation_find ("messages.text"), method, arguments, "ch_x"));
  g_assert_cmpuint (g_variant_n_children (got), ==, g_variant_n_children (wanted));
  for (gsize i = 0; i < g_variant_n_children (wanted); i++)
    {
      const char *name;
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GVariant) here = NULL;

      g_variant_get_child (wanted, i, "{&sv}", &name, &value);
      here = g_variant_lookup_value (got, name, NULL);
      g_assert_cmpvariant (here, value);
    }
  method = g_dbus_interface_info_lookup_method (info, "SendImmediate");
  g_assert_cmpstr (
      whim_bus_find_argument (whim_operation_find ("messages.send-immediate"), method, "phone"), ==,
      "to");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus/operations", test_operations);
  g_test_add_func ("/bus/methods", test_methods);
  g_test_add_func ("/bus/properties", test_properties);
  g_test_add_func ("/bus/adapt", test_adapt);
  g_test_add_func ("/bus/params", test_params);
  return g_test_run ();
}
