/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "wire/whim-node.h"

/* Choices: bytes that decide. The same bytes always make the same conversation; when they are used
 * up, every choice is the first one. */
typedef struct
{
  const guint8 *data;
  gsize size;
  gsize at;
} Choices;

gboolean choices_left (const Choices *self);
/** one of 0 … @n - 1 */
guint choices_pick (Choices *self, guint n);
/** TRUE once in @n */
gboolean choices_rare (Choices *self, guint n);

/* A stanza that can still be changed. Functions return what they are given, to be nested. */
typedef struct _Tree Tree;

Tree *tree_new (const char *tag);
void tree_free (Tree *self);
/** @value NULL: leaves it out */
Tree *tree_set (Tree *self, const char *name, const char *value);
Tree *tree_set_int (Tree *self, const char *name, gint64 value);
/** @value is encoded as an address */
Tree *tree_jid (Tree *self, const char *name, const char *value);
/** leaves the attribute out */
Tree *tree_drop (Tree *self, const char *name);
/** takes @child */
Tree *tree_add (Tree *self, Tree *child);
Tree *tree_bytes (Tree *self, gconstpointer bytes, gsize len);
Tree *tree_text (Tree *self, const char *text);
WhimNode *tree_to_node (const Tree *self);
/** changes one thing, somewhere */
void tree_mutate (Tree *self, Choices *choices);

/** an address that may stand anywhere */
const char *tree_pick_jid (Choices *choices);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Tree, tree_free)
