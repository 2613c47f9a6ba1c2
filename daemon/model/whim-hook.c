/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "model/whim-hook.h"

#include <string.h>

static const char *const formats[WHIM_HOOK_N_FORMATS] = { "seed", "whapi" };
static const char *const modes[WHIM_HOOK_N_MODES] = { "body", "path", "method" };

/* Product page, 6, and whapi-compat, 9. */
static const WhimEventKind kinds[] = {
  { "message.received", "messages", "post" },
  { "message.sent", "messages", "post" },
  { "message.status", "statuses", "post" },
  { "message.updated", "messages", "patch" },
  { "message.deleted", "messages", "delete" },
  { "message.reaction", "messages", "post" },
  { "poll.vote", "messages", "post" },
  { "message.undecryptable", NULL, NULL },
  { "channel.status", "channel", "post" },
  { "channel.qr", "channel", "patch" },
  { "channel.pairing-code", NULL, NULL },
  { "channel.warning", NULL, NULL },
  { "chat.updated", "chats", "patch" },
  { "chat.deleted", "chats", "delete" },
  { "contact.updated", "contacts", "patch" },
  { "group.updated", "groups", "patch" },
  { "group.participants", "groups", "put" },
  { "presence", "presences", "post" },
  { "call", "calls", "post" },
  { "story.received", "messages", "post" },
  { "label.updated", "labels", "post" },
  { "history.progress", NULL, NULL },
  { NULL, NULL, NULL },
};

static gboolean
find_word (const char *const *words, guint n, const char *word, guint *found)
{
  for (guint i = 0; i < n; i++)
    if (g_strcmp0 (words[i], word) == 0)
      {
        *found = i;
        return TRUE;
      }
  return FALSE;
}

const char *
whim_hook_format_to_word (WhimHookFormat format)
{
  return (guint)format < WHIM_HOOK_N_FORMATS ? formats[format] : formats[0];
}

gboolean
whim_hook_format_from_word (const char *word, WhimHookFormat *format)
{
  guint found;

  if (!find_word (formats, WHIM_HOOK_N_FORMATS, word, &found))
    return FALSE;
  *format = (WhimHookFormat)found;
  return TRUE;
}

const char *
whim_hook_mode_to_word (WhimHookMode mode)
{
  return (guint)mode < WHIM_HOOK_N_MODES ? modes[mode] : modes[0];
}

gboolean
whim_hook_mode_from_word (const char *word, WhimHookMode *mode)
{
  guint found;

  if (!find_word (modes, WHIM_HOOK_N_MODES, word, &found))
    return FALSE;
  *mode = (WhimHookMode)found;
  return TRUE;
}

/* ---- The value ------------------------------------------------------------------------------- */

WhimHook *
whim_hook_new (void)
{
  WhimHook *self = g_new0 (WhimHook, 1);

  g_atomic_ref_count_init (&self->references);
  return self;
}

WhimHook *
whim_hook_copy (const WhimHook *self)
{
  WhimHook *copy = whim_hook_new ();

  copy->number = self->number;
  copy->id = g_strdup (self->id);
  copy->channel = self->channel;
  copy->channel_id = g_strdup (self->channel_id);
  copy->name = g_strdup (self->name);
  copy->url = g_strdup (self->url);
  copy->events = g_strdupv (self->events);
  copy->format = self->format;
  copy->mode = self->mode;
  copy->headers = g_strdupv (self->headers);
  copy->secret = self->secret == NULL ? NULL : whim_secret_ref (self->secret);
  copy->enabled = self->enabled;
  copy->off_reason = g_strdup (self->off_reason);
  copy->created_at = self->created_at;
  copy->updated_at = self->updated_at;
  return copy;
}

