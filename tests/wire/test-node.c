/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "tests/support/whim-test.h"
#include "wire/whim-node.h"

#include <string.h>
#include <zlib.h>

/* The vectors of dossier 1, 3.8: body without the flags byte, and the node in a notation of ours:
 * tag, then name=value with "@" for an address, then children in brackets or hex content. */
typedef struct
{
  const char *hex;
  const char *tag;
  const char *attrs; /* "name=value|name=@jid" */
} Vector;

static const Vector vectors[] = {
  { "f8091908ff8726437b53152a7f11fa000304291657", "iq",
    "id=26437.53152-7|to=@s.whatsapp.net|type=get|xmlns=w:p" },
  { "f8071911fa000308ff0531729103740414", "iq", "to=@s.whatsapp.net|id=3172910374|type=result" },
  { "f8071906fa000308ff8726437b53152a7f0414", "iq",
    "from=@s.whatsapp.net|id=26437.53152-7|type=result" },
  { "f8070708fb0a3eb0c767d26a1b2c3d4e11f7000cff8615551234567f042a", "receipt",
    "id=3EB0C767D26A1B2C3D4E|to=@15551234567:12@s.whatsapp.net|type=read" },
  { "f8071b151308fb08abcdef012345678911f70103ff88123456789012345f", "ack",
    "class=message|id=ABCDEF0123456789|to=@123456789012345:3@lid" },
  { "f8071b151308fb82abcf11faff88123456789012345f76", "ack",
    "class=message|id=ABC|to=@123456789012345@lid" },
  { "f8071b150708ff831a2b3f11f78063ff8615551234567f", "ack",
    "class=receipt|id=1-2.3|to=@15551234567:99@hosted" },
  { "f8071b150708ff831a2b3f11f78163ff88123456789012345f", "ack",
    "class=receipt|id=1-2.3|to=@123456789012345:99@hosted.lid" },
  { "f8051b151311f6ff88100012345678901f00a0cc", "ack",
    "class=message|to=@100012345678901:160@msgr" },
  { "f8051b151311f5ff05123456789000050002fc07696e7465726f70", "ack",
    "class=message|to=@2-1234567890:5@interop" },
  { "f8031f89fc045a6fc3ab", "presence", "name=Zoë" },
  { "f803fc02783108ff032a34b5", "x1", "id=2-34.5" },
};

static WhimNode *
decode_hex (const char *hex, GError **error)
{
  g_autofree char *with_flags = g_strconcat ("00", hex, NULL);
  g_autoptr (GBytes) bytes = whim_test_hex (with_flags);

  return whim_node_decode (bytes, error);
}

static void
assert_encodes (WhimNode *node, const char *hex)
{
  g_autoptr (GBytes) bytes = whim_node_encode (node);
  g_autofree char *with_flags = g_strconcat ("00", hex, NULL);

  whim_test_assert_bytes_hex (bytes, with_flags);
}

static WhimNode *
build (const Vector *vector)
{
  WhimNodeBuilder *builder = whim_node_builder_new (vector->tag);
  g_auto (GStrv) attrs = g_strsplit (vector->attrs, "|", -1);

  for (guint i = 0; attrs[i] != NULL; i++)
    {
      g_auto (GStrv) pair = g_strsplit (attrs[i], "=", 2);

      if (pair[1][0] == '@')
        {
          g_autoptr (WhimJid) jid = whim_jid_parse (pair[1] + 1, NULL);

          g_assert_nonnull (jid);
          whim_node_builder_attr_jid (builder, pair[0], jid);
        }
      else
        whim_node_builder_attr (builder, pair[0], pair[1]);
    }
  return whim_node_builder_end (builder);
}

static void
test_vectors (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (WhimNode) built = build (&vectors[i]);
      g_autoptr (WhimNode) decoded = decode_hex (vectors[i].hex, &error);
      g_auto (GStrv) attrs = g_strsplit (vectors[i].attrs, "|", -1);

      g_assert_no_error (error);
      assert_encodes (built, vectors[i].hex);
      assert_encodes (decoded, vectors[i].hex);
      g_assert_cmpstr (whim_node_get_tag (decoded), ==, vectors[i].tag);
      g_assert_cmpuint (whim_node_get_n_attrs (decoded), ==, g_strv_length (attrs));
      for (guint k = 0; attrs[k] != NULL; k++)
        {
          g_auto (GStrv) pair = g_strsplit (attrs[k], "=", 2);

          g_assert_cmpstr (whim_node_get_attr (decoded, pair[0]), ==,
                           pair[1][0] == '@' ? pair[1] + 1 : pair[1]);
        }
    }
}

