/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "rest/whim-rest-connection.h"

G_BEGIN_DECLS

/** WhimRestDoor: where clients come in, and the table of those who are in */
typedef struct _WhimRestDoor WhimRestDoor;

/** whim_rest_door_new: @closed is told of each connection that ends */
WhimRestDoor *whim_rest_door_new (SoupServer *server,
                                  WhimClock *clock,
                                  WhimRestClosedFunc closed,
                                  gpointer user_data);
void whim_rest_door_free (WhimRestDoor *self);

/** whim_rest_door_open: @listen names a TCP address or a Unix socket. @port (out): of TCP */
gboolean
whim_rest_door_open (WhimRestDoor *self, const WhimListen *listen, guint16 *port, GError **error);
/** whim_rest_door_shut: nobody comes in any more */
void whim_rest_door_shut (WhimRestDoor *self);

/** whim_rest_door_find: (transfer none) (nullable): whose message it is */
WhimRestConnection *whim_rest_door_find (WhimRestDoor *self, SoupServerMessage *message);
/** whim_rest_door_list: (transfer full) (element-type WhimRestConnection): who is in */
GPtrArray *whim_rest_door_list (WhimRestDoor *self);

G_END_DECLS
