/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-util.h"

#include <glib.h>

/* Small helpers for tests that compare bytes with hex. */

static inline void
whim_test_assert_hex (gconstpointer bytes, gsize len, const char *expected)
{
  g_autofree char *hex = whim_hex_encode (bytes, len);

  g_assert_cmpstr (hex, ==, expected);
}

static inline void
whim_test_assert_bytes_hex (GBytes *bytes, const char *expected)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (bytes, &len);

  whim_test_assert_hex (data, len, expected);
}

static inline GBytes *
whim_test_hex (const char *hex)
{
  GBytes *bytes = whim_hex_decode (hex);

  g_assert_nonnull (bytes);
  return bytes;
}
