/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "engine/whim-engine-hooks.h"
#include "engine/whim-engine-setup.h"
#include "messaging/whim-messenger.h"

typedef struct _WhimChannel WhimChannel;
typedef struct _WhimChannelEvent WhimChannelEvent;

/** WhimChannelSupplement: puts into the unit of an event what belongs to it, as it is by then */
typedef void (*WhimChannelSupplement) (WhimChannel *self, WhimUnit *unit);

/** WhimHealth: what GET /health says, kept until something of it changes: monitors ask often, and
 *  there may be a thousand channels to look at */
typedef struct
{
  gboolean counted;
  gint64 connected;
  gboolean missing; /* a channel should be connected and is not */
  GVariant *answer; /* (nullable): of @at and @store_ok */
  gint64 at;
  gboolean store_ok;
} WhimHealth;

struct _WhimEngine
{
  GObject parent_instance;
  WhimClock *clock;
  WhimStore *store;
  WhimSignalPool *pool;
  WhimTransport *transport;
  guint8 noise_root[WHIM_KEY_SIZE];
  WhimClientVersion version;
  GPtrArray *channels; /* of WhimChannel, in order of creation */
  GHashTable *by_id;   /* id -> WhimChannel */
  GPtrArray *keys;     /* of WhimApiKey */
  gboolean stopping;
  gint64 started_at;
  gboolean backing_up;
  gboolean allow_private_fetch;
  guint prune_timer;
  guint connect_timer;
  GPtrArray *hooks;  /* of WhimHook, in order of creation */
  gint64 last_hook;  /* newest number of a hook */
  GHashTable *asked; /* what is asked with a client id just now (whim-engine-once.c) */
  WhimHookTester hook_tester;
  gpointer hook_tester_data;
  WhimVersionFetch version_fetch;
  gpointer version_fetch_data;
  gboolean version_asked; /* an answer is on its way */
  WhimHealth health;
};

/* A channel's session waits at most this long for its first code (product page, 4). */
#define WHIM_FIRST_CODE_MS 10000

struct _WhimChannel
{
  WhimEngine *engine;        /* borrowed: the owner */
  WhimChannelRecord *record; /* without credentials: the session has them */
  WhimSession *session;
  WhimMessenger *messenger;
  WhimKeyPair *keys_identity; /* of the pairing that the messenger works with */
  WhimChannelState told_state;
  WhimReason told_reason;
  char *told_detail;
  GPtrArray *phone_waiters; /* of GTask: calls that wait for a phone code */
  guint phone_timer;
  char *phone;             /* digits: the number that they wait for */
  gint64 client_expires;   /* the server's last date for this build; 0 = none */
  GPtrArray *code_waiters; /* of GTask: connect calls that wait for a code */
  guint code_timer;
  GPtrArray *logout_waiters; /* of GTask: until the session rests without keys */
  gboolean deleting;
  gboolean starting; /* will connect at the start, but it is not its turn yet */
  GQueue untold;     /* of WhimChannelEvent: not on disk yet, oldest first */
  guint tell_timer;  /* the disk has refused: until it is tried again */
  guint tell_tries;
};

/** WhimChannelSettings: whim-channel-settings.c */
typedef struct
{
  WhimPacing pacing;
  gboolean available; /* "presence" */
  gboolean auto_download;
} WhimChannelSettings;
/** whim_channel_settings_parse: @json (nullable): as the store keeps it; what it lacks is default
 */
WhimChannelSettings whim_channel_settings_parse (const char *json);
char *whim_channel_settings_to_json (const WhimChannelSettings *settings);
/** whim_channel_settings_to_variant: (transfer floating) */
GVariant *whim_channel_settings_to_variant (const WhimChannelSettings *settings);
/** whim_channel_settings_update: what @given (a{sv}) has is checked and taken over */
gboolean
whim_channel_settings_update (WhimChannelSettings *settings, GVariant *given, GError **error);
/** whim_channel_apply_settings: the messenger goes by the record's settings */
void whim_channel_apply_settings (WhimChannel *self);

/** whim_channel_new: takes @record; @banned_until: Unix seconds, from the store; 0: it is not */
WhimChannel *whim_channel_new (WhimEngine *engine, WhimChannelRecord *record, gint64 banned_until);
void whim_channel_free (WhimChannel *self);
/* whim-channel-events.c */
/** whim_channel_tell: an event of the channel itself; consumes a floating @data. It gets into the
 *  journal once and in order, if need be later; @supplement (nullable) goes with it */
void whim_channel_tell (WhimChannel *self,
                        const char *type,
                        GVariant *data,
                        WhimChannelSupplement supplement);
/** whim_channel_tell_last: the channel goes away: what waits is tried once more */
void whim_channel_tell_last (WhimChannel *self);
GVariant *whim_channel_to_variant (WhimChannel *self);
gboolean whim_channel_is_paired (WhimChannel *self);
/** whim_channel_get_state: as everybody is told; a channel whose turn to connect comes is
 * connecting
 */
WhimChannelState whim_channel_get_state (WhimChannel *self);
WhimReason whim_channel_get_reason (WhimChannel *self);
/** whim_channel_connect_async: see channels.connect; result a{sv} */
void whim_channel_connect (WhimChannel *self, GTask *task);
/** whim_channel_connect_phone: see channels.connect-phone; @phone: digits; result a{sv} */
void whim_channel_connect_phone (WhimChannel *self, const char *phone, GTask *task);
/** whim_channel_logout: @task returns TRUE when the keys are gone */
void whim_channel_logout (WhimChannel *self, GTask *task);
/** whim_channel_fail_waiters: the channel goes away */
void whim_channel_fail_waiters (WhimChannel *self, WhimErrorCode code, const char *message);
GVariant *whim_channel_code_to_variant (WhimChannel *self, const char *code, gint64 expires_at);

