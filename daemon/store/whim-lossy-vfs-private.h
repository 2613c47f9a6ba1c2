/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A file system that forgets, for development builds: what was written reaches the real files only
 * with the sync that follows it. A killed process is then a machine that lost its power. */

#if WHIM_DEVELOPMENT
/** whim_lossy_vfs_register: makes it known to SQLite under the name that is returned. Of the
 *  sectors that wait for a sync, @torn_percent reach the file early, by chance: a disk may write
 *  in any order. Any thread. */
const char *whim_lossy_vfs_register (guint torn_percent);
/** whim_lossy_vfs_get_name: (nullable): NULL, the ordinary one, unless WHIMBREL_TEST_VFS is "lossy"
 *  or "torn" */
const char *whim_lossy_vfs_get_name (void);
#else
#define whim_lossy_vfs_get_name() NULL
#endif

G_END_DECLS
