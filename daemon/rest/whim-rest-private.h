/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-listen.h"
#include "present/whim-present.h"
#include "rest/whim-rest.h"

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>

G_BEGIN_DECLS

/* ---- Routes ---------------------------------------------------------------------------------- */

/** The name of the one route that is no operation: the event stream. */
#define WHIM_ROUTE_EVENTS "events"

typedef struct
{
  const char *method;
  const char *pattern; /* segments; ":name" takes one */
  const char *operation;
  const char *twin; /* (nullable): the operation where a channel is meant: whapi's */
} WhimRoute;

/** whim_routes: (transfer none): ends with a NULL method */
const WhimRoute *whim_routes (void);

typedef struct
{
  const WhimRoute *route; /* NULL: none for this method */
  const char *pattern;    /* NULL if the path is unknown */
  GHashTable *values;     /* of the pattern's names; NULL if it has none */
} WhimRouteMatch;
void whim_route_match_clear (WhimRouteMatch *self);
/** whim_route_match_dup_methods: (transfer full): of a known path, for Allow */
char *whim_route_match_dup_methods (const WhimRouteMatch *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimRouteMatch, whim_route_match_clear)

/** whim_route_match: @path is still percent-encoded; FALSE with an error if it cannot be read */
gboolean
whim_route_match (const char *method, const char *path, WhimRouteMatch *match, GError **error);

/* ---- Parameters ------------------------------------------------------------------------------ */

/** WhimRestInput: where values come from. Every part may be NULL. */
typedef struct
{
  GHashTable *path;    /* name -> text */
  GHashTable *query;   /* name -> GPtrArray of text */
  JsonObject *body;    /* borrowed */
  const char *channel; /* X-Channel-Id */
  const char *once;    /* Idempotency-Key */
  gboolean writes;     /* the method has a body */
} WhimRestInput;

/** whim_rest_parse_query: (transfer full) (nullable): of an encoded query */
GHashTable *whim_rest_parse_query (const char *query, GError **error);

/**
 * whim_rest_extract:
 * @bound_channel: (nullable): the one channel that the key is for
 * @places: (out) (transfer full) (nullable): name -> place of each value, for whim_rest_place()
 *
 * Returns: (transfer floating) (nullable): a{sv} of the operation's parameters that are there
 */
GVariant *whim_rest_extract (const WhimOperation *operation,
                             const WhimRestInput *input,
                             const char *bound_channel,
                             GHashTable **places,
                             GError **error);
/** whim_rest_place: (transfer none): "path", "query", "body" or "header": where @field stands, or
 *  would have to stand */
const char *whim_rest_place (const WhimOperation *operation,
                             const WhimRestInput *input,
                             GHashTable *places,
                             const char *field);

/** whim_rest_parse_body: (transfer full) (nullable): the object of a JSON body; NULL without an
 *  error for an empty one */
JsonNode *whim_rest_parse_body (GBytes *body, const char *content_type, GError **error);

/* ---- Requests -------------------------------------------------------------------------------- */

typedef struct _WhimRestStream WhimRestStream;
typedef struct _WhimRestConnection WhimRestConnection; /* whim-rest-connection.h */

/** Between two requests of a connection, until the headers are complete, and between two pieces of
 *  an answer that the client takes. */
#define WHIM_REST_HEADER_TIMEOUT_MS 60000

/**
 * WhimRestRequest: one HTTP request. Counted; outlives its message when a call to engine is under
 * way. Once the message has ended, @message is NULL and answering does nothing.
 */
typedef struct
{
  WhimRest *rest;                 /* borrowed; NULL once the message has ended */
  WhimRestConnection *connection; /* likewise: it owns us */
  SoupServerMessage *message;
  char id[24];
  WhimDialect dialect;
  gboolean whapi; /* below /whapi */
  WhimRouteMatch match;
  const WhimOperation *operation;
  WhimCaller *caller;
  JsonNode *body;
  WhimRestInput input;
  GHashTable *query;
  GHashTable *places;
  GCancellable *cancellable; /* NULL until it is asked for */
  WhimRestStream *stream;
  gsize received;   /* bytes of the body */
  gint64 started;   /* monotonic ms */
  gboolean listens; /* to signals of the message */
  gboolean paused;
  gboolean answered;
} WhimRestRequest;

WhimRestRequest *
whim_rest_request_new (WhimRest *rest, WhimRestConnection *connection, SoupServerMessage *message);
WhimRestRequest *whim_rest_request_ref (WhimRestRequest *self);
void whim_rest_request_unref (WhimRestRequest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimRestRequest, whim_rest_request_unref)

