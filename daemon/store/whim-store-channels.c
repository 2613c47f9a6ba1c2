/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

#include "base/whim-util.h"

WhimChannelRecord *
whim_channel_record_new (void)
{
  return g_new0 (WhimChannelRecord, 1);
}

void
whim_channel_record_free (WhimChannelRecord *self)
{
  if (self == NULL)
    return;
  g_free (self->id);
  g_free (self->name);
  g_free (self->department);
  g_free (self->settings);
  g_free (self->rest_detail);
  g_clear_pointer (&self->credentials, whim_credentials_free);
  g_free (self);
}

void
whim_unit_put_channel (WhimUnit *self, const WhimChannelRecord *record)
{
  whim_unit_add (self, WHIM_SQL_PUT_CHANNEL, whim_value_int (record->number),
                 whim_value_text (record->id), whim_value_text (record->name),
                 whim_value_text (record->department), whim_value_int (record->auto_connect),
                 whim_value_int (record->created_at), whim_value_text (record->settings),
                 whim_value_text (whim_reason_to_word (record->rest_reason)),
                 whim_value_text (record->rest_detail));
}

void
whim_unit_delete_channel (WhimUnit *self)
{
  whim_unit_add (self, WHIM_SQL_DELETE_CHANNEL, whim_unit_channel_value (self));
  whim_unit_mark_erasing (self);
}

void
whim_unit_delete_session (WhimUnit *self)
{
  static const WhimStatement statements[] = {
    WHIM_SQL_DELETE_CREDENTIALS,          WHIM_SQL_DELETE_ALL_SIGNAL,
    WHIM_SQL_DELETE_ALL_DEVICE_LISTS,     WHIM_SQL_DELETE_ALL_OUTBOX,
    WHIM_SQL_DELETE_ALL_PAIRING_MATERIAL, WHIM_SQL_DELETE_ALL_REPAIRS,
    WHIM_SQL_DELETE_ALL_ANSWERS,          WHIM_SQL_DELETE_ALL_TOKENS,
    WHIM_SQL_DELETE_ALL_RESTRICTIONS,
  };

  whim_unit_add (self, WHIM_SQL_FAIL_ALL_OUTBOX, whim_unit_channel_value (self),
                 whim_value_text ("logged_out"));
  for (guint i = 0; i < G_N_ELEMENTS (statements); i++)
    whim_unit_add (self, statements[i], whim_unit_channel_value (self));
  whim_unit_mark_erasing (self);
}

static WhimValue
jid_value (const WhimJid *jid)
{
  return whim_value_text (jid == NULL ? NULL : whim_jid_get_text (jid));
}

void
whim_unit_put_credentials (WhimUnit *self, const WhimCredentials *credentials)
{
  g_autoptr (GBytes) signature
      = g_bytes_new (credentials->signed_prekey_signature, WHIM_SIGNATURE_SIZE);

  whim_unit_add (
      self, WHIM_SQL_PUT_CREDENTIALS, whim_unit_channel_value (self),
      whim_value_secret (whim_key_pair_get_private (credentials->noise)),
      whim_value_secret (whim_key_pair_get_private (credentials->identity)),
      whim_value_int (credentials->registration_id), whim_value_int (credentials->signed_prekey_id),
      whim_value_secret (whim_key_pair_get_private (credentials->signed_prekey)),
      whim_value_int (credentials->signed_prekey_made_at), whim_value_bytes (signature),
      whim_value_secret (credentials->adv_secret), whim_value_int (credentials->next_prekey_id),
      whim_value_int (credentials->prekeys_uploaded), jid_value (credentials->pn),
      jid_value (credentials->lid), whim_value_bytes (credentials->device_identity),
      whim_value_int (credentials->key_index), whim_value_text (credentials->platform),
      whim_value_text (credentials->business_name), whim_value_text (credentials->push_name),
      whim_value_int (credentials->login_count), whim_value_bytes (credentials->noise_root),
      whim_value_bytes (credentials->routing_info));
}

static WhimKeyPair *
read_key_pair (WhimCursor *cursor, int column)
{
  g_autoptr (WhimSecret) secret = whim_cursor_dup_secret (cursor, column);

  if (secret == NULL || whim_secret_get_size (secret) != WHIM_KEY_SIZE)
    return NULL;
  return whim_key_pair_new_from_private (secret);
}

static WhimJid *
read_jid (WhimCursor *cursor, int column)
{
  const char *text = whim_cursor_get_text (cursor, column);

  return text == NULL ? NULL : whim_jid_parse (text, NULL);
}

/* Where the columns of the credentials begin in WHIM_SQL_LIST_CHANNELS; the one before is NULL
 * where there are none. */
enum
{
  COLUMN_NOISE = 10,
  COLUMN_IDENTITY,
  COLUMN_REGISTRATION_ID,
  COLUMN_SIGNED_PREKEY_ID,
  COLUMN_SIGNED_PREKEY,
  COLUMN_SIGNED_PREKEY_MADE_AT,
  COLUMN_SIGNED_PREKEY_SIGNATURE,
  COLUMN_ADV_SECRET,
  COLUMN_NEXT_PREKEY_ID,
  COLUMN_PREKEYS_UPLOADED,
  COLUMN_PN,
  COLUMN_LID,
  COLUMN_DEVICE_IDENTITY,
  COLUMN_KEY_INDEX,
  COLUMN_PLATFORM,
  COLUMN_BUSINESS_NAME,
  COLUMN_PUSH_NAME,
  COLUMN_LOGIN_COUNT,
  COLUMN_NOISE_ROOT,
  COLUMN_ROUTING_INFO,
};

