/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <signal_protocol.h>

G_BEGIN_DECLS

/** whim_signal_provider_setup: gives @context our OpenSSL provider; 0 or a negative libsignal code
 */
int whim_signal_provider_setup (signal_context *context);

G_END_DECLS
