/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine.h"

#include "base/whim-limits.h"

#include <math.h>
#include <string.h>

/* The operation table: every operation that is built, and no other. */

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

static const WhimParam no_params[] = { END };

static const WhimParam create_params[] = {
  { .name = "name",
    .type = WHIM_PARAM_STRING,
    .flags = BODY | REQUIRED,
    .minimum = 1,
    .maximum = MAX_NAME,
    .description = "Channel name",
    .example = "Sales Team" },
  { .name = "department",
    .type = WHIM_PARAM_STRING,
    .flags = BODY,
    .maximum = MAX_NAME,
    .description = "Department name",
    .example = "Sales" },
  { .name = "autoConnect",
    .type = WHIM_PARAM_BOOLEAN,
    .flags = BODY,
    .default_value = "true",
    .description = "Connect when the daemon starts, if paired",
    .example = "true" },
  END,
};

static const WhimParam update_params[] = {
  CHANNEL_IN_PATH,
  { .name = "name",
    .type = WHIM_PARAM_STRING,
    .flags = BODY,
    .minimum = 1,
    .maximum = MAX_NAME,
    .description = "New name",
    .example = "Support" },
  { .name = "department",
    .type = WHIM_PARAM_STRING,
    .flags = BODY,
    .maximum = MAX_NAME,
    .description = "New department",
    .example = "Support" },
  { .name = "autoConnect",
    .type = WHIM_PARAM_BOOLEAN,
    .flags = BODY,
    .description = "Connect when the daemon starts, if paired",
    .example = "false" },
  { .name = "settings",
    .type = WHIM_PARAM_OBJECT,
    .flags = BODY | UNSUPPORTED,
    .description = "Settings of the channel" },
  END,
};

static const WhimParam channel_params[] = { CHANNEL_IN_PATH, END };

static const WhimParam text_params[] = {
  CHANNEL_ANYWHERE,
  { .name = "to",
    .type = WHIM_PARAM_STRING,
    .flags = BODY | REQUIRED,
    .minimum = 1,
    .maximum = MAX_JID,
    .aliases = "phone",
    .description = "Recipient: phone number with country code, or a JID",
    .example = "79991234567" },
  { .name = "body",
    .type = WHIM_PARAM_STRING,
    .flags = BODY | REQUIRED,
    .minimum = 1,
    .maximum = WHIM_LIMIT_TEXT,
    .aliases = "message",
    .description = "Message text",
    .example = "Hello World!" },
  { .name = "quoted",
    .type = WHIM_PARAM_STRING,
    .flags = BODY | UNSUPPORTED,
    .description = "Id of the message to answer" },
  { .name = "mentions",
    .type = WHIM_PARAM_STRINGS,
    .flags = BODY | UNSUPPORTED,
    .description = "Who is mentioned in the text" },
  { .name = "ephemeral",
    .type = WHIM_PARAM_INTEGER,
    .flags = BODY | UNSUPPORTED,
    .description = "Seconds until the message disappears" },
  { .name = "view_once",
    .type = WHIM_PARAM_BOOLEAN,
    .flags = BODY | UNSUPPORTED,
    .description = "May be opened once" },
  { .name = "typing_time",
    .type = WHIM_PARAM_NUMBER,
    .flags = BODY | UNSUPPORTED,
    .description = "Seconds of typing before the text" },
  { .name = "edit",
    .type = WHIM_PARAM_STRING,
    .flags = BODY | UNSUPPORTED,
    .description = "Id of the message to replace" },
  END,
};

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

static const WhimParam message_list_params[] = {
  CHANNEL_ANYWHERE,
  PAGING,
  END,
};

static const WhimParam chat_list_params[] = {
  CHANNEL_ANYWHERE,
  { .name = "chatId",
    .type = WHIM_PARAM_STRING,
    .flags = PATH | REQUIRED,
    .minimum = 1,
    .maximum = MAX_JID,
    .description = "Chat JID",
    .example = "79991234567@s.whatsapp.net" },
  PAGING,
  END,
};

#define CHANNEL_ERRORS "unauthorized forbidden channel_not_found"

