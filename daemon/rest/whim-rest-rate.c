/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"

/* A bucket per key: it holds a tenth of a minute's requests and fills evenly, so that a burst
 * passes and a loop does not. */

#define MINUTE_MS 60000
#define BURSTS_A_MINUTE 10

typedef struct
{
  gint64 credit_ms; /* what is left, in milliseconds of the even rate */
  gint64 filled_ms; /* monotonic */
} Bucket;

GHashTable *
whim_rest_rates_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

guint
whim_rest_rate_take (GHashTable *buckets, const char *key_id, gint64 limit, gint64 now_ms)
{
  Bucket *bucket;
  gint64 full = MINUTE_MS / BURSTS_A_MINUTE;
  gint64 price;

  if (limit <= 0)
    return 0;
  price = MAX (1, MINUTE_MS / limit);
  full = MAX (full, price);
  bucket = g_hash_table_lookup (buckets, key_id);
  if (bucket == NULL)
    {
      bucket = g_new0 (Bucket, 1);
      bucket->credit_ms = full;
      bucket->filled_ms = now_ms;
      g_hash_table_insert (buckets, g_strdup (key_id), bucket);
    }
  bucket->credit_ms = MIN (full, bucket->credit_ms + MAX (0, now_ms - bucket->filled_ms));
  bucket->filled_ms = now_ms;
  if (bucket->credit_ms >= price)
    {
      bucket->credit_ms -= price;
      return 0;
    }
  return (guint)((price - bucket->credit_ms + 999) / 1000);
}
