/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "base/whim-reader.h"
#include "base/whim-util.h"
#include "wire/whim-jid-private.h"
#include "wire/whim-node-private.h"
#include "wire/whim-tags-private.h"
#include "wire/whim-tokens-private.h"

#include <string.h>
#include <zlib.h>

typedef struct
{
  WhimReader reader;
  WhimTree *tree;
  guint n_nodes;
} Decoder;

/* A string that was read: where it stands and how long it is; NUL-terminated. */
typedef struct
{
  const char *text;
  gsize len;
} Text;

static WhimNode *read_node (Decoder *self, guint depth);

static gboolean
read_packed (Decoder *self, const char *alphabet, guint n_valid, Text *out)
{
  guint8 head = whim_reader_u8 (&self->reader);
  gsize n = head & 0x7fu;
  const guint8 *bytes = whim_reader_take (&self->reader, n);
  char *text;

  if (bytes == NULL || n == 0)
    return FALSE;
  text = whim_tree_alloc (self->tree, n * 2 + 1);
  for (gsize i = 0; i < n; i++)
    {
      guint high = bytes[i] >> 4;
      guint low = bytes[i] & 15u;
      gboolean tail = i + 1 == n && (head & 0x80) != 0;

      if (high >= n_valid || (low >= n_valid && !(tail && low == 15)))
        return FALSE;
      text[i * 2] = alphabet[high];
      text[i * 2 + 1] = alphabet[low];
    }
  out->len = n * 2 - (head & 0x80 ? 1 : 0);
  text[out->len] = '\0';
  out->text = text;
  return TRUE;
}

static gboolean
read_token (Decoder *self, guint8 tag, Text *out)
{
  const WhimToken *token;

  if (tag <= TAG_SINGLE_MAX)
    token = &whim_tokens_single[tag];
  else
    token = &whim_tokens_double[tag - TAG_DICTIONARY_0][whim_reader_u8 (&self->reader)];
  out->text = token->text;
  out->len = token->len;
  return out->text != NULL && whim_reader_is_ok (&self->reader);
}

static gboolean
read_binary (Decoder *self, guint8 tag, const guint8 **bytes, gsize *len)
{
  if (tag == TAG_BINARY_8)
    *len = whim_reader_u8 (&self->reader);
  else if (tag == TAG_BINARY_20)
    *len = whim_reader_u24 (&self->reader) & 0xfffffu;
  else
    *len = whim_reader_u32 (&self->reader);
  *bytes = whim_reader_take (&self->reader, *len);
  return *bytes != NULL;
}

/* Names that people chose go on to JSON and D-Bus: what is no UTF-8 is mended here, once. */
static void
take_utf8 (Decoder *self, const guint8 *bytes, gsize len, Text *out)
{
  if (g_utf8_validate_len ((const char *)bytes, len, NULL))
    {
      out->text = whim_tree_dup (self->tree, bytes, len);
      out->len = len;
    }
  else
    {
      g_autofree char *mended = g_utf8_make_valid ((const char *)bytes, (gssize)len);

      out->len = strlen (mended);
      out->text = whim_tree_dup (self->tree, mended, out->len);
    }
}

/* A string whose tag byte is already read. */
static gboolean
read_text_tagged (Decoder *self, guint8 tag, Text *out)
{
  const guint8 *bytes;
  gsize len;

  switch (tag)
    {
    case TAG_LIST_EMPTY:
      out->text = "";
      out->len = 0;
      return TRUE;
    case TAG_HEX_8:
      return read_packed (self, "0123456789ABCDEF", 16, out);
    case TAG_NIBBLE_8:
      return read_packed (self, "0123456789-.????", 12, out);
    case TAG_BINARY_8:
    case TAG_BINARY_20:
    case TAG_BINARY_32:
      if (!read_binary (self, tag, &bytes, &len) || memchr (bytes, '\0', len) != NULL)
        return FALSE;
      take_utf8 (self, bytes, len, out);
      return TRUE;
    default:
      return tag <= TAG_DICTIONARY_3 && read_token (self, tag, out);
    }
}

static gboolean
read_text (Decoder *self, Text *out)
{
  guint8 tag = whim_reader_u8 (&self->reader);

  return whim_reader_is_ok (&self->reader) && read_text_tagged (self, tag, out);
}

static WhimJid *
make_jid (WhimJidServer server, const Text *user, guint device)
{
  return whim_jid_parts_are_ok (server, user->text, user->len, device)
             ? whim_jid_new (server, user->text, device)
             : NULL;
}

/* An address on a server that we do not know is no address to us, but its stanza is to be answered:
 * it stays a text. */
