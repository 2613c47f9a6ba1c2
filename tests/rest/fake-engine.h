/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "engine/whim-engine.h"

/* A small engine with the real one's header: it echoes what it is called with. */

WhimEngine *fake_engine_new (void);
/** fake_engine_hold: calls wait from now on, until fake_engine_release() */
void fake_engine_hold (WhimEngine *self);
void fake_engine_release (WhimEngine *self);
/** fake_engine_set_health: what health says from now on; NULL: an error */
void fake_engine_set_health (WhimEngine *self, const char *word);
/** fake_engine_add_event: grows the journal and tells it; @pad more bytes of data */
void fake_engine_add_event (WhimEngine *self, const char *channel, gsize pad);
/** fake_engine_prune: forgets everything up to the newest event */
void fake_engine_prune (WhimEngine *self);
guint fake_engine_get_calls (WhimEngine *self);
guint fake_engine_get_cancelled (WhimEngine *self);
/** fake_engine_get_reads: how often the journal was read */
guint fake_engine_get_reads (WhimEngine *self);
