/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/handlers-world.h"

#include "base/whim-writer.h"
#include "messaging/whim-messenger-private.h"
#include "proto/whim-proto.h"

#include <string.h>

/* What the server says when it is asked; not always, and not always right. */

static Tree *
make_key (const char *tag, guint32 id, const guint8 *value, const guint8 *signature)
{
  const guint8 id_bytes[3] = { (guint8)(id >> 16), (guint8)(id >> 8), (guint8)id };
  Tree *key = tree_new (tag);

  tree_add (key, tree_bytes (tree_new ("id"), id_bytes, sizeof id_bytes));
  tree_add (key, tree_bytes (tree_new ("value"), value, WHIM_KEY_SIZE));
  if (signature != NULL)
    tree_add (key, tree_bytes (tree_new ("signature"), signature, WHIM_SIGNATURE_SIZE));
  return key;
}

Tree *
world_make_bundle (const WhimSignalBundle *bundle, Tree *holder, gboolean keys)
{
  Tree *inner = keys ? tree_new ("keys") : holder;
  guint8 registration[4];

  whim_write_u32_be (registration, bundle->registration_id);
  tree_add (holder, tree_bytes (tree_new ("registration"), registration, sizeof registration));
  tree_add (inner, tree_bytes (tree_new ("type"), "\5", 1));
  tree_add (inner, tree_bytes (tree_new ("identity"), bundle->identity, WHIM_KEY_SIZE));
  tree_add (inner, make_key ("skey", bundle->signed_prekey_id, bundle->signed_prekey,
                             bundle->signed_prekey_signature));
  if (bundle->has_prekey)
    tree_add (inner, make_key ("key", bundle->prekey_id, bundle->prekey, NULL));
  return keys ? tree_add (holder, inner) : holder;
}

Tree *
world_make_indexes (World *self, WorldWho who)
{
  Wa__ADVKeyIndexList list = WA__ADVKEY_INDEX_LIST__INIT;
  Wa__ADVSignedKeyIndexList signed_list = WA__ADVSIGNED_KEY_INDEX_LIST__INIT;
  guint32 indexes[] = { 0, 1, 2, 3 };
  guint8 signature[WHIM_SIGNATURE_SIZE];
  g_autoptr (GBytes) details = NULL;
  g_autoptr (GBytes) message = NULL;
  g_autoptr (GBytes) packed = NULL;
  WhimWriter writer;
  Tree *tree = tree_set_int (tree_new ("key-index-list"), "ts", WORLD_NOW);

  list.has_rawid = list.has_timestamp = list.has_currentindex = TRUE;
  list.rawid = 100 + (guint32)who;
  list.timestamp = (guint64)WORLD_NOW;
  list.currentindex = 3;
  list.n_validindexes = G_N_ELEMENTS (indexes);
  list.validindexes = indexes;
  details = whim_proto_pack (&list);
  whim_writer_init (&writer, 128);
  whim_writer_put (&writer, "\6\2", 2);
  whim_writer_put_bytes (&writer, details);
  message = whim_writer_end (&writer);
  whim_xeddsa_sign (self->people[who].account, g_bytes_get_data (message, NULL),
                    g_bytes_get_size (message), signature);
  signed_list.has_details = signed_list.has_accountsignature = TRUE;
  signed_list.has_accountsignaturekey = TRUE;
  signed_list.details = whim_proto_data_bytes (details);
  signed_list.accountsignature = whim_proto_data (signature, sizeof signature);
  signed_list.accountsignaturekey
      = whim_proto_data (whim_key_pair_get_public (self->people[who].account), WHIM_KEY_SIZE);
  packed = whim_proto_pack (&signed_list);
  return tree_bytes (tree, g_bytes_get_data (packed, NULL), g_bytes_get_size (packed));
}

static Tree *
answer_user (World *self, WhimNode *asked)
{
  WhimNode *contact = whim_node_find_child (asked, "contact");
  g_autofree char *digits = contact == NULL ? NULL : whim_node_dup_content_text (contact);
  WhimJid *jid = whim_node_get_attr_jid (asked, "jid");
  gint who = world_find (self, jid);
  Tree *user = tree_new ("user");
  Tree *list = tree_new ("device-list");

  for (guint i = 0; jid == NULL && digits != NULL && i < WORLD_N_PEOPLE; i++)
    if (strcmp (digits + (digits[0] == '+'), self->people[i].pn) == 0)
      who = (gint)i;
  if (jid != NULL)
    tree_jid (user, "jid", whim_jid_get_text (jid));
  else if (who >= 0)
    tree_jid (user, "jid", world_jid (self, (WorldWho)who, 0, FALSE));
  if (contact != NULL)
    tree_add (user, tree_set (tree_new ("contact"), "type", who >= 0 ? "in" : "out"));
  if (who < 0)
    {
      tree_free (list);
      return user;
    }
  for (guint i = 0; i < self->people[who].n_parties; i++)
    {
      guint number = self->people[who].parties[i].number;
      Tree *device = tree_set_int (tree_new ("device"), "id", number);

      if (number != 0)
        tree_set_int (device, "key-index", i);
      if (number == WHIM_HOSTED_DEVICE)
        tree_set (device, "is_hosted", "true");
      tree_add (list, device);
    }
  if (who == WORLD_ME)
    tree_add (list, tree_set (tree_set_int (tree_new ("device"), "id", WORLD_OWN_DEVICE),
                              "key-index", "2"));
  tree_add (user, tree_jid (tree_new ("lid"), "val", world_jid (self, (WorldWho)who, 0, TRUE)));
  return tree_add (user, tree_add (tree_add (tree_new ("devices"), list),
                                   world_make_indexes (self, (WorldWho)who)));
}

