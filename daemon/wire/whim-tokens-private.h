/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* The node dictionaries, version 3 (tokens.txt). A code is 1…235 for a single-byte token and
 * 256·(d+1)+i for entry i of dictionary d. */

#define WHIM_TOKEN_SLOTS 4096u

typedef struct
{
  const char *text;
  guint8 len;
} WhimToken;

extern const WhimToken whim_tokens_single[256];
extern const WhimToken whim_tokens_double[4][256];
extern const guint16 whim_token_slots[WHIM_TOKEN_SLOTS];
extern const gsize whim_token_longest;

/** whim_token_find: the code of @text, 0 if it is no token */
guint whim_token_find (const char *text, gsize len);
