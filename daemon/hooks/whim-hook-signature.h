/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-secret.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/** whim_hook_sign_body: (transfer full) (nullable): "sha256=" and the HMAC-SHA-256 of @body in hex;
 *  NULL if @secret is none (whim_hook_secret_to_key()) */
char *whim_hook_sign_body (WhimSecret *secret, GBytes *body);

/** whim_hook_sign_standard: (transfer full) (nullable): as Standard Webhooks has it, "v1," and the
 *  HMAC-SHA-256 of "id.timestamp.body" in base64 */
char *whim_hook_sign_standard (WhimSecret *secret, const char *id, gint64 timestamp, GBytes *body);

G_END_DECLS
