/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "crypto/whim-crypto.h"
#include "tests/support/whim-test.h"

#include <string.h>

static void
test_self (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (whim_crypto_self_test (&error));
  g_assert_no_error (error);
}

static WhimKeyPair *
pair_from_hex (const char *hex)
{
  g_autoptr (GBytes) bytes = whim_test_hex (hex);
  g_autoptr (WhimSecret) secret = whim_secret_new_from (g_bytes_get_data (bytes, NULL), 32);

  return whim_key_pair_new_from_private (secret);
}

/* RFC 7748, 6.1 */
static void
test_x25519 (void)
{
  g_autoptr (WhimKeyPair) bob
      = pair_from_hex ("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  g_autoptr (GBytes) alice
      = whim_test_hex ("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  guint8 zero[32] = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimSecret) shared = whim_x25519 (bob, g_bytes_get_data (alice, NULL), &error);

  g_assert_no_error (error);
  whim_test_assert_hex (whim_secret_get (shared), 32,
                        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  g_assert_null (whim_x25519 (bob, zero, &error));
  g_assert_error (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_INVALID);
}

static void
test_xeddsa (void)
{
  g_autoptr (WhimKeyPair) pair = whim_key_pair_new ();
  guint8 signature[WHIM_SIGNATURE_SIZE];

  whim_xeddsa_sign (pair, "hello", 5, signature);
  g_assert_true (whim_xeddsa_verify (whim_key_pair_get_public (pair), "hello", 5, signature));
  g_assert_false (whim_xeddsa_verify (whim_key_pair_get_public (pair), "hellp", 5, signature));
  signature[10] ^= 1;
  g_assert_false (whim_xeddsa_verify (whim_key_pair_get_public (pair), "hello", 5, signature));
}

/* RFC 5869, A.1; RFC 4231, 4.2; MD5 of dossier 1, 4.3 */
static void
test_hashes (void)
{
  g_autoptr (GBytes) ikm = whim_test_hex ("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
  g_autoptr (GBytes) salt = whim_test_hex ("000102030405060708090a0b0c");
  g_autoptr (WhimSecret) okm = NULL;
  guint8 mac[32];
  guint8 key[20];
  guint8 digest[32];

  /* RFC 5869 A.1 uses info f0..f9, which is no text; A.3 has empty salt and info */
  okm = whim_hkdf_sha256 (g_bytes_get_data (ikm, NULL), 22, NULL, 0, "", 42);
  whim_test_assert_hex (whim_secret_get (okm), 42,
                        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                        "9d201395faa4b61a96c8");
  g_clear_pointer (&okm, whim_secret_unref);
  okm = whim_hkdf_sha256 (g_bytes_get_data (ikm, NULL), 22, g_bytes_get_data (salt, NULL), 13,
                          "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", 42);
  whim_test_assert_hex (whim_secret_get (okm), 42,
                        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                        "34007208d5b887185865");
  memset (key, 0x0b, sizeof key);
  whim_hmac_sha256 (key, sizeof key, "Hi ", 3, "There", 5, mac);
  whim_test_assert_hex (mac, 32,
                        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  whim_sha256 ("abc", 3, digest);
  whim_test_assert_hex (digest, 32,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  whim_md5 ("2.3000.1045649367", 17, digest);
  whim_test_assert_hex (digest, 16, "9fa53af9421567b114e33c9bb1ef7db2");
  whim_sha1 ("abc", 3, digest);
  whim_test_assert_hex (digest, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

/* NIST GCM test case 14 and tampering */
static void
test_gcm (void)
{
  guint8 key[32] = { 0 };
  guint8 iv[12] = { 0 };
  guint8 plain[16] = { 0 };
  guint8 sealed[32];
  guint8 opened[16];
  g_autoptr (WhimAead) aead = whim_aead_new (key);

  whim_aead_seal (aead, iv, NULL, 0, plain, 16, sealed);
  whim_test_assert_hex (sealed, 32,
                        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  g_assert_true (whim_aead_open (aead, iv, NULL, 0, sealed, 32, opened));
  g_assert_cmpmem (opened, 16, plain, 16);
  for (guint i = 0; i < sizeof sealed; i++)
    {
      sealed[i] ^= 1;
      g_assert_false (whim_aead_open (aead, iv, NULL, 0, sealed, 32, opened));
      sealed[i] ^= 1;
    }
  g_assert_false (whim_aead_open (aead, iv, "x", 1, sealed, 32, opened));
  g_assert_false (whim_aead_open (aead, iv, NULL, 0, sealed, 15, opened));
}

static void
test_secret (void)
{
  guint8 bytes[3] = { 1, 2, 3 };
  g_autoptr (WhimSecret) a = whim_secret_new_from (bytes, 3);
  g_autoptr (WhimSecret) b = whim_secret_new_take (bytes, 3);
  g_autoptr (WhimSecret) large = whim_secret_new_random (5000);

  g_assert_true (whim_secret_equal (a, b));
  g_assert_cmpint (bytes[0] | bytes[1] | bytes[2], ==, 0);
  g_assert_false (whim_secret_equal (a, large));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto/self-test", test_self);
  g_test_add_func ("/crypto/x25519", test_x25519);
  g_test_add_func ("/crypto/xeddsa", test_xeddsa);
  g_test_add_func ("/crypto/hashes", test_hashes);
  g_test_add_func ("/crypto/gcm", test_gcm);
  g_test_add_func ("/crypto/secret", test_secret);
  return g_test_run ();
}
