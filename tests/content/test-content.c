/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "content/whim-content.h"
#include "tests/support/whim-test.h"

#include <string.h>

/* Vectors of dossier 2, 14. */

static WhimContent *
parse_hex (const char *hex)
{
  g_autoptr (GBytes) bytes = whim_test_hex (hex);
  g_autoptr (GError) error = NULL;
  WhimContent *content = whim_content_parse (bytes, &error);

  g_assert_no_error (error);
  return content;
}

static void
test_padding (void)
{
  g_autoptr (GBytes) padded = whim_test_hex ("0a0268690505050505");
  static const char *const wrong[] = { "", "00", "0a02686905", "0a0268690405050505", "10" };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) plain = whim_content_unpad (padded, &error);

  g_assert_no_error (error);
  whim_test_assert_bytes_hex (plain, "0a026869");
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GBytes) bytes = whim_test_hex (wrong[i]);

      g_assert_null (whim_content_unpad (bytes, &error));
      g_assert_error (error, WHIM_CONTENT_ERROR, WHIM_CONTENT_ERROR_PADDING);
      g_clear_error (&error);
    }
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (GBytes) out = whim_content_pad (plain);
      g_autoptr (GBytes) back = whim_content_unpad (out, NULL);

      g_assert_cmpuint (g_bytes_get_size (out) - g_bytes_get_size (plain), <=, 15);
      g_assert_true (g_bytes_equal (plain, back));
    }
}

static void
test_placeholder_request (void)
{
  static const WhimContentKey key
      = { "200000000000002@lid", FALSE, "3EB0AABBCCDDEEFF001122", NULL };
  g_autoptr (GBytes) bytes = whim_content_make_placeholder_request (&key, 1);

  whim_test_assert_bytes_hex (bytes, "623a101082013508042a310a2f0a13"
                                     "323030303030303030303030303032406c6964"
                                     "10001a16"
                                     "33454230414142424343444445454646303031313232");
}

/* dossier 2, 14: keys, and what they open */
static void
test_secrets (void)
{
  static const struct
  {
    const char *label;
    const char *key;
  } keys[] = {
    { "Poll Vote", "6577fb5fed9882b8fc6848737d97bda47437799e38a3b58771d5ce52cdf459e7" },
    { WHIM_CONTENT_LABEL_REACTION,
      "0e7f57c2aba6647d0af615466dd88a12864efc91a67d04decd33e4649afde644" },
    { "Event Edit", "823734dc25d8f8b9df69a749441b71f54ee853b779f051004000b27b8c04d1a4" },
    { WHIM_CONTENT_LABEL_EDIT, "b4cfc83fed94cbba473491f9c1b6575851fb46e80d0aa7114c0056b90bcb9545" },
  };
  g_autoptr (GBytes) secret
      = whim_test_hex ("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  g_autoptr (GBytes) iv = whim_test_hex ("000102030405060708090a0b");
  g_autoptr (GBytes) reaction
      = whim_test_hex ("6f8a9dafe9af8933ddb639f845f538758536eebd7c0714cbafbfba11ba");
  g_autoptr (GBytes) vote = whim_test_hex (
      "5db2b4ae3e2867e757c74e89b5574fd199881fee1e3645cdbff51564240cfb803b39d3879ae75ce84c600ff81c1a"
      "3b2e2373");
  g_autoptr (GBytes) aad = whim_test_hex (
      "3345423041414242434344444545464630303131323200323030303030303030303030303032406c6964");
  const char *id = "3EB0AABBCCDDEEFF001122";
  const char *own = "100000000000001@lid";
  const char *peer = "200000000000002@lid";
  ProtobufCBinaryData iv_data = whim_proto_data_bytes (iv);
  ProtobufCBinaryData data = whim_proto_data_bytes (reaction);
  g_autoptr (GBytes) plain = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (WhimSecret) key = whim_content_derive_key (secret, id, own, peer, keys[i].label);

      whim_test_assert_hex (whim_secret_get (key), whim_secret_get_size (key), keys[i].key);
    }
  plain = whim_content_open (secret, id, own, peer, WHIM_CONTENT_LABEL_REACTION, NULL, &data,
                             &iv_data);
  whim_test_assert_bytes_hex (plain, "1204f09f918d2080b883a1f732");
  g_assert_null (whim_content_open (secret, id, peer, own, WHIM_CONTENT_LABEL_REACTION, NULL, &data,
                                    &iv_data));
  g_clear_pointer (&plain, g_bytes_unref);
  data = whim_proto_data_bytes (vote);
  plain = whim_content_open (secret, id, own, peer, "Poll Vote", aad, &data, &iv_data);
  whim_test_assert_bytes_hex (
      plain, "0a2085a39ab345d672ff8ca9b9c6876f3adcacf45ee7c1e2dbd2408fd338bd55e07e");
}

