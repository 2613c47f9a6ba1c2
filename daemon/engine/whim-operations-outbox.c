/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-operations-private.h"

static const WhimParam list_params[] = {
  CHANNEL_ANYWHERE,
  PAGING,
  END,
};

static const WhimParam row_params[] = {
  CHANNEL_ANYWHERE,
  { .name = "messageId",
    .type = WHIM_PARAM_STRING,
    .flags = PATH | REQUIRED,
    .minimum = 1,
    .maximum = MAX_MESSAGE_ID,
    .description = "Message ID",
    .example = "3EB0F7BC5E0EC4E07AD3D3" },
  END,
};

const WhimOperation whim_operations_outbox[] = {
  { .name = "outbox.list",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_LIST,
    .plural = "outbox",
    .item = "OutboxRow",
    .params = list_params,
    .summary = "Get what waits to be sent, in the order in which it will be",
    .description = "state: queued, sealed (its bytes may have left) or held (nothing leaves before"
                   " notBefore, and reason says why).",
    .errors = CHANNEL_ERRORS " invalid_parameter" },
  { .name = "outbox.get",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .item = "OutboxRow",
    .params = row_params,
    .summary = "Get one message that waits",
    .errors = CHANNEL_ERRORS " not_found" },
  { .name = "outbox.cancel",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = row_params,
    .summary = "Cancel a message that waits",
    .errors = CHANNEL_ERRORS " not_found conflict store_failed" },
  { .name = NULL },
};
