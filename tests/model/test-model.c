/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "model/whim-model.h"

#include <string.h>

static void
test_words (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < WHIM_N_REASONS; i++)
    {
      const char *word = whim_reason_to_word (i);

      g_assert_nonnull (word);
      g_assert_true (g_hash_table_add (seen, (gpointer)word));
      g_assert_cmpuint (whim_reason_from_word (word), ==, i);
    }
  g_hash_table_remove_all (seen);
  for (guint i = 0; i < WHIM_CHANNEL_N_STATES; i++)
    g_assert_true (g_hash_table_add (seen, (gpointer)whim_channel_state_to_word (i)));
  g_hash_table_remove_all (seen);
  for (guint i = 0; i < WHIM_MESSAGE_N_STATUSES; i++)
    {
      const char *word = whim_message_status_to_word (i);

      g_assert_true (g_hash_table_add (seen, (gpointer)word));
      g_assert_cmpuint (whim_message_status_from_word (word), ==, i);
    }
  g_assert_cmpuint (whim_message_status_from_word ("nonsense"), ==, WHIM_MESSAGE_STATUS_NONE);
  g_assert_cmpuint (whim_reason_from_word (NULL), ==, WHIM_REASON_NONE);
  g_assert_cmpstr (whim_reason_to_word (WHIM_REASON_PAIRING_TIMEOUT), ==, "pairing_timeout");
}

static WhimMessage *
sample (void)
{
  WhimMessage *message = whim_message_new ();

  message->id = g_strdup ("3EB0AA");
  message->chat_lid = g_strdup ("111@lid");
  message->chat_pn = g_strdup ("4670@s.whatsapp.net");
  message->sender_lid = g_strdup ("111@lid");
  message->kind = g_strdup ("text");
  message->body = g_strdup ("hi");
  message->timestamp = 17;
  message->content = g_bytes_new_static ("x", 1);
  return message;
}

static void
test_message (void)
{
  g_autoptr (WhimMessage) message = sample ();
  g_autoptr (WhimMessage) copy = whim_message_copy (message);
  g_autoptr (GVariant) shown = g_variant_ref_sink (whim_message_to_variant (copy));
  g_autofree char *text = g_variant_print (shown, FALSE);
  g_autoptr (GVariant) expected = g_variant_parse (
      G_VARIANT_TYPE_VARDICT,
      "{'id': <'3EB0AA'>, 'chatId': <'4670@s.whatsapp.net'>, 'chatLid': <'111@lid'>, "
      "'fromMe': <false>, 'timestamp': <int64 17>, 'type': <'text'>, 'body': <'hi'>, "
      "'from': <'111@lid'>, 'fromLid': <'111@lid'>}",
      NULL, NULL, NULL);
  GVariantDict a;
  GVariantDict b;

  g_variant_dict_init (&a, shown);
  g_variant_dict_init (&b, expected);
  g_assert_cmpuint (g_variant_n_children (shown), ==, g_variant_n_children (expected));
  for (gsize i = 0; i < g_variant_n_children (expected); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (expected, i);
      g_autoptr (GVariant) found = NULL;
      g_autoptr (GVariant) value = NULL;
      const char *name;

      g_variant_get (entry, "{&sv}", &name, &value);
      found = g_variant_dict_lookup_value (&a, name, NULL);
      g_assert_nonnull (found);
      g_assert_true (g_variant_equal (found, value));
    }
  g_variant_dict_clear (&a);
  g_variant_dict_clear (&b);
  g_assert_null (strstr (text, "content"));
}

static void
test_message_from_me (void)
{
  g_autoptr (WhimMessage) message = sample ();
  g_autoptr (GVariant) shown = NULL;
  const char *to = NULL;
  const char *status = NULL;

  g_clear_pointer (&message->sender_lid, g_free);
  message->from_me = TRUE;
  message->status = WHIM_MESSAGE_STATUS_SENT;
  shown = g_variant_ref_sink (whim_message_to_variant (message));
  g_assert_true (g_variant_lookup (shown, "to", "&s", &to));
  g_assert_cmpstr (to, ==, "4670@s.whatsapp.net");
  g_assert_true (g_variant_lookup (shown, "status", "&s", &status));
  g_assert_cmpstr (status, ==, "sent");
  g_assert_false (g_variant_lookup (shown, "from", "&s", &to));
}

static void
test_chat (void)
{
  static const struct
  {
    const char *jid;
    const char *type;
  } rows[] = {
    { "4670@s.whatsapp.net", "contact" }, { "111@lid", "contact" },
    { "12036304@g.us", "group" },         { "12036304@newsletter", "newsletter" },
    { "status@broadcast", "broadcast" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (WhimChat) chat = whim_chat_new ();
      g_autoptr (WhimJid) jid = whim_jid_parse (rows[i].jid, NULL);
      g_autoptr (GVariant) shown = NULL;
      const char *value;

      g_assert_nonnull (jid);
      whim_chat_assign_jid (jid, &chat->lid, &chat->pn, &chat->jid);
      chat->unread = 2;
      chat->last_message = sample ();
      shown = g_variant_ref_sink (whim_chat_to_variant (chat));
      g_assert_true (g_variant_lookup (shown, "id", "&s", &value));
      g_assert_cmpstr (value, ==, rows[i].jid);
      g_assert_true (g_variant_lookup (shown, "type", "&s", &value));
      g_assert_cmpstr (value, ==, rows[i].type);
    }
}

static void
test_event (void)
{
  g_autoptr (WhimEvent) event
      = whim_event_new ("ch_1", "channel.status", 5, g_variant_new_parsed ("{'a': <1>}"));

  g_assert_true (g_str_has_prefix (event->id, "evt_"));
  g_assert_cmpint (event->timestamp, ==, 5);
  g_assert_true (g_variant_is_of_type (event->data, G_VARIANT_TYPE_VARDICT));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/model/words", test_words);
  g_test_add_func ("/model/message", test_message);
  g_test_add_func ("/model/message-from-me", test_message_from_me);
  g_test_add_func ("/model/chat", test_chat);
  g_test_add_func ("/model/event", test_event);
  return g_test_run ();
}
