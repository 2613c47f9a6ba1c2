/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-setup.h"
#include "sandbox/sandbox.h"
#include "tests/support/whim-test.h"

#include <glib/gstdio.h>

/* The engine and the sandbox in one process: from nothing to a conversation. */

typedef struct
{
  char *directory;
  Sandbox *sandbox;
  WhimClock *clock;
  WhimStore *store;
  WhimSignalPool *pool;
  WhimTransport *transport;
  WhimEngine *engine;
  WhimCaller caller;
} Fixture;

static void
start_daemon (Fixture *self)
{
  g_autofree char *url = g_strdup_printf ("ws://127.0.0.1:%u/ws/chat", self->sandbox->port);
  const guint8 *root = whim_noise_identity_get_root_public (self->sandbox->identity);
  const WhimTransportConfig transport_config = { url, "https://web.whatsapp.com", root, NULL };
  WhimEngineConfig config = { 0 };
  g_autoptr (GError) error = NULL;

  self->clock = whim_clock_new_system ();
  self->store = whim_store_open (self->directory, self->clock, &error);
  g_assert_no_error (error);
  self->pool = whim_signal_pool_new (2);
  self->transport = whim_transport_new (&transport_config, &error);
  g_assert_no_error (error);
  config.clock = self->clock;
  config.store = self->store;
  config.pool = self->pool;
  config.transport = self->transport;
  config.noise_root = root;
  config.version.primary = 2;
  config.version.secondary = 3000;
  config.version.tertiary = 1045649367;
  self->engine = whim_engine_new (&config, &error);
  g_assert_no_error (error);
  whim_engine_start (self->engine);
}

static void
stop_daemon (Fixture *self)
{
  whim_engine_stop (self->engine);
  g_assert_finalize_object (self->engine);
  whim_signal_pool_free (self->pool);
  whim_store_close (self->store);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  whim_transport_free (self->transport);
  g_clear_object (&self->store);
  whim_clock_unref (self->clock);
}

static void
fixture_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->directory = g_dir_make_tmp ("whimXXXXXX", &error);
  g_assert_no_error (error);
  self->sandbox = sandbox_new (0, FALSE, &error);
  g_assert_no_error (error);
  self->caller.admin = TRUE;
  start_daemon (self);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        remove_all (child);
      else
        g_assert_cmpint (g_unlink (child), ==, 0);
    }
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

static void
fixture_down (Fixture *self, gconstpointer data)
{
  g_assert_cmpuint (self->sandbox->violations->len, ==, 0);
  g_assert_cmpuint (self->sandbox->unexpected->len, ==, 0);
  stop_daemon (self);
  sandbox_free (self->sandbox);
  remove_all (self->directory);
  g_free (self->directory);
}

static void
result_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static GVariant *
call_full (Fixture *self, const char *operation, GVariant *params, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  whim_engine_call_async (self->engine, operation, &self->caller, params, NULL, result_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return whim_engine_call_finish (self->engine, result, error);
}

static GVariant *
call (Fixture *self, const char *operation, GVariant *params)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = call_full (self, operation, params, &error);

  g_assert_no_error (error);
  return value;
}

static char *
look_up (GVariant *dict, const char *name)
{
  char *text = NULL;

  g_assert_true (g_variant_lookup (dict, name, "s", &text));
  return text;
}

static void
wait_for_status (Fixture *self, const char *channel, const char *wanted)
{
  for (;;)
    {
      g_autoptr (GVariant) status
          = call (self, "channels.status", g_variant_new_parsed ("{'channelId': <%s>}", channel));
      g_autofree char *word = look_up (status, "status");

      if (g_strcmp0 (word, wanted) == 0)
        return;
      g_main_context_iteration (NULL, TRUE);
    }
}

static char *
pair (Fixture *self, Account *phone)
{
  g_autoptr (GVariant) created
      = call (self, "channels.create", g_variant_new_parsed ("{'name': <'First'>}"));
  char *channel = look_up (created, "id");
  g_autoptr (GVariant) code
      = call (self, "channels.connect", g_variant_new_parsed ("{'channelId': <%s>}", channel));
  g_autofree char *qr = look_up (code, "qr");

  g_assert_null (sandbox_scan (self->sandbox, qr, phone));
  wait_for_status (self, channel, "connected");
  return channel;
}

static void
wait_for_inbox (Account *phone, guint n)
{
  while (phone->inbox->len < n)
    g_main_context_iteration (NULL, TRUE);
}

static GVariant *
wait_for_messages (Fixture *self, const char *channel, gint64 n)
{
  for (;;)
    {
      g_autoptr (GVariant) list
          = call (self, "messages.list", g_variant_new_parsed ("{'channelId': <%s>}", channel));
      gint64 total = 0;

      g_variant_lookup (list, "total", "x", &total);
      if (total >= n)
        return g_steal_pointer (&list);
      g_main_context_iteration (NULL, TRUE);
    }
}

static void
wait_idle (Fixture *self)
{
  while (!whim_engine_is_idle (self->engine))
    g_main_context_iteration (NULL, TRUE);
}

