/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config.h"

#include <glib.h>

G_BEGIN_DECLS

/**
 * Failpoints: named places in the pipelines where a test can kill the process or make the step
 * fail. They exist in development builds only; elsewhere the macro is the constant FALSE.
 *
 * WHIMBREL_FAILPOINTS="name=kill,name=error:3" arms them at start (":N" = at the Nth passage), the
 * test control socket at run time.
 */
#if WHIM_DEVELOPMENT
/** whim_failpoint_hit: TRUE when the step is to fail now; does not return when armed with kill */
gboolean whim_failpoint_hit (const char *name);

/** whim_failpoint_arm: @spec is "kill", "error", with an optional ":N"; FALSE if it is neither */
gboolean whim_failpoint_arm (const char *name, const char *spec);

/** whim_failpoint_arm_from_environment: reads WHIMBREL_FAILPOINTS */
void whim_failpoint_arm_from_environment (void);

#define WHIM_FAILPOINT(name) (whim_failpoint_hit (name))
#else
#define WHIM_FAILPOINT(name) (FALSE)
#endif

G_END_DECLS
