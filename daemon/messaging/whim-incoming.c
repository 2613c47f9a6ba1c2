/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-messenger-private.h"

/* From content to rows: the same whether it came as a message or from our phone's memory. */

WhimJid *
whim_incoming_parse_bare (const char *text)
{
  g_autoptr (WhimJid) jid = text == NULL ? NULL : whim_jid_parse (text, NULL);

  return jid == NULL || whim_jid_get_user (jid) == NULL ? NULL : whim_jid_to_bare (jid);
}

WhimMessage *
whim_incoming_make_message (const WhimOrigin *origin, const WhimContent *content)
{
  WhimMessage *message = whim_message_new ();

  message->id = g_strdup (origin->id);
  whim_chat_assign_jid (origin->chat, &message->chat_lid, &message->chat_pn, &message->chat_jid);
  if (origin->chat_other != NULL)
    whim_chat_assign_jid (origin->chat_other, &message->chat_lid, &message->chat_pn,
                          &message->chat_jid);
  if (!origin->from_me)
    {
      g_autofree char *nobody = NULL;

      whim_chat_assign_jid (origin->sender, &message->sender_lid, &message->sender_pn, &nobody);
      if (origin->sender_other != NULL)
        whim_chat_assign_jid (origin->sender_other, &message->sender_lid, &message->sender_pn,
                              &nobody);
      message->push_name = g_strdup (origin->push_name);
    }
  message->sender_device = origin->device;
  message->from_me = origin->from_me;
  message->timestamp = origin->timestamp;
  message->kind = g_strdup (content == NULL ? WHIM_MESSAGE_KIND_UNDECRYPTABLE : content->kind_word);
  message->body = g_strdup (content == NULL ? NULL : content->body);
  message->quoted_id = g_strdup (content == NULL ? NULL : content->quoted_id);
  message->content = content == NULL ? NULL : g_bytes_ref (content->bytes);
  message->source = g_strdup (!origin->from_me      ? "unknown"
                              : origin->device == 0 ? "mobile"
                                                    : "web");
  message->status = origin->from_me ? WHIM_MESSAGE_STATUS_SENT : WHIM_MESSAGE_STATUS_NONE;
  return message;
}

void
whim_incoming_put (WhimMessenger *self,
                   WhimUnit *unit,
                   const WhimOrigin *origin,
                   const WhimContent *content)
{
  g_autoptr (WhimMessage) message = whim_incoming_make_message (origin, content);

  if (content == NULL)
    {
      /* a cipher that is not understood yet */
      g_free (message->kind);
      message->kind = g_strdup ("unknown");
    }
  whim_unit_put_message (unit, message,
                         whim_event_new (self->channel_id,
                                         origin->from_me ? "message.sent" : "message.received",
                                         message->timestamp, whim_message_to_variant (message)));
}
