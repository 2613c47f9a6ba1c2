/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-ratchet.h"

/* What an idle channel may keep of its working set. */
#define IDLE_CACHE_BYTES 16384u
/* What a busy one may. */
#define BUSY_CACHE_BYTES (1024u * 1024u)

typedef struct
{
  WhimRatchet *ratchet; /* NULL: nobody waits for the result any more */
  GPtrArray *wanted;
  WhimRatchetWork work;
  gpointer job;
  WhimRatchetDone done;
  gpointer user_data;
  WhimSignalCache *cache; /* while it is on the worker */
  gboolean dropped;
} RatchetItem;

struct _WhimRatchet
{
  WhimStore *store;
  WhimSignalPool *pool;
  gint64 channel_number;
  GQueue waiting; /* of RatchetItem */
  RatchetItem *running;
  WhimSignalCache *cache; /* NULL while it is on the worker, or without keys */
  WhimCredentials *keys;  /* (nullable): as they were when they were set */
  char *signed_prekey_id;
  GBytes *signed_prekey; /* its record; NULL until somebody begins a session with it */
  guint held;
};

static void ratchet_next (WhimRatchet *self);

static void
item_free (RatchetItem *item)
{
  g_clear_pointer (&item->wanted, g_ptr_array_unref);
  g_clear_pointer (&item->cache, whim_signal_cache_free);
  g_free (item);
}

GPtrArray *
whim_ratchet_wanted_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_row_free);
}

void
whim_ratchet_want (GPtrArray *wanted, WhimSignalKind kind, const char *key)
{
  WhimSignalRow *row = g_new0 (WhimSignalRow, 1);

  row->kind = kind;
  row->key = g_strdup (key);
  g_ptr_array_add (wanted, row);
}

void
whim_ratchet_want_address (GPtrArray *wanted, const char *name, guint device)
{
  g_autofree char *key = whim_signal_address (name, device);

  whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_SESSION, key);
  whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_IDENTITY, key);
}

WhimRatchet *
whim_ratchet_new (WhimStore *store, WhimSignalPool *pool, gint64 channel_number)
{
  WhimRatchet *self = g_new0 (WhimRatchet, 1);

  self->store = g_object_ref (store);
  self->pool = pool;
  self->channel_number = channel_number;
  g_queue_init (&self->waiting);
  return self;
}

/* Tells every waiting job that it will not run. */
static void
ratchet_fail_waiting (WhimRatchet *self)
{
  GQueue waiting = self->waiting;
  RatchetItem *item;

  g_queue_init (&self->waiting);
  while ((item = g_queue_pop_head (&waiting)) != NULL)
    {
      item->done (item->job, NULL, NULL, item->user_data);
      item_free (item);
    }
}

void
whim_ratchet_drop (WhimRatchet *self)
{
  if (self->cache != NULL)
    whim_signal_cache_drop (self->cache);
  if (self->running != NULL)
    self->running->dropped = TRUE;
  ratchet_fail_waiting (self);
}

void
whim_ratchet_set_keys (WhimRatchet *self, const WhimCredentials *credentials)
{
  g_clear_pointer (&self->cache, whim_signal_cache_free);
  g_clear_pointer (&self->keys, whim_credentials_free);
  g_clear_pointer (&self->signed_prekey, g_bytes_unref);
  g_clear_pointer (&self->signed_prekey_id, g_free);
  if (self->running != NULL)
    {
      /* It belongs to the old keys, and the worker may be using it: it ends by itself. */
      self->running->ratchet = NULL;
      self->running = NULL;
    }
  ratchet_fail_waiting (self);
  if (credentials == NULL)
    return;
  self->cache = whim_signal_cache_new (credentials->identity, credentials->registration_id);
  self->keys = whim_credentials_copy (credentials);
  self->signed_prekey_id = g_strdup_printf ("%u", credentials->signed_prekey_id);
}

void
whim_ratchet_free (WhimRatchet *self)
{
  whim_ratchet_set_keys (self, NULL);
  g_object_unref (self->store);
  g_free (self);
}

/* ---- one item -------------------------------------------------------------------------------- */

static void
ratchet_trim (WhimRatchet *self)
{
  if (self->cache == NULL || self->held > 0)
    return;
  whim_signal_cache_trim (self->cache, g_queue_is_empty (&self->waiting) && self->running == NULL
                                           ? IDLE_CACHE_BYTES
                                           : BUSY_CACHE_BYTES);
}

static void
item_work (WhimSignalContext *context, gpointer data)
{
  RatchetItem *item = data;

  item->work (context, item->cache, item->job);
}

/* The cache and the job are the main thread's again. A detached item, whose keys are gone, is void.
 */
static void
item_worked (gpointer data, gpointer user_data)
{
  RatchetItem *item = data;
  WhimRatchet *self = item->ratchet;
  g_autoptr (GPtrArray) changes = NULL;

  if (self == NULL)
    {
      item->done (item->job, NULL, NULL, item->user_data);
      item_free (item);
      return;
    }
  self->running = NULL;
  self->cache = g_steal_pointer (&item->cache);
  changes = whim_signal_cache_take_dirty (self->cache);
  if (item->dropped)
    {
      whim_signal_cache_drop (self->cache);
      item->done (item->job, NULL, NULL, item->user_data);
    }
  else
    item->done (item->job, self->cache, g_steal_pointer (&changes), item->user_data);
  item_free (item);
  ratchet_next (self);
}

