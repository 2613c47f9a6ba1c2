/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "sandbox/sandbox-control-private.h"

/* Requests that fail, or whose answers are lost, on demand. */

gboolean
sandbox_fault_takes_request (Connection *connection, WhimNode *iq, const char *name)
{
  Device *device = connection->device;

  if (device == NULL || device->faults.fail_request == NULL || device->faults.fail_count == 0
      || g_strcmp0 (device->faults.fail_request, name) != 0)
    return FALSE;
  device->faults.fail_count--;
  sandbox_iq_error (connection, iq, device->faults.fail_code, "failed-on-demand");
  return TRUE;
}

static JsonNode *
fail_requests (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  if (sandbox_control_text (body, "request") == NULL)
    {
      *error = "request is missing, such as encrypt:set:rotate";
      return NULL;
    }
  g_free (device->faults.fail_request);
  device->faults.fail_request = g_strconcat ("iq:", sandbox_control_text (body, "request"), NULL);
  device->faults.fail_code = (guint)sandbox_control_int (body, "code", 500);
  device->faults.fail_count = (guint)sandbox_control_int (body, "count", 1);
  return sandbox_control_ok ();
}

const ControlRow sandbox_request_rows[] = {
  { "POST", "/fail-requests", fail_requests },
};
const guint sandbox_n_request_rows = G_N_ELEMENTS (sandbox_request_rows);
