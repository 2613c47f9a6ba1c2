/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * whim_log_id:
 * @text: a JID, number, channel or message id
 *
 * No log line names a person. This gives a short hash keyed per run, so that lines still
 * correlate. Any thread.
 *
 * Returns: (transfer none): valid until the thread's eighth next call
 */
const char *whim_log_id (const char *text);

/** whim_log_set_personal: show what whim_log_id() hides (--log-personal-info) */
void whim_log_set_personal (gboolean personal);

G_END_DECLS