static WhimContent *
parse_with_names (const char *head, const char *tail)
{
  g_autofree char *whole = g_strconcat (head, "323030303030303030303030303032406c6964", tail, NULL);

  return parse_hex (whole);
}

#define ID_HEX "33454230414142424343444445454646303031313232"

static void
test_actions (void)
{
  g_autoptr (WhimContent) revoke = parse_with_names ("62330a2f0a13", "10011a16" ID_HEX "1000");
  g_autoptr (WhimContent) edit
      = parse_with_names ("62410a2f0a13", "10011a16" ID_HEX "100e72050a036e65777880b883a1f732");
  g_autoptr (WhimContent) reaction
      = parse_with_names ("f2023e0a2f0a13", "10001a16" ID_HEX "1204f09f918d2080b883a1f732");
  g_autoptr (WhimContent) timer = parse_hex ("620c10032080f5242880c3bbc206");
  g_autoptr (WhimContent) text = parse_hex ("0a026869");
  WhimContentAction action;

  g_assert_true (whim_content_get_action (revoke, &action));
  g_assert_cmpint (action.kind, ==, WHIM_CONTENT_ACTION_REVOKE);
  g_assert_cmpstr (action.target_id, ==, "3EB0AABBCCDDEEFF001122");
  g_assert_true (action.target_from_me);
  g_assert_true (whim_content_get_action (edit, &action));
  g_assert_cmpint (action.kind, ==, WHIM_CONTENT_ACTION_EDIT);
  g_assert_cmpstr (action.edited->conversation, ==, "new");
  g_assert_cmpint (action.at_ms, ==, 1750000000000);
  g_assert_true (whim_content_get_action (reaction, &action));
  g_assert_cmpint (action.kind, ==, WHIM_CONTENT_ACTION_REACTION);
  g_assert_false (action.target_from_me);
  g_assert_cmpstr (action.emoji, ==, "\xf0\x9f\x91\x8d");
  g_assert_true (whim_content_get_action (timer, &action));
  g_assert_cmpint (action.kind, ==, WHIM_CONTENT_ACTION_TIMER);
  g_assert_cmpuint (action.expiration, ==, 604800);
  g_assert_cmpint (action.at_ms, ==, 1750000000000);
  g_assert_false (whim_content_get_action (text, &action));
}

static void
test_kinds (void)
{
  static const struct
  {
    const char *hex;
    WhimContentKind kind;
    const char *word;
    const char *body;
  } rows[] = {
    { "0a026869", WHIM_CONTENT_MESSAGE, "text", "hi" },
    { "121d0a1731323033363330303030303030303030303140672e757312023308", WHIM_CONTENT_KEYS,
      "unknown", NULL },
    { "2a12090000000000e04b40110000000000c04240", WHIM_CONTENT_MESSAGE, "location", NULL },
    { "421c1216617564696f2f6f67673b20636f646563733d6f70757328033001", WHIM_CONTENT_MESSAGE, "voice",
      NULL },
    { "320f0a01733dffffffff45205e1bff4802", WHIM_CONTENT_MESSAGE, "text", "s" },
    { "620c10032080f5242880c3bbc206", WHIM_CONTENT_PROTOCOL, "action", NULL },
    { "fa1f0161", WHIM_CONTENT_MESSAGE, "unknown", NULL },        /* a field nobody knows */
    { "c202060a040a026869", WHIM_CONTENT_MESSAGE, "text", "hi" }, /* ephemeral */
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (WhimContent) content = parse_hex (rows[i].hex);

      g_assert_cmpint (content->kind, ==, rows[i].kind);
      g_assert_cmpstr (content->kind_word, ==, rows[i].word);
      g_assert_cmpstr (content->body, ==, rows[i].body);
    }
}

