/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-util.h"
#include "crypto/whim-signal-provider.h"
#include "signal/whim-signal-private.h"

#include <curve.h>

G_DEFINE_QUARK (whim - signal - error - quark, whim_signal_error)

static void
context_lock (void *user_data)
{
  g_rec_mutex_lock (user_data);
}

static void
context_unlock (void *user_data)
{
  g_rec_mutex_unlock (user_data);
}

WhimSignalContext *
whim_signal_context_new (void)
{
  WhimSignalContext *self = g_new0 (WhimSignalContext, 1);

  g_rec_mutex_init (&self->lock);
  g_assert (signal_context_create (&self->context, &self->lock) == 0);
  g_assert (whim_signal_provider_setup (self->context) == 0);
  g_assert (signal_context_set_locking_functions (self->context, context_lock, context_unlock)
            == 0);
  /* No log function: its texts contain the names of peers. */
  return self;
}

void
whim_signal_context_free (WhimSignalContext *self)
{
  signal_context_destroy (self->context);
  g_rec_mutex_clear (&self->lock);
  g_free (self);
}

void
whim_signal_make_point (const guint8 key[WHIM_KEY_SIZE], guint8 point[WHIM_SIGNAL_POINT_SIZE])
{
  point[0] = 0x05;
  whim_copy (point + 1, key, WHIM_KEY_SIZE);
}

int
whim_signal_decode_key (const guint8 key[WHIM_KEY_SIZE],
                        ec_public_key **out,
                        WhimSignalContext *context)
{
  guint8 point[WHIM_SIGNAL_POINT_SIZE];

  whim_signal_make_point (key, point);
  return curve_decode_point (out, point, sizeof point, context->context);
}

/* ---- store callbacks ----------------------------------------------------------------------- */

static char *
address_key (const signal_protocol_address *address)
{
  return g_strdup_printf ("%.*s.%d", (int)address->name_len, address->name, address->device_id);
}

/* 1 found, 0 not, negative: somebody forgot to load it. */
static int
load (WhimSignalCache *cache, WhimSignalKind kind, const char *key, signal_buffer **record)
{
  GBytes *bytes;
  gsize len;
  gconstpointer data;

  if (!whim_signal_cache_is_known (cache, kind, key))
    {
      g_critical ("a signal record was not loaded before it was needed");
      return SG_ERR_UNKNOWN;
    }
  bytes = whim_signal_cache_get (cache, kind, key);
  if (bytes == NULL)
    return 0;
  data = g_bytes_get_data (bytes, &len);
  *record = signal_buffer_create (data, len);
  return *record == NULL ? SG_ERR_NOMEM : 1;
}

static void
save (WhimSignalCache *cache, WhimSignalKind kind, const char *key, const uint8_t *data, size_t len)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, len);

  whim_signal_cache_put (cache, kind, key, bytes);
}

static gboolean
contains (WhimSignalCache *cache, WhimSignalKind kind, const char *key)
{
  return whim_signal_cache_is_known (cache, kind, key)
         && whim_signal_cache_get (cache, kind, key) != NULL;
}

static int
load_session (signal_buffer **record,
              signal_buffer **user_record,
              const signal_protocol_address *address,
              void *cache)
{
  g_autofree char *key = address_key (address);

  return load (cache, WHIM_SIGNAL_KIND_SESSION, key, record);
}

static int
get_sub_device_sessions (signal_int_list **sessions, const char *name, size_t name_len, void *cache)
{
  return SG_ERR_UNKNOWN; /* the library's own callers of this are not used */
}

static int
store_session (const signal_protocol_address *address,
               uint8_t *record,
               size_t len,
               uint8_t *user_record,
               size_t user_record_len,
               void *cache)
{
  g_autofree char *key = address_key (address);

  save (cache, WHIM_SIGNAL_KIND_SESSION, key, record, len);
  return 0;
}

static int
contains_session (const signal_protocol_address *address, void *cache)
{
  g_autofree char *key = address_key (address);

  return contains (cache, WHIM_SIGNAL_KIND_SESSION, key);
}

static int
delete_session (const signal_protocol_address *address, void *cache)
{
  g_autofree char *key = address_key (address);

  whim_signal_cache_put (cache, WHIM_SIGNAL_KIND_SESSION, key, NULL);
  return 1;
}

static int
delete_all_sessions (const char *name, size_t name_len, void *cache)
{
  return SG_ERR_UNKNOWN;
}

static int
load_key (WhimSignalCache *cache, WhimSignalKind kind, guint32 id, signal_buffer **record)
{
  g_autofree char *key = g_strdup_printf ("%u", id);
  int result = load (cache, kind, key, record);

  return result == 1 ? SG_SUCCESS : result == 0 ? SG_ERR_INVALID_KEY_ID : result;
}

static int
load_pre_key (signal_buffer **record, uint32_t id, void *cache)
{
  return load_key (cache, WHIM_SIGNAL_KIND_PREKEY, id, record);
}

static int
store_pre_key (uint32_t id, uint8_t *record, size_t len, void *cache)
{
  g_autofree char *key = g_strdup_printf ("%u", id);

  save (cache, WHIM_SIGNAL_KIND_PREKEY, key, record, len);
  return 0;
}

