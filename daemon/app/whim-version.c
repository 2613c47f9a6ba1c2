/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "app/whim-app-private.h"

/* Asks the service's web page for the current client revision, when the engine wants to know
 * (dossier 1, 4.6, way B). */

#define TIMEOUT_MS 15000
/* the page is some hundred kilobytes of script */
#define ANSWER_MAX (4u * 1024u * 1024u)
#define USER_AGENT                                                                                 \
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 "       \
  "Safari/537.36"

guint32
whim_version_find (const char *text, gsize len)
{
  g_autoptr (GRegex) regex
      = g_regex_new ("\\\\?\"client_revision\\\\?\":\\s*(\\d{9,10})(?!\\d)", G_REGEX_RAW, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *number = NULL;
  guint64 revision = 0;

  if (!g_regex_match_full (regex, text, (gssize)len, 0, 0, &match, NULL))
    return 0;
  number = g_match_info_fetch (match, 1);
  if (!g_ascii_string_to_unsigned (number, 10, 0, G_MAXUINT32, &revision, NULL))
    return 0;
  return (guint32)revision;
}

static void
fetched_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimEngine) engine = user_data;
  g_autoptr (GBytes) answer = NULL;
  g_autoptr (GError) error = NULL;
  guint status = whim_fetcher_send_finish_answer (WHIM_FETCHER (source), result, &answer, &error);
  guint32 revision = 0;

  if (status == 0)
    g_message ("the client version cannot be asked for: %s", error->message);
  else if (status != 200)
    g_message ("the client version cannot be asked for: status %u", status);
  else
    revision = whim_version_find (g_bytes_get_data (answer, NULL), g_bytes_get_size (answer));
  whim_engine_take_revision (engine, revision);
}

static void
fetch (WhimEngine *engine, gpointer user_data)
{
  static const char *const headers[]
      = { "sec-fetch-site", "none", "User-Agent", USER_AGENT, "Accept", "*/*", NULL };
  WhimApp *self = user_data;
  const WhimFetchRequest request = { .method = "GET",
                                     .url = self->web_url,
                                     .headers = headers,
                                     .timeout_ms = TIMEOUT_MS,
                                     .answer_max = ANSWER_MAX,
                                     .keep_answer = TRUE };

  whim_fetcher_send_async (self->version_fetcher, &request, NULL, fetched_cb,
                           g_object_ref (engine));
}

void
whim_version_start (WhimApp *self)
{
  /* another service has another page, or none: the settings know (product page, 2) */
  self->web_url = whim_config_get (self->config, WHIM_SETTING_WA_WEB_URL);
  if (self->web_url == NULL)
    return;
  /* whoever named the page may have it where he likes */
  self->version_fetcher = whim_fetcher_new (
      self->clock,
      whim_config_get_origin (self->config, WHIM_SETTING_WA_WEB_URL) != WHIM_ORIGIN_DEFAULT);
  whim_engine_set_version_fetch (self->engine, fetch, self);
}

void
whim_version_stop (WhimApp *self)
{
  if (self->version_fetcher == NULL)
    return;
  whim_engine_set_version_fetch (self->engine, NULL, NULL);
  whim_fetcher_stop (self->version_fetcher);
}