static WhimNode *
content_node (const char *tag, const char *name, const char *value, gconstpointer bytes, gsize len)
{
  WhimNodeBuilder *builder = whim_node_builder_new (tag);

  if (name != NULL)
    whim_node_builder_attr (builder, name, value);
  whim_node_builder_data (builder, bytes, len);
  return whim_node_builder_end (builder);
}

static void
test_content_vectors (void)
{
  g_autofree guint8 *zeros = g_malloc0 (1048576);
  guint8 ramp[300] = { 0 };
  g_autoptr (WhimNode) small = content_node ("enc", "v", "2", "\1\2\3\4\5", 5);
  g_autoptr (WhimNode) middle = NULL;
  g_autoptr (WhimNode) large = content_node ("enc", NULL, NULL, zeros, 1048576);
  g_autoptr (GBytes) bytes = NULL;
  WhimNodeBuilder *builder = whim_node_builder_new ("list");
  g_autoptr (WhimNode) list = NULL;

  assert_encodes (small, "f8041d5145fc050102030405");
  for (guint i = 0; i < 256; i++)
    ramp[i] = (guint8)i;
  middle = content_node ("enc", "v", "2", ramp, sizeof ramp);
  bytes = whim_node_encode (middle);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 1 + 5 + 4 + 300);
  whim_test_assert_hex (g_bytes_get_data (bytes, NULL), 10, "00f8041d5145fd00012c");
  g_clear_pointer (&bytes, g_bytes_unref);
  bytes = whim_node_encode (large);
  whim_test_assert_hex (g_bytes_get_data (bytes, NULL), 9, "00f8021dfe00100000");
  for (guint i = 0; i < 300; i++)
    whim_node_builder_child (builder, whim_node_builder_end (whim_node_builder_new ("item")));
  list = whim_node_builder_end (builder);
  g_clear_pointer (&bytes, g_bytes_unref);
  bytes = whim_node_encode (list);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 907);
}

static void
test_reading (void)
{
  g_autoptr (WhimNode) token = decode_hex ("f802190a", NULL);
  g_autoptr (WhimNode) bare = decode_hex ("f8031906"
                                          "03",
                                          NULL);
  g_autoptr (WhimNode) pair = decode_hex ("f8031906"
                                          "fa0003",
                                          NULL);
  g_autoptr (WhimNode) empty = decode_hex ("f8051f048889fc00", NULL);
  g_autofree char *text = whim_node_dup_content_text (token);

  g_assert_cmpstr (text, ==, "disappearing_mode");
  g_assert_true (whim_jid_is_server (whim_node_get_attr_jid (bare, "from")));
  g_assert_true (whim_jid_is_server (whim_node_get_attr_jid (pair, "from")));
  g_assert_cmpstr (whim_node_get_attr (empty, "name"), ==, "");
}

/* A child keeps its whole stanza. */
static void
test_child_lives (void)
{
  WhimNode *node
      = decode_hex ("f80a19085511faff091203630412345678901c042916ed33f801f8036dedc7e5", NULL);
  WhimNode *child = whim_node_ref (whim_node_find_child (node, "query"));

  whim_node_unref (node);
  g_assert_cmpstr (whim_node_get_attr (child, "request"), ==, "interactive");
  whim_node_unref (child);
}

static void
test_truncated (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      gsize len = strlen (vectors[i].hex);

      for (gsize cut = 0; cut < len; cut += 2)
        {
          g_autofree char *hex = g_strndup (vectors[i].hex, cut);
          g_autoptr (GError) error = NULL;

          g_assert_null (decode_hex (hex, &error));
          g_assert_nonnull (error);
        }
    }
}

static void
test_refused (void)
{
  static const char *const rows[] = {
    "f0",             /* no list */
    "00",             /* a node of size zero */
    "f80100",         /* an empty tag */
    "f801f0",         /* unassigned tag */
    "f80319f40a",     /* unassigned in attribute position */
    "f8021df8ff",     /* more children than bytes */
    "f80319ff82dd00", /* nibbles 13 */
    "f805196afb811fff",
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (decode_hex (rows[i], &error));
      g_assert_nonnull (error);
    }
}

/* Addresses that have no form of ours: refused, except that an unknown server is no reason to lose
 * the stanza. */
static void
test_foreign_addresses (void)
{
  static const char *const refused[] = {
    "f8031b11fafc03314032fc036c6964", /* an "@" in the user */
    "f8031b11f70001fc03613a62",       /* a ":" in the user */
    "f8031b11f7010500",               /* a device of nobody */
    "f8031b11fafc026120fc036c6964",   /* a space */
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) node = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (GError) why = NULL;

      g_assert_null (decode_hex (refused[i], &why));
      g_assert_error (why, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_INVALID);
    }
  node = decode_hex ("f8031b11faff021234fc046e6f7661", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (whim_node_get_attr (node, "to"), ==, "1234@nova");
  g_assert_false (whim_node_attr_is_address (node, "to"));
  g_assert_null (whim_node_get_attr_jid (node, "to"));
}

