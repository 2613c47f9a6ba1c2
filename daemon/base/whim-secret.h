/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimSecret:
 *
 * Bytes of a key: kept out of swap where the system lets us, out of core dumps, zeroed when freed.
 * Counted atomically; usable from every thread. There is no copy constructor on purpose.
 */
typedef struct _WhimSecret WhimSecret;

/** whim_secret_new: (transfer full) a secret of @len zero bytes, to be filled by the caller */
WhimSecret *whim_secret_new (gsize len);

/** whim_secret_new_take: (transfer full) copies @len bytes and zeroes the source */
WhimSecret *whim_secret_new_take (gpointer bytes, gsize len);

/** whim_secret_new_from: (transfer full) copies @len bytes; the source stays the caller's to clear
 */
WhimSecret *whim_secret_new_from (gconstpointer bytes, gsize len);

/** whim_secret_new_random: (transfer full) @len random bytes */
WhimSecret *whim_secret_new_random (gsize len);

WhimSecret *whim_secret_ref (WhimSecret *self);
void whim_secret_unref (WhimSecret *self);

/** whim_secret_get: (transfer none) the bytes, valid while a reference is held */
const guint8 *whim_secret_get (const WhimSecret *self);

/** whim_secret_get_writable: (transfer none) for the maker of a fresh secret only */
guint8 *whim_secret_get_writable (WhimSecret *self);

gsize whim_secret_get_size (const WhimSecret *self);

/** whim_secret_equal: compares in constant time */
gboolean whim_secret_equal (const WhimSecret *a, const WhimSecret *b);

/** whim_bytes_equal_constant_time: compares @len bytes in constant time */
gboolean whim_bytes_equal_constant_time (gconstpointer a, gconstpointer b, gsize len);

/** whim_zero: clears memory in a way that the compiler keeps */
void whim_zero (gpointer bytes, gsize len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimSecret, whim_secret_unref)

G_END_DECLS
