/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-messenger-private.h"
#include "store/whim-store-actions.h"

/* How far the clock of a sender may be ahead of the server's. */
#define CLOCK_SLACK_S 60

/* From content to rows: the same whether it came as a message or from our phone's memory. */

WhimJid *
whim_incoming_parse_bare (const char *text)
{
  g_autoptr (WhimJid) jid = text == NULL ? NULL : whim_jid_parse (text, NULL);

  return jid == NULL || whim_jid_get_user (jid) == NULL ? NULL : whim_jid_to_bare (jid);
}

gint64
whim_incoming_limit_time (gint64 said, gint64 received)
{
  return said > 0 ? MIN (said, received + CLOCK_SLACK_S) : received;
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
  message->secret = content == NULL ? NULL : whim_content_take_secret (content);
  message->source = g_strdup (!origin->from_me      ? "unknown"
                              : origin->device == 0 ? "mobile"
                                                    : "web");
  message->status = origin->from_me ? WHIM_MESSAGE_STATUS_SENT : WHIM_MESSAGE_STATUS_NONE;
  return message;
}

/* ---- actions
 * ------------------------------------------------------------------------------------- */

/* What only the secret of the target opens (dossier 2, 8.2): under which names it was sealed is not
 * said, so all that fit are tried. */
typedef struct
{
  WhimContentActionKind kind;
  char *target_id;
  GBytes *payload;
  GBytes *iv;
  char *authors[2];
  char *modifiers[2];
} Sealed;

static void
sealed_free (gpointer data)
{
  Sealed *self = data;

  g_bytes_unref (self->payload);
  g_bytes_unref (self->iv);
  for (guint i = 0; i < 2; i++)
    {
      g_free (self->authors[i]);
      g_free (self->modifiers[i]);
    }
  g_free (self->target_id);
  g_free (self);
}

/* The content that stands for a message after an edit. */
static gboolean
take_edited (WhimActionEffect *effect, Wa__Message *edited)
{
  g_autoptr (GBytes) bytes = whim_proto_pack (edited);
  g_autoptr (WhimContent) content = whim_content_parse (bytes, NULL);

  if (content == NULL || content->kind != WHIM_CONTENT_MESSAGE)
    return FALSE;
  effect->kind = g_strdup (content->kind_word);
  effect->body = g_strdup (content->body);
  effect->content = g_steal_pointer (&bytes);
  return TRUE;
}

static gboolean
take_opened (const Sealed *self, GBytes *plain, WhimActionEffect *effect)
{
  g_autoptr (WhimContent) content = NULL;
  g_autoptr (Wa__ReactionMessage) reaction = NULL;
  WhimContentAction action;

  if (self->kind == WHIM_CONTENT_ACTION_REACTION)
    {
      reaction = whim_proto_unpack_bytes (&wa__reaction_message__descriptor, plain, NULL);
      if (reaction == NULL)
        return FALSE;
      effect->emoji = g_strdup (reaction->text == NULL ? "" : reaction->text);
      effect->at_ms = reaction->has_sendertimestampms ? reaction->sendertimestampms : 0;
      return TRUE;
    }
  content = whim_content_parse (plain, NULL);
  if (content == NULL || !whim_content_get_action (content, &action))
    return FALSE;
  effect->at_ms = action.at_ms;
  return action.kind == WHIM_CONTENT_ACTION_EDIT && !action.encrypted
         && g_strcmp0 (action.target_id, self->target_id) == 0
         && take_edited (effect, action.edited);
}

/* Runs on the writer thread. */
static gboolean
sealed_open (gpointer data, GBytes *secret, WhimActionEffect *effect)
{
  const Sealed *self = data;
  ProtobufCBinaryData payload = whim_proto_data_bytes (self->payload);
  ProtobufCBinaryData iv = whim_proto_data_bytes (self->iv);
  const char *label = self->kind == WHIM_CONTENT_ACTION_REACTION ? WHIM_CONTENT_LABEL_REACTION
                                                                 : WHIM_CONTENT_LABEL_EDIT;

  /* both by LID, both by number, then mixed */
  for (guint i = 0; i < 4; i++)
    {
      const char *author = self->authors[i % 2];
      const char *modifier = self->modifiers[i < 2 ? i : 3 - i];
      g_autoptr (GBytes) plain = NULL;

      if (author == NULL || modifier == NULL)
        continue;
      plain = whim_content_open (secret, self->target_id, author, modifier, label, NULL, &payload,
                                 &iv);
      if (plain != NULL)
        return take_opened (self, plain, effect);
    }
  return FALSE;
}

/* LID first; NULL where it is not known. */
static void
take_names (char *names[2], WhimJid *jid, WhimJid *other)
{
  WhimJid *both[2] = { jid, other };

  for (guint i = 0; i < 2; i++)
    if (both[i] != NULL)
      {
        g_autoptr (WhimJid) bare = whim_jid_to_bare (both[i]);
        guint slot = whim_jid_is_lid (bare) ? 0 : 1;

        g_free (names[slot]);
        names[slot] = g_strdup (whim_jid_get_text (bare));
      }
}

