/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "content/whim-content.h"

#include "base/whim-random.h"
#include "base/whim-util.h"

#include <string.h>

#define SECRET_SIZE 32u
#define MAX_WRAPPERS 16u

G_DEFINE_QUARK (whim - content - error - quark, whim_content_error)

GBytes *
whim_content_pad (GBytes *plain)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (plain, &len);
  guint8 n = (guint8)(1 + whim_random_below (15));
  guint8 *padded = g_malloc (len + n);

  whim_copy (padded, data, len);
  memset (padded + len, n, n);
  return g_bytes_new_take (padded, len + n);
}

GBytes *
whim_content_unpad (GBytes *padded, GError **error)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (padded, &len);
  guint8 n = len == 0 ? 0 : data[len - 1];
  gboolean valid = n >= 1 && n <= len;

  for (guint i = 0; valid && i < n; i++)
    valid = data[len - 1 - i] == n;
  if (!valid)
    {
      g_set_error_literal (error, WHIM_CONTENT_ERROR, WHIM_CONTENT_ERROR_PADDING,
                           "the padding is wrong");
      return NULL;
    }
  return g_bytes_new_from_bytes (padded, 0, len - n);
}

/* ---- taking apart -------------------------------------------------------------------------- */

static Wa__Message *
inside (Wa__FutureProofMessage *wrapper)
{
  return wrapper == NULL ? NULL : wrapper->message;
}

/* One layer of the wrappers of dossier 2, 6.3. */
static Wa__Message *
unwrap_once (WhimContent *self, Wa__Message *message)
{
  Wa__FutureProofMessage *const others[] = {
    message->documentwithcaptionmessage,
    message->editedmessage,
    message->groupmentionedmessage,
    message->botinvokemessage,
    message->lottiestickermessage,
    message->eventcoverimage,
    message->statusmentionmessage,
    message->pollcreationoptionimagemessage,
    message->associatedchildmessage,
    message->groupstatusmentionmessage,
    message->pollcreationmessagev4,
    message->statusaddyours,
    message->groupstatusmessage,
    message->limitsharingmessage,
    message->bottaskmessage,
    message->questionmessage,
    message->groupstatusmessagev2,
    message->botforwardedmessage,
    message->questionreplymessage,
    message->newsletteradminprofilemessage,
    message->spoilermessage,
    message->newsletteradminprofilestatusmessage,
    message->botplatformregistrationsuccessmessage,
  };
  Wa__FutureProofMessage *const once[] = {
    message->viewoncemessage,
    message->viewoncemessagev2,
    message->viewoncemessagev2extension,
  };

  if (inside (message->ephemeralmessage) != NULL)
    {
      self->ephemeral = TRUE;
      return message->ephemeralmessage->message;
    }
  for (guint i = 0; i < G_N_ELEMENTS (once); i++)
    if (inside (once[i]) != NULL)
      {
        self->view_once = TRUE;
        return once[i]->message;
      }
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    if (inside (others[i]) != NULL)
      return others[i]->message;
  return NULL;
}

/* History gives milliseconds (dossier 2, 4.12). */
static void
set_expiration (WhimContent *self, guint32 expiration, gint64 set_at)
{
  self->sets_expiration = TRUE;
  self->expiration = expiration;
  self->expiration_set_at = set_at > G_GINT64_CONSTANT (10000000000) ? set_at / 1000 : set_at;
}

static void
set_kind (WhimContent *self, const char *word, const char *body, Wa__ContextInfo *info)
{
  self->kind_word = word;
  self->body = body;
  if (info == NULL)
    return;
  self->quoted_id = info->stanzaid;
  if (info->has_expiration && info->expiration != 0 && whim_content_is_timer (info->expiration))
    set_expiration (self, info->expiration, info->ephemeralsettingtimestamp);
}

/* What is inside, in whapi's words; FALSE if nothing of it is known. */
static gboolean
classify_media (WhimContent *self, Wa__Message *m)
{
  if (m->imagemessage != NULL)
    set_kind (self, "image", m->imagemessage->caption, m->imagemessage->contextinfo);
  else if (m->videomessage != NULL)
    set_kind (self, m->videomessage->gifplayback ? "gif" : "video", m->videomessage->caption,
              m->videomessage->contextinfo);
  else if (m->ptvmessage != NULL)
    set_kind (self, "short", NULL, m->ptvmessage->contextinfo);
  else if (m->audiomessage != NULL)
    set_kind (self, m->audiomessage->ptt ? "voice" : "audio", NULL, m->audiomessage->contextinfo);
  else if (m->documentmessage != NULL)
    set_kind (self, "document", m->documentmessage->caption, m->documentmessage->contextinfo);
  else if (m->stickermessage != NULL)
    set_kind (self, "sticker", NULL, m->stickermessage->contextinfo);
  else
    return FALSE;
  return TRUE;
}

