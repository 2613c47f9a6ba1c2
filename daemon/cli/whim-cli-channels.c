/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <glib/gi18n.h>
#include <stdio.h>

static void
add_channel (WhimCliTable *table, JsonObject *channel)
{
  g_autofree char *since = whim_cli_time (whim_cli_int (channel, "since"));

  whim_cli_table_add (table, whim_cli_text (channel, "id"), whim_cli_text (channel, "status"),
                      whim_cli_text (channel, "reason"), since, whim_cli_text (channel, "phone"),
                      whim_cli_text (channel, "name"));
}

static WhimCliTable *
make_table (void)
{
  /* Translators: titles of columns; keep the bars */
  return whim_cli_table_new (_ ("ID|STATE|REASON|SINCE|PHONE|NAME"), 1);
}

gboolean
whim_cli_channel_list (WhimCliOptions *options, GError **error)
{
  return whim_cli_list (options, "/channels", "channels", make_table (), add_channel, error);
}

/* The daemon's health needs no key; with one its channels are shown too. */
gboolean
whim_cli_status (WhimCliOptions *options, GError **error)
{
  g_autoptr (JsonObject) health = whim_cli_ask (options, "GET", "/health", NULL, error);
  g_autoptr (GError) no_key = NULL;
  g_autofree char *key = NULL;
  g_autofree char *status = NULL;
  g_autofree char *coloured = NULL;
  const char *where = whim_cli_client_get_unix_path (options->client);
  JsonObject *channels;

  if (health == NULL)
    return FALSE;
  if (options->json)
    return TRUE;
  channels = whim_cli_object (health, "channels");
  status = whim_cli_harmless (whim_cli_text (health, "status"));
  coloured = whim_cli_colour (status);
  /* Translators: the first is an address, the second "ok" or "degraded" */
  whim_cli_say (_ ("Daemon at %s: %s"),
                where != NULL ? where : whim_cli_client_get_base (options->client), coloured);
  whim_cli_say (_ ("Channels: %d, of which connected: %d"), (int)whim_cli_int (channels, "total"),
                (int)whim_cli_int (channels, "connected"));
  g_clear_pointer (&options->client, whim_cli_client_free);
  if (whim_cli_int (channels, "total") == 0 || !whim_cli_connect (options, TRUE, &no_key))
    return TRUE;
  putchar ('\n');
  return whim_cli_channel_list (options, error);
}

/* ---- One channel ----------------------------------------------------------------------------- */

static void
show_channel (JsonObject *channel)
{
  WhimCliTable *table = make_table ();

  add_channel (table, channel);
  whim_cli_table_print (table);
}

gboolean
whim_cli_channel_create (WhimCliOptions *options, GError **error)
{
  JsonObject *body = json_object_new ();
  g_autoptr (JsonObject) answer = NULL;

  json_object_set_string_member (body, "name", options->words[0]);
  if (options->department != NULL)
    json_object_set_string_member (body, "department", options->department);
  if (options->manual)
    json_object_set_boolean_member (body, "autoConnect", FALSE);
  answer = whim_cli_ask (options, "POST", "/channels", body, error);
  if (answer != NULL && !options->json)
    show_channel (whim_cli_data (answer));
  return answer != NULL;
}

/* Returns: (transfer full) (nullable) */
static JsonObject *
ask_channel (WhimCliOptions *options, const char *method, const char *what, GError **error)
{
  g_autofree char *id = whim_cli_find_channel (options, options->words[0], error);
  g_autofree char *path = id == NULL ? NULL : whim_cli_path ("channels", id, what, NULL);

  return path == NULL ? NULL : whim_cli_ask (options, method, path, NULL, error);
}

gboolean
whim_cli_channel_show (WhimCliOptions *options, GError **error)
{
  g_autoptr (JsonObject) answer = ask_channel (options, "GET", NULL, error);
  JsonObject *channel = answer == NULL ? NULL : whim_cli_data (answer);

  if (answer == NULL || options->json)
    return answer != NULL;
  show_channel (channel);
  if (*whim_cli_text (channel, "pushName") != '\0')
    {
      g_autofree char *name = whim_cli_harmless (whim_cli_text (channel, "pushName"));

      whim_cli_say (_ ("\nOn WhatsApp: %s"), name);
    }
  return TRUE;
}

static gboolean
act (WhimCliOptions *options,
     const char *method,
     const char *what,
     const char *done,
     GError **error)
{
  g_autoptr (JsonObject) answer = ask_channel (options, method, what, error);

  if (answer == NULL || options->json)
    return answer != NULL;
  whim_cli_say ("%s", done);
  return TRUE;
}

gboolean
whim_cli_channel_connect (WhimCliOptions *options, GError **error)
{
  g_autoptr (JsonObject) answer = ask_channel (options, "POST", "connect", error);
  g_autofree char *status = NULL;
  g_autofree char *coloured = NULL;
  g_autofree char *reason = NULL;

  if (answer == NULL || options->json)
    return answer != NULL;
  status = whim_cli_harmless (whim_cli_text (answer, "status"));
  coloured = whim_cli_colour (status);
  reason = whim_cli_harmless (whim_cli_text (answer, "reason"));
  if (*reason != '\0')
    whim_cli_say ("%s (%s)", coloured, reason);
  else
    whim_cli_say ("%s", coloured);
  if (g_str_equal (status, "qr"))
    whim_cli_say (_ ("A code waits to be scanned; see it with: whimbrel pair"));
  return TRUE;
}

gboolean
whim_cli_channel_disconnect (WhimCliOptions *options, GError **error)
{
  return act (options, "POST", "disconnect", _ ("Disconnected."), error);
}

gboolean
whim_cli_channel_logout (WhimCliOptions *options, GError **error)
{
  return act (options, "POST", "logout", _ ("Logged out."), error);
}

gboolean
whim_cli_channel_delete (WhimCliOptions *options, GError **error)
{
  return act (options, "DELETE", NULL, _ ("Deleted, with everything that belonged to it."), error);
}
