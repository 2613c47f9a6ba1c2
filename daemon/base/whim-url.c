/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-url.h"

#include <gio/gio.h>
#include <string.h>

#include "base/whim-error.h"
#include "base/whim-limits.h"

/* ---- Addresses ------------------------------------------------------------------------------- */

typedef struct
{
  guint8 prefix[16];
  guint bits;
} Block;

/* IANA's special-purpose registry (RFC 6890 and its additions): what is not globally reachable,
 * and what is no single host. 169.254.0.0/16 holds the metadata services. */
static const Block blocks4[] = {
  { { 0 }, 8 },                 /* "this network", unspecified */
  { { 10 }, 8 },                /* private */
  { { 100, 64 }, 10 },          /* carrier-grade NAT; a metadata service too */
  { { 127 }, 8 },               /* loopback */
  { { 169, 254 }, 16 },         /* link-local */
  { { 172, 16 }, 12 },          /* private */
  { { 192, 0, 0 }, 24 },        /* protocol assignments; metadata of a cloud */
  { { 192, 0, 2 }, 24 },        /* documentation */
  { { 192, 31, 196 }, 24 },     /* AS112 */
  { { 192, 52, 193 }, 24 },     /* AMT */
  { { 192, 88, 99 }, 24 },      /* 6to4 relays */
  { { 192, 168 }, 16 },         /* private */
  { { 192, 175, 48 }, 24 },     /* AS112 */
  { { 198, 18 }, 15 },          /* benchmarks */
  { { 198, 51, 100 }, 24 },     /* documentation */
  { { 203, 0, 113 }, 24 },      /* documentation */
  { { 224 }, 4 },               /* multicast */
  { { 240 }, 4 },               /* reserved, broadcast */
  { { 168, 63, 129, 16 }, 32 }, /* a cloud's metadata on a public address */
};

/* Of IPv6 only 2000::/3 is given out; these parts of it are not for us. */
static const Block blocks6[] = {
  { { 0x20, 0x01 }, 23 },             /* protocol assignments: Teredo, ORCHID, … */
  { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
  { { 0x20, 0x02 }, 16 },             /* 6to4: judged by its IPv4 address first */
  { { 0x3f, 0xff }, 20 },             /* documentation */
};

static gboolean
is_in (const guint8 *bytes, const Block *block)
{
  guint whole = block->bits / 8;
  guint rest = block->bits % 8;
  guint8 mask = (guint8)(0xff << (8 - rest));

  if (memcmp (bytes, block->prefix, whole) != 0)
    return FALSE;
  return rest == 0 || (bytes[whole] & mask) == (block->prefix[whole] & mask);
}

static gboolean
is_public4 (const guint8 *bytes)
{
  for (guint i = 0; i < G_N_ELEMENTS (blocks4); i++)
    if (is_in (bytes, &blocks4[i]))
      return FALSE;
  return TRUE;
}

static gboolean
is_public6 (const guint8 *bytes)
{
  static const Block nat64 = { { 0x00, 0x64, 0xff, 0x9b }, 96 };
  static const Block global = { { 0x20 }, 3 };

  /* A NAT64 gateway calls the IPv4 address for us. Mapped and compatible forms are outside
   * 2000::/3, so they fall away whatever they carry. */
  if (is_in (bytes, &nat64))
    return is_public4 (bytes + 12);
  if (!is_in (bytes, &global))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (blocks6); i++)
    if (is_in (bytes, &blocks6[i]))
      return FALSE;
  return TRUE;
}

gboolean
whim_address_is_public (const guint8 *bytes, gsize len)
{
  if (len == 4)
    return is_public4 (bytes);
  return len == 16 && is_public6 (bytes);
}

gboolean
whim_address_text_is_public (const char *text)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (text);

  return address != NULL
         && whim_address_is_public (g_inet_address_to_bytes (address),
                                    g_inet_address_get_native_size (address));
}

/* As libsoup reads URLs, so that both mean the same. */
#define URI_FLAGS                                                                                  \
  (G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY                 \
   | G_URI_FLAGS_ENCODED_FRAGMENT | G_URI_FLAGS_SCHEME_NORMALIZE)

/* ---- URLs ------------------------------------------------------------------------------------ */

static GUri *
refuse (GError **error, const char *message)
{
  g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_INVALID_PARAMETER, message);
  return NULL;
}

static gboolean
is_plain (const char *text)
{
  for (const char *c = text; *c != '\0'; c++)
    if (!g_ascii_isgraph (*c))
      return FALSE;
  return TRUE;
}

static gboolean
is_private_host (const char *host)
{
  gsize len = strlen (host);

  if (len > 0 && host[len - 1] == '.')
    len--;
  if (len == strlen ("localhost") && g_ascii_strncasecmp (host, "localhost", len) == 0)
    return TRUE;
  return g_hostname_is_ip_address (host) && !whim_address_text_is_public (host);
}

GUri *
whim_url_parse (const char *text, gboolean allow_private, GError **error)
{
  g_autoptr (GUri) uri = NULL;
  const char *scheme;
  const char *host;

  if (strlen (text) > WHIM_LIMIT_URL)
    return refuse (error, "the URL is too long");
  if (!is_plain (text))
    return refuse (error, "a URL has only printable ASCII characters; encode the others");
  uri = g_uri_parse (text, URI_FLAGS, NULL);
  if (uri == NULL)
    return refuse (error, "this is not a URL");
  scheme = g_uri_get_scheme (uri);
  host = g_uri_get_host (uri);
  if (!g_str_equal (scheme, "http") && !g_str_equal (scheme, "https"))
    return refuse (error, "the URL must begin with https:// or http://");
  if (host == NULL || *host == '\0' || strchr (host, '%') != NULL)
    return refuse (error, "the URL has no host");
  if (g_uri_get_userinfo (uri) != NULL)
    return refuse (error, "the URL must not contain a user or a password");
  if (g_uri_get_port (uri) == 0)
    return refuse (error, "the URL has no such port");
  if (!allow_private && is_private_host (host))
    return refuse (error, "this is a private address; " WHIM_URL_PRIVATE_SETTING " allows it");
  return g_steal_pointer (&uri);
}