static const WhimOperation operations[] = {
  { .name = "channels.list",
    .scope = WHIM_SCOPE_READ,
    .shape = WHIM_RESULT_LIST,
    .plural = "channels",
    .params = no_params,
    .summary = "Get list of all channels",
    .errors = "unauthorized" },
  { .name = "channels.create",
    .scope = WHIM_SCOPE_ADMIN,
    .shape = WHIM_RESULT_OBJECT,
    .params = create_params,
    .summary = "Create a new channel",
    .errors = "unauthorized forbidden missing_parameter invalid_parameter store_failed" },
  { .name = "channels.get",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .params = channel_params,
    .summary = "Get channel details",
    .errors = CHANNEL_ERRORS },
  { .name = "channels.update",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_OBJECT,
    .params = update_params,
    .summary = "Update channel",
    .errors = CHANNEL_ERRORS " invalid_parameter not_supported store_failed" },
  { .name = "channels.delete",
    .scope = WHIM_SCOPE_ADMIN,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params,
    .summary = "Delete channel and disconnect session",
    .errors = CHANNEL_ERRORS " conflict store_failed" },
  { .name = "channels.connect",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params,
    .summary = "Start connection (generates QR code)",
    .errors = CHANNEL_ERRORS " conflict timed_out" },
  { .name = "channels.disconnect",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params,
    .summary = "Disconnect session (keeps auth)",
    .errors = CHANNEL_ERRORS },
  { .name = "channels.logout",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params,
    .summary = "Logout and delete session",
    .errors = CHANNEL_ERRORS " store_failed" },
  { .name = "channels.status",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params,
    .summary = "Get connection status",
    .errors = CHANNEL_ERRORS },
  { .name = "channels.qr",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_ACTION,
    .params = channel_params,
    .summary = "Get QR code as base64 JSON",
    .errors = CHANNEL_ERRORS " not_pairing already_paired" },
  { .name = "channels.qr-image",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_BYTES,
    .params = channel_params,
    .summary = "Get QR code as PNG image",
    .errors = CHANNEL_ERRORS " not_pairing already_paired" },
  { .name = "messages.text",
    .scope = WHIM_SCOPE_WRITE,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_SEND,
    .params = text_params,
    .summary = "Send text message (whapi.cloud compatible)",
    .errors = CHANNEL_ERRORS " missing_parameter invalid_parameter not_paired recipient_unknown "
                             "not_supported store_failed" },
  { .name = "messages.list",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_LIST,
    .plural = "messages",
    .params = message_list_params,
    .summary = "Get all messages",
    .errors = CHANNEL_ERRORS " invalid_parameter" },
  { .name = "messages.list-chat",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_LIST,
    .plural = "messages",
    .params = chat_list_params,
    .summary = "Get messages from specific chat",
    .errors = CHANNEL_ERRORS " invalid_parameter" },
  { .name = "chats.list",
    .scope = WHIM_SCOPE_READ,
    .channel_scoped = TRUE,
    .shape = WHIM_RESULT_LIST,
    .plural = "chats",
    .params = message_list_params,
    .summary = "Get all chats",
    .errors = CHANNEL_ERRORS " invalid_parameter" },
  { .name = "system.health",
    .scope = WHIM_SCOPE_NONE,
    .shape = WHIM_RESULT_HEALTH,
    .params = no_params,
    .summary = "Health check (no auth required)",
    .errors = "" },
  { .name = NULL },
};

const WhimOperation *
whim_operations (void)
{
  return operations;
}

const WhimOperation *
whim_operation_find (const char *name)
{
  for (const WhimOperation *row = operations; row->name != NULL; row++)
    if (strcmp (row->name, name) == 0)
      return row;
  return NULL;
}

static const GVariantType *
type_of (WhimParamType type)
{
  switch (type)
    {
    case WHIM_PARAM_STRING:
      return G_VARIANT_TYPE_STRING;
    case WHIM_PARAM_BOOLEAN:
      return G_VARIANT_TYPE_BOOLEAN;
    case WHIM_PARAM_INTEGER:
      return G_VARIANT_TYPE_INT64;
    case WHIM_PARAM_NUMBER:
      return G_VARIANT_TYPE_DOUBLE;
    case WHIM_PARAM_STRINGS:
      return G_VARIANT_TYPE_STRING_ARRAY;
    case WHIM_PARAM_OBJECT:
      return G_VARIANT_TYPE_VARDICT;
    default:
      g_return_val_if_reached (G_VARIANT_TYPE_STRING);
    }
}

static gboolean
check_bounds (const WhimParam *param, GVariant *value, GError **error)
{
  gdouble size = 0;

  if (param->minimum == 0 && param->maximum == 0)
    return TRUE;
  if (param->type == WHIM_PARAM_STRING)
    size = (gdouble)g_utf8_strlen (g_variant_get_string (value, NULL), -1);
  else if (param->type == WHIM_PARAM_INTEGER)
    size = (gdouble)g_variant_get_int64 (value);
  else if (param->type == WHIM_PARAM_NUMBER)
    size = g_variant_get_double (value);
  else if (param->type == WHIM_PARAM_STRINGS)
    size = (gdouble)g_variant_n_children (value);
  else
    return TRUE;
  if (!isnan (size) && size >= (gdouble)param->minimum && size <= (gdouble)param->maximum)
    return TRUE;
  whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, param->name,
                        param->type == WHIM_PARAM_STRING ? "the text is too short or too long"
                                                         : "the value is out of range");
  return FALSE;
}

static GVariant *
make_default (const WhimParam *param)
{
  switch (param->type)
    {
    case WHIM_PARAM_STRING:
      return g_variant_new_string (param->default_value);
    case WHIM_PARAM_BOOLEAN:
      return g_variant_new_boolean (strcmp (param->default_value, "true") == 0);
    case WHIM_PARAM_INTEGER:
      return g_variant_new_int64 (g_ascii_strtoll (param->default_value, NULL, 10));
    case WHIM_PARAM_NUMBER:
      return g_variant_new_double (g_ascii_strtod (param->default_value, NULL));
    case WHIM_PARAM_STRINGS:
    case WHIM_PARAM_OBJECT:
    default:
      g_return_val_if_reached (NULL);
    }
}

GVariant *
whim_operation_check (const WhimOperation *operation, GVariant *params, GError **error)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);

  for (const WhimParam *param = operation->params; param->name != NULL; param++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (params, param->name, NULL);

      if (value == NULL && (param->flags & REQUIRED))
        {
          whim_set_field_error (error, WHIM_ERROR_MISSING_PARAMETER, param->name,
                                "this parameter is required");
          return NULL;
        }
      if (value == NULL && param->default_value == NULL)
        continue;
      if (value == NULL)
        value = g_variant_ref_sink (make_default (param));
      if (!g_variant_is_of_type (value, type_of (param->type)))
        {
          whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, param->name,
                                "the value has the wrong type");
          return NULL;
        }
      if (param->flags & UNSUPPORTED)
        {
          whim_set_field_error (error, WHIM_ERROR_NOT_SUPPORTED, param->name,
                                "this option is not supported yet");
          return NULL;
        }
      if (!check_bounds (param, value, error))
        return NULL;
      g_variant_builder_add (&builder, "{sv}", param->name, value);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}
