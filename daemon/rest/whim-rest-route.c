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

#define MAX_SEGMENTS 8

/* The segments of a path, decoded, in a copy of it. */
typedef struct
{
  char *copy;
  guint n; /* may be more than are kept: then no pattern fits */
  char *parts[MAX_SEGMENTS];
} Segments;

/* Shrinks in place, so the rest of the copy stays where it is. */
static gboolean
decode_segment (char *segment)
{
  if (strchr (segment, '%') != NULL)
    {
      g_autofree char *plain = g_uri_unescape_segment (segment, NULL, NULL);

      if (plain == NULL)
        return FALSE;
      g_strlcpy (segment, plain, strlen (segment) + 1);
    }
  return g_utf8_validate (segment, -1, NULL);
}

/* Doubled and trailing slashes come from real clients (whapi-compat, 1). */
static gboolean
split_path (Segments *self, const char *path, GError **error)
{
  char *next = self->copy = g_strdup (path);

  while (next != NULL)
    {
      char *segment = next;

      next = strchr (segment, '/');
      if (next != NULL)
        *next++ = '\0';
      if (*segment == '\0')
        continue;
      if (!decode_segment (segment))
        {
          g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_INVALID_PARAMETER,
                               "the path is not percent-encoded UTF-8");
          return FALSE;
        }
      if (self->n < MAX_SEGMENTS)
        self->parts[self->n] = segment;
      self->n++;
    }
  return TRUE;
}

/* ---- Patterns, taken apart once -------------------------------------------------------------- */

typedef struct
{
  const char *text;
  guint n;
  char *parts[MAX_SEGMENTS];
  GPtrArray *routes; /* of WhimRoute: one for each method */
} Pattern;

/* Those with one segment, with two, and so on. */
static GArray *patterns[MAX_SEGMENTS + 1];

static void
add_route (const WhimRoute *route)
{
  Pattern pattern = { .text = route->pattern };
  g_auto (GStrv) parts = g_strsplit (route->pattern, "/", -1);

  pattern.n = g_strv_length (parts);
  g_assert (pattern.n <= MAX_SEGMENTS);
  for (guint i = 0; i < patterns[pattern.n]->len; i++)
    {
      const Pattern *known = &g_array_index (patterns[pattern.n], Pattern, i);

      if (g_str_equal (known->text, route->pattern))
        {
          g_ptr_array_add (known->routes, (gpointer)route);
          return;
        }
    }
  for (guint i = 0; i < pattern.n; i++)
    pattern.parts[i] = g_steal_pointer (&parts[i]);
  pattern.routes = g_ptr_array_new ();
  g_ptr_array_add (pattern.routes, (gpointer)route);
  g_array_append_val (patterns[pattern.n], pattern);
}

static void
make_patterns (void)
{
  if (patterns[0] != NULL)
    return;
  for (guint i = 0; i <= MAX_SEGMENTS; i++)
    patterns[i] = g_array_new (FALSE, TRUE, sizeof (Pattern));
  for (const WhimRoute *route = routes; route->method != NULL; route++)
    add_route (route);
}

/* How many segments are literal, or -1 if the pattern does not fit: a literal beats a parameter. */
static gint
fit (const Pattern *pattern, const Segments *segments)
{
  gint literals = 0;

  for (guint i = 0; i < segments->n; i++)
    if (pattern->parts[i][0] != ':')
      {
        if (!g_str_equal (pattern->parts[i], segments->parts[i]))
          return -1;
        literals++;
      }
  return literals;
}

static GHashTable *
take_values (const Pattern *pattern, const Segments *segments)
{
  GHashTable *values = NULL;

  for (guint i = 0; i < segments->n; i++)
    if (pattern->parts[i][0] == ':')
      {
        if (values == NULL)
          values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
        g_hash_table_insert (values, pattern->parts[i] + 1, g_strdup (segments->parts[i]));
      }
  return values;
}

static void
find_pattern (const char *method, const Segments *segments, WhimRouteMatch *match)
{
  const char *wanted = g_str_equal (method, "HEAD") ? "GET" : method;
  const Pattern *found = NULL;
  gint best = -1;

  make_patterns ();
  for (guint i = 0; i < patterns[segments->n]->len; i++)
    {
      const Pattern *pattern = &g_array_index (patterns[segments->n], Pattern, i);
      gint literals = fit (pattern, segments);

      if (literals > best)
        {
          best = literals;
          found = pattern;
        }
    }
  if (found == NULL)
    return;
  match->pattern = found->text;
  for (guint i = 0; i < found->routes->len; i++)
    {
      const WhimRoute *route = g_ptr_array_index (found->routes, i);

      if (g_str_equal (route->method, wanted))
        {
          match->route = route;
          match->values = take_values (found, segments);
        }
    }
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
  Segments segments = { 0 };
  gboolean ok = split_path (&segments, path, error);

  if (ok && segments.n <= MAX_SEGMENTS)
    find_pattern (method, &segments, match);
  g_free (segments.copy);
  return ok;
}

char *
whim_route_match_dup_methods (const WhimRouteMatch *self)
{
  return list_methods (self->pattern);
}
