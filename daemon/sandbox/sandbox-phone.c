/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"
#include "base/whim-reader.h"
#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "proto/whim-proto.h"
#include "sandbox/sandbox.h"

#include <string.h>
#include <zlib.h>

/* The virtual phone: device 0 of its account, or the one device of the soul of a hosted one. Its
 * messages go through the same router as those of linked devices; its keys are of the same library.
 */

#define N_PREKEYS 100u
#define FIRST_PRIVATE_PREKEY 10000u /* for retry receipts; never uploaded */
#define MAX_RETRIES 4u
#define MAX_TYPED 1000u

/* What the phone sent to a chat, for those who cannot read it. */
typedef struct
{
  Account *to;
  GBytes *content;
  GBytes *sent; /* the same for own companions */
} Typed;

static void
typed_free (gpointer data)
{
  Typed *typed = data;

  g_bytes_unref (typed->content);
  g_bytes_unref (typed->sent);
  g_free (typed);
}

/* The phone's cache is its whole store: what is not in it does not exist. */
static void
know (Account *self, const char *name, guint device)
{
  g_autofree char *key = whim_signal_address (name, device);

  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_SESSION, key, NULL);
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_IDENTITY, key, NULL);
}

void
sandbox_phone_init (Account *self)
{
  Device *phone = g_ptr_array_index (self->devices, 0);
  WhimSignalContext *context = self->sandbox->signal;
  g_autoptr (GPtrArray) prekeys = whim_signal_generate_prekeys (context, 1, N_PREKEYS);
  g_autoptr (WhimKeyPair) pair = whim_key_pair_new ();
  g_autoptr (WhimSignalPrekey) signed_prekey = NULL;
  guint8 point[33] = { 5 };

  phone->registration_id = 1 + whim_random_below (16380);
  whim_copy (phone->identity, whim_key_pair_get_public (self->identity), WHIM_KEY_SIZE);
  whim_copy (point + 1, whim_key_pair_get_public (pair), WHIM_KEY_SIZE);
  whim_xeddsa_sign (self->identity, point, sizeof point, phone->skey_signature);
  signed_prekey = whim_signal_make_signed_prekey (context, pair, 1, sandbox_now () * 1000,
                                                  phone->skey_signature);
  phone->skey_id = 1;
  whim_copy (phone->skey, signed_prekey->public_key, WHIM_KEY_SIZE);
  self->cache = whim_signal_cache_new (self->identity, phone->registration_id);
  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, "1", signed_prekey->record);
  for (guint i = 0; i < prekeys->len; i++)
    {
      WhimSignalPrekey *key = g_ptr_array_index (prekeys, i);
      PublicPrekey *public_key = g_new0 (PublicPrekey, 1);
      g_autofree char *id = g_strdup_printf ("%u", key->id);

      whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_PREKEY, id, key->record);
      public_key->id = key->id;
      whim_copy (public_key->key, key->public_key, WHIM_KEY_SIZE);
      g_queue_push_tail (&phone->prekeys, public_key);
    }
  phone->keys_uploaded = TRUE;
  self->typed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, typed_free);
  self->retries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->next_prekey = FIRST_PRIVATE_PREKEY;
  if (self->remembered == NULL)
    self->remembered
        = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
}

void
sandbox_phone_reinstall (Account *self)
{
  Device *phone = g_ptr_array_index (self->devices, 0);

  whim_key_pair_unref (self->identity);
  self->identity = whim_key_pair_new ();
  self->raw_id = whim_random_below (1000000000) + 1;
  g_queue_clear_full (&phone->prekeys, g_free);
  whim_signal_cache_free (self->cache);
  g_hash_table_unref (self->typed);
  g_hash_table_unref (self->retries);
  sandbox_phone_init (self);
}

/* ---- sending ------------------------------------------------------------------------------- */

