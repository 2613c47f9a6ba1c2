/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "crypto/whim-crypto.h"
#include "proto/whim-proto.h"
#include "wire/whim-jid.h"

G_BEGIN_DECLS

#define WHIM_CONTENT_ERROR (whim_content_error_quark ())
GQuark whim_content_error_quark (void);

typedef enum
{
  WHIM_CONTENT_ERROR_PADDING, /* the padding is not what it must be */
  WHIM_CONTENT_ERROR_INVALID, /* no Message */
} WhimContentError;

/** whim_content_pad: (transfer full): 1 to 15 bytes, each of their number (dossier 2, 3.4) */
GBytes *whim_content_pad (GBytes *plain);
/** whim_content_unpad: (transfer full) (nullable) */
GBytes *whim_content_unpad (GBytes *padded, GError **error);

/**
 * WhimContentKind: what a decrypted Message is to the pipeline
 */
typedef enum
{
  WHIM_CONTENT_MESSAGE,  /* something to store and show, known or not */
  WHIM_CONTENT_PROTOCOL, /* a protocolMessage: see @protocol_type */
  WHIM_CONTENT_KEYS,     /* nothing but key distribution and context */
} WhimContentKind;

/**
 * WhimContent: a received or sent Message, taken apart
 * @message: the whole protobuf; @inner points into it: without device-sent and other wrappers
 * @bytes: @message without the device-sent wrapper, as it came, to be stored
 * @destination: of a device-sent message; NULL otherwise
 * @kind_word: "text", "image", …; "unknown" for what is not understood
 */
typedef struct
{
  WhimContentKind kind;
  Wa__Message *message;
  Wa__Message *inner;
  GBytes *bytes;
  gboolean device_sent;
  char *destination;
  const char *kind_word;
  const char *body;      /* borrowed from @message */
  const char *quoted_id; /* borrowed from @message */
  Wa__ProtocolMessage *protocol;
  int protocol_type;
  gboolean ephemeral;
  gboolean view_once;
  gboolean sets_expiration; /* it tells how long messages of its chat stay ... */
  guint32 expiration;       /* ... in seconds */
  gint64 expiration_set_at; /* Unix seconds */
} WhimContent;

/** whim_content_parse: (transfer full) (nullable): @plain is unpadded */
WhimContent *whim_content_parse (GBytes *plain, GError **error);
void whim_content_free (WhimContent *self);

/* Types of protocol messages (dossier 2, 7). */
#define WHIM_PROTOCOL_REVOKE 0
#define WHIM_PROTOCOL_EPHEMERAL_SETTING 3
#define WHIM_PROTOCOL_HISTORY_SYNC_NOTIFICATION 5
#define WHIM_PROTOCOL_APP_STATE_SYNC_KEY_SHARE 6
#define WHIM_PROTOCOL_MESSAGE_EDIT 14
#define WHIM_PROTOCOL_PEER_DATA_REQUEST 16
#define WHIM_PROTOCOL_PEER_DATA_RESPONSE 17
#define WHIM_PROTOCOL_LID_MIGRATION_MAPPING_SYNC 22
#define WHIM_PROTOCOL_APP_STATE_FATAL_EXCEPTION 10
#define WHIM_PROTOCOL_SHARE_PHONE_NUMBER 11

/**
 * WhimTextOptions: what a text has besides its body; all may be NULL or 0
 * @quoted_id: it answers that message of @quoted_author (bare JID text)
 * @quoted_content: the serialised Message that is answered
 * @mentions: bare JID texts (NULL-terminated)
 * @expiration: seconds until it disappears, as the chat's timer of @expiration_set_at says
 */
typedef struct
{
  const char *quoted_id;
  const char *quoted_author;
  GBytes *quoted_content;
  const char *const *mentions;
  guint32 expiration;
  gint64 expiration_set_at;
} WhimTextOptions;
/** whim_content_make_text: (transfer full): a serialised Message with a fresh secret; @options
 *  (nullable) */
GBytes *whim_content_make_text (const char *body, const WhimTextOptions *options);
/** whim_content_is_timer: a time after which messages may disappear (dossier 2, 4.12) */
gboolean whim_content_is_timer (gint64 seconds);
/** whim_content_make_device_sent: (transfer full): @content wrapped for our own other devices */
GBytes *whim_content_make_device_sent (GBytes *content, const char *destination, GError **error);

typedef enum
{
  WHIM_CONTENT_ACTION_NONE,
  WHIM_CONTENT_ACTION_EDIT,
  WHIM_CONTENT_ACTION_REVOKE,
  WHIM_CONTENT_ACTION_REACTION,
  WHIM_CONTENT_ACTION_TIMER, /* of disappearing messages, in the chat */
} WhimContentActionKind;

/**
 * WhimContentAction: what a content does to another message; everything borrowed from the content
 * @target_from_me, @target_participant: of the key, as the sender sees it
 * @at_ms: 0 if it says nothing
 * @encrypted: @edited or @emoji are in @payload: see whim_content_open()
 */
typedef struct
{
  WhimContentActionKind kind;
  const char *target_id;
  gboolean target_from_me;
  const char *target_participant;
  gint64 at_ms;
  Wa__Message *edited;
  const char *emoji; /* "": taken back */
  guint expiration;
  gboolean encrypted;
  ProtobufCBinaryData payload;
  ProtobufCBinaryData iv;
} WhimContentAction;
/** whim_content_get_action: FALSE: it does nothing that we know */
gboolean whim_content_get_action (const WhimContent *self, WhimContentAction *action);

#define WHIM_CONTENT_LABEL_EDIT "Message Edit"
#define WHIM_CONTENT_LABEL_REACTION "Enc Reaction"
/** whim_content_derive_key: @author of the parent and @modifier as bare JID texts */
WhimSecret *whim_content_derive_key (GBytes *secret,
                                     const char *parent_id,
                                     const char *author,
                                     const char *modifier,
                                     const char *label);
/** whim_content_open: (transfer full) (nullable): NULL: not with these names, or not at all */
GBytes *whim_content_open (GBytes *secret,
                           const char *parent_id,
                           const char *author,
                           const char *modifier,
                           const char *label,
                           GBytes *aad,
                           const ProtobufCBinaryData *payload,
                           const ProtobufCBinaryData *iv);
/** whim_content_dup_secret: (transfer full) (nullable): 32 bytes, of a serialised Message */
GBytes *whim_content_dup_secret (GBytes *content);
/** whim_content_take_secret: (transfer full) (nullable): the same of one that is taken apart */
GBytes *whim_content_take_secret (const WhimContent *self);

/** WhimContentKey: names a message in a chat, as the one who says it sees it; @participant
 *  (nullable): bare address of the author, in groups */
typedef struct
{
  const char *chat;
  gboolean from_me;
  const char *id;
  const char *participant;
} WhimContentKey;
/** whim_content_make_placeholder_request: (transfer full): asks our phone for messages that we
 * could not read */
GBytes *whim_content_make_placeholder_request (const WhimContentKey *keys, guint n_keys);

/** whim_message_id_new: (transfer full): 22 characters, "3EB0…" (dossier 2, 4.1) */
char *whim_message_id_new (gint64 unix_now, const char *own_user);
/** whim_phash: (transfer full): "2:" and 8 characters over the devices (element-type WhimJid),
 *  (dossier 2, 2.5) */
char *whim_phash (GPtrArray *devices);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimContent, whim_content_free)

G_END_DECLS
