/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/handlers-stanzas.h"

#include "messaging/whim-messenger-private.h"

#include <string.h>

/* One function for each family of stanzas, with what a real server puts into them (dossier 2, 6,
 * 10, 11). Whatever is wrong with them comes after. */

#define PICK(choices, list) (list)[choices_pick (choices, G_N_ELEMENTS (list))]

static const char *
pick_from (World *world, Choices *choices)
{
  WorldWho who = (WorldWho)choices_pick (choices, WORLD_N_PEOPLE);
  const Party *party = world_get_party (world, who, choices_pick (choices, WORLD_DEVICES));

  return world_jid (world, who, party->number, choices_pick (choices, 4) != 3);
}

static Tree *
start (World *world, const char *tag, const char *from)
{
  g_autofree char *id = world_make_id (world);

  return tree_set_int (tree_set (tree_jid (tree_new (tag), "from", from), "id", id), "t",
                       WORLD_NOW);
}

/* ---- messages -------------------------------------------------------------------------------- */

Tree *
stanza_add_enc (World *world, Tree *message, Party *party, GBytes *padded)
{
  WhimSignalType type;
  g_autoptr (GBytes) cipher = world_encrypt (world, party, padded, &type);
  Tree *enc = tree_set (tree_new ("enc"), "v", "2");

  tree_set (enc, "type", type == WHIM_SIGNAL_TYPE_PKMSG ? "pkmsg" : "msg");
  tree_bytes (enc, g_bytes_get_data (cipher, NULL), g_bytes_get_size (cipher));
  return tree_add (message, enc);
}

static void
add_good_enc (World *world, Choices *choices, Tree *message, Party *party)
{
  static const guint8 bad[][4]
      = { { 0 }, { 'x', 0, 0, 0 }, { 'x', 'x', 'x', 9 }, { 16, 16, 16, 16 } };
  g_autoptr (GBytes) plain = content_make (world, choices);
  g_autoptr (GBytes) padded = NULL;

  if (choices_rare (choices, 10)) /* wrong padding */
    padded = g_bytes_new (bad[choices_pick (choices, G_N_ELEMENTS (bad))],
                          choices_rare (choices, 4) ? 1 : 4);
  else
    padded = whim_content_pad (plain);
  stanza_add_enc (world, message, party, padded);
}

static void
add_bad_enc (Choices *choices, Tree *message)
{
  static const char *const types[] = { "msg", "pkmsg", "skmsg", "msmsg", "none", "" };
  static const char *const versions[] = { "2", "2", "2", "1", "3", "x" };
  guint8 bytes[100] = { 0x33 };
  guint len = choices_rare (choices, 6) ? choices_pick (choices, 3) : sizeof bytes;
  Tree *enc = tree_set (tree_new ("enc"), "v", PICK (choices, versions));

  for (guint i = 1; i < len; i++)
    bytes[i] = (guint8)choices_pick (choices, 256);
  tree_set (enc, "type", PICK (choices, types));
  if (choices_rare (choices, 4))
    tree_set_int (enc, "count", choices_pick (choices, 12));
  if (choices_rare (choices, 4))
    tree_set (enc, "decrypt-fail", "hide");
  tree_add (message, tree_bytes (enc, bytes, len));
}

static void
add_unavailable (Choices *choices, Tree *message)
{
  static const char *const kinds[] = { NULL, "view_once" };
  static const char *const subtypes[]
      = { NULL, "bot_unavailable_fanout", "view_once_unavailable_fanout",
          "hosted_unavailable_fanout" };
  Tree *unavailable = tree_set (tree_new ("unavailable"), "type", PICK (choices, kinds));

  if (choices_rare (choices, 3))
    tree_set (unavailable, "hosted", "true");
  tree_set (tree_add (message, unavailable), "subtype", PICK (choices, subtypes));
}

