/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "wire/whim-jid.h"

#include <glib.h>

G_BEGIN_DECLS

/* Values that the layers above the protocol share. Plain structs: whoever makes one fills it, and
 * from then on it is not changed. Texts are owned by the struct; every one may be NULL unless said
 * otherwise. Addresses are canonical bare JID texts. Times are Unix seconds. */

/** WhimChannelState: the public states; the session machine has more (product page, 4) */
typedef enum
{
  WHIM_CHANNEL_STATE_UNKNOWN = 0,
  WHIM_CHANNEL_STATE_DISCONNECTED,
  WHIM_CHANNEL_STATE_CONNECTING,
  WHIM_CHANNEL_STATE_QR,
  WHIM_CHANNEL_STATE_CONNECTED,
  WHIM_CHANNEL_N_STATES
} WhimChannelState;

/** whim_channel_state_to_word: "disconnected", "connecting", "qr", "connected", "unknown" */
const char *whim_channel_state_to_word (WhimChannelState state);

/** WhimReason: why a channel is in its state; on REST, D-Bus and in hooks by its word */
typedef enum
{
  WHIM_REASON_NONE = 0,
  WHIM_REASON_NEVER_PAIRED,         /* no account is linked */
  WHIM_REASON_REQUESTED,            /* somebody asked for it through the API */
  WHIM_REASON_STARTUP,              /* the daemon starts and autoConnect is on */
  WHIM_REASON_PAIRING,              /* waits for the phone to scan */
  WHIM_REASON_PAIRING_CODE,         /* waits for the owner to type the code on the phone */
  WHIM_REASON_PAIRING_CODE_EXPIRED, /* the phone code is worth nothing any more */
  WHIM_REASON_PAIRING_CODE_REFUSED, /* the server gives no phone code: its number in the detail */
  WHIM_REASON_PAIRING_INVALID,      /* a phone's answer could not be proven; nothing was linked */
  WHIM_REASON_PAIRING_TIMEOUT,      /* nobody asked for a code any more */
  WHIM_REASON_PASSKEY_REQUIRED,     /* the account lets only devices with its passkey link */
  WHIM_REASON_PHONE_OUTDATED,       /* the app on the phone is too old for linked devices */
  WHIM_REASON_PAIRED,               /* just linked, logs in */
  WHIM_REASON_HANDSHAKE,            /* socket and Noise */
  WHIM_REASON_SYNCING,              /* logged in, fetches what was missed */
  WHIM_REASON_ONLINE,               /* connected and answered lately */
  WHIM_REASON_NETWORK,              /* the socket was lost or could not be opened; retries */
  WHIM_REASON_SILENT,               /* the server stopped answering; retries */
  WHIM_REASON_SERVER_RESTART,       /* 515, 503 and the like; retries */
  WHIM_REASON_SERVER_ERROR,         /* 500 and other faults of the server; retries */
  WHIM_REASON_RATE_LIMITED,         /* 429: too much in too short a time; retries later */
  WHIM_REASON_PROTOCOL,             /* the server sent or refused something odd; retries */
  WHIM_REASON_CERTIFICATE,          /* the server could not prove who it is */
  WHIM_REASON_CLOCK,                /* this machine's clock is wrong */
  WHIM_REASON_STORE,                /* a commit failed; retries */
  WHIM_REASON_LOGGED_OUT,           /* unlinked by the API */
  WHIM_REASON_UNLINKED,             /* unlinked on the phone (401, device_removed) */
  WHIM_REASON_REPLACED,             /* another connection with the same keys */
  WHIM_REASON_ACCOUNT_LOCKED,       /* 403: the phone says what to do */
  WHIM_REASON_BANNED,               /* 406 */
  WHIM_REASON_TEMPORARILY_BANNED,   /* 402 */
  WHIM_REASON_CLIENT_OUTDATED,      /* 405 */
  WHIM_REASON_CLIENT_REJECTED,      /* 409: what we say of ourselves is not believed */
  WHIM_REASON_REFUSED,              /* another failure reason: the number stands in the detail */
  WHIM_REASON_WRONG_SERVER,         /* paired under another Noise root */
  WHIM_N_REASONS
} WhimReason;

/** whim_reason_to_word: such as "pairing_timeout" */
const char *whim_reason_to_word (WhimReason reason);
/** whim_reason_from_word: NONE if unknown */
WhimReason whim_reason_from_word (const char *word);

