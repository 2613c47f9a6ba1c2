/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "proto/whim-proto.h"
#include "session/whim-adv.h"
#include "session/whim-session.h"
#include "tests/support/whim-test.h"

#include <string.h>

/* The vector of dossier 1, 5.8: run end to end with Baileys. */
#define SECRET "faadafdf7ad005e623b458e2df9f8ccff3806333916558175e8d07959f0342b3"
#define IDENTITY "cb52d1548bb759a3f35896aa056989947d02ca3adc469dcc412c3a7947552559"
#define CONTAINER                                                                                  \
  "0a740a0e08b1d1f9d6031080c3bbc206180312202babd6dd70ce34a669dbafb9abd6cb41db1d7c1b1455c00be2d3"   \
  "f79a05a99b5d1a40fc0ae2f5fc6df79ec644b6501009ddf28e010979ae18715c05edd0c97d9a61eff011c0cf7216"   \
  "7c23e5623cba2aee4a6234a8e2fec35622453b89ffb04e79e98412209fb3552f8add5d20ab799a978ca38317aa81"   \
  "b1d339ecabfd8f70b9898e2e5bdb"
#define SIGNED                                                                                     \
  "060108b1d1f9d6031080c3bbc20618032e73d1d8195870f5cc806a5b5fef806e1a60dc8ce0c473e01f975991975f"   \
  "44652babd6dd70ce34a669dbafb9abd6cb41db1d7c1b1455c00be2d3f79a05a99b5d"