/* From whom, into which chat: a person, a device of ours, a group or another place. */
static Tree *
make_message (World *world, Choices *choices)
{
  static const char *const places[] = { "120363000000000001@g.us", "status@broadcast",
                                        "1700000000@broadcast", "120363000000000001@newsletter" };
  WorldWho who = (WorldWho)choices_pick (choices, WORLD_N_PEOPLE);
  Party *party = world_get_party (world, who, choices_pick (choices, WORLD_DEVICES));
  gboolean lid = choices_pick (choices, 4) != 3;
  const char *from = world_jid (world, who, party->number, lid);
  const char *other = world_jid (world, who, 0, !lid);
  gboolean place = choices_rare (choices, 5);
  Tree *message = start (world, "message", place ? PICK (choices, places) : from);

  tree_set (message, "type", "text");
  tree_set (message, "notify", choices_rare (choices, 4) ? "-" : "Name");
  if (place)
    tree_jid (message, "participant", from);
  if (choices_pick (choices, 2) == 0)
    tree_jid (message,
              place ? (lid ? "participant_pn" : "participant_lid")
                    : (lid ? "sender_pn" : "sender_lid"),
              other);
  if (who == WORLD_ME && choices_pick (choices, 2) == 0)
    tree_jid (message, "recipient",
              world_jid (world, (WorldWho)choices_pick (choices, WORLD_N_PEOPLE), 0, lid));
  else if (who == WORLD_ME || choices_rare (choices, 8))
    tree_set (message, "category", "peer");
  if (choices_rare (choices, 6))
    tree_set (message, "offline", "1");
  if (choices_rare (choices, 8))
    add_unavailable (choices, message);
  else
    for (guint i = choices_rare (choices, 6) ? choices_pick (choices, 12) : 1; i > 0; i--)
      {
        if (choices_rare (choices, 4))
          add_bad_enc (choices, message);
        else
          add_good_enc (world, choices, message, party);
      }
  if (choices_rare (choices, 8))
    tree_add (message, tree_set (tree_new ("bot"), "edit", "first"));
  return message;
}

/* ---- receipts -------------------------------------------------------------------------------- */

static Tree *
make_receipt (World *world, Choices *choices)
{
  static const char *const types[]
      = { NULL,     "delivery",    "inactive",        "read",         "played",    "read-self",
          "sender", "played-self", "enc_rekey_retry", "server-error", "hist_sync", "peer_msg",
          "view",   "nonsense" };
  Tree *receipt
      = start (world, "receipt",
               choices_rare (choices, 8) ? tree_pick_jid (choices) : pick_from (world, choices));
  Tree *list;

  tree_set (receipt, "type", PICK (choices, types));
  if (choices_rare (choices, 4))
    tree_jid (receipt, "recipient", tree_pick_jid (choices));
  if (choices_rare (choices, 6))
    tree_jid (receipt, "participant", pick_from (world, choices));
  list = tree_new ("list");
  for (guint i = choices_pick (choices, 4); i > 0; i--)
    tree_add (list, tree_set (tree_new ("item"), "id", world_pick_sent (world, choices)));
  tree_add (receipt, list);
  if (choices_rare (choices, 6))
    tree_add (
        receipt,
        tree_add (tree_set (tree_new ("participants"), "key", world_pick_sent (world, choices)),
                  tree_set_int (tree_jid (tree_new ("user"), "jid", pick_from (world, choices)),
                                "t", WORLD_NOW + 1)));
  return receipt;
}

/* The id of a receipt is the message's: the stanza has no other. */
static Tree *
make_named_receipt (World *world, Choices *choices)
{
  static const char *const types[] = { NULL, "read", "played", "read-self", "inactive" };
  WorldWho who = (WorldWho)choices_pick (choices, WORLD_N_PEOPLE);
  Tree *receipt = tree_new ("receipt");
  g_autofree char *earlier
      = g_strdup_printf ("F%06u", 1 + choices_pick (choices, MAX (world->n_ids, 1)));

  tree_jid (receipt, "from", world_jid (world, who, 0, TRUE));
  tree_set (receipt, "id",
            choices_pick (choices, 2) == 0 ? world_pick_sent (world, choices) : earlier);
  tree_set_int (receipt, "t", WORLD_NOW + 2);
  tree_set (receipt, "type", PICK (choices, types));
  if (who == WORLD_ME)
    tree_jid (receipt, "recipient",
              world_jid (world, (WorldWho)choices_pick (choices, WORLD_N_PEOPLE), 0, TRUE));
  return receipt;
}

static Tree *
make_retry (World *world, Choices *choices)
{
  WorldWho who = (WorldWho)choices_pick (choices, WORLD_N_PEOPLE);
  Party *party = world_get_party (world, who, choices_pick (choices, WORLD_DEVICES));
  const char *id = world_pick_sent (world, choices);
  Tree *receipt = tree_new ("receipt");
  Tree *retry = tree_set (tree_new ("retry"), "id", id);
  const guint8 registration[4] = { 0, 0, 4, 0xd2 };

  tree_jid (receipt, "from", world_jid (world, who, party->number, choices_pick (choices, 4) != 3));
  tree_set (tree_set (receipt, "id", id), "type", "retry");
  tree_set_int (receipt, "t", WORLD_NOW);
  tree_set (tree_set_int (retry, "count", choices_pick (choices, 7)), "v", "1");
  tree_set_int (retry, "t", WORLD_NOW);
  tree_set_int (retry, "error", choices_pick (choices, 14));
  tree_add (receipt, retry);
  if (who == WORLD_ME)
    tree_jid (receipt, "recipient", world_jid (world, WORLD_ANNA, 0, TRUE));
  if (choices_pick (choices, 2) == 0)
    world_make_bundle (&party->bundle, receipt, TRUE);
  else
    tree_add (receipt, tree_bytes (tree_new ("registration"), registration, 4));
  return receipt;
}

