/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdint.h>

/** curve25519_donna: replaces the function of the same name below libsignal-protocol-c, which calls
 *  it through its PLT: a definition in the executable wins. 0, or negative on a low-order point. */
__attribute__ ((visibility ("default"))) int
curve25519_donna (uint8_t *out, const uint8_t *secret, const uint8_t *base);

/** whim_curve_donna_get_calls: how often it was called, for the self-test */
unsigned whim_curve_donna_get_calls (void);