static gboolean
read_jid_pair (Decoder *self, WhimJid **jid, const char **other)
{
  WhimJidServer server;
  Text user;
  Text server_text;

  if (!read_text (self, &user) || !read_text (self, &server_text))
    return FALSE;
  if (whim_jid_find_server (server_text.text, &server))
    {
      *jid = make_jid (server, &user, 0);
      return *jid != NULL;
    }
  else
    {
      g_autofree char *text = user.len == 0 ? g_strdup (server_text.text)
                                            : g_strconcat (user.text, "@", server_text.text, NULL);

      *other = whim_tree_dup (self->tree, text, strlen (text));
      return TRUE;
    }
}

static WhimJid *
read_ad_jid (Decoder *self)
{
  guint8 domain = whim_reader_u8 (&self->reader);
  guint8 device = whim_reader_u8 (&self->reader);
  WhimJidServer server;
  Text user;

  if (!read_text (self, &user))
    return NULL;
  switch (domain)
    {
    case 1:
      server = WHIM_JID_SERVER_LID;
      break;
    case 128:
      server = WHIM_JID_SERVER_HOSTED;
      break;
    case 129:
      server = WHIM_JID_SERVER_HOSTED_LID;
      break;
    default:
      server = WHIM_JID_SERVER_USER; /* an "agent", not seen today */
      break;
    }
  return make_jid (server, &user, device);
}

static WhimJid *
read_foreign_jid (Decoder *self, gboolean interop)
{
  Text user;
  Text server;
  guint device;
  guint integrator = 0;

  if (!read_text (self, &user))
    return NULL;
  device = whim_reader_u16 (&self->reader);
  if (interop)
    integrator = whim_reader_u16 (&self->reader);
  if (!read_text (self, &server) || strcmp (server.text, interop ? "interop" : "msgr") != 0
      || !whim_jid_parts_are_ok (WHIM_JID_SERVER_INTEROP, user.text, user.len, device))
    return NULL;
  return interop ? whim_jid_new_interop (user.text, device, integrator)
                 : whim_jid_new (WHIM_JID_SERVER_MSGR, user.text, device);
}

/* TRUE with an address, or with the text of one that means nothing to us. */
static gboolean
read_jid (Decoder *self, guint8 tag, WhimJid **jid, const char **other)
{
  *jid = NULL;
  *other = NULL;
  if (tag == TAG_JID_PAIR)
    return read_jid_pair (self, jid, other);
  *jid = tag == TAG_AD_JID ? read_ad_jid (self) : read_foreign_jid (self, tag == TAG_INTEROP_JID);
  return *jid != NULL;
}

static gboolean
is_jid_tag (guint8 tag)
{
  return tag == TAG_JID_PAIR || (tag >= TAG_INTEROP_JID && tag <= TAG_AD_JID);
}

static gboolean
read_attr (Decoder *self, WhimAttr *attr)
{
  Text text;
  guint8 tag;

  if (!read_text (self, &text) || text.len == 0)
    return FALSE;
  attr->name = text.text;
  tag = whim_reader_u8 (&self->reader);
  if (!whim_reader_is_ok (&self->reader))
    return FALSE;
  if (is_jid_tag (tag))
    return read_jid (self, tag, &attr->jid, &attr->text);
  if (!read_text_tagged (self, tag, &text))
    return FALSE;
  attr->text = text.text;
  return TRUE;
}

static gboolean
read_list_size (Decoder *self, guint8 tag, guint *size)
{
  if (tag == TAG_LIST_EMPTY)
    *size = 0;
  else if (tag == TAG_LIST_8)
    *size = whim_reader_u8 (&self->reader);
  else if (tag == TAG_LIST_16)
    *size = whim_reader_u16 (&self->reader);
  else
    return FALSE;
  return whim_reader_is_ok (&self->reader);
}

static gboolean
read_children (Decoder *self, WhimNode *node, guint n, guint depth)
{
  /* every child takes at least two bytes: a lie about the number costs nothing */
  if (n > whim_reader_get_left (&self->reader))
    return FALSE;
  node->content_type = CONTENT_CHILDREN;
  node->children = whim_tree_alloc (self->tree, sizeof (WhimNode *) * n);
  for (guint i = 0; i < n; i++)
    {
      node->children[i] = read_node (self, depth + 1);
      if (node->children[i] == NULL)
        return FALSE;
      node->n_children = i + 1;
    }
  return TRUE;
}

