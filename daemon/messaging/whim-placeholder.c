/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "messaging/whim-messenger-private.h"

/* What our phone answers when we ask for messages that we could not read (dossier 2, 6.8). The
 * caller has made sure that it is our phone. */

/* The other name of a person, from memory. */
static WhimJid *
other_name (WhimMessenger *self, WhimJid *jid)
{
  return whim_jid_is_user (jid) ? whim_directory_peek_other (self->directory, jid) : NULL;
}

static void
put_one (WhimMessenger *self, WhimUnit *unit, const char *request, const Wa__WebMessageInfo *info)
{
  const Wa__MessageKey *key = info->key;
  g_autoptr (WhimJid) chat = NULL;
  g_autoptr (WhimJid) chat_other = NULL;
  g_autoptr (WhimJid) sender = NULL;
  g_autoptr (WhimJid) sender_other = NULL;
  g_autoptr (WhimContent) content = NULL;
  g_autoptr (GBytes) bytes = NULL;
  const char *author;
  WhimOrigin origin = { 0 };

  if (key == NULL || key->id == NULL || *key->id == '\0' || key->remotejid == NULL
      || info->message == NULL)
    return;
  chat = whim_incoming_parse_bare (key->remotejid);
  author = key->participant != NULL ? key->participant : info->participant;
  if (chat != NULL && !key->fromme)
    sender = author != NULL && !whim_jid_is_user (chat) ? whim_incoming_parse_bare (author)
                                                        : whim_jid_ref (chat);
  bytes = whim_proto_pack (info->message);
  content = whim_content_parse (bytes, NULL);
  if (chat == NULL || (sender == NULL && !key->fromme) || content == NULL
      || content->kind == WHIM_CONTENT_KEYS)
    return;
  if (sender == NULL)
    sender = whim_jid_to_bare (whim_messenger_get_keys (self)->pn);
  chat_other = other_name (self, chat);
  sender_other = other_name (self, sender);
  origin.id = key->id;
  origin.chat = chat;
  origin.chat_other = chat_other;
  origin.sender = sender;
  origin.sender_other = sender_other;
  origin.from_me = key->fromme;
  origin.push_name = info->pushname;
  origin.timestamp = info->has_messagetimestamp && info->messagetimestamp <= WHIM_LIMIT_TIME
                         ? (gint64)info->messagetimestamp
                         : whim_session_get_server_time (self->session);
  if (request != NULL)
    {
      whim_unit_end_request (unit, request, key->id);
      whim_repairer_answered (self->repairer, request, key->id);
    }
  whim_incoming_put (self, unit, &origin, content);
}

void
whim_placeholder_put (WhimMessenger *self,
                      WhimUnit *unit,
                      const Wa__PeerDataOperationRequestResponseMessage *response)
{
  for (gsize i = 0; i < MIN (response->n_peerdataoperationresult, WHIM_LIMIT_PHONE_RESULTS); i++)
    {
      const Wa__PlaceholderMessageResendResponse *resend
          = response->peerdataoperationresult[i]->placeholdermessageresendresponse;
      g_autoptr (Wa__WebMessageInfo) info = NULL;

      if (resend == NULL || !resend->has_webmessageinfobytes)
        continue;
      info = whim_proto_unpack (&wa__web_message_info__descriptor, resend->webmessageinfobytes.data,
                                resend->webmessageinfobytes.len, NULL);
      if (info != NULL)
        put_one (self, unit, response->stanzaid, info);
    }
}
