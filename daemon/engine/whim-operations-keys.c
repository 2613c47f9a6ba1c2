/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-operations-private.h"

#define KEY_IN_PATH                                                                                \
  {                                                                                                \
    .name = "keyId", .type = WHIM_PARAM_STRING, .flags = PATH | REQUIRED, .minimum = 1,            \
    .maximum = MAX_ID, .aliases = "id", .description = "API key ID", .example = "key_4f8a1b2c3d4e" \
  }

/* How many requests a minute a key may be allowed at most; more is no limit at all. */
#define MAX_RATE 1000000

#define OPTIONS                                                                                    \
  { .name = "channels",                                                                            \
    .type = WHIM_PARAM_STRINGS,                                                                    \
    .flags = BODY,                                                                                 \
    .minimum = 1,                                                                                  \
    .maximum = WHIM_LIMIT_KEY_CHANNELS,                                                            \
    .description = "Ids of the channels that the key is for. One channel: channelId may be left "  \
                   "out of requests with this key",                                                \
    .example = "[\"ch_4f8a1b2c3d4e\"]" },                                                          \
      { .name = "readOnly",                                                                        \
        .type = WHIM_PARAM_BOOLEAN,                                                                \
        .flags = BODY,                                                                             \
        .description = "The key may look, but not change or send",                                 \
        .example = "false" },                                                                      \
      { .name = "dialect",                                                                         \
        .type = WHIM_PARAM_STRING,                                                                 \
        .flags = BODY,                                                                             \
        .maximum = 16,                                                                             \
        .description = "Whose names answers to this key carry: \"both\", \"seed\" or \"whapi\"",   \
        .example = "both" },                                                                       \
  {                                                                                                \
    .name = "rateLimit", .type = WHIM_PARAM_INTEGER, .flags = BODY, .minimum = 0,                  \
    .maximum = MAX_RATE, .description = "Requests a minute; 0: as configured", .example = "600"    \
  }

static const WhimParam no_params[] = { END };

static const WhimParam create_params[] = {
  { .name = "name",
    .type = WHIM_PARAM_STRING,
    .flags = BODY | REQUIRED,
    .minimum = 1,
    .maximum = MAX_NAME,
    .description = "What the key is for",
    .example = "Web shop" },
  { .name = "admin",
    .type = WHIM_PARAM_BOOLEAN,
    .flags = BODY,
    .default_value = "false",
    .description = "The key is for everything, channels and keys included",
    .example = "false" },
  OPTIONS,
  END,
};

static const WhimParam update_params[] = {
  KEY_IN_PATH,
  { .name = "name",
    .type = WHIM_PARAM_STRING,
    .flags = BODY,
    .minimum = 1,
    .maximum = MAX_NAME,
    .description = "What the key is for",
    .example = "Web shop" },
  OPTIONS,
  END,
};

static const WhimParam key_params[] = { KEY_IN_PATH, END };

#define KEY_ERRORS "unauthorized forbidden not_found"

const WhimOperation whim_operations_keys[] = {
  { .name = "keys.list",
    .scope = WHIM_SCOPE_ADMIN_READ,
    .shape = WHIM_RESULT_LIST,
    .plural = "keys",
    .item = "Key",
    .params = no_params,
    .summary = "Get list of all API keys",
    .description = "What a key is allowed to do and when it was used last; never the key itself.",
    .errors = "unauthorized forbidden" },
  { .name = "keys.create",
    .scope = WHIM_SCOPE_ADMIN,
    .shape = WHIM_RESULT_OBJECT,
    .item = "NewKey",
    .params = create_params,
    .summary = "Make an API key",
    .description = "The answer holds the key in `key`. It is shown this once; only a hash is kept.",
    .errors = "unauthorized forbidden missing_parameter invalid_parameter store_failed" },
  { .name = "keys.get",
    .scope = WHIM_SCOPE_ADMIN_READ,
    .shape = WHIM_RESULT_OBJECT,
    .item = "Key",
    .params = key_params,
    .summary = "Get an API key's details",
    .errors = KEY_ERRORS },
  { .name = "keys.update",
    .scope = WHIM_SCOPE_ADMIN,
    .shape = WHIM_RESULT_OBJECT,
    .item = "Key",
    .params = update_params,
    .summary = "Change what an API key may do",
    .errors = KEY_ERRORS " invalid_parameter conflict store_failed" },
  { .name = "keys.delete",
    .scope = WHIM_SCOPE_ADMIN,
    .shape = WHIM_RESULT_ACTION,
    .params = key_params,
    .summary = "Revoke an API key",
    .description = "It stops working at once. The last key that may do everything stays.",
    .errors = KEY_ERRORS " conflict store_failed" },
  { .name = NULL },
};
