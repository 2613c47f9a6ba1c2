/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-util.h"
#include "session/whim-link-code.h"
#include "tests/support/whim-test.h"

/* The vectors of dossier 1, 6.1 and 6.6: Baileys' functions, zapo's primary side. */
#define CODE "15JMBSWA"
#define CE_PRIVATE "e62bb98590fc6020437900030ef7a4f062271008f53e030b67600491e2b177cb"
#define CE_PUBLIC "8b6a4d911bdb1844710355321b5ce28de8b52ecb0ad80d7d9ff4027d52687775"
#define PE_PUBLIC "50118ae658d2f3b5c3f77bf66762d6bbe6eca23bb35a022b85753bfc89b4ea18"
#define CI_PRIVATE "cb52d1548bb759a3f35896aa056989947d02ca3adc469dcc412c3a7947552559"
#define PI_PUBLIC "ee392eee8d0d68df8f34c92a34d6a222f2d7d09624134ee2f790481e4d377d7c"
#define KEY_1 "8ccae384d2edb7b7c48f794d9ecfce5e3af61b5f579812d011b75c23fde964f5"
#define WRAPPED_1                                                                                  \
  "e9f3abb5bf1946322157df97e391a39dc61269e8e82b2de6f5467e8881df2237d6e4accbc165e9be31108fabe16b9f" \
  "7f849c893f8b0d6a926ad90643504d4d46463543c16aae55cd33cea02f76febfa0"
#define KEY_2 "14b78581f692630e794057af018109167fface703536936e147de74b00f8ca6f"
#define WRAPPED_2                                                                                  \
  "b3c13064c102d9710ddb7de5a0fcd01653614441cf6474e7bf2dd018809d5a7625b24fe02d3287443bc3696384f0b9" \
  "bbc998e502d37357dd9147dcbc9a5ea0f7a6144100ef9e51d3dad5cf844b4f1251"
#define SALT "03427b8821b504020841e355b649e39726003805fa403a4638a06b16bc837d22"
#define NONCE "f8f7ff808519011353272519"
#define RANDOM "ecf1d89af85141acdd185415045684847145d7413726bb66a91aa47621609b66"
#define BUNDLE                                                                                     \
  "03427b8821b504020841e355b649e39726003805fa403a4638a06b16bc837d22f8f7ff808519011353272519a7e827" \
  "10f7f3637a44126c370da6d6789d8045f6366a442e8712050432438e28f897197de29d01af55c26297fe480505d703" \
  "43ecbbd62922e3c9d7c29c354992df63ff12290c246612c9ca2a40f40c88147579690cbe5ffe4cb209a5efc292377c" \
  "1247fef596e54d9a370b45e596cfe4"
#define ADV_SECRET "614d3ade090404080d4e5e5276b640c8a72de049114a6e981968251b15de6832"

static void
copy_hex (const char *hex, guint8 *to, gsize len)
{
  g_autoptr (GBytes) bytes = whim_test_hex (hex);

  g_assert_cmpuint (g_bytes_get_size (bytes), ==, len);
  whim_copy (to, g_bytes_get_data (bytes, NULL), len);
}

static WhimKeyPair *
pair_from_hex (const char *hex)
{
  guint8 bytes[WHIM_KEY_SIZE];
  g_autoptr (WhimSecret) secret = NULL;

  copy_hex (hex, bytes, sizeof bytes);
  secret = whim_secret_new_take (bytes, sizeof bytes);
  return whim_key_pair_new_from_private (secret);
}

static void
assert_secret (WhimSecret *secret, const char *hex)
{
  g_autofree char *got = whim_hex_encode (whim_secret_get (secret), whim_secret_get_size (secret));

  g_assert_cmpstr (got, ==, hex);
}

static void
test_alphabet (void)
{
  static const struct
  {
    const char *random;
    const char *code;
  } rows[] = { { "0000000000", "11111111" },
               { "0123456789", CODE },
               { "deadbeef42", "VTPVXVT3" },
               { "ffffffffff", "ZZZZZZZZ" } };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint8 random[5];
      char code[WHIM_LINK_CODE_LENGTH + 1];

      copy_hex (rows[i].random, random, sizeof random);
      whim_link_code_make (random, code);
      g_assert_cmpstr (code, ==, rows[i].code);
    }
  {
    g_autofree char *shown = whim_link_code_show (CODE);

    g_assert_cmpstr (shown, ==, "15JM-BSWA");
  }
}

