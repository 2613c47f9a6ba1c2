/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-operations-private.h"

static const WhimParam no_params[] = { END };

const WhimOperation whim_operations_system[] = {
  { .name = "system.health",
    .scope = WHIM_SCOPE_NONE,
    .shape = WHIM_RESULT_PLAIN,
    .item = "Health",
    .params = no_params,
    .summary = "Health check (no auth required)",
    .description
    = "Without a key: whether the daemon works and how many channels are connected. "
      "`status` is `degraded` when a commit failed or a channel that should be "
      "connected is not. With a key that is bound to one channel, or with `channelId`, "
      "whapi's form of it is added.",
    .errors = "" },
  { .name = "system.metrics",
    .scope = WHIM_SCOPE_ADMIN_READ,
    .shape = WHIM_RESULT_BYTES,
    .params = no_params,
    .summary = "Figures for Prometheus",
    .description = "Channels by state, how much waits in the outbox of each "
                   "(`whimbrel_outbox_depth`), the journal, webhooks, requests and the process, in "
                   "Prometheus' text format.",
    .errors = "unauthorized forbidden" },
  { .name = "system.backup",
    .scope = WHIM_SCOPE_ADMIN,
    .shape = WHIM_RESULT_FILE,
    .params = no_params,
    .summary = "Back up everything, keys included",
    .description
    = "A copy of the database as it is at this moment, while the daemon goes on. Whoever "
      "has it can be you on WhatsApp: keep it as you keep a key. `whimbreld --restore` "
      "brings it back, into an empty data directory.",
    .errors = "unauthorized forbidden rate_limited store_failed" },
  { .name = "system.openapi",
    .scope = WHIM_SCOPE_READ,
    .shape = WHIM_RESULT_DOCUMENT,
    .params = no_params,
    .summary = "This contract as OpenAPI 3.1",
    .errors = "unauthorized" },
  { .name = "system.settings",
    .scope = WHIM_SCOPE_READ,
    .shape = WHIM_RESULT_DOCUMENT,
    .params = no_params,
    .summary = "Get API documentation (JSON)",
    .description = "The same as `/openapi.json`. With a key that is bound to one channel, or with "
                   "`channelId`, it is the settings of that channel, as whapi's clients expect.",
    .errors = "unauthorized" },
  { .name = "system.docs",
    .scope = WHIM_SCOPE_NONE,
    .shape = WHIM_RESULT_DOCUMENT,
    .params = no_params,
    .summary = "API documentation page (HTML, no auth)",
    .errors = "" },
  { .name = NULL },
};
