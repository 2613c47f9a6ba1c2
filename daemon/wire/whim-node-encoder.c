/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-writer.h"
#include "wire/whim-node-private.h"
#include "wire/whim-tags-private.h"
#include "wire/whim-tokens-private.h"

#include <string.h>

/* Shortest forms, in the order of dossier 1, 3.4. */

guint
whim_token_find (const char *text, gsize len)
{
  guint32 hash = 2166136261u;

  if (len > whim_token_longest)
    return 0;
  for (gsize i = 0; i < len; i++)
    hash = (hash ^ (guint8)text[i]) * 16777619u;
  for (guint at = hash % WHIM_TOKEN_SLOTS;; at = (at + 1) % WHIM_TOKEN_SLOTS)
    {
      guint code = whim_token_slots[at];
      const WhimToken *token;

      if (code == 0)
        return 0;
      token = code < 256 ? &whim_tokens_single[code]
                         : &whim_tokens_double[(code >> 8) - 1][code & 0xff];
      if (token->len == len && memcmp (token->text, text, len) == 0)
        return code;
    }
}

static gint
nibble_of (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c == '-')
    return 10;
  return c == '.' ? 11 : -1;
}

static gint
hex_of (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static gboolean
write_packed (WhimWriter *writer, guint8 tag, gint (*value_of) (char), const char *text, gsize len)
{
  if (len == 0 || len > TAG_PACKED_MAX)
    return FALSE;
  for (gsize i = 0; i < len; i++)
    if (value_of (text[i]) < 0)
      return FALSE;
  whim_writer_u8 (writer, tag);
  whim_writer_u8 (writer, (guint8)((len + 1) / 2 | (len % 2 != 0 ? 0x80 : 0)));
  for (gsize i = 0; i < len; i += 2)
    {
      gint low = i + 1 < len ? value_of (text[i + 1]) : 15;

      whim_writer_u8 (writer, (guint8)(value_of (text[i]) << 4 | low));
    }
  return TRUE;
}

static void
write_binary (WhimWriter *writer, gconstpointer bytes, gsize len)
{
  if (len < 256)
    {
      whim_writer_u8 (writer, TAG_BINARY_8);
      whim_writer_u8 (writer, (guint8)len);
    }
  else if (len < (1u << 20))
    {
      whim_writer_u8 (writer, TAG_BINARY_20);
      whim_writer_u24 (writer, (guint32)len);
    }
  else
    {
      whim_writer_u8 (writer, TAG_BINARY_32);
      whim_writer_u32 (writer, (guint32)len);
    }
  whim_writer_put (writer, bytes, len);
}

static void
write_string (WhimWriter *writer, const char *text, gsize len)
{
  guint code = len == 0 ? 0 : whim_token_find (text, len);

  if (code > 255)
    {
      whim_writer_u8 (writer, (guint8)(TAG_DICTIONARY_0 + (code >> 8) - 1));
      whim_writer_u8 (writer, (guint8)code);
    }
  else if (code != 0)
    whim_writer_u8 (writer, (guint8)code);
  else if (!write_packed (writer, TAG_NIBBLE_8, nibble_of, text, len)
           && !write_packed (writer, TAG_HEX_8, hex_of, text, len))
    write_binary (writer, text, len);
}

static void
write_text (WhimWriter *writer, const char *text)
{
  write_string (writer, text, strlen (text));
}

static void
write_jid (WhimWriter *writer, const WhimJid *jid)
{
  WhimJidServer server = whim_jid_get_server (jid);
  const char *user = whim_jid_get_user (jid);
  guint device = whim_jid_get_device (jid);

  if (server == WHIM_JID_SERVER_MSGR || server == WHIM_JID_SERVER_INTEROP)
    {
      whim_writer_u8 (writer, server == WHIM_JID_SERVER_MSGR ? TAG_FB_JID : TAG_INTEROP_JID);
      write_text (writer, user);
      whim_writer_u16 (writer, (guint16)device);
      if (server == WHIM_JID_SERVER_INTEROP)
        whim_writer_u16 (writer, (guint16)whim_jid_get_integrator (jid));
      write_text (writer, whim_jid_get_server_text (server));
      return;
    }
  if (server == WHIM_JID_SERVER_HOSTED || server == WHIM_JID_SERVER_HOSTED_LID
      || (device != 0 && device <= 255
          && (server == WHIM_JID_SERVER_USER || server == WHIM_JID_SERVER_LID)))
    {
      whim_writer_u8 (writer, TAG_AD_JID);
      whim_writer_u8 (writer, whim_jid_get_domain (jid));
      whim_writer_u8 (writer, (guint8)device);
      write_text (writer, user);
      return;
    }
  whim_writer_u8 (writer, TAG_JID_PAIR);
  if (*user == '\0')
    whim_writer_u8 (writer, TAG_LIST_EMPTY);
  else
    write_text (writer, user);
  write_text (writer, whim_jid_get_server_text (server));
}

static void
write_list (WhimWriter *writer, gsize size)
{
  if (size == 0)
    whim_writer_u8 (writer, TAG_LIST_EMPTY);
  else if (size < 256)
    {
      whim_writer_u8 (writer, TAG_LIST_8);
      whim_writer_u8 (writer, (guint8)size);
    }
  else
    {
      whim_writer_u8 (writer, TAG_LIST_16);
      whim_writer_u16 (writer, (guint16)size);
    }
}

static void
write_node (WhimWriter *writer, const WhimNode *self)
{
  g_return_if_fail (self->n_children <= G_MAXUINT16);
  write_list (writer, 1 + 2u * self->n_attrs + (self->content_type != CONTENT_NONE ? 1 : 0));
  write_text (writer, self->tag);
  for (guint i = 0; i < self->n_attrs; i++)
    {
      write_text (writer, self->attrs[i].name);
      if (self->attrs[i].text != NULL)
        write_text (writer, self->attrs[i].text);
      else
        write_jid (writer, self->attrs[i].jid);
    }
  switch (self->content_type)
    {
    case CONTENT_NONE:
      break;
    case CONTENT_CHILDREN:
      write_list (writer, self->n_children);
      for (guint i = 0; i < self->n_children; i++)
        write_node (writer, self->children[i]);
      break;
    case CONTENT_BYTES:
      write_binary (writer, self->content, self->content_len);
      break;
    case CONTENT_TEXT:
      write_string (writer, (const char *)self->content, self->content_len);
      break;
    default:
      g_assert_not_reached ();
    }
}

GBytes *
whim_node_encode (const WhimNode *self)
{
  WhimWriter writer;

  whim_writer_init (&writer, 512);
  whim_writer_u8 (&writer, 0); /* flags: clients never compress */
  write_node (&writer, self);
  return whim_writer_end (&writer);
}