static gboolean
read_content (Decoder *self, WhimNode *node, guint depth)
{
  guint8 tag = whim_reader_u8 (&self->reader);
  guint n;
  Text text;

  if (!whim_reader_is_ok (&self->reader))
    return FALSE;
  if (tag == TAG_LIST_EMPTY)
    return TRUE;
  if (tag == TAG_LIST_8 || tag == TAG_LIST_16)
    {
      /* an empty list, however it is written, is no content (dossier 1, 3.3) */
      if (!read_list_size (self, tag, &n))
        return FALSE;
      return n == 0 || read_children (self, node, n, depth);
    }
  if (tag >= TAG_BINARY_8 && tag <= TAG_BINARY_32)
    {
      node->content_type = CONTENT_BYTES;
      return read_binary (self, tag, &node->content, &node->content_len);
    }
  node->content_type = CONTENT_TEXT;
  if (is_jid_tag (tag))
    {
      g_autoptr (WhimJid) jid = NULL;

      if (!read_jid (self, tag, &jid, &text.text))
        return FALSE;
      if (jid != NULL)
        text.text = whim_jid_get_text (jid);
      text.len = strlen (text.text);
      text.text = whim_tree_dup (self->tree, text.text, text.len);
    }
  else if (!read_text_tagged (self, tag, &text))
    return FALSE;
  node->content = (const guint8 *)text.text;
  node->content_len = text.len;
  return TRUE;
}

static WhimNode *
read_node (Decoder *self, guint depth)
{
  guint8 tag = whim_reader_u8 (&self->reader);
  WhimNode *node;
  guint size;
  Text text;

  if (depth >= WHIM_LIMIT_NODE_DEPTH || ++self->n_nodes > WHIM_LIMIT_NODES
      || !whim_reader_is_ok (&self->reader) || !read_list_size (self, tag, &size) || size == 0
      || size > whim_reader_get_left (&self->reader) || !read_text (self, &text) || text.len == 0)
    return NULL;
  node = whim_tree_new_node (self->tree);
  node->tag = text.text;
  node->attrs = whim_tree_alloc (self->tree, sizeof (WhimAttr) * ((size - 1) / 2));
  for (guint i = 0; i < (size - 1) / 2; i++)
    {
      memset (&node->attrs[i], 0, sizeof (WhimAttr));
      if (!read_attr (self, &node->attrs[i]))
        return NULL;
      node->n_attrs = (guint16)(i + 1);
    }
  if (size % 2 == 0 && !read_content (self, node, depth))
    return NULL;
  return node;
}

GBytes *
whim_inflate (const guint8 *bytes, gsize len, GError **error)
{
  z_stream stream = { 0 };
  g_autofree guint8 *out = NULL;
  gsize size = MIN (MAX (len * 4, 1024), WHIM_LIMIT_INFLATED);
  int result = Z_OK;

  if (inflateInit (&stream) != Z_OK)
    {
      g_set_error_literal (error, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_INVALID, "cannot inflate");
      return NULL;
    }
  out = g_malloc (size);
  stream.next_in = (Bytef *)bytes;
  stream.avail_in = (uInt)len;
  while (result == Z_OK)
    {
      if (stream.total_out == size)
        {
          if (size >= WHIM_LIMIT_INFLATED)
            break;
          size = MIN (size * 2, WHIM_LIMIT_INFLATED);
          out = g_realloc (out, size);
        }
      stream.next_out = out + stream.total_out;
      stream.avail_out = (uInt)(size - stream.total_out);
      result = inflate (&stream, Z_NO_FLUSH);
      if (result == Z_BUF_ERROR)
        break;
    }
  size = stream.total_out;
  inflateEnd (&stream);
  if (result != Z_STREAM_END)
    {
      g_set_error_literal (error, WHIM_WIRE_ERROR,
                           size >= WHIM_LIMIT_INFLATED ? WHIM_WIRE_ERROR_TOO_LARGE
                                                       : WHIM_WIRE_ERROR_INVALID,
                           "the compressed body cannot be taken");
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&out), size);
}

WhimNode *
whim_node_decode (GBytes *frame, GError **error)
{
  Decoder self = { 0 };
  g_autoptr (GBytes) inflated = NULL;
  gsize len;
  const guint8 *bytes = g_bytes_get_data (frame, &len);
  WhimNode *node;

  if (len < 2)
    {
      g_set_error_literal (error, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_TRUNCATED, "an empty frame");
      return NULL;
    }
  if (bytes[0] & FRAME_FLAG_COMPRESSED)
    {
      inflated = whim_inflate (bytes + 1, len - 1, error);
      if (inflated == NULL)
        return NULL;
      whim_reader_init_bytes (&self.reader, inflated);
    }
  else
    {
      whim_reader_init (&self.reader, bytes + 1, len - 1);
    }
  self.tree = whim_tree_new (inflated != NULL ? inflated : frame,
                             MIN (whim_reader_get_left (&self.reader) * 3 / 2 + 256, 2048));
  node = read_node (&self, 0);
  if (node == NULL)
    {
      whim_tree_unref (self.tree);
      g_set_error_literal (error, WHIM_WIRE_ERROR,
                           whim_reader_is_ok (&self.reader) ? WHIM_WIRE_ERROR_INVALID
                                                            : WHIM_WIRE_ERROR_TRUNCATED,
                           "the node cannot be decoded");
      return NULL;
    }
  return node;
}
