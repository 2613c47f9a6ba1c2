/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/handlers-tree.h"

#include <string.h>

/* Stanzas as trees, and what can be wrong with them. */

typedef struct
{
  char *name;
  char *value;
  gboolean is_jid;
} Attr;

struct _Tree
{
  char *tag;
  GArray *attrs;       /* of Attr */
  GPtrArray *children; /* of Tree */
  GBytes *bytes;
};

gboolean
choices_left (const Choices *self)
{
  return self->at < self->size;
}

guint
choices_pick (Choices *self, guint n)
{
  guint value = 0;

  if (n < 2)
    return 0;
  for (guint span = 1; span < n; span *= 256)
    {
      value = value * 256 + (self->at < self->size ? self->data[self->at] : 0);
      self->at++;
      if (span > n / 256)
        break;
    }
  return value % n;
}

gboolean
choices_rare (Choices *self, guint n)
{
  return choices_pick (self, n) == n - 1;
}

static void
attr_clear (gpointer data)
{
  Attr *attr = data;

  g_free (attr->name);
  g_free (attr->value);
}

Tree *
tree_new (const char *tag)
{
  Tree *self = g_new0 (Tree, 1);

  self->tag = g_strdup (tag);
  self->attrs = g_array_new (FALSE, FALSE, sizeof (Attr));
  g_array_set_clear_func (self->attrs, attr_clear);
  self->children = g_ptr_array_new_with_free_func ((GDestroyNotify)tree_free);
  return self;
}

void
tree_free (Tree *self)
{
  g_free (self->tag);
  g_array_unref (self->attrs);
  g_ptr_array_unref (self->children);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_free (self);
}

static Tree *
tree_put (Tree *self, const char *name, const char *value, gboolean is_jid)
{
  Attr attr = { g_strdup (name), g_strdup (value), is_jid };

  if (value == NULL)
    attr_clear (&attr);
  else
    g_array_append_val (self->attrs, attr);
  return self;
}

Tree *
tree_set (Tree *self, const char *name, const char *value)
{
  return tree_put (self, name, value, FALSE);
}

Tree *
tree_set_int (Tree *self, const char *name, gint64 value)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, value);

  return tree_put (self, name, text, FALSE);
}

Tree *
tree_jid (Tree *self, const char *name, const char *value)
{
  return tree_put (self, name, value, TRUE);
}

Tree *
tree_drop (Tree *self, const char *name)
{
  for (guint i = self->attrs->len; i-- > 0;)
    if (strcmp (g_array_index (self->attrs, Attr, i).name, name) == 0)
      g_array_remove_index (self->attrs, i);
  return self;
}

Tree *
tree_add (Tree *self, Tree *child)
{
  g_ptr_array_add (self->children, child);
  return self;
}

Tree *
tree_bytes (Tree *self, gconstpointer bytes, gsize len)
{
  g_clear_pointer (&self->bytes, g_bytes_unref);
  self->bytes = g_bytes_new (bytes, len);
  return self;
}

Tree *
tree_text (Tree *self, const char *text)
{
  return tree_bytes (self, text, strlen (text));
}

WhimNode *
tree_to_node (const Tree *self)
{
  WhimNodeBuilder *builder = whim_node_builder_new (self->tag);

  for (guint i = 0; i < self->attrs->len; i++)
    {
      const Attr *attr = &g_array_index (self->attrs, Attr, i);
      g_autoptr (WhimJid) jid = attr->is_jid ? whim_jid_parse (attr->value, NULL) : NULL;

      if (jid != NULL)
        whim_node_builder_attr_jid (builder, attr->name, jid);
      else
        whim_node_builder_attr (builder, attr->name, attr->value);
    }
  for (guint i = 0; i < self->children->len; i++)
    whim_node_builder_child (builder, tree_to_node (g_ptr_array_index (self->children, i)));
  if (self->children->len == 0 && self->bytes != NULL)
    whim_node_builder_bytes (builder, self->bytes);
  return whim_node_builder_end (builder);
}

/* ---- what can be wrong ----------------------------------------------------------------------- */

