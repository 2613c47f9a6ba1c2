/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * WhimPublicAddress:
 *
 * A host and port that leads to public addresses only: what the resolver gives is judged address by
 * address, and only what may be called is ever tried. So the judged address is the connected one,
 * whatever the name says a moment later. No proxy is asked.
 */
#define WHIM_TYPE_PUBLIC_ADDRESS (whim_public_address_get_type ())
G_DECLARE_FINAL_TYPE (WhimPublicAddress, whim_public_address, WHIM, PUBLIC_ADDRESS, GNetworkAddress)

/** whim_public_address_new: @allow_private lets everything through */
GSocketConnectable *
whim_public_address_new (const char *host, guint16 port, gboolean allow_private);

G_END_DECLS