static int
contains_pre_key (uint32_t id, void *cache)
{
  g_autofree char *key = g_strdup_printf ("%u", id);

  return contains (cache, WHIM_SIGNAL_KIND_PREKEY, key);
}

static int
remove_pre_key (uint32_t id, void *cache)
{
  g_autofree char *key = g_strdup_printf ("%u", id);

  whim_signal_cache_put (cache, WHIM_SIGNAL_KIND_PREKEY, key, NULL);
  return 0;
}

static int
load_signed_pre_key (signal_buffer **record, uint32_t id, void *cache)
{
  return load_key (cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, id, record);
}

static int
store_signed_pre_key (uint32_t id, uint8_t *record, size_t len, void *cache)
{
  g_autofree char *key = g_strdup_printf ("%u", id);

  save (cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, key, record, len);
  return 0;
}

static int
contains_signed_pre_key (uint32_t id, void *cache)
{
  g_autofree char *key = g_strdup_printf ("%u", id);

  return contains (cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, key);
}

static int
remove_signed_pre_key (uint32_t id, void *cache)
{
  g_autofree char *key = g_strdup_printf ("%u", id);

  whim_signal_cache_put (cache, WHIM_SIGNAL_KIND_SIGNED_PREKEY, key, NULL);
  return 0;
}

static int
get_identity_key_pair (signal_buffer **public_data, signal_buffer **private_data, void *cache)
{
  WhimKeyPair *pair = whim_signal_cache_get_identity (cache);
  guint8 point[WHIM_SIGNAL_POINT_SIZE];

  whim_signal_make_point (whim_key_pair_get_public (pair), point);
  *public_data = signal_buffer_create (point, sizeof point);
  *private_data
      = signal_buffer_create (whim_secret_get (whim_key_pair_get_private (pair)), WHIM_KEY_SIZE);
  return *public_data == NULL || *private_data == NULL ? SG_ERR_NOMEM : 0;
}

static int
get_local_registration_id (void *cache, uint32_t *registration_id)
{
  *registration_id = whim_signal_cache_get_registration_id (cache);
  return 0;
}

static int
save_identity (const signal_protocol_address *address, uint8_t *data, size_t len, void *cache)
{
  g_autofree char *key = address_key (address);

  save (cache, WHIM_SIGNAL_KIND_IDENTITY, key, data, len);
  return 0;
}

/* Trust on first use with silent acceptance (dossier 2, 3.2): the cache notices the change when the
 * new key is saved, and the library archives the old session. */
static int
is_trusted_identity (const signal_protocol_address *address, uint8_t *data, size_t len, void *cache)
{
  return 1;
}

static char *
sender_key (const signal_protocol_sender_key_name *name)
{
  g_autofree char *address = address_key (&name->sender);

  return g_strdup_printf ("%.*s::%s", (int)name->group_id_len, name->group_id, address);
}

static int
store_sender_key (const signal_protocol_sender_key_name *name,
                  uint8_t *record,
                  size_t len,
                  uint8_t *user_record,
                  size_t user_record_len,
                  void *cache)
{
  g_autofree char *key = sender_key (name);

  save (cache, WHIM_SIGNAL_KIND_SENDER_KEY, key, record, len);
  return 0;
}

static int
load_sender_key (signal_buffer **record,
                 signal_buffer **user_record,
                 const signal_protocol_sender_key_name *name,
                 void *cache)
{
  g_autofree char *key = sender_key (name);

  return load (cache, WHIM_SIGNAL_KIND_SENDER_KEY, key, record);
}

signal_protocol_store_context *
whim_signal_cache_make_store (WhimSignalCache *cache, WhimSignalContext *context)
{
  const signal_protocol_session_store sessions
      = { load_session,   get_sub_device_sessions, store_session, contains_session,
          delete_session, delete_all_sessions,     NULL,          cache };
  const signal_protocol_pre_key_store prekeys
      = { load_pre_key, store_pre_key, contains_pre_key, remove_pre_key, NULL, cache };
  const signal_protocol_signed_pre_key_store signed_prekeys = { load_signed_pre_key,
                                                                store_signed_pre_key,
                                                                contains_signed_pre_key,
                                                                remove_signed_pre_key,
                                                                NULL,
                                                                cache };
  const signal_protocol_identity_key_store identities = { get_identity_key_pair,
                                                          get_local_registration_id,
                                                          save_identity,
                                                          is_trusted_identity,
                                                          NULL,
                                                          cache };
  const signal_protocol_sender_key_store sender_keys
      = { store_sender_key, load_sender_key, NULL, cache };
  signal_protocol_store_context *store = NULL;

  g_assert (signal_protocol_store_context_create (&store, context->context) == 0);
  signal_protocol_store_context_set_session_store (store, &sessions);
  signal_protocol_store_context_set_pre_key_store (store, &prekeys);
  signal_protocol_store_context_set_signed_pre_key_store (store, &signed_prekeys);
  signal_protocol_store_context_set_identity_key_store (store, &identities);
  signal_protocol_store_context_set_sender_key_store (store, &sender_keys);
  return store;
}