static WhimNode *
encrypt_for (Account *self, Device *to, guint count, GBytes *content)
{
  g_autoptr (WhimJid) jid = sandbox_device_jid (to, TRUE);
  g_autofree char *name = whim_jid_dup_signal_name (jid);
  g_autoptr (GBytes) padded = whim_content_pad (content);
  g_autoptr (GBytes) cipher = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *address = whim_signal_address (name, to->number);
  g_autoptr (GBytes) before = NULL;
  WhimNodeBuilder *enc;
  WhimSignalType type;

  know (self, name, to->number);
  if (!whim_signal_has_session (self->cache, name, to->number))
    {
      WhimSignalBundle bundle;

      sandbox_device_to_bundle (to, &bundle, TRUE);
      if (!whim_signal_process_bundle (self->sandbox->signal, self->cache, name, to->number,
                                       &bundle, NULL, &error))
        {
          sandbox_violation (self->sandbox, "keys of a device make no session");
          return NULL;
        }
    }
  if (to->faults.same_key > 0)
    {
      to->faults.same_key--;
      before = g_bytes_ref (whim_signal_cache_get (self->cache, WHIM_SIGNAL_KIND_SESSION, address));
    }
  cipher = whim_signal_encrypt (self->sandbox->signal, self->cache, name, to->number,
                                g_bytes_get_data (padded, NULL), g_bytes_get_size (padded), &type,
                                &error);
  if (cipher == NULL)
    return NULL;
  if (before != NULL)
    whim_signal_cache_put (self->cache, WHIM_SIGNAL_KIND_SESSION, address, before);
  enc = whim_node_builder_new ("enc");
  whim_node_builder_attr (enc, "v", "2");
  whim_node_builder_attr (enc, "type", type == WHIM_SIGNAL_TYPE_PKMSG ? "pkmsg" : "msg");
  if (count != 0)
    whim_node_builder_attr_int (enc, "count", count);
  whim_node_builder_bytes (enc, cipher);
  return whim_node_builder_end (enc);
}

/* One stanza from the phone to one device. @chat is set for our own companions; @count is not 0 in
 * the answer to a retry receipt. */
static void
send_to (Account *self,
         Device *to,
         const char *id,
         guint count,
         Account *chat,
         const char *category,
         GBytes *content)
{
  Device *phone = g_ptr_array_index (self->devices, 0);
  g_autoptr (WhimJid) from = sandbox_device_jid (phone, TRUE);
  g_autoptr (WhimJid) pn = sandbox_device_jid (phone, FALSE);
  WhimNode *enc = encrypt_for (self, to, count, content);
  WhimNodeBuilder *builder;
  g_autoptr (WhimNode) node = NULL;

  if (enc == NULL)
    return;
  builder = whim_node_builder_new ("message");
  whim_node_builder_attr_jid (builder, "from", from);
  whim_node_builder_attr (builder, "id", id);
  whim_node_builder_attr (builder, "type", "text");
  whim_node_builder_attr_int (builder, "t", sandbox_now ());
  whim_node_builder_attr (builder, "notify", self->name);
  whim_node_builder_attr (builder, "category", category);
  whim_node_builder_attr_jid (builder, "sender_pn", pn);
  if (chat != NULL)
    {
      g_autoptr (WhimJid) recipient = sandbox_account_jid (chat, TRUE);
      g_autoptr (WhimJid) peer = sandbox_account_jid (chat, FALSE);

      whim_node_builder_attr_jid (builder, "recipient", recipient);
      whim_node_builder_attr_jid (builder, "peer_recipient_pn", peer);
    }
  whim_node_builder_child (builder, enc);
  node = whim_node_builder_end (builder);
  sandbox_deliver (to, node);
}

static gboolean
is_self (Account *self, Account *account)
{
  return account == self || (account != NULL && account == self->body);
}

static gboolean
can_receive (Device *device)
{
  return device->number == 0 || device->keys_uploaded;
}

static void
note_in_inbox (Account *self,
               const char *id,
               Account *author,
               const char *chat,
               const WhimContent *content)
{
  InboxItem *item = g_new0 (InboxItem, 1);

  item->id = g_strdup (id);
  item->from = g_strconcat (author->pn, "@s.whatsapp.net", NULL);
  item->chat = g_strdup (chat);
  item->text = g_strdup (content->body);
  item->kind = g_strdup (content->kind_word);
  item->expiration = content->expiration;
  item->from_me = is_self (self, author);
  g_ptr_array_add (self->inbox, item);
  sandbox_control_check (self->sandbox);
}

GBytes *
sandbox_phone_dup_typed (Account *self, const char *id)
{
  Typed *typed = id == NULL ? NULL : g_hash_table_lookup (self->typed, id);

  return typed == NULL ? NULL : g_bytes_ref (typed->content);
}

