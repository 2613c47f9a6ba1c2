/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "wire/whim-node-private.h"

#include "base/whim-limits.h"
#include "base/whim-util.h"

#include <string.h>

#define BLOCK_SIZE 2048u

struct _ArenaBlock
{
  ArenaBlock *next;
};

struct _WhimNodeBuilder
{
  WhimTree *tree;
  WhimNode *node;
  GArray *attrs;
  GPtrArray *children;
};

G_DEFINE_QUARK (whim - wire - error - quark, whim_wire_error)
G_DEFINE_BOXED_TYPE (WhimNode, whim_node, whim_node_ref, whim_node_unref)

/* ---- arena --------------------------------------------------------------------------------- */

static void
tree_add_block (WhimTree *self, gsize size)
{
  ArenaBlock *block = g_malloc (sizeof (ArenaBlock) + size);

  block->next = self->blocks;
  self->blocks = block;
  self->at = (guint8 *)(block + 1);
  self->left = size;
}

WhimTree *
whim_tree_new (GBytes *source, gsize size_hint)
{
  WhimTree *self = g_new0 (WhimTree, 1);

  self->ref_count = 1;
  self->source = source == NULL ? NULL : g_bytes_ref (source);
  tree_add_block (self, CLAMP (size_hint, 256, BLOCK_SIZE));
  return self;
}

gpointer
whim_tree_alloc (WhimTree *self, gsize size)
{
  gpointer memory;

  size = (size + 7) & ~(gsize)7;
  if (size > self->left)
    tree_add_block (self, MAX (size, BLOCK_SIZE));
  memory = self->at;
  self->at += size;
  self->left -= size;
  return memory;
}

char *
whim_tree_dup (WhimTree *self, gconstpointer bytes, gsize len)
{
  char *text = whim_tree_alloc (self, len + 1);

  whim_copy (text, bytes, len);
  text[len] = '\0';
  return text;
}

WhimNode *
whim_tree_new_node (WhimTree *self)
{
  WhimNode *node = whim_tree_alloc (self, sizeof (WhimNode));

  memset (node, 0, sizeof *node);
  node->tree = self;
  node->next = self->nodes;
  self->nodes = node;
  return node;
}

void
whim_tree_unref (WhimTree *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  for (WhimNode *node = self->nodes; node != NULL; node = node->next)
    for (guint i = 0; i < node->n_attrs; i++)
      g_clear_pointer (&node->attrs[i].jid, whim_jid_unref);
  while (self->blocks != NULL)
    {
      ArenaBlock *block = self->blocks;

      self->blocks = block->next;
      g_free (block);
    }
  g_clear_pointer (&self->source, g_bytes_unref);
  g_slist_free_full (self->adopted, (GDestroyNotify)whim_tree_unref);
  g_free (self);
}

/* ---- reading ------------------------------------------------------------------------------- */

WhimNode *
whim_node_ref (WhimNode *self)
{
  g_atomic_int_inc (&self->tree->ref_count);
  return self;
}

void
whim_node_unref (WhimNode *self)
{
  whim_tree_unref (self->tree);
}

const char *
whim_node_get_tag (const WhimNode *self)
{
  return self->tag;
}

gboolean
whim_node_is (const WhimNode *self, const char *tag)
{
  return strcmp (self->tag, tag) == 0;
}

guint
whim_node_get_n_attrs (const WhimNode *self)
{
  return self->n_attrs;
}

const char *
whim_node_get_attr_name (const WhimNode *self, guint index)
{
  g_return_val_if_fail (index < self->n_attrs, NULL);
  return self->attrs[index].name;
}

static WhimAttr *
find_attr (const WhimNode *self, const char *name)
{
  for (guint i = 0; i < self->n_attrs; i++)
    if (strcmp (self->attrs[i].name, name) == 0)
      return &self->attrs[i];
  return NULL;
}

const char *
whim_node_get_attr (const WhimNode *self, const char *name)
{
  WhimAttr *attr = find_attr (self, name);

  if (attr == NULL)
    return NULL;
  return attr->text != NULL ? attr->text : whim_jid_get_text (attr->jid);
}

