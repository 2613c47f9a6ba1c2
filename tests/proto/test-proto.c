/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "base/whim-writer.h"
#include "proto/whim-proto.h"
#include "tests/support/whim-test.h"

#include <string.h>

#define PEER_HEX "323030303030303030303030303032406c6964"
#define ID_HEX "33454230414142424343444445454646303031313232"
#define GROUP_HEX "31323033363330303030303030303030303140672e7573"
#define SECRET_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

typedef struct
{
  const char *name;
  const ProtobufCMessageDescriptor *descriptor;
  const char *hex;
} Vector;

/* Dossier 1, 4.5 and 5.8; dossier 2, 14; made with other implementations. */
static const Vector vectors[] = {
  { "login", &wa__client_payload__descriptor,
    "088784b4f73918012a38080e120b080210b81718d7afcdf2031a0330303022033030302a03302e3132003a07446573"
    "6b746f704203302e3150005a02656e62025553320220006001680190010cc00101880201c80201" },
  { "login of Baileys", &wa__client_payload__descriptor,
    "088784b4f73918012a36080e120b080210b81718e082e0f1031a0330303022033030302a03302e313a074465736b74"
    "6f704203302e3150005a02656e62025553320220006001680190010c880201c80200" },
  { "device props", &wa__device_props__descriptor,
    "0a054c696e75781206080110001800180120002a20188050200130013801400148015001580160017001780198013c"
    "a80101b00101" },
  { "adv container", &wa__advsigned_device_identity_hmac__descriptor,
    "0a740a0e08b1d1f9d6031080c3bbc206180312202babd6dd70ce34a669dbafb9abd6cb41db1d7c1b1455c00be2d3f7"
    "9a05a99b5d1a40fc0ae2f5fc6df79ec644b6501009ddf28e010979ae18715c05edd0c97d9a61eff011c0cf72167c23"
    "e5623cba2aee4a6234a8e2fec35622453b89ffb04e79e98412209fb3552f8add5d20ab799a978ca38317aa81b1d339"
    "ecabfd8f70b9898e2e5bdb" },
  { "adv details", &wa__advdevice_identity__descriptor, "08b1d1f9d6031080c3bbc2061803" },
  { "text", &wa__message__descriptor, "0a026869" },
  { "device sent", &wa__message__descriptor,
    "fa011b0a13323030303030303030303030303032406c696412040a026869" },
  { "key distribution", &wa__message__descriptor,
    "121d0a1731323033363330303030303030303030303140672e757312023308" },
  { "poll vote", &wa__poll_vote_message__descriptor,
    "0a2085a39ab345d672ff8ca9b9c6876f3adcacf45ee7c1e2dbd2408fd338bd55e07e" },
  { "reaction content", &wa__reaction_message__descriptor, "1204f09f918d2080b883a1f732" },
  { "event response", &wa__event_response_message__descriptor, "08011080b883a1f7321800" },
  { "forwarded with mention", &wa__message__descriptor,
    "32170a0568656c6c6f8a010d7a0531406c6964a80101b001019a02221a20" SECRET_HEX },
  { "revoke", &wa__message__descriptor, "62330a2f0a13" PEER_HEX "10011a16" ID_HEX "1000" },
  { "edit", &wa__message__descriptor,
    "62410a2f0a13" PEER_HEX "10011a16" ID_HEX "100e72050a036e65777880b883a1f732" },
  { "reaction", &wa__message__descriptor,
    "f2023e0a2f0a13" PEER_HEX "10001a16" ID_HEX "1204f09f918d2080b883a1f732" },
  { "ephemeral setting", &wa__message__descriptor, "620c10032080f5242880c3bbc206" },
  { "pin", &wa__message__descriptor,
    "9a02042880f524fa033e0a330a17" GROUP_HEX "10011a16" ID_HEX "10011880b883a1f732" },
  { "placeholder request", &wa__message__descriptor,
    "623a101082013508042a310a2f0a13" PEER_HEX "10001a16" ID_HEX },
  { "poll", &wa__message__descriptor,
    "9a02221a20" SECRET_HEX "8204121201511a050a035965731a040a024e6f2001" },
  { "reply", &wa__message__descriptor,
    "323a0a026f6b8a01330a16" ID_HEX "1213" PEER_HEX "1a040a026869" },
  { "location", &wa__message__descriptor, "2a12090000000000e04b40110000000000c04240" },
  { "voice", &wa__message__descriptor,
    "421c1216617564696f2f6f67673b20636f646563733d6f70757328033001" },
  { "status text", &wa__message__descriptor, "320f0a01733dffffffff45205e1bff4802" },
  { "media retry", &wa__server_error_receipt__descriptor,
    "0a143345423041314232433344344535463630373138" },
};

