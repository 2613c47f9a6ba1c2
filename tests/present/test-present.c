/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-json.h"
#include "present/whim-present.h"

#include <json-glib/json-glib.h>
#include <math.h>

#include <png.h>
#include <string.h>

#define MESSAGE                                                                                    \
  "{'id': <'3EB0AA'>, 'chatId': <'4670@s.whatsapp.net'>, 'chatLid': <'111@lid'>,"                  \
  " 'fromMe': <false>, 'timestamp': <int64 17>, 'type': <'text'>, 'body': <'a \"b\"\\n'>,"         \
  " 'from': <'4670@s.whatsapp.net'>, 'fromLid': <'111@lid'>, 'fromName': <'Anna'>,"                \
  " 'quotedId': <'Q'>}"

#define MESSAGE_SEED                                                                               \
  "{\"id\":\"3EB0AA\",\"chatId\":\"4670@s.whatsapp.net\",\"chatLid\":\"111@lid\","                 \
  "\"fromMe\":false,\"timestamp\":17,\"type\":\"text\",\"body\":\"a \\\"b\\\"\\n\","               \
  "\"fromLid\":\"111@lid\",\"fromName\":\"Anna\",\"quotedId\":\"Q\",\"from\":\"4670\","            \
  "\"messageId\":\"3EB0AA\","                                                                      \
  "\"sender\":{\"phone\":\"4670\",\"lid\":\"111@lid\",\"name\":\"Anna\"}}"

#define MESSAGE_WHAPI                                                                              \
  "{\"id\":\"3EB0AA\",\"type\":\"text\",\"timestamp\":17,\"from\":\"4670\","                       \
  "\"chat_id\":\"4670@s.whatsapp.net\",\"from_me\":false,\"from_name\":\"Anna\","                  \
  "\"text\":{\"body\":\"a \\\"b\\\"\\n\"},\"context\":{\"quoted_id\":\"Q\"},"                      \
  "\"messageId\":\"3EB0AA\",\"chatId\":\"4670@s.whatsapp.net\","                                   \
  "\"sender\":{\"phone\":\"4670\",\"lid\":\"111@lid\",\"name\":\"Anna\"}}"

#define MESSAGE_BOTH                                                                               \
  "{\"id\":\"3EB0AA\",\"chatId\":\"4670@s.whatsapp.net\",\"chatLid\":\"111@lid\","                 \
  "\"fromMe\":false,\"timestamp\":17,\"type\":\"text\",\"body\":\"a \\\"b\\\"\\n\","               \
  "\"fromLid\":\"111@lid\",\"fromName\":\"Anna\",\"quotedId\":\"Q\",\"from\":\"4670\","            \
  "\"chat_id\":\"4670@s.whatsapp.net\",\"from_me\":false,\"from_name\":\"Anna\","                  \
  "\"text\":{\"body\":\"a \\\"b\\\"\\n\"},\"context\":{\"quoted_id\":\"Q\"},"                      \
  "\"messageId\":\"3EB0AA\","                                                                      \
  "\"sender\":{\"phone\":\"4670\",\"lid\":\"111@lid\",\"name\":\"Anna\"}}"

#define CHANNEL                                                                                    \
  "{'id': <'ch_1'>, 'name': <'Sales'>, 'autoConnect': <true>, 'settings': <@a{sv} {}>}"
#define CHANNEL_JSON "\"id\":\"ch_1\",\"name\":\"Sales\",\"autoConnect\":true,\"settings\":{}"

static const WhimOperation operations[] = {
  { .name = "channels.list", .shape = WHIM_RESULT_LIST, .plural = "channels" },
  { .name = "channels.get", .shape = WHIM_RESULT_OBJECT },
  { .name = "channels.delete", .shape = WHIM_RESULT_ACTION },
  { .name = "channels.status", .shape = WHIM_RESULT_OBJECT },
  { .name = "messages.text", .shape = WHIM_RESULT_SEND },
  { .name = "messages.list", .shape = WHIM_RESULT_LIST, .plural = "messages" },
  { .name = "chats.list", .shape = WHIM_RESULT_LIST, .plural = "chats" },
  { .name = "system.health", .shape = WHIM_RESULT_PLAIN },
};

static const WhimOperation *
find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    if (g_str_equal (operations[i].name, name))
      return &operations[i];
  g_assert_not_reached ();
}

