/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"

#include <string.h>

/* What is built, and nothing else. */
static const WhimRoute routes[] = {
  { "GET", "channels", "channels.list" },
  { "POST", "channels", "channels.create" },
  { "GET", "channels/:channelId", "channels.get" },
  { "PUT", "channels/:channelId", "channels.update" },
  { "DELETE", "channels/:channelId", "channels.delete" },
  { "POST", "channels/:channelId/connect", "channels.connect" },
  { "POST", "channels/:channelId/connect-phone", "channels.connect-phone" },
  { "POST", "channels/:channelId/disconnect", "channels.disconnect" },
  { "POST", "channels/:channelId/logout", "channels.logout" },
  { "GET", "channels/:channelId/status", "channels.status" },
  { "GET", "channels/:channelId/qr", "channels.qr" },
  { "GET", "channels/:channelId/qr/image", "channels.qr-image" },
  { "POST", "messages/text", "messages.text" },
  { "POST", "channels/:channelId/messages/send-immediate", "messages.send-immediate" },
  { "GET", "messages/list", "messages.list" },
  { "GET", "messages/list/:chatId", "messages.list-chat" },
  { "GET", "messages/:messageId", "messages.get" },
  { "GET", "outbox", "outbox.list" },
  { "GET", "outbox/:messageId", "outbox.get" },
  { "DELETE", "outbox/:messageId", "outbox.cancel" },
  { "GET", "chats", "chats.list" },
  { "GET", "chats/:chatId", "chats.get" },
  { "GET", "channels/:channelId/chats", "channels.chats" },
  { "GET", "channels/:channelId/chats/:chatId/messages", "channels.chat-messages" },
  { "POST", "contacts/check", "contacts.check" },
  { "POST", "contacts", "contacts.check" },
  { "GET", "channels/:channelId/webhook", "webhooks.get-default" },
  { "PUT", "channels/:channelId/webhook", "webhooks.put-default" },
  { "GET", "webhooks", "webhooks.list" },
  { "POST", "webhooks", "webhooks.create" },
  { "GET", "webhooks/:webhookId", "webhooks.get" },
  { "PUT", "webhooks/:webhookId", "webhooks.update" },
  { "DELETE", "webhooks/:webhookId", "webhooks.delete" },
  { "POST", "webhooks/:webhookId/test", "webhooks.test" },
  { "GET", "webhooks/:webhookId/deliveries", "webhooks.deliveries" },
  { "GET", "webhooks/:webhookId/dead-letters", "webhooks.dead-letters" },
  { "POST", "webhooks/:webhookId/dead-letters/resend", "webhooks.resend-all" },
  { "POST", "webhooks/:webhookId/dead-letters/:eventId/resend", "webhooks.resend" },
  { "DELETE", "webhooks/:webhookId/dead-letters/:eventId", "webhooks.discard" },
  { "GET", "keys", "keys.list" },
  { "POST", "keys", "keys.create" },
  { "GET", "keys/:keyId", "keys.get" },
  { "PUT", "keys/:keyId", "keys.update" },
  { "DELETE", "keys/:keyId", "keys.delete" },
  { "GET", "health", "system.health", "whapi.health" },
  { "GET", "limits", "whapi.limits" },
  { "GET", "users/login", "whapi.login" },
  { "GET", "users/login/image", "whapi.login-image" },
  { "GET", "users/login/rowdata", "whapi.login-rowdata" },
  { "GET", "users/login/:phoneNumber", "whapi.login-phone" },
  { "POST", "users/logout", "whapi.logout" },
  { "PATCH", "settings", "whapi.settings-update" },
  { "DELETE", "settings", "whapi.settings-reset" },
  { "GET", "settings/events", "whapi.settings-events" },
  { "POST", "settings/webhook_test", "whapi.webhook-test" },
  { "GET", "metrics", "system.metrics" },
  { "POST", "backup", "system.backup" },
  { "GET", "openapi.json", "system.openapi" },
  { "GET", "settings", "system.settings", "whapi.settings" },
  { "GET", "docs", "system.docs" },
  { "GET", "events", WHIM_ROUTE_EVENTS },
  { NULL },
};

const WhimRoute *
whim_routes (void)
{
  return routes;
}

void
whim_route_match_clear (WhimRouteMatch *self)
{
  self->pattern = NULL;
  g_clear_pointer (&self->values, g_hash_table_unref);
  self->route = NULL;
}

