/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "wire/whim-frame.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* However the bytes are cut, the same frames come out. The first byte chooses the cuts. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_auto (WhimFrameSplitter) whole;
  g_auto (WhimFrameSplitter) cut;
  gsize step = size == 0 ? 1 : 1 + data[0] % 7u;
  gsize from_whole = 0;
  gsize from_cut = 0;
  GBytes *frame = NULL;

  whim_frame_splitter_init (&whole);
  whim_frame_splitter_init (&cut);
  whim_frame_splitter_push (&whole, data, size);
  while (whim_frame_splitter_pop (&whole, &frame, NULL))
    {
      from_whole = from_whole * 31 + g_bytes_hash (frame);
      g_clear_pointer (&frame, g_bytes_unref);
    }
  for (gsize at = 0; at < size; at += step)
    {
      whim_frame_splitter_push (&cut, data + at, MIN (step, size - at));
      while (whim_frame_splitter_pop (&cut, &frame, NULL))
        {
          from_cut = from_cut * 31 + g_bytes_hash (frame);
          g_clear_pointer (&frame, g_bytes_unref);
        }
    }
  g_assert_cmpuint (from_whole, ==, from_cut);
  return 0;
}
