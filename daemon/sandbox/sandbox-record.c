/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-util.h"
#include "crypto/whim-crypto.h"
#include "sandbox/sandbox.h"

/* What was seen: counts, violations, a line for each stanza. Bounded, so that a soak of the clients
 * is none of the sandbox. */

#define MAX_LOG 20000u
#define MAX_SENT 20000u /* of one device */
#define MAX_KEYS 60000u /* likewise */
#define KEY_SHOWN 5u    /* bytes of a ratchet key in the log */

typedef struct
{
  guint8 hash[32];
  guint connection;
  guint asked; /* retry receipts that are not answered */
} Recorded;

void
sandbox_count (Sandbox *self, const char *name)
{
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, name));

  g_hash_table_replace (self->counts, g_strdup (name), GUINT_TO_POINTER (count + 1));
  sandbox_control_check (self);
}

void
sandbox_count_most (Sandbox *self, const char *name, guint value)
{
  if (value > GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, name)))
    g_hash_table_replace (self->counts, g_strdup (name), GUINT_TO_POINTER (value));
}

void
sandbox_violation (Sandbox *self, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (self->violations, g_strdup_vprintf (format, args));
  va_end (args);
}

void
sandbox_unexpected (Sandbox *self, const char *what)
{
  g_ptr_array_add (self->unexpected, g_strdup (what));
}

static gboolean
peek_key (Sandbox *self, WhimNode *enc, guint8 ratchet_key[WHIM_KEY_SIZE], guint32 *counter)
{
  gsize len = 0;
  const guint8 *bytes = whim_node_get_content (enc, &len);
  WhimSignalType type = whim_node_attr_equals (enc, "type", "pkmsg") ? WHIM_SIGNAL_TYPE_PKMSG
                                                                     : WHIM_SIGNAL_TYPE_MSG;

  return bytes != NULL
         && whim_signal_peek_message_key (self->signal, type, bytes, len, ratchet_key, counter);
}

static void
append_encs (Sandbox *self, GString *line, WhimNode *node)
{
  WHIM_FOREACH_CHILD (node, child)
    {
      guint8 ratchet_key[WHIM_KEY_SIZE];
      guint32 counter;

      if (whim_node_is (child, "enc"))
        {
          g_string_append_printf (line, " enc:%s", whim_node_get_attr (child, "type"));
          if (!peek_key (self, child, ratchet_key, &counter))
            continue;
          g_string_append_c (line, '(');
          for (guint i = 0; i < KEY_SHOWN; i++)
            g_string_append_printf (line, "%02x", ratchet_key[i]);
          g_string_append_printf (line, "+%u)", counter);
        }
      else if (whim_node_is (child, "participants") || whim_node_is (child, "to"))
        append_encs (self, line, child);
      else
        g_string_append_printf (line, " %s", whim_node_get_tag (child));
    }
}

static void
count_encs (Sandbox *self, WhimNode *node)
{
  WHIM_FOREACH_CHILD (node, child)
    {
      if (whim_node_is (child, "enc"))
        {
          g_autofree char *name = g_strconcat ("enc:", whim_node_get_attr (child, "type"), NULL);

          sandbox_count (self, name);
        }
      else
        count_encs (self, child);
    }
}

void
sandbox_record_in (Sandbox *self, Connection *connection, WhimNode *node)
{
  GString *line = g_string_new (NULL);
  const char *type = whim_node_get_attr (node, "type");
  g_autofree char *name = NULL;

  if (connection->device != NULL)
    g_string_append_printf (line, "%s:%u ", connection->device->account->pn,
                            connection->device->number);
  g_string_append_printf (line, "%s id=%s type=%s", whim_node_get_tag (node),
                          whim_node_get_attr (node, "id"), type);
  append_encs (self, line, node);
  if (self->log->len >= MAX_LOG)
    g_ptr_array_remove_range (self->log, 0, MAX_LOG / 2);
  g_ptr_array_add (self->log, g_string_free (line, FALSE));
  if (whim_node_is (node, "iq"))
    return; /* counted with what it asks */
  name = type == NULL ? g_strdup (whim_node_get_tag (node))
                      : g_strdup_printf ("%s:%s", whim_node_get_tag (node), type);
  sandbox_count (self, name);
  if (whim_node_is (node, "message"))
    {
      sandbox_count (self, "messages");
      count_encs (self, node);
    }
}