WhimHook *
whim_hook_ref (WhimHook *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
whim_hook_unref (WhimHook *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_free (self->id);
  g_free (self->channel_id);
  g_free (self->name);
  g_free (self->url);
  g_strfreev (self->events);
  g_strfreev (self->headers);
  g_clear_pointer (&self->secret, whim_secret_unref);
  g_free (self->off_reason);
  g_free (self);
}

#define SECRET_PREFIX "whsec_"

/* Padding, where there is any, stands at the end and is whole. */
static gboolean
is_base64 (const char *text, gsize len)
{
  gsize padding = 0;

  while (padding < len && padding < 2 && text[len - padding - 1] == '=')
    padding++;
  for (gsize i = 0; i < len - padding; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '+' && text[i] != '/')
      return FALSE;
  return len > padding && (padding == 0 ? len % 4 != 1 : len % 4 == 0);
}

WhimSecret *
whim_hook_secret_to_key (WhimSecret *secret)
{
  const char *text = (const char *)whim_secret_get (secret);
  gsize prefix = strlen (SECRET_PREFIX);
  gsize len = whim_secret_get_size (secret);
  g_autoptr (WhimSecret) buffer = NULL;
  gint state = 0;
  guint save = 0;
  gsize n;

  if (len < prefix || memcmp (text, SECRET_PREFIX, prefix) != 0)
    return whim_secret_ref (secret);
  text += prefix;
  len -= prefix;
  if (!is_base64 (text, len))
    return NULL;
  buffer = whim_secret_new (len / 4 * 3 + 3);
  n = g_base64_decode_step (text, len, whim_secret_get_writable (buffer), &state, &save);
  /* the decoder waits for padding, which some leave out */
  if (len % 4 != 0)
    n += g_base64_decode_step ("==", 4 - len % 4, whim_secret_get_writable (buffer) + n, &state,
                               &save);
  return whim_secret_new_from (whim_secret_get (buffer), n);
}

/* ---- Events ---------------------------------------------------------------------------------- */

const WhimEventKind *
whim_event_kinds (void)
{
  return kinds;
}

const WhimEventKind *
whim_event_kind_find (const char *name)
{
  for (const WhimEventKind *kind = kinds; kind->name != NULL; kind++)
    if (g_strcmp0 (kind->name, name) == 0)
      return kind;
  return NULL;
}

/* "messages" and "messages.post" */
static gboolean
is_whapi_name (const WhimEventKind *kind, const char *word)
{
  gsize len;

  if (kind->type == NULL)
    return FALSE;
  len = strlen (kind->type);
  return strncmp (word, kind->type, len) == 0
         && (word[len] == '\0' || (word[len] == '.' && g_str_equal (word + len + 1, kind->method)));
}

gboolean
whim_hook_knows_event (WhimHookFormat format, const char *word)
{
  if (g_str_equal (word, "*"))
    return TRUE;
  for (const WhimEventKind *kind = kinds; kind->name != NULL; kind++)
    {
      if (format == WHIM_HOOK_FORMAT_WHAPI && is_whapi_name (kind, word))
        return TRUE;
      if (g_str_equal (kind->name, word))
        return format == WHIM_HOOK_FORMAT_SEED || kind->type != NULL;
    }
  return FALSE;
}

gboolean
whim_hook_wants (WhimHookFormat format, const char *const *events, const char *type)
{
  const WhimEventKind *kind = whim_event_kind_find (type);

  if (format == WHIM_HOOK_FORMAT_WHAPI && (kind == NULL || kind->type == NULL))
    return FALSE;
  for (guint i = 0; events[i] != NULL; i++)
    if (g_str_equal (events[i], "*") || g_str_equal (events[i], type)
        || (format == WHIM_HOOK_FORMAT_WHAPI && is_whapi_name (kind, events[i])))
      return TRUE;
  return FALSE;
}

char *
whim_event_dup_lane (const WhimEvent *event)
{
  const char *chat = NULL;

  g_variant_lookup (event->data, "chatId", "&s", &chat);
  return g_strdup (chat == NULL ? "" : chat);
}
