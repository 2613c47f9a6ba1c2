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
  g_autoptr (GBytes) hi = whim_content_make_text ("hi", NULL, NULL, NULL);
  g_autoptr (GBytes) answer = whim_content_make_text ("ok", "3EB0", "200000000000002@lid", hi);
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/content/padding", test_padding);
  g_test_add_func ("/content/placeholder-request", test_placeholder_request);
  g_test_add_func ("/content/kinds", test_kinds);
  g_test_add_func ("/content/device-sent", test_device_sent);
  g_test_add_func ("/content/depth", test_depth);
  g_test_add_func ("/content/message-id", test_message_id);
  g_test_add_func ("/content/phash", test_phash);
  g_test_add_func ("/content/make-text", test_make_text);
  return g_test_run ();
}
