/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/handlers-cases.h"

#include "messaging/whim-messenger-private.h"
#include "tests/fuzz/handlers-check.h"
#include "tests/fuzz/handlers-stanzas.h"

#include <string.h>

/* Single cases: faults that were found once, and rules that chance meets too seldom. */

typedef struct
{
  const char *name;
  void (*run) (World *world, Check *check);
} Case;

/* Takes @tree. */
static void
give (World *world, Check *check, Tree *tree)
{
  g_autoptr (WhimNode) node = world_encode (world, tree, NULL, 0);

  g_assert_nonnull (node);
  check_before (check);
  world_deliver (world, node);
  world_settle (world);
  check_after (check, node);
  tree_free (tree);
}

static Tree *
start (World *world, const char *tag, const char *from)
{
  g_autofree char *id = world_make_id (world);

  return tree_set_int (tree_set (tree_jid (tree_new (tag), "from", from), "id", id), "t",
                       whim_clock_get_unix (world->clock));
}

/* Somebody writes; @content has no padding. Returns: (transfer full): the id */
static char *
write_content (World *world, Check *check, WorldWho who, guint index, GByteArray *content)
{
  g_autoptr (GBytes) plain = g_byte_array_free_to_bytes (content);
  g_autoptr (GBytes) padded = whim_content_pad (plain);
  Party *party = world_get_party (world, who, index);
  Tree *message = start (world, "message", world_jid (world, who, party->number, TRUE));
  char *id = g_strdup_printf ("F%06u", world->n_ids);

  stanza_add_enc (world, message, party, padded);
  give (world, check, message);
  return id;
}

static char *
write_text (World *world, Check *check, WorldWho who, const char *text)
{
  GByteArray *content = g_byte_array_new ();

  wire_text (content, 1, text);
  return write_content (world, check, who, 0, content);
}

static void
send_text (World *world, WorldWho who)
{
  world_send_text (world, who);
  world_settle (world);
}

/* The world is what chance starts from: texts both ways, receipts, an ack. */
static void
conversation (World *world, Check *check)
{
  g_autofree char *id = write_text (world, check, WORLD_ANNA, "hello");
  Tree *ack = tree_new ("ack");

  world->calm = TRUE;
  send_text (world, WORLD_ANNA);
  g_assert_cmpuint (world->sent->len, ==, 1);
  g_assert_true (g_hash_table_contains (world->waiting, g_ptr_array_index (world->sent, 0)));
  tree_jid (tree_set (ack, "class", "message"), "from", world_jid (world, WORLD_ANNA, 0, TRUE));
  give (world, check, tree_set (ack, "id", g_ptr_array_index (world->sent, 0)));
  give (world, check,
        tree_set (tree_jid (tree_new ("receipt"), "from", world_jid (world, WORLD_ANNA, 0, TRUE)),
                  "id", g_ptr_array_index (world->sent, 0)));
  g_assert_cmpint (check_get_status (check, g_ptr_array_index (world->sent, 0)), ==,
                   WHIM_MESSAGE_STATUS_DELIVERED);
  g_assert_cmpint (check_get_unread (check, WORLD_ANNA), ==, 1);
  /* she answers in the session that our message made */
  g_free (write_text (world, check, WORLD_ANNA, "again"));
  g_assert_cmpint (check_get_unread (check, WORLD_ANNA), ==, 2);
}

/* Times that no clock shows, wherever a time may stand. */
static void
times (World *world, Check *check)
{
  static const char *const texts[]
      = { "9223372036854775807", "-9223372036854775808", "9223372036854775", "-1", "0" };
  g_autofree char *id = NULL;

  world->calm = TRUE;
  send_text (world, WORLD_ANNA);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      const char *anna = world_jid (world, WORLD_ANNA, 0, TRUE);
      GByteArray *content = g_byte_array_new ();
      GByteArray *reaction = g_byte_array_new ();
      GByteArray *key = g_byte_array_new ();
      g_autoptr (GBytes) plain = NULL;
      g_autoptr (GBytes) padded = NULL;
      Tree *message = tree_jid (tree_new ("message"), "from", anna);
      g_autofree char *name = world_make_id (world);

      wire_text (key, 3, g_ptr_array_index (world->sent, 0));
      wire_message (reaction, 1, key);
      wire_text (reaction, 2, "x");
      wire_message (content, 46, reaction);
      plain = g_byte_array_free_to_bytes (content);
      padded = whim_content_pad (plain);
      tree_set (tree_set (message, "id", name), "t", texts[i]);
      give (world, check,
            stanza_add_enc (world, message, world_get_party (world, WORLD_ANNA, 0), padded));
      g_clear_pointer (&id, g_free);
      id = world_make_id (world);
      message = tree_set (tree_set (tree_jid (tree_new ("message"), "from", anna), "id", id), "t",
                          texts[i]);
      give (world, check, tree_add (message, tree_new ("unavailable")));
      give (world, check,
            tree_set (tree_set (tree_jid (tree_new ("receipt"), "from", anna), "id",
                                g_ptr_array_index (world->sent, 0)),
                      "t", texts[i]));
    }
}