static void
item_start_work (WhimRatchet *self, RatchetItem *item)
{
  if (item->work == NULL)
    {
      self->running = NULL;
      item->done (item->job, self->cache, whim_signal_cache_take_dirty (self->cache),
                  item->user_data);
      item_free (item);
      ratchet_next (self);
      return;
    }
  item->cache = g_steal_pointer (&self->cache);
  whim_signal_pool_push (self->pool, (guint)self->channel_number, item_work, item, item_worked,
                         NULL);
}

static void
item_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RatchetItem *item = user_data;
  WhimRatchet *self = item->ratchet;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = whim_store_load_signal_finish (WHIM_STORE (source), result, &error);

  if (self == NULL)
    {
      item->done (item->job, NULL, NULL, item->user_data);
      item_free (item);
      return;
    }
  if (rows == NULL || item->dropped)
    {
      if (error != NULL)
        g_warning ("signal records cannot be read: %s", error->message);
      self->running = NULL;
      item->done (item->job, NULL, NULL, item->user_data);
      item_free (item);
      ratchet_next (self);
      return;
    }
  for (guint i = 0; i < rows->len; i++)
    {
      WhimSignalRow *row = g_ptr_array_index (rows, i);

      whim_signal_cache_load (self->cache, row->kind, row->key, row->record);
    }
  item_start_work (self, item);
}

static GBytes *
ratchet_get_signed_prekey (WhimRatchet *self)
{
  g_autoptr (WhimSignalContext) context = NULL;
  g_autoptr (WhimSignalPrekey) key = NULL;

  if (self->signed_prekey != NULL)
    return self->signed_prekey;
  context = whim_signal_context_new ();
  key = whim_signal_make_signed_prekey (
      context, self->keys->signed_prekey, self->keys->signed_prekey_id,
      self->keys->signed_prekey_made_at, self->keys->signed_prekey_signature);
  self->signed_prekey = g_bytes_ref (key->record);
  return self->signed_prekey;
}

static gboolean
ratchet_knows (WhimRatchet *self, const WhimSignalRow *row)
{
  if (row->kind == WHIM_SIGNAL_KIND_SIGNED_PREKEY
      && g_strcmp0 (row->key, self->signed_prekey_id) == 0)
    whim_signal_cache_load (self->cache, row->kind, row->key, ratchet_get_signed_prekey (self));
  if (!whim_signal_cache_is_known (self->cache, row->kind, row->key))
    return FALSE;
  /* Prekeys are made beside the cache: "not there" may have become wrong since. While a commit runs
   * the cache knows better: the key may just have been used up. */
  if ((row->kind == WHIM_SIGNAL_KIND_PREKEY || row->kind == WHIM_SIGNAL_KIND_SIGNED_PREKEY)
      && self->held == 0 && whim_signal_cache_get (self->cache, row->kind, row->key) == NULL)
    return FALSE;
  return TRUE;
}

static void
ratchet_next (WhimRatchet *self)
{
  RatchetItem *item;

  if (self->running != NULL)
    return;
  ratchet_trim (self);
  item = g_queue_pop_head (&self->waiting);
  if (item == NULL)
    return;
  if (self->cache == NULL)
    {
      item->done (item->job, NULL, NULL, item->user_data);
      item_free (item);
      ratchet_next (self);
      return;
    }
  self->running = item;
  for (guint i = item->wanted->len; i-- > 0;)
    if (ratchet_knows (self, g_ptr_array_index (item->wanted, i)))
      g_ptr_array_remove_index_fast (item->wanted, i);
  if (item->wanted->len == 0)
    item_start_work (self, item);
  else
    whim_store_load_signal_async (self->store, self->channel_number,
                                  g_steal_pointer (&item->wanted), NULL, item_loaded_cb, item);
}

void
whim_ratchet_run (WhimRatchet *self,
                  GPtrArray *wanted,
                  WhimRatchetWork work,
                  gpointer job,
                  WhimRatchetDone done,
                  gpointer user_data)
{
  RatchetItem *item = g_new0 (RatchetItem, 1);

  item->ratchet = self;
  item->wanted = wanted;
  item->work = work;
  item->job = job;
  item->done = done;
  item->user_data = user_data;
  g_queue_push_tail (&self->waiting, item);
  ratchet_next (self);
}

void
whim_ratchet_hold (WhimRatchet *self)
{
  self->held++;
}

void
whim_ratchet_release (WhimRatchet *self)
{
  g_return_if_fail (self->held > 0);
  self->held--;
  if (self->running == NULL && g_queue_is_empty (&self->waiting))
    ratchet_trim (self);
}

gboolean
whim_ratchet_is_idle (WhimRatchet *self)
{
  return self->running == NULL && g_queue_is_empty (&self->waiting);
}