/* Doubled and trailing slashes come from real clients (whapi-compat, 1). */
static GPtrArray *
split_path (const char *path, GError **error)
{
  g_autoptr (GPtrArray) segments = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) raw = g_strsplit (path, "/", -1);

  for (guint i = 0; raw[i] != NULL; i++)
    {
      g_autofree char *segment = NULL;

      if (*raw[i] == '\0')
        continue;
      segment = g_uri_unescape_segment (raw[i], NULL, NULL);
      if (segment == NULL || !g_utf8_validate (segment, -1, NULL))
        {
          g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_INVALID_PARAMETER,
                               "the path is not percent-encoded UTF-8");
          return NULL;
        }
      g_ptr_array_add (segments, g_steal_pointer (&segment));
    }
  return g_steal_pointer (&segments);
}

/* ---- Patterns, taken apart once -------------------------------------------------------------- */

#define MAX_SEGMENTS 8

typedef struct
{
  const WhimRoute *route;
  guint n;
  char *parts[MAX_SEGMENTS];
} Pattern;

static const GArray *
get_patterns (void)
{
  static GArray *patterns;

  if (patterns != NULL)
    return patterns;
  patterns = g_array_new (FALSE, TRUE, sizeof (Pattern));
  for (const WhimRoute *route = routes; route->method != NULL; route++)
    {
      Pattern pattern = { .route = route };
      g_auto (GStrv) parts = g_strsplit (route->pattern, "/", -1);

      for (pattern.n = 0; parts[pattern.n] != NULL; pattern.n++)
        {
          g_assert (pattern.n < MAX_SEGMENTS);
          pattern.parts[pattern.n] = g_strdup (parts[pattern.n]);
        }
      g_array_append_val (patterns, pattern);
    }
  return patterns;
}

/* How many segments are literal, or -1 if the pattern does not fit: a literal beats a parameter. */
static gint
fit (const Pattern *pattern, GPtrArray *segments)
{
  gint literals = 0;

  if (pattern->n != segments->len)
    return -1;
  for (guint i = 0; i < segments->len; i++)
    if (pattern->parts[i][0] != ':')
      {
        if (!g_str_equal (pattern->parts[i], g_ptr_array_index (segments, i)))
          return -1;
        literals++;
      }
  return literals;
}

static GHashTable *
take_values (const Pattern *pattern, GPtrArray *segments)
{
  GHashTable *values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);

  for (guint i = 0; i < segments->len; i++)
    if (pattern->parts[i][0] == ':')
      g_hash_table_insert (values, pattern->parts[i] + 1,
                           g_strdup (g_ptr_array_index (segments, i)));
  return values;
}

static char *
list_methods (const char *pattern)
{
  g_autoptr (GString) allow = g_string_new (NULL);

  for (const WhimRoute *route = routes; route->method != NULL; route++)
    if (g_str_equal (route->pattern, pattern))
      {
        g_string_append_printf (allow, "%s, ", route->method);
        if (g_str_equal (route->method, "GET"))
          g_string_append (allow, "HEAD, ");
      }
  g_string_append (allow, "OPTIONS");
  return g_string_free (g_steal_pointer (&allow), FALSE);
}

gboolean
whim_route_match (const char *method, const char *path, WhimRouteMatch *match, GError **error)
{
  g_autoptr (GPtrArray) segments = split_path (path, error);
  const char *wanted = g_str_equal (method, "HEAD") ? "GET" : method;
  const GArray *patterns = get_patterns ();
  const Pattern *found = NULL;
  gint best = -1;

  if (segments == NULL)
    return FALSE;
  for (guint i = 0; i < patterns->len; i++)
    {
      const Pattern *pattern = &g_array_index (patterns, Pattern, i);
      gint literals = fit (pattern, segments);

      if (literals > best)
        {
          best = literals;
          found = pattern;
        }
    }
  if (found == NULL)
    return TRUE;
  match->pattern = found->route->pattern;
  for (guint i = 0; i < patterns->len; i++)
    {
      const Pattern *pattern = &g_array_index (patterns, Pattern, i);

      if (g_str_equal (pattern->route->pattern, match->pattern)
          && g_str_equal (pattern->route->method, wanted))
        {
          match->route = pattern->route;
          match->values = take_values (pattern, segments);
        }
    }
  return TRUE;
}

char *
whim_route_match_dup_methods (const WhimRouteMatch *self)
{
  return list_methods (self->pattern);
}
