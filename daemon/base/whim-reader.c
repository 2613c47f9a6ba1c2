/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-reader.h"

#include <string.h>

void
whim_reader_init (WhimReader *self, gconstpointer bytes, gsize len)
{
  self->bytes = bytes;
  self->len = len;
  self->at = 0;
  self->failed = FALSE;
}

void
whim_reader_init_bytes (WhimReader *self, GBytes *bytes)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (bytes, &len);

  whim_reader_init (self, data, len);
}

gboolean
whim_reader_is_ok (const WhimReader *self)
{
  return !self->failed;
}

gsize
whim_reader_get_left (const WhimReader *self)
{
  return self->failed ? 0 : self->len - self->at;
}

const guint8 *
whim_reader_take (WhimReader *self, gsize len)
{
  const guint8 *bytes;

  if (self->failed || len > self->len - self->at)
    {
      self->failed = TRUE;
      return NULL;
    }
  bytes = self->bytes + self->at;
  self->at += len;
  return bytes;
}

guint8
whim_reader_u8 (WhimReader *self)
{
  const guint8 *bytes = whim_reader_take (self, 1);

  return bytes == NULL ? 0 : bytes[0];
}

guint16
whim_reader_u16 (WhimReader *self)
{
  const guint8 *bytes = whim_reader_take (self, 2);

  return bytes == NULL ? 0 : whim_read_u16_be (bytes);
}

guint32
whim_reader_u24 (WhimReader *self)
{
  const guint8 *bytes = whim_reader_take (self, 3);

  return bytes == NULL ? 0 : whim_read_u24_be (bytes);
}

guint32
whim_reader_u32 (WhimReader *self)
{
  const guint8 *bytes = whim_reader_take (self, 4);

  return bytes == NULL ? 0 : whim_read_u32_be (bytes);
}

guint8
whim_reader_peek_u8 (WhimReader *self)
{
  if (self->failed || self->at >= self->len)
    {
      self->failed = TRUE;
      return 0;
    }
  return self->bytes[self->at];
}

gboolean
whim_reader_copy (WhimReader *self, gpointer to, gsize len)
{
  const guint8 *bytes = whim_reader_take (self, len);

  if (bytes == NULL)
    return FALSE;
  if (len > 0)
    memcpy (to, bytes, len);
  return TRUE;
}

void
whim_reader_fail (WhimReader *self)
{
  self->failed = TRUE;
}

guint16
whim_read_u16_be (const guint8 *bytes)
{
  return (guint16)(bytes[0] << 8 | bytes[1]);
}

guint32
whim_read_u24_be (const guint8 *bytes)
{
  return (guint32)bytes[0] << 16 | (guint32)bytes[1] << 8 | bytes[2];
}

guint32
whim_read_u32_be (const guint8 *bytes)
{
  return (guint32)bytes[0] << 24 | whim_read_u24_be (bytes + 1);
}
