/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-secret.h"
#include "model/whim-model.h"

G_BEGIN_DECLS

typedef enum
{
  WHIM_HOOK_FORMAT_SEED = 0,
  WHIM_HOOK_FORMAT_WHAPI,
  WHIM_HOOK_N_FORMATS
} WhimHookFormat;

/** WhimHookMode: where the kind of an event stands, in whapi's format (whapi-compat, 9) */
typedef enum
{
  WHIM_HOOK_MODE_BODY = 0,
  WHIM_HOOK_MODE_PATH,
  WHIM_HOOK_MODE_METHOD,
  WHIM_HOOK_N_MODES
} WhimHookMode;

const char *whim_hook_format_to_word (WhimHookFormat format);
gboolean whim_hook_format_from_word (const char *word, WhimHookFormat *format);
const char *whim_hook_mode_to_word (WhimHookMode mode);
gboolean whim_hook_mode_from_word (const char *word, WhimHookMode *mode);

/**
 * WhimHook: a webhook. Counted; not changed once it is shared.
 * @name: "default" for the one of PUT /channels/:id/webhook; %NULL otherwise
 * @events: what was asked for: "*", our names and, in whapi's format, its names
 * @headers: names and values in turn
 * @off_reason: why it was turned off by itself
 */
typedef struct
{
  gatomicrefcount references;
  gint64 number;
  char *id; /* "whk_…" */
  gint64 channel;
  char *channel_id;
  char *name;
  char *url;
  char **events;
  WhimHookFormat format;
  WhimHookMode mode;
  char **headers;
  WhimSecret *secret; /* (nullable): as text, without a NUL */
  gboolean enabled;
  char *off_reason;
  gint64 created_at;
  gint64 updated_at;
} WhimHook;

#define WHIM_HOOK_DEFAULT "default"

WhimHook *whim_hook_new (void);
/** whim_hook_copy: for changing it */
WhimHook *whim_hook_copy (const WhimHook *self);
WhimHook *whim_hook_ref (WhimHook *self);
void whim_hook_unref (WhimHook *self);

/** whim_hook_secret_to_key: (transfer full) (nullable): what signatures are made with: of
 *  "whsec_…" the bytes behind its base64, of any other text the text. NULL if the base64 is wrong.
 */
WhimSecret *whim_hook_secret_to_key (WhimSecret *secret);

/** WhimEventKind: an event's name, and what whapi calls it; NULL where it has no such event */
typedef struct
{
  const char *name;
  const char *type;
  const char *method;
} WhimEventKind;

/** whim_event_kinds: (transfer none): every event; ends with a NULL name */
const WhimEventKind *whim_event_kinds (void);
/** whim_event_kind_find: (transfer none) (nullable) */
const WhimEventKind *whim_event_kind_find (const char *name);
/** whim_hook_knows_event: whether @word may stand among the events of a hook: "*", a name of ours,
 *  or in whapi's format "messages" or "messages.post" */
gboolean whim_hook_knows_event (WhimHookFormat format, const char *word);
/** whim_hook_wants: whether an event of @type goes to a hook with these @events */
gboolean whim_hook_wants (WhimHookFormat format, const char *const *events, const char *type);

/** whim_event_dup_lane: (transfer full): what keeps its order: the chat, else the channel ("") */
char *whim_event_dup_lane (const WhimEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimHook, whim_hook_unref)

G_END_DECLS
