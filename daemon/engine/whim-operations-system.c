/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-operations-private.h"

static const WhimParam no_params[] = { END };

const WhimOperation whim_operations_system[] = {
  { .name = "system.health",
    .scope = WHIM_SCOPE_NONE,
    .shape = WHIM_RESULT_HEALTH,
    .params = no_params,
    .summary = "Health check (no auth required)",
    .errors = "" },
  { .name = NULL },
};