WhimChannel *whim_engine_find_channel (WhimEngine *self, const char *id);
/** whim_engine_forget_health: a channel came, went, or changed in what health looks at */
void whim_engine_forget_health (WhimEngine *self);
/** whim_engine_channel_changed: a face that mirrors the channel looks again */
void whim_engine_channel_changed (WhimEngine *self, const char *id);
/** whim_engine_client_outdated: the server refused @channel's version */
void whim_engine_client_outdated (WhimEngine *self, WhimChannel *channel);

/** whim_engine_load_hooks: blocks (at start only) */
gboolean whim_engine_load_hooks (WhimEngine *self, GError **error);
/** whim_engine_find_default_hook: (transfer none) (nullable): of PUT /channels/:id/webhook */
WhimHook *whim_engine_find_default_hook (WhimEngine *self, const char *channel_id);
/** whim_engine_keep_hook: made or changed, and on disk */
void whim_engine_keep_hook (WhimEngine *self, WhimHook *hook);
void whim_engine_drop_hook (WhimEngine *self, const char *id);
void whim_engine_drop_channel_hooks (WhimEngine *self, const char *channel_id);
/* ---- what operations do ------------------------------------------------------------------------
 */

/** WhimCall: a checked call. Lives only while the handler runs: copy what is needed later. */
typedef struct
{
  WhimEngine *engine;
  const WhimCaller *caller;
  WhimChannel *channel; /* channel-scoped operations */
  GVariant *params;
  const WhimFirstAsk *first; /* (nullable): the answer is to be committed with what is accepted */
} WhimCall;

/** WhimCallHandler: returns @task once, now or later (then with a reference of its own) */
typedef void (*WhimCallHandler) (const WhimCall *call, GTask *task);
/** WhimCallAnswer: for what is known already; (transfer full), also of a floating value */
typedef GVariant *(*WhimCallAnswer) (const WhimCall *call, GError **error);
/** WhimCallRow: has one of the two */
typedef struct
{
  const char *name;
  WhimCallHandler handle;
  WhimCallAnswer answer;
} WhimCallRow;

/* One table per family, ends with a NULL name; the operations themselves stand in
 * whim-operations-<family>.c. */
extern const WhimCallRow whim_calls_channels[];
extern const WhimCallRow whim_calls_messages[];
extern const WhimCallRow whim_calls_chats[];
extern const WhimCallRow whim_calls_contacts[];
extern const WhimCallRow whim_calls_outbox[];
extern const WhimCallRow whim_calls_system[];
extern const WhimCallRow whim_calls_webhooks[];
extern const WhimCallRow whim_calls_keys[];
extern const WhimCallRow whim_calls_whapi[];

/** whim_call_connect_phone: see channels.connect-phone */
void whim_call_connect_phone (const WhimCall *call, GTask *task);
/** whim_call_channel_health: whapi's health of the call's channel */
GVariant *whim_call_channel_health (const WhimCall *call, GError **error);
/** whim_webhook_new: (transfer full): of the call's channel, with a number and an id of its own */
WhimHook *whim_webhook_new (const WhimCall *call, const char *name);
/** whim_webhook_take_settings: what the call's parameters say of a webhook goes into @hook, which
 *  is nobody else's yet; FALSE: the error names the field */
gboolean whim_webhook_take_settings (const WhimCall *call, WhimHook *hook, GError **error);

/** whim_call_return: @value (transfer floating) */
void whim_call_return (GTask *task, GVariant *value);
void whim_call_return_nothing (GTask *task);

typedef struct
{
  gint64 limit;
  gint64 offset;
} WhimPageArgs;
/** whim_call_take_page: limit and offset, kept as the task's data */
const WhimPageArgs *whim_call_take_page (const WhimCall *call, GTask *task);
/** whim_call_make_list: (transfer floating): takes @items */
GVariant *whim_call_make_list (GVariantBuilder *items, guint64 total, gint64 limit, gint64 offset);

/** whim_call_row_find: (transfer none) (nullable): how @operation is done */
const WhimCallRow *whim_call_row_find (const WhimOperation *operation);
/** whim_engine_dispatch: runs a checked call; @task returns a GVariant or an error of any layer */
void whim_engine_dispatch (WhimEngine *self,
                           const WhimOperation *operation,
                           const WhimCaller *caller,
                           WhimChannel *channel,
                           GVariant *params,
                           const WhimFirstAsk *first,
                           GTask *task);
/** whim_engine_make_key_text: (transfer full): a new key of more than 256 bits */
char *whim_engine_make_key_text (void);
/** whim_engine_drop_channel_keys: a deleted channel leaves the keys that were bound to it */
void whim_engine_drop_channel_keys (WhimEngine *self, const char *channel_id);
/** whim_engine_keep_key_uses: when keys were used last goes to the disk, now and then */
void whim_engine_keep_key_uses (WhimEngine *self);
/** whim_engine_dispatch_once: the same, for a call with a client id: a repeat gets the first answer
 *  (whim-engine-once.c) */
void whim_engine_dispatch_once (WhimEngine *self,
                                const WhimOperation *operation,
                                const WhimCaller *caller,
                                WhimChannel *channel,
                                GVariant *params,
                                GTask *task);
gboolean whim_caller_may_see (const WhimCaller *caller, const char *channel_id);
