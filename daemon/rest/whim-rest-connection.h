/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "rest/whim-rest-private.h"

G_BEGIN_DECLS

/**
 * WhimRestConnection: one connection of a client, as a #GIOStream for libsoup. It lives as long as
 * libsoup uses it; the table of its WhimRestDoor has it until it is closed.
 *
 * Connections are accepted here and not by libsoup 3.2, which keeps every accepted socket's memory
 * for ever, every descriptor whose client goes between two requests, and stops accepting for good
 * when it fails once.
 */
#define WHIM_TYPE_REST_CONNECTION (whim_rest_connection_get_type ())
G_DECLARE_FINAL_TYPE (WhimRestConnection, whim_rest_connection, WHIM, REST_CONNECTION, GIOStream)

/** WhimRestClosedFunc: the connection has just been closed, by whomever */
typedef void (*WhimRestClosedFunc) (WhimRestConnection *connection, gpointer user_data);

/** whim_rest_connection_new: @address: the client's, of which it keeps this very object */
WhimRestConnection *whim_rest_connection_new (GSocket *socket,
                                              GSocketAddress *address,
                                              WhimClock *clock,
                                              WhimRestClosedFunc closed,
                                              gpointer user_data);
GSocket *whim_rest_connection_get_socket (WhimRestConnection *self);
GSocketAddress *whim_rest_connection_get_address (WhimRestConnection *self);
/** whim_rest_connection_has_ended: the client went between two requests: what libsoup is told now
 *  is no request */
gboolean whim_rest_connection_has_ended (WhimRestConnection *self);

/** whim_rest_connection_set_request: @request (nullable): the one under way */
void whim_rest_connection_set_request (WhimRestConnection *self, WhimRestRequest *request);
/** whim_rest_connection_get_request: (transfer none) (nullable) */
WhimRestRequest *whim_rest_connection_get_request (WhimRestConnection *self);

/** whim_rest_connection_watch: cuts the connection unless it is called again within @delay_ms; 0
 *  ends the watch */
void whim_rest_connection_watch (WhimRestConnection *self, gint64 delay_ms);
/** whim_rest_connection_cut: nothing more comes or goes; libsoup notices and closes */
void whim_rest_connection_cut (WhimRestConnection *self);
/** whim_rest_connection_hold: what is written next waits for what is written after it, and leaves
 *  with it in one packet: the head of an answer that has a body */
void whim_rest_connection_hold (WhimRestConnection *self);
/** whim_rest_connection_count: of the whole process */
guint whim_rest_connection_count (void);

G_END_DECLS