/* What people call themselves is text for JSON and D-Bus, whatever came. */
static void
test_mended_text (void)
{
  g_autoptr (WhimNode) node = decode_hex ("f8031f89fc0461ff62c3", NULL);

  g_assert_nonnull (node);
  g_assert_cmpstr (whim_node_get_attr (node, "name"), ==, "a\357\277\275b\357\277\275");
}

static void
test_depth (void)
{
  g_autoptr (GString) hex = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 5000; i++)
    g_string_append (hex, "f80219f801");
  g_string_append (hex, "f80119");
  g_assert_null (decode_hex (hex->str, &error));
  g_assert_error (error, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_INVALID);
}

static GBytes *
compress_frame (gconstpointer body, gsize len)
{
  uLongf size = compressBound (len);
  guint8 *out = g_malloc (size + 1);

  out[0] = 2;
  g_assert_cmpint (compress (out + 1, &size, body, len), ==, Z_OK);
  return g_bytes_new_take (out, size + 1);
}

static void
test_compressed (void)
{
  g_autoptr (GBytes) body = whim_test_hex (vectors[0].hex);
  g_autoptr (GBytes) frame
      = compress_frame (g_bytes_get_data (body, NULL), g_bytes_get_size (body));
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) node = whim_node_decode (frame, &error);
  gsize bomb_size = WHIM_LIMIT_INFLATED + 1000;
  g_autofree guint8 *zeros = g_malloc0 (bomb_size);
  g_autoptr (GBytes) bomb = compress_frame (zeros, bomb_size);

  g_assert_no_error (error);
  assert_encodes (node, vectors[0].hex);
  for (gsize cut = 0; cut < g_bytes_get_size (frame); cut++)
    {
      g_autoptr (GBytes) part = g_bytes_new_from_bytes (frame, 0, cut);

      g_assert_null (whim_node_decode (part, NULL));
    }
  g_assert_null (whim_node_decode (bomb, &error));
  g_assert_error (error, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_TOO_LARGE);
}

static WhimNode *
random_node (GRand *rand, guint depth)
{
  static const char *const words[]
      = { "iq",  "message", "to",      "x",           "1234-5.6", "ABCDEF",
          "Zoë", "receipt", "offline", "interactive", "abc",      "0" };
  WhimNodeBuilder *builder
      = whim_node_builder_new (words[g_rand_int_range (rand, 0, G_N_ELEMENTS (words))]);
  guint n = (guint)g_rand_int_range (rand, 0, 5);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s%u", words[i], i);

      whim_node_builder_attr (builder, name,
                              words[g_rand_int_range (rand, 0, G_N_ELEMENTS (words))]);
    }
  if (depth < 4 && g_rand_boolean (rand))
    for (gint i = g_rand_int_range (rand, 0, 4); i > 0; i--)
      whim_node_builder_child (builder, random_node (rand, depth + 1));
  else if (g_rand_boolean (rand))
    whim_node_builder_text (builder, words[g_rand_int_range (rand, 0, G_N_ELEMENTS (words))]);
  return whim_node_builder_end (builder);
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (20261124);

  for (guint i = 0; i < 2048; i++)
    {
      g_autoptr (WhimNode) node = random_node (rand, 0);
      g_autoptr (GBytes) first = whim_node_encode (node);
      g_autoptr (GError) error = NULL;
      g_autoptr (WhimNode) again = whim_node_decode (first, &error);
      g_autoptr (GBytes) second = NULL;

      g_assert_no_error (error);
      second = whim_node_encode (again);
      g_assert_true (g_bytes_equal (first, second));
    }
}

/* A dump for logs names no person and shows no content. */
static void
test_dump (void)
{
  g_autoptr (WhimNode) node = decode_hex (vectors[3].hex, NULL);
  g_autofree char *text = whim_node_to_string (node);

  g_assert_cmpstr (text, ==, "<receipt id to type=\"read\"/>");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/node/vectors", test_vectors);
  g_test_add_func ("/node/content-vectors", test_content_vectors);
  g_test_add_func ("/node/reading", test_reading);
  g_test_add_func ("/node/child-lives", test_child_lives);
  g_test_add_func ("/node/truncated", test_truncated);
  g_test_add_func ("/node/refused", test_refused);
  g_test_add_func ("/node/foreign-addresses", test_foreign_addresses);
  g_test_add_func ("/node/mended-text", test_mended_text);
  g_test_add_func ("/node/depth", test_depth);
  g_test_add_func ("/node/compressed", test_compressed);
  g_test_add_func ("/node/random", test_random);
  g_test_add_func ("/node/dump", test_dump);
  return g_test_run ();
}
