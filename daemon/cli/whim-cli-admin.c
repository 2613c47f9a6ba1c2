/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <unistd.h>

static void
set_words (JsonObject *body, const char *name, char **words)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; words[i] != NULL; i++)
    json_array_add_string_element (array, words[i]);
  json_object_set_array_member (body, name, array);
}

/* ---- Webhooks -------------------------------------------------------------------------------- */

static void
add_webhook (WhimCliTable *table, JsonObject *hook)
{
  g_autofree char *pending = g_strdup_printf ("%d", (int)whim_cli_int (hook, "pending"));
  g_autofree char *dead = g_strdup_printf ("%d", (int)whim_cli_int (hook, "deadLetters"));
  g_autofree char *events = whim_cli_words (hook, "events");
  const char *off = whim_cli_text (hook, "offReason");
  const char *state = whim_cli_boolean (hook, "enabled") ? "enabled"
                      : *off != '\0'                     ? off
                                                         : "disabled";

  whim_cli_table_add (table, whim_cli_text (hook, "id"), whim_cli_text (hook, "channelId"), state,
                      pending, dead, events, whim_cli_text (hook, "url"));
}

static WhimCliTable *
make_webhook_table (void)
{
  return whim_cli_table_new (_ ("ID|CHANNEL|STATE|PENDING|DEAD|EVENTS|URL"), 2);
}

gboolean
whim_cli_webhook_list (WhimCliOptions *options, GError **error)
{
  g_autofree char *channel = NULL;
  g_autofree char *path = NULL;

  if (options->channel != NULL)
    {
      channel = whim_cli_find_channel (options, options->channel, error);
      if (channel == NULL)
        return FALSE;
    }
  path = whim_cli_paged (options, "/webhooks", channel);
  return whim_cli_list (options, path, "webhooks", make_webhook_table (), add_webhook, error);
}

gboolean
whim_cli_webhook_add (WhimCliOptions *options, GError **error)
{
  char *all[] = { (char *)"*", NULL };
  g_autofree char *channel = whim_cli_find_channel (options, options->channel, error);
  g_autofree char *secret = NULL;
  g_autoptr (JsonObject) answer = NULL;
  JsonObject *body;

  if (channel == NULL)
    return FALSE;
  if (options->secret_file != NULL
      && (secret = whim_cli_read_all (options->secret_file, error)) == NULL)
    return FALSE;
  body = json_object_new ();
  json_object_set_string_member (body, "channelId", channel);
  json_object_set_string_member (body, "url", options->words[0]);
  set_words (body, "events", options->events != NULL ? options->events : all);
  if (secret != NULL)
    json_object_set_string_member (body, "secret", secret);
  answer = whim_cli_ask (options, "POST", "/webhooks", body, error);
  if (answer != NULL && !options->json)
    {
      WhimCliTable *table = make_webhook_table ();

      add_webhook (table, whim_cli_data (answer));
      whim_cli_table_print (table);
    }
  return answer != NULL;
}

static gboolean
remove_one (WhimCliOptions *options, const char *what, const char *done, GError **error)
{
  g_autofree char *path = whim_cli_path (what, options->words[0], NULL);
  g_autoptr (JsonObject) answer = whim_cli_ask (options, "DELETE", path, NULL, error);

  if (answer != NULL && !options->json)
    whim_cli_say ("%s", done);
  return answer != NULL;
}

gboolean
whim_cli_webhook_delete (WhimCliOptions *options, GError **error)
{
  return remove_one (options, "webhooks", _ ("Deleted, with everything that it owed."), error);
}

/* The daemon's answer is a success when it has tried; whether it was delivered stands inside. */
gboolean
whim_cli_webhook_test (WhimCliOptions *options, GError **error)
{
  g_autofree char *path = whim_cli_path ("webhooks", options->words[0], "test", NULL);
  g_autoptr (JsonObject) answer = whim_cli_ask (options, "POST", path, NULL, error);
  const char *why;

  if (answer == NULL)
    return FALSE;
  if (whim_cli_boolean (answer, "delivered"))
    {
      if (!options->json)
        /* Translators: the HTTP status with which a server answered */
        whim_cli_say (_ ("Delivered; the answer was %d."), (int)whim_cli_int (answer, "status"));
      return TRUE;
    }
  why = whim_cli_text (answer, "error");
  if (*why != '\0')
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_FAILED, _ ("Not delivered: %s."), why);
  else
    g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_FAILED, _ ("Not delivered; the answer was %d."),
                 (int)whim_cli_int (answer, "status"));
  return FALSE;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static void
add_key (WhimCliTable *table, JsonObject *key)
{
  g_autofree char *created = whim_cli_time (whim_cli_int (key, "createdAt"));
  g_autofree char *used = whim_cli_time (whim_cli_int (key, "lastUsedAt"));
  g_autofree char *channels = whim_cli_words (key, "channels");
  gboolean read_only = whim_cli_boolean (key, "readOnly");
  /* Translators: what a key is for: every channel and every setting */
  const char *all = C_ ("scope", "everything");

  whim_cli_table_add (table, whim_cli_text (key, "id"),
                      /* Translators: what a key may do */
                      read_only ? C_ ("scope", "read") : C_ ("scope", "read and write"),
                      whim_cli_boolean (key, "admin") ? all : channels, created, used,
                      whim_cli_text (key, "name"));
}