char *
sandbox_phone_send_text (Account *self, Account *to, const char *text, guint expiration)
{
  const WhimTextOptions options
      = { .expiration = expiration, .expiration_set_at = expiration == 0 ? 0 : sandbox_now () };
  g_autoptr (GBytes) content = whim_content_make_text (text, &options);

  return sandbox_phone_send_content (self, to, content);
}

char *
sandbox_phone_send_content (Account *self, Account *to, GBytes *content)
{
  char *id = whim_message_id_new (sandbox_now (), self->pn);
  g_autoptr (WhimJid) chat = sandbox_account_jid (to, TRUE);
  g_autoptr (GBytes) sent = whim_content_make_device_sent (content, whim_jid_get_text (chat), NULL);
  Typed *typed = g_new0 (Typed, 1);
  GPtrArray *own;

  if (sent == NULL) /* no message at all, for tests: there is nothing to wrap */
    sent = g_bytes_ref (content);
  typed->to = to;
  typed->content = g_bytes_ref (content);
  typed->sent = g_bytes_ref (sent);
  if (g_hash_table_size (self->typed) >= MAX_TYPED)
    g_hash_table_remove_all (self->typed);
  g_hash_table_insert (self->typed, g_strdup (id), typed);
  for (guint i = 0; i < to->devices->len; i++)
    {
      Device *device = g_ptr_array_index (to->devices, i);

      if (can_receive (device) && to != self)
        send_to (self, device, id, 0, NULL, NULL, content);
    }
  own = self->body != NULL ? self->body->devices : self->devices;
  for (guint i = 0; i < own->len; i++)
    {
      Device *device = g_ptr_array_index (own, i);

      if (device != g_ptr_array_index (self->devices, 0) && can_receive (device))
        send_to (self, device, id, 0, to, NULL, sent);
    }
  return id;
}

gboolean
sandbox_phone_resend (Account *self, const char *id)
{
  Typed *typed = g_hash_table_lookup (self->typed, id);

  for (guint i = 0; typed != NULL && i < typed->to->devices->len; i++)
    {
      Device *device = g_ptr_array_index (typed->to->devices, i);

      if (can_receive (device))
        send_to (self, device, id, 0, NULL, NULL, typed->content);
    }
  return typed != NULL;
}

/* ---- after pairing (dossier 3, 1.2, 2.1; dossier 2, 1.5) ------------------------------------- */

void
sandbox_phone_send_protocol (Account *self, Device *device, Wa__ProtocolMessage *protocol)
{
  Wa__Message message = WA__MESSAGE__INIT;
  g_autoptr (GBytes) content = NULL;
  g_autofree char *id = whim_message_id_new (sandbox_now (), self->pn);

  message.protocolmessage = protocol;
  content = whim_proto_pack (&message);
  send_to (self, device, id, 0, NULL, "peer", content);
}

static void
send_key_share (Account *self, Device *device)
{
  Wa__ProtocolMessage protocol = WA__PROTOCOL_MESSAGE__INIT;
  Wa__AppStateSyncKeyShare share = WA__APP_STATE_SYNC_KEY_SHARE__INIT;
  Wa__AppStateSyncKey key = WA__APP_STATE_SYNC_KEY__INIT;
  Wa__AppStateSyncKeyId key_id = WA__APP_STATE_SYNC_KEY_ID__INIT;
  Wa__AppStateSyncKeyData data = WA__APP_STATE_SYNC_KEY_DATA__INIT;
  Wa__AppStateSyncKeyFingerprint fingerprint = WA__APP_STATE_SYNC_KEY_FINGERPRINT__INIT;
  Wa__AppStateSyncKey *keys[1] = { &key };
  guint8 secret[32];

  whim_random_bytes (secret, sizeof secret);
  key_id.has_keyid = TRUE;
  key_id.keyid = whim_proto_data ("\0\0\0\0\x46\x21", 6);
  fingerprint.has_rawid = TRUE;
  fingerprint.rawid = self->raw_id;
  data.has_keydata = TRUE;
  data.keydata = whim_proto_data (secret, sizeof secret);
  data.fingerprint = &fingerprint;
  data.has_timestamp = TRUE;
  data.timestamp = sandbox_now () * 1000;
  key.keyid = &key_id;
  key.keydata = &data;
  share.n_keys = 1;
  share.keys = keys;
  protocol.has_type = TRUE;
  protocol.type = WHIM_PROTOCOL_APP_STATE_SYNC_KEY_SHARE;
  protocol.appstatesynckeyshare = &share;
  sandbox_phone_send_protocol (self, device, &protocol);
}