/* Who wrote the message that the key names; keys are written from the sender's view (8.2). */
static void
find_author (WhimMessenger *self,
             const WhimOrigin *origin,
             const WhimContentAction *action,
             WhimAction *out,
             char *names[2])
{
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  gboolean person = whim_jid_is_user (origin->chat);
  g_autoptr (WhimJid) participant
      = person ? NULL : whim_incoming_parse_bare (action->target_participant);
  g_autoptr (WhimJid) other = NULL;

  if (action->target_from_me)
    out->author_me = origin->from_me;
  else if (person)
    out->author_me = !origin->from_me;
  else
    out->author_me = participant != NULL && whim_messenger_is_own (self, participant);
  if (out->author_me)
    take_names (names, keys->lid, keys->pn);
  else if (action->target_from_me)
    take_names (names, origin->sender, origin->sender_other);
  else if (person)
    take_names (names, origin->chat, origin->chat_other);
  else if (participant != NULL)
    {
      other = whim_directory_peek_other (self->directory, participant);
      take_names (names, participant, other);
    }
  out->author_lid = g_strdup (names[0]);
  out->author_pn = g_strdup (names[1]);
}

static Sealed *
sealed_new (WhimMessenger *self,
            const WhimOrigin *origin,
            const WhimContentAction *action,
            char *authors[2])
{
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  Sealed *sealed = g_new0 (Sealed, 1);

  sealed->kind = action->kind;
  sealed->target_id = g_strdup (action->target_id);
  sealed->payload = whim_proto_dup_data (&action->payload);
  sealed->iv = whim_proto_dup_data (&action->iv);
  for (guint i = 0; i < 2; i++)
    sealed->authors[i] = g_strdup (authors[i]);
  if (origin->from_me)
    take_names (sealed->modifiers, keys->lid, keys->pn);
  else
    take_names (sealed->modifiers, origin->sender, origin->sender_other);
  return sealed;
}

static void
put_action (WhimMessenger *self,
            WhimUnit *unit,
            const WhimOrigin *origin,
            const WhimContentAction *action,
            WhimMessage *message)
{
  static const WhimActionKind kinds[] = {
    [WHIM_CONTENT_ACTION_EDIT] = WHIM_ACTION_EDIT,
    [WHIM_CONTENT_ACTION_REVOKE] = WHIM_ACTION_REVOKE,
    [WHIM_CONTENT_ACTION_REACTION] = WHIM_ACTION_REACTION,
  };
  char *names[2] = { NULL, NULL };
  gint64 now_ms = origin->timestamp * 1000;
  WhimAction *out;

  g_free (message->kind);
  message->kind = g_strdup ("action");
  if (action->kind == WHIM_CONTENT_ACTION_TIMER)
    {
      whim_unit_set_chat_timer (unit, message, action->expiration,
                                whim_incoming_limit_time (action->at_ms / 1000, origin->timestamp));
      return;
    }
  out = whim_action_new (kinds[action->kind]);
  out->message = whim_message_copy (message);
  out->channel_id = g_strdup (self->channel_id);
  out->target_id = g_strdup (action->target_id);
  /* a clock that is ahead must not keep later changes out for ever */
  out->latest_ms = now_ms + CLOCK_SLACK_S * 1000;
  out->at_ms = action->at_ms > 0 ? MIN (action->at_ms, out->latest_ms) : now_ms;
  find_author (self, origin, action, out, names);
  if (action->kind == WHIM_CONTENT_ACTION_REACTION && !origin->from_me)
    {
      out->who_lid = g_strdup (message->sender_lid);
      out->who_pn = g_strdup (message->sender_pn);
    }
  out->effect.emoji = g_strdup (action->emoji);
  if (action->encrypted)
    {
      out->open = sealed_open;
      out->data = sealed_new (self, origin, action, names);
      out->free_data = sealed_free;
    }
  /* only the author changes or takes back a message */
  if ((action->kind != WHIM_CONTENT_ACTION_REACTION && out->author_me != origin->from_me)
      || (action->kind != WHIM_CONTENT_ACTION_REACTION && !action->target_from_me)
      || (action->kind == WHIM_CONTENT_ACTION_EDIT && !action->encrypted
          && !take_edited (&out->effect, action->edited)))
    {
      g_free (out->target_id);
      out->target_id = g_strdup (""); /* nothing has this id: it is kept and told, and no more */
    }
  whim_unit_apply_action (unit, out);
  for (guint i = 0; i < 2; i++)
    g_free (names[i]);
}

void
whim_incoming_put (WhimMessenger *self,
                   WhimUnit *unit,
                   const WhimOrigin *origin,
                   const WhimContent *content)
{
  g_autoptr (WhimMessage) message = whim_incoming_make_message (origin, content);
  WhimContentAction action;

  if (content != NULL && whim_content_get_action (content, &action))
    {
      put_action (self, unit, origin, &action, message);
      return;
    }
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
