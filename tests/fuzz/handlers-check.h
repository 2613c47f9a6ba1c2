/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/fuzz/handlers-world.h"

/* What must hold whatever comes in. Each breach ends the process with a message that says which. */

typedef struct _Check Check;

/** check_new: @world is online and at rest */
Check *check_new (World *world);
void check_free (Check *self);
/** check_before: what is true now, before a stanza comes */
void check_before (Check *self);
/** check_after: @node was delivered, and everything is at rest again */
void check_after (Check *self, WhimNode *node);
/** check_after_many: several stanzas came (element-type WhimNode) without a rest between them */
void check_after_many (Check *self, GPtrArray *nodes);
/** check_get_status: of a message of ours */
gint64 check_get_status (Check *self, const char *id);
/** check_get_unread: in the chat with somebody; -1: there is none */
gint64 check_get_unread (Check *self, WorldWho who);
/** check_get_number: the first column of the first row of @sql, ?1 being somebody's LID; -1: none
 */
gint64 check_get_number (Check *self, const char *sql, WorldWho who);
/** check_books: the world was stopped: what is on disk is whole */
void check_books (Check *self, gboolean ended);