static void
test_device_sent (void)
{
  g_autoptr (WhimContent) content
      = parse_hex ("fa011b0a13323030303030303030303030303032406c696412040a026869");
  g_autoptr (GBytes) hi = whim_test_hex ("0a026869");
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) made = whim_content_make_device_sent (hi, "200000000000002@lid", &error);

  g_assert_true (content->device_sent);
  g_assert_cmpstr (content->destination, ==, "200000000000002@lid");
  g_assert_cmpstr (content->body, ==, "hi");
  whim_test_assert_bytes_hex (content->bytes, "0a026869");
  g_assert_no_error (error);
  whim_test_assert_bytes_hex (made, "fa011b0a13323030303030303030303030303032406c696412040a026869");
}

static void
test_depth (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GBytes) deep = NULL;
  g_autoptr (GError) error = NULL;

  /* ephemeral in ephemeral in … : built from the inside */
  for (guint i = 0; i < 2000; i++)
    {
      guint8 head[12];
      guint n = 0;
      guint lens[2] = { bytes->len, 0 };

      for (guint level = 0; level < 2; level++)
        {
          guint8 varint[5];
          guint v = 0;
          guint len = lens[0];

          do
            {
              varint[v++] = (guint8)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
              len >>= 7;
            }
          while (len > 0);
          n = 0;
          if (level == 1)
            {
              head[n++] = 0xc2;
              head[n++] = 0x02;
            }
          else
            head[n++] = 0x0a;
          for (guint k = 0; k < v; k++)
            head[n++] = varint[k];
          g_byte_array_prepend (bytes, head, n);
          lens[0] = bytes->len;
        }
    }
  deep = g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
  g_assert_null (whim_content_parse (deep, &error));
  g_assert_error (error, WHIM_PROTO_ERROR, WHIM_PROTO_ERROR_TOO_DEEP);
}

static void
count_up (gpointer bytes, gsize len)
{
  for (gsize i = 0; i < len; i++)
    ((guint8 *)bytes)[i] = (guint8)i;
}

static void
test_message_id (void)
{
  g_autofree char *id = NULL;

  whim_random_set_source (count_up);
  id = whim_message_id_new (1750000000, "15551234567");
  whim_random_set_source (NULL);
  g_assert_cmpstr (id, ==, "3EB0F7BC5E0EC4E07AD3D3");
}

static void
test_phash (void)
{
  static const struct
  {
    const char *devices;
    const char *hash;
  } rows[] = {
    { "15551234567@s.whatsapp.net 15551234567:12@s.whatsapp.net 79991112233@s.whatsapp.net "
      "79991112233:3@s.whatsapp.net",
      "2:Ph74WDOn" },
    { "100000000000001@lid 100000000000001:12@lid 200000000000002@lid 200000000000002:3@lid",
      "2:HsBvPJzK" },
    { "15551234567@s.whatsapp.net 15551234567:10@s.whatsapp.net 15551234567:2@s.whatsapp.net",
      "2:33lGb33A" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (GStrv) texts = g_strsplit (rows[i].devices, " ", -1);
      g_autoptr (GPtrArray) devices
          = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_jid_unref);
      g_autofree char *hash = NULL;

      for (guint k = 0; texts[k] != NULL; k++)
        g_ptr_array_add (devices, whim_jid_parse (texts[k], NULL));
      hash = whim_phash (devices);
      g_assert_cmpstr (hash, ==, rows[i].hash);
    }
}

static void
test_make_text (void)
{
  g_autoptr (GBytes) hi = whim_content_make_text ("hi", NULL);
  const WhimTextOptions options = { "3EB0", "200000000000002@lid", hi, NULL, 0, 0 };
  g_autoptr (GBytes) answer = whim_content_make_text ("ok", &options);
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimContent) parsed = whim_content_parse (answer, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (parsed->body, ==, "ok");
  g_assert_cmpstr (parsed->quoted_id, ==, "3EB0");
  g_assert_cmpuint (parsed->message->messagecontextinfo->messagesecret.len, ==, 32);
  g_assert_cmpstr (parsed->message->extendedtextmessage->contextinfo->quotedmessage->conversation,
                   ==, "hi");
  g_assert_null (
      parsed->message->extendedtextmessage->contextinfo->quotedmessage->messagecontextinfo);
}