static WhimCliTable *
make_key_table (void)
{
  return whim_cli_table_new (_ ("ID|MAY|FOR|CREATED|LAST USED|NAME"), -1);
}

gboolean
whim_cli_key_list (WhimCliOptions *options, GError **error)
{
  return whim_cli_list (options, "/keys", "keys", make_key_table (), add_key, error);
}

gboolean
whim_cli_key_create (WhimCliOptions *options, GError **error)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (JsonObject) answer = NULL;
  g_autofree char *key = NULL;
  JsonObject *body;

  for (guint i = 0; options->channels != NULL && options->channels[i] != NULL; i++)
    {
      char *id = whim_cli_find_channel (options, options->channels[i], error);

      if (id == NULL)
        return FALSE;
      g_ptr_array_add (ids, id);
    }
  g_ptr_array_add (ids, NULL);
  body = json_object_new ();
  json_object_set_string_member (body, "name", options->words[0]);
  if (options->admin)
    json_object_set_boolean_member (body, "admin", TRUE);
  if (options->read_only)
    json_object_set_boolean_member (body, "readOnly", TRUE);
  if (ids->len > 1)
    set_words (body, "channels", (char **)ids->pdata);
  answer = whim_cli_ask (options, "POST", "/keys", body, error);
  if (answer == NULL || options->json)
    return answer != NULL;
  key = whim_cli_harmless (whim_cli_text (whim_cli_data (answer), "key"));
  whim_cli_say (_ ("The key, shown this once:\n\n    %s\n"), key);
  {
    WhimCliTable *table = make_key_table ();

    add_key (table, whim_cli_data (answer));
    whim_cli_table_print (table);
  }
  return TRUE;
}

gboolean
whim_cli_key_delete (WhimCliOptions *options, GError **error)
{
  return remove_one (options, "keys", _ ("Revoked."), error);
}

/* ---- Backup ---------------------------------------------------------------------------------- */

static gboolean
set_file_error (const char *file, GError **error)
{
  int number = errno;

  g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_FAILED, _ ("%s: %s."), file, g_strerror (number));
  return FALSE;
}

static gboolean
sync_directory (const char *file)
{
  g_autofree char *directory = g_path_get_dirname (file);
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean done = fd >= 0 && fsync (fd) == 0;

  if (fd >= 0)
    close (fd);
  return done;
}

/* Whole, or not there: the name is given when everything is on the disk, and without --force only
 * if nobody has it. */
static gboolean
give_name (WhimCliOptions *options, const char *part, const char *file, GError **error)
{
  guint flags = options->force ? 0 : RENAME_NOREPLACE;

  if (renameat2 (AT_FDCWD, part, AT_FDCWD, file, flags) == 0)
    return sync_directory (file) || set_file_error (file, error);
  if (errno != EINVAL || options->force)
    return set_file_error (file, error);
  /* a file system that cannot do both at once */
  if (link (part, file) != 0)
    return set_file_error (file, error);
  g_unlink (part);
  return sync_directory (file) || set_file_error (file, error);
}

static gboolean
download (WhimCliOptions *options, const char *part, goffset *size, GError **error)
{
  int fd;

  g_unlink (part); /* of a try that was interrupted */
  fd = open (part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return set_file_error (part, error);
  *size = whim_cli_client_download (options->client, "POST", "/backup", fd, error);
  if (*size >= 0 && fsync (fd) != 0)
    {
      set_file_error (part, error);
      *size = -1;
    }
  if (close (fd) != 0 && *size >= 0)
    {
      set_file_error (part, error);
      *size = -1;
    }
  return *size >= 0;
}

gboolean
whim_cli_backup (WhimCliOptions *options, GError **error)
{
  const char *file = options->words[0];
  g_autofree char *part = g_strconcat (file, ".part", NULL);
  g_autofree char *amount = NULL;
  g_autofree char *name = whim_cli_harmless (file);
  goffset size;

  if (!options->force && g_file_test (file, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, WHIM_CLI_ERROR, WHIM_CLI_USAGE,
                   _ ("%s is there already; --force replaces it."), file);
      return FALSE;
    }
  if (!download (options, part, &size, error) || !give_name (options, part, file, error))
    {
      g_unlink (part);
      if (options->json && whim_cli_client_get_text (options->client) != NULL)
        whim_cli_say ("%s", whim_cli_client_get_text (options->client));
      return FALSE;
    }
  amount = g_format_size ((guint64)size);
  if (!options->json)
    /* Translators: the name of a file, and its size */
    whim_cli_say (_ ("Saved in %s (%s). Whoever has it can be you on WhatsApp: keep it safe."),
                  name, amount);
  return TRUE;
}

/* ---- Documentation --------------------------------------------------------------------------- */

gboolean
whim_cli_docs (WhimCliOptions *options, GError **error)
{
  const char *unix_path = whim_cli_client_get_unix_path (options->client);

  if (options->json)
    {
      g_autoptr (JsonObject) contract = NULL;

      g_clear_pointer (&options->client, whim_cli_client_free);
      if (!whim_cli_connect (options, TRUE, error))
        return FALSE;
      contract = whim_cli_ask (options, "GET", "/openapi.json", NULL, error);
      return contract != NULL;
    }
  if (unix_path != NULL)
    whim_cli_say ("curl --unix-socket '%s' http://localhost/docs", unix_path);
  else
    whim_cli_say ("%s/docs", whim_cli_client_get_base (options->client));
  return TRUE;
}
