/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-present-private.h"

#include <png.h>
#include <qrencode.h>
#include <string.h>

#define MODULE_PIXELS 8u
#define QUIET_MODULES 4u

G_DEFINE_AUTOPTR_CLEANUP_FUNC (QRcode, QRcode_free)

static guint8 *
draw (const QRcode *code, gsize side)
{
  guint8 *pixels = g_malloc (side * side);

  for (gsize y = 0; y < side; y++)
    for (gsize x = 0; x < side; x++)
      {
        gsize row = y / MODULE_PIXELS;
        gsize column = x / MODULE_PIXELS;
        gsize width = (gsize)code->width;
        gboolean inside = row >= QUIET_MODULES && row < QUIET_MODULES + width
                          && column >= QUIET_MODULES && column < QUIET_MODULES + width;
        gsize module = inside ? (row - QUIET_MODULES) * width + column - QUIET_MODULES : 0;

        pixels[y * side + x] = inside && (code->data[module] & 1) != 0 ? 0 : 255;
      }
  return pixels;
}

GBytes *
whim_present_qr_png (const char *text, GError **error)
{
  g_autoptr (QRcode) code = QRcode_encodeString (text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
  g_autofree guint8 *pixels = NULL;
  g_autofree guint8 *png = NULL;
  png_alloc_size_t len;
  png_image image = { .version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_GRAY };
  gsize side;

  if (code == NULL)
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_INTERNAL,
                           "the pairing code does not fit into a picture");
      return NULL;
    }
  side = ((gsize)code->width + 2 * QUIET_MODULES) * MODULE_PIXELS;
  pixels = draw (code, side);
  image.width = (png_uint_32)side;
  image.height = (png_uint_32)side;
  len = PNG_IMAGE_PNG_SIZE_MAX (image);
  png = g_malloc (len);
  if (!png_image_write_to_memory (&image, png, &len, 0, pixels, 0, NULL))
    {
      g_set_error (error, WHIM_ERROR, WHIM_ERROR_INTERNAL, "picture: %s", image.message);
      return NULL;
    }
  return g_bytes_new (png, len);
}

char *
whim_present_qr_data_url (const char *text)
{
  g_autoptr (GBytes) png = whim_present_qr_png (text, NULL);
  g_autofree char *base64 = NULL;

  if (png == NULL)
    return NULL;
  base64 = g_base64_encode (g_bytes_get_data (png, NULL), g_bytes_get_size (png));
  return g_strconcat ("data:image/png;base64,", base64, NULL);
}

void
whim_present_add_qr (WhimJson *json, const char *text)
{
  g_autofree char *url = whim_present_qr_data_url (text);

  whim_present_add_text (json, "qr", url);
  whim_present_add_text (json, "raw", text);
}
