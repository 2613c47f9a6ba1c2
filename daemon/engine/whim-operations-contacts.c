/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-operations-private.h"

static const WhimParam check_params[] = {
  CHANNEL_ANYWHERE,
  { .name = "phones",
    .type = WHIM_PARAM_STRINGS,
    .flags = BODY | REQUIRED,
    .minimum = 1,
    .maximum = WHIM_LIMIT_NUMBERS,
    .aliases = "contacts",
    .description = "Phone numbers to check",
    .example = "[\"79991234567\",\"79997654321\"]" },
  { .name = "forceCheck",
    .type = WHIM_PARAM_BOOLEAN,
    .flags = BODY,
    .default_value = "false",
    .aliases = "force_check",
    .description = "Ask WhatsApp also about numbers that it was asked about within a day",
    .example = "false" },
  END,
};

const WhimOperation whim_operations_contacts[] = {
  { .name = "contacts.check",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_LIST,
    .plural = "contacts",
    .item = "ContactCheck",
    .params = check_params,
    .summary = "Check if phones have WhatsApp",
    .errors
    = CHANNEL_ERRORS " missing_parameter invalid_parameter not_paired channel_not_connected "
                     "rate_limited timed_out refused" },
  { .name = NULL },
};