/* ---- notifications --------------------------------------------------------------------------- */

static Tree *
device_node (World *world, WorldWho who, guint number, gboolean lid)
{
  return tree_set (tree_jid (tree_new ("device"), "jid", world_jid (world, who, number, lid)),
                   "key-index", "1");
}

static Tree *
make_devices (World *world, Choices *choices)
{
  static const char *const changes[] = { "add", "remove", "update" };
  static const guint numbers[] = { 0, 5, 12, 13, 99 };
  WorldWho who = (WorldWho)choices_pick (choices, WORLD_N_PEOPLE);
  gboolean lid = choices_pick (choices, 2) == 0;
  Tree *notification = start (world, "notification", world_jid (world, who, 0, lid));
  Tree *change = tree_new (PICK (choices, changes));

  tree_set (notification, "type", "devices");
  if (choices_pick (choices, 2) == 0)
    tree_jid (notification, "lid", world_jid (world, who, 0, TRUE));
  tree_set (tree_set (change, "device_hash", "2:AAAAAAAA"), "device_lid_hash", "2:AAAAAAAA");
  tree_add (change, device_node (world, who, PICK (choices, numbers), lid));
  if (choices_pick (choices, 2) == 0)
    tree_add (change, world_make_indexes (world, who));
  return tree_add (notification, change);
}

static Tree *
make_encrypt (World *world, Choices *choices)
{
  static const char *const counts[] = { "0", "3", "100", "-1", "x" };
  gboolean server = choices_pick (choices, 2) == 0;
  Tree *notification
      = start (world, "notification", server ? "s.whatsapp.net" : pick_from (world, choices));

  tree_set (notification, "type", "encrypt");
  switch (choices_pick (choices, 3))
    {
    case 0:
      return tree_add (notification, tree_new ("identity"));
    case 1:
      return tree_add (notification,
                       tree_set (tree_new ("count"), "value", PICK (choices, counts)));
    default:
      return tree_add (notification, tree_new ("digest"));
    }
}

static Tree *
make_token (World *world, Choices *choices)
{
  static const char *const times[] = { "1750000000", "0", "9223372036854775807", "-5" };
  WorldWho who = (WorldWho)choices_pick (choices, WORLD_N_PEOPLE);
  Tree *notification = start (world, "notification", world_jid (world, who, 0, TRUE));
  Tree *token = tree_text (tree_set (tree_new ("token"), "type", "trusted_contact"), "a token");

  tree_set (notification, "type", "privacy_token");
  if (choices_pick (choices, 2) == 0)
    tree_jid (notification, "sender_lid", world_jid (world, who, 0, TRUE));
  tree_set (token, "t", PICK (choices, times));
  return tree_add (notification, tree_add (tree_new ("tokens"), token));
}

static Tree *
make_account_sync (World *world, Choices *choices)
{
  Tree *notification = start (world, "notification",
                              choices_pick (choices, 2) == 0 ? world_jid (world, WORLD_ME, 0, FALSE)
                                                             : pick_from (world, choices));
  Tree *devices = tree_set (tree_new ("devices"), "dhash", "2:AAAAAAAA");
  Tree *blocked = tree_set (tree_new ("blocklist"), "action", "modify");

  tree_set (notification, "type", "account_sync");
  if (choices_pick (choices, 2) == 0)
    tree_set (notification, "pushname", "Somebody");
  tree_add (devices, device_node (world, WORLD_ME, 0, FALSE));
  tree_add (devices, device_node (world, WORLD_ME, choices_pick (choices, 9), FALSE));
  tree_add (blocked, tree_set (tree_jid (tree_new ("item"), "jid", pick_from (world, choices)),
                               "action", "block"));
  tree_add (notification, devices);
  if (choices_pick (choices, 2) == 0)
    tree_add (notification, tree_new ("privacy"));
  return tree_add (notification, blocked);
}

