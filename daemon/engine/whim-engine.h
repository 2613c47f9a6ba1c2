/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-clock.h"
#include "base/whim-error.h"
#include "model/whim-model.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * The operation table: the single source of the contract. engine checks types and bounds and has
 * the rules; rest adds method and pattern, bus the member. Parameters and results are GVariant
 * dictionaries (a{sv}) with the canonical public names.
 */

typedef enum
{
  WHIM_SCOPE_NONE, /* no key */
  WHIM_SCOPE_READ,
  WHIM_SCOPE_WRITE,
  WHIM_SCOPE_ADMIN_READ, /* sees everything; a key that may only look is enough */
  WHIM_SCOPE_ADMIN,
} WhimScope;

typedef enum
{
  WHIM_PARAM_STRING,  /* s */
  WHIM_PARAM_BOOLEAN, /* b */
  WHIM_PARAM_INTEGER, /* x */
  WHIM_PARAM_NUMBER,  /* d */
  WHIM_PARAM_STRINGS, /* as */
  WHIM_PARAM_OBJECT,  /* a{sv} */
  WHIM_PARAM_OBJECTS, /* aa{sv} */
} WhimParamType;

typedef enum
{
  WHIM_PARAM_IN_PATH = 1 << 0,
  WHIM_PARAM_IN_QUERY = 1 << 1,
  WHIM_PARAM_IN_BODY = 1 << 2,
  WHIM_PARAM_IN_HEADER = 1 << 3, /* channelId: X-Channel-Id; clientId: Idempotency-Key */
  WHIM_PARAM_REQUIRED = 1 << 4,
  WHIM_PARAM_UNSUPPORTED = 1 << 5, /* documented, not built: 422 not_supported when present */
} WhimParamFlags;

/** WHIM_PARAM_CLIENT_ID: an operation with this parameter is done once per key, channel and value:
 *  a repeat within a day gets the first answer */
#define WHIM_PARAM_CLIENT_ID "clientId"

typedef struct
{
  const char *name;
  WhimParamType type;
  guint flags;
  gint64 minimum;            /* value of numbers, length in characters of texts, count of lists */
  gint64 maximum;            /* 0 with minimum 0 = unbounded (texts still by the body limit) */
  const char *default_value; /* (nullable): as text */
  const char *aliases;       /* (nullable): other names, separated by spaces, such as "phone" */
  const char *description;
  const char *example;
} WhimParam;

typedef enum
{
  WHIM_RESULT_ACTION,  /* {success:true} and the dictionary's own members */
  WHIM_RESULT_OBJECT,  /* one object: under "data" and its fields at the top */
  WHIM_RESULT_LIST,    /* "items" (aa{sv}), "total", "count", "offset" */
  WHIM_RESULT_MESSAGE, /* a message's own members; bare in whapi's dialect */
  WHIM_RESULT_SEND,    /* messageId, message */
  WHIM_RESULT_FILE,    /* "path" of a file that the face sends and deletes, "contentType", "name" */
  WHIM_RESULT_BYTES,   /* "bytes" (ay) and "contentType" */
  WHIM_RESULT_PLAIN,   /* the dictionary's own members, and nothing around them */
  WHIM_RESULT_ARRAY,   /* "items" (aa{sv}), as an array at the root */
  WHIM_RESULT_DOCUMENT, /* the contract itself: the face makes it from this table */
} WhimResultShape;

typedef struct
{
  const char *name; /* such as "messages.text" */
  WhimScope scope;
  gboolean channel_scoped; /* needs channelId */
  WhimResultShape shape;
  const char *plural; /* lists: whapi's key, such as "messages" */
  const char *item;   /* (nullable): the schema of the object, or of a list's items: "Channel" */
  const WhimParam *params; /* ends with a NULL name */
  const char *summary;
  const char *description;
  const char *errors;  /* error words, separated by spaces */
  const char *example; /* JSON of an answer's data */
} WhimOperation;

/** whim_operation_find: (transfer none) (nullable) */
const WhimOperation *whim_operation_find (const char *name);
/** whim_operation_families: (transfer none): the whole table, by family; it ends with NULL, each
 *  family with a NULL name */