/* What we wrap, and what the phone wraps. */
static void
test_wrap (void)
{
  guint8 expected[WHIM_LINK_CODE_WRAPPED_SIZE];
  guint8 wrapped[WHIM_LINK_CODE_WRAPPED_SIZE];
  guint8 key[WHIM_KEY_SIZE];
  guint8 public_key[WHIM_KEY_SIZE];
  g_autoptr (WhimKeyPair) ephemeral = pair_from_hex (CE_PRIVATE);
  g_autoptr (WhimSecret) first = NULL;
  g_autoptr (WhimSecret) second = NULL;

  copy_hex (WRAPPED_1, expected, sizeof expected);
  first = whim_link_code_derive (CODE, expected);
  assert_secret (first, KEY_1);
  copy_hex (CE_PUBLIC, public_key, sizeof public_key);
  g_assert_cmpmem (whim_key_pair_get_public (ephemeral), WHIM_KEY_SIZE, public_key, WHIM_KEY_SIZE);
  whim_link_code_wrap (first, expected, expected + WHIM_LINK_CODE_SALT_SIZE, public_key, wrapped);
  g_assert_cmpmem (wrapped, sizeof wrapped, expected, sizeof expected);

  copy_hex (WRAPPED_2, expected, sizeof expected);
  second = whim_link_code_derive (CODE, expected);
  assert_secret (second, KEY_2);
  whim_link_code_unwrap (second, expected, key);
  copy_hex (PE_PUBLIC, public_key, sizeof public_key);
  g_assert_cmpmem (key, sizeof key, public_key, sizeof public_key);
  /* another code: another key, and no error */
  whim_link_code_unwrap (first, expected, key);
  g_assert_false (whim_bytes_equal_constant_time (key, public_key, sizeof key));
}

static void
test_bundle (void)
{
  g_autoptr (WhimKeyPair) ephemeral = pair_from_hex (CE_PRIVATE);
  g_autoptr (WhimKeyPair) identity = pair_from_hex (CI_PRIVATE);
  guint8 phone_ephemeral[WHIM_KEY_SIZE];
  guint8 phone_identity[WHIM_KEY_SIZE];
  const guint8 low_order[WHIM_KEY_SIZE] = { 0 };
  WhimLinkParts parts;
  g_autoptr (GBytes) bundle = NULL;
  g_autoptr (WhimSecret) secret = NULL;
  g_autoptr (GError) error = NULL;

  copy_hex (PE_PUBLIC, phone_ephemeral, sizeof phone_ephemeral);
  copy_hex (PI_PUBLIC, phone_identity, sizeof phone_identity);
  copy_hex (SALT, parts.salt, sizeof parts.salt);
  copy_hex (NONCE, parts.nonce, sizeof parts.nonce);
  copy_hex (RANDOM, parts.random, sizeof parts.random);
  g_assert_true (whim_link_code_finish (ephemeral, identity, phone_ephemeral, phone_identity,
                                        &parts, &bundle, &secret, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (bundle), ==, WHIM_LINK_CODE_BUNDLE_SIZE);
  whim_test_assert_bytes_hex (bundle, BUNDLE);
  assert_secret (secret, ADV_SECRET);
  {
    GBytes *no_bundle = NULL;
    WhimSecret *no_secret = NULL;

    g_assert_false (whim_link_code_finish (ephemeral, identity, low_order, phone_identity, &parts,
                                           &no_bundle, &no_secret, &error));
    g_assert_nonnull (error);
    g_assert_null (no_bundle);
    g_assert_null (no_secret);
  }
}

static void
derived_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(WhimSecret **)user_data = whim_link_code_derive_finish (result, NULL);
}

/* On a thread of its own, with the same result; the main loop goes on meanwhile. */
static void
test_thread (void)
{
  guint8 salt[WHIM_LINK_CODE_WRAPPED_SIZE];
  g_autoptr (WhimSecret) key = NULL;

  copy_hex (WRAPPED_1, salt, sizeof salt);
  whim_link_code_derive_async (CODE, salt, NULL, derived_cb, &key);
  g_assert_null (key);
  while (key == NULL)
    g_main_context_iteration (NULL, TRUE);
  assert_secret (key, KEY_1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/link-code/alphabet", test_alphabet);
  g_test_add_func ("/link-code/wrap", test_wrap);
  g_test_add_func ("/link-code/bundle", test_bundle);
  g_test_add_func ("/link-code/thread", test_thread);
  return g_test_run ();
}