static void
send_history (Account *self, Device *device)
{
  Wa__ProtocolMessage protocol = WA__PROTOCOL_MESSAGE__INIT;
  Wa__HistorySyncNotification notification = WA__HISTORY_SYNC_NOTIFICATION__INIT;
  Wa__HistorySync history = WA__HISTORY_SYNC__INIT;
  Wa__Pushname name = WA__PUSHNAME__INIT;
  Wa__Pushname *names[1] = { &name };
  g_autofree char *jid = g_strconcat (self->pn, "@s.whatsapp.net", NULL);
  g_autoptr (GBytes) plain = NULL;
  g_autofree guint8 *packed = NULL;
  uLongf size;

  name.id = jid;
  name.pushname = self->name;
  history.has_synctype = TRUE;
  history.synctype = 4; /* PUSH_NAME */
  history.has_chunkorder = TRUE;
  history.chunkorder = 1;
  history.has_progress = TRUE;
  history.progress = 100;
  history.has_nctsalt = TRUE;
  history.nctsalt = whim_proto_data (self->nct_salt, sizeof self->nct_salt);
  history.n_pushnames = 1;
  history.pushnames = names;
  plain = whim_proto_pack (&history);
  size = compressBound (g_bytes_get_size (plain));
  packed = g_malloc (size);
  g_assert (compress (packed, &size, g_bytes_get_data (plain, NULL), g_bytes_get_size (plain))
            == Z_OK);
  notification.has_synctype = TRUE;
  notification.synctype = 4;
  notification.has_chunkorder = TRUE;
  notification.chunkorder = 1;
  notification.has_progress = TRUE;
  notification.progress = 100;
  notification.has_initialhistbootstrapinlinepayload = TRUE;
  notification.initialhistbootstrapinlinepayload = whim_proto_data (packed, size);
  protocol.has_type = TRUE;
  protocol.type = WHIM_PROTOCOL_HISTORY_SYNC_NOTIFICATION;
  protocol.historysyncnotification = &notification;
  sandbox_phone_send_protocol (self, device, &protocol);
}

static void
send_mappings (Account *self, Device *device)
{
  Wa__ProtocolMessage protocol = WA__PROTOCOL_MESSAGE__INIT;
  Wa__LIDMigrationMappingSyncMessage sync = WA__LIDMIGRATION_MAPPING_SYNC_MESSAGE__INIT;
  Wa__LIDMigrationMappingSyncPayload payload = WA__LIDMIGRATION_MAPPING_SYNC_PAYLOAD__INIT;
  Wa__LIDMigrationMapping mapping = WA__LIDMIGRATION_MAPPING__INIT;
  Wa__LIDMigrationMapping *mappings[1] = { &mapping };
  g_autoptr (GBytes) packed = NULL;

  mapping.has_pn = TRUE;
  mapping.pn = g_ascii_strtoull (self->pn, NULL, 10);
  mapping.has_assignedlid = TRUE;
  mapping.assignedlid = g_ascii_strtoull (self->lid, NULL, 10);
  payload.n_pntolidmappings = 1;
  payload.pntolidmappings = mappings;
  packed = whim_proto_pack (&payload);
  sync.has_encodedmappingpayload = TRUE;
  sync.encodedmappingpayload = whim_proto_data_bytes (packed);
  protocol.has_type = TRUE;
  protocol.type = WHIM_PROTOCOL_LID_MIGRATION_MAPPING_SYNC;
  protocol.lidmigrationmappingsyncmessage = &sync;
  sandbox_phone_send_protocol (self, device, &protocol);
}

void
sandbox_phone_greet (Account *self, Device *device)
{
  send_key_share (self, device);
  send_history (self, device);
  send_mappings (self, device);
}

/* ---- receiving ----------------------------------------------------------------------------- */

