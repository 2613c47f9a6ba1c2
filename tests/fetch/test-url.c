/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-error.h"
#include "base/whim-limits.h"
#include "base/whim-url.h"

#include <string.h>

static const struct
{
  const char *address;
  gboolean is_public;
} addresses[] = {
  { "8.8.8.8", TRUE },
  { "1.1.1.1", TRUE },
  { "93.184.216.34", TRUE },
  { "223.255.255.255", TRUE },
  { "9.255.255.255", TRUE },
  { "11.0.0.0", TRUE },
  { "100.63.255.255", TRUE },
  { "100.128.0.0", TRUE },
  { "126.255.255.255", TRUE },
  { "128.0.0.1", TRUE },
  { "169.253.255.255", TRUE },
  { "169.255.0.0", TRUE },
  { "172.15.255.255", TRUE },
  { "172.32.0.0", TRUE },
  { "192.167.255.255", TRUE },
  { "192.169.0.0", TRUE },
  { "198.17.255.255", TRUE },
  { "198.20.0.0", TRUE },
  { "0.0.0.0", FALSE },
  { "0.1.2.3", FALSE },
  { "10.0.0.0", FALSE },
  { "10.255.255.255", FALSE },
  { "100.64.0.1", FALSE },
  { "100.100.100.200", FALSE }, /* metadata */
  { "100.127.255.255", FALSE },
  { "127.0.0.1", FALSE },
  { "127.255.255.255", FALSE },
  { "168.63.129.16", FALSE }, /* metadata */
  { "168.63.129.17", TRUE },
  { "169.254.0.1", FALSE },
  { "169.254.169.254", FALSE }, /* metadata */
  { "169.254.170.2", FALSE },   /* metadata */
  { "172.16.0.0", FALSE },
  { "172.31.255.255", FALSE },
  { "192.0.0.192", FALSE }, /* metadata */
  { "192.0.2.1", FALSE },
  { "192.88.99.1", FALSE },
  { "192.168.0.1", FALSE },
  { "192.168.255.255", FALSE },
  { "198.18.0.1", FALSE },
  { "198.19.255.255", FALSE },
  { "198.51.100.7", FALSE },
  { "203.0.113.7", FALSE },
  { "224.0.0.1", FALSE },
  { "239.255.255.255", FALSE },
  { "240.0.0.1", FALSE },
  { "255.255.255.255", FALSE },
  { "2606:4700:4700::1111", TRUE },
  { "2a00:1450:4001::1", TRUE },
  { "2001:4860:4860::8888", TRUE },
  { "3ffe::1", TRUE },
  { "::", FALSE },
  { "::1", FALSE },
  { "::ffff:127.0.0.1", FALSE },
  { "::ffff:10.0.0.1", FALSE },
  { "::ffff:8.8.8.8", FALSE }, /* no name leads there in this form */
  { "::ffff:0:8.8.8.8", FALSE },
  { "::127.0.0.1", FALSE },
  { "::8.8.8.8", FALSE },
  { "64:ff9b::127.0.0.1", FALSE },
  { "64:ff9b::10.1.2.3", FALSE },
  { "64:ff9b::a9fe:a9fe", FALSE },
  { "64:ff9b::8.8.8.8", TRUE },
  { "64:ff9b:1::8.8.8.8", FALSE },
  { "100::1", FALSE },
  { "2001::1", FALSE },
  { "2001:20::1", FALSE },
  { "2001:1ff:ffff::1", FALSE },
  { "2001:200::1", TRUE },
  { "2001:db8::1", FALSE },
  { "2002:7f00:1::1", FALSE },
  { "2002:808:808::1", FALSE },
  { "3fff::1", FALSE },
  { "4000::1", FALSE },
  { "fc00::1", FALSE },
  { "fd12:3456:789a::1", FALSE },
  { "fd00:ec2::254", FALSE }, /* metadata */
  { "fe80::1", FALSE },
  { "febf::1", FALSE },
  { "fec0::1", FALSE },
  { "ff02::1", FALSE },
  { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FALSE },
  { "", FALSE },
  { "example.com", FALSE },
  { "256.1.1.1", FALSE },
};

static void
test_addresses (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    if (whim_address_text_is_public (addresses[i].address) != addresses[i].is_public)
      g_test_fail_printf ("%s", addresses[i].address);
  g_assert_false (whim_address_is_public ((const guint8 *)"\x08\x08\x08\x08\x08", 5));
  g_assert_false (whim_address_is_public (NULL, 0));
}