/** whim_rest_request_get_cancellable: (transfer none): of a call that is made for the request */
GCancellable *whim_rest_request_get_cancellable (WhimRestRequest *self);
/** whim_rest_request_detach: the message has ended */
void whim_rest_request_detach (WhimRestRequest *self);
/** whim_rest_request_watch: cuts the connection unless it is called again within @delay_ms; 0 ends
 *  the watch */
void whim_rest_request_watch (WhimRestRequest *self, gint64 delay_ms);
void whim_rest_request_cut (WhimRestRequest *self);
/** whim_rest_request_listen: @callback hears @signal of the message, with the request, until the
 *  message has ended */
void whim_rest_request_listen (WhimRestRequest *self, const char *signal, GCallback callback);
void whim_rest_request_pause (WhimRestRequest *self);
void whim_rest_request_unpause (WhimRestRequest *self);

#define WHIM_REST_JSON "application/json; charset=utf-8"

void whim_rest_request_answer (WhimRestRequest *self,
                               guint status,
                               const char *content_type,
                               GBytes *body);
/** whim_rest_answer_file: sends the file of a FILE result, and deletes it whatever happens */
void whim_rest_answer_file (WhimRestRequest *request, GVariant *result);
void whim_rest_request_answer_json (WhimRestRequest *self, guint status, char *json);
/** whim_rest_request_fail: the answer to an error; does not take it */
void whim_rest_request_fail (WhimRestRequest *self, const GError *error);

/** whim_rest_request_fail_after: the same, and when it helps to come again, in seconds */
void whim_rest_request_fail_after (WhimRestRequest *self, const GError *error, guint seconds);

/* ---- The server's parts that requests use ---------------------------------------------------- */

/** whim_rest_allows_origin: whether the page of that origin may read answers */
gboolean whim_rest_allows_origin (WhimRest *self, const char *origin);
/** whim_rest_add_stream: @request is told when the journal grows, until it is removed */
void whim_rest_add_stream (WhimRest *self, WhimRestRequest *request);
void whim_rest_remove_stream (WhimRest *self, WhimRestRequest *request);
/** whim_rest_note_answer: for the figures */
void whim_rest_note_answer (WhimRest *self, guint status, gint64 took_ms);

/* ---- Figures (whim-rest-metrics.c) -------------------------------------------------------------
 */

#define WHIM_REST_N_BOUNDS 9

/** WhimRestFigures: how many requests were answered with what, and how long it took */
typedef struct
{
  guint64 by_class[6]; /* 2xx is 2 */
  guint64 by_time[WHIM_REST_N_BOUNDS];
  guint64 count;
  gint64 total_ms;
} WhimRestFigures;

void whim_rest_figures_note (WhimRestFigures *self, guint status, gint64 took_ms);
/** whim_rest_figures_print: appends Prometheus' text format */
void whim_rest_figures_print (const WhimRestFigures *self, GString *text);

/* ---- Documents (whim-rest-openapi.c, whim-rest-docs.c) -----------------------------------------
 */

/** whim_rest_openapi: (transfer none): the contract as OpenAPI 3.1; made once */
GBytes *whim_rest_openapi (void);
/** whim_rest_docs: (transfer none): the page for people; made once */
GBytes *whim_rest_docs (void);

/* ---- Rates (whim-rest-rate.c) ------------------------------------------------------------------
 */

GHashTable *whim_rest_rates_new (void);
/** whim_rest_rate_take: 0: go on; else after how many seconds to come again. @limit: requests a
 *  minute, 0: none; @now_ms: monotonic */
guint whim_rest_rate_take (GHashTable *buckets, const char *key_id, gint64 limit, gint64 now_ms);

WhimEngine *whim_rest_get_engine (WhimRest *self);
WhimClock *whim_rest_get_clock (WhimRest *self);

/* ---- Event streams --------------------------------------------------------------------------- */

/** whim_rest_events: answers GET /events, as a stream or as a page */
void whim_rest_events (WhimRestRequest *request);
/** whim_rest_stream_poll: the journal may have grown */
void whim_rest_stream_poll (WhimRestStream *self);
/** whim_rest_stream_free: the message has ended */
void whim_rest_stream_free (WhimRestStream *self);
/** whim_rest_stream_count: of the whole process */
guint whim_rest_stream_count (void);

G_END_DECLS
