/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "transport/whim-transport.h"

/* A transport without network, chosen by linking: what fake-link.c defines takes the place of the
 * transport library's own objects. Links open at once; what is sent goes to a function. */

/** FakeSent: @node (transfer none) as the server would decode it; @size: bytes of its frame */
typedef void (*FakeSent) (WhimNode *node, gsize size, gpointer user_data);

WhimTransport *fake_transport_new (FakeSent sent, gpointer user_data);
void fake_transport_free (WhimTransport *self);
/** fake_transport_get_number: of the link that is open; 0: none is */
guint fake_transport_get_number (WhimTransport *self);
/** fake_transport_deliver: @nodes (element-type WhimNode) come in together; FALSE without a link */
gboolean fake_transport_deliver (WhimTransport *self, GPtrArray *nodes);
/** fake_transport_lose: the network ends the link */
void fake_transport_lose (WhimTransport *self);