static const struct
{
  const char *operation;
  WhimDialect dialect;
  const char *result;
  const char *json;
} results[] = {
  { "channels.get", WHIM_DIALECT_SEED, CHANNEL, "{\"success\":true,\"data\":{" CHANNEL_JSON "}}" },
  { "channels.get", WHIM_DIALECT_WHAPI, CHANNEL, "{" CHANNEL_JSON "}" },
  { "channels.get", WHIM_DIALECT_BOTH, CHANNEL,
    "{\"success\":true,\"data\":{" CHANNEL_JSON "}," CHANNEL_JSON "}" },
  { "channels.list", WHIM_DIALECT_SEED,
    "{'items': <[@a{sv} " CHANNEL
    "]>, 'total': <int64 7>, 'offset': <int64 6>, 'count': <int64 1>}",
    "{\"success\":true,\"data\":[{" CHANNEL_JSON "}],\"count\":1,\"total\":7,\"offset\":6}" },
  { "channels.list", WHIM_DIALECT_BOTH, "{'items': <@aa{sv} []>, 'total': <int64 0>}",
    "{\"success\":true,\"data\":[],\"channels\":[],\"count\":0,\"total\":0}" },
  { "channels.delete", WHIM_DIALECT_BOTH, "@a{sv} {}", "{\"success\":true}" },
  { "channels.status", WHIM_DIALECT_SEED, "{'status': <'qr'>, 'reason': <'pairing'>}",
    "{\"success\":true,\"data\":{\"status\":\"qr\",\"reason\":\"pairing\",\"code\":3,"
    "\"text\":\"QR\"},\"status\":\"qr\",\"reason\":\"pairing\",\"code\":3,\"text\":\"QR\"}" },
  { "messages.text", WHIM_DIALECT_SEED,
    "{'messageId': <'3EB0AA'>, 'queued': <true>, 'message': <@a{sv} " MESSAGE ">}",
    "{\"success\":true,\"messageId\":\"3EB0AA\",\"queued\":true,\"message\":" MESSAGE_SEED "}" },
  { "messages.text", WHIM_DIALECT_WHAPI,
    "{'messageId': <'3EB0AA'>, 'queued': <true>, 'message': <@a{sv} " MESSAGE ">}",
    "{\"sent\":true,\"queued\":true,\"message\":" MESSAGE_WHAPI "}" },
  { "messages.text", WHIM_DIALECT_BOTH,
    "{'messageId': <'3EB0AA'>, 'queued': <true>, 'message': <@a{sv} " MESSAGE ">}",
    "{\"success\":true,\"messageId\":\"3EB0AA\",\"sent\":true,\"queued\":true,"
    "\"message\":" MESSAGE_BOTH "}" },
  { "messages.list", WHIM_DIALECT_WHAPI,
    "{'items': <[@a{sv} " MESSAGE "]>, 'total': <int64 1>, 'offset': <int64 0>}",
    "{\"messages\":[" MESSAGE_WHAPI "],\"count\":1,\"total\":1,\"offset\":0,\"first\":17,"
    "\"last\":17}" },
  { "messages.list", WHIM_DIALECT_BOTH, "{'items': <[@a{sv} " MESSAGE "]>, 'total': <int64 1>}",
    "{\"success\":true,\"data\":[" MESSAGE_BOTH "],\"messages\":[" MESSAGE_BOTH "],\"count\":1,"
    "\"total\":1,\"first\":17,\"last\":17}" },
  { "chats.list", WHIM_DIALECT_SEED,
    "{'items': <[{'id': <'4670@s.whatsapp.net'>, 'unread': <int64 2>, 'lastMessage': "
    "<@a{sv} " MESSAGE ">}]>, 'total': <int64 1>}",
    "{\"success\":true,\"data\":[{\"id\":\"4670@s.whatsapp.net\",\"unread\":2,"
    "\"lastMessage\":" MESSAGE_SEED "}],\"count\":1,\"total\":1}" },
  { "chats.list", WHIM_DIALECT_WHAPI,
    "{'items': <[{'id': <'4670@s.whatsapp.net'>, 'lastMessage': <@a{sv} " MESSAGE ">}]>}",
    "{\"chats\":[{\"id\":\"4670@s.whatsapp.net\",\"last_message\":" MESSAGE_WHAPI "}],"
    "\"count\":1}" },
  { "system.health", WHIM_DIALECT_BOTH,
    "{'status': <'ok'>, 'timestamp': <int64 5>, 'channels': <{'total': <int64 1>}>}",
    "{\"status\":\"ok\",\"timestamp\":5,\"channels\":{\"total\":1}}" },
};

