/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/handlers-stanzas.h"

#include <string.h>
#include <zlib.h>

/* What people put into their messages, and into those about the account. */

static void
wire_varint (GByteArray *self, guint64 value)
{
  guint8 byte;

  do
    {
      byte = (guint8)(value & 0x7f);
      value >>= 7;
      if (value != 0)
        byte |= 0x80;
      g_byte_array_append (self, &byte, 1);
    }
  while (value != 0);
}

void
wire_bytes (GByteArray *self, guint field, gconstpointer bytes, gsize len)
{
  wire_varint (self, (guint64)field << 3 | 2);
  wire_varint (self, len);
  g_byte_array_append (self, bytes, (guint)len);
}

void
wire_text (GByteArray *self, guint field, const char *text)
{
  wire_bytes (self, field, text, strlen (text));
}

void
wire_number (GByteArray *self, guint field, guint64 value)
{
  wire_varint (self, (guint64)field << 3);
  wire_varint (self, value);
}

void
wire_message (GByteArray *self, guint field, GByteArray *inner)
{
  wire_bytes (self, field, inner->data, inner->len);
  g_byte_array_unref (inner);
}

static const guint64 odd_numbers[] = {
  0, 1, 86400, WORLD_NOW, WORLD_NOW * 1000, G_MAXUINT32, G_MAXINT64, G_MAXUINT64, (guint64)1 << 63,
};

static guint64
pick_number (Choices *choices)
{
  return odd_numbers[choices_pick (choices, G_N_ELEMENTS (odd_numbers))];
}

/* Names a message: one of ours, or one that came in. */
static GByteArray *
make_key (World *world, Choices *choices)
{
  GByteArray *key = g_byte_array_new ();
  guint n = world->n_ids;
  g_autofree char *earlier = g_strdup_printf ("F%06u", n == 0 ? 0 : 1 + choices_pick (choices, n));

  wire_text (key, 1, tree_pick_jid (choices));
  wire_number (key, 2, choices_pick (choices, 2));
  wire_text (key, 3, choices_pick (choices, 2) == 0 ? world_pick_sent (world, choices) : earlier);
  if (choices_rare (choices, 3))
    wire_text (key, 4, tree_pick_jid (choices));
  return key;
}

static GByteArray *
make_text (Choices *choices)
{
  static const char *const texts[] = { "theirs", "", "\xf0\x9f\x90\xa6", "\xff\xfe", "a\nb" };
  GByteArray *message = g_byte_array_new ();

  wire_text (message, 1, texts[choices_pick (choices, G_N_ELEMENTS (texts))]);
  return message;
}

static GByteArray *
make_history (Choices *choices)
{
  GByteArray *notification = g_byte_array_new ();
  g_autoptr (GByteArray) history = g_byte_array_new ();
  static const guint8 salt[32] = { 1 };
  guint8 packed[512];
  uLongf len = sizeof packed;

  wire_bytes (history, 19, salt, choices_pick (choices, 2) == 0 ? sizeof salt : 5);
  g_assert_cmpint (compress (packed, &len, history->data, history->len), ==, Z_OK);
  wire_number (notification, 6, choices_pick (choices, 8));
  wire_bytes (notification, 11, packed, choices_rare (choices, 4) ? len / 2 : len);
  return notification;
}

static GByteArray *
make_lid_mappings (World *world, Choices *choices)
{
  GByteArray *sync = g_byte_array_new ();
  GByteArray *payload = g_byte_array_new ();

  for (guint i = choices_pick (choices, 4); i > 0; i--)
    {
      GByteArray *mapping = g_byte_array_new ();
      const Person *person = &world->people[choices_pick (choices, WORLD_N_PEOPLE)];

      wire_number (mapping, 1, g_ascii_strtoull (person->pn, NULL, 10));
      wire_number (mapping, 2,
                   choices_rare (choices, 3) ? pick_number (choices)
                                             : g_ascii_strtoull (person->lid, NULL, 10));
      wire_message (payload, 1, mapping);
    }
  wire_message (sync, 1, payload);
  return sync;
}

/* What our phone remembers of a message that we asked it for. */
static GByteArray *
make_peer_response (World *world, Choices *choices)
{
  GByteArray *response = g_byte_array_new ();
  GByteArray *result = g_byte_array_new ();
  GByteArray *resend = g_byte_array_new ();
  GByteArray *info = g_byte_array_new ();

  wire_message (info, 1, make_key (world, choices));
  wire_message (info, 2, make_text (choices));
  wire_number (info, 3, pick_number (choices));
  if (choices_pick (choices, 2) == 0)
    wire_text (info, 5, tree_pick_jid (choices));
  wire_text (info, 19, "name");
  wire_message (resend, 1, info);
  wire_message (result, 4, resend);
  wire_number (response, 1, choices_rare (choices, 4) ? choices_pick (choices, 8) : 4);
  wire_text (response, 2, "REQUEST");
  wire_message (response, 3, result);
  return response;
}

