/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimErrorCode:
 *
 * What went wrong, in the terms of a caller of the API. Layers below `engine` have error domains
 * of their own; `engine` maps them to these before they reach a face.
 */
typedef enum
{
  WHIM_ERROR_INTERNAL = 0,
  WHIM_ERROR_INVALID_PARAMETER,
  WHIM_ERROR_MISSING_PARAMETER,
  WHIM_ERROR_UNAUTHORIZED,
  WHIM_ERROR_FORBIDDEN,
  WHIM_ERROR_NOT_FOUND,
  WHIM_ERROR_CHANNEL_NOT_FOUND,
  WHIM_ERROR_METHOD_NOT_ALLOWED,
  WHIM_ERROR_CONFLICT,
  WHIM_ERROR_NOT_PAIRED,
  WHIM_ERROR_NOT_PAIRING,
  WHIM_ERROR_ALREADY_PAIRED,
  WHIM_ERROR_IDEMPOTENCY_CONFLICT,
  WHIM_ERROR_CURSOR_EXPIRED,
  WHIM_ERROR_TOO_LARGE,
  WHIM_ERROR_UNSUPPORTED_MEDIA_TYPE,
  WHIM_ERROR_NOT_SUPPORTED,
  WHIM_ERROR_RECIPIENT_UNKNOWN,
  WHIM_ERROR_RATE_LIMITED,
  WHIM_ERROR_REFUSED,
  WHIM_ERROR_NOT_CONNECTED,
  WHIM_ERROR_TIMED_OUT,
  WHIM_ERROR_STORE_FAILED,
  WHIM_N_ERRORS
} WhimErrorCode;

/**
 * WhimErrorInfo:
 * @type: the stable word in `error.type`
 * @http_status: the HTTP status
 * @dbus_name: the D-Bus error name
 * @retry: whether the same call may succeed later without a change
 */
typedef struct
{
  const char *type;
  guint http_status;
  const char *dbus_name;
  gboolean retry;
} WhimErrorInfo;

#define WHIM_ERROR (whim_error_quark ())

GQuark whim_error_quark (void);

/** whim_set_retry_error: @code with the seconds after which it helps to try again */
void whim_set_retry_error (GError **error, WhimErrorCode code, guint seconds, const char *message);
/** whim_error_get_retry_after: those seconds; 0: nobody knows */
guint whim_error_get_retry_after (const GError *error);

/**
 * whim_error_get_info:
 * @code: a #WhimErrorCode; an unknown value counts as %WHIM_ERROR_INTERNAL
 *
 * Returns: (transfer none): the one table's row for @code
 */
const WhimErrorInfo *whim_error_get_info (gint code);

/**
 * whim_set_field_error:
 * @error: where the error goes
 * @code: one of the parameter errors
 * @field: (nullable): path of the offending field, such as "body.to"
 * @message: a sentence without user data
 *
 * Sets a %WHIM_ERROR whose message carries @field in a form that whim_error_split_field() takes
 * apart again.
 */
void
whim_set_field_error (GError **error, WhimErrorCode code, const char *field, const char *message);

/**
 * whim_set_error_details:
 * @error: where the error goes
 * @details: what a program may want to know, such as the service's code; shown as "details"
 * @message: a sentence without user data
 */
void whim_set_error_details (GError **error,
                             WhimErrorCode code,
                             const char *details,
                             const char *message);

/** whim_error_field_to_details: (transfer none) (nullable): the details, if what
 *  whim_error_split_field() gave as the field are some */
const char *whim_error_field_to_details (const char *field);

/**
 * whim_error_split_field:
 * @error: any error
 * @field: (out) (transfer full) (nullable): the field path, or %NULL
 *
 * Returns: (transfer none): the message without the field
 */
const char *whim_error_split_field (const GError *error, char **field);

G_END_DECLS
