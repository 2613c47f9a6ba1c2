/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "wire/whim-node.h"

/* A stanza is one tree in one arena: nodes, attributes, texts. Every node of it shares the tree's
 * reference count, so a child keeps its whole stanza. A tree that was built also holds the trees of
 * the children it was given. */

typedef struct _WhimTree WhimTree;
typedef struct _ArenaBlock ArenaBlock;

typedef struct
{
  const char *name;
  const char *text; /* NULL when it came as an address */
  WhimJid *jid;     /* from the wire, or parsed when asked for; atomic */
} WhimAttr;

typedef enum
{
  CONTENT_NONE,
  CONTENT_CHILDREN,
  CONTENT_BYTES,
  CONTENT_TEXT,
} ContentType;

struct _WhimNode
{
  WhimTree *tree;
  WhimNode *next;
  const char *tag;
  WhimAttr *attrs;
  WhimNode **children;
  const guint8 *content;
  gsize content_len;
  guint n_children;
  guint16 n_attrs;
  ContentType content_type;
};

struct _WhimTree
{
  gint ref_count;
  ArenaBlock *blocks;
  gsize left; /* in the newest block */
  guint8 *at;
  GBytes *source;  /* contents may point into it */
  GSList *adopted; /* of WhimTree */
  WhimNode *nodes; /* all of them, linked by next: their attributes hold addresses */
};

WhimNode *whim_tree_new_node (WhimTree *self);
WhimTree *whim_tree_new (GBytes *source, gsize size_hint);
void whim_tree_unref (WhimTree *self);
gpointer whim_tree_alloc (WhimTree *self, gsize size);
char *whim_tree_dup (WhimTree *self, gconstpointer bytes, gsize len);