/** WhimMessageStatus: in the order in which a message may rise. The numbers are stored. */
typedef enum
{
  WHIM_MESSAGE_STATUS_NONE = 0, /* received messages */
  WHIM_MESSAGE_STATUS_FAILED,
  WHIM_MESSAGE_STATUS_PENDING,
  WHIM_MESSAGE_STATUS_SENT,
  WHIM_MESSAGE_STATUS_DELIVERED,
  WHIM_MESSAGE_STATUS_READ,
  WHIM_MESSAGE_STATUS_PLAYED,
  WHIM_MESSAGE_N_STATUSES
} WhimMessageStatus;

const char *whim_message_status_to_word (WhimMessageStatus status);
/** whim_message_status_from_word: NONE if unknown */
WhimMessageStatus whim_message_status_from_word (const char *word);

/** WhimReaction: @sender as shown; "": ourselves */
typedef struct
{
  char *sender;
  char *emoji;
  gint64 timestamp;
} WhimReaction;
void whim_reaction_free (WhimReaction *self);

/**
 * WhimMessage:
 * @id: WhatsApp's id; never NULL
 * @chat_lid: the chat, if a person: LID
 * @chat_pn: the chat, if a person: phone number JID
 * @chat_jid: the chat, if not a person (group, broadcast, newsletter)
 * @sender_lid, @sender_pn: who wrote it; NULL both when from_me
 * @kind: "text", "image", …, "unknown", "undecryptable"; never NULL
 * @content: the serialised protobuf Message, unwrapped from device-sent only
 * @number: row number in the store, for paging; 0 before it is stored
 */
typedef struct
{
  gint64 number;
  char *id;
  char *chat_lid;
  char *chat_pn;
  char *chat_jid;
  char *sender_lid;
  char *sender_pn;
  guint sender_device;
  gboolean from_me;
  gint64 timestamp;
  char *kind;
  char *body;
  char *push_name;
  char *quoted_id;
  char *source; /* "api", "mobile", "web", "unknown" */
  WhimMessageStatus status;
  char *status_reason;
  GBytes *content;
  GBytes *secret;       /* of the first content: opens what belongs to it */
  gint64 edited_at;     /* Unix ms; 0: never */
  gint64 deleted_at;    /* by its author, for everybody; 0: it was not */
  GPtrArray *reactions; /* of WhimReaction; NULL: none, or not asked for */
} WhimMessage;

/** WHIM_MESSAGE_KIND_UNDECRYPTABLE: nobody could read it so far; a later copy takes its place */
#define WHIM_MESSAGE_KIND_UNDECRYPTABLE "undecryptable"

WhimMessage *whim_message_new (void);
WhimMessage *whim_message_copy (const WhimMessage *self);
void whim_message_free (WhimMessage *self);

/** whim_message_get_chat_id: (transfer none): as shown: PN JID if known, else LID, else the JID */
const char *whim_message_get_chat_id (const WhimMessage *self);

/** whim_message_to_variant: (transfer floating): a{sv} with the canonical public names:
 *  id, chatId, chatLid, fromMe, timestamp, type, body, from (phone or LID JID), fromLid, fromName,
 *  to, quotedId, status ("deleted" if it was), statusReason, source, editedAt, deletedAt,
 * reactions; absent ones are left out. Never the content. */
GVariant *whim_message_to_variant (const WhimMessage *self);

typedef struct
{
  gint64 number;
  char *lid;
  char *pn;
  char *jid;
  char *name;
  gint64 timestamp; /* of the newest message */
  guint unread;
  WhimMessage *last_message;
} WhimChat;

WhimChat *whim_chat_new (void);
void whim_chat_free (WhimChat *self);
const char *whim_chat_get_id (const WhimChat *self);
/** whim_chat_to_variant: a{sv}: id, lid, name, type, timestamp, unread, lastMessage */
GVariant *whim_chat_to_variant (const WhimChat *self);

/**
 * WhimEvent: a row of the journal
 * @seq: global, in commit order; 0 before it is stored
 * @sequence: per channel, without gaps; 0 before it is stored
 * @type: such as "message.received"
 * @data: a{sv} with canonical names; never NULL
 */
typedef struct
{
  gint64 seq;
  char *id;
  char *channel_id;
  gint64 sequence;
  gint64 timestamp;
  char *type;
  GVariant *data;
} WhimEvent;

/** whim_event_new: (transfer full): with a fresh id; sinks @data */
WhimEvent *
whim_event_new (const char *channel_id, const char *type, gint64 timestamp, GVariant *data);
void whim_event_free (WhimEvent *self);

/** whim_chat_split_jid: puts a bare address into the right one of three; frees nothing */
void whim_chat_assign_jid (WhimJid *jid, char **lid, char **pn, char **other);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimMessage, whim_message_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimChat, whim_chat_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimEvent, whim_event_free)

G_END_DECLS
