/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "signal/whim-signal-private.h"

typedef struct
{
  char *key;
  GBytes *record; /* NULL: known not to be there */
  gboolean dirty;
  guint64 used;
} Entry;

/* What an entry was before the running operation touched it. */
typedef struct
{
  WhimSignalKind kind;
  char *key;
  gboolean known;
  GBytes *record;
  gboolean dirty;
} Undo;

struct _WhimSignalCache
{
  WhimKeyPair *identity;
  guint32 registration_id;
  GHashTable *entries[WHIM_SIGNAL_N_KINDS]; /* key -> Entry */
  GQueue undo;                              /* of Undo, newest first */
  gboolean operating;
  gboolean identity_changed;
  gsize size;
  guint64 stamp;
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_clear_pointer (&entry->record, g_bytes_unref);
  g_free (entry->key);
  g_free (entry);
}

static void
undo_free (gpointer data)
{
  Undo *undo = data;

  g_clear_pointer (&undo->record, g_bytes_unref);
  g_free (undo->key);
  g_free (undo);
}

void
whim_signal_change_free (WhimSignalChange *self)
{
  g_clear_pointer (&self->record, g_bytes_unref);
  g_free (self->key);
  g_free (self);
}

char *
whim_signal_address (const char *name, guint device)
{
  return g_strdup_printf ("%s.%u", name, device);
}

WhimSignalCache *
whim_signal_cache_new (WhimKeyPair *identity, guint32 registration_id)
{
  WhimSignalCache *self = g_new0 (WhimSignalCache, 1);

  self->identity = whim_key_pair_ref (identity);
  self->registration_id = registration_id;
  for (guint i = 0; i < WHIM_SIGNAL_N_KINDS; i++)
    self->entries[i] = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  g_queue_init (&self->undo);
  return self;
}

void
whim_signal_cache_free (WhimSignalCache *self)
{
  for (guint i = 0; i < WHIM_SIGNAL_N_KINDS; i++)
    g_hash_table_unref (self->entries[i]);
  g_queue_clear_full (&self->undo, undo_free);
  whim_key_pair_unref (self->identity);
  g_free (self);
}

static Entry *
find (WhimSignalCache *self, WhimSignalKind kind, const char *key)
{
  return g_hash_table_lookup (self->entries[kind], key);
}

static gsize
entry_size (const Entry *entry)
{
  return sizeof (Entry) + 64 + (entry->record == NULL ? 0 : g_bytes_get_size (entry->record));
}

static Entry *
set (WhimSignalCache *self, WhimSignalKind kind, const char *key, GBytes *record)
{
  Entry *entry = find (self, kind, key);
  GBytes *fresh = record == NULL ? NULL : g_bytes_ref (record);

  if (entry == NULL)
    {
      entry = g_new0 (Entry, 1);
      entry->key = g_strdup (key);
      g_hash_table_insert (self->entries[kind], entry->key, entry);
    }
  else
    {
      self->size -= entry_size (entry);
      g_clear_pointer (&entry->record, g_bytes_unref);
    }
  entry->record = fresh;
  entry->used = ++self->stamp;
  self->size += entry_size (entry);
  return entry;
}

gboolean
whim_signal_cache_is_known (WhimSignalCache *self, WhimSignalKind kind, const char *key)
{
  return find (self, kind, key) != NULL;
}

void
whim_signal_cache_load (WhimSignalCache *self, WhimSignalKind kind, const char *key, GBytes *record)
{
  Entry *entry = find (self, kind, key);

  if (entry == NULL || (entry->record == NULL && !entry->dirty && record != NULL))
    set (self, kind, key, record);
}

static void
remember (WhimSignalCache *self, WhimSignalKind kind, const char *key)
{
  Entry *entry = find (self, kind, key);
  Undo *undo = g_new0 (Undo, 1);

  undo->kind = kind;
  undo->key = g_strdup (key);
  undo->known = entry != NULL;
  if (entry != NULL)
    {
      undo->record = entry->record == NULL ? NULL : g_bytes_ref (entry->record);
      undo->dirty = entry->dirty;
    }
  g_queue_push_head (&self->undo, undo);
}

void
whim_signal_cache_put (WhimSignalCache *self, WhimSignalKind kind, const char *key, GBytes *record)
{
  Entry *entry = find (self, kind, key);

  if (kind == WHIM_SIGNAL_KIND_IDENTITY && entry != NULL)
    {
      if (entry->record != NULL && record != NULL && g_bytes_equal (entry->record, record))
        return;
      if (entry->record != NULL && record != NULL)
        self->identity_changed = TRUE;
    }
  if (self->operating)
    remember (self, kind, key);
  set (self, kind, key, record)->dirty = TRUE;
}