static const char *const jids[] = {
  "200000000000002@lid",
  "200000000000002:12@lid",
  "4915550000002@s.whatsapp.net",
  "4915550000002:12@s.whatsapp.net",
  "300000000000003@lid",
  "4915550000003@s.whatsapp.net",
  "400000000000004@lid",
  "4915550000004:5@s.whatsapp.net",
  "100000000000001@lid",
  "100000000000001:7@lid",
  "100000000000001:3@lid",
  "4915550000001@s.whatsapp.net",
  "4915550000001:7@s.whatsapp.net",
  "s.whatsapp.net",
  "200000000000002:99@hosted.lid",
  "4915550000002:99@hosted",
  "100000000000001:99@hosted.lid",
  "300000000000003:5@hosted.lid",
  "120363000000000001@g.us",
  "4915550000002-1399999999@g.us",
  "status@broadcast",
  "1700000000@broadcast",
  "120363000000000001@newsletter",
  "867051314767696@bot",
  "13135550002@s.whatsapp.net",
  "0@s.whatsapp.net",
  "7@msgr",
  "7@interop",
  "7@call",
  "900000000000009@lid",
  "900000000000009:65535@lid",
  "x@lid",
};

static const char *const values[] = {
  "0",
  "1",
  "-1",
  "2",
  "4",
  "255",
  "65536",
  "4294967295",
  "9223372036854775807",
  "-9223372036854775808",
  "9223372036854775",
  "18446744073709551616",
  "1750000000",
  "true",
  "false",
  "text",
  "retry",
  "read",
  "read-self",
  "played",
  "peer_msg",
  "peer",
  "msg",
  "pkmsg",
  "skmsg",
  "msmsg",
  "trusted_contact",
  "result",
  "error",
  "get",
  "set",
  "hide",
  "-",
  "\xf0\x9f\x90\xa6",
  "a b\n\"{}\\",
};

static const char *const tags[] = {
  "message",
  "receipt",
  "notification",
  "call",
  "presence",
  "chatstate",
  "ack",
  "enc",
  "unavailable",
  "bot",
  "keys",
  "registration",
  "list",
  "item",
  "participants",
  "user",
  "device",
  "devices",
  "add",
  "remove",
  "update",
  "identity",
  "count",
  "digest",
  "tokens",
  "token",
  "modify",
  "error",
  "key-index-list",
  "retry",
  "device-list",
  "skey",
  "key",
  "id",
  "value",
  "signature",
  "offline",
  "meta",
  "x",
  "plaintext",
  "result",
  "usync",
};

static const char *const names[] = {
  "id",          "from",        "participant", "recipient",  "type",
  "t",           "to",          "category",    "sender_lid", "sender_pn",
  "offline",     "notify",      "lid",         "count",      "v",
  "key-index",   "jid",         "edit",        "subtype",    "participant_lid",
  "pushname",    "device_hash", "error",       "phash",      "class",
  "refresh_lid", "is_hosted",   "value",       "ts",         "op_name",
  "code",        "expire",      "val",         "xmlns",
};

const char *
tree_pick_jid (Choices *choices)
{
  return jids[choices_pick (choices, G_N_ELEMENTS (jids))];
}

static void
collect (Tree *self, GPtrArray *all)
{
  g_ptr_array_add (all, self);
  for (guint i = 0; i < self->children->len; i++)
    collect (g_ptr_array_index (self->children, i), all);
}

static Tree *
pick_node (Tree *self, Choices *choices)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new ();

  collect (self, all);
  return g_ptr_array_index (all, choices_pick (choices, all->len));
}

