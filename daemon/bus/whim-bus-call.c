/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bus/whim-bus-private.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>

/* A call: arguments to parameters, the operation, its result to a reply. */

typedef struct
{
  WhimBus *bus;
  GDBusMethodInvocation *invocation; /* until it is answered */
  const WhimOperation *operation;
} CallOp;

static void
return_error (GDBusMethodInvocation *invocation,
              const WhimOperation *operation,
              const GError *error)
{
  gboolean ours = error->domain == WHIM_ERROR;
  const WhimErrorInfo *info = whim_error_get_info (ours ? error->code : WHIM_ERROR_INTERNAL);
  const GDBusMethodInfo *method = g_dbus_method_invocation_get_method_info (invocation);
  g_autofree char *field = NULL;
  g_autofree char *text = NULL;
  const char *message = "something went wrong inside";
  const char *argument = NULL;
  const char *details;

  if (ours)
    message = whim_error_split_field (error, &field);
  /* the argument is what the caller knows it by */
  if (field != NULL && operation != NULL && method != NULL)
    argument = whim_bus_find_argument (operation, method, field);
  details = field == NULL ? NULL : whim_error_field_to_details (field);
  if (details != NULL)
    text = g_strdup_printf ("%s (%s)", message, details);
  else if (field != NULL)
    text = g_strdup_printf ("%s: %s", argument != NULL ? argument : field, message);
  g_dbus_method_invocation_return_dbus_error (invocation, info->dbus_name,
                                              text != NULL ? text : message);
}

void
whim_bus_return_error (GDBusMethodInvocation *invocation, const GError *error)
{
  return_error (invocation, NULL, error);
}

/* A file goes along as an open descriptor. Its name is gone before its first byte is read: whatever
 * the caller does, nothing stays on the disk. */
static void
return_file (GDBusMethodInvocation *invocation, GVariant *result, GError **error)
{
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (invocation);
  g_autoptr (GUnixFDList) list = NULL;
  const char *path = NULL;
  gint fd;

  g_variant_lookup (result, "path", "^&ay", &path);
  g_return_if_fail (path != NULL);
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  g_unlink (path);
  if (fd < 0)
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_STORE_FAILED, "the file cannot be read");
      return;
    }
  list = g_unix_fd_list_new_from_array (&fd, 1);
  if ((g_dbus_connection_get_capabilities (connection) & G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING)
      == 0)
    g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_NOT_SUPPORTED,
                         "this bus passes no descriptors");
  else
    g_dbus_method_invocation_return_value_with_unix_fd_list (invocation, g_variant_new ("(h)", 0),
                                                             list);
}

static void
called_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree CallOp *op = user_data;
  g_autoptr (WhimBus) bus = op->bus;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = whim_engine_call_finish (WHIM_ENGINE (source), result, &error);
  GVariant *reply = NULL;

  whim_bus_sender_give (bus, g_dbus_method_invocation_get_sender (op->invocation),
                        WHIM_BUS_HOLDS_CALL);
  if (value != NULL && op->operation->shape == WHIM_RESULT_FILE)
    {
      return_file (op->invocation, value, &error);
      if (error == NULL)
        return;
    }
  else if (value != NULL)
    reply = whim_bus_make_reply (g_dbus_method_invocation_get_method_info (op->invocation), value,
                                 &error);
  if (reply != NULL)
    g_dbus_method_invocation_return_value (op->invocation, reply);
  else
    return_error (op->invocation, op->operation, error);
}

/* Takes @invocation; sinks @params. What was accepted runs to its end, so nothing cancels it. */
static void
call (WhimBus *bus,
      const WhimOperation *operation,
      GVariant *params,
      GDBusMethodInvocation *invocation)
{
  g_autoptr (GVariant) given = g_variant_ref_sink (params);
  g_autoptr (GError) error = NULL;
  CallOp *op;

  if (!whim_bus_sender_take (bus, g_dbus_method_invocation_get_sender (invocation),
                             WHIM_BUS_HOLDS_CALL, &error))
    {
      whim_bus_return_error (invocation, error);
      return;
    }
  op = g_new0 (CallOp, 1);
  op->bus = whim_bus_ref (bus);
  op->invocation = invocation;
  op->operation = operation;
  whim_engine_call_async (bus->engine, operation->name, &bus->caller, given, NULL, called_cb, op);
}

static const WhimOperation *
find_operation (const WhimBusMember *member, GVariant *arguments)
{
  g_autoptr (GVariant) options = NULL;
  gsize n = g_variant_n_children (arguments);

  if (member->narrow == NULL || n == 0)
    return whim_operation_find (member->operation);
  options = g_variant_get_child_value (arguments, n - 1);
  if (g_variant_is_of_type (options, G_VARIANT_TYPE_VARDICT)
      && g_variant_lookup (options, member->narrow, "*", NULL))
    return whim_operation_find (member->twin);
  return whim_operation_find (member->operation);
}

void
whim_bus_call_member (WhimBusFacet *facet,
                      const WhimBusMember *member,
                      GDBusMethodInvocation *invocation)
{
  GVariant *arguments = g_dbus_method_invocation_get_parameters (invocation);
  const WhimOperation *operation = find_operation (member, arguments);

  g_return_if_fail (operation != NULL);
  call (whim_bus_facet_get_bus (facet), operation,
        whim_bus_make_params (operation, g_dbus_method_invocation_get_method_info (invocation),
                              arguments, whim_bus_facet_get_channel (facet)),
        invocation);
}

void
whim_bus_call_any (WhimBusFacet *facet, GDBusMethodInvocation *invocation)
{
  GVariant *arguments = g_dbus_method_invocation_get_parameters (invocation);
  g_autoptr (GVariant) given = g_variant_get_child_value (arguments, 1);
  g_autoptr (GError) error = NULL;
  const WhimOperation *operation;
  GVariantDict params;
  const char *name;

  g_variant_get_child (arguments, 0, "&s", &name);
  operation = whim_operation_find (name);
  if (operation == NULL)
    whim_set_field_error (&error, WHIM_ERROR_NOT_FOUND, "operation", "there is no such operation");
  else if (operation->shape == WHIM_RESULT_DOCUMENT || operation->shape == WHIM_RESULT_FILE)
    whim_set_field_error (&error, WHIM_ERROR_NOT_SUPPORTED, "operation",
                          "it sends a file or describes the REST contract: see there");
  if (error != NULL)
    {
      whim_bus_return_error (invocation, error);
      return;
    }
  g_variant_dict_init (&params, NULL);
  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (given, param->name, NULL);
      g_autoptr (GVariant) adapted = value == NULL ? NULL : whim_bus_adapt (value, param->type);

      if (adapted != NULL)
        g_variant_dict_insert_value (&params, param->name, adapted);
    }
  call (whim_bus_facet_get_bus (facet), operation, g_variant_dict_end (&params), invocation);
}

gboolean
whim_bus_take_option (GVariant *options,
                      const char *name,
                      const GVariantType *type,
                      GVariant **value,
                      GError **error)
{
  *value = g_variant_lookup_value (options, name, NULL);
  if (*value == NULL || g_variant_is_of_type (*value, type))
    return TRUE;
  g_clear_pointer (value, g_variant_unref);
  whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, name, "the value has the wrong type");
  return FALSE;
}