/* A chat is read by us alone. */
static void
read_by_stranger (World *world, Check *check)
{
  g_autofree char *id = write_text (world, check, WORLD_ANNA, "for you");
  static const char *const types[] = { "read-self", "played-self", "read", "played" };

  g_assert_cmpint (check_get_unread (check, WORLD_ANNA), ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    give (world, check,
          tree_jid (tree_set (tree_set (tree_jid (tree_new ("receipt"), "from",
                                                  world_jid (world, WORLD_MALLORY, 0, TRUE)),
                                        "id", id),
                              "type", types[i]),
                    "recipient", world_jid (world, WORLD_ANNA, 0, TRUE)));
  g_assert_cmpint (check_get_unread (check, WORLD_ANNA), ==, 1);
  give (world, check,
        tree_jid (tree_set (tree_set (tree_jid (tree_new ("receipt"), "from",
                                                world_jid (world, WORLD_ME, 0, TRUE)),
                                      "id", id),
                            "type", "read-self"),
                  "recipient", world_jid (world, WORLD_ANNA, 0, TRUE)));
  g_assert_cmpint (check_get_unread (check, WORLD_ANNA), ==, 0);
}

/* Who is who, and what the account may do, says the server. */
static void
forged_notifications (World *world, Check *check)
{
  static const char *const froms[] = { "400000000000004@lid", "4915550000004@s.whatsapp.net" };
  static const char *const updates[][2] = {
    { "NotificationUserReachoutTimelockUpdate",
      "{\"data\":{\"xwa2_notify_account_reachout_timelock\":{\"is_active\":true,"
      "\"time_enforcement_ends\":\"1750000900\"}}}" },
    { "LidChangeNotification", "{\"data\":{\"xwa2_notify_lid_change\":{\"old\":"
                               "\"200000000000002@lid\",\"new\":\"400000000000004@lid\"}}}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (froms); i++)
    {
      Tree *modify = tree_new ("modify");

      for (guint k = 0; k < G_N_ELEMENTS (updates); k++)
        give (world, check,
              tree_add (tree_set (start (world, "notification", froms[i]), "type", "mex"),
                        tree_text (tree_set (tree_new ("update"), "op_name", updates[k][0]),
                                   updates[k][1])));
      tree_jid (tree_jid (modify, "old", "4915550000002@s.whatsapp.net"), "new",
                "4915550000002@s.whatsapp.net");
      tree_jid (tree_jid (modify, "old_lid", "200000000000002@lid"), "new_lid", froms[0]);
      give (world, check,
            tree_add (tree_set (start (world, "notification", froms[i]), "type", "contacts"),
                      modify));
    }
  g_assert_cmpint (check_get_number (check,
                                     "SELECT count(*) FROM lid_map WHERE pn = '4915550000002'"
                                     " AND lid || '@lid' = ?1",
                                     WORLD_ANNA),
                   ==, 1);
}

/* What we ask the server for, nobody else answers. */
static void
forged_answer (World *world, Check *check)
{
  WhimNode *asked = NULL;
  Tree *answer;

  world->silent = TRUE;
  send_text (world, WORLD_ANNA);
  for (guint i = 0; i < world->unanswered->len; i++)
    if (whim_node_find_child (g_ptr_array_index (world->unanswered, i), "usync") != NULL)
      asked = g_ptr_array_index (world->unanswered, i);
  g_assert_nonnull (asked);
  g_assert_cmpuint (world->sent->len, ==, 0);
  world->silent = FALSE;
  world->calm = TRUE;
  answer = world_answer (world, asked);
  tree_jid (tree_drop (answer, "from"), "from", world_jid (world, WORLD_MALLORY, 0, TRUE));
  give (world, check, answer);
  g_assert_cmpuint (world->sent->len, ==, 0);
  give (world, check, world_answer (world, asked));
  g_assert_cmpuint (world->sent->len, ==, 1);
}

/* A clock that is ahead does not keep out what comes later. */
static void
clocks_ahead (World *world, Check *check)
{
  static const guint timers[] = { 86400, 604800 };
  static const guint64 set_at[] = { WORLD_NOW + 100000000, WORLD_NOW + 100 };
  static const char *const given_at[] = { "1950000000", "1750000100" };

  for (guint i = 0; i < G_N_ELEMENTS (timers); i++)
    {
      GByteArray *protocol = g_byte_array_new ();
      GByteArray *content = g_byte_array_new ();
      Tree *token = tree_text (tree_set (tree_new ("token"), "type", "trusted_contact"), "t");

      wire_number (protocol, 2, 3);
      wire_number (protocol, 4, timers[i]);
      wire_number (protocol, 5, set_at[i]);
      wire_message (content, 12, protocol);
      g_free (write_content (world, check, WORLD_ANNA, 0, content));
      give (
          world, check,
          tree_add (tree_set (start (world, "notification", world_jid (world, WORLD_ANNA, 0, TRUE)),
                              "type", "privacy_token"),
                    tree_add (tree_new ("tokens"), tree_set (token, "t", given_at[i]))));
      g_assert_cmpint (
          check_get_number (check, "SELECT expiration FROM chats WHERE lid = ?1", WORLD_ANNA), ==,
          timers[i]);
      g_assert_cmpint (check_get_number (check,
                                         "SELECT token_at FROM privacy_tokens WHERE user = ?1",
                                         WORLD_ANNA),
                       <=, WORLD_NOW + 200);
      whim_clock_advance (world->clock, 100000);
      world_settle (world);
    }
  g_assert_cmpint (
      check_get_number (check, "SELECT token_at FROM privacy_tokens WHERE user = ?1", WORLD_ANNA),
      ==, WORLD_NOW + 100);
}

/* The other name of somebody is of the other kind, and none of ours. */
static void
other_names (World *world, Check *check)
{
  static const char *const names[][2] = {
    { "sender_pn", "4915550000001@s.whatsapp.net" },
    { "sender_pn", "300000000000003@lid" },
    { "sender_pn", "100000000000001:3@lid" },
    { "sender_lid", "4915550000003@s.whatsapp.net" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      Tree *message = start (world, "message", world_jid (world, WORLD_MALLORY, 0, TRUE));
      Tree *enc = tree_set (tree_set (tree_new ("enc"), "v", "9"), "type", "msg");

      tree_jid (tree_add (message, enc), names[i][0], names[i][1]);
      give (world, check, message);
    }
  g_assert_cmpint (check_get_number (check,
                                     "SELECT count(*) FROM chats WHERE lid != ?1"
                                     " OR pn != '4915550000004@s.whatsapp.net'",
                                     WORLD_MALLORY),
                   ==, 0);
  g_assert_cmpint (check_get_number (check,
                                     "SELECT count(*) FROM lid_map WHERE pn = '4915550000004'"
                                     " AND lid || '@lid' = ?1",
                                     WORLD_MALLORY),
                   ==, 1);
  g_assert_cmpint (check_get_number (check,
                                     "SELECT count(*) FROM messages WHERE sender_lid = ?1"
                                     " AND sender_pn = '4915550000001@s.whatsapp.net'",
                                     WORLD_MALLORY),
                   ==, 0);
}

static const Case cases[] = {
  { "conversation", conversation },
  { "times", times },
  { "read by a stranger", read_by_stranger },
  { "forged notifications", forged_notifications },
  { "forged answer", forged_answer },
  { "clocks that are ahead", clocks_ahead },
  { "other names", other_names },
};

guint
handlers_cases_run (const char *only)
{
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      World *world;
      Check *check;

      if (only != NULL && g_strcmp0 (only, cases[i].name) != 0)
        continue;
      world = world_new (i);
      check = check_new (world);
      cases[i].run (world, check);
      world_stop (world);
      check_books (check, FALSE);
      check_free (check);
      world_free (world);
      g_print ("ok %u %s\n", ++n, cases[i].name);
    }
  return n;
}
