/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"

#include "present/whim-present.h"

#include <glib/gstdio.h>

/* Its name is gone before its first byte is sent: however the request ends, nothing stays on the
 * disk. Mapped, not read: what libsoup has not written yet costs no memory of ours. */
void
whim_rest_answer_file (WhimRestRequest *request, GVariant *result)
{
  const char *path = NULL;
  const char *name = NULL;
  const char *type = NULL;
  g_autoptr (GMappedFile) file = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *disposition = NULL;

  g_variant_lookup (result, "path", "^&ay", &path);
  g_variant_lookup (result, "name", "&s", &name);
  g_variant_lookup (result, "contentType", "&s", &type);
  g_return_if_fail (path != NULL && name != NULL && type != NULL);
  file = g_mapped_file_new (path, FALSE, NULL);
  g_unlink (path);
  if (file == NULL)
    {
      g_set_error_literal (&error, WHIM_ERROR, WHIM_ERROR_STORE_FAILED, "the file cannot be read");
      whim_rest_request_fail (request, error);
      return;
    }
  if (request->message == NULL)
    return;
  bytes = g_mapped_file_get_bytes (file);
  disposition = g_strdup_printf ("attachment; filename=\"%s\"", name);
  soup_message_headers_replace (soup_server_message_get_response_headers (request->message),
                                "Content-Disposition", disposition);
  whim_rest_request_answer (request, SOUP_STATUS_OK, type, bytes);
}