static gboolean
classify_text (WhimContent *self, Wa__Message *m)
{
  if (m->conversation != NULL)
    set_kind (self, "text", m->conversation, NULL);
  else if (m->extendedtextmessage != NULL)
    set_kind (self, m->extendedtextmessage->matchedtext != NULL ? "link_preview" : "text",
              m->extendedtextmessage->text, m->extendedtextmessage->contextinfo);
  else
    return FALSE;
  return TRUE;
}

static Wa__PollCreationMessage *
find_poll (Wa__Message *m)
{
  if (m->pollcreationmessage != NULL)
    return m->pollcreationmessage;
  return m->pollcreationmessagev2 != NULL ? m->pollcreationmessagev2 : m->pollcreationmessagev3;
}

static gboolean
classify_other (WhimContent *self, Wa__Message *m)
{
  Wa__PollCreationMessage *poll = find_poll (m);

  if (m->locationmessage != NULL)
    set_kind (self, "location", m->locationmessage->name, m->locationmessage->contextinfo);
  else if (m->livelocationmessage != NULL)
    set_kind (self, "live_location", m->livelocationmessage->caption,
              m->livelocationmessage->contextinfo);
  else if (m->contactmessage != NULL)
    set_kind (self, "contact", m->contactmessage->displayname, m->contactmessage->contextinfo);
  else if (m->contactsarraymessage != NULL)
    set_kind (self, "contact_list", m->contactsarraymessage->displayname,
              m->contactsarraymessage->contextinfo);
  else if (poll != NULL)
    set_kind (self, "poll", poll->name, poll->contextinfo);
  else if (m->reactionmessage != NULL)
    set_kind (self, "action", m->reactionmessage->text, NULL);
  else
    return FALSE;
  return TRUE;
}

/* Key distribution and context alone are no message (dossier 2, 6.2 f). An unknown field counts as
 * content: what a schema does not name is shown as unknown, never dropped. */
static gboolean
holds_only_keys (const Wa__Message *message)
{
  const ProtobufCMessageDescriptor *descriptor = message->base.descriptor;

  if (message->base.n_unknown_fields > 0)
    return FALSE;
  for (guint i = 0; i < descriptor->n_fields; i++)
    {
      const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
      gpointer value = *(gpointer *)(gpointer)((guint8 *)message + field->offset);

      if (value != NULL && field->id != 2 && field->id != 15 && field->id != 35)
        return FALSE;
    }
  return TRUE;
}

static void
classify (WhimContent *self)
{
  Wa__Message *m = self->inner;

  if (m->protocolmessage != NULL)
    {
      self->kind = WHIM_CONTENT_PROTOCOL;
      self->protocol = m->protocolmessage;
      self->protocol_type = m->protocolmessage->has_type ? m->protocolmessage->type : 0;
      self->kind_word = "action";
      if (self->protocol_type == WHIM_PROTOCOL_EPHEMERAL_SETTING
          && whim_content_is_timer (m->protocolmessage->ephemeralexpiration))
        set_expiration (self, m->protocolmessage->ephemeralexpiration,
                        m->protocolmessage->ephemeralsettingtimestamp);
    }
  else if (classify_text (self, m) || classify_media (self, m) || classify_other (self, m))
    self->kind = WHIM_CONTENT_MESSAGE;
  else if (holds_only_keys (m))
    self->kind = WHIM_CONTENT_KEYS;
  else
    {
      self->kind = WHIM_CONTENT_MESSAGE;
      self->kind_word = "unknown";
    }
}

WhimContent *
whim_content_parse (GBytes *plain, GError **error)
{
  g_autoptr (WhimContent) self = g_new0 (WhimContent, 1);

  self->message = whim_proto_unpack_bytes (&wa__message__descriptor, plain, error);
  if (self->message == NULL)
    {
      g_prefix_error_literal (error, "decoding a message: ");
      return NULL;
    }
  self->inner = self->message;
  self->kind_word = "unknown";
  if (self->inner->devicesentmessage != NULL && self->inner->devicesentmessage->message != NULL)
    {
      self->device_sent = TRUE;
      self->destination = g_strdup (self->inner->devicesentmessage->destinationjid);
      self->inner = self->inner->devicesentmessage->message;
      self->bytes = whim_proto_pack (self->inner);
    }
  else
    self->bytes = g_bytes_ref (plain);
  for (guint i = 0; i < MAX_WRAPPERS; i++)
    {
      Wa__Message *next = unwrap_once (self, self->inner);

      if (next == NULL)
        break;
      self->inner = next;
    }
  classify (self);
  return g_steal_pointer (&self);
}

