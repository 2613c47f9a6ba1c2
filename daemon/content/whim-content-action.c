/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "content/whim-content.h"
#include "crypto/whim-crypto.h"

/* What a content does to another message (dossier 2, 7), and contents that only those can read who
 * know the secret of the message they belong to (dossier 2, 8). */

#define SECRET_SIZE 32u
#define KEY_SIZE 32u
#define TAG_SIZE 16u
#define ENCRYPTED_MESSAGE_EDIT 2

static gboolean
take_target (WhimContentAction *action, const Wa__MessageKey *key)
{
  if (key == NULL || key->id == NULL || *key->id == '\0')
    return FALSE;
  action->target_id = key->id;
  action->target_from_me = key->fromme;
  action->target_participant = key->participant;
  return TRUE;
}

static gboolean
take_protocol (WhimContentAction *action, const Wa__ProtocolMessage *protocol, int type)
{
  action->at_ms = protocol->has_timestampms ? protocol->timestampms : 0;
  switch (type)
    {
    case WHIM_PROTOCOL_REVOKE:
      action->kind = WHIM_CONTENT_ACTION_REVOKE;
      return take_target (action, protocol->key);
    case WHIM_PROTOCOL_MESSAGE_EDIT:
      action->kind = WHIM_CONTENT_ACTION_EDIT;
      action->edited = protocol->editedmessage;
      return action->edited != NULL && take_target (action, protocol->key);
    case WHIM_PROTOCOL_EPHEMERAL_SETTING:
      action->kind = WHIM_CONTENT_ACTION_TIMER;
      action->expiration = protocol->ephemeralexpiration;
      if (protocol->ephemeralsettingtimestamp < 0
          || protocol->ephemeralsettingtimestamp > WHIM_LIMIT_TIME)
        return FALSE;
      action->at_ms = protocol->has_ephemeralsettingtimestamp
                          ? protocol->ephemeralsettingtimestamp * 1000
                          : 0;
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
take_encrypted (WhimContentAction *action,
                WhimContentActionKind kind,
                const Wa__MessageKey *key,
                const ProtobufCBinaryData *payload,
                const ProtobufCBinaryData *iv)
{
  action->kind = kind;
  action->encrypted = TRUE;
  action->payload = *payload;
  action->iv = *iv;
  return take_target (action, key);
}

gboolean
whim_content_get_action (const WhimContent *self, WhimContentAction *action)
{
  const Wa__Message *inner = self->inner;
  const Wa__ReactionMessage *reaction = inner->reactionmessage;
  const Wa__SecretEncryptedMessage *secret = inner->secretencryptedmessage;
  const Wa__EncTargetMessage *hidden = inner->encreactionmessage;

  *action = (WhimContentAction){ 0 };
  if (self->kind == WHIM_CONTENT_PROTOCOL)
    return take_protocol (action, self->protocol, self->protocol_type);
  if (reaction != NULL)
    {
      action->kind = WHIM_CONTENT_ACTION_REACTION;
      action->emoji = reaction->text == NULL ? "" : reaction->text;
      action->at_ms = reaction->has_sendertimestampms ? reaction->sendertimestampms : 0;
      return take_target (action, reaction->key);
    }
  if (secret != NULL && secret->has_secretenctype
      && secret->secretenctype == ENCRYPTED_MESSAGE_EDIT)
    return take_encrypted (action, WHIM_CONTENT_ACTION_EDIT, secret->targetmessagekey,
                           &secret->encpayload, &secret->enciv);
  if (hidden != NULL)
    return take_encrypted (action, WHIM_CONTENT_ACTION_REACTION, hidden->targetmessagekey,
                           &hidden->encpayload, &hidden->enciv);
  return FALSE;
}

/* ---- secrets -----------------------------------------------------------------------------------
 */

WhimSecret *
whim_content_derive_key (GBytes *secret,
                         const char *parent_id,
                         const char *author,
                         const char *modifier,
                         const char *label)
{
  g_autofree char *info = g_strconcat (parent_id, author, modifier, label, NULL);

  return whim_hkdf_sha256 (g_bytes_get_data (secret, NULL), g_bytes_get_size (secret), NULL, 0,
                           info, KEY_SIZE);
}

GBytes *
whim_content_open (GBytes *secret,
                   const char *parent_id,
                   const char *author,
                   const char *modifier,
                   const char *label,
                   GBytes *aad,
                   const ProtobufCBinaryData *payload,
                   const ProtobufCBinaryData *iv)
{
  g_autoptr (WhimSecret) key = NULL;
  g_autoptr (WhimAead) aead = NULL;
  g_autofree guint8 *plain = NULL;
  gsize aad_len = 0;
  gconstpointer aad_bytes = aad == NULL ? NULL : g_bytes_get_data (aad, &aad_len);

  if (g_bytes_get_size (secret) != SECRET_SIZE || iv->len != WHIM_GCM_IV_SIZE
      || payload->len <= TAG_SIZE)
    return NULL;
  key = whim_content_derive_key (secret, parent_id, author, modifier, label);
  aead = whim_aead_new (whim_secret_get (key));
  plain = g_malloc (payload->len - TAG_SIZE);
  if (!whim_aead_open (aead, iv->data, aad_bytes, aad_len, payload->data, payload->len, plain))
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&plain), payload->len - TAG_SIZE);
}

static GBytes *
secret_of (const Wa__Message *message)
{
  const Wa__MessageContextInfo *info = message->messagecontextinfo;

  if (info == NULL || !info->has_messagesecret || info->messagesecret.len != SECRET_SIZE)
    return NULL;
  return whim_proto_dup_data (&info->messagesecret);
}

/* It stands in the message, in what is wrapped, or beside a device-sent one. */
GBytes *
whim_content_take_secret (const WhimContent *self)
{
  GBytes *secret = secret_of (self->inner);

  if (secret == NULL && self->device_sent)
    secret = secret_of (self->message->devicesentmessage->message);
  return secret != NULL ? secret : secret_of (self->message);
}

GBytes *
whim_content_dup_secret (GBytes *content)
{
  g_autoptr (WhimContent) parsed = whim_content_parse (content, NULL);

  return parsed == NULL ? NULL : whim_content_take_secret (parsed);
}