static Tree *
make_mex (World *world, Choices *choices)
{
  static const char *const names[]
      = { "LidChangeNotification", "NotificationUserReachoutTimelockUpdate",
          "MessageCappingInfoNotification", "NotificationLinkedProfilesUpdates" };
  static const char *const texts[] = {
    "{\"data\":{\"xwa2_notify_lid_change\":{\"old\":\"200000000000002@lid\","
    "\"new\":\"200000000000022@lid\"}}}",
    "{\"data\":{\"xwa2_notify_lid_change\":{\"old\":\"100000000000001@lid\","
    "\"new\":\"400000000000004@lid\"}}}",
    "{\"data\":{\"xwa2_notify_account_reachout_timelock\":{\"is_active\":true,"
    "\"time_enforcement_ends\":\"9223372036854775807\",\"enforcement_type\":\"DEFAULT\"}}}",
    "{\"data\":{\"xwa2_notify_new_chat_messages_capping_info_update\":"
    "{\"capping_status\":\"CAPPED\",\"cycle_end_timestamp\":1750009999}}}",
    "{\"data\":{\"xwa2_notify_new_chat_messages_capping_info_update\":{\"capping_status\":\"\xff\"}"
    "}}",
    "{\"data\":{\"xwa2_notify_lid_change\":{\"old\":5,\"new\":{}}}}",
    "[",
  };
  Tree *notification
      = start (world, "notification",
               choices_pick (choices, 2) == 0 ? "s.whatsapp.net" : pick_from (world, choices));

  tree_set (notification, "type", "mex");
  return tree_add (notification,
                   tree_text (tree_set (tree_new ("update"), "op_name", PICK (choices, names)),
                              PICK (choices, texts)));
}

static Tree *
make_contacts (World *world, Choices *choices)
{
  static const char *const kinds[] = { "modify", "modify", "update", "sync", "add", "remove" };
  Tree *notification
      = start (world, "notification",
               choices_pick (choices, 2) == 0 ? "s.whatsapp.net" : pick_from (world, choices));
  Tree *child = tree_new (PICK (choices, kinds));

  tree_set (notification, "type", "contacts");
  tree_jid (child, "old", pick_from (world, choices));
  tree_jid (child, "new", pick_from (world, choices));
  tree_jid (child, "old_lid", tree_pick_jid (choices));
  tree_jid (child, "new_lid", tree_pick_jid (choices));
  return tree_add (notification, child);
}

static Tree *
make_other_notification (World *world, Choices *choices)
{
  static const char *const types[] = { "server_sync",
                                       "w:gp2",
                                       "picture",
                                       "status",
                                       "mediaretry",
                                       "newsletter",
                                       "business",
                                       "disappearing_mode",
                                       "psa",
                                       "pay",
                                       "server",
                                       "registration",
                                       "hosted",
                                       "waffle",
                                       "w:growth",
                                       "fbid:devices",
                                       "link_code_companion_reg",
                                       "companion_reg_refresh",
                                       "passkey_prologue_request",
                                       "crsc_continuation",
                                       "nonsense" };
  const char *type = PICK (choices, types);
  Tree *notification
      = start (world, "notification",
               choices_pick (choices, 2) == 0 ? "s.whatsapp.net" : pick_from (world, choices));

  tree_set (notification, "type", type);
  return tree_add (notification, tree_set (tree_set (tree_new (type), "duration", "86400"), "stage",
                                           "primary_hello"));
}

/* ---- the rest -------------------------------------------------------------------------------- */

static Tree *
make_call (World *world, Choices *choices)
{
  static const char *const kinds[]
      = { "offer", "offer_notice", "accept", "reject", "terminate", "transport", "enc_rekey" };
  const char *from = pick_from (world, choices);

  return tree_add (start (world, "call", from),
                   tree_jid (tree_set (tree_new (PICK (choices, kinds)), "call-id", "C1"),
                             "call-creator", from));
}

static Tree *
make_presence (World *world, Choices *choices)
{
  static const char *const kinds[] = { "composing", "paused", "recording", "x" };
  const char *from = pick_from (world, choices);

  if (choices_pick (choices, 2) == 0)
    return tree_set (
        tree_set (tree_jid (tree_new ("presence"), "from", from), "type", "unavailable"), "last",
        "deny");
  return tree_add (tree_jid (tree_new ("chatstate"), "from", from),
                   tree_new (PICK (choices, kinds)));
}

static Tree *
make_ib (Choices *choices)
{
  static const char *const kinds[] = { "offline_preview",
                                       "offline",
                                       "dirty",
                                       "edge_routing",
                                       "thread_metadata",
                                       "client_expiration",
                                       "downgrade_webclient",
                                       "x" };
  Tree *child = tree_new (PICK (choices, kinds));

  tree_set (tree_set (child, "count", "3"), "t", "1760000000");
  tree_set (tree_set (child, "type", "account_sync"), "timestamp", "1750000000");
  return tree_add (tree_jid (tree_new ("ib"), "from", "s.whatsapp.net"),
                   tree_add (child, tree_text (tree_new ("routing_info"), "routing")));
}

