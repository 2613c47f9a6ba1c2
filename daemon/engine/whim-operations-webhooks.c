/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-operations-private.h"

#define MAX_WORD 64
#define MAX_SECRET 256

#define WEBHOOK_IN_PATH                                                                            \
  {                                                                                                \
    .name = "webhookId", .type = WHIM_PARAM_STRING, .flags = PATH | REQUIRED, .minimum = 1,        \
    .maximum = MAX_ID, .description = "Webhook ID", .example = "whk_4f8a1b2c3d4e"                  \
  }

#define URL(needed)                                                                                \
  {                                                                                                \
    .name = "url", .type = WHIM_PARAM_STRING, .flags = BODY | (needed), .minimum = 1,              \
    .maximum = WHIM_LIMIT_URL, .description = "Webhook URL",                                       \
    .example = "https://example.com/webhook"                                                       \
  }
#define EVENTS(needed)                                                                             \
  {                                                                                                \
    .name = "events", .type = WHIM_PARAM_STRINGS, .flags = BODY | (needed), .minimum = 1,          \
    .maximum = 64, .description = "Events to receive; \"*\" for all",                              \
    .example = "[\"message.received\",\"message.sent\"]"                                           \
  }
#define OPTIONS                                                                                    \
  { .name = "secret",                                                                              \
    .type = WHIM_PARAM_STRING,                                                                     \
    .flags = BODY,                                                                                 \
    .maximum = MAX_SECRET,                                                                         \
    .description = "HMAC secret for signing; never shown again; an empty text removes it" },       \
      { .name = "format",                                                                          \
        .type = WHIM_PARAM_STRING,                                                                 \
        .flags = BODY,                                                                             \
        .maximum = MAX_WORD,                                                                       \
        .description = "\"seed\" (default) or \"whapi\"",                                          \
        .example = "seed" },                                                                       \
      { .name = "mode",                                                                            \
        .type = WHIM_PARAM_STRING,                                                                 \
        .flags = BODY,                                                                             \
        .maximum = MAX_WORD,                                                                       \
        .description = "whapi's format: \"body\" (default), \"path\" or \"method\"",               \
        .example = "body" },                                                                       \
  {                                                                                                \
    .name = "headers", .type = WHIM_PARAM_OBJECT, .flags = BODY,                                   \
    .description = "Headers of your own, at most 5", .example = "{\"Authorization\":\"…\"}"      \
  }
#define ENABLED(value)                                                                             \
  {                                                                                                \
    .name = "enabled", .type = WHIM_PARAM_BOOLEAN, .flags = BODY, .default_value = (value),        \
    .description = "Enable webhook", .example = "true"                                             \
  }
#define EVENT_IN_PATH                                                                              \
  {                                                                                                \
    .name = "eventId", .type = WHIM_PARAM_STRING, .flags = PATH | REQUIRED, .minimum = 1,          \
    .maximum = MAX_ID, .description = "Event ID", .example = "evt_4f8a1b2c3d4e"                    \
  }

static const WhimParam channel_params[] = { CHANNEL_IN_PATH, END };

static const WhimParam put_params[]
    = { CHANNEL_IN_PATH, URL (REQUIRED), EVENTS (REQUIRED), OPTIONS, ENABLED ("true"), END };

static const WhimParam create_params[]
    = { CHANNEL_ANYWHERE, URL (REQUIRED), EVENTS (REQUIRED), OPTIONS, ENABLED ("true"), END };

static const WhimParam update_params[]
    = { WEBHOOK_IN_PATH, URL (0), EVENTS (0), OPTIONS, ENABLED (NULL), END };

static const WhimParam list_params[] = {
  { .name = "channelId",
    .type = WHIM_PARAM_STRING,
    .flags = QUERY,
    .minimum = 1,
    .maximum = MAX_ID,
    .description = "Only those of one channel",
    .example = "ch_4f8a1b2c3d4e" },
  PAGING,
  END,
};

static const WhimParam webhook_params[] = { WEBHOOK_IN_PATH, END };
static const WhimParam deliveries_params[] = { WEBHOOK_IN_PATH, PAGING, END };
static const WhimParam letter_params[] = { WEBHOOK_IN_PATH, EVENT_IN_PATH, END };

