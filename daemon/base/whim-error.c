/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-error.h"

#include <string.h>

#define DBUS_PREFIX "org.whimbrel.Whimbrel1.Error."

/* Separates the field path from the sentence inside GError.message; cannot stand in a path. */
#define FIELD_SEPARATOR "\x1f"
/* Begins a field that is none: the details themselves. */
#define DETAILS_MARK "\x1e"

static const WhimErrorInfo infos[WHIM_N_ERRORS] = {
  [WHIM_ERROR_INTERNAL] = { "internal", 500, DBUS_PREFIX "Internal", FALSE },
  [WHIM_ERROR_INVALID_PARAMETER]
  = { "invalid_parameter", 400, DBUS_PREFIX "InvalidParameter", FALSE },
  [WHIM_ERROR_MISSING_PARAMETER]
  = { "missing_parameter", 400, DBUS_PREFIX "MissingParameter", FALSE },
  [WHIM_ERROR_UNAUTHORIZED] = { "unauthorized", 401, DBUS_PREFIX "Unauthorized", FALSE },
  [WHIM_ERROR_FORBIDDEN] = { "forbidden", 403, DBUS_PREFIX "Forbidden", FALSE },
  [WHIM_ERROR_NOT_FOUND] = { "not_found", 404, DBUS_PREFIX "NotFound", FALSE },
  [WHIM_ERROR_CHANNEL_NOT_FOUND]
  = { "channel_not_found", 404, DBUS_PREFIX "ChannelNotFound", FALSE },
  [WHIM_ERROR_METHOD_NOT_ALLOWED]
  = { "method_not_allowed", 405, DBUS_PREFIX "MethodNotAllowed", FALSE },
  [WHIM_ERROR_CONFLICT] = { "conflict", 409, DBUS_PREFIX "Conflict", FALSE },
  [WHIM_ERROR_NOT_PAIRED] = { "not_paired", 409, DBUS_PREFIX "NotPaired", FALSE },
  [WHIM_ERROR_NOT_PAIRING] = { "not_pairing", 409, DBUS_PREFIX "NotPairing", FALSE },
  [WHIM_ERROR_ALREADY_PAIRED] = { "already_paired", 409, DBUS_PREFIX "AlreadyPaired", FALSE },
  [WHIM_ERROR_IDEMPOTENCY_CONFLICT]
  = { "idempotency_conflict", 409, DBUS_PREFIX "IdempotencyConflict", FALSE },
  [WHIM_ERROR_CURSOR_EXPIRED] = { "cursor_expired", 410, DBUS_PREFIX "CursorExpired", FALSE },
  [WHIM_ERROR_TOO_LARGE] = { "too_large", 413, DBUS_PREFIX "TooLarge", FALSE },
  [WHIM_ERROR_UNSUPPORTED_MEDIA_TYPE]
  = { "unsupported_media_type", 415, DBUS_PREFIX "UnsupportedMediaType", FALSE },
  [WHIM_ERROR_NOT_SUPPORTED] = { "not_supported", 422, DBUS_PREFIX "NotSupported", FALSE },
  [WHIM_ERROR_RECIPIENT_UNKNOWN]
  = { "recipient_unknown", 422, DBUS_PREFIX "RecipientUnknown", FALSE },
  [WHIM_ERROR_RATE_LIMITED] = { "rate_limited", 429, DBUS_PREFIX "RateLimited", TRUE },
  [WHIM_ERROR_REFUSED] = { "refused", 502, DBUS_PREFIX "Refused", FALSE },
  [WHIM_ERROR_NOT_CONNECTED] = { "channel_not_connected", 503, DBUS_PREFIX "NotConnected", TRUE },
  [WHIM_ERROR_TIMED_OUT] = { "timed_out", 504, DBUS_PREFIX "TimedOut", TRUE },
  [WHIM_ERROR_STORE_FAILED] = { "store_failed", 503, DBUS_PREFIX "StoreFailed", TRUE },
};

G_DEFINE_QUARK (whim - error - quark, whim_error)

const WhimErrorInfo *
whim_error_get_info (gint code)
{
  if (code < 0 || code >= WHIM_N_ERRORS)
    return &infos[WHIM_ERROR_INTERNAL];
  return &infos[code];
}

void
whim_set_field_error (GError **error, WhimErrorCode code, const char *field, const char *message)
{
  if (field == NULL)
    g_set_error_literal (error, WHIM_ERROR, code, message);
  else
    g_set_error (error, WHIM_ERROR, code, "%s" FIELD_SEPARATOR "%s", field, message);
}

void
whim_set_error_details (GError **error,
                        WhimErrorCode code,
                        const char *details,
                        const char *message)
{
  g_set_error (error, WHIM_ERROR, code, DETAILS_MARK "%s" FIELD_SEPARATOR "%s", details, message);
}

const char *
whim_error_field_to_details (const char *field)
{
  return g_str_has_prefix (field, DETAILS_MARK) ? field + strlen (DETAILS_MARK) : NULL;
}

const char *
whim_error_split_field (const GError *error, char **field)
{
  const char *separator = strstr (error->message, FIELD_SEPARATOR);

  if (separator == NULL)
    {
      *field = NULL;
      return error->message;
    }
  *field = g_strndup (error->message, separator - error->message);
  return separator + strlen (FIELD_SEPARATOR);
}

/* The text is for people as well, so the number stands in it. */
#define RETRY_PHRASE "; again after "

void
whim_set_retry_error (GError **error, WhimErrorCode code, guint seconds, const char *message)
{
  g_set_error (error, WHIM_ERROR, code, "%s" RETRY_PHRASE "%u s", message, seconds);
}

guint
whim_error_get_retry_after (const GError *error)
{
  const char *phrase
      = error->domain == WHIM_ERROR ? g_strrstr (error->message, RETRY_PHRASE) : NULL;

  return phrase == NULL ? 0 : (guint)g_ascii_strtoull (phrase + strlen (RETRY_PHRASE), NULL, 10);
}
