/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-writer.h"

#include <string.h>

void
whim_writer_init (WhimWriter *self, gsize size_hint)
{
  self->size = MAX (size_hint, 32);
  self->bytes = g_malloc (self->size);
  self->len = 0;
}

void
whim_writer_clear (WhimWriter *self)
{
  g_clear_pointer (&self->bytes, g_free);
  self->len = 0;
  self->size = 0;
}

guint8 *
whim_writer_reserve (WhimWriter *self, gsize len)
{
  guint8 *at;

  if (len > self->size - self->len)
    {
      self->size = MAX (self->size * 2, self->len + len);
      self->bytes = g_realloc (self->bytes, self->size);
    }
  at = self->bytes + self->len;
  self->len += len;
  return at;
}

void
whim_writer_u8 (WhimWriter *self, guint8 value)
{
  *whim_writer_reserve (self, 1) = value;
}

void
whim_writer_u16 (WhimWriter *self, guint16 value)
{
  whim_write_u16_be (whim_writer_reserve (self, 2), value);
}

void
whim_writer_u24 (WhimWriter *self, guint32 value)
{
  whim_write_u24_be (whim_writer_reserve (self, 3), value);
}

void
whim_writer_u32 (WhimWriter *self, guint32 value)
{
  whim_write_u32_be (whim_writer_reserve (self, 4), value);
}

void
whim_writer_u64 (WhimWriter *self, guint64 value)
{
  whim_writer_u32 (self, (guint32)(value >> 32));
  whim_writer_u32 (self, (guint32)value);
}

void
whim_writer_put (WhimWriter *self, gconstpointer bytes, gsize len)
{
  if (len > 0)
    memcpy (whim_writer_reserve (self, len), bytes, len);
}

void
whim_writer_put_bytes (WhimWriter *self, GBytes *bytes)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (bytes, &len);

  whim_writer_put (self, data, len);
}

void
whim_writer_put_string (WhimWriter *self, const char *text)
{
  whim_writer_put (self, text, strlen (text));
}

GBytes *
whim_writer_end (WhimWriter *self)
{
  GBytes *bytes = g_bytes_new_take (self->bytes, self->len);

  self->bytes = NULL;
  self->len = 0;
  self->size = 0;
  return bytes;
}

void
whim_write_u16_be (guint8 *to, guint16 value)
{
  to[0] = (guint8)(value >> 8);
  to[1] = (guint8)value;
}

void
whim_write_u24_be (guint8 *to, guint32 value)
{
  to[0] = (guint8)(value >> 16);
  whim_write_u16_be (to + 1, (guint16)value);
}

void
whim_write_u32_be (guint8 *to, guint32 value)
{
  to[0] = (guint8)(value >> 24);
  whim_write_u24_be (to + 1, value);
}
