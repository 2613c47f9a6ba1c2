/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

/* One table from the errors of the layers below to the public ones. */

static const struct
{
  GQuark (*domain) (void);
  gint code;
  WhimErrorCode public_code;
  const char *field;
} rows[] = {
  { whim_messaging_error_quark, WHIM_MESSAGING_ERROR_NOT_PAIRED, WHIM_ERROR_NOT_PAIRED, NULL },
  { whim_messaging_error_quark, WHIM_MESSAGING_ERROR_ADDRESS, WHIM_ERROR_INVALID_PARAMETER, "to" },
  { whim_messaging_error_quark, WHIM_MESSAGING_ERROR_NOT_SUPPORTED, WHIM_ERROR_NOT_SUPPORTED,
    "to" },
  { whim_messaging_error_quark, WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN,
    WHIM_ERROR_RECIPIENT_UNKNOWN, "to" },
  { whim_messaging_error_quark, WHIM_MESSAGING_ERROR_QUOTED, WHIM_ERROR_NOT_FOUND, "quoted" },
  { whim_messaging_error_quark, WHIM_MESSAGING_ERROR_MENTION, WHIM_ERROR_INVALID_PARAMETER,
    "mentions" },
  { whim_messaging_error_quark, WHIM_MESSAGING_ERROR_NOT_IN_QUEUE, WHIM_ERROR_NOT_FOUND, NULL },
  { whim_messaging_error_quark, WHIM_MESSAGING_ERROR_LEFT, WHIM_ERROR_CONFLICT, NULL },
  { whim_messaging_error_quark, WHIM_MESSAGING_ERROR_STORE, WHIM_ERROR_STORE_FAILED, NULL },
  { whim_store_error_quark, WHIM_STORE_ERROR_FAILED, WHIM_ERROR_STORE_FAILED, NULL },
  { whim_store_error_quark, WHIM_STORE_ERROR_LOCKED, WHIM_ERROR_STORE_FAILED, NULL },
  { whim_store_error_quark, WHIM_STORE_ERROR_NEWER, WHIM_ERROR_STORE_FAILED, NULL },
  { whim_store_error_quark, WHIM_STORE_ERROR_CORRUPT, WHIM_ERROR_STORE_FAILED, NULL },
  { whim_store_error_quark, WHIM_STORE_ERROR_CONFLICT, WHIM_ERROR_CONFLICT, NULL },
  { whim_session_error_quark, WHIM_SESSION_ERROR_NOT_CONNECTED, WHIM_ERROR_NOT_CONNECTED, NULL },
  { whim_session_error_quark, WHIM_SESSION_ERROR_TIMED_OUT, WHIM_ERROR_TIMED_OUT, NULL },
  { whim_session_error_quark, WHIM_SESSION_ERROR_REFUSED, WHIM_ERROR_REFUSED, NULL },
  { whim_session_error_quark, WHIM_SESSION_ERROR_BUSY, WHIM_ERROR_RATE_LIMITED, NULL },
  { whim_session_error_quark, WHIM_SESSION_ERROR_ADV, WHIM_ERROR_REFUSED, NULL },
  { whim_session_error_quark, WHIM_SESSION_ERROR_MALFORMED, WHIM_ERROR_REFUSED, NULL },
};

GError *
whim_error_to_public (const GError *error)
{
  GError *mapped = NULL;

  if (error->domain == WHIM_ERROR || error->domain == G_IO_ERROR)
    return g_error_copy (error);
  if (g_error_matches (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_BACK_OFF))
    {
      whim_set_retry_error (&mapped, WHIM_ERROR_RATE_LIMITED,
                            (guint)g_ascii_strtoull (error->message, NULL, 10),
                            "WhatsApp wants to be asked less often");
      return mapped;
    }
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (error->domain == rows[i].domain () && error->code == rows[i].code)
      {
        whim_set_field_error (&mapped, rows[i].public_code, rows[i].field, error->message);
        return mapped;
      }
  g_warning ("an error without a public name: %s %d", g_quark_to_string (error->domain),
             error->code);
  return g_error_new_literal (WHIM_ERROR, WHIM_ERROR_INTERNAL, "an internal error");
}
