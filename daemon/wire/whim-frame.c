/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "wire/whim-frame.h"

#include "base/whim-reader.h"
#include "base/whim-writer.h"
#include "wire/whim-node.h"

#define HEADER_SIZE 3u

void
whim_frame_splitter_init (WhimFrameSplitter *self)
{
  self->pending = g_byte_array_new ();
  self->at = 0;
}

void
whim_frame_splitter_clear (WhimFrameSplitter *self)
{
  g_clear_pointer (&self->pending, g_byte_array_unref);
  self->at = 0;
}

void
whim_frame_splitter_push (WhimFrameSplitter *self, gconstpointer bytes, gsize len)
{
  if (self->at == self->pending->len)
    {
      /* an idle connection keeps no buffer that one large frame has grown */
      if (self->at > 65536)
        {
          g_byte_array_unref (self->pending);
          self->pending = g_byte_array_new ();
        }
      g_byte_array_set_size (self->pending, 0);
      self->at = 0;
    }
  else if (self->at > 65536)
    {
      g_byte_array_remove_range (self->pending, 0, (guint)self->at);
      self->at = 0;
    }
  g_byte_array_append (self->pending, bytes, (guint)len);
}

gboolean
whim_frame_splitter_pop (WhimFrameSplitter *self, GBytes **frame, GError **error)
{
  gsize left = self->pending->len - self->at;
  const guint8 *bytes;
  gsize size;

  if (left < HEADER_SIZE)
    return FALSE;
  bytes = self->pending->data + self->at;
  size = whim_read_u24_be (bytes);
  if (size == 0)
    {
      g_set_error_literal (error, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_INVALID,
                           "a frame of length zero");
      return FALSE;
    }
  if (left - HEADER_SIZE < size)
    return FALSE;
  *frame = g_bytes_new (bytes + HEADER_SIZE, size);
  self->at += HEADER_SIZE + size;
  return TRUE;
}

GBytes *
whim_frame_splitter_steal_rest (WhimFrameSplitter *self)
{
  GBytes *rest = g_bytes_new (self->pending->data + self->at, self->pending->len - self->at);

  g_byte_array_set_size (self->pending, 0);
  self->at = 0;
  return rest;
}

GBytes *
whim_frame_wrap (GBytes *prefix, GBytes *payload)
{
  gsize size = g_bytes_get_size (payload);
  WhimWriter writer;

  whim_writer_init (&writer, size + HEADER_SIZE + 64);
  if (prefix != NULL)
    whim_writer_put_bytes (&writer, prefix);
  whim_writer_u24 (&writer, (guint32)size);
  whim_writer_put_bytes (&writer, payload);
  return whim_writer_end (&writer);
}