/* NULL if there is nothing to show; *@failed if it is to be asked for again. */
static WhimContent *
decrypt (Account *self, WhimJid *from, WhimNode *enc, gboolean *failed)
{
  g_autofree char *name = NULL;
  g_autoptr (GBytes) padded = NULL;
  g_autoptr (GBytes) plain = NULL;
  g_autoptr (GError) error = NULL;
  Device *sender = sandbox_find_device (self->sandbox, from);
  g_autoptr (WhimJid) lid = sender == NULL ? NULL : sandbox_device_jid (sender, TRUE);
  WhimSignalType type;
  guint32 prekey;
  guint32 signed_prekey;
  gsize len;
  const guint8 *bytes = whim_node_get_content (enc, &len);

  if (lid == NULL || bytes == NULL)
    return NULL;
  name = whim_jid_dup_signal_name (lid);
  know (self, name, sender->number);
  type = whim_node_attr_equals (enc, "type", "pkmsg") ? WHIM_SIGNAL_TYPE_PKMSG
                                                      : WHIM_SIGNAL_TYPE_MSG;
  if (type == WHIM_SIGNAL_TYPE_PKMSG
      && whim_signal_peek_prekey_ids (self->sandbox->signal, bytes, len, &prekey, &signed_prekey))
    {
      g_autofree char *id = g_strdup_printf ("%u", prekey);
      g_autofree char *signed_id = g_strdup_printf ("%u", signed_prekey);

      whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_PREKEY, id, NULL);
      whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, signed_id, NULL);
    }
  padded = whim_signal_decrypt (self->sandbox->signal, self->cache, name, sender->number, type,
                                bytes, len, NULL, &error);
  if (padded == NULL && g_error_matches (error, WHIM_SIGNAL_ERROR, WHIM_SIGNAL_ERROR_DUPLICATE))
    {
      sandbox_count (self->sandbox, "phone-duplicates");
      return NULL;
    }
  plain = padded == NULL ? NULL : whim_content_unpad (padded, NULL);
  if (plain == NULL)
    {
      self->undecryptable++;
      *failed = TRUE;
      sandbox_count (self->sandbox, "phone-undecryptable");
      return NULL;
    }
  return whim_content_parse (plain, NULL);
}

static void
send_receipt (Account *self, WhimNode *message, const char *type)
{
  Device *phone = g_ptr_array_index (self->devices, 0);
  WhimJid *from = whim_node_get_attr_jid (message, "from");
  WhimNodeBuilder *builder = whim_node_builder_new ("receipt");
  g_autoptr (WhimJid) own = sandbox_device_jid (phone, whim_jid_is_lid (from));
  Device *target = sandbox_find_device (self->sandbox, from);
  g_autoptr (WhimNode) node = NULL;

  whim_node_builder_attr_jid (builder, "from", own);
  whim_node_builder_attr (builder, "id", whim_node_get_attr (message, "id"));
  whim_node_builder_attr (builder, "type", type);
  whim_node_builder_attr_int (builder, "t", sandbox_now ());
  whim_node_builder_attr_jid (builder, "recipient", whim_node_get_attr_jid (message, "recipient"));
  node = whim_node_builder_end (builder);
  if (target != NULL)
    sandbox_deliver (target, node);
}

/* ---- retries (dossier 2, 6.9, 6.10) --------------------------------------------------------- */

static void
add_leaf (WhimNodeBuilder *parent, const char *tag, gconstpointer bytes, gsize len)
{
  WhimNodeBuilder *leaf = whim_node_builder_new (tag);

  whim_node_builder_data (leaf, bytes, len);
  whim_node_builder_child (parent, whim_node_builder_end (leaf));
}

static void
add_retry_key (WhimNodeBuilder *parent,
               const char *tag,
               guint32 id,
               const guint8 *key,
               const guint8 *signature)
{
  WhimNodeBuilder *builder = whim_node_builder_new (tag);
  guint8 wire[3];

  whim_write_u24_be (wire, id);
  add_leaf (builder, "id", wire, sizeof wire);
  add_leaf (builder, "value", key, WHIM_KEY_SIZE);
  if (signature != NULL)
    add_leaf (builder, "signature", signature, WHIM_SIGNATURE_SIZE);
  whim_node_builder_child (parent, whim_node_builder_end (builder));
}

static WhimNode *
make_retry_keys (Account *self)
{
  Device *phone = g_ptr_array_index (self->devices, 0);
  WhimNodeBuilder *builder = whim_node_builder_new ("keys");
  g_autoptr (GPtrArray) prekeys
      = whim_signal_generate_prekeys (self->sandbox->signal, self->next_prekey++, 1);
  WhimSignalPrekey *prekey = g_ptr_array_index (prekeys, 0);
  g_autofree char *id = g_strdup_printf ("%u", prekey->id);

  whim_signal_cache_load (self->cache, WHIM_SIGNAL_KIND_PREKEY, id, prekey->record);
  add_leaf (builder, "type", "\5", 1);
  add_leaf (builder, "identity", phone->identity, WHIM_KEY_SIZE);
  add_retry_key (builder, "key", prekey->id, prekey->public_key, NULL);
  add_retry_key (builder, "skey", phone->skey_id, phone->skey, phone->skey_signature);
  return whim_node_builder_end (builder);
}

