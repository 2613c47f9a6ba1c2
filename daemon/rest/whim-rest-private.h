/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "present/whim-present.h"
#include "rest/whim-rest.h"

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
} WhimRoute;

/** whim_routes: (transfer none): ends with a NULL method */
const WhimRoute *whim_routes (void);

typedef struct
{
  const WhimRoute *route; /* NULL: none for this method */
  char *allow;            /* methods of the path, NULL if the path is unknown */
  GHashTable *values;     /* of the pattern's names; NULL without a route */
} WhimRouteMatch;
void whim_route_match_clear (WhimRouteMatch *self);
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
  gboolean writes;     /* the method has a body */
} WhimRestInput;

/** whim_rest_parse_query: (transfer full) (nullable): of an encoded query, which may be NULL */
GHashTable *whim_rest_parse_query (const char *query, GError **error);

/**
 * whim_rest_extract:
 * @bound_channel: (nullable): the one channel that the key is for
 * @places: (out) (transfer full): name -> place of each value, for whim_rest_place()
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

/**
 * WhimRestRequest: one HTTP request. Counted; outlives its message when a call to engine is under
 * way. Once the message has ended, @message is NULL and answering does nothing.
 */
typedef struct
{
  WhimRest *rest; /* borrowed; NULL once the message has ended */
  SoupServerMessage *message;
  char id[24];
  WhimDialect dialect;
  WhimRouteMatch match;
  const WhimOperation *operation;
  WhimCaller *caller;
  JsonNode *body;
  WhimRestInput input;
  GHashTable *query;
  GHashTable *places;
  GCancellable *cancellable;
  WhimRestStream *stream;
  gsize received; /* bytes of the body */
  gint64 started; /* monotonic ms */
  guint timer;
  gboolean paused;
  gboolean answered;
} WhimRestRequest;

WhimRestRequest *whim_rest_request_new (WhimRest *rest, SoupServerMessage *message);
WhimRestRequest *whim_rest_request_ref (WhimRestRequest *self);
void whim_rest_request_unref (WhimRestRequest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimRestRequest, whim_rest_request_unref)

/** whim_rest_request_detach: the message has ended */
void whim_rest_request_detach (WhimRestRequest *self);
/** whim_rest_request_watch: cuts the connection unless it is called again within @delay_ms; 0 ends
 *  the watch */
void whim_rest_request_watch (WhimRestRequest *self, gint64 delay_ms);
void whim_rest_request_cut (WhimRestRequest *self);
void whim_rest_request_pause (WhimRestRequest *self);
void whim_rest_request_unpause (WhimRestRequest *self);

void whim_rest_request_answer (WhimRestRequest *self,
                               guint status,
                               const char *content_type,
                               GBytes *body);
void whim_rest_request_answer_json (WhimRestRequest *self, guint status, char *json);
/** whim_rest_request_fail: the answer to an error; does not take it */
void whim_rest_request_fail (WhimRestRequest *self, const GError *error);

/* ---- The server's parts that requests use ---------------------------------------------------- */

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
