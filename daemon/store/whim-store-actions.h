/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/whim-store.h"

G_BEGIN_DECLS

/* What people do to messages that are stored. */

/** whim_unit_put_reaction: @sender: bare address, LID if known; NULL: ourselves. An empty @emoji
 *  takes the reaction back. An older @timestamp (Unix ms) than the stored one, and an unknown @id,
 *  change nothing. @event (nullable) (transfer full) goes to the journal only if it changed
 *  something */
void whim_unit_put_reaction (WhimUnit *self,
                             const char *id,
                             const char *sender,
                             const char *emoji,
                             gint64 timestamp,
                             WhimEvent *event);

G_END_DECLS