/* The phone could not read a message: it asks for it again, from the second time on with keys. */
static void
ask_again (Account *self, WhimNode *message)
{
  Device *phone = g_ptr_array_index (self->devices, 0);
  WhimJid *from = whim_node_get_attr_jid (message, "from");
  const char *id = whim_node_get_attr (message, "id");
  Device *target = sandbox_find_device (self->sandbox, from);
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (self->retries, id)) + 1;
  g_autoptr (WhimJid) own = sandbox_device_jid (phone, whim_jid_is_lid (from));
  WhimNodeBuilder *builder;
  WhimNodeBuilder *retry;
  g_autoptr (WhimNode) node = NULL;
  guint8 registration[4];

  if (target == NULL || count > MAX_RETRIES)
    return;
  g_hash_table_replace (self->retries, g_strdup (id), GUINT_TO_POINTER (count));
  sandbox_count (self->sandbox, "phone-retries");
  builder = whim_node_builder_new ("receipt");
  whim_node_builder_attr_jid (builder, "from", own);
  whim_node_builder_attr (builder, "id", id);
  whim_node_builder_attr (builder, "type", "retry");
  whim_node_builder_attr_int (builder, "t", sandbox_now ());
  whim_node_builder_attr_jid (builder, "recipient", whim_node_get_attr_jid (message, "recipient"));
  retry = whim_node_builder_new ("retry");
  whim_node_builder_attr (retry, "v", "1");
  whim_node_builder_attr_int (retry, "count", count);
  whim_node_builder_attr (retry, "id", id);
  whim_node_builder_attr (retry, "t", whim_node_get_attr (message, "t"));
  whim_node_builder_child (builder, whim_node_builder_end (retry));
  whim_write_u32_be (registration, phone->registration_id);
  add_leaf (builder, "registration", registration, sizeof registration);
  if (count > 1)
    whim_node_builder_child (builder, make_retry_keys (self));
  node = whim_node_builder_end (builder);
  sandbox_deliver (target, node);
}

static gboolean
read_retry_key (WhimNode *keys, const char *tag, guint32 *id, guint8 *key, guint8 *signature)
{
  WhimNode *node = whim_node_find_child (keys, tag);
  const guint8 *bytes;

  if (node == NULL)
    return FALSE;
  bytes = sandbox_child_bytes (node, "id", 3);
  if (bytes == NULL)
    return FALSE;
  *id = whim_read_u24_be (bytes);
  bytes = sandbox_child_bytes (node, "value", WHIM_KEY_SIZE);
  if (bytes == NULL)
    return FALSE;
  whim_copy (key, bytes, WHIM_KEY_SIZE);
  if (signature == NULL)
    return TRUE;
  bytes = sandbox_child_bytes (node, "signature", WHIM_SIGNATURE_SIZE);
  if (bytes == NULL)
    return FALSE;
  whim_copy (signature, bytes, WHIM_SIGNATURE_SIZE);
  return TRUE;
}

/* A new session with the keys of the receipt, or with what the server has. */
static gboolean
renew_session (Account *self, Device *device, WhimNode *receipt)
{
  WhimNode *keys = whim_node_find_child (receipt, "keys");
  const guint8 *registration = sandbox_child_bytes (receipt, "registration", 4);
  g_autoptr (WhimJid) jid = sandbox_device_jid (device, TRUE);
  g_autofree char *name = whim_jid_dup_signal_name (jid);
  WhimSignalBundle bundle;

  know (self, name, device->number);
  if (keys == NULL)
    sandbox_device_to_bundle (device, &bundle, TRUE);
  else
    {
      const guint8 *identity = sandbox_child_bytes (keys, "identity", WHIM_KEY_SIZE);

      memset (&bundle, 0, sizeof bundle);
      if (identity == NULL || registration == NULL
          || memcmp (identity, device->identity, WHIM_KEY_SIZE) != 0
          || !read_retry_key (keys, "skey", &bundle.signed_prekey_id, bundle.signed_prekey,
                              bundle.signed_prekey_signature))
        return FALSE;
      bundle.registration_id = whim_read_u32_be (registration);
      whim_copy (bundle.identity, identity, WHIM_KEY_SIZE);
      bundle.has_prekey = read_retry_key (keys, "key", &bundle.prekey_id, bundle.prekey, NULL);
    }
  return whim_signal_process_bundle (self->sandbox->signal, self->cache, name, device->number,
                                     &bundle, NULL, NULL);
}