static void
test_results (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) result
          = g_variant_parse (G_VARIANT_TYPE_VARDICT, results[i].result, NULL, NULL, &error);
      g_autofree char *json = NULL;

      g_assert_no_error (error);
      json = whim_present_result (find (results[i].operation), result, results[i].dialect);
      g_assert_cmpstr (json, ==, results[i].json);
    }
}

/* Every member of either dialect is in "both", with the same value. */
static void
assert_contains (JsonObject *whole, JsonObject *part)
{
  g_autoptr (GList) names = json_object_get_members (part);

  for (GList *l = names; l != NULL; l = l->next)
    {
      g_assert_true (json_object_has_member (whole, l->data));
      g_assert_true (json_node_equal (json_object_get_member (whole, l->data),
                                      json_object_get_member (part, l->data)));
    }
}

static void
test_union (void)
{
  g_autoptr (JsonNode) both = json_from_string (MESSAGE_BOTH, NULL);
  g_autoptr (JsonNode) seed = json_from_string (MESSAGE_SEED, NULL);
  g_autoptr (JsonNode) whapi = json_from_string (MESSAGE_WHAPI, NULL);

  assert_contains (json_node_get_object (both), json_node_get_object (seed));
  assert_contains (json_node_get_object (both), json_node_get_object (whapi));
}

static char *
show (const char *message, WhimDialect dialect)
{
  g_autofree char *text = g_strdup_printf ("{'message': <@a{sv} %s>}", message);
  g_autoptr (GVariant) result = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);

  g_assert_nonnull (result);
  return whim_present_result (find ("messages.text"), result, dialect);
}

static void
test_message_kinds (void)
{
  g_autofree char *lid = show ("{'type': <'text'>, 'from': <'111@lid'>, 'fromLid': <'111@lid'>}",
                               WHIM_DIALECT_WHAPI);
  g_autofree char *image = show ("{'type': <'image'>, 'body': <'look'>}", WHIM_DIALECT_WHAPI);
  g_autofree char *unknown = show ("{'type': <'unknown'>, 'body': <'x'>}", WHIM_DIALECT_WHAPI);
  g_autofree char *own = show ("{'type': <'text'>, 'fromMe': <true>, 'to': <'1@g.us'>,"
                               " 'status': <'pending'>, 'source': <'api'>}",
                               WHIM_DIALECT_WHAPI);

  g_assert_cmpstr (lid, ==,
                   "{\"sent\":true,\"message\":{\"type\":\"text\",\"from\":\"111\","
                   "\"from_lid\":true,\"sender\":{\"lid\":\"111@lid\"}}}");
  g_assert_cmpstr (
      image, ==,
      "{\"sent\":true,\"message\":{\"type\":\"image\",\"image\":{\"caption\":\"look\"}}}");
  g_assert_cmpstr (unknown, ==, "{\"sent\":true,\"message\":{\"type\":\"unknown\"}}");
  g_assert_cmpstr (own, ==,
                   "{\"sent\":true,\"message\":{\"type\":\"text\",\"to\":\"1@g.us\","
                   "\"source\":\"api\",\"status\":\"pending\",\"from_me\":true}}");
}

