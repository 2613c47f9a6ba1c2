/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/whim-model.h"
#include "session/whim-session-fsm.h"
#include "wire/whim-node.h"

G_BEGIN_DECLS

/** How a server can end a session: one table for failures and stream errors (dossier 1, 8.1, 8.2)
 */
typedef struct
{
  const char *stanza; /* "failure", "stream:error" */
  const char *child;  /* (nullable): a child that decides before the code */
  const char *type;   /* (nullable): the type of that child */
  const char *code;   /* (nullable): reason or code; "5xx" stands for the rest of them */
  WhimSessionEvent event;
  WhimReason reason;
  const char *meaning;
} WhimVerdict;

/** whim_verdicts: (transfer none): the table; it ends with a NULL stanza */
const WhimVerdict *whim_verdicts (void);
/** whim_verdict_find: (transfer none): the first row that fits; each stanza's last row fits all */
const WhimVerdict *whim_verdict_find (WhimNode *node);
/** whim_verdict_make_detail: (transfer full) (nullable): what the reason's word does not tell */
char *whim_verdict_make_detail (const WhimVerdict *verdict, WhimNode *node);
/** whim_verdict_to_markdown: (transfer full): the table as it stands in README.md */
char *whim_verdict_to_markdown (void);

G_END_DECLS
