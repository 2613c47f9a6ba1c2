/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "content/whim-content.h"
#include "noise/whim-noise.h"
#include "signal/whim-signal.h"
#include "wire/whim-frame.h"
#include "wire/whim-node.h"

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>

/* A small WhatsApp on loopback: one thread, everything in memory. Internal header of the sandbox.
 */

typedef struct _Sandbox Sandbox;
typedef struct _Account Account;
typedef struct _Device Device;
typedef struct _Connection Connection;
typedef struct _SandboxCode SandboxCode;

/* ---- accounts and devices ------------------------------------------------------------------ */

typedef struct
{
  guint32 id;
  guint8 key[WHIM_KEY_SIZE];
} PublicPrekey;

/* A linked device, or the phone itself (number 0). */
struct _Device
{
  Account *account;
  guint number;
  guint key_index;
  guint8 noise[WHIM_KEY_SIZE];
  guint8 identity[WHIM_KEY_SIZE];
  guint32 registration_id;
  guint32 skey_id;
  guint8 skey[WHIM_KEY_SIZE];
  guint8 skey_signature[WHIM_SIGNATURE_SIZE];
  GQueue prekeys; /* of PublicPrekey */
  gboolean keys_uploaded;
  gboolean greeted; /* the phone has sent what it sends after pairing */

  Connection *connection; /* NULL while offline */
  gboolean active;        /* the client asked for its stanzas */
  GQueue queue;           /* of Pending, until acknowledged */
  GHashTable *sent;       /* id of a message -> Recorded */
  GQueue sent_ids;        /* the keys of @sent, oldest first */
  GHashTable *keys_used;  /* key of a message -> GBytes, the hash of what it sealed */
  guint keys_used_twice;
  guint login_failure;             /* reason that every login gets; 0 = none */
  JsonObject *login_failure_attrs; /* (nullable): texts beside it */
  gboolean available;
  struct
  {
    guint corrupt;   /* messages to it that will not decrypt */
    guint twice;     /* stanzas to it that come twice */
    guint same_key;  /* messages of a phone to it whose key the next one uses again */
    guint lose_acks; /* its messages that are taken without a word; then the socket is cut */
    guint refuse;    /* its messages that are refused ... */
    guint refuse_error;
    char *refuse_form; /* (nullable): how it is said: "stanza", "class", "type" */
    guint refresh_lid; /* acks that doubt the LID of the recipient */
    guint stale_keys;  /* bundles that name a one-time prekey it does not have */
    guint unavailable; /* messages that the server does not have for it */
    char *unavailable_kind;
    char *fail_request; /* requests of that name ... */
    guint fail_code;    /* ... fail with this */
    guint fail_count;
    gboolean held; /* what is for it waits in @held */
  } faults;
  GQueue held;        /* of WhimNode */
  gboolean imaginary; /* a companion that never connects ... */
  enum
  {
    INDEX_VALID,
    INDEX_UNSIGNED,  /* listed, but the phone has not signed it */
    INDEX_MISSING,   /* listed without one */
  } index;           /* ... of its key */
  gboolean deaf;     /* ... and asks for every message again, with every answer */
  GHashTable *asked; /* id -> how often it asked */
  Account *soul;     /* (nullable) (owned): of a hosted device: who acts for it */
};

/* A virtual phone with its owner. */
struct _Account
{
  Sandbox *sandbox;
  char *pn;  /* digits */
  char *lid; /* digits */
  char *name;
  char *told_lid; /* (nullable): what a login hears instead */
  gboolean echo;
  gboolean hosted;
  Account *body;         /* (nullable): of the soul of a hosted device: whose device it is */
  WhimKeyPair *identity; /* also the account's ADV key */
  guint32 raw_id;
  guint next_device;
  guint next_key_index;
  GPtrArray *devices;   /* of Device; [0] is the phone */
  GHashTable *watchers; /* set of Device that asked for its device list */
  WhimSignalCache *cache;
  GPtrArray *inbox;    /* of InboxItem */
  GHashTable *typed;   /* id -> what the phone sent, for retries */
  GHashTable *retries; /* id -> how often the phone asked for it again */
  guint next_prekey;   /* of those that are never uploaded */
  guint undecryptable;
  GHashTable *remembered; /* id of a message that it read -> GBytes, WebMessageInfo */
  gboolean forgetful;     /* it does not answer who asks for one of these */
  guint8 nct_salt[32];    /* of tokens for strangers */
  GHashTable *tokens;     /* LID -> GPtrArray of GBytes: what it gave to whom */
  GHashTable *heard;      /* set of LIDs that have written to it */
  gint64 reachout_ends;   /* 0: may write to strangers */
  gint64 capped_until;
  gboolean needs_tokens;
};

