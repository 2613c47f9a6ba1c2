/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-sending.h"

#include "store/whim-store-private.h"

void
whim_unit_put_timeline (WhimUnit *self,
                        const char *id,
                        gint64 at,
                        const char *what,
                        const char *who,
                        const char *detail)
{
  whim_unit_add (self, WHIM_SQL_PUT_TIMELINE, whim_unit_channel_value (self), whim_value_text (id),
                 whim_value_int (at), whim_value_text (what),
                 whim_value_text (who == NULL ? "" : who), whim_value_text (detail));
}

void
whim_unit_put_answer (WhimUnit *self,
                      const char *api_key,
                      const char *operation,
                      const char *key,
                      GBytes *request,
                      GBytes *answer,
                      gint64 made_at)
{
  whim_unit_add_guarded (self, WHIM_SQL_PUT_FIRST_ANSWER, whim_unit_channel_value (self),
                         whim_value_text (api_key), whim_value_text (operation),
                         whim_value_text (key), whim_value_bytes (request),
                         whim_value_bytes (answer), whim_value_int (made_at));
}

void
whim_unit_put_restriction (WhimUnit *self,
                           const char *kind,
                           const char *detail,
                           gint64 since,
                           gint64 ends_at)
{
  whim_unit_add (self, WHIM_SQL_PUT_RESTRICTION, whim_unit_channel_value (self),
                 whim_value_text (kind), whim_value_text (detail), whim_value_int (since),
                 whim_value_int (ends_at));
}
