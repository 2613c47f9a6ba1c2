/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "sandbox/sandbox-control-private.h"

/* What the phone remembers of the messages that it read, and how it answers companions that could
 * not read them (dossier 2, 6.8). */

#define MAX_REMEMBERED 2000u

void
sandbox_phone_remember (Account *self, WhimNode *message, Account *author, WhimContent *content)
{
  Wa__WebMessageInfo info = WA__WEB_MESSAGE_INFO__INIT;
  Wa__MessageKey key = WA__MESSAGE_KEY__INIT;
  g_autoptr (WhimJid) chat = NULL;

  if (author == self)
    return; /* ours, from a companion: nobody asks for it */
  if (g_hash_table_size (self->remembered) >= MAX_REMEMBERED)
    g_hash_table_remove_all (self->remembered);
  chat = sandbox_account_jid (author, TRUE);
  key.remotejid = (char *)whim_jid_get_text (chat);
  key.has_fromme = TRUE;
  key.id = (char *)whim_node_get_attr (message, "id");
  info.key = &key;
  info.message = content->message;
  info.has_messagetimestamp = TRUE;
  info.messagetimestamp = (guint64)whim_node_get_attr_int (message, "t", 0);
  info.pushname = (char *)whim_node_get_attr (message, "notify");
  g_hash_table_replace (self->remembered, g_strdup (key.id), whim_proto_pack (&info));
}

static void
answer_with (Account *self,
             Device *device,
             const char *request,
             Wa__PeerDataOperationResult **results,
             guint n)
{
  Wa__ProtocolMessage protocol = WA__PROTOCOL_MESSAGE__INIT;
  Wa__PeerDataOperationRequestResponseMessage response
      = WA__PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE__INIT;

  response.has_peerdataoperationrequesttype = TRUE;
  response.peerdataoperationrequesttype = 4;
  response.stanzaid = (char *)request;
  response.n_peerdataoperationresult = n;
  response.peerdataoperationresult = results;
  protocol.has_type = TRUE;
  protocol.type = WHIM_PROTOCOL_PEER_DATA_RESPONSE;
  protocol.peerdataoperationrequestresponsemessage = &response;
  sandbox_phone_send_protocol (self, device, &protocol);
}

void
sandbox_phone_take_request (Account *self,
                            Device *device,
                            const char *id,
                            const Wa__PeerDataOperationRequestMessage *request)
{
  gsize n = request->n_placeholdermessageresendrequest;
  g_autofree Wa__PeerDataOperationResult *result = g_new (Wa__PeerDataOperationResult, n + 1);
  g_autofree Wa__PlaceholderMessageResendResponse *resend
      = g_new (Wa__PlaceholderMessageResendResponse, n + 1);
  g_autofree Wa__PeerDataOperationResult **results = g_new (Wa__PeerDataOperationResult *, n + 1);
  guint found = 0;

  if (request->peerdataoperationrequesttype != 4 || n == 0 || n > 32)
    {
      sandbox_violation (self->sandbox, "a request to the phone that it does not know");
      return;
    }
  sandbox_count (self->sandbox, "placeholder-requests");
  for (gsize i = 0; i < n; i++)
    {
      const Wa__MessageKey *key = request->placeholdermessageresendrequest[i]->messagekey;
      GBytes *bytes
          = key == NULL || key->id == NULL ? NULL : g_hash_table_lookup (self->remembered, key->id);

      sandbox_count (self->sandbox, "placeholder-keys");
      if (bytes == NULL)
        continue;
      wa__placeholder_message_resend_response__init (&resend[found]);
      resend[found].has_webmessageinfobytes = TRUE;
      resend[found].webmessageinfobytes = whim_proto_data_bytes (bytes);
      wa__peer_data_operation_result__init (&result[found]);
      result[found].placeholdermessageresendresponse = &resend[found];
      results[found] = &result[found];
      found++;
    }
  if (self->forgetful)
    sandbox_count (self->sandbox, "placeholder-unanswered");
  else
    answer_with (self, device, id, results, found);
}

static JsonNode *
set_memory (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  const char *digits = sandbox_control_text (body, "phone");
  Account *account = digits == NULL ? NULL : sandbox_find_number (self, digits);

  if (account == NULL)
    {
      *error = "there is no such phone";
      return NULL;
    }
  account->forgetful = !json_object_get_boolean_member_with_default (body, "on", TRUE);
  return sandbox_control_ok ();
}

/* ---- the server has nothing for a device --------------------------------------------------------
 */

WhimNode *
sandbox_fault_make_unavailable (Device *to, WhimNode *node)
{
  WhimNodeBuilder *builder;
  WhimNodeBuilder *child;
  const char *kind = to->faults.unavailable_kind;

  if (to->faults.unavailable == 0 || !whim_node_is (node, "message")
      || whim_node_attr_equals (node, "category", "peer")
      || whim_node_find_child (node, "enc") == NULL)
    return NULL;
  to->faults.unavailable--;
  sandbox_count (to->account->sandbox, "made-unavailable");
  builder = sandbox_copy_head (node);
  child = whim_node_builder_new ("unavailable");
  if (g_strcmp0 (kind, "view_once") == 0)
    whim_node_builder_attr (child, "type", "view_once");
  else if (g_strcmp0 (kind, "hosted") == 0)
    whim_node_builder_attr (child, "hosted", "true");
  else if (g_strcmp0 (kind, "bot") == 0)
    whim_node_builder_child (builder, whim_node_builder_end (whim_node_builder_new ("bot")));
  whim_node_builder_child (builder, whim_node_builder_end (child));
  return whim_node_builder_end (builder);
}

static JsonNode *
make_unavailable (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Device *device = sandbox_control_device (self, body, error);

  if (device == NULL)
    return NULL;
  g_free (device->faults.unavailable_kind);
  device->faults.unavailable_kind = g_strdup (sandbox_control_text (body, "kind"));
  device->faults.unavailable = (guint)sandbox_control_int (body, "count", 1);
  return sandbox_control_ok ();
}

const ControlRow sandbox_memory_rows[] = {
  { "POST", "/memory", set_memory },
  { "POST", "/unavailable", make_unavailable },
};
const guint sandbox_n_memory_rows = G_N_ELEMENTS (sandbox_memory_rows);