const WhimOperation *const *whim_operation_families (void);
/** whim_operation_check: fills defaults, checks presence, types and bounds; (transfer full) the
 *  complete a{sv}, or NULL with WHIM_ERROR naming the field ("to", "contact.phone") */
GVariant *whim_operation_check (const WhimOperation *operation, GVariant *params, GError **error);

/** WhimCaller: who asks. Made by a face from its credential. */
typedef struct
{
  gboolean admin;
  gboolean read_only;
  char **channels; /* ids that a key is bound to; NULL for admin */
  char *key_id;
  char *dialect;     /* (nullable): whose names its answers carry */
  gint64 rate_limit; /* requests a minute; 0: as configured */
} WhimCaller;
void whim_caller_free (WhimCaller *self);

#define WHIM_TYPE_ENGINE (whim_engine_get_type ())
G_DECLARE_FINAL_TYPE (WhimEngine, whim_engine, WHIM, ENGINE, GObject)

/** WhimEngineConfig: what the engine works with; the pointers are borrowed for its life */
typedef struct _WhimEngineConfig WhimEngineConfig;

/**
 * whim_engine_call_async:
 * @operation: name in the table
 * @caller: (nullable): NULL = no credential
 * @params: (transfer floating): a{sv}; "channelId" among them where the operation is channel-scoped
 *
 * Checks scope, channel, types and bounds, then runs the operation. The result is a{sv} by the
 * operation's shape.
 */
void whim_engine_call_async (WhimEngine *self,
                             const char *operation,
                             const WhimCaller *caller,
                             GVariant *params,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
/** whim_engine_call_finish: (transfer full): every error is in the WHIM_ERROR domain */
GVariant *whim_engine_call_finish (WhimEngine *self, GAsyncResult *result, GError **error);

/** whim_engine_answers_at_once: whether whim_engine_answer() does @operation: it tells what is
 * known already */
gboolean whim_engine_answers_at_once (const WhimOperation *operation);
/**
 * whim_engine_answer:
 * @params: (transfer floating): as of whim_engine_call_async()
 *
 * The same as whim_engine_call_async(), for an operation that needs not wait.
 *
 * Returns: (transfer full): perhaps the same value as before, if nothing has changed
 */
GVariant *whim_engine_answer (WhimEngine *self,
                              const WhimOperation *operation,
                              const WhimCaller *caller,
                              GVariant *params,
                              GError **error);

/** whim_engine_authenticate: (transfer full) (nullable): constant time; NULL = unknown key */
WhimCaller *whim_engine_authenticate (WhimEngine *self, const char *key);

/** whim_engine_read_events_async: journal rows after @after that @caller may see; @channel_id
 *  (nullable) narrows; result (element-type WhimEvent); channel.qr rows get their code from memory
 */
void whim_engine_read_events_async (WhimEngine *self,
                                    const WhimCaller *caller,
                                    gint64 after,
                                    const char *channel_id,
                                    guint limit,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
GPtrArray *whim_engine_read_events_finish (WhimEngine *self, GAsyncResult *result, GError **error);
gint64 whim_engine_get_last_seq (WhimEngine *self);
/* signal "journal-advanced" (gint64 last_seq): new events can be read */

/** whim_engine_dup_channel_ids: (transfer full): of all channels, oldest first */
char **whim_engine_dup_channel_ids (WhimEngine *self);
/** whim_engine_dup_channel: (transfer full) (nullable): what channels.get answers, for faces that
 *  mirror it; NULL: there is no such channel (any more) */
GVariant *whim_engine_dup_channel (WhimEngine *self, const char *id);
/* signal "channel-changed" (const char *id): what whim_engine_dup_channel() says may have changed;
 * before the operation that changed it answers. Handlers look and do not call operations. */

/** whim_error_to_public: (transfer full): maps an error of any layer to WHIM_ERROR by one table */
GError *whim_error_to_public (const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimCaller, whim_caller_free)

G_END_DECLS
