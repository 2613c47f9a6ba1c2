/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "sandbox/sandbox.h"

#include <string.h>

/* usync: who is registered, under which LID, with which devices (dossier 2, 1.3, 2.1). */

static WhimNode *
empty (const char *tag)
{
  return whim_node_builder_end (whim_node_builder_new (tag));
}

static WhimNode *
make_devices (Account *account)
{
  WhimNodeBuilder *devices = whim_node_builder_new ("devices");
  WhimNodeBuilder *list = whim_node_builder_new ("device-list");
  WhimNodeBuilder *indexes = whim_node_builder_new ("key-index-list");
  gint64 now = sandbox_now ();
  g_autoptr (GBytes) signed_list = sandbox_account_make_key_index_list (account, now);

  for (guint i = 0; i < account->devices->len; i++)
    {
      Device *device = g_ptr_array_index (account->devices, i);
      WhimNodeBuilder *child = whim_node_builder_new ("device");

      whim_node_builder_attr_int (child, "id", device->number);
      if (device->number != 0 && device->index != INDEX_MISSING)
        whim_node_builder_attr_int (child, "key-index", device->key_index);
      if (device->number == SANDBOX_HOSTED_DEVICE)
        whim_node_builder_attr (child, "is_hosted", "true");
      whim_node_builder_child (list, whim_node_builder_end (child));
    }
  whim_node_builder_attr_int (indexes, "ts", now);
  whim_node_builder_bytes (indexes, signed_list);
  whim_node_builder_child (devices, whim_node_builder_end (list));
  whim_node_builder_child (devices, whim_node_builder_end (indexes));
  return whim_node_builder_end (devices);
}

/* The "+" is required: without it the digits are a national number (1.3). */
static Account *
find_contact (Sandbox *self, const char *text)
{
  g_autofree char *digits = NULL;

  if (text == NULL || text[0] != '+')
    return NULL;
  digits = g_strdup (text + 1);
  g_strdelimit (digits, "@", '\0');
  return sandbox_find_number (self, digits);
}

static WhimNode *
make_contact (const char *asked, Account *account)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("contact");

  whim_node_builder_attr (builder, "type", account == NULL ? "out" : "in");
  if (asked != NULL)
    whim_node_builder_data (builder, asked, strlen (asked));
  return whim_node_builder_end (builder);
}

static WhimNode *
make_lid (Account *account)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("lid");
  g_autoptr (WhimJid) lid = sandbox_account_jid (account, TRUE);

  whim_node_builder_attr_jid (builder, "val", lid);
  return whim_node_builder_end (builder);
}

static WhimNode *
answer_user (Connection *connection, WhimNode *query, WhimNode *user)
{
  Sandbox *self = connection->sandbox;
  WhimNode *contact = whim_node_find_child (user, "contact");
  WhimJid *jid = whim_node_get_attr_jid (user, "jid");
  g_autofree char *asked = contact == NULL ? NULL : whim_node_dup_content_text (contact);
  Account *account = jid != NULL ? sandbox_find_account (self, jid) : find_contact (self, asked);
  WhimNodeBuilder *builder = whim_node_builder_new ("user");
  g_autoptr (WhimJid) shown = NULL;

  if (jid != NULL)
    shown = whim_jid_ref (jid);
  else if (account != NULL)
    shown = sandbox_account_jid (account, FALSE);
  whim_node_builder_attr_jid (builder, "jid", shown);
  if (whim_node_find_child (query, "contact") != NULL && (asked != NULL || jid != NULL))
    whim_node_builder_child (builder, make_contact (asked, account));
  if (account == NULL)
    return whim_node_builder_end (builder);
  if (whim_node_find_child (query, "lid") != NULL)
    whim_node_builder_child (builder, make_lid (account));
  if (whim_node_find_child (query, "devices") != NULL)
    {
      whim_node_builder_child (builder, make_devices (account));
      if (connection->device != NULL)
        g_hash_table_add (account->watchers, connection->device);
    }
  return whim_node_builder_end (builder);
}

void
sandbox_handle_usync (Connection *connection, WhimNode *iq)
{
  WhimNode *usync = whim_node_find_child (iq, "usync");
  WhimNode *query = usync == NULL ? NULL : whim_node_find_child (usync, "query");
  WhimNode *list = usync == NULL ? NULL : whim_node_find_child (usync, "list");
  WhimNodeBuilder *answer;
  WhimNodeBuilder *results;
  WhimNodeBuilder *users;

  if (query == NULL || list == NULL)
    {
      sandbox_violation (connection->sandbox, "usync without query or list");
      sandbox_iq_error (connection, iq, 400, "bad-request");
      return;
    }
  answer = whim_node_builder_new ("usync");
  results = whim_node_builder_new ("result");
  users = whim_node_builder_new ("list");
  whim_node_builder_attr (answer, "sid", whim_node_get_attr (usync, "sid"));
  whim_node_builder_attr (answer, "mode", whim_node_get_attr (usync, "mode"));
  WHIM_FOREACH_CHILD (query, protocol)
    {
      whim_node_builder_child (results, empty (whim_node_get_tag (protocol)));
    }
  WHIM_FOREACH_CHILD (list, user)
    {
      whim_node_builder_child (users, answer_user (connection, query, user));
    }
  whim_node_builder_child (answer, whim_node_builder_end (results));
  whim_node_builder_child (answer, whim_node_builder_end (users));
  sandbox_iq_result (connection, iq, whim_node_builder_end (answer));
}