void
whim_content_free (WhimContent *self)
{
  whim_proto_free (self->message);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_free (self->destination);
  g_free (self);
}

/* ---- making -------------------------------------------------------------------------------- */

gboolean
whim_content_is_timer (gint64 seconds)
{
  return seconds == 0 || seconds == 86400 || seconds == 604800 || seconds == 7776000;
}

/* A quoted message stands there without the context of its own (dossier 2, 9.3). */
static void
strip_context (Wa__Message *message)
{
  const ProtobufCMessageDescriptor *descriptor = message->base.descriptor;

  protobuf_c_message_free_unpacked ((ProtobufCMessage *)message->messagecontextinfo, NULL);
  message->messagecontextinfo = NULL;
  for (guint i = 0; i < descriptor->n_fields; i++)
    {
      const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
      ProtobufCMessage *part;
      const ProtobufCFieldDescriptor *context;
      ProtobufCMessage **place;

      if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED)
        continue;
      part = *(ProtobufCMessage **)(gpointer)((guint8 *)message + field->offset);
      if (part == NULL)
        continue;
      context = protobuf_c_message_descriptor_get_field_by_name (part->descriptor, "contextInfo");
      if (context == NULL || context->type != PROTOBUF_C_TYPE_MESSAGE)
        continue;
      place = (ProtobufCMessage **)(gpointer)((guint8 *)part + context->offset);
      protobuf_c_message_free_unpacked (*place, NULL);
      *place = NULL;
    }
}

static gboolean
needs_context (const WhimTextOptions *options)
{
  return options != NULL
         && (options->quoted_id != NULL || options->expiration != 0
             || (options->mentions != NULL && options->mentions[0] != NULL));
}

GBytes *
whim_content_make_text (const char *body, const WhimTextOptions *options)
{
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__MessageContextInfo context = WA__MESSAGE_CONTEXT_INFO__INIT;
  Wa__ExtendedTextMessage extended = WA__EXTENDED_TEXT_MESSAGE__INIT;
  Wa__ContextInfo info = WA__CONTEXT_INFO__INIT;
  Wa__DisappearingMode mode = WA__DISAPPEARING_MODE__INIT;
  g_autoptr (WhimContent) quoted = NULL;
  guint8 secret[SECRET_SIZE];

  whim_random_bytes (secret, sizeof secret);
  context.has_messagesecret = TRUE;
  context.messagesecret = whim_proto_data (secret, sizeof secret);
  message.messagecontextinfo = &context;
  if (!needs_context (options))
    {
      message.conversation = (char *)body;
      return whim_proto_pack (&message);
    }
  if (options->quoted_id != NULL)
    {
      info.stanzaid = (char *)options->quoted_id;
      info.participant = (char *)options->quoted_author;
      if (options->quoted_content != NULL)
        quoted = whim_content_parse (options->quoted_content, NULL);
      if (quoted != NULL)
        {
          strip_context (quoted->inner);
          info.quotedmessage = quoted->inner;
        }
    }
  if (options->mentions != NULL)
    {
      info.mentionedjid = (char **)options->mentions;
      info.n_mentionedjid = g_strv_length ((char **)options->mentions);
    }
  if (options->expiration != 0)
    {
      info.has_expiration = TRUE;
      info.expiration = options->expiration;
      info.has_ephemeralsettingtimestamp = options->expiration_set_at != 0;
      info.ephemeralsettingtimestamp = options->expiration_set_at;
      /* changed in the chat, by its setting (dossier 2, 4.12) */
      mode.has_initiator = TRUE;
      mode.has_trigger = TRUE;
      mode.trigger = 1;
      info.disappearingmode = &mode;
    }
  extended.text = (char *)body;
  extended.contextinfo = &info;
  message.extendedtextmessage = &extended;
  return whim_proto_pack (&message);
}

GBytes *
whim_content_make_device_sent (GBytes *content, const char *destination, GError **error)
{
  g_autoptr (Wa__Message) inner
      = whim_proto_unpack_bytes (&wa__message__descriptor, content, error);
  Wa__Message outer = WA__MESSAGE__INIT;
  Wa__DeviceSentMessage sent = WA__DEVICE_SENT_MESSAGE__INIT;

  if (inner == NULL)
    return NULL;
  sent.destinationjid = (char *)destination;
  sent.message = inner;
  outer.devicesentmessage = &sent;
  outer.messagecontextinfo = inner->messagecontextinfo;
  return whim_proto_pack (&outer);
}