WhimJid *
whim_node_get_attr_jid (const WhimNode *self, const char *name)
{
  WhimAttr *attr = find_attr (self, name);
  WhimJid *jid;

  if (attr == NULL)
    return NULL;
  jid = g_atomic_pointer_get (&attr->jid);
  if (jid != NULL || attr->text == NULL)
    return jid;
  jid = whim_jid_parse (attr->text, NULL);
  if (jid != NULL && !g_atomic_pointer_compare_and_exchange (&attr->jid, NULL, jid))
    {
      whim_jid_unref (jid);
      jid = g_atomic_pointer_get (&attr->jid);
    }
  return jid;
}

gboolean
whim_node_attr_is_address (const WhimNode *self, const char *name)
{
  WhimAttr *attr = find_attr (self, name);

  return attr != NULL && attr->text == NULL;
}

gint64
whim_node_get_attr_int (const WhimNode *self, const char *name, gint64 fallback)
{
  const char *text = whim_node_get_attr (self, name);
  char *end;
  gint64 value;

  if (text == NULL || *text == '\0')
    return fallback;
  value = g_ascii_strtoll (text, &end, 10);
  return *end == '\0' ? value : fallback;
}

gint64
whim_node_get_attr_time (const WhimNode *self, const char *name, gint64 fallback)
{
  gint64 value = whim_node_get_attr_int (self, name, 0);

  return value > 0 && value <= WHIM_LIMIT_TIME ? value : fallback;
}

gboolean
whim_node_attr_equals (const WhimNode *self, const char *name, const char *value)
{
  const char *text = whim_node_get_attr (self, name);

  return text != NULL && strcmp (text, value) == 0;
}

guint
whim_node_get_n_children (const WhimNode *self)
{
  return self->n_children;
}

WhimNode *
whim_node_get_child (const WhimNode *self, guint index)
{
  g_return_val_if_fail (index < self->n_children, NULL);
  return self->children[index];
}

WhimNode *
whim_node_find_child (const WhimNode *self, const char *tag)
{
  for (guint i = 0; i < self->n_children; i++)
    if (strcmp (self->children[i]->tag, tag) == 0)
      return self->children[i];
  return NULL;
}

gboolean
whim_node_has_content (const WhimNode *self)
{
  return self->content_type == CONTENT_BYTES || self->content_type == CONTENT_TEXT;
}

const guint8 *
whim_node_get_content (const WhimNode *self, gsize *len)
{
  *len = whim_node_has_content (self) ? self->content_len : 0;
  return whim_node_has_content (self) ? self->content : NULL;
}

GBytes *
whim_node_dup_content (const WhimNode *self)
{
  if (!whim_node_has_content (self))
    return NULL;
  return g_bytes_new_with_free_func (self->content, self->content_len,
                                     (GDestroyNotify)whim_node_unref,
                                     whim_node_ref ((WhimNode *)self));
}

char *
whim_node_dup_content_text (const WhimNode *self)
{
  if (!whim_node_has_content (self)
      || !g_utf8_validate_len ((const char *)self->content, self->content_len, NULL))
    return NULL;
  return g_strndup ((const char *)self->content, self->content_len);
}

static void
append_node (GString *text, const WhimNode *self)
{
  static const char *const shown[] = { "type", "class", "xmlns", "code", "stage", NULL };

  g_string_append_printf (text, "<%s", self->tag);
  for (guint i = 0; i < self->n_attrs; i++)
    {
      const WhimAttr *attr = &self->attrs[i];

      if (attr->text != NULL && g_strv_contains (shown, attr->name))
        g_string_append_printf (text, " %s=\"%s\"", attr->name, attr->text);
      else
        g_string_append_printf (text, " %s", attr->name);
    }
  if (whim_node_has_content (self))
    g_string_append_printf (text, ">%" G_GSIZE_FORMAT " bytes</%s>", self->content_len, self->tag);
  else if (self->n_children == 0)
    g_string_append (text, "/>");
  else
    {
      g_string_append_c (text, '>');
      for (guint i = 0; i < self->n_children; i++)
        append_node (text, self->children[i]);
      g_string_append_printf (text, "</%s>", self->tag);
    }
}

char *
whim_node_to_string (const WhimNode *self)
{
  GString *text = g_string_new (NULL);

  append_node (text, self);
  return g_string_free (text, FALSE);
}

/* ---- building ------------------------------------------------------------------------------ */

