/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/support/whim-test.h"
#include "wire/whim-frame.h"
#include "wire/whim-node.h"

#include <string.h>

/* Three frames, cut at every pair of places: the pieces give the same frames. */
static void
test_cut_everywhere (void)
{
  g_autoptr (GBytes) stream = whim_test_hex ("000001aa000003bbccdd000002eeff");
  const guint8 *bytes = g_bytes_get_data (stream, NULL);
  gsize len = g_bytes_get_size (stream);
  static const char *const expected[] = { "aa", "bbccdd", "eeff" };

  for (gsize first = 0; first <= len; first++)
    for (gsize second = first; second <= len; second++)
      {
        const gsize cuts[] = { 0, first, second, len };
        g_auto (WhimFrameSplitter) splitter;
        guint n = 0;

        whim_frame_splitter_init (&splitter);
        for (guint i = 0; i < 3; i++)
          {
            GBytes *frame = NULL;
            g_autoptr (GError) error = NULL;

            whim_frame_splitter_push (&splitter, bytes + cuts[i], cuts[i + 1] - cuts[i]);
            while (whim_frame_splitter_pop (&splitter, &frame, &error))
              {
                g_assert_cmpuint (n, <, 3);
                whim_test_assert_bytes_hex (frame, expected[n++]);
                g_clear_pointer (&frame, g_bytes_unref);
              }
            g_assert_no_error (error);
          }
        g_assert_cmpuint (n, ==, 3);
      }
}

static void
test_zero_length (void)
{
  g_auto (WhimFrameSplitter) splitter;
  g_autoptr (GError) error = NULL;
  GBytes *frame = NULL;

  whim_frame_splitter_init (&splitter);
  whim_frame_splitter_push (&splitter, "\0\0\0", 3);
  g_assert_false (whim_frame_splitter_pop (&splitter, &frame, &error));
  g_assert_error (error, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_INVALID);
}

/* dossier 1, 1.3 */
static void
test_wrap (void)
{
  g_autoptr (GBytes) prefix = whim_test_hex ("45440001000004080d080a57410603");
  g_autoptr (GBytes) payload = whim_test_hex ("aabb");
  g_autoptr (GBytes) framed = whim_frame_wrap (prefix, payload);

  whim_test_assert_bytes_hex (framed, "45440001000004080d080a57410603000002aabb");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/frame/cut-everywhere", test_cut_everywhere);
  g_test_add_func ("/frame/zero-length", test_zero_length);
  g_test_add_func ("/frame/wrap", test_wrap);
  return g_test_run ();
}
