/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/whim-hook.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * WhimHookRequest: what is sent for one attempt. The body is the same for every attempt of an
 * event; the times and signatures in the headers are of this one.
 */
typedef struct
{
  const char *method;
  char *url;
  char **headers; /* names and values in turn */
  GBytes *body;
} WhimHookRequest;

/** whim_hook_request_new: (transfer full): @attempt from 1, @now in Unix seconds */
WhimHookRequest *
whim_hook_request_new (const WhimHook *hook, const WhimEvent *event, guint attempt, gint64 now);
void whim_hook_request_free (WhimHookRequest *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimHookRequest, whim_hook_request_free)

G_END_DECLS
