/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimWriter:
 *
 * A growing buffer, on the stack. Clear it with whim_writer_clear() or end it with
 * whim_writer_end(), which hands the bytes over.
 */
typedef struct
{
  guint8 *bytes;
  gsize len;
  gsize size;
} WhimWriter;

void whim_writer_init (WhimWriter *self, gsize size_hint);
void whim_writer_clear (WhimWriter *self);

void whim_writer_u8 (WhimWriter *self, guint8 value);
void whim_writer_u16 (WhimWriter *self, guint16 value); /* big endian, as all below */
void whim_writer_u24 (WhimWriter *self, guint32 value);
void whim_writer_u32 (WhimWriter *self, guint32 value);
void whim_writer_u64 (WhimWriter *self, guint64 value);
void whim_writer_put (WhimWriter *self, gconstpointer bytes, gsize len);
void whim_writer_put_bytes (WhimWriter *self, GBytes *bytes);
void whim_writer_put_string (WhimWriter *self, const char *text); /* without its NUL */

/** whim_writer_reserve: (transfer none): @len bytes at the end, for the caller to fill */
guint8 *whim_writer_reserve (WhimWriter *self, gsize len);

/** whim_writer_end: (transfer full): the bytes; the writer is empty and reusable after it */
GBytes *whim_writer_end (WhimWriter *self);

void whim_write_u16_be (guint8 *to, guint16 value);
void whim_write_u24_be (guint8 *to, guint32 value);
void whim_write_u32_be (guint8 *to, guint32 value);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimWriter, whim_writer_clear)

G_END_DECLS
