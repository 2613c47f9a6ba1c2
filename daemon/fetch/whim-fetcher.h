/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-clock.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define WHIM_FETCH_ERROR (whim_fetch_error_quark ())
GQuark whim_fetch_error_quark (void);

typedef enum
{
  WHIM_FETCH_ERROR_URL,        /* not one that we call */
  WHIM_FETCH_ERROR_ADDRESS,    /* leads to a private address; the text names the setting */
  WHIM_FETCH_ERROR_TIMED_OUT,  /* no answer in time */
  WHIM_FETCH_ERROR_TLS,        /* the certificate is not to be trusted, or the like */
  WHIM_FETCH_ERROR_CONNECTION, /* the name is unknown, refused, reset, no HTTP, … */
} WhimFetchError;

/**
 * WhimFetcher:
 *
 * Calls URLs that come from callers and strangers: never a private address unless allowed, and
 * judged on the address that is connected. Follows no redirect: who wants to, calls again with the
 * new URL, which is judged anew. Main thread.
 */
#define WHIM_TYPE_FETCHER (whim_fetcher_get_type ())
G_DECLARE_FINAL_TYPE (WhimFetcher, whim_fetcher, WHIM, FETCHER, GObject)

WhimFetcher *whim_fetcher_new (WhimClock *clock, gboolean allow_private);
/** whim_fetcher_stop: what is under way ends as cancelled */
void whim_fetcher_stop (WhimFetcher *self);

typedef struct
{
  const char *method;
  const char *url;
  const char *const *headers; /* (nullable): names and values in turn */
  const char *content_type;   /* with @body */
  GBytes *body;               /* (nullable) */
  gint64 timeout_ms;          /* for all of it */
  gsize answer_max;           /* so much of the answer's body is read, and dropped */
  gboolean keep_answer;       /* it is not dropped */
} WhimFetchRequest;

/** whim_fetcher_send_async: copies what it needs */
void whim_fetcher_send_async (WhimFetcher *self,
                              const WhimFetchRequest *request,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
/** whim_fetcher_send_finish: the HTTP status, 0 with an error. A request that was cut after its
 *  status had come has that status. */
guint whim_fetcher_send_finish (WhimFetcher *self, GAsyncResult *result, GError **error);
/** whim_fetcher_send_finish_answer: the same; @answer (out) (transfer full): the body, as much of
 * it as was asked for, if the request keeps it */
guint whim_fetcher_send_finish_answer (WhimFetcher *self,
                                       GAsyncResult *result,
                                       GBytes **answer,
                                       GError **error);

G_END_DECLS