static GByteArray *
make_protocol (World *world, Choices *choices)
{
  static const guint types[] = { 0, 3, 5, 6, 7, 9, 10, 11, 14, 16, 17, 21, 22, 25, 4000000000u };
  guint type = types[choices_pick (choices, G_N_ELEMENTS (types))];
  GByteArray *protocol = g_byte_array_new ();

  if (type == 0 || type == 14 || choices_rare (choices, 8))
    wire_message (protocol, 1, make_key (world, choices));
  wire_number (protocol, 2, type);
  if (type == 3 || choices_rare (choices, 8))
    wire_number (protocol, 4, pick_number (choices));
  if (choices_rare (choices, 4))
    wire_number (protocol, 5, pick_number (choices));
  if (type == 5)
    wire_message (protocol, 6, make_history (choices));
  if (type == 6)
    wire_bytes (protocol, 7, "\x0a\x02\x08\x01", 4);
  if (type == 14)
    wire_message (protocol, 14, make_text (choices));
  if (choices_pick (choices, 2) == 0)
    wire_number (protocol, 15, pick_number (choices));
  if (type == 16)
    wire_bytes (protocol, 16, "\x08\x04", 2);
  if (type == 17)
    wire_message (protocol, 17, make_peer_response (world, choices));
  if (type == 22)
    wire_message (protocol, 23, make_lid_mappings (world, choices));
  return protocol;
}

static GByteArray *
make_reaction (World *world, Choices *choices)
{
  GByteArray *reaction = g_byte_array_new ();

  wire_message (reaction, 1, make_key (world, choices));
  wire_text (reaction, 2, choices_pick (choices, 2) == 0 ? "\xf0\x9f\x91\x8d" : "");
  wire_number (reaction, 4, pick_number (choices));
  return reaction;
}

static GByteArray *
make_sealed (World *world, Choices *choices)
{
  GByteArray *sealed = g_byte_array_new ();
  guint8 bytes[48] = { 0 };

  wire_message (sealed, 1, make_key (world, choices));
  wire_bytes (sealed, 2, bytes, sizeof bytes);
  wire_bytes (sealed, 3, bytes, choices_rare (choices, 3) ? 3 : 12);
  wire_number (sealed, 4, choices_pick (choices, 4));
  return sealed;
}

/* Any of the numbers, with anything in it. */
static GByteArray *
make_other (Choices *choices)
{
  GByteArray *message = g_byte_array_new ();
  guint8 bytes[40];
  guint len = choices_pick (choices, sizeof bytes);

  for (guint i = 0; i < len; i++)
    bytes[i] = (guint8)choices_pick (choices, 256);
  wire_bytes (message, 1 + choices_pick (choices, 131), bytes, len);
  return message;
}

static GByteArray *
make_message (World *world, Choices *choices)
{
  GByteArray *message;

  switch (choices_pick (choices, 8))
    {
    case 0:
    case 1:
      return make_text (choices);
    case 2:
    case 3:
      message = g_byte_array_new ();
      wire_message (message, 12, make_protocol (world, choices));
      return message;
    case 4:
      message = g_byte_array_new ();
      wire_message (message, 46, make_reaction (world, choices));
      return message;
    case 5:
      message = g_byte_array_new ();
      wire_message (message, choices_pick (choices, 2) == 0 ? 82 : 76,
                    make_sealed (world, choices));
      return message;
    case 6:
      message = make_text (choices);
      wire_bytes (message, 2,
                  "\x0a\x0a"
                  "120363@g.us",
                  12);
      return message;
    default:
      return make_other (choices);
    }
}

GBytes *
content_make (World *world, Choices *choices)
{
  static const guint wrappers[] = { 31, 31, 31, 37, 40, 53, 58, 59 };
  GByteArray *message = make_message (world, choices);

  while (choices_rare (choices, 3))
    {
      guint wrapper = wrappers[choices_pick (choices, G_N_ELEMENTS (wrappers))];
      GByteArray *inner = g_byte_array_new ();
      GByteArray *outer = g_byte_array_new ();

      if (wrapper == 31)
        wire_text (inner, 1, tree_pick_jid (choices));
      wire_message (inner, wrapper == 31 ? 2 : 1, message);
      wire_message (outer, wrapper, inner);
      message = outer;
    }
  if (message->len > 0 && choices_rare (choices, 6))
    message->data[choices_pick (choices, message->len)] ^= (guint8)choices_pick (choices, 256);
  return g_byte_array_free_to_bytes (message);
}
