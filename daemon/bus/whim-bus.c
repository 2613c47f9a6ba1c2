/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bus/whim-bus-private.h"

/* How long the end waits for what was said last to leave. */
#define CLOSE_MS 3000

static void lost (WhimBus *self);

/* ---- Objects ---------------------------------------------------------------------------------
 */

/* Returns: (transfer none): the first facet */
static WhimBusFacet *
export_object (WhimBus *self,
               const char *path,
               GDBusInterfaceInfo *const *infos,
               const char *channel_id,
               GVariant *values)
{
  g_autoptr (GDBusObjectSkeleton) object = g_dbus_object_skeleton_new (path);
  WhimBusFacet *first = NULL;

  for (guint i = 0; infos[i] != NULL; i++)
    {
      g_autoptr (WhimBusFacet) facet = whim_bus_facet_new (self, infos[i], channel_id);

      if (first == NULL)
        {
          first = facet;
          whim_bus_facet_set_values (facet, values);
        }
      g_dbus_object_skeleton_add_interface (object, G_DBUS_INTERFACE_SKELETON (facet));
    }
  g_dbus_object_manager_server_export (self->objects, object);
  return first;
}

static void
update_channel (WhimBus *self, const char *id)
{
  g_autoptr (GVariant) channel = whim_engine_dup_channel (self->engine, id);
  WhimBusFacet *facet = g_hash_table_lookup (self->channels, id);
  g_autofree char *path = g_strconcat (WHIM_BUS_CHANNEL_PATH, id, NULL);

  if (channel != NULL && facet != NULL)
    whim_bus_facet_set_values (facet, whim_bus_channel_values (channel));
  else if (channel != NULL)
    g_hash_table_insert (self->channels, g_strdup (id),
                         export_object (self, path, whim_bus_channel_facets (), id,
                                        whim_bus_channel_values (channel)));
  else if (facet != NULL)
    {
      g_hash_table_remove (self->channels, id);
      g_dbus_object_manager_server_unexport (self->objects, path);
    }
}

static void
channel_changed_cb (WhimEngine *engine, const char *id, gpointer user_data)
{
  WhimBus *self = user_data;

  update_channel (self, id);
  whim_bus_pairing_changed (self, id);
}

static void
journal_advanced_cb (WhimEngine *engine, gint64 last_seq, gpointer user_data)
{
  WhimBus *self = user_data;

  whim_bus_events_advanced (self);
  whim_bus_pairing_advanced (self);
}

static GVariant *
make_manager_values (void)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "Version", g_variant_new_string (WHIM_VERSION));
  g_variant_builder_add (&builder, "{sv}", "ApiVersion",
                         g_variant_new_uint32 (WHIM_BUS_API_VERSION));
  return g_variant_builder_end (&builder);
}

static void
export_all (WhimBus *self)
{
  g_auto (GStrv) ids = whim_engine_dup_channel_ids (self->engine);

  self->objects = g_dbus_object_manager_server_new (WHIM_BUS_PATH);
  export_object (self, WHIM_BUS_MANAGER_PATH, whim_bus_manager_facets (), NULL,
                 make_manager_values ());
  for (guint i = 0; ids[i] != NULL; i++)
    update_channel (self, ids[i]);
  g_dbus_object_manager_server_set_connection (self->objects, self->connection);
  self->news_seq = whim_engine_get_last_seq (self->engine);
  g_signal_connect (self->engine, "channel-changed", G_CALLBACK (channel_changed_cb), self);
  g_signal_connect (self->engine, "journal-advanced", G_CALLBACK (journal_advanced_cb), self);
}

/* ---- The connection --------------------------------------------------------------------------
 */

static void
name_acquired_cb (GDBusConnection *connection, const char *name, gpointer user_data)
{
  g_message ("the session bus knows us as %s", name);
}

static void
name_lost_cb (GDBusConnection *connection, const char *name, gpointer user_data)
{
  if (connection != NULL && !g_dbus_connection_is_closed (connection))
    g_message ("the name %s belongs to another program on the session bus; going on without it",
               name);
}

static void
closed_cb (GDBusConnection *connection, gboolean by_peer, GError *error, gpointer user_data)
{
  WhimBus *self = user_data;

  g_message ("the connection to the session bus is lost; going on without it");
  lost (self);
}

static void
connected_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimBus) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection
      = g_dbus_connection_new_for_address_finish (result, &error);

  if (!self->running)
    return;
  if (connection == NULL)
    {
      g_message ("no session bus: %s", error->message);
      return;
    }
  self->connection = g_steal_pointer (&connection);
  g_signal_connect (self->connection, "closed", G_CALLBACK (closed_cb), self);
  export_all (self);
  /* everything is there before anybody can find it by the name */
  self->name
      = g_bus_own_name_on_connection (self->connection, WHIM_BUS_NAME, G_BUS_NAME_OWNER_FLAGS_NONE,
                                      name_acquired_cb, name_lost_cb, NULL, NULL);
}

