/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/whim-store.h"

G_BEGIN_DECLS

/* What belongs to sending besides the outbox: the timeline of a message, answers that are given
 * twice, and what the account may not do. */

/** whim_unit_put_timeline: something became of the message of ours or theirs with that @id
 *  @at: Unix ms; @who: (nullable): address of a device or person; @detail: (nullable). A repeat,
 *  and an unknown @id, change nothing. */
void whim_unit_put_timeline (WhimUnit *self,
                             const char *id,
                             gint64 at,
                             const char *what,
                             const char *who,
                             const char *detail);

/** whim_unit_put_answer: the first answer to a request with an idempotency key; guarded: the unit
 *  fails with CONFLICT if there is one already. @request: SHA-256 of what was asked */
void whim_unit_put_answer (WhimUnit *self,
                           const char *api_key,
                           const char *operation,
                           const char *key,
                           GBytes *request,
                           GBytes *answer,
                           gint64 made_at);

/** whim_unit_put_restriction: replaces an older one of that @kind; @ends_at 0: nobody said */
void whim_unit_put_restriction (WhimUnit *self,
                                const char *kind,
                                const char *detail,
                                gint64 since,
                                gint64 ends_at);

G_END_DECLS
