/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "content/whim-content.h"
#include "crypto/whim-crypto.h"

#define ID_HASH_BYTES 9u
#define PHASH_BYTES 6u

char *
whim_message_id_new (gint64 unix_now, const char *own_user)
{
  WhimWriter writer;
  g_autoptr (GBytes) seed = NULL;
  g_autofree char *hex = NULL;
  guint8 chance[16];
  guint8 digest[32];

  whim_random_bytes (chance, sizeof chance);
  whim_writer_init (&writer, 64);
  whim_writer_u64 (&writer, (guint64)unix_now);
  whim_writer_put_string (&writer, own_user);
  whim_writer_put_string (&writer, "@c.us");
  whim_writer_put (&writer, chance, sizeof chance);
  seed = whim_writer_end (&writer);
  whim_sha256 (g_bytes_get_data (seed, NULL), g_bytes_get_size (seed), digest);
  hex = whim_hex_encode (digest, ID_HASH_BYTES);
  for (char *c = hex; *c != '\0'; c++)
    *c = g_ascii_toupper (*c);
  return g_strconcat ("3EB0", hex, NULL);
}

static gint
compare_texts (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(char *const *)a, *(char *const *)b);
}

char *
whim_phash (GPtrArray *devices)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) joined = g_string_new (NULL);
  g_autofree char *base64 = NULL;
  guint8 digest[32];

  for (guint i = 0; i < devices->len; i++)
    {
      WhimJid *jid = g_ptr_array_index (devices, i);

      g_ptr_array_add (
          texts, g_strdup_printf ("%s.0:%u@%s", whim_jid_get_user (jid), whim_jid_get_device (jid),
                                  whim_jid_get_server_text (whim_jid_get_server (jid))));
    }
  g_ptr_array_sort (texts, compare_texts);
  for (guint i = 0; i < texts->len; i++)
    g_string_append (joined, g_ptr_array_index (texts, i));
  whim_sha256 (joined->str, joined->len, digest);
  base64 = g_base64_encode (digest, PHASH_BYTES);
  return g_strconcat ("2:", base64, NULL);
}