/* GIO would start a bus of its own where it finds none; a daemon does not. */
static char *
find_address (void)
{
  const char *address = g_getenv ("DBUS_SESSION_BUS_ADDRESS");
  g_autofree char *path = g_build_filename (g_get_user_runtime_dir (), "bus", NULL);
  g_autofree char *escaped = NULL;

  if (address != NULL && *address != '\0')
    return g_strdup (address);
  if (g_getenv ("XDG_RUNTIME_DIR") == NULL || !g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  escaped = g_dbus_address_escape_value (path);
  return g_strconcat ("unix:path=", escaped, NULL);
}

void
whim_bus_start (WhimBus *self)
{
  g_autofree char *address = find_address ();

  self->running = TRUE;
  if (address == NULL)
    {
      g_debug ("there is no session bus");
      return;
    }
  g_dbus_connection_new_for_address (address,
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                         | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                     NULL, self->cancellable, connected_cb, whim_bus_ref (self));
}

/* Nobody can be answered or told any more. */
static void
lost (WhimBus *self)
{
  g_autoptr (GDBusConnection) connection = g_steal_pointer (&self->connection);

  if (connection == NULL)
    return;
  g_signal_handlers_disconnect_by_data (connection, self);
  g_signal_handlers_disconnect_by_data (self->engine, self);
  whim_clock_clear_timer (self->clock, &self->news_timer);
  whim_bus_events_drop (self, NULL);
  whim_bus_pairing_drop (self, NULL, FALSE);
  g_hash_table_remove_all (self->senders); /* what still runs finds nothing to give back */
  g_hash_table_remove_all (self->channels);
  if (self->objects != NULL)
    g_dbus_object_manager_server_set_connection (self->objects, NULL);
  g_clear_object (&self->objects);
  if (self->name != 0)
    g_bus_unown_name (self->name);
  self->name = 0;
}

/* ---- The end ---------------------------------------------------------------------------------
 */

typedef struct
{
  gboolean done;
  guint timer;
  GCancellable *cancellable;
} Closing;

static void
closing_late (gpointer user_data)
{
  Closing *closing = user_data;

  closing->timer = 0;
  g_cancellable_cancel (closing->cancellable);
}

static void
closed_now_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Closing *closing = user_data;

  g_dbus_connection_close_finish (G_DBUS_CONNECTION (source), result, NULL);
  closing->done = TRUE;
}

static void
flushed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  g_dbus_connection_close (G_DBUS_CONNECTION (source), NULL, closed_now_cb, user_data);
}

void
whim_bus_stop (WhimBus *self)
{
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Closing closing = { FALSE, 0, cancellable };

  self->running = FALSE;
  g_cancellable_cancel (self->cancellable);
  if (self->connection == NULL)
    return;
  connection = g_object_ref (self->connection);
  whim_bus_pairing_drop (self, NULL, TRUE);
  lost (self);
  closing.timer = whim_clock_add_timer (self->clock, CLOSE_MS, closing_late, &closing);
  g_dbus_connection_flush (connection, cancellable, flushed_cb, &closing);
  while (!closing.done)
    g_main_context_iteration (NULL, TRUE);
  whim_clock_clear_timer (self->clock, &closing.timer);
}

/* ---- Life ------------------------------------------------------------------------------------
 */

WhimBus *
whim_bus_new (WhimEngine *engine, WhimClock *clock)
{
  WhimBus *self = g_new0 (WhimBus, 1);

  g_ref_count_init (&self->references);
  self->engine = g_object_ref (engine);
  self->clock = whim_clock_ref (clock);
  self->caller.admin = TRUE;
  self->cancellable = g_cancellable_new ();
  self->channels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->senders = whim_bus_senders_new ();
  self->subscriptions
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_bus_subscription_unref);
  self->requests = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                          (GDestroyNotify)whim_bus_request_unref);
  return self;
}

WhimBus *
whim_bus_ref (WhimBus *self)
{
  g_ref_count_inc (&self->references);
  return self;
}

void
whim_bus_unref (WhimBus *self)
{
  if (!g_ref_count_dec (&self->references))
    return;
  g_hash_table_unref (self->requests);
  g_ptr_array_unref (self->subscriptions);
  g_hash_table_unref (self->senders);
  g_hash_table_unref (self->channels);
  g_object_unref (self->cancellable);
  whim_clock_unref (self->clock);
  g_object_unref (self->engine);
  g_free (self);
}
