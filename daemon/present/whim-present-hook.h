/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/whim-hook.h"
#include "present/whim-present.h"

G_BEGIN_DECLS

/** The event of a test delivery; never in the journal. */
#define WHIM_PRESENT_TEST_EVENT "webhook.test"

/** whim_present_hook_body: (transfer full): what a webhook gets, in its format. The same event
 * gives the same bytes every time. */
char *whim_present_hook_body (const WhimHook *hook, const WhimEvent *event);
/** whim_present_hook_kind: (transfer none) (nullable): what whapi calls it */
const WhimEventKind *whim_present_hook_kind (const WhimEvent *event);

G_END_DECLS