static WhimCredentials *
read_credentials (WhimCursor *cursor, GError **error)
{
  g_autoptr (WhimCredentials) credentials = whim_credentials_new_empty ();
  g_autoptr (GBytes) signature = whim_cursor_dup_bytes (cursor, COLUMN_SIGNED_PREKEY_SIGNATURE);

  credentials->noise = read_key_pair (cursor, COLUMN_NOISE);
  credentials->identity = read_key_pair (cursor, COLUMN_IDENTITY);
  credentials->registration_id = (guint32)whim_cursor_get_int (cursor, COLUMN_REGISTRATION_ID);
  credentials->signed_prekey_id = (guint32)whim_cursor_get_int (cursor, COLUMN_SIGNED_PREKEY_ID);
  credentials->signed_prekey = read_key_pair (cursor, COLUMN_SIGNED_PREKEY);
  credentials->signed_prekey_made_at = whim_cursor_get_int (cursor, COLUMN_SIGNED_PREKEY_MADE_AT);
  credentials->adv_secret = whim_cursor_dup_secret (cursor, COLUMN_ADV_SECRET);
  credentials->next_prekey_id = (guint32)whim_cursor_get_int (cursor, COLUMN_NEXT_PREKEY_ID);
  credentials->prekeys_uploaded = whim_cursor_get_int (cursor, COLUMN_PREKEYS_UPLOADED) != 0;
  credentials->pn = read_jid (cursor, COLUMN_PN);
  credentials->lid = read_jid (cursor, COLUMN_LID);
  credentials->device_identity = whim_cursor_dup_bytes (cursor, COLUMN_DEVICE_IDENTITY);
  credentials->key_index = (guint32)whim_cursor_get_int (cursor, COLUMN_KEY_INDEX);
  credentials->platform = whim_cursor_dup_text (cursor, COLUMN_PLATFORM);
  credentials->business_name = whim_cursor_dup_text (cursor, COLUMN_BUSINESS_NAME);
  credentials->push_name = whim_cursor_dup_text (cursor, COLUMN_PUSH_NAME);
  credentials->login_count = (guint32)whim_cursor_get_int (cursor, COLUMN_LOGIN_COUNT);
  credentials->noise_root = whim_cursor_dup_bytes (cursor, COLUMN_NOISE_ROOT);
  credentials->routing_info = whim_cursor_dup_bytes (cursor, COLUMN_ROUTING_INFO);
  if (credentials->noise == NULL || credentials->identity == NULL
      || credentials->signed_prekey == NULL || credentials->adv_secret == NULL || signature == NULL
      || g_bytes_get_size (signature) != WHIM_SIGNATURE_SIZE)
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CORRUPT,
                           "the credentials of a channel cannot be read");
      return NULL;
    }
  whim_copy (credentials->signed_prekey_signature, g_bytes_get_data (signature, NULL),
             WHIM_SIGNATURE_SIZE);
  return g_steal_pointer (&credentials);
}

static WhimChannelRecord *
read_channel (WhimCursor *cursor, GError **error)
{
  g_autoptr (WhimChannelRecord) record = whim_channel_record_new ();

  record->number = whim_cursor_get_int (cursor, 0);
  record->id = whim_cursor_dup_text (cursor, 1);
  record->name = whim_cursor_dup_text (cursor, 2);
  record->department = whim_cursor_dup_text (cursor, 3);
  record->auto_connect = whim_cursor_get_int (cursor, 4) != 0;
  record->created_at = whim_cursor_get_int (cursor, 5);
  record->settings = whim_cursor_dup_text (cursor, 6);
  record->rest_reason = whim_reason_from_word (whim_cursor_get_text (cursor, 7));
  record->rest_detail = whim_cursor_dup_text (cursor, 8);
  if (whim_cursor_get_int (cursor, COLUMN_NOISE - 1) == 0)
    return g_steal_pointer (&record);
  record->credentials = read_credentials (cursor, error);
  return record->credentials == NULL ? NULL : g_steal_pointer (&record);
}

GPtrArray *
whim_store_load_channels (WhimStore *self, GError **error)
{
  g_autoptr (GPtrArray) records
      = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_channel_record_free);
  WhimCursor cursor;
  gboolean ok = TRUE;

  whim_db_query0 (whim_store_get_main_db (self), &cursor, WHIM_SQL_LIST_CHANNELS);
  while (ok && whim_cursor_next (&cursor))
    {
      WhimChannelRecord *record = read_channel (&cursor, error);

      ok = record != NULL;
      if (ok)
        g_ptr_array_add (records, record);
    }
  return whim_cursor_end (&cursor, ok ? error : NULL) && ok ? g_steal_pointer (&records) : NULL;
}

/* ---- numbers of the daemon as a whole -------------------------------------------------------- */

void
whim_unit_raise_number (WhimUnit *self, const char *name, gint64 value)
{
  whim_unit_add (self, WHIM_SQL_RAISE_META, whim_value_text (name), whim_value_int (value));
}

gint64
whim_store_read_number (WhimStore *self, const char *name)
{
  gint64 value = 0;

  if (!whim_db_get_int (whim_store_get_main_db (self), NULL, &value, 0, WHIM_SQL_GET_META,
                        whim_value_text (name)))
    return 0;
  return value;
}