/* Unpacked without unknown fields and packed again, each vector comes out as it went in. */
static void
test_vectors (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr (GBytes) bytes = whim_test_hex (vectors[i].hex);
      g_autoptr (GError) error = NULL;
      ProtobufCMessage *message = whim_proto_unpack_bytes (vectors[i].descriptor, bytes, &error);
      g_autoptr (GBytes) packed = NULL;

      g_test_message ("%s", vectors[i].name);
      g_assert_no_error (error);
      g_assert_cmpuint (message->n_unknown_fields, ==, 0);
      packed = whim_proto_pack (message);
      whim_test_assert_bytes_hex (packed, vectors[i].hex);
      whim_proto_free (message);
    }
}

static void
test_truncated (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr (GBytes) bytes = whim_test_hex (vectors[i].hex);
      gsize len;
      gconstpointer data = g_bytes_get_data (bytes, &len);

      for (gsize cut = 0; cut < len; cut++)
        {
          g_autoptr (GError) error = NULL;
          gpointer message = whim_proto_unpack (vectors[i].descriptor, data, cut, &error);

          g_assert_true ((message == NULL) == (error != NULL));
          whim_proto_free (message);
        }
    }
}

/* Fields that no schema names survive; a peer with newer software is passed on as it wrote. */
static void
test_unknown (void)
{
  const char *hex = "0a026869fa1f0161";
  g_autoptr (GBytes) bytes = whim_test_hex (hex);
  g_autoptr (Wa__Message) message = whim_proto_unpack_bytes (&wa__message__descriptor, bytes, NULL);
  g_autoptr (GBytes) packed = NULL;

  g_assert_nonnull (message);
  g_assert_cmpuint (message->base.n_unknown_fields, ==, 1);
  packed = whim_proto_pack (message);
  whim_test_assert_bytes_hex (packed, hex);
}

/* Texts of a peer are UTF-8 afterwards, wherever they stand. */
static void
test_mended (void)
{
  g_autoptr (GBytes) bytes
      = whim_test_hex ("0a036880ff"                                 /* conversation */
                       "32128a010f0a02fffe1a040a02c3287a03ff4069"); /* stanzaID, quote, mention */
  g_autoptr (GError) error = NULL;
  g_autoptr (Wa__Message) message
      = whim_proto_unpack_bytes (&wa__message__descriptor, bytes, &error);
  Wa__ContextInfo *info;

  g_assert_no_error (error);
  g_assert_cmpstr (message->conversation, ==, "h\357\277\275\357\277\275");
  info = message->extendedtextmessage->contextinfo;
  g_assert_cmpstr (info->stanzaid, ==, "\357\277\275\357\277\275");
  g_assert_cmpstr (info->quotedmessage->conversation, ==, "\357\277\275(");
  g_assert_cmpstr (info->mentionedjid[0], ==, "\357\277\275@i");
}

static void
put_varint (WhimWriter *writer, gsize value)
{
  for (; value > 0x7f; value >>= 7)
    whim_writer_u8 (writer, (guint8)(value | 0x80));
  whim_writer_u8 (writer, (guint8)value);
}

/* @levels quotes inside each other: each is Message, ExtendedText, ContextInfo: three levels. */
static GBytes *
make_quotes (guint levels)
{
  static const guint tags[] = { 3 << 3 | 2, 17 << 3 | 2, 6 << 3 | 2 };
  GBytes *bytes = g_bytes_new_static ("\x0a\x01x", 3);

  for (guint i = 0; i < levels * 3; i++)
    {
      g_autoptr (GBytes) inner = bytes;
      WhimWriter writer;

      whim_writer_init (&writer, 16);
      put_varint (&writer, tags[i % 3]);
      put_varint (&writer, g_bytes_get_size (inner));
      whim_writer_put_bytes (&writer, inner);
      bytes = whim_writer_end (&writer);
    }
  return bytes;
}

