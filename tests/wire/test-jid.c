/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "wire/whim-node.h"

static void
test_round_trip (void)
{
  static const struct
  {
    const char *text;
    WhimJidServer server;
    const char *user;
    guint device;
    const char *signal_name;
  } rows[] = {
    { "79991112233@s.whatsapp.net", WHIM_JID_SERVER_USER, "79991112233", 0, "79991112233" },
    { "79991112233:12@s.whatsapp.net", WHIM_JID_SERVER_USER, "79991112233", 12, "79991112233" },
    { "100000000000001:3@lid", WHIM_JID_SERVER_LID, "100000000000001", 3, "100000000000001_1" },
    { "79991112233:99@hosted", WHIM_JID_SERVER_HOSTED, "79991112233", 99, "79991112233_128" },
    { "1:99@hosted.lid", WHIM_JID_SERVER_HOSTED_LID, "1", 99, "1_129" },
    { "79991112233-1399999999@g.us", WHIM_JID_SERVER_GROUP, "79991112233-1399999999", 0, NULL },
    { "status@broadcast", WHIM_JID_SERVER_BROADCAST, "status", 0, NULL },
    { "120363@newsletter", WHIM_JID_SERVER_NEWSLETTER, "120363", 0, NULL },
    { "867051314767696@bot", WHIM_JID_SERVER_BOT, "867051314767696", 0, NULL },
    { "1:160@msgr", WHIM_JID_SERVER_MSGR, "1", 160, NULL },
    { "2-1234567890:5@interop", WHIM_JID_SERVER_INTEROP, "1234567890", 5, NULL },
    { "s.whatsapp.net", WHIM_JID_SERVER_USER, "", 0, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (WhimJid) jid = whim_jid_parse (rows[i].text, &error);

      g_assert_no_error (error);
      g_assert_cmpint (whim_jid_get_server (jid), ==, rows[i].server);
      g_assert_cmpstr (whim_jid_get_user (jid), ==, rows[i].user);
      g_assert_cmpuint (whim_jid_get_device (jid), ==, rows[i].device);
      g_assert_cmpstr (whim_jid_get_text (jid), ==, rows[i].text);
      if (rows[i].signal_name != NULL)
        {
          g_autofree char *name = whim_jid_dup_signal_name (jid);

          g_assert_cmpstr (name, ==, rows[i].signal_name);
        }
    }
}

static void
test_canonical (void)
{
  g_autoptr (WhimJid) legacy = whim_jid_parse ("79991112233@c.us", NULL);
  g_autoptr (WhimJid) zero = whim_jid_parse ("79991112233:0@s.whatsapp.net", NULL);
  g_autoptr (WhimJid) hosted = whim_jid_parse ("1:99@hosted.lid", NULL);
  g_autoptr (WhimJid) bare = whim_jid_to_bare (hosted);

  g_assert_cmpstr (whim_jid_get_text (legacy), ==, "79991112233@s.whatsapp.net");
  g_assert_true (whim_jid_equal (legacy, zero));
  g_assert_cmpuint (whim_jid_hash (legacy), ==, whim_jid_hash (zero));
  g_assert_cmpstr (whim_jid_get_text (bare), ==, "1@lid");
}

static void
test_refused (void)
{
  static const char *const rows[] = { "",
                                      "@lid",
                                      "1@",
                                      "1@nowhere",
                                      "1:@lid",
                                      "1:x@lid",
                                      "1:70000@lid",
                                      "a b@lid",
                                      "1@lid@lid",
                                      "a\nb@lid",
                                      "1:2:3@lid",
                                      "1:256@lid",
                                      "1:256@s.whatsapp.net",
                                      "1:1@g.us",
                                      "1:1@newsletter" };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (whim_jid_parse (rows[i], &error));
      g_assert_error (error, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_INVALID);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jid/round-trip", test_round_trip);
  g_test_add_func ("/jid/canonical", test_canonical);
  g_test_add_func ("/jid/refused", test_refused);
  return g_test_run ();
}
