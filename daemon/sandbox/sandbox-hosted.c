/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-util.h"
#include "sandbox/sandbox-control-private.h"

#include <string.h>

/* Hosted accounts (dossier 2, 2.6): their pairings and their signed list of devices say so, and the
 * service itself has a device of theirs, number 99, on servers of its own. What the device does, a
 * soul does for it: an account that nobody can find, with keys, sessions and an inbox, whose only
 * device this is. */

#define SUFFIX ":99"

static Account *
soul_new (Account *body, Device *device)
{
  Account *self = g_new0 (Account, 1);

  self->sandbox = body->sandbox;
  self->body = body;
  self->pn = g_strdup (body->pn);
  self->lid = g_strdup (body->lid);
  self->name = g_strdup (body->name);
  self->identity = whim_key_pair_new ();
  self->devices = g_ptr_array_new ();
  self->watchers = g_hash_table_new (NULL, NULL);
  self->inbox = g_ptr_array_new_with_free_func (sandbox_inbox_item_free);
  g_ptr_array_add (self->devices, device);
  sandbox_limits_init (self);
  sandbox_phone_init (self);
  return self;
}

static void
add_hosted_device (Account *account)
{
  guint next = account->next_device;
  Device *device;

  account->next_device = SANDBOX_HOSTED_DEVICE;
  device = sandbox_account_add_device (account);
  account->next_device = next;
  device->greeted = TRUE;
  device->soul = soul_new (account, device);
  sandbox_account_announce (account, device, TRUE);
}

Account *
sandbox_find_speaker (Sandbox *self, const char *text)
{
  g_autofree char *digits = NULL;
  Account *account;
  Device *device;

  if (!g_str_has_suffix (text, SUFFIX))
    return sandbox_find_number (self, text);
  digits = g_strndup (text, strlen (text) - strlen (SUFFIX));
  account = sandbox_find_number (self, digits);
  device = account == NULL ? NULL : sandbox_account_get_device (account, SANDBOX_HOSTED_DEVICE);
  return device == NULL ? NULL : device->soul;
}

static JsonNode *
host (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  const char *pn = sandbox_control_text (body, "phone");
  Account *account = pn == NULL ? NULL : sandbox_find_number (self, pn);
  JsonObject *object;
  g_autofree char *speaker = NULL;

  if (account == NULL)
    {
      *error = "no such phone";
      return NULL;
    }
  account->hosted = TRUE;
  object = json_object_new ();
  if (json_object_get_boolean_member_with_default (body, "device", TRUE))
    {
      if (sandbox_account_get_device (account, SANDBOX_HOSTED_DEVICE) == NULL)
        add_hosted_device (account);
      speaker = g_strconcat (account->pn, SUFFIX, NULL);
      json_object_set_string_member (object, "phone", speaker);
    }
  return sandbox_control_take (object);
}

const ControlRow sandbox_hosted_rows[] = {
  { "POST", "/hosted", host },
};
const guint sandbox_n_hosted_rows = G_N_ELEMENTS (sandbox_hosted_rows);