GBytes *
whim_signal_cache_get (WhimSignalCache *self, WhimSignalKind kind, const char *key)
{
  Entry *entry = find (self, kind, key);

  g_return_val_if_fail (entry != NULL, NULL);
  entry->used = ++self->stamp;
  return entry->record;
}

GPtrArray *
whim_signal_cache_take_dirty (WhimSignalCache *self)
{
  GPtrArray *changes = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_change_free);

  for (guint kind = 0; kind < WHIM_SIGNAL_N_KINDS; kind++)
    {
      GHashTableIter iter;
      gpointer value;

      g_hash_table_iter_init (&iter, self->entries[kind]);
      while (g_hash_table_iter_next (&iter, NULL, &value))
        {
          Entry *entry = value;
          WhimSignalChange *change;

          if (!entry->dirty)
            continue;
          entry->dirty = FALSE;
          change = g_new0 (WhimSignalChange, 1);
          change->kind = (WhimSignalKind)kind;
          change->key = g_strdup (entry->key);
          change->record = entry->record == NULL ? NULL : g_bytes_ref (entry->record);
          g_ptr_array_add (changes, change);
        }
    }
  return changes;
}

void
whim_signal_cache_drop (WhimSignalCache *self)
{
  for (guint i = 0; i < WHIM_SIGNAL_N_KINDS; i++)
    g_hash_table_remove_all (self->entries[i]);
  self->size = 0;
}

static gint
compare_used (gconstpointer a, gconstpointer b)
{
  const Entry *const *left = a;
  const Entry *const *right = b;

  return (*left)->used < (*right)->used ? -1 : 1;
}

void
whim_signal_cache_trim (WhimSignalCache *self, gsize bytes)
{
  for (guint kind = 0; kind < WHIM_SIGNAL_N_KINDS && self->size > bytes; kind++)
    {
      g_autoptr (GPtrArray) clean = g_ptr_array_new ();
      GHashTableIter iter;
      gpointer value;

      g_hash_table_iter_init (&iter, self->entries[kind]);
      while (g_hash_table_iter_next (&iter, NULL, &value))
        if (!((Entry *)value)->dirty)
          g_ptr_array_add (clean, value);
      g_ptr_array_sort (clean, compare_used);
      for (guint i = 0; i < clean->len && self->size > bytes; i++)
        {
          Entry *entry = g_ptr_array_index (clean, i);

          self->size -= entry_size (entry);
          g_hash_table_remove (self->entries[kind], entry->key);
        }
    }
}

gsize
whim_signal_cache_get_size (WhimSignalCache *self)
{
  return self->size;
}

void
whim_signal_cache_begin (WhimSignalCache *self)
{
  g_assert (!self->operating);
  self->operating = TRUE;
  self->identity_changed = FALSE;
}

void
whim_signal_cache_end (WhimSignalCache *self, gboolean keep)
{
  Undo *undo;

  self->operating = FALSE;
  while ((undo = g_queue_pop_head (&self->undo)) != NULL)
    {
      if (!keep && undo->known)
        set (self, undo->kind, undo->key, undo->record)->dirty = undo->dirty;
      else if (!keep)
        {
          self->size -= entry_size (find (self, undo->kind, undo->key));
          g_hash_table_remove (self->entries[undo->kind], undo->key);
        }
      undo_free (undo);
    }
  if (!keep)
    self->identity_changed = FALSE;
}

WhimKeyPair *
whim_signal_cache_get_identity (WhimSignalCache *self)
{
  return self->identity;
}

guint32
whim_signal_cache_get_registration_id (WhimSignalCache *self)
{
  return self->registration_id;
}

gboolean
whim_signal_cache_take_identity_changed (WhimSignalCache *self)
{
  gboolean changed = self->identity_changed;

  self->identity_changed = FALSE;
  return changed;
}

void
whim_signal_cache_delete_user (WhimSignalCache *self, const char *name)
{
  static const WhimSignalKind kinds[] = { WHIM_SIGNAL_KIND_SESSION, WHIM_SIGNAL_KIND_IDENTITY };
  g_autofree char *prefix = g_strconcat (name, ".", NULL);

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
      GHashTableIter iter;
      gpointer value;

      g_hash_table_iter_init (&iter, self->entries[kinds[k]]);
      while (g_hash_table_iter_next (&iter, NULL, &value))
        {
          const Entry *entry = value;

          if (entry->record != NULL && g_str_has_prefix (entry->key, prefix))
            g_ptr_array_add (keys, g_strdup (entry->key));
        }
      for (guint i = 0; i < keys->len; i++)
        whim_signal_cache_put (self, kinds[k], g_ptr_array_index (keys, i), NULL);
    }
}
