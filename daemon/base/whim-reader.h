/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimReader:
 *
 * A cursor over borrowed bytes, on the stack. Every read is checked; the first read that does not
 * fit makes the reader failed, and every later one answers zero or %NULL. Callers read on and ask
 * whim_reader_is_ok() once.
 */
typedef struct
{
  const guint8 *bytes;
  gsize len;
  gsize at;
  gboolean failed;
} WhimReader;

void whim_reader_init (WhimReader *self, gconstpointer bytes, gsize len);
void whim_reader_init_bytes (WhimReader *self, GBytes *bytes);

gboolean whim_reader_is_ok (const WhimReader *self);
gsize whim_reader_get_left (const WhimReader *self);

guint8 whim_reader_u8 (WhimReader *self);
guint16 whim_reader_u16 (WhimReader *self); /* big endian, as all below */
guint32 whim_reader_u24 (WhimReader *self);
guint32 whim_reader_u32 (WhimReader *self);

/** whim_reader_peek_u8: the next byte without consuming it */
guint8 whim_reader_peek_u8 (WhimReader *self);

/** whim_reader_take: (transfer none) (nullable): @len bytes, borrowed from the source */
const guint8 *whim_reader_take (WhimReader *self, gsize len);

/** whim_reader_copy: @len bytes to @to; FALSE when they are not there */
gboolean whim_reader_copy (WhimReader *self, gpointer to, gsize len);

/** whim_reader_fail: marks the content as wrong */
void whim_reader_fail (WhimReader *self);

guint16 whim_read_u16_be (const guint8 *bytes);
guint32 whim_read_u24_be (const guint8 *bytes);
guint32 whim_read_u32_be (const guint8 *bytes);

G_END_DECLS