typedef struct
{
  char *id;
  char *from; /* bare PN JID of the author */
  char *chat; /* bare JID of the chat */
  char *text;
  char *kind;
  guint expiration; /* of disappearing messages, in seconds */
  gboolean from_me;
} InboxItem;

typedef struct
{
  WhimNode *node;     /* without the offline attribute */
  gboolean delivered; /* in this connection */
} Pending;

/** number of the device that the service hosts (dossier 2, 2.6) */
#define SANDBOX_HOSTED_DEVICE 99u
/** ADVEncryptionType of hosted accounts */
#define SANDBOX_ADV_HOSTED 1

void sandbox_inbox_item_free (gpointer data);
Account *sandbox_add_account (Sandbox *self, const char *pn, const char *name, gboolean echo);
void sandbox_account_free (Account *self);
Account *sandbox_find_account (Sandbox *self, const WhimJid *jid);
Account *sandbox_find_number (Sandbox *self, const char *digits);
/** who acts under that name of the control API: digits of a phone, or of one and ":99" for the
 * device of it that the service hosts */
Account *sandbox_find_speaker (Sandbox *self, const char *text);
Device *sandbox_find_device (Sandbox *self, const WhimJid *jid);
Device *sandbox_account_get_device (Account *self, guint number);
Device *sandbox_account_add_device (Account *self);
void sandbox_account_remove_device (Account *self, Device *device);
/** (transfer full): address of a device by LID or phone number */
WhimJid *sandbox_device_jid (Device *self, gboolean lid);
WhimJid *sandbox_account_jid (Account *self, gboolean lid);
/** (transfer full): ADVSignedKeyIndexList */
GBytes *sandbox_account_make_key_index_list (Account *self, gint64 now);
char *sandbox_account_phash (Account *self, gboolean lid);
void sandbox_device_to_bundle (Device *self, WhimSignalBundle *bundle, gboolean consume);
/** tells those that asked for its list that the account has another identity */
void sandbox_account_announce_identity (Account *self);
/** tells companions, and who asked for the list, that a device came or went */
void sandbox_account_announce (Account *self, Device *device, gboolean added);

/* ---- connections --------------------------------------------------------------------------- */

typedef enum
{
  CONNECTION_INTRO,
  CONNECTION_HELLO,
  CONNECTION_FINISH,
  CONNECTION_REGISTRATION,
  CONNECTION_LOGGED_IN,
  CONNECTION_ENDING, /* the stream is over; the socket follows */
  CONNECTION_CLOSED,
} ConnectionState;

struct _Connection
{
  gint ref_count;
  Sandbox *sandbox;
  SoupWebsocketConnection *socket;
  ConnectionState state;
  guint number;
  GByteArray *head; /* bytes before the first frame */
  WhimFrameSplitter splitter;
  WhimNoiseResponder *responder;
  WhimNoiseCipher *send;
  WhimNoiseCipher *receive;
  guint8 client_static[WHIM_KEY_SIZE];
  Device *device; /* logged in */
  gboolean silent;
  gint64 cut_out; /* bytes to the client until the socket is cut, and one more; 0: none */
  gint64 cut_in;  /* bytes of the client */
  guint cut_id;
  guint end_timer;
  GByteArray *outbox; /* with chop: what waits to be glued and sliced */
  guint flush_id;
  guint n_sent;

  /* registration */
  Device *candidate; /* keys from the payload, not yet linked to an account */
  GPtrArray *refs;
  Account *pairing_account;
  GBytes *pairing_details;
  guint8 pairing_account_key[WHIM_KEY_SIZE];
  char *pairing_iq;
  SandboxCode *code;  /* a phone code that was asked for */
  gboolean counted;   /* among the handshakes under way */
  GBytes *held_hello; /* a ClientHello that waits for its answer */
};