#define WEBHOOK_ERRORS "unauthorized forbidden not_found"
#define CHANGE_ERRORS " missing_parameter invalid_parameter conflict store_failed"

const WhimOperation whim_operations_webhooks[] = {
  { .name = "webhooks.get-default",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .item = "Webhook",
    .params = channel_params,
    .summary = "Get webhook configuration",
    .description = "Without one: an empty url, no events, not enabled.",
    .errors = CHANNEL_ERRORS },
  { .name = "webhooks.put-default",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .item = "Webhook",
    .params = put_params,
    .summary = "Configure webhook",
    .description = "What is left out of secret, format, mode and headers stays as it is.",
    .errors = CHANNEL_ERRORS CHANGE_ERRORS },
  { .name = "webhooks.list",
    .scope = WHIM_SCOPE_READ,
    .shape = WHIM_RESULT_LIST,
    .plural = "webhooks",
    .item = "Webhook",
    .params = list_params,
    .summary = "Get all webhooks",
    .errors = "unauthorized forbidden invalid_parameter" },
  { .name = "webhooks.create",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .item = "Webhook",
    .params = create_params,
    .summary = "Add a webhook to a channel",
    .description = "It gets what happens from now on.",
    .errors = CHANNEL_ERRORS CHANGE_ERRORS },
  { .name = "webhooks.get",
    .scope = WHIM_SCOPE_READ,
    .shape = WHIM_RESULT_OBJECT,
    .item = "Webhook",
    .params = webhook_params,
    .summary = "Get a webhook, with what it has behind and before it",
    .errors = WEBHOOK_ERRORS },
  { .name = "webhooks.update",
    .scope = WHIM_SCOPE_WRITE,
    .shape = WHIM_RESULT_OBJECT,
    .item = "Webhook",
    .params = update_params,
    .summary = "Change a webhook",
    .description = "What is pending is tried again at once, by the new settings.",
    .errors = WEBHOOK_ERRORS CHANGE_ERRORS },
  { .name = "webhooks.delete",
    .scope = WHIM_SCOPE_WRITE,
    .shape = WHIM_RESULT_ACTION,
    .params = webhook_params,
    .summary = "Delete a webhook with everything that it owes",
    .errors = WEBHOOK_ERRORS " store_failed" },
  { .name = "webhooks.test",
    .scope = WHIM_SCOPE_WRITE,
    .shape = WHIM_RESULT_ACTION,
    .params = webhook_params,
    .summary = "Deliver a test event now and tell how it went",
    .errors = WEBHOOK_ERRORS " not_supported rate_limited" },
  { .name = "webhooks.deliveries",
    .scope = WHIM_SCOPE_READ,
    .shape = WHIM_RESULT_LIST,
    .plural = "deliveries",
    .item = "Delivery",
    .params = deliveries_params,
    .summary = "Events that a webhook still owes",
    .errors = WEBHOOK_ERRORS " invalid_parameter" },
  { .name = "webhooks.dead-letters",
    .scope = WHIM_SCOPE_READ,
    .shape = WHIM_RESULT_LIST,
    .plural = "deadLetters",
    .item = "Delivery",
    .params = deliveries_params,
    .summary = "Events that could not be delivered; kept 30 days",
    .errors = WEBHOOK_ERRORS " invalid_parameter" },
  { .name = "webhooks.resend-all",
    .scope = WHIM_SCOPE_WRITE,
    .shape = WHIM_RESULT_ACTION,
    .params = webhook_params,
    .summary = "Send every dead letter again",
    .errors = WEBHOOK_ERRORS " store_failed" },
  { .name = "webhooks.resend",
    .scope = WHIM_SCOPE_WRITE,
    .shape = WHIM_RESULT_ACTION,
    .params = letter_params,
    .summary = "Send a dead letter again",
    .errors = WEBHOOK_ERRORS " store_failed" },
  { .name = "webhooks.discard",
    .scope = WHIM_SCOPE_WRITE,
    .shape = WHIM_RESULT_ACTION,
    .params = letter_params,
    .summary = "Throw a dead letter away",
    .errors = WEBHOOK_ERRORS " store_failed" },
  { .name = NULL },
};
