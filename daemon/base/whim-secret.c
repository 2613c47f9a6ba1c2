/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-secret.h"

#include "base/whim-random.h"

#include <string.h>
#include <sys/mman.h>

/* Keys are small and many (a thousand channels hold some thousands): slots of one size in locked
 * blocks, so that a key costs a slot and not a page. */
#define SLOT_SIZE 96u
#define BLOCK_SIZE (64u * 1024u)

struct _WhimSecret
{
  gint ref_count;
  guint32 len;
  guint8 *bytes; /* inline behind the header for slots, a mapping of its own otherwise */
};

typedef struct _FreeSlot FreeSlot;
struct _FreeSlot
{
  FreeSlot *next;
};

static GMutex arena_lock;
static FreeSlot *arena_free;

static gpointer
map_locked (gsize size)
{
  gpointer block = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (block == MAP_FAILED)
    return NULL;
  /* Both may fail under a small RLIMIT_MEMLOCK; the key is then merely not protected from swap. */
  (void)mlock (block, size);
  (void)madvise (block, size, MADV_DONTDUMP);
  return block;
}

static WhimSecret *
slot_alloc (void)
{
  FreeSlot *slot;

  g_mutex_lock (&arena_lock);
  if (arena_free == NULL)
    {
      guint8 *block = map_locked (BLOCK_SIZE);

      g_assert (block != NULL);
      for (gsize at = 0; at + SLOT_SIZE <= BLOCK_SIZE; at += SLOT_SIZE)
        {
          FreeSlot *fresh = (FreeSlot *)(gpointer)(block + at);

          fresh->next = arena_free;
          arena_free = fresh;
        }
    }
  slot = arena_free;
  arena_free = slot->next;
  g_mutex_unlock (&arena_lock);

  memset (slot, 0, SLOT_SIZE);
  return (WhimSecret *)slot;
}

static void
slot_free (WhimSecret *self)
{
  FreeSlot *slot = (FreeSlot *)self;

  whim_zero (self, SLOT_SIZE);
  g_mutex_lock (&arena_lock);
  slot->next = arena_free;
  arena_free = slot;
  g_mutex_unlock (&arena_lock);
}

WhimSecret *
whim_secret_new (gsize len)
{
  WhimSecret *self = slot_alloc ();

  g_assert (len <= G_MAXUINT32);
  self->ref_count = 1;
  self->len = (guint32)len;
  if (len <= SLOT_SIZE - sizeof (WhimSecret))
    {
      self->bytes = (guint8 *)(self + 1);
    }
  else
    {
      self->bytes = map_locked (len);
      g_assert (self->bytes != NULL);
    }
  return self;
}

WhimSecret *
whim_secret_new_from (gconstpointer bytes, gsize len)
{
  WhimSecret *self = whim_secret_new (len);

  if (len > 0)
    memcpy (self->bytes, bytes, len);
  return self;
}

WhimSecret *
whim_secret_new_take (gpointer bytes, gsize len)
{
  WhimSecret *self = whim_secret_new_from (bytes, len);

  whim_zero (bytes, len);
  return self;
}

WhimSecret *
whim_secret_new_random (gsize len)
{
  WhimSecret *self = whim_secret_new (len);

  whim_random_bytes (self->bytes, len);
  return self;
}

WhimSecret *
whim_secret_ref (WhimSecret *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
whim_secret_unref (WhimSecret *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  if (self->bytes != (guint8 *)(self + 1))
    {
      whim_zero (self->bytes, self->len);
      munmap (self->bytes, self->len);
    }
  slot_free (self);
}

const guint8 *
whim_secret_get (const WhimSecret *self)
{
  return self->bytes;
}

guint8 *
whim_secret_get_writable (WhimSecret *self)
{
  return self->bytes;
}

gsize
whim_secret_get_size (const WhimSecret *self)
{
  return self->len;
}

gboolean
whim_secret_equal (const WhimSecret *a, const WhimSecret *b)
{
  return a->len == b->len && whim_bytes_equal_constant_time (a->bytes, b->bytes, a->len);
}

gboolean
whim_bytes_equal_constant_time (gconstpointer a, gconstpointer b, gsize len)
{
  const volatile guint8 *left = a;
  const volatile guint8 *right = b;
  guint8 difference = 0;

  for (gsize i = 0; i < len; i++)
    difference |= left[i] ^ right[i];
  return difference == 0;
}

void
whim_zero (gpointer bytes, gsize len)
{
  if (len > 0)
    explicit_bzero (bytes, len);
}