static void
mutate_attr (Tree *node, Choices *choices)
{
  guint n = node->attrs->len;
  Attr *attr = n == 0 ? NULL : &g_array_index (node->attrs, Attr, choices_pick (choices, n));

  if (attr == NULL)
    {
      tree_set (node, names[choices_pick (choices, G_N_ELEMENTS (names))],
                values[choices_pick (choices, G_N_ELEMENTS (values))]);
      return;
    }
  switch (choices_pick (choices, 6))
    {
    case 0:
      g_array_remove_index (node->attrs, (guint)(attr - &g_array_index (node->attrs, Attr, 0)));
      break;
    case 1:
      g_free (attr->value);
      attr->value = g_strdup (values[choices_pick (choices, G_N_ELEMENTS (values))]);
      break;
    case 2:
      g_free (attr->value);
      attr->value = g_strdup (tree_pick_jid (choices));
      attr->is_jid = choices_pick (choices, 4) != 3;
      break;
    case 3:
      g_free (attr->value);
      attr->value = g_strnfill (20000 + choices_pick (choices, 40000), 'a');
      break;
    case 4:
      {
        Attr *other = &g_array_index (node->attrs, Attr, choices_pick (choices, n));
        Attr kept = *attr;

        attr->value = other->value;
        attr->is_jid = other->is_jid;
        other->value = kept.value;
        other->is_jid = kept.is_jid;
        break;
      }
    default:
      tree_set (node, names[choices_pick (choices, G_N_ELEMENTS (names))],
                values[choices_pick (choices, G_N_ELEMENTS (values))]);
      break;
    }
}

static void
mutate_content (Tree *node, Choices *choices)
{
  gsize len = 0;
  const guint8 *bytes = node->bytes == NULL ? NULL : g_bytes_get_data (node->bytes, &len);
  g_autofree guint8 *copy = NULL;
  static const guint8 sizes[] = { 0, 1, 3, 4, 20, 32, 33, 64 };

  switch (choices_pick (choices, 4))
    {
    case 0: /* cut */
      if (len > 0)
        {
          copy = g_memdup2 (bytes, len);
          tree_bytes (node, copy, choices_pick (choices, (guint)len));
        }
      break;
    case 1: /* flipped */
      if (len > 0)
        {
          copy = g_memdup2 (bytes, len);
          copy[choices_pick (choices, (guint)len)] ^= (guint8)(1u << choices_pick (choices, 8));
          tree_bytes (node, copy, len);
        }
      break;
    case 2: /* of a length that may be expected */
      len = sizes[choices_pick (choices, G_N_ELEMENTS (sizes))];
      copy = g_malloc0 (len + 1);
      for (gsize i = 0; i < len; i++)
        copy[i] = (guint8)choices_pick (choices, 256);
      tree_bytes (node, copy, len);
      break;
    default: /* huge */
      copy = g_malloc0 (200000);
      tree_bytes (node, copy, 200000);
      break;
    }
}

static Tree *
tree_copy (const Tree *self)
{
  Tree *copy = tree_new (self->tag);

  for (guint i = 0; i < self->attrs->len; i++)
    {
      const Attr *attr = &g_array_index (self->attrs, Attr, i);

      tree_put (copy, attr->name, attr->value, attr->is_jid);
    }
  for (guint i = 0; i < self->children->len; i++)
    tree_add (copy, tree_copy (g_ptr_array_index (self->children, i)));
  copy->bytes = self->bytes == NULL ? NULL : g_bytes_ref (self->bytes);
  return copy;
}

static void
mutate_children (Tree *node, Choices *choices)
{
  guint n = node->children->len;
  guint at = n == 0 ? 0 : choices_pick (choices, n);

  switch (choices_pick (choices, 4))
    {
    case 0:
      if (n > 0)
        g_ptr_array_remove_index (node->children, at);
      break;
    case 1: /* once more, or a great many times */
      for (guint i = choices_rare (choices, 8) ? 2000 : 1; n > 0 && i > 0; i--)
        tree_add (node, tree_copy (g_ptr_array_index (node->children, at)));
      break;
    case 2: /* in another order */
      if (n > 1)
        {
          gpointer first = node->children->pdata[0];

          node->children->pdata[0] = node->children->pdata[at];
          node->children->pdata[at] = first;
        }
      break;
    default:
      tree_add (node, tree_new (tags[choices_pick (choices, G_N_ELEMENTS (tags))]));
      break;
    }
}

void
tree_mutate (Tree *self, Choices *choices)
{
  Tree *node = pick_node (self, choices);

  switch (choices_pick (choices, 8))
    {
    case 0:
    case 1:
    case 2:
    case 3:
      mutate_attr (node, choices);
      break;
    case 4:
      mutate_content (node, choices);
      break;
    case 5:
    case 6:
      mutate_children (node, choices);
      break;
    default:
      g_free (node->tag);
      node->tag = g_strdup (tags[choices_pick (choices, G_N_ELEMENTS (tags))]);
      break;
    }
}
