/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "hooks/whim-hook-signature.h"

#include <string.h>

#include "base/whim-util.h"
#include "crypto/whim-crypto.h"
#include "model/whim-hook.h"

#define MAC_SIZE 32

static gboolean
sign (WhimSecret *secret, const char *before, GBytes *body, guint8 mac[MAC_SIZE])
{
  g_autoptr (WhimSecret) key = whim_hook_secret_to_key (secret);
  gsize len;
  const guint8 *bytes = g_bytes_get_data (body, &len);

  if (key == NULL)
    return FALSE;
  whim_hmac_sha256 (whim_secret_get (key), whim_secret_get_size (key), before, strlen (before),
                    bytes, len, mac);
  return TRUE;
}

char *
whim_hook_sign_body (WhimSecret *secret, GBytes *body)
{
  g_autofree char *hex = NULL;
  guint8 mac[MAC_SIZE];

  if (!sign (secret, "", body, mac))
    return NULL;
  hex = whim_hex_encode (mac, sizeof mac);
  return g_strconcat ("sha256=", hex, NULL);
}

char *
whim_hook_sign_standard (WhimSecret *secret, const char *id, gint64 timestamp, GBytes *body)
{
  g_autofree char *before = g_strdup_printf ("%s.%" G_GINT64_FORMAT ".", id, timestamp);
  g_autofree char *base64 = NULL;
  guint8 mac[MAC_SIZE];

  if (!sign (secret, before, body, mac))
    return NULL;
  base64 = g_base64_encode (mac, sizeof mac);
  return g_strconcat ("v1,", base64, NULL);
}