static Tree *
answer_usync (World *self, WhimNode *usync)
{
  WhimNode *list = whim_node_find_child (usync, "list");
  Tree *users = tree_new ("list");

  for (guint i = 0; list != NULL && i < whim_node_get_n_children (list); i++)
    tree_add (users, answer_user (self, whim_node_get_child (list, i)));
  return tree_add (tree_add (tree_new ("usync"), tree_new ("result")), users);
}

static Tree *
answer_keys (World *self, WhimNode *key)
{
  Tree *list = tree_new ("list");

  WHIM_FOREACH_CHILD (key, asked)
    {
      WhimJid *jid = whim_node_get_attr_jid (asked, "jid");
      gint who = world_find (self, jid);
      Tree *user = tree_new ("user");

      if (jid != NULL)
        tree_jid (user, "jid", whim_jid_get_text (jid));
      for (guint i = 0; who >= 0 && i < self->people[who].n_parties; i++)
        if (self->people[who].parties[i].number == whim_jid_get_device (jid))
          {
            world_make_bundle (&self->people[who].parties[i].bundle, user, FALSE);
            self->people[who].parties[i].bundle.has_prekey = FALSE;
          }
      tree_add (list, user);
    }
  return list;
}

static Tree *
answer_digest (World *self)
{
  static const guint8 zeros[WHIM_KEYS_DIGEST_SIZE];
  Tree *list = tree_new ("list");

  for (guint8 id = 1; id < 4; id++)
    {
      const guint8 bytes[3] = { 0, 0, id };

      tree_add (list, tree_bytes (tree_new ("id"), bytes, sizeof bytes));
    }
  return tree_add (tree_add (tree_new ("digest"), list),
                   tree_bytes (tree_new ("hash"), zeros, sizeof zeros));
}

static Tree *
answer_mex (Choices *choices)
{
  static const char *const texts[] = {
    "{\"data\":{\"xwa2_fetch_account_reachout_timelock\":null}}",
    "{\"data\":{\"xwa2_fetch_account_reachout_timelock\":{\"is_active\":true,"
    "\"time_enforcement_ends\":\"1750000300\",\"enforcement_type\":\"DEFAULT\"}}}",
    "{\"data\":{\"xwa2_message_capping_info\":{\"capping_status\":\"CAPPED\","
    "\"cycle_end_timestamp\":\"9223372036854775807\"}}}",
    "{\"data\":{\"xwa2_message_capping_info\":{\"capping_status\":1}}}",
    "{\"data\":[",
    "",
  };

  return tree_text (tree_new ("result"), texts[choices_pick (choices, G_N_ELEMENTS (texts))]);
}

static Tree *
make_content (World *self, WhimNode *iq, Choices *choices)
{
  WhimNode *child = whim_node_get_n_children (iq) > 0 ? whim_node_get_child (iq, 0) : NULL;

  if (child == NULL)
    return NULL;
  if (whim_node_is (child, "usync"))
    return answer_usync (self, child);
  if (whim_node_is (child, "key"))
    return answer_keys (self, child);
  if (whim_node_is (child, "count"))
    return tree_set (tree_new ("count"), "value", "20");
  if (whim_node_is (child, "digest"))
    return answer_digest (self);
  if (whim_node_is (child, "query"))
    return answer_mex (choices);
  return NULL;
}

/* Decided by the number of the request alone, so that it does not matter which thread was first. */
static void
fill (World *self, guint8 *bytes, gsize len)
{
  guint64 state = (self->seed + 1) * 6364136223846793005u + self->n_answers * 1442695040888963407u;

  for (gsize i = 0; i < len; i++)
    {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      bytes[i] = (guint8)(state >> 24);
    }
}

Tree *
world_answer (World *self, WhimNode *iq)
{
  static const gint64 codes[] = { 400, 401, 404, 406, 429, 500, 503, -1 };
  guint8 bytes[64];
  Choices choices = { bytes, sizeof bytes, 0 };
  Tree *answer = tree_jid (tree_new ("iq"), "from", "s.whatsapp.net");
  Tree *content;
  guint mood;

  self->n_answers++;
  if (self->silent)
    {
      tree_free (answer);
      return NULL;
    }
  fill (self, bytes, sizeof bytes);
  mood = self->calm ? 0 : choices_pick (&choices, 12);
  tree_set (answer, "id", whim_node_get_attr (iq, "id"));
  if (mood == 11)
    {
      tree_free (answer);
      return NULL;
    }
  if (mood == 10)
    return tree_add (tree_set (answer, "type", "error"),
                     tree_set_int (tree_new ("error"), "code", codes[choices_pick (&choices, 8)]));
  content = make_content (self, iq, &choices);
  tree_set (answer, "type", "result");
  if (content != NULL)
    tree_add (answer, content);
  for (guint i = 0; mood > 6 && i <= choices_pick (&choices, 3); i++)
    tree_mutate (answer, &choices);
  return answer;
}
