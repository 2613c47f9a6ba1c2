/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "noise/whim-noise.h"
#include "session/whim-session-private.h"
#include "wire/whim-frame.h"

#include <libsoup/soup.h>

/* A real session over the real transport, with a server that says what the test says and a clock
 * that stands still. Development builds only: it watches the steps of the session. */

typedef struct _Rig Rig;

/* One connection, as the server sees it. */
typedef struct
{
  Rig *rig;
  SoupWebsocketConnection *socket;
  WhimNoiseResponder *responder;
  WhimNoiseCipher *send;
  WhimNoiseCipher *receive;
  WhimFrameSplitter splitter;
  GBytes *held; /* a hello that waits */
  guint stage;  /* 0 intro, 1 hello, 2 finish, 3 open */
  gboolean open;
} Peer;

struct _Rig
{
  SoupServer *server;
  WhimNoiseIdentity *identity;
  WhimNoiseIdentity *wrong_identity;
  GPtrArray *peers; /* of Peer, the latest last */
  gboolean hold_hello;
  gboolean wrong_root;
  char *unlink_id; /* of the request to remove us */

  WhimClock *clock;
  WhimTransport *transport;
  WhimSession *session;
  GQueue jobs; /* commits that wait */
  guint jobs_source;
  gboolean hold_jobs;
  gboolean fail_saves;
  guint saved;
  guint erased;
  guint told;
};

/* what happened since rig_forget_steps() */
extern guint rig_steps[WHIM_SESSION_N_STATES][WHIM_SESSION_N_EVENTS];
/* what happened in any rig so far */
extern gboolean rig_ever[WHIM_SESSION_N_STATES][WHIM_SESSION_N_EVENTS];
void rig_forget_steps (void);

void rig_up (Rig *self, gboolean paired);
void rig_down (Rig *self);

/* the latest connection */
Peer *rig_peer (Rig *self);
void rig_let_hello (Rig *self);
/* @node (transfer full) */
void rig_send (Rig *self, WhimNode *node);
/* without a word */
void rig_hang_up (Rig *self);
void rig_run_jobs (Rig *self);

/* name, value pairs, ended by NULL */
WhimNode *rig_node (const char *tag, ...) G_GNUC_NULL_TERMINATED;
WhimNode *rig_node_with (const char *tag, WhimNode *child, ...) G_GNUC_NULL_TERMINATED;
void rig_send_refs (Rig *self);
void rig_send_pair_success (Rig *self);

/* The main loop, until it is so; a minute at most. */
#define rig_wait(condition)                                                                        \
  G_STMT_START                                                                                     \
  {                                                                                                \
    guint stuck = g_timeout_add_seconds (60, rig_stuck_cb, (gpointer)(#condition));                \
                                                                                                   \
    while (!(condition))                                                                           \
      g_main_context_iteration (NULL, TRUE);                                                       \
    g_source_remove (stuck);                                                                       \
  }                                                                                                \
  G_STMT_END
gboolean rig_stuck_cb (gpointer condition);
