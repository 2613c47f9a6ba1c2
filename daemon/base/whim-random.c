/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Small numbers come out of a handful drawn at once: a call of the kernel each would be seen. */
#define POOL_SIZE 256u

static void (*test_source) (gpointer bytes, gsize len);
static _Thread_local guint8 pool[POOL_SIZE];
static _Thread_local gsize pool_left;

void
whim_random_bytes (gpointer bytes, gsize len)
{
  guint8 *at = bytes;

  if (test_source != NULL)
    {
      test_source (bytes, len);
      return;
    }
  while (len > 0)
    {
      ssize_t got = getrandom (at, len, 0);

      if (got < 0)
        {
          g_assert (errno == EINTR);
          continue;
        }
      at += got;
      len -= (gsize)got;
    }
}

/* What is taken leaves no copy behind. */
static guint32
take_number (void)
{
  guint32 value;
  guint8 *at;

  if (test_source != NULL)
    {
      whim_random_bytes (&value, sizeof value);
      return value;
    }
  if (pool_left < sizeof value)
    {
      whim_random_bytes (pool, sizeof pool);
      pool_left = sizeof pool;
    }
  pool_left -= sizeof value;
  at = pool + pool_left;
  memcpy (&value, at, sizeof value);
  memset (at, 0, sizeof value);
  return value;
}

guint32
whim_random_below (guint32 bound)
{
  guint32 limit;
  guint32 value;

  g_return_val_if_fail (bound > 0, 0);
  limit = G_MAXUINT32 - G_MAXUINT32 % bound;
  do
    value = take_number ();
  while (value >= limit);
  return value % bound;
}

void
whim_random_letters (char *text, gsize n)
{
  static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";

  for (gsize i = 0; i < n; i++)
    text[i] = alphabet[whim_random_below (sizeof alphabet - 1)];
  text[n] = '\0';
}

char *
whim_random_id (const char *prefix)
{
  char id[WHIM_RANDOM_ID_LETTERS + 1];

  whim_random_letters (id, WHIM_RANDOM_ID_LETTERS);
  return g_strconcat (prefix, id, NULL);
}

void
whim_random_set_source (void (*source) (gpointer bytes, gsize len))
{
  test_source = source;
}
