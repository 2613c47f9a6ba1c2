/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-limits.h"
#include "engine/whim-engine.h"

G_BEGIN_DECLS

/* What the families of the operation table share. Each family ends with a NULL name. */

extern const WhimOperation whim_operations_channels[];
extern const WhimOperation whim_operations_messages[];
extern const WhimOperation whim_operations_chats[];
extern const WhimOperation whim_operations_contacts[];
extern const WhimOperation whim_operations_system[];
extern const WhimOperation whim_operations_webhooks[];
extern const WhimOperation whim_operations_keys[];
extern const WhimOperation whim_operations_whapi[];

#define PATH WHIM_PARAM_IN_PATH
#define QUERY WHIM_PARAM_IN_QUERY
#define BODY WHIM_PARAM_IN_BODY
#define HEADER WHIM_PARAM_IN_HEADER
#define REQUIRED WHIM_PARAM_REQUIRED
#define UNSUPPORTED WHIM_PARAM_UNSUPPORTED

#define MAX_ID 64
#define MAX_NAME 200
#define MAX_JID 200

#define CHANNEL_IN_PATH                                                                            \
  {                                                                                                \
    .name = "channelId", .type = WHIM_PARAM_STRING, .flags = PATH | REQUIRED, .minimum = 1,        \
    .maximum = MAX_ID, .aliases = "id", .description = "Channel ID", .example = "ch_4f8a1b2c3d4e"  \
  }
#define CHANNEL_ANYWHERE                                                                           \
  {                                                                                                \
    .name = "channelId", .type = WHIM_PARAM_STRING, .flags = QUERY | BODY | HEADER | REQUIRED,     \
    .minimum = 1, .maximum = MAX_ID, .description = "Channel ID", .example = "ch_4f8a1b2c3d4e"     \
  }
#define END                                                                                        \
  {                                                                                                \
    .name = NULL                                                                                   \
  }

#define PAGING                                                                                     \
  { .name = "limit",                                                                               \
    .type = WHIM_PARAM_INTEGER,                                                                    \
    .flags = QUERY,                                                                                \
    .minimum = 1,                                                                                  \
    .maximum = WHIM_LIMIT_LIST,                                                                    \
    .default_value = "50",                                                                         \
    .aliases = "count",                                                                            \
    .description = "How many at most",                                                             \
    .example = "50" },                                                                             \
  {                                                                                                \
    .name = "offset", .type = WHIM_PARAM_INTEGER, .flags = QUERY, .minimum = 0,                    \
    .maximum = 1000000000, .default_value = "0", .description = "How many to skip", .example = "0" \
  }

#define CHANNEL_ERRORS "unauthorized forbidden channel_not_found"

G_END_DECLS