static Tree *
make_ack (World *world, Choices *choices)
{
  static const char *const errors[]
      = { NULL, NULL, "400", "421", "463", "475", "479", "503", "429", "487", "x", "-1" };
  static const char *const classes[] = { "message", "message", "message", "error", "receipt" };
  GHashTableIter iter;
  gpointer key;
  const char *id = world_pick_sent (world, choices);
  Tree *ack = tree_new ("ack");

  g_hash_table_iter_init (&iter, world->waiting);
  if (choices_pick (choices, 4) != 3 && g_hash_table_iter_next (&iter, &key, NULL))
    id = key;
  tree_set (tree_set (ack, "class", PICK (choices, classes)), "id", id);
  tree_jid (ack, "from", world_jid (world, WORLD_ANNA, 0, TRUE));
  tree_set (tree_set_int (ack, "t", WORLD_NOW), "error", PICK (choices, errors));
  if (choices_rare (choices, 6))
    tree_set (ack, "phash", "2:AAAAAAAA");
  if (choices_rare (choices, 6))
    tree_set (ack, "refresh_lid", "true");
  return ack;
}

static Tree *
make_iq (World *world, Choices *choices)
{
  static const char *const types[] = { "result", "error", "get", "set" };
  static const char *const spaces[] = { "urn:xmpp:ping", "md", "encrypt", "w:p", "x" };
  static const char *const children[] = { "ping", "pair-device", "pair-success", "count", "usync" };
  guint n = world->unanswered->len;
  Tree *iq = start (world, "iq",
                    choices_pick (choices, 2) == 0 ? "s.whatsapp.net" : pick_from (world, choices));

  if (n > 0 && choices_pick (choices, 2) == 0)
    {
      WhimNode *asked = g_ptr_array_index (world->unanswered, choices_pick (choices, n));

      tree_free (iq);
      iq = tree_jid (tree_new ("iq"), "from",
                     choices_pick (choices, 2) == 0 ? "s.whatsapp.net"
                                                    : pick_from (world, choices));
      tree_set (iq, "id", whim_node_get_attr (asked, "id"));
    }
  tree_set (iq, "type", PICK (choices, types));
  tree_set (iq, "xmlns", PICK (choices, spaces));
  return tree_add (iq,
                   tree_add (tree_new (PICK (choices, children)), tree_new ("device-identity")));
}

static Tree *
make_odd (World *world, Choices *choices)
{
  static const char *const kinds[] = { "success", "xmlstreamend", "error", "nonsense", "stream" };
  Tree *odd = start (world, PICK (choices, kinds), "s.whatsapp.net");

  return tree_jid (odd, "lid", tree_pick_jid (choices));
}

Tree *
stanza_make_end (Choices *choices)
{
  static const char *const codes[]
      = { "400", "401", "402", "403", "405", "409", "429", "500", "503", "515", "516", "x" };
  gboolean failure = choices_pick (choices, 2) == 0;
  Tree *end = tree_new (failure ? "failure" : "stream:error");

  tree_set (end, failure ? "reason" : "code", PICK (choices, codes));
  tree_set (end, "expire", "9223372036854775807");
  if (choices_rare (choices, 4))
    tree_add (end, tree_set (tree_new ("conflict"), "type",
                             choices_pick (choices, 2) == 0 ? "replaced" : "device_removed"));
  return end;
}

Tree *
stanza_make (World *world, Choices *choices)
{
  switch (choices_pick (choices, 24))
    {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      return make_message (world, choices);
    case 6:
    case 7:
      return make_receipt (world, choices);
    case 8:
    case 9:
      return make_named_receipt (world, choices);
    case 10:
    case 11:
      return make_retry (world, choices);
    case 12:
      return make_devices (world, choices);
    case 13:
      return make_encrypt (world, choices);
    case 14:
      return make_token (world, choices);
    case 15:
      return make_account_sync (world, choices);
    case 16:
      return make_mex (world, choices);
    case 17:
      return make_contacts (world, choices);
    case 18:
      return make_other_notification (world, choices);
    case 19:
      return choices_pick (choices, 2) == 0 ? make_call (world, choices)
                                            : make_presence (world, choices);
    case 20:
      return make_ib (choices);
    case 21:
      return make_ack (world, choices);
    case 22:
      return make_iq (world, choices);
    default:
      return make_odd (world, choices);
    }
}
