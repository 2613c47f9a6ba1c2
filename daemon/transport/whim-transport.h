/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "crypto/whim-crypto.h"
#include "transport/whim-gate.h"
#include "wire/whim-node.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define WHIM_TRANSPORT_ERROR (whim_transport_error_quark ())
GQuark whim_transport_error_quark (void);

typedef enum
{
  WHIM_TRANSPORT_ERROR_CONNECT,  /* no socket, no TLS, no upgrade */
  WHIM_TRANSPORT_ERROR_CLOSED,   /* the other side, or the network, ended it */
  WHIM_TRANSPORT_ERROR_PROTOCOL, /* bytes that cannot be: wrong frame, wrong tag */
  WHIM_TRANSPORT_ERROR_OVERFLOW, /* a bound of whim-limits.h */
} WhimTransportError;

/**
 * WhimLink:
 *
 * An open connection above which there are only nodes. Made by #WhimTransport; the socket and the
 * ciphers live on a network shard. Every function here is for the main thread.
 */
typedef struct _WhimLink WhimLink;

/** WhimLinkNodesFunc: @nodes (transfer none) (element-type WhimNode), in order of arrival */
typedef void (*WhimLinkNodesFunc) (WhimLink *link, GPtrArray *nodes, gpointer user_data);
/** WhimLinkClosedFunc: called once, unless the link was closed by whim_link_close() */
typedef void (*WhimLinkClosedFunc) (WhimLink *link, const GError *error, gpointer user_data);

WhimLink *whim_link_ref (WhimLink *self);
void whim_link_unref (WhimLink *self);

/** whim_link_set_handler: call it in the open callback; nothing is lost before it */
void whim_link_set_handler (WhimLink *self,
                            WhimLinkNodesFunc nodes,
                            WhimLinkClosedFunc closed,
                            gpointer user_data);
/** whim_link_send: encodes, encrypts and writes on the shard; order is kept */
void whim_link_send (WhimLink *self, WhimNode *node);
/** whim_link_send_encoded: the same for bytes of whim_node_encode() */
void whim_link_send_encoded (WhimLink *self, GBytes *encoded);
/** whim_link_close: a wanted end; no callback comes after it */
void whim_link_close (WhimLink *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimLink, whim_link_unref)

/** WhimTransportConfig: where and how to connect; copied */
typedef struct
{
  const char *url;          /* wss://web.whatsapp.com/ws/chat */
  const char *origin;       /* https://web.whatsapp.com */
  const guint8 *noise_root; /* 32 bytes */
  const char *ca_file;      /* (nullable): absolute path, trusted beside the system's */
} WhimTransportConfig;

/**
 * WhimTransport:
 *
 * The network shards: threads with a main context and a SoupSession each, at most 128 sockets per
 * shard (a wake-up of a context costs in proportion to its sockets).
 */
typedef struct _WhimTransport WhimTransport;

WhimTransport *whim_transport_new (const WhimTransportConfig *config, GError **error);
/** whim_transport_free: ends the threads; links still open are closed without callback */
void whim_transport_free (WhimTransport *self);

/** whim_transport_get_gate: (transfer none): whoever opens a link enters first, and leaves when it
 * is open or has failed; #WHIM_LIMIT_HANDSHAKES wide */
WhimGate *whim_transport_get_gate (WhimTransport *self);

/**
 * whim_transport_open_async:
 * @noise_key: the channel's static key
 * @payload: serialised ClientPayload
 * @routing_info: (nullable): edge routing of an earlier connection
 * @unix_now: for the certificates
 *
 * Opens a socket and runs Noise XX. Errors: #WHIM_TRANSPORT_ERROR, #WHIM_NOISE_ERROR. Has no
 * time-out of its own: the caller cancels.
 */
void whim_transport_open_async (WhimTransport *self,
                                WhimKeyPair *noise_key,
                                GBytes *payload,
                                GBytes *routing_info,
                                gint64 unix_now,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
WhimLink *whim_transport_open_finish (WhimTransport *self, GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimTransport, whim_transport_free)

G_END_DECLS
