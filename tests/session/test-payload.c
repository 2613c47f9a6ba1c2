/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-client-payload.h"
#include "tests/support/whim-test.h"

/* The login vector of dossier 1, 4.5 (zapo's protobuf, Baileys). */
static void
test_login (void)
{
  const WhimClientVersion version = { 2, 3000, 1045649367 };
  g_autoptr (WhimCredentials) keys = whim_credentials_generate (0);
  g_autoptr (GBytes) payload = NULL;

  keys->pn = whim_jid_parse ("15551234567:12@s.whatsapp.net", NULL);
  payload = whim_client_payload_make (keys, &version);
  whim_test_assert_bytes_hex (
      payload,
      "088784b4f73918012a38080e120b080210b81718d7afcdf2031a0330303022033030302a03302e3132003a074465"
      "736b746f704203302e3150005a02656e62025553320220006001680190010cc00101880201c80201");
}

/* The parts of a registration that the vector fixes, and a signature that holds. */
static void
test_registration (void)
{
  const WhimClientVersion version = { 2, 3000, 1045649367 };
  g_autoptr (WhimCredentials) keys = whim_credentials_generate (0);
  g_autoptr (GBytes) payload = whim_client_payload_make (keys, &version);
  guint8 point[33] = { 5 };
  g_autofree char *hex = NULL;

  g_assert_cmpuint (keys->registration_id, >=, 1);
  g_assert_cmpuint (keys->registration_id, <=, 16380);
  whim_copy (point + 1, whim_key_pair_get_public (keys->signed_prekey), WHIM_KEY_SIZE);
  g_assert_true (whim_xeddsa_verify (whim_key_pair_get_public (keys->identity), point, sizeof point,
                                     keys->signed_prekey_signature));
  hex = whim_hex_encode (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload));
  /* passive false first, pull false last, the hash of exactly this version in between */
  g_assert_true (g_str_has_prefix (hex, "1800"));
  g_assert_true (g_str_has_suffix (hex, "880200"));
  g_assert_nonnull (strstr (hex, "3a109fa53af9421567b114e33c9bb1ef7db2"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/payload/login", test_login);
  g_test_add_func ("/payload/registration", test_registration);
  return g_test_run ();
}