static void
test_depth (void)
{
  static const struct
  {
    guint quotes;
    gboolean ok;
  } rows[] = { { 1, TRUE }, { 16, TRUE }, { 17, FALSE }, { 1000, FALSE } };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GBytes) bytes = make_quotes (rows[i].quotes);
      g_autoptr (GError) error = NULL;
      g_autoptr (Wa__Message) message
          = whim_proto_unpack_bytes (&wa__message__descriptor, bytes, &error);

      g_assert_true ((message != NULL) == rows[i].ok);
      if (!rows[i].ok)
        g_assert_error (error, WHIM_PROTO_ERROR, WHIM_PROTO_ERROR_TOO_DEEP);
    }
}

/* Two bytes make a struct of some hundred: many of them are refused before they are much. */
static void
test_memory (void)
{
  gsize len = 128 * 1024;
  g_autofree guint8 *bytes = g_malloc (len);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < len; i += 2)
    {
      bytes[i] = 2 << 3 | 2; /* HistorySync.conversations, empty */
      bytes[i + 1] = 0;
    }
  g_assert_null (whim_proto_unpack (&wa__history_sync__descriptor, bytes, len, &error));
  g_assert_error (error, WHIM_PROTO_ERROR, WHIM_PROTO_ERROR_MALFORMED);
  g_clear_error (&error);
  g_assert_null (whim_proto_unpack (&wa__history_sync__descriptor, bytes,
                                    (gsize)WHIM_LIMIT_INFLATED + 1, &error));
  g_assert_error (error, WHIM_PROTO_ERROR, WHIM_PROTO_ERROR_TOO_LARGE);
}

/* A real history chunk must fit: chats with messages of the size that people write. */
static void
test_history (void)
{
  Wa__HistorySync sync = WA__HISTORY_SYNC__INIT;
  Wa__Conversation conversation = WA__CONVERSATION__INIT;
  Wa__HistorySyncMsg entry = WA__HISTORY_SYNC_MSG__INIT;
  Wa__WebMessageInfo info = WA__WEB_MESSAGE_INFO__INIT;
  Wa__MessageKey key = WA__MESSAGE_KEY__INIT;
  Wa__Message message = WA__MESSAGE__INIT;
  Wa__Conversation *conversations[1] = { &conversation };
  g_autofree Wa__HistorySyncMsg **entries = g_new (Wa__HistorySyncMsg *, 2000);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Wa__HistorySync) back = NULL;

  key.remotejid = (char *)"200000000000002@lid";
  key.id = (char *)"3EB0AABBCCDDEEFF001122";
  message.conversation = (char *)"ok";
  info.key = &key;
  info.message = &message;
  info.has_messagetimestamp = TRUE;
  info.messagetimestamp = 1750000000;
  entry.message = &info;
  for (guint i = 0; i < 2000; i++)
    entries[i] = &entry;
  conversation.id = key.remotejid;
  conversation.n_messages = 2000;
  conversation.messages = entries;
  sync.n_conversations = 1;
  sync.conversations = conversations;
  bytes = whim_proto_pack (&sync);
  back = whim_proto_unpack_bytes (&wa__history_sync__descriptor, bytes, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (back->conversations[0]->n_messages, ==, 2000);
  g_assert_cmpstr (back->conversations[0]->messages[1999]->message->message->conversation, ==,
                   "ok");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/proto/vectors", test_vectors);
  g_test_add_func ("/proto/truncated", test_truncated);
  g_test_add_func ("/proto/unknown", test_unknown);
  g_test_add_func ("/proto/mended", test_mended);
  g_test_add_func ("/proto/depth", test_depth);
  g_test_add_func ("/proto/memory", test_memory);
  g_test_add_func ("/proto/history", test_history);
  return g_test_run ();
}
