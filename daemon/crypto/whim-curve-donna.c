/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "crypto/whim-curve-donna.h"

#include <sodium.h>
#include <string.h>

static unsigned calls;

unsigned
whim_curve_donna_get_calls (void)
{
  return __atomic_load_n (&calls, __ATOMIC_RELAXED);
}

int
curve25519_donna (uint8_t *out, const uint8_t *secret, const uint8_t *base)
{
  static const uint8_t nine[32] = { 9 };

  __atomic_add_fetch (&calls, 1, __ATOMIC_RELAXED);
  if (memcmp (base, nine, sizeof nine) == 0)
    return crypto_scalarmult_base (out, secret) == 0 ? 0 : -1;
  return crypto_scalarmult (out, secret, base) == 0 ? 0 : -1;
}
