/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-mailbox.h"
#include "noise/whim-noise.h"
#include "transport/whim-transport.h"
#include "wire/whim-frame.h"

#include <libsoup/soup.h>

#define WHIM_SHARD_MAX_LINKS 128u

typedef struct _WhimShard WhimShard;

typedef enum
{
  LINK_CONNECTING, /* socket and upgrade */
  LINK_HELLO,      /* ClientHello is out */
  LINK_OPEN,
  LINK_CLOSED,
} LinkState;

struct _WhimLink
{
  gint ref_count;
  WhimShard *shard;
  WhimMailbox *to_main; /* events for the main thread */

  /* main thread */
  WhimLinkNodesFunc nodes_func;
  WhimLinkClosedFunc closed_func;
  gpointer user_data;
  GTask *open_task; /* until it is opened or failed */
  gulong cancelled_id;
  gboolean closed; /* no callback any more */
  GQueue stash;    /* of LinkEvent: what came before the handler was set */

  gint backlog; /* bytes of nodes on their way to the main thread; atomic */

  /* shard thread */
  LinkState state;
  GCancellable *connect_cancellable;
  SoupWebsocketConnection *socket;
  WhimFrameSplitter splitter;
  WhimNoiseHandshake *handshake;
  WhimNoiseCipher *send_cipher;
  WhimNoiseCipher *receive_cipher;
  GBytes *payload;
  GBytes *routing_info;
  gint64 unix_now;
  gsize sent_since_heard;
};

typedef enum
{
  LINK_EVENT_OPENED,
  LINK_EVENT_NODES,
  LINK_EVENT_CLOSED,
  LINK_EVENT_STASHED, /* from the main thread to itself: look at the stash */
} LinkEventType;

/* From a shard to the main thread. */
typedef struct
{
  LinkEventType type;
  WhimLink *link;
  GPtrArray *nodes;
  gint size;
  GError *error;
} LinkEvent;

void whim_link_event_free (gpointer event);

typedef enum
{
  SHARD_COMMAND_OPEN,
  SHARD_COMMAND_SEND,
  SHARD_COMMAND_CLOSE,
  SHARD_COMMAND_QUIT,
} ShardCommandType;

/* From the main thread to a shard. */
typedef struct
{
  ShardCommandType type;
  WhimLink *link;
  WhimNode *node;
  GBytes *encoded;
} ShardCommand;

WhimShard *whim_shard_new (const char *url, const char *origin, GTlsDatabase *tls_database);
void whim_shard_free (WhimShard *self);
guint whim_shard_get_n_links (WhimShard *self);
/** whim_shard_add_link: counts a link of this shard; the link takes itself off when it is freed */
void whim_shard_add_link (WhimShard *self);
void whim_shard_remove_link (WhimShard *self);
void whim_shard_post (WhimShard *self,
                      ShardCommandType type,
                      WhimLink *link,
                      WhimNode *node,
                      GBytes *encoded);