/* No IPv4 address that is private by one of the classic blocks slips through. */
static void
test_sweep (void)
{
  for (guint i = 0; i <= 0xffff; i++)
    {
      const guint8 bytes[4] = { (guint8)(i >> 8), (guint8)i, 1, 1 };
      gboolean is_private
          = bytes[0] == 0 || bytes[0] == 10 || bytes[0] == 127 || bytes[0] >= 224
            || (bytes[0] == 100 && (bytes[1] & 0xc0) == 64) || (bytes[0] == 169 && bytes[1] == 254)
            || (bytes[0] == 172 && (bytes[1] & 0xf0) == 16) || (bytes[0] == 192 && bytes[1] == 168)
            || (bytes[0] == 198 && (bytes[1] & 0xfe) == 18);

      g_assert_true (whim_address_is_public (bytes, 4) == !is_private);
    }
}

static const struct
{
  const char *url;
  gboolean ok;         /* as it is */
  gboolean ok_private; /* with leave */
} urls[] = {
  { "https://example.com/hook?a=b#c", TRUE, TRUE },
  { "http://example.com", TRUE, TRUE },
  { "https://example.com:8443/", TRUE, TRUE },
  { "HTTPS://EXAMPLE.COM/", TRUE, TRUE },
  { "https://8.8.8.8/", TRUE, TRUE },
  { "https://[2606:4700:4700::1111]/", TRUE, TRUE },
  { "https://localhosting.example/", TRUE, TRUE },
  { "http://127.0.0.1:3000/", FALSE, TRUE },
  { "http://localhost/", FALSE, TRUE },
  { "http://LOCALHOST./", FALSE, TRUE },
  { "http://[::1]/", FALSE, TRUE },
  { "http://[::ffff:192.168.1.1]/", FALSE, TRUE },
  { "http://169.254.169.254/latest/meta-data", FALSE, TRUE },
  { "http://%31%32%37.0.0.1/", FALSE, FALSE },
  { "", FALSE, FALSE },
  { "example.com", FALSE, FALSE },
  { "/hook", FALSE, FALSE },
  { "//example.com/hook", FALSE, FALSE },
  { "http://", FALSE, FALSE },
  { "http:///path", FALSE, FALSE },
  { "http:example.com", FALSE, FALSE },
  { "ftp://example.com/", FALSE, FALSE },
  { "file:///etc/passwd", FALSE, FALSE },
  { "javascript:alert(1)", FALSE, FALSE },
  { "unix:/run/x", FALSE, FALSE },
  { "https://user@example.com/", FALSE, FALSE },
  { "https://user:password@example.com/", FALSE, FALSE },
  { "https://@example.com/", FALSE, FALSE },
  { "https://example.com:0/", FALSE, FALSE },
  { "https://example.com:99999/", FALSE, FALSE },
  { "https://example.com:x/", FALSE, FALSE },
  { "https://exa mple.com/", FALSE, FALSE },
  { "https://example.com/a b", FALSE, FALSE },
  { "https://example.com/\r\nX-A: b", FALSE, FALSE },
  { "https://ex\xc3\xa4mple.com/", FALSE, FALSE },
  { "https://[fe80::1%25eth0]/", FALSE, FALSE },
  { "https://[::1/", FALSE, FALSE },
};

static void
test_urls (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (urls); i++)
    for (guint private = 0; private < 2; private ++)
      {
        g_autoptr (GError) error = NULL;
        g_autoptr (GUri) uri = whim_url_parse (urls[i].url, private, &error);

        if ((uri != NULL) != (private ? urls[i].ok_private : urls[i].ok))
          g_test_fail_printf ("%s", urls[i].url);
        g_assert_true ((uri == NULL) == (error != NULL));
        if (error == NULL)
          continue;
        g_assert_error (error, WHIM_ERROR, WHIM_ERROR_INVALID_PARAMETER);
        g_assert_true (*urls[i].url == '\0' || strstr (error->message, urls[i].url) == NULL);
        g_test_message ("%s: %s", urls[i].url, error->message);
        g_assert_true ((strstr (error->message, "WHIMBREL_ALLOW_PRIVATE_FETCH") != NULL)
                       == (urls[i].ok_private && !private));
      }
}

static void
test_long (void)
{
  g_autofree char *fill = g_strnfill (WHIM_LIMIT_URL - strlen ("https://example.com/"), 'a');
  g_autofree char *longest = g_strconcat ("https://example.com/", fill, NULL);
  g_autofree char *longer = g_strconcat (longest, "a", NULL);
  g_autoptr (GUri) fits = whim_url_parse (longest, FALSE, NULL);

  g_assert_nonnull (fits);
  g_assert_null (whim_url_parse (longer, FALSE, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/url/addresses", test_addresses);
  g_test_add_func ("/url/sweep", test_sweep);
  g_test_add_func ("/url/urls", test_urls);
  g_test_add_func ("/url/long", test_long);
  return g_test_run ();
}