static void
answer_retry (Account *self, WhimNode *receipt)
{
  const char *id = whim_node_get_attr (receipt, "id");
  WhimNode *retry = whim_node_find_child (receipt, "retry");
  Device *device = sandbox_find_device (self->sandbox, whim_node_get_attr_jid (receipt, "from"));
  Typed *typed = g_hash_table_lookup (self->typed, id);
  gint64 count = retry == NULL ? 0 : whim_node_get_attr_int (retry, "count", 0);

  if (count < 1 || count > MAX_RETRIES || device == NULL)
    {
      sandbox_violation (self->sandbox, "a retry receipt against the schema");
      return;
    }
  if (typed == NULL || (!is_self (self, device->account) && device->account != typed->to))
    {
      sandbox_count (self->sandbox, "phone-retries-unanswered");
      return;
    }
  if ((count > 1 || whim_node_find_child (receipt, "keys") != NULL)
      && !renew_session (self, device, receipt))
    {
      sandbox_violation (self->sandbox, "a retry receipt whose keys make no session");
      return;
    }
  sandbox_count (self->sandbox, "phone-retries-answered");
  if (is_self (self, device->account))
    send_to (self, device, id, (guint)count, typed->to, NULL, typed->sent);
  else
    send_to (self, device, id, (guint)count, NULL, NULL, typed->content);
}

static gboolean
is_in_inbox (Account *self, const char *id)
{
  for (guint i = 0; i < self->inbox->len; i++)
    if (g_strcmp0 (((InboxItem *)g_ptr_array_index (self->inbox, i))->id, id) == 0)
      return TRUE;
  return FALSE;
}

static void
receive_message (Account *self, WhimNode *message)
{
  WhimJid *from = whim_node_get_attr_jid (message, "from");
  WhimNode *enc = whim_node_find_child (message, "enc");
  Account *author = sandbox_find_account (self->sandbox, from);
  g_autoptr (WhimContent) content = NULL;
  const char *id = whim_node_get_attr (message, "id");
  g_autofree char *chat = NULL;
  gboolean failed = FALSE;

  if (enc == NULL || author == NULL)
    return;
  content = decrypt (self, from, enc, &failed);
  if (failed)
    ask_again (self, message);
  if (content == NULL)
    return;
  if (!is_self (self, author))
    sandbox_phone_remember (self, message, author, content);
  if (is_self (self, author) && self->body == NULL && content->kind == WHIM_CONTENT_PROTOCOL
      && content->protocol->peerdataoperationrequestmessage != NULL)
    sandbox_phone_take_request (self, sandbox_find_device (self->sandbox, from), id,
                                content->protocol->peerdataoperationrequestmessage);
  if (content->kind == WHIM_CONTENT_MESSAGE)
    {
      if (is_in_inbox (self, id))
        sandbox_count (self->sandbox, "phone-repeats");
      chat = content->device_sent ? g_strdup (content->destination)
                                  : g_strconcat (author->pn, "@s.whatsapp.net", NULL);
      note_in_inbox (self, id, author, chat, content);
    }
  send_receipt (self, message,
                whim_node_get_attr (message, "category") != NULL ? "peer_msg"
                : is_self (self, author)                         ? "sender"
                                                                 : NULL);
  if (self->echo && !is_self (self, author) && content->kind == WHIM_CONTENT_MESSAGE
      && content->body != NULL)
    g_free (sandbox_phone_send_text (self, author, content->body, 0));
}

void
sandbox_phone_receive (Account *self, WhimNode *stanza)
{
  if (whim_node_is (stanza, "message"))
    receive_message (self, stanza);
  else if (whim_node_is (stanza, "receipt"))
    {
      const char *type = whim_node_get_attr (stanza, "type");
      g_autofree char *name
          = g_strconcat ("phone-receipt:", type == NULL ? "delivered" : type, NULL);

      sandbox_count (self->sandbox, name);
      if (g_strcmp0 (type, "retry") == 0)
        answer_retry (self, stanza);
    }
}
