/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "sandbox/sandbox-control-private.h"

/* What the owner of a phone does to messages: edits, deletes, reacts, sets the chat's timer
 * (dossier 2, 7, 8). Forged ones too: whatever the body says is sent. */

typedef struct
{
  Account *self;
  Account *to;
  JsonObject *body;
  Wa__MessageKey key;
  gint64 at_ms;
} Act;

static GBytes *
make_edit (const Act *act)
{
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__Message edited = WA__MESSAGE__INIT;
  Wa__ProtocolMessage protocol = WA__PROTOCOL_MESSAGE__INIT;

  edited.conversation = (char *)sandbox_control_text (act->body, "text");
  protocol.key = (Wa__MessageKey *)&act->key;
  protocol.has_type = TRUE;
  protocol.type = WHIM_PROTOCOL_MESSAGE_EDIT;
  protocol.editedmessage = &edited;
  protocol.has_timestampms = TRUE;
  protocol.timestampms = act->at_ms;
  message.protocolmessage = &protocol;
  return whim_proto_pack (&message);
}

/* The same, for those who know the secret of the first content. */
static GBytes *
make_encrypted_edit (const Act *act)
{
  g_autoptr (GBytes) plain = make_edit (act);
  g_autoptr (GBytes) typed = sandbox_phone_dup_typed (act->self, act->key.id);
  g_autoptr (GBytes) secret = typed == NULL ? NULL : whim_content_dup_secret (typed);
  g_autoptr (WhimJid) own = sandbox_account_jid (act->self, TRUE);
  g_autoptr (WhimSecret) key = NULL;
  g_autoptr (WhimAead) aead = NULL;
  g_autofree guint8 *sealed = NULL;
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__SecretEncryptedMessage outer = WA__SECRET_ENCRYPTED_MESSAGE__INIT;
  guint8 iv[WHIM_GCM_IV_SIZE];
  gsize len = g_bytes_get_size (plain);

  if (secret == NULL)
    return NULL;
  key = whim_content_derive_key (secret, act->key.id, whim_jid_get_text (own),
                                 whim_jid_get_text (own), WHIM_CONTENT_LABEL_EDIT);
  whim_random_bytes (iv, sizeof iv);
  aead = whim_aead_new (whim_secret_get (key));
  sealed = g_malloc (len + 16);
  whim_aead_seal (aead, iv, NULL, 0, g_bytes_get_data (plain, NULL), len, sealed);
  outer.targetmessagekey = (Wa__MessageKey *)&act->key;
  outer.has_encpayload = TRUE;
  outer.encpayload = whim_proto_data (sealed, len + 16);
  outer.has_enciv = TRUE;
  outer.enciv = whim_proto_data (iv, sizeof iv);
  outer.has_secretenctype = TRUE;
  outer.secretenctype = 2;
  message.secretencryptedmessage = &outer;
  return whim_proto_pack (&message);
}

static GBytes *
make_delete (const Act *act)
{
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__ProtocolMessage protocol = WA__PROTOCOL_MESSAGE__INIT;

  protocol.key = (Wa__MessageKey *)&act->key;
  protocol.has_type = TRUE;
  protocol.type = WHIM_PROTOCOL_REVOKE;
  message.protocolmessage = &protocol;
  return whim_proto_pack (&message);
}

static GBytes *
make_reaction (const Act *act)
{
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__ReactionMessage reaction = WA__REACTION_MESSAGE__INIT;

  reaction.key = (Wa__MessageKey *)&act->key;
  reaction.text = (char *)sandbox_control_text (act->body, "emoji");
  reaction.has_sendertimestampms = TRUE;
  reaction.sendertimestampms = act->at_ms;
  message.reactionmessage = &reaction;
  return whim_proto_pack (&message);
}

static GBytes *
make_timer (const Act *act)
{
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__ProtocolMessage protocol = WA__PROTOCOL_MESSAGE__INIT;

  protocol.has_type = TRUE;
  protocol.type = WHIM_PROTOCOL_EPHEMERAL_SETTING;
  protocol.has_ephemeralexpiration = TRUE;
  protocol.ephemeralexpiration = (guint32)sandbox_control_int (act->body, "expiration", 0);
  protocol.has_ephemeralsettingtimestamp = TRUE;
  protocol.ephemeralsettingtimestamp = act->at_ms / 1000;
  message.protocolmessage = &protocol;
  return whim_proto_pack (&message);
}

/* Any protobuf, well encrypted. */
static GBytes *
make_raw (const Act *act)
{
  const char *hex = sandbox_control_text (act->body, "hex");

  return hex == NULL ? NULL : whim_hex_decode (hex);
}

static GBytes *
make_number (const Act *act)
{
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__ProtocolMessage protocol = WA__PROTOCOL_MESSAGE__INIT;

  protocol.has_type = TRUE;
  protocol.type = WHIM_PROTOCOL_SHARE_PHONE_NUMBER;
  message.protocolmessage = &protocol;
  return whim_proto_pack (&message);
}

static const struct
{
  const char *kind;
  GBytes *(*make) (const Act *act);
} kinds[] = {
  { "edit", make_edit },           { "encrypted-edit", make_encrypted_edit },
  { "delete", make_delete },       { "reaction", make_reaction },
  { "timer", make_timer },         { "raw", make_raw },
  { "share-number", make_number },
};

static JsonNode *
act (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  const char *phone = sandbox_control_text (body, "phone");
  const char *to = sandbox_control_text (body, "to");
  const char *kind = sandbox_control_text (body, "kind");
  Act act = { 0 };
  g_autoptr (WhimJid) chat = NULL;
  g_autoptr (GBytes) content = NULL;
  g_autofree char *id = NULL;
  JsonObject *object;

  act.self = phone == NULL ? NULL : sandbox_find_speaker (self, phone);
  act.to = to == NULL ? NULL : sandbox_find_number (self, to);
  act.body = body;
  if (act.self == NULL || act.to == NULL || kind == NULL)
    {
      *error = "phone, to and kind are needed";
      return NULL;
    }
  chat = sandbox_account_jid (act.to, TRUE);
  wa__message_key__init (&act.key);
  act.key.remotejid = (char *)whim_jid_get_text (chat);
  act.key.has_fromme = TRUE;
  act.key.fromme = json_object_get_boolean_member_with_default (body, "fromMe", TRUE);
  act.key.id = (char *)sandbox_control_text (body, "id");
  act.at_ms = sandbox_control_int (body, "at", sandbox_now () * 1000);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].kind, kind))
      content = kinds[i].make (&act);
  if (content == NULL)
    {
      *error = "no such kind, or the phone did not type that message";
      return NULL;
    }
  id = sandbox_phone_send_content (act.self, act.to, content);
  object = json_object_new ();
  json_object_set_string_member (object, "id", id);
  return sandbox_control_take (object);
}

const ControlRow sandbox_action_rows[] = {
  { "POST", "/act", act },
};
const guint sandbox_n_action_rows = G_N_ELEMENTS (sandbox_action_rows);
