/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bus/whim-bus-private.h"

#include <string.h>

/* One interface of one object, whichever: the description says what it has, the table of members
 * what its methods do. */

struct _WhimBusFacet
{
  GDBusInterfaceSkeleton parent_instance;
  WhimBus *bus;
  GDBusInterfaceInfo *info; /* static */
  char *channel_id;
  GVariant *values; /* a{sv}: every property */
};

G_DEFINE_FINAL_TYPE (WhimBusFacet, whim_bus_facet, G_TYPE_DBUS_INTERFACE_SKELETON)

#define EMITS "org.freedesktop.DBus.Property.EmitsChangedSignal"
#define PROPERTIES "org.freedesktop.DBus.Properties"

static const char *
get_emits (const GDBusPropertyInfo *property)
{
  const char *word = g_dbus_annotation_info_lookup (property->annotations, EMITS);

  return word != NULL ? word : "true";
}

/* ---- Methods and properties that are asked for -----------------------------------------------
 */

static void
method_call (GDBusConnection *connection,
             const char *sender,
             const char *path,
             const char *interface,
             const char *method,
             GVariant *arguments,
             GDBusMethodInvocation *invocation,
             gpointer user_data)
{
  WhimBusFacet *self = user_data;
  const WhimBusMember *member = whim_bus_member_find (interface, method);

  if (member == NULL || !self->bus->running)
    {
      g_autoptr (GError) error = g_error_new_literal (WHIM_ERROR, WHIM_ERROR_INTERNAL,
                                                      member == NULL ? "the method has no operation"
                                                                     : "the daemon is stopping");

      whim_bus_return_error (invocation, error);
    }
  else if (member->handle != NULL)
    member->handle (self, invocation);
  else
    whim_bus_call_member (self, member, invocation);
}

static GVariant *
get_property (GDBusConnection *connection,
              const char *sender,
              const char *path,
              const char *interface,
              const char *property,
              GError **error,
              gpointer user_data)
{
  WhimBusFacet *self = user_data;
  GVariant *value
      = self->values == NULL ? NULL : g_variant_lookup_value (self->values, property, NULL);

  if (value == NULL)
    g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY, "there is no value");
  return value;
}

static const GDBusInterfaceVTable vtable = { method_call, get_property, NULL, { NULL } };

static GDBusInterfaceInfo *
whim_bus_facet_get_info (GDBusInterfaceSkeleton *skeleton)
{
  return WHIM_BUS_FACET (skeleton)->info;
}

static GDBusInterfaceVTable *
whim_bus_facet_get_vtable (GDBusInterfaceSkeleton *skeleton)
{
  return (GDBusInterfaceVTable *)&vtable;
}

/* For the object manager, which also tells everybody: without what is for one receiver only. */
static GVariant *
whim_bus_facet_get_properties (GDBusInterfaceSkeleton *skeleton)
{
  WhimBusFacet *self = WHIM_BUS_FACET (skeleton);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; self->info->properties != NULL && self->info->properties[i] != NULL; i++)
    {
      const GDBusPropertyInfo *property = self->info->properties[i];
      g_autoptr (GVariant) value
          = self->values == NULL ? NULL
                                 : g_variant_lookup_value (self->values, property->name, NULL);

      if (value != NULL && strcmp (get_emits (property), "invalidates") != 0)
        g_variant_builder_add (&builder, "{sv}", property->name, value);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/* What changes is told at once, by whim_bus_facet_set_values(). */
static void
whim_bus_facet_flush (GDBusInterfaceSkeleton *skeleton)
{
}

/* ---- Properties that change ------------------------------------------------------------------
 */

static void
emit_changed (WhimBusFacet *self, GVariant *parameters)
{
  GDBusInterfaceSkeleton *skeleton = G_DBUS_INTERFACE_SKELETON (self);
  GList *connections = g_dbus_interface_skeleton_get_connections (skeleton);

  g_variant_ref_sink (parameters);
  for (GList *link = connections; link != NULL; link = link->next)
    g_dbus_connection_emit_signal (link->data, NULL,
                                   g_dbus_interface_skeleton_get_object_path (skeleton), PROPERTIES,
                                   "PropertiesChanged", parameters, NULL);
  g_variant_unref (parameters);
  g_list_free_full (connections, g_object_unref);
}

void
whim_bus_facet_set_values (WhimBusFacet *self, GVariant *values)
{
  g_autoptr (GVariant) old = g_steal_pointer (&self->values);
  GVariantBuilder changed;
  GVariantBuilder invalidated;
  gboolean any = FALSE;

  self->values = g_variant_ref_sink (values);
  if (old == NULL)
    return;
  g_variant_builder_init (&changed, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_init (&invalidated, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; self->info->properties != NULL && self->info->properties[i] != NULL; i++)
    {
      const GDBusPropertyInfo *property = self->info->properties[i];
      g_autoptr (GVariant) before = g_variant_lookup_value (old, property->name, NULL);
      g_autoptr (GVariant) now = g_variant_lookup_value (self->values, property->name, NULL);
      const char *emits = get_emits (property);

      if (now == NULL || (before != NULL && g_variant_equal (before, now)))
        continue;
      if (strcmp (emits, "true") == 0)
        g_variant_builder_add (&changed, "{sv}", property->name, now);
      else if (strcmp (emits, "invalidates") == 0)
        g_variant_builder_add (&invalidated, "s", property->name);
      else
        continue;
      any = TRUE;
    }
  if (any)
    emit_changed (self, g_variant_new ("(sa{sv}as)", self->info->name, &changed, &invalidated));
  else
    {
      g_variant_builder_clear (&changed);
      g_variant_builder_clear (&invalidated);
    }
}

/* ---- Life ------------------------------------------------------------------------------------
 */

static void
whim_bus_facet_finalize (GObject *object)
{
  WhimBusFacet *self = WHIM_BUS_FACET (object);

  g_clear_pointer (&self->values, g_variant_unref);
  g_free (self->channel_id);
  whim_bus_unref (self->bus);
  G_OBJECT_CLASS (whim_bus_facet_parent_class)->finalize (object);
}

static void
whim_bus_facet_class_init (WhimBusFacetClass *klass)
{
  GDBusInterfaceSkeletonClass *skeleton_class = G_DBUS_INTERFACE_SKELETON_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = whim_bus_facet_finalize;
  skeleton_class->get_info = whim_bus_facet_get_info;
  skeleton_class->get_vtable = whim_bus_facet_get_vtable;
  skeleton_class->get_properties = whim_bus_facet_get_properties;
  skeleton_class->flush = whim_bus_facet_flush;
}

static void
whim_bus_facet_init (WhimBusFacet *self)
{
}

WhimBusFacet *
whim_bus_facet_new (WhimBus *bus, GDBusInterfaceInfo *info, const char *channel_id)
{
  WhimBusFacet *self = g_object_new (WHIM_TYPE_BUS_FACET, NULL);

  self->bus = whim_bus_ref (bus);
  self->info = info;
  self->channel_id = g_strdup (channel_id);
  return self;
}

WhimBus *
whim_bus_facet_get_bus (WhimBusFacet *self)
{
  return self->bus;
}

const char *
whim_bus_facet_get_channel (WhimBusFacet *self)
{
  return self->channel_id;
}