static WhimSecret *
secret_from_hex (const char *hex)
{
  g_autoptr (GBytes) bytes = whim_test_hex (hex);

  return whim_secret_new_from (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static void
test_vector (void)
{
  g_autoptr (WhimSecret) secret = secret_from_hex (SECRET);
  g_autoptr (WhimSecret) private_key = secret_from_hex (IDENTITY);
  g_autoptr (WhimKeyPair) own = whim_key_pair_new_from_private (private_key);
  g_autoptr (GBytes) container = whim_test_hex (CONTAINER);
  g_autoptr (GBytes) message = whim_test_hex (SIGNED);
  g_auto (WhimAdvIdentity) identity = { 0 };
  g_autoptr (Wa__ADVSignedDeviceIdentity) answer = NULL;
  g_autoptr (Wa__ADVSignedDeviceIdentity) stored = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (whim_adv_accept (container, secret, own, &identity, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (identity.key_index, ==, 3);
  g_assert_cmpuint (g_bytes_get_size (identity.answer), ==, 148);
  answer
      = whim_proto_unpack_bytes (&wa__advsigned_device_identity__descriptor, identity.answer, NULL);
  stored
      = whim_proto_unpack_bytes (&wa__advsigned_device_identity__descriptor, identity.stored, NULL);
  g_assert_false (answer->has_accountsignaturekey);
  g_assert_cmpuint (stored->accountsignaturekey.len, ==, 32);
  g_assert_true (whim_xeddsa_verify (whim_key_pair_get_public (own),
                                     g_bytes_get_data (message, NULL), g_bytes_get_size (message),
                                     answer->devicesignature.data));
}

/* No flipped byte gets through, and nothing is left behind. */
static void
test_tampered (void)
{
  g_autoptr (WhimSecret) secret = secret_from_hex (SECRET);
  g_autoptr (WhimSecret) private_key = secret_from_hex (IDENTITY);
  g_autoptr (WhimKeyPair) own = whim_key_pair_new_from_private (private_key);
  g_autoptr (WhimKeyPair) other = whim_key_pair_new ();
  g_autoptr (WhimSecret) other_secret = whim_secret_new_random (32);
  g_autoptr (GBytes) container = whim_test_hex (CONTAINER);
  WhimAdvIdentity identity = { 0 };
  gsize len = g_bytes_get_size (container);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < len; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (container, NULL), len);
      g_autoptr (GBytes) wrong = NULL;

      copy[i] ^= 0x10;
      wrong = g_bytes_new (copy, len);
      g_assert_false (whim_adv_accept (wrong, secret, own, &identity, &error));
      g_assert_nonnull (error);
      g_assert_null (identity.stored);
      g_clear_error (&error);
    }
  g_assert_false (whim_adv_accept (container, secret, other, &identity, &error));
  g_assert_error (error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_ADV);
  g_clear_error (&error);
  g_assert_false (whim_adv_accept (container, other_secret, own, &identity, &error));
  g_assert_error (error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_ADV);
}

static GBytes *
make_index_list (WhimKeyPair *account, const char *prefix, gboolean flip)
{
  Wa__ADVKeyIndexList list = WA__ADVKEY_INDEX_LIST__INIT;
  Wa__ADVSignedKeyIndexList outer = WA__ADVSIGNED_KEY_INDEX_LIST__INIT;
  guint32 valid[] = { 0, 3, 5 };
  g_autoptr (GBytes) details = NULL;
  g_autoptr (GByteArray) message = g_byte_array_new ();
  guint8 signature[WHIM_SIGNATURE_SIZE];

  list.has_rawid = TRUE;
  list.rawid = 77;
  list.has_timestamp = TRUE;
  list.timestamp = 1750000000;
  list.has_currentindex = TRUE;
  list.currentindex = 6;
  list.n_validindexes = G_N_ELEMENTS (valid);
  list.validindexes = valid;
  details = whim_proto_pack (&list);
  g_byte_array_append (message, (const guint8 *)prefix, 2);
  g_byte_array_append (message, g_bytes_get_data (details, NULL),
                       (guint)g_bytes_get_size (details));
  whim_xeddsa_sign (account, message->data, message->len, signature);
  if (flip)
    signature[5] ^= 1;
  outer.has_details = TRUE;
  outer.details = whim_proto_data_bytes (details);
  outer.has_accountsignature = TRUE;
  outer.accountsignature = whim_proto_data (signature, sizeof signature);
  outer.has_accountsignaturekey = TRUE;
  outer.accountsignaturekey = whim_proto_data (whim_key_pair_get_public (account), WHIM_KEY_SIZE);
  return whim_proto_pack (&outer);
}

/* dossier 2, 2.2: signed under 06 02; a device counts if its index is valid or still to come. */
static void
test_key_indexes (void)
{
  g_autoptr (WhimKeyPair) account = whim_key_pair_new ();
  g_autoptr (GBytes) good = make_index_list (account, "\6\2", FALSE);
  g_autoptr (GBytes) flipped = make_index_list (account, "\6\2", TRUE);
  g_autoptr (GBytes) other_prefix = make_index_list (account, "\6\3", FALSE);
  g_autoptr (GBytes) cut = g_bytes_new_from_bytes (good, 0, g_bytes_get_size (good) - 3);
  g_auto (WhimAdvKeyIndexes) indexes = { 0 };
  static const guint allowed[] = { 0, 3, 5, 7, 100 };
  static const guint refused[] = { 1, 2, 4, 6 };

  g_assert_false (whim_adv_parse_key_indexes (flipped, &indexes));
  g_assert_false (whim_adv_parse_key_indexes (other_prefix, &indexes));
  g_assert_false (whim_adv_parse_key_indexes (cut, &indexes));
  g_assert_null (indexes.valid);
  g_assert_true (whim_adv_parse_key_indexes (good, &indexes));
  g_assert_cmpuint (indexes.raw_id, ==, 77);
  g_assert_cmpuint (indexes.timestamp, ==, 1750000000);
  for (guint i = 0; i < G_N_ELEMENTS (allowed); i++)
    g_assert_true (whim_adv_key_indexes_allow (&indexes, allowed[i]));
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    g_assert_false (whim_adv_key_indexes_allow (&indexes, refused[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/adv/vector", test_vector);
  g_test_add_func ("/adv/tampered", test_tampered);
  g_test_add_func ("/adv/key-indexes", test_key_indexes);
  return g_test_run ();
}
