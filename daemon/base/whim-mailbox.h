/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimMailbox:
 *
 * Hands items from any thread to the thread of one #GMainContext, in order, with one wake-up for
 * all that are waiting. Counted atomically.
 */
typedef struct _WhimMailbox WhimMailbox;

/** WhimMailboxFunc: receives one item (transfer full) on the context's thread */
typedef void (*WhimMailboxFunc) (gpointer item, gpointer user_data);

/** whim_mailbox_new: @context (nullable): the default one; @discard frees what is never received */
WhimMailbox *whim_mailbox_new (GMainContext *context,
                               WhimMailboxFunc func,
                               gpointer user_data,
                               GDestroyNotify discard);
/** whim_mailbox_post: (transfer full) @item; any thread */
void whim_mailbox_post (WhimMailbox *self, gpointer item);
/** whim_mailbox_close: no item is received after it; on the context's thread, or when that is gone
 */
void whim_mailbox_close (WhimMailbox *self);
WhimMailbox *whim_mailbox_ref (WhimMailbox *self);
void whim_mailbox_unref (WhimMailbox *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimMailbox, whim_mailbox_unref)

G_END_DECLS
