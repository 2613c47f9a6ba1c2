/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "hooks/whim-hook-request.h"

#include <string.h>

#include "hooks/whim-hook-signature.h"
#include "present/whim-present-hook.h"

/* "https://host/path?query" and "messages" give "https://host/path/messages?query". */
static char *
add_to_path (const char *url, const char *more)
{
  gsize path = strcspn (url, "?#");
  g_autofree char *before = g_strndup (url, path);

  while (path > 0 && before[path - 1] == '/')
    before[--path] = '\0';
  return g_strdup_printf ("%s/%s%s", before, more, url + strcspn (url, "?#"));
}

static const char *
verb_of (const char *method)
{
  static const char *const words[][2] = {
    { "post", "POST" },
    { "put", "PUT" },
    { "patch", "PATCH" },
    { "delete", "DELETE" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (words[i][0], method))
      return words[i][1];
  return "POST";
}

static void
add_address (WhimHookRequest *self, const WhimHook *hook, const WhimEventKind *kind)
{
  g_autofree char *more = NULL;

  self->method = "POST";
  if (hook->format != WHIM_HOOK_FORMAT_WHAPI || hook->mode == WHIM_HOOK_MODE_BODY || kind == NULL
      || kind->type == NULL)
    {
      self->url = g_strdup (hook->url);
      return;
    }
  if (hook->mode == WHIM_HOOK_MODE_METHOD)
    {
      self->method = verb_of (kind->method);
      more = g_strdup (kind->type);
    }
  else
    more = g_strconcat (kind->type, "/", kind->method, NULL);
  self->url = add_to_path (hook->url, more);
}

static void
add_header (GStrvBuilder *builder, const char *name, const char *value)
{
  if (value == NULL)
    return;
  g_strv_builder_add (builder, name);
  g_strv_builder_add (builder, value);
}

static void
add_headers (WhimHookRequest *self, const WhimHook *hook, const char *id, guint attempt, gint64 now)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *timestamp = g_strdup_printf ("%" G_GINT64_FORMAT, now);
  g_autofree char *number = g_strdup_printf ("%u", attempt);

  add_header (builder, "X-Webhook-Id", id);
  add_header (builder, "X-Webhook-Timestamp", timestamp);
  add_header (builder, "X-Webhook-Attempt", number);
  add_header (builder, "webhook-id", id);
  add_header (builder, "webhook-timestamp", timestamp);
  if (hook->secret != NULL)
    {
      g_autofree char *body = whim_hook_sign_body (hook->secret, self->body);
      g_autofree char *standard = whim_hook_sign_standard (hook->secret, id, now, self->body);

      add_header (builder, "X-Webhook-Signature", body);
      add_header (builder, "webhook-signature", standard);
    }
  for (guint i = 0; hook->headers[i] != NULL; i += 2)
    add_header (builder, hook->headers[i], hook->headers[i + 1]);
  self->headers = g_strv_builder_end (builder);
}

WhimHookRequest *
whim_hook_request_new (const WhimHook *hook, const WhimEvent *event, guint attempt, gint64 now)
{
  WhimHookRequest *self = g_new0 (WhimHookRequest, 1);
  char *json = whim_present_hook_body (hook, event);

  self->body = g_bytes_new_take (json, strlen (json));
  add_address (self, hook, whim_present_hook_kind (event));
  add_headers (self, hook, event->id, attempt, now);
  return self;
}

void
whim_hook_request_free (WhimHookRequest *self)
{
  if (self == NULL)
    return;
  g_free (self->url);
  g_strfreev (self->headers);
  g_bytes_unref (self->body);
  g_free (self);
}
