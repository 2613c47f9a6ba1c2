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

static void
set_kind (WhimContent *self, const char *word, const char *body, Wa__ContextInfo *info)
{
  self->kind_word = word;
  self->body = body;
  if (info != NULL)
    self->quoted_id = info->stanzaid;
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

GBytes *
whim_content_make_text (const char *body,
                        const char *quoted_id,
                        const char *quoted_author,
                        GBytes *quoted_content)
{
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__MessageContextInfo context = WA__MESSAGE_CONTEXT_INFO__INIT;
  Wa__ExtendedTextMessage extended = WA__EXTENDED_TEXT_MESSAGE__INIT;
  Wa__ContextInfo info = WA__CONTEXT_INFO__INIT;
  g_autoptr (Wa__Message) quoted = NULL;
  guint8 secret[SECRET_SIZE];

  whim_random_bytes (secret, sizeof secret);
  context.has_messagesecret = TRUE;
  context.messagesecret = whim_proto_data (secret, sizeof secret);
  message.messagecontextinfo = &context;
  if (quoted_id == NULL)
    message.conversation = (char *)body;
  else
    {
      info.stanzaid = (char *)quoted_id;
      info.participant = (char *)quoted_author;
      if (quoted_content != NULL)
        quoted = whim_proto_unpack_bytes (&wa__message__descriptor, quoted_content, NULL);
      if (quoted != NULL)
        {
          /* without its own context (dossier 2, 9.3) */
          protobuf_c_message_free_unpacked ((ProtobufCMessage *)quoted->messagecontextinfo, NULL);
          quoted->messagecontextinfo = NULL;
        }
      info.quotedmessage = quoted;
      extended.text = (char *)body;
      extended.contextinfo = &info;
      message.extendedtextmessage = &extended;
    }
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