static void
test_echo (Fixture *self, gconstpointer data)
{
  Account *anna = sandbox_add_account (self->sandbox, NULL, "Anna", FALSE);
  Account *echo = sandbox_add_account (self->sandbox, NULL, "Echo", TRUE);
  g_autofree char *channel = pair (self, anna);
  g_autoptr (GVariant) sent = NULL;
  g_autoptr (GVariant) list = NULL;
  InboxItem *item;

  sent = call (self, "messages.text",
               g_variant_new_parsed ("{'channelId': <%s>, 'to': <%s>, 'body': <'hello'>}", channel,
                                     echo->pn));
  wait_for_inbox (echo, 1);
  item = g_ptr_array_index (echo->inbox, 0);
  g_assert_cmpstr (item->text, ==, "hello");
  wait_for_inbox (anna, 2); /* our own phone sees what we sent, and the answer */
  list = wait_for_messages (self, channel, 2);
  wait_idle (self);
  g_assert_cmpuint (echo->undecryptable + anna->undecryptable, ==, 0);
}

static void
test_restart (Fixture *self, gconstpointer data)
{
  Account *anna = sandbox_add_account (self->sandbox, NULL, "Anna", FALSE);
  Account *echo = sandbox_add_account (self->sandbox, NULL, "Echo", TRUE);
  g_autofree char *channel = pair (self, anna);
  g_autoptr (GVariant) first = NULL;
  g_autoptr (GVariant) second = NULL;
  g_autoptr (GVariant) list = NULL;

  first = call (
      self, "messages.text",
      g_variant_new_parsed ("{'channelId': <%s>, 'to': <%s>, 'body': <'one'>}", channel, echo->pn));
  wait_for_inbox (echo, 1);
  stop_daemon (self);
  g_free (sandbox_phone_send_text (echo, anna, "while you were away", 0));
  start_daemon (self);
  wait_for_status (self, channel, "connected");
  second = call (
      self, "messages.text",
      g_variant_new_parsed ("{'channelId': <%s>, 'to': <%s>, 'body': <'two'>}", channel, echo->pn));
  wait_for_inbox (echo, 2);
  list = wait_for_messages (self, channel, 5);
  wait_idle (self);
  g_assert_cmpuint (echo->undecryptable + anna->undecryptable, ==, 0);
}

static void
test_unknown_and_bad (Fixture *self, gconstpointer data)
{
  Account *anna = sandbox_add_account (self->sandbox, NULL, "Anna", FALSE);
  g_autofree char *channel = pair (self, anna);
  static const struct
  {
    const char *to;
    WhimErrorCode code;
  } rows[] = {
    { "4915550999999", WHIM_ERROR_RECIPIENT_UNKNOWN },
    { "hello", WHIM_ERROR_INVALID_PARAMETER },
    { "1@g.us", WHIM_ERROR_NOT_SUPPORTED },
    { "x@nowhere", WHIM_ERROR_INVALID_PARAMETER },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *field = NULL;

      g_assert_null (
          call_full (self, "messages.text",
                     g_variant_new_parsed ("{'channelId': <%s>, 'to': <%s>, 'body': <'x'>}",
                                           channel, rows[i].to),
                     &error));
      g_assert_error (error, WHIM_ERROR, (gint)rows[i].code);
      whim_error_split_field (error, &field);
      g_assert_cmpstr (field, ==, "to");
    }
}

static void
test_logout (Fixture *self, gconstpointer data)
{
  Account *anna = sandbox_add_account (self->sandbox, NULL, "Anna", FALSE);
  g_autofree char *channel = pair (self, anna);
  g_autoptr (GVariant) done = NULL;
  g_autoptr (GVariant) code = NULL;
  g_autoptr (GVariant) deleted = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (anna->devices->len, ==, 2);
  done = call (self, "channels.logout", g_variant_new_parsed ("{'channelId': <%s>}", channel));
  g_assert_cmpuint (anna->devices->len, ==, 1);
  wait_for_status (self, channel, "disconnected");
  /* and again: other keys, the same channel */
  code = call (self, "channels.connect", g_variant_new_parsed ("{'channelId': <%s>}", channel));
  {
    g_autofree char *qr = look_up (code, "qr");

    g_assert_null (sandbox_scan (self->sandbox, qr, anna));
  }
  wait_for_status (self, channel, "connected");
  /* unlinked on the phone */
  {
    Device *device = g_ptr_array_index (anna->devices, 1);

    sandbox_connection_stream_error (device->connection, "401", "device_removed");
    sandbox_account_remove_device (anna, device);
  }
  wait_for_status (self, channel, "disconnected");
  deleted = call (self, "channels.delete", g_variant_new_parsed ("{'channelId': <%s>}", channel));
  g_assert_null (call_full (self, "channels.get",
                            g_variant_new_parsed ("{'channelId': <%s>}", channel), &error));
  g_assert_error (error, WHIM_ERROR, WHIM_ERROR_CHANNEL_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add (name, Fixture, NULL, fixture_up, func, fixture_down)
  ADD ("/conversation/echo", test_echo);
  ADD ("/conversation/restart", test_restart);
  ADD ("/conversation/unknown-and-bad", test_unknown_and_bad);
  ADD ("/conversation/logout", test_logout);
  return g_test_run ();
}