/* Bytes before the context with its fresh secret, which is the last field. */
static void
assert_begins (GBytes *bytes, const char *hex)
{
  g_autoptr (GBytes) wanted = whim_test_hex (hex);
  gsize len;
  gconstpointer want = g_bytes_get_data (wanted, &len);

  g_assert_cmpuint (g_bytes_get_size (bytes), >, len);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), len, want, len);
}

static void
test_text_options (void)
{
  static const char *const mentions[] = { "79991112233@s.whatsapp.net", NULL };
  g_autoptr (GBytes) hi = whim_test_hex ("0a026869");
  const WhimTextOptions reply = { "3EB0AABBCCDDEEFF001122", "200000000000002@lid", hi, NULL, 0, 0 };
  const WhimTextOptions all
      = { "3EB0AABBCCDDEEFF001122", "200000000000002@lid", NULL, mentions, 604800, 1750000000 };
  const WhimTextOptions nothing = { 0 };
  g_autoptr (GBytes) answer = whim_content_make_text ("ok", &reply);
  g_autoptr (GBytes) plain = whim_content_make_text ("ok", &nothing);
  g_autoptr (GBytes) full = whim_content_make_text ("ok", &all);
  const WhimTextOptions again = { "3EB1", "200000000000002@lid", full, NULL, 0, 0 };
  g_autoptr (GBytes) nested = whim_content_make_text ("so", &again);
  g_autoptr (WhimContent) parsed = NULL;
  Wa__ContextInfo *info;

  assert_begins (answer, "323a0a026f6b8a01330a16"
                         "33454230414142424343444445454646303031313232"
                         "1213323030303030303030303030303032406c69641a040a026869");
  assert_begins (plain, "0a026f6b");
  parsed = whim_content_parse (full, NULL);
  info = parsed->message->extendedtextmessage->contextinfo;
  g_assert_cmpuint (info->n_mentionedjid, ==, 1);
  g_assert_cmpstr (info->mentionedjid[0], ==, mentions[0]);
  g_assert_cmpuint (info->expiration, ==, 604800);
  g_assert_cmpint (info->ephemeralsettingtimestamp, ==, 1750000000);
  g_assert_cmpint (info->disappearingmode->trigger, ==, 1);
  g_assert_true (parsed->sets_expiration);
  g_assert_cmpuint (parsed->expiration, ==, 604800);
  g_assert_cmpint (parsed->expiration_set_at, ==, 1750000000);
  /* what is quoted has neither a context nor a secret of its own */
  whim_content_free (g_steal_pointer (&parsed));
  parsed = whim_content_parse (nested, NULL);
  info = parsed->message->extendedtextmessage->contextinfo;
  g_assert_cmpstr (info->quotedmessage->extendedtextmessage->text, ==, "ok");
  g_assert_null (info->quotedmessage->extendedtextmessage->contextinfo);
  g_assert_null (info->quotedmessage->messagecontextinfo);
}

/* The setting itself: 7 days, of 1750000000; then off. */
static void
test_ephemeral_setting (void)
{
  g_autoptr (WhimContent) on = parse_hex ("620c10032080f5242880c3bbc206");
  g_autoptr (WhimContent) off = parse_hex ("620a100320002880c3bbc206");

  g_assert_true (on->sets_expiration);
  g_assert_cmpuint (on->expiration, ==, 604800);
  g_assert_cmpint (on->expiration_set_at, ==, 1750000000);
  g_assert_true (off->sets_expiration);
  g_assert_cmpuint (off->expiration, ==, 0);
  g_assert_true (whim_content_is_timer (86400));
  g_assert_false (whim_content_is_timer (3600));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/content/padding", test_padding);
  g_test_add_func ("/content/placeholder-request", test_placeholder_request);
  g_test_add_func ("/content/secrets", test_secrets);
  g_test_add_func ("/content/actions", test_actions);
  g_test_add_func ("/content/kinds", test_kinds);
  g_test_add_func ("/content/device-sent", test_device_sent);
  g_test_add_func ("/content/depth", test_depth);
  g_test_add_func ("/content/message-id", test_message_id);
  g_test_add_func ("/content/phash", test_phash);
  g_test_add_func ("/content/make-text", test_make_text);
  g_test_add_func ("/content/text-options", test_text_options);
  g_test_add_func ("/content/ephemeral-setting", test_ephemeral_setting);
  return g_test_run ();
}
