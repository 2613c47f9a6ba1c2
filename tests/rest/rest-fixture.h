/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "rest/fake-engine.h"
#include "rest/whim-rest.h"

#include <json-glib/json-glib.h>

typedef struct
{
  WhimClock *clock;
  WhimEngine *engine;
  WhimRest *rest;
} RestFixture;

void rest_fixture_set_up (RestFixture *self, gconstpointer data);
void rest_fixture_tear_down (RestFixture *self, gconstpointer data);

/** A connection of raw bytes. */
typedef struct
{
  GSocketConnection *connection;
  GString *received;
  gboolean ended;
  gboolean reading;
} RestClient;

RestClient *rest_client_new (RestFixture *f);
RestClient *rest_client_new_unix (const char *path);
void rest_client_free (RestClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RestClient, rest_client_free)
void rest_client_write (RestClient *self, const char *text, gsize len);
void rest_client_pause (RestClient *self, gboolean paused);
/** rest_client_wait: until @text has come; FALSE if the connection ended before */
gboolean rest_client_wait (RestClient *self, const char *text);
void rest_client_wait_end (RestClient *self);

/** rest_request: one request on a connection of its own. @headers are whole lines with CRLF, or "".
 *  Returns the whole answer. */
char *rest_request (RestFixture *f,
                    const char *method,
                    const char *target,
                    const char *headers,
                    const char *body);
/** rest_status: of an answer */
guint rest_status (const char *answer);
/** rest_body: of an answer */
const char *rest_body (const char *answer);
/** rest_iterate: until the main context has nothing to do */
void rest_iterate (void);
