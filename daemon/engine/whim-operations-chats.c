/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-operations-private.h"

static const WhimParam list_params[] = {
  CHANNEL_ANYWHERE,
  PAGING,
  END,
};

const WhimOperation whim_operations_chats[] = {
  { .name = "chats.list",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_LIST,
    .plural = "chats",
    .item = "Chat",
    .params = list_params,
    .summary = "Get all chats",
    .errors = CHANNEL_ERRORS " invalid_parameter" },
  { .name = NULL },
};
