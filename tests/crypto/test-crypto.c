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

static WhimSecret *
secret_from_hex (const char *hex)
{
  g_autoptr (GBytes) bytes = whim_test_hex (hex);

  return whim_secret_new_from (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* RFC 4231 */
static void
test_hmac (void)
{
  guint8 mac[32];

  whim_hmac_sha256 ("Jefe", 4, "what do ya want for nothing?", 28, NULL, 0, mac);
  whim_test_assert_hex (mac, 32,
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  whim_hmac_sha256 ("Jefe", 4, "what do ya ", 11, "want for nothing?", 17, mac);
  whim_test_assert_hex (mac, 32,
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  /* An empty key after a used one must not fall back to the former key. */
  whim_hmac_sha256 ("", 0, NULL, 0, NULL, 0, mac);
  whim_test_assert_hex (mac, 32,
                        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 7914, 11; dossier 1, 6.6 */
static void
test_pbkdf2 (void)
{
  g_autoptr (WhimSecret) key = whim_pbkdf2_sha256 ("passwd", 6, "salt", 4, 1, 64);
  g_autoptr (WhimSecret) salt
      = secret_from_hex ("e9f3abb5bf1946322157df97e391a39dc61269e8e82b2de6f5467e8881df2237");
  g_autoptr (WhimSecret) iv = secret_from_hex ("d6e4accbc165e9be31108fabe16b9f7f");
  g_autoptr (WhimSecret) code
      = whim_pbkdf2_sha256 ("15JMBSWA", 8, whim_secret_get (salt), 32, 131072, 32);
  g_autoptr (WhimKeyPair) ephemeral
      = pair_from_hex ("e62bb98590fc6020437900030ef7a4f062271008f53e030b67600491e2b177cb");
  guint8 wrapped[32];

  whim_test_assert_hex (whim_secret_get (key), 64,
                        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
                        "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783");
  whim_test_assert_hex (whim_secret_get (code), 32,
                        "8ccae384d2edb7b7c48f794d9ecfce5e3af61b5f579812d011b75c23fde964f5");
  whim_test_assert_hex (whim_key_pair_get_public (ephemeral), 32,
                        "8b6a4d911bdb1844710355321b5ce28de8b52ecb0ad80d7d9ff4027d52687775");
  whim_aes256_ctr (whim_secret_get (code), whim_secret_get (iv),
                   whim_key_pair_get_public (ephemeral), 32, wrapped);
  whim_test_assert_hex (wrapped, 32,
                        "849c893f8b0d6a926ad90643504d4d46463543c16aae55cd33cea02f76febfa0");
  whim_aes256_ctr (whim_secret_get (code), whim_secret_get (iv), wrapped, 32, wrapped);
  g_assert_cmpmem (wrapped, 32, whim_key_pair_get_public (ephemeral), 32);
}

/* The key bundle of pairing by code (dossier 1, 6.6) */
static void
test_gcm_bundle (void)
{
  g_autoptr (WhimSecret) key
      = secret_from_hex ("57288984d1643303e2c60b3db46f51532f3220d1adbf037b34fc46142310547b");
  g_autoptr (WhimSecret) iv = secret_from_hex ("f8f7ff808519011353272519");
  g_autoptr (WhimSecret) plain
      = secret_from_hex ("2e73d1d8195870f5cc806a5b5fef806e1a60dc8ce0c473e01f975991975f4465"
                         "ee392eee8d0d68df8f34c92a34d6a222f2d7d09624134ee2f790481e4d377d7c"
                         "ecf1d89af85141acdd185415045684847145d7413726bb66a91aa47621609b66");
  g_autoptr (WhimAead) aead = whim_aead_new (whim_secret_get (key));
  guint8 sealed[96 + WHIM_GCM_TAG_SIZE];
  guint8 opened[96];

  whim_aead_seal (aead, whim_secret_get (iv), NULL, 0, whim_secret_get (plain), 96, sealed);
  whim_test_assert_hex (
      sealed, sizeof sealed,
      "a7e82710f7f3637a44126c370da6d6789d8045f6366a442e8712050432438e28f897197de29d01af55c2"
      "6297fe480505d70343ecbbd62922e3c9d7c29c354992df63ff12290c246612c9ca2a40f40c8814757969"
      "0cbe5ffe4cb209a5efc292377c1247fef596e54d9a370b45e596cfe4");
  g_assert_true (
      whim_aead_open (aead, whim_secret_get (iv), NULL, 0, sealed, sizeof sealed, opened));
  g_assert_cmpmem (opened, 96, whim_secret_get (plain), 96);
  g_assert_false (
      whim_aead_open (aead, whim_secret_get (iv), "x", 1, sealed, sizeof sealed, opened));
  for (gsize len = 0; len < sizeof sealed; len++)
    g_assert_false (whim_aead_open (aead, whim_secret_get (iv), NULL, 0, sealed, len, opened));
  for (gsize i = 0; i < sizeof sealed; i++)
    {
      sealed[i] ^= 1;
      g_assert_false (
          whim_aead_open (aead, whim_secret_get (iv), NULL, 0, sealed, sizeof sealed, opened));
      sealed[i] ^= 1;
    }
  /* The context goes on after failures, and works in place. */
  g_assert_true (
      whim_aead_open (aead, whim_secret_get (iv), NULL, 0, sealed, sizeof sealed, sealed));
  g_assert_cmpmem (sealed, 96, whim_secret_get (plain), 96);
}

/* NIST SP 800-38A, F.2.5, first block */
static void
test_cbc (void)
{
  g_autoptr (WhimSecret) key
      = secret_from_hex ("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  g_autoptr (WhimSecret) iv = secret_from_hex ("000102030405060708090a0b0c0d0e0f");
  g_autoptr (WhimSecret) plain = secret_from_hex ("6bc1bee22e409f96e93d7e117393172a");
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) sealed = whim_aes256_cbc_encrypt (whim_secret_get (key), whim_secret_get (iv),
                                                       whim_secret_get (plain), 16);
  g_autoptr (GBytes) opened = NULL;
  gsize len;
  const guint8 *bytes = g_bytes_get_data (sealed, &len);

  g_assert_cmpuint (len, ==, 32);
  whim_test_assert_hex (bytes, 16, "f58c4c04d6e5f1ba779eabfb5f7bfbd6");
  opened
      = whim_aes256_cbc_decrypt (whim_secret_get (key), whim_secret_get (iv), bytes, len, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (opened, NULL), g_bytes_get_size (opened),
                   whim_secret_get (plain), 16);
  g_assert_null (
      whim_aes256_cbc_decrypt (whim_secret_get (key), whim_secret_get (iv), bytes, 31, &error));
  g_assert_error (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (
      whim_aes256_cbc_decrypt (whim_secret_get (key), whim_secret_get (iv), bytes, 16, &error));
  g_assert_error (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_AUTHENTICATION);
}

/* Dossier 1, 6.6 */
static void
test_dossier_agreement (void)
{
  g_autoptr (WhimKeyPair) own
      = pair_from_hex ("e62bb98590fc6020437900030ef7a4f062271008f53e030b67600491e2b177cb");
  g_autoptr (WhimKeyPair) phone
      = pair_from_hex ("8408fc4ec374e3d15acd6d70a8fff5cbbf179b251c010371bece4376318abcf0");
  g_autoptr (WhimSecret) shared = NULL;
  g_autoptr (WhimSecret) back = NULL;
  g_autoptr (GError) error = NULL;
  static const guint8 low_order[WHIM_KEY_SIZE] = { 0 };

  shared = whim_x25519 (own, whim_key_pair_get_public (phone), &error);
  g_assert_no_error (error);
  whim_test_assert_hex (whim_secret_get (shared), 32,
                        "b767b82f5a0dc144ec07ab07cf6a2a07b0ffe2a01b74ecfb79fd7c074d1c403d");
  back = whim_x25519 (phone, whim_key_pair_get_public (own), &error);
  g_assert_true (whim_secret_equal (shared, back));
  g_assert_null (whim_x25519 (own, low_order, &error));
  g_assert_error (error, WHIM_CRYPTO_ERROR, WHIM_CRYPTO_ERROR_INVALID);
}

/* RFC 7748, 5.2 */
static void
test_rfc7748 (void)
{
  g_autoptr (WhimKeyPair) pair
      = pair_from_hex ("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
  g_autoptr (GBytes) u
      = whim_hex_decode ("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  g_autoptr (WhimSecret) out = whim_x25519 (pair, g_bytes_get_data (u, NULL), NULL);

  whim_test_assert_hex (whim_secret_get (out), 32,
                        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

/* The account signature of dossier 1, 5.8, made by another implementation */
static void
test_verify (void)
{
  g_autoptr (GBytes) account
      = whim_hex_decode ("2babd6dd70ce34a669dbafb9abd6cb41db1d7c1b1455c00be2d3f79a05a99b5d");
  g_autoptr (GBytes) message
      = whim_hex_decode ("060008b1d1f9d6031080c3bbc2061803"
                         "2e73d1d8195870f5cc806a5b5fef806e1a60dc8ce0c473e01f975991975f4465");
  g_autoptr (GBytes) signature
      = whim_hex_decode ("fc0ae2f5fc6df79ec644b6501009ddf28e010979ae18715c05edd0c97d9a61ef"
                         "f011c0cf72167c23e5623cba2aee4a6234a8e2fec35622453b89ffb04e79e984");
  gsize len;
  const guint8 *bytes = g_bytes_get_data (message, &len);

  g_assert_true (whim_xeddsa_verify (g_bytes_get_data (account, NULL), bytes, len,
                                     g_bytes_get_data (signature, NULL)));
  g_assert_false (whim_xeddsa_verify (g_bytes_get_data (account, NULL), bytes, len - 1,
                                      g_bytes_get_data (signature, NULL)));
}

static void
test_sign_unclamped (void)
{
  /* Not clamped: a key that another implementation stored as it came from a hash. */
  g_autoptr (WhimKeyPair) raw
      = pair_from_hex ("e7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
  guint8 signature[WHIM_SIGNATURE_SIZE];

  for (guint i = 0; i < 8; i++)
    {
      g_autoptr (WhimKeyPair) fresh = whim_key_pair_new ();
      WhimKeyPair *pair = i == 0 ? raw : fresh;

      whim_xeddsa_sign (pair, "message", 7, signature);
      g_assert_true (whim_xeddsa_verify (whim_key_pair_get_public (pair), "message", 7, signature));
      g_assert_false (
          whim_xeddsa_verify (whim_key_pair_get_public (pair), "messagf", 7, signature));
      signature[i] ^= 1;
      g_assert_false (
          whim_xeddsa_verify (whim_key_pair_get_public (pair), "message", 7, signature));
    }
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
  g_test_add_func ("/crypto/hmac", test_hmac);
  g_test_add_func ("/crypto/pbkdf2", test_pbkdf2);
  g_test_add_func ("/crypto/gcm-bundle", test_gcm_bundle);
  g_test_add_func ("/crypto/cbc", test_cbc);
  g_test_add_func ("/crypto/dossier-agreement", test_dossier_agreement);
  g_test_add_func ("/crypto/rfc7748", test_rfc7748);
  g_test_add_func ("/crypto/verify", test_verify);
  g_test_add_func ("/crypto/sign-unclamped", test_sign_unclamped);
  return g_test_run ();
}
