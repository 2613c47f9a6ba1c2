/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-operations-private.h"

static const WhimParam list_params[] = {
  CHANNEL_ANYWHERE,
  PAGING,
  END,
};

static const WhimParam channel_list_params[] = {
  CHANNEL_IN_PATH,
  PAGING,
  END,
};

#define CHAT_IN_PATH                                                                               \
  {                                                                                                \
    .name = "chatId", .type = WHIM_PARAM_STRING, .flags = PATH | REQUIRED, .minimum = 1,           \
    .maximum = MAX_JID, .description = "Chat JID, or a phone number",                              \
    .example = "79991234567@s.whatsapp.net"                                                        \
  }

static const WhimParam get_params[] = {
  CHAT_IN_PATH,
  CHANNEL_ANYWHERE,
  END,
};

static const WhimParam channel_messages_params[] = {
  CHANNEL_IN_PATH,
  CHAT_IN_PATH,
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
  { .name = "chats.get",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .item = "Chat",
    .params = get_params,
    .summary = "Get chat by ID",
    .errors = CHANNEL_ERRORS " not_found" },
  { .name = "channels.chats",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_LIST,
    .plural = "chats",
    .item = "Chat",
    .params = channel_list_params,
    .summary = "Get chats of a channel",
    .errors = CHANNEL_ERRORS " invalid_parameter" },
  { .name = "channels.chat-messages",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_LIST,
    .plural = "messages",
    .item = "Message",
    .params = channel_messages_params,
    .summary = "Get messages of a chat of a channel",
    .errors = CHANNEL_ERRORS " invalid_parameter" },
  { .name = NULL },
};
