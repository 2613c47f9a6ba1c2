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
extern const WhimOperation whim_operations_outbox[];
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
#define MAX_MESSAGE_ID 128
#define MAX_CLIENT_ID 255
/* A row may stay in the queue for a month. */
#define MAX_EXPIRES (30 * 24 * 3600)

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

/* Every operation that sends has it; whim_engine_call_async() answers by it. REST takes it from the
 * header Idempotency-Key too. */
#define CLIENT_ID                                                                                  \
  {                                                                                                \
    .name = WHIM_PARAM_CLIENT_ID, .type = WHIM_PARAM_STRING, .flags = BODY | HEADER, .minimum = 1, \
    .maximum = MAX_CLIENT_ID,                                                                      \
    .description = "Idempotency key: the same one again, within a day,"                            \
                   " gives the first answer and sends nothing",                                    \
    .example = "order-4711"                                                                        \
  }

/* What every send takes besides its content. */
#define SEND_OPTIONS                                                                               \
  { .name = "quoted",                                                                              \
    .type = WHIM_PARAM_STRING,                                                                     \
    .flags = BODY,                                                                                 \
    .minimum = 1,                                                                                  \
    .maximum = MAX_MESSAGE_ID,                                                                     \
    .description = "Id of the message to answer",                                                  \
    .example = "3EB0F7BC5E0EC4E07AD3D3" },                                                         \
      { .name = "mentions",                                                                        \
        .type = WHIM_PARAM_STRINGS,                                                                \
        .flags = BODY,                                                                             \
        .minimum = 0,                                                                              \
        .maximum = WHIM_LIMIT_MENTIONS,                                                            \
        .description = "Who is mentioned; the text has @ and the number of each",                  \
        .example = "[\"79991234567\"]" },                                                          \
      { .name = "ephemeral",                                                                       \
        .type = WHIM_PARAM_INTEGER,                                                                \
        .flags = BODY,                                                                             \
        .minimum = 0,                                                                              \
        .maximum = 7776000,                                                                        \
        .description                                                                               \
        = "Seconds until the message disappears: 0, 86400, 604800 or 7776000; the chat's by"       \
          " default",                                                                              \
        .example = "604800" },                                                                     \
      { .name = "view_once",                                                                       \
        .type = WHIM_PARAM_BOOLEAN,                                                                \
        .flags = BODY | UNSUPPORTED,                                                               \
        .description = "May be opened once" },                                                     \
      { .name = "typing_time",                                                                     \
        .type = WHIM_PARAM_NUMBER,                                                                 \
        .flags = BODY,                                                                             \
        .minimum = 0,                                                                              \
        .maximum = 60,                                                                             \
        .description = "Seconds of typing before it is sent",                                      \
        .example = "3" },                                                                          \
      { .name = "expires",                                                                         \
        .type = WHIM_PARAM_INTEGER,                                                                \
        .flags = BODY,                                                                             \
        .minimum = 1,                                                                              \
        .maximum = MAX_EXPIRES,                                                                    \
        .description = "Seconds in the queue after which it is given up; a day by default",        \
        .example = "3600" },                                                                       \
      CLIENT_ID

#define SEND_ERRORS                                                                                \
  CHANNEL_ERRORS " missing_parameter invalid_parameter not_found not_paired recipient_unknown "    \
                 "not_supported conflict idempotency_conflict rate_limited store_failed"

#define CHANNEL_ERRORS "unauthorized forbidden channel_not_found"

G_END_DECLS