Connection *sandbox_connection_new (Sandbox *sandbox, SoupWebsocketConnection *socket);
Connection *sandbox_connection_ref (Connection *self);
/** a ClientHello that was held is answered */
void sandbox_connection_answer_held (Connection *self);
void sandbox_connection_unref (Connection *self);
void sandbox_connection_send (Connection *self, WhimNode *node);
/* A frame of these bytes instead of a node; @raw: not even encrypted and framed. */
void sandbox_connection_send_bytes (Connection *self, GBytes *bytes, gboolean raw);
/** @polite: with a close frame; otherwise the socket is cut */
void sandbox_connection_close (Connection *self, gboolean polite);
/** we send no more, and still listen; FALSE if the socket cannot do that */
gboolean sandbox_connection_half_close (Connection *self);
void sandbox_connection_stream_error (Connection *self, const char *code, const char *conflict);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Connection, sandbox_connection_unref)

/* ---- the server ---------------------------------------------------------------------------- */

/** what is wrong with the next pair-success */
typedef enum
{
  SANDBOX_FORGE_NOTHING,
  SANDBOX_FORGE_HMAC,
  SANDBOX_FORGE_SIGNATURE, /* of another account */
  SANDBOX_FORGE_DETAILS,   /* changed after they were signed, the hmac is right */
  SANDBOX_FORGE_KEY_INDEX, /* likewise: another key index */
  SANDBOX_FORGE_MALFORMED, /* no protobuf */
  SANDBOX_FORGE_EMPTY,     /* no device-identity */
} SandboxForgery;

struct _Sandbox
{
  SoupServer *server;
  WhimNoiseIdentity *identity;
  WhimSignalContext *signal;
  GPtrArray *accounts;
  GPtrArray *connections;
  guint last_connection;
  guint64 last_stanza;
  gboolean dedup;
  gboolean chop; /* slice and glue everything that is sent */
  struct
  {
    guint refuse_codes; /* every companion_hello gets this error; 0 = none */
    gboolean refresh;   /* companion_reg_refresh right before pair-success */
    gboolean deaf;      /* a phone that takes the code and does no more */
    gboolean hosted;    /* accounts are hosted ones */
    SandboxForgery forgery;
  } pairing;
  guint32 minimal_revision; /* clients below it are too old */
  guint handshakes;         /* under way */
  gboolean hold_handshakes;
  GMainLoop *loop;
  guint16 port;

  /* records */
  GHashTable *counts;    /* name -> count */
  GPtrArray *violations; /* of text */
  GPtrArray *unexpected; /* of text */
  GPtrArray *log;        /* of text: a line for each stanza of a client */
  GPtrArray *waiters;    /* control requests that wait for something */
};

Sandbox *sandbox_new (guint16 port, gboolean dedup, GError **error);
void sandbox_free (Sandbox *self);
/** (transfer full): the line that says where everything is */
char *sandbox_ready_line (Sandbox *self);
gint64 sandbox_now (void);
/** (transfer full): a fresh id for a stanza of the server */
char *sandbox_stanza_id (Sandbox *self);
/** (transfer full): a builder of a stanza from the server itself */
WhimNodeBuilder *sandbox_from_server (Sandbox *self, const char *tag, const char *type);

