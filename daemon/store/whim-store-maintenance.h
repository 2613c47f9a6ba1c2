/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/whim-store.h"

G_BEGIN_DECLS

/* A copy of everything while the daemon runs, its way back, and a look at what is there. */

/** whim_store_backup_async: writes a consistent copy, keys included, into a new file in the data
 *  directory, on a thread of its own; commits go on meanwhile */
void whim_store_backup_async (WhimStore *self,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
/** whim_store_backup_finish: (transfer full) (nullable): the path, mode 0600; the caller deletes
 *  the file */
char *whim_store_backup_finish (WhimStore *self, GAsyncResult *result, GError **error);

/**
 * whim_store_restore:
 * @file: a backup
 * @data_dir: must hold no database, and no process may use it
 *
 * Blocks. Copies @file there and makes it fit to be used: where the ratchets stood then is no place
 * to go on from (dossier 2, 13.9), so sessions and sender keys are forgotten and made anew, and
 * prekey ids that may have been given since are skipped. On failure nothing is left behind.
 */
gboolean whim_store_restore (const char *file, const char *data_dir, GError **error);

/** whim_store_check: blocks; reads only. @problems: (element-type utf8): one sentence each, none of
 *  them with a number, a name or a text. FALSE with @error if there is nothing to look at */
gboolean whim_store_check (const char *data_dir, GPtrArray *problems, GError **error);

G_END_DECLS
