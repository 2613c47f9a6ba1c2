/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "content/whim-content.h"

/* What we ask our own phone for (dossier 2, 6.8). */

#define REQUEST 16
#define PLACEHOLDER_RESEND 4

GBytes *
whim_content_make_placeholder_request (const WhimContentKey *keys, guint n_keys)
{
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__ProtocolMessage protocol = WA__PROTOCOL_MESSAGE__INIT;
  Wa__PeerDataOperationRequestMessage request = WA__PEER_DATA_OPERATION_REQUEST_MESSAGE__INIT;
  g_autofree Wa__MessageKey *key = g_new (Wa__MessageKey, n_keys);
  g_autofree Wa__PlaceholderMessageResendRequest *resend
      = g_new (Wa__PlaceholderMessageResendRequest, n_keys);
  g_autofree Wa__PlaceholderMessageResendRequest **resends
      = g_new (Wa__PlaceholderMessageResendRequest *, n_keys);

  for (guint i = 0; i < n_keys; i++)
    {
      wa__message_key__init (&key[i]);
      key[i].remotejid = (char *)keys[i].chat;
      key[i].has_fromme = TRUE;
      key[i].fromme = keys[i].from_me;
      key[i].id = (char *)keys[i].id;
      key[i].participant = (char *)keys[i].participant;
      wa__placeholder_message_resend_request__init (&resend[i]);
      resend[i].messagekey = &key[i];
      resends[i] = &resend[i];
    }
  request.has_peerdataoperationrequesttype = TRUE;
  request.peerdataoperationrequesttype = PLACEHOLDER_RESEND;
  request.n_placeholdermessageresendrequest = n_keys;
  request.placeholdermessageresendrequest = resends;
  protocol.has_type = TRUE;
  protocol.type = REQUEST;
  protocol.peerdataoperationrequestmessage = &request;
  message.protocolmessage = &protocol;
  return whim_proto_pack (&message);
}