static void
test_errors (void)
{
  static const struct
  {
    WhimErrorCode code;
    const char *field;
    const char *place;
    guint retry_after;
    const char *json;
  } rows[] = {
    { WHIM_ERROR_MISSING_PARAMETER, "to", "body", 0,
      "{\"success\":false,\"error\":{\"code\":400,\"type\":\"missing_parameter\","
      "\"message\":\"sentence\",\"details\":\"body.to: sentence\",\"request_id\":\"req_1\"}}" },
    { WHIM_ERROR_INVALID_PARAMETER, "limit", NULL, 0,
      "{\"success\":false,\"error\":{\"code\":400,\"type\":\"invalid_parameter\","
      "\"message\":\"sentence\",\"details\":\"limit: sentence\",\"request_id\":\"req_1\"}}" },
    { WHIM_ERROR_RATE_LIMITED, NULL, NULL, 30,
      "{\"success\":false,\"error\":{\"code\":429,\"type\":\"rate_limited\","
      "\"message\":\"sentence\",\"retry_after\":30,\"request_id\":\"req_1\"}}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *json = NULL;

      whim_set_field_error (&error, rows[i].code, rows[i].field, "sentence");
      json = whim_present_error (error, rows[i].place, "req_1", rows[i].retry_after);
      g_assert_cmpstr (json, ==, rows[i].json);
    }
  {
    /* what is not ours may hold anything, so its text stays inside */
    g_autoptr (GError) error = g_error_new (G_FILE_ERROR, G_FILE_ERROR_IO, "/home/secret");
    g_autofree char *json = whim_present_error (error, NULL, "req_1", 0);

    g_assert_nonnull (strstr (json, "\"internal\""));
    g_assert_null (strstr (json, "secret"));
  }
}

static void
test_events (void)
{
  g_autoptr (WhimEvent) received
      = whim_event_new ("ch_1", "message.received", 17,
                        g_variant_parse (G_VARIANT_TYPE_VARDICT, MESSAGE, NULL, NULL, NULL));
  g_autoptr (WhimEvent) status = whim_event_new (
      "ch_1", "channel.status", 5, g_variant_new_parsed ("{'status': <'connected'>}"));
  g_autoptr (GPtrArray) events = g_ptr_array_new ();
  g_autofree char *one = NULL;
  g_autofree char *list = NULL;

  g_free (received->id);
  received->id = g_strdup ("evt_1");
  received->sequence = 3;
  received->seq = 12;
  one = whim_present_event (received, WHIM_DIALECT_SEED, FALSE);
  g_assert_cmpstr (one, ==,
                   "{\"id\":\"evt_1\",\"sequence\":3,\"event\":\"message.received\","
                   "\"channelId\":\"ch_1\",\"timestamp\":17,\"data\":" MESSAGE_SEED "}");
  g_free (status->id);
  status->id = g_strdup ("evt_2");
  status->sequence = 4;
  status->seq = 13;
  g_ptr_array_add (events, status);
  list = whim_present_events (events, 13, WHIM_DIALECT_BOTH);
  g_assert_cmpstr (list, ==,
                   "{\"success\":true,\"data\":[{\"seq\":13,\"id\":\"evt_2\",\"sequence\":4,"
                   "\"event\":\"channel.status\",\"channelId\":\"ch_1\",\"timestamp\":5,"
                   "\"data\":{\"status\":\"connected\"}}],\"count\":1,\"lastSeq\":13}");
}

static void
test_qr (void)
{
  static const char raw[] = "2@abc,def,ghi,jkl";
  g_autoptr (GVariant) result = g_variant_ref_sink (
      g_variant_new_parsed ("{'status': <'qr'>, 'qr': <%s>, 'expiresAt': <int64 9>}", raw));
  g_autoptr (WhimEvent) event
      = whim_event_new ("ch_1", "channel.qr", 5, g_variant_new_parsed ("{'qr': <%s>}", raw));
  g_autoptr (GBytes) png = NULL;
  g_autofree char *type = NULL;
  g_autofree char *json = whim_present_result (find ("channels.delete"), result, 0);
  g_autofree char *event_json = whim_present_event (event, WHIM_DIALECT_BOTH, FALSE);
  g_autoptr (JsonNode) node = json_from_string (json, NULL);
  JsonObject *object = json_node_get_object (node);
  g_autoptr (GError) error = NULL;
  png_image image = { .version = PNG_IMAGE_VERSION };
  g_autofree guint8 *pixels = NULL;
  g_autofree guchar *decoded = NULL;
  const char *url;
  gsize len;

  g_assert_cmpstr (json_object_get_string_member (object, "raw"), ==, raw);
  url = json_object_get_string_member (object, "qr");
  g_assert_true (g_str_has_prefix (url, "data:image/png;base64,"));
  png = whim_present_bytes (result, &type, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (type, ==, "image/png");
  decoded = g_base64_decode (strchr (url, ',') + 1, &len);
  g_assert_cmpmem (decoded, len, g_bytes_get_data (png, NULL), g_bytes_get_size (png));
  g_assert_nonnull (strstr (event_json, "data:image/png;base64,"));

  g_assert_true (png_image_begin_read_from_memory (&image, g_bytes_get_data (png, NULL),
                                                   g_bytes_get_size (png)));
  image.format = PNG_FORMAT_GRAY;
  pixels = g_malloc (PNG_IMAGE_SIZE (image));
  g_assert_true (png_image_finish_read (&image, NULL, pixels, 0, NULL));
  g_assert_cmpuint (image.width, ==, image.height);
  g_assert_cmpuint (pixels[0], ==, 255);                           /* the quiet zone */
  g_assert_cmpuint (pixels[32 * image.width + 32], ==, 0);         /* the corner of a finder */
  g_assert_cmpuint (pixels[(32 + 8) * image.width + 40], ==, 255); /* and inside it */
}

static void
test_bytes (void)
{
  g_autoptr (GVariant) result = g_variant_ref_sink (
      g_variant_new_parsed ("{'bytes': <b'abc'>, 'contentType': <'text/x'>}"));
  g_autoptr (GVariant) empty = g_variant_ref_sink (g_variant_new_parsed ("@a{sv} {}"));
  g_autofree char *type = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = whim_present_bytes (result, &type, &error);
  g_autofree char *no_type = NULL;

  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "abc", 4);
  g_assert_cmpstr (type, ==, "text/x");
  g_assert_null (whim_present_bytes (empty, &no_type, &error));
  g_assert_error (error, WHIM_ERROR, WHIM_ERROR_INTERNAL);
}

static void
test_dialects (void)
{
  WhimDialect dialect = WHIM_DIALECT_BOTH;

  g_assert_true (whim_dialect_from_word ("seed", &dialect));
  g_assert_cmpint (dialect, ==, WHIM_DIALECT_SEED);
  g_assert_true (whim_dialect_from_word ("WHAPI", &dialect));
  g_assert_cmpint (dialect, ==, WHIM_DIALECT_WHAPI);
  g_assert_false (whim_dialect_from_word ("other", &dialect));
}

/* What is written is what a reader of others' making reads. */
static void
test_json (void)
{
  static const char all[] = "\"\\/\b\f\n\r\t\v\x01\x1f\x7f \u00e9\u20ac\U0001F600</script>";
  static const gint64 integers[] = { 0, 1, -1, 9007199254740993, G_MAXINT64, G_MININT64 };
  static const double doubles[] = { 0.5, -0.1, 1e300, 5e-324, 3, 55.7558, 1.0 / 3 };
  WhimJson *json = whim_json_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;
  JsonObject *object;
  JsonArray *array;
  gsize len;

  whim_json_begin_object (json);
  whim_json_name (json, all);
  whim_json_string (json, all);
  whim_json_name (json, "integers");
  whim_json_begin_array (json);
  for (guint i = 0; i < G_N_ELEMENTS (integers); i++)
    whim_json_int (json, integers[i]);
  whim_json_end_array (json);
  whim_json_name (json, "doubles");
  whim_json_begin_array (json);
  for (guint i = 0; i < G_N_ELEMENTS (doubles); i++)
    whim_json_double (json, doubles[i]);
  whim_json_double (json, NAN);
  whim_json_double (json, INFINITY);
  whim_json_end_array (json);
  whim_json_name (json, "empty");
  whim_json_begin_array (json);
  whim_json_begin_object (json);
  whim_json_end_object (json);
  whim_json_begin_array (json);
  whim_json_end_array (json);
  whim_json_null (json);
  whim_json_boolean (json, TRUE);
  whim_json_boolean (json, FALSE);
  whim_json_end_array (json);
  whim_json_end_object (json);
  text = whim_json_end (json, &len);
  g_assert_cmpuint (len, ==, strlen (text));
  root = json_from_string (text, NULL);
  g_assert_nonnull (root);
  object = json_node_get_object (root);
  g_assert_cmpstr (json_object_get_string_member (object, all), ==, all);
  array = json_object_get_array_member (object, "integers");
  for (guint i = 0; i < G_N_ELEMENTS (integers); i++)
    g_assert_cmpint (json_array_get_int_element (array, i), ==, integers[i]);
  array = json_object_get_array_member (object, "doubles");
  for (guint i = 0; i < G_N_ELEMENTS (doubles); i++)
    g_assert_cmpfloat (json_array_get_double_element (array, i), ==, doubles[i]);
  g_assert_true (json_array_get_null_element (array, G_N_ELEMENTS (doubles)));
  g_assert_true (json_array_get_null_element (array, G_N_ELEMENTS (doubles) + 1));
  g_assert_true (g_str_has_suffix (text, "\"empty\":[{},[],null,true,false]}"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/present/json", test_json);
  g_test_add_func ("/present/results", test_results);
  g_test_add_func ("/present/union", test_union);
  g_test_add_func ("/present/message-kinds", test_message_kinds);
  g_test_add_func ("/present/errors", test_errors);
  g_test_add_func ("/present/events", test_events);
  g_test_add_func ("/present/qr", test_qr);
  g_test_add_func ("/present/bytes", test_bytes);
  g_test_add_func ("/present/dialects", test_dialects);
  return g_test_run ();
}
