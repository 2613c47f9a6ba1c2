/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-clock.h"
#include "engine/whim-engine.h"

G_BEGIN_DECLS

/**
 * WhimRest:
 *
 * The HTTP server over an engine. Main thread.
 */
typedef struct _WhimRest WhimRest;

/** whim_rest_new: (transfer full): keeps a reference on both */
WhimRest *whim_rest_new (WhimEngine *engine, WhimClock *clock);
void whim_rest_free (WhimRest *self);

/**
 * WhimRestPolicy: what the configuration says of requests
 * @cors_origins: (nullable): web pages that may call, separated by spaces or commas; "*" for all
 * @rate_limit: requests a minute of a key that has no limit of its own; 0: none
 * @token_in_query: ?token= counts as a key
 */
typedef struct
{
  const char *cors_origins;
  guint rate_limit;
  gboolean token_in_query;
} WhimRestPolicy;
/** whim_rest_set_policy: before the first request */
void whim_rest_set_policy (WhimRest *self, const WhimRestPolicy *policy);

/** whim_rest_listen: @spec as in base/whim-listen.h; may be called more than once */
gboolean whim_rest_listen (WhimRest *self, const char *spec, GError **error);
/** whim_rest_get_port: the TCP port of the first listener; 0 without one */
guint16 whim_rest_get_port (const WhimRest *self);
/** whim_rest_stop: no new connections; streams end, what still runs is cut */
void whim_rest_stop (WhimRest *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimRest, whim_rest_free)

G_END_DECLS
