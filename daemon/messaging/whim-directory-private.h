/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "messaging/whim-messenger-private.h"

/* What the files of the directory share. */

/** whim_directory_make_usync: (transfer full): @users of WhimNode; @contact: are they registered?
 */
WhimNode *whim_directory_make_usync (WhimDirectory *self, GPtrArray *users, gboolean contact);
/** whim_directory_find_user_list: (transfer none) (nullable) */
WhimNode *whim_directory_find_user_list (WhimNode *answer);
/** whim_directory_take_pair: keeps what an answer says of a user's other name */
void whim_directory_take_pair (WhimDirectory *self, WhimUnit *unit, WhimNode *user, WhimJid *jid);
/** whim_directory_put_number: what the service said of @digits; no @jid: not registered */
void whim_directory_put_number (WhimDirectory *self,
                                WhimUnit *unit,
                                const char *digits,
                                const WhimJid *jid,
                                const WhimJid *lid,
                                gint64 asked_at);
/** whim_directory_commit: takes @unit, which may be empty */
void whim_directory_commit (WhimDirectory *self, WhimUnit *unit);
/** whim_directory_is_fresh: an answer of that time need not be asked for again */
gboolean whim_directory_is_fresh (WhimDirectory *self, gint64 asked_at);
/** whim_directory_back_off: the service wants no questions for so many seconds */
void whim_directory_back_off (WhimDirectory *self, gint64 seconds);
/** whim_directory_get_back_off: seconds that are left of it */
gint64 whim_directory_get_back_off (WhimDirectory *self);