/* records */
void sandbox_count (Sandbox *self, const char *name);
/** the counter is the largest @value so far */
void sandbox_count_most (Sandbox *self, const char *name, guint value);
void sandbox_violation (Sandbox *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void sandbox_unexpected (Sandbox *self, const char *what);
void sandbox_record_in (Sandbox *self, Connection *connection, WhimNode *node);
/** TRUE if the message is new; FALSE for an allowed repeat */
gboolean sandbox_record_message (Sandbox *self, Device *device, WhimNode *node);
/** with which keys it is sealed; one key for two texts is counted */
void sandbox_record_keys (Device *device, WhimNode *node);
/** other bytes under the id of this retry receipt are its answer */
void sandbox_record_retry (Device *device, WhimNode *receipt);
void sandbox_record_reset (Sandbox *self);

/* stanzas */
void sandbox_handle_iq (Connection *connection, WhimNode *iq);
void sandbox_iq_result (Connection *connection, WhimNode *iq, WhimNode *child);
void sandbox_iq_error (Connection *connection, WhimNode *iq, guint code, const char *text);
/** content of the child @tag of exactly @expected bytes, or NULL */
const guint8 *sandbox_child_bytes (WhimNode *parent, const char *tag, gsize expected);
void sandbox_handle_usync (Connection *connection, WhimNode *iq);
void sandbox_handle_message (Device *from, WhimNode *message);
void sandbox_handle_receipt (Device *from, WhimNode *receipt);
void sandbox_handle_ack (Device *from, WhimNode *ack);
/** queues @node (transfer none) for @to and sends it if it is connected */
void sandbox_deliver (Device *to, WhimNode *node);
void sandbox_deliver_queue (Device *self);
/** what was held goes out, in the order in which it came or the other way round */
void sandbox_release (Device *self, gboolean reverse);
/** a builder with the tag and attributes of @node */
WhimNodeBuilder *sandbox_copy_head (WhimNode *node);

/* faults */
/** (transfer full): what @to really gets */
WhimNode *sandbox_fault_alter (Device *to, WhimNode *node);
/** TRUE if the ack of a message of @from is lost; its connection may be closed then */
gboolean sandbox_fault_takes_ack (Device *from);

/** TRUE if the request was answered with an error on demand; @name such as iq:usync:get:usync */
gboolean sandbox_fault_takes_request (Connection *connection, WhimNode *iq, const char *name);

/** what an imaginary companion does with what it gets */
void sandbox_imaginary_receive (Device *self, WhimNode *node);

/* limits */
void sandbox_limits_init (Account *self);
void sandbox_limits_clear (Account *self);
/** a message goes to @to: it has heard of its author from now on */
void sandbox_limits_hear (Device *to, WhimNode *message);
/** the code with which a message of @from to @to is refused, or 0 */
guint sandbox_limits_refuse (Device *from, Account *to, WhimNode *message);
void sandbox_limits_handle_tokens (Connection *connection, WhimNode *iq, WhimNode *tokens);
void sandbox_limits_handle_mex (Connection *connection, WhimNode *iq, WhimNode *query);

/* pairing */
void sandbox_start_registration (Connection *connection);
/** pair-device: at the start, and whenever the server likes */
void sandbox_send_refs (Connection *connection);
/** pair-success for keys that the account's phone trusts */
void sandbox_pair (Connection *connection,
                   Account *account,
                   const guint8 *identity,
                   const guint8 *secret);
gboolean sandbox_handle_code_iq (Connection *connection, WhimNode *iq);
void sandbox_send_reg_refresh (Connection *connection);
void sandbox_code_free (SandboxCode *self);
gboolean sandbox_handle_pairing_iq (Connection *connection, WhimNode *iq);
/** NULL, or what is wrong with the code */
const char *sandbox_scan (Sandbox *self, const char *qr, Account *account);

/* the phone */
void sandbox_phone_init (Account *self);
/** the app is installed anew: other keys, nothing remembered */
void sandbox_phone_reinstall (Account *self);
void sandbox_phone_receive (Account *self, WhimNode *stanza);
/** what real phones send after pairing: key share, history, LID mapping */
void sandbox_phone_greet (Account *self, Device *device);
/** (transfer full): id of the message; NULL if @to is nobody */
char *sandbox_phone_send_text (Account *self, Account *to, const char *text, guint expiration);
/** (transfer full): the same with any Message */
char *sandbox_phone_send_content (Account *self, Account *to, GBytes *content);
/** (transfer full) (nullable): what it sent under that id */
GBytes *sandbox_phone_dup_typed (Account *self, const char *id);
/** what it typed goes out once more, freshly encrypted; FALSE if it does not know it */
gboolean sandbox_phone_resend (Account *self, const char *id);

/** content of a message that the phone read */
void
sandbox_phone_remember (Account *self, WhimNode *message, Account *author, WhimContent *content);
/** a companion asks for messages that it could not read, in its message @id */
void sandbox_phone_take_request (Account *self,
                                 Device *device,
                                 const char *id,
                                 const Wa__PeerDataOperationRequestMessage *request);
void sandbox_phone_send_protocol (Account *self, Device *device, Wa__ProtocolMessage *protocol);
/** (transfer full) (nullable): @node without its content, if the server is to have none for @to */
WhimNode *sandbox_fault_make_unavailable (Device *to, WhimNode *node);

/* control */
void sandbox_control_init (Sandbox *self);
/** something changed that a waiting request may wait for */
void sandbox_control_check (Sandbox *self);