/* A ratchet that went back seals two texts with one key. The same bytes again are no second text.
 */
static void
record_key (Device *device, WhimNode *enc)
{
  Sandbox *self = device->account->sandbox;
  guint8 ratchet_key[WHIM_KEY_SIZE];
  guint8 hash[32];
  guint32 counter;
  gsize len = 0;
  const guint8 *bytes = whim_node_get_content (enc, &len);
  g_autofree char *hex = NULL;
  g_autofree char *key = NULL;
  g_autoptr (GBytes) sealed = NULL;
  GBytes *before;

  if (!peek_key (self, enc, ratchet_key, &counter))
    return;
  hex = whim_hex_encode (ratchet_key, sizeof ratchet_key);
  key = g_strdup_printf ("%s %u", hex, counter);
  whim_sha256 (bytes, len, hash);
  sealed = g_bytes_new (hash, sizeof hash);
  before = g_hash_table_lookup (device->keys_used, key);
  if (before == NULL)
    {
      if (g_hash_table_size (device->keys_used) >= MAX_KEYS)
        g_hash_table_remove_all (device->keys_used);
      g_hash_table_insert (device->keys_used, g_steal_pointer (&key), g_steal_pointer (&sealed));
    }
  else if (!g_bytes_equal (before, sealed))
    {
      device->keys_used_twice++;
      sandbox_count (self, "keys-used-twice");
    }
}

void
sandbox_record_keys (Device *device, WhimNode *node)
{
  WHIM_FOREACH_CHILD (node, child)
    {
      if (whim_node_is (child, "enc"))
        record_key (device, child);
      else
        sandbox_record_keys (device, child);
    }
}

void
sandbox_record_retry (Device *device, WhimNode *receipt)
{
  const char *id = whim_node_get_attr (receipt, "id");
  Recorded *known = id == NULL ? NULL : g_hash_table_lookup (device->sent, id);

  if (known != NULL)
    known->asked++;
}

gboolean
sandbox_record_message (Sandbox *self, Device *device, WhimNode *node)
{
  const char *id = whim_node_get_attr (node, "id");
  g_autoptr (GBytes) bytes = whim_node_encode (node);
  Recorded *known = g_hash_table_lookup (device->sent, id);
  guint8 hash[32];

  whim_sha256 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), hash);
  if (known == NULL)
    {
      known = g_new0 (Recorded, 1);
      known->connection = device->connection->number;
      for (guint i = 0; i < sizeof hash; i++)
        known->hash[i] = hash[i];
      if (device->sent_ids.length >= MAX_SENT)
        g_hash_table_remove (device->sent, g_queue_pop_head (&device->sent_ids));
      g_queue_push_tail (&device->sent_ids, g_strdup (id));
      g_hash_table_insert (device->sent, g_queue_peek_tail (&device->sent_ids), known);
      return TRUE;
    }
  if (known->asked > 0 && !whim_bytes_equal_constant_time (known->hash, hash, sizeof hash))
    {
      known->asked--;
      sandbox_count (self, "retry-answers");
      return TRUE;
    }
  sandbox_count (self, "repeats");
  if (!whim_bytes_equal_constant_time (known->hash, hash, sizeof hash))
    sandbox_violation (self, "message %s came again with other bytes", id);
  else if (known->connection == device->connection->number)
    sandbox_violation (self, "message %s came again without a reconnect", id);
  known->connection = device->connection->number;
  return FALSE;
}

void
sandbox_record_reset (Sandbox *self)
{
  g_hash_table_remove_all (self->counts);
  g_ptr_array_set_size (self->log, 0);
  g_ptr_array_set_size (self->violations, 0);
  g_ptr_array_set_size (self->unexpected, 0);
}
