/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * whim_random_bytes:
 * @bytes: (out caller-allocates): where they go
 * @len: how many
 *
 * Fills @bytes from the kernel's generator. Never fails; any thread.
 */
void whim_random_bytes (gpointer bytes, gsize len);

/** whim_random_below: a number in 0 … @bound-1 without bias; any thread */
guint32 whim_random_below (guint32 bound);

/** How many characters of an id follow its prefix. */
#define WHIM_RANDOM_ID_LETTERS 12u

/**
 * whim_random_letters:
 * @text: (out caller-allocates): has room for @n characters and a NUL
 * @n: how many
 *
 * Characters of [a-z0-9] that nobody can guess; for ids, not for keys. Any thread.
 */
void whim_random_letters (char *text, gsize n);

/**
 * whim_random_id:
 * @prefix: such as "ch_"
 *
 * Returns: (transfer full): @prefix and 12 characters of [a-z0-9]
 */
char *whim_random_id (const char *prefix);

/**
 * whim_random_set_source:
 * @source: (nullable): replaces the kernel's generator, for known-answer tests only
 */
void whim_random_set_source (void (*source) (gpointer bytes, gsize len));

G_END_DECLS
