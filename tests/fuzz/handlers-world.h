/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "engine/whim-engine-private.h"
#include "tests/fuzz/fake-link.h"
#include "tests/fuzz/handlers-tree.h"

/* A channel that is online, with the real handlers over a real store, and people around it. The
 * clock stands still, nothing is random, and the network is a function. */

#define WORLD_NOW G_GINT64_CONSTANT (1750000000)
#define WORLD_OWN_DEVICE 3u
#define WORLD_DEVICES 3u

typedef enum
{
  WORLD_ME,
  WORLD_ANNA,
  WORLD_BERT,
  WORLD_MALLORY,
  WORLD_N_PEOPLE
} WorldWho;

typedef struct _World World;

/* A device of somebody, with its own ratchets. */
typedef struct
{
  guint number;
  WhimKeyPair *identity;
  WhimSignalCache *cache;
  WhimSignalBundle bundle;
} Party;

typedef struct
{
  const char *pn;  /* digits */
  const char *lid; /* digits */
  WhimKeyPair *account;
  Party parties[WORLD_DEVICES];
  guint n_parties;
} Person;

struct _World
{
  char *directory;
  WhimClock *clock;
  WhimStore *store;
  WhimSignalPool *pool;
  WhimSignalContext *context;
  WhimTransport *transport;
  WhimEngine *engine;
  WhimCaller caller;
  Person people[WORLD_N_PEOPLE];
  guint64 seed;
  guint n_answers;
  guint n_ids;
  guint activity;
  gboolean calm;         /* every request is answered, and well */
  gboolean silent;       /* none is */
  GPtrArray *frames;     /* of WhimNode: what went out since world_forget_frames() */
  gsize frame_bytes;     /* of these */
  GQueue answers;        /* of WhimNode, that the server is about to give */
  GPtrArray *unanswered; /* of WhimNode: requests that got none */
  GPtrArray *stanzas;    /* of WhimNode: came in, to be repeated */
  GPtrArray *sent;       /* of utf8: ids of our messages */
  GHashTable *sent_to;   /* id -> GUINT_TO_POINTER (WorldWho) */
  GHashTable *waiting;   /* set: ids of our messages that the server has not acknowledged */
  GHashTable *readable;  /* set: ids of messages that came with a ciphertext of somebody */
  GHashTable *ciphers;   /* set of GBytes: what people encrypted for us */
};

/** world_tell: @text is printed if the process ends by a breach */
void world_tell (const char *text);
/** world_tell_name: the same, of the conversation */
void world_tell_name (const char *name);
World *world_new (guint64 seed);
/** keeps the directory; what is in it can be looked at */
void world_stop (World *self);
void world_free (World *self);
/** NULL once the pairing has ended */
WhimSession *world_get_session (World *self);
gboolean world_is_online (World *self);

/** works until nothing happens any more */
void world_settle (World *self);
void world_forget_frames (World *self);
/** after the link was lost: until we are online, or rest */
void world_log_in_again (World *self);
/** @node comes in, alone */
gboolean world_deliver (World *self, WhimNode *node);
/** (transfer full) (nullable): what the transport would make of @tree; bytes of it may be wrong */
WhimNode *world_encode (World *self, const Tree *tree, Choices *choices, guint flips);
/** our user sends a text to somebody */
void world_send_text (World *self, WorldWho who);
/** (transfer full): never the same twice */
char *world_make_id (World *self);
const char *world_pick_sent (World *self, Choices *choices);

/** text of an address; borrowed until the next call but fifteen */
const char *world_jid (World *self, WorldWho who, guint device, gboolean lid);
/** who has this address; -1: nobody */
gint world_find (World *self, WhimJid *jid);
Party *world_get_party (World *self, WorldWho who, guint index);
/** (transfer full): @padded for our device */
GBytes *world_encrypt (World *self, Party *party, GBytes *padded, WhimSignalType *type);
/** other keys */
void world_reinstall (World *self, WorldWho who, guint index);
Tree *world_make_bundle (const WhimSignalBundle *bundle, Tree *holder, gboolean keys);
/** (transfer full): <key-index-list> of that person */
Tree *world_make_indexes (World *self, WorldWho who);
/** handlers-server.c: (transfer full) (nullable): what the server says to @iq */
Tree *world_answer (World *self, WhimNode *iq);