WhimNodeBuilder *
whim_node_builder_new (const char *tag)
{
  WhimNodeBuilder *self = g_new0 (WhimNodeBuilder, 1);

  self->tree = whim_tree_new (NULL, 512);
  self->node = whim_tree_new_node (self->tree);
  self->node->tag = whim_tree_dup (self->tree, tag, strlen (tag));
  self->attrs = g_array_sized_new (FALSE, FALSE, sizeof (WhimAttr), 6);
  return self;
}

static void
builder_drop_attrs (WhimNodeBuilder *self)
{
  for (guint i = 0; i < self->attrs->len; i++)
    g_clear_pointer (&g_array_index (self->attrs, WhimAttr, i).jid, whim_jid_unref);
}

void
whim_node_builder_free (WhimNodeBuilder *self)
{
  builder_drop_attrs (self);
  g_array_unref (self->attrs);
  g_clear_pointer (&self->children, g_ptr_array_unref);
  whim_tree_unref (self->tree);
  g_free (self);
}

void
whim_node_builder_attr (WhimNodeBuilder *self, const char *name, const char *value)
{
  WhimAttr attr = { NULL, NULL, NULL };

  if (value == NULL || *value == '\0')
    return;
  attr.name = whim_tree_dup (self->tree, name, strlen (name));
  attr.text = whim_tree_dup (self->tree, value, strlen (value));
  g_array_append_val (self->attrs, attr);
}

void
whim_node_builder_attr_jid (WhimNodeBuilder *self, const char *name, WhimJid *jid)
{
  WhimAttr attr = { NULL, NULL, NULL };

  if (jid == NULL)
    return;
  attr.name = whim_tree_dup (self->tree, name, strlen (name));
  attr.jid = whim_jid_ref (jid);
  g_array_append_val (self->attrs, attr);
}

void
whim_node_builder_attr_int (WhimNodeBuilder *self, const char *name, gint64 value)
{
  char text[32];

  g_snprintf (text, sizeof text, "%" G_GINT64_FORMAT, value);
  whim_node_builder_attr (self, name, text);
}

void
whim_node_builder_child (WhimNodeBuilder *self, WhimNode *child)
{
  g_return_if_fail (self->node->content_type == CONTENT_NONE);
  if (self->children == NULL)
    self->children = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_node_unref);
  g_ptr_array_add (self->children, child);
}

void
whim_node_builder_data (WhimNodeBuilder *self, gconstpointer bytes, gsize len)
{
  g_return_if_fail (self->children == NULL);
  self->node->content_type = CONTENT_BYTES;
  self->node->content = (const guint8 *)whim_tree_dup (self->tree, bytes, len);
  self->node->content_len = len;
}

void
whim_node_builder_bytes (WhimNodeBuilder *self, GBytes *bytes)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (bytes, &len);

  if (self->tree->source != NULL || len < 256)
    {
      whim_node_builder_data (self, data, len);
      return;
    }
  g_return_if_fail (self->children == NULL);
  self->tree->source = g_bytes_ref (bytes);
  self->node->content_type = CONTENT_BYTES;
  self->node->content = data;
  self->node->content_len = len;
}

void
whim_node_builder_text (WhimNodeBuilder *self, const char *text)
{
  whim_node_builder_data (self, text, strlen (text));
  self->node->content_type = CONTENT_TEXT;
}

WhimNode *
whim_node_builder_end (WhimNodeBuilder *self)
{
  WhimNode *node = self->node;

  node->n_attrs = (guint16)self->attrs->len;
  node->attrs = whim_tree_alloc (self->tree, sizeof (WhimAttr) * self->attrs->len);
  whim_copy (node->attrs, self->attrs->data, sizeof (WhimAttr) * self->attrs->len);
  g_array_unref (self->attrs);
  if (self->children != NULL)
    {
      node->content_type = CONTENT_CHILDREN;
      node->n_children = self->children->len;
      node->children = whim_tree_alloc (self->tree, sizeof (WhimNode *) * self->children->len);
      for (guint i = 0; i < self->children->len; i++)
        {
          node->children[i] = g_ptr_array_index (self->children, i);
          self->tree->adopted = g_slist_prepend (self->tree->adopted, node->children[i]->tree);
        }
      g_ptr_array_set_free_func (self->children, NULL);
      g_ptr_array_unref (self->children);
    }
  g_free (self);
  return node;
}
